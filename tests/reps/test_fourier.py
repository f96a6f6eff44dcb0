"""Sampled functions: rotations of the grid permute the samples, and nothing is lost on the way back."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import (
    FourierGrid,
    HomogeneousSpace,
    circular_harmonics,
    direction_grid,
    group_grid,
    space_grid,
    spherical_harmonics,
)
from tests.registry import close

Make = Callable[[CatalogGroup, int, int], FourierGrid]

SPACES = [(SO2, direction_grid), (O2, direction_grid), (SO2, group_grid), (O2, group_grid)]
each_space = pytest.mark.parametrize(("group", "make"), SPACES, ids=lambda x: getattr(x, "__name__", str(x)))
sizes = pytest.mark.parametrize(("degree", "samples"), [(0, 1), (0, 4), (1, 3), (2, 5), (2, 8), (3, 7), (5, 16)])


def random_features(grid: FourierGrid, count: int = 4000) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(grid.rep.dim, count))


@each_space
@sizes
def test_analysis_inverts_synthesis(group: CatalogGroup, make: Make, degree: int, samples: int) -> None:
    grid = make(group, degree, samples)
    assert grid.synthesis.shape == (len(grid.elements), grid.rep.dim) == grid.analysis.T.shape
    assert len(grid.elements) in (samples, 2 * samples)
    close(grid.analysis @ grid.synthesis, np.eye(grid.rep.dim))


@each_space
@sizes
def test_the_grid_permutes_the_samples(group: CatalogGroup, make: Make, degree: int, samples: int) -> None:
    """`S ρ(g) = P S`, where (P f)(p) = f(g⁻¹ p) permutes the points, for every g that maps the grid to itself."""
    grid = make(group, degree, samples)
    symmetries = (dihedral if group == O2 else cyclic)(samples).elements()
    # A point of the circle is the first column of an element that stands for it, a point of the group all of it.
    flat = grid.elements[:, :, :1] if len(grid.elements) == samples else grid.elements
    for g in symmetries:
        source = np.array([np.abs(flat - g.T @ p).max((-1, -2)).argmin() for p in flat])
        assert sorted(source) == [*range(len(flat))]
        close(grid.synthesis @ grid.rep.matrix(g), grid.synthesis[source])
        close(grid.rep.matrix(g) @ grid.analysis, grid.analysis[:, np.argsort(source)])


@each_space
@sizes
def test_the_mean_square_is_kept(group: CatalogGroup, make: Make, degree: int, samples: int) -> None:
    grid = make(group, degree, samples)
    x = random_features(grid)
    f = grid.synthesis @ x
    close((f**2).mean(0), (x**2).mean(0))
    close((grid.synthesis**2).sum(1), 1.0)  # so unit variance gives unit variance at each point
    assert abs(f.var(1) - 1).max() < 0.15


@each_space
def test_a_pointwise_function_commutes_with_the_grid(group: CatalogGroup, make: Make) -> None:
    """What the tables are for: activations through samples, to another degree too."""
    inner, outer = make(group, 2, 9), make(group, 4, 9)
    x = random_features(inner, 6)
    for g in (dihedral if group == O2 else cyclic)(9).elements():
        after = outer.analysis @ np.tanh(inner.synthesis @ (inner.rep.matrix(g) @ x))
        close(after, outer.rep.matrix(g) @ outer.analysis @ np.tanh(inner.synthesis @ x))


@each_space
def test_grids_of_two_degrees_share_what_they_can(group: CatalogGroup, make: Make) -> None:
    coarse, fine = make(group, 1, 8), make(group, 3, 8)
    n, m = coarse.rep.dim, fine.rep.dim
    close(fine.analysis @ coarse.synthesis, np.eye(m, n) * np.sqrt(m / n))
    close(coarse.analysis @ fine.synthesis, np.eye(n, m) * np.sqrt(n / m))


def test_the_reps() -> None:
    assert direction_grid(SO2, 3, 8).rep == SO2.harmonics(3) == group_grid(SO2, 3, 8).rep
    assert direction_grid(O2, 3, 8).rep == O2.harmonics(3)
    assert str(group_grid(O2, 3, 8).rep) == "1x0e + 1x0o + 2x1 + 2x2 + 2x3"
    assert str(group_grid(O2, 0, 1).rep) == "1x0e + 1x0o"


def test_values_at_the_points_in_closed_form() -> None:
    x = np.random.default_rng(0).normal(size=5)
    angle = 2 * np.pi * np.arange(6) / 6
    for G in (SO2, O2):
        values = direction_grid(G, 2, 6).synthesis @ x
        a, c1, s1, c2, s2 = x / np.sqrt(5)
        waves = c1 * np.cos(angle) + s1 * np.sin(angle) + c2 * np.cos(2 * angle) + s2 * np.sin(2 * angle)
        close(values, a + np.sqrt(2) * waves)
        points = direction_grid(G, 2, 6).elements @ [1.0, 0.0]
        close(values, circular_harmonics(range(3), points) @ x / np.sqrt(5))


def test_functions_on_the_group_in_closed_form() -> None:
    grid = group_grid(O2, 1, 4)
    x = np.random.default_rng(0).normal(size=6)
    scalar, sign, block = x[0], x[1], x[2:].reshape(2, 2)  # (component, copy)
    values = [scalar + np.linalg.det(g) * sign + np.sqrt(2) * np.sum(g * block) for g in grid.elements]
    close(grid.synthesis @ x, np.array(values) / np.sqrt(6))


def test_grids_are_values() -> None:
    assert direction_grid(O2, 2, 8) == direction_grid(O2, 2, 8)
    assert hash(group_grid(O2, 2, 8)) == hash(group_grid(O2, 2, 8))
    assert direction_grid(O2, 2, 8) != direction_grid(O2, 2, 9)
    assert direction_grid(O2, 2, 8) != direction_grid(SO2, 2, 8)


@pytest.mark.parametrize("make", [direction_grid, group_grid])
def test_mistakes_are_explained(make: Make) -> None:
    with pytest.raises(ArgumentError, match="degree 3 need at least 7 samples, but got samples = 6"):
        make(O2, 3, 6)
    with pytest.raises(ArgumentError, match="integer from 0 on, but got -1"):
        make(SO2, -1, 6)
    for group in (cyclic(4), point_group("O")):
        if make is direction_grid:
            with pytest.raises(
                ArgumentError, match=rf"sampled for SO\(2\), .*, but got the group {re.escape(str(group))}"
            ):
                make(group, 1, 6)


GROUPS = [SO2, O2, SO3, O3, cyclic(5), dihedral(4), point_group("O"), cyclic(3) * SO2]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_functions_on_every_group(group: CatalogGroup) -> None:
    """Nothing is lost, and elements move functions as they move features."""
    grid = group_grid(group, 1, 3)
    close(grid.weights.array.sum(), 1.0)
    close(grid.analysis @ grid.synthesis, np.eye(grid.rep.dim))
    close((grid.synthesis**2).sum(1), 1.0)
    x = random_features(grid, 3)
    for g in group.sample(3):
        inverse = np.linalg.inv(g) @ grid.elements
        direct = _at(grid, inverse) @ x
        close(grid.synthesis @ (grid.rep.matrix(g) @ x), direct)


def _at(grid: FourierGrid, elements: np.ndarray) -> np.ndarray:
    """The values of the basis functions at other elements, from those at the grid: they are band-limited."""
    known = grid.rep.matrix(np.linalg.inv(elements))
    first = np.linalg.inv(grid.elements[0])
    start = grid.synthesis[0] @ grid.rep.matrix(first[None])[0].T  # at the neutral element
    return np.einsum("j,pjk->pk", start, known)


@pytest.mark.parametrize("group", [SO3, O3], ids=str)
def test_functions_on_the_sphere(group: CatalogGroup) -> None:
    """Harmonics at the points, each once, and the same functions as those on a quotient by turns about an axis."""
    grid = direction_grid(group, 3, 8)
    assert grid.rep == group.harmonics(3)
    assert len(grid.elements) == 8 * 4
    close(grid.analysis @ grid.synthesis, np.eye(16))
    points = grid.elements[:, :, 2]
    close(grid.synthesis, spherical_harmonics(range(4), points) / 4)
    stabiliser = group.subgroup("Cinf" if group == SO3 else "Cinfv")
    trivial = stabiliser.group.rep(f"1x{stabiliser.group.trivial}")
    other = space_grid(HomogeneousSpace(stabiliser, trivial), 3, 8)
    assert other.rep == grid.rep
    close(other.elements[:, :, 2], points)
    close(other.synthesis @ other.analysis, grid.synthesis @ grid.analysis)
    with pytest.raises(ArgumentError, match="trivial irrep as fibre"):
        space_grid(HomogeneousSpace(stabiliser, 2 * trivial), 3, 8)
