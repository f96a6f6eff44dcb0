"""What subgroups say of themselves."""

from __future__ import annotations

import math

import numpy as np

from intertwine.catalog import words
from intertwine.catalog.base import CatalogGroup, DirectProduct
from intertwine.catalog.notation import find
from intertwine.catalog.planar import MIRROR, PlanarGroup
from intertwine.catalog.point_subgroups import GroupInSpace
from intertwine.catalog.product_subgroups import Diagonal, Pairs
from intertwine.groups import Subgroup
from intertwine.groups.rotations import plane_rotation
from intertwine.groups.subgroup import Composition
from intertwine.symmetry.words.escnn import planar_escnn_id
from intertwine.symmetry.words.space_subgroups import in_space, rotations


def describe(subgroup: Subgroup) -> tuple[str, ...]:
    """What `subgroup.describe()` says, a line per item."""
    parent, group, pattern = subgroup.parent, subgroup.group, subgroup.pattern
    if isinstance(pattern, Composition):
        through = f"It lies in {pattern.outer.parent} through {pattern.outer.name}."
        return (*describe(pattern.inner), through, *describe(pattern.outer))
    if isinstance(pattern, Pairs | Diagonal):
        return (f"{subgroup.name} is a subgroup of {parent}, a copy of {group}: {_pairs(pattern)}.",)
    if isinstance(parent, PlanarGroup) and isinstance(group, PlanarGroup):
        return _in_the_plane(subgroup, parent, group)
    if isinstance(parent, GroupInSpace) and (title := find(subgroup.name).own) is not None:
        return in_space(subgroup, title)
    if isinstance(parent, CatalogGroup) and isinstance(group, CatalogGroup) and parent.is_finite:
        return _listed(subgroup, parent, group)
    return (f"{subgroup.name} is a subgroup of {parent}, a copy of {group}.",)


def _pairs(pattern: Pairs | Diagonal) -> str:
    """The elements of a subgroup of a product."""
    if isinstance(pattern, Diagonal):
        return "the pairs of an element and itself"
    return f"the pairs of an element of {pattern.left.name} and one of {pattern.right.name}"


# finite groups --------------------------------------------------------------------------------------------------------


def _listed(subgroup: Subgroup, parent: CatalogGroup, group: CatalogGroup) -> tuple[str, ...]:
    """What the subgroups of finite groups say that have no names but their orders and letters."""
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
    parts = parent.factors(parent.table.elements[members])
    sizes = [len(np.unique(np.asarray(part).reshape(len(members), -1).round(6), axis=0)) for part in parts]
    kind = "so it is the product of the two" if np.prod(sizes) == len(members) else "so it is twisted: they are tied"
    return (
        *lines,
        f"Its projections to {parent.left} and {parent.right} have {sizes[0]} and {sizes[1]} elements, {kind}.",
    )


# the plane ------------------------------------------------------------------------------------------------------------


def _in_the_plane(subgroup: Subgroup, parent: PlanarGroup, group: PlanarGroup) -> tuple[str, ...]:
    """What the subgroups of planar groups say."""
    frame = subgroup.frame.array
    angle = float(np.arctan2(frame[1, 0], frame[0, 0]))
    size = {math.inf: "infinitely many elements", 1: "one element"}.get(group.order, f"{group.order} elements")
    lines = [f"{group} is a subgroup of {parent} with {size}.", rotations(group.rotations, "the origin")]
    if group.mirrors:
        line = "the x axis" if not angle else f"the line at {words.number(math.degrees(angle))}° from the x axis"
        flip = words.linear_map(plane_rotation(angle) @ MIRROR @ plane_rotation(-angle))
        lines.append(f"Its reference flip is the mirror that keeps {line}: {flip}.")
    lines.append(f"A vector ({words.irreps(parent.defining.isotypic)}) restricts to {_planar_vector(group, angle)}.")
    lines.append(f"Its id in escnn is {planar_escnn_id(parent, group, angle)}.")
    return tuple(lines)


def _planar_vector(group: PlanarGroup, angle: float) -> str:
    """The irreps of the vector, and what happens to its components."""
    first, second = ("x", "y") if not angle else ("the part along that line", "the part across it")
    if group.rotations is None or group.rotations > 2:
        moves = "(x, y) turns"
    elif not group.mirrors:
        moves = "(x, y) changes sign" if group.rotations == 2 else "nothing moves"
    elif group.rotations == 2:
        moves = f"{first} and {second} change sign independently"
    else:
        moves = f"{first} stays, {second} changes sign"
    return f"{words.irreps(group.defining.isotypic)}: {moves}"
