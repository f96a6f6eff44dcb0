"""The pairs of elements of two groups, and their irreps."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array, namespace, read_only
from intertwine.catalog.with_reps import GroupWithReps, defining_block, no_irrep
from intertwine.errors import LabelError
from intertwine.groups.group import Seed, generator
from intertwine.reps.burnside import compress
from intertwine.reps.irrep import Irrep
from intertwine.reps.rep import Rep
from intertwine.reps.splitting import clean, from_axes, independent_rows


@dataclass(frozen=True, repr=False)
class PairGroup(GroupWithReps, ABC):
    """The pairs (a, b) of elements of two groups, as block matrices diag(a, b).

    Irreps are tensor products: "(a,b)" for irreps a of the first and b of the second. If both are of complex type their
    product splits into two: "(a,b)" where the two complex structures agree, "(a,b*)" where they are opposite. In a
    product of three groups the labels are "(a,b,c)".
    """

    left: GroupWithReps
    right: GroupWithReps

    @property
    def name(self) -> str:
        return f"{self.left.name}×{self.right.name}"

    @property
    def dim(self) -> int:
        return self.left.dim + self.right.dim

    @cached_property
    def order(self) -> int | float:
        return self.left.order * self.right.order

    @property
    def has_quadrature(self) -> bool:
        return self.left.has_quadrature and self.right.has_quadrature

    def pair(self, a: Array, b: Array) -> Array:
        """The elements diag(a, b) `(..., m + n, m + n)` of a `(..., m, m)` and b `(..., n, n)`."""
        xp, m, n = namespace(a), self.left.dim, self.right.dim
        zeros = a[..., :1, :1] * b[..., :1, :1] * 0
        top = xp.concatenate([a + zeros, xp.ones_like(a[..., :, :1]) * xp.zeros_like(b[..., :1, :])], -1)
        bottom = xp.concatenate([xp.ones_like(b[..., :, :1]) * xp.zeros_like(a[..., :1, :]), b + zeros], -1)
        shape = (*top.shape[:-2], m + n, m + n)
        return xp.concatenate([top, bottom], -2).reshape(shape)

    def factors(self, g: Array) -> tuple[Array, Array]:
        """The elements a `(..., m, m)` and b `(..., n, n)` of diag(a, b)."""
        m = self.left.dim
        return g[..., :m, :m], g[..., m:, m:]

    @property
    def generators(self) -> np.ndarray:
        return self._either(self.left.generators, np.eye(self.left.dim), self.right.generators, np.eye(self.right.dim))

    @property
    def lie_generators(self) -> np.ndarray:
        a, b = self.left.lie_generators, self.right.lie_generators
        return self._either(a, np.zeros((self.left.dim,) * 2), b, np.zeros((self.right.dim,) * 2))

    def _either(self, a: np.ndarray, no_a: np.ndarray, b: np.ndarray, no_b: np.ndarray) -> np.ndarray:
        first = np.array([self.pair(x, no_b) for x in a]).reshape(-1, self.dim, self.dim)
        return np.concatenate([first, np.array([self.pair(no_a, x) for x in b]).reshape(-1, self.dim, self.dim)])

    def elements(self) -> np.ndarray:
        """All pairs, the second factor running faster."""
        if not self.is_finite:
            return super().elements()
        return self._pairs(self.left.elements(), self.right.elements())

    def _pairs(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(self.pair(np.repeat(a, len(b), 0), np.tile(b, (len(a), 1, 1))))

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        rng = generator(seed)
        return np.asarray(self.pair(self.left.sample(n, rng), self.right.sample(n, rng)))

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        (a, v), (b, w) = self.left.quadrature(degree), self.right.quadrature(degree)
        return self._pairs(a, b), np.kron(v, w)

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The larger of the two defects, and the blocks that must be zero."""
        a, b = self.factors(g)
        m = self.left.dim
        off = np.maximum(np.abs(g[..., :m, m:]).max((-1, -2)), np.abs(g[..., m:, :m]).max((-1, -2)))
        return np.asarray(np.maximum(off, np.maximum(self.left.residual(a), self.right.residual(b))))

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> tuple[str, str, bool]:
        """The two labels, and whether the complex structures are opposite."""
        text = str(label).strip()
        cuts = _top_commas(text) if text[:1] == "(" and text[-1:] == ")" else []
        try:
            if cuts:
                first, second = text[1 : cuts[-1]], text[cuts[-1] + 1 : -1].strip()
                opposite = second.endswith("*")
                a = self.left.canonical_label(f"({first})" if len(cuts) > 1 else first)
                b = self.right.canonical_label(second[:-1] if opposite else second)
                if opposite <= self._splits(a, b):
                    return a, b, opposite
        except LabelError:
            pass
        raise no_irrep(self, label, 2)

    def _splits(self, a: str, b: str) -> bool:
        return len(self.left.irrep_endomorphisms(a)) == len(self.right.irrep_endomorphisms(b)) == 2

    def _spell(self, a: str, b: str, opposite: bool) -> str:
        inner = a[1:-1] if isinstance(self.left, PairGroup) else a
        return f"({inner},{b}{'*' if opposite else ''})"

    def labels(self, degree: int) -> tuple[str, ...]:
        """The pairs of irreps whose degrees add up to at most this."""
        found = []
        for a in self.left.labels(degree):
            for b in self.right.labels(degree - self.left.irrep_degree(a)):
                found += [self._spell(a, b, opposite) for opposite in (False, True)[: 1 + self._splits(a, b)]]
        return tuple(sorted(found, key=self.label_key))

    def canonical_label(self, label: str) -> str:
        return self._spell(*self._parse(label))

    def label_key(self, label: str) -> tuple[int, ...]:
        a, b, opposite = self._parse(label)
        degree = self.left.irrep_degree(a) + self.right.irrep_degree(b)
        return (degree, *self.left.label_key(a), *self.right.label_key(b), int(opposite))

    def irrep_degree(self, label: str) -> int:
        return self.label_key(label)[0]

    def irrep_dim(self, label: str) -> int:
        """The product of the dimensions, halved or quartered where the tensor product splits."""
        return int(_part(self, *self._parse(label))[0].shape[1])

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        return _part(self, *self._parse(label))[1]

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """Xᵀ (σ(a) ⊗ τ(b)) X."""
        parsed = {label: self._parse(label) for label in labels}
        first, second = self.factors(g)
        left = self.left.irrep_matrices(tuple(dict.fromkeys(a for a, _, _ in parsed.values())), first)
        right = self.right.irrep_matrices(tuple(dict.fromkeys(b for _, b, _ in parsed.values())), second)
        return {label: compress(_part(self, *p)[0], left[p[0]], right[p[1]]) for label, p in parsed.items()}

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        """Products of the couplings of the factors, compressed to the parts."""
        parts = [self._parse(label) for label in (a, b, c)]
        first = self.left.coupling(*(part[0] for part in parts))
        second = self.right.coupling(*(part[1] for part in parts))
        table = np.einsum("mijk,nabc->mniajbkc", first, second)
        isometries = [_part(self, *part)[0] for part in parts]
        sizes = [len(x) for x in isometries]
        flat = table.reshape(len(first) * len(second), *sizes)
        small = np.einsum("mijk,ia,jb,kc->mabc", flat, *isometries, optimize=True)
        return independent_rows(small.reshape(len(flat), math.prod(small.shape[1:]))).reshape(-1, *small.shape[1:])

    @cached_property
    def defining(self) -> Rep:
        """The vectors of both groups, one after the other."""
        degree = max(self.left.defining.degree, self.right.defining.degree)
        return defining_block(self, degree)

    def __repr__(self) -> str:
        return f"({self.left!r} * {self.right!r})"


