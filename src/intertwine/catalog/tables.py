"""Tables to read: characters, and what irreps become in a subgroup."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog import words
from intertwine.catalog.class_symbols import told_apart
from intertwine.catalog.notation import find
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError
from intertwine.groups import Group, Subgroup
from intertwine.reps.irrep import Irrep
from intertwine.reps.rep import Rep


@dataclass(frozen=True)
class ConjugacyClass:
    """The elements that are conjugate to one another.

    Args:
        name: a symbol such as "C3", "S4", "σd", with a prime where several classes would have one name.
        size: the number of elements.
        element: one of them, `(n, n)`.
    """

    name: str
    size: int
    element: Table = field(repr=False)

    def __str__(self) -> str:
        return self.name if self.size == 1 else f"{self.size} {self.name}"


@dataclass(frozen=True)
class CharacterTable:
    """The characters of the real irreps of a finite group. It prints as a table.

    The rows of irreps of complex type are sums of two conjugate complex characters (of quaternionic type: twice one),
    so that `Σ_classes size · χ² / order` is 1, 2, 4 for the types R, C, H.

    Args:
        group: the group.
        classes: the conjugacy classes.
        irreps: the irreps.
        values: the characters `(irreps, classes)`.

    >>> from intertwine.catalog import point_group
    >>> print(point_group("C3v").character_table())
    C3v  E  2 C3  3 σv
    A1   1     1     1
    A2   1     1    −1
    E    2    −1     0
    """

    group: GroupWithReps
    classes: tuple[ConjugacyClass, ...]
    irreps: tuple[Irrep, ...]
    values: Table = field(repr=False)

    def __str__(self) -> str:
        head = [self.group.name, *map(str, self.classes)]
        body = [
            [irrep.label, *map(words.character, row)] for irrep, row in zip(self.irreps, self.values.array, strict=True)
        ]
        lines = [columns([head, *body])]
        for kind, note in (("C", "the sum of two complex conjugate irreps"), ("H", "twice a complex irrep")):
            if labels := [irrep.label for irrep in self.irreps if irrep.type == kind]:
                lines.append(f"{', '.join(labels)}: type {kind}, {note}")
        return "\n".join(lines)


def columns(rows: list[list[str]]) -> str:
    """Rows of texts as aligned columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def character_table(group: GroupWithReps) -> CharacterTable:
    """The characters of a finite group."""
    if not group.is_finite:
        raise ArgumentError(
            f"{group} is continuous and has infinitely many classes. Call rep.character(g) for the characters of "
            "elements, or irreps(degree) for its irreps."
        )
    table = group.table
    classes = tuple(
        ConjugacyClass(name, len(table.classes[i]), Table(table.elements[table.classes[i][0]]))
        for i, name in told_apart(group.class_symbols())
    )
    irreps = tuple(sorted(group.irreps(len(table)), key=_conventional))
    elements = np.stack([found.element.array for found in classes])
    values = np.array([irrep.character(elements) for irrep in irreps])
    near = np.round(values)
    return CharacterTable(group, classes, irreps, Table(np.where(np.abs(values - near) < 1e-12, near, values)))


def _conventional(irrep: Irrep) -> tuple[int, ...]:
    """The order of textbooks for Mulliken symbols: g before u, one prime before two, then A, B, E, T, G, H."""
    label = irrep.label
    if label[0] not in "ABETGH":
        return irrep.key
    number = int("".join(filter(str.isdigit, label)) or 0)
    return int(label.endswith(("u", "''"))), "ABETGH".index(label[0]), number


@dataclass(frozen=True)
class Branching:
    """What the irreps of a group become in a subgroup. It prints as a table.

    Args:
        subgroup: the subgroup.
        rows: each irrep of the group, and the irreps of the subgroup's group that it restricts to.

    >>> from intertwine.catalog import O3
    >>> print(O3.branching("Cinfv", 2))
    O(3) → Cinfv, a copy of O(2) with main axis z
    0e  0e
    0o  0o
    1o  0e + 1
    1e  0o + 1
    2e  0e + 1 + 2
    2o  0o + 1 + 2
    """

    subgroup: Subgroup
    rows: tuple[tuple[Irrep, Rep], ...]

    def __getitem__(self, label: str) -> Rep:
        """What the irrep with a label restricts to."""
        wanted = self.subgroup.parent.canonical_label(label)
        for irrep, rep in self.rows:
            if irrep.label == wanted:
                return rep
        raise ArgumentError(f"The table ends before {wanted}. Call branching with a larger degree.")

    def __str__(self) -> str:
        width = max(len(irrep.label) for irrep, _ in self.rows)
        lines = [f"{irrep.label.ljust(width)}  {words.irreps(rep.isotypic)}" for irrep, rep in self.rows]
        return "\n".join([self._title(), *lines])

    def _title(self) -> str:
        subgroup = self.subgroup
        copy = f", a copy of {subgroup.group}" if subgroup.group.name != subgroup.name else ""
        frame = subgroup.frame.array
        place = ""
        if len(frame) == 3 and find(subgroup.name).own and subgroup.name not in ("SO(3)", "O(3)", "Ci", "C1"):
            place = f" with main axis {words.direction_name(frame[:, 2]) or words.vector(frame[:, 2])}"
        return f"{subgroup.parent} → {subgroup.name}{copy}{place}"


def branching_table(group: GroupWithReps, subgroup: Subgroup | Group | str, degree: int | None) -> Branching:
    """What the irreps up to a degree restrict to."""
    if degree is None:
        degree = int(group.order) if group.is_finite else 3
    if not isinstance(degree, int | np.integer) or degree < 0:
        raise ArgumentError(f"The largest degree of the irreps is an integer from 0 on, but got {degree!r}.")
    found = subgroup if isinstance(subgroup, Subgroup) else group.subgroup(subgroup)
    return Branching(found, tuple((irrep, irrep.irreps.restrict(found).irreps) for irrep in group.irreps(degree)))
