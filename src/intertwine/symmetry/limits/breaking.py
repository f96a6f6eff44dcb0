"""Living with several equally good answers: inputs that choose one, and losses that accept any."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.group import Seed, generator
from intertwine.reps import Irrep
from intertwine.symmetry.inputs.isotropy_group import moved
from intertwine.symmetry.limits.curie import CurieReport
from intertwine.symmetry.limits.orbit import Orbit, nearest_images
from intertwine.symmetry.limits.order_parameters import OrderParameter

# inputs that choose ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BreakingInputs:
    """The vectors that an order parameter becomes under the input's symmetry H: one for each equally good answer.

    Args:
        irrep: their irrep.
        vectors: the different vectors `(k, irrep.dim)`, or fields on the points `(k, N, irrep.dim)`, the order
            parameter first; only that one where there are infinitely many.
        answers: the target that each of them chooses, `(k, *target.shape)`.
        orbit: the vectors as an orbit of H.
        targets: the answers as an orbit of H.
    """

    irrep: Irrep
    vectors: np.ndarray
    answers: np.ndarray
    orbit: Orbit
    targets: Orbit

    @property
    def size(self) -> float:
        """How many vectors there are; infinite for some continuous symmetries."""
        return self.orbit.size

    @property
    def bits(self) -> float:
        """log₂ of their number: the randomness that decides."""
        return math.log2(self.size)

    def sample(self, n: int, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
        """n of the vectors and their answers at random, uniform over H: log₂ k bits, the least that decides."""
        if self.orbit.finite:
            chosen = generator(seed).integers(len(self.vectors), size=n)
            return self.vectors[chosen], self.answers[chosen]
        elements, permutations = self.orbit.sample(n, seed)
        vectors, targets = (moved(o.y, o.rep, elements, permutations) for o in (self.orbit, self.targets))
        return vectors, targets

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        finite = self.orbit.finite
        return {
            "irrep": self.irrep.label,
            "vectors": self.vectors.tolist(),
            "answers": self.answers.tolist(),
            "size": int(self.size) if finite else None,
            "bits": self.bits if finite else None,
        }

    def __str__(self) -> str:
        bits = f"{self.bits:.3g} bit{'' if self.bits == 1 else 's'}" if self.orbit.finite else ""
        count = f"{int(self.size)} inputs ({bits})" if self.orbit.finite else "infinitely many inputs"
        field = " at the points" if self.orbit.y.ndim == 2 else ""
        return f"{count}: {self.irrep.label} vectors{field}, the orbit of the order parameter under {self.orbit.H.name}"


def breaking_inputs(report: CurieReport, parameter: OrderParameter) -> BreakingInputs:
    """The set of inputs that break an input's symmetry, closed under it: feed one of them, fixed or at random.

    An equivariant network that answers `y` to the order parameter w answers `h y` to `h w`; so with w drawn from the
    orbit of w under H, it draws from the equally good answers (Lawrence et al. 2025). A continuous H
    may leave finitely many vectors (the two directions of an axis), or infinitely many, which are sampled.

    Args:
        report: what `curie_check` said.
        parameter: a working one of `order_parameters(report)`.

    Raises `ArgumentError` for an order parameter that leaves a floor.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check, order_parameters
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> print(breaking_inputs(report, order_parameters(report)[0]))  # ±(x² − y²)
    2 inputs (1 bit): 2e vectors, the orbit of the order parameter under D4h
    """
    if not report.reaches(parameter.floor):
        raise ArgumentError(
            f"The order parameter {parameter.polynomial} leaves a floor of {parameter.floor:.3g}. Choose one of "
            "order_parameters(report).working."
        )
    H = report.H
    orbit = Orbit(H, np.asarray(parameter.vector), parameter.irrep.irreps)
    targets = Orbit(H, report.y, report.rep_out)
    chosen = orbit.distinct if orbit.finite else orbit.distinct[:1]
    where = None if H.permutations is None else H.permutations[chosen]
    return BreakingInputs(
        irrep=parameter.irrep,
        vectors=moved(orbit.y, orbit.rep, H.elements[chosen], where),
        answers=moved(report.y, report.rep_out, H.elements[chosen], where),
        orbit=orbit,
        targets=targets,
    )


# losses that accept any -----------------------------------------------------------------------------------------------


class OrbitLoss(torch.nn.Module):
    """The smallest mean squared error to any of the equally good answers h y, h in H.

    For targets that pick one of |H : K| equivalent answers at random, where the mean squared error would teach their
    mean. Gradients are those of the nearest answer.

    Where H is continuous and the answers infinitely many, the nearest one is found by Newton steps from the best of a
    fine net of them; `excess` bounds what a wrong start can cost.

    Args:
        report: what `curie_check` said.

    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> report = curie_check(square, square * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))
    >>> loss = OrbitLoss(report)
    >>> float(loss(torch.tensor(square * [0.5, -0.5, 0])))  # the other rectangle is as good
    0.0
    """

    answers: Tensor
    tangents: Tensor

    def __init__(self, report: CurieReport) -> None:
        super().__init__()
        orbit = Orbit(report.H, report.y, report.rep_out)
        self.register_buffer("answers", torch.tensor(orbit.images), persistent=False)
        self.register_buffer("tangents", torch.tensor(orbit.tangents), persistent=False)
        self._degree = 0 if orbit.finite else orbit.degree
        self._rep_degree = report.rep_out.degree

    @property
    def excess(self) -> float:
        """How much larger than the true minimum the loss may be, over |prediction| |target| / numbers; 0 if exact.

        The inner product that is maximised has second derivatives of at most L² |p| |y| along the orbit, for degree L,
        and a point of the net lies within half a step, π / (degree + 1) for each angle, of its maximum.
        """
        return (len(self.tangents) * self._rep_degree * np.pi / (self._degree + 1)) ** 2 if self._degree else 0.0

    def forward(self, prediction: Tensor) -> Tensor:
        """The loss of a prediction of the target's shape, or of a batch `(..., *target.shape)`, averaged."""
        shape = self.answers.shape[1:]
        if tuple(prediction.shape[prediction.ndim - len(shape) :]) != tuple(shape):
            raise ShapeError(f"The target has the shape {tuple(shape)}, but got predictions {tuple(prediction.shape)}.")
        nearest = nearest_images(prediction.detach().double(), self.answers.double(), self.tangents.double())
        return ((prediction - nearest.to(prediction)) ** 2).mean()
