"""The compiled linear map as torch sees it: one function of two tensors that is each of its own gradients.

With F(weights, x, g) = <g, linear(weights, x)>, which is linear in all three: the gradient of F by one operand is a
function of the two others, whose gradients are again those of F by the two that they are taken by. So three kernels are
closed under derivatives of every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import is_transformed, require_one_dtype
from intertwine.ops.contract.reference import contract
from intertwine.ops.derivatives import is_asked
from intertwine.ops.linear.llvm import CHUNK, mixing, tile_height, write_rows, write_turned, write_weights
from intertwine.ops.llvm import Kernel, host, launch, load
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.plan import Plan
from intertwine.plan.text import read

WEIGHTS, FEATURES, OUTPUT = range(3)
"""The operands of F; a function is named by that which it computes."""

_WRITE = {"rows": write_rows, "rows back": write_rows, "weights": write_weights, "turned": write_turned}

_FEW = 16  # blocks of rows that one thread has done before another would have begun


class LinearKernels:
    """The kernels of a plan, for rows that lie one after the other from an address on.

    Args:
        plan: one that `mixing` takes.
        double: whether numbers are float64.
    """

    def __init__(self, plan: Plan, *, double: bool) -> None:
        if (shape := mixing(plan)) is None:
            raise ArgumentError("No kernel computes this plan. Ask mixing(plan) first.")
        self._plan, self._double, self._height = plan, double, tile_height(host())
        self._shapes = {"rows": shape, "rows back": shape.turned(), "weights": shape, "turned": shape}
        self._made: dict[str, Kernel] = {}

    def _kernel(self, name: str) -> Kernel:
        """A kernel, compiled at its first use in the process or read from the disk."""
        if name not in self._made:
            write, shape = _WRITE[name], self._shapes[name]
            key = f"linear {name} {self._plan.key} {'float64' if self._double else 'float32'}"
            self._made[name] = load(key, lambda machine: write(shape, machine, double=self._double))
        return self._made[name]

    def rows(self, weights: Tensor, x: Tensor | int, out: Tensor | int, rows: int, *, back: bool = False) -> None:
        """Write rows of the output; or, from rows of its cotangent and weights that are `turned`, of the gradient."""
        blocks = -(-rows // self._height)
        given = [rows, rows - rows % self._height, x, weights, out]
        launch(self._kernel("rows back" if back else "rows"), blocks, given, threads=thread_count(blocks, _FEW))

    def turned(self, weights: Tensor) -> Tensor:
        """The weights with all matrices transposed."""
        out = torch.empty_like(weights)
        launch(self._kernel("turned"), 1, [0, 0, weights, out], threads=1)
        return out

    def add_weights(self, x: Tensor | int, g: Tensor | int, out: Tensor, rows: int) -> None:
        """Add the gradient by the weights to copies `(threads, size)`, one for each thread that takes part."""
        chunks = -(-rows // CHUNK)
        launch(self._kernel("weights"), chunks, [0, rows, x, g, out], threads=len(out))


def weight_copies(rows: int) -> int:
    """In how many copies the gradient by the weights is added up: its last bits depend on their number."""
    return 1 if torch.are_deterministic_algorithms_enabled() else thread_count(-(-rows // CHUNK), 2)


def run_linear(plan: Plan, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    """The gradient of F by one operand, from the two others in their order."""
    kernels = linear_kernels(plan, b.dtype)
    _require_fit(plan, wanted, a, b)
    a, b = a.resolve_neg().contiguous(), b.resolve_neg().contiguous()
    rows = b.shape[0]
    if wanted == WEIGHTS:
        sums = a.new_zeros((weight_copies(rows), plan.operands[WEIGHTS].size))
        kernels.add_weights(a, b, sums, rows)
        return sums[0] if len(sums) == 1 else sums.sum(0)
    out = large(b.new_empty((rows, plan.operands[wanted].size)))
    back = wanted == FEATURES
    kernels.rows(kernels.turned(a) if back else a, b, out, rows, back=back)
    return out


@cache
def linear_kernels(plan: Plan, dtype: torch.dtype) -> LinearKernels:
    """The kernels of a plan for some dtype."""
    return LinearKernels(plan, double=dtype == torch.float64)


def _require_fit(plan: Plan, wanted: int, a: Tensor, b: Tensor) -> None:
    """Raise unless the tensors are what the kernel reads: it would read whatever lies in memory."""
    require_one_dtype(a, b)
    sizes = [operand.size for operand in plan.operands]
    del sizes[wanted]
    rows = b.shape[0] if b.ndim == 2 else -1
    if b.shape != (rows, sizes[1]) or a.shape != ((sizes[0],) if wanted else (rows, sizes[0])):
        raise ShapeError(
            f"A linear map takes weights ({plan.operands[WEIGHTS].size},) and rows of {plan.operands[FEATURES].size} "
            f"and {plan.operands[OUTPUT].size} numbers, but got {tuple(a.shape)} and {tuple(b.shape)}."
        )


Family = Callable[[int, Tensor, Tensor], Tensor]
"""The gradient of F by one operand, as a function of the two others."""


def eager_linear(plan: Plan, weights: Tensor, x: Tensor) -> Tensor:
    """The map `(B, size)` of rows x `(B, size)` for eager code, with gradients of every order."""
    return _linear(plan, OUTPUT, weights, x)


def _linear(plan: Plan, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    out: Tensor = _Linear.apply(plan, wanted, a, b)  # type: ignore[no-untyped-call]
    return out


def _plain(plan: Plan, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    """The same in torch's own operations."""
    others = [n for n in range(3) if n != wanted]
    found = contract(plan.reordered((*others, wanted)), a, b)
    return found if wanted else found.sum(0)


