"""Clouds of points with labels and features, and crystals, as inputs to the questions about symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Points:
    """A cloud of points: positions, kinds, and a vector of a rep at each point; with a cell, a crystal.

    Args:
        positions: `(N, 2)` or `(N, 3)`; only differences matter.
        labels: a kind for each point, `(N,)`; only points of one kind may be exchanged.
        features: numbers at each point, `(N, rep.dim)`; the rep is given where the cloud is used.
        cell: for a crystal, the vectors of its cell as rows `(3, 3)`. A cell of zeros is none: a molecule.
        periodic: which vectors of the cell are periods, three booleans; None for all three. Two make a layer, one a
            rod, none a molecule; vectors that are no periods do not matter, and may be zero.
        precision: how far positions are rounded, as a length in their unit: half a unit of the last digit that a file
            prints. Symmetries count up to what that can cause, whatever the tolerance. 0: not known to be rounded.

    >>> Points(np.eye(3), labels=[0, 0, 1]).positions.shape
    (3, 3)
    """

    positions: np.ndarray
    labels: Sequence[int] | np.ndarray | None = None
    features: np.ndarray | None = None
    cell: np.ndarray | None = None
    periodic: Sequence[bool] | np.ndarray | None = None
    precision: float = 0.0
