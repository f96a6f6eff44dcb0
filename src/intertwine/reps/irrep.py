"""Irreps, and the blocks that reps are sums of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from intertwine._arrays import Array, read_only
from intertwine.groups import Group


class Block(ABC):
    """One summand of a rep: an irrep, or a rep in coordinates of its own, `ρ(g) = Q (⊕ irreps)(g) Qᵀ`."""

    group: Group

    @property
    @abstractmethod
    def dim(self) -> int:
        """The dimension of one copy."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How the block prints inside a rep."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """Python that evaluates to the rep made of one copy of this block, with intertwine imported as tw."""

    @property
    @abstractmethod
    def content(self) -> tuple[tuple[int, Irrep], ...]:
        """Multiplicities and irreps that it is made of, sorted, each irrep once."""

    @property
    @abstractmethod
    def basis(self) -> np.ndarray | None:
        """The orthogonal Q `(dim, dim)` with x = Q x_irreps; None for the identity."""

    @cached_property
    def irreps(self) -> Any:
        """The rep of its irreps, in irrep coordinates: a `Rep`, which its group makes of it."""
        return self.group.direct_sum(self.content)

    @abstractmethod
    def evaluate(self, g: Array) -> Array:
        """`matrix` without the check that g is in the group."""

    def matrix(self, g: Array) -> Array:
        """The matrices `(..., dim, dim)` at elements `(..., n, n)`, numpy or (differentiable) torch.

        Raises `ElementError` if g is not in the group.
        """
        return self.evaluate(self.group.require(g))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Irrep(Block):
    """A real irreducible representation: a group and a label. Make one with `group.irrep(label)`.

    >>> from intertwine.catalog import O2
    >>> O2.irrep("0o").matrix(np.diag([1.0, -1.0]))  # the mirror changes the sign of a pseudoscalar
    array([[-1.]])
    """

    group: Group
    label: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.group.canonical_label(self.label))

    @cached_property
    def dim(self) -> int:
        """The dimension of the real irrep."""
        return self.group.irrep_dim(self.label)

    @cached_property
    def degree(self) -> int:
        """The degree or frequency; 0 for a scalar."""
        return self.group.irrep_degree(self.label)

    @property
    def type(self) -> str:
        """The real type: R, C or H, the algebra that commutes with the irrep."""
        return {1: "R", 2: "C", 4: "H"}[len(self.endomorphisms)]

    @cached_property
    def endomorphisms(self) -> np.ndarray:
        """A basis `(1 | 2 | 4, dim, dim)` of the matrices that commute with the irrep: orthogonal, identity first."""
        return read_only(self.group.irrep_endomorphisms(self.label))

    @property
    def is_trivial(self) -> bool:
        """Whether every element acts as 1."""
        return self.label == self.group.trivial

    @cached_property
    def key(self) -> tuple[int, ...]:
        """The key of the sorted order: trivial first, then by degree, natural parity first."""
        return self.group.label_key(self.label)

    @property
    def name(self) -> str:
        return self.label

    @property
    def expression(self) -> str:
        return f"{self.group!r}.rep('1x{self.label}')"

    @property
    def content(self) -> tuple[tuple[int, Irrep], ...]:
        return ((1, self),)

    @property
    def basis(self) -> None:
        return

    def evaluate(self, g: Array) -> Array:
        return self.group.irrep_matrices((self.label,), g)[self.label]

    def lie_matrix(self, x: Array) -> np.ndarray:
        """The derivative `(..., dim, dim)` of the irrep along Lie algebra elements `(..., n, n)`: dρ(X).

        The matrices are polynomials of g, so a complex step, `Im ρ(1 + i h X) / h`, is exact to rounding.
        Raises `ElementError` if X is not in the Lie algebra.
        """
        step = np.eye(self.group.dim) + 1e-40j * self.group.require_lie(x)
        return np.asarray(self.evaluate(step).imag / 1e-40)

    def character(self, g: Array) -> Array:
        """The trace `(...)` of the matrices at elements `(..., n, n)`."""
        return matrix_trace(self.matrix(g))

    # What a sum or a product makes is a `Rep`.
    def __add__(self, other: Any) -> Any:
        return self.irreps + other

    def __rmul__(self, multiplicity: int) -> Any:
        return multiplicity * self.irreps

    def __mul__(self, other: Any) -> Any:
        return self.irreps * other

    def __repr__(self) -> str:
        return f"{self.group!r}.irrep({self.label!r})"


@cache
def irreps_up_to(group: Group, degree: int) -> tuple[Irrep, ...]:
    """The irreps of a group up to a degree, sorted: the same objects each time, whose tables are made once."""
    return tuple(Irrep(group, label) for label in group.labels(degree))


def matrix_trace(matrix: Array) -> Array:
    """The trace `(...)` of matrices `(..., d, d)`, numpy or torch."""
    return sum(matrix[..., i, i] for i in range(matrix.shape[-1]))
