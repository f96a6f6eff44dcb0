"""All group elements that take one vector to another: complete, exact, and sound for noisy and for special vectors."""

import numpy as np
import pytest
from hypothesis import given

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.symmetry.inputs.alignment import alignments, isotropy, nearest_elements, still
from intertwine.symmetry.inputs.greedy_closure import growing_groups, largest_among
from tests.registry import close, seeds
from tests.symmetry.posed import EVERYTHING, posed_vector, unit

GROUPS = [SO2, O2, SO3, O3, cyclic(6), dihedral(5), point_group("Oh"), point_group("S4"), symmetric(4)]
each_group = pytest.mark.parametrize("group", GROUPS, ids=str)


def some_rep(group: CatalogGroup):
    return group.regular if group.is_finite else group.rep(" + ".join(f"1x{label}" for label in group.labels(3)))


@each_group
@given(seed=seeds)
def test_a_moved_vector_is_moved_back(group: CatalogGroup, seed: int) -> None:
    """A generic vector of a faithful rep with trivial stabiliser: just the one element."""
    rng, rep = np.random.default_rng(seed), some_rep(group)
    rep = rep + rep
    a, g = rng.normal(size=rep.dim), group.sample(1, rng)[0]
    found = alignments(a, rep.evaluate(g[None])[0] @ a, rep)
    assert len(found.elements) == 1
    assert len(found.lie) == 0
    close(found.elements[0], g, 1e-9)
    assert found.residuals.max() < 1e-12


@pytest.mark.parametrize("name", ["C4", "C3v", "S4", "D3", "D2d", "Td", "O", "Ih"])
def test_all_alignments_are_a_coset(name: str) -> None:
    """Of a symmetric vector and its image: g times the stabiliser."""
    v, h = posed_vector(name, 3)
    g = O3.sample(1, 11)[0]
    found = alignments(v, EVERYTHING.evaluate(g[None])[0] @ v, EVERYTHING)
    assert len(found.elements) == len(h)
    assert np.abs((g @ h)[:, None] - found.elements).max((-1, -2)).min(1).max() < 1e-9


def test_noise() -> None:
    v, h = posed_vector("D4h", 3)
    g = O3.sample(1, 11)[0]
    w = EVERYTHING.evaluate(g[None])[0] @ v + 1e-2 * unit(np.random.default_rng(0), EVERYTHING.dim)
    found = alignments(v, w, EVERYTHING, tolerance=5e-2)
    assert len(found.elements) == 16
    assert np.abs((g @ h)[:, None] - found.elements).max((-1, -2)).min(1).max() < 2e-2
    assert len(alignments(v, w, EVERYTHING, tolerance=1e-3).elements) == 0


def test_families() -> None:
    """Of continuous families one element of each connected piece, and the Lie algebra that sweeps them out."""
    z, x = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    found = alignments(z, x, O3.rep("1x1o"))
    assert len(found.elements) == 2  # rotations, and mirrors: each times the turns about z
    assert sorted(np.linalg.det(found.elements).round()) == [-1, 1]
    close(found.elements @ z, np.tile(x, (2, 1)), 1e-12)
    close(np.abs(found.lie), np.abs(O3.lie_generators[2:]), 1e-12)
    nothing = alignments(np.zeros(3), np.zeros(3), O3.rep("1x1o"))
    assert (len(nothing.elements), len(nothing.lie)) == (2, 3)
    assert len(alignments(z, 2 * z, O3.rep("1x1o")).elements) == 0
    assert len(alignments(np.zeros(2), np.zeros(2), O2.rep("1x1")).elements) == 2


@given(seed=seeds)
def test_mirrors_of_the_plane(seed: int) -> None:
    """Small components of a low frequency do not spoil the angle that large ones of a high frequency show."""
    rng = np.random.default_rng(seed)
    g, rep = O2.sample(1, rng)[0], O2.rep("1x1 + 1x4 + 1x5")
    a = np.concatenate([[0.02, 0.01], [1.0, 0.0], [0.3, 0.8]])
    b = rep.evaluate(g[None])[0] @ a + 4e-3 * unit(rng, 6)
    found = alignments(a, b, rep, tolerance=2e-2)
    assert np.abs(found.elements - g).max((-1, -2)).min() < 5e-3


