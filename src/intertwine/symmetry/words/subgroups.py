"""What the subgroups of O(3) and of the point groups say of themselves."""

from __future__ import annotations

import numpy as np

from intertwine.catalog import words
from intertwine.catalog.axial import AxialGroup
from intertwine.catalog.base import CatalogGroup, PointGroup
from intertwine.catalog.notation import escnn_id, hermann_mauguin, orbifold
from intertwine.catalog.point_groups import find_point_group, schoenflies
from intertwine.catalog.recognise import rotation_axes
from intertwine.catalog.subgroup_families import (
    CONE,
    DIHEDRAL,
    HANDED_SPHERE,
    ROTATIONS,
    SOLID,
    SPHERE,
    Found,
    Kind,
    find_subgroup,
)
from intertwine.groups import Group, Subgroup
from intertwine.groups.subgroup import no_words
from intertwine.reps.decompose import multiplicities
from intertwine.reps.irrep import trace
from intertwine.reps.wigner import determinant_3

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


def describe(subgroup: Subgroup) -> tuple[str, ...]:
    """What `subgroup.describe()` says, a line per item."""
    found = find_subgroup(subgroup.name)
    if found is None:
        return no_words(subgroup)
    solid = found[2] is SOLID or (isinstance(subgroup.group, PointGroup) and subgroup.group.is_finite)
    lines = _solid_words(subgroup) if solid else _words(subgroup, found)
    return (*lines, *_generators(subgroup), _other_names(subgroup))


def _other_names(subgroup: Subgroup) -> str:
    """The sentence about other notations."""
    title = schoenflies(subgroup.name)
    symbols = [f"Hermann–Mauguin {hermann_mauguin(title)}"]
    if (symbol := orbifold(title)) is not None:
        symbols.append(f"orbifold {symbol}")
    if subgroup.parent.name in ("O(3)", "SO(3)"):
        found = escnn_id(title, subgroup.parent.name)
        symbols.append("no id in escnn" if found is None else f"escnn id {found} (with its own axes)")
    return f"Other names: {', '.join(symbols)}." + _mulliken(subgroup)


def _mulliken(subgroup: Subgroup) -> str:
    """The sentence that translates the labels of a planar group."""
    solid = find_point_group(subgroup.name)
    if not isinstance(solid, AxialGroup) or solid.plane != subgroup.group or not solid.is_finite:
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


def _solid_words(subgroup: Subgroup) -> list[str]:
    """What the finite groups that are not given as planar groups say."""
    title, parent, elements = subgroup.name, subgroup.parent, subgroup.embed(subgroup.group.elements())
    letters = title.rstrip("vhd").rstrip("0123456789") + title.lstrip("CSD0123456789")
    number = int("".join(filter(str.isdigit, title)) or 0) // (2 if letters == "S" else 1)
    shape = SHAPES.get(title) or FAMILY_SHAPES[letters].format(n=number, polygon=words.polygon(number))
    lines = [f"{title} is a subgroup of {parent} with {len(elements)} elements: the symmetry of {shape}."]
    lines.append(_rotation_words(title, elements, subgroup.frame.array))
    lines.append(_reflection_words(title, elements, subgroup.frame.array[:, 2]))
    lines.append(_vector_words(subgroup))
    return [line for line in lines if line]


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
    sentence = f"Its main axis is {_where(frame[:, 2])}. {words.rotations(main[0] if main else 1, 'it')}"
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


def _vector_words(subgroup: Subgroup) -> str:
    """The sentences about what a vector and a pseudovector become."""
    group = subgroup.group
    elements, weights = group.quadrature(2)
    g = subgroup.embed(elements)
    order = int(group.order)
    vector = words.irreps(multiplicities(group, elements, weights, trace(g), order))
    sentence = f"A vector ({_vector_label(subgroup.parent)}) restricts to {vector}."
    if subgroup.parent.name != "O(3)":
        return sentence
    pseudovector = words.irreps(multiplicities(group, elements, weights, trace(g) * determinant_3(g), order))
    if group.is_proper:
        return f"{sentence} A pseudovector (1e) restricts to the same: no mirror tells them apart."
    return f"{sentence} A pseudovector (1e) restricts to {pseudovector}."


def _vector_label(parent: Group) -> str:
    return words.irreps(parent.defining.isotypic) if isinstance(parent, CatalogGroup) else "x, y, z"


# groups that are given as planar groups -------------------------------------------------------------------------------


def _words(subgroup: Subgroup, found: Found) -> tuple[str, ...]:
    parent, frame = subgroup.parent, subgroup.frame.array
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


def _vectors(parent: Group, group: Group, kind: Kind, moves: tuple[str, str]) -> str:
    """The sentences about what a vector and a pseudovector become."""
    elements, weights = group.quadrature(2)
    g = kind.embed(elements)
    vector = words.restricted(group, elements, weights, g)
    pseudovector = words.restricted(group, elements, weights, g * determinant_3(g)[:, None, None])
    sentence = f"A vector ({_vector_label(parent)}) restricts to {vector}: {moves[0]}."
    if parent.name != "O(3)":
        return sentence
    if not kind.improper:
        return f"{sentence} A pseudovector (1e) restricts to the same: no mirror tells them apart."
    return f"{sentence} A pseudovector (1e) restricts to {pseudovector}: {moves[1]}."


def _whole_vector(parent: Group, group: Group) -> tuple[str, ...]:
    if group == parent:
        return ()
    return ("A vector (1o) and a pseudovector (1e) both restrict to 1: no mirror tells them apart.",)
