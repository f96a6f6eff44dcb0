"""`intertwine train`: what it says, and what it says of mistakes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.training.emt import written
from tests.training.small import TOML


@pytest.mark.parametrize("missing", ["lightning", "ase"])
def test_a_package_that_is_missing_is_named(missing: str) -> None:
    """Of those of the extra "potentials", to whoever has the command alone."""
    words = "['run', 'a.safetensors', 'b.xyz']" if missing == "ase" else "['train', 'a.toml']"
    code = f"import sys; sys.modules[{missing!r}] = None; from intertwine.cli import app; app({words})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert "pip install 'intertwine[potentials]'" in " ".join((told.stdout + told.stderr).split())


def test_a_file_becomes_a_potential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    Path("alloys.toml").write_text(TOML)
    told = run("train", "alloys.toml")
    assert told.exit_code == 0, told.output
    assert "18 frames to learn from, 6 to validate on, 0 to test on" in told.stdout
    assert "validation: energy MAE" in told.stdout
    assert Path("run/model.safetensors").is_file()
    again = run("train", "alloys.toml")
    assert again.exit_code == 2
    assert "holds a training already" in again.output
    assert run("train", "alloys.toml", "--folder", "other").exit_code == 0
    assert Path("other/report.html").is_file()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "There is no file"),
        ("[data", "is no TOML file"),
        ("[data]\ntrain = 'missing.xyz'", "missing.xyz"),
        (TOML.replace("cutoff", "cut_off"), "Did you mean 'cutoff'"),
        (TOML.replace("4x1o", "4x1q"), "no irrep '1q'"),
        (TOML.replace("epochs = 1", "epochs = 1\nseeds = 3"), "Did you mean 'seed'"),
    ],
)
def test_mistakes_are_sentences(text: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, 8)
    if text is not None:
        Path("a.toml").write_text(text)
    told = run("train", "a.toml")
    assert told.exit_code == 2
    assert words in told.output
