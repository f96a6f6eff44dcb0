"""Operations with kernels up to second derivatives, as eager code sees them: with gradients of every order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from intertwine.ops.choice import is_transformed

Places = tuple[Tensor, ...]
"""Integers that say what meets what. They have no gradient."""


def is_asked(ctx: Any, place: int) -> bool:
    """Whether the gradient by a tensor that a function was given may be used, in its backward pass.

    Forces are asked for without gradients by parameters, which `needs_input_grad` does not tell: torch's engine knows,
    but for leaves that are asked for.
    """
    will_run = getattr(torch._C, "_will_engine_execute_node", None)
    node = ctx.next_functions[place][0]
    try:
        return node is not None and (will_run is None or will_run(node))
    except RuntimeError:
        return True


@dataclass(frozen=True)
class TwiceDifferentiable:
    """A function of tensors, `function(places, *inputs)`, computed by kernels up to its second derivatives.

    Args:
        run: `run(kind, places, *given)`, what kernels make of tensors. Of the inputs "forward" makes the output; of
            these and its cotangent "backward" makes the gradients by the inputs; and of these and directions of the
            inputs "second" makes the gradients, by the inputs and the cotangent, of the gradients times the directions.
        plain: `plain(places, *inputs)`, the same function in torch's own operations: for further derivatives, and for
            backward passes that are transformed where the forward pass was not, as in batches of them.
    """

    run: Callable[..., Sequence[Tensor]]
    plain: Callable[..., Tensor]

    def __call__(self, places: Places, *inputs: Tensor) -> Tensor:
        """The output."""
        out: Tensor = _Forward.apply(self, places, *inputs)  # type: ignore[no-untyped-call]
        return out

    def gradients(self, places: Places, *given: Tensor) -> tuple[Tensor, ...]:
        """The gradients by the inputs, of these and a cotangent, in torch's own operations."""
        found: tuple[Tensor, ...] = torch.func.vjp(partial(self.plain, places), *given[:-1])[1](given[-1])
        return found

    def second(self, inputs: int, places: Places, *given: Tensor) -> tuple[Tensor, ...]:
        """The second derivatives, of so many inputs, a cotangent and directions, in torch's own operations."""
        gradients = partial(self.gradients, places)
        found: tuple[Tensor, ...] = torch.func.vjp(gradients, *given[: inputs + 1])[1](given[inputs + 1 :])
        return found


def _save(ctx: Any, function: TwiceDifferentiable, places: Places, given: Sequence[Tensor]) -> None:
    ctx.save_for_backward(*places, *given)
    ctx.function, ctx.split = function, len(places)


def _saved(ctx: Any) -> tuple[TwiceDifferentiable, Places, tuple[Tensor, ...]]:
    """What was saved, unless something has changed it since: then torch raises."""
    tensors = ctx.saved_tensors
    return ctx.function, tensors[: ctx.split], tensors[ctx.split :]


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: TwiceDifferentiable, places: Places, *inputs: Tensor) -> Tensor:
        _save(ctx, function, places, inputs)
        return function.run("forward", places, *inputs)[0]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        function, places, inputs = _saved(ctx)
        if is_transformed(g, *inputs):
            return None, None, *function.gradients(places, *inputs, g)
        return None, None, *_Backward.apply(function, places, *inputs, g)  # type: ignore[no-untyped-call]


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: TwiceDifferentiable, places: Places, *given: Tensor) -> tuple[Tensor, ...]:
        _save(ctx, function, places, given)
        return tuple(function.run("backward", places, *given))

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        function, places, given = _saved(ctx)
        if is_transformed(*given, *along):
            return None, None, *function.second(len(along), places, *given, *along)
        return None, None, *_Second.apply(function, places, *given, *along)  # type: ignore[no-untyped-call]


class _Second(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: TwiceDifferentiable, places: Places, *given: Tensor) -> tuple[Tensor, ...]:
        _save(ctx, function, places, given)
        return tuple(function.run("second", places, *given))

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
        """From here on in torch's own operations: training asks for two derivatives, hardly anything for three."""
        function, places, given = _saved(ctx)
        second = partial(function.second, len(weights) - 1, places)
        return None, None, *torch.func.vjp(second, *given)[1](weights)
