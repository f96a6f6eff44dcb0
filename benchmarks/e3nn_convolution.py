"""How much faster than e3nn's is the depthwise convolution? `python benchmarks/e3nn_convolution.py`, with e3nn.

The channel-wise ("uvu") products of known potentials over the edges of a graph, 30 neighbours per point, with weights
per edge: forward alone, with first gradients, and with the second ones that training on forces takes. Both sides run
eagerly, in float32, on the same inputs, one thread, CPU time; the last rows are whole calls on a small graph.
`--json FILE` writes the rows: case, what, ours, peer, ratio, target.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from e3nn import o3
from timing import cpu_time, require_equal

import intertwine as tw
from intertwine.kernels import channelwise, product
from intertwine.ops import Convolution, graph

torch.set_num_threads(1)

CASES = {
    "NequIP, 32 channels, l ≤ 1": ("32x0e + 32x0o + 32x1e + 32x1o", 1, "0e 0o 1e 1o", 6000),
    "MACE-MP, 128 channels, l ≤ 3": ("128x0e + 128x1o + 128x2e", 3, "0e 1o 2e 3o", 1500),
    "SevenNet, 128 to 32 channels, l ≤ 2": ("128x0e + 64x1o + 32x2e", 2, "0e 1o 2e", 3000),
}
TARGETS = {"forward": 35, "first gradients": 25, "second gradients": 35}


def to_ours(x: torch.Tensor, irreps: o3.Irreps) -> torch.Tensor:
    """e3nn's (multiplicity, component) order turned into (component, multiplicity)."""
    shapes = [(*x.shape[:-1], m, ir.dim) for m, ir in irreps]
    blocks = [x[..., s].reshape(shape).mT.flatten(-2) for s, shape in zip(irreps.slices(), shapes, strict=True)]
    return torch.cat(blocks, -1)


def runs(function, given, cotangent):
    """The three things that are timed."""

    def forward() -> None:
        with torch.no_grad():
            function(*given)

    def first() -> None:
        torch.autograd.grad(function(*given), given, cotangent)

    along = [torch.randn_like(x) for x in given]

    def second() -> None:
        g = cotangent.clone().requires_grad_()
        found = torch.autograd.grad(function(*given), given, g, create_graph=True)
        torch.autograd.grad(found, (*given, g), along)

    return {"forward": forward, "first gradients": first, "second gradients": second}


def case(name: str, features: str, degree: int, keep: str, edges: int) -> list[dict[str, object]]:
    rep, harmonics = tw.O3.rep(features), tw.O3.harmonics(degree)
    out, instructions = channelwise(rep, harmonics, keep.split())
    (term,) = product((rep, harmonics, out), instructions).polynomial.terms
    ours = Convolution(term.plan)
    irreps, edge_irreps, out_irreps = (o3.Irreps(str(r).replace(" ", "")) for r in (rep, harmonics, out))
    paths = [(i.first, i.second, i.output, "uvu", True) for i in instructions]
    peer = o3.TensorProduct(irreps, edge_irreps, out_irreps, paths, shared_weights=False, internal_weights=False)
    points = max(edges // 30, 20)
    target = torch.arange(points).repeat_interleave(edges // points)
    source = torch.randint(0, points, target.shape)
    where = graph(torch.stack([source, target]), points)
    x, y, w = (
        torch.randn(points, rep.dim),
        torch.randn(len(target), harmonics.dim),
        torch.randn(len(target), peer.weight_numel),
    )

    def theirs(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        messages = peer(x[source], y, w)
        return messages.new_zeros(points, messages.shape[1]).index_add(0, target, messages)

    def mine(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return ours(w, x, y, where)

    expected = to_ours(theirs(x, y, w), out_irreps)
    require_equal(name, mine(to_ours(x, irreps), y, w).numpy(), expected.numpy(), 1e-5)
    rows = []
    sides = []
    for function, first in ((mine, to_ours(x, irreps)), (theirs, x)):
        given = [v.clone().requires_grad_() for v in (first, y, w)]
        sides.append(runs(function, given, torch.randn(points, out.dim)))
    for what in TARGETS:
        a, b = (cpu_time(side[what], repeats) for side, repeats in zip(sides, (11, 5), strict=True))
        target_ratio = 15 if "SevenNet" in name and what == "forward" else TARGETS[what]
        rows.append({
            "case": name, "edges": len(target), "what": what, "ours": a / len(target) * 1e6,
            "peer": b / len(target) * 1e6, "ratio": b / a, "target": target_ratio,
        })  # fmt: skip
        row = rows[-1]
        print(f"{what:58s} {row['ours']:.3f} µs per edge, e3nn {row['peer']:.2f}: {b / a:.0f} × (≥ {target_ratio})")
    return rows


def small() -> list[dict[str, object]]:
    """Whole calls on 20 points and 100 edges: what a small graph pays for being asked at all."""
    rows = case("NequIP, 100 edges", *CASES["NequIP, 32 channels, l ≤ 1"][:3], 100)
    for row in rows:
        row |= {"ours": row["ours"] * row["edges"], "peer": row["peer"] * row["edges"]}
    rows[0]["target"] = 40.0
    print(f"a call of 100 edges, forward: {rows[0]['ours']:.0f} µs (≤ 40), e3nn {rows[0]['peer']:.0f}")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    torch.manual_seed(0)
    found = [row for name, arguments in CASES.items() for row in case(name, *arguments)] + small()
    if path := parser.parse_args().json:
        path.write_text(json.dumps(found, indent=1))
