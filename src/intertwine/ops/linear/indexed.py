"""A linear map whose rows take weights of their own kind: compiled where that can be, in plain torch elsewhere.

F(weights, x, g) = Σ_n <g[n], linear(weights[index[n]], x[n])> is linear in all three, as for one set of weights: each
of its gradients is a function of the two other operands, whose gradients are again those of F.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from intertwine._arrays import is_tracing
from intertwine.errors import ShapeError
from intertwine.ops.choice import Choice, KernelModule, is_eager, is_transformed, require_kinds, require_one_dtype
from intertwine.ops.contract import Contraction
from intertwine.ops.contract.reference import contract
from intertwine.ops.derivatives import is_asked
from intertwine.ops.linear.compiled import FEATURES, OUTPUT, WEIGHTS, gradients, linear_kernels, weight_copies
from intertwine.ops.linear.llvm import mixing
from intertwine.ops.llvm.launch import large
from intertwine.plan import Plan
from intertwine.plan.text import read, written


class IndexedLinear(KernelModule):
    """`out[n] = linear(weights[index[n]], x[n])`: rows of features, whose weights are picked by a number.

    Args:
        plan: a linear map, of weights and features.
        backend: one of "llvm" and "torch" to have that and nothing else; by default the fastest.

    Raises `ArgumentError` on calls where a backend that was asked for cannot serve.
    """

    def __init__(self, plan: Plan, *, backend: str | None = None) -> None:
        super().__init__()
        self.plan, self.wanted = plan, backend
        self.text = written(plan) if mixing(plan) is not None else ""
        self.plain = Contraction(plan, backend="torch")

    def forward(self, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """The outputs `(N, size)`.

        Args:
            weights: `(Z, size)`.
            x: the features `(N, size)`.
            index: which weights each row takes, `(N,)` integers.
        """
        if self.choose(weights, x, index).backend == "llvm":
            if is_eager(weights, x, index):
                return eager_indexed(self.plan, weights, x, index)
            return registered_indexed(self.text, weights, x, index)
        if is_eager(weights, x, index) and not (is_tracing() or is_transformed(weights, x, index)):
            return self._group_by_group(weights, x, index)
        return self.plain(weights.index_select(0, index), x)  # type: ignore[no-any-return]

    def choose(self, weights: Tensor, x: Tensor, index: Tensor) -> Choice:  # noqa: ARG002 (as forward)
        """The backend for such inputs, and why."""
        obstacle = self.obstacle(weights, x) if self.text else "No kernel computes a plan with such operands."
        return self.decided(self.wanted, obstacle, "A linear map on a CPU runs in a kernel compiled for it.")

    def _group_by_group(self, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """The map of the rows of each kind with its weights, which are not copied for each row."""
        order = index.argsort(stable=True)
        counts = index.bincount(minlength=weights.shape[0]).tolist()
        parts = zip(weights, x.index_select(0, order).split(counts), strict=True)
        found = [self.plain(own, rows) for own, rows in parts if rows.shape[0]] or [self.plain(weights[0], x)]
        return torch.cat(found).index_select(0, order.argsort())


@dataclass(frozen=True)
class Kinds:
    """Which rows are of which kind.

    Args:
        index: the kind of each row, `(N,)` integers.
        number: how many kinds there are.
        order: the rows sorted by kind.
        places: where each row lies among the sorted ones.
        groups: of each kind that occurs, its number, its first sorted row and how many there are.
    """

    index: Tensor
    number: int
    order: Tensor
    places: Tensor
    groups: tuple[tuple[int, int, int], ...]


def kinds_of(index: Tensor, number: int, rows: int) -> Kinds:
    """Rows by their kinds; raises as `require_kinds` does."""
    require_kinds(index, rows, number)
    order = index.argsort(stable=True)
    counts = index.bincount(minlength=number).tolist()
    groups = tuple((n, end - k, k) for n, (k, end) in enumerate(zip(counts, accumulate(counts), strict=True)) if k)
    return Kinds(index, number, order, order.argsort(), groups)


def run_indexed(plan: Plan, kinds: Kinds, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    """The gradient of F by one operand, from the two others in their order."""
    kernels, (weights, _, _) = linear_kernels(plan, b.dtype), (operand.size for operand in plan.operands)
    _require_fit(plan, kinds, wanted, a, b)
    a, b = a.resolve_neg().contiguous(), b.resolve_neg().index_select(0, kinds.order)
    if wanted == WEIGHTS:
        a = a.index_select(0, kinds.order)
        out = b.new_zeros((kinds.number, weights))
        for n, first, count in kinds.groups:
            sums = out[n : n + 1]
            if (copies := weight_copies(count)) > 1:
                sums = b.new_zeros((copies, weights))
            kernels.add_weights(_address(a, first), _address(b, first), sums, count)
            if copies > 1:
                torch.sum(sums, 0, out=out[n])
        return out
    back, out = wanted == FEATURES, large(b.new_empty((b.shape[0], plan.operands[wanted].size)))
    for n, first, count in kinds.groups:
        own = kernels.turned(a[n]) if back else a[n]
        kernels.rows(own, _address(b, first), _address(out, first), count, back=back)
    return out.index_select(0, kinds.places)


def _address(rows: Tensor, first: int) -> int:
    """Where a row of contiguous ones lies."""
    return rows.data_ptr() + first * rows.shape[1] * rows.element_size()


def _require_fit(plan: Plan, kinds: Kinds, wanted: int, a: Tensor, b: Tensor) -> None:
    """Raise unless the tensors are what the kernel reads: it would read whatever lies in memory."""
    require_one_dtype(a, b)
    rows = len(kinds.index)
    shapes = [(rows, operand.size) for operand in plan.operands]
    shapes[WEIGHTS] = (kinds.number, plan.operands[WEIGHTS].size)
    del shapes[wanted]
    if [tuple(a.shape), tuple(b.shape)] != shapes:
        raise ShapeError(
            f"A linear map of {kinds.number} kinds takes operands of the shapes {shapes}, but got {tuple(a.shape)} and "
            f"{tuple(b.shape)}."
        )


def eager_indexed(plan: Plan, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """The map `(N, size)` of rows x `(N, size)` for eager code, with gradients of every order."""
    return _indexed(plan, kinds_of(index.long(), weights.shape[0], x.shape[0]), OUTPUT, weights, x)


def _indexed(plan: Plan, kinds: Kinds, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    out: Tensor = _Indexed.apply(plan, kinds, wanted, a, b)  # type: ignore[no-untyped-call]
    return out


def _plain(plan: Plan, kinds: Kinds, wanted: int, a: Tensor, b: Tensor) -> Tensor:
    """The same in torch's own operations."""
    reordered = plan.reordered((*(n for n in range(3) if n != wanted), wanted))
    if wanted != WEIGHTS:
        return contract(reordered, a.index_select(0, kinds.index), b)
    found = contract(reordered, a, b)
    return found.new_zeros((kinds.number, found.shape[1])).index_add(0, kinds.index, found)


