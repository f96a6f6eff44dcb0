"""The definition: messages along all edges, summed where they end; and its gradients, without any of torch's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
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


def convolve_gradients(plan: Plan, edges: Tensor, x: Tensor, y: Tensor, w: Tensor, g: Tensor) -> list[Tensor]:
    """The gradients by x, y and weights of `<g, convolve(x, y, weights)>`, with weights for each edge.

    >>> import numpy as np
    >>> from intertwine._arrays import Table
    >>> from intertwine.plan import Operand, Path
    >>> product = Plan((Operand("u", ((1,),)),) * 4, "", (Path((0, 0, 0, 0), Table(np.ones(()))),))
    >>> one, edges = torch.ones(1, 1), torch.zeros(2, 1, dtype=torch.long)
    >>> [float(v) for v in convolve_gradients(product, edges, 2 * one, 3 * one, 5 * one, 7 * one)]
    [105.0, 70.0, 42.0]
    """
    source, target = edges
    there, here = x[source], g[target]
    by_x = contract(plan.derivative(1), w, y, here)
    by_y, by_w = contract(plan.derivative(2), w, there, here), contract(plan.derivative(0), there, y, here)
    return [torch.zeros_like(x).index_add(0, source, by_x), by_y, by_w]


def convolve_seconds(plan: Plan, edges: Tensor, given: Sequence[Tensor], along: Sequence[Tensor]) -> list[Tensor]:
    """The gradients by x, y, weights and g of how `<g, convolve(x, y, weights)>` changes along directions of inputs.

    It is linear in each of them: its change is a sum with one input after the other replaced by its direction.
    """
    sums = [torch.zeros_like(v) for v in given]
    for number, direction in enumerate(along):
        replaced = [*given]
        replaced[number] = direction
        x, y, w, g = replaced
        found = [*convolve_gradients(plan, edges, x, y, w, g), convolve(plan, w, x, y, edges, g.shape[0])]
        for other, gradient in enumerate(found):
            if other != number:
                sums[other] += gradient
    return sums
