"""Any plan in plain torch, batch by batch: the number of torch's calls grows with the shapes, not with the paths."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from intertwine.ops.contract.lowering import BATCH, Batch, lower
from intertwine.ops.tables import TableModule
from intertwine.plan import Operand, Plan


class LoweredContraction(TableModule):
    """The evaluation of a plan by its lowering, ready to be called.

    Args:
        plan: any plan.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan, self.batches = plan, lower(plan)
        self.starts: dict[tuple[int, int], int] = {}  # of operands whose segments lie side by side as they are wanted
        for n, batch in enumerate(self.batches):
            self.register_table(f"table_{n}", batch.coefficients.array)
            for k, operand in enumerate(plan.inputs):
                index = _places(operand, batch.segments[k])
                start = int(index[0]) if len(index) else 0
                if np.array_equal(index, np.arange(start, start + len(index))):
                    self.starts[n, k] = start
                else:
                    self.register_table(f"index_{n}_{k}", index)

    def forward(self, consume: Callable[[Tensor], Tensor], *inputs: Tensor) -> list[Tensor]:
        """What `consume` makes of each output segment `(B, *segment)`.

        Takes inputs `(B, size)`, and `(size,)` for one that all samples share; one at least has the leading axis.
        """
        found: dict[int, Tensor] = {}
        for n, batch in enumerate(self.batches):
            for target, part in zip(batch.targets, self._parts(n, batch, inputs), strict=True):
                found[target] = found[target] + part if target in found else part
        size = next(x.shape[0] for x in inputs if x.ndim == 2)
        output = self.plan.output
        for target, shape in enumerate(output.segments):
            if target not in found:
                found[target] = inputs[0].new_zeros((size, *shape))
                continue
            for axis, letter in enumerate(output.modes, start=1):
                if letter in self.plan.repeated:
                    found[target] = found[target].unsqueeze(axis)
            found[target] = found[target].expand((size, *shape))
        return [consume(found[target]) for target in range(len(output.segments))]

    def _parts(self, n: int, batch: Batch, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The outputs of a batch, one for each target."""
        tensors = {0: (getattr(self, f"table_{n}").to(inputs[0].dtype), "")}
        for k, x in enumerate(inputs):
            tensors[k + 1] = (self._stacked(n, k, x), BATCH if x.ndim == 2 else "")
        for meeting in batch.meetings:
            (a, of_a), (b, of_b) = tensors[meeting.first], tensors.pop(meeting.second)
            left, right, result = meeting.letters
            together = of_a or of_b
            tensors[meeting.first] = torch.einsum(f"{of_a}{left},{of_b}{right}->{together}{result}", a, b), together
        return tuple(torch.unbind(tensors[0][0], 1))

    def _stacked(self, n: int, k: int, x: Tensor) -> Tensor:
        """The segments of an input that the paths of a batch take, `(..., P, Q, *segment)`."""
        operand, segments = self.plan.inputs[k], self.batches[n].segments[k]
        if (start := self.starts.get((n, k))) is None:
            part = x.index_select(-1, getattr(self, f"index_{n}_{k}"))
        else:
            part = x.narrow(-1, start, sum(operand.sizes[s] for row in segments for s in row))
        shape = (len(segments), len(segments[0]), *operand.segments[segments[0][0]])
        return part.reshape((*x.shape[:-1], *shape))


def _places(operand: Operand, segments: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Where the entries of some segments lie, one segment after the other."""
    pieces = [np.arange(operand.slices[s].start, operand.slices[s].stop) for row in segments for s in row]
    return np.concatenate([np.zeros(0, np.int64), *pieces])
