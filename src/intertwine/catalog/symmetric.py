"""The symmetric groups: all permutations of n things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import permutations
from math import factorial

import numpy as np

from intertwine._arrays import Array, like, namespace, read_only
from intertwine.catalog import class_symbols
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.class_symbols import Symbol
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups.group import Seed, generator

Partition = tuple[int, ...]

MOST_THINGS = 8
"""The largest n whose n! permutations are listed."""


@dataclass(frozen=True, repr=False)
class SymmetricGroup(CatalogGroup):
    """The n! permutations of n things, as permutation matrices. Irreps: the partitions of n.

    The element p sends the i-th basis vector to the p(i)-th. Irreps are written as "[3,1]": [n] is trivial, [1,…,1] the
    sign, [n−1,1] the permutations of n numbers with sum 0. Their matrices are Young's orthogonal form.

    Args:
        n: how many things are permuted.
    """

    n: int

    @property
    def name(self) -> str:
        """Sym(n); S4 and the like are point groups."""
        return f"Sym({self.n})"

    @property
    def dim(self) -> int:
        return self.n

    @cached_property
    def order(self) -> int:
        return factorial(self.n)

    @property
    def has_quadrature(self) -> bool:
        """For n up to 8; above there are too many elements to go through."""
        return self.n <= MOST_THINGS

    @property
    def generators(self) -> np.ndarray:
        """The n − 1 exchanges of neighbours."""
        return _matrices(np.array([_exchanged(self.n, i) for i in range(self.n - 1)], int).reshape(-1, self.n))

    def elements(self) -> np.ndarray:
        """All permutation matrices `(n!, n, n)` in lexicographic order; `ArgumentError` for n above 8."""
        if self.n > MOST_THINGS:
            raise ArgumentError(
                f"{self} has {self.order} elements; they are listed up to n = {MOST_THINGS}. Call sample(n, seed) for "
                "random ones."
            )
        return _all(self.n).copy()

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        rng = generator(seed)
        return _matrices(np.argsort(rng.random((n, self.n)), -1))

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The distance to the permutation matrix with the largest entries in the same places."""
        nearest = _matrices(np.argmax(g, -2))
        far = np.abs(np.sort(np.argmax(g, -2), -1) - np.arange(self.n)).max(-1)  # not a permutation
        return np.asarray(np.maximum(np.abs(g - nearest).max((-1, -2)), np.minimum(far, 1)))

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> Partition:
        text = str(label).strip().replace(" ", "")
        parts = text[1:-1].split(",") if text[:1] == "[" and text[-1:] == "]" else []
        if parts and all(part.isdecimal() for part in parts):
            partition = tuple(int(part) for part in parts)
            if sum(partition) == self.n and min(partition) > 0 and partition == tuple(sorted(partition, reverse=True)):
                return partition
        raise LabelError(
            f"{self} has no irrep {label!r}. Its labels are the partitions of {self.n}: "
            f"{', '.join(self.labels(2))}{', …' if self.n > 3 else ''}."
        )

    def labels(self, degree: int) -> tuple[str, ...]:
        """The partitions whose largest part is at least n − degree, the largest first."""
        return tuple(_spell(p) for p in _partitions(self.n, self.n) if p[0] >= self.n - degree)

    def canonical_label(self, label: str) -> str:
        return _spell(self._parse(label))

    def label_key(self, label: str) -> tuple[int, ...]:
        partition = self._parse(label)
        return tuple(-part for part in partition) + (0,) * (self.n - len(partition))

    def irrep_degree(self, label: str) -> int:
        """n minus the largest part: the smallest power of the defining rep that contains it."""
        return self.n - self._parse(label)[0]

    def irrep_dim(self, label: str) -> int:
        """The number of standard tableaux."""
        return len(_tableaux(self._parse(label)))

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """Products of the exchanges that sort the permutation."""
        xp = namespace(g)
        start = xp.argmax(g, -2)  # where each thing goes
        out = {}
        for label in labels:
            tables = [like(table, g) for table in _young_orthogonal(self._parse(label))]
            identity = like(np.eye(self.irrep_dim(label)), g)
            places, matrix = start, xp.ones_like(g[..., :1, :1]) * identity
            for i in _sorting_network(self.n):
                swap = places[..., i] > places[..., i + 1]
                matrix = xp.where(swap[..., None, None], tables[i], identity) @ matrix
                places = xp.where(swap[..., None], places[..., _exchanged(self.n, i)], places)
            out[label] = matrix
        return out

    def class_symbols(self) -> list[Symbol]:
        return class_symbols.of_permutations(self.table)

    def __repr__(self) -> str:
        return f"tw.symmetric({self.n})"


