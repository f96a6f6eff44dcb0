"""Which plans run in compiled kernels row by row, and by which function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from intertwine.ops.linear.compiled import eager_linear, registered_linear
from intertwine.ops.linear.llvm import mixing
from intertwine.plan import Plan


@dataclass(frozen=True)
class Evaluation:
    """How a plan is computed in kernels.

    Args:
        eager: a function of the plan and rows, for eager code.
        registered: the same of the written plan, for code that is compiled, exported or traced.
        shared: whether the first input, the weights, must be one set for all rows, or must not; None for either.
        reason: why, in words.
    """

    eager: Callable[..., Tensor]
    registered: Callable[..., Tensor]
    shared: bool | None
    reason: str

    def obstacle(self, inputs: Sequence[Tensor]) -> str | None:
        """Why kernels cannot take inputs of such shapes; None where they can."""
        if self.shared is None or (inputs[0].ndim == 1) == self.shared:
            return None
        return f"Kernels for this plan take weights for {'all samples' if self.shared else 'each sample'}."


def evaluation(plan: Plan) -> Evaluation | None:
    """How kernels compute a plan; None where they do not."""
    if mixing(plan) is not None:
        return Evaluation(
            eager_linear, registered_linear, True, "A linear map on a CPU runs in a kernel compiled for it."
        )
    return None
