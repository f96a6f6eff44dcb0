"""Which frames are learned from, and models that are gone on from: what is said before the first step."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.io import write

import intertwine as tw
from intertwine.models import NequIP, Potential, Repulsion, load_potential, save_potential
from intertwine.training.configuration import configuration_of
from intertwine.training.frames import LabelledFrame, fingerprint, read_frames
from intertwine.training.outcome import predict_frames
from intertwine.training.preparation import with_fitted_offsets
from intertwine.training.whole import Trained, train
from tests.training.emt import alloys
from tests.training.small import TOML

SMALL: dict[str, Any] = {"cutoff": 4.0, "options": {"hidden": "4x0e + 4x1o", "layers": 1, "radial": [8]}}


def trained(folder: Path, data: dict[str, Any], model: dict[str, Any] | None = None, **fit: Any) -> tuple[Trained, str]:
    """A short training in a folder of its own, and what it said."""
    said: list[str] = []
    told = {"data": data, "model": SMALL if model is None else model, "fit": {"epochs": 1, **fit}}
    number = len(list(folder.glob("run*")))
    return train(configuration_of({**told, "folder": str(folder / f"run{number}")}), say=said.append), "\n".join(said)


def kept(path: Path, frames: list[Atoms]) -> str:
    write(path, frames, format="extxyz")
    return str(path)


def test_frames_that_were_seen_before_are_counted(tmp_path: Path) -> None:
    """The same file twice, and one frame that is in both."""
    frames = alloys(10)
    whole, some = kept(tmp_path / "a.xyz", frames), kept(tmp_path / "b.xyz", [frames[3], *alloys(2, seed=5)])
    _, said = trained(tmp_path, {"train": whole, "validation": whole, "test": some})
    assert "! seen before, to learn from, and no test of the model: of 10 frames to validate on 10 frames" in said
    assert "of 3 frames to test on 1 frame (b.xyz:0)" in said
    apart = kept(tmp_path / "c.xyz", alloys(3, seed=6))
    assert "seen before" not in trained(tmp_path, {"train": whole, "validation": 0.2, "test": apart})[1]


def test_an_element_that_is_only_tested_is_an_error(tmp_path: Path) -> None:
    frames, odd = alloys(6), alloys(2, seed=3)
    odd[1].numbers[0] = 47
    data = {"train": kept(tmp_path / "a.xyz", frames), "validation": 0.2, "test": kept(tmp_path / "b.xyz", odd)}
    with pytest.raises(tw.errors.ArgumentError, match=r"No frame to learn from holds Ag, but 1 frame \(b\.xyz:1\)"):
        trained(tmp_path, data)


def test_references_without_frames_are_named(tmp_path: Path) -> None:
    path = kept(tmp_path / "a.xyz", alloys(6))
    found, said = trained(tmp_path, {"train": path, "validation": 0.2, "references": {"U": -4.0, "Cu": -1.0}})
    assert "[data] references names U, which no frame to learn from holds: not used" in said
    assert found.model.elements == (29, 79)


def test_old_frames_need_no_new_targets(tmp_path: Path) -> None:
    """Frames to replay, and to test on, may lack what is learned now; those to learn from may not."""
    frames, plain = alloys(8), alloys(4, seed=2)
    for atoms in frames:
        atoms.info["dipole"] = np.ones(3)
    model = {**SMALL, "targets": {"dipole": {"rep": "1x1o"}}}
    new, old = kept(tmp_path / "new.xyz", frames), kept(tmp_path / "old.xyz", plain)
    found, said = trained(tmp_path, {"train": new, "validation": 0.25, "replay": old, "test": old}, model)
    assert "old.xyz: no frame has dipole under 'dipole'" in said
    assert "dipole_mae" not in found.errors
    with pytest.raises(tw.errors.ArgumentError, match="No frame has dipole"):
        trained(tmp_path, {"train": old, "validation": 0.25}, model)


def test_targets_known_in_part_are_learned(tmp_path: Path) -> None:
    frames = alloys(8)
    for atoms in frames:
        atoms.arrays["shield"] = np.full((len(atoms), 9), np.nan)
        atoms.arrays["shield"][0] = np.eye(3).ravel()
    hidden = {**SMALL["options"], "hidden": "4x0e + 4x1o + 4x1e + 4x2e", "layers": 2}
    model = {**SMALL, "options": hidden, "targets": {"shield": {"tensor": "ij", "total": False}}}
    found, _ = trained(tmp_path, {"train": kept(tmp_path / "a.xyz", frames), "validation": 0.25}, model)
    assert np.isfinite(found.errors["shield_mae"])
    assert all(bool(weight.isfinite().all()) for weight in found.model.parameters())


def test_patience_needs_a_validation(tmp_path: Path) -> None:
    with pytest.raises(tw.errors.ArgumentError, match="patience looks at the validation"):
        trained(tmp_path, {"train": kept(tmp_path / "a.xyz", alloys(4)), "validation": 0.0}, patience=3)


def potential(*elements: int) -> Potential:
    torch.manual_seed(0)
    network = NequIP(len(elements), 4.0, tw.O3.rep("4x0e + 4x1o"), layers=1, radial=(8,))
    return Potential(network, elements, terms=[Repulsion(elements)]).double()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"cutoff": 6.0}, r"cutoff = 6\.0, but the model to go on from has 4\.0"),
        ({"network": "MACE"}, "network = 'MACE', but .* has 'NequIP'"),
        ({"group": "SO(3)"}, r"group = 'SO\(3\)', but .* has 'O\(3\)'"),
        ({"long_range": True}, "long_range = True, but .* has False"),
        ({"options": {"layers": 3}}, r"options\.layers = 3, but .* has 1"),
        ({"options": {"hidden": "8x0e + 8x1o"}}, r"options\.hidden = .*, but"),
    ],
)
def test_entries_that_a_started_model_contradicts_are_refused(
    entries: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """They would be passed over in silence; those that agree may stay, so that a file needs one line more."""
    data = {"train": kept(tmp_path / "a.xyz", alloys(5)), "validation": 0.2}
    start = str(save_potential(potential(29, 79), tmp_path / "start.safetensors"))
    with pytest.raises(tw.errors.ArgumentError, match=words):
        trained(tmp_path, data, {"start": start, **entries})
    same = {**SMALL, "network": "NequIP", "repulsion": True, "start": start}
    assert trained(tmp_path, data, same)[0].model.cutoff == 4.0


def test_given_references_leave_no_offset_to_learn() -> None:
    """Of a model that is gone on from too: they decide what compositions do not, and the bonds are found."""
    model, frames = potential(29, 79), []
    for atoms in alloys(6):
        energy = atoms.info["REF_energy"] + float(atoms.numbers @ np.ones(len(atoms)))
        frames.append(LabelledFrame(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), energy))
    moved = with_fitted_offsets(model, frames, {29: 5.0, 79: 7.0}).eval()
    found = predict_frames(moved, frames)
    off = (found.energies - found.energy_labels) / found.sizes
    assert abs(off.mean()) < 1e-6
    assert off.std() < 1.0


def test_stresses_of_some_frames_are_in_the_report() -> None:
    """Also where a whole batch has no cell that repeats."""
    crystal, cluster = bulk("Cu"), Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]])
    frames = [LabelledFrame(crystal, -1.0, np.zeros((1, 3)), 0.1 * np.eye(3))]
    frames += [LabelledFrame(cluster, -1.0, np.zeros((2, 3))) for _ in range(40)]
    found = predict_frames(potential(29), frames)
    assert found.stresses is not None
    assert np.isfinite(found.stresses[0]).all()
    assert np.isnan(np.asarray(found.stress_labels)[1:]).all()


# Children of a shell's background jobs are deaf to Ctrl-C: this one shall hear it wherever tests run.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from intertwine.cli import app
sys.argv = ["intertwine", "train", "a.toml"]
app()
"""


