"""Reps in equal parts, each with its share of the copies of every block."""

from __future__ import annotations

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.reps import Rep


def part_of(rep: Rep, number: int) -> Rep:
    """One of a number of equal parts of a rep; `ArgumentError` where it does not divide all multiplicities."""
    if not isinstance(number, int) or number < 1 or any(m % number for m, _ in rep.terms):
        raise ArgumentError(
            f"groups divides the copies of every block, but got groups={number!r} for the rep {rep}. Pass a divisor of "
            "all multiplicities."
        )
    return Rep(rep.group, tuple((m // number, block) for m, block in rep.terms))


def by_part(rep: Rep, number: int) -> np.ndarray:
    """The channels `(dim,)` of a rep part by part, each in the order of its own rep."""
    places = [
        np.arange(where.start, where.stop).reshape(block.dim, number, -1)
        for (_, block), where in zip(rep.terms, rep.slices, strict=True)
    ]
    return np.concatenate([np.arange(0), *(place[:, n].reshape(-1) for n in range(number) for place in places)])
