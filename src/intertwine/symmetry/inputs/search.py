"""The permutations that isometries of a cloud of points may make."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from intertwine.groups import Group

FAR = 0.3
"""Points this far from the centre, for a radius of 1, show directions well in spite of noise."""

APART = 10.0
"""The distance, in radii of the cloud, that an extra coordinate puts between points of different kinds."""

REACH = 4.0
"""Points join the fit of a map while it moves them by less than this from where they should be, in tolerances."""

ROWS = 400_000
"""How many moved points are looked up at once."""

SHORTLIST = 64
"""How many points are compared before one of them becomes the second reference."""

Stage = tuple[np.ndarray, np.ndarray]
"""Points `(m,)` whose partners are looked up, and how far from them they may be `(m,)`."""


class Search:
    """Looks for the isometries that move each point of a cloud, not on a line, near another of its kind.

    An isometry is fixed by where it takes n − 1 reference points, so they are taken to all that have their kinds, radii
    and distance. Such a map is off by what it makes of the noise of the references, and for each point it is known by
    how much at most. Where that is little, the points' partners are looked up and the map is fitted to them too
    (Procrustes), until all points have joined.

    Args:
        points: positions about the centre `(N, n)`, the farthest at distance 1.
        kinds: a kind for each point `(N,)`.
        group: SO(2), O(2), SO(3) or O(3).
    """

    def __init__(self, points: np.ndarray, kinds: np.ndarray, group: Group) -> None:
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        self.points, self.kinds = points, np.unique(kinds, return_inverse=True)[1]
        self.turns, self.signs = group.lie_generators, np.array([1.0] if group.is_proper else [1.0, -1.0])
        self.radii = np.linalg.norm(points, axis=1)
        self.order = np.random.default_rng(0).permutation(len(points))  # a few points turn most maps down
        self.tree = KDTree(self._lifted(points, self.kinds))
        self.spacing = float(spacings(points, self.kinds).min())

    def permutations(self, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Permutations `(k, N)` and determinants `(k,)`, among them those of all isometries within a tolerance.

        Where points are so close that the nearest one need not be the partner, smaller tolerances, which leave less
        doubt, are tried too.
        """
        while True:
            references = self._references(tolerance)
            stages = self._stages(references, tolerance)
            ends = self._ends(references, tolerance)
            step = max(1, ROWS // (len(self.points) * len(self.signs)))
            for start in range(0, len(ends), step):
                yield from self._led_to(references, ends[start : start + step], stages, tolerance)
            if tolerance < 1e-9 or 2 * max(slack.max() for _, slack in stages) < self.spacing:
                break
            tolerance /= 4

    # references -------------------------------------------------------------------------------------------------------

    def _references(self, tolerance: float) -> np.ndarray:
        """Points that fix a map, chosen so that few others are like them."""
        counts, far = self._counts(tolerance), np.flatnonzero(self.radii > FAR)
        first = far[np.lexsort((-self.radii[far], counts[far]))[0]]
        if self.points.shape[1] == 2:
            return np.array([first])
        away = np.linalg.norm(np.cross(self.points[first] / self.radii[first], self.points), axis=1)
        allowed = np.flatnonzero(away > FAR / 3 * away.max())
        allowed = allowed[counts[allowed] <= 2 * counts[allowed].min()]
        allowed = allowed[np.argsort(away[allowed], kind="stable")]
        allowed = allowed[np.unique(np.linspace(0, len(allowed) - 1, SHORTLIST).round().astype(int))]
        distances = np.linalg.norm(self.points - self.points[first], axis=1)
        alike = [self._like(i, tolerance) & (np.abs(distances - distances[i]) <= 2 * tolerance) for i in allowed]
        return np.array([first, allowed[np.argmin(np.sum(alike, 1) / np.sqrt(away[allowed]))]])

    def _counts(self, tolerance: float) -> np.ndarray:
        """How many points have the kind and the radius of each."""
        counts = np.zeros(len(self.points), dtype=int)
        for kind in range(self.kinds.max() + 1):
            members = np.flatnonzero(self.kinds == kind)
            radii = np.sort(self.radii[members])
            below, above = (np.searchsorted(radii, self.radii[members] + s * tolerance, "right") for s in (-1, 1))
            counts[members] = above - below
        return counts

    def _like(self, i: int, tolerance: float) -> np.ndarray:
        """Which points have the kind and the radius of one."""
        return np.asarray((self.kinds == self.kinds[i]) & (np.abs(self.radii - self.radii[i]) <= tolerance))

    def _ends(self, references: np.ndarray, tolerance: float) -> np.ndarray:
        """Where the references may go, `(k, n − 1)`."""
        like = [np.flatnonzero(self._like(i, tolerance)) for i in references]
        if len(like) == 1:
            return like[0][:, None]
        apart, squares, ends = np.linalg.norm(np.subtract(*self.points[references])), self.radii**2, []
        allowed = 4 * tolerance * (apart + tolerance) + 1e-15  # for the square of a distance that is off by twice it
        for some in np.array_split(like[0], 1 + len(like[0]) * len(like[1]) // ROWS):
            off = squares[some, None] + squares[like[1]] - apart**2 - 2 * self.points[some] @ self.points[like[1]].T
            a, b = np.nonzero((np.abs(off) <= allowed) & (some[:, None] != like[1]))
            ends.append(np.stack([some[a], like[1][b]], -1))
        return np.concatenate(ends)

    def _stages(self, references: np.ndarray, tolerance: float) -> list[Stage]:
        """Which points join the fit, stage by stage; in the last one all points, fitted to all."""
        stages, known = list[Stage](), references
        while not stages or len(known) < len(self.points):
            reach = self._reach(known)
            limit = max(REACH, 1.5 * np.sort(reach)[min(len(known), len(reach) - 1)])
            known = self.order[reach[self.order] <= limit]
            stages.append((known, (1 + reach[known]) * tolerance))
        return [*stages, (self.order, (1 + self._reach(known)[self.order]) * tolerance)]

    def _reach(self, known: np.ndarray) -> np.ndarray:
        """How far a map that is fitted to m points may move each point from where it should be, `(N,)`, at most.

        Errors e of length 1 at the m points turn the map by an ω with Σ|ω × x|² ≤ Σ|e|² = m, to first order.
        """
        fields = np.einsum("dij,nj->nid", self.turns, self.points)
        values, vectors = np.linalg.eigh(np.einsum("nid,nie->de", fields[known], fields[known]) / len(known))
        return np.asarray(np.linalg.norm(fields @ (vectors / np.sqrt(np.maximum(values, 1e-30))), 2, axis=(-2, -1)))

    # maps -------------------------------------------------------------------------------------------------------------

    def _led_to(
        self, references: np.ndarray, ends: np.ndarray, stages: list[Stage], tolerance: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The permutations, with determinants, that maps of the references lead to."""
        signs, ends = np.tile(self.signs, len(ends)), np.repeat(ends, len(self.signs), 0)
        g = fitted(self.points[references], self.points[ends], signs)
        for places, slack in stages[:-1]:
            partners, good = self._partners(g, places, slack)
            signs = signs[good]
            g = fitted(self.points[places], self.points[partners], signs)
        for own in (False, False, True, True):
            partners, good = self._partners(g, *stages[-1])
            permutations, signs = _distinct(partners[:, np.argsort(self.order)], signs[good])
            if own:
                permutations = self._own_partners(permutations, signs, 1.5 * tolerance)
            g = fitted(self.points, self.points[permutations], signs)
            off = displacements(self.points, g, permutations).max(1)
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
            moved = self._lifted(self.points[places[some]] @ g[good].swapaxes(-1, -2), self.kinds[places[some]])
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

        g, size = fitted(self.points, self.points[permutations], signs), len(self.points)
        off = displacements(self.points, g, permutations).max(1)
        for place in np.flatnonzero(off <= slack):
            if len(np.unique(permutations[place])) == size:
                continue
            moved = KDTree(self._lifted(self.points @ g[place].T, self.kinds))
            near = moved.sparse_distance_matrix(self.tree, slack, output_type="ndarray")
            weights = csr_array((near["v"] ** 2 + 1.0, (near["i"], near["j"])), (size, size))  # zeros would be no edges
            if len(np.unique(near["j"])) == size and (maximum_bipartite_matching(weights) >= 0).all():
                permutations[place] = min_weight_full_bipartite_matching(weights)[1]
        return permutations

    def _lifted(self, points: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """Positions `(..., m, n)` with one more coordinate for the kinds `(m,)`."""
        extra = np.broadcast_to(APART * kinds[:, None], (*points.shape[:-1], 1))
        return np.concatenate([points, extra], -1)


def fitted(points: np.ndarray, images: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """The orthogonal maps `(k, n, n)` of given determinants that take points `(m, n)` closest to `(k, m, n)`."""
    u, _, vt = np.linalg.svd(images.swapaxes(-1, -2) @ points)
    last = np.ones(u.shape[:2])
    last[:, -1] = signs * np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return np.asarray(u * last[:, None] @ vt)


def displacements(points: np.ndarray, g: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """The distances of moved points from their partners, `(k, N)`."""
    return np.asarray(np.linalg.norm(points @ g.swapaxes(-1, -2) - points[permutations], axis=-1))


def spacings(points: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The distance of each point to the nearest of its kind, `(N,)`; infinite for the only one."""
    from scipy.spatial import KDTree

    nearest = np.full(len(points), np.inf)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        if len(members) > 1:
            nearest[members] = KDTree(points[members]).query(points[members], 2)[0][:, 1]
    return nearest


def _distinct(permutations: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Permutations with their signs, each once."""
    keys = {(p.tobytes(), sign): place for place, (p, sign) in enumerate(zip(permutations, signs, strict=True))}
    places = np.array(list(keys.values()), dtype=int)
    return permutations[places], signs[places]
