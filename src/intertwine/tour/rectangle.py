"""Stories 1 to 3: rectangle to square, square to rectangle, and what was missing (after Smidt's tutorial of 2019)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import SO3
from intertwine.data.shapes import rectangle, square
from intertwine.reps import spherical_harmonics
from intertwine.symmetry import CurieReport, OrderParameters, curie_check, loss_floor, order_parameters
from intertwine.testing import act

SIGNAL_DEGREE = 5
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


def no_progress(_what: str, _share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Task:
    """Points `(4, 3)` that are to move, where to, and the features `(4, 36)` that they bear."""

    start: np.ndarray
    finish: np.ndarray
    features: np.ndarray


@dataclass(frozen=True, eq=False)
class TaskResult:
    """What one task showed."""

    task: Task  # the points before and after, and their features
    losses: np.ndarray  # the mean squared error, `(seeds, steps)`
    floor: float  # the loss that no equivariant network can beat, from symmetry alone
    output: np.ndarray  # the trained output at each point, `(4, 36)`, of the first seed
    rotation: np.ndarray  # a random rotation
    rotated_output: np.ndarray  # the output for the rotated input, `(4, 36)`
    equivariance: float  # the largest relative difference between that and the rotated output, over all seeds

    @property
    def final(self) -> np.ndarray:
        """The last loss of each seed."""
        return self.losses[:, -1]


class TutorialNetwork(Module):
    """Three convolutions over all pairs of points, gates between them; degrees 0 … 5, one channel each.

    The radial functions: 3 cosines up to 3.0, three hidden layers of 100.
    """

    def __init__(self) -> None:
        super().__init__()
        features = SO3.harmonics(SIGNAL_DEGREE)
        gated = nn.Gate(features).rep_in
        self.convolutions = torch.nn.ModuleList(
            nn.PointConv(
                features,
                out,
                radial=nn.radial.CosineBasis(3.0, 3),
                hidden=(100, 100, 100),
                activation=lambda x: F.softplus(x, beta=5),
                neighbours=3,
            )
            for out in (gated, gated, features)
        )
        self.gate = nn.Gate(features)
        self.reps_in, self.rep_out = (features, SO3.defining), features  # for intertwine.testing

    def forward(self, x: Tensor, points: Tensor) -> Tensor:
        """The output `(N, 36)` for features `(N, 36)` on points `(N, 3)`."""
        pairs = torch.cartesian_prod(torch.arange(len(points)), torch.arange(len(points))).T
        edges = pairs[:, pairs[0] != pairs[1]]
        vectors = points[edges[1]] - points[edges[0]]
        first, second, last = self.convolutions
        x = self.gate(first(x, edges, vectors))
        x = self.gate(second(x, edges, vectors))
        return last(x, edges, vectors)  # type: ignore[no-any-return]


def peaks(displacements: np.ndarray) -> np.ndarray:
    """Signals `(N, 36)` on the sphere whose peak, at each point, has the direction and length of the displacement.

    `|v| · 4π/(L + 1)² · Y(v/|v|)`: a Dirac peak up to degree L, scaled so that its value in its direction is |v|.
    """
    lengths = np.linalg.norm(displacements, axis=1, keepdims=True)
    harmonics = spherical_harmonics(range(SIGNAL_DEGREE + 1), displacements, "integral")
    return np.asarray(lengths * 4 * np.pi / (SIGNAL_DEGREE + 1) ** 2 * harmonics)


def scalars_on_points(count: int) -> np.ndarray:
    """Features `(count, 36)`: the number 1 at every point, nothing else."""
    x = np.zeros((count, SO3.harmonics(SIGNAL_DEGREE).dim))
    x[:, 0] = 1.0
    return x


def square_to_rectangle_asked() -> tuple[CurieReport, OrderParameters]:
    """Whether any equivariant map can do story 2, and what would have to be added to its input."""
    report = curie_check(square(), peaks(rectangle() - square()), rep_out=SO3.harmonics(SIGNAL_DEGREE))
    return report, order_parameters(report, SIGNAL_DEGREE)


def rectangle_to_square(
    seeds: int = 5, steps: int = 300, seed: int = 0, progress: Progress = no_progress
) -> TaskResult:
    """Story 1: a rectangle is less symmetric than a square; the network learns to distort it into one."""
    return run_task(Task(rectangle(), square(), scalars_on_points(4)), seeds, steps, seed, progress)


def square_to_rectangle(
    seeds: int = 5, steps: int = 300, seed: int = 0, progress: Progress = no_progress
) -> TaskResult:
    """Story 2: the reverse cannot be learned. The floor says so before training, and training arrives there."""
    return run_task(Task(square(), rectangle(), scalars_on_points(4)), seeds, steps, seed, progress)


def square_to_rectangle_with_order_parameter(
    seeds: int = 5, steps: int = 300, seed: int = 0, progress: Progress = no_progress
) -> TaskResult:
    """Story 3: what `order_parameters` puts first, 0.1 of it at every point, tells the square its x from its y."""
    features, proposed = scalars_on_points(4), square_to_rectangle_asked()[1][0]  # x² − y²
    features[:, SO3.harmonics(SIGNAL_DEGREE).slices[proposed.irrep.degree]] = 0.1 * proposed.vector
    return run_task(Task(square(), rectangle(), features), seeds, steps, seed, progress)


def run_task(task: Task, seeds: int, steps: int, seed: int, progress: Progress) -> TaskResult:
    """Predict the floor, train a few networks to move the points, and turn the input to see the output turn."""
    rep, target = SO3.harmonics(SIGNAL_DEGREE), peaks(task.finish - task.start)
    floor = loss_floor(task.start, target, rep, features=task.features, rep_in=rep)
    x, y, points = (torch.tensor(array, dtype=torch.float64) for array in (task.features, target, task.start))
    g = SO3.sample(1, seed)[0]
    losses, outputs, turned, errors = [], [], [], []
    for number in range(seeds):
        torch.manual_seed(seed + number)
        network = TutorialNetwork().double()
        told = partial(_share, progress, number, seeds)
        losses.append(descend(network, lambda f: F.mse_loss(f(x, points), y), steps, 1e-3, told))
        with torch.no_grad():
            outputs.append(network(x, points))
            turned.append(network(act(rep, g, x), act(SO3.defining, g, points)))
        errors.append(float((turned[-1] - act(rep, g, outputs[-1])).abs().max() / outputs[-1].abs().max()))
    return TaskResult(task, np.array(losses), floor, outputs[0].numpy(), g, turned[0].numpy(), max(errors))


def _share(progress: Progress, number: int, seeds: int, share: float) -> None:
    progress("training", (number + share) / seeds)


def descend(
    network: Module, loss: Callable[[Module], Tensor], steps: int, rate: float, progress: Callable[[float], None]
) -> list[float]:
    """Steps of Adam on the loss of a network; its values before each."""
    optimizer = torch.optim.Adam(network.parameters(), rate)
    losses = []
    for step in range(steps):
        value = loss(network)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        progress((step + 1) / steps)
    return losses
