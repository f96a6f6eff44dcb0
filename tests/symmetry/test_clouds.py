"""The symmetry of clouds: orders that everybody knows, in any pose, with labels and features."""

import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic
from intertwine.catalog.recognise import rotation_axes
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import PointSymmetry, point_symmetry
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, CORNERS, GENERIC, RECTANGLE, SQUARE, prism, ring, windmill

each_cloud = pytest.mark.parametrize(("points", "order", "proper"), CLOUDS.values(), ids=CLOUDS.keys())


def moved(points: np.ndarray, seed: int) -> np.ndarray:
    """A cloud in a random pose, place, size and order."""
    rng = np.random.default_rng(seed)
    g = O3.sample(1, rng)[0]
    return rng.permutation(points @ g.T * rng.uniform(0.01, 100) + rng.normal(size=3))


def check(symmetry: PointSymmetry, points: np.ndarray) -> None:
    """Every element is one of the group, moves each point to its partner, and all of them form a group."""
    g, p = symmetry.elements, symmetry.permutations
    centred = points - points.mean(0)
    assert symmetry.group.contains(g).all()
    assert symmetry.weights.sum() == pytest.approx(1)
    for element, permutation in zip(g, p, strict=True):
        close(centred @ element.T, centred[permutation], 1e-5 * np.abs(centred).max())
        assert sorted(permutation) == list(range(len(points)))
    if not symmetry.continuous:
        products = np.einsum("aij,bjk->abik", g, g).reshape(-1, 1, *g.shape[1:])
        assert (np.abs(products - g).max((-1, -2)).min(1) < 1e-5).all()


@each_cloud
def test_orders(points: np.ndarray, order: float, proper: float) -> None:
    for group, expected in ((O3, order), (SO3, proper)):
        symmetry = point_symmetry(points, group)
        assert symmetry.order == expected
        assert symmetry.continuous == np.isinf(expected)
        check(symmetry, points)


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_orders_in_any_pose(name: str, seed: int) -> None:
    points, order, proper = CLOUDS[name]
    points = moved(points, seed)
    assert point_symmetry(points, O3).order == order
    assert point_symmetry(points, SO3).order == proper


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_orders_in_spite_of_noise(name: str, seed: int) -> None:
    """Below the tolerance noise is ignored, well above it symmetry is gone."""
    points, order, _ = CLOUDS[name]
    points = moved(points, seed)
    size = np.linalg.norm(points - points.mean(0), axis=1).max()
    noise = np.random.default_rng(seed).uniform(-1, 1, size=points.shape) * size
    assert point_symmetry(points + 2e-7 * noise).order == order
    assert point_symmetry(points + 1e-4 * noise, tolerance=1e-3).order == order
    if len(points) > 3:
        assert point_symmetry(points + 1e-2 * noise).order == 1


@pytest.mark.parametrize("n", [3, 4, 5, 6, 9])
def test_orders_in_the_plane(n: int) -> None:
    assert point_symmetry(ring(n)[:, :2], O2).order == 2 * n
    assert point_symmetry(ring(n)[:, :2], SO2).order == n
    assert point_symmetry(windmill(n)[:, :2], O2).order == n
    check(point_symmetry(ring(n)[:, :2] + 3, O2), ring(n)[:, :2])


def test_small_clouds_in_the_plane() -> None:
    assert point_symmetry(RECTANGLE[:, :2], O2).order == 4
    assert point_symmetry(RECTANGLE[:2, :2], O2).order == 4  # two points: both mirrors and the half-turn
    assert point_symmetry(GENERIC[:, :2], O2).order == 1
    assert point_symmetry(GENERIC[:1, :2], O2).order == np.inf


@pytest.mark.parametrize("n", [3, 4, 5, 6, 8])
def test_orders_of_prisms(n: int) -> None:
    assert point_symmetry(prism(n)).order == (4 * n if n != 4 else 16)
    assert point_symmetry(prism(n, 0.2)).order == 2 * n
    assert point_symmetry(prism(n, 0.2), SO3).order == 2 * n  # chiral: all its symmetries are rotations


# labels and features --------------------------------------------------------------------------------------------------


def test_labels_break_symmetry() -> None:
    """Opposite corners of a square alike: a rhombus's symmetry. One corner marked: one mirror, and the plane's own."""
    assert point_symmetry(SQUARE, labels=[0, 1, 0, 1]).order == 8
    assert point_symmetry(SQUARE, labels=["C", "C", "N", "N"]).order == 4
    assert point_symmetry(SQUARE, labels=["H", "C", "C", "C"]).order == 4
    assert point_symmetry(SQUARE, labels=list("abcd")).order == 2
    assert point_symmetry(CORNERS, labels=CORNERS.prod(1)).order == 24  # salt: a tetrahedron of each kind
    assert point_symmetry(SQUARE, labels=[7, 7, 7, 7]).order == 16


