"""How much faster than its peers are linear maps and products? `python benchmarks/products.py`, with e3nn.

Whole layers, in float32, eagerly, on the same inputs and with the same weights: outputs are compared first. Forward
alone, with the gradients of everything, and with those of the gradients along some direction, which training on forces
takes. CPU time of one thread, medians, all sides in turn. cuequivariance-torch is a second peer where it is installed.
`--json FILE` writes the rows: case, what, against, ours, peer (µs), ratio, target.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from e3nn import o3
from timing import cpu_time, require_equal
from torch import Tensor

import intertwine as tw
from intertwine import nn

torch.set_num_threads(1)

TARGET = 1.5
LINEAR = [(f"{m}x0e + {m}x1o" + f" + {m}x2e" * (m == 128), batch) for m in (32, 128) for batch in (1, 100, 1000, 10000)]
L1, L2, EDGE = "32x0e + 32x1o", "32x0e + 32x1o + 32x2e", "1x0e + 1x1o + 1x2e"
FULL = [
    *((L1, "1x0e + 1x1o", L1, batch) for batch in (100, 1000, 5000)),
    *((L2, EDGE, L2, batch) for batch in (100, 1000, 5000)),
    *(("128x0e + 128x1o + 128x2e", EDGE, "128x0e + 128x1o + 128x2e", batch) for batch in (100, 1000)),
    *((L2, L2, L2, batch) for batch in (100, 500)),
]
CHANNELWISE = [
    *((f"{m}x0e + {m}x1o + {m}x2e", EDGE, 1000) for m in (1, 2, 4, 8, 32)),
    ("32x0e + 32x1o", "4x0e + 4x1o", 1000),
]

Layer = Callable[..., Tensor]


class Side:
    """A layer, with the inputs that it is timed on.

    Args:
        layer: a function of the inputs.
        inputs: what it takes.
        weights: what else it gets gradients by.
        to_ours: from its output to ours.
    """

    def __init__(
        self, layer: Layer, inputs: Sequence[Tensor], weights: Sequence[Tensor], to_ours: Callable[[Tensor], Tensor]
    ) -> None:
        self.layer, self.inputs, self.to_ours = layer, [x.detach().clone().requires_grad_() for x in inputs], to_ours
        self.leaves = [*self.inputs, *weights]

    def out(self) -> Tensor:
        """The output, laid out as ours."""
        return self.to_ours(self.layer(*self.inputs).detach())

    def runs(self, cotangent: Tensor) -> dict[str, Callable[[], object]]:
        """The three things that are timed."""
        along = [torch.ones_like(x) for x in self.inputs]

        def forward() -> None:
            with torch.no_grad():
                self.layer(*self.inputs)

        def first() -> None:
            torch.autograd.grad(self.layer(*self.inputs), self.leaves, cotangent)

        def second() -> None:
            g = cotangent.clone().requires_grad_()
            found = torch.autograd.grad(self.layer(*self.inputs), self.inputs, g, create_graph=True)
            torch.autograd.grad(found, [*self.leaves, g], along, allow_unused=True)

        return {"forward": forward, "first gradients": first, "second gradients": second}


def repeated(run: Callable[[], object], calls: int) -> None:
    """A clock sees many short calls better than one."""
    for _ in range(calls):
        run()


def measured(name: str, ours: Side, peers: dict[str, Side]) -> list[dict[str, object]]:
    """Check the outputs, then time the sides in turn."""
    for peer, side in peers.items():
        require_equal(f"{name}, {peer}", ours.out().numpy(), side.out().numpy(), 2e-5)
    cotangent = torch.randn_like(ours.out())
    sides = {"ours": ours.runs(cotangent)} | {peer: side.runs(cotangent) for peer, side in peers.items()}
    rows = []
    for what in sides["ours"]:
        times = {side: [] for side in sides}
        for _ in range(3):
            for side, runs in sides.items():
                calls = max(1, round(1e-3 / max(cpu_time(runs[what], 1), 1e-6)))
                times[side].append(cpu_time(partial(repeated, runs[what], calls), 3) / calls * 1e6)
        median = {side: sorted(found)[1] for side, found in times.items()}
        for peer in peers:
            row = {
                "case": name, "what": what, "against": peer, "ours": median["ours"], "peer": median[peer],
                "ratio": median[peer] / median["ours"], "target": TARGET,
            }  # fmt: skip
            rows.append(row)
            print(f"  {what:18s} {row['ours']:10.1f} µs, {peer} {row['peer']:10.1f}: {row['ratio']:.1f} × (≥ {TARGET})")
    return rows


def to_ours(x: Tensor, irreps: o3.Irreps) -> Tensor:
    """e3nn's (multiplicity, component) order turned into (component, multiplicity)."""
    shapes = [(*x.shape[:-1], m, ir.dim) for m, ir in irreps]
    blocks = [x[..., s].reshape(shape).mT.flatten(-2) for s, shape in zip(irreps.slices(), shapes, strict=True)]
    return torch.cat(blocks, -1)


