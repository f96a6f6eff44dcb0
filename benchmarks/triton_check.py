"""Are the kernels for GPUs right, and how fast are they? `python benchmarks/triton_check.py`, on a machine with one.

First every plan of the tests: outputs, first and second gradients in float32, of two plans in bfloat16 and float64 too,
added up in any order and in a fixed one, beside the definition in float64. Then the channel-wise products of five known
potentials, 30 neighbours per point, float32: medians of the GPU's time, beside e3nn where it is installed and our own
plain torch. No speed is printed before the check passes. It ends within six minutes: what does not fit is left out, and
said.

`--json FILE` writes the rows: case, what, ours, torch, peer, in nanoseconds per edge.

For comparison, as others publish (their GPU is not named): cuEquivariance, first layer of MACE-MP "large", 160 000
edges, float32: 16 ns per edge forward, 72 backward (slides.geiger.ink/mace-profile).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import intertwine as tw
from intertwine.kernels import channelwise, product
from intertwine.ops import Convolution, Graph, graph
from intertwine.ops.convolve.llvm import channel_layout
from intertwine.ops.convolve.reference import convolve
from intertwine.plan import Plan
from tests import plans
from tests.ops.test_compiled_convolution import HAND_MADE, PLANS, derivatives, edges_of, some, values

START = time.monotonic()
CHECKS_END, END = START + 180, START + 300
DEVICE = "cuda"
DTYPES = {torch.float32: 3e-5, torch.float64: 1e-12, torch.bfloat16: 5e-2}
IN_ALL_DTYPES = ("few channels", "odd channels")  # each takes programs of its own, half a second of compiling each
CASES = {
    "NequIP, 32 channels, l ≤ 1": ("32x0e + 32x0o + 32x1e + 32x1o", 1, "0e 0o 1e 1o", 200_000),
    "NequIP, 64 channels, l ≤ 2": ("64x0e + 64x0o + 64x1e + 64x1o + 64x2e + 64x2o", 2, "0e 0o 1e 1o 2e 2o", 60_000),
    "MACE-MP, 128 channels, l ≤ 3": ("128x0e + 128x1o + 128x2e", 3, "0e 1o 2e 3o", 60_000),
    "SevenNet, 128 to 32 channels, l ≤ 2": ("128x0e + 64x1o + 32x2e", 2, "0e 1o 2e", 100_000),
    "NequIP, 64 channels, l ≤ 3": (
        "64x0e + 64x0o + 64x1e + 64x1o + 64x2e + 64x2o + 64x3e + 64x3o", 3, "0e 0o 1e 1o 2e 2o 3e 3o", 20_000,
    ),
}  # fmt: skip
KINDS = ("forward", "first gradients", "second gradients")


def to_device(where: Graph) -> Graph:
    return Graph(*(part.to(DEVICE) for part in where))


def check_all() -> None:
    """Stop unless all plans of the tests are computed as they are defined."""
    others = {name: plan for name, plan in (plans.PLANS | plans.OTHERS).items() if channel_layout(plan) is not None}
    for name, plan in {**PLANS, **HAND_MADE, **others}.items():
        if time.monotonic() > CHECKS_END:
            print(f"{name}: left out, since the time is up")
            continue
        for dtype, tolerance in DTYPES.items() if name in IN_ALL_DTYPES else [*DTYPES.items()][:1]:
            for where in (some(), some(40, 300), some(5, 0)):
                worst = largest_difference(plan, where, dtype)
                if not worst <= tolerance:
                    raise SystemExit(f"{name}, {dtype}: differs by {worst:.1e}, accepted {tolerance:.1e}.")
        print(f"{name}: right", flush=True)


def largest_difference(plan: Plan, where: Graph, dtype: torch.dtype) -> float:
    """Between the kernels, with and without a fixed order of sums, and the definition; relative to 1 + the largest."""
    given = values(plan, where, dtype)
    rounded = tuple(x.detach().double().requires_grad_() for x in given)
    exact = derivatives(lambda w, x, y: convolve(plan, w, x, y, edges_of(where), where.targets), rounded)
    convolution, there = Convolution(plan, backend="triton"), to_device(where)
    worst = 0.0
    for ordered in (False, True):
        torch.use_deterministic_algorithms(ordered)
        # The cotangents are drawn on the CPU, and so are the same for both.
        found = derivatives(lambda w, x, y: convolution(w.to(DEVICE), x.to(DEVICE), y.to(DEVICE), there).cpu(), given)
        for a, b in zip(found, exact, strict=True):
            if b.numel():
                difference = (a.double() - b).detach().abs().max() / (1 + b.detach().abs().max())
                worst = max(worst, float(difference.nan_to_num(torch.inf)))
    torch.use_deterministic_algorithms(False)
    return worst


def gpu_time(function: Callable[[], object], repeats: int = 20) -> float:
    """The median of the GPU's time for a call, in seconds."""
    for _ in range(3):
        function()
    times = []
    for _ in range(repeats):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) / 1e3)
    return float(np.median(times))


