"""Code that the report shows is whole: put into a file as it stands, it runs."""

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from intertwine.testing import equivariance_error
from intertwine.tour import real_cells, rectangle, which_o2
from intertwine.viz import markup
from intertwine.viz.html_report import Report
from intertwine.viz.program import Program, program_of


def copied(program: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as a file of its own, run."""
    path = folder / "copied.py"
    path.write_text(str(program), "utf-8")
    spec = importlib.util.spec_from_file_location("copied", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "copied", module)
    spec.loader.exec_module(module)
    return module


def test_a_task_that_was_copied_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Story 2's function brings nine others along, and what they import."""
    module = copied(program_of(rectangle.square_to_rectangle), tmp_path, monkeypatch)
    here, there = (story(1, 1) for story in (rectangle.square_to_rectangle, module.square_to_rectangle))
    assert there.floor == here.floor == pytest.approx(7.070199516e-4, rel=1e-9)
    assert np.array_equal(there.losses, here.losses)
    assert type(there) is module.TaskResult is not rectangle.TaskResult


@pytest.mark.parametrize(
    "shown",
    [
        (rectangle.TutorialNetwork, rectangle.run_task),
        (rectangle.square_to_rectangle_with_order_parameter,),
        (real_cells.cells,),
        (which_o2.which_o2,),
    ],
    ids=lambda shown: shown[0].__name__,
)
def test_whatever_is_shown_runs(shown: tuple[Callable, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name that a copied function calls is there: as in the module, none is left for the reader to find."""
    module = copied(program_of(*shown), tmp_path, monkeypatch)
    for thing in shown:
        assert inspect.getsource(getattr(module, thing.__name__)) == re.sub(
            r"  # type: ignore\S*", "", inspect.getsource(thing)
        )
    names = {node.id for node in ast.walk(ast.parse(str(program_of(*shown)))) if isinstance(node, ast.Name)}
    assert names & vars(inspect.getmodule(shown[0])).keys() <= vars(module).keys()


def test_networks_that_were_copied_are_equivariant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    pose = copied(program_of(which_o2.PoseNetwork), tmp_path, monkeypatch).PoseNetwork(real_cells.REP)
    module = copied(program_of(real_cells.InvariantClassifier), tmp_path, monkeypatch)
    classifier = module.InvariantClassifier(real_cells.O2, real_cells.REP, 3)
    assert max(equivariance_error(network.double().eval()) for network in (pose, classifier)) < 1e-10


def test_a_program_holds_what_it_needs_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = program_of(which_o2.unwilling_invariance)
    assert program.names == (
        *("SHAPE_DEGREE", "CONE_O2", "EXPECTED", "TWIST_O2"),
        *("SurpriseRow", "shapes_in_pose", "standardised", "move", "flips"),
    )
    assert "identify_action" not in str(program)
    assert "type: ignore" not in str(program_of(which_o2.PoseNetwork))
    assert 'CONE_O2 = O3.subgroup("Cinfv")  # flips are mirrors' in program.helpers
    norm, fourier = copied(program, tmp_path, monkeypatch).unwilling_invariance(4)
    assert norm.mirror < 1e-10 < 0.1 < min(norm.half_turn, fourier.mirror)


def test_things_shown_together_stand_in_their_order() -> None:
    program = program_of(rectangle.TutorialNetwork, rectangle.run_task)
    assert program.main.index("class TutorialNetwork") == 0 < program.main.index("def run_task")
    assert "TutorialNetwork" not in program.names
    assert str(program).startswith("from __future__ import annotations\n\nfrom collections.abc import Callable\n")


def test_a_page_folds_the_helpers_and_only_them() -> None:
    story = Report("Tour").add_section("First").code(Program("import math", "one = 1", "print(one < 2)", ("one",)))
    page = story.html(1)
    shown, folded = page.split("<details>")[0], page.split("<details>")[1].split("</details>")[0]
    assert "math" in shown
    assert "its helpers: one" in folded
    assert "print" not in folded
    assert "details" not in markup.program(Program("import math", "", "print(1)"))
