"""Which plans run in compiled kernels row by row, and in which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from intertwine.ops.closed import Closed, registered
from intertwine.ops.contract.blocks import BareBlockProduct, BlockProduct, serves_blocks
from intertwine.ops.contract.product import FullProduct, factors
from intertwine.ops.convolve.layout import channel_layout
from intertwine.ops.convolve.products import BareRowProduct, RowProduct
from intertwine.ops.linear.compiled import eager_linear, registered_linear
from intertwine.ops.linear.llvm import mixing
from intertwine.plan import Plan
from intertwine.plan.text import written

_FEW = 4  # channels, which fill so little of a vector that rows are better lanes


class Evaluation(ABC):
    """How a plan is computed in kernels, from its inputs in rows.

    Args:
        plan: what is computed.
    """

    reason: str
    """Why, in words."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.text = plan, written(plan)

    @abstractmethod
    def eager(self, *inputs: Tensor) -> Tensor:
        """The output, for eager code."""

    @abstractmethod
    def registered(self, *inputs: Tensor) -> Tensor:
        """The output, for code that is compiled, exported or traced."""

    def obstacle(self, inputs: Sequence[Tensor]) -> str | None:
        """Why kernels cannot take inputs of such shapes; None where they can."""
        return "Kernels for this plan take weights that all samples share." if inputs[0].ndim > 1 else None


class LinearEvaluation(Evaluation):
    """A linear map."""

    reason = "A linear map on a CPU runs in a kernel compiled for it."

    def eager(self, *inputs: Tensor) -> Tensor:
        """The output, for eager code."""
        return eager_linear(self.plan, *inputs)

    def registered(self, *inputs: Tensor) -> Tensor:
        """The output, for other code."""
        return registered_linear(self.text, *inputs)


class ClosedEvaluation(Evaluation):
    """A product.

    Args:
        function: what computes it.
        order: the numbers of its operands among the inputs of the plan.
        reason: why, in words.
    """

    def __init__(self, function: Closed, order: tuple[int, ...], reason: str) -> None:
        super().__init__(function.plan)
        self.function, self.order, self.reason = function, order, reason

    def eager(self, *inputs: Tensor) -> Tensor:
        """The output, for eager code."""
        return self.function.eager((), *(inputs[n] for n in self.order))

    def registered(self, *inputs: Tensor) -> Tensor:
        """The output, for other code."""
        return registered(type(self.function), self.text, (), *(inputs[n] for n in self.order))

    def obstacle(self, inputs: Sequence[Tensor]) -> str | None:
        """Channel-wise products take any weights, one set for all samples or one for each."""
        if isinstance(self.function, FullProduct):
            return super().obstacle(inputs)
        if isinstance(self.function, BareRowProduct | BareBlockProduct) and inputs[0].ndim == 1:
            return "Kernels for this plan take both factors for each sample."
        return None


def evaluation(plan: Plan) -> Evaluation | None:
    """How kernels compute a plan; None where they do not."""
    if mixing(plan) is not None:
        return LinearEvaluation(plan)
    if (shape := channel_layout(plan)) is not None and not (shape.channels <= _FEW and serves_blocks(plan)):
        function = (RowProduct if "w" in shape.order else BareRowProduct)(plan)
        reason = "A channel-wise product on a CPU runs in a kernel compiled for it."
        return ClosedEvaluation(function, tuple(shape.order.values()), reason)
    full = factors(plan) is not None
    if serves_blocks(plan) and not (full and plan.operands[0].modes == "vuw"):
        order = tuple(range(len(plan.inputs)))
        reason = "A small product on a CPU runs in a kernel compiled for it, many rows at a time."
        return ClosedEvaluation((BlockProduct if len(order) == 3 else BareBlockProduct)(plan), order, reason)
    if full:
        reason = "A product on a CPU runs in kernels compiled for it: copies that meet, then a linear map."
        return ClosedEvaluation(FullProduct(plan), (1, 2, 0), reason)
    return None
