"""What irreps become in a subgroup, with the polynomials that span each part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep
from intertwine.symmetry.words.polynomials import component_name, upright


@dataclass(frozen=True)
class Branch:
    """A part of an irrep that is an irrep of a subgroup.

    Args:
        irrep: the label of the irrep of the group.
        part: the label of the irrep of the subgroup.
        polynomials: its basis: harmonic polynomials for SO(2), O(2), SO(3) and O(3), numbers for other groups.
    """

    irrep: str
    part: str
    polynomials: tuple[str, ...]


@dataclass(frozen=True)
class BranchingTable:
    """What the irreps of a group become in a subgroup. It prints as a table; `to_dict` gives it for JSON."""

    title: str
    branches: tuple[Branch, ...]

    @property
    def _rows(self) -> dict[str, list[Branch]]:
        return {label: [*parts] for label, parts in groupby(self.branches, lambda branch: branch.irrep)}

    def to_dict(self) -> dict[str, object]:
        """For each irrep the parts and their polynomials."""
        rows = self._rows.items()
        parts = {label: [{"irrep": b.part, "polynomials": list(b.polynomials)} for b in row] for label, row in rows}
        return {"title": self.title, "branches": parts}

    def __str__(self) -> str:
        width = max(map(len, self._rows), default=0)
        parts = {label: [f"{b.part}: {', '.join(b.polynomials)}" for b in row] for label, row in self._rows.items()}
        return "\n".join([self.title, *(f"{label:<{width}}  {'  |  '.join(row)}" for label, row in parts.items())])


def branching(subgroup: Subgroup, degree: int = 3) -> BranchingTable:
    """What the irreps of a group up to a degree become in a subgroup, and which polynomials span each part.

    Components are named by polynomials, which do not depend on anybody's order of components. A trivial part is a
    quantity that an input with this symmetry may have.

    Args:
        subgroup: the subgroup.
        degree: the largest degree of the irreps to restrict.

    Raises `ArgumentError` for a subgroup of a group outside of the catalogue.

    >>> from intertwine.catalog import O3
    >>> print(branching(O3.subgroup("Cinfv"), degree=1))
    O(3) → Cinfv, a copy of O(2) with main axis z
    0e  0e: 1
    0o  0o: pseudoscalar
    1o  0e: z  |  1: x, y
    1e  0o: z (pseudo)  |  1: −y (pseudo), x (pseudo)
    """
    parent = subgroup.parent
    if not isinstance(parent, CatalogGroup):
        raise ArgumentError(f"The irreps of {parent} are not listed. Pass a subgroup of a group of the catalogue.")
    title = str(parent.branching(subgroup, 0)).splitlines()[0]
    found = []
    for irrep in parent.irreps(degree):
        for part, basis in branches(irrep, subgroup):
            names = [component_name(irrep, column) for column in basis.T]
            names = names if len(names) > 1 else [upright(irrep, basis[:, 0])[1]]  # where the sign does not matter
            found.append(Branch(irrep.label, part.label, tuple(names)))
    return BranchingTable(title, tuple(found))


def branches(irrep: Irrep, subgroup: Subgroup) -> list[tuple[Irrep, np.ndarray]]:
    """The parts of an irrep in a subgroup, one for each copy, with their bases as columns `(irrep.dim, part.dim)`."""
    parts = sorted(irrep.irreps.restrict(subgroup).copies.items(), key=lambda item: item[0].key)
    return [(part, np.where(np.abs(c) < 1e-10, 0.0, c)) for part, copies in parts for c in np.moveaxis(copies, -1, 0)]
