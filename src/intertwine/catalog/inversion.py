"""The axial groups with inversion: a planar group acting on space by rotations, times {1, −1}."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine._arrays import Array, namespace
from intertwine.catalog.base import CatalogGroup, Vector
from intertwine.catalog.planar import PlanarGroup
from intertwine.errors import LabelError
from intertwine.groups import Subgroup
from intertwine.groups.group import Seed, generator
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import determinant_2, determinant_3


def by_rotations(h: Array) -> Array:
    """2 × 2 elements as rotations of space about z: mirrors of the plane become half-turns, `diag(h, det h)`."""
    return lift(h, determinant_2(h))


def lift(h: Array, last: Array) -> Array:
    """The 3 × 3 matrices `diag(h, last)` of 2 × 2 matrices `(..., 2, 2)` and numbers `(...)`."""
    xp = namespace(h)
    side = xp.zeros_like(h[..., :1])
    top = xp.concatenate([h, side], -1)
    bottom = xp.concatenate([side.swapaxes(-1, -2), last[..., None, None]], -1)
    return xp.concatenate([top, bottom], -2)


@dataclass(frozen=True, repr=False)
class InversionGroup(CatalogGroup):
    """A planar group acting as rotations about z (mirrors as half-turns), and the inversion of space.

    With SO(2) this is C∞h, the symmetry of a rotating cylinder; with O(2) it is D∞h, that of a cylinder. Elements are
    3 × 3 matrices ±diag(h, det h). Irreps: the planar group's, with g (even under inversion) or u (odd) appended.
    """

    rotations: PlanarGroup
    title: str

    @property
    def name(self) -> str:
        """The Schoenflies name."""
        return self.title

    @property
    def dim(self) -> int:
        """3."""
        return 3

    @property
    def order(self) -> int | float:
        """Twice the number of rotations."""
        return 2 * self.rotations.order

    @property
    def generators(self) -> np.ndarray:
        """Those of the rotations, and the inversion."""
        return np.concatenate([by_rotations(self.rotations.generators), -np.eye(3)[None]])

    @property
    def lie_generators(self) -> np.ndarray:
        """The infinitesimal rotation about z, where there is one."""
        flat = self.rotations.lie_generators
        return lift(flat, np.zeros(len(flat)))

    def elements(self) -> np.ndarray:
        """The rotations, then the same times −1."""
        proper = by_rotations(self.rotations.elements())
        return np.concatenate([proper, -proper])

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n random elements `(n, 3, 3)`, uniform in the Haar measure.

        The same elements on each call: pass a seed (an integer or a numpy generator) to get others.
        """
        rng = generator(seed)
        return by_rotations(self.rotations.sample(n, rng)) * rng.choice([-1.0, 1.0], size=(n, 1, 1))

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """The quadrature of the rotations, times ±1."""
        g, weights = self.rotations.quadrature(degree)
        proper = by_rotations(g)
        return np.concatenate([proper, -proper]), np.concatenate([weights, weights]) / 2

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The distance to ±diag(h, det h) for the planar part h."""
        proper = g * determinant_3(g)[..., None, None]
        flat = proper[..., :2, :2]
        defect = np.abs(proper - by_rotations(flat)).max((-1, -2))
        return np.maximum(defect, self.rotations.residual(flat))

    def _parse(self, label: str) -> tuple[str, bool]:
        """The planar label, and whether the inversion changes the sign."""
        text = str(label).strip()
        try:
            if text[-1:] in ("g", "u"):
                return self.rotations.canonical_label(text[:-1]), text[-1] == "u"
        except LabelError:
            pass
        raise LabelError(f"{self} has no irrep {label!r}. Its labels are {', '.join(self.labels(2))}, ….")

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a frequency, g before u."""
        return tuple(f"{label}{parity}" for label in self.rotations.labels(degree) for parity in "gu")

    def canonical_label(self, label: str) -> str:
        """The label in its standard spelling; raises `LabelError` if there is no such irrep."""
        inner, odd = self._parse(label)
        return f"{inner}{'u' if odd else 'g'}"

    def label_key(self, label: str) -> tuple[int, ...]:
        """The planar key, then g before u."""
        inner, odd = self._parse(label)
        return (*self.rotations.label_key(inner), int(odd))

    def irrep_degree(self, label: str) -> int:
        """The frequency."""
        return self.rotations.irrep_degree(self._parse(label)[0])

    def irrep_dim(self, label: str) -> int:
        """1 or 2."""
        return self.rotations.irrep_dim(self._parse(label)[0])

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        """Those of the planar irrep."""
        return self.rotations.irrep_endomorphisms(self._parse(label)[0])

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """The planar irrep of the rotation part, times det g for u."""
        det = determinant_3(g)[..., None, None]
        parsed = {label: self._parse(label) for label in labels}
        inner = tuple(dict.fromkeys(name for name, _ in parsed.values()))
        matrices = self.rotations.irrep_matrices(inner, (g * det)[..., :2, :2])
        return {label: matrices[name] * det if odd else matrices[name] for label, (name, odd) in parsed.items()}

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        """The planar coupling where the parities agree."""
        (x, p), (y, q), (z, r) = self._parse(a), self._parse(b), self._parse(c)
        table = self.rotations.coupling(x, y, z)
        return table if (p ^ q) == r else table[:0]

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        plane = " + ".join(f"{m}x{block.name}u" for m, block in self.rotations.defining.terms)
        height = "0ou" if self.rotations.mirrors else "0u"
        return self.rep(f"{plane} + 1x{height}")

    def subgroup(self, name: str, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """Not known by name here: take the subgroup from O(3) instead. Raises `LabelError`."""
        asked = ", ".join(
            [repr(name), *(f"{k}={v!r}" for k, v in (("axis", axis), ("mirror", mirror)) if v is not None)]
        )
        raise LabelError(f"The subgroups of {self} have no names of their own. Call O3.subgroup({asked}) instead.")

    def __repr__(self) -> str:
        return f"tw.group({self.title!r})"
