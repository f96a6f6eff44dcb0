"""The seven stories: their numbers, and the report that tells them."""

import html
import math
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from intertwine.catalog import O3
from intertwine.cli import app
from intertwine.testing import equivariance_error
from intertwine.tour import real_cells, rectangle, turned_digits, which_o2
from intertwine.tour.run import STORIES

FLOOR = 0.125 * (4 * math.pi / 36**2) * (21 / 36)  # the even degrees 2 and 4 and the 0 keep 15 of 36 parts


def test_stuck_exactly_where_symmetry_says() -> None:
    """Story 2: the floor is known before training, and training neither stops above it nor gets below it."""
    result = rectangle.square_to_rectangle(seeds=1)
    assert result.floor == pytest.approx(7.070199516e-4, rel=1e-9)
    assert result.floor == pytest.approx(FLOOR, rel=1e-12)
    assert result.losses.min() >= result.floor * (1 - 1e-12)
    assert result.final[0] == pytest.approx(result.floor, rel=1e-4)
    assert result.equivariance < 1e-10


@pytest.mark.parametrize("story", [rectangle.rectangle_to_square, rectangle.square_to_rectangle_with_order_parameter])
def test_possible_tasks_have_no_floor_and_are_learned(story) -> None:
    """Stories 1 and 3, one seed; the spread over seeds is for the slow test."""
    result = story(seeds=1)
    assert result.floor < 1e-25
    assert result.final[0] < 1e-4
    assert result.equivariance < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("story", [rectangle.rectangle_to_square, rectangle.square_to_rectangle_with_order_parameter])
def test_most_seeds_learn(story) -> None:
    assert np.sum(story(seeds=10, seed=100).final < 1e-4) >= 7


def test_only_the_right_o2_finds_the_flip() -> None:
    """Story 4: exact on held-out shapes and elements with the cone, plainly wrong with the twisted cylinder."""
    result = which_o2.which_o2(shapes=64, steps=30)
    assert result.exact < 1e-10
    assert result.exact_twist > 0.5
    assert result.flips > 0.9


@pytest.mark.parametrize(
    "make",
    [
        rectangle.TutorialNetwork,
        lambda: which_o2.PoseNetwork(O3.harmonics(4).restrict(which_o2.CONE_O2)),
        lambda: which_o2.PoseNetwork(O3.harmonics(4).restrict(which_o2.TWIST_O2)),
        lambda: which_o2.PoseNetwork(real_cells.REP),
        lambda: real_cells.make_network("O(2)", 3),
        lambda: real_cells.make_network("SO(2)", 3),
    ],
    ids=["tutorial", "pose on the cone", "pose on the twisted cylinder", "pose of cells", "cells O(2)", "cells SO(2)"],
)
def test_every_network_of_the_tour_is_equivariant(make) -> None:
    torch.manual_seed(0)
    assert equivariance_error(make().double().eval()) < 1e-10


def test_the_unwilling_invariance() -> None:
    """Norms are blind to the mirror (not to the half-turn); a Fourier activation sees both, within its bound."""
    norm, fourier = which_o2.unwilling_invariance()
    assert max(norm.equivariance, fourier.equivariance) < 1e-10
    assert norm.mirror < 1e-10 < 0.1 < norm.half_turn
    assert min(fourier.mirror, fourier.half_turn) > 0.1
    assert norm.bound == 0
    assert fourier.equivariance < fourier.bound


def test_cells_in_any_pose() -> None:
    """Story 5, small: scores do not depend on the pose, and the element that moved a cell is read off exactly."""
    result = real_cells.cells(seeds=1, sizes=(60,))
    assert result.cells + result.dropped == 650
    assert result.invariance < 1e-10
    assert result.pose.exact < 1e-9
    assert result.pose.flips > 0.8
    assert np.median(result.pose.angles) < 6
    assert result.accuracies.shape == (1, len(real_cells.NETWORKS), 1)


def test_classifiers_obey_their_group_and_the_plain_one_does_not() -> None:
    x = torch.randn(20, real_cells.REP.dim, dtype=torch.float64)
    mirror = which_o2.move(real_cells.REP, np.repeat(np.diag([1.0, -1.0])[None], 20, 0), x)
    changes = {}
    for name in ("O(2)", "SO(2)", "plain"):
        torch.manual_seed(0)
        network = real_cells.make_network(name, 3).double().eval()
        with torch.no_grad():
            changes[name] = float((network(mirror) - network(x)).abs().max())
    assert changes["O(2)"] < 1e-10 < 1e-3 < min(changes["SO(2)"], changes["plain"])


@pytest.mark.slow
def test_the_command_writes_a_report(tmp_path: Path) -> None:
    """`intertwine tour --quick`: exit code 0, a table of seven stories, one file that asks no network for anything."""
    result = CliRunner().invoke(app, ["tour", "--quick", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<section id=") == len(STORIES)
    outside_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.search(r'(src|href)="(https?:)?//', outside_scripts)
    assert "7.070199516e-04" in page
    programs = re.findall(r'<div class="program">(.*?)</div>', page, re.S)
    assert len(programs) == len(STORIES) + 1
    for program in programs:
        parts = re.findall(r"<pre>(.*?)</pre>", program, re.S)
        path = tmp_path / "copied.py"
        path.write_text(html.unescape(re.sub(r"<[^>]+>", "", "\n\n\n".join(parts))), "utf-8")
        runpy.run_path(str(path))


def test_digits_that_turn() -> None:
    """Story 6, small: a field turns exactly with its image under quarter turns, also in training's middle."""
    result = turned_digits.turned_digits(seeds=1, steps=12)
    assert result.accuracies.shape == result.angles.shape == (2, 2, 1)
    assert result.error.exact < 1e-4  # float32
    start, quarter = result.frames[0], result.frames[len(result.frames) // 4]
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(quarter.votes, np.rot90(start.votes) @ turn.T, atol=1e-3)
    np.testing.assert_allclose(quarter.up, turn @ start.up, atol=1e-3)


@pytest.mark.slow
def test_turned_digits_are_read() -> None:
    result = turned_digits.turned_digits(seeds=1, steps=120)
    assert result.accuracies[1, 0, 0] > 0.85 > 0.5 > result.accuracies[1, 1, 0]
    assert result.angles[1, 0, 0] < 35 < 60 < result.angles[1, 1, 0]