def linear(irreps: str, batch: int) -> list[dict[str, object]]:
    """A linear map of a rep to itself, without bias."""
    peer = o3.Linear(irreps, irreps)
    ours = nn.Linear(tw.O3.rep(irreps), tw.O3.rep(irreps), bias=False)
    with torch.no_grad():
        ours.weight.copy_(peer.weight)  # both lie irrep by irrep as (u, w)
    x = torch.randn(batch, peer.irreps_in.dim)
    mine = to_ours(x, peer.irreps_in)
    peers = {"e3nn": Side(peer, [x], [peer.weight], lambda out: to_ours(out, peer.irreps_out))}
    if cuet := cuequivariance():
        other = cuet.Linear(*2 * [_cue(irreps)], **_options())
        with torch.no_grad():
            other.weight.copy_(peer.weight[None])
        peers["cuequivariance"] = Side(other, [mine], [other.weight], lambda out: out)
    return measured(f"linear, {irreps}, {batch} rows", Side(ours, [mine], [ours.weight], lambda out: out), peers)


def full(first: str, second: str, out: str, batch: int) -> list[dict[str, object]]:
    """The full product, with weights that the layer has."""
    peer = o3.FullyConnectedTensorProduct(first, second, out)
    ours = nn.TensorProduct(*(tw.O3.rep(irreps) for irreps in (first, second, out)))
    with torch.no_grad():
        ours.weight.copy_(weights_to_ours(peer.weight, peer, ours.contractions[0].plan))
    given = torch.randn(batch, peer.irreps_in1.dim), torch.randn(batch, peer.irreps_in2.dim)
    mine = [to_ours(x, irreps) for x, irreps in zip(given, (peer.irreps_in1, peer.irreps_in2), strict=True)]
    peers = {"e3nn": Side(peer, given, [peer.weight], lambda z: to_ours(z, peer.irreps_out))}
    if cuet := cuequivariance():
        other = cuet.FullyConnectedTensorProduct(*map(_cue, (first, second, out)), **_options())
        with torch.no_grad():
            other.weight.copy_(peer.weight[None])
        peers["cuequivariance"] = Side(other, mine, [other.weight], lambda z: z)
    name = f"full product, {first} ⊗ {second}, {batch} rows"
    return measured(name, Side(ours, mine, [ours.weight], lambda z: z), peers)


def weights_to_ours(weight: Tensor, peer: o3.TensorProduct, plan: object) -> Tensor:
    """e3nn's weights, path by path (u, v, w), in the order and shape (v, u, w) of our plan."""
    paths, start = {}, 0
    for ins in peer.instructions:
        u, v, *w = ins.path_shape
        size = u * v * (w[0] if w else 1)
        block = weight[..., start : start + size].reshape(*weight.shape[:-1], u, v, -1)
        paths[ins.i_in1, ins.i_in2, ins.i_out] = block.transpose(-3, -2).flatten(-3)
        start += size
    return torch.cat([paths[path.segments[1:]] for path in plan.paths], -1)


def channelwise(first: str, second: str, batch: int) -> list[dict[str, object]]:
    """The product channel by channel ("uvu"), with weights for each row."""
    keep = [label.split("x")[1] for label in first.split(" + ")]
    ours = nn.TensorProduct(tw.O3.rep(first), tw.O3.rep(second), keep, shared_weights=False, mode="uvu")
    plan = ours.contractions[0].plan
    paths = [(*path.segments[1:], "uvu", True) for path in plan.paths]
    peer = o3.TensorProduct(first, second, str(ours.rep_out), paths, shared_weights=False, internal_weights=False)
    x, y = torch.randn(batch, peer.irreps_in1.dim), torch.randn(batch, peer.irreps_in2.dim)
    weight = torch.randn(batch, peer.weight_numel)
    mine = to_ours(x, peer.irreps_in1), to_ours(y, peer.irreps_in2), weights_to_ours(weight, peer, plan)
    peers = {"e3nn": Side(peer, [x, y, weight], [], lambda z: to_ours(z, peer.irreps_out))}
    return measured(f"uvu, {first} ⊗ {second}, {batch} rows", Side(ours, mine, [], lambda z: z), peers)


def cuequivariance() -> object:
    """cuequivariance's modules for torch, where they are installed."""
    return importlib.import_module("cuequivariance_torch") if importlib.util.find_spec("cuequivariance_torch") else None


def _cue(irreps: str) -> object:
    return importlib.import_module("cuequivariance").Irreps("O3", irreps)


def _options() -> dict[str, object]:
    return {"layout": importlib.import_module("cuequivariance").ir_mul, "internal_weights": True, "method": "naive"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rows = [row for case in LINEAR for row in linear(*case)]
    rows += [row for case in FULL for row in full(*case)]
    rows += [row for case in CHANNELWISE for row in channelwise(*case)]
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
