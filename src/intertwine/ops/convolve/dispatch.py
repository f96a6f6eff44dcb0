"""The convolution over edges in plain torch: output segments are scattered one by one as they are made."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.ops.contract import Contraction
from intertwine.ops.contract.dispatch import rows
from intertwine.plan import Plan


class Convolution(nn.Module):
    """`out[t] = Σ_{e: s → t} plan(weights[e], x[s], y[e])`, summing each segment of the messages as soon as it is made.

    Args:
        plan: a contraction of weights, x and y.
        reference: whether to take the readable definition of the contraction.
    """

    def __init__(self, plan: Plan, *, reference: bool = False) -> None:
        super().__init__()
        self.contraction = Contraction(plan, reference=reference)

    def forward(self, weights: Tensor, x: Tensor, y: Tensor, edges: Tensor, targets: int) -> Tensor:
        """The sums `(targets, size)`; see `reference.convolve` for the arguments."""

        def scatter(part: Tensor) -> Tensor:
            flat = rows(part)
            flat = flat.to(torch.promote_types(flat.dtype, torch.float32))  # long sums need more than half precision
            return flat.new_zeros((targets, flat.shape[1])).index_add(0, edges[1], flat).to(part.dtype)

        sums = self.contraction.segments(weights, x.index_select(0, edges[0]), y, consume=scatter)
        return torch.cat([*sums, x.new_zeros((targets, 0))], -1)
