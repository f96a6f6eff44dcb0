"""From a file to a model on disk: it learns, resumes as if it had not stopped, and divides over processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import NequIP, Potential, Target, load_potential
from intertwine.training.batches import FrameBatch, FrameDataset, Shares
from intertwine.training.configuration import Configuration, configuration_of
from intertwine.training.frames import LabelledFrame, read_frames
from intertwine.training.losses import PotentialLoss
from intertwine.training.preparation import target_size
from intertwine.training.whole import Trained, train
from tests.training.emt import alloys, written

SMALL: dict[str, Any] = {"cutoff": 4.0, "options": {"hidden": "8x0e + 8x1o", "layers": 2, "radial": [8]}}


def configuration(folder: Path, name: str = "run", **fit: Any) -> Configuration:
    data = {"train": [str(written(folder))], "validation": 0.25, "test": 0.125}
    fit = {"epochs": 3, "stress": 1.0, **fit}
    return configuration_of({"data": data, "model": SMALL, "fit": fit, "folder": str(folder / name)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, list[str]]:
    said: list[str] = []
    folder = tmp_path_factory.mktemp("trained")
    return train(configuration(folder, epochs=25, learning_rate=0.02), say=said.append), said


def test_a_training_learns_and_leaves_all_of_it_in_a_folder(trained: tuple[Trained, list[str]]) -> None:
    found, said = trained
    first, last = found.history[0], found.history[-1]
    assert last["validation/forces_mae"] < 0.3 * first["validation/forces_mae"]
    assert last["validation/energy_mae"] < 0.5 * first["validation/energy_mae"]
    text = "\n".join(said)
    assert "24 of 24 frames, under 'REF_forces'" in text
    assert "15 frames to learn from, 6 to validate on, 3 to test on" in text
    assert "epoch 25 of 25" in text
    folder = found.path.parent
    page = (folder / "report.html").read_text("utf-8")
    assert "http-equiv" not in page  # the training is over, so the page stays as it is
    assert "Learning curves" in page
    assert len(json.loads((folder / "history.json").read_text())) == 25
    atoms = read_frames(folder.parent / "alloys_0.xyz")[0].atoms
    atoms.calc = Calculator(found.path)
    with torch.no_grad():
        again = found.model(FrameDataset([LabelledFrame(atoms)], found.model).graphs[0])
    assert atoms.get_potential_energy() == pytest.approx(float(again["energy"]), abs=1e-5)
    assert atoms.calc.results["energy_uncertainty"] > 0


def test_a_folder_is_not_written_over(trained: tuple[Trained, list[str]]) -> None:
    folder = trained[0].path.parent
    with pytest.raises(tw.errors.ArgumentError, match="holds a training already"):
        train(configuration(folder.parent))
    other = replace(configuration(folder.parent, epochs=25), folder=str(folder))
    with pytest.raises(tw.errors.ArgumentError, match=r"started with other values of fit.learning_rate"):
        train(other, resume=True)
    with pytest.raises(tw.errors.ArgumentError, match="no training to go on with"):
        train(configuration(folder.parent, "another"), resume=True)


def test_a_trained_model_goes_on_with_other_frames(trained: tuple[Trained, list[str]], tmp_path: Path) -> None:
    """References move to labels that lie elsewhere, frozen weights stay, and old frames are mixed in."""
    frames = alloys(10, seed=1)
    for atoms in frames:
        atoms.info["REF_energy"] += 100.0 * len(atoms)
    new, old = tmp_path / "new.xyz", written(tmp_path)
    write_frames(new, frames)
    told = configuration_of(
        {
            "data": {"train": str(new), "validation": 0.2, "replay": str(old), "replay_weight": 0.1},
            "model": {"start": str(trained[0].path), "frozen": ["network.embedding"]},
            "fit": {"epochs": 1, "learning_rate": 1e-3, "ema": 0.0},
            "folder": str(tmp_path / "more"),
        }
    )
    before = load_potential(trained[0].path)
    found = train(told)
    assert torch.equal(found.model.network.embedding.weight, before.network.embedding.weight)
    assert not torch.equal(found.model.network.read[-1].weight, before.network.read[-1].weight)
    assert 50 < float((found.model.references - before.references).mean()) < 110
    silver = configuration_of({**json_of(told), "folder": str(tmp_path / "other")})
    frames[0].numbers[0] = 47
    write_frames(new, frames)
    with pytest.raises(tw.errors.ArgumentError, match=r"atomic numbers \[29, 79\], but frames hold \[47\]"):
        train(silver)


def test_labels_may_be_missing_and_tensors_are_targets(tmp_path: Path) -> None:
    frames = alloys(12)
    for n, atoms in enumerate(frames):
        if n % 3 == 0:
            del atoms.arrays["REF_forces"]
        atoms.info["alpha"] = atoms.get_volume() * torch.eye(3).numpy()
    path = tmp_path / "frames.xyz"
    write_frames(path, frames)
    large = {**SMALL, "options": {**SMALL["options"], "hidden": "8x0e + 8x1o + 8x2e"}}
    told = {
        "data": {"train": str(path), "validation": 0.25},
        "model": {**large, "targets": {"alpha": {"tensor": "ij=ji"}}},
        "fit": {"epochs": 2, "energy": 0.0},
        "folder": str(tmp_path / "run"),
    }
    found = train(configuration_of(told))
    assert found.errors["alpha_mae"] > 0
    assert "energy_mae" not in found.errors  # which is not learned
    assert found.model.targets["alpha"].rep == tw.O3.rep("1x0e + 1x2e")
    wrong = {**told, "folder": str(tmp_path / "b"), "model": {**SMALL, "targets": {"alpha": {"rep": "1x0e"}}}}
    with pytest.raises(tw.errors.ArgumentError, match="alpha"):
        train(configuration_of(wrong))
    wrong["model"] = {**SMALL, "targets": {"alpha": {"tensor": "ij=ji"}}}
    with pytest.raises(tw.errors.ArgumentError, match=r"no path leads from its inputs .* to 1x2e"):
        train(configuration_of(wrong))
    wrong["model"] = {**large, "targets": {"alpha": {"rep": "1x0e + 1x1o + 1x2e", "tensor": "ij"}}}
    with pytest.raises(tw.errors.ArgumentError, match=r"are 1x0e \+ 1x1e \+ 1x2e"):
        train(configuration_of(wrong))


def test_tensors_of_atoms_stand_in_rows_of_files(tmp_path: Path) -> None:
    """Columns of extended xyz hold numbers: nine of a tensor of each atom, which has no symmetry."""
    frames = alloys(8)
    for atoms in frames:
        spins = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
        atoms.arrays["shielding"] = np.tile(spins.ravel(), (len(atoms), 1))
    path = tmp_path / "frames.xyz"
    write_frames(path, frames)
    large = {**SMALL, "options": {**SMALL["options"], "hidden": "8x0e + 8x1o + 8x1e + 8x2e"}}
    told = {
        "data": {"train": str(path), "validation": 0.25},
        "model": {**large, "targets": {"shielding": {"tensor": "ij", "total": False}}},
        "fit": {"epochs": 1, "energy": 0.0, "forces": 0.0},
        "folder": str(tmp_path / "run"),
    }
    assert train(configuration_of(told)).errors["shielding_mae"] > 0
    told["model"] = {**large, "targets": {"shielding": {"tensor": "ij"}}}
    with pytest.raises(
        tw.errors.ArgumentError, match=r"frames\.xyz:0 does not fit. A target of each structure has .*total"
    ):
        train(configuration_of({**told, "folder": str(tmp_path / "other")}))


def test_the_size_of_a_target_is_that_of_what_varies() -> None:
    """A polarisability that is the same but for little: invariants count from their mean, all else from zero."""
    frames = [LabelledFrame(atoms, targets={"alpha": (100 + n) * np.eye(3)}) for n, atoms in enumerate(alloys(3))]
    symmetric = Target.tensor("ij=ji", tw.O3)
    assert target_size(frames, "alpha", symmetric) == pytest.approx((2 / 3) ** 0.5 * (3 / 9) ** 0.5)
    dipole = [replace(frame, targets={"mu": np.array([0.0, 0.0, 3.0])}) for frame in frames]
    assert target_size(dipole, "mu", Target(tw.O3.rep("1x1o"))) == pytest.approx(3**0.5)
    assert target_size(frames, "mu", Target(tw.O3.rep("1x1o"))) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": {}}, "lacks the entry 'train'"),
        ({"data": {"train": "a.xyz", "validaton": 0.1}}, "Did you mean 'validation'"),
        ({"fit": {"epochs": "many"}}, "fit.epochs is of the kind int, but got 'many'"),
        ({"fit": {"batch_size": True}}, "int | None, but got True"),
        ({"model": {"network": "Nequip"}}, "no network 'Nequip'"),
        ({"model": {"options": {"hiden": "8x0e"}}}, "no option 'hiden'"),
        ({"data": {"train": "missing.xyz"}}, "missing.xyz"),
        ({"data": {"train": "a.xyz", "keys": {"enregy": "E"}}}, "'enregy'"),
        ({"fit": {"dtype": "float16"}}, "float32 or float64"),
        ({"fit": {"forces": -1.0}}, "not negative"),
        ({"epochs": 3}, "no entry 'epochs'"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = written(tmp_path, 8)
    told: dict[str, Any] = {"data": {"train": str(path)}, "model": SMALL, "folder": str(tmp_path / "run"), **change}
    if isinstance(told["data"].get("train"), str) and told["data"]["train"] == "a.xyz":
        told["data"] = {**told["data"], "train": str(path)}
    with pytest.raises(tw.errors.ArgumentError) as caught:
        train(configuration_of(told))
    assert words in str(caught.value)


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
    model = Potential(NequIP(2, 4.0, tw.O3.rep("4x0e + 4x1o"), layers=1), [29, 79]).double()
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


SCRIPT = """
import json, sys
from intertwine.training.configuration import configuration_of
from intertwine.training.whole import train
if __name__ == "__main__":
    train(configuration_of(json.loads(open(sys.argv[1]).read())), resume="--resume" in sys.argv)
