"""Running the Triton programs of a convolution: what they are compiled from, how they are launched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.ops.convolve.layout import graph_layout
from intertwine.ops.convolve.llvm import GIVEN, WANTED
from intertwine.ops.convolve.triton import Part, covers, write_programs
from intertwine.ops.gpu import defined
from intertwine.ops.graph import Graph, graph
from intertwine.plan import Plan

Launch = Callable[[Any], Any]
"""What makes of a program the thing that is launched: itself, or what inductor follows."""


@dataclass(frozen=True)
class Programs:
    """All programs that stand at one end of the edges.

    Args:
        at: "g" at targets, "x" at sources.
        wanted: what they write.
        parts: what each of them computes.
        functions: the programs, as Triton compiles them.
        whole: what is written everywhere, so that it need not be 0 at first.
    """

    at: str
    wanted: tuple[str, ...]
    parts: tuple[Part, ...]
    functions: tuple[Any, ...]
    whole: frozenset[str]

    @property
    def slots(self) -> int:
        """How many sums over channels make a gradient by y."""
        return sum(part.tiles for part in self.parts)


@cache
def convolve_programs(plan: Plan, kind: str, ordered: bool, double: bool) -> tuple[Programs, ...]:
    """The programs of a plan, in one walk over the edges, or in two where sums are to have an order.

    Args:
        plan: what to compute.
        kind: "forward", "backward" or "second".
        ordered: whether gradients by x are summed at the sources rather than added to memory in any order.
        double: whether sums are float64, else float32.
    """
    if (layout := graph_layout(plan)) is None:
        raise ArgumentError("No program computes this plan. Ask graph_layout(plan) first.")
    wanted = WANTED[kind]
    apart = ordered and "x" in wanted
    made = []
    for at, results in (("g", tuple(n for n in wanted if n != "x")), ("x", ("x",))) if apart else (("g", wanted),):
        text, found = write_programs(layout, GIVEN[kind], results, at, double=double)
        names = [f"program_{number}" for number in range(len(found))]
        space = defined(text, f"<intertwine {plan.key} {kind} at {at} {'float64' if double else 'float32'}>")
        whole = frozenset(name for name in results if name in (at, "w") and covers(layout, found, name))
        made.append(Programs(at, results, found, tuple(space[name] for name in names), whole))
    return tuple(made)


def run_programs(
    plan: Plan, kind: str, where: Graph, given: Sequence[Tensor], launched: Launch = lambda program: program
) -> list[Tensor]:
    """What the programs make of the tensors that they are given, in the order of `llvm.GIVEN` and `llvm.WANTED`.

    Sums are float32, float64 for float64; results have the dtype of the inputs.
    """
    given = tuple(x.resolve_neg().contiguous() for x in given)
    operands = dict(zip("xywg", given[:4], strict=False))
    double = operands["x"].dtype == torch.float64
    results: dict[str, Tensor] = {}
    for programs in convolve_programs(plan, kind, torch.are_deterministic_algorithms_enabled(), double):
        ends = where if programs.at == "g" else _turned(where, operands["x"].shape[0])
        shapes = {name: operands[name].shape for name in programs.wanted if name != "g"}
        shapes["g"] = torch.Size((where.targets, plan.output.size))
        made = {name: _room(programs, name, shapes[name], operands["x"]) for name in programs.wanted}
        if ends.targets:
            for part, function in zip(programs.parts, programs.functions, strict=True):
                grid = (ends.targets, part.tiles)
                launched(function)[grid](ends.row, ends.order, ends.source, *given, *made.values(), num_warps=1)
        results |= made
    if "y" in results:
        results["y"] = results["y"].sum(1)
    return [results[name].to(operands["x"].dtype) for name in WANTED[kind]]


def run_expanded(plan: Plan, kind: str, where: Graph, given: Sequence[Tensor]) -> list[Tensor]:
    """What `run_programs` makes where a matrix makes the weights: x, y, factors and matrix are the inputs.

    Weights move along `h_factors @ matrix + factors @ h_matrix`, where h is for directions. So second gradients by
    factors and matrix have two parts: one through the weights, and one through their direction, by which the gradient
    is that of the backward pass.
    """
    x, y, factors, matrix, *others = given
    weights = factors @ matrix
    if kind == "forward":
        return run_programs(plan, kind, where, (x, y, weights))
    g, *along = others
    by_x, by_y, by_w = run_programs(plan, "backward", where, (x, y, weights, g))
    if kind == "backward":
        return [by_x, by_y, by_w @ matrix.T, factors.T @ by_w]
    h_x, h_y, h_factors, h_matrix = along
    h_weights = h_factors @ matrix + factors @ h_matrix
    by_x, by_y, by_weights, by_g = run_programs(plan, kind, where, (x, y, weights, g, h_x, h_y, h_weights))
    by_factors = by_weights @ matrix.T + by_w @ h_matrix.T
    return [by_x, by_y, by_factors, factors.T @ by_weights + h_factors.T @ by_w, by_g]


def _turned(where: Graph, sources: int) -> Graph:
    """The graph with its edges the other way round, sorted by their sources."""
    return graph(torch.stack([where.target, where.source]), sources)


def _room(programs: Programs, name: str, shape: torch.Size, like: Tensor) -> Tensor:
    """Where a result of some shape goes: 0 at first where programs add to it, or do not write everything."""
    exact = torch.promote_types(like.dtype, torch.float32)
    if name == "y":
        return like.new_zeros((shape[0], programs.slots, shape[1]), dtype=exact)
    if name == "x" and programs.at == "g":
        return like.new_zeros(shape, dtype=exact)
    return like.new_empty(shape) if name in programs.whole else like.new_zeros(shape)
