"""The families of subgroups of O(3): how each lies in space, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from intertwine._arrays import Array
from intertwine.catalog.axial import AxialGroup, by_mirrors, by_rotations, plane_part
from intertwine.catalog.base import CatalogGroup, PointGroup
from intertwine.catalog.point_groups import find_point_group, international, schoenflies


@dataclass(frozen=True)
class Kind:
    """One family of subgroups: how to embed its abstract group, and what to say about it.

    Args:
        embed: abstract matrices to 3 × 3 matrices, main axis z, reference direction x.
        read: takes these back to abstract matrices.
        improper: whether it holds elements of determinant −1, and so lies in O(3) only.
        shapes: an object with this symmetry, for all rotations, for n ≥ 3 of them on a {polygon}, for 2, for 1.
        flips: the sentence about its flips; {axis} and {mirror} are filled in.
        along: what happens to the part of a vector, and of a pseudovector, along the {axis}.
        flip: the sentence about its flip where it has only one.
        twin: the other copy of the same group, its name with {n}, and how it differs.
    """

    embed: Callable[[Array], Array]
    read: Callable[[Array], Array]
    improper: bool
    shapes: tuple[str, ...]
    flips: str
    along: tuple[str, str] = ("{axis} stays", "{axis} stays")
    flip: str = ""
    twin: tuple[str, str] | None = None


def unchanged(h: Array) -> Array:
    """3 × 3 elements as they are."""
    return h


CONE = Kind(
    by_mirrors,
    plane_part,
    True,
    ("a cone", "a pyramid on a {polygon}", "a pyramid on a rectangle", "an object with one mirror plane"),
    "Its flips are mirrors (determinant −1) whose planes contain {axis}. "
    "The reference flip is the mirror that contains {axis} and {mirror}",
    ("{axis} stays", "{axis} changes sign under the mirrors"),
    "Its flip is the mirror (determinant −1) that contains {axis} and {mirror}",
    ("D{n}", "whose flips are half-turns"),
)
DIHEDRAL = Kind(
    by_rotations,
    plane_part,
    False,
    ("a twisted cylinder", "a twisted prism on a {polygon}", "a twisted rectangular bar", "a twisted wedge"),
    "Its flips are half-turns (determinant +1) about axes perpendicular to {axis}, so they reverse {axis}. "
    "The reference flip is the half-turn about {mirror}",
    ("{axis} changes sign under the half-turns", ""),
    "Its flip is the half-turn (determinant +1) about {mirror}",
    ("C{n}v", "whose flips are mirrors"),
)
ROTATIONS = Kind(
    by_mirrors,
    plane_part,
    False,
    ("a rotating cone", "a windmill with {n} sails", "a windmill with 2 sails", "an object without any symmetry"),
    "It has no flips",
)
ROTATING_CYLINDER = Kind(
    unchanged,
    unchanged,
    True,
    ("a rotating cylinder",),
    "It holds the inversion, and with it the mirror perpendicular to {axis}, but no mirror that contains {axis}",
    ("{axis} changes sign under the inversion", "{axis} stays"),
)
CYLINDER = Kind(
    unchanged,
    unchanged,
    True,
    ("a cylinder",),
    "It holds the mirrors that contain {axis}, the half-turns about axes perpendicular to it, and the inversion",
    ("{axis} changes sign under the half-turns and the inversion", "{axis} changes sign under the half-turns"),
)
HANDED_SPHERE = Kind(
    unchanged,
    unchanged,
    False,
    ("a sphere covered with a handed pattern",),
    "It has no flips: every element is a rotation.",
)
SPHERE = Kind(unchanged, unchanged, True, ("a sphere",), "It holds every rotation, every mirror and the inversion.")
SOLID = Kind(unchanged, unchanged, True, (), "")
"""Groups that are there as 3 × 3 matrices: their words come from their elements."""

Found = tuple[str, CatalogGroup, Kind]
"""The standard spelling of a name, the abstract group and the kind of subgroup."""


def find_subgroup(name: str | PointGroup) -> Found | None:
    """What the Schoenflies name of a subgroup of O(3) stands for; None if it is none.

    The groups C_n, C_nv and D_n are given as planar groups, the others as groups of 3 × 3 matrices. A point group
    stands for itself.
    """
    if isinstance(name, PointGroup):
        return name.schoenflies, name, SOLID
    text = schoenflies(name)
    if text in ("SO3", "O3"):
        from intertwine.catalog.spatial import O3, SO3  # they name their subgroups through this module

        return ("SO(3)", SO3(), HANDED_SPHERE) if text == "SO3" else ("O(3)", O3(), SPHERE)
    solid = find_point_group(text)
    if solid is None:
        return None
    kind = {"C": ROTATIONS, "Cv": CONE, "D": DIHEDRAL}.get(re.sub(r"inf|\d+", "", text))
    if kind is not None and isinstance(solid, AxialGroup):
        return text, solid.plane, kind
    return text, solid, {"Cinfh": ROTATING_CYLINDER, "Dinfh": CYLINDER}.get(text, SOLID)


def asked_subgroup(name: str | PointGroup) -> Found | None:
    """`find_subgroup` for a name that somebody typed, which may be a Hermann–Mauguin symbol.

    Names of listed subgroups, such as "2", are no such symbols; so `find_subgroup` itself knows none.
    """
    return find_subgroup(international(name) if isinstance(name, str) else name)
