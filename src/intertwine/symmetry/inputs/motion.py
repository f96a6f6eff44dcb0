"""How far points move from one cloud or crystal to another that holds the same points."""

from __future__ import annotations

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.symmetry.inputs.clouds import Points
from intertwine.symmetry.inputs.lattices import Lattice


def motion(start: Points, finish: Points) -> np.ndarray:
    """How far each point moves, `(N, n)`, the mean left out; in a crystal to the nearest image, in its first cell."""
    before, after = to_numpy(start.positions), to_numpy(finish.positions)
    if start.lattice is None or finish.lattice is None:
        off = after - before
    else:
        (a, left), (b, right) = _along(before, start.lattice), _along(after, finish.lattice)
        off = (b - a - np.round(b - a)) @ start.lattice.cell[start.lattice.periodic] + right - left
    return np.asarray(off - off.mean(0))


def _along(positions: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Positions as parts of the periods, `(N, d)`, and what is left of them across, `(N, 3)`."""
    periods = lattice.cell[lattice.periodic]
    parts = positions @ np.linalg.pinv(periods)
    return parts, positions - parts @ periods


def are_shuffled(points: Points, off: np.ndarray) -> bool:
    """Whether points that move, `(N, n)`, would move less than half as far to places of other points of their kind."""
    from scipy.optimize import linear_sum_assignment

    positions, kinds = to_numpy(points.positions), points.kinds
    squares = np.sum((positions[:, None] - positions - off) ** 2, -1)
    squares = np.where(kinds[:, None] == kinds, squares, squares.max() * len(kinds))
    return bool(squares[linear_sum_assignment(squares)].sum() < np.sum(off**2) / 4)