@pytest.mark.slow
def test_what_somebody_stops_can_be_used_and_gone_on_with(tmp_path: Path) -> None:
    kept(tmp_path / "alloys_0.xyz", alloys(8))
    (tmp_path / "a.toml").write_text(TOML.replace("epochs = 1", "epochs = 100000"))
    run = subprocess.Popen(
        [sys.executable, "-c", COMMAND], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not (tmp_path / "run" / "history.json").is_file() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "--resume goes on" in told
    assert load_potential(tmp_path / "run" / "model.safetensors").elements == (29, 79)
    again = configuration_of({"data": {"train": str(tmp_path / "alloys_0.xyz")}, "folder": str(tmp_path / "run")})
    with pytest.raises(tw.errors.ArgumentError, match="other values of"):  # there is something to go on with
        train(again, resume=True)


def test_a_stress_without_periods_is_no_label_of_a_training(tmp_path: Path) -> None:
    """Frames that were made by hand may have one: it has no prediction, and would make the loss NaN."""
    frames = alloys(6)
    for atoms in frames[:3]:
        atoms.pbc = False
    data = {"train": kept(tmp_path / "a.xyz", frames), "validation": 0.34}
    found, _ = trained(tmp_path, data)
    assert np.isfinite(found.errors["energy_mae"])
    assert [frame.stress is None for frame in read_frames(data["train"])] == [True] * 3 + [False] * 3


def test_frames_with_other_targets_or_periods_are_other_frames() -> None:
    atoms, open_ = bulk("Cu"), bulk("Cu")
    open_.pbc = False
    frames = [LabelledFrame(atoms, -1.0), LabelledFrame(open_, -1.0)]
    frames += [LabelledFrame(atoms, -1.0, targets={"gap": np.array(gap)}) for gap in (1.0, 2.0)]
    assert len({fingerprint([frame]) for frame in frames}) == 4
    assert fingerprint(frames[:1]) == fingerprint([LabelledFrame(bulk("Cu"), -1.0)])
