"""The compiled convolution as torch sees it: three functions, each with a gradient among them.

With F(x, y, w, g) = <g, convolve(x, y, w)>:

    convolve            its gradient is convolve_backward
    convolve_backward   the gradients of F by x, y, w; their own gradient is convolve_second
    convolve_second     the gradients by x, y, w, g of how F changes along (hx, hy, hw); F is linear in each operand, so
                        its own gradient is a sum of the two before

Eager code calls them through `autograd.Function`, the cheapest door. Code that is compiled, exported or traced sees
registered operations, which carry the plan as text. `dispatch` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import dtype_obstacle, is_transformed
from intertwine.ops.convolve.llvm import WANTED, channel_layout, write_convolve
from intertwine.ops.convolve.programs import run_programs
from intertwine.ops.convolve.reference import convolve
from intertwine.ops.graph import Graph
from intertwine.ops.llvm import Kernel, launch, load
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.plan import Plan
from intertwine.plan.text import read

_DIRECTIONS = ("direction of x", "direction of y", "direction of weights")
_FEW = 16  # targets that one thread has done before another would have begun


@cache
def convolve_kernel(plan: Plan, kind: str, double: bool) -> Kernel:
    """One kernel of a plan, compiled at its first use in the process or read from the disk."""
    if (shape := channel_layout(plan)) is None:
        raise ArgumentError("No kernel computes this plan. Ask channel_layout(plan) first.")
    key = f"convolve {kind} {plan.key} {'float64' if double else 'float32'}"
    return load(key, lambda machine: write_convolve(shape, machine, kind, double=double))


def run_convolve(plan: Plan, kind: str, where: Graph, *given: Tensor) -> list[Tensor]:
    """What a kernel makes of the tensors that it is given, in the order of `llvm.GIVEN` and `llvm.WANTED`.

    Gradients by x are added up by several threads, each in a copy of its own: by one, where deterministic algorithms
    are asked for, since sums depend on the number of copies. Everything else is written by one thread alone.
    """
    _require_fit(plan, where, given)
    if given[0].device.type == "cuda":
        with torch.cuda.device(given[0].device):  # Triton launches on the current device
            return run_programs(plan, kind, where, given)
    given = tuple(x.resolve_neg().contiguous() for x in given)  # named, so that they live while the kernel runs
    operands, along = dict(zip("xywg", given[:4], strict=False)), given[4:]
    x = operands["x"]
    alone = kind != "forward" and torch.are_deterministic_algorithms_enabled()
    threads = 1 if alone else thread_count(where.targets, _FEW)
    made = {name: x.new_empty(operands[name].shape) for name in WANTED[kind] if name in "yw"}
    if "x" in WANTED[kind]:
        made["x"] = x.new_zeros((threads, *x.shape))
    if "g" in WANTED[kind]:
        made["g"] = x.new_empty((where.targets, plan.output.size))
    places = [where.row, where.order, where.source]
    results = [large(made[name]) for name in WANTED[kind]]
    arguments: list[Tensor | int] = [0, x.numel(), *places, *operands.values(), *along, *results]
    launch(convolve_kernel(plan, kind, x.dtype == torch.float64), where.targets, arguments, threads=threads)
    if "x" in made:
        results[0] = made["x"][0] if threads == 1 else made["x"].sum(0)
    return results


def _require_fit(plan: Plan, where: Graph, given: Sequence[Tensor]) -> None:
    """Raise unless rows, columns and edges are those of the tensors: a kernel would read whatever lies in memory.

    On a GPU the numbers of the edges are not looked at, since that would wait for it.
    """
    x, edges = given[0], where.source.shape[0]
    device = "cuda" if x.device.type == "cuda" else "cpu"
    if (unfit := dtype_obstacle(device, *given)) is not None:
        raise ArgumentError(unfit)
    weights, features, harmonics, out = (operand.size for operand in plan.operands)
    wanted = [(x.shape[0], features), (edges, harmonics), (edges, weights), (where.targets, out)]
    wanted += wanted[:3]
    for name, tensor, shape in zip(("x", "y", "weights", "cotangent", *_DIRECTIONS), given, wanted, strict=False):
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"The convolution takes {name} of shape {shape} for {edges} edges, but got {tuple(tensor.shape)}."
            )
    if device == "cuda":
        _require_one_device(where, given)
        return
    _require_graph(where, edges)
    if edges and not _below(where.source, x.shape[0]):
        low, high = (int(bound) for bound in torch.aminmax(where.source))
        raise ArgumentError(
            f"Edges begin at one of {x.shape[0]} rows of features, numbered from 0, but got the numbers from {low} "
            f"to {high}."
        )


def _require_one_device(where: Graph, given: Sequence[Tensor]) -> None:
    """Raise unless all tensors lie on one device."""
    devices = dict.fromkeys(str(tensor.device) for tensor in (*given, *where))
    if len(devices) > 1:
        raise ArgumentError(
            f"A graph and the features along it lie on one device, but got {', '.join(devices)}. Move them by "
            "Graph(*(part.to(device) for part in graph))."
        )


def _require_graph(where: Graph, edges: int) -> None:
    """Raise unless the edges are walked as `graph` orders them: rows that follow each other, numbers that are edges."""
    if any(part.dtype != torch.int64 or not part.is_contiguous() or part.ndim != 1 for part in where):
        raise ArgumentError(
            "A graph holds contiguous tensors of torch.int64, with one axis. Make it with intertwine.ops.graph."
        )
    row, order = where.row.numpy(), where.order
    fits = order.shape[0] == edges and len(row) > 0 and row[0] == 0 and row[-1] == edges
    if not (fits and bool((row[1:] >= row[:-1]).all()) and _below(order, edges)):
        raise ArgumentError(
            f"The order and the rows of this graph are not those of its {edges} edges. Make it with "
            "intertwine.ops.graph."
        )


def _below(numbers: Tensor, end: int) -> bool:
    """Whether all integers are from 0 on, below an end: one look, since negative ones are huge without their sign."""
    return numbers.shape[0] == 0 or int(numbers.numpy().view(np.uint64).max()) < end


def eager_convolve(plan: Plan, where: Graph, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The convolution for eager code, with gradients of every order."""
    out: Tensor = _Convolve.apply(plan, where, x, y, w)  # type: ignore[no-untyped-call]
    return out


