"""Finite groups as lists of elements: generation, products, classes, subgroups. Elements are numbered by the list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine._arrays import Table, read_only
from intertwine.errors import ArgumentError

MOST_ELEMENTS = 50_000


def closure(generators: np.ndarray, largest: int = MOST_ELEMENTS) -> np.ndarray:
    """The finite group that orthogonal matrices `(k, n, n)` generate, `(order, n, n)`, the identity first.

    Elements come in the order of their shortest words. Raises `ArgumentError` when there are more than `largest`.

    >>> closure(np.array([[[0.0, -1.0], [1.0, 0.0]]])).shape
    (4, 2, 2)
    """
    size = generators.shape[-1]
    elements, frontier = np.eye(size)[None], np.eye(size)[None]
    too_many = any(_turns_on(g @ h, largest) for g in generators for h in (np.eye(size), *generators))
    while len(frontier) and not too_many:
        candidates = np.concatenate([frontier @ g for g in generators] or [frontier[:0]])
        frontier = _new(candidates, elements)
        elements = np.concatenate([elements, frontier])
        too_many = len(elements) > largest
    if too_many:
        raise ArgumentError(
            f"The {len(generators)} matrices generate more than {largest} elements, or infinitely many. For a "
            "continuous group pass its Lie algebra: matrix_group(lie=…, discrete=…)."
        )
    near = np.round(elements)
    return read_only(np.where(np.abs(elements - near) < 1e-13, near + 0.0, elements))


def _turns_on(g: np.ndarray, largest: int) -> bool:
    """Whether no power of an orthogonal matrix up to this one is the identity, from the angles of its eigenvalues."""
    angles = np.angle(np.linalg.eigvals(g))
    few = min(100, largest)  # enough for most, and quick
    return not (_returns(angles, 1, few) or _returns(angles, few + 1, largest))


def _returns(angles: np.ndarray, low: int, high: int) -> bool:
    """Whether some multiple from the low-th to the high-th of all the angles is a whole number of turns."""
    turned = np.arange(low, high + 1)[:, None] * angles / (2 * np.pi)
    return bool((np.abs(turned - np.round(turned)) < 1e-8).all(-1).any())


def _new(candidates: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The candidates that are neither known nor equal to one before them, in their order."""
    every = np.concatenate([known, candidates])
    order = np.argsort(_marks(every), kind="stable")
    differs = np.abs(np.diff(every[order], axis=0)).max((-1, -2)) > 1e-6  # marks of two elements may be close
    starts = np.flatnonzero(np.concatenate([[True], differs]))
    leaders = np.sort(np.minimum.reduceat(order, starts))
    return np.asarray(candidates[leaders[leaders >= len(known)] - len(known)])


def _marks(matrices: np.ndarray) -> np.ndarray:
    """A number `(...)` for each matrix `(..., n, n)`: a fixed combination of its entries that nothing else shares."""
    size = matrices.shape[-1] ** 2
    weights = np.sqrt(np.arange(2.0, size + 2)) * np.sin(1.0 + np.arange(size) ** 2)
    return np.asarray(matrices.reshape(*matrices.shape[:-2], size) @ weights)


