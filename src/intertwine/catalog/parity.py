"""Point groups whose irreps are those of a simpler group, each with and without a sign."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from intertwine._arrays import Array
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.point_subgroups import PointGroup


class SignedGroup(PointGroup):
    """A group with a homomorphism p to a simpler group and a sign s: its irreps are σ(p(g)) and s(g) σ(p(g)).

    Where s is a function of p(g), only the first kind is there.
    """

    @property
    @abstractmethod
    def inner(self) -> CatalogGroup:
        """The simpler group."""

    @abstractmethod
    def project(self, g: Array) -> Array:
        """p(g): elements of the simpler group."""

    @abstractmethod
    def sign(self, g: Array) -> Array:
        """s(g) as matrices `(..., 1, 1)`."""

    @abstractmethod
    def _parse(self, label: str) -> tuple[str, bool]:
        """The label of σ, and whether the sign multiplies; raises `LabelError`."""

    def irrep_degree(self, label: str) -> int:
        return self.inner.irrep_degree(self._parse(label)[0])

    def irrep_dim(self, label: str) -> int:
        return self.inner.irrep_dim(self._parse(label)[0])

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        return self.inner.irrep_endomorphisms(self._parse(label)[0])

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        sign = self.sign(g)
        parsed = {label: self._parse(label) for label in labels}
        matrices = self.inner.irrep_matrices(tuple(dict.fromkeys(x for x, _ in parsed.values())), self.project(g))
        return {label: matrices[x] * sign if odd else matrices[x] for label, (x, odd) in parsed.items()}

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        (x, p), (y, q), (z, r) = self._parse(a), self._parse(b), self._parse(c)
        table = self.inner.coupling(x, y, z)
        return table if (p ^ q) == r else table[:0]

    def __repr__(self) -> str:
        return f"tw.point_group({self.schoenflies!r})"
