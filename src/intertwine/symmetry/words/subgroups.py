"""What subgroups say of themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from intertwine.catalog import O3, words
from intertwine.catalog.axial import AxialGroup
from intertwine.catalog.base import CatalogGroup, DirectProduct
from intertwine.catalog.notation import family, find, hermann_mauguin
from intertwine.catalog.planar import MIRROR, PlanarGroup
from intertwine.catalog.point_subgroups import GroupInSpace, PointGroup
from intertwine.catalog.polyhedral import find_point_group
from intertwine.catalog.product_subgroups import Diagonal, Pairs
from intertwine.catalog.recognise import rotation_axes
from intertwine.groups import Group, Subgroup
from intertwine.groups.rotations import plane_rotation
from intertwine.groups.subgroup import Composition
from intertwine.reps.decomposition import multiplicities
from intertwine.reps.irrep import matrix_trace
from intertwine.reps.wigner import determinant_3
from intertwine.symmetry.words.escnn import escnn_id, planar_escnn_id


def describe(subgroup: Subgroup) -> tuple[str, ...]:
    """What `subgroup.describe()` says, a line per item."""
    parent, group, pattern = subgroup.parent, subgroup.group, subgroup.pattern
    if isinstance(pattern, Composition):
        through = f"It lies in {pattern.outer.parent} through {pattern.outer.name}."
        return (*describe(pattern.inner), through, *describe(pattern.outer))
    if isinstance(pattern, Pairs | Diagonal):
        pairs = "the pairs of an element and itself"
        if isinstance(pattern, Pairs):
            pairs = f"the pairs of an element of {pattern.left.name} and one of {pattern.right.name}"
        return (f"{subgroup.name} is a subgroup of {parent}, a copy of {group}: {pairs}.",)
    if isinstance(parent, PlanarGroup) and isinstance(group, PlanarGroup):
        return _in_the_plane(subgroup, parent, group)
    if isinstance(parent, GroupInSpace) and (title := find(subgroup.name).own) is not None:
        return _in_space(subgroup, title)
    if isinstance(parent, CatalogGroup) and isinstance(group, CatalogGroup) and parent.is_finite:
        return _listed(subgroup, parent, group)
    return (f"{subgroup.name} is a subgroup of {parent}, a copy of {group}.",)


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
    lines = [f"{group} is a subgroup of {parent} with {size}.", _rotations(group.rotations, "the origin")]
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


# space ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """What to say about one family of subgroups of O(3).

    Args:
        improper: whether it holds elements of determinant −1, and so lies in O(3) only.
        flips: the sentence about its flips; {axis} and {mirror} are filled in.
        along: what happens to the part of a vector, and of a pseudovector, along the {axis}.
        flip: the sentence about its flip where it has only one.
        twin: the other copy of the same group, its name with {n}, and how it differs.
    """

    improper: bool
    flips: str
    along: tuple[str, str] = ("{axis} stays", "{axis} stays")
    flip: str = ""
    twin: tuple[str, str] | None = None


_CONE = _Kind(
    True,
    "Its flips are mirrors (determinant −1) whose planes contain {axis}. "
    "The reference flip is the mirror that contains {axis} and {mirror}",
    ("{axis} stays", "{axis} changes sign under the mirrors"),
    "Its flip is the mirror (determinant −1) that contains {axis} and {mirror}",
    ("D{n}", "whose flips are half-turns"),
)
_DIHEDRAL = _Kind(
    False,
    "Its flips are half-turns (determinant +1) about axes perpendicular to {axis}, so they reverse {axis}. "
    "The reference flip is the half-turn about {mirror}",
    ("{axis} changes sign under the half-turns", ""),
    "Its flip is the half-turn (determinant +1) about {mirror}",
    ("C{n}v", "whose flips are mirrors"),
)
_ROTATIONS = _Kind(False, "It has no flips")
_ROTATING_CYLINDER = _Kind(
    True,
    "It holds the inversion, and with it the mirror perpendicular to {axis}, but no mirror that contains {axis}",
    ("{axis} changes sign under the inversion", "{axis} stays"),
)
_CYLINDER = _Kind(
    True,
    "It holds the mirrors that contain {axis}, the half-turns about axes perpendicular to it, and the inversion",
    ("{axis} changes sign under the half-turns and the inversion", "{axis} changes sign under the half-turns"),
)
_HANDED_SPHERE = _Kind(False, "It has no flips: every element is a rotation.")
_SPHERE = _Kind(True, "It holds every rotation, every mirror and the inversion.")
_KINDS = {"Cv": _CONE, "D": _DIHEDRAL, "C": _ROTATIONS, "Cinfh": _ROTATING_CYLINDER, "Dinfh": _CYLINDER}
_KINDS |= {"SO3": _HANDED_SPHERE, "O3": _SPHERE}
"""By title, or by the letters of one. The words of the others come from their elements."""
_SHAPES = {
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
    "C1v": "an object with one mirror plane",
    "D1": "a twisted wedge",
    "Cinf": "a rotating cone",
    "Cinfv": "a cone",
    "Cinfh": "a rotating cylinder",
    "Dinf": "a twisted cylinder",
    "Dinfh": "a cylinder",
    "SO3": "a sphere covered with a handed pattern",
    "O3": "a sphere",
}
_FAMILY_SHAPES = {
    "C": "a windmill with {n} sails",
    "Cv": "a pyramid on a {polygon}",
    "D": "a twisted prism on a {polygon}",
    "Ch": "a pinwheel with {n} sails that looks the same from below",
    "S": "a pinwheel with {n} sails on top of its mirror image, turned by half a step",
    "Dh": "a prism on a {polygon}",
    "Dd": "an antiprism on a {polygon}",
}


def _in_space(subgroup: Subgroup, title: str) -> tuple[str, ...]:
    """What a subgroup with a standard name says, a line per item."""
    kind = _KINDS.get(title) or _KINDS.get(family(title)[0])
    if kind is None or (isinstance(subgroup.group, PointGroup) and subgroup.group.is_finite):
        lines = _solid_words(subgroup)
    else:
        lines = _words(subgroup, O3.subgroup(subgroup.name), kind)
    return (*lines, *_generators(subgroup), _other_names(subgroup, title))


def _rotations(count: int | None, about: str) -> str:
    """The sentence about the rotations of a subgroup: how many (None for all), about what."""
    if count is None:
        return f"It holds the rotations about {about} by every angle."
    if count == 1:
        return "Its only rotation is the identity."
    angle = f"{360 // count}°" if 360 % count == 0 else f"360°/{count}"
    return f"It holds the rotations about {about} by multiples of {angle}."


def _shape(title: str) -> str:
    """An object with the symmetry that a standard name stands for.

    >>> _shape("C7v"), _shape("D4h")
    ('a pyramid on a regular 7-gon', 'a prism on a square')
    """
    if title in _SHAPES:
        return _SHAPES[title]
    letters, n = family(title)
    n = n // 2 if letters == "S" else n
    polygons = {3: "regular triangle", 4: "square", 5: "regular pentagon", 6: "regular hexagon"}
    return _FAMILY_SHAPES[letters].format(n=n, polygon=polygons.get(n, f"regular {n}-gon"))


def _other_names(subgroup: Subgroup, title: str) -> str:
    """The sentences about other notations, and about other labels of a planar group."""
    symbols, solid = [f"Hermann–Mauguin {hermann_mauguin(title)}"], with_symbols(subgroup)
    if subgroup.parent.name in ("O(3)", "SO(3)"):
        found = escnn_id(title, subgroup.parent.name)
        symbols.append("no id in escnn" if found is None else f"escnn id {found} (with its own axes)")
    sentence = f"Other names: {', '.join(symbols)}."
    if solid is None:
        return sentence
    pairs = ", ".join(f"{label} = {symbol}" for label, symbol in solid.planar_symbols.items())
    return f"{sentence} In Mulliken's symbols its irreps are {pairs}."


def with_symbols(subgroup: Subgroup) -> AxialGroup | None:
    """The point group with Mulliken's symbols that a finite planar subgroup of space is a copy of."""
    solid = find_point_group(find(subgroup.name).own) if subgroup.parent.dim == 3 else None
    fits = isinstance(solid, AxialGroup) and solid.plane == subgroup.group and solid.is_finite
    return solid if fits and isinstance(solid, AxialGroup) else None


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
    lines = [f"{title} is a subgroup of {parent} with {len(elements)} elements: the symmetry of {_shape(title)}."]
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
    sentence = f"Its main axis is {_where(frame[:, 2])}. {_rotations(main[0] if main else 1, 'it')}"
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


