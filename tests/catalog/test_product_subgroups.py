"""Subgroups of direct products."""

import copy
import pickle

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, cyclic, dihedral, symmetric
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Subgroup
from tests.registry import close, evaluate, some

CYLINDER = cyclic(2) * O2
SUBGROUPS = [
    *(CYLINDER.subgroup(name) for name in ("C1×O(2)", "C2×SO(2)", "C2×D4")),
    (SO3 * SO3).subgroup("diagonal"),
    (O2 * O2).subgroup("diagonal"),
    (O2 * cyclic(2)).subgroup("D3×C2"),
    (dihedral(3) * dihedral(4)).subgroup("C3×D4"),
    *(dihedral(3) * cyclic(4)).subgroups(),
    *(symmetric(3) * cyclic(2)).subgroups(),
]


@pytest.mark.parametrize("subgroup", SUBGROUPS, ids=str)
def test_it_is_a_subgroup(subgroup: Subgroup) -> None:
    """The embedding is a faithful homomorphism into the product, and elements are told from others."""
    h = some(subgroup.group)
    inside = subgroup.embed(h)
    assert subgroup.parent.contains(inside).all()
    assert subgroup.contains(inside).all()
    close(inside[:, None] @ inside, subgroup.embed(h[:, None] @ h))
    distances, moved = (np.abs(x[:, None] - x).max((-1, -2)) for x in (h, inside))
    assert ((moved > 1e-6) == (distances > 1e-6)).all()
    if subgroup.parent.is_finite:
        assert subgroup.contains(subgroup.parent.elements()).sum() == subgroup.group.order


@pytest.mark.parametrize("subgroup", SUBGROUPS, ids=str)
def test_restriction_keeps_the_matrices(subgroup: Subgroup) -> None:
    rep = subgroup.parent.rep(" + ".join(subgroup.parent.labels(1)))
    h = some(subgroup.group)
    close(rep.restrict(subgroup).matrix(h), rep.matrix(subgroup.embed(h)))


@pytest.mark.parametrize("subgroup", SUBGROUPS, ids=str)
def test_they_are_values(subgroup: Subgroup) -> None:
    assert evaluate(subgroup) == copy.deepcopy(subgroup) == pickle.loads(pickle.dumps(subgroup)) == subgroup
    assert subgroup.describe().startswith(f"{subgroup.name} is a subgroup of {subgroup.parent}")


def test_the_diagonal_turns_pairs_into_tensor_products() -> None:
    """(σ, τ) restricted to the diagonal of G × G is σ ⊗ τ: Clebsch and Gordan."""
    pairs, diagonal = (O3 * O3).rep("1x(1o,2e)"), (O3 * O3).subgroup("diagonal")
    assert pairs.restrict(diagonal).irreps == (O3.rep("1x1o") * O3.rep("1x2e")).irreps


def test_all_subgroups_of_finite_products_are_found() -> None:
    """C2 × C2 has 5, S3 × C2 = D6 has 10 classes, C2 × C2 × C2 has 16."""
    assert len((cyclic(2) * cyclic(2)).subgroups()) == 5
    assert len((symmetric(3) * cyclic(2)).subgroups()) == 10 == len(dihedral(6).subgroups())
    assert len((cyclic(2) * cyclic(2) * cyclic(2)).subgroups()) == 16


def test_the_listed_ones_of_a_continuous_product() -> None:
    names = [subgroup.name for subgroup in CYLINDER.subgroups(2)]
    assert len(names) == len(set(names))
    assert {"C2×O(2)", "C1×SO(2)", "C2×D2"} <= set(names)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: CYLINDER.subgroup("nonsense"), LabelError, "Names are 'A×B' with subgroups of C2 and of"),
        (lambda: CYLINDER.subgroup("C3×O(2)"), LabelError, "C2 has no subgroup called 'C3'"),
        (lambda: CYLINDER.subgroup("diagonal"), LabelError, "has no diagonal: its factors differ"),
        (lambda: CYLINDER.subgroup("C2×O(2)", axis=(0, 0, 1)), ArgumentError, "no axis and no mirror"),
        (lambda: (O2 * O2).lattice(), ArgumentError, "is not known"),
    ],
)
def test_mistakes_are_explained(call: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