def _top_commas(text: str) -> list[int]:
    """Where the commas outside of inner brackets are, in a text in brackets."""
    depth, found = 0, []
    for i, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 1:
            found.append(i)
    return found


@cache
def _part(group: PairGroup, a: str, b: str, opposite: bool) -> tuple[np.ndarray, np.ndarray]:
    """The isometry onto the irreducible part of σ ⊗ τ, and a basis of what commutes with it.

    Endomorphisms i of σ and j of τ with i² = j² = −1 have (i ⊗ j)² = 1: the parts are the eigenspaces of i ⊗ j. Where
    both types are H, two such products commute and split the space into four equal parts, of real type.
    """
    left, right = Irrep(group.left, a), Irrep(group.right, b)
    size = left.dim * right.dim
    projector = np.eye(size)
    for i, j in zip(left.endomorphisms[1:3], right.endomorphisms[1:3], strict=False):
        projector = projector @ (np.eye(size) + (1 if opposite else -1) * np.kron(i, j)) / 2
    isometry = from_axes((projector + projector.T) / 2)
    if len(left.endomorphisms) == len(right.endomorphisms) == 4:
        return read_only(isometry), np.eye(isometry.shape[1])[None]
    wide = [np.kron(e, np.eye(right.dim)) for e in left.endomorphisms]
    if len(right.endomorphisms) > len(left.endomorphisms):
        wide = [np.kron(np.eye(left.dim), e) for e in right.endomorphisms]
    elif len(left.endomorphisms) == 4 and len(right.endomorphisms) == 2:
        wide = [wide[0], np.kron(np.eye(left.dim), right.endomorphisms[1])]
    if len(left.endomorphisms) == 2 and len(right.endomorphisms) == 4:
        wide = [np.eye(size), np.kron(left.endomorphisms[1], np.eye(right.dim))]
    return read_only(isometry), read_only(clean(np.array([isometry.T @ e @ isometry for e in wide])))
