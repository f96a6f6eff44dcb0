"""What is uploaded: sdist and wheel are built, and the wheel works in an environment of its own."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

import intertwine
from tests.house.source import ROOT

pytestmark = pytest.mark.slow


def run(*command: object, **environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=plain, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_works_where_nothing_else_of_ours_is(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path)
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    assert intertwine.__version__ in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        source = {name.split("/", 1)[-1] for name in archive.getnames()}
    files = {
        str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.*") if "__pycache__" not in str(path)
    }
    assert files <= packed
    assert {f"src/{name}" for name in files} | {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= source

    home = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", home)
    run(sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    (site,) = (home / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(str(Path(torch.__file__).parents[1]))  # torch and the rest; ours comes first
    code = (
        "import intertwine as tw; print(tw.__file__); from intertwine import nn; "
        "assert tw.testing.equivariance_error(nn.Linear(tw.O2.rep('1x1'), tw.O2.rep('2x1'))) < 1e-5"
    )
    assert run(home / "bin" / "python", "-c", code).startswith(str(site))
    assert run(home / "bin" / "intertwine", "--version") == f"intertwine {intertwine.__version__}\n"
