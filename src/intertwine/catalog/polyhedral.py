"""The groups of the regular polyhedra: T, O, I, and Td, Th, Oh, Ih."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog.axial import AxialGroup, axial_group
from intertwine.catalog.base import MatrixGroup
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.with_reps import no_irrep
from intertwine.groups.rotations import POLYHEDRON_GENERATORS
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import determinant_3

SOURCES = {"T": "tetrahedron", "O": "cube", "I": "icosahedron", "Td": "cube"}
LABELS = {"T": "A T E", "O": "A1 T1 E T2 A2", "I": "A T1 H T2 G", "Td": "A1 T2 E T1 A2"}  # in the order they are found
POLYHEDRAL = ("T", "O", "I", "Td", "Th", "Oh", "Ih")


@cache
def without_inversion(title: str) -> MatrixGroup:
    """T, O, I or Td as a group of matrices; irreps are found in tensor powers of the vector."""
    cycle, turn = POLYHEDRON_GENERATORS[SOURCES[title]]
    generators = Table(np.array([cycle, -turn if title == "Td" else turn]))  # Td has O's quarter turns times −1
    return MatrixGroup(
        title, Table(np.zeros((0, 3, 3))), generators, tuple(LABELS[title].split()), f"tw.point_group({title!r})"
    )


@dataclass(frozen=True, repr=False)
class PolyhedralGroup(PointGroup):
    """The rotations of a tetrahedron, octahedron or icosahedron (T, O, I), with mirrors (Td) or inversion (Th, Oh, Ih).

    Axes of order 2 (of order 4 for O, Oh and, with reflection, Td) are x, y and z; those of order 3 go through
    (±1, ±1, ±1); those of order 5 of I through (0, 1, φ), (1, φ, 0), (φ, 0, 1) with φ = (1 + √5)/2. Irreps have
    Mulliken's symbols; with the inversion they belong to the rotation part `det(g) g`, and u multiplies by det g.

    Args:
        schoenflies: the Schoenflies name.
    """

    schoenflies: str

    @property
    def inner(self) -> MatrixGroup:
        """The group itself, or the group of its rotations where it holds the inversion."""
        return without_inversion(self.schoenflies[0] if self.has_inversion else self.schoenflies)

    def titled(self, title: str) -> AxialGroup | PolyhedralGroup | None:
        return find_point_group(title)

    def project(self, g: Array) -> Array:
        """The elements themselves, or their rotation parts where there is the inversion."""
        return g * self.sign(g) if self.has_inversion else g

    def sign(self, g: Array) -> Array:
        return determinant_3(g)[..., None, None]

    @property
    def has_inversion(self) -> bool:
        """Whether −1 is an element."""
        return self.schoenflies.endswith("h")

    @cached_property
    def order(self) -> int:
        return int(self.inner.order) * (2 if self.has_inversion else 1)

    @property
    def generators(self) -> np.ndarray:
        """Two that give the group, or its rotations and, last, the inversion."""
        g = self.inner.generators
        return np.concatenate([g, -np.eye(3)[None]]) if self.has_inversion else g

    def elements(self) -> np.ndarray:
        """All elements `(order, 3, 3)`, the identity first; those times −1 last."""
        g = self.inner.elements()
        return np.concatenate([g, -g]) if self.has_inversion else g

    def _defect(self, g: np.ndarray) -> np.ndarray:
        return self.table.distance(g)

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> tuple[str, bool]:
        """The label without g or u, and whether the inversion changes the sign."""
        text = str(label).strip()
        inner = text[:-1] if self.has_inversion and text[-1:] in ("g", "u") else text
        if (inner != text) == self.has_inversion and inner in self.inner.names:
            return inner, text[-1] == "u"
        raise no_irrep(self, label, self.order)

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree, the smallest power of the vector, up to sign, that contains them; g before u."""
        parities = "gu" if self.has_inversion else ("",)
        return tuple(f"{label}{parity}" for label in self.inner.labels(degree) for parity in parities)

    def canonical_label(self, label: str) -> str:
        self._parse(label)
        return str(label).strip()

    def label_key(self, label: str) -> tuple[int, ...]:
        inner, odd = self._parse(label)
        return (*self.inner.label_key(inner), int(odd))

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        return self.rep(f"1x{self.inner.names[1]}{'u' if self.has_inversion else ''}")


@cache
def find_point_group(title: str | None) -> AxialGroup | PolyhedralGroup | None:
    """The group of 3 × 3 matrices that a standard Schoenflies name stands for; None for SO(3), O(3) and no name."""
    return PolyhedralGroup(title) if title in POLYHEDRAL else axial_group(title or "")
