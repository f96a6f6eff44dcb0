"""Polynomials of features, row by row: compiled where that can be, in plain torch elsewhere, chosen at each call."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.choice import Choice, KernelModule, is_eager
from intertwine.ops.polynomial import compiled
from intertwine.ops.polynomial.channel_sum import channel_sum
from intertwine.ops.polynomial.llvm import MOST_SUMMANDS
from intertwine.ops.polynomial.reference import evaluate_rows
from intertwine.ops.polynomial.torch import MonomialSum
from intertwine.plan import Polynomial
from intertwine.plan.text import written_polynomial


class ChannelPolynomial(KernelModule):
    """`out[n] = polynomial(weights[index[n]], x[n])`: rows of features, whose weights are picked by a number.

    On a CPU, in float32 and float64, it runs in a kernel that is compiled for it at the first call (`compiled`).

    Args:
        polynomial: a function of weights and features, with one output, each channel by itself.
        backend: one of "llvm", "torch" and "reference" to have that and nothing else; by default the fastest.

    Raises `ArgumentError` for a polynomial that mixes channels, and on calls where a backend that was asked for cannot
    serve.
    """

    def __init__(self, polynomial: Polynomial, *, backend: str | None = None) -> None:
        super().__init__()
        self.polynomial, self.wanted = polynomial, backend
        self.plain = MonomialSum(channel_sum(polynomial))
        self.summands = len(self.plain.shape.summands)
        self.text = written_polynomial(polynomial) if self.summands <= MOST_SUMMANDS else ""

    def forward(self, weights: Tensor, x: Tensor, index: Tensor | None = None) -> Tensor:
        """The outputs `(N, size)`.

        Args:
            weights: `(Z, size)`.
            x: the features `(N, size)`.
            index: which weights each row takes, `(N,)` integers; None for the first in all rows.
        """
        backend = self.choose(weights, x, index).backend
        if backend == "torch":
            return self.plain(weights, x, index)  # type: ignore[no-any-return]
        where = x.new_zeros(x.shape[0], dtype=torch.int64) if index is None else index.long()
        if backend == "reference":
            return evaluate_rows(self.polynomial, weights, x, where)
        if is_eager(weights, x, where):
            return compiled.eager_polynomial(self._plain, self.text, where, x, weights)
        return compiled.registered_polynomial(self.text, where, x, weights)

    def choose(self, weights: Tensor, x: Tensor, index: Tensor | None = None) -> Choice:  # noqa: ARG002 (as forward)
        """The backend for such inputs, and why."""
        obstacle = self.obstacle(x, weights)
        if not self.text:
            obstacle = f"Polynomials of up to {MOST_SUMMANDS} summands are compiled, but this one has {self.summands}."
        return self.decided(self.wanted, obstacle, "A polynomial on a CPU runs in a kernel compiled for it.")

    def _plain(self, places: tuple[Tensor, ...], x: Tensor, weights: Tensor) -> Tensor:
        """The same for derivatives in torch's own operations."""
        return self.plain(weights, x, *places)  # type: ignore[no-any-return]
