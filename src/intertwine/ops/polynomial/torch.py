"""Polynomials channel by channel in plain torch: products of components order by order, and a table for each order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.ops.polynomial.channel_sum import ChannelSum
from intertwine.ops.tables import TableModule


class MonomialSum(TableModule):
    """The evaluation of a sum in each channel, ready to be called.

    The products of k components are those of k − 1, times one more. A table turns them into the values of all
    polynomials of order k, which then meet their weights. No call of torch is for one path alone.

    Args:
        shape: what is summed.
    """

    weight: Tensor
    output: Tensor

    def __init__(self, shape: ChannelSum) -> None:
        super().__init__()
        self.shape = shape
        self.order = max((len(s.factors) for s in shape.summands), default=0)
        known: dict[tuple[int, ...], int] = {(i,): i for i in range(shape.sizes["x"])}
        rows: list[tuple[int, int]] = []  # the output and the weight of each value
        for k in range(1, self.order + 1):
            summands = [s for s in shape.summands if len(s.factors) == k]
            if k > 1:
                products = sorted({s.factors[:k] for s in shape.summands if len(s.factors) >= k})
                self.register_table(f"before_{k}", np.array([known[m[:-1]] for m in products], dtype=np.int64))
                self.register_table(f"factor_{k}", np.array([m[-1] for m in products], dtype=np.int64))
                known = {monomial: n for n, monomial in enumerate(products)}
            values = {row: n for n, row in enumerate(dict.fromkeys((s.output, s.weight) for s in summands))}
            table = np.zeros((len(values), len(known)))
            for s in summands:
                table[values[s.output, s.weight], known[s.factors]] += s.coefficient
            self.register_table(f"table_{k}", table)
            rows += values
        self.register_table("weight", np.array([weight for _, weight in rows], dtype=np.int64))
        target = np.zeros((shape.sizes["g"], len(rows)))
        target[[output for output, _ in rows], range(len(rows))] = 1
        self.register_table("output", target)

    def forward(self, weights: Tensor, x: Tensor, index: Tensor | None = None) -> Tensor:
        """The outputs `(N, size)` for weights `(Z, size)`, features `(N, size)`, and which weights each row takes."""
        channels = self.shape.channels
        x = x.reshape(x.shape[0], self.shape.sizes["x"], channels)
        if not self.order:
            return x.new_zeros((x.shape[0], self.shape.sizes["g"] * channels))
        powers, values = x, []
        for k in range(1, self.order + 1):
            if k > 1:
                before, factor = getattr(self, f"before_{k}"), getattr(self, f"factor_{k}")
                powers = powers.index_select(1, before) * x.index_select(1, factor)
            values.append(getattr(self, f"table_{k}").to(x.dtype) @ powers)
        chosen = weights.reshape(weights.shape[0], self.shape.sizes["w"], channels).index_select(1, self.weight)
        chosen = chosen[:1] if index is None else chosen.index_select(0, index)
        return (self.output.to(x.dtype) @ (torch.cat(values, 1) * chosen)).flatten(1)
