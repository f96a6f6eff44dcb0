"""The definition: a row of weights for each row of features, and the polynomial of both."""

from __future__ import annotations

from torch import Tensor

from intertwine.ops.contract.reference import evaluate
from intertwine.plan import Polynomial


def evaluate_rows(polynomial: Polynomial, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """`out[n] = polynomial(weights[index[n]], x[n])`.

    Args:
        polynomial: a function of weights and features, with one output.
        weights: `(Z, size)`.
        x: the features `(N, size)`.
        index: which weights each row takes, `(N,)` integers.
    """
    return evaluate(polynomial, weights[index], x)[0]
