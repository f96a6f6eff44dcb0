"""The loss that no equivariant network can beat: Curie's principle as a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.limits.curie import attainable, resolution


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

    `|y − P y|² / numbers`, where P averages over the symmetry of the input. It is 0 when the target is at least as
    symmetric as the input (Curie's principle), up to rounding, and training stops at it when it is not. `curie_check`
    says why.

    Args:
        points: positions `(N, n)`, or `Points` with labels and features; only differences matter, so networks are taken
            to be translation invariant.
        targets: the wanted output at each point, `(N, rep_out.dim)`, or the one output wanted for the whole cloud, such
            as an energy or a dipole, `(rep_out.dim,)`.
        rep_out: the rep of the output; its group, SO(2), O(2), SO(3) or O(3), is the network's.
        features: input features `(N, rep_in.dim)`; default none, or equal invariants.
        rep_in: the rep of the features.
        labels: a kind for each point.
        tolerance: below it, relative to the size of the cloud, deviations from symmetry are ignored.

    Returns:
        The floor of the mean squared error over all N · rep_out.dim (or rep_out.dim) numbers.

    Raises `ArgumentError` for features without their rep or of another group, and the errors of `curie_check`.

    Source: Smidt, Geiger, Miller 2021 (doi:10.1103/PhysRevResearch.3.L012002).

    >>> from intertwine.catalog import O3
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> stretch = square * [-0.5, 0.5, 0]  # displacements that make it a rectangle
    >>> round(loss_floor(square, stretch, O3.rep("1x1o")), 7)  # all of the target
    0.0416667
    >>> loss_floor(square, [0, 0, 1], O3.rep("1x1o"))  # a dipole of the whole square: all of it too
    0.3333333333333333
    """
    rep_out = as_rep(rep_out)
    if isinstance(points, Points):
        cloud = replace(points, labels=points.labels if labels is None else labels)
        features = points.features if features is None else features
    else:
        cloud = Points(to_numpy(points), labels)
    if (features is None) != (rep_in is None):
        raise ArgumentError("Features and their rep come together: pass features=… and rep_in=….")
    rep = None if rep_in is None else as_rep(rep_in)
    if rep is not None and rep.group != rep_out.group:
        raise ArgumentError(f"One group moves both, but got features of {rep.group} and targets of {rep_out.group}.")
    cloud = replace(cloud, features=None if features is None else to_numpy(features))
    H = stabiliser(cloud, rep=rep, group=rep_out.group, tolerance=tolerance)  # type: ignore[arg-type]
    y = to_numpy(targets)
    floor = float(np.mean((y - attainable(y, H, rep_out)) ** 2))
    return floor if floor > resolution(targets, cloud) ** 2 else 0.0
