"""Tensors of several indices with index symmetries, such as "ij=-ji" or "ijkl=jikl=klij", split into irreps.

Chains of Clebsch–Gordan couplings, `((i ⊗ j) ⊗ k) ⊗ …`, give an orthonormal basis of all tensors; for each irrep c of
the group they are maps T_n: c → tensors. The average over the signed permutations of the formula commutes with the
group, so it mixes only the maps of one irrep, and its image there are the combinations that have the symmetry.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, product
from typing import Any, TypeVar

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError
from intertwine.kernels.products import require_one_group
from intertwine.reps import Irrep, Rep, clebsch_gordan
from intertwine.reps.blocks import coupling_isometries, product_irreps
from intertwine.reps.decomposition import isometries

Signed = tuple[int, tuple[int, ...]]
"""A sign and a permutation of indices."""

Copies = Sequence[tuple[Irrep, np.ndarray]]
"""The irreps that an index is made of, each with its isometry `(d, dim)`."""

_Given = TypeVar("_Given", bound=Hashable)

_ROUNDING = 1e-9


@dataclass(frozen=True)
class SymmetricTensor:
    """One irrep of the tensors: `table` `(d, *dims)` takes a tensor to it; the norm of each component is 1."""

    irrep: Irrep
    table: np.ndarray


@dataclass(frozen=True)
class TensorSpace:
    """The tensors of some indices that have a symmetry, as a rep.

    Args:
        reps: the rep of each index.
        rep: that of the tensors: irreps, sorted and gathered.
        table: `(rep.dim, *dims)`: rows of norm 1, orthogonal to each other, that take a tensor to its features.
    """

    reps: tuple[Rep, ...]
    rep: Rep
    table: Table


@cache
def tensor_space(
    formula: str, reps: tuple[Rep, ...], keep: frozenset[Irrep] | None = None, through: frozenset[Irrep] | None = None
) -> TensorSpace:
    """The tensors that satisfy a formula such as "ij=ji", for any group.

    Args:
        formula: letters of indices, and how they may be exchanged, with signs.
        reps: the rep of each letter; letters that are exchanged have the same.
        keep: the irreps that are wanted; all if None.
        through: the irreps that couplings on the way may have; all if None.

    Raises `RepMismatchError` for reps of different groups, and `ArgumentError` for other formulas.

    >>> from intertwine.catalog import O3
    >>> tensor_space("ijkl=jikl=klij", 4 * (O3.rep("1x1o"),)).rep  # the 21 elastic constants of a crystal
    tw.O3.rep('2x0e + 2x2e + 1x4e')
    """
    require_one_group(*reps)
    _, permutations = signed_permutations(formula)
    indices = [
        [(irrep, part[..., n].T) for irrep, part in rep.copies.items() for n in range(part.shape[-1])] for rep in reps
    ]
    terms, rows = [], [np.zeros((0, *(rep.dim for rep in reps)))]
    for irrep, found in groupby(symmetric_tensors(permutations, indices, keep, through), lambda one: one.irrep):
        tables = np.stack([one.table for one in found], 1)  # components outside, copies inside
        terms.append((tables.shape[1], irrep))
        rows.append(tables.reshape(-1, *tables.shape[2:]))
    return TensorSpace(reps, Rep(reps[0].group, tuple(terms)), Table(np.concatenate(rows)))


def of_each_letter(formula: str, given: Mapping[str, _Given]) -> tuple[_Given, ...]:
    """What belongs to each letter of a formula, where letters that are exchanged share what one of them is given.

    Raises `ArgumentError` for letters that are left without, or are given different things, and for other letters.

    >>> of_each_letter("ijk=jik", {"i": 3, "k": 2})
    (3, 3, 2)
    """
    letters, permutations = signed_permutations(formula)
    found = []
    for place, letter in enumerate(letters):
        alike = {given[letters[p[place]]] for _, p in permutations if letters[p[place]] in given}
        if len(alike) != 1 or not given.keys() <= set(letters):
            raise ArgumentError(
                f"Each letter of {formula!r} is given one thing, the same as those that it is exchanged with, but "
                f"{letter!r} got {' and '.join(sorted(map(str, alike))) or 'none'}, of what was given to "
                f"{', '.join(given) or 'none'}."
            )
        found.append(alike.pop())
    return tuple(found)


def signed_permutations(formula: str) -> tuple[str, frozenset[Signed]]:
    """The letters of a formula, and the group of signed permutations of indices that it generates.

    Raises `ArgumentError` for parts that do not permute the letters of the first.

    >>> signed_permutations("ij=-ji")[0], sorted(signed_permutations("ij=-ji")[1])
    ('ij', [(-1, (1, 0)), (1, (0, 1))])
    """
    first, *others = formula.replace(" ", "").split("=")
    found: set[Signed] = {(1, tuple(range(len(first))))}
    for text in (first, *others):
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
                    for coupling in _couplings(left, right, irrep):
                        coupled = np.einsum("l...,lrk,rn->k...n", table, coupling, isometry, optimize=True)
                        found.append((irrep, coupled))
    return sorted(found, key=lambda one: order(one[0]))


def _couplings(left: Irrep, right: Irrep, irrep: Irrep) -> list[np.ndarray]:
    """Isometries `(left.dim, right.dim, d)` onto the copies of an irrep in a product, one for each copy.

    Of complex and quaternionic irreps there are more maps to a copy. All of them on the way would count the same
    tensors several times.
    """
    if len(irrep.endomorphisms) == 1:
        return [np.sqrt(irrep.dim) * table for table in clebsch_gordan(left, right, irrep)]
    return [one.reshape(left.dim, right.dim, irrep.dim) for one in coupling_isometries(left, right, irrep)]


def _combinations(irrep: Irrep, copies: np.ndarray, permutations: Sequence[Signed]) -> list[np.ndarray]:
    """Those of maps `(n, d, *dims)` that have the symmetry, where a copy's other maps may enter."""
    maps = np.einsum("ecd,nd...->nec...", irrep.endomorphisms, copies).reshape(-1, *copies.shape[1:])
    first = maps[:, 0]
    averaged = np.mean([s * first.transpose(0, *(1 + i for i in np.argsort(p))) for s, p in permutations], axis=0)
    mixing = averaged.reshape(len(maps), -1) @ first.reshape(len(maps), -1).T
    values, vectors = np.linalg.eigh((mixing + mixing.T) / 2)
    kept = vectors[:, values > 1 - _ROUNDING]
    if len(irrep.endomorphisms) == 1:
        return [np.tensordot(row, maps, 1) for row in _orthonormal(kept @ kept.T)]
    # Of several maps to each copy one is taken.
    whole = np.tensordot(kept.T, maps, 1).reshape(kept.shape[1], irrep.dim, first[0].size)
    columns = whole.transpose(2, 1, 0).reshape(first[0].size * irrep.dim, -1) / np.sqrt(irrep.dim)
    count = kept.shape[1] // len(irrep.endomorphisms)
    return [table.T.reshape(maps.shape[1:]) for table in isometries(columns, irrep, count)] if count else []


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
