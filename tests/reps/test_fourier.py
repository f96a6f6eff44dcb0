"""Sampled functions: rotations of the grid permute the samples, and nothing is lost on the way back."""

from collections.abc import Callable

import numpy as np
import pytest

from intertwine.catalog import O2, SO2, SO3, cyclic, dihedral
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import FourierGrid, circle_grid, circular_harmonics, group_grid
from tests.registry import close

Make = Callable[[CatalogGroup, int, int], FourierGrid]

SPACES = [(SO2, circle_grid), (O2, circle_grid), (SO2, group_grid), (O2, group_grid)]
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
    assert circle_grid(SO2, 3, 8).rep == SO2.harmonics(3) == group_grid(SO2, 3, 8).rep
    assert circle_grid(O2, 3, 8).rep == O2.harmonics(3)
    assert str(group_grid(O2, 3, 8).rep) == "1x0e + 1x0o + 2x1 + 2x2 + 2x3"
    assert str(group_grid(O2, 0, 1).rep) == "1x0e + 1x0o"


def test_values_at_the_points_in_closed_form() -> None:
    x = np.random.default_rng(0).normal(size=5)
    angle = 2 * np.pi * np.arange(6) / 6
    for G in (SO2, O2):
        values = circle_grid(G, 2, 6).synthesis @ x
        a, c1, s1, c2, s2 = x / np.sqrt(5)
        waves = c1 * np.cos(angle) + s1 * np.sin(angle) + c2 * np.cos(2 * angle) + s2 * np.sin(2 * angle)
        close(values, a + np.sqrt(2) * waves)
        points = circle_grid(G, 2, 6).elements @ [1.0, 0.0]
        close(values, circular_harmonics(range(3), points) @ x / np.sqrt(5))


def test_functions_on_the_group_in_closed_form() -> None:
    grid = group_grid(O2, 1, 4)
    x = np.random.default_rng(0).normal(size=6)
    scalar, sign, block = x[0], x[1], x[2:].reshape(2, 2)  # (component, copy)
    values = [scalar + np.linalg.det(g) * sign + np.sqrt(2) * np.sum(g * block) for g in grid.elements]
    close(grid.synthesis @ x, np.array(values) / np.sqrt(6))


def test_grids_are_values() -> None:
    assert circle_grid(O2, 2, 8) == circle_grid(O2, 2, 8)
    assert hash(group_grid(O2, 2, 8)) == hash(group_grid(O2, 2, 8))
    assert circle_grid(O2, 2, 8) != circle_grid(O2, 2, 9)
    assert circle_grid(O2, 2, 8) != circle_grid(SO2, 2, 8)


@pytest.mark.parametrize("make", [circle_grid, group_grid])
def test_mistakes_are_explained(make: Make) -> None:
    with pytest.raises(ArgumentError, match="degree 3 need at least 7 samples, but got samples = 6"):
        make(O2, 3, 6)
    with pytest.raises(ArgumentError, match="integer from 0 on, but got -1"):
        make(SO2, -1, 6)
    for group in (cyclic(4), SO3):
        with pytest.raises(ArgumentError, match=r"sampled for SO\(2\) and O\(2\), but got the group (C4|SO\(3\))"):
            make(group, 1, 6)
