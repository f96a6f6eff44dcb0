"""The laws and the numbers of Clebsch–Gordan coefficients."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.reps import clebsch_gordan
from intertwine.reps.clebsch_gordan import wigner_3j
from tests.registry import average, close, each_group, groups, irreps, seeds, some
from tests.reps.reference import REFERENCE

TRIPLES = [tuple(map(int, key.split("_")[2:])) for key in REFERENCE if key.startswith("wigner_3j")]


@each_group
def test_all_paths_are_there(group: CatalogGroup) -> None:
    """Their number is the mean of the three characters: no path is missing, none is counted twice."""
    for a, b in product(group.irreps(2), repeat=2):
        degree = 2 * (a.degree + b.degree)
        g, _ = group.quadrature(degree)
        pair = a.character(g) * b.character(g)
        dims = 0
        for c in group.irreps(a.degree + b.degree):
            table = clebsch_gordan(a, b, c)
            assert table.shape[1:] == (a.dim, b.dim, c.dim)
            close(len(table), average(group, degree, pair * c.character(g)), 1e-9)
            dims += len(table) * c.dim // len(c.endomorphisms)
        assert dims == a.dim * b.dim


@given(st.data(), seeds)
def test_paths_are_equivariant_and_orthonormal(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    a, b = data.draw(irreps(G)), data.draw(irreps(G))
    g = some(G, seed)
    for c in G.irreps(a.degree + b.degree):
        table = clebsch_gordan(a, b, c)
        moved = np.einsum("nijk,gia,gjb,gkc->gnabc", table, a.matrix(g), b.matrix(g), c.matrix(g), optimize=True)
        close(moved, np.broadcast_to(table, moved.shape))
        close(np.einsum("nijk,mijk->nm", table, table), np.eye(len(table)))


def test_products_with_a_meaning() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 3))
    vector = O3.irrep("1o")
    (dot,), (cross,) = (clebsch_gordan(vector, vector, O3.irrep(label)) for label in ("0e", "1e"))
    close(np.einsum("ijk,i,j->k", dot, x, y), [x @ y / np.sqrt(3)])
    close(np.einsum("ijk,i,j->k", cross, x, y), np.cross(x, y) / np.sqrt(6))
    (stretch,) = clebsch_gordan(SO3.irrep("1"), SO3.irrep("1"), SO3.irrep("2"))
    close(np.einsum("ijk,i,j->k", stretch, x, y), np.einsum("ijk,i,j->k", stretch, y, x))
    u, v = x[:2], y[:2]
    plane = O2.irrep("1")
    (dot,), (area,), (square,) = (clebsch_gordan(plane, plane, O2.irrep(label)) for label in ("0e", "0o", "2"))
    close(abs(np.einsum("ijk,i,j->k", dot, u, v)), [abs(u @ v) / np.sqrt(2)])
    close(abs(np.einsum("ijk,i,j->k", area, u, v)), [abs(u[0] * v[1] - u[1] * v[0]) / np.sqrt(2)])
    z = complex(*u) * complex(*v)
    close(np.einsum("ijk,i,j->k", square, u, v), np.array([z.real, z.imag]) / 2)


def test_trivial_products_scale() -> None:
    for G in (SO2, O2, SO3, O3, group("Dinfh")):
        for irrep in G.irreps(2):
            close(clebsch_gordan(G.irreps(0)[0], irrep, irrep)[0], np.eye(irrep.dim)[None] / np.sqrt(irrep.dim))


@pytest.mark.parametrize(
    ("degrees", "place", "value"),
    [
        ((1, 1, 2), (0, 0, 2), -0.182574),
        ((1, 1, 2), (0, 0, 4), -0.316228),
        ((1, 1, 2), (0, 1, 1), +0.316228),
        ((1, 2, 2), (0, 0, 1), -0.182574),
        ((2, 2, 2), (0, 0, 2), -0.239046),
        ((1, 2, 3), (0, 0, 4), -0.069007),
        ((2, 2, 3), (0, 1, 0), +0.188982),
        ((2, 2, 4), (0, 0, 4), +0.039841),
    ],
)
def test_golden_numbers(degrees: tuple[int, ...], place: tuple[int, ...], value: float) -> None:
    assert wigner_3j(*degrees)[place] == pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize("degrees", TRIPLES, ids=str)
def test_they_are_those_of_e3nn(degrees: tuple[int, int, int]) -> None:
    expected = REFERENCE["wigner_3j_{}_{}_{}".format(*degrees)]
    close(wigner_3j(*degrees), expected)
    (table,) = clebsch_gordan(*(SO3.irrep(str(degree)) for degree in degrees))
    close(table, expected)
    (table,) = clebsch_gordan(*(O3.irrep(f"{l}{'eo'[p]}") for l, p in zip(degrees, (1, 0, 1), strict=True)))
    close(table, expected)


@pytest.mark.parametrize(
    "degrees", [(1, 1, 1), (1, 2, 2), (1, 2, 3), (2, 2, 3), (3, 3, 3), (2, 3, 5), (4, 6, 7)], ids=str
)
def test_permutations(degrees: tuple[int, int, int]) -> None:
    """A cyclic exchange permutes the axes; an odd one multiplies by (−1)^(l1 + l2 + l3) as well."""
    a, b, c = degrees
    table, sign = wigner_3j(a, b, c), (-1) ** (a + b + c)
    close(wigner_3j(b, c, a), table.transpose(1, 2, 0))
    close(wigner_3j(c, a, b), table.transpose(2, 0, 1))
    close(wigner_3j(b, a, c), sign * table.transpose(1, 0, 2))
    close(wigner_3j(a, c, b), sign * table.transpose(0, 2, 1))


def test_closed_forms() -> None:
    for degree in range(9):
        close(wigner_3j(degree, degree, 0)[..., 0], np.eye(2 * degree + 1) / np.sqrt(2 * degree + 1))
    epsilon = np.zeros((3, 3, 3))
    epsilon[[0, 1, 2], [1, 2, 0], [2, 0, 1]], epsilon[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = 1, -1
    close(wigner_3j(1, 1, 1), epsilon / np.sqrt(6))
    assert not wigner_3j(1, 1, 3).any()


@pytest.mark.parametrize("degrees", [(12, 12, 12), (20, 13, 8), (30, 30, 1)], ids=str)
def test_high_degrees_are_exact(degrees: tuple[int, int, int]) -> None:
    g = SO3.sample(1, 0)[0]
    matrices = [SO3.irrep(str(degree)).matrix(g) for degree in degrees]
    table = wigner_3j(*degrees)
    moved = np.einsum("ijk,ia,jb,kc->abc", table, *matrices, optimize=True)
    close(moved, table)
    close(np.sum(table * table), 1.0)


def test_results_are_shared_and_read_only() -> None:
    a = O3.irrep("1o")
    table = clebsch_gordan(a, a, O3.irrep("2e"))
    assert clebsch_gordan(O3.irrep("1o"), a, O3.irrep("2e")) is table
    for array in (table, wigner_3j(1, 1, 2), clebsch_gordan(*[cyclic(4).irrep("1")] * 2, cyclic(4).irrep("2"))):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_irreps_are_asked_for() -> None:
    a = O3.irrep("1o")
    for wrong in ("1o", O3.rep("1x1o"), O3):
        with pytest.raises(ArgumentError, match=r"takes three irreps, but got .*\. Call group\.irrep\(label\)"):
            clebsch_gordan(a, wrong, a)


def test_groups_are_not_mixed() -> None:
    with pytest.raises(RepMismatchError, match=r"irreps of O\(3\), SO\(3\) and O\(3\)\. Call rep\.restrict"):
        clebsch_gordan(O3.irrep("1o"), SO3.irrep("1"), O3.irrep("0e"))
