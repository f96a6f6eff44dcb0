"""The compiled convolution as torch sees it: three functions, each with a gradient among them.

With F(inputs, g) = <g, convolve(inputs)>, where the inputs are x, y and weights, or x, y, factors and the matrix that
makes weights of them:

    convolve            its gradient is convolve_backward
    convolve_backward   the gradients of F by the inputs; their own gradient is convolve_second
    convolve_second     the gradients by inputs and g of how F changes along a direction h of the inputs; F is linear in
                        each operand, so its own gradient is a sum of the two before

Eager code calls them through `autograd.Function`, the cheapest door. Code that is compiled, exported or traced sees
registered operations, which carry the plan as text. `dispatch` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from intertwine.ops.choice import is_transformed
from intertwine.ops.closed import third
from intertwine.ops.convolve.reference import convolve
from intertwine.ops.convolve.run import INPUTS, inputs_of, run_convolve
from intertwine.ops.derivatives import is_asked
from intertwine.ops.graph import Graph
from intertwine.plan import Plan
from intertwine.plan.text import read


def eager_convolve(plan: Plan, where: Graph, *inputs: Tensor) -> Tensor:
    """The convolution of x, y and weights, or x, y, factors and matrix, for eager code, with all its gradients."""
    out: Tensor = _Convolve.apply(plan, where, *inputs)  # type: ignore[no-untyped-call]
    return out


def _gradients(plan: Plan, where: Graph, *given: Tensor, all_asked: bool = True) -> tuple[Tensor, ...]:
    if not is_transformed(*given):
        return tuple(_ConvolveBackward.apply(plan, where, all_asked, *given))  # type: ignore[no-untyped-call]
    found: tuple[Tensor, ...] = torch.func.vjp(partial(_convolved, plan, where), *given[:-1])[1](given[-1])
    return found


def _convolved(plan: Plan, where: Graph, x: Tensor, y: Tensor, *weights: Tensor) -> Tensor:
    """The convolution for backward passes, which may be transformed where the forward pass was not: in batches."""
    if not is_transformed(x, y, *weights):
        return eager_convolve(plan, where, x, y, *weights)
    whole = weights[0] if len(weights) == 1 else weights[0] @ weights[1]
    return convolve(plan, whole, x, y, torch.stack([where.source, where.target]), where.targets)


def _saved(ctx: Any) -> tuple[Graph, tuple[Tensor, ...]]:
    """The graph and the tensors of a forward pass, unless something has changed them since: then torch raises."""
    tensors = ctx.saved_tensors
    return Graph(*tensors[:4]), tensors[4:]


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, where: Graph, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*where, *inputs)
        ctx.plan = plan
        return run_convolve(plan, "forward", where, *inputs)[0]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        where, given = _saved(ctx)
        return None, None, *_gradients(ctx.plan, where, *given, g, all_asked=is_asked(ctx, -1))


class _ConvolveBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, where: Graph, all_asked: bool, *given: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*where, *given)
        ctx.plan = plan
        return tuple(run_convolve(plan, "backward", where, *given, all_asked=all_asked))

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        where, given = _saved(ctx)
        if is_transformed(*given, *along):
            return None, None, None, *torch.func.vjp(partial(_gradients, ctx.plan, where), *given)[1](along)
        return None, None, None, *_ConvolveSecond.apply(ctx.plan, where, *given, *along)  # type: ignore[no-untyped-call]


class _ConvolveSecond(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, where: Graph, *given: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*where, *given)
        ctx.plan = plan
        return tuple(run_convolve(plan, "second", where, *given))

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
        where, given = _saved(ctx)
        convolved, gradients = partial(_convolved, ctx.plan, where), partial(_gradients, ctx.plan, where)
        return None, None, *third(convolved, gradients, given, weights)


# the same three as registered operations, for code that is compiled, exported or traced -------------------------------

_PLACES = "Tensor source, Tensor target, Tensor order, Tensor row, str plan"
_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_OPERATIONS = torch.ops.intertwine

Operation = Callable[[str, int], Callable[..., Any]]
"""What finds the operation of a kind that takes a number of tensors."""


def registered_convolve(plan: str, where: Graph, *inputs: Tensor) -> Tensor:
    """The convolution of a written plan as a registered operation, for inputs as `eager_convolve` takes them."""
    out: Tensor = _operation("forward", len(inputs))(*inputs, *where, plan)
    return out


def _name(kind: str, inputs: Sequence[str]) -> str:
    """The name of an operation."""
    whole = "convolve_expanded" if "matrix" in inputs else "convolve"
    return whole if kind == "forward" else f"{whole}_{kind}"


def _operation(kind: str, number: int) -> Callable[..., Any]:
    """The operation of a kind that takes a number of tensors."""
    found: Callable[..., Any] = getattr(_OPERATIONS, _name(kind, inputs_of(kind, number)))
    return found


def _run(kind: str, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
    *tensors, source, target, order, row, plan = arguments
    found = run_convolve(read(plan), kind, Graph(source, target, order, row), *tensors)
    return found[0] if kind == "forward" else tuple(found)


def _fake(kind: str, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
    *tensors, _, _, _, row, plan = arguments
    made = [x.new_empty(x.shape) for x in tensors[: len(inputs_of(kind, len(tensors)))]]
    out = tensors[0].new_empty((row.shape[0] - 1, read(plan).output.size))
    return out if kind == "forward" else (*made, *([out] if kind == "second" else []))


def keep(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    """What the gradient of an operation needs."""
    *tensors, plan = inputs
    ctx.save_for_backward(*tensors)
    ctx.plan = plan


def gradient(operation: Operation, kind: str, ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
    """The gradient of an operation of a kind, by the others."""
    *tensors, source, target, order, row = ctx.saved_tensors
    places = (source, target, order, row, ctx.plan)
    if kind == "second":
        count = len(along) - 1
        convolved, gradients = operation("forward", count), operation("backward", count + 1)
        found = third(
            lambda *given: convolved(*given, *places), lambda *given: gradients(*given, *places), tensors, along
        )
    else:
        after = {"forward": "backward", "backward": "second"}[kind]
        found = operation(after, len(tensors) + len(along))(*tensors, *along, *places)
    return *found, None, None, None, None, None


def _register(kind: str, inputs: Sequence[str]) -> None:
    """Tell torch of an operation: its arguments, what computes it, the shapes of its results, its gradient."""
    name, directions = _name(kind, inputs), [f"h_{name}" for name in inputs]
    given = {"forward": inputs, "backward": [*inputs, "g"], "second": [*inputs, "g", *directions]}[kind]
    results = {"forward": 1, "backward": len(inputs), "second": len(inputs) + 1}[kind]
    found = "Tensor" if results == 1 else f"({', '.join(['Tensor'] * results)})"
    _LIBRARY.define(f"{name}({', '.join(f'Tensor {tensor}' for tensor in given)}, {_PLACES}) -> {found}")
    for device in ("CPU", "CUDA"):
        _LIBRARY.impl(name, partial(_run, kind), device)
    torch.library.register_fake(f"intertwine::{name}", partial(_fake, kind), lib=_LIBRARY)
    backward = partial(gradient, _operation, kind)
    torch.library.register_autograd(f"intertwine::{name}", backward, setup_context=keep, lib=_LIBRARY)


for _inputs in INPUTS:
    for _kind in ("forward", "backward", "second"):
        _register(_kind, _inputs)
