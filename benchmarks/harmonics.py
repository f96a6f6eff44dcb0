"""How much faster than e3nn's are the harmonics of directions? `python benchmarks/e3nn_harmonics.py`, with e3nn.

Values of 16 000 directions alone, and with gradients; in float32, one thread, CPU time, outputs compared first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from e3nn import o3
from timing import cpu_time, require_equal

from intertwine.ops import Harmonics
from intertwine.reps.harmonics import harmonics_function

torch.set_num_threads(1)
NUMBER = 16_000


def gradient(function: Callable[[torch.Tensor], torch.Tensor], r: torch.Tensor, g: torch.Tensor) -> None:
    torch.autograd.grad(function(r), r, g)


def case(degree: int) -> None:
    ours = Harmonics(harmonics_function(3), degree)
    r = torch.randn(NUMBER, 3)
    s, g = r.clone().requires_grad_(), torch.randn(NUMBER, (degree + 1) ** 2)

    def theirs(r: torch.Tensor) -> torch.Tensor:
        return o3.spherical_harmonics([*range(degree + 1)], r, normalize=True, normalization="component")

    require_equal(f"degree {degree}", ours(r).numpy(), theirs(r).numpy(), 1e-5)
    values = [cpu_time(partial(function, r), 15) for function in (ours, theirs)]
    gradients = [cpu_time(partial(gradient, function, s, g), 15) for function in (ours, theirs)]
    for what, (a, b) in (("values", values), ("with gradients", gradients)):
        a, b = a / NUMBER * 1e9, b / NUMBER * 1e9
        print(f"degree {degree}, {what}: {a:.1f} ns per vector, e3nn {b:.0f}: {b / a:.0f} ×")


if __name__ == "__main__":
    torch.manual_seed(0)
    for degree in (1, 3, 6):
        case(degree)