def test_still() -> None:
    """The Lie algebra that keeps a vector; never of two dimensions in space, even with a large tolerance."""
    rng = np.random.default_rng(0)
    assert len(still(rng.normal(size=5), O3.rep("1x2e"), 1e-6)) == 0
    for _ in range(200):
        rep = SO3.rep("1x0 + 1x1 + 1x2")
        v = np.concatenate([[1.0], 10 ** rng.uniform(-3, 0) * rng.normal(size=8)])
        v /= np.linalg.norm(v)
        assert len(still(v, rep, 0.1)) in (0, 1, 3)
    assert still(np.ones(2), dihedral(4).rep("1x1"), 1e-6).shape == (0, 2, 2)


def test_isotropy_is_a_group() -> None:
    """Elements within the tolerance need not be a group; the ones that it returns are."""
    rng = np.random.default_rng(4)
    for name in ("C5", "D6h", "O"):
        v, _ = posed_vector(name, 1)
        for size in (0.01, 0.03, 0.06, 0.1):
            noisy = v + size * unit(rng, EVERYTHING.dim)
            found = isotropy(noisy, EVERYTHING, tolerance=5e-2)
            products = np.einsum("aij,bjk->abik", found.elements, found.elements).reshape(-1, 1, 3, 3)
            assert np.abs(products - found.elements).max((-1, -2)).min(1).max() < 0.2


def test_nearest_elements() -> None:
    """The best one is among them, however far it is."""
    rep = O3.rep("1x1o + 1x2e + 1x3o")
    g = O3.sample(1, 5)[0]
    a = unit(np.random.default_rng(0), rep.dim)
    found = nearest_elements(a, 3 * rep.evaluate(g[None])[0] @ a, rep)
    assert np.abs(found - g).max((-1, -2)).min() < 1e-6
    assert len(nearest_elements(np.ones(2), np.ones(2), dihedral(4).rep("1x1"))) == 8


def test_other_groups_are_refused() -> None:
    for group in (point_group("Cinfv"), cyclic(2) * O2):
        with pytest.raises(ArgumentError, match=r"Restrict the rep to one of these\."):
            alignments(np.ones(group.defining.dim), np.ones(group.defining.dim), group.defining)


# groups out of elements -----------------------------------------------------------------------------------------------


def test_growing_groups() -> None:
    """Numbers modulo 12, of which those that are no multiple of 3 are no symmetries: the rest comes one by one."""
    off = [0.0, 9, 9, 3, 9, 9, 1, 9, 9, 3, 9, 9]
    found = growing_groups(off, off, lambda i, j: (i + j) % 12, 4.0)
    assert [(least, sorted(members)) for least, members in found] == [(0, [0]), (1, [0, 6]), (3, [0, 3, 6, 9])]
    assert len(growing_groups(off, off, lambda i, j: (i + j) % 12, 2.0)) == 2


def test_largest_among() -> None:
    """The surest elements lead: of two subgroups the one with the smaller residuals; products may be twice as far."""
    g = dihedral(4).elements()
    residuals = np.full(8, 9.0)
    residuals[[0, 2]] = 0.0, 0.1  # the identity, the half-turn
    residuals[1] = residuals[3] = 1.5  # quarter-turns
    assert largest_among(g, residuals, 1.0).tolist() == [0, 2]
    assert largest_among(g, residuals, 1.6).tolist() == [0, 1, 2, 3]
    residuals[4], residuals[6] = 0.9, 1.9  # a mirror within the tolerance, and the one that it makes with the half-turn
    assert largest_among(g, residuals, 1.0).tolist() == [0, 2, 4, 6]
    residuals[6] = 2.1
    assert largest_among(g, residuals, 1.0).tolist() == [0, 2]
