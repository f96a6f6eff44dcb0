"""The isometries of a cloud that is not on a line, and the groups that they make."""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import lru_cache

import numpy as np

from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.inputs.greedy_closure import growing_groups
from intertwine.symmetry.inputs.tolerances import FAR

# the distance, in radii of the cloud, that an extra coordinate puts between points of different kinds
_KINDS_APART = 10.0
# points join the fit of a map while it moves them by less than this from where they should be, in tolerances
_REACH = 4.0
_ROWS = 400_000  # how many moved points are looked up at once
_SHORTLIST = 64  # how many points are compared before one of them becomes the second reference
# how often weights are adapted to make the largest distance small; at most, where it decides whether one counts
_FEW, _ROUNDS = 10, 300
_EXACT, _NOTHING = 1e-9, 1e-13  # residuals below this are not made smaller; below that they are none

Stage = tuple[np.ndarray, np.ndarray]
"""Points `(m,)` whose partners are looked up, and how far from them they may be `(m,)`."""


class Search:
    """Looks for the isometries that move each point of a cloud, not on a line, near another of its kind.

    An isometry is fixed by where it takes n − 1 reference points, so they are taken to all that have their kinds, radii
    and distance. Such a map is off by what it makes of the noise of the references, and for each point it is known by
    how much at most. Where that is little, the points' partners are looked up and the map is fitted to them too
    (Procrustes), until all points have joined.

    Args:
        cloud: the cloud that is moved.
        goal: the cloud that it is moved onto, with as many points of each kind; the same one for its symmetries.
    """

    def __init__(self, cloud: Cloud, goal: Cloud) -> None:
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        self.cloud, self.goal, self.points, self.images = cloud, goal, cloud.unit, goal.unit
        self.signs = np.array([1.0] if cloud.group.is_proper else [1.0, -1.0])
        self.radii, self.ends = np.linalg.norm(self.points, axis=1), np.linalg.norm(self.images, axis=1)
        self.tree = KDTree(_lifted(self.images, goal.kinds))

    def permutations(self, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Permutations `(k, N)` and determinants `(k,)`, among them those of all isometries within a tolerance.

        Where points are so close that the nearest one need not be the partner, smaller tolerances, which leave less
        doubt, are tried too.
        """
        while True:
            references, stages = _plan(self.cloud, tolerance)
            ends = self._ends(references, tolerance)
            step = max(1, _ROWS // (len(self.points) * len(self.signs)))
            for start in range(0, len(ends), step):
                yield from self._led_to(references, ends[start : start + step], stages, tolerance)
            if tolerance < 1e-9 or 2 * max(slack.max() for _, slack in stages) < self.goal.spacings.min():
                break
            tolerance /= 4

    def _ends(self, references: np.ndarray, tolerance: float) -> np.ndarray:
        """Where the references may go, `(k, n − 1)`: to points of their kinds, radii and distance."""
        kinds, radii = self.cloud.kinds[references, None], self.radii[references, None]
        like = (self.goal.kinds == kinds) & (np.abs(self.ends - radii) <= tolerance)
        first = np.flatnonzero(like[0])
        if len(like) == 1:
            return first[:, None]
        second, squares, found = np.flatnonzero(like[1]), self.ends**2, []
        apart = np.linalg.norm(np.subtract(*self.points[references]))
        allowed = 4 * tolerance * (apart + tolerance) + 1e-15  # for the square of a distance that is off by twice it
        for some in np.array_split(first, 1 + len(first) * len(second) // _ROWS):
            off = squares[some, None] + squares[second] - apart**2 - 2 * self.images[some] @ self.images[second].T
            a, b = np.nonzero((np.abs(off) <= allowed) & (some[:, None] != second))
            found.append(np.stack([some[a], second[b]], -1))
        return np.concatenate(found)

    def _led_to(
        self, references: np.ndarray, ends: np.ndarray, stages: list[Stage], tolerance: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The permutations, with determinants, that maps of the references lead to."""
        signs, ends = np.tile(self.signs, len(ends)), np.repeat(ends, len(self.signs), 0)
        g = procrustes(self.points[references], self.images[ends], signs)
        for places, slack in stages[:-1]:
            partners, good = self._partners(g, places, slack)
            signs = signs[good]
            g = procrustes(self.points[places], self.images[partners], signs)
        for own in (False, False, True, True):
            partners, good = self._partners(g, *stages[-1])
            permutations, signs = _distinct(partners[:, np.argsort(stages[-1][0])], signs[good])
            if own:
                permutations = self._own_partners(permutations, signs, 1.5 * tolerance)
            g = procrustes(self.points, self.images[permutations], signs)
            off = _apart(self.points, g, self.images[permutations]).max(1)
            once = (np.diff(np.sort(permutations, 1), axis=1) > 0).all(1)
            near = once & (off <= 2 * tolerance)
            yield permutations[near], signs[near]
            left = ~once | (off > tolerance)
            g, signs = g[left], signs[left]

    def _partners(self, g: np.ndarray, places: np.ndarray, slack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest points `(k, m)` to moved ones, for the k maps that leave all of them near; and which maps."""
        partners, good = np.empty((len(g), len(places)), dtype=np.int64), np.arange(len(g))
        start, size = 0, 8
        while start < len(places) and len(good):
            some = slice(start, start + size)
            moved = _lifted(self.points[places[some]] @ g[good].swapaxes(-1, -2), self.cloud.kinds[places[some]])
            distances, nearest = self.tree.query(moved, distance_upper_bound=slack[some].max() * (1 + 1e-9))
            near = (distances <= slack[some]).all(1)
            good = good[near]
            partners[good, some] = nearest[near]
            start, size = start + size, 8 * size
        return partners[good], good

    def _own_partners(self, permutations: np.ndarray, signs: np.ndarray, slack: float) -> np.ndarray:
        """Permutations `(k, N)`, where several points had one partner and can have others within a distance.

        Those with the smallest sum of squared distances are taken.
        """
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_bipartite_matching, min_weight_full_bipartite_matching
        from scipy.spatial import KDTree

        g, size = procrustes(self.points, self.images[permutations], signs), len(self.points)
        off = _apart(self.points, g, self.images[permutations]).max(1)
        for place in np.flatnonzero(off <= slack):
            if len(np.unique(permutations[place])) == size:
                continue
            moved = KDTree(_lifted(self.points @ g[place].T, self.cloud.kinds))
            near = moved.sparse_distance_matrix(self.tree, slack, output_type="ndarray")
            weights = csr_array((near["v"] ** 2 + 1.0, (near["i"], near["j"])), (size, size))  # zeros would be no edges
            if len(np.unique(near["j"])) == size and (maximum_bipartite_matching(weights) >= 0).all():
                permutations[place] = min_weight_full_bipartite_matching(weights)[1]
        return permutations


@lru_cache(maxsize=4)
def _plan(cloud: Cloud, tolerance: float) -> tuple[np.ndarray, list[Stage]]:
    """The points that fix a map, chosen so that few others are like them, and which points join the fit, by stages.

    In the last stage all points do, fitted to all.
    """
    points, radii = cloud.unit, np.linalg.norm(cloud.unit, axis=1)
    counts, far = np.zeros(len(points), dtype=int), np.flatnonzero(radii > FAR)
    for kind in range(cloud.kinds.max() + 1):  # how many points have the kind and the radius of each
        members = np.flatnonzero(cloud.kinds == kind)
        ascending = np.sort(radii[members])
        counts[members] = np.searchsorted(ascending, radii[members] + tolerance, "right")
        counts[members] -= np.searchsorted(ascending, radii[members] - tolerance, "right")
    first = far[np.lexsort((-radii[far], counts[far]))[0]]
    known = np.array([first])
    if points.shape[1] == 3:
        away = np.linalg.norm(np.cross(points[first] / radii[first], points), axis=1)
        allowed = np.flatnonzero(away > FAR / 3 * away.max())
        allowed = allowed[counts[allowed] <= 2 * counts[allowed].min()]
        allowed = allowed[np.argsort(away[allowed], kind="stable")]
        allowed = allowed[np.unique(np.linspace(0, len(allowed) - 1, _SHORTLIST).round().astype(int))]
        apart = np.linalg.norm(points - points[first], axis=1)
        alike = cloud.kinds[allowed, None] == cloud.kinds
        alike &= np.abs(radii[allowed, None] - radii) <= tolerance
        alike &= np.abs(apart[allowed, None] - apart) <= 2 * tolerance
        known = np.array([first, allowed[np.argmin(alike.sum(1) / np.sqrt(away[allowed]))]])
    references, stages = known, list[Stage]()
    order = np.random.default_rng(0).permutation(len(points))  # a few points turn most maps down
    while not stages or len(known) < len(points):
        far_off = reach(cloud, known)
        limit = max(_REACH, 1.5 * np.sort(far_off)[min(len(known), len(points) - 1)])
        known = order[far_off[order] <= limit]
        stages.append((known, (1 + far_off[known]) * tolerance))
    return references, [*stages, (order, (1 + reach(cloud, known)[order]) * tolerance)]


def reach(cloud: Cloud, known: np.ndarray) -> np.ndarray:
    """How far a map that is fitted to m points may move each point from where it should be, `(N,)`, at most.

    Errors e of length 1 at the m points turn the map by an ω with Σ|ω × x|² ≤ Σ|e|² = m, to first order.
    """
    fields = np.einsum("dij,nj->nid", cloud.group.lie_generators, cloud.unit)
    values, vectors = np.linalg.eigh(np.einsum("nid,nie->de", fields[known], fields[known]) / len(known))
    return np.asarray(np.linalg.norm(fields @ (vectors / np.sqrt(np.maximum(values, 1e-30))), 2, axis=(-2, -1)))


def cloud_symmetries(cloud: Cloud, tolerance: float) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """The groups of elements that move a cloud, not on a line, onto itself, at growing tolerances.

    For each the tolerance from which on it counts, its elements `(h, n, n)`, and where points go, `(h, N)`.
    """
    matcher, tolerance = Matcher(cloud), min(tolerance, float(np.median(cloud.spacings)) / 2)
    permutations, signs = map(np.concatenate, zip(*Search(cloud, cloud).permutations(tolerance), strict=True))
    matcher.add(permutations, signs, tolerance)
    most = max(120, 4 * len(cloud.unit))  # D_nh of a ring, and Ih, are the largest for so many points
    groups = growing_groups(matcher.least, matcher.residuals, matcher.product, tolerance, most=most)
    elements, permutations = np.array(matcher.elements), np.array(matcher.permutations)  # of products too, by now
    return [(least, elements[members], permutations[members]) for least, members in groups]


class Matcher:
    """The symmetries of a cloud that were found; it numbers them.

    A symmetry of a cloud that is not on a line is known by its permutation and its determinant, so that products of
    noisy symmetries are exact. Its element is the isometry that fits best (Procrustes).
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.points = cloud, cloud.unit
        size = self.points.shape[1]
        self.permutations, self.signs = [np.arange(len(self.points))], [1.0]
        self.elements, self.residuals, self.least = [np.eye(size)], [0.0], [0.0]
        self._numbers: dict[tuple[bytes, float], int] = {(self.permutations[0].tobytes(), 1.0): 0}

    def add(self, permutations: np.ndarray, signs: np.ndarray, tolerance: float = 0.0) -> None:
        """Number symmetries with permutations `(k, N)` and determinants `(k,)`.

        Those whose residual is at most twice a tolerance also get the least one that an isometry with their permutation
        has: the best fit may be off by a little more than others at the point where it matters.
        """
        permutations, signs = _distinct(permutations, signs, self._numbers)
        g = procrustes(self.points, self.points[permutations], signs)
        residuals = isometry_off(self.cloud, self.cloud, g, permutations)
        residuals[residuals < _NOTHING] = 0.0
        least, some = residuals.copy(), np.flatnonzero((residuals > _EXACT) & (residuals <= 2 * tolerance))
        least[some] = np.minimum(residuals[some], self._least(permutations[some], signs[some], tolerance))
        for place, permutation in enumerate(permutations):
            self._numbers[permutation.tobytes(), float(signs[place])] = len(self.elements)
            self.elements.append(g[place])
            self.permutations.append(permutation)
            self.residuals.append(float(residuals[place]))
            self.least.append(float(least[place]))
            self.signs.append(float(signs[place]))

    def product(self, i: int, j: int) -> int:
        """The number of a product, which takes point k to π_i(π_j(k))."""
        permutation, sign = self.permutations[i][self.permutations[j]], self.signs[i] * self.signs[j]
        if (key := (permutation.tobytes(), sign)) not in self._numbers:
            self.add(permutation[None], np.array([sign]))
        return self._numbers[key]

    def _least(self, permutations: np.ndarray, signs: np.ndarray, tolerance: float) -> np.ndarray:
        """The least residuals `(k,)`, of those that are within a tolerance.

        In each round points that are far from their partners weigh more (Lawson 1961). The mean distance with these
        weights is never above the least residual.
        """
        least, left = np.full(len(permutations), np.inf), np.arange(len(permutations))
        weights = np.ones(permutations.shape)
        for count in range(_ROUNDS):
            images = self.points[permutations[left]]
            g = procrustes(self.points, weights[..., None] * images, signs[left])
            off = _apart(self.points, g, images)
            bound = np.sqrt((weights * off**2).sum(1) / weights.sum(1))
            least[left] = np.minimum(least[left], isometry_off(self.cloud, self.cloud, g, permutations[left]))
            goes = (bound <= tolerance) & (bound < (1 - _EXACT) * least[left]) & (off.max(1) > _EXACT)
            goes &= (least[left] > tolerance) | (count < _FEW)
            left, weights = left[goes], (weights * off)[goes]
            if not len(left):
                break
            weights /= weights.max(1, keepdims=True)
        return least


def isometry_off(a: Cloud, b: Cloud, g: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """How far elements and permutations leave one cloud from another, `(k,)`.

    Features count as a part of all of them; but where none is off by more than a tenth of the largest, that tenth does.
    """
    off = np.asarray(_apart(a.unit, g, b.unit[permutations]).max(1))
    if not a.features.size:
        return off
    whole, single = a.features_off(b, g, permutations)
    return np.asarray(np.maximum(off, np.minimum(whole, single / 10)))


def procrustes(points: np.ndarray, images: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """The orthogonal maps `(k, n, n)` of given determinants that take points `(m, n)` closest to `(k, m, n)`."""
    u, _, vt = np.linalg.svd(images.swapaxes(-1, -2) @ points)
    last = np.ones(u.shape[:2])
    last[:, -1] = signs * np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return np.asarray(u * last[:, None] @ vt)


def _lifted(points: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Positions `(..., m, n)` with one more coordinate for the kinds `(m,)`."""
    return np.concatenate([points, np.broadcast_to(_KINDS_APART * kinds[:, None], (*points.shape[:-1], 1))], -1)


def _apart(points: np.ndarray, g: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The distances of moved points from images, `(k, N)`."""
    return np.asarray(np.linalg.norm(points @ g.swapaxes(-1, -2) - images, axis=-1))


def _distinct(
    permutations: np.ndarray, signs: np.ndarray, known: Container[tuple[bytes, float]] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Permutations with their signs, each once, without those that are known."""
    places = dict[tuple[bytes, float], int]()
    for place, (permutation, sign) in enumerate(zip(permutations, signs.tolist(), strict=True)):
        if (key := (permutation.tobytes(), sign)) not in known:
            places[key] = place
    chosen = list(places.values())
    return permutations[chosen], signs[chosen]
