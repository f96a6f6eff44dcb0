"""The symmetries that one tensor can have."""

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, dihedral, group, matrix_group
from intertwine.errors import ArgumentError
from intertwine.symmetry import isotropy_subgroups, stabiliser
from tests.symmetry.posed import TENSORS


@pytest.mark.parametrize("label", TENSORS)
def test_the_table_of_tensors(label: str) -> None:
    assert {H.name for H in isotropy_subgroups(O3.irrep(label))} == set(TENSORS[label].split())


def test_among_rotations_parity_does_not_matter() -> None:
    """A vector of SO(3) has the rotations of the even tensor of that degree, where that one has the inversion."""
    assert [H.name for H in isotropy_subgroups(SO3.irrep("1"))] == ["Cinf"]
    assert {H.name for H in isotropy_subgroups(SO3.irrep("2"))} == {"D2", "Dinf"}


def test_every_random_vector_has_one_of_them() -> None:
    rng = np.random.default_rng(2)
    for rep in (O3.irrep("2e"), O3.irrep("2o"), O2.irrep("3")):
        names = {H.name for H in isotropy_subgroups(rep)}
        for x in rng.normal(size=(5, rep.dim)):
            assert stabiliser(x, rep=rep).name in names


def test_planar_and_finite_groups() -> None:
    """A vector of frequency k keeps the rotations by 360°/k, and a mirror; in D6, k = 2 keeps one of two kinds."""
    assert [H.name for H in isotropy_subgroups(O2.irrep("3"))] == ["D3"]
    assert {(H.name, H.group.order) for H in isotropy_subgroups(dihedral(6).irrep("2"))} == {("C2", 2), ("D2", 4)}
    assert [H.group.order for H in isotropy_subgroups(group("Td").irrep("A2"))] == [12]


def test_groups_whose_subgroups_are_not_known() -> None:
    torus = matrix_group(lie=[[[0, -1, 0], [1, 0, 0], [0, 0, 0]]])
    with pytest.raises(ArgumentError, match="known in O"):
        isotropy_subgroups(torus.irreps(1)[0])
