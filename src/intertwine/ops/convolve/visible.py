"""The convolution on GPUs as operations that compilers see into.

Those that `compiled` registers are called by compiled code as they are. These have the same numbers and gradients, but
inductor finds Triton's programs in them, and compiles them with what stands around.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import Tensor
from torch.library import triton_op, wrap_triton

from intertwine.ops.convolve.compiled import gradient, keep
from intertwine.ops.convolve.llvm import GIVEN, WANTED
from intertwine.ops.convolve.programs import run_programs
from intertwine.ops.graph import Graph
from intertwine.plan.text import read


def register_visible() -> bool:
    """Register the operations, if they are not yet, and load Triton for it. Done while code is traced, not in it."""
    return _registered()


# What torch.compiler.assume_constant_result does, which would load all of torch's compiler when intertwine is imported.
register_visible._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _registered() -> bool:
    for kind in GIVEN:
        operation: Any = triton_op(f"intertwine::{_name(kind)}", _computed(kind), mutates_args=())
        operation.register_autograd(partial(gradient, _operation, kind), setup_context=keep)
    return True


def _name(kind: str) -> str:
    return f"convolve_visible_{kind}"


def _operation(kind: str, _: int) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(torch.ops.intertwine, _name(kind))
    return found


def visible_convolve(plan: str, where: Graph, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The convolution of a written plan, after `register_visible`."""
    out: Tensor = torch.ops.intertwine.convolve_visible_forward(x, y, w, *where, plan)
    return out


def _computed(kind: str) -> Callable[..., Any]:
    """What an operation computes, with the signature that torch makes its schema from."""

    def computed(*arguments: Any) -> Any:
        *tensors, source, target, order, row, plan = arguments
        results = run_programs(read(plan), kind, Graph(source, target, order, row), tensors, wrap_triton)
        return results[0] if kind == "forward" else tuple(results)

    given = {**dict.fromkeys((*GIVEN[kind], *Graph._fields), Tensor), "plan": str}
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=a) for name, a in given.items()]
    results = Tensor if kind == "forward" else tuple[(Tensor,) * len(WANTED[kind])]  # type: ignore[misc]
    computed.__signature__ = Signature(parameters, return_annotation=results)  # type: ignore[attr-defined]
    return computed
