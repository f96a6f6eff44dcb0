"""In which order the operands of a plan meet, and which of its paths are computed together: what `torch.py` follows.

Paths whose letters have the same sizes are one product with a further axis P. Where the same number of paths leads to
each of several outputs, these are summed along a second one, Q. Then the operands meet two by two, the coefficients
first with what is smallest, and each meeting is one batched matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from intertwine._arrays import Table
from intertwine.plan import Path, Plan

BATCH, TARGETS, PATHS = "B", "P", "Q"
"""The letters of the leading axis, of the outputs that are computed together, and of the paths that add up in each."""

_SAMPLES = 64  # what the order is chosen for: it only has to be more than a few


@dataclass(frozen=True)
class Meeting:
    """Two tensors that become one: an equation of einsum. Tensor 0 is the coefficients, the inputs follow.

    Args:
        first, second: the numbers of the tensors; the result takes the first one's number.
        letters: the letters of both and of the result, without the batch.
    """

    first: int
    second: int
    letters: tuple[str, str, str]


@dataclass(frozen=True)
class Batch:
    """Paths that are computed together.

    Args:
        coefficients: their tables, `(P, Q, …)`.
        segments: for each input the segments of all paths, `(P, Q)` numbers.
        targets: the output segments, P numbers.
        meetings: what is done, in order; the last result is the output's.
    """

    coefficients: Table
    segments: tuple[tuple[tuple[int, ...], ...], ...]
    targets: tuple[int, ...]
    meetings: tuple[Meeting, ...]


def lower(plan: Plan) -> tuple[Batch, ...]:
    """All paths of a plan, in as few batches as their shapes allow."""
    alike: dict[tuple[object, ...], dict[int, list[Path]]] = {}
    for path in plan.paths:
        sizes = tuple(sorted(plan.sizes_of(path).items()))
        alike.setdefault(sizes, {}).setdefault(path.segments[-1], []).append(path)
    batches = []
    for by_target in alike.values():
        batches += [
            _batch(plan, {t: paths for t, paths in by_target.items() if len(paths) == count})
            for count in sorted({len(paths) for paths in by_target.values()})
        ]
    return tuple(batches)


def _batch(plan: Plan, by_target: dict[int, list[Path]]) -> Batch:
    rows = [*by_target.values()]
    sizes = plan.sizes_of(rows[0][0]) | {TARGETS: len(rows), PATHS: len(rows[0])}
    return Batch(
        Table(np.array([[path.coefficients.array for path in paths] for paths in rows])),
        tuple(tuple(tuple(path.segments[n] for path in paths) for paths in rows) for n in range(len(plan.inputs))),
        tuple(by_target),
        _meetings(plan, sizes),
    )


def _meetings(plan: Plan, sizes: dict[str, int]) -> tuple[Meeting, ...]:
    """The pairs with the cheapest products first."""
    axes = TARGETS + PATHS
    tensors = {0: axes + plan.coefficient_modes}
    tensors |= {n + 1: BATCH + axes + operand.modes for n, operand in enumerate(plan.inputs)}
    result = BATCH + TARGETS + "".join(letter for letter in plan.output.modes if letter not in plan.repeated)
    sizes = sizes | {BATCH: _SAMPLES}
    meetings = []
    while len(tensors) > 1:
        pairs = [(a, b) for a in tensors for b in tensors if a < b]
        a, b = min(pairs, key=lambda pair: _cost(pair, tensors, result, sizes))
        together = _result(tensors[a], tensors[b], [v for k, v in tensors.items() if k not in (a, b)], result)
        left, right, made = (letters.replace(BATCH, "") for letters in (tensors[a], tensors[b], together))
        meetings.append(Meeting(a, b, (left, right, made)))
        tensors[a] = together
        del tensors[b]
    return tuple(meetings)


def _result(a: str, b: str, others: Sequence[str], output: str) -> str:
    """The letters of two tensors that something else still needs; those of the output in its order at the end."""
    if not others:
        return output
    needed = set(output).union(*others)
    return "".join(letter for letter in dict.fromkeys(a + b) if letter in needed)


def _cost(pair: tuple[int, int], tensors: dict[int, str], output: str, sizes: dict[str, int]) -> tuple[int, int]:
    """The multiplications of a meeting with the size of its result, and the latter."""
    a, b = (tensors[n] for n in pair)
    result = _result(a, b, [v for k, v in tensors.items() if k not in pair], output)
    made = prod(sizes[letter] for letter in result)
    return prod(sizes[letter] for letter in {*a, *b}) + made, made
