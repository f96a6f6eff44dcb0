"""Permutations as tuples, p: i → p[i]."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import torch
from torch import Tensor

from intertwine.interop.e3nn.math.linear_algebra import complete_basis

Permutation = tuple[int, ...]


def is_perm(p: Permutation) -> bool:
    """Whether it is one."""
    return sorted(p) == list(range(len(p)))


def identity(n: int) -> Permutation:
    """The one that leaves all in place."""
    return tuple(range(n))


def compose(p1: Permutation, p2: Permutation) -> Permutation:
    """The second, then the first."""
    return tuple(p1[i] for i in p2)


def inverse(p: Permutation) -> Permutation:
    """The one that undoes it."""
    return tuple(sorted(range(len(p)), key=p.__getitem__))


def from_int(i: int, n: int) -> Permutation:
    """The permutation of n that has a number."""
    pool, found = [*range(n)], []
    while pool:
        i, place = divmod(i, len(pool))
        found.append(pool.pop(place))
    return tuple(found)


def to_int(p: Permutation) -> int:
    """The number of a permutation."""
    pool, number, unit = [*range(len(p))], 0, 1
    for j in p:
        number += pool.index(j) * unit
        unit *= len(pool)
        pool.remove(j)
    return number


def rand(n: int) -> Permutation:
    """A random one."""
    return from_int(random.randrange(math.factorial(n)), n)


def group(n: int) -> set[Permutation]:
    """All of n."""
    return {from_int(i, n) for i in range(math.factorial(n))}


def germinate(subset: Iterable[Permutation]) -> set[Permutation]:
    """The group that some generate."""
    found = {*subset}
    while True:
        more = found | {inverse(p) for p in found} | {compose(p, q) for p in found for q in found}
        if len(more) == len(found):
            return found
        found = more


def is_group(g: set[Permutation]) -> bool:
    """Whether it is closed, and not empty."""
    return bool(g) and germinate(g) == g


def to_cycles(p: Permutation) -> set[tuple[int, ...]]:
    """Its cycles of two and more, each from its smallest number on."""
    cycles, seen = set(), set[int]()
    for start in range(len(p)):
        cycle = [start]
        while start not in seen and p[cycle[-1]] != start:
            cycle.append(p[cycle[-1]])
        if start not in seen and len(cycle) > 1:
            cycles.add(tuple(cycle))
        seen.update(cycle)
    return cycles


def sign(p: Permutation) -> int:
    """1 for even ones, −1 for odd ones."""
    return math.prod(-1 if len(cycle) % 2 == 0 else 1 for cycle in to_cycles(p))


def natural_representation(
    p: Permutation, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """The matrix of ones and zeros."""
    return torch.eye(len(p), dtype=dtype, device=device)[list(inverse(p))]


def standard_representation(
    p: Permutation, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """The irrep of dimension n − 1: the natural one without the sum of all."""
    rows = complete_basis(torch.ones(1, len(p), dtype=dtype, device=device), eps=0.1 / len(p))
    return rows @ natural_representation(p, dtype, device) @ rows.T