@dataclass(frozen=True)
class FiniteTable:
    """The multiplication table of a finite group, and what follows from it.

    Args:
        listed: all elements `(order, n, n)`, the identity first.

    >>> from intertwine.catalog import dihedral
    >>> table = FiniteTable(Table(dihedral(4).elements()))
    >>> [len(c) for c in table.classes]
    [1, 2, 1, 2, 2]
    """

    listed: Table

    @cached_property
    def elements(self) -> np.ndarray:
        """All elements `(order, n, n)`."""
        return self.listed.array

    def __len__(self) -> int:
        return len(self.elements)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        marks = _marks(self.elements)
        order = np.argsort(marks)
        return order, marks[order]

    def index(self, g: np.ndarray) -> np.ndarray:
        """The numbers `(...)` of elements `(..., n, n)`; what it says of other matrices does not matter."""
        order, marks = self._sorted
        wanted = _marks(g)
        right = np.clip(np.searchsorted(marks, wanted), 1, len(marks) - 1) if len(marks) > 1 else 0 * wanted.astype(int)
        left = np.maximum(right - 1, 0)
        nearer = np.abs(marks[left] - wanted) <= np.abs(marks[right] - wanted)
        return np.asarray(order[np.where(nearer, left, right)])

    def distance(self, g: np.ndarray) -> np.ndarray:
        """How far `(...)` matrices `(..., n, n)` are from the closest element: the largest difference of entries."""
        flat = np.where(np.isfinite(g), g, 0.0).reshape(-1, *g.shape[-2:])
        near = self.index(flat)
        off = np.flatnonzero(np.abs(flat - self.elements[near]).max((-1, -2), initial=0.0) > 1e-6)
        if len(off):  # orthogonal matrices are close where their inner product is large
            size = g.shape[-1] ** 2
            near[off] = np.argmax(flat[off].reshape(-1, size) @ self.elements.reshape(-1, size).T, -1)
        return np.asarray(np.abs(g - self.elements[near].reshape(g.shape)).max((-1, -2)))

    @cached_property
    def products(self) -> np.ndarray:
        """`products[a, b]` is the number of the product of elements a and b."""
        rows = [self.index(g @ self.elements) for g in self.elements]
        return read_only(np.array(rows))

    @cached_property
    def inverses(self) -> np.ndarray:
        """The number of the inverse of each element."""
        return read_only(self.index(self.elements.swapaxes(-1, -2)))

    @cached_property
    def conjugates(self) -> np.ndarray:
        """`conjugates[a, b]` is the number of a b a⁻¹."""
        return read_only(self.products[self.products, self.inverses[:, None]])

    @cached_property
    def classes(self) -> tuple[np.ndarray, ...]:
        """The conjugacy classes as numbers of elements, each sorted, in the order of their first elements."""
        found: list[np.ndarray] = []
        seen = np.zeros(len(self), dtype=bool)
        for a in range(len(self)):
            if not seen[a]:
                found.append(read_only(np.unique(self.conjugates[:, a])))
                seen[found[-1]] = True
        return tuple(found)

    @cached_property
    def orders(self) -> np.ndarray:
        """The order of each element: the smallest n with gⁿ = 1."""
        orders, power = np.zeros(len(self), dtype=int), np.arange(len(self))
        step = 1
        while not orders.all():
            orders[(power == 0) & (orders == 0)] = step
            power, step = self.products[power, np.arange(len(self))], step + 1
        return read_only(orders)

    def generated(self, numbers: Iterable[int]) -> np.ndarray:
        """The subgroup that elements generate, as sorted numbers."""
        inside = np.zeros(len(self), dtype=bool)
        inside[[0, *numbers]] = True
        while True:
            members = np.flatnonzero(inside)
            inside[self.products[np.ix_(members, members)]] = True
            if np.count_nonzero(inside) == len(members):
                return members

    def few_generators(self, members: np.ndarray) -> list[int]:
        """Some members that generate a subgroup: those of highest order first, none that the ones before give."""
        chosen: list[int] = []
        have = np.array([0])
        for a in sorted(members, key=lambda a: (-self.orders[a], a)):
            if a not in have:
                chosen.append(int(a))
                have = self.generated(chosen)
        return chosen

    def _leader(self, members: np.ndarray) -> tuple[int, ...]:
        """The smallest of the conjugates of a subgroup: the same for conjugate ones."""
        rows = np.sort(self.conjugates[:, members], 1)
        return tuple(rows[np.lexsort(rows.T[::-1])[0]].tolist())

    @cached_property
    def subgroup_classes(self) -> tuple[np.ndarray, ...]:
        """One subgroup of each conjugacy class, as sorted numbers: small ones first.

        Every subgroup grows out of a smaller one by one more element, so it is enough to add cyclic subgroups to one
        representative of each class. Raises `ArgumentError` above 2000 elements.
        """
        if len(self) > 2000:
            raise ArgumentError(
                f"The subgroups of a group of {len(self)} elements are not listed: the limit is 2000. Name the "
                "generators of the one you want: matrix_group(discrete=…)."
            )
        steps = self._prime_power_generators()
        waiting = [np.array([0])]
        found: set[tuple[int, ...]] = {(0,)}
        while waiting:
            members = waiting.pop()
            generators = self.few_generators(members)
            larger = {tuple(self.generated([*generators, a]).tolist()) for a in np.setdiff1d(steps, members)}
            for leader in {self._leader(np.array(m)) for m in larger} - found:
                found.add(leader)
                waiting.append(np.array(leader))
        return tuple(read_only(np.array(members)) for members in sorted(found, key=lambda m: (len(m), m)))

    def _prime_power_generators(self) -> np.ndarray:
        """One generator for each cyclic subgroup of prime power order: each subgroup grows by such steps."""
        powers = [a for a in range(len(self)) if len(_prime_factors(self.orders[a])) == 1]
        return np.array(list({tuple(self.generated([a]).tolist()): a for a in powers}.values()), dtype=int)

    def inside_a_conjugate(self, small: np.ndarray, large: np.ndarray) -> bool:
        """Whether some conjugate of the first subgroup lies in the second."""
        return bool(np.isin(self.conjugates[:, small], large).all(1).any())


def _prime_factors(n: int) -> set[int]:
    return {p for p in range(2, n + 1) if n % p == 0 and all(p % q for q in range(2, p))}
