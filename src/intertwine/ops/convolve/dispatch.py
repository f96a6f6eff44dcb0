"""The convolution over edges: compiled where that can be, in plain torch elsewhere, chosen at each call."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.choice import Choice, KernelModule, is_eager
from intertwine.ops.closed import registered
from intertwine.ops.contract.dispatch import Contraction, as_rows
from intertwine.ops.convolve import compiled
from intertwine.ops.convolve.layout import channel_layout
from intertwine.ops.graph import Graph, graph
from intertwine.plan import Plan
from intertwine.plan.text import written


class Convolution(KernelModule):
    """`out[t] = Σ_{e: s → t} plan(weights[e], x[s], y[e])`, without the messages of all edges in memory.

    Channel-wise plans on a CPU, in float32 and float64, run in a kernel that is compiled for them at the first call
    (`compiled`). All others, and functional transforms, sum each segment of the messages as soon as it is made.

    Args:
        plan: a contraction of weights, if any, x and y.
        backend: one of "llvm", "torch" and "reference" to have that and nothing else; by default the fastest.

    Raises on calls `ArgumentError` where a backend that was asked for cannot serve.
    """

    def __init__(self, plan: Plan, *, backend: str | None = None) -> None:
        super().__init__()
        self.plan, self.wanted = plan, backend
        shape = channel_layout(plan)
        self.is_compiled = shape is not None and plan.inputs[shape.order["x"]].modes == "iu"
        self.compiled = (compiled.GraphProduct if len(plan.inputs) == 3 else compiled.BareGraphProduct)(plan)
        self.text = written(plan) if self.is_compiled else ""
        self.contraction = Contraction(plan, backend="reference" if backend == "reference" else "torch")

    def forward(
        self, weights: Tensor | None, x: Tensor, y: Tensor, edges: Tensor | Graph, targets: int | None = None
    ) -> Tensor:
        """The sums `(targets, size)`; see `reference.convolve` for the arguments. A `Graph` knows its targets."""
        backend = self.choose(weights, x, y).backend
        if backend != "llvm":
            return self._in_torch(weights, x, y, edges, targets)
        where = edges if isinstance(edges, Graph) else graph(edges, len(x) if targets is None else targets)
        given = (x, y) if weights is None else (x, y, weights)
        if is_eager(*given):
            return self.compiled.eager(where, *given)
        return registered(type(self.compiled), self.text, where, *given)

    def choose(self, weights: Tensor | None, x: Tensor, y: Tensor) -> Choice:
        """The backend for such inputs, and why."""
        reason = "A channel-wise product on a CPU runs in a kernel compiled for it."
        return self.decided(self.wanted, self._obstacle(weights, x, y), reason)

    def _obstacle(self, weights: Tensor | None, x: Tensor, y: Tensor) -> str | None:
        """Why the compiled kernels cannot serve; None where they can."""
        if not self.is_compiled:
            return "Only channel-wise products (weights vu or none, x iu, y jv, output ku or kvu) are compiled."
        return self.obstacle(x, y, *(() if weights is None else (weights,)))

    def _in_torch(
        self, weights: Tensor | None, x: Tensor, y: Tensor, edges: Tensor | Graph, targets: int | None
    ) -> Tensor:
        source, target = (edges.source, edges.target) if isinstance(edges, Graph) else edges.unbind(0)
        count = edges.targets if isinstance(edges, Graph) else len(x) if targets is None else targets

        def scatter(part: Tensor) -> Tensor:
            flat = as_rows(part)
            flat = flat.to(torch.promote_types(flat.dtype, torch.float32))  # long sums need more than half precision
            return flat.new_zeros((count, flat.shape[1])).index_add(0, target, flat).to(part.dtype)

        given = () if weights is None else (weights,)
        sums = self.contraction.segments(*given, x.index_select(0, source), y, consume=scatter)
        return torch.cat([*sums, x.new_zeros((count, 0))], -1)
