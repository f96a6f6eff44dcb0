"""The definition: one einsum per path. Slow, and right for every plan."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._arrays import broadcast_shape, plain_shape
from intertwine.plan import Operand, Plan, Polynomial


def contract(plan: Plan, *inputs: Tensor) -> Tensor:
    """The output `(..., size)` of a plan on inputs `(..., sizes)`, leading axes broadcast.

    >>> import numpy as np
    >>> from intertwine._arrays import Table
    >>> from intertwine.plan import Path
    >>> dot = Plan(
    ...     (Operand("i", ((3,),)), Operand("j", ((3,),)), Operand("", ((),))),
    ...     "ij",
    ...     (Path((0, 0, 0), Table(np.eye(3))),),
    ... )
    >>> contract(dot, torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 0, 1]))
    tensor([4.])
    """
    plan.check([plain_shape(x)[-1] for x in inputs])
    batch = broadcast_shape(*(x.shape[:-1] for x in inputs))
    first = inputs[0]
    out = [first.new_zeros((*batch, *shape)) for shape in plan.output.segments]
    for path in plan.paths:
        table = torch.tensor(path.coefficients.array, dtype=first.dtype, device=first.device)
        parts = [segment(x, operand, n) for x, operand, n in zip(inputs, plan.inputs, path.segments, strict=False)]
        target = path.segments[-1]
        part = torch.einsum(plan.equation, table, *parts)
        for axis, letter in enumerate(plan.output.modes, start=len(batch)):
            part = part.unsqueeze(axis) if letter in plan.repeated else part
        out[target] = out[target] + part
    flat = [part.reshape((*batch, size)) for part, size in zip(out, plan.output.sizes, strict=True)]
    return torch.cat([*flat, first.new_zeros((*batch, 0))], -1)


def evaluate(polynomial: Polynomial, *inputs: Tensor) -> tuple[Tensor, ...]:
    """The outputs `(..., size)` of a polynomial on inputs `(..., sizes)`, leading axes broadcast."""
    polynomial.check([plain_shape(x)[-1] for x in inputs])
    batch = broadcast_shape(*(x.shape[:-1] for x in inputs))
    outputs = [inputs[0].new_zeros((*batch, size)) for size in polynomial.outputs]
    for term in polynomial.terms:
        outputs[term.output] = outputs[term.output] + contract(term.plan, *(inputs[i] for i in term.inputs))
    return tuple(outputs)


def segment(x: Tensor, operand: Operand, number: int) -> Tensor:
    """One segment of a flat operand `(..., size)` as a view with its own axes."""
    return x[..., operand.slices[number]].reshape((*x.shape[:-1], *operand.segments[number]))
