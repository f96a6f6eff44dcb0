"""How much faster are e3nn's own products behind its names? `python benchmarks/facade_products.py`, with e3nn 0.6.

The same call on e3nn and on `intertwine.interop.e3nn`, in one process, in float32: outputs and gradients are compared
first. CPU time of one thread, the least of several, both sides in turn; from one row, where only Python counts, to ten
thousand. `--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the table of docs/speed.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from e3nn import o3 as peer_o3
from timing import Row, cpu_time, markdown, put_into, record, require_equal
from torch import Tensor

from intertwine.interop.e3nn import o3 as our_o3

torch.set_num_threads(1)
warnings.filterwarnings("ignore", module="e3nn")

ROOT = Path(__file__).resolve().parents[1]
ROWS = (1, 10, 100, 1000, 10_000)
TARGET = 1.0
L2 = "32x0e + 32x1o + 32x2e"
UUU = [(0, 0, 0, "uuu", True), (0, 1, 1, "uuu", True), (1, 1, 0, "uuu", True)]
CASES: dict[str, Callable[[Any], Any]] = {
    "ElementwiseTensorProduct, 1x1o": lambda o3: o3.ElementwiseTensorProduct("1x1o", "1x1o"),
    "ElementwiseTensorProduct, 8x1o, kept 0e + 2e": lambda o3: o3.ElementwiseTensorProduct(
        "8x1o", "8x1o", ["0e", "2e"]
    ),
    "ElementwiseTensorProduct, 32 channels, l ≤ 2": lambda o3: o3.ElementwiseTensorProduct(L2, L2),
    "ElementwiseTensorProduct, gates": lambda o3: o3.ElementwiseTensorProduct("128x1o + 64x2e", "192x0e"),
    "FullTensorProduct, 1 channel, l ≤ 2": lambda o3: o3.FullTensorProduct("1x0e + 1x1o + 1x2e", "1x0e + 1x1o + 1x2e"),
    "FullTensorProduct, 4 channels, l ≤ 1": lambda o3: o3.FullTensorProduct("4x0e + 4x1o", "4x0e + 4x1o"),
    "FullTensorProduct, 8 and 1, l ≤ 2": lambda o3: o3.FullTensorProduct("8x0e + 8x1o", "1x0e + 1x1o + 1x2e"),
    "TensorSquare, 1 channel, l ≤ 2": lambda o3: o3.TensorSquare("1x0e + 1x1o + 1x2e"),
    "TensorSquare, 4 channels, l ≤ 1": lambda o3: o3.TensorSquare("4x0e + 4x1o"),
    "TensorSquare, 16 channels, l ≤ 1": lambda o3: o3.TensorSquare("16x0e + 16x1o"),
    "TensorSquare with weights, 8 channels": lambda o3: o3.TensorSquare("8x0e + 8x1o", "8x0e + 8x1o + 8x2e"),
    "Norm, 1x1o": lambda o3: o3.Norm("1x1o"),
    "Norm, 32 channels, l ≤ 2": lambda o3: o3.Norm(L2),
    "TensorProduct, uuu": lambda o3: o3.TensorProduct(*3 * ["16x0e + 16x1o"], UUU),
    "TensorProduct, uuw, 8 to 16": lambda o3: o3.TensorProduct("8x1o", "8x1o", "16x0e", [(0, 0, 0, "uuw", True)]),
    "TensorProduct, uuw, 64 to 64": lambda o3: o3.TensorProduct("64x1o", "64x1o", "64x0e", [(0, 0, 0, "uuw", True)]),
    "TensorProduct, uvuv, 8 and 4": lambda o3: o3.TensorProduct("8x1o", "4x1o", "32x0e", [(0, 0, 0, "uvuv", True)]),
    "TensorProduct, uvv, 1 and 16": lambda o3: o3.TensorProduct("1x1o", "16x1o", "16x0e", [(0, 0, 0, "uvv", True)]),
    "TensorProduct, uvu, 32 and 1": lambda o3: o3.TensorProduct("32x1o", "1x1o", "32x0e", [(0, 0, 0, "uvu", True)]),
    "FullyConnectedTensorProduct, 1 channel": lambda o3: o3.FullyConnectedTensorProduct(*3 * ["1x0e + 1x1o"]),
    "FullyConnectedTensorProduct, 4 channels": lambda o3: o3.FullyConnectedTensorProduct(
        "4x0e + 4x1o", "1x0e + 1x1o", "4x0e + 4x1o"
    ),
}
"""Products without weights, or with few; those of network size are in `products.py` and `convolution.py`."""


class Side:
    """A module, and what it is timed on."""

    def __init__(self, module: Any, inputs: list[Tensor]) -> None:
        self.module, self.inputs = module, [x.clone().requires_grad_() for x in inputs]
        self.leaves = [*self.inputs, *module.parameters()]

    def forward(self) -> Tensor:
        """The output alone."""
        with torch.no_grad():
            return self.module(*self.inputs)

    def gradients(self, cotangent: Tensor) -> tuple[Tensor, ...]:
        """The output, and gradients by everything."""
        return torch.autograd.grad(self.module(*self.inputs), self.leaves, cotangent)


def widths(module: Any) -> list[int]:
    """The sizes of its inputs."""
    alone = isinstance(module, peer_o3.Norm | peer_o3.TensorSquare)
    return [module.irreps_in.dim] if alone else [module.irreps_in1.dim, module.irreps_in2.dim]


def measured(name: str, ours: Any, peer: Any, count: int) -> list[Row]:
    """Forward, and with gradients, on so many rows."""
    inputs = [torch.randn(count, width) for width in widths(peer)]
    mine, theirs = Side(ours, inputs), Side(peer, inputs)
    require_equal(f"{name}, {count} rows", mine.forward().numpy(), theirs.forward().numpy(), 2e-5)
    cotangent = torch.randn_like(theirs.forward())
    for one, other in zip(mine.gradients(cotangent), theirs.gradients(cotangent), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * count**0.5)
    rows = []
    for what, runs in {
        "forward": (mine.forward, theirs.forward),
        "with gradients": (partial(mine.gradients, cotangent), partial(theirs.gradients, cotangent)),
    }.items():
        for run in runs:
            run()  # e3nn specialises at its second call
        calls = max(1, round(1e-3 / max(cpu_time(runs[0], 3), 1e-6)))
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(7):
            for found, run in zip(times, runs, strict=True):
                found.append(cpu_time(partial(repeated, run, calls), 1) / calls * 1e6)
        best = [min(found) for found in times]
        rows.append(Row(name, f"{what}, {count} row{'s' * (count > 1)}", "e3nn", "µs", *best, TARGET))
        print(rows[-1], flush=True)
    return rows


def repeated(run: Callable[[], object], calls: int) -> None:
    """A clock sees many short calls better than one."""
    for _ in range(calls):
        run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES, help="only this case")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    rows = []
    for name in options.case or CASES:
        torch.manual_seed(0)
        ours, peer = CASES[name](our_o3), CASES[name](peer_o3)
        ours.load_state_dict(peer.state_dict())
        for count in ROWS:
            rows += measured(name, ours, peer, count)
    record(rows, options.json)
    print(f"Targets missed: {sum(row.is_met is False for row in rows)} of {len(rows)}.")
    if options.docs:
        shown = [row for row in rows if row.what.split(", ")[1] in ("1 row", "100 rows", "10000 rows")]
        put_into(ROOT / "docs" / "speed.md", "facade products", markdown(shown))


if __name__ == "__main__":
    main()
