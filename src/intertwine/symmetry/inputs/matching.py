"""Where the points of a cloud go under orthogonal maps, and the maps that fit best."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from intertwine.symmetry.inputs.closure import largest_group

ROWS = 400_000
"""How many moved points are looked up at once."""


Keeps = Callable[[np.ndarray, np.ndarray], bool]
"""Whether an element `(n, n)` with its permutation `(N,)` counts."""


class Matcher:
    """A cloud that maps are tried on; it numbers the symmetries that it has found.

    A symmetry of a cloud that is not on a line is known by its permutation and its determinant, so that products of
    noisy symmetries are exact.

    Args:
        points: positions about the centre `(N, n)`, the farthest at distance 1.
        kinds: a kind for each point `(N,)`.
        tolerance: the largest distance of a moved point from its partner.
    """

    def __init__(self, points: np.ndarray, kinds: np.ndarray, tolerance: float) -> None:
        self.points, self.tolerance = points, tolerance
        self.members = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
        size = points.shape[1]
        self.elements, self.permutations, self.residuals = [np.eye(size)], [np.arange(len(points))], [0.0]
        self._verdicts: dict[int, bool] = {}
        self._keeps: Keeps = lambda _g, _p: True
        self._numbers: dict[tuple[bytes, bool], int] = {(np.arange(len(points)).tobytes(), True): 0}

    @cached_property
    def trees(self) -> list:  # type: ignore[type-arg]
        """A search tree for the points of each kind."""
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        return [KDTree(self.points[members]) for members in self.members]

    def group(self, candidates: np.ndarray, keeps: Keeps) -> list[int]:
        """The numbers of the largest group of symmetries that maps `(k, n, n)` lead to.

        Maps are fitted to the permutations that they make. Elements within the tolerance count, and their products, as
        long as they are within twice the tolerance. `keeps` may turn down elements with their permutations.
        """
        self._keeps = keeps
        for start in range(0, len(candidates), step := max(1, ROWS // len(self.points))):
            self._look(candidates[start : start + step])
        good = [i for i, residual in enumerate(self.residuals) if residual <= self.tolerance and self._kept(i)]
        return largest_group(sorted(good, key=self.residuals.__getitem__), self._product)

    def _look(self, g: np.ndarray) -> None:
        """Number the symmetries that maps are close to: match, fit, and match again."""
        for slack in (4.0, 2.0):
            permutations, good = self._matched(g, slack * self.tolerance)
            proper = np.linalg.det(g) > 0
            keys = [(p.tobytes(), bool(sign)) for p, sign in zip(permutations[good], proper[good], strict=True)]
            first = list({key: place for place, key in reversed([*enumerate(keys)])}.values())
            permutations, proper = permutations[good][first], proper[good][first]
            g = self._fitted(permutations, proper)
        for element, permutation, sign in zip(g, permutations, proper, strict=True):
            self._number(permutation, bool(sign), element)

    def _number(self, permutation: np.ndarray, proper: bool, fitted: np.ndarray | None = None) -> int:
        """The number of a symmetry; a new one if it was not met before."""
        key = (permutation.tobytes(), proper)
        if key not in self._numbers:
            g = self._fitted(permutation[None], np.array([proper]))[0] if fitted is None else fitted
            self._numbers[key] = len(self.elements)
            self.elements.append(g)
            self.permutations.append(permutation)
            off = self.points @ g.T - self.points[permutation]
            self.residuals.append(float(np.sqrt((off**2).sum(1).max(initial=0.0))))
        return self._numbers[key]

    def _product(self, i: int, j: int) -> int | None:
        """The number of a product, which takes point k to π_i(π_j(k)); None if it is no symmetry."""
        proper = (np.linalg.det(self.elements[i]) > 0) == (np.linalg.det(self.elements[j]) > 0)
        number = self._number(self.permutations[i][self.permutations[j]], bool(proper))
        return number if self.residuals[number] <= 2 * self.tolerance and self._kept(number) else None

    def _kept(self, i: int) -> bool:
        if i not in self._verdicts:
            self._verdicts[i] = self._keeps(self.elements[i], self.permutations[i])
        return self._verdicts[i]

    def _fitted(self, permutations: np.ndarray, proper: np.ndarray) -> np.ndarray:
        """The orthogonal maps of given determinants that take points closest to their partners (Procrustes)."""
        u, _, vt = np.linalg.svd(self.points[permutations].swapaxes(-1, -2) @ self.points)
        signs = np.ones(u.shape[:2])
        signs[:, -1] = np.where(proper, 1.0, -1.0) * np.sign(np.linalg.det(u) * np.linalg.det(vt))
        return np.asarray(u * signs[:, None] @ vt)

    def _matched(self, g: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """Where each point goes under each map, `(k, N)`, and whether all points come near different partners."""
        targets = np.zeros((len(g), len(self.points)), dtype=np.int64)
        good = np.ones(len(g), dtype=bool)
        for members, tree in zip(self.members, self.trees, strict=True):
            left = np.flatnonzero(good)
            moved = self.points[members] @ g[left].swapaxes(-1, -2)
            distances, nearest = tree.query(moved, distance_upper_bound=slack)
            near = np.isfinite(distances).all(1)
            double = near & (np.diff(np.sort(nearest, 1), axis=1) == 0).any(1)
            for place in np.flatnonzero(double):
                nearest[place], near[place] = _assigned(moved[place], self.points[members], slack)
            targets[np.ix_(left[near], members)] = members[nearest[near]]
            good[left[~near]] = False
        return targets, good


def _assigned(moved: np.ndarray, points: np.ndarray, slack: float) -> tuple[np.ndarray, bool]:
    """The partners, each for one point, with the smallest sum of squared distances, and whether all are near."""
    from scipy.optimize import linear_sum_assignment

    squares = np.sum((moved[:, None] - points) ** 2, -1)
    _, partners = linear_sum_assignment(squares)
    return partners, bool(squares[np.arange(len(points)), partners].max() <= slack**2)


def coincident(points: np.ndarray, kinds: np.ndarray) -> bool:
    """Whether two points of one kind are at one place."""
    from scipy.spatial import KDTree

    parts = [points[kinds == kind] for kind in np.unique(kinds)]
    return any(float(KDTree(p).query(p, k=2)[0][:, 1].min()) < 1e-12 for p in parts if len(p) > 1)