def _words(subgroup: Subgroup, standard: Subgroup, kind: _Kind) -> tuple[str, ...]:
    """What one of a family says, whose standard setting and abstract group are those of another subgroup."""
    parent, group, frame, title = subgroup.parent, standard.group, subgroup.frame.array, subgroup.name
    turns = int((np.linalg.det(group.elements()) > 0).sum()) if group.is_finite else None
    shape = "a twisted rectangular bar" if title == "D2" else _shape(find(title).title or title)
    copy = f"a copy of {group} inside {parent}" if group.name != title else f"a subgroup of {parent}"
    lines = [f"{title} is {copy}: the symmetry of {shape}."]
    if kind in (_SPHERE, _HANDED_SPHERE):
        both = "A vector (1o) and a pseudovector (1e) both restrict to 1: no mirror tells them apart."
        return (*lines, kind.flips, *[both] * (group != parent))
    first, second, axis = (words.direction_name(frame[:, i]) for i in range(3))
    names = first or "b", second or "the direction perpendicular to both", axis or "a"
    lines.append(_axes(frame, names, kind) + " " + _rotations(turns, names[2]))
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


def _axes(frame: np.ndarray, names: tuple[str, str, str], kind: _Kind) -> str:
    """The sentence about the main axis, and about the reference direction where it matters and needs numbers."""
    sentence = f"Its main axis is {names[2]}"
    if names[2] == "a":
        sentence += f" = {words.vector(frame[:, 2])}"
    if names[0] == "b" and kind in (_CONE, _DIHEDRAL):
        sentence += f", its reference direction b = {words.vector(frame[:, 0])}"
    return sentence + "."


