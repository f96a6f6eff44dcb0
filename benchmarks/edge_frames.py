"""What do frames along edges and Gaunt's products save? `python benchmarks/edge_frames.py`, beside our own products.

Convolution over edges with harmonics of all degrees, as `nn.SO2Conv` and as one `nn.TensorProduct` of the features with
the harmonics, and products of two features, as `nn.GauntProduct` and as `nn.TensorProduct` channel by channel. That
both convolutions are one map, for weights that are related, is checked first, and so is the product. CPU time of one
thread, float32, forward alone and with the gradients of features and weights. `--json FILE` writes the rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from timing import Row, cpu_time, record, require_equal
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O3
from intertwine.reps import spherical_harmonics

torch.set_num_threads(1)

DEGREES = (2, 4, 6)
CHANNELS, POINTS, EDGES = 16, 50, 1000
BATCH = 1000


class Constant(nn.radial.RadialBasis):
    """One function of the distance: 1."""

    def forward(self, r: Tensor) -> Tensor:
        return torch.ones_like(r)[..., None]


class FullConv(torch.nn.Module):
    """Every path of features with harmonics up to twice their degree, weights for all edges, summed at the targets."""

    def __init__(self, degree: int, channels: int) -> None:
        super().__init__()
        rep, self.degree = channels * O3.harmonics(degree), 2 * degree
        self.product = nn.TensorProduct(rep, O3.harmonics(2 * degree), rep)

    def forward(self, x: Tensor, edges: Tensor, vectors: Tensor) -> Tensor:
        y = spherical_harmonics(range(self.degree + 1), vectors)
        sent = self.product(x[edges[0]], y)
        return sent.new_zeros(len(x), sent.shape[-1]).index_add(0, edges[1], sent)


def some_graph(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Seeded edges, and vectors along them."""
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(0, POINTS, (2, EDGES), generator=generator)
    return edges, torch.randn(EDGES, 3, generator=generator, dtype=torch.float64).to(dtype)


def check_convolution(degree: int) -> None:
    """The map of the full product is one of those in frames: weights are found on some edges, and tried on others."""
    rep = O3.harmonics(degree)
    full, framed = FullConv(degree, 1).double(), nn.SO2Conv(rep, rep, Constant(1.0, 1), hidden=()).double()
    framed.radial.weights[0].data.fill_(1)
    edges, vectors = some_graph(torch.float64)
    x = torch.randn(POINTS, rep.dim, dtype=torch.float64)
    columns = []
    for weight in torch.eye(len(framed.weight), dtype=torch.float64):
        framed.weight.data = weight
        columns.append(framed(x, edges, vectors).detach().flatten())
    wanted = full(x, edges, vectors).detach().flatten()[:, None]
    framed.weight.data = torch.linalg.lstsq(torch.stack(columns, -1), wanted).solution[:, 0]
    x, vectors = torch.randn_like(x), torch.randn_like(vectors)
    ours, theirs = (layer(x, edges, vectors).detach().numpy() for layer in (framed, full))
    require_equal(f"convolution, degree {degree}", ours, theirs, 1e-10)


def check_product(degree: int) -> None:
    """The paths of both products are those of even l₁ + l₂ + l, and one map for weights that are related."""
    rep = O3.harmonics(degree)
    gaunt, full = nn.GauntProduct(rep, rep, rep, weighted=False).double(), nn.TensorProduct(rep, rep, rep).double()
    x, y = torch.randn(2, 400, rep.dim, dtype=torch.float64)
    columns = []
    for weight in torch.eye(full.weight_numel, dtype=torch.float64):
        full.weight.data = weight
        columns.append(full(x, y).detach().flatten())
    wanted = gaunt(x, y).detach().flatten()[:, None]
    full.weight.data = torch.linalg.lstsq(torch.stack(columns, -1), wanted).solution[:, 0]
    x, y = torch.randn_like(x), torch.randn_like(y)
    require_equal(f"product, degree {degree}", gaunt(x, y).detach().numpy(), full(x, y).detach().numpy(), 1e-10)


def timed(
    case: str, ours: torch.nn.Module, peer: torch.nn.Module, inputs: tuple[Tensor, ...], given: tuple[object, ...]
) -> list[Row]:
    """Both layers forward, and with gradients, in turn."""

    def forward(layer: torch.nn.Module, others: tuple[object, ...]) -> Callable[[], object]:
        def run() -> None:
            with torch.no_grad():
                layer(*inputs, *others)

        return run

    def backward(layer: torch.nn.Module, others: tuple[object, ...]) -> Callable[[], object]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        return lambda: torch.autograd.grad(layer(*leaves, *others).sum(), [*leaves, *layer.parameters()])

    edges_and_vectors = some_graph() if given else ()
    rows = []
    for what, make in (("forward", forward), ("with gradients", backward)):
        times = [[cpu_time(run, 3) for run in (make(ours, given), make(peer, edges_and_vectors))] for _ in range(3)]
        first, second = (1e3 * sorted(column)[1] for column in zip(*times, strict=True))
        rows.append(Row(case, what, "TensorProduct", "ms", first, second))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Check, then time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=None)
    torch.manual_seed(0)
    check_convolution(2)
    check_product(3)
    edges, vectors = some_graph()
    rows: list[Row] = []
    for degree in DEGREES:
        rep = CHANNELS * O3.harmonics(degree)
        full, x = FullConv(degree, CHANNELS), torch.randn(POINTS, rep.dim)
        for order in (None, 2):
            layer = nn.SO2Conv(rep, rep, order=order)
            name = f"convolution, degree {degree}{'' if order is None else f', m ≤ {order}'}"
            if order is None:
                rows += timed(f"{name}, frames too", layer, full, (x,), (edges, vectors))
            rows += timed(name, layer, full, (x,), (layer.geometry(edges, vectors, POINTS),))
        gaunt = nn.GauntProduct(rep, rep, rep)
        full = nn.TensorProduct(rep, rep, [irrep for _, irrep in O3.harmonics(degree).terms], mode="uuu")
        rows += timed(f"product, degree {degree}", gaunt, full, tuple(torch.randn(2, BATCH, rep.dim)), ())
    record(rows, parser.parse_args().json)


if __name__ == "__main__":
    main()
