"""Is the linear layer as fast as e3nn's, at equal outputs? `python benchmarks/e3nn_linear.py`, with e3nn.

Without gradients, forward with gradients on, and forward with gradients of everything, in float32, on one thread.
"""

from __future__ import annotations

import sys

import e3nn
import torch
from e3nn import o3
from e3nn_tensor_product import to_ours
from timing import compare, require_equal

import intertwine as tw
from intertwine import nn

torch.set_num_threads(1)


def case(irreps: str, batch: int) -> None:
    peer = o3.Linear(irreps, irreps)
    ours = nn.Linear(tw.O3.rep(irreps), tw.O3.rep(irreps), bias=False)
    with torch.no_grad():
        ours.weight.copy_(peer.weight)  # both lie irrep by irrep as (u, w)
    x = torch.randn(batch, peer.irreps_in.dim)
    name = f"{irreps}, batch {batch}"
    expected = to_ours(peer(x).detach(), peer.irreps_out)
    require_equal(name, ours(to_ours(x, peer.irreps_in)).detach().numpy(), expected.numpy(), 1e-5)
    x.requires_grad_()

    def still(layer: torch.nn.Module) -> None:
        with torch.no_grad():
            layer(x)

    def backward(layer: torch.nn.Module) -> None:
        torch.autograd.grad(layer(x).sum(), [x, *layer.parameters()])

    repeat = 100 if batch == 1 else 1
    for title, function in (("no gradients", still), ("forward", lambda f: f(x)), ("forward and gradients", backward)):
        pair = [lambda f=f, function=function: [function(f) for _ in range(repeat)] for f in (ours, peer)]
        compare(f"{name}, {title}" + f" ({repeat} calls)" * (repeat > 1), *pair)


def main() -> None:
    print(
        f"torch {torch.__version__}, e3nn {e3nn.__version__}, intertwine {tw.__version__}, {sys.platform}, one thread"
    )
    for irreps in ("16x0e + 8x1o", "128x0e + 128x1o + 128x2e"):
        for batch in (1, 1000, 10000):
            case(irreps, batch)


if __name__ == "__main__":
    main()