class _Indexed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, kinds: Kinds, wanted: int, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.made = plan, kinds, wanted
        return run_indexed(plan, kinds, wanted, a, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (plan, kinds, wanted), given = ctx.made, ctx.saved_tensors
        if is_transformed(g, *given):
            return None, None, None, *torch.func.vjp(partial(_plain, plan, kinds, wanted), *given)[1](g)
        asked = [is_asked(ctx, place) for place in range(2)]
        return None, None, None, *gradients(partial(_indexed, plan, kinds), wanted, given, g, asked)


# the same as a registered operation, for code that is compiled, exported or traced ------------------------------------

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_LIBRARY.define("indexed_linear(Tensor a, Tensor b, Tensor index, SymInt kinds, str plan, int wanted) -> Tensor")


def registered_indexed(plan: str, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """The map of a written plan as a registered operation."""
    out: Tensor = torch.ops.intertwine.indexed_linear(weights, x, index.long(), weights.shape[0], plan, OUTPUT)
    return out


def _setup(ctx: Any, inputs: Sequence[Any], output: Any) -> None:  # noqa: ARG001 (torch's signature)
    a, b, index, *ctx.made = inputs
    ctx.save_for_backward(a, b, index)


def _gradient(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    (kinds, plan, wanted), (*given, index) = ctx.made, ctx.saved_tensors

    def linear(place: int, a: Tensor, b: Tensor) -> Tensor:
        found: Tensor = torch.ops.intertwine.indexed_linear(a, b, index, kinds, plan, place)
        return found

    return *gradients(linear, wanted, given, g, ctx.needs_input_grad[:2]), None, None, None, None


def _compute(a: Tensor, b: Tensor, index: Tensor, kinds: int, plan: str, wanted: int) -> Tensor:
    return run_indexed(read(plan), kinds_of(index, kinds, b.shape[0]), wanted, a, b)


def _fake(a: Tensor, b: Tensor, index: Tensor, kinds: int, plan: str, wanted: int) -> Tensor:  # noqa: ARG001
    return b.new_empty((b.shape[0] if wanted != WEIGHTS else kinds, read(plan).operands[wanted].size))


_LIBRARY.impl("indexed_linear", _compute, "CPU")
torch.library.register_fake("intertwine::indexed_linear", _fake, lib=_LIBRARY)
torch.library.register_autograd("intertwine::indexed_linear", _gradient, setup_context=_setup, lib=_LIBRARY)
