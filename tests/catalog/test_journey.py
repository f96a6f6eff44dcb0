"""One user's journey: shapes, the two copies of O(2) in O(3), and which of them the flip belongs to.

It follows a question that was asked of another library (QUVA-Lab/escnn, issue 19): a shape is given by its spherical
harmonics coefficients; the network should respect rotations about z and a flip. Which flip is it?
"""

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3
from intertwine.errors import LabelError
from intertwine.reps import intertwiners, spherical_harmonics
from tests.registry import close


@pytest.fixture
def cloud() -> np.ndarray:
    """Points of a shape without any symmetry."""
    return np.random.default_rng(7).normal(size=(9, 3))


def coefficients(points: np.ndarray) -> np.ndarray:
    """The shape as a feature: the sum of harmonics at its points, a vector of O3.harmonics(4)."""
    return spherical_harmonics(range(5), points).sum(0)


def test_which_flip_is_it(cloud: np.ndarray) -> None:
    # A shape is a feature of O(3): turning the shape is the rep's matrix.
    shape = O3.harmonics(4)
    assert str(shape) == "1x0e + 1x1o + 1x2e + 1x3o + 1x4e"
    x = coefficients(cloud)
    g = O3.sample(1, seed=0)[0]
    close(coefficients(cloud @ g.T), shape.matrix(g) @ x)

    # "O(2)" alone is ambiguous in three dimensions, and says so with the two names to choose from.
    with pytest.raises(LabelError, match=r"'Cinfv'.*mirrors.*'Dinf'.*half-turns"):
        O3.subgroup("O(2)")
    cone, turn = O3.subgroup("Cinfv"), O3.subgroup("Dinf")
    assert "(x, y, z) → (x, −y, z)" in cone.describe()
    assert "(x, y, z) → (x, −y, −z)" in turn.describe()

    # The user's flip is y → −y. It is the flip of the cone, not of the half-turns.
    flip = np.diag([1.0, -1.0])
    flipped = coefficients(cloud * [1, -1, 1])
    close(flipped, shape.restrict(cone).matrix(flip) @ x)
    wrong = shape.restrict(turn).matrix(flip) @ x
    assert np.abs(flipped - wrong).max() > 0.1

    # The two differ by the mirror z → −z: they agree on exactly 15 of the 25 coefficients' worth of dimensions.
    difference = shape.restrict(cone).matrix(flip) @ shape.restrict(turn).matrix(flip)
    close(np.linalg.eigvalsh(difference), np.sort([*[-1.0] * 10, *[1.0] * 15]))

    # Both restrict to reps of one and the same O(2); a vector tells them apart: its z is a scalar or a pseudoscalar.
    assert str(O3.rep("1x1o").restrict(cone).irreps) == "1x0e + 1x1"
    assert str(O3.rep("1x1o").restrict(turn).irreps) == "1x0o + 1x1"

    # Every linear O(2)-map from shapes to "an invariant and a vector" is known, and respects the user's flip.
    wanted = O2.rep("1x0e + 1x1")
    maps = intertwiners(shape.restrict(cone), wanted)
    assert len(maps) == 5 + 4
    W = np.tensordot(np.random.default_rng(0).normal(size=len(maps)), maps, 1)
    close(W @ flipped, wanted.matrix(flip) @ (W @ x))

    # The rotations alone cannot see the flip, and SO(3) holds only one of the two copies.
    assert SO3.harmonics(4).restrict(SO3.subgroup("Dinf")).irreps == shape.restrict(turn).irreps
    with pytest.raises(LabelError, match=r"Call tw\.O3\.subgroup\('Cinfv'\) instead"):
        SO3.subgroup("Cinfv")

    # Breaking the symmetry further, to a square pyramid on a tilted base, goes step by step or at once.
    tilted = O3.subgroup("Cinfv", axis=(1, 1, 0))
    square = O2.subgroup("D4", mirror=np.pi / 8)
    h = square.group.elements()
    stepwise = shape.restrict(tilted).restrict(square)
    close(stepwise.matrix(h), shape.restrict(square.within(tilted)).matrix(h))
    close(stepwise.matrix(h) @ x, shape.matrix(tilted.embed(square.embed(h))) @ x)
