"""Grids of group elements: inside the group, and as exact as they say."""

import math

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from tests.registry import Q8, SU2, close

SPATIAL = [("random", 7), ("fibonacci", 20), ("hopf", 1), ("gauss", 0), ("gauss", 5), ("lebedev", 6)]
GRIDS = [
    *((G, "regular", n) for G in (SO2, O2) for n in (1, 4, 9)),
    *((G, "gauss", n) for G in (SO2, O2) for n in (0, 1, 6)),
    *((G, *row) for G in (SO3, O3) for row in SPATIAL),
    *((G, kind, None) for G in (SO3, O3) for kind in ("tetrahedron", "cube", "icosahedron")),
    *((point_group(name), "gauss", 3) for name in ("Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh")),
    *((point_group(name), "regular", None) for name in ("C1", "C3", "S4", "D3h", "T", "Oh", "Ih")),
    *((G, "regular", None) for G in (cyclic(5), dihedral(4), symmetric(4), Q8, Q8 * cyclic(3))),
    *(
        (G, "gauss", 2)
        for G in (cyclic(5), symmetric(3), cyclic(2) * O2, SO2 * SO2, cyclic(3) * SO3, symmetric(1) * SO2)
    ),
    *((G, "random", 7) for G in (SO2, O2, cyclic(5), point_group("Oh"), point_group("Dinfh"), symmetric(9), SU2)),
    *((G, "random", 5) for G in (cyclic(2) * O2, SU2 * cyclic(2))),
]
each_grid = pytest.mark.parametrize(("group", "kind", "n"), GRIDS, ids=str)


@each_grid
def test_grids_lie_in_the_group(group: CatalogGroup, kind: str, n: int | None) -> None:
    elements, weights = grid = group.grid(kind, n)
    assert elements.shape == (len(grid), group.dim, group.dim)
    assert group.contains(elements).all()
    close(weights.sum(), 1.0)


@each_grid
def test_averages_are_exact_up_to_the_degree(group: CatalogGroup, kind: str, n: int | None) -> None:
    """The averages of all irreps up to the degree vanish, but that of the trivial one."""
    elements, weights = grid = group.grid(kind, n)
    trivial, *others = group.irreps(int(min(grid.degree, group.order, 8)))
    close(weights @ trivial.matrix(elements)[:, 0, 0], 1.0)
    for irrep in others if kind != "random" else ():
        close(np.tensordot(weights, irrep.matrix(elements), 1), np.zeros((irrep.dim, irrep.dim)))


@each_grid
def test_grids_are_values(group: CatalogGroup, kind: str, n: int | None) -> None:
    assert group.grid(kind, n) == group.grid(kind, n, seed=0)
    if kind == "random":
        assert group.grid(kind, n, seed=1) != group.grid(kind, n)
        assert group.grid(kind, n, np.random.default_rng(1)) == group.grid(kind, n, seed=1)


@pytest.mark.parametrize("kind", ["fibonacci", "hopf", "gauss", "lebedev", "tetrahedron"])
def test_a_grid_of_o3_is_one_of_so3_twice(kind: str) -> None:
    n = None if kind == "tetrahedron" else 2
    one, two = SO3.grid(kind, n), O3.grid(kind, n)
    close(two.points, np.concatenate([one.points, -one.points]))
    assert two.degree == one.degree


@pytest.mark.parametrize(
    ("group", "kind", "n", "degree", "size"),
    [
        (SO2, "regular", 5, 4, 5),
        (O2, "regular", 5, 4, 10),
        (O3, "cube", None, 3, 48),
        (O3, "gauss", 4, 4, 150),
        (dihedral(4), "regular", None, math.inf, 8),
        (SO3, "random", 6, 0, 6),
    ],
    ids=str,
)
def test_sizes_and_degrees(group: CatalogGroup, kind: str, n: int | None, degree: float, size: int) -> None:
    grid = group.grid(kind, n)
    assert (len(grid), grid.degree) == (size, degree)


@pytest.mark.parametrize(
    ("group", "kind", "n", "said"),
    [
        (cyclic(4), "spiral", 3, r"C4 has no grid of the kind 'spiral'\. Its kinds are random, regular, gauss\."),
        (SO2, "cube", None, r"SO\(2\) has no grid of the kind 'cube'\. Its kinds are random, regular, gauss\."),
        (point_group("Cinfv"), "regular", 4, r"'regular'\. Its kinds are random, gauss\."),
        (SU2, "gauss", 4, r"SU\(2\) has no grid of the kind 'gauss'\. Its kinds are random\."),
        (SO3, "regular", None, "no rotation grid of the kind 'regular'. The kinds are random, fibonacci"),
        (SO3, "cube", 4, "has its own number of points: leave n = 4 out"),
        (cyclic(4), "regular", 7, "all its elements: leave n = 7 out"),
        (O2, "regular", None, "takes the number of points, an integer n from 1 on, but got none"),
        (O3, "random", 0, "from 1 on, but got n = 0"),
        (O2, "gauss", -1, "from 0 on, but got n = -1"),
        (cyclic(2) * O2, "gauss", True, "but got n = True"),
    ],
    ids=str,
)
def test_mistakes_are_explained(group: CatalogGroup, kind: str, n: int | None, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        group.grid(kind, n)