def gradients(linear: Family, wanted: int, given: Sequence[Tensor], g: Tensor, needed: Sequence[bool]) -> list[Any]:
    """The gradients of a function of this family by its two inputs, where they are needed."""
    first, second = (n for n in range(3) if n != wanted)
    found = []
    for place, other, value, need in ((first, second, given[1], needed[0]), (second, first, given[0], needed[1])):
        pair = (value, g) if other < wanted else (g, value)
        found.append(linear(place, *pair) if need else None)
    return found


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, wanted: int, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.made = plan, wanted
        return run_linear(plan, wanted, a, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (plan, wanted), given = ctx.made, ctx.saved_tensors  # asked for once: checkpoints make them again only once
        if is_transformed(g, *given):  # in batches, where the forward pass was not
            return None, None, *torch.func.vjp(partial(_plain, plan, wanted), *given)[1](g)
        asked = [is_asked(ctx, place) for place in range(2)]
        return None, None, *gradients(partial(_linear, plan), wanted, given, g, asked)


# the same as a registered operation, for code that is compiled, exported or traced ------------------------------------

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_LIBRARY.define("linear(Tensor a, Tensor b, str plan, int wanted) -> Tensor")


def registered_linear(plan: str, weights: Tensor, x: Tensor) -> Tensor:
    """The map of a written plan as a registered operation."""
    out: Tensor = torch.ops.intertwine.linear(weights, x, plan, OUTPUT)
    return out


def _setup(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    a, b, *ctx.made = inputs
    ctx.save_for_backward(a, b)


def _gradient(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    plan, wanted = ctx.made

    def linear(place: int, a: Tensor, b: Tensor) -> Tensor:
        found: Tensor = torch.ops.intertwine.linear(a, b, plan, place)
        return found

    return *gradients(linear, wanted, ctx.saved_tensors, g, ctx.needs_input_grad[:2]), None, None


def _fake(a: Tensor, b: Tensor, plan: str, wanted: int) -> Tensor:  # noqa: ARG001 (torch's signature)
    size = read(plan).operands[wanted].size
    return b.new_empty((b.shape[0], size) if wanted else (size,))


_LIBRARY.impl("linear", lambda a, b, plan, wanted: run_linear(read(plan), wanted, a, b), "CPU")
torch.library.register_fake("intertwine::linear", _fake, lib=_LIBRARY)
torch.library.register_autograd("intertwine::linear", _gradient, setup_context=_setup, lib=_LIBRARY)
