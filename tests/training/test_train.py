"""From a file to a model on disk: it learns, resumes as if it had not stopped, and divides over processes."""

from __future__ import annotations

import json
import math
import os
import shutil
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
from lightning.pytorch import Callback, LightningModule, Trainer

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import NequIP, Potential, Target, load_potential
from intertwine.models.atoms.files import NETWORKS
from intertwine.training.batches import FrameBatch, FrameDataset, Share, Shares
from intertwine.training.configuration import Configuration, configuration_of
from intertwine.training.fitting import PotentialFit, Schedule
from intertwine.training.frames import LabelledFrame, read_frames
from intertwine.training.label_keys import LabelKeys
from intertwine.training.losses import PotentialLoss
from intertwine.training.preparation import target_size
from intertwine.training.whole import Trained, train
from tests.training.emt import alloys, written

SMALL: dict[str, Any] = {"cutoff": 4.0, "options": {"hidden": "8x0e + 8x1o", "layers": 2, "radial": [8]}}


def configuration(folder: Path, name: str = "run", **fit: Any) -> Configuration:
    data = {"train": [str(written(folder))], "validation": 0.25, "test": 0.125}
    fit = {"epochs": 3, **fit}
    return configuration_of({"data": data, "model": SMALL, "fit": fit, "folder": str(folder / name)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, list[str]]:
    said: list[str] = []
    folder = tmp_path_factory.mktemp("trained")
    return train(configuration(folder, epochs=25, learning_rate=0.02, batch_size=2), say=said.append), said


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


def test_a_folder_is_not_written_over(trained: tuple[Trained, list[str]]) -> None:
    folder = trained[0].path.parent
    with pytest.raises(tw.errors.ArgumentError, match="holds a training already"):
        train(configuration(folder.parent))
    other = replace(configuration(folder.parent, epochs=25, batch_size=2), folder=str(folder))
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


def test_a_step_without_labels_of_a_kind_changes_nothing_by_them(tmp_path: Path) -> None:
    frames = read_frames(written(tmp_path, 2))
    model = Potential(NequIP(2, cutoff=4.0, hidden=tw.O3.rep("4x0e + 4x1o"), layers=1), elements=[29, 79])
    bare = [replace(frame, forces=None, stress=None) for frame in frames]
    batch = FrameDataset(bare, model)[Share((0, 1), (0, 1))]
    parts = PotentialLoss()(model(batch.graph, stress=True), batch)
    assert parts["energy"].item() > 0
    assert parts["forces"].item() == parts["stress"].item() == 0


def test_a_training_that_diverges_stops_and_keeps_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(tw.errors.DivergenceError, match=r"in epoch 1 the loss of step \d is no finite number"):
        train(configuration(tmp_path, "early", learning_rate=1e30, clip=0.0))
    assert not (tmp_path / "early" / "model.safetensors").exists()

    class Break(Callback):
        def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
            if trainer.current_epoch == 2:
                next(module.parameters()).data.fill_(math.nan)

    with pytest.raises(tw.errors.DivergenceError, match=r"in epoch 3 .* The best potential before that is in"):
        train(configuration(tmp_path, "late"), callbacks=[Break()])
    model = load_potential(tmp_path / "late" / "model.safetensors")
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())
    assert (tmp_path / "late" / "report.html").is_file()


def test_validation_without_a_label_is_no_validation_of_zero(tmp_path: Path) -> None:
    """A number that is not finite must not count as none: it would be the best."""
    frames = read_frames(written(tmp_path, 2))
    model = Potential(NequIP(2, cutoff=4.0, hidden=tw.O3.rep("4x0e + 4x1o"), layers=1), elements=[29, 79])
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


def test_what_cannot_be_gone_on_with_is_told(trained: tuple[Trained, list[str]], tmp_path: Path) -> None:
    def again(name: str) -> tuple[Path, Configuration]:
        shutil.copytree(trained[0].path.parent, tmp_path / name)
        told = configuration(trained[0].path.parent.parent, epochs=25, learning_rate=0.02, batch_size=2)
        return tmp_path / name, replace(told, folder=str(tmp_path / name))

    folder, told = again("moved")
    assert train(told, resume=True).errors == pytest.approx(trained[0].errors)  # with the best weights, wherever it is
    (folder / "checkpoints/best.ckpt").write_bytes((folder / "checkpoints/best.ckpt").read_bytes()[:1000])
    with pytest.raises(tw.errors.ArgumentError, match=r"best.ckpt cannot be read; it may have been cut short"):
        train(told, resume=True)
    (folder / "checkpoints/last.ckpt").write_bytes(b"")
    with pytest.raises(tw.errors.ArgumentError, match=r"last.ckpt cannot be read; it may have been cut short"):
        train(told, resume=True)
    (folder / "configuration.json").write_text("{")
    with pytest.raises(tw.errors.ArgumentError, match="says how the training there was started, cannot be read"):
        train(told, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(tw.errors.ArgumentError, match="Nothing can be written to the folder"):
        train(replace(told, folder=str(tmp_path / "file")))


def test_frames_that_changed_are_not_gone_on_with(tmp_path: Path) -> None:
    told = configuration(tmp_path, epochs=1)
    train(told)
    write_frames(tmp_path / "alloys_0.xyz", alloys(24)[:-1])
    with pytest.raises(tw.errors.ArgumentError, match="was started with other frames"):
        train(told, resume=True)


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
    small = small_potential()
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


def small_potential() -> Potential:
    return Potential(NequIP(2, cutoff=4.0, hidden=tw.O3.rep("4x0e + 4x1o"), layers=1), elements=[29, 79]).double()


def test_a_training_without_progress_stops_and_stays_at_its_end(tmp_path: Path) -> None:
    told = configuration(tmp_path, epochs=30, learning_rate=0.5, patience=1, batch_size=20)
    found = train(told)
    assert 1 < len(found.history) < 30
    again = train(told, resume=True)
    assert len(again.history) == len(found.history)
    assert again.errors == found.errors


def test_the_size_of_a_target_is_that_of_what_varies() -> None:
    """A polarisability that is the same but for little: invariants count from their mean, all else from zero."""
    frames = [LabelledFrame(atoms, targets={"alpha": (100 + n) * np.eye(3)}) for n, atoms in enumerate(alloys(3))]
    symmetric = Target.tensor("ij=ji", tw.O3)
    assert target_size(frames, "alpha", symmetric) == pytest.approx((2 / 3) ** 0.5 * (3 / 9) ** 0.5)
    dipole = [replace(frame, targets={"mu": np.array([0.0, 0.0, 3.0])}) for frame in frames]
    assert target_size(dipole, "mu", Target(tw.O3.rep("1x1o"))) == pytest.approx(3**0.5)
    assert target_size(frames, "mu", Target(tw.O3.rep("1x1o"))) == 1
