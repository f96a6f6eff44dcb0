"""Which group element a given transformation is, and which subgroups hold it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import for_json, to_numpy
from intertwine.catalog import words
from intertwine.catalog.base import CatalogGroup, DirectProduct
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups import Group
from intertwine.groups.rotations import axial
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import nearest_elements, still


@dataclass(frozen=True, eq=False)
class IdentifiedElement:
    """The element of a group that a transformation of features is.

    Args:
        group: the group.
        element: the element `(n, n)` that comes closest.
        name: what it is, such as "the mirror perpendicular to y".
        determinant: +1 or −1.
        error: the relative difference between the transformation and the element's matrix.
        inside: names of subgroups, in their standard settings, that hold it.
        outside: names of those that do not.
        faithful: whether no other element acts on the features in the same way.
    """

    group: CatalogGroup
    element: np.ndarray
    name: str
    determinant: int
    error: float
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    faithful: bool = True

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return for_json(self, "group", "element", "name", "determinant", "error", "inside", "outside", "faithful")

    def __str__(self) -> str:
        sign = "+1" if self.determinant > 0 else "−1"
        moves = f": {words.linear_map(self.element)}, det {sign}" if len(self.element) in (2, 3) else ""
        lines = [f"your map is {self.name}{moves}, error {self.error:.1g}"]
        if self.error >= 1e-3:
            lines = [
                f"your map is no element of {self.group}: the closest one, {self.name}{moves}, differs from it by "
                f"{100 * self.error:.3g} % of its size"
            ]
        if not self.faithful:
            lines.append("other elements act on these features in the same way; this is one of them")
        it = "it" if self.error < 1e-3 else "that one"
        if self.inside:
            lines.append(f"{it} is in      {', '.join(self.inside)}")
        if self.outside:
            lines.append(f"{it} is not in  {', '.join(self.outside)}")
        return "\n".join(lines)


def identify_action(
    transformation: Callable[[np.ndarray], np.ndarray] | np.ndarray, rep: Rep | Irrep
) -> IdentifiedElement:
    """The group element whose matrix a transformation of features is: "your map is the mirror y → −y".

    Args:
        transformation: a matrix `(rep.dim, rep.dim)`, or a linear function of features `(..., rep.dim)`.
        rep: how features transform; of a finite group, SO(2), O(2), SO(3) or O(3).

    Raises `ShapeError` for a matrix of another size, and `ArgumentError` for a function that is not linear.

    The element is found by aligning a generic feature with its image; the error says how well its matrix agrees with
    the whole transformation.

    >>> from intertwine.catalog import O3
    >>> flip = np.diag([1.0, -1.0, 1.0])
    >>> print(identify_action(flip, O3.rep("1x1o")).name)
    the mirror y → −y
    """
    rep = as_rep(rep)
    if not isinstance(rep.group, CatalogGroup):
        raise ArgumentError(f"A rep of a group of the catalogue was expected, but got one of {rep.group}.")
    matrix = _matrix(transformation, rep)
    three = rep + rep + rep  # features whose joint stabiliser is as small as that of the rep
    x = np.random.default_rng(0).normal(size=(3, rep.dim))
    found = nearest_elements(x.reshape(-1), (x @ matrix.T).reshape(-1), three)
    size = max(float(np.linalg.norm(matrix)), 1e-300)
    errors = np.linalg.norm(rep.evaluate(found) - matrix, axis=(-2, -1)) / size
    tied = found[errors <= errors.min() + 1e-9]
    best = tied[np.argmax(np.trace(tied, axis1=-2, axis2=-1).round(6))]  # of several the one that moves least
    near = np.round(best)
    best = np.where(np.abs(best - near) < 1e-9, near + 0.0, best)
    inside, outside = _places(rep.group, best)
    return IdentifiedElement(
        group=rep.group,
        element=best,
        name=element_name(best),
        determinant=round(float(np.linalg.det(best))),
        error=float(errors.min()),
        inside=inside,
        outside=outside,
        faithful=len(tied) == 1 and not len(still(x.reshape(-1), three, 1e-9)),
    )


def _matrix(transformation: Callable[[np.ndarray], np.ndarray] | np.ndarray, rep: Rep) -> np.ndarray:
    """The matrix `(rep.dim, rep.dim)` of a transformation; it is checked that a function is linear."""
    if not callable(transformation):
        matrix = to_numpy(transformation)
    else:
        x = np.concatenate([np.eye(rep.dim), np.random.default_rng(1).normal(size=(2, rep.dim))])
        values = to_numpy(transformation(x))
        if values.shape != x.shape:
            raise ShapeError(
                f"The function was given features of shape {x.shape}, and should return as many, but gave "
                f"{values.shape}. Pass a function that takes features (..., {rep.dim}) of {rep}."
            )
        matrix = values[: rep.dim].T
        if not np.allclose(values[rep.dim :], x[rep.dim :] @ matrix.T, rtol=1e-4, atol=1e-6 * np.abs(values).max()):
            raise ArgumentError(
                "The function is not linear in the features, so it is not the action of a group element. Pass the "
                "transformation alone, without a network or a bias."
            )
    if matrix.shape != (rep.dim, rep.dim):
        raise ShapeError(
            f"A transformation of {rep} is a matrix of shape {(rep.dim, rep.dim)}, but got {matrix.shape}. "
            "Pass the matrix, or a function that takes features (..., rep.dim)."
        )
    if not np.isfinite(matrix).all():
        raise ArgumentError("The transformation gives NaN or infinite numbers. Repair it first.")
    return np.asarray(matrix)


def _places(group: CatalogGroup, g: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The continuous subgroups, in their standard settings, that hold an element, and those that do not."""
    if not (group.is_full and group.dim == 3):
        return (), ()
    copies = {"Cinfv": " (cone)", "Dinf": " (half-turns)"}
    holding = {
        H.name + copies.get(H.name, ""): H.contains(g, 1e-6) for H in group.subgroups(1) if not H.group.is_finite
    }
    inside = tuple(name for name, holds in holding.items() if holds)
    return inside, tuple(name for name in holding if name not in inside)


