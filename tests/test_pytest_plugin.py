"""The pytest plugin, as a user's test suite meets it: in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O3

SRC = Path(__file__).parents[1] / "src"

TESTS = """
import torch
import intertwine as tw
from intertwine import nn

class Broken(torch.nn.Module):
    reps_in, rep_out = (tw.O3.defining,), tw.O3.defining
    def forward(self, x):
        return x + 0.1 * x.flip(-1)

def test_exact(assert_equivariant):
    assert_equivariant(nn.Linear(tw.O2.rep("1x0e + 1x1"), tw.O2.rep("2x1")))

def test_broken(assert_equivariant):
    assert_equivariant(Broken())

def test_accepted(assert_equivariant):
    assert_equivariant(Broken(), tolerance=1.0)

def test_positions(assert_equivariant):
    r = torch.randn(4, 3)
    positions, lengths = tw.fields.Positions(tw.O3.defining), tw.fields.PointFeatures(tw.O3.rep("1x0e"))
    assert_equivariant(lambda r: r.norm(dim=-1, keepdim=True), r, positions, lengths)
"""


def run(folder: Path, *options: str) -> str:
    """What pytest says in a folder, with the plugin switched on as its entry point does it."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_intertwine", "-p", "no:cacheprovider", "-rfE", *options]
    environment = os.environ | {"PYTHONPATH": str(SRC), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "300"}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True).stdout


def messages(output: str) -> dict[str, str]:
    """The one-line messages of the tests that failed."""
    return dict(re.findall(r"^FAILED \S+::(\w+) - (.*)$", output, re.MULTILINE))


def test_a_failure_is_one_line_and_the_report_stands_below(tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(TESTS, "utf-8")
    output = run(tmp_path)
    assert "2 failed, 2 passed" in output
    found = messages(output)
    assert re.fullmatch(
        r"Failed: Broken is not equivariant under O\(3\): error \S+ for the .*, accepted 1.0e-09 in float64. Seed 0.",
        found["test_broken"],
    )
    assert "simpler, and failing too: the translation by (1, 0, 0)" in found["test_positions"]
    assert "Captured equivariance call" in output
    assert "Broken is NOT equivariant under O(3)" in output
    assert "simplest" in output
    assert "Traceback" not in output
    assert "def check" not in output


def test_the_seed_is_an_option_or_in_the_ini_file(tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(TESTS, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nequivariance_seed = 4\n", "utf-8")
    with ThreadPoolExecutor() as pool:
        outputs = pool.map(lambda options: run(tmp_path, "-k", "broken", *options), ((), ("--equivariance-seed=7",)))
    from_file, given = map(messages, outputs)
    assert from_file["test_broken"].endswith("Seed 4.")
    assert given["test_broken"].endswith("Seed 7.")
    assert from_file["test_broken"].split("error")[1].split()[0] != given["test_broken"].split("error")[1].split()[0]


def test_suites_that_do_not_use_it_load_neither_torch_nor_the_library(tmp_path: Path) -> None:
    code = """
    import sys
    def test_nothing():
        assert "pytest_intertwine" in sys.modules
        assert not {"torch", "numpy", "intertwine"} & sys.modules.keys()
    """
    (tmp_path / "test_light.py").write_text("\n".join(line[4:] for line in code.splitlines()), "utf-8")
    assert "1 passed" in run(tmp_path)


def test_the_package_brings_the_plugin() -> None:
    text = (SRC.parent / "pyproject.toml").read_text("utf-8")
    assert re.search(r'\[project.entry-points.pytest11\]\nintertwine = "pytest_intertwine"', text)
    assert text.count('"src/pytest_intertwine.py"') == 2  # in the sdist and in the wheel


def test_the_fixture_is_here_too(assert_equivariant: Callable[..., None]) -> None:
    """Through the entry point, in this very suite."""
    assert_equivariant(nn.NormActivation(O3.rep("2x0e + 1x1o")))
    said = set()
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="Seed 3") as caught:
            assert_equivariant(torch.relu, None, O3.defining, O3.defining, seed=3)
        said.add(str(caught.value))
    assert len(said) == 1
