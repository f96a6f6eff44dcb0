"""The loss that no equivariant network can beat on one input: the mean squared error, and any other convex loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import to_numpy
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.limits.curie import CurieReport, curie_check

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_floor(
    points: np.ndarray | Points,
    targets: np.ndarray,
    rep_out: Rep | Irrep,
    *,
    features: np.ndarray | None = None,
    rep_in: Rep | Irrep | None = None,
    labels: Sequence[int] | np.ndarray | None = None,
    tolerance: float = 1e-6,
) -> float:
    """The mean squared error that no equivariant network can beat on one cloud of points, whatever its weights.

    It is the `floor` of `curie_check`, which says why: the mean of `|y − P y|²` over all numbers, where P averages over
    the symmetry of the input. It is 0 when the target is at least as symmetric as the input (Curie's principle).

    Args:
        points: positions `(N, n)`, or `Points` with labels and features.
        targets: the wanted output at each point, `(N, rep_out.dim)`, or the one output wanted for the whole cloud, such
            as an energy or a dipole, `(rep_out.dim,)`.
        rep_out: the rep of the output; its group, SO(2), O(2), SO(3) or O(3), is the network's.
        features: input features `(N, rep_in.dim)`; default none, or equal invariants.
        rep_in: the rep of the features.
        labels: a kind for each point.
        tolerance: below it, relative to the size of the cloud, deviations from symmetry are ignored.

    Raises `ArgumentError` for features without their rep or of another group, and the errors of `curie_check`.

    >>> from intertwine.catalog import O3
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> stretch = square * [-0.5, 0.5, 0]  # displacements that make it a rectangle
    >>> round(loss_floor(square, stretch, O3.rep("1x1o")), 7)  # all of the target
    0.0416667
    >>> loss_floor(square, [0, 0, 1], O3.rep("1x1o"))  # a dipole of the whole square: all of it too
    0.3333333333333333
    """
    cloud = points if isinstance(points, Points) else Points(to_numpy(points))
    cloud = cloud if labels is None else replace(cloud, labels=labels)
    cloud = cloud if features is None else replace(cloud, features=to_numpy(features))
    rep_out, rep_in = as_rep(rep_out), None if rep_in is None else as_rep(rep_in)
    if (cloud.features is None) != (rep_in is None):
        raise ArgumentError("Features and their rep come together: pass features=… and rep_in=….")
    if rep_in is not None and rep_in.group != rep_out.group:
        raise ArgumentError(f"One group moves both, but got features of {rep_in.group} and targets of {rep_out.group}.")
    return curie_check(cloud, targets, rep_in, rep_out, tolerance=tolerance).floor


def floor_of(report: CurieReport, loss: Loss, target: np.ndarray | Tensor | None = None) -> tuple[float, np.ndarray]:
    """The smallest value of a convex loss that an equivariant map can have, and the output that has it.

    The outputs that can be attained are the vectors that the symmetry H of the input fixes: z = P w. So the floor is
    the minimum of `loss(P w, target)` over w, a convex problem without constraints, solved by L-BFGS. For the mean
    squared error this is `report.floor`.

    Args:
        report: what `curie_check` said.
        loss: takes the output and the target, float64 tensors, to a number; convex in the output. Functions of
            `torch.nn.functional` do.
        target: what the loss compares with, where that is not the target of the report: class numbers, say.

    Raises `ArgumentError` if the loss does not give one number.

    >>> from torch.nn import functional as F
    >>> from intertwine.catalog import O3
    >>> from intertwine.symmetry import curie_check
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> hot = np.array([[5.0], [0], [0], [0]])  # one corner is to be told from the others
    >>> report = curie_check(square, hot, rep_out=O3.rep("1x0e"))
    >>> value, _ = floor_of(report, lambda z, _: F.cross_entropy(z.T, torch.tensor([0])))
    >>> round(value, 6)  # four corners look alike: log 4
    1.386294
    """
    elements, weights, permutations = report.H.averaging(report.rep_out.degree)
    matrices = torch.as_tensor(np.array(report.rep_out.evaluate(elements)))
    shares = torch.as_tensor(np.array(weights))
    places = None if permutations is None else torch.as_tensor(np.argsort(permutations, 1))
    given = np.where(np.abs(report.y) <= report.zero, 0.0, report.y) if target is None else target
    wanted = torch.as_tensor(given)

    def project(w: Tensor) -> Tensor:
        if w.ndim == 1 or places is None:
            return torch.einsum("h,hij,j->i", shares, matrices, w)
        moved = torch.einsum("hij,nj->hni", matrices, w)
        return torch.einsum("h,hni->ni", shares, torch.take_along_dim(moved, places[:, :, None], 1))

    w = torch.as_tensor(np.array(report.best_output)).clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [w], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def value() -> Tensor:
        found = loss(project(w), wanted)
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise ArgumentError("A loss gives one number for an output and a target, but got something else.")
        return found

    def step() -> Tensor:
        optimiser.zero_grad()
        found = value()
        found.backward()
        return found

    optimiser.step(step)
    with torch.no_grad():
        return float(value()), project(w).numpy()
