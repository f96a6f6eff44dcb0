"""The command `intertwine info`."""

from pathlib import Path

import pytest
import torch

from intertwine import __version__
from tests.cli.commands import run


def test_it_says_what_computes_here() -> None:
    lines = run("info").stdout.splitlines()
    assert lines[0].startswith(f"intertwine {__version__}, torch {torch.__version__}, Python 3.")
    assert any(line.startswith("kernels: compiled by llvmlite") and line.endswith(" bits") for line in lines)
    assert any("kept in" in line and "objects" in line for line in lines)
    assert lines[-1].startswith("threads: ")


def test_files_that_vanish_while_they_are_counted_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes compile kernels at the same time: a draft that was listed may be gone when it is looked at."""
    (tmp_path / "kernel").write_bytes(b"x" * 2**20)
    (tmp_path / "draft").symlink_to(tmp_path / "gone")
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path))
    assert f"kept in {tmp_path}: 1 objects, 1.0 MB" in run("info").stdout
