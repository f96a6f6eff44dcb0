"""Multilinear functions with compiled kernels as torch sees them: three functions, each with a gradient among them.

With F(a, b, …, g) = <g, function(a, b, …)>:

    forward     its gradient is backward
    backward    the gradients of F by a, b, …; their own gradient is second
    second      the gradients by a, b, …, g of how F changes along (ha, hb, …); F is linear in each operand, so its own
                gradient is a sum of the two before

Eager code calls them through `autograd.Function`, the cheapest door (see `derivatives`). Code that is compiled,
exported or traced sees registered operations, which carry the plan as text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from intertwine.ops.derivatives import Places, TwiceDifferentiable
from intertwine.plan import Plan
from intertwine.plan.text import read


@dataclass(frozen=True)
class Closed(ABC):
    """A function of a plan that is linear in each of its operands, with kernels for it and for its gradients.

    Args:
        plan: what is computed.

    Attributes:
        name: the name of the registered operations.
        operands: the names of the operands.
        places: the names of the integers that say which rows meet.
    """

    plan: Plan

    name: ClassVar[str]
    operands: ClassVar[tuple[str, ...]]
    places: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, kind: str, places: Places, *given: Tensor) -> list[Tensor]:
        """What the kernel "forward", "backward" or "second" makes of operands, cotangent and directions."""

    @abstractmethod
    def plain(self, places: Places, *operands: Tensor) -> Tensor:
        """The function in torch's own operations, for functional transforms."""

    @abstractmethod
    def rows(self, places: Places, *operands: Tensor) -> int | torch.SymInt:
        """The number of rows of the output."""

    def eager(self, places: Places, *operands: Tensor) -> Tensor:
        """The function for eager code, with gradients of every order."""
        return TwiceDifferentiable(self.run, self.plain)(tuple(places), *operands)


def third(
    forward: Callable[..., Tensor],
    gradients: Callable[..., tuple[Tensor, ...]],
    given: Sequence[Tensor],
    weights: Sequence[Tensor],
) -> list[Tensor]:
    """The gradient of `second`, contracted with weights, by all its inputs: operands, cotangent and directions.

    Contracted, it is Σ over a ≠ b of F with operand a replaced by its direction and b, an operand or the cotangent, by
    its weight: F is linear in each. The gradient of such a term by an operand that was not replaced is one of F's
    gradients, and so is that by the direction; weights count as given.
    """
    count = len(weights) - 1
    operands, along = [*given[: count + 1]], [*given[count + 1 :]]
    sums: dict[int, Tensor] = {}
    for a in range(count):
        for b in range(count + 1):
            if a == b:
                continue
            replaced = [*operands]
            replaced[a], replaced[b] = along[a], weights[b]
            found = [*gradients(*replaced), *([forward(*replaced[:count])] if b != count else [])]
            for n, gradient in enumerate(found):
                if n != b:
                    place = count + 1 + n if n == a else n
                    sums[place] = sums[place] + gradient if place in sums else gradient
    return [sums[place] for place in range(2 * count + 1)]


# the same three as registered operations ------------------------------------------------------------------------------

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")


def registered(kind: type[Closed], text: str, places: Places, *operands: Tensor) -> Tensor:
    """The function of a written plan as a registered operation."""
    out: Tensor = getattr(torch.ops.intertwine, kind.name)(*operands, *places, text)
    return out


class _Operations:
    """The operations of a function and its gradients: with its name, and with `_backward` and `_second` behind it.

    Args:
        kind: the function.
    """

    def __init__(self, kind: type[Closed]) -> None:
        self.kind, self.count = kind, len(kind.operands)

    def define(self) -> None:
        """Make them known to torch."""
        names = self.kind.operands
        given = {"": names, "_backward": (*names, "g"), "_second": (*names, "g", *(f"h{name}" for name in names))}
        for suffix, operands in given.items():
            listed = ", ".join(f"Tensor {name}" for name in (*operands, *self.kind.places))
            results = ", ".join(["Tensor"] * (self.count + (suffix == "_second")))
            _LIBRARY.define(f"{self.kind.name}{suffix}({listed}, str plan) -> {f'({results})' if suffix else 'Tensor'}")
            _LIBRARY.impl(self.kind.name + suffix, partial(self.computed, suffix), "CPU")
            name = f"intertwine::{self.kind.name}{suffix}"
            torch.library.register_fake(name, partial(self.faked, suffix), lib=_LIBRARY)
            torch.library.register_autograd(name, partial(self.gradient, suffix), setup_context=self.keep, lib=_LIBRARY)

    def called(self, suffix: str, *arguments: Any) -> Any:
        """One of the operations."""
        return getattr(torch.ops.intertwine, self.kind.name + suffix)(*arguments)

    def split(self, arguments: Sequence[Any]) -> tuple[Closed, Places, Sequence[Tensor]]:
        """The function, the integers and the other tensors among the arguments of an operation."""
        *tensors, text = arguments
        last = len(tensors) - len(self.kind.places)
        return self.kind(read(text)), tuple(tensors[last:]), tensors[:last]

    def computed(self, suffix: str, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
        """What a kernel makes of the arguments."""
        function, places, tensors = self.split(arguments)
        found = function.run(suffix[1:] or "forward", places, *tensors)
        return tuple(found) if suffix else found[0]

    def faked(self, suffix: str, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
        """Tensors of the shapes of the results."""
        function, places, tensors = self.split(arguments)
        if not suffix:
            return tensors[0].new_empty((function.rows(places, *tensors), function.plan.output.size))
        return tuple(x.new_empty(x.shape) for x in tensors[: self.count + (suffix == "_second")])

    def keep(self, ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG002 (torch's signature)
        """Save what the gradient needs."""
        *tensors, ctx.text = inputs
        ctx.save_for_backward(*tensors)

    def gradient(self, suffix: str, ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by all arguments."""
        _, places, tensors = self.split((*ctx.saved_tensors, ctx.text))
        rest = (*places, ctx.text)
        if suffix == "_second":
            forward, gradients = (partial(self._with, kind, rest) for kind in ("", "_backward"))
            found = third(forward, gradients, tensors, along)
        else:
            found = self.called("_second" if suffix else "_backward", *tensors, *along, *rest)
        return *found, *(None for _ in rest)

    def _with(self, suffix: str, rest: Sequence[Any], *tensors: Tensor) -> Any:
        return self.called(suffix, *tensors, *rest)


def register(kind: type[Closed]) -> None:
    """Make a function and its gradients known to torch as operations."""
    _Operations(kind).define()
