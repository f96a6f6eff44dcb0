"""The product of all channels with all, with shared weights: channel by channel, then a linear map, in pieces of rows.

For plans with weights "vuw", x "iu", y "jv" and the output "kw":

    z[b, path, k, v, u] = Σ_ij C[i, j, k] x[b, i, u] y[b, j, v],
    out[b, k, w] = Σ_path,v,u z[b, path, k, v, u] weight[v, u, w].

z, far larger than all else, is made for as few rows as stay in the cache, and made again for the gradients. For copies
that meet one by one, with weights "uw" and y "ju", z has no v; their first step runs in blocks of rows.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np
from torch import Tensor

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import require_one_dtype
from intertwine.ops.closed import Closed, register
from intertwine.ops.contract.blocks import launch_blocks, prepared, serves_blocks
from intertwine.ops.contract.reference import contract
from intertwine.ops.convolve.layout import channel_layout
from intertwine.ops.convolve.llvm import RowAccess
from intertwine.ops.convolve.products import product_kernel
from intertwine.ops.derivatives import Places
from intertwine.ops.linear.compiled import linear_kernels, weight_copies
from intertwine.ops.llvm import launch
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.plan import Operand, Path, Plan

_CACHE = 1 << 18  # the bytes of z that are made at a time by a thread
_ROWS = 24  # and the rows at least


class Factors(NamedTuple):
    """A product in two steps.

    Args:
        outer: from x and y to z, whose segments (d, v, u) are the products of segments.
        mix: from the weights and z to the output.
    """

    outer: Plan
    mix: Plan


@cache
def factors(plan: Plan) -> Factors | None:
    """The two steps of a plan; None for another plan."""
    modes = [operand.modes for operand in plan.operands]
    if plan.coefficient_modes != "ijk" or len(modes) != 4:
        return None
    weights, x, y, out = plan.operands
    one_by_one = modes[0] == "uw" and modes[1] in ("iu", "ui") and modes[2] in ("ju", "uj") and modes[3] == "kw"
    if modes != ["vuw", "iu", "jv", "kw"] and not one_by_one:
        return None
    channel, copy = x.modes.index("u"), y.modes.index("u" if one_by_one else "v")
    pieces: dict[tuple[int, int, Table], int] = {}  # products that lead to several outputs are made once
    shapes, outer, mix = [], [], []
    for path in plan.paths:
        w, i, j, k = path.segments
        piece = i, j, path.coefficients
        d = path.coefficients.array.shape[2]
        if piece not in pieces:
            pieces[piece] = len(pieces)
            shapes.append((d, 1 if one_by_one else y.segments[j][copy], x.segments[i][channel]))
            outer.append(Path((i, j, pieces[piece]), path.coefficients))
        mix.append(Path((w, pieces[piece], k), Table(np.eye(d))))
    matrices = tuple((prod(shape[:-1]), shape[-1]) for shape in weights.segments)
    z = Operand("ku", tuple((d, u) for d, _, u in shapes)) if one_by_one else Operand("kvu", tuple(shapes))
    steps = Factors(
        Plan((x, y, z), "ijk", tuple(outer)),
        Plan((Operand("uw", matrices), Operand("iu", tuple((d, v * u) for d, v, u in shapes)), out), "ik", tuple(mix)),
    )
    served = serves_blocks(steps.outer) if one_by_one else channel_layout(steps.outer) is not None
    return steps if served else None


class FullProduct(Closed):
    """The product in two steps, with the gradients of both."""

    name, operands = "product", ("x", "y", "w")

    def run(self, kind: str, places: Places, *given: Tensor) -> list[Tensor]:  # noqa: ARG002 (all are closed alike)
        """What the kernels of both steps make of them."""
        if (steps := factors(self.plan)) is None:
            raise ArgumentError("No kernels compute this plan. Ask factors(plan) first.")
        self._require_fit(given)
        given = tuple(tensor.resolve_neg().contiguous() for tensor in given)  # named: they live while kernels run
        pieces = _Pieces(self.plan, steps, given[0])
        if kind == "forward":
            return pieces.forward(*given)
        return pieces.backward(*given) if kind == "backward" else pieces.second(*given)

    def plain(self, places: Places, *operands: Tensor) -> Tensor:  # noqa: ARG002
        """The definition."""
        x, y, w = operands
        return contract(self.plan, w, x, y)

    def rows(self, places: Places, *operands: Tensor) -> int:  # noqa: ARG002
        """The number of rows."""
        return operands[0].shape[0]

    def _require_fit(self, given: tuple[Tensor, ...]) -> None:
        """Raise unless the tensors are what the kernels read: they would read whatever lies in memory."""
        require_one_dtype(*given)
        weights, x, y, out = (operand.size for operand in self.plan.operands)
        count = given[0].shape[0]
        wanted = [(count, x), (count, y), (weights,), (count, out), (count, x), (count, y), (weights,)]
        shapes = [tuple(tensor.shape) for tensor in given]
        if shapes != wanted[: len(given)]:
            raise ShapeError(f"The product takes tensors of shapes {wanted[: len(given)]}, but got {shapes}.")


@cache
def _sizes(plan: Plan, steps: Factors) -> dict[str, int]:
    """The numbers in a row of all operands, and of z."""
    sizes = [*(operand.size for operand in plan.operands), steps.outer.output.size]
    return dict(zip("wxygz", sizes, strict=True))


class _Pieces:
    """The rows of a product piece by piece.

    Args:
        plan: the product.
        steps: its two steps.
        x: the rows of the first factor.
    """

    def __init__(self, plan: Plan, steps: Factors, x: Tensor) -> None:
        self.x = x
        self.count, self.bytes = x.shape[0], x.element_size()
        self.in_blocks = steps.outer.output.modes == "ku"
        self.outer, self.sizes = steps.outer, _sizes(plan, steps)
        self.mix = linear_kernels(steps.mix, self.x.dtype)
        fit = _CACHE // max(self.sizes["z"] * self.bytes, 1) // _ROWS
        threads = thread_count(self.count, _ROWS)
        self.most = min(max(fit, 1) * _ROWS * threads, max(self.count, 1))
        self.threads = thread_count(-(-self.most // _ROWS))

    def forward(self, x: Tensor, y: Tensor, w: Tensor) -> list[Tensor]:
        """The output."""
        z, out = self.scratch("z"), self.made("g")
        for rows in self.pieces():
            self.couple("forward", rows, [x, y], [z])
            self.mix.rows(w, z, rows.of(out), rows.number)
        return [out]

    def backward(self, x: Tensor, y: Tensor, w: Tensor, g: Tensor) -> list[Tensor]:
        """The gradients by x, y and the weights: z is made again."""
        z, by_z, turned = self.scratch("z"), self.scratch("z"), self.mix.turned(w)
        by_x, by_y, by_w = self.made("x"), self.made("y"), self.sums()
        for rows in self.pieces():
            self.couple("forward", rows, [x, y], [z])
            self.mix.add_weights(z, rows.of(g), by_w, rows.number)
            self.mix.rows(turned, rows.of(g), by_z, rows.number, back=True)
            self.couple("backward", rows, [x, y, by_z], [by_x, by_y])
        return [by_x, by_y, by_w.sum(0)]

    def second(self, x: Tensor, y: Tensor, w: Tensor, g: Tensor, *along: Tensor) -> list[Tensor]:
        """The gradients by x, y, the weights and g of the change of F, which is <g, z hw> + <g, hz w>."""
        hx, hy, hw = along
        z, hz, by_z, by_hz = (self.scratch("z") for _ in range(4))
        more_x, more_y, more_g = (self.scratch(name) for name in "xyg")
        by_x, by_y, by_w, by_g = self.made("x"), self.made("y"), self.sums(), self.made("g")
        turned, turned_along = self.mix.turned(w), self.mix.turned(hw)
        for rows in self.pieces():
            self.couple("forward", rows, [x, y], [z])
            self.mix.rows(turned_along, rows.of(g), by_z, rows.number, back=True)
            self.mix.rows(turned, rows.of(g), by_hz, rows.number, back=True)
            self.couple("second", rows, [x, y, by_hz, hx, hy], [by_x, by_y, hz])
            self.couple("backward", rows, [x, y, by_z], [more_x, more_y])
            self.mix.add_weights(hz, rows.of(g), by_w, rows.number)
            self.mix.rows(hw, z, rows.of(by_g), rows.number)
            self.mix.rows(w, hz, more_g, rows.number)
            for whole, more in ((by_x, more_x), (by_y, more_y), (by_g, more_g)):
                whole[rows.start : rows.start + rows.number] += more[: rows.number]
        return [by_x, by_y, by_w.sum(0), by_g]

    def pieces(self) -> list[_Piece]:
        """All pieces of the rows."""
        return [_Piece(start, min(self.most, self.count - start)) for start in range(0, self.count, self.most)]

    def couple(self, kind: str, rows: _Piece, given: list[Tensor], results: list[Tensor]) -> None:
        """The first step, or its gradients, on one piece."""
        tensors = [tensor if tensor.shape[0] == self.most else rows.of(tensor) for tensor in (*given, *results)]
        if self.in_blocks:
            launch_blocks(
                prepared(self.outer, kind, shared=False, double=self.bytes == 8), self.x, rows.number, tensors
            )
            return
        kernel = product_kernel(self.outer, kind, _ALONE, self.bytes == 8)
        launch(kernel, rows.number, [*_NO_GRAPH, *tensors], threads=min(self.threads, rows.number))

    def made(self, name: str) -> Tensor:
        """Memory for a result."""
        return large(self.x.new_empty((self.count, self.sizes[name])))

    def scratch(self, name: str) -> Tensor:
        """Memory for a piece of rows."""
        return self.x.new_empty((self.most, self.sizes[name]))

    def sums(self) -> Tensor:
        """Zeros for the gradient by the weights, a copy for each thread."""
        return self.x.new_zeros((weight_copies(self.most), self.sizes["w"]))


class _Piece(NamedTuple):
    """Some rows, one after the other."""

    start: int
    number: int

    def of(self, tensor: Tensor) -> int:
        """The address of the first of them in a contiguous tensor."""
        return tensor.data_ptr() + self.start * tensor.shape[-1] * tensor.element_size()


_ALONE = RowAccess(graph=False, shared=False)
_NO_GRAPH = (0,) * 6  # copies, their sizes, and the edges: row by row there are none

register(FullProduct)
