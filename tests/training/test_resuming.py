"""A training that stops goes on as if it had not, or says why it cannot; processes divide it."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

import intertwine as tw
from intertwine.models import load_potential
from intertwine.training.configuration import Configuration
from intertwine.training.whole import Trained, train
from tests.training.emt import alloys, write_frames
from tests.training.small import configuration


def test_a_folder_is_not_written_over(trained: tuple[Trained, list[str]]) -> None:
    folder = trained[0].path.parent
    with pytest.raises(tw.errors.ArgumentError, match="holds a training already"):
        train(configuration(folder.parent))
    other = replace(configuration(folder.parent, epochs=25, batch_size=2), folder=str(folder))
    with pytest.raises(tw.errors.ArgumentError, match=r"started with other values of fit.learning_rate"):
        train(other, resume=True)
    with pytest.raises(tw.errors.ArgumentError, match="no training to go on with"):
        train(configuration(folder.parent, "another"), resume=True)


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
    given.write_text(json.dumps(asdict(told)))
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


def test_a_training_without_progress_stops_and_stays_at_its_end(tmp_path: Path) -> None:
    told = configuration(tmp_path, epochs=30, learning_rate=0.5, patience=1, batch_size=20)
    found = train(told)
    assert 1 < len(found.history) < 30
    again = train(told, resume=True)
    assert len(again.history) == len(found.history)
    assert again.errors == found.errors
