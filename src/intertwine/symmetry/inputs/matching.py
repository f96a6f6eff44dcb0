"""The symmetries of a cloud, numbered, and the groups that they make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intertwine.symmetry.inputs.greedy_closure import growing_groups
from intertwine.symmetry.inputs.search import displacements, fitted

FEW, ROUNDS = 10, 300
"""How often weights are adapted to make the largest distance small; at most, where it decides whether one counts."""

EXACT, ROUNDING = 1e-9, 1e-13
"""Residuals below this are not made smaller; below that they are none."""

Off = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""How far elements `(k, n, n)` with permutations `(k, N)` leave what points bear from where it is, `(k,)`."""


class Matcher:
    """The symmetries of a cloud that were found; it numbers them.

    A symmetry of a cloud that is not on a line is known by its permutation and its determinant, so that products of
    noisy symmetries are exact. Its element is the isometry that fits best (Procrustes).

    Args:
        points: positions about the centre `(N, n)`, the farthest at distance 1.
        off: what else counts as a residual.
    """

    def __init__(self, points: np.ndarray, off: Off | None = None) -> None:
        self.points, self.off = points, off
        size = points.shape[1]
        self.permutations, self.signs = [np.arange(len(points))], [1.0]
        self.elements, self.residuals, self.least = [np.eye(size)], [0.0], [0.0]
        self._numbers: dict[tuple[bytes, float], int] = {(self.permutations[0].tobytes(), 1.0): 0}

    def add(self, permutations: np.ndarray, signs: np.ndarray, tolerance: float = 0.0) -> None:
        """Number symmetries with permutations `(k, N)` and determinants `(k,)`.

        Those whose residual is at most twice a tolerance also get the least one that an isometry with their permutation
        has: the best fit may be off by a little more than others at the point where it matters.
        """
        keys = [(p.tobytes(), float(sign)) for p, sign in zip(permutations, signs, strict=True)]
        new = {key: place for place, key in enumerate(keys) if key not in self._numbers}
        places = list(new.values())
        permutations, signs = permutations[places], signs[places]
        g = fitted(self.points, self.points[permutations], signs)
        residuals = self._off(g, permutations)
        residuals[residuals < ROUNDING] = 0.0
        least, some = residuals.copy(), np.flatnonzero((residuals > EXACT) & (residuals <= 2 * tolerance))
        least[some] = np.minimum(residuals[some], self._least(permutations[some], signs[some], tolerance))
        for place, key in enumerate(new):
            self._numbers[key] = len(self.elements)
            self.elements.append(g[place])
            self.permutations.append(permutations[place])
            self.residuals.append(float(residuals[place]))
            self.least.append(float(least[place]))
            self.signs.append(float(signs[place]))

    def product(self, i: int, j: int) -> int:
        """The number of a product, which takes point k to π_i(π_j(k))."""
        permutation, sign = self.permutations[i][self.permutations[j]], self.signs[i] * self.signs[j]
        if (key := (permutation.tobytes(), sign)) not in self._numbers:
            self.add(permutation[None], np.array([sign]))
        return self._numbers[key]

    def groups(self, tolerance: float) -> list[tuple[float, list[int]]]:
        """The groups of symmetries up to a tolerance: from which tolerance on, and the numbers of their elements."""
        most = max(120, 4 * len(self.points))  # D_nh of a ring, and Ih, are the largest for so many points
        return growing_groups(self.least, self.residuals, self.product, tolerance, most=most)

    def _off(self, g: np.ndarray, permutations: np.ndarray) -> np.ndarray:
        """How far elements and permutations leave the cloud from where it is, `(k,)`."""
        off = displacements(self.points, g, permutations).max(1, initial=0.0)
        return np.asarray(off if self.off is None else np.maximum(off, self.off(g, permutations)))

    def _least(self, permutations: np.ndarray, signs: np.ndarray, tolerance: float) -> np.ndarray:
        """The least residuals `(k,)`, of those that are within a tolerance.

        In each round points that are far from their partners weigh more (Lawson 1961). The mean distance with these
        weights is never above the least residual.
        """
        least, left = np.full(len(permutations), np.inf), np.arange(len(permutations))
        weights = np.ones(permutations.shape)
        for count in range(ROUNDS):
            images = self.points[permutations[left]]
            g = fitted(self.points, weights[..., None] * images, signs[left])
            off = displacements(self.points, g, permutations[left])
            bound = np.sqrt((weights * off**2).sum(1) / weights.sum(1))
            least[left] = np.minimum(least[left], self._off(g, permutations[left]))
            goes = (bound <= tolerance) & (bound < (1 - EXACT) * least[left]) & (off.max(1) > EXACT)
            goes &= (least[left] > tolerance) | (count < FEW)
            left, weights = left[goes], (weights * off)[goes]
            if not len(left):
                break
            weights /= weights.max(1, keepdims=True)
        return least
