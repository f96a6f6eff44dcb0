"""One cloud in two poses: the isometry and the permutation that take a cloud of points onto another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.standard_frame import standard_frame
from intertwine.reps import Rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import checked_cloud, line_through
from intertwine.symmetry.inputs.points import Points
from intertwine.symmetry.inputs.search import FAR

CHUNK = 64
"""How many maps are tried at once: most clouds that are congruent show it with the first ones."""

APART = 10.0
"""The distance, in radii of the cloud, that an extra coordinate puts between points of different kinds."""

Member = tuple[int, np.ndarray, np.ndarray | None]
"""The number of a sample, the element that takes the first sample of its orbit to it, and where the points go."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """A cloud made ready for comparison: about its centre and of radius 1.

    Args:
        unit: positions `(N, n)` about the centre, divided by the radius.
        radius: the distance of the farthest point from the centre.
        kinds: a kind for each point `(N,)`.
        features: `(N, rep.dim)`, or None.
    """

    unit: np.ndarray
    radius: float
    kinds: np.ndarray
    features: np.ndarray | None

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What congruent clouds share exactly: how many points there are of each kind."""
        kinds, counts = np.unique(self.kinds, return_counts=True)
        return (*kinds.tolist(), *counts.tolist())

    @cached_property
    def numbers(self) -> np.ndarray:
        """The kinds as numbers from 0 on, `(N,)`."""
        return np.asarray(np.unique(self.kinds, return_inverse=True)[1])

    @cached_property
    def invariants(self) -> np.ndarray:
        """What congruent clouds share up to noise: sorted radii and mean distances of the points of each kind."""
        radii = np.linalg.norm(self.unit, axis=1)
        means = np.array([np.linalg.norm(self.unit - p, axis=1).mean() for p in self.unit])
        rows = [values[np.lexsort((values, self.numbers))] for values in (radii, means)]
        return np.concatenate(rows)

    @cached_property
    def tree(self) -> Any:
        """A search tree of the points, with those of different kinds far apart."""
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        return KDTree(self.lifted(self.unit))

    def lifted(self, points: np.ndarray) -> np.ndarray:
        """Positions `(..., N, n)` of the points, with one more coordinate for their kinds."""
        kinds = np.broadcast_to(APART * self.numbers[:, None], (*points.shape[:-1], 1))
        return np.concatenate([points, kinds], -1)

    @property
    def size(self) -> float:
        """The largest number in the features."""
        return 0.0 if self.features is None else float(np.abs(self.features).max(initial=0.0))

    def norms(self, rep: Rep | None) -> np.ndarray:
        """The lengths of the parts of the features in each irrep, over all points."""
        if rep is None or self.features is None:
            return np.zeros(0)
        return np.array([np.linalg.norm(self.features @ c.reshape(rep.dim, -1)) for c in rep.copies.values()])


def prepared(points: Points, group: CatalogGroup, rep: Rep | None) -> Cloud:
    """A cloud made ready; raises the errors of `stabiliser` for one that is none."""
    positions = to_numpy(points.positions)
    unit, kinds, features = checked_cloud(positions, group, points.labels, points.features, rep)
    radius = float(np.linalg.norm(positions - positions.mean(0), axis=1).max())
    return Cloud(unit, radius if unit.any() else 0.0, kinds, features)


def congruent_groups(
    clouds: Sequence[Cloud], group: CatalogGroup, rep: Rep | None, tolerance: float
) -> list[list[Member]]:
    """The clouds that are one cloud in different poses, together.

    Args:
        clouds: what `prepared` made of them.
        group: SO(2), O(2), SO(3) or O(3).
        rep: the rep of the features.
        tolerance: the largest distance of a moved point from its partner, relative to the radius.
    """
    found: list[list[Member]] = []
    buckets: dict[tuple[Any, ...], list[int]] = {}
    for i, cloud in enumerate(clouds):
        own = buckets.setdefault(cloud.key, [])
        firsts = [clouds[found[place][0][0]] for place in own]
        for place in np.array(own, dtype=int)[_alike(cloud, firsts, rep, tolerance)]:
            if (same := congruence(clouds[found[place][0][0]], cloud, group, rep, tolerance)) is not None:
                found[place].append((i, *same))
                break
        else:
            own.append(len(found))
            found.append([(i, np.eye(group.dim), np.arange(len(cloud.unit)))])
    return found


