"""How much faster than others' are the harmonics of directions? `python benchmarks/harmonics.py`, with the peers.

Values of 16 000 directions alone, with gradients, and with the second gradients that training on forces takes, beside
e3nn and sphericart; in float32, eagerly, CPU time of one thread, the least of several calls, outputs
compared first.

`--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the table of docs/speed.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sphericart.torch as sphericart
import torch
from e3nn import o3
from timing import Row, cpu_time, markdown, put_into, record, require_equal
from torch import Tensor

from intertwine.ops import Harmonics
from intertwine.reps.harmonics import harmonics_function

NUMBER = 16_000
DEGREES = (1, 3, 6)
TARGETS = {(3, "values"): 5, (3, "with gradients"): 12, (6, "values"): 15, (6, "with gradients"): 45}
"""The most nanoseconds for a vector."""

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"


class Sphericart:
    """sphericart's harmonics, in our order of axes and our norm."""

    def __init__(self, degree: int) -> None:
        self.function = sphericart.SphericalHarmonics(degree)

    def __call__(self, r: Tensor) -> Tensor:
        return self.function(r)

    def in_our_norm(self, r: Tensor) -> Tensor:
        """The values to compare: sphericart's polar axis is z, ours is y."""
        return (4 * torch.pi) ** 0.5 * self(r[:, [2, 0, 1]])


def e3nn_harmonics(degree: int, r: Tensor) -> Tensor:
    return o3.spherical_harmonics([*range(degree + 1)], r, normalize=True, normalization="component")


def kinds(function: Callable[[Tensor], Tensor], r: Tensor, g: Tensor) -> dict[str, Callable[[], object]]:
    """What is timed."""
    r, g = r.clone().requires_grad_(), g.clone().requires_grad_()

    def values() -> None:
        with torch.no_grad():
            function(r)

    def second() -> None:
        (found,) = torch.autograd.grad(function(r), r, g, create_graph=True)
        torch.autograd.grad(found, (r, g), torch.ones_like(found))

    first = partial(lambda: torch.autograd.grad(function(r), r, g))
    return {"values": values, "with gradients": first, "with second gradients": second}


def case(degree: int) -> list[Row]:
    ours, theirs = Harmonics(harmonics_function(3), degree), partial(e3nn_harmonics, degree)
    other = Sphericart(degree)
    r, g = torch.randn(NUMBER, 3), torch.randn(NUMBER, (degree + 1) ** 2)
    require_equal(f"degree {degree}, e3nn", ours(r).numpy(), theirs(r).numpy(), 1e-5)
    require_equal(f"degree {degree}, sphericart", ours(r).numpy(), other.in_our_norm(r).numpy(), 1e-5)
    mine, rows = kinds(ours, r, g), []
    for name, function in (("e3nn", theirs), ("sphericart", other)):
        for what, call in kinds(function, r, g).items():
            if name == "sphericart" and what == "with second gradients":
                continue  # it computes them only where it is made for them, with Hessians in memory
            a, b = (cpu_time(f, 25, min) / NUMBER * 1e9 for f in (mine[what], call))
            rows.append(Row(f"l ≤ {degree}", what, name, "ns per vector", a, b))
            if name == "e3nn" and (goal := TARGETS.get((degree, what))):
                rows.append(Row(f"l ≤ {degree}", what, "", "ns per vector", a, None, goal))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = [row for degree in DEGREES for row in case(degree)]
    for row in found:
        print(row)
    record(found, options.json)
    if options.docs:
        put_into(PAGE, "benchmarks/harmonics.py", markdown([row for row in found if row.peer_name]))
