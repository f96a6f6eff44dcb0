"""Tensors whose indices may be exchanged: formulas such as "ij=-ji", and bases of what satisfies them."""

from __future__ import annotations

from itertools import product
from math import sqrt

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.kernels.index_symmetry import Signed, signed_permutations


def germinate_formulas(formula: str) -> tuple[str, set[Signed]]:
    """The letters of a formula, and the group of signed permutations that it generates."""
    letters, group = signed_permutations(formula)
    return letters, {*group}


def reduce_permutation(
    f0: str,
    formulas: set[Signed],
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    **dims: int,
) -> tuple[Tensor, list[list[tuple[int, tuple[int, ...]]]]]:
    """Orthonormal tensors `(n, *dims)` that satisfy formulas, and for each the signs and places of its numbers.

    >>> Q, entries = reduce_permutation(*germinate_formulas("ij=-ji"), i=2)
    >>> Q.shape, len(entries)
    (torch.Size([1, 2, 2]), 1)
    """
    sizes = [size_of(letter, f0, formulas, dims) for letter in f0]
    orbits: set[frozenset[tuple[int, tuple[int, ...]]]] = set()
    for place in product(*map(range, sizes)):
        orbit = frozenset((s, tuple(place[i] for i in p)) for s, p in formulas)
        if (-1, place) not in orbit:
            opposite = frozenset((-s, where) for s, where in orbit)
            orbits.add(max((orbit, opposite), key=lambda found: (sum(s for s, _ in found), sorted(found))))
    entries = sorted((sorted(orbit) for orbit in orbits), key=lambda found: sorted(where for _, where in found))
    whole = torch.zeros((len(entries), *sizes), dtype=dtype, device=device)
    for number, found in enumerate(entries):
        for s, where in found:
            whole[(number, *where)] = s / sqrt(len(found))
    return whole, entries


def size_of(letter: str, f0: str, formulas: set[Signed], dims: dict[str, int]) -> int:
    """The size of an index: that of any index that it is exchanged with; raises `ArgumentError` where they differ."""
    together = {f0[p[f0.index(letter)]] for _, p in formulas}
    found = {dims[other] for other in together if other in dims}
    if len(found) != 1:
        raise ArgumentError(
            f"The indices {', '.join(sorted(together))} of {f0} have one size, but got {sorted(found) or 'none'}."
        )
    return found.pop()
