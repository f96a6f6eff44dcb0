"""How much faster than others is the depthwise convolution? `python benchmarks/convolution.py`, with the peers.

The channel-wise ("uvu") products of known potentials over the edges of a graph, 30 neighbours per point, beside e3nn
and cuEquivariance's CPU path: the convolution alone, with weights per edge, and the whole layer, `nn.DepthwiseConv`,
with its radial network and harmonics. Forward; with first gradients; and with the second ones that training on forces
takes. All sides run eagerly, in float32, on the same inputs: CPU time of one thread, the least of several calls, since
the machine may be shared. Then a small graph, the memory of a call, and the first call of a process; and where it is
asked for with `--only`, since it needs a quiet machine, the wall time of two threads.

`--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the tables of docs/speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from edge_peers import CASES, HIDDEN, Case, Cuequivariance, E3nn, PeerLayer
from timing import Row, cpu_time, extra_memory, fresh, markdown, put_into, record, require_equal, wall_time
from torch import Tensor

from intertwine import nn, ops
from intertwine.kernels import product
from intertwine.kernels.products import channelwise

SMALL = replace(CASES[0], name="NequIP, 32 channels, l ≤ 1, 100 edges", edges=(100, 100))
KINDS = ("forward", "first gradients", "second gradients")
CONVOLUTION_TARGETS = {
    "e3nn": dict(zip(KINDS, (35, 25, 35), strict=True)),
    "cuEquivariance": dict.fromkeys(KINDS, 25),
}
SEVENNET = 15
"""The target of SevenNet's convolution, forward: it has few channels and is soon bound by memory."""

MEMORY_TARGET, SMALL_TARGET, COMPILE_TARGET, LOAD_TARGET = 15, 40, 0.5, 0.02
PAGE = Path(__file__).parents[1] / "docs" / "speed.md"


