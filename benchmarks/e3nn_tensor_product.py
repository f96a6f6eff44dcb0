"""Is the tensor product faster than e3nn's, at equal outputs? `python benchmarks/e3nn_tensor_product.py`, with e3nn.

Fully connected products of node features with edge harmonics, weights per sample, as in convolutions on point clouds:
forward alone, and forward with gradients of everything. Both sides run eagerly, in float32, on the same inputs.
"""

from __future__ import annotations

import sys
import time

import e3nn
import torch
from e3nn import o3
from timing import compare, report, require_equal

import intertwine as tw
from intertwine import nn

torch.set_num_threads(1)


def to_ours(x: torch.Tensor, irreps: o3.Irreps) -> torch.Tensor:
    """e3nn's (multiplicity, component) order turned into (component, multiplicity)."""
    shapes = [(*x.shape[:-1], m, ir.dim) for m, ir in irreps]
    blocks = [x[..., s].reshape(shape).mT.flatten(-2) for s, shape in zip(irreps.slices(), shapes, strict=True)]
    return torch.cat(blocks, -1)


def weights_to_ours(weight: torch.Tensor, peer: o3.FullyConnectedTensorProduct, plan: object) -> torch.Tensor:
    """e3nn's weights, path by path (u, v, w), in the order and shape (v, u, w) of our plan."""
    paths, start = {}, 0
    for ins in peer.instructions:
        shape = ins.path_shape
        size = shape[0] * shape[1] * shape[2]
        block = weight[..., start : start + size].reshape(*weight.shape[:-1], *shape)
        paths[ins.i_in1, ins.i_in2, ins.i_out] = block.transpose(-3, -2).flatten(-3)
        start += size
    return torch.cat([paths[path.segments[1:]] for path in plan.paths], -1)


def case(mul: int, degree: int, batch: int) -> None:
    names = [f"{l}{'eo'[l % 2]}" for l in range(degree + 1)]
    features, edges = " + ".join(f"{mul}x{n}" for n in names), " + ".join(f"1x{n}" for n in names)
    start = time.perf_counter()
    peer = o3.FullyConnectedTensorProduct(features, edges, features, shared_weights=False)
    between = time.perf_counter()
    ours = nn.TensorProduct(tw.O3.rep(features), tw.O3.rep(edges), tw.O3.rep(features), shared_weights=False)
    built = time.perf_counter()
    irreps = o3.Irreps(features)
    x, y, w = (
        torch.randn(batch, irreps.dim),
        torch.randn(batch, (degree + 1) ** 2),
        torch.randn(batch, peer.weight_numel),
    )
    leaves_ours = [to_ours(x, irreps), y.clone(), weights_to_ours(w, peer, ours.contractions[0].plan)]
    leaves_peer = [x, y, w]
    for leaf in (*leaves_ours, *leaves_peer):
        leaf.requires_grad_()
    name = f"{mul} channels, degree {degree}, {batch} samples"
    expected = to_ours(peer(*leaves_peer).detach(), irreps)
    require_equal(name, ours(*leaves_ours).detach().numpy(), expected.numpy(), 1e-5)
    report(name + ", construction", built - between, between - start)

    def forward(module: torch.nn.Module, leaves: list[torch.Tensor]) -> None:
        with torch.no_grad():
            module(*leaves)

    def backward(module: torch.nn.Module, leaves: list[torch.Tensor]) -> None:
        torch.autograd.grad(module(*leaves).square().sum(), leaves)

    compare(name + ", forward", lambda: forward(ours, leaves_ours), lambda: forward(peer, leaves_peer))
    compare(name + ", forward and gradients", lambda: backward(ours, leaves_ours), lambda: backward(peer, leaves_peer))


def main() -> None:
    print(
        f"torch {torch.__version__}, e3nn {e3nn.__version__}, intertwine {tw.__version__}, {sys.platform}, one thread"
    )
    for mul, degree, batch in ((1, 5, 16), (8, 2, 1000), (16, 2, 1000), (32, 1, 1000), (16, 3, 500)):
        case(mul, degree, batch)


if __name__ == "__main__":
    main()