def _flips(frame: np.ndarray, names: tuple[str, str, str], kind: _Kind, turns: int | None) -> str:
    """The sentence about the flips, with the reference flip as a map where there is one."""
    text = kind.flip if kind.flip and turns == 1 else kind.flips
    sentence = text.format(axis=names[2], mirror=names[0])
    if kind in (_CONE, _DIHEDRAL):
        sentence += ": " + words.linear_map(frame @ np.diag([1.0, -1.0, 1.0 if kind is _CONE else -1.0]) @ frame.T)
    return sentence + "."


def _moves(names: tuple[str, str, str], kind: _Kind, turns: int | None) -> tuple[str, str]:
    """What happens to the parts of a vector, and to the part of a pseudovector along the axis."""
    first, second, axis = names
    along, pseudo = (text.format(axis=axis) for text in kind.along)
    if turns == 1 and kind is _ROTATIONS:
        return "nothing moves", ""
    if turns == 1 and kind is _CONE:
        return f"{axis} and {first} stay, {second} changes sign", f"{second} stays, {axis} and {first} change sign"
    if turns == 1:
        return f"{first} stays, {axis} and {second} change sign", ""
    if turns == 2 and kind is not _ROTATIONS:
        return f"{along}, {first} and {second} do not mix", pseudo
    plane = (
        f"({first}, {second})" if len(first) + len(second) <= 4 and first != "b" else "the plane perpendicular to it"
    )
    return f"{along}, {plane} {'changes sign' if turns == 2 else 'turns'}", pseudo