def test_labels_of_a_line() -> None:
    line = np.outer([-1, 0, 1], [0, 0, 1.0])
    for labels, flips in (("aba", True), ("abb", False)):
        symmetry = point_symmetry(line, labels=list(labels))
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
    symmetry = point_symmetry(SQUARE, features=features, rep=O3.rep(rep))
    assert symmetry.order == order
    for g, p in zip(O3.rep(rep).matrix(symmetry.elements), symmetry.permutations, strict=True):
        close(features @ g.T, features[p], 1e-5)


@given(seeds)
def test_features_move_along(seed: int) -> None:
    """The symmetry of cloud and features in another pose is the conjugate one."""
    g = O3.sample(1, seed)[0]
    rep = O3.rep("1x0e + 1x1o")
    features = np.concatenate([np.array([[1.0], [2], [1], [2]]), SQUARE], 1)
    symmetry = point_symmetry(SQUARE @ g.T, features=features @ rep.matrix(g).T, rep=rep)
    assert symmetry.order == 8
    back = g.T @ symmetry.elements @ g
    plain = point_symmetry(SQUARE, features=features, rep=rep).elements
    assert all(np.abs(plain - element).max((-1, -2)).min() < 1e-9 for element in back)


def test_invariant_features_on_a_line() -> None:
    symmetry = point_symmetry(np.outer([-1, 1], [0, 0, 1.0]), features=np.array([[1.0], [2]]), rep=O3.rep("1x0e"))
    assert symmetry.continuous
    assert (symmetry.elements[:, 2, 2] > 0).all()


# words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "numbers", "axes"),
    [
        (
            "square, D4h",
            "8 rotations and 8 improper elements, the inversion among",
            "one 4-fold axis, z; four 2-fold axes",
        ),
        ("rectangle, D2h", "4 rotations and 4 improper elements, the inversion among", "three 2-fold axes"),
        (
            "cube, Oh",
            "24 rotations and 24 improper elements, the inversion among",
            "three 4-fold axes; four 3-fold axes; six 2-fold axes",
        ),
        (
            "tetrahedron, Td",
            "12 rotations and 12 improper elements, the inversion not among",
            "four 3-fold axes; three 2-fold axes",
        ),
        (
            "icosahedron, Ih",
            "60 rotations and 60 improper elements, the inversion among",
            "six 5-fold axes; ten 3-fold axes; 15 2-fold axes",
        ),
        (
            "antiprism, D5d",
            "10 rotations and 10 improper elements, the inversion among",
            "one 5-fold axis, z; five 2-fold",
        ),
        ("prism on a pentagon, D5h", "the inversion not among them", "one 5-fold axis, z; five 2-fold axes"),
        ("twisted prism, D3", "6 symmetries in O(3): 6 rotations.", "one 3-fold axis, z; three 2-fold axes"),
        ("water, C2v", "3 points have 4 symmetries in O(3): 2 rotations and 2 improper", "axes: one 2-fold axis, z."),
        ("generic, C1", "7 points have 1 symmetry in O(3): the identity.", "It has no rotation axis."),
        (
            "generic with its inverse, Ci",
            "the identity and 1 improper element, the inversion among",
            "no rotation axis",
        ),
        (
            "points on a line, Cinfv",
            "infinitely many symmetries in O(3)",
            "every rotation about (0.3333, 0.6667, 0.6667)",
        ),
        ("one point, O(3)", "1 point has infinitely many symmetries in O(3): every element.", ""),
    ],
    ids=lambda text: text if "," in text and len(text) < 30 else "",
)
def test_symmetries_are_described(name: str, numbers: str, axes: str) -> None:
    symmetry = point_symmetry(CLOUDS[name][0])
    assert numbers in symmetry.describe()
    assert axes in symmetry.describe()
    assert str(symmetry) == symmetry.describe()


def test_a_planar_symmetry_is_described() -> None:
    symmetry = point_symmetry(ring(6)[:, :2], O2)
    assert str(symmetry).startswith("6 points have 12 symmetries in O(2): 6 rotations and 6 mirrors. It holds the rot")
    assert "mirror" not in str(point_symmetry(ring(6)[:, :2], SO2))


