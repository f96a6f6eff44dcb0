"""Which evaluation a plan gets, and why."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from intertwine._arrays import plain_shape
from intertwine.ops.contract.layout import weighted_layout
from intertwine.ops.contract.lowered import LoweredContraction
from intertwine.ops.contract.reference import contract
from intertwine.ops.contract.torch import Consume, WeightedContraction, common_batch, flatten_batch
from intertwine.plan import Plan


class Contraction(nn.Module):
    """Evaluate a plan on flat inputs `(..., sizes)`; leading axes broadcast, weights may be shared.

    `backend` names the evaluation, and `reason` says in words why it was picked.

    Args:
        plan: what to compute.
        reference: whether to take the readable definition even where a fast evaluation exists.

    Raises on calls `ShapeError` if the last axes do not have the plan's sizes.
    """

    def __init__(self, plan: Plan, *, reference: bool = False) -> None:
        super().__init__()
        self.plan = plan
        layout = weighted_layout(plan)
        self.fast: WeightedContraction | LoweredContraction | None = None
        self.backend = "reference" if reference else "torch"
        modes = ", ".join(operand.modes for operand in plan.operands)
        if reference:
            self.reason = "The reference was asked for."
        elif layout is None:
            self.fast = LoweredContraction(plan)
            self.reason = f"Operands with the modes {modes} contract in {len(self.fast.batches)} batches of like paths."
        else:
            self.fast = WeightedContraction(plan, layout)
            self.reason = f"Operands with the modes {modes} contract in {len(layout.groups)} batched groups of paths."

    def segments(self, *inputs: Tensor, consume: Consume = lambda segment: segment) -> list[Tensor]:
        """What `consume` makes of each output segment `(B, *segment)`, before the next one is computed.

        The inputs have exactly one leading axis; weights may have none.
        """
        self.plan.check([plain_shape(x)[-1] for x in inputs])
        if self.fast is not None:
            return self.fast(consume, *inputs)  # type: ignore[no-any-return]
        flat = contract(self.plan, *inputs)
        parts = zip(self.plan.output.slices, self.plan.output.segments, strict=True)
        return [consume(flat[:, where].reshape((flat.shape[0], *shape))) for where, shape in parts]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output `(..., size)`."""
        if self.fast is None:
            return contract(self.plan, *inputs)
        batch = common_batch(inputs)
        weights, *features = inputs
        shared = weights if weights.ndim == 1 and features else flatten_batch(weights, batch)
        flat = self.segments(shared, *(flatten_batch(x, batch) for x in features), consume=as_rows)
        out = torch.cat(flat, -1) if flat else shared.new_zeros((prod(batch), 0))
        return out.reshape((*batch, self.plan.output.size))

    def extra_repr(self) -> str:
        """The backend and the number of paths."""
        return f"{self.backend}, {len(self.plan.paths)} paths"


def as_rows(part: Tensor) -> Tensor:
    """A segment `(B, *segment)` as rows `(B, size)`."""
    return part.flatten(1) if part.ndim > 1 else part[:, None]
