"""What the subgroups of O(3) and of the point groups say of themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine.catalog import O3, words
from intertwine.catalog.axial import AxialGroup
from intertwine.catalog.notation import family, find, hermann_mauguin
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.polyhedral import find_point_group
from intertwine.catalog.recognise import rotation_axes
from intertwine.groups import Group, Subgroup
from intertwine.reps.decomposition import multiplicities
from intertwine.reps.irrep import matrix_trace
from intertwine.reps.wigner import determinant_3
from intertwine.symmetry.words.escnn import escnn_id


@dataclass(frozen=True)
class Kind:
    """What to say about one family of subgroups of O(3).

    Args:
        improper: whether it holds elements of determinant −1, and so lies in O(3) only.
        shapes: an object with this symmetry, for all rotations, for n ≥ 3 of them on a {polygon}, for 2, for 1.
        flips: the sentence about its flips; {axis} and {mirror} are filled in.
        along: what happens to the part of a vector, and of a pseudovector, along the {axis}.
        flip: the sentence about its flip where it has only one.
        twin: the other copy of the same group, its name with {n}, and how it differs.
    """

    improper: bool
    shapes: tuple[str, ...]
    flips: str
    along: tuple[str, str] = ("{axis} stays", "{axis} stays")
    flip: str = ""
    twin: tuple[str, str] | None = None


CONE = Kind(
    True,
    ("a cone", "a pyramid on a {polygon}", "a pyramid on a rectangle", "an object with one mirror plane"),
    "Its flips are mirrors (determinant −1) whose planes contain {axis}. "
    "The reference flip is the mirror that contains {axis} and {mirror}",
    ("{axis} stays", "{axis} changes sign under the mirrors"),
    "Its flip is the mirror (determinant −1) that contains {axis} and {mirror}",
    ("D{n}", "whose flips are half-turns"),
)
DIHEDRAL = Kind(
    False,
    ("a twisted cylinder", "a twisted prism on a {polygon}", "a twisted rectangular bar", "a twisted wedge"),
    "Its flips are half-turns (determinant +1) about axes perpendicular to {axis}, so they reverse {axis}. "
    "The reference flip is the half-turn about {mirror}",
    ("{axis} changes sign under the half-turns", ""),
    "Its flip is the half-turn (determinant +1) about {mirror}",
    ("C{n}v", "whose flips are mirrors"),
)
ROTATIONS = Kind(
    False,
    ("a rotating cone", "a windmill with {n} sails", "a windmill with 2 sails", "an object without any symmetry"),
    "It has no flips",
)
ROTATING_CYLINDER = Kind(
    True,
    ("a rotating cylinder",),
    "It holds the inversion, and with it the mirror perpendicular to {axis}, but no mirror that contains {axis}",
    ("{axis} changes sign under the inversion", "{axis} stays"),
)
CYLINDER = Kind(
    True,
    ("a cylinder",),
    "It holds the mirrors that contain {axis}, the half-turns about axes perpendicular to it, and the inversion",
    ("{axis} changes sign under the half-turns and the inversion", "{axis} changes sign under the half-turns"),
)
HANDED_SPHERE = Kind(
    False,
    ("a sphere covered with a handed pattern",),
    "It has no flips: every element is a rotation.",
)
SPHERE = Kind(True, ("a sphere",), "It holds every rotation, every mirror and the inversion.")
KINDS = {"Cv": CONE, "D": DIHEDRAL, "C": ROTATIONS, "Cinfh": ROTATING_CYLINDER, "Dinfh": CYLINDER}
KINDS |= {"SO3": HANDED_SPHERE, "O3": SPHERE}
"""By title, or by the letters of one. The words of the others come from their elements."""
SHAPES = {
    "Cs": "an object with one mirror plane",
    "Ci": "an object with a centre, and nothing else",
    "C1": "an object without any symmetry",
    "C2v": "a pyramid on a rectangle",
    "D1h": "a pyramid on a rectangle, C2v about the axis of the half-turn",
    "D1d": "a pinwheel with 2 sails that looks the same from below, C2h about the axis of the half-turn",
    "D2": "a twisted brick",
    "D2h": "a brick",
    "D2d": "a tennis ball",
    "T": "a tetrahedron with a handed pattern on its faces",
    "Td": "a tetrahedron",
    "Th": "a volleyball",
    "O": "a cube with a handed pattern on its faces",
    "Oh": "a cube",
    "I": "an icosahedron with a handed pattern on its faces",
    "Ih": "an icosahedron, or a football",
}
FAMILY_SHAPES = {
    "C": "a windmill with {n} sails",
    "Cv": "a pyramid on a {polygon}",
    "D": "a twisted prism on a {polygon}",
    "Ch": "a pinwheel with {n} sails that looks the same from below",
    "S": "a pinwheel with {n} sails on top of its mirror image, turned by half a step",
    "Dh": "a prism on a {polygon}",
    "Dd": "an antiprism on a {polygon}",
}


def in_space(subgroup: Subgroup, title: str) -> tuple[str, ...]:
    """What a subgroup with a standard name says, a line per item."""
    kind = KINDS.get(title) or KINDS.get(family(title)[0])
    if kind is None or (isinstance(subgroup.group, PointGroup) and subgroup.group.is_finite):
        lines = _solid_words(subgroup)
    else:
        lines = _words(subgroup, O3.subgroup(subgroup.name), kind)
    return (*lines, *_generators(subgroup), _other_names(subgroup, title))


def rotations(count: int | None, about: str) -> str:
    """The sentence about the rotations of a subgroup: how many (None for all), about what."""
    if count is None:
        return f"It holds the rotations about {about} by every angle."
    if count == 1:
        return "Its only rotation is the identity."
    angle = f"{360 // count}°" if 360 % count == 0 else f"360°/{count}"
    return f"It holds the rotations about {about} by multiples of {angle}."


def _polygon(n: int) -> str:
    """A regular n-gon by its name.

    >>> _polygon(4), _polygon(7)
    ('square', 'regular 7-gon')
    """
    return {3: "regular triangle", 4: "square", 5: "regular pentagon", 6: "regular hexagon"}.get(n, f"regular {n}-gon")


def _other_names(subgroup: Subgroup, title: str) -> str:
    """The sentence about other notations."""
    symbols = [f"Hermann–Mauguin {hermann_mauguin(title)}"]
    if subgroup.parent.name in ("O(3)", "SO(3)"):
        found = escnn_id(title, subgroup.parent.name)
        symbols.append("no id in escnn" if found is None else f"escnn id {found} (with its own axes)")
    return f"Other names: {', '.join(symbols)}." + _mulliken(subgroup)


def with_symbols(subgroup: Subgroup) -> AxialGroup | None:
    """The point group with Mulliken's symbols that a finite planar subgroup of space is a copy of."""
    solid = find_point_group(find(subgroup.name).own) if subgroup.parent.dim == 3 else None
    fits = isinstance(solid, AxialGroup) and solid.plane == subgroup.group and solid.is_finite
    return solid if fits and isinstance(solid, AxialGroup) else None


