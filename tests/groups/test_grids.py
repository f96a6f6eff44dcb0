"""Grids: what they average exactly and what not, how evenly they lie, and what they refuse."""

import copy
import math
import pickle

import numpy as np
import pytest
from numpy.polynomial.legendre import legvander
from scipy.spatial import cKDTree

from intertwine.catalog import SO2, SO3
from intertwine.catalog.spatial import rotation_quadrature
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.grids import Grid, rotation_grid, sphere_grid, turn_grid
from intertwine.groups.rotations import GOLDEN, distinct
from intertwine.reps.harmonics import spherical_harmonics
from intertwine.reps.wigner import circular_matrix, wigner_matrices
from tests.registry import close

MAKERS = {"turn": turn_grid, "sphere": sphere_grid, "rotation": rotation_grid}
MAX = {
    3,
    5,
    7,
    9,
    11,
    13,
    15,
    17,
    19,
    21,
    23,
    25,
    27,
    29,
    31,
    35,
    41,
    47,
    53,
    59,
    65,
    71,
    77,
    83,
    89,
    95,
    101,
    107,
    113,
}
LEBEDEV = sorted(MAX | {119, 125, 131})

# The space, the kind, n, the number of points and the degree.
POLYHEDRA = [
    ("sphere", "tetrahedron", None, 4, 2),
    ("sphere", "octahedron", None, 6, 3),
    ("sphere", "cube", None, 8, 3),
    ("sphere", "cuboctahedron", None, 12, 3),
    ("sphere", "icosahedron", None, 12, 5),
    ("sphere", "dodecahedron", None, 20, 5),
    ("sphere", "icosidodecahedron", None, 30, 5),
    ("rotation", "tetrahedron", None, 12, 2),
    ("rotation", "cube", None, 24, 3),
    ("rotation", "icosahedron", None, 60, 5),
]
FAMILIES = [
    *(("turn", "regular", n, n, n - 1) for n in (1, 2, 3, 8)),
    *(("turn", "random", n, n, 0) for n in (1, 7)),
    *(("sphere", "random", n, n, 0) for n in (1, 7)),
    *(("sphere", "fibonacci", n, n, 0) for n in (1, 2, 3, 50)),
    *(("sphere", "healpix", n, 12 * n**2, 1) for n in (1, 2, 3, 4, 7)),
    *(("sphere", "longlat", n, 2 * n**2, n - 1 if n % 2 == 0 else n) for n in (*range(1, 9), 31)),
    *(("sphere", "gauss", n, (n + 1) * (n // 2 + 1), n) for n in (*range(9), 31)),
    *(("sphere", "design", *row) for row in [(0, 2, 1), (1, 2, 1), (2, 4, 2), (3, 6, 3), (4, 12, 5), (6, 24, 7)]),
    *(("rotation", "random", n, n, 0) for n in (1, 7)),
    *(("rotation", "fibonacci", n, n, 0) for n in (1, 2, 3, 50)),
    *(("rotation", "hopf", n, 72 * n**3, 1) for n in (1, 2, 3)),
    *(("rotation", "gauss", n, (n + 1) ** 2 * (n // 2 + 1), n) for n in range(8)),
    *(("rotation", "lebedev", n, (n + 1) * len(sphere_grid("lebedev", n)), n) for n in (*range(8), 13)),
]
each_grid = pytest.mark.parametrize(("space", "kind", "n", "size", "degree"), [*POLYHEDRA, *FAMILIES])
each_space = pytest.mark.parametrize("space", MAKERS)


def averages(grid: Grid, degree: int) -> np.ndarray:
    """The averages of all harmonics, or matrix elements, of one degree > 0, whose true averages are 0."""
    points, weights = grid
    if points.ndim == 2:
        values = spherical_harmonics(degree, points)
    elif points.shape[-1] == 3:
        values = wigner_matrices((degree,), points)[degree]
    else:
        values = circular_matrix(degree, points)
    return np.abs(np.tensordot(weights, values, 1))


def largest_hole(grid: Grid) -> float:
    """The radius of the largest hole among many probes, in rad; for rotations, the angle of the rotation between."""
    if grid.points.ndim == 2:
        probes = sphere_grid("fibonacci", 40_000).points
        return 2 * math.asin(cKDTree(grid.points).query(probes)[0].max() / 2)
    probes = rotation_grid("random", 20_000, seed=1).points.reshape(-1, 9)
    chord = cKDTree(grid.points.reshape(-1, 9)).query(probes)[0].max()
    return 2 * math.asin(chord / math.sqrt(8))  # |R − 1|² = 8 sin²(angle / 2)


# exactness ------------------------------------------------------------------------------------------------------------


@each_grid
def test_a_grid_is_exact_to_its_degree_and_no_further(space: str, kind: str, n: int, size: int, degree: int) -> None:
    grid = MAKERS[space](kind, n)
    assert len(grid) == size
    assert grid.degree == degree
    close(grid.weights.sum(), 1.0, 1e-14)
    for exact in range(1, degree + 1):
        close(averages(grid, exact), 0.0, 1e-12)
    assert averages(grid, degree + 1).max() > 1e-4


@pytest.mark.parametrize(
    ("kind", "n", "degree"),
    [
        *(("lebedev", d, d) for d in LEBEDEV),
        ("gauss", 64, 64),
        ("gauss", 151, 151),
        ("longlat", 64, 63),
        ("longlat", 65, 65),
    ],
)
def test_large_degrees_are_exact_too(kind: str, n: int, degree: int) -> None:
    """By P_l(x · u) for random u, a combination of all 2l + 1 harmonics with the weights Y_l(u)."""
    points, weights = grid = sphere_grid(kind, n)
    assert grid.degree == degree
    zonal = [legvander(points @ u, degree + 1) for u in sphere_grid("random", 5, seed=1).points]
    means = np.abs(weights @ np.array(zonal))
    close(means[:, 0], 1.0, 1e-12)
    close(means[:, 1 : degree + 1], 0.0, 1e-12)
    assert means[:, degree + 1].max() > 1e-7


def test_lebedev_takes_the_smallest_rule_that_serves() -> None:
    for n in range(132):
        assert sphere_grid("lebedev", n).degree == next(d for d in LEBEDEV if d >= n)


def test_lebedev_has_fewer_rotations_than_gauss() -> None:
    """From degree 3 on: (n + 1) times the points of the sphere against (n + 1)² (⌊n/2⌋ + 1)."""
    for n in range(3, 132):
        assert len(sphere_grid("lebedev", n)) < len(sphere_grid("gauss", n))
    assert len(rotation_grid("lebedev", 20)) == 21 * 170 < len(rotation_grid("gauss", 20)) == 21 * 231


@each_grid
def test_weights_are_positive(space: str, kind: str, n: int, size: int, degree: int) -> None:
    """But those of three Lebedev rules, as Grid says."""
    assert (MAKERS[space](kind, n).weights > 0).all() != (kind == "lebedev" and n == 13)


def test_three_lebedev_rules_have_negative_weights() -> None:
    assert [d for d in LEBEDEV if sphere_grid("lebedev", d).weights.min() <= 0] == [13, 25, 27]


def test_equal_weights_are_equal() -> None:
    equal = {"random", "fibonacci", "healpix", "hopf", "regular", "design"} | {row[1] for row in POLYHEDRA}
    for space, kind, n, size, _ in [*POLYHEDRA, *FAMILIES]:
        if kind in equal:
            close(MAKERS[space](kind, n).weights, 1 / size, 1e-14)


def test_gauss_rotations_are_those_of_the_euler_angles() -> None:
    """The quadrature of the rotations in angles z y z, in another order."""
    g, weights = rotation_grid("gauss", 5)
    euler, shares = rotation_quadrature(5)
    distance, place = cKDTree(euler.reshape(-1, 9)).query(g.reshape(-1, 9))
    assert distance.max() < 1e-14
    assert sorted(place) == list(range(len(g)))
    close(weights, shares[place], 1e-14)


# points ---------------------------------------------------------------------------------------------------------------


@each_grid
def test_points_are_points(space: str, kind: str, n: int, size: int, degree: int) -> None:
    """Unit vectors or rotations, all different."""
    points = MAKERS[space](kind, n).points
    assert points.dtype == np.float64
    if space == "sphere":
        assert points.shape == (size, 3)
        close(np.linalg.norm(points, axis=-1), 1.0, 1e-14)
    else:
        group = SO2 if space == "turn" else SO3
        assert points.shape == (size, group.dim, group.dim)
        assert group.contains(points, tolerance=1e-14).all()
    assert len(distinct(points)) == size


def spread(rows: list[tuple[float, float, float]]) -> np.ndarray:
    """The vectors, their cyclic permutations and all signs, as unit vectors in a sorted order."""
    turned = [np.roll(row, k) for row in rows for k in range(3)]
    signs = np.array([[a, b, c] for a in (1, -1) for b in (1, -1) for c in (1, -1)])
    return ordered(np.concatenate([row * signs / np.linalg.norm(row) for row in turned]))


def ordered(points: np.ndarray) -> np.ndarray:
    return np.unique(points.round(12) + 0.0, axis=0)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("octahedron", [(1, 0, 0)]),
        ("cube", [(1, 1, 1)]),
        ("cuboctahedron", [(0, 1, 1)]),
        ("icosahedron", [(0, 1, GOLDEN)]),
        ("dodecahedron", [(1, 1, 1), (0, GOLDEN, 1 / GOLDEN)]),
        ("icosidodecahedron", [(1, 0, 0), (GOLDEN, 1, GOLDEN**2)]),
    ],
)
def test_polyhedra_have_their_vertices(kind: str, rows: list[tuple[float, float, float]]) -> None:
    close(ordered(sphere_grid(kind).points), spread(rows), 1e-11)


def test_the_tetrahedron_has_its_vertices() -> None:
    vertices = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / np.sqrt(3)
    close(ordered(sphere_grid("tetrahedron").points), ordered(vertices), 1e-11)


def test_edge_midpoints_are_edge_midpoints() -> None:
    for solid, edge, middles in (("icosahedron", 1, "icosidodecahedron"), ("cube", 1, "cuboctahedron")):
        vertices = sphere_grid(solid).points
        cosines = vertices @ vertices.T
        nearest = np.unique(cosines.round(9))[-2]  # the largest is that of a vertex with itself
        i, j = np.nonzero(np.triu(cosines > nearest - 1e-6, edge))
        sums = vertices[i] + vertices[j]
        close(ordered(sums / np.linalg.norm(sums, axis=-1, keepdims=True)), ordered(sphere_grid(middles).points), 1e-11)


def test_healpix_rings_are_those_of_the_paper() -> None:
    """The first pixels for N_side = 2, and the number of points on each ring."""
    points = sphere_grid("healpix", 2).points
    z, longitudes = points[:, 2], np.degrees(np.arctan2(points[:, 1], points[:, 0])) % 360
    close(z[[0, 4, 12, 20, 28, 36, 44]], np.array([11, 8, 4, 0, -4, -8, -11]) / 12)
    close(longitudes[:6], np.array([45, 135, 225, 315, 22.5, 67.5]))
    close(longitudes[[12, 13, 20, 28, 44]], np.array([0, 45, 22.5, 0, 45.0]))
    heights, sizes = np.unique(sphere_grid("healpix", 5).points[:, 2].round(12), return_counts=True)
    assert sizes.tolist() == [4, 8, 12, 16, *[20] * 11, 16, 12, 8, 4]
    assert len(heights) == 19


def test_fibonacci_slices_the_sphere() -> None:
    close(sphere_grid("fibonacci", 1).points, np.array([[1.0, 0, 0]]))
    close(sphere_grid("fibonacci", 4).points[:, 2], np.array([0.75, 0.25, -0.25, -0.75]))


def test_longlat_rows_run_from_north_to_south() -> None:
    points = sphere_grid("longlat", 6).points.reshape(6, 12, 3)
    close(np.degrees(np.arcsin(points[:, 0, 2])), np.array([75.0, 45, 15, -15, -45, -75]))
    close(np.arctan2(points[1, :6, 1], points[1, :6, 0]), np.pi * np.arange(6) / 6)
    assert (np.diff(sphere_grid("gauss", 8).points.reshape(-1, 9, 3)[:, 0, 2]) < 0).all()


def test_regular_turns_are_a_group() -> None:
    g = turn_grid("regular", 6).points
    close(g[0], np.eye(2))
    close(g, np.stack([np.linalg.matrix_power(g[1], k) for k in range(6)]))


@pytest.mark.parametrize(
    ("kind", "base", "turns"), [("hopf", "healpix", 12), ("lebedev", "lebedev", 3), ("gauss", "gauss", 3)]
)
def test_rotations_are_shortest_paths_after_turns(kind: str, base: str, turns: int) -> None:
    """Each takes z to a point of the sphere; the first of a point's rotations has its axis in the xy plane."""
    g = rotation_grid(kind, 2).points.reshape(-1, turns, 3, 3)
    points = sphere_grid(base, 2).points
    close(g[..., 2], np.repeat(points[:, None], turns, 1), 1e-14)
    close(g[:, 0, 0, 1], g[:, 0, 1, 0], 1e-14)
    close(
        g, g[:, :1] @ np.pad(turn_grid("regular", turns).points, [(0, 0), (0, 1), (0, 1)]) + g[:, :1] * [0, 0, 1], 1e-14
    )


# evenness -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "kind", "sizes", "rate"),
    [
        ("sphere", "fibonacci", (30, 300, 3000, 30_000), 0.9),
        ("sphere", "healpix", (1, 2, 4, 8, 16), 0.9),
        ("rotation", "fibonacci", (30, 300, 3000, 30_000), 0.6),
        ("rotation", "hopf", (1, 2, 4, 8), 0.6),
    ],
)
def test_even_grids_average_better_with_more_points(space: str, kind: str, sizes: tuple[int, ...], rate: float) -> None:
    """Low degrees fall about as 1/q on the sphere and as q^−⅔ among the rotations; random points, as 1/√q."""
    grids = [MAKERS[space](kind, n) for n in sizes]
    errors = [max(averages(grid, degree).max() for degree in (1, 2, 3)) for grid in grids]
    assert errors == sorted(errors, reverse=True)
    assert all(error < 4 * len(grid) ** -rate for error, grid in zip(errors, grids, strict=True))
    assert errors[-1] < 0.15 / math.sqrt(len(grids[-1]))


@pytest.mark.parametrize(
    ("space", "kind", "sizes", "hole"),
    [
        ("sphere", "fibonacci", (2, 7, 20, 100, 1000), 2.8),
        ("sphere", "healpix", (1, 2, 5, 8), 2.95),
        ("rotation", "fibonacci", (30, 100, 300, 1000), 4.3),
        ("rotation", "fibonacci", (2, 4, 7, 8, 10), 5.0),
        ("rotation", "hopf", (1, 2, 3), 4.1),
        ("rotation", "cube", (None,), 3.2),
        ("rotation", "icosahedron", (None,), 3.1),
    ],
)
def test_even_grids_have_no_large_holes(space: str, kind: str, sizes: tuple[int | None, ...], hole: float) -> None:
    dimension = {"sphere": 2, "rotation": 3}[space]
    for n in sizes:
        grid = MAKERS[space](kind, n)
        assert largest_hole(grid) < hole * len(grid) ** (-1 / dimension)


def test_random_points_have_large_holes() -> None:
    """So the test above can fail: the largest hole of random points is larger by log n."""
    assert largest_hole(sphere_grid("random", 1000)) * math.sqrt(1000) > 4
    assert largest_hole(rotation_grid("random", 1000)) * 10 > 5


@each_space
def test_random_points_are_uniform(space: str) -> None:
    """The averages of degrees 1 and 2 are 0 within five standard errors."""
    grid = MAKERS[space]("random", 4000, seed=2)
    for degree in (1, 2):
        assert averages(grid, degree).max() < 5 * math.sqrt(1 / 4000)


# what a grid is -------------------------------------------------------------------------------------------------------


def test_a_grid_comes_apart() -> None:
    points, weights = grid = sphere_grid("cube")
    assert points is grid.points
    assert weights is grid.weights
    assert len(grid) == 8


@each_grid
def test_grids_are_the_same_on_each_call(space: str, kind: str, n: int, size: int, degree: int) -> None:
    grid, again = MAKERS[space](kind, n), MAKERS[space](kind, n)
    assert grid == again
    assert hash(grid) == hash(again)


@each_space
def test_random_grids_follow_their_seed(space: str) -> None:
    make = MAKERS[space]
    assert make("random", 5, seed=3) == make("random", 5, seed=np.random.default_rng(3))
    assert make("random", 5, seed=3) != make("random", 5, seed=4)
    with pytest.raises(ArgumentError, match="A seed is an integer from 0 on"):
        make("random", 5, seed=-1)


def test_random_elements_are_those_that_the_groups_sample() -> None:
    np.testing.assert_array_equal(rotation_grid("random", 5, seed=3).points, SO3.sample(5, seed=3))
    np.testing.assert_array_equal(turn_grid("random", 5, seed=3).points, SO2.sample(5, seed=3))


@pytest.mark.parametrize("duplicate", [lambda g: g, copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_grids_cannot_be_written_to(duplicate: object) -> None:
    grid = sphere_grid("gauss", 4)
    twin = duplicate(grid)
    assert twin == grid
    for array in twin:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_grid_keeps_its_own_points() -> None:
    points = np.eye(3)
    grid = Grid(points, np.full(3, 1 / 3), 0)
    points[:] = 7
    close(grid.points, np.eye(3))
    assert grid != Grid(np.eye(3), np.full(3, 1 / 3), 1)
    assert grid != "grid"
    assert (
        repr(Grid(np.eye(2)[None], np.ones(1), math.inf)) == "<Grid of 1 points of shape (2, 2), exact to degree inf>"
    )


@pytest.mark.parametrize(("points", "weights"), [(np.eye(3), np.ones(2)), (np.ones(3), np.ones(3)), (np.eye(3), 1.0)])
def test_points_and_weights_belong_together(points: np.ndarray, weights: np.ndarray) -> None:
    with pytest.raises(
        ShapeError, match=r"points of shape \(q, \.\.\.\) and a weight for each, but got points of shape"
    ):
        Grid(points, weights, 0)


# mistakes -------------------------------------------------------------------------------------------------------------


@each_space
def test_an_unknown_kind_is_answered_with_the_kinds(space: str) -> None:
    with pytest.raises(
        ArgumentError, match=rf"There is no {space} grid of the kind 'Fibonacy'\. The kinds are .*random"
    ):
        MAKERS[space]("Fibonacy", 10)


@pytest.mark.parametrize("n", [None, 0, -3, 2.0, True, "5"])
@pytest.mark.parametrize(
    ("space", "kind"),
    [(s, k) for s, k in dict.fromkeys(row[:2] for row in FAMILIES) if k not in ("gauss", "lebedev", "design")],
)
def test_a_number_of_points_is_positive(space: str, kind: str, n: object) -> None:
    given = "none" if n is None else f"n = {n!r}"
    with pytest.raises(
        ArgumentError, match=rf"The {space} grid '{kind}' takes the number .* from 1 on, but got {given}"
    ):
        MAKERS[space](kind, n)


@pytest.mark.parametrize(
    ("space", "kind", "n", "words"),
    [
        ("sphere", "gauss", -1, "takes the degree to be averaged exactly, an integer n from 0 on, but got n = -1"),
        ("sphere", "lebedev", 132, "an integer n from 0 to 131, but got n = 132"),
        ("rotation", "lebedev", None, "an integer n from 0 to 131, but got none"),
        ("sphere", "design", 8, "an integer n from 0 to 7, but got n = 8"),
        ("sphere", "cube", 8, "has its own number of points: leave n = 8 out"),
    ],
)
def test_other_numbers_are_refused_in_words(space: str, kind: str, n: int | None, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        MAKERS[space](kind, n)


def test_numpy_integers_are_integers() -> None:
    assert sphere_grid("gauss", np.int64(3)) == sphere_grid("gauss", 3)
