"""Environments apart from the project's own, one for each published package, and what it gives on the facade there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "data_files" / "packages"
"""What the packages give on e3nn itself: `python tests/interop/package_runs.py PACKAGE FILE --e3nn`."""

REQUIRED = {
    "sevenn": ["sevenn>=0.13,<0.14"],
    "mace": ["mace-torch==0.3.16"],
    "nequip": ["nequip>=0.19,<0.20", "nequip-allegro>=0.8,<0.9"],
}


def on_facade(package: str, environment: str, target: Path) -> dict[str, np.ndarray]:
    """Run a package in an environment, and read what it gives."""
    script = ROOT / "tests" / "interop" / "package_runs.py"
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    _run([_python(environment), str(script), package, str(target)], env=variables)
    return dict(np.load(target))


@cache
def _python(environment: str) -> str:
    """The Python of an environment, made at its first use; kept where INTERTWINE_PACKAGES says, if it does."""
    kept = os.environ.get("INTERTWINE_PACKAGES")
    place = Path(kept or tempfile.mkdtemp(prefix="intertwine-")) / environment
    python = place / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(place)])
        for wanted in (["torch==2.13.0"], [*REQUIRED[environment], "llvmlite", "scipy"]):
            _run([str(python), "-m", "pip", "install", "-q", *wanted])
    return str(python)


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"