def _mulliken(subgroup: Subgroup) -> str:
    """The sentence that translates the labels of a planar group."""
    if (solid := with_symbols(subgroup)) is None:
        return ""
    pairs = ", ".join(f"{label} = {symbol}" for label, symbol in solid.planar_symbols.items())
    return f" In Mulliken's symbols its irreps are {pairs}."


def _generators(subgroup: Subgroup) -> tuple[str, ...]:
    """The line with what generators do to coordinates, for a finite group."""
    if not subgroup.group.is_finite:
        return ()
    generators = [g for g in subgroup.embed(subgroup.group.generators) if np.abs(g - np.eye(3)).max() > 1e-9]
    maps = [words.linear_map(g) for g in generators]
    return (f"Generators: {'; '.join(maps)}.",) if maps else ()


# groups of 3 × 3 matrices ---------------------------------------------------------------------------------------------


def _solid_words(subgroup: Subgroup) -> tuple[str, ...]:
    """What the finite groups that are not given as planar groups say."""
    title, parent, elements = subgroup.name, subgroup.parent, subgroup.embed(subgroup.group.elements())
    letters = title.rstrip("vhd").rstrip("0123456789") + title.lstrip("CSD0123456789")
    number = int("".join(filter(str.isdigit, title)) or 0) // (2 if letters == "S" else 1)
    shape = SHAPES.get(title) or FAMILY_SHAPES[letters].format(n=number, polygon=_polygon(number))
    lines = [f"{title} is a subgroup of {parent} with {len(elements)} elements: the symmetry of {shape}."]
    lines.append(_rotation_words(title, elements, subgroup.frame.array))
    lines.append(_reflection_words(title, elements, subgroup.frame.array[:, 2]))
    lines.append(_vectors(parent, subgroup))
    return tuple(lines)


def _where(direction: np.ndarray, letter: str = "a") -> str:
    return words.direction_name(direction) or f"{letter} = {words.vector(direction)}"