@each_cloud
def test_a_symmetry_prints_on_one_line(points: np.ndarray, order: float, proper: float) -> None:
    symmetry = point_symmetry(points)
    assert repr(symmetry).startswith("<PointSymmetry of ")
    assert repr(symmetry).endswith(f" in O(3), order {order}>")


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_the_axes_do_not_depend_on_the_pose(name: str, seed: int) -> None:
    """But for their directions; and the rotations about them are all rotations."""
    points = CLOUDS[name][0]
    words = [point_symmetry(p).describe() for p in (points, moved(points, seed))]
    plain, posed = (re.sub(r", [−xyz]\b|,? ?\([^)]*, [^)]*\)", "", text) for text in words)
    assert plain == posed
    if not (symmetry := point_symmetry(points, SO3)).continuous:
        assert 1 + sum(n - 1 for _, n in rotation_axes(symmetry.elements, 1e-3)) == symmetry.order


@pytest.mark.parametrize("degree", [1, 2, 3, 7])
def test_a_coarse_quadrature_is_described_right(degree: int) -> None:
    line = np.outer([-1, 1], [0.0, 0, 1])
    assert "every rotation about z among them" in str(point_symmetry(line, degree=degree))
    assert str(point_symmetry(line[:1], degree=degree)).endswith("every element.")


# limits ---------------------------------------------------------------------------------------------------------------


def test_a_large_tolerance_finds_each_symmetry_once() -> None:
    """Points closer to each other than some multiples of the tolerance let more candidates through."""
    noise = 1e-4 * np.random.default_rng(0).normal(size=(40, 3))
    symmetry = point_symmetry(ring(40) + noise, tolerance=1e-2)
    assert symmetry.order == 160
    assert "one 40-fold axis" in str(symmetry)
    assert "the inversion among them" in str(symmetry)


def test_many_points() -> None:
    grid = np.array([*itertools.product(range(6), repeat=3)])
    assert point_symmetry(grid).order == 48
    assert point_symmetry(np.random.default_rng(0).normal(size=(500, 3))).order == 1


def test_integers_and_float32_are_points_too() -> None:
    assert point_symmetry((2 * SQUARE).astype(int)).order == 16
    assert point_symmetry(SQUARE.astype(np.float32)).order == 16


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": np.zeros((0, 3))}, ShapeError, r"for O\(3\) has the shape \(N, 3\) with N ≥ 1, but got \(0, 3\)"),
        ({"points": np.zeros(3)}, ShapeError, r"but got \(3,\)"),
        (
            {"points": SQUARE, "group": O2},
            ShapeError,
            r"for O\(2\) has the shape \(N, 2\) with N ≥ 1, but got \(4, 3\)",
        ),
        ({"points": SQUARE * np.nan}, ArgumentError, "hold NaN or infinite numbers"),
        ({"points": SQUARE[:, :2], "group": cyclic(4)}, ArgumentError, "is found in .* but C4 came"),
        ({"points": SQUARE[[0, 1, 1]]}, ArgumentError, "Two points of one kind coincide"),
        (
            {"points": SQUARE, "labels": [1, 2]},
            ShapeError,
            r"There are 4 points, one label for each, but .* \(2,\) came",
        ),
        ({"points": SQUARE, "features": np.zeros((4, 1))}, ArgumentError, "Features and their rep come together"),
        ({"points": SQUARE, "rep": O3.rep("1x0e")}, ArgumentError, "Features and their rep come together"),
        (
            {"points": SQUARE, "features": np.zeros((4, 2)), "rep": O3.rep("1x0e")},
            ShapeError,
            r"Features of 1x0e have the shape \(4, 1\), but got \(4, 2\)",
        ),
        (
            {"points": SQUARE[:2], "features": np.zeros((2, 3)), "rep": O3.rep("1x1o")},
            ArgumentError,
            "lie on a line or in one point, so their symmetry is continuous",
        ),
    ],
)
def test_mistakes_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        point_symmetry(**arguments)


def test_coinciding_points_of_different_kinds_are_fine() -> None:
    points = np.concatenate([SQUARE, SQUARE])
    assert point_symmetry(points, labels=[0] * 4 + [1] * 4).order == 16


def test_features_of_any_kind() -> None:
    """Lists and tensors, in any dtype and with gradients, are features too."""
    features = np.eye(3)[[0, 0, 0, 0]]
    expected = point_symmetry(SQUARE, features=features, rep=O3.defining).order
    for same in (features.tolist(), torch.tensor(features, requires_grad=True), torch.tensor(features).bfloat16()):
        assert point_symmetry(SQUARE, features=same, rep=O3.defining).order == expected
    with pytest.raises(ShapeError, match=r"Features of 1x1o have the shape \(4, 3\), but got \(4, 2\)"):
        point_symmetry(SQUARE, features=features[:, :2].tolist(), rep=O3.defining)
