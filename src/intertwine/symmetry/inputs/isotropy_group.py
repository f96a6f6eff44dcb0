"""What leaves an input as it is: the elements that were found, their group, and what follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from intertwine._arrays import for_json
from intertwine.catalog import words
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.recognise import rotation_axes
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.greedy_closure import largest_among
from intertwine.symmetry.inputs.identify_subgroup import all_elements, named_subgroup
from intertwine.symmetry.inputs.space_groups import SpaceGroup
from intertwine.symmetry.inputs.tolerances import DIGITS, KEPT, LOST, SHARP, TINY

_PIECES = {"Cinf": 1, "SO(2)": 1, "SO(3)": 1, "Dinfh": 4}  # of continuous groups; the others have two


class Averaging(NamedTuple):
    """Elements `(h, n, n)`, weights `(h,)` that sum to 1, and where points go `(h, N)`: None for a vector."""

    elements: np.ndarray
    weights: np.ndarray
    permutations: np.ndarray | None

    def moved(self, y: np.ndarray, rep: Rep) -> np.ndarray:
        """A vector `(rep.dim,)`, or vectors at points `(N, rep.dim)`, moved by each of the elements."""
        return moved(y, rep, self.elements, self.permutations)

    def mean(self, y: np.ndarray, rep: Rep) -> np.ndarray:
        """Its average over them."""
        return np.asarray(np.tensordot(self.weights, self.moved(y, rep), 1))

    def fixed(self, irrep: Irrep) -> np.ndarray:
        """An orthonormal basis `(irrep.dim, k)` of the vectors that they all fix."""
        projector = np.tensordot(self.weights, irrep.evaluate(self.elements), 1) / self.weights.sum()
        values, vectors = np.linalg.eigh((projector + projector.T) / 2)
        return np.asarray(vectors[:, values > 0.5])


class Source(ABC):
    """What a symmetry was looked for in: a vector, or a cloud."""

    @abstractmethod
    def joined(self, y: np.ndarray, rep: Rep) -> Source:
        """The input with a target of length 1 beside it, which must be kept too."""

    @abstractmethod
    def displacements(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
        """How far elements take it from where it is, as a whole, `(h,)`."""

    @abstractmethod
    def residuals(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
        """The same relative to its size, for the part of it that is farthest: what tolerances bound, `(h,)`."""

    @property
    @abstractmethod
    def size(self) -> float:
        """The length that displacements are compared with."""


@dataclass(frozen=True, eq=False)
class RepVector(Source):
    """A vector `(rep.dim,)` of a rep."""

    rep: Rep
    x: np.ndarray

    def joined(self, y: np.ndarray, rep: Rep) -> RepVector:
        """The vector, of length 1, and another one."""
        return RepVector(self.rep + rep, np.concatenate([self.x / max(self.size, TINY), y]))

    def displacements(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:  # noqa: ARG002
        """|ρ(g) x − x|."""
        return np.asarray(np.linalg.norm(self.rep.evaluate(elements) @ self.x - self.x, axis=-1))

    def residuals(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
        """|ρ(g) x − x| / |x|."""
        return self.displacements(elements, permutations) / max(self.size, TINY)

    @property
    def size(self) -> float:
        """Its length."""
        return float(np.linalg.norm(self.x))


@dataclass(frozen=True, repr=False, eq=False)
class Stabiliser(ABC):
    """The elements of a group that leave an input as it is: its isotropy subgroup, named and with its axes.

    Its kinds are `FiniteStabiliser`, of a vector or a cloud; `ContinuousStabiliser`, of a vector or of a cloud on a
    line; and `CrystalStabiliser`.

    Args:
        subgroup: the subgroup, with exact axes fitted to what was found; `subgroup.describe()` says what it is.
        elements: the elements `(h, n, n)` of a finite one, exact; of a continuous one an element of each component.
        residuals: how far each leaves the input from where it was, relative to its size, `(h,)`.
        permutations: for a cloud, where each element takes each point, `(h, N)`: point i goes to `permutations[k, i]`.
        tolerance: the residual up to which an element counts.
        source: the input.
        part: the subgroup that the elements had to lie in; None for all of the group.
        asked: the tolerance that was asked for, where that was less than the rounding of positions can cause; else 0.
    """

    subgroup: Subgroup
    elements: np.ndarray
    residuals: np.ndarray
    permutations: np.ndarray | None
    tolerance: float
    source: Source
    part: Subgroup | None = None
    asked: float = 0.0

    # what each kind answers -------------------------------------------------------------------------------------------

    @abstractmethod
    def averaging(self, degree: int) -> Averaging:
        """Elements, weights and permutations whose averages are exact for reps up to a degree.

        They are the finite group itself, or a quadrature of a continuous one.
        """

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """n random elements and their permutations, uniform in the Haar measure."""

    @abstractmethod
    def _keeping(self, y: np.ndarray, rep: Rep, tolerance: float) -> Stabiliser:
        """The elements that leave a target of length 1 as it is up to a tolerance."""

    @abstractmethod
    def _inside(self, part: Subgroup, near: float) -> Stabiliser:
        """The elements that lie in a subgroup, up to how far axes are off."""

    # what follows -----------------------------------------------------------------------------------------------------

    @property
    def group(self) -> CatalogGroup:
        """The group that it is a subgroup of."""
        return self.subgroup.parent  # type: ignore[return-value]

    @property
    def name(self) -> str:
        """The Schoenflies name in space; Cn, Dn, SO(2), O(2) in the plane; of crystals the international symbol."""
        return self.subgroup.name

    @property
    def order(self) -> int | float:
        """The number of elements; of a crystal that of operations that keep the cell."""
        return self.subgroup.group.order

    @property
    def continuous(self) -> bool:
        """Whether there are infinitely many."""
        return not self.subgroup.group.is_finite

    @property
    def pieces(self) -> int:
        """The number of connected pieces; of a finite one that of its elements."""
        return _PIECES.get(self.name, 2) if self.continuous else len(self.elements)

    def index(self, K: Stabiliser) -> float:
        """|H : K|, the number of cosets of a subgroup K; infinite where it has fewer dimensions."""
        same = len(self.subgroup.group.lie_generators) == len(K.subgroup.group.lie_generators)
        return self.pieces / K.pieces if same else np.inf

    @property
    def space(self) -> SpaceGroup | None:
        """Of a crystal its space group: `subgroup` is then the point group, and elements occur once per operation."""
        return None

    @cached_property
    def axes(self) -> list[tuple[int | float, np.ndarray]]:
        """The rotation axes in space as (order, unit vector), highest order first; infinite for every angle."""
        group = self.subgroup.group
        if self.group.dim != 3 or self.subgroup.name in ("SO(3)", "O(3)"):
            return []
        if not group.is_finite:
            return [(np.inf, self.subgroup.frame.array[:, 2])]
        elements = all_elements(self.subgroup)
        return [(order, axis) for axis, order in rotation_axes(elements[np.linalg.det(elements) > 0])]

    def kept(self, y: np.ndarray, rep: Rep, zero: float = 0.0) -> Stabiliser:
        """The elements that leave a target as it is, too: at each point `(N, rep.dim)`, or for the whole `(rep.dim,)`.

        Numbers up to `zero` are rounding, which all elements keep.
        """
        tolerance = min(max(KEPT * self.tolerance, SHARP), LOST)
        size = max(float(np.linalg.norm(y)), zero * y.size**0.5 / tolerance, TINY)
        found = self._keeping(np.where(np.abs(y) <= zero, 0.0, y) / size, rep, tolerance)
        return replace(found, part=self.part)

    def within(self, part: Subgroup) -> Stabiliser:
        """The elements that lie in a subgroup of the group.

        >>> from intertwine.catalog import O3
        >>> from intertwine.symmetry import stabiliser
        >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
        >>> stabiliser(square).within(O3.subgroup("Cinfv"))  # up and down are not alike
        <Stabiliser C4v in O(3), order 8>
        """
        if part.parent != self.group:
            raise RepMismatchError(f"{part} is no subgroup of {self.group}. Pass a subgroup of the group of rep_out.")
        return replace(self._inside(part, max(self.tolerance, DIGITS)), part=part, asked=self.asked)

    def displacements(self, by: Averaging) -> np.ndarray:
        """How far its elements take the input from where it is, `(h,)`."""
        return self.source.displacements(by.elements, by.permutations)

    def smaller(self) -> list[np.ndarray]:
        """The places of the elements of one proper subgroup of each class, the largest first; of a finite symmetry."""
        return []

    def fixed(self, rep: Rep | Irrep) -> np.ndarray:
        """An orthonormal basis `(rep.dim, k)` of the vectors of a rep that the stabiliser leaves as they are.

        The value of an equivariant map at the input lies in this space, and every vector of it is the value of some
        such map (Curie's principle).
        """
        return fixed_space(self.subgroup, as_rep(rep))

    def to_dict(self) -> dict[str, object]:
        """Name, order, axes, elements and residuals as plain numbers, for JSON."""
        found = for_json(self, "name", "group", "order", "axes", "elements", "residuals", "permutations")
        return found | {"translations": None if self.space is None else self.space.translations.tolist()}

    @property
    def _title(self) -> str:
        size = "infinitely many elements" if self.continuous else f"{self.order} element{'s' * (self.order > 1)}"
        return f"symmetry {self.name} in {self.group}, {size}"

    def __str__(self) -> str:
        worst = float(self.residuals.max(initial=0.0))
        lines = [f"{self._title}; largest residual {worst:.1g}"]
        if self.axes:
            shown = [f"{'C∞' if order == np.inf else f'C{int(order)}'} {_line(axis)}" for order, axis in self.axes]
            lines.append("axes: " + ", ".join(shown[:8]) + (", …" if len(shown) > 8 else ""))
        if self.asked and worst > self.asked:
            lines.append(
                f"up to {self.tolerance:.1g}, not {self.asked:.1g}: so much the rounding of positions can cause"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Stabiliser {self.name} in {self.group}, order {self.order}>"


class ListedStabiliser(Stabiliser):
    """A stabiliser whose elements are all listed."""

    def averaging(self, degree: int) -> Averaging:  # noqa: ARG002  # exact for every degree
        """All elements, with equal weights."""
        return Averaging(self.elements, np.full(len(self.elements), 1 / len(self.elements)), self.permutations)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """n random elements and their permutations."""
        chosen = rng.integers(len(self.elements), size=n)
        return self.elements[chosen], some(self.permutations, chosen)

    @abstractmethod
    def among(self, places: np.ndarray, residuals: np.ndarray, tolerance: float) -> ListedStabiliser:
        """Those elements, given by their places, that make up a subgroup."""

    @abstractmethod
    def _largest(self, residuals: np.ndarray, tolerance: float) -> np.ndarray:
        """The places of the elements of the largest group with residuals up to a tolerance."""

    def _keeping(self, y: np.ndarray, rep: Rep, tolerance: float) -> Stabiliser:
        off = np.linalg.norm((self.averaging(0).moved(y, rep) - y).reshape(len(self.elements), -1), axis=1)
        return self.among(self._largest(off, tolerance), off, tolerance)

    def _inside(self, part: Subgroup, near: float) -> Stabiliser:
        return self.among(np.flatnonzero(part.contains(self.elements, near)), self.residuals, self.tolerance)


@dataclass(frozen=True, repr=False, eq=False)
class FiniteStabiliser(ListedStabiliser):
    """The finite stabiliser of a vector or a cloud."""

    @staticmethod
    def of(
        group: CatalogGroup, rough: np.ndarray, permutations: np.ndarray | None, tolerance: float, source: Source
    ) -> FiniteStabiliser:
        """That which elements `(h, n, n)` with noise make up."""
        subgroup = named_subgroup(group, rough, group.lie_generators[:0])
        if subgroup is None:
            raise no_group(len(rough), tolerance, source.residuals(rough, permutations))
        elements = all_elements(subgroup).copy()
        permutations = some(permutations, np.argmax(np.tensordot(elements, rough, ((1, 2), (1, 2))), 1))
        residuals = source.residuals(elements, permutations)
        return FiniteStabiliser(subgroup, elements, residuals, permutations, tolerance, source)

    def among(self, places: np.ndarray, residuals: np.ndarray, tolerance: float) -> FiniteStabiliser:
        """Those elements, given by their places, that make up a subgroup."""
        elements, residuals = self.elements[places], residuals[places]
        subgroup = named_subgroup(self.group, elements, self.group.lie_generators[:0])
        if subgroup is None:
            raise no_group(len(elements), tolerance, residuals)
        return FiniteStabiliser(subgroup, elements, residuals, some(self.permutations, places), tolerance, self.source)

    def _largest(self, residuals: np.ndarray, tolerance: float) -> np.ndarray:
        return largest_among(self.elements, residuals, tolerance)

    def smaller(self) -> list[np.ndarray]:
        """The places of the elements of one proper subgroup of each class, the largest first."""
        group = self.subgroup.group
        inner = group.subgroups() if isinstance(group, CatalogGroup) else ()
        found = [part.place(part.group.elements()) for part in inner if part.group.order < group.order]
        members = [self.subgroup.place(elements) for elements in found]
        places = [np.abs(self.elements - g[:, None]).max((-1, -2)).argmin(1) for g in members]
        return sorted(places, key=len, reverse=True)


def some(permutations: np.ndarray | None, places: np.ndarray) -> np.ndarray | None:
    """Some of the permutations of a cloud; a vector has none."""
    return None if permutations is None else permutations[places]


def moved(y: np.ndarray, rep: Rep, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
    """A target moved by each of some elements, `(h, *y.shape)`; targets at points go along with their points."""
    matrices = rep.evaluate(elements)
    if y.ndim == 1 or permutations is None:
        return np.asarray(matrices @ y)
    out = np.empty((len(elements), *y.shape))
    out[np.arange(len(elements))[:, None], permutations] = y @ matrices.swapaxes(-1, -2)
    return out


def fixed_space(subgroup: Subgroup, rep: Rep) -> np.ndarray:
    """An orthonormal basis `(rep.dim, k)` of the vectors of a rep that a subgroup leaves as they are."""
    restricted = rep.restrict(subgroup)
    trivial = Irrep(restricted.group, restricted.group.trivial)
    copies = restricted.copies
    return copies[trivial][:, 0, :] if trivial in copies else np.zeros((restricted.dim, 0))


def no_group(count: int, tolerance: float, residuals: np.ndarray) -> ArgumentError:
    """The error for elements that form no group."""
    shown = ", ".join(f"{r:.1g}" for r in np.sort(residuals)[-3:])
    largest = f" (the largest: {shown})" if shown else ""
    return ArgumentError(
        f"The {count} elements with residuals below the tolerance {tolerance:g}{largest} do not form a group: the "
        "input is near a larger symmetry. Pass a smaller or a larger tolerance."
    )


def _line(axis: np.ndarray) -> str:
    """A line through the centre in words, up to noise in the fifth digit."""
    rounded = np.round(axis * np.sign(axis[np.argmax(np.abs(axis).round(4))]), 4) + 0.0
    return words.direction_name(rounded) or words.vector(rounded)
