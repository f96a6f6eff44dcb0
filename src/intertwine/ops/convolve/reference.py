"""The definition: messages along all edges, summed where they end."""

from __future__ import annotations

from torch import Tensor

from intertwine.ops.contract.reference import contract
from intertwine.plan import Plan


def convolve(plan: Plan, weights: Tensor | None, x: Tensor, y: Tensor, edges: Tensor, targets: int) -> Tensor:
    """`out[t] = Σ_{e: s → t} plan(weights[e], x[s], y[e])`.

    Args:
        plan: a contraction of weights, if any, x and y.
        weights: `(E, size)`, one set per edge, `(size,)` for all, or None for a plan without.
        x: the features `(N, size)` of the sources.
        y: the features `(E, size)` of the edges.
        edges: source and target of each edge, `(2, E)` integers.
        targets: the number of targets.
    """
    messages = contract(plan, *(() if weights is None else (weights,)), x[edges[0]], y)
    return messages.new_zeros((targets, messages.shape[-1])).index_add(0, edges[1], messages)
