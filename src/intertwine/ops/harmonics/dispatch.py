"""Harmonics of directions: compiled where that can be, by the function that is given elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from intertwine.ops.choice import Choice, KernelModule, is_eager
from intertwine.ops.harmonics import compiled


class Harmonics(KernelModule):
    """The component-normalised harmonics `(..., K)` of the directions of vectors `(..., n)`, degrees 0 … degree.

    Args:
        function: the same in plain torch, `function(degrees, vectors)`.
        degree: the largest degree.
    """

    def __init__(self, function: Callable[..., Tensor], degree: int) -> None:
        super().__init__()
        self.function, self.degree = function, degree

    def plain(self, r: Tensor) -> Tensor:
        """The harmonics by the function that was given."""
        return self.function(range(self.degree + 1), r)

    def choose(self, r: Tensor) -> Choice:
        """The backend for such vectors, and why."""
        if self.degree > compiled.LARGEST:
            return Choice("torch", f"Kernels are compiled up to degree {compiled.LARGEST}.")
        if (obstacle := self.obstacle(r)) is not None:
            return Choice("torch", obstacle)
        return Choice("llvm", "Harmonics on a CPU run in a kernel compiled for their degree.")

    def forward(self, r: Tensor) -> Tensor:
        """The harmonics."""
        if self.choose(r).backend == "torch":
            return self.plain(r)
        rows = r.reshape(-1, r.shape[-1])
        if is_eager(r):
            found = compiled.eager_harmonics(self.plain, self.degree, rows)
        else:
            found = compiled.registered_harmonics(self.degree, rows)
        return found.reshape(*r.shape[:-1], found.shape[-1])

    def extra_repr(self) -> str:
        """The degree."""
        return f"degree={self.degree}"
