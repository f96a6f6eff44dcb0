"""The subgroups of SO(3) and O(3): Schoenflies names, embeddings, and words that explain them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Array, Table, namespace
from intertwine.catalog import words
from intertwine.catalog.base import CatalogGroup, Vector, plain_name
from intertwine.catalog.inversion import InversionGroup, by_rotations, lift
from intertwine.catalog.planar import O2, SO2, Cyclic, Dihedral
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Group, Subgroup
from intertwine.reps.wigner import determinant_3


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


def by_mirrors(h: Array) -> Array:
    """2 × 2 elements as maps of space that keep z: mirrors of the plane become mirrors that contain z."""
    return lift(h, namespace(h).ones_like(h[..., 0, 0]))


def plane_part(g: Array) -> Array:
    """What 3 × 3 elements do to x and y."""
    return g[..., :2, :2]


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

Found = tuple[str, CatalogGroup, Kind]
"""The standard spelling of a name, the abstract group and the kind of subgroup."""


def cinfh() -> InversionGroup:
    """The rotating cylinder's group, SO(2) and the inversion."""
    return InversionGroup(SO2(), "Cinfh")


def dinfh() -> InversionGroup:
    """The cylinder's group, O(2) and the inversion."""
    return InversionGroup(O2(), "Dinfh")


def parse_axial(name: str) -> Found | None:
    """What the Schoenflies name of an axial group stands for; None if it is none."""
    text = {"SO2": "Cinf"}.get(plain_name(name), plain_name(name))
    if text == "Cinfh":
        return text, cinfh(), ROTATING_CYLINDER
    if text == "Dinfh":
        return text, dinfh(), CYLINDER
    if (match := re.fullmatch(r"(C|D)(inf|[1-9]\d*)|(C)(inf|[1-9]\d*)v", text)) is None:
        return None
    n = match[2] or match[4]
    kind = CONE if match[3] else DIHEDRAL if match[1] == "D" else ROTATIONS
    if kind is ROTATIONS:
        return text, SO2() if n == "inf" else Cyclic(int(n)), kind
    return text, O2() if n == "inf" else Dihedral(int(n)), kind


def spatial_subgroup(
    parent: CatalogGroup, found: Found, axis: Vector | None = None, mirror: Vector | float | None = None
) -> Subgroup:
    """The subgroup of SO(3) or O(3) that a name that was found, an axis and a reference direction describe."""
    title, group, kind = found
    if kind.improper and parent.is_proper:
        raise LabelError(
            f"{title} holds maps of determinant −1, so it does not lie in SO(3). Call O3.subgroup({title!r}) instead."
        )
    frame = standard_frame(axis, mirror)
    arguments = "".join(
        f", {key}={tuple(np.asarray(value).tolist())!r}"
        for key, value in (("axis", axis), ("mirror", mirror))
        if value is not None
    )
    return Subgroup(
        parent=parent,
        group=group,
        name=title,
        pattern=kind.embed,
        read=kind.read,
        frame=Table(frame),
        words=_words(parent, found, frame),
        expression=f"{parent!r}.subgroup({title!r}{arguments})",
    )


def unknown_subgroup(parent: CatalogGroup, name: str) -> LabelError:
    """The error for a name that no subgroup answers to; it knows the names that people try."""
    if plain_name(name) == "O2":
        return LabelError(
            f"O(2) does not name one subgroup of {parent}. Call O3.subgroup('Cinfv') for the copy whose flips are "
            f"mirrors that contain the axis, or {parent!r}.subgroup('Dinf') for the copy whose flips are half-turns."
        )
    return LabelError(
        f"{parent} has no subgroup called {name!r}. Known names are Cinf, Cinfv, Cinfh, Dinf, Dinfh, Cn, Cnv, Dn "
        "(with a number for n), SO(3) and O(3)."
    )


# frames ---------------------------------------------------------------------------------------------------------------


def standard_frame(axis: Vector | None, mirror: Vector | float | None) -> np.ndarray:
    """The rotation `(3, 3)` whose columns are the reference direction, the third direction and the main axis.

    Without a reference direction the one closest to x is taken, or to y when the axis is within 25° of ±x.
    """
    z = _direction("axis", (0, 0, 1) if axis is None else axis)
    default = (1, 0, 0) if abs(z[0]) < 0.9 else (0, 1, 0)
    x = _direction("mirror", default if mirror is None else mirror)
    x = x - (x @ z) * z
    if np.linalg.norm(x) < 1e-6:
        raise ArgumentError(
            f"The reference direction {mirror!r} is parallel to the axis {(0, 0, 1) if axis is None else axis!r}. "
            "Pass a mirror direction with a part perpendicular to the axis."
        )
    x = x / np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), z], -1)
    return np.where(np.abs(frame - np.round(frame)) < 1e-15, np.round(frame) + 0.0, frame)


def _direction(what: str, value: Vector | float) -> np.ndarray:
    direction = np.asarray(value, dtype=np.float64)
    if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
        raise ArgumentError(f"The {what} of a subgroup is a nonzero vector (x, y, z), but {value!r} came.")
    direction = direction / np.abs(direction).max()  # so that tiny and huge vectors have a length
    return np.asarray(direction / np.linalg.norm(direction))


# words ----------------------------------------------------------------------------------------------------------------


