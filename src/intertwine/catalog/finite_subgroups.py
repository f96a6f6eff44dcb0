"""The subgroups of a finite group whose subgroups have no names of their own."""

from __future__ import annotations

from functools import cache

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog.standard_frame import Vector
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.catalog.words import letters
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Subgroup


def listed_subgroup(
    parent: GroupWithReps, name: object, axis: Vector | None, mirror: Vector | float | None
) -> Subgroup:
    """The subgroup of a finite group called by its order and a letter."""
    if axis is not None or mirror is not None:
        raise ArgumentError(f"The subgroups of {parent} have no axes and mirrors to choose. Leave them out.")
    listed = {subgroup.name: subgroup for subgroup in listed_subgroups(parent)}
    if str(name).strip() not in listed:
        raise LabelError(f"{parent} has no subgroup called {name!r}. Its subgroups are {', '.join(listed)}.")
    return listed[str(name).strip()]


@cache
def listed_subgroups(parent: GroupWithReps) -> tuple[Subgroup, ...]:
    """The subgroups of a finite group, one of each class, called by their orders and letters."""
    if not parent.is_finite:
        raise ArgumentError(
            f"The subgroups of {parent} are not listed: it is continuous and has no names for them. Make one from its "
            "generators: matrix_group(lie=…, discrete=…)."
        )
    classes = parent.table.subgroup_classes
    orders = [len(members) for members in classes]
    endings = {order: iter(letters(orders.count(order))) for order in set(orders)}
    return tuple(_listed(parent, members, f"{len(members)}{next(endings[len(members)])}") for members in classes)


def _listed(parent: GroupWithReps, members: np.ndarray, name: str) -> Subgroup:
    table = parent.table
    generators = table.elements[table.few_generators(members) or [0]]
    group = parent.of_matrices(name, np.zeros((0, parent.dim, parent.dim)), generators)
    return Subgroup(parent, group, name, Table(np.eye(parent.dim)), expression=f"{parent!r}.subgroup({name!r})")
