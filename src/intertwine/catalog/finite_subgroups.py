"""The subgroups of a finite group whose subgroups have no names of their own."""

from __future__ import annotations

from functools import cache

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog.base import CatalogGroup, Vector
from intertwine.catalog.matrix import MatrixGroup, letters
from intertwine.catalog.product import DirectProduct
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Subgroup


def listed_subgroup(parent: CatalogGroup, name: object, axis: Vector | None, mirror: Vector | float | None) -> Subgroup:
    """The subgroup of a finite group called by its order and a letter."""
    if axis is not None or mirror is not None:
        raise ArgumentError(f"The subgroups of {parent} have no axes and mirrors to choose. Leave them out.")
    listed = {subgroup.name: subgroup for subgroup in listed_subgroups(parent)}
    if str(name).strip() not in listed:
        raise LabelError(f"{parent} has no subgroup called {name!r}. Its subgroups are {', '.join(listed)}.")
    return listed[str(name).strip()]


@cache
def listed_subgroups(parent: CatalogGroup) -> tuple[Subgroup, ...]:
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


def _listed(parent: CatalogGroup, members: np.ndarray, name: str) -> Subgroup:
    table = parent.table
    generators = table.elements[table.few_generators(members)].reshape(-1, parent.dim, parent.dim)
    arguments = f"discrete={generators.tolist() or [np.eye(parent.dim).tolist()]}, name={name!r}"
    return Subgroup(
        parent=parent,
        group=MatrixGroup(
            name,
            Table(np.zeros((0, parent.dim, parent.dim))),
            Table(generators if len(generators) else np.eye(parent.dim)[None]),
            (),
            f"tw.matrix_group({arguments})",
        ),
        name=name,
        pattern=_same,
        read=_same,
        frame=Table(np.eye(parent.dim)),
        words=_words,
        expression=f"{parent!r}.subgroup({name!r})",
    )


def _same(h: Array) -> Array:
    return h


def _words(subgroup: Subgroup) -> tuple[str, ...]:
    """What `describe` says of it."""
    parent, group = subgroup.parent, subgroup.group
    if not (isinstance(parent, CatalogGroup) and isinstance(group, CatalogGroup)):
        return ()
    table = group.table
    counts = {order: int((table.orders == order).sum()) for order in sorted(set(table.orders.tolist()))}
    held = ", ".join(f"{count} of order {order}" for order, count in counts.items())
    members = parent.table.index(subgroup.embed(table.elements))
    normal = bool(np.isin(parent.table.conjugates[:, members], members).all())
    abelian = bool((table.products == table.products.T).all())
    lines = (
        f"{subgroup.name} is a subgroup of {parent} with {len(table)} element{'s' * (len(table) > 1)}: {held}.",
        f"It is {'abelian' if abelian else 'not abelian'} and {'normal' if normal else 'not normal'} in {parent}.",
    )
    if not isinstance(parent, DirectProduct):
        return lines
    sizes = [len(np.unique(part.reshape(len(members), -1).round(6), axis=0)) for part in _projections(parent, members)]
    kind = "so it is the product of the two" if np.prod(sizes) == len(members) else "so it is twisted: they are tied"
    return (
        *lines,
        f"Its projections to {parent.left} and {parent.right} have {sizes[0]} and {sizes[1]} elements, {kind}.",
    )


def _projections(parent: DirectProduct, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The factors of elements of a product given by their numbers."""
    a, b = parent.factors(parent.table.elements[members])
    return a, b
