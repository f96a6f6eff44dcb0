"""The command `intertwine info`."""

import torch

from intertwine import __version__
from tests.cli.commands import run


def test_it_says_what_computes_here() -> None:
    lines = run("info").stdout.splitlines()
    assert lines[0].startswith(f"intertwine {__version__}, torch {torch.__version__}, Python 3.")
    assert any(line.startswith("kernels: compiled by llvmlite") and line.endswith(" bits") for line in lines)
    assert any("kept in" in line and "objects" in line for line in lines)
    assert lines[-1].startswith("threads: ")
