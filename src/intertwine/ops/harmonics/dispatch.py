"""Harmonics of directions: compiled where that can be, by the function that is given elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from intertwine._arrays import is_tracing
from intertwine.ops.choice import PLAIN, Choice, is_transformed, trouble
from intertwine.ops.harmonics import compiled


class Harmonics(nn.Module):
    """The component-normalised harmonics `(..., K)` of the directions of vectors `(..., n)`, degrees 0 … degree.

    Args:
        function: the same in plain torch, `function(degrees, vectors)`.
        degree: the largest degree.
    """

    def __init__(self, function: Callable[..., Tensor], degree: int) -> None:
        super().__init__()
        self.function, self.degree = function, degree
        self._look()

    def _look(self) -> None:
        """See what this machine can do: here, since compiled code cannot look."""
        self.trouble = trouble() if self.degree <= compiled.LARGEST else "Kernels are compiled up to degree 12."

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._look()  # files come from other machines

    def plain(self, r: Tensor) -> Tensor:
        """The harmonics by the function that was given."""
        return self.function(range(self.degree + 1), r)

    def choose(self, r: Tensor) -> Choice:
        """The backend for such vectors, and why."""
        if r.device.type != "cpu" or r.dtype not in (torch.float32, torch.float64):
            return Choice("torch", f"Kernels take float32 and float64 on the CPU, but got {r.dtype} on {r.device}.")
        if is_tracing() or (not torch.compiler.is_compiling() and is_transformed()):
            return Choice("torch", "Functional transforms, forward mode and tracing take torch's own operations.")
        if self.trouble is not None:
            return Choice("torch", self.trouble)
        return Choice("llvm", "Harmonics on a CPU run in a kernel compiled for their degree.")

    def forward(self, r: Tensor) -> Tensor:
        """The harmonics."""
        if self.choose(r).backend == "torch":
            return self.plain(r)
        rows = r.reshape(-1, r.shape[-1])
        if torch.compiler.is_compiling() or type(r) not in PLAIN:
            found = compiled.registered_harmonics(self.degree, rows)
        else:
            found = compiled.eager_harmonics(self.plain, self.degree, rows)
        return found.reshape(*r.shape[:-1], found.shape[-1])

    def extra_repr(self) -> str:
        """The degree."""
        return f"degree={self.degree}"
