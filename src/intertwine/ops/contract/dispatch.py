"""Which evaluation a plan gets, and why."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError
from intertwine.ops.choice import Choice, KernelModule, is_eager
from intertwine.ops.contract.compiled import Evaluation, evaluation
from intertwine.ops.contract.layout import weighted_layout
from intertwine.ops.contract.lowered import LoweredContraction
from intertwine.ops.contract.reference import contract
from intertwine.ops.contract.torch import Consume, WeightedContraction, are_rows, common_batch, flatten_batch
from intertwine.plan import Plan


class Contraction(KernelModule):
    """Evaluate a plan on flat inputs `(..., sizes)`; leading axes broadcast, weights may be shared.

    On a CPU, in float32 and float64, linear maps and products run in kernels that are compiled for them at the first
    call. All other plans, and functional transforms, run in plain torch. `choose` says which, and why.

    Args:
        plan: what to compute.
        backend: one of "llvm", "torch" and "reference" to have that and nothing else; by default the fastest.

    Raises on calls `ShapeError` if the last axes do not have the plan's sizes, and `ArgumentError` where a backend that
    was asked for cannot serve.
    """

    def __init__(self, plan: Plan, *, backend: str | None = None) -> None:
        super().__init__()
        self.plan, self.wanted = plan, backend
        self.compiled: Evaluation | None = evaluation(plan) if backend in (None, "llvm") else None
        layout = weighted_layout(plan)
        self.fast: WeightedContraction | LoweredContraction | None = None
        modes = ", ".join(operand.modes for operand in plan.operands)
        if backend == "reference":
            self.reason = "The reference was asked for."
        elif layout is None:
            self.fast = LoweredContraction(plan)
            self.reason = f"Operands with the modes {modes} contract in {len(self.fast.batches)} batches of like paths."
        else:
            self.fast = WeightedContraction(plan, layout)
            self.reason = f"Operands with the modes {modes} contract in {len(layout.groups)} batched groups of paths."

    def choose(self, *inputs: Tensor) -> Choice:
        """The backend for such inputs, and why."""
        obstacle = self._obstacle(inputs)
        if obstacle is None and self.compiled is not None:
            return Choice("llvm", self.compiled.reason)
        if self.fast is None:
            return Choice("reference", self.reason)
        return Choice("torch", self.reason if self.compiled is None else f"{obstacle} {self.reason}")

    def _obstacle(self, inputs: Sequence[Tensor]) -> str | None:
        """Why kernels cannot serve; None where they can. Raises where they were asked for, and cannot."""
        found: str | None = "No kernel computes a plan with such operands."
        if self.compiled is not None:
            found = self.compiled.obstacle(inputs) or self.obstacle(*inputs)
        if found is not None and self.wanted == "llvm":
            raise ArgumentError(f"The backend 'llvm' was asked for, but cannot serve: {found}")
        return found

    def segments(self, *inputs: Tensor, consume: Consume = lambda segment: segment) -> list[Tensor]:
        """What `consume` makes of each output segment `(B, *segment)`, before the next one is computed.

        The inputs have exactly one leading axis; weights may have none. Always in plain torch.
        """
        self.plan.check([plain_shape(x)[-1] for x in inputs])
        if self.fast is not None:
            return self.fast(consume, *inputs)  # type: ignore[no-any-return]
        flat = contract(self.plan, *inputs)
        parts = zip(self.plan.output.slices, self.plan.output.segments, strict=True)
        return [consume(flat[:, where].reshape((flat.shape[0], *shape))) for where, shape in parts]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output `(..., size)`."""
        self.plan.check([plain_shape(x)[-1] for x in inputs])
        weights, *features = inputs
        if are_rows(inputs):
            batch, flat = inputs[-1].shape[:-1], inputs
        else:
            batch = common_batch(inputs)
            shared = weights if weights.ndim == 1 and features else flatten_batch(weights, batch)
            flat = (shared, *(flatten_batch(x, batch) for x in features))
        if self._obstacle(flat) is None and self.compiled is not None:
            found = (self.compiled.eager if is_eager(*flat) else self.compiled.registered)(*flat)
        elif self.fast is None:
            return contract(self.plan, *inputs)
        else:
            parts = self.segments(*flat, consume=as_rows)
            found = torch.cat(parts, -1) if parts else weights.new_zeros((prod(batch), 0))
        return found if len(batch) == 1 else found.reshape((*batch, self.plan.output.size))

    def extra_repr(self) -> str:
        """The backend and the number of paths."""
        return f"{len(self.plan.paths)} paths"


def as_rows(part: Tensor) -> Tensor:
    """A segment `(B, *segment)` as rows `(B, size)`."""
    return part.flatten(1) if part.ndim > 1 else part[:, None]