"""


def run(folder: Path, told: Configuration, *options: str) -> subprocess.Popen[bytes]:
    script, given = folder / "script.py", folder / f"{Path(told.folder).name}.json"
    script.write_text(SCRIPT)
    given.write_text(json.dumps(json_of(told)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(script), str(given), *options], env=environment)


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, cut = (configuration(tmp_path, name, epochs=12) for name in ("whole", "cut"))
    assert run(tmp_path, whole).wait() == 0
    process, history = run(tmp_path, cut), tmp_path / "cut" / "history.json"
    deadline = time.monotonic() + 120
    while not history.is_file() or len(json.loads(history.read_text())) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    assert run(tmp_path, cut, "--resume").wait() == 0
    models = [load_potential(tmp_path / name / "model.safetensors").state_dict() for name in ("whole", "cut")]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    told = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("whole", "cut")]
    assert [{**e, "seconds": 0} for e in told[0]] == [{**e, "seconds": 0} for e in told[1]]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    one = configuration(tmp_path, "one", dtype="float64", accelerator="cpu")
    two = configuration(tmp_path, "two", dtype="float64", accelerator="cpu", devices=2)
    assert [run(tmp_path, told).wait() for told in (one, two)] == [0, 0]
    models = [load_potential(tmp_path / name / "model.safetensors").state_dict() for name in ("one", "two")]
    assert max(float((models[0][name] - models[1][name]).abs().max()) for name in models[0]) < 1e-9


def write_frames(path: Path, frames: Any) -> None:
    from ase.io import write

    write(path, frames, format="extxyz")


def json_of(told: Configuration) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(told)
