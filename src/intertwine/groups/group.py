"""Compact groups of matrices, and the numbers that their representation theory rests on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from intertwine._arrays import Array, Table, as_array, epsilon, to_numpy
from intertwine.errors import ArgumentError, ElementError
from intertwine.groups.finite import FiniteTable

Seed = int | np.random.Generator
"""An integer from 0 on, which gives the same random elements each time, or a numpy generator, which goes on."""


def generator(seed: Seed) -> np.random.Generator:
    """The random generator that an integer seed names, or the generator itself; `ArgumentError` for other things."""
    if isinstance(seed, np.random.Generator):
        return seed
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ArgumentError(
            f"A seed is an integer from 0 on or a numpy.random.Generator, but got {seed!r}. Call "
            "numpy.random.default_rng(integer) for a generator; torch_generator.initial_seed() is such an integer."
        )
    return np.random.default_rng(int(seed))


class Group(ABC):
    """A compact group of matrices, with the numbers that its representation theory rests on.

    A group element is its matrix in the defining representation: a plain array `(..., dim, dim)`. Products are `@`,
    inverses are transposes. Groups are value objects: equal when they are the same group in the same setting.

    A final class gives the name, the elements and, for every irrep label, dimension, real type, matrices and couplings;
    everything else in the library follows from these.

    This class is the mathematics alone. Groups from the catalogue (`tw.O3`, `tw.cyclic(4)`, `tw.group(name)`) have
    `irrep`, `irreps`, `rep`, `harmonics`, `defining`, `regular` and `subgroup`: see `help(tw.O3)`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that `intertwine.group` reads back, such as `O(3)` or `D6`."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """The size n of the defining n × n matrices."""

    @cached_property
    def order(self) -> int | float:
        """The number of elements; `math.inf` for a continuous group."""
        return math.inf

    @cached_property
    def is_finite(self) -> bool:
        """Whether the group has finitely many elements."""
        return self.order != math.inf

    @cached_property
    def is_proper(self) -> bool:
        """Whether all elements have determinant +1: no mirrors, no inversion."""
        return bool((np.linalg.det(self.generators) > 0).all())

    @cached_property
    def is_full(self) -> bool:
        """Whether the group is all of SO(n) or O(n): its Lie algebra holds every antisymmetric n × n matrix."""
        return len(self.lie_generators) == self.dim * (self.dim - 1) // 2

    @property
    @abstractmethod
    def generators(self) -> np.ndarray:
        """Elements `(k, dim, dim)` that generate the group; for a continuous group, a dense subgroup of it.

        Rotations by one radian do this (1/2π is irrational), so a linear condition that holds for the generators holds
        for the whole group, discrete parts included.
        """

    @property
    def lie_generators(self) -> np.ndarray:
        """A basis `(k, dim, dim)` of the Lie algebra, antisymmetric matrices; k = 0 for a finite group."""
        return np.zeros((0, self.dim, self.dim))

    @cached_property
    def table(self) -> FiniteTable:
        """The multiplication table of a finite group, its classes and subgroups; `ArgumentError` for others."""
        return FiniteTable(Table(self.elements()))

    def elements(self) -> np.ndarray:
        """All elements of a finite group, `(order, dim, dim)`, the identity first.

        Raises `ArgumentError` for a continuous group.
        """
        raise ArgumentError(
            f"{self.name} is continuous and cannot list its elements. Call sample(n, seed) for random ones "
            "or quadrature(degree) for a finite set that averages exactly."
        )

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n random elements `(n, dim, dim)`, independent and uniform in the Haar measure.

        The same elements on each call: pass an integer seed, or a numpy generator that goes on from call to call, to
        get others. Raises `ArgumentError` for another kind of seed.
        """
        return self.elements()[generator(seed).integers(int(self.order), size=n)]  # continuous groups have their own

    @property
    def has_quadrature(self) -> bool:
        """Whether Haar averages are sums over few elements; if not, they are taken by random ones and eigenvectors."""
        return True

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Elements `(q, dim, dim)` and weights `(q,)` with exact Haar averages up to a total degree.

        `Σ w_q f(g_q) = ∫ f(g) dg` when f is a product of irrep matrix elements whose degrees sum to at most `degree`.
        Of a finite group these are all elements, with equal weights.
        """
        del degree
        g = self.elements()
        return g, np.full(len(g), 1 / len(g))

    # reps ------------------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def defining(self) -> Any:
        """The rep whose matrices are the elements themselves, a `Rep`: this room knows no more of it than its name."""

    @abstractmethod
    def direct_sum(self, terms: Sequence[tuple[int, Any]]) -> Any:
        """The `Rep` of multiplicities and blocks, in their order."""

    @property
    def trivial(self) -> str:
        """The label of the irrep in which every element acts as 1."""
        return self.labels(0)[0]

    # irreps, by label ------------------------------------------------------------------------------------------------

    @abstractmethod
    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree (all of them when the group has no more), in the sorted order."""

    @abstractmethod
    def canonical_label(self, label: str) -> str:
        """The label in its standard spelling; raises `LabelError` if the group has no such irrep."""

    @abstractmethod
    def label_key(self, label: str) -> tuple[int, ...]:
        """A key whose order is the sorted order: trivial first, then by degree, natural parity first."""

    @abstractmethod
    def irrep_degree(self, label: str) -> int:
        """The degree (frequency) of an irrep: its matrix elements are polynomials of this degree on the group."""

    @abstractmethod
    def irrep_dim(self, label: str) -> int:
        """The dimension of an irrep."""

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        """A basis `(1 | 2 | 4, d, d)` of what commutes with an irrep of real type R, C, H; identity first."""
        return np.eye(self.irrep_dim(label))[None]  # type R; groups with others have their own

    @abstractmethod
    def irrep_matrices(self, labels: Sequence[str], g: Array) -> Mapping[str, Array]:
        """The matrices `(..., d, d)` of several irreps at elements `(..., dim, dim)`; polynomial in g, any dtype."""

    @abstractmethod
    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        """A basis `(m, d_a, d_b, d_c)` of the equivariant bilinear maps a × b → c, orthonormal as vectors."""

    # elements --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _defect(self, g: np.ndarray) -> np.ndarray:
        """`residual` where NaN may come out, and floating-point warnings too."""

    def residual(self, g: np.ndarray) -> np.ndarray:
        """How far `(...)` matrices `(..., dim, dim)` are from the group: 0 for elements, infinity for NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            defect = self._defect(g)
        return np.where(np.isnan(defect), np.inf, defect)

    def contains(self, g: Array, tolerance: float | None = None) -> np.ndarray:
        """Whether matrices `(..., dim, dim)` are elements, up to a tolerance.

        The default tolerance is the square root of the rounding unit of the dtype (float64: 1e-7).
        """
        g = as_array(g)
        if g.ndim < 2 or tuple(g.shape[-2:]) != (self.dim, self.dim):
            raise ElementError(
                f"An element of {self.name} is a matrix of shape (..., {self.dim}, {self.dim}), but got an array of "
                f"shape {tuple(g.shape)}."
            )
        return np.asarray(self.residual(to_numpy(g)) <= (membership_tolerance(g) if tolerance is None else tolerance))

    def require(self, g: Array) -> Array:
        """`g` as an array or tensor if all of it are elements; raises `ElementError` in words otherwise."""
        g = as_array(g)
        inside = self.contains(g)
        if not inside.all():
            numbers = to_numpy(g)
            worst = f"the largest defect is {self.residual(numbers).max():.1e}"
            worst = worst if np.isfinite(numbers).all() else "there is NaN or infinity in them"
            raise ElementError(
                f"{int((~inside).sum())} of {inside.size} matrices are not elements of {self.name}: "
                f"{worst}. Elements are orthogonal matrices of the defining representation; "
                f"call {self.name}'s sample(n, seed) for some."
            )
        return g

    def require_lie(self, x: Array) -> np.ndarray:
        """Elements `(..., dim, dim)` of the Lie algebra as float64; raises `ElementError` in words for others."""
        x = to_numpy(as_array(x))
        if x.ndim < 2 or x.shape[-2:] != (self.dim, self.dim):
            raise ElementError(
                f"An element of the Lie algebra of {self.name} is a matrix of shape (..., {self.dim}, {self.dim}), but "
                f"got an array of shape {x.shape}."
            )
        flat, basis = x.reshape(*x.shape[:-2], -1), self.lie_generators.reshape(-1, self.dim**2)
        defect = np.abs(flat - flat @ np.linalg.pinv(basis) @ basis).max(initial=0.0)
        if not defect <= 1e-7 * (1 + np.abs(x).max(initial=0.0)):
            raise ElementError(
                f"A matrix is not in the Lie algebra of {self.name}: its part outside is {defect:.1e}. The algebra is "
                f"spanned by the {len(basis)} antisymmetric matrices of lie_generators."
            )
        return np.asarray(x)

    def __str__(self) -> str:
        return self.name


def orthogonality_residual(g: np.ndarray) -> np.ndarray:
    """The largest entry of |gᵀg − 1| for matrices `(..., n, n)`."""
    return np.asarray(np.abs(np.swapaxes(g, -1, -2) @ g - np.eye(g.shape[-1])).max((-1, -2)))


def membership_tolerance(g: Array) -> float:
    """How far an element may be off by default: the square root of the rounding unit of the dtype, float64: 1e-7."""
    return max(math.sqrt(epsilon(g)), 1e-7)
