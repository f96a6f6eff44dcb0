"""Tensors of several indices with index symmetries, such as "ij=-ji" or "ijkl=jikl=klij", split into irreps.

Chains of Clebsch–Gordan couplings, `((i ⊗ j) ⊗ k) ⊗ …`, give an orthonormal basis of all tensors; for each irrep c of
the group they are maps T_n: c → tensors. The average over the signed permutations of the formula commutes with the
group, so it mixes only the maps of one irrep, and its image there are the combinations that have the symmetry.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, clebsch_gordan
from intertwine.reps.blocks import product_irreps
from intertwine.reps.decomposition import isometries

Signed = tuple[int, tuple[int, ...]]
"""A sign and a permutation of indices."""

Copies = Sequence[tuple[Irrep, np.ndarray]]
"""The irreps that an index is made of, each with its isometry `(d, dim)`."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class SymmetricTensor:
    """One irrep of the tensors: `table` `(d, *dims)` takes a tensor to it; the norm of each component is 1."""

    irrep: Irrep
    table: np.ndarray


def signed_permutations(formula: str) -> tuple[str, frozenset[Signed]]:
    """The letters of a formula, and the group of signed permutations of indices that it generates.

    Raises `ArgumentError` for parts that do not permute the letters of the first.

    >>> signed_permutations("ij=-ji")[0], sorted(signed_permutations("ij=-ji")[1])
    ('ij', [(-1, (1, 0)), (1, (0, 1))])
    """
    first, *others = formula.replace(" ", "").split("=")
    found: set[Signed] = {(1, tuple(range(len(first))))}
    for text in others:
        letters = text.removeprefix("-")
        if sorted(letters) != sorted(first) or len(set(first)) != len(first) or not first.isalpha():
            raise ArgumentError(f"The parts of a formula permute letters, as in 'ij=-ji', but got {formula!r}.")
        found.add((-1 if text.startswith("-") else 1, tuple(letters.index(letter) for letter in first)))
    while True:
        more = found | {(s * t, tuple(p[i] for i in q)) for (s, p), (t, q) in product(found, found)}
        if len(more) == len(found):
            return first, frozenset(found)
        found = more


def symmetric_tensors(
    permutations: Iterable[Signed],
    indices: Sequence[Copies],
    keep: Container[Irrep] | None = None,
    through: Container[Irrep] | None = None,
    order: Callable[[Irrep], Any] = lambda irrep: irrep.key,
) -> list[SymmetricTensor]:
    """A basis of the tensors that signed permutations of their indices leave as they are, sorted by irrep.

    Args:
        permutations: a group of them.
        indices: what each index is made of; indices that are exchanged are alike.
        keep: the irreps that are wanted; all if None.
        through: the irreps that couplings on the way may have; all if None.
        order: what irreps are sorted by, at the end and on the way; where several couplings lead to an irrep, the basis
            depends on it.

    >>> from intertwine.catalog import O3
    >>> index = [(O3.irrep("1o"), np.eye(3))]
    >>> [found.irrep.label for found in symmetric_tensors(signed_permutations("ij=ji")[1], [index, index])]
    ['0e', '2e']
    """
    group = [*permutations]
    chains: dict[Irrep, list[np.ndarray]] = {}
    for irrep, table in _chains(indices, through, order):
        if keep is None or irrep in keep:
            chains.setdefault(irrep, []).append(table)
    found = []
    for irrep in sorted(chains, key=order):
        maps = np.stack(chains[irrep])
        found += [SymmetricTensor(irrep, table) for table in _combinations(irrep, maps, group)]
    return found


def _chains(
    indices: Sequence[Copies], through: Container[Irrep] | None, order: Callable[[Irrep], Any]
) -> list[tuple[Irrep, np.ndarray]]:
    """All couplings of the indices one after the other, `(d, *dims)`, sorted."""
    *before, last = indices
    if not before:
        return [(irrep, np.asarray(isometry)) for irrep, isometry in last]
    found = []
    for left, table in _chains(before, through, order):
        for right, isometry in last:
            for irrep in product_irreps(left, right):
                if through is None or irrep in through:
                    for coupling in clebsch_gordan(left, right, irrep):
                        coupled = np.einsum("l...,lrk,rn->k...n", table, coupling, isometry, optimize=True)
                        found.append((irrep, np.sqrt(irrep.dim) * coupled))
    return sorted(found, key=lambda one: order(one[0]))


def _combinations(irrep: Irrep, maps: np.ndarray, permutations: Sequence[Signed]) -> list[np.ndarray]:
    """Those of maps `(n, d, *dims)` that have the symmetry."""
    first = maps[:, 0]
    averaged = np.mean([s * first.transpose(0, *(1 + i for i in np.argsort(p))) for s, p in permutations], axis=0)
    mixing = averaged.reshape(len(maps), -1) @ first.reshape(len(maps), -1).T
    values, vectors = np.linalg.eigh((mixing + mixing.T) / 2)
    kept = vectors[:, values > 1 - _ROUNDING]
    if len(irrep.endomorphisms) == 1:
        rows = _orthonormal(kept @ kept.T)
        return [np.tensordot(row, maps, 1) for row in rows]
    # Of complex and quaternionic irreps each copy has several maps: one of them is taken.
    whole = np.tensordot(kept.T, maps, 1).reshape(kept.shape[1], irrep.dim, -1)
    columns = whole.transpose(2, 1, 0).reshape(-1, kept.shape[1]) / np.sqrt(irrep.dim)
    count = kept.shape[1] // len(irrep.endomorphisms)
    return [table.T.reshape(maps.shape[1:]) for table in isometries(columns, irrep, count)]


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """Gram–Schmidt in order, without rows that depend on others; the first number of each row is positive."""
    found: list[np.ndarray] = []
    for row in rows:
        for other in found:
            row = row - (row @ other) * other
        if (length := np.linalg.norm(row)) > 2 * _ROUNDING:
            row = np.where(np.abs(row / length) < _ROUNDING, 0.0, row / length)
            found.append(row * np.sign(row[np.flatnonzero(row)[0]]))
    return np.array(found).reshape(len(found), rows.shape[1])
