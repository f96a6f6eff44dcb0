"""Which symmetries a single tensor can have."""

from __future__ import annotations

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep
from intertwine.symmetry.inputs.isotropy_group import fixed_space
from intertwine.symmetry.inputs.stabiliser import stabiliser


def isotropy_subgroups(irrep: Irrep) -> tuple[Subgroup, ...]:
    """The symmetries, one of each class, that nonzero vectors of an irrep can have: its isotropy subgroups.

    K is one if a generic vector of Fix_K has no more symmetry than K. So a polar vector is a cone and nothing else, a
    traceless symmetric tensor an ellipsoid (D2h) or a spheroid (D∞h), and no single vector of degree 2 is chiral and
    even: what a tensor cannot have, it cannot break down to.

    Args:
        irrep: of O(3), SO(3), O(2), SO(2) or a finite group.

    Raises `ArgumentError` for an irrep of another group.

    Source: Ihrig and Golubitsky 1984, doi:10.1016/0167-2789(84)90437-8 (degrees 1 … 6 of O(3)).

    >>> from intertwine.catalog import O3
    >>> [H.name for H in isotropy_subgroups(O3.irrep("2e"))]
    ['D2h', 'Dinfh']
    """
    group = irrep.group
    if not isinstance(group, CatalogGroup) or not (group.is_finite or group.is_full):
        raise ArgumentError(
            f"Isotropy subgroups are known in O(3), SO(3), O(2), SO(2) and finite groups, but got an irrep of {group}."
        )
    found = [H for H in group.subgroups(max(irrep.degree, 2)) if _is_isotropy(H, irrep)]
    return tuple(sorted(found, key=lambda H: H.group.order))


def _is_isotropy(subgroup: Subgroup, irrep: Irrep) -> bool:
    """Whether a generic vector that the subgroup fixes is fixed by nothing else: its stabiliser is no larger."""
    basis = fixed_space(subgroup, irrep.irreps)
    if not basis.shape[1]:
        return False
    vector = basis @ np.random.default_rng(0).normal(size=basis.shape[1])
    found = stabiliser(vector, rep=irrep.irreps)
    return found.order == subgroup.group.order and (not found.continuous or found.name == subgroup.name)
