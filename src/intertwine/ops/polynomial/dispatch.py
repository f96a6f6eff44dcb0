"""Polynomials of features, row by row: compiled where that can be, in plain torch elsewhere, chosen at each call."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.ops.choice import Choice, KernelModule, is_eager
from intertwine.ops.contract import Contraction
from intertwine.ops.polynomial import compiled
from intertwine.ops.polynomial.llvm import MOST_SUMMANDS, channel_sum
from intertwine.plan import Polynomial
from intertwine.plan.text import written_polynomial


class ChannelPolynomial(KernelModule):
    """`out[n] = polynomial(weights[index[n]], x[n])`: rows of features, whose weights are picked by a number.

    Polynomials channel by channel on a CPU, in float32 and float64, run in a kernel that is compiled for them at the
    first call (`compiled`). All others contract the features with the coefficients one factor after the other.

    Args:
        polynomial: a function of weights and features, with one output.
        backend: one of "llvm", "torch" and "reference" to have that and nothing else; by default the fastest.

    Raises on calls `ArgumentError` where a backend that was asked for cannot serve.
    """

    def __init__(self, polynomial: Polynomial, *, backend: str | None = None) -> None:
        super().__init__()
        self.polynomial, self.wanted = polynomial, backend
        shape = channel_sum(polynomial)
        self.summands = None if shape is None else len(shape.summands)
        fits = self.summands is not None and self.summands <= MOST_SUMMANDS
        self.text = written_polynomial(polynomial) if fits else ""
        self.contractions = nn.ModuleList(
            Contraction(term.plan, reference=backend == "reference") for term in polynomial.terms
        )

    def forward(self, weights: Tensor, x: Tensor, index: Tensor | None = None) -> Tensor:
        """The outputs `(N, size)`.

        Args:
            weights: `(Z, size)`.
            x: the features `(N, size)`.
            index: which weights each row takes, `(N,)` integers; None for the first in all rows.
        """
        if self.choose(weights, x, index).backend != "llvm":
            return self._in_torch(weights, x, index)
        where = x.new_zeros(x.shape[0], dtype=torch.int64) if index is None else index.long()
        if is_eager(weights, x, where):
            return compiled.eager_polynomial(self._plain, self.text, where, x, weights)
        return compiled.registered_polynomial(self.text, where, x, weights)

    def choose(self, weights: Tensor, x: Tensor, index: Tensor | None = None) -> Choice:  # noqa: ARG002 (as forward)
        """The backend for such inputs, and why."""
        obstacle = self._obstacle(weights, x)
        return self.decided(
            self.wanted, obstacle, "A channel-wise polynomial on a CPU runs in a kernel compiled for it."
        )

    def _obstacle(self, weights: Tensor, x: Tensor) -> str | None:
        """Why the compiled kernels cannot serve; None where they can."""
        if self.summands is None:
            return "Only channel-wise polynomials (weights u, factors au, bu, …, output zu) are compiled."
        if self.summands > MOST_SUMMANDS:
            return f"Polynomials of up to {MOST_SUMMANDS} summands are compiled, but this one has {self.summands}."
        return self.obstacle(x, weights)

    def _plain(self, places: tuple[Tensor, ...], x: Tensor, weights: Tensor) -> Tensor:
        """The same for derivatives in torch's own operations."""
        return self._in_torch(weights, x, *places)

    def _in_torch(self, weights: Tensor, x: Tensor, index: Tensor | None) -> Tensor:
        given = weights[0] if index is None else weights.index_select(0, index)
        out = x.new_zeros((x.shape[0], *self.polynomial.outputs))
        for term, contraction in zip(self.polynomial.terms, self.contractions, strict=True):
            out = out + contraction(given, *(len(term.inputs) - 1) * (x,))
        return out
