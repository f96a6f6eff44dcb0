"""What leaves an input as it is: the elements that were found, their group, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine.catalog import words
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.recognise import rotation_axes
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.crystals import SpaceGroup


@dataclass(frozen=True, repr=False, eq=False)
class Stabiliser:
    """The elements of a group that leave an input as it is: its isotropy subgroup, named and with its axes.

    Args:
        subgroup: the subgroup, with exact axes fitted to what was found; `subgroup.describe()` says what it is.
        elements: the elements `(h, n, n)` of a finite one, exact; of a continuous one an element of each component.
        residuals: how far each leaves the input from where it was, relative to its size, `(h,)`.
        permutations: for a cloud, where each element takes each point, `(h, N)`: point i goes to `permutations[k, i]`.
        tolerance: the residual up to which an element counts.
        centred: for a cloud, the positions about the centre, `(N, n)`.
        space: for a crystal, its space group; `subgroup` is then the point group, and an element occurs once for each
            operation with that rotation.
        asked: the tolerance that was asked for, where that was less than the rounding of positions can cause; else 0.
    """

    subgroup: Subgroup
    elements: np.ndarray
    residuals: np.ndarray
    permutations: np.ndarray | None
    tolerance: float
    centred: np.ndarray | None = None
    space: SpaceGroup | None = None
    asked: float = 0.0

    @property
    def group(self) -> CatalogGroup:
        """The group that it is a subgroup of."""
        return self.subgroup.parent  # type: ignore[return-value]

    @property
    def name(self) -> str:
        """The Schoenflies name in space; Cn, Dn, SO(2), O(2) in the plane; of crystals the international symbol."""
        return self.subgroup.name if self.space is None else self.space.symbol

    @property
    def order(self) -> int | float:
        """The number of elements; of a crystal that of operations that keep the cell."""
        return self.subgroup.group.order if self.space is None else len(self.elements)

    @property
    def continuous(self) -> bool:
        """Whether there are infinitely many."""
        return not self.subgroup.group.is_finite

    @cached_property
    def axes(self) -> list[tuple[int | float, np.ndarray]]:
        """The rotation axes in space as (order, unit vector), highest order first; infinite for every angle."""
        if self.group.dim != 3 or self.name in ("SO(3)", "O(3)"):
            return []
        if self.continuous:
            return [(np.inf, self.subgroup.frame.array[:, 2])]
        elements = self.elements if self.space is None else self.subgroup.embed(self.subgroup.group.elements())
        proper = elements[np.linalg.det(elements) > 0]
        return [(order, axis) for axis, order in rotation_axes(proper)]

    def averaging(self, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Elements, weights and permutations whose averages are exact for reps up to a degree.

        They are the finite group itself, or a quadrature of a continuous one.
        """
        if not self.continuous:
            return self.elements, np.full(len(self.elements), 1 / len(self.elements)), self.permutations
        h, weights = self.subgroup.group.quadrature(max(degree, 1))
        elements = self.subgroup.embed(h)
        if self.permutations is None:
            return elements, weights, None
        return elements, weights, self.permutations[self._pieces(elements)]

    def _pieces(self, g: np.ndarray) -> np.ndarray:
        """For elements `(q, n, n)` of a continuous symmetry, the places in `elements` of those connected to them."""
        axis = self.subgroup.frame.array[:, -1] if len(self.subgroup.group.lie_generators) == 1 else np.zeros(len(g[0]))
        a, b = (
            np.stack([np.linalg.det(x), (x @ axis) @ axis if len(axis) == 3 else 0 * x[:, 0, 0]], -1)
            for x in (g, self.elements)
        )
        return np.asarray(np.abs(a[:, None] - b).max(-1).argmin(1))

    def fixed(self, rep: Rep | Irrep) -> np.ndarray:
        """An orthonormal basis `(rep.dim, k)` of the vectors of a rep that the stabiliser leaves as they are.

        The value of an equivariant map at the input lies in this space, and every vector of it is the value of some
        such map (Curie's principle).
        """
        return fixed_space(self.subgroup, as_rep(rep))

    def to_dict(self) -> dict[str, object]:
        """Name, order, axes, elements and residuals as plain numbers, for JSON."""
        return {
            "name": self.name,
            "group": self.group.name,
            "order": None if self.continuous else self.order,
            "axes": [[None if order == np.inf else order, axis.tolist()] for order, axis in self.axes],
            "elements": self.elements.tolist(),
            "residuals": self.residuals.tolist(),
            "permutations": None if self.permutations is None else self.permutations.tolist(),
            "translations": None if self.space is None else self.space.translations.tolist(),
        }

    def __str__(self) -> str:
        size = "infinitely many elements" if self.continuous else _count(int(self.order), "element")
        worst = float(self.residuals.max(initial=0.0))
        lines = [f"symmetry {self.name} in {self.group}, {size}; largest residual {worst:.1g}"]
        if self.space is not None:
            point = "" if self.space.symbol.endswith(self.subgroup.name) else f"; point group {self.subgroup.name}"
            lines = [f"{self.space}{point}; largest residual {worst:.1g}"]
        if self.axes:
            shown = [f"{_order(order)} {_line(axis)}" for order, axis in self.axes]
            lines.append("axes: " + ", ".join(shown[:8]) + (", …" if len(shown) > 8 else ""))
        if self.asked and worst > self.asked:
            lines.append(
                f"up to {self.tolerance:.1g}, not {self.asked:.1g}: so much the rounding of positions can cause"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Stabiliser {self.name} in {self.group}, order {self.order}>"


def _line(axis: np.ndarray) -> str:
    """A line through the centre in words, up to noise in the fifth digit."""
    rounded = np.round(axis * np.sign(axis[np.argmax(np.abs(axis).round(4))]), 4) + 0.0
    return words.direction_name(rounded) or words.vector(rounded)


def _order(order: float) -> str:
    return "C∞" if order == np.inf else f"C{int(order)}"


def _count(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"


def no_group(count: int, tolerance: float, residuals: np.ndarray) -> ArgumentError:
    """The error for elements that form no group."""
    shown = ", ".join(f"{r:.1g}" for r in np.sort(residuals)[-3:])
    largest = f" (the largest: {shown})" if shown else ""
    return ArgumentError(
        f"The {count} elements with residuals below the tolerance {tolerance:g}{largest} do not form a group: the "
        "input is near a larger symmetry. Pass a smaller or a larger tolerance."
    )


def fixed_space(subgroup: Subgroup, rep: Rep) -> np.ndarray:
    """An orthonormal basis `(rep.dim, k)` of the vectors of a rep that a subgroup leaves as they are."""
    restricted = rep.restrict(subgroup)
    trivial = Irrep(restricted.group, restricted.group.trivial)
    copies = restricted.copies
    return copies[trivial][:, 0, :] if trivial in copies else np.zeros((restricted.dim, 0))


def distances(x: np.ndarray, matrices: np.ndarray, permutations: np.ndarray, whole: bool = False) -> np.ndarray:
    """How far rows `(N, d)` that matrices `(h, d, d)` move are from their partners: the farthest, or all together."""
    off = np.linalg.norm(x @ matrices.swapaxes(-1, -2) - x[permutations], axis=-1)
    if whole:
        return np.asarray(np.linalg.norm(off, axis=1) / max(float(np.linalg.norm(x)), 1e-300))
    return np.asarray(off.max(1, initial=0.0))
