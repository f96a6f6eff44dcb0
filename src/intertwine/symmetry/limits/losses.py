"""The floor of losses other than the mean squared error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.symmetry.limits.curie import CurieReport

Loss = Callable[[Tensor, Tensor], Tensor]


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
