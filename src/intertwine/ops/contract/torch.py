"""Batched evaluation of weighted plans with plain torch.

For out[k, w] = Σ C[i, j, k] weight[v, u, w] x[i, u] y[j, v]:

1. the coefficients meet y, the operand of small multiplicity: one matrix (rows, d_in) per sample and segment of x,
   shared by all channels, where the rows are (component k, path) of all outputs;
2. each matrix meets its segment of x in one batched product;
3. for each output, all rows that lead to it meet the weights in one batched product.

The number of torch calls grows with the segments, not with the paths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor

from intertwine._arrays import broadcast_shape, is_tracing, plain_shape
from intertwine.ops.contract.layout import Layout, PathGroup
from intertwine.ops.tables import TableModule
from intertwine.plan import Plan

Consume = Callable[[Tensor], Tensor]
"""What is to be done with an output segment as soon as it is there."""


class WeightedContraction(TableModule):
    """The batched evaluation of a plan with the operands weights, x, (y) and the output, ready to be called."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        super().__init__()
        self.plan = plan
        self.groups = layout.groups
        self.weight_slices = layout.weight_slices
        self.weight_scales = layout.weight_scales
        self.indexed = tuple(index is not None for index in layout.weight_index)
        for number, group in enumerate(layout.groups):
            self.register_table(f"matrix_{number}", group.matrix)
        for number, index in enumerate(layout.weight_index):
            if index is not None:
                self.register_table(f"index_{number}", index)

    def forward(self, consume: Consume, weights: Tensor, x: Tensor, y: Tensor | None = None) -> list[Tensor]:
        """What `consume` makes of each output segment `(B, d_out, w)`.

        Takes x `(B, size)`, y `(B, size)` and weights `(size,)` or `(B, size)`.
        """
        pieces: dict[int, list[Tensor]] = {}
        for number, group in enumerate(self.groups):
            rows = self._rows(number, group, x, y)
            for target, first, paths in group.rows:
                copies, (d_out, _), u = paths * group.copies, self.plan.output.segments[target], rows.shape[-1]
                size, start = d_out * copies, first * group.copies
                part = rows if len(group.rows) == 1 else rows.narrow(1, start, size)
                whole = part if copies == 1 else part.reshape(x.shape[0], d_out, copies * u)
                pieces.setdefault(target, []).append(whole)
        return [
            consume(self._weigh(target, pieces.get(target), weights, x)) for target in range(len(self.weight_slices))
        ]

    def _rows(self, number: int, group: PathGroup, x: Tensor, y: Tensor | None) -> Tensor:
        """The products `(B, rows · copies, u)` of one group's matrices and its segment of x."""
        d_in, u = self.plan.operands[1].segments[group.source]
        part = x[:, self.plan.operands[1].slices[group.source]].reshape(x.shape[0], d_in, u)
        if group.is_identity:
            return part
        table = getattr(self, f"matrix_{number}").to(x.dtype)
        rows = table.shape[1] // d_in
        if y is None:
            return torch.matmul(table.reshape(rows, d_in), part)
        operand, v = self.plan.operands[2], group.copies
        parts = [y[:, operand.slices[s]].reshape(y.shape[0], operand.segments[s][0], v) for s in group.parts]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        if v == 1:
            matrices = (joined[..., 0] @ table).reshape(y.shape[0], rows, d_in)
        else:
            shaped = table.reshape(table.shape[0], rows, d_in)
            matrices = torch.einsum("bjv,jri->brvi", joined, shaped).reshape(y.shape[0], rows * v, d_in)
        return torch.matmul(matrices, part)

    def _weigh(self, target: int, pieces: list[Tensor] | None, weights: Tensor, x: Tensor) -> Tensor:
        """One output segment `(B, d_out, w)` from its rows `(B, d_out, paths · copies · u)`."""
        d_out, w = self.plan.output.segments[target]
        if pieces is None:
            return x.new_zeros((x.shape[0], d_out, w))
        rows = pieces[0] if len(pieces) == 1 else torch.cat(pieces, -1)
        if self.indexed[target]:
            chosen = weights.index_select(-1, getattr(self, f"index_{target}"))
        else:
            where = self.weight_slices[target]
            chosen = weights.narrow(-1, where.start, where.stop - where.start)
        if self.weight_scales[target] != 1:
            chosen = chosen * self.weight_scales[target]
        matrix = chosen.reshape((*weights.shape[:-1], rows.shape[-1], w))
        if weights.ndim > 1:
            return rows @ matrix
        # torch makes one product of this by itself only where the weights need gradients, else one per sample
        return (rows.flatten(0, 1) @ matrix).reshape(rows.shape[0], d_out, w)


def are_rows(inputs: Sequence[Tensor]) -> bool:
    """Whether inputs `(B, size)` of one B come as they are to be, and the weights perhaps without an axis B."""
    if inputs[-1].ndim != 2 or is_tracing():  # what is traced is for other batches too
        return False
    count, first = inputs[-1].shape[0], inputs[0]
    shared = first.ndim == 1 and len(inputs) > 1
    return all(x.ndim == 2 and x.shape[0] == count for x in inputs[int(shared) :])


def common_batch(inputs: Sequence[Tensor]) -> torch.Size:
    """The leading axes that inputs `(..., size)` broadcast to."""
    batch = inputs[-1].shape[:-1]
    same = plain_shape(inputs[-1])[:-1]
    if all(x.ndim == 1 or plain_shape(x)[:-1] == same for x in inputs):
        return batch  # at batch 1, torch's function costs a fifth of a call
    return torch.Size(broadcast_shape(*(x.shape[:-1] for x in inputs)))


def flatten_batch(x: Tensor, batch: torch.Size) -> Tensor:
    """x `(..., size)` with its leading axes broadcast to `batch` and made one."""
    if x.ndim == 2 and not is_tracing() and x.shape[:-1] == batch:  # what is traced is for other batches too
        return x
    return x.expand((*batch, x.shape[-1])).reshape((prod(batch), x.shape[-1]))  # batch.numel() would fix it in exports
