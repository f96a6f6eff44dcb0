"""The axes, mirrors and centre that a group of 3 × 3 matrices has: what the pictures of symmetry draw. Numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import hermann_mauguin
from intertwine.catalog.recognise import recognise, rotation_axes
from intertwine.catalog.standard_frame import standard_frame
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.reps.splitting import average


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis of rotations.

    >>> Axis(np.array([0, 0, 1]), 2, 4).label, Axis(np.array([0, 0, 1]), 0).words
    ('C₂ S₄', 'C∞: rotations by any angle')
    """

    direction: np.ndarray  # a unit vector `(3,)`
    order: int  # n for rotations by multiples of 360°/n; 0 for every angle
    improper: int = 0  # n of S_n, rotations by 360°/n followed by the mirror across the axis; 0 for none

    @property
    def label(self) -> str:
        """Its Schoenflies symbols."""
        return f"C{_subscript(self.order)}" + (f" S{_subscript(self.improper)}" if self.improper else "")

    @property
    def words(self) -> str:
        """What it does, a line for each symbol."""
        if not self.order:
            return "C∞: rotations by any angle"
        turns = f"multiples of {360 / self.order:.4g}°" if self.order > 2 else "180°"
        lines = [f"C{_subscript(self.order)}: rotations by {turns}"]
        if self.improper:
            turn = f"rotation by {360 / self.improper:.4g}°"
            lines.append(f"S{_subscript(self.improper)}: {turn}, then the mirror across the axis")
        return "<br>".join(lines)


@dataclass(frozen=True, eq=False)
class SymmetryElements:
    """The axes, mirrors and centre of a group."""

    name: str  # the Schoenflies name
    order: int | None  # the number of elements, None for infinitely many
    frame: np.ndarray  # a rotation: the columns are the reference direction, the third direction and the main axis
    axes: tuple[Axis, ...]  # the axes of rotations, highest order first; of a continuous group its main axis only
    mirrors: np.ndarray  # normals `(m, 3)` of mirrors; of a continuous group that across its main axis only
    inversion: bool  # whether x → −x is there
    upright: bool = False  # whether every plane that contains the main axis is a mirror
    across: bool = False  # whether every axis perpendicular to the main axis is one of half-turns
    everywhere: bool = False  # whether every axis is one of all rotations; then `upright` speaks of every plane

    @property
    def title(self) -> str:
        """The name in two notations, and the number of elements."""
        symbol = hermann_mauguin(self.name.replace("(", "").replace(")", ""))
        count = "infinitely many" if self.order is None else str(self.order)
        return f"{self.name.replace('inf', '∞')} · {symbol} · {count} element{'s' if self.order != 1 else ''}"


def symmetry_elements(group: Subgroup | CatalogGroup) -> SymmetryElements:
    """The axes, mirrors and centre of a subgroup of O(3), or of any group of 3 × 3 orthogonal matrices.

    Raises `ArgumentError` for a group that does not act on space.

    >>> from intertwine.catalog import point_group
    >>> found = symmetry_elements(point_group("Td"))
    >>> [axis.label for axis in found.axes], len(found.mirrors)
    (['C₃', 'C₃', 'C₃', 'C₃', 'C₂ S₄', 'C₂ S₄', 'C₂ S₄'], 6)
    """
    inner, embed = _acting(group)
    if inner.is_finite:
        return _finite(matrices_in_space(group))
    return _continuous(embed(inner.sample(64)), lambda g: bool(group.contains(g)))


def matrices_in_space(group: Subgroup | CatalogGroup) -> np.ndarray:
    """All elements `(order, 3, 3)` of a group; `ArgumentError` where it does not act on space, or is infinite.

    >>> from intertwine.catalog import O3
    >>> matrices_in_space(O3.subgroup("C3v")).shape
    (6, 3, 3)
    """
    inner, embed = _acting(group)
    return embed(inner.elements())


def _acting(group: Subgroup | CatalogGroup) -> tuple[CatalogGroup, Callable[[np.ndarray], np.ndarray]]:
    """A group and its matrices in space."""
    if isinstance(group, Subgroup) and group.parent.dim == 3 and isinstance(group.group, CatalogGroup):
        return group.group, group.embed
    if isinstance(group, CatalogGroup) and group.dim == 3:
        return group, lambda g: g
    raise ArgumentError(
        f"Axes and mirrors in space belong to groups of 3 × 3 matrices, but got {group!r}. Call "
        "tw.point_group(name), or tw.O3.subgroup(name) for one that lies elsewhere."
    )


def _finite(elements: np.ndarray) -> SymmetryElements:
    name, frame = recognise(elements)
    proper = np.linalg.det(elements) > 0
    turned = -elements[~proper]  # rotations by 180° more
    cosines = (1 - np.trace(turned, axis1=1, axis2=2)) / 2  # of the angles before the mirror
    mirrors, inversion = cosines > 1 - 1e-6, cosines < -1 + 1e-6
    rest = turned[~mirrors & ~inversion]
    axes = tuple(Axis(a, n, _improper_order(a, rest)) for a, n in rotation_axes(elements[proper]))
    normals = np.array([normal for normal, _ in rotation_axes(turned[mirrors])]).reshape(-1, 3)
    return SymmetryElements(name, len(elements), frame, axes, normals, bool(inversion.any()))


def _improper_order(axis: np.ndarray, turned: np.ndarray) -> int:
    """The largest n such that S_n about an axis is among the negatives of rotations `(q, 3, 3)`; 0 for none."""
    about = turned[np.abs(turned @ axis - axis).max(-1, initial=0.0) < 1e-6]
    if not len(about):
        return 0
    cosine = np.max((1 - np.trace(about, axis1=1, axis2=2)) / 2)
    return round(float(2 * np.pi / np.arccos(cosine)))


def _continuous(samples: np.ndarray, contains: Callable[[np.ndarray], bool]) -> SymmetryElements:
    """From random elements `(q, 3, 3)` and a test of membership."""
    inversion = contains(-np.eye(3))
    axis = _main_axis(samples)
    if axis is None:
        name = "O(3)" if inversion else "SO(3)"
        none = np.zeros((0, 3))
        return SymmetryElements(name, None, np.eye(3), (), none, inversion, upright=inversion, everywhere=True)
    frame = standard_frame(axis, None)
    flip = frame[:, 0]
    level, upright = contains(_mirror(axis)), contains(_mirror(flip))
    across = contains(-_mirror(flip))
    name = ("D" if across else "C") + "inf" + ("h" if level else "v" if upright else "")
    normals = np.array([axis] * level).reshape(-1, 3)
    return SymmetryElements(name, None, frame, (Axis(axis, 0),), normals, inversion, upright, across)


def _main_axis(samples: np.ndarray) -> np.ndarray | None:
    """The axis that all elements keep, up to sign, of z or −z the upper one; None if there is no such axis."""
    noise = np.random.default_rng(0).normal(size=(3, 3))
    values, vectors = np.linalg.eigh(average(noise + noise.T, samples, samples))
    if np.ptp(values) < 1e-8:
        return None
    axis = vectors[:, 0 if values[1] - values[0] > values[2] - values[1] else 2]
    axis = np.where(np.abs(axis - np.round(axis)) < 1e-9, np.round(axis), axis)
    return np.asarray(axis * np.sign(axis[np.flatnonzero(np.abs(axis) > 1e-9)[-1]]))


def _mirror(normal: np.ndarray) -> np.ndarray:
    return np.asarray(np.eye(3) - 2 * np.outer(normal, normal))


def _subscript(n: int) -> str:
    """An order as a subscript, ∞ for 0."""
    return str(n).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")) if n else "∞"
