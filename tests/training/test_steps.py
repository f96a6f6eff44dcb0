"""Steps of a training: what each process computes, what counts, what is missing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import intertwine as tw
from intertwine.models import Target
from intertwine.training.batches import FrameBatch, FrameDataset, Share, Shares
from intertwine.training.configuration import configuration_of
from intertwine.training.fitting import PotentialFit, Schedule
from intertwine.training.frames import LabelledFrame, read_frames
from intertwine.training.losses import PotentialLoss
from intertwine.training.preparation import target_size
from tests.training.emt import alloys, write_frames, written
from tests.training.small import small_potential


@given(
    edges=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    size=st.none() | st.integers(1, 7),
    most=st.integers(1, 120),
    processes=st.integers(1, 4),
    epoch=st.integers(0, 3),
)
def test_processes_share_each_step(edges: list[int], size: int | None, most: int, processes: int, epoch: int) -> None:
    """Each frame once per epoch, as many shares for each process, and no step beyond its bounds."""
    given = []
    for rank in range(processes):
        shares = Shares(edges, size, most, seed=0)
        shares.divide(rank, processes)
        shares.set_epoch(epoch)
        given.append(list(shares))
    for step in zip(*given, strict=True):
        whole = [n for share in step if not share.is_empty for n in share.frames]
        assert sorted(whole) == sorted(step[0].step)
        assert len(whole) == 1 or sum(edges[n] for n in whole) <= most
        assert size is None or len(whole) <= size
    assert sorted(n for share in given[0] for n in share.step) == list(range(len(edges)))


def test_the_mean_over_processes_is_the_mean_over_the_step() -> None:
    frames = [
        LabelledFrame(atoms, atoms.info["REF_energy"], None if n == 2 else atoms.arrays["REF_forces"])
        for n, atoms in enumerate(alloys(5))
    ]
    model = small_potential().double()
    dataset, loss = FrameDataset(frames, model, [1.0, 2.0, 1.0, 0.5, 1.0]), PotentialLoss(huber=0.5)

    def parts(processes: int) -> torch.Tensor:
        found = []
        for rank in range(processes):
            shares = Shares(dataset.edges, size=5, seed=1)
            shares.divide(rank, processes)
            batch: FrameBatch = dataset[next(iter(shares))]
            values = loss(model(batch.graph), batch)
            found.append(torch.stack([values["energy"], values["forces"]]))
        return torch.stack(found).sum(0)

    whole = parts(1)
    assert all(torch.allclose(parts(n), whole, rtol=1e-10) for n in (2, 3, 7))


def test_a_step_without_labels_of_a_kind_changes_nothing_by_them(tmp_path: Path) -> None:
    frames = read_frames(written(tmp_path, 2))
    model = small_potential()
    bare = [replace(frame, forces=None, stress=None) for frame in frames]
    batch = FrameDataset(bare, model)[Share((0, 1), (0, 1))]
    parts = PotentialLoss()(model(batch.graph, stress=True), batch)
    assert parts["energy"].item() > 0
    assert parts["forces"].item() == parts["stress"].item() == 0


def test_pairs_alone_bound_a_step_where_they_are_given() -> None:
    assert configuration_of({"data": {"train": "a"}}).fit.step_size == 5
    assert configuration_of({"data": {"train": "a"}, "fit": {"batch_edges": 100}}).fit.step_size is None
    assert configuration_of({"data": {"train": "a"}, "fit": {"batch_edges": 100, "batch_size": 7}}).fit.step_size == 7


def test_crystals_with_stresses_and_molecules_make_up_one_step(tmp_path: Path) -> None:
    frames = alloys(6)
    for atoms in frames[:3]:
        atoms.set_cell(None)
        atoms.pbc = False
        del atoms.info["REF_stress"]
    write_frames(tmp_path / "mixed.xyz", frames)
    small = small_potential().double()
    data = FrameDataset(read_frames(tmp_path / "mixed.xyz"), small)
    module = PotentialFit(small.train(), PotentialLoss(), Schedule(0.01))

    def slopes(frames: tuple[int, ...], step: tuple[int, ...]) -> torch.Tensor:
        batch = data[Share(frames, step)]
        parts = module.loss(module.predict(batch), batch)
        loss = torch.stack([*parts.values()]).sum()
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(small.parameters()))])

    whole = tuple(range(6))
    together = slopes(whole, whole)
    assert bool(together.isfinite().all())
    torch.testing.assert_close(together, slopes(whole[:3], whole) + slopes(whole[3:], whole), rtol=1e-8, atol=1e-10)
    stress = small(data[Share(whole, whole)].graph, stress=True)["stress"]
    assert bool(stress[:3].isnan().all())
    assert bool(stress[3:].isfinite().all())
    with pytest.raises(tw.errors.ArgumentError, match="all of these structures have a cell without volume"):
        small(data[Share((0, 1), whole)].graph, stress=True)


def test_validation_without_a_label_is_no_validation_of_zero(tmp_path: Path) -> None:
    """A number that is not finite must not count as none: it would be the best."""
    frames = read_frames(written(tmp_path, 2))
    model = small_potential()
    module = PotentialFit(model, PotentialLoss(), Schedule(0.01))
    told: dict[str, float] = {}
    module.log = lambda name, value, **_: told.update({name: value})  # type: ignore[method-assign, assignment]
    module.test_step(FrameDataset([replace(frames[0], forces=None)], model)[Share((0,), (0,))])
    module.on_test_epoch_end()
    assert "test/energy_mae" in told
    assert "test/forces_mae" not in told
    assert math.isfinite(told["test/loss"])
    next(model.parameters()).data.fill_(math.nan)
    module.test_step(FrameDataset(frames, model)[Share((0, 1), (0, 1))])
    module.on_test_epoch_end()
    assert math.isnan(told["test/loss"])


def test_the_size_of_a_target_is_that_of_what_varies() -> None:
    """A polarisability that is the same but for little: invariants count from their mean, all else from zero."""
    frames = [LabelledFrame(atoms, targets={"alpha": (100 + n) * np.eye(3)}) for n, atoms in enumerate(alloys(3))]
    symmetric = Target.tensor("ij=ji", tw.O3)
    assert target_size(frames, "alpha", symmetric) == pytest.approx((2 / 3) ** 0.5 * (3 / 9) ** 0.5)
    dipole = [replace(frame, targets={"mu": np.array([0.0, 0.0, 3.0])}) for frame in frames]
    assert target_size(dipole, "mu", Target(tw.O3.rep("1x1o"))) == pytest.approx(3**0.5)
    assert target_size(frames, "mu", Target(tw.O3.rep("1x1o"))) == 1
