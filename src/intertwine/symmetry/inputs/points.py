"""Clouds of points with labels and features, and crystals, as inputs to the questions about symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.symmetry.inputs.lattices import Lattice, lattice_of


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

    @property
    def kinds(self) -> np.ndarray:
        """The number of the kind of each point, `(N,)`."""
        if self.labels is None:
            return np.zeros(len(self.positions), dtype=np.int64)
        return np.asarray(np.unique(np.asarray(self.labels), return_inverse=True)[1])

    @property
    def lattice(self) -> Lattice | None:
        """The periods of a crystal, a layer or a rod; None for a cloud or molecule.

        Raises `ShapeError` and `ArgumentError` for a cell that is none: NaN, or vectors in a plane.
        """
        cell = None if self.cell is None else to_numpy(self.cell)
        return lattice_of(cell, self.periodic, to_numpy(self.positions))

    @property
    def scale(self) -> float:
        """The length that residuals and tolerances are relative to.

        In a cloud the distance of the farthest point from the centre, in a crystal the cube root of the volume per
        atom.
        """
        positions = to_numpy(self.positions)
        if (lattice := self.lattice) is not None:
            return lattice.scale(len(positions))
        return float(np.linalg.norm(positions - positions.mean(0), axis=1).max(initial=0.0))
