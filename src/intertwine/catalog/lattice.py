"""Which subgroup contains which."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intertwine._arrays import Table
from intertwine.groups import Group, Subgroup
from intertwine.groups.finite import FiniteTable


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

    group: Group
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
        subgroup, solid = self.subgroups[number], self.group.dim == 3
        same = [other.frame.array for other in self.subgroups if other.name == subgroup.name]
        if len(same) == 1:
            return subgroup.name
        columns = (2, 0) if solid else (0,)
        alone = len({tuple(frame[:, columns[0]].round(6)) for frame in same}) == len(same)
        places = [subgroup.frame.array[:, i] for i in columns[: 1 if alone else 2]]
        words = (" ".join(f"{round(x, 3) + 0.0:.3g}" for x in place) for place in places)
        return f"{subgroup.name} ({'axis' if solid else 'mirror'} {', mirror '.join(words)})"

    def __str__(self) -> str:
        lines = []
        for i in range(len(self.subgroups)):
            inside = ", ".join(self._label(j) for j in self.maximal(i))
            lines.append(f"{self._label(i)}  contains {inside or 'nothing else'}")
        return "\n".join(lines)


Rows = list[list[bool]]
"""For each subgroup, in which of the subgroups it lies, up to conjugacy."""


def by_elements(table: FiniteTable, subgroups: tuple[Subgroup, ...]) -> Rows:
    """The subgroups of a finite group by their elements."""
    members = [table.index(H.place(H.group.elements())) for H in subgroups]
    return [[table.inside_a_conjugate(small, large) for large in members] for small in members]


def in_the_plane(subgroups: tuple[Subgroup, ...]) -> Rows:
    """The subgroups of SO(2) or O(2): by the number of their rotations, and whether there are mirrors."""
    counts = [H.group.order if H.group.is_proper else H.group.order / 2 for H in subgroups]

    def inside(i: int, j: int) -> bool:
        mirrors = subgroups[i].group.is_proper or not subgroups[j].group.is_proper
        return mirrors and (counts[j] == np.inf or (counts[i] != np.inf and counts[j] % counts[i] == 0))

    return [[inside(i, j) for j in range(len(subgroups))] for i in range(len(subgroups))]
