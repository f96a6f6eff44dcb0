"""The compiled channel-wise product, over the edges of a graph or row by row: what runs a kernel, and what it needs."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import require_one_dtype
from intertwine.ops.closed import Closed, register
from intertwine.ops.contract.reference import contract
from intertwine.ops.convolve.layout import ChannelLayout, channel_layout
from intertwine.ops.convolve.llvm import RowAccess, given_names, wanted_names, write_convolve
from intertwine.ops.convolve.reference import convolve
from intertwine.ops.convolve.run import require_graph
from intertwine.ops.derivatives import Places
from intertwine.ops.graph import Graph
from intertwine.ops.llvm import Kernel, launch, load
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.plan import Plan

_NAMES = {"x": "x", "y": "y", "w": "weights", "g": "cotangent", "hx": "direction of x", "hy": "direction of y"}
_FEW = 16  # targets that one thread has done before another would have begun


@cache
def layout_of(plan: Plan) -> ChannelLayout:
    """The layout of a plan; raises `ArgumentError` where no kernel computes it."""
    if (shape := channel_layout(plan)) is None:
        raise ArgumentError("No kernel computes this plan. Ask channel_layout(plan) first.")
    return shape


@cache
def product_kernel(plan: Plan, kind: str, rows: RowAccess, double: bool) -> Kernel:
    """One kernel of a plan, compiled at its first use in the process or read from the disk."""
    shape, number = layout_of(plan), "float64" if double else "float32"
    key = f"convolve {kind} {rows} {plan.key} {number}"
    return load(key, lambda machine: write_convolve(shape, machine, kind, rows, double=double))


def run_product(plan: Plan, kind: str, where: Graph | None, *given: Tensor) -> list[Tensor]:
    """What a kernel makes of the tensors that it is given, in the order of `given_names` and `wanted_names`.

    Gradients that sum over rows are added up by several threads, each in a copy of its own: by one, where deterministic
    algorithms are asked for, since sums depend on the number of copies. Everything else is written by one thread alone.

    Args:
        plan: the product.
        kind: the kernel.
        where: the edges, or None for row by row.
        given: rows of all operands; weights for all rows have no leading axis.
    """
    shape = layout_of(plan)
    names = given_names(shape, kind)
    rows = RowAccess(graph=where is not None, shared="w" in names and given[2].ndim == 1)
    _require_fit(shape, rows, where, dict(zip(names, given, strict=True)))
    given = tuple(x.resolve_neg().contiguous() for x in given)  # named, so that they live while the kernel runs
    tensors, wanted = dict(zip(names, given, strict=True)), wanted_names(shape, kind)
    x, count = given[0], given[0].shape[0] if where is None else where.targets
    summed = any(rows.gathered(name) for name in wanted)
    alone = summed and torch.are_deterministic_algorithms_enabled()
    threads = 1 if alone else thread_count(count, _FEW)
    results = []
    for name in wanted:
        if rows.gathered(name):
            results.append(x.new_zeros((threads, *tensors[name].shape)))
        else:
            results.append(large(x.new_empty((count, plan.output.size) if name == "g" else tensors[name].shape)))
    places = (0, 0, 0) if where is None else (where.row, where.order, where.source)
    strides = [tensors[name].numel() if name in tensors else 0 for name in ("x", "w")]
    kernel = product_kernel(plan, kind, rows, x.dtype == torch.float64)
    launch(kernel, count, [0, *strides, *places, *given, *results], threads=threads)
    for n, name in enumerate(wanted):
        if rows.gathered(name):
            results[n] = results[n][0] if threads == 1 else results[n].sum(0)
    return results


def _require_fit(shape: ChannelLayout, rows: RowAccess, where: Graph | None, given: dict[str, Tensor]) -> None:
    """Raise unless rows, columns and edges are those of the tensors: a kernel would read whatever lies in memory."""
    require_one_dtype(*given.values())
    x = given["x"]
    count = x.shape[0] if where is None else where.source.shape[0]
    leading = {"x": (x.shape[0],), "y": (count,), "w": () if rows.shared else (count,), "g": (count,)}
    if where is not None:
        leading["g"] = (where.targets,)
    for name, tensor in given.items():
        expected = (*leading[name[-1]], shape.sizes[name[-1]])
        if tuple(tensor.shape) != expected:
            what = _NAMES.get(name, "direction of weights")
            raise ShapeError(
                f"The product takes {what} of shape {expected} for {count} {'rows' if where is None else 'edges'}, "
                f"but got {tuple(tensor.shape)}."
            )
    if where is None:
        return
    require_graph(where, count, x.shape[0])


class GraphProduct(Closed):
    """The convolution over edges."""

    name, places = "graph_product", Graph._fields
    operands: ClassVar[tuple[str, ...]] = ("x", "y", "w")

    def run(self, kind: str, places: Places, *given: Tensor) -> list[Tensor]:
        """What a kernel makes of them."""
        return run_product(self.plan, kind, Graph(*places), *given)

    def plain(self, places: Places, *operands: Tensor) -> Tensor:
        """The definition, over edges."""
        where, (x, y, *weights) = Graph(*places), operands
        ends = torch.stack([where.source, where.target])
        return convolve(self.plan, weights[0] if weights else None, x, y, ends, where.targets)

    def rows(self, places: Places, *operands: Tensor) -> int:  # noqa: ARG002 (all are closed alike)
        """The number of targets."""
        return Graph(*places).row.shape[0] - 1


class BareGraphProduct(GraphProduct):
    """The convolution over edges without weights."""

    name, operands = "graph_product_bare", ("x", "y")


class RowProduct(Closed):
    """The product row by row."""

    name = "rows"
    operands: ClassVar[tuple[str, ...]] = ("x", "y", "w")

    def run(self, kind: str, places: Places, *given: Tensor) -> list[Tensor]:  # noqa: ARG002 (all are closed alike)
        """What a kernel makes of them."""
        return run_product(self.plan, kind, None, *given)

    def plain(self, places: Places, *operands: Tensor) -> Tensor:  # noqa: ARG002
        """The definition, row by row."""
        order = layout_of(self.plan).order
        given = dict(zip(order, operands, strict=True))
        return contract(self.plan, *(given[name] for name in sorted(order, key=order.__getitem__)))

    def rows(self, places: Places, *operands: Tensor) -> int:  # noqa: ARG002
        """The number of rows."""
        return operands[0].shape[0]


class BareRowProduct(RowProduct):
    """The product row by row without weights."""

    name, operands = "rows_bare", ("x", "y")


for _kind in (GraphProduct, BareGraphProduct, RowProduct, BareRowProduct):
    register(_kind)
