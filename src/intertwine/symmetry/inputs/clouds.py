"""The symmetry of a point cloud: the isometries that move it onto itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.symmetry.inputs.matching import Matcher, coincident

FAR = 0.3
"""Points this far from the centre, for a radius of 1, show directions well in spite of noise."""


def cloud_symmetries(
    centred: np.ndarray,
    kinds: np.ndarray,
    group: Group,
    features: np.ndarray | None,
    rep: Rep | None,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The elements `(h, n, n)` of a group that move a cloud, not on a line, onto itself; where points go, `(h, N)`.

    Every symmetry is found: two points whose directions span a plane are fixed, and each symmetry takes them to two
    others of the same kinds, distances and angle, which determine it. All such maps are tried.

    Args:
        centred: positions about the centre, the farthest at distance 1.
        kinds: a kind for each point; only points of one kind may be exchanged.
        group: SO(2), O(2), SO(3) or O(3).
        features: a vector of `rep` at each point, which moves along, `(N, rep.dim)`.
        rep: the rep of the features.
        tolerance: the largest distance between a moved point and its partner.
    """
    matcher = Matcher(centred, kinds, tolerance)
    members = matcher.group(_candidates(centred, kinds, group, tolerance), _keeps(features, rep, tolerance))
    return np.array(matcher.elements)[members], np.array(matcher.permutations)[members]