@cache
def symmetric(n: int) -> SymmetricGroup:
    """The group of all permutations of n things, as n × n permutation matrices.

    Irreps are named by partitions: `symmetric(4).rep("1x[4] + 1x[3,1]")` is the permutation of four numbers.

    Raises `ArgumentError` unless n is a positive integer.

    >>> symmetric(4).labels(9)
    ('[4]', '[3,1]', '[2,2]', '[2,1,1]', '[1,1,1,1]')
    """
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ArgumentError(f"A symmetric group permutes a positive whole number of things, but got n = {n!r}.")
    return SymmetricGroup(int(n))


def _spell(partition: Partition) -> str:
    return "[" + ",".join(map(str, partition)) + "]"


def _exchanged(n: int, i: int) -> list[int]:
    """0 … n − 1 with i and i + 1 exchanged."""
    return [*range(i), i + 1, i, *range(i + 2, n)]


def _sorting_network(n: int) -> Iterator[int]:
    """The pairs (i, i + 1) that sort any n numbers when they are put in order one after the other."""
    for last in range(n - 1, 0, -1):
        yield from range(last)


def _matrices(permutations: np.ndarray) -> np.ndarray:
    """The matrices `(..., n, n)` that send the i-th basis vector to the p(i)-th, for p `(..., n)`."""
    return np.asarray(np.eye(permutations.shape[-1])[permutations].swapaxes(-1, -2))


@cache
def _all(n: int) -> np.ndarray:
    return read_only(_matrices(np.array(list(permutations(range(n))))))


@cache
def _partitions(n: int, largest: int) -> tuple[Partition, ...]:
    """The partitions of n into parts up to a size, large parts first."""
    if n == 0:
        return ((),)
    return tuple((part, *rest) for part in range(min(n, largest), 0, -1) for rest in _partitions(n - part, part))


@cache
def _tableaux(partition: Partition) -> tuple[tuple[int, ...], ...]:
    """The standard tableaux of a shape: for each of 1 … n the row that it stands in."""
    if not partition:
        return ((),)
    found = []
    for row, part in enumerate(partition):
        if row == len(partition) - 1 or partition[row + 1] < part:
            smaller = tuple(p for p in (*partition[:row], part - 1, *partition[row + 1 :]) if p)
            found += [(*tableau, row) for tableau in _tableaux(smaller)]
    return tuple(found)


@cache
def _young_orthogonal(partition: Partition) -> tuple[np.ndarray, ...]:
    """The matrices of the exchanges of neighbours on the standard tableaux.

    With the axial distance r from i to i + 1, exchanging them keeps a tableau with 1/r and leads to the exchanged one
    with √(1 − 1/r²). Source: Young 1932, doi:10.1112/plms/s2-34.1.196.
    """
    tableaux = _tableaux(partition)
    numbers = {tableau: k for k, tableau in enumerate(tableaux)}
    out = []
    for i in range(sum(partition) - 1):
        matrix = np.zeros((len(tableaux), len(tableaux)))
        for k, rows in enumerate(tableaux):
            contents = [rows[: j + 1].count(rows[j]) - 1 - rows[j] for j in (i, i + 1)]
            distance = contents[1] - contents[0]
            matrix[k, k] = 1 / distance
            swapped = (*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :])
            if abs(distance) > 1:
                matrix[k, numbers[swapped]] = np.sqrt(1 - 1 / distance**2)
        out.append(read_only(matrix))
    return tuple(out)
