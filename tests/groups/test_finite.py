"""Lists of elements and multiplication tables, against the definitions."""

import numpy as np
import pytest

from intertwine._arrays import Table
from intertwine.catalog import dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups.finite import FiniteTable, closure
from tests.registry import Q8, close

each_small_group = pytest.mark.parametrize(
    "group", [dihedral(1), dihedral(5), symmetric(4), point_group("D3h"), point_group("T"), Q8], ids=str
)


@each_small_group
def test_the_multiplication_table(group: CatalogGroup) -> None:
    table = FiniteTable(Table(group.elements()))
    g = table.elements
    close(g[table.products], g[:, None] @ g)
    close(g[table.inverses], g.swapaxes(-1, -2))
    close(g[table.conjugates], g[:, None] @ g @ g[:, None].swapaxes(-1, -2))
    np.testing.assert_array_equal(table.index(g), np.arange(len(g)))
    for a, order in zip(g, table.orders, strict=True):
        powers = [np.abs(np.linalg.matrix_power(a, k) - np.eye(len(a))).max() < 1e-9 for k in range(1, order + 1)]
        assert powers.index(True) == order - 1
    assert sorted(np.concatenate(table.classes).tolist()) == [*range(len(g))]
    assert len(table.classes) >= len(group.irreps(99))  # as many for real types, more where classes are not ambivalent


@each_small_group
def test_a_group_is_what_its_generators_generate(group: CatalogGroup) -> None:
    table = group.table
    found = closure(group.generators)
    assert len(found) == group.order
    close(found[0], np.eye(group.dim))
    everything = np.arange(len(table))
    few = table.few_generators(everything)
    np.testing.assert_array_equal(table.generated(few), everything)
    assert len(few) <= 3


@each_small_group
def test_distances(group: CatalogGroup) -> None:
    g, table = group.elements(), group.table
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, g.shape)
    close(table.distance(g + noise), np.abs(noise).max((-1, -2)))
    close(table.distance(g[:0]), np.zeros(0))
    close(table.distance(2 * g[0]), 1.0)
    assert np.isnan(table.distance(np.full_like(g, np.nan))).all()


def test_known_classes() -> None:
    assert [len(c) for c in dihedral(4).table.classes] == [1, 2, 1, 2, 2]
    assert sorted(len(c) for c in point_group("I").table.classes) == [1, 12, 12, 15, 20]
    assert sorted(len(c) for c in symmetric(4).table.classes) == [1, 3, 6, 6, 8]


def test_groups_that_are_large_or_no_groups() -> None:
    assert len(closure(np.eye(6)[[[1, 2, 3, 4, 5, 0], [1, 0, 2, 3, 4, 5]]])) == 720
    assert len(closure(np.zeros((0, 3, 3)))) == 1
    with pytest.raises(ArgumentError, match="generate more than 100 elements, or infinitely many"):
        closure(symmetric(5).generators, largest=100)