def _alike(cloud: Cloud, others: list[Cloud], rep: Rep | None, tolerance: float) -> np.ndarray:
    """The places of the clouds that invariants do not tell from a cloud."""
    if not others:
        return np.zeros(0, dtype=int)
    slack = 8 * tolerance + 1e-12
    close = np.abs(np.stack([o.invariants for o in others]) - cloud.invariants).max(1) <= slack
    close &= np.abs(np.array([o.radius for o in others]) - cloud.radius) <= slack * cloud.radius
    if cloud.features is not None:
        off = np.abs(np.stack([o.norms(rep) for o in others]) - cloud.norms(rep)).max(1, initial=0.0)
        close &= off <= 10 * slack * cloud.size * np.sqrt(cloud.features.size)
    return np.flatnonzero(close)


def congruence(
    a: Cloud, b: Cloud, group: CatalogGroup, rep: Rep | None = None, tolerance: float = 1e-6
) -> tuple[np.ndarray, np.ndarray] | None:
    """An element g and a permutation p with g aᵢ = b_p(i), for positions, kinds and features; None if there is none.

    A map is fixed by where it takes n − 1 points that span as much as they can. So those of the first cloud are moved
    onto all of the second with equal kinds, radii and angle; the rest of the cloud is looked up, and the map fitted to
    all points (Procrustes).

    Args:
        a, b: clouds.
        group: SO(2), O(2), SO(3) or O(3).
        rep: the rep of the features.
        tolerance: the largest distance of a moved point from its partner, relative to the radius.
    """
    if (axis := line_through(a.unit, tolerance)) is not None:
        return _along_a_line(a, b, axis, group, rep, tolerance)
    maps = _maps(a, b, group.is_proper, 4 * tolerance + 1e-12)
    for start in range(0, len(maps), CHUNK):
        for g, p in _matched(a, b, maps[start : start + CHUNK], tolerance):
            if _features_follow(a, b, rep, g, p, tolerance):
                return g, p
    return None


def _features_follow(a: Cloud, b: Cloud, rep: Rep | None, g: np.ndarray, p: np.ndarray, tolerance: float) -> bool:
    if rep is None or a.features is None or b.features is None:
        return True
    off = a.features @ rep.evaluate(g[None])[0].T - b.features[p]
    return float(np.abs(off).max(initial=0.0)) <= 10 * tolerance * max(a.size, 1e-300)


def _maps(a: Cloud, b: Cloud, proper: bool, slack: float) -> np.ndarray:
    """The orthogonal maps `(k, n, n)` that take some points of a to points of b that are placed alike."""
    chosen = _spanning(a, slack)
    radii = np.linalg.norm(b.unit, axis=1)
    same = [(b.numbers == a.numbers[i]) & (np.abs(radii - np.linalg.norm(a.unit[i])) <= slack) for i in chosen]
    if len(chosen) == 1:
        ends = np.flatnonzero(same[0])[:, None]
    else:
        i, j = chosen
        fits = np.abs(b.unit @ b.unit.T - a.unit[i] @ a.unit[j]) <= slack
        ends = np.argwhere(same[0][:, None] & same[1] & fits)
    start, frames = _frames(a.unit[chosen][None])[0], _frames(b.unit[ends])
    maps = frames @ start.T
    if proper:
        return maps
    flip = np.eye(len(start))
    flip[-1, -1] = -1
    return np.concatenate([maps, frames @ flip @ start.T])


def _spanning(a: Cloud, slack: float) -> list[int]:
    """Points of small classes of equal kind and radius that fix a map: one in the plane, two in space."""
    radii = np.linalg.norm(a.unit, axis=1)
    order = np.lexsort((radii, a.numbers))  # classes are runs of the sorted radii of one kind
    jumps = (np.diff(radii[order]) > slack) | (np.diff(a.numbers[order]) > 0)
    runs = np.concatenate([[0], np.cumsum(jumps)])
    counts = np.empty(len(radii), dtype=int)
    counts[order] = np.bincount(runs)[runs]
    first = _fewest(counts, radii > FAR)
    if a.unit.shape[1] == 2:
        return [first]
    away = np.linalg.norm(np.cross(a.unit[first], a.unit), axis=1)
    return [first, _fewest(counts, away > FAR * away.max())]