def element_name(g: np.ndarray) -> str:
    """What an orthogonal matrix does, in words.

    >>> element_name(np.diag([1.0, -1.0, -1.0])), element_name(-np.eye(3))
    ('the half-turn about x', 'the inversion')
    """
    size = len(g)
    if np.abs(g - np.eye(size)).max() < 1e-6:
        return "the identity"
    if size in (2, 3):
        return _planar_name(g) if size == 2 else _spatial_name(g)
    return _cycles(g) if np.isin(g, (0, 1)).all() else "an element"


def member_name(group: Group, g: np.ndarray) -> str:
    """What an element of a group does, in words; of a product, what it does to each factor's vectors.

    >>> from intertwine.catalog import O2, cyclic
    >>> G = cyclic(2) * O2
    >>> member_name(G, G.pair(-np.eye(2), np.diag([1.0, -1.0])))
    'the rotation by 180° of C2 with the mirror y → −y of O(2)'
    """
    if not isinstance(group, DirectProduct):
        return element_name(g)
    parts = zip((group.left, group.right), group.factors(g), strict=True)
    moving = [(factor, part) for factor, part in parts if np.abs(part - np.eye(factor.dim)).max() >= 1e-6]
    return " with ".join(f"{member_name(*pair)} of {pair[0].name}" for pair in moving) or "the identity"


def _cycles(g: np.ndarray) -> str:
    """The permutation that a permutation matrix is, as cycles of 1 … n."""
    target, seen, text = np.argmax(g, 0), set[int](), ""
    for start in range(len(g)):
        cycle = []
        while start not in seen:
            seen.add(start)
            cycle.append(str(start + 1))
            start = int(target[start])
        text += f"({' '.join(cycle)})" if len(cycle) > 1 else ""
    return f"the permutation {text}"


def _planar_name(g: np.ndarray) -> str:
    if np.linalg.det(g) > 0:
        return f"the rotation by {_degrees(np.arctan2(g[1, 0], g[0, 0]))}"
    angle = np.arctan2(g[1, 0], g[0, 0]) / 2
    if abs(angle) < 1e-6:
        return "the mirror y → −y"
    if abs(abs(angle) - np.pi / 2) < 1e-6:
        return "the mirror x → −x"
    return f"the mirror that keeps the line at {_degrees(angle % np.pi)}"


def _spatial_name(g: np.ndarray) -> str:
    proper = np.linalg.det(g) > 0
    rotation = g if proper else -g
    if np.abs(rotation - np.eye(3)).max() < 1e-6:
        return "the inversion"
    sine = axial(rotation - rotation.T)
    _, vectors = np.linalg.eigh(rotation + rotation.T)
    axis = vectors[:, -1] * (np.sign(vectors[:, -1] @ sine) or 1.0)
    if np.abs(sine).max() < 1e-6:
        axis = axis * np.sign(axis[np.argmax(np.abs(axis) > 1e-6)])
    angle = np.arctan2(axis @ sine, np.trace(rotation) - 1)
    name = _direction(axis)
    half = abs(abs(angle) - np.pi) < 1e-6
    if proper:
        return f"the half-turn about {name}" if half else f"the rotation by {_degrees(angle)} about {name}"
    if half:
        return f"the mirror {name} → −{name}" if len(name) == 1 else f"the mirror perpendicular to {name}"
    # −R(angle) about an axis is the reflection across it after R(180° − angle) about the opposite axis
    name = _direction(-axis)
    return f"the rotation by {_degrees(np.pi - angle)} about {name} followed by the reflection across it"


def _direction(axis: np.ndarray) -> str:
    """x, −y, z, or the components, without the noise in the fifth digit that coordinates from files bring."""
    return words.direction_name(np.round(axis, 9)) or words.vector(np.round(axis, 4) + 0.0)


def _degrees(angle: float) -> str:
    degrees = np.degrees(angle) % 360
    return f"{words.number(round(float(degrees), 6))}°"
