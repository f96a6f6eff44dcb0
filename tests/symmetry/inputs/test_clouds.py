"""The symmetry of clouds: orders that everybody knows, in any pose, with labels and features."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import Stabiliser, stabiliser
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, CORNERS, GENERIC, RECTANGLE, SQUARE, prism, ring, windmill

each_cloud = pytest.mark.parametrize(("points", "order", "proper"), CLOUDS.values(), ids=CLOUDS.keys())


def moved(points: np.ndarray, seed: int) -> np.ndarray:
    """A cloud in a random pose, place, size and order."""
    rng = np.random.default_rng(seed)
    g = O3.sample(1, rng)[0]
    return rng.permutation(points @ g.T * rng.uniform(0.01, 100) + rng.normal(size=3))


def check(symmetry: Stabiliser, points: np.ndarray) -> None:
    """Every element is one of the group, moves each point to its partner, and all of them form a group."""
    g, weights, p = symmetry.averaging(2)
    assert p is not None
    centred = points - points.mean(0)
    assert symmetry.group.contains(g).all()
    assert weights.sum() == pytest.approx(1)
    for element, permutation in zip(g, p, strict=True):
        close(centred @ element.T, centred[permutation], 1e-5 * np.abs(centred).max())
        assert sorted(permutation) == list(range(len(points)))
    if not symmetry.continuous:
        products = np.einsum("aij,bjk->abik", g, g).reshape(-1, 1, *g.shape[1:])
        assert (np.abs(products - g).max((-1, -2)).min(1) < 1e-5).all()


@each_cloud
def test_orders(points: np.ndarray, order: float, proper: float) -> None:
    for group, expected in ((O3, order), (SO3, proper)):
        symmetry = stabiliser(points, group=group)
        assert symmetry.order == expected
        assert symmetry.continuous == np.isinf(expected)
        check(symmetry, points)


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_orders_in_any_pose(name: str, seed: int) -> None:
    points, order, proper = CLOUDS[name]
    points = moved(points, seed)
    assert stabiliser(points, group=O3).order == order
    assert stabiliser(points, group=SO3).order == proper


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_orders_in_spite_of_noise(name: str, seed: int) -> None:
    """Below the tolerance noise is ignored, well above it symmetry is gone."""
    points, order, _ = CLOUDS[name]
    points = moved(points, seed)
    size = np.linalg.norm(points - points.mean(0), axis=1).max()
    noise = np.random.default_rng(seed).uniform(-1, 1, size=points.shape) * size
    assert stabiliser(points + 2e-7 * noise).order == order
    assert stabiliser(points + 1e-4 * noise, tolerance=1e-3).order == order
    if len(points) > 3:
        assert stabiliser(points + 1e-2 * noise).order == 1


@pytest.mark.parametrize("n", [3, 4, 5, 6, 9])
def test_orders_in_the_plane(n: int) -> None:
    assert stabiliser(ring(n)[:, :2], group=O2).order == 2 * n
    assert stabiliser(ring(n)[:, :2], group=SO2).order == n
    assert stabiliser(windmill(n)[:, :2], group=O2).order == n
    check(stabiliser(ring(n)[:, :2] + 3, group=O2), ring(n)[:, :2])


def test_small_clouds_in_the_plane() -> None:
    assert stabiliser(RECTANGLE[:, :2], group=O2).order == 4
    assert stabiliser(RECTANGLE[:2, :2], group=O2).order == 4  # two points: both mirrors and the half-turn
    assert stabiliser(GENERIC[:, :2], group=O2).order == 1
    assert stabiliser(GENERIC[:1, :2], group=O2).order == np.inf


@pytest.mark.parametrize("n", [3, 4, 5, 6, 8])
def test_orders_of_prisms(n: int) -> None:
    assert stabiliser(prism(n)).order == (4 * n if n != 4 else 16)
    assert stabiliser(prism(n, 0.2)).order == 2 * n
    assert stabiliser(prism(n, 0.2), group=SO3).order == 2 * n  # chiral: all its symmetries are rotations


# labels and features --------------------------------------------------------------------------------------------------


def test_labels_break_symmetry() -> None:
    """Opposite corners of a square alike: a rhombus's symmetry. One corner marked: one mirror, and the plane's own."""
    assert stabiliser(SQUARE, labels=[0, 1, 0, 1]).order == 8
    assert stabiliser(SQUARE, labels=["C", "C", "N", "N"]).order == 4
    assert stabiliser(SQUARE, labels=["H", "C", "C", "C"]).order == 4
    assert stabiliser(SQUARE, labels=list("abcd")).order == 2
    assert stabiliser(CORNERS, labels=CORNERS.prod(1)).order == 24  # salt: a tetrahedron of each kind
    assert stabiliser(SQUARE, labels=[7, 7, 7, 7]).order == 16


def test_labels_of_a_line() -> None:
    line = np.outer([-1, 0, 1], [0, 0, 1.0])
    for labels, flips in (("aba", True), ("abb", False)):
        symmetry = stabiliser(line, labels=list(labels))
        assert symmetry.order == np.inf
        assert (symmetry.elements[:, 2, 2] < 0).any() == flips
        check(symmetry, line)


@pytest.mark.parametrize(
    ("features", "rep", "order"),
    [
        (np.ones((4, 1)), "1x0e", 16),
        (np.ones((4, 1)), "1x0o", 8),  # a handed number on each corner
        (np.array([[1.0], [2], [1], [2]]), "1x0e", 8),
        (SQUARE, "1x1o", 16),  # arrows outward
        (SQUARE @ [[0, 1, 0], [-1, 0, 0], [0, 0, 0]], "1x1o", 8),  # arrows around
        (np.tile([0, 0, 1.0], (4, 1)), "1x1o", 8),  # a field along z
        (np.tile([0, 0, 1.0], (4, 1)), "1x1e", 8),  # a spin along z
        (np.tile([1.0, 0, 0], (4, 1)), "1x1o", 4),
        (np.zeros((4, 5)), "1x2e", 16),
        (np.random.default_rng(0).normal(size=(4, 5)), "1x2e", 1),
    ],
)
def test_features_break_symmetry(features: np.ndarray, rep: str, order: int) -> None:
    symmetry = stabiliser(SQUARE, tensors=features, rep=O3.rep(rep))
    assert symmetry.order == order
    for g, p in zip(O3.rep(rep).matrix(symmetry.elements), symmetry.permutations, strict=True):
        close(features @ g.T, features[p], 1e-5)


@given(seeds)
def test_features_move_along(seed: int) -> None:
    """The symmetry of cloud and features in another pose is the conjugate one."""
    g = O3.sample(1, seed)[0]
    rep = O3.rep("1x0e + 1x1o")
    features = np.concatenate([np.array([[1.0], [2], [1], [2]]), SQUARE], 1)
    symmetry = stabiliser(SQUARE @ g.T, tensors=features @ rep.matrix(g).T, rep=rep)
    assert symmetry.order == 8
    back = g.T @ symmetry.elements @ g
    plain = stabiliser(SQUARE, tensors=features, rep=rep).elements
    assert all(np.abs(plain - element).max((-1, -2)).min() < 1e-9 for element in back)


def test_invariant_features_on_a_line() -> None:
    symmetry = stabiliser(np.outer([-1, 1], [0, 0, 1.0]), tensors=np.array([[1.0], [2]]), rep=O3.rep("1x0e"))
    assert symmetry.continuous
    assert (symmetry.elements[:, 2, 2] > 0).all()


# limits ---------------------------------------------------------------------------------------------------------------


def test_a_large_tolerance_finds_each_symmetry_once() -> None:
    """Points closer to each other than some multiples of the tolerance let more candidates through."""
    noise = 1e-4 * np.random.default_rng(0).normal(size=(40, 3))
    symmetry = stabiliser(ring(40) + noise, tolerance=1e-2)
    assert symmetry.order == 160
    assert symmetry.name == "D40h"
    assert "axes: C40 z, C2" in str(symmetry)


def test_many_points() -> None:
    grid = np.array([*itertools.product(range(6), repeat=3)])
    assert stabiliser(grid).order == 48
    assert stabiliser(np.random.default_rng(0).normal(size=(500, 3))).order == 1


def test_integers_and_float32_are_points_too() -> None:
    assert stabiliser((2 * SQUARE).astype(int)).order == 16
    assert stabiliser(SQUARE.astype(np.float32)).order == 16


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros((0, 3))}, ShapeError, r"for O\(3\) has the shape \(N, 3\) with N ≥ 1, but got \(0, 3\)"),
        ({"x": np.zeros(3)}, ShapeError, r"an array of shape \(3,\)"),
        (
            {"x": SQUARE, "group": O2},
            ShapeError,
            r"for O\(2\) has the shape \(N, 2\) with N ≥ 1, but got \(4, 3\)",
        ),
        ({"x": SQUARE * np.nan}, ArgumentError, "hold NaN or infinite numbers"),
        ({"x": SQUARE[:, :2], "group": cyclic(4)}, ArgumentError, "is found in .* but got C4"),
        ({"x": SQUARE[[0, 1, 1]]}, ArgumentError, "Two points of one kind coincide"),
        (
            {"x": SQUARE, "labels": [1, 2]},
            ShapeError,
            r"There are 4 points, one label for each, but got .* \(2,\)",
        ),
        ({"x": SQUARE, "tensors": np.zeros((4, 1))}, ArgumentError, "Tensors and their rep come together"),
        ({"x": SQUARE, "rep": O3.rep("1x0e")}, ArgumentError, "Tensors and their rep come together"),
        (
            {"x": SQUARE, "tensors": np.zeros((4, 2)), "rep": O3.rep("1x0e")},
            ShapeError,
            r"Features of 1x0e have the shape \(4, 1\), but got \(4, 2\)",
        ),
    ],
)
def test_mistakes_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        stabiliser(**arguments)


def test_coinciding_points_of_different_kinds_are_fine() -> None:
    points = np.concatenate([SQUARE, SQUARE])
    assert stabiliser(points, labels=[0] * 4 + [1] * 4).order == 16


def test_features_of_any_kind() -> None:
    """Lists and tensors, in any dtype and with gradients, are features too."""
    features = np.eye(3)[[0, 0, 0, 0]]
    expected = stabiliser(SQUARE, tensors=features, rep=O3.defining).order
    for same in (features.tolist(), torch.tensor(features, requires_grad=True), torch.tensor(features).bfloat16()):
        assert stabiliser(SQUARE, tensors=same, rep=O3.defining).order == expected
    with pytest.raises(ShapeError, match=r"Features of 1x1o have the shape \(4, 3\), but got \(4, 2\)"):
        stabiliser(SQUARE, tensors=features[:, :2].tolist(), rep=O3.defining)