def _fewest(counts: np.ndarray, allowed: np.ndarray) -> int:
    places = np.flatnonzero(allowed)
    return int(places[np.argmin(counts[places])])


def _frames(rows: np.ndarray) -> np.ndarray:
    """Rotations `(k, n, n)` whose first columns are n − 1 vectors, rows of `(k, n − 1, n)`, made orthonormal."""
    q, r = np.linalg.qr(rows.swapaxes(-1, -2), mode="complete")
    signs = np.ones(q.shape[:2])
    signs[:, :-1] = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    signs[:, -1] = np.sign(np.linalg.det(q)) * signs[:, :-1].prod(-1)
    return np.asarray(q * signs[:, None])


def _matched(a: Cloud, b: Cloud, maps: np.ndarray, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The maps that take a onto b, fitted to all points, with their permutations."""
    slack = 4 * tolerance + 1e-12
    distances, nearest = b.tree.query(a.lifted(a.unit @ maps.swapaxes(-1, -2)), distance_upper_bound=2 * slack)
    for g, p in zip(maps[near := np.isfinite(distances).all(1)], nearest[near], strict=True):
        if len(np.unique(p)) < len(p):
            continue
        u, _, vt = np.linalg.svd(b.unit[p].T @ a.unit)
        u[:, -1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt) * np.linalg.det(g))
        fitted = u @ vt
        if np.linalg.norm(a.unit @ fitted.T - b.unit[p], axis=1).max() <= tolerance + 1e-12:
            yield fitted, p


# clouds on a line -----------------------------------------------------------------------------------------------------


def _along_a_line(
    a: Cloud, b: Cloud, axis: np.ndarray, group: CatalogGroup, rep: Rep | None, tolerance: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """`congruence` of clouds on lines or in one point, where turns about the line are left to the features."""
    other = line_through(b.unit, tolerance)
    if other is None or axis.any() != other.any():
        return None
    if not axis.any():  # no two points of one kind are at one place
        p = _paired(a.kinds, b.kinds)
        g = _aligned(a, b, rep, np.eye(group.dim), p, group, None, tolerance)
        return None if g is None else (g, p)
    start = standard_frame(axis, None)
    for end in (other, -other):
        p = _paired(a.numbers, b.numbers, a.unit @ axis, b.unit @ end)
        if np.abs(a.unit @ axis - b.unit[p] @ end).max() > 4 * tolerance + 1e-12:
            continue
        turn = standard_frame(end, None) @ start.T
        if (g := _aligned(a, b, rep, turn, p, group, end, tolerance)) is not None:
            return g, p
    return None


def _paired(kinds_a: np.ndarray, kinds_b: np.ndarray, a: np.ndarray | None = None, b: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    """The permutation that takes sorted kinds, and along a line heights, to sorted ones."""
    orders = [np.lexsort((kinds,) if h is None else (h, kinds)) for kinds, h in ((kinds_a, a), (kinds_b, b))]
    p = np.empty(len(kinds_a), dtype=np.int64)
    p[orders[0]] = orders[1]
    return p


def _aligned(
    a: Cloud,
    b: Cloud,
    rep: Rep | None,
    turn: np.ndarray,
    p: np.ndarray,
    group: CatalogGroup,
    axis: np.ndarray | None,
    tolerance: float,
) -> np.ndarray | None:
    """A turn, followed by one about an axis (any, for None), that takes features to features."""
    if rep is None or a.features is None or b.features is None:
        return turn
    pairs = np.concatenate([a.features @ rep.evaluate(turn[None])[0].T, b.features[p]], 1)
    if len(pairs) > 2 * rep.dim:  # as many combinations of the points that the same elements align
        pairs = np.asarray(np.linalg.qr(pairs, mode="r"))
    total = sum((rep for _ in pairs[1:]), rep)
    about = None if axis is None else group.subgroup("Cinf" if group.is_proper else "Cinfv", axis=axis)
    total = total if about is None else total.restrict(about)
    found = alignments(pairs[:, : rep.dim].ravel(), pairs[:, rep.dim :].ravel(), total, 10 * tolerance).elements
    if not len(found):
        return None
    return (found[0] if about is None else about.embed(found[0])) @ turn