def _rotation_words(title: str, elements: np.ndarray, frame: np.ndarray) -> str:
    """The sentence about the rotations."""
    axes = rotation_axes(elements[np.linalg.det(elements) > 0])
    if not axes:
        return "Its only rotation is the identity." + (f" Its axis is {_where(frame[:, 2])}." if title == "Cs" else "")
    if title[0] in "TOI":
        counts = {order: sum(found == order for _, found in axes) for order in sorted({o for _, o in axes})[::-1]}
        held = ", ".join(f"of order {order} about {count}" for order, count in counts.items())
        places = " and ".join(_where(frame[:, i], letter) for i, letter in ((2, "a"), (0, "b")))
        return f"It holds rotations {held} axes; {places} are among them (z and x of its standard setting)."
    main = [order for axis, order in axes if abs(axis @ frame[:, 2]) > 0.9]
    across = sum(abs(axis @ frame[:, 2]) < 0.1 for axis, _ in axes)
    sentence = f"Its main axis is {_where(frame[:, 2])}. {rotations(main[0] if main else 1, 'it')}"
    if across:
        first = _where(frame[:, 0], "b")
        half = f"half-turns about {across} axes perpendicular to it, one of them {first}"
        sentence = (
            f"{sentence[:-1]}, and {half if across > 1 else f'the half-turn about {first}, perpendicular to it'}."
        )
    return sentence


def _reflection_words(title: str, elements: np.ndarray, main: np.ndarray) -> str:
    """The sentence about the improper elements."""
    improper = elements[np.linalg.det(elements) < 0]
    traces = np.trace(improper, axis1=-2, axis2=-1)
    mirrors = -improper[np.abs(traces - 1) < 1e-6]  # half-turns about the normals
    parts = []
    if len(mirrors):
        normals = [axis for axis, _ in rotation_axes(mirrors)]
        level = sum(abs(normal @ main) > 0.99 for normal in normals) if title[0] not in "TOI" else 0
        upright = len(normals) - int(level)
        parts += ["the mirror perpendicular to its axis"] * int(level)
        which = "mirror planes" if title[0] in "TOI" else "mirrors that contain its axis"
        parts += [f"{upright} {which}" if upright > 1 else "the mirror that contains its axis"] * (upright > 0)
    if (np.abs(traces + 3) < 1e-6).any():
        parts.append("the inversion")
    rest = len(improper) - len(mirrors) - int((np.abs(traces + 3) < 1e-6).sum())
    if rest:
        parts.append(f"{rest} rotations followed by a reflection across their axes")
    if not parts:
        return "It has no mirrors and no inversion: all its elements are rotations."
    return "It holds " + ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] + "."


def _vectors(parent: Group, subgroup: Subgroup, moves: tuple[str, str] = ("", "")) -> str:
    """The sentences about what a vector and a pseudovector become, and how the parts of them move."""
    group = subgroup.group
    elements, weights = group.quadrature(2)
    g, degree = subgroup.place(elements), int(group.order) if group.is_finite else 1
    signs = determinant_3(g)
    characters = (matrix_trace(g), matrix_trace(g) * signs)
    vector, pseudovector = (words.irreps(multiplicities(group, elements, weights, x, degree)) for x in characters)
    along, pseudo_along = (f": {move}" if move else "" for move in moves)
    label = words.irreps(parent.defining.isotypic)
    sentence = f"A vector ({label}) restricts to {vector}{along}."
    if parent.name != "O(3)":
        return sentence
    if (signs > 0).all():
        return f"{sentence} A pseudovector (1e) restricts to the same: no mirror tells them apart."
    return f"{sentence} A pseudovector (1e) restricts to {pseudovector}{pseudo_along}."


# groups that are given as planar groups -------------------------------------------------------------------------------


def _words(subgroup: Subgroup, standard: Subgroup, kind: Kind) -> tuple[str, ...]:
    """What one of a family says, whose standard setting and abstract group are those of another subgroup."""
    parent, group, frame, title = subgroup.parent, standard.group, subgroup.frame.array, subgroup.name
    turns = _rotation_count(group)
    shape = kind.shapes[0 if turns is None else max(4 - turns, 1)].format(n=turns, polygon=_polygon(turns or 0))
    copy = f"a copy of {group} inside {parent}" if group.name != title else f"a subgroup of {parent}"
    lines = [f"{title} is {copy}: the symmetry of {shape}."]
    if kind in (SPHERE, HANDED_SPHERE):
        both = "A vector (1o) and a pseudovector (1e) both restrict to 1: no mirror tells them apart."
        return (*lines, kind.flips, *[both] * (group != parent))
    names = _names(frame)
    lines.append(_axes(frame, names, kind) + " " + rotations(turns, names[2]))
    lines.append(_flips(frame, names, kind, turns))
    lines.append(_vectors(parent, standard, _moves(names, kind, turns)))
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
        sentence += ": " + words.linear_map(frame @ np.diag([1.0, -1.0, 1.0 if kind is CONE else -1.0]) @ frame.T)
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
