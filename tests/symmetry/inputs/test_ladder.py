"""The ladder of approximate symmetry."""

import json

import numpy as np
import pytest

from intertwine.catalog import O3, point_group
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points, symmetry_ladder
from tests.symmetry.clouds import SQUARE


def test_the_rungs_of_a_nearly_square_rectangle() -> None:
    """Exactly D2h; D4h up to the difference of the sides."""
    ladder = symmetry_ladder(SQUARE * [1 + 1e-3, 1 - 1e-3, 1])
    assert [rung.name for rung in ladder.rungs] == ["D2h", "D4h"]
    exact, near = ladder.rungs
    assert exact.residual == 0
    assert near.residual == exact.until
    assert near.residual == pytest.approx(2e-3, rel=0.01)  # corners at (±1 ± 0.001)/2 move by 0.002 radii
    assert ladder.best.name == "D2h"


def test_noise_leaves_one_clear_rung() -> None:
    noise = np.random.default_rng(0).normal(size=(4, 3)) * 1e-4
    ladder = symmetry_ladder(SQUARE + noise)
    assert ladder.best.name == "D4h"
    assert ladder.ambiguous is None
    assert "best: D4h" in str(ladder)


def test_two_steps_of_one_size_are_ambiguous() -> None:
    """Sides that differ by a thousandth, and noise of a millionth below it: square or rectangle?"""
    noise = np.random.default_rng(1).normal(size=(4, 3)) * 1e-6
    ladder = symmetry_ladder(SQUARE * [1 + 1e-3, 1 - 1e-3, 1] + noise)
    assert {rung.name for rung in ladder.rungs} >= {"D2h", "D4h"}
    assert ladder.ambiguous is not None
    assert "ambiguous between" in str(ladder)


def test_a_vector_has_a_ladder_too() -> None:
    rep, group = O3.rep("1x4e + 1x3o"), point_group("Td")
    rng = np.random.default_rng(2)
    x = rep.matrix(group.elements()).mean(0) @ rng.normal(size=rep.dim)
    ladder = symmetry_ladder(x / np.linalg.norm(x) + 1e-5 * rng.normal(size=rep.dim), rep=rep)
    assert ladder.best.name == "Td"


def test_it_is_for_programs_too() -> None:
    found = json.loads(json.dumps(symmetry_ladder(SQUARE).to_dict()))
    assert found["best"] == "D4h"
    assert found["rungs"][-1]["until"] == found["largest"] == 0.1


def test_continuous_symmetry_has_no_rungs() -> None:
    with pytest.raises(ArgumentError, match="is continuous"):
        symmetry_ladder(np.array([[0.0, 0, 1], [0, 0, -1]]))
    with pytest.raises(ArgumentError, match="is continuous"):
        symmetry_ladder(np.array([0.0, 0, 1]), rep=O3.rep("1x1o"))


def test_nearly_continuous_symmetry_is_the_last_rung() -> None:
    """A bent line is a triangle exactly, and a line up to the bend; two nearly parallel vectors are one axis."""
    bent = symmetry_ladder(np.array([[0, 0, 1], [0, 0.01, 0], [0, 0, -1.0]]))
    assert [(rung.name, rung.order) for rung in bent.rungs] == [("C2v", 4), ("Dinfh", np.inf)]
    assert bent.rungs[-1].residual == pytest.approx(1e-2, rel=0.5)
    assert "∞" in str(bent)
    assert json.loads(json.dumps(bent.to_dict(), allow_nan=False))["rungs"][-1]["order"] is None
    vectors = symmetry_ladder(np.array([0, 0, 1, 0, 0.1, 1]), rep=O3.rep("1x1o + 1x1o"), largest=0.5)
    assert [rung.name for rung in vectors.rungs] == ["Cs", "Cinfv"]


def test_spurious_near_symmetries_do_not_hide_a_rung() -> None:
    """On an outline of 24 points a shift by one point moves each only a little, but makes no group with the mirrors."""
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = np.stack([2 * np.cos(t) + 0.1 * np.cos(2 * t + 1), np.sin(t) + 0.05 * np.sin(3 * t)], -1)
    for largest in (0.06, 0.1, 0.2):
        names = [rung.name for rung in symmetry_ladder(outline, largest=largest).rungs]
        assert names[:2] == ["C1", "D1"]


def test_deviations_near_the_distance_of_neighbours_say_nothing() -> None:
    """Halfway between two points each has several partners."""
    ring = np.stack([np.cos(np.linspace(0, 2 * np.pi, 50)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 50)[:-1])], -1)
    assert symmetry_ladder(ring, largest=0.5).largest == pytest.approx(2 / 3 * np.sin(np.pi / 49))
    assert symmetry_ladder(SQUARE, largest=0.4).largest == 0.4


@pytest.mark.parametrize("largest", [-1.0, np.inf, np.nan])
def test_the_largest_residual_is_a_number(largest: float) -> None:
    with pytest.raises(ArgumentError, match="largest residual"):
        symmetry_ladder(SQUARE, largest=largest)


def test_features_move_along() -> None:
    """Corners that bear 1 and 2 in turn are a rectangle's; 1 and 1.01, a square's up to the difference."""
    for high, names in ((2.0, ["D2h"]), (1.01, ["D2h", "D4h"])):
        cloud = Points(SQUARE, features=np.array([[1.0], [high], [1.0], [high]]))
        assert [rung.name for rung in symmetry_ladder(cloud, rep=O3.rep("1x0e")).rungs] == names
    with pytest.raises(ArgumentError, match="their rep"):
        symmetry_ladder(cloud)


def test_a_dense_noisy_cloud_has_the_symmetry_that_its_noise_allows() -> None:
    """Neighbours are close, so little is looked at beyond the noise; nothing there speaks against Ih."""
    rng = np.random.default_rng(0)
    cloud = np.concatenate([point_group("Ih").elements() @ rng.normal(size=3) for _ in range(2)])
    ladder = symmetry_ladder(cloud + 1e-3 * rng.normal(size=cloud.shape))
    assert ladder.largest < 0.1
    assert (ladder.best.name, ladder.best.until) == ("Ih", 0.1)