def _words(parent: CatalogGroup, found: Found, frame: np.ndarray) -> tuple[str, ...]:
    """What `describe` says, a line per item."""
    title, group, kind = found
    turns = _rotation_count(group)
    shape = kind.shapes[0 if turns is None else max(4 - turns, 1)].format(n=turns, polygon=words.polygon(turns or 0))
    copy = f"a copy of {group} inside {parent}" if group.name != title else f"a subgroup of {parent}"
    lines = [f"{title} is {copy}: the symmetry of {shape}."]
    if kind in (SPHERE, HANDED_SPHERE):
        return (*lines, kind.flips, *_whole_vector(parent, group))
    names = _names(frame)
    lines.append(_axes(frame, names, kind) + " " + words.rotations(turns, names[2]))
    lines.append(_flips(frame, names, kind, turns))
    lines.append(_vectors(parent, group, kind, _moves(names, kind, turns)))
    if kind.twin is not None:
        twin = kind.twin[0].format(n=turns or "inf")
        other = group if twin != group.name else "this group"
        cone, turn = (title, twin) if kind.improper else (twin, title)
        where = f"{cone} does not lie in SO(3)" + ("." if kind.improper else f", {turn} does.")
        lines.append(f"Do not mistake it for {twin}, the other copy of {other}, {kind.twin[1]}. {where}")
        lines.append(_advice(names, cone, turn))
    return tuple(lines)


def _advice(names: tuple[str, str, str], cone: str, turn: str) -> str:
    """The sentence that tells which of the two copies a user's data asks for."""
    second, axis = (name.lstrip("−") for name in names[1:])
    if axis == "a":
        return f"Data whose flips keep a: {cone}; flips that reverse a: {turn}."
    keeps, reverses = f"keep {axis}: {cone}", f"send {axis} → −{axis}: {turn}"
    if len(second) > 1:
        return f"Data whose flips {keeps}; flips that {reverses}."
    return f"Data whose flips send {second} → −{second} and {keeps}; flips that also {reverses}."


def _rotation_count(group: Group) -> int | None:
    """The number of rotations about the main axis, None for all."""
    return int((np.linalg.det(group.elements()) > 0).sum()) if group.is_finite else None


def _names(frame: np.ndarray) -> tuple[str, str, str]:
    """What the reference direction, the third direction and the main axis are called."""
    first, second, axis = (words.direction_name(frame[:, i]) for i in range(3))
    return first or "b", second or "the direction perpendicular to both", axis or "a"


def _axes(frame: np.ndarray, names: tuple[str, str, str], kind: Kind) -> str:
    """The sentence about the main axis, and about the reference direction where it matters and needs numbers."""
    sentence = f"Its main axis is {names[2]}"
    if names[2] == "a":
        sentence += f" = {words.vector(frame[:, 2])}"
    if names[0] == "b" and kind in (CONE, DIHEDRAL):
        sentence += f", its reference direction b = {words.vector(frame[:, 0])}"
    return sentence + "."


def _flips(frame: np.ndarray, names: tuple[str, str, str], kind: Kind, turns: int | None) -> str:
    """The sentence about the flips, with the reference flip as a map where there is one."""
    text = kind.flip if kind.flip and turns == 1 else kind.flips
    sentence = text.format(axis=names[2], mirror=names[0])
    if kind in (CONE, DIHEDRAL):
        sentence += ": " + words.linear_map(frame @ kind.embed(np.diag([1.0, -1.0])) @ frame.T)
    return sentence + "."


def _moves(names: tuple[str, str, str], kind: Kind, turns: int | None) -> tuple[str, str]:
    """What happens to the parts of a vector, and to the part of a pseudovector along the axis."""
    first, second, axis = names
    along, pseudo = (text.format(axis=axis) for text in kind.along)
    if turns == 1 and kind is ROTATIONS:
        return "nothing moves", ""
    if turns == 1 and kind is CONE:
        return f"{axis} and {first} stay, {second} changes sign", f"{second} stays, {axis} and {first} change sign"
    if turns == 1:
        return f"{first} stays, {axis} and {second} change sign", ""
    if turns == 2 and kind is not ROTATIONS:
        return f"{along}, {first} and {second} do not mix", pseudo
    plane = (
        f"({first}, {second})" if len(first) + len(second) <= 4 and first != "b" else "the plane perpendicular to it"
    )
    return f"{along}, {plane} {'changes sign' if turns == 2 else 'turns'}", pseudo


def _vectors(parent: CatalogGroup, group: Group, kind: Kind, moves: tuple[str, str]) -> str:
    """The sentences about what a vector and a pseudovector become."""
    elements, weights = group.quadrature(2)
    g = kind.embed(elements)
    vector = words.restricted(group, elements, weights, g)
    pseudovector = words.restricted(group, elements, weights, g * determinant_3(g)[:, None, None])
    sentence = f"A vector ({words.irreps(parent.defining.isotypic)}) restricts to {vector}: {moves[0]}."
    if parent.is_proper:
        return sentence
    if not kind.improper:
        return f"{sentence} A pseudovector (1e) restricts to the same: no mirror tells them apart."
    return f"{sentence} A pseudovector (1e) restricts to {pseudovector}: {moves[1]}."


def _whole_vector(parent: CatalogGroup, group: Group) -> tuple[str, ...]:
    if group == parent:
        return ()
    return ("A vector (1o) and a pseudovector (1e) both restrict to 1: no mirror tells them apart.",)
