"""The axial subgroups of SO(3) and O(3): Schoenflies names, embeddings, and words that explain them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Array, Table, namespace
from intertwine.catalog.base import CatalogGroup, Vector
from intertwine.catalog.inversion import InversionGroup, by_rotations, lift
from intertwine.catalog.planar import O2, SO2, Cyclic, Dihedral
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Group, Subgroup
from intertwine.reps.wigner import determinant_3


@dataclass(frozen=True)
class Kind:
    """One family of subgroups: how to embed its abstract group, and what to say about it."""

    embed: Callable[[Array], Array]
    mirrors: bool  # holds elements of determinant −1: lies in O(3) only
    shape: str
    flip: str


def by_mirrors(h: Array) -> Array:
    """2 × 2 elements as maps of space that keep z: mirrors of the plane become mirrors that contain z."""
    return lift(h, namespace(h).ones_like(h[..., 0, 0]))


def unchanged(h: Array) -> Array:
    """3 × 3 elements as they are."""
    return h


CONE = Kind(
    by_mirrors,
    True,
    "a cone",
    "Its flips are mirrors (determinant −1) whose planes contain the axis: they keep {axis}, and the reference flip "
    "is the mirror that contains {axis} and {mirror}",
)
DIHEDRAL = Kind(
    by_rotations,
    False,
    "a twisted cylinder",
    "Its flips are half-turns (determinant +1) about axes perpendicular to {axis}: they reverse {axis}, and the "
    "reference flip is the half-turn about {mirror}",
)
ROTATIONS = Kind(by_mirrors, False, "a rotating cone", "It has no flips: every element is a rotation about {axis}")
ROTATING_CYLINDER = Kind(
    unchanged,
    True,
    "a rotating cylinder",
    "It holds the inversion, and so the mirror perpendicular to {axis}, but no mirror that contains {axis}",
)
CYLINDER = Kind(
    unchanged,
    True,
    "a cylinder",
    "It holds the mirrors that contain {axis}, the half-turns about axes perpendicular to it, and the inversion",
)
WHOLE = {
    "SO(3)": Kind(unchanged, False, "a sphere without mirrors", "It has no flips: every element is a rotation"),
    "O(3)": Kind(unchanged, True, "a sphere", "It holds every rotation, every mirror and the inversion"),
}

NAMES = "Cinf, Cinfv, Cinfh, Dinf, Dinfh, Cn, Cnv, Dn (n a number), SO(3) and O(3)"


def cinfh() -> InversionGroup:
    """The rotating cylinder's group, SO(2) and the inversion."""
    return InversionGroup(SO2(), "Cinfh")


def dinfh() -> InversionGroup:
    """The cylinder's group, O(2) and the inversion."""
    return InversionGroup(O2(), "Dinfh")


def spatial_subgroup(parent: CatalogGroup, name: str, axis: Vector | None, mirror: Vector | float | None) -> Subgroup:
    """The subgroup of SO(3) or O(3) that a Schoenflies name, an axis and a reference direction describe."""
    found = parse_schoenflies(name)
    if found is None:
        raise LabelError(f"{parent} has no subgroup called {name!r}. Known names are {NAMES}.")
    title, group, kind = found
    if kind.mirrors and parent.name == "SO(3)":
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
        frame=Table(frame),
        words=_words(parent, group, title, kind, frame),
        expression=f"{parent!r}.subgroup({title!r}{arguments})",
    )


def parse_schoenflies(name: str) -> tuple[str, Group, Kind] | None:
    """The standard spelling, the abstract group and the kind of subgroup that a name stands for; None if unknown."""
    from intertwine.catalog.spatial import O3, SO3  # the two files know each other: a group names its subgroups

    text = name.strip().replace("∞", "inf").replace(" ", "")
    if text in ("SO(3)", "SO3", "O(3)", "O3"):
        whole = SO3() if text.startswith("S") else O3()
        return whole.name, whole, WHOLE[whole.name]
    text = {"SO(2)": "Cinf", "SO2": "Cinf"}.get(text, text)
    if (match := re.fullmatch(r"([CD])(inf|[1-9]\d*)([vh]?)", text)) is None:
        return None
    letter, n, suffix = match.groups()
    flips = letter == "D" or suffix == "v"
    if suffix == "h":
        return None if n != "inf" else _cylinder(letter)
    if letter == "D" and suffix:
        return None
    group: Group = (O2() if flips else SO2()) if n == "inf" else (Dihedral(int(n)) if flips else Cyclic(int(n)))
    return text, group, DIHEDRAL if letter == "D" else CONE if flips else ROTATIONS