def a_graph(edges: int) -> tuple[Tensor, int]:
    """Edges sorted by targets, and the number of points."""
    points = max(edges // 30, 20)
    target = torch.arange(points).repeat_interleave(edges // points)
    return torch.stack([torch.randint(0, points, target.shape), target]), points


def our_convolution(case: Case, edges: Tensor, points: int) -> Callable[..., Tensor]:
    """The operation alone, as a function of x, y and weights."""
    out, instructions = channelwise(case.rep, case.harmonics, case.keep.split())
    (term,) = product((case.rep, case.harmonics, out), instructions).polynomial.terms
    convolution, graph = ops.Convolution(term.plan), ops.graph(edges, points)
    return lambda x, y, w: convolution(w, x, y, graph)


def our_layer(case: Case) -> nn.DepthwiseConv:
    """The public layer."""
    basis = nn.radial.BesselBasis(5.0, 8)
    return nn.DepthwiseConv(case.rep, case.keep.split(), basis, degree=case.degree, hidden=HIDDEN)


def runs(function: Callable[..., Tensor], given: Sequence[Tensor], out: Tensor) -> dict[str, Callable[[], None]]:
    """What is timed of a convolution: gradients by all inputs, and along all of them again."""
    given = [x.clone().requires_grad_() for x in given]
    along = [torch.randn_like(x) for x in given]

    def forward() -> None:
        with torch.no_grad():
            function(*given)

    def first() -> None:
        torch.autograd.grad(function(*given), given, out)

    def second() -> None:
        g = out.clone().requires_grad_()
        found = torch.autograd.grad(function(*given), given, g, create_graph=True)
        torch.autograd.grad(found, (*given, g), along)

    return dict(zip(KINDS, (forward, first, second), strict=True))


def layer_runs(
    layer: torch.nn.Module, where: tuple[Tensor | ops.Graph, Tensor], x: Tensor, out: Tensor
) -> dict[str, Callable[[], None]]:
    """What is timed of a layer: gradients by features, vectors and parameters; and training on forces."""
    edges, vectors = where[0], where[1].clone().requires_grad_()
    x = x.clone().requires_grad_()
    leaves = [x, *layer.parameters()]

    def forward() -> None:
        with torch.no_grad():
            layer(x, edges, vectors)

    def first() -> None:
        torch.autograd.grad(layer(x, edges, vectors), [*leaves, vectors], out)

    def second() -> None:
        y = layer(x, edges, vectors)
        (force,) = torch.autograd.grad(y, vectors, out, create_graph=True)
        torch.autograd.grad((y * out).sum() + force.square().sum(), leaves)

    return dict(zip(KINDS, (forward, first, second), strict=True))


def sides(case: Case, edges: int, peers: Sequence[type]) -> dict[str, dict[str, dict[str, Callable[[], None]]]]:
    """The functions to time, by what is computed, by side, by kind; outputs are compared first."""
    torch.manual_seed(0)
    where, points = a_graph(edges)
    layer, vectors = our_layer(case), 2 * torch.randn(where.shape[1], 3)
    x, y, w, out = (
        torch.randn(size)
        for size in (
            (points, case.rep.dim),
            (where.shape[1], case.harmonics.dim),
            (where.shape[1], layer.radial.shapes[-1][1]),
            (points, layer.rep_out.dim),
        )
    )
    convolution = our_convolution(case, where, points)
    found = {
        "convolution": {"ours": runs(convolution, (x, y, w), out)},
        "layer": {"ours": layer_runs(layer, (ops.graph(where, points), vectors), x, out)},
    }
    for make in peers:
        peer = make(case)
        other = PeerLayer(peer, layer.radial.basis)
        if make is E3nn:
            copy_weights(layer, other)
        compare(case, peer, (convolution, layer, other), (x, y, w, where, vectors))
        found["convolution"][peer.name] = runs(
            lambda x, y, w, peer=peer: peer(x, y, w, where), (peer.from_ours(x), y, w), out
        )
        found["layer"][peer.name] = layer_runs(other, (where, vectors), peer.from_ours(x), out)
    return found


def copy_weights(layer: nn.DepthwiseConv, peer: PeerLayer) -> None:
    """Give the peer's radial network the weights of ours.

    It divides by the number of functions of the basis, and by a mean square of the activation that is drawn at random.
    """
    gain = layer.radial.gain / peer.network.layer0.act.cst
    scales = [(8 / layer.radial.basis.mean_square) ** 0.5, gain, gain]
    with torch.no_grad():
        for n, (shape, weight) in enumerate(zip(layer.radial.shapes, layer.radial.weights, strict=True)):
            getattr(peer.network, f"layer{n}").weight.copy_(scales[n] * weight.reshape(shape))


def compare(
    case: Case, peer: E3nn | Cuequivariance, functions: tuple[Callable, ...], given: tuple[Tensor, ...]
) -> None:
    """Stop unless the peer computes the same, on a part of the graph."""
    convolution, layer, other = functions
    x, y, w, where, vectors = given
    w = torch.ones_like(w) if isinstance(peer, Cuequivariance) else w
    with torch.no_grad():
        pair = peer.check(convolution(x, y, w), peer(peer.from_ours(x), y, w, where))
        require_equal(f"{case.name}, {peer.name}", *(v.numpy() for v in pair), 1e-5)
        if isinstance(peer, E3nn):
            pair = peer.check(layer(x, where, vectors), other(peer.from_ours(x), where, vectors))
            require_equal(f"{case.name}, the layer of {peer.name}", *(v.numpy() for v in pair), 1e-4)


def target(case: Case, kind: str, peer: str) -> float:
    """The least ratio that is asked for: the same of the operation and of the whole layer."""
    if "SevenNet" in case.name and (kind, peer) == ("forward", "e3nn"):
        return SEVENNET
    return CONVOLUTION_TARGETS[peer][kind]


def timed(case: Case) -> list[Row]:
    """One case, beside both peers: ours on a large graph, theirs on one that their memory allows."""
    large, few = case.edges
    ours, theirs = sides(case, large, ()), sides(case, few, (E3nn, Cuequivariance))
    rows = []
    for what, by_side in theirs.items():
        for kind in KINDS:
            mine = cpu_time(ours[what]["ours"][kind], 9, min) / large * 1e6
            for peer in ("e3nn", "cuEquivariance"):
                other = cpu_time(by_side[peer][kind], 5, min) / few * 1e6
                goal = target(case, kind, peer)
                rows.append(Row(case.name, f"{what}, {kind}", peer, "µs per edge", mine, other, goal))
                print(rows[-1], flush=True)
    return rows


def small() -> list[Row]:
    """Whole calls on 20 points and 100 edges: what a small graph pays for being asked at all."""
    found = sides(SMALL, 100, (E3nn, Cuequivariance))
    rows = []
    for what, by_side in found.items():
        for kind in KINDS:
            mine, *others = (cpu_time(repeated(by_side[side][kind]), 9) / 20 * 1e6 for side in by_side)
            for peer, other in zip([*by_side][1:], others, strict=True):
                rows.append(Row(SMALL.name, f"{what}, {kind}", peer, "µs per call", mine, other))
            if (what, kind) == ("convolution", "forward"):
                rows.append(Row(SMALL.name, f"{what}, {kind}", "", "µs per call", mine, None, SMALL_TARGET))
    for row in rows:
        print(row)
    return rows


def repeated(function: Callable[[], None]) -> Callable[[], None]:
    """Twenty calls."""

    def calls() -> None:
        for _ in range(20):
            function()

    return calls


def two_threads() -> list[Row]:
    """How much sooner two threads are done than one: wall times, the least of several."""
    rows = []
    for case in (CASES[0], CASES[2]):
        found = sides(replace(case, edges=(6000, 0)), 6000, ())
        for what, by_side in found.items():
            for kind in KINDS:
                times = []
                for threads in (1, 2):
                    torch.set_num_threads(threads)
                    times.append(wall_time(by_side["ours"][kind], 30) / 6000 * 1e6)
                torch.set_num_threads(1)
                rows.append(Row(case.name, f"{what}, {kind}", "one thread", "µs per edge, two threads", *times[::-1]))
                print(rows[-1], flush=True)
    return rows


def memory() -> list[Row]:
    """What a call takes beyond its inputs, in a process of its own."""
    rows = []
    for case in (CASES[0], CASES[2]):
        for what in ("convolution", "layer"):
            for kind in KINDS:
                mine, other = (
                    fresh(__file__, "--child", "memory", case.name, what, side, kind)["MB"] for side in ("ours", "e3nn")
                )
                mine = max(mine, 1.0)  # less cannot be told
                rows.append(Row(case.name, f"{what}, {kind}", "e3nn", "MB", mine, other, MEMORY_TARGET))
                print(rows[-1], flush=True)
    return rows


def memory_child(name: str, what: str, side: str, kind: str) -> dict[str, float]:
    """In a process of its own: kernels are compiled and threads made on a small graph before the call that counts."""
    case = next(case for case in CASES if case.name == name)
    peers = (E3nn,) if side == "e3nn" else ()
    for warm in sides(case, 100, peers)[what][side].values():
        warm()
    return {"MB": extra_memory(sides(case, 4000, peers)[what][side][kind])}


def first_calls() -> list[Row]:
    """The first forward pass of a process: kernels are compiled, or read from the disk."""
    rows = []
    for case in (CASES[0], CASES[1], CASES[3], CASES[2]):
        with tempfile.TemporaryDirectory() as folder:
            for what, goal in (("from nothing", COMPILE_TARGET), ("from the disk", LOAD_TARGET)):
                environment = os.environ | {"INTERTWINE_CACHE": folder}
                command = [sys.executable, __file__, "--child", "first", case.name]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
                wanted = goal if case.degree <= 2 else None
                rows.append(Row(case.name, f"first call of the layer, {what}", "", "s", seconds, None, wanted))
                print(rows[-1], flush=True)
    return rows


def first_child(name: str) -> dict[str, float]:
    """In a process of its own: what the first call takes more than the second."""
    case = next(case for case in CASES if case.name == name)
    torch.set_num_threads(1)
    torch.randn(64, 64) @ torch.randn(64, 64)  # torch's own first product is not ours to answer for
    layer, (edges, points) = our_layer(case), a_graph(100)
    given = (torch.randn(points, case.rep.dim), edges, torch.randn(edges.shape[1], 3))
    times = []
    with torch.no_grad():
        for _ in range(2):
            start = time.process_time()
            layer(*given)
            times.append(time.process_time() - start)
    return {"seconds": times[0] - times[1]}


CHILDREN = {"memory": memory_child, "first": first_child}
PARTS = {
    "speed": lambda: [row for case in CASES for row in timed(case)],
    "small graphs": small,
    "memory": memory,
    "first calls": first_calls,
    "two threads": two_threads,
}
ALWAYS = [part for part in PARTS if part != "two threads"]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--child", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        print(json.dumps(CHILDREN[options.child[0]](*options.child[1:])))
        sys.exit()
    found = {part: PARTS[part]() for part in options.only or ALWAYS}
    record([row for rows in found.values() for row in rows], options.json)
    for part, rows in found.items():
        if options.docs:
            put_into(PAGE, f"benchmarks/convolution.py, {part}", markdown(rows))
