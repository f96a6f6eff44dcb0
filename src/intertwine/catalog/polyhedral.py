"""The groups of the regular polyhedra: T, O, I, and Td, Th, Oh, Ih."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog.matrix import MatrixGroup
from intertwine.catalog.signed import SignedGroup
from intertwine.errors import LabelError
from intertwine.groups.group import Seed, generator
from intertwine.groups.rotations import POLYHEDRON_GENERATORS
from intertwine.reps.blocks import decomposed
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import determinant_3

POLYHEDRA = {"T": "tetrahedron", "O": "cube", "I": "icosahedron"}
LABELS = {"T": "A T E", "O": "A1 T1 E T2 A2", "I": "A T1 H T2 G"}  # in the order in which they are found
NAMES = ("T", "O", "I", "Td", "Th", "Oh", "Ih")


@cache
def rotation_group(letter: str) -> MatrixGroup:
    """The rotations T, O or I as a group of matrices; irreps are found in tensor powers of the vector."""
    generators, no_algebra = Table(np.array(POLYHEDRON_GENERATORS[POLYHEDRA[letter]])), Table(np.zeros((0, 3, 3)))
    return MatrixGroup(letter, no_algebra, generators, tuple(LABELS[letter].split()), f"tw.point_group({letter!r})")


@dataclass(frozen=True, repr=False)
class PolyhedralGroup(SignedGroup):
    """The rotations of a tetrahedron, octahedron or icosahedron (T, O, I), with mirrors (Td) or inversion (Th, Oh, Ih).

    Axes of order 2 (of order 4 for O, Oh and, with reflection, Td) are x, y and z; those of order 3 go through
    (±1, ±1, ±1); those of order 5 of I through (0, 1, φ), (1, φ, 0), (φ, 0, 1) with φ = (1 + √5)/2. Irreps have
    Mulliken's symbols and belong to the rotation part `det(g) g`; u multiplies by det g.

    Args:
        title: the Schoenflies name.
    """

    title: str

    @property
    def name(self) -> str:
        """The Schoenflies name."""
        return self.title

    @property
    def schoenflies(self) -> str:
        """The Schoenflies name."""
        return self.title

    @cached_property
    def rotations(self) -> MatrixGroup:
        """The rotations `det(g) g`; those of Td make up O."""
        return rotation_group("O" if self.title == "Td" else self.title[0])

    @property
    def inner(self) -> MatrixGroup:
        """The group of the rotation parts."""
        return self.rotations

    def project(self, g: Array) -> Array:
        """The rotation parts."""
        return g * self.sign(g)

    def sign(self, g: Array) -> Array:
        """The determinant."""
        return determinant_3(g)[..., None, None]

    @property
    def has_inversion(self) -> bool:
        """Whether −1 is an element."""
        return self.title.endswith("h")

    @property
    def order(self) -> int:
        """The number of elements."""
        return int(self.rotations.order) * (2 if self.has_inversion else 1)

    def _lift(self, rotations: np.ndarray) -> np.ndarray:
        """The elements of Td whose rotation parts are given: those that are not in T come with a sign."""
        if self.title != "Td":
            return rotations
        return rotations * self.rotations.irrep_matrices(("A2",), rotations)["A2"]

    @property
    def generators(self) -> np.ndarray:
        """Those of the rotations, and the inversion where there is one."""
        g = self._lift(self.rotations.generators)
        return np.concatenate([g, -np.eye(3)[None]]) if self.has_inversion else g

    def elements(self) -> np.ndarray:
        """All elements `(order, 3, 3)`, the identity first; those times −1 last."""
        g = self._lift(self.rotations.elements())
        return np.concatenate([g, -g]) if self.has_inversion else g

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n random elements `(n, 3, 3)`, uniform.

        The same elements on each call: pass a seed (an integer or a numpy generator) to get others.
        """
        return self.elements()[generator(seed).integers(self.order, size=n)]

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """All elements, with equal weights: exact for every degree."""
        del degree
        return self.elements(), np.full(self.order, 1 / self.order)

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The distance to the nearest element."""
        nearest = self.elements()[self.table.index(np.where(np.isfinite(g), g, 0.0))]
        return np.asarray(np.abs(g - nearest).max((-1, -2)))

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> tuple[str, bool]:
        """The label of the rotation part, and whether the inversion changes the sign."""
        text = str(label).strip()
        inner = text[:-1] if self.has_inversion and text[-1:] in ("g", "u") else text
        if (inner != text) == self.has_inversion and inner in self.rotations.names:
            return inner, text[-1] == "u"
        raise LabelError(f"{self} has no irrep {label!r}. Its labels are {', '.join(self.labels(self.order))}.")

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree, the smallest for which harmonics of the sphere contain them; g before u."""
        parities = "gu" if self.has_inversion else ("",)
        return tuple(f"{label}{parity}" for label in self.rotations.labels(degree) for parity in parities)

    def canonical_label(self, label: str) -> str:
        """The label in its standard spelling; raises `LabelError` if there is no such irrep."""
        self._parse(label)
        return str(label).strip()

    def label_key(self, label: str) -> tuple[int, ...]:
        """By degree and dimension, then g before u."""
        inner, odd = self._parse(label)
        return (*self.rotations.label_key(inner), int(odd))

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        if self.title == "Td":
            return Rep(self, decomposed(self, _itself, 3, 3, "defining", f"{self!r}.defining"))
        vector = "T1" if self.rotations.title != "T" else "T"
        return self.rep(f"1x{vector}{'u' if self.has_inversion else ''}")


def _itself(g: np.ndarray) -> np.ndarray:
    return g