def _cylinder(letter: str) -> tuple[str, Group, Kind]:
    return ("Dinfh", dinfh(), CYLINDER) if letter == "D" else ("Cinfh", cinfh(), ROTATING_CYLINDER)


def standard_frame(axis: Vector | None, mirror: Vector | float | None) -> np.ndarray:
    """The rotation `(3, 3)` whose columns are the reference direction, the third direction and the main axis.

    Without a reference direction the one closest to x (to y when the axis is along x) is taken.
    """
    z = _direction("axis", (0, 0, 1) if axis is None else axis)
    default = np.array([1.0, 0, 0]) if abs(z[0]) < 0.9 else np.array([0, 1.0, 0])
    x = default if mirror is None else _direction("mirror", mirror)
    x = x - (x @ z) * z
    if np.linalg.norm(x) < 1e-6:
        raise ArgumentError(
            f"The reference direction {mirror!r} is parallel to the axis {axis!r}. "
            "Pass a mirror direction with a part perpendicular to the axis."
        )
    x = x / np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), z], -1)
    return np.where(np.abs(frame - np.round(frame)) < 1e-15, np.round(frame) + 0.0, frame)


def _direction(what: str, value: Vector | float) -> np.ndarray:
    direction = np.asarray(value, dtype=np.float64)
    if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
        raise ArgumentError(f"The {what} of a subgroup is a nonzero vector (x, y, z), but {value!r} came.")
    return np.asarray(direction / np.linalg.norm(direction))


def name_direction(direction: np.ndarray) -> str:
    """x, −y, z or the like where it fits, numbers otherwise."""
    for i, letter in enumerate("xyz"):
        for sign, text in ((1, ""), (-1, "−")):
            if np.allclose(direction, sign * np.eye(3)[i], atol=1e-12):
                return text + letter
    return "(" + ", ".join(f"{v:.4g}" for v in direction) + ")"


def name_map(g: np.ndarray) -> str:
    """A signed permutation such as (x, y, z) → (x, −y, z) in words, other matrices by their rows."""
    return "(x, y, z) → (" + ", ".join(_row(row) for row in g) + ")"


def _row(row: np.ndarray) -> str:
    parts = [f"{'−' if v < 0 else '+'}{'' if abs(abs(v) - 1) < 1e-12 else f'{abs(v):.4g}'}{c}" for v, c in
             zip(row, "xyz", strict=True) if abs(v) > 1e-12]  # fmt: skip
    return "".join(parts).removeprefix("+")


def _words(parent: CatalogGroup, group: Group, title: str, kind: Kind, frame: np.ndarray) -> tuple[str, ...]:
    axis, mirror = name_direction(frame[:, 2]), name_direction(frame[:, 0])
    copy = f"a copy of {group} inside {parent}" if group.name != title else f"a subgroup of {parent}"
    words = [f"{title} is {copy}: the symmetry of {_shape(group, kind)}."]
    if not title.endswith("(3)"):
        words.append(f"Its main axis is {axis}. {_rotations(group)}")
    sentence = kind.flip.format(axis=axis, mirror=mirror)
    if kind in (CONE, DIHEDRAL):
        flip = frame @ kind.embed(np.diag([1.0, -1.0])) @ frame.T
        sentence += f": {name_map(flip)}, determinant {determinant_3(flip):+.0f}"
    words.append(sentence + ".")
    words.append(_neighbours(kind))
    return tuple(word for word in words if word)


def _shape(group: Group, kind: Kind) -> str:
    if not group.is_finite:
        return kind.shape
    n = int(group.order) // (1 if kind is ROTATIONS else 2)
    return {CONE: f"a pyramid on a regular {n}-gon", DIHEDRAL: f"a twisted {n}-sided prism"}.get(
        kind, f"a {n}-bladed propeller that lies on one face"
    )


def _rotations(group: Group) -> str:
    if not group.is_finite:
        return "It holds the rotations about the axis by every angle."
    n = len([g for g in group.elements() if np.linalg.det(g) > 0])
    return f"It holds the rotations about the axis by multiples of {360 / n:g}°."


def _neighbours(kind: Kind) -> str:
    """What it is often taken for, in one sentence."""
    if kind is CONE:
        return "It is not Dinf, the other copy of O(2), whose flips are half-turns; SO(3) does not contain it."
    if kind is DIHEDRAL:
        return "It is not Cinfv, the other copy of O(2), whose flips are mirrors; it lies in SO(3)."
    return ""
