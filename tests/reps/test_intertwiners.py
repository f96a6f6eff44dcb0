"""The laws of intertwiners: they commute, are orthonormal, and there are no others."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.reps import Rep, intertwiners
from tests.registry import REPS, average, close, each_finite_group, groups, reps, seeds, some

PAIRS = [(a, b) for a, b in pairwise(REPS) if a.group == b.group]


def check(rep_in: Rep, rep_out: Rep, seed: int) -> None:
    group, basis = rep_in.group, intertwiners(rep_in, rep_out)
    assert basis.shape[1:] == (rep_out.dim, rep_in.dim)
    for g in some(group, seed):
        close(basis @ rep_in.matrix(g), rep_out.matrix(g) @ basis)
    close(np.einsum("aij,bij->ab", basis, basis), np.eye(len(basis)))
    degree = rep_in.degree + rep_out.degree
    g, _ = group.quadrature(degree)
    close(len(basis), average(group, degree, rep_in.character(g) * rep_out.character(g)), 1e-9)


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=lambda rep: f"{rep.group}:{rep}".replace(" ", "").replace("⊗", "*"))
def test_intertwiners_of_the_registry(a: Rep, b: Rep) -> None:
    check(a, b, seed=0)
    check(b, a, seed=1)


@given(st.data(), seeds)
def test_intertwiners_of_random_reps(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    check(data.draw(reps(G)), data.draw(reps(G)), seed)


@pytest.mark.parametrize(
    ("group", "a", "b", "count"),
    [
        (O3, "4x0e + 2x1o", "3x0e + 5x1o + 7x2e", 4 * 3 + 2 * 5),
        (O3, "1x1o", "1x1e", 0),
        (SO3, "2x1", "3x1", 6),
        (SO2, "2x0 + 2x1", "3x0 + 3x1", 6 + 12),
        (O2, "2x0e + 2x1", "3x0e + 3x1", 6 + 6),
        (cyclic(4), "1x2 + 1x1", "1x2 + 1x1", 1 + 2),
        (O3, "", "1x0e", 0),
    ],
)
def test_counts_in_closed_form(group: object, a: str, b: str, count: int) -> None:
    assert len(intertwiners(group.rep(a), group.rep(b))) == count


@each_finite_group
def test_maps_from_the_regular_rep(group: object) -> None:
    """Frobenius reciprocity from the trivial subgroup: dim Hom(regular, σ) = dim σ."""
    for irrep in group.irreps(99):
        assert len(intertwiners(group.regular, irrep)) == len(intertwiners(irrep, group.regular)) == irrep.dim
    assert len(intertwiners(group.regular, group.regular)) == group.order


def test_irreps_are_reps_of_one_copy() -> None:
    close(intertwiners(O3.irrep("1o"), O3.rep("1x1o")), np.eye(3)[None] / np.sqrt(3))
    (map_,) = intertwiners(dihedral(3).regular, dihedral(3).irrep("0e"))
    close(map_, np.full((1, 6), 1 / np.sqrt(6)))  # the mean


def test_mistakes_are_explained() -> None:
    with pytest.raises(RepMismatchError, match=r"reps of O\(3\) and SO\(3\)\. Call rep\.restrict"):
        intertwiners(O3.rep("1x1o"), SO3.rep("1x1"))
    with pytest.raises(ArgumentError, match="A rep was expected, but got '1x1o'"):
        intertwiners("1x1o", O3.rep("1x1o"))