def runs(function: Callable[..., Tensor], given: list[Tensor], cotangent: Tensor) -> list[Callable[[], object]]:
    """The three things that are timed: forward alone, with first gradients, with second gradients."""
    along = [torch.randn_like(x) for x in given]

    def forward() -> None:
        with torch.no_grad():
            function(*given)

    def first() -> None:
        torch.autograd.grad(function(*given), given, cotangent)

    def second() -> None:
        g = cotangent.clone().requires_grad_()
        found = torch.autograd.grad(function(*given), given, g, create_graph=True)
        torch.autograd.grad(found, (*given, g), along)

    return [forward, first, second]


def time_case(name: str) -> list[dict[str, object]]:
    """The times of one product, in three ways."""
    features, degree, keep, edges = CASES[name]
    rep, harmonics = tw.O3.rep(features), tw.O3.harmonics(degree)
    out, instructions = channelwise(rep, harmonics, keep.split())
    (term,) = product((rep, harmonics, out), instructions).polynomial.terms
    points = edges // 30
    target = torch.arange(points, device=DEVICE).repeat_interleave(30)
    source = torch.randint(points, target.shape, device=DEVICE)
    where = graph(torch.stack([source, target]), points)
    sizes = [(points, rep.dim), (len(target), harmonics.dim), (len(target), term.plan.operands[0].size)]
    given = [torch.randn(*size, device=DEVICE, requires_grad=True) for size in sizes]
    sides = {}
    for side in ("triton", "torch"):
        convolution = Convolution(term.plan, backend=side).to(DEVICE)
        sides[side] = lambda x, y, w, c=convolution: c(w, x, y, where)
    if importlib.util.find_spec("e3nn") is not None:
        sides["e3nn"] = e3nn_convolution((rep, harmonics, out), instructions, where)
    cotangent, rows = torch.randn(points, out.dim, device=DEVICE), []
    timed = {side: runs(function, given, cotangent) for side, function in sides.items()}
    for number, what in enumerate(KINDS):
        found = {side: gpu_time(three[number]) / len(target) * 1e9 for side, three in timed.items()}
        rows.append({
            "case": name, "what": what, "ours": found["triton"], "torch": found["torch"], "peer": found.get("e3nn"),
        })  # fmt: skip
        print(name, what, *(f"{side} {ns:.2f} ns per edge" for side, ns in found.items()), sep=", ", flush=True)
    return rows


def e3nn_convolution(reps: tuple[tw.Rep, ...], instructions: list, where: Graph) -> Callable[..., Tensor]:
    """e3nn's, on features in its own order: the same work, on other numbers."""
    from e3nn import o3

    irreps = [o3.Irreps(str(rep).replace(" ", "")) for rep in reps]
    paths = [(i.first, i.second, i.output, "uvu", True) for i in instructions]
    peer = o3.TensorProduct(*irreps, paths, shared_weights=False, internal_weights=False).to(DEVICE)

    def convolve_edges(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        messages = peer(x[where.source], y, w)
        return messages.new_zeros(where.targets, messages.shape[1]).index_add(0, where.target, messages)

    return convolve_edges


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    path = parser.parse_args().json
    if not torch.cuda.is_available():
        raise SystemExit("This checks kernels on a GPU, and there is none here.")
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    check_all()
    rows: list[dict[str, object]] = []
    for name in CASES:
        if time.monotonic() > END:
            print(f"{name}: left out, since the time is up")
            continue
        rows += time_case(name)
    if path:
        path.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
