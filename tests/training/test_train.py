"""From a file to a model on disk: it learns, and mistakes are told."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import load_potential
from intertwine.models.atoms.files import NETWORKS
from intertwine.training.batches import FrameDataset
from intertwine.training.configuration import configuration_of
from intertwine.training.frames import LabelledFrame, read_frames
from intertwine.training.label_keys import LabelKeys
from intertwine.training.whole import Trained, train
from tests.training.emt import alloys, write_frames, written
from tests.training.small import SMALL


def test_a_training_learns_and_leaves_all_of_it_in_a_folder(trained: tuple[Trained, list[str]]) -> None:
    found, said = trained
    first, last = found.history[0], found.history[-1]
    size = np.mean([np.abs(atoms.arrays["REF_forces"]).mean() for atoms in alloys(24)])
    assert last["validation/forces_mae"] < 0.25 * 1e3 * size
    assert last["validation/energy_mae"] < first["validation/energy_mae"]
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


@pytest.mark.parametrize("options", [{}, {"hidden": "4x0e + 4x1o", "layers": 1}], ids=["default", "small"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_trains_and_knows_how_sure_it_is(network: str, options: dict[str, Any], tmp_path: Path) -> None:
    told = {
        "data": {"train": str(written(tmp_path, 4)), "validation": 0.25},
        "model": {"network": network, "cutoff": 3.0, "options": options},
        "fit": {"epochs": 1},
        "folder": str(tmp_path / "run"),
    }
    found = train(configuration_of(told))
    assert np.isfinite(found.errors["forces_mae"])
    assert load_potential(found.path).spread is not None


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
    silver = configuration_of({**asdict(told), "folder": str(tmp_path / "other")})
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
    ions = {**told, "folder": str(tmp_path / "ions"), "model": {**SMALL, "long_range": True, "repulsion": True}}
    charged = train(configuration_of(ions))
    assert "charges_mae" not in charged.errors
    assert [type(term).__name__ for term in charged.model.terms] == ["Repulsion", "Electrostatics"]
    wrong = {**told, "folder": str(tmp_path / "b"), "model": {**SMALL, "targets": {"alpha": {"rep": "1x0e"}}}}
    with pytest.raises(tw.errors.ArgumentError, match="alpha"):
        train(configuration_of(wrong))
    wrong["model"] = {**SMALL, "targets": {"alpha": {"tensor": "ij=ji"}}}
    with pytest.raises(tw.errors.ArgumentError, match=r"no path leads from its inputs .* to 1x2e"):
        train(configuration_of(wrong))
    wrong["model"] = {**large, "targets": {"alpha": {"rep": "1x0e + 1x1o + 1x2e", "tensor": "ij"}}}
    with pytest.raises(tw.errors.ArgumentError, match=r"are 1x0e \+ 1x1e \+ 1x2e"):
        train(configuration_of(wrong))


def test_targets_are_read_as_files_keep_them(tmp_path: Path) -> None:
    frames = alloys(8)
    rows = np.random.default_rng(0).standard_normal((4, 9))
    for n, atoms in enumerate(frames):
        atoms.info |= {"gap": float(n), "alpha": rows[0]}  # a scalar, and nine numbers of a tensor
        atoms.arrays |= {"partial": rows[:, 0], "shielding": rows}
    path = tmp_path / "frames.xyz"
    write_frames(path, frames)
    targets = {
        "gap": {"rep": "1x0e"},
        "partial": {"rep": "1x0e", "total": False},
        "alpha": {"tensor": "ij=ji"},
        "shielding": {"tensor": "ij", "total": False},
    }
    options = {**SMALL["options"], "hidden": "4x0e + 4x1o + 4x1e + 4x2e"}
    told = {
        "data": {"train": str(path), "validation": 0.25},
        "model": {**SMALL, "options": options, "targets": targets},
        "fit": {"epochs": 1},
        "folder": str(tmp_path / "run"),
    }
    said: list[str] = []
    found = train(configuration_of(told), say=said.append)
    assert all(np.isfinite(found.errors[f"{name}_mae"]) for name in targets)
    read = read_frames(path, LabelKeys(targets={name: name for name in targets}))
    labels = FrameDataset(read, found.model).labels[0]
    np.testing.assert_allclose(labels["shielding"], rows.reshape(4, 3, 3))
    assert 'alpha is not a tensor "ij=ji"' in "\n".join(said)
    assert not any(line.startswith("! shielding") for line in said)
    targets["shielding"] = {"tensor": "ij"}
    with pytest.raises(tw.errors.ArgumentError, match="say by total = true or false whether it is of structures"):
        train(configuration_of({**told, "folder": str(tmp_path / "b")}))


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
        ({"fit": {"epochs": 0}}, "fit.epochs is 1 or more, but got 0"),
        ({"fit": {"warmup": 1.0}}, "fit.warmup is from 0 on, and below 1"),
        ({"fit": {"learning_rate": 0.0}}, "fit.learning_rate is positive"),
        ({"fit": {"accelerator": "quantum"}}, "no accelerator='quantum'"),
        ({"fit": {"energy": 0.0, "forces": 0.0, "stress": 0.0}}, "all weights are 0"),
        ({"model": {"cutoff": -1.0}}, "model.cutoff is positive"),
        ({"model": {**SMALL, "frozen": ["netwrk"]}}, "No weight's name begins with 'netwrk'"),
        ({"model": {**SMALL, "frozen": ["network"]}}, "nothing is left to learn"),
        ({"model": {"options": {"hidden": 4}}}, "cannot be made with the options {'hidden': 4}"),
        ({"model": {"options": {"species": 4}}}, "'species' is no option"),
        ({"model": {"targets": {"forces": {"rep": "1x1o"}}}}, "names without dots, other than energy"),
        ({"model": {"targets": {"free_energy": {"rep": "1x0e"}}}}, "got ['free_energy']"),
        ({"data": {"train": "a.xyz", "units": {"enrgy": "eV"}}}, "[data] units names 'enrgy'"),
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


def test_a_started_model_learns_the_targets_that_are_named(tmp_path: Path) -> None:
    frames = alloys(8)
    for n, atoms in enumerate(frames):
        atoms.info["gap"] = float(n)
    write_frames(tmp_path / "frames.xyz", frames)
    data = {"train": str(tmp_path / "frames.xyz"), "validation": 0.25}
    told: dict[str, Any] = {"data": data, "fit": {"epochs": 1}}
    first = {"model": {**SMALL, "targets": {"gap": {"rep": "1x0e"}}}, "folder": str(tmp_path / "first")}
    start = str(train(configuration_of({**told, **first})).path)
    said: list[str] = []
    silent = {"model": {"start": start}, "folder": str(tmp_path / "silent")}
    assert "gap_mae" not in train(configuration_of({**told, **silent}), say=said.append).errors
    assert "Not learned further, since [model.targets] does not name them: gap." in said
    named = {"model": {"start": start, "targets": {"gap": {"weight": 0.5}}}, "folder": str(tmp_path / "named")}
    assert "gap_mae" in train(configuration_of({**told, **named})).errors
    named["model"] = {"start": start, "targets": {"dipole": {"rep": "1x1o"}}}
    with pytest.raises(tw.errors.ArgumentError, match="has no target 'dipole'; its targets are gap"):
        train(configuration_of({**told, **named, "folder": str(tmp_path / "c")}))
    named["model"] = {"start": start, "targets": {"gap": {"rep": "1x1o"}}}
    with pytest.raises(tw.errors.ArgumentError, match="Name it without a rep or tensor"):
        train(configuration_of({**told, **named, "folder": str(tmp_path / "c")}))