def nearly_symmetries(
    centred: np.ndarray, kinds: np.ndarray, group: Group, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All elements that leave a cloud, not on a line, as it is up to a tolerance, whether or not they form a group.

    Elements `(h, n, n)`, where points go `(h, N)`, and the largest distance of a moved point from its partner `(h,)`.
    """
    matcher = Matcher(centred, kinds, tolerance)
    matcher.group(_candidates(centred, kinds, group, tolerance), lambda _g, _p: True)
    residuals = np.array(matcher.residuals)
    near = residuals <= tolerance
    return np.array(matcher.elements)[near], np.array(matcher.permutations)[near], residuals[near]


def checked_cloud(
    points: np.ndarray,
    group: Group,
    labels: Sequence[int] | np.ndarray | None,
    features: np.ndarray | None,
    rep: Rep | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Positions about their centre, the farthest at distance 1; kinds; features: or an error that says what is off."""
    features = None if features is None else to_numpy(features)
    points = _check_points(points, group, features, rep)
    kinds = np.zeros(len(points)) if labels is None else np.asarray(labels)
    if kinds.shape != (len(points),):
        raise ShapeError(f"There are {len(points)} points, one label for each, but labels of shape {kinds.shape} came.")
    centred = points - points.mean(0)
    scale = float(np.linalg.norm(centred, axis=1).max(initial=0.0))
    centred = centred / scale if scale > 1e-13 * np.abs(points).max() else np.zeros_like(centred)
    if coincident(centred, kinds):
        raise ArgumentError(
            "Two points of one kind coincide, so it is not clear which goes where. Label them differently, or keep one."
        )
    return centred, kinds, features


def _keeps(features: np.ndarray | None, rep: Rep | None, tolerance: float) -> Callable[[np.ndarray, np.ndarray], bool]:
    """Whether an element and a permutation move features to where they are, for `Matcher.group`."""
    if features is None or rep is None:
        return lambda _g, _p: True
    size = max(float(np.abs(features).max(initial=0.0)), 1e-300)

    def keeps(g: np.ndarray, p: np.ndarray) -> bool:
        off = features @ rep.evaluate(g[None])[0].T - features[p]
        return float(np.abs(off).max(initial=0.0)) <= 10 * tolerance * size

    return keeps


def _check_points(points: np.ndarray, group: Group, features: np.ndarray | None, rep: Rep | None) -> np.ndarray:
    points = to_numpy(points)
    if points.ndim != 2 or points.shape[1] != group.dim or not len(points):
        raise ShapeError(
            f"A point cloud for {group} has the shape (N, {group.dim}) with N ≥ 1, but got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ArgumentError("The positions hold NaN or infinite numbers. Remove or repair these points.")
    if not group.is_full:
        raise ArgumentError(f"The symmetry of points is found in SO(2), O(2), SO(3) or O(3), but {group} came.")
    if (features is None) != (rep is None):
        raise ArgumentError("Features and their rep come together: pass features=… and rep=….")
    if features is not None and rep is not None:
        _check_features(features, rep, group, len(points))
    return points


def _check_features(features: np.ndarray, rep: Rep, group: Group, count: int) -> None:
    if rep.group != group:
        raise RepMismatchError(
            f"The symmetry is looked for in {group}, but the features' rep {rep} belongs to {rep.group}. "
            "Pass group=rep.group, or a rep of the group."
        )
    if np.shape(features) != (count, rep.dim):
        raise ShapeError(f"Features of {rep} have the shape {(count, rep.dim)}, but got {np.shape(features)}.")
    if not np.isfinite(features).all():
        raise ArgumentError("The features hold NaN or infinite numbers. Remove or repair these points.")


def line_through(points: np.ndarray, tolerance: float) -> np.ndarray | None:
    """The direction of the line that points about their centre lie on, 0 if all are at the centre, None if they do not.

    In the plane only points at the centre count: a line there has finitely many symmetries.
    """
    if points.shape[1] == 2 or not points.any():
        return None if points.any() else np.zeros(points.shape[1])
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    off = np.linalg.norm(points - np.outer(points @ axis, axis), axis=1).max()
    return axis if off <= tolerance else None


def reversal(points: np.ndarray, kinds: np.ndarray, axis: np.ndarray, tolerance: float) -> np.ndarray | None:
    """Where the points of a line go when it is turned round; None if it does not come back."""
    heights = points @ axis
    back = np.zeros(len(points), dtype=np.int64)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        order = members[np.argsort(heights[members], kind="stable")]
        back[order] = order[::-1]
    return back if np.abs(heights + heights[back]).max() <= tolerance else None


def _candidates(points: np.ndarray, kinds: np.ndarray, group: Group, tolerance: float) -> np.ndarray:
    """Elements `(k, n, n)` near all symmetries of a cloud that is not on a line."""
    radii = np.linalg.norm(points, axis=1)
    first = _smallest_class(kinds, radii, radii > FAR, tolerance)
    start, proper = points[first], group.is_proper
    if group.dim == 2:
        near = (kinds == kinds[first]) & (np.abs(radii - radii[first]) <= 4 * tolerance) & (radii > FAR / 2)
        return np.array([_plane_map(start, p, flip) for p in points[near] for flip in ((1,) if proper else (1, -1))])
    away = np.linalg.norm(np.cross(start, points), axis=1)
    second = _smallest_class(kinds, radii, away > FAR * away.max(), tolerance)
    return _triad_maps(points, kinds, (first, second), proper, tolerance)


def _smallest_class(kinds: np.ndarray, radii: np.ndarray, allowed: np.ndarray, tolerance: float) -> int:
    """A point of the (kind, radius) class with the fewest members among the allowed points."""
    places = np.flatnonzero(allowed)
    same = (kinds[places, None] == kinds) & (np.abs(radii[places, None] - radii) <= tolerance)
    return int(places[np.argmin(same.sum(1))])


def _plane_map(a: np.ndarray, b: np.ndarray, flip: int) -> np.ndarray:
    """The rotation (flip = 1) or reflection (−1) of the plane that takes the direction of a to that of b."""
    frames = [np.stack([v, np.array([-v[1], v[0]])], -1) / np.linalg.norm(v) for v in (a, b)]
    return frames[1] @ np.diag([1, flip]) @ frames[0].T


def _triad_maps(
    points: np.ndarray, kinds: np.ndarray, pair: tuple[int, int], proper: bool, tolerance: float
) -> np.ndarray:
    """The orthogonal maps that take two given points to two of equal kinds, distances and angle."""
    i, j = pair
    slack, radii = 4 * tolerance, np.linalg.norm(points, axis=1)
    same = (kinds == kinds[[[i], [j]]]) & (np.abs(radii - radii[[[i], [j]]]) <= slack)
    cross = np.cross(points[:, None], points)
    size = np.linalg.norm(cross, axis=-1)
    fits = np.abs(points @ points.T - points[i] @ points[j]) <= slack
    a, b = np.nonzero(same[0][:, None] & same[1] & fits & (size > size[i, j] / 4))
    ends, start = _triads(points[a], points[b]), _triads(points[[i]], points[[j]])[0]
    signs = np.array([1.0] if proper else [1.0, -1.0])
    flips = np.stack([np.ones_like(signs), np.ones_like(signs), signs], -1)
    return np.asarray((ends[:, None] * flips[:, None] @ start.T).reshape(-1, 3, 3))


def _triads(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Right-handed orthonormal frames `(k, 3, 3)` with a along the first column and b in the plane of the first two."""
    x = a / np.linalg.norm(a, axis=-1, keepdims=True)
    z = np.cross(a, b)
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)
