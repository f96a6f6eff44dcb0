"""The convolution over edges: compiled where that can be, in plain torch elsewhere, chosen at each call."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.ops.choice import Choice, KernelModule, is_compiled_by_dynamo, is_eager
from intertwine.ops.closed import registered
from intertwine.ops.contract.dispatch import Contraction, as_rows
from intertwine.ops.convolve import compiled, visible
from intertwine.ops.convolve.layout import channel_layout, graph_layout
from intertwine.ops.convolve.products import BareGraphProduct, GraphProduct
from intertwine.ops.graph import Graph, graph
from intertwine.plan import Plan
from intertwine.plan.text import written

_WHERE = {"llvm": "on the CPU", "triton": "on the GPU"}


class Factored(NamedTuple):
    """Weights of edges that are made of few numbers each: `factors @ matrix`, `(E, size)`.

    A kernel makes them for a group of edges at a time, which stays in the processor's cache, and never for all.

    Args:
        factors: `(E, H)`.
        matrix: `(H, size)`.
    """

    factors: Tensor
    matrix: Tensor

    def product(self) -> Tensor:
        """The weights of all edges."""
        return self.factors @ self.matrix


class Convolution(KernelModule):
    """`out[t] = Σ_{e: s → t} plan(weights[e], x[s], y[e])`, without the messages of all edges in memory.

    Channel-wise plans run in kernels that are compiled for them at the first call (`compiled`): by LLVM on a CPU, in
    float32 and float64, and by Triton on a GPU, in half precision too. All others, and functional transforms, sum each
    segment of the messages as soon as it is made.

    Args:
        plan: a contraction of weights, if any, x and y.
        backend: one of "llvm", "triton", "torch" and "reference" to have that and nothing else; by default the fastest.

    Raises on calls `ArgumentError` where a backend that was asked for cannot serve.
    """

    def __init__(self, plan: Plan, *, backend: str | None = None) -> None:
        super().__init__()
        if backend not in (None, *_WHERE, "torch", "reference"):
            raise ArgumentError(
                f"A convolution runs in 'llvm', 'triton', 'torch' or 'reference', but got the backend {backend!r}."
            )
        self.plan, self.wanted = plan, backend
        self.is_compiled = graph_layout(plan) is not None
        shape = channel_layout(plan)
        general = GraphProduct if len(plan.inputs) == 3 else BareGraphProduct
        fits = shape is not None and plan.inputs[shape.order["x"]].modes == "iu"
        self.general = general(plan) if fits else None  # other weights than one set for each edge, several copies of y
        self.text = written(plan) if fits else ""
        self.contraction = Contraction(plan, backend="reference" if backend == "reference" else "torch")

    def forward(
        self,
        weights: Tensor | Factored | None,
        x: Tensor,
        y: Tensor,
        edges: Tensor | Graph,
        targets: int | None = None,
    ) -> Tensor:
        """The sums `(targets, size)`; see `reference.convolve` for the arguments. A `Graph` knows its targets."""
        backend = self.choose(weights, x, y).backend
        is_visible = backend == "triton" and is_compiled_by_dynamo()
        parts = _parts(weights)
        general = self._is_general(parts)
        if isinstance(weights, Factored) and (is_visible or general or backend in ("torch", "reference")):
            parts = (weights.product().to(x.dtype),)  # autocast makes products narrower
        if backend in ("torch", "reference"):
            return self._in_torch(parts, x, y, edges, targets)
        where = edges if isinstance(edges, Graph) else graph(edges, len(x) if targets is None else targets)
        if general and self.general is not None:
            if is_eager(x, y, *parts):
                return self.general.eager(where, x, y, *parts)
            return registered(type(self.general), self.text, where, x, y, *parts)
        if is_eager(x, y, *parts):
            return compiled.eager_convolve(self.plan, where, x, y, *parts)
        if is_visible and visible.register_visible():
            return visible.visible_convolve(self.text, where, x, y, *parts)
        return compiled.registered_convolve(self.text, where, x, y, *parts)

    def choose(self, weights: Tensor | Factored | None, x: Tensor, y: Tensor, *_: object) -> Choice:
        """The backend for such inputs, and why; the graph does not matter."""
        plain = self.wanted in ("torch", "reference")
        backend = "triton" if self.wanted == "triton" or (self.wanted is None and x.device.type == "cuda") else "llvm"
        obstacle = None if plain else self._obstacle(backend, weights, x, y)
        reason = f"A channel-wise product runs in a kernel compiled for it, {_WHERE[backend]}."
        return self.decided(self.wanted, obstacle, reason, backend)

    def _obstacle(self, backend: str, weights: Tensor | Factored | None, x: Tensor, y: Tensor) -> str | None:
        """Why the compiled kernels cannot serve; None where they can."""
        parts = _parts(weights)
        if self.general is None:
            return "Only channel-wise products (weights vu or none, x iu, y jv, output ku or kvu) are compiled."
        if backend == "triton" and self._is_general(parts):
            return "Programs for GPUs take weights for each edge, and one copy of y."
        return self.obstacle(x, y, *parts, device="cuda" if backend == "triton" else "cpu")

    def _is_general(self, parts: tuple[Tensor, ...]) -> bool:
        """Whether it takes the kernels for all layouts, not those for weights of each edge and one copy of y."""
        has_weights = len(parts) > 0  # torch.compile cannot read "not parts"
        return not (self.is_compiled and has_weights) or any(part.ndim != 2 for part in parts)

    def _in_torch(
        self, weights: tuple[Tensor, ...], x: Tensor, y: Tensor, edges: Tensor | Graph, targets: int | None
    ) -> Tensor:
        source, target = (edges.source, edges.target) if isinstance(edges, Graph) else edges.unbind(0)
        count = edges.targets if isinstance(edges, Graph) else len(x) if targets is None else targets

        def scatter(part: Tensor) -> Tensor:
            flat = as_rows(part)
            flat = flat.to(torch.promote_types(flat.dtype, torch.float32))  # long sums need more than half precision
            return flat.new_zeros((count, flat.shape[1])).index_add(0, target, flat).to(part.dtype)

        sums = self.contraction.segments(*weights, x.index_select(0, source), y, consume=scatter)
        return torch.cat([*sums, x.new_zeros((count, 0))], -1)


def _parts(weights: Tensor | Factored | None) -> tuple[Tensor, ...]:
    """The tensors that weights are made of."""
    if weights is None:
        return ()
    return tuple(weights) if isinstance(weights, Factored) else (weights,)
