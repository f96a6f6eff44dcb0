"""Constants that are added to some columns of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import is_tracing, plain_shape
from intertwine.ops.choice import is_eager, is_transformed

Runs = tuple[tuple[int, int], ...]
"""Columns that lie side by side: where they begin, and how many."""


def add_constants(y: Tensor, constants: Tensor, runs: Runs) -> Tensor:
    """Fresh rows `(..., size)` plus constants in some columns, run after run; y itself may become the result.

    Zeros for all other columns would take as long as the map that made the rows.

    >>> add_constants(torch.zeros(2, 4), torch.tensor([1.0, 2.0]), ((0, 1), (3, 1)))
    tensor([[1., 0., 0., 2.],
            [1., 0., 0., 2.]])
    """
    if is_eager(y, constants) and not (is_tracing() or is_transformed(y, constants)):
        out: Tensor = _Added.apply(y, constants, runs)  # type: ignore[no-untyped-call]
        return out
    size = plain_shape(y)[-1]
    for part, (start, count) in zip(_split(constants, runs), runs, strict=True):
        y = y + F.pad(part, (start, size - start - count))
    return y


def _split(constants: Tensor, runs: Runs) -> Sequence[Tensor]:
    return constants.split([count for _, count in runs]) if len(runs) > 1 else (constants,)


class _Added(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, constants: Tensor, runs: Runs) -> Tensor:
        ctx.runs = runs
        ctx.mark_dirty(y)
        for part, (start, count) in zip(_split(constants, runs), runs, strict=True):
            y.narrow(-1, start, count).add_(part)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        sums = None
        if ctx.needs_input_grad[1]:
            parts = [g.narrow(-1, start, count).reshape(-1, count).sum(0) for start, count in ctx.runs]
            sums = parts[0] if len(parts) == 1 else torch.cat(parts)
        return g, sums, None