def _gradients(plan: Plan, where: Graph, *given: Tensor) -> tuple[Tensor, ...]:
    if not is_transformed(*given):
        return tuple(_ConvolveBackward.apply(plan, where, *given))  # type: ignore[no-untyped-call]
    found: tuple[Tensor, ...] = torch.func.vjp(partial(_convolved, plan, where), *given[:3])[1](given[3])
    return found


def _convolved(plan: Plan, where: Graph, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The convolution for backward passes, which may be transformed where the forward pass was not: in batches."""
    if not is_transformed(x, y, w):
        return eager_convolve(plan, where, x, y, w)
    return convolve(plan, w, x, y, torch.stack([where.source, where.target]), where.targets)


def _saved(ctx: Any) -> tuple[Graph, tuple[Tensor, ...]]:
    """The graph and the tensors of a forward pass, unless something has changed them since: then torch raises."""
    tensors = ctx.saved_tensors
    return Graph(*tensors[:4]), tensors[4:]


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, where: Graph, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(*where, x, y, w)
        ctx.plan = plan
        return run_convolve(plan, "forward", where, x, y, w)[0]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        where, given = _saved(ctx)
        return None, None, *_gradients(ctx.plan, where, *given, g)


class _ConvolveBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, where: Graph, *given: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*where, *given)
        ctx.plan = plan
        return tuple(run_convolve(plan, "backward", where, *given))

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        where, given = _saved(ctx)
        if is_transformed(*given, *along):
            return None, None, *torch.func.vjp(partial(_gradients, ctx.plan, where), *given)[1](along)
        return None, None, *_ConvolveSecond.apply(ctx.plan, where, *given, *along)  # type: ignore[no-untyped-call]


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


def third(
    convolved: Callable[..., Tensor],
    gradients: Callable[..., tuple[Tensor, ...]],
    given: Sequence[Tensor],
    weights: Sequence[Tensor],
) -> list[Tensor]:
    """The gradient of convolve_second, contracted with weights, by all its seven inputs.

    Contracted, it is Σ over a ≠ b of F with operand a replaced by its direction (x, y, w) and b by its weight (x, y, w,
    g): F is linear in each. The gradient of such a term by an operand that was not replaced is one of F's gradients,
    and so is that by the direction; weights count as given.
    """
    operands, along = [*given[:4]], [*given[4:]]
    sums: dict[int, Tensor] = {}
    for a in range(3):
        for b in range(4):
            if a == b:
                continue
            replaced = [*operands]
            replaced[a], replaced[b] = along[a], weights[b]
            found = [*gradients(*replaced), *([convolved(*replaced[:3])] if b != 3 else [])]
            for n, gradient in enumerate(found):
                if n != b:
                    place = 4 + n if n == a else n
                    sums[place] = sums[place] + gradient if place in sums else gradient
    return [sums[place] for place in range(7)]


# the same three as registered operations, for code that is compiled, exported or traced -------------------------------

_PLACES = "Tensor source, Tensor target, Tensor order, Tensor row, str plan"
_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_SCHEMAS = {
    "convolve": f"(Tensor x, Tensor y, Tensor w, {_PLACES}) -> Tensor",
    "convolve_backward": f"(Tensor x, Tensor y, Tensor w, Tensor g, {_PLACES}) -> (Tensor, Tensor, Tensor)",
    "convolve_second": (
        f"(Tensor x, Tensor y, Tensor w, Tensor g, Tensor hx, Tensor hy, Tensor hw, {_PLACES}) "
        "-> (Tensor, Tensor, Tensor, Tensor)"
    ),
}
_OPERATIONS = torch.ops.intertwine


def registered_convolve(plan: str, where: Graph, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The convolution of a written plan as a registered operation."""
    out: Tensor = _OPERATIONS.convolve(x, y, w, *where, plan)
    return out


def unpack(arguments: Sequence[Any]) -> tuple[Plan, Graph, list[Tensor]]:
    """The plan, the graph and the tensors among the arguments of an operation."""
    *tensors, source, target, order, row, plan = arguments
    return read(plan), Graph(source, target, order, row), tensors


def _convolve(*arguments: Any) -> Tensor:
    plan, where, tensors = unpack(arguments)
    return run_convolve(plan, "forward", where, *tensors)[0]


def _convolve_backward(*arguments: Any) -> tuple[Tensor, ...]:
    plan, where, tensors = unpack(arguments)
    return tuple(run_convolve(plan, "backward", where, *tensors))


def _convolve_second(*arguments: Any) -> tuple[Tensor, ...]:
    plan, where, tensors = unpack(arguments)
    return tuple(run_convolve(plan, "second", where, *tensors))


def keep(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    """What gradients of an operation need."""
    *tensors, plan = inputs
    ctx.save_for_backward(*tensors)
    ctx.plan = plan


def _gradient_of_convolve(operations: Any, ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, source, target, order, row = ctx.saved_tensors
    found = operations.convolve_backward(*tensors, g, source, target, order, row, ctx.plan)
    return *found, None, None, None, None, None


def _gradient_of_backward(operations: Any, ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, source, target, order, row = ctx.saved_tensors
    found = operations.convolve_second(*tensors, *along, source, target, order, row, ctx.plan)
    return *found, None, None, None, None, None


def _gradient_of_second(operations: Any, ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, source, target, order, row = ctx.saved_tensors
    places = (source, target, order, row, ctx.plan)
    found = third(
        lambda *given: operations.convolve(*given, *places),
        lambda *given: operations.convolve_backward(*given, *places),
        tensors,
        weights,
    )
    return *found, None, None, None, None, None


GRADIENTS: Mapping[str, Callable[..., tuple[Tensor | None, ...]]] = {
    "convolve": _gradient_of_convolve,
    "convolve_backward": _gradient_of_backward,
    "convolve_second": _gradient_of_second,
}
"""The gradients of the operations, made of operations."""


def _fake_convolve(*arguments: Any) -> Tensor:
    plan, where, (x, *_) = unpack(arguments)
    return x.new_empty((where.row.shape[0] - 1, plan.output.size))


def _fake_backward(*arguments: Any) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in arguments[:3])


def _fake_second(*arguments: Any) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in arguments[:4])


for _name, _computed, _faked in (
    ("convolve", _convolve, _fake_convolve),
    ("convolve_backward", _convolve_backward, _fake_backward),
    ("convolve_second", _convolve_second, _fake_second),
):
    _LIBRARY.define(_name + _SCHEMAS[_name])
    for _device in ("CPU", "CUDA"):
        _LIBRARY.impl(_name, _computed, _device)
    torch.library.register_fake(f"intertwine::{_name}", _faked, lib=_LIBRARY)
    _gradient = partial(GRADIENTS[_name], _OPERATIONS)
    torch.library.register_autograd(f"intertwine::{_name}", _gradient, setup_context=keep, lib=_LIBRARY)
