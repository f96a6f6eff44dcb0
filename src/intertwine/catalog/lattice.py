"""Which subgroup contains which."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.planar import PlanarGroup
from intertwine.catalog.point_groups import find_point_group, schoenflies
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup


@dataclass(frozen=True)
class SubgroupLattice:
    """The conjugacy classes of subgroups of a group, ordered by containment.

    Args:
        group: the group.
        subgroups: one subgroup of each class, small ones first.
        table: `table[i, j]` is 1 where the i-th lies in the j-th, or a conjugate of it does.

    >>> from intertwine.catalog import point_group
    >>> print(point_group("C2v").lattice())
    C1  contains nothing else
    C2  contains C1
    Cs (axis 0 1 0)  contains C1
    Cs (axis 1 0 0)  contains C1
    C2v  contains C2, Cs (axis 0 1 0), Cs (axis 1 0 0)
    """

    group: CatalogGroup
    subgroups: tuple[Subgroup, ...]
    table: Table = field(repr=False)

    def contains(self, large: int, small: int) -> bool:
        """Whether the subgroup number `large` contains number `small`, up to conjugacy."""
        return bool(self.table.array[small, large])

    def maximal(self, number: int) -> tuple[int, ...]:
        """The numbers of the largest subgroups that lie in a subgroup and are smaller: one step down."""
        below = self.table.array[:, number].astype(bool)
        below[number] = False
        inside = self.table.array.astype(bool) & ~np.eye(len(below), dtype=bool)
        covered = (inside[:, below]).any(1)
        return tuple(int(i) for i in np.flatnonzero(below & ~covered))

    def _label(self, number: int) -> str:
        """The name, with the axes where others have the same name."""
        subgroup = self.subgroups[number]
        if sum(other.name == subgroup.name for other in self.subgroups) == 1:
            return subgroup.name
        columns = (2, 0) if subgroup.parent.dim == 3 else (0,)
        places = [subgroup.frame.array[:, i] for i in columns]
        words = (" ".join(f"{round(x, 3) + 0.0:.3g}" for x in place) for place in places)
        title = "axis " if subgroup.parent.dim == 3 else "mirror "
        alone = {tuple(o.frame.array[:, columns[0]].round(6)) for o in self.subgroups if o.name == subgroup.name}
        several = sum(o.name == subgroup.name for o in self.subgroups)
        shown = list(words)[: 1 if len(alone) == several else 2]
        return f"{subgroup.name} ({title}{', mirror '.join(shown)})"

    def __str__(self) -> str:
        lines = []
        for i in range(len(self.subgroups)):
            inside = ", ".join(self._label(j) for j in self.maximal(i))
            lines.append(f"{self._label(i)}  contains {inside or 'nothing else'}")
        return "\n".join(lines)


def lattice(group: CatalogGroup, turns: int) -> SubgroupLattice:
    """The subgroups of a group and which contains which."""
    subgroups = group.subgroups(turns)
    if group.is_finite:
        members = [group.table.index(H.embed(H.group.elements())) for H in subgroups]
        rows = [[group.table.inside_a_conjugate(small, large) for large in members] for small in members]
    elif isinstance(group, PlanarGroup):
        rows = [[_in_the_plane(small.group, large.group) for large in subgroups] for small in subgroups]
    elif group.is_full and group.dim == 3:
        names = [schoenflies(H.name) for H in subgroups]
        rows = [[small in _inside(large, turns) for large in names] for small in names]
    else:
        raise ArgumentError(
            f"The lattice of {group} is not known: it is a continuous group beside SO(2), O(2), SO(3) and O(3). Call "
            "subgroups() for its subgroups, and contains(g) of one for the elements of another."
        )
    return SubgroupLattice(group, subgroups, Table(np.array(rows)))


def _in_the_plane(small: object, large: object) -> bool:
    """Whether a planar group lies in another one, in some position."""
    if not (isinstance(small, PlanarGroup) and isinstance(large, PlanarGroup)):
        return False
    if small.mirrors and not large.mirrors:
        return False
    return large.rotations is None or (small.rotations is not None and large.rotations % small.rotations == 0)


@cache
def _inside(name: str, turns: int) -> frozenset[str]:
    """The Schoenflies names of the subgroups of a group with a Schoenflies name, itself included."""
    from intertwine.catalog.point_subgroups import family_names

    if name in ("SO3", "O3"):
        every = {schoenflies(family) for family in family_names(turns)}
        return frozenset(every if name == "O3" else {n for n in every if _is_proper(n)})
    group = find_point_group(name)
    if group is None:
        return frozenset()
    return frozenset(schoenflies(H.name) for H in group.subgroups(turns)) | {name}


def _is_proper(name: str) -> bool:
    group = find_point_group(name)
    return name == "SO3" or (group is not None and group.is_proper)
