"""Living with several equally good answers: inputs that choose one, and losses that accept any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.group import Seed, generator
from intertwine.reps import Irrep
from intertwine.symmetry.curie import CurieReport, moved
from intertwine.symmetry.order import OrderParameter


@dataclass(frozen=True, eq=False)
class BreakingInputs:
    """The vectors that an order parameter becomes under the input's symmetry: one for each equally good answer.

    Args:
        irrep: their irrep.
        vectors: the distinct vectors `(k, irrep.dim)`, the order parameter itself first.
        answers: the target that each of them chooses, `(k, *target.shape)`.
    """

    irrep: Irrep
    vectors: np.ndarray
    answers: np.ndarray

    def sample(self, n: int, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
        """n of the vectors and their answers at random: log₂ k bits, the least that decides."""
        chosen = generator(seed).integers(len(self.vectors), size=n)
        return self.vectors[chosen], self.answers[chosen]


def breaking_inputs(report: CurieReport, parameter: OrderParameter) -> BreakingInputs:
    """The set of inputs that break an input's symmetry, closed under it: feed one of them, fixed or at random.

    An equivariant network that answers `y` to the order parameter w answers `h y` to `h w`; so with w drawn from the
    orbit of w under H, it draws from the equally good answers (Lawrence et al. 2025; Xie & Smidt 2024).

    Args:
        report: what `curie_check` said.
        parameter: a working one of `order_parameters(report)`.

    Raises `ArgumentError` for an order parameter that leaves a floor.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check, order_parameters
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> breaking_inputs(report, order_parameters(report)[0]).vectors.shape  # ±(x² − y²)
    (2, 5)
    """
    if parameter.floor > 1e-9 * report.power:
        raise ArgumentError(
            f"The order parameter {parameter.polynomial} leaves a floor of {parameter.floor:.3g}. Choose one of "
            "order_parameters(report).working."
        )
    H = report.H
    images = parameter.irrep.evaluate(H.elements) @ parameter.vector
    targets = moved(report.y, report.rep_out, H.elements, H.permutations)
    first = _distinct(images)
    return BreakingInputs(parameter.irrep, images[first], targets[first])


def _distinct(rows: np.ndarray) -> np.ndarray:
    """The places of the first occurrences of different rows, in order."""
    flat = rows.reshape(len(rows), -1)
    found: list[int] = []
    for i, row in enumerate(flat):
        if all(np.abs(row - flat[j]).max() > 1e-6 for j in found):
            found.append(i)
    return np.array(found)


class OrbitLoss(torch.nn.Module):
    """The smallest mean squared error to any of the equally good answers h y, h in H.

    For targets that pick one of |H : K| equivalent answers at random, where the mean squared error would teach their
    mean. Gradients are those of the nearest answer.

    Args:
        report: what `curie_check` said; H must be finite.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> loss = OrbitLoss(report)
    >>> float(loss(torch.tensor(square * [0.5, -0.5, 0])))  # the other rectangle is as good
    0.0
    """

    answers: Tensor

    def __init__(self, report: CurieReport) -> None:
        super().__init__()
        if report.H.continuous:
            raise ArgumentError("The input's symmetry is continuous: there are infinitely many equally good answers.")
        images = moved(report.y, report.rep_out, report.H.elements, report.H.permutations)
        self.register_buffer("answers", torch.tensor(images[_distinct(images)]), persistent=False)

    def forward(self, prediction: Tensor) -> Tensor:
        """The loss of a prediction of the target's shape, or of a batch `(..., *target.shape)`, averaged."""
        shape = self.answers.shape[1:]
        if tuple(prediction.shape[prediction.ndim - len(shape) :]) != tuple(shape):
            raise ShapeError(
                f"The target has the shape {tuple(shape)}, but predictions {tuple(prediction.shape)} came."
            )
        difference = prediction.unsqueeze(-len(shape) - 1) - self.answers.to(prediction)
        return (difference**2).flatten(-len(shape)).mean(-1).min(-1).values.mean()
