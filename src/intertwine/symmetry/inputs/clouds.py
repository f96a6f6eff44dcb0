"""The symmetry of a point cloud: the isometries that move it onto itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.symmetry.inputs.matching import Matcher
from intertwine.symmetry.inputs.search import Search, spacings


def cloud_symmetries(
    centred: np.ndarray,
    kinds: np.ndarray,
    group: Group,
    features: np.ndarray | None,
    rep: Rep | None,
    tolerance: float,
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """The groups of elements of a group that move a cloud, not on a line, onto itself, at growing tolerances.

    For each the tolerance from which on it counts, its elements `(h, n, n)`, and where points go, `(h, N)`.

    Args:
        centred: positions about the centre, the farthest at distance 1.
        kinds: a kind for each point; only points of one kind may be exchanged.
        group: SO(2), O(2), SO(3) or O(3).
        features: a vector of `rep` at each point, which moves along, `(N, rep.dim)`.
        rep: the rep of the features.
        tolerance: the largest distance between a moved point and its partner.
    """
    matcher = Matcher(centred, None if features is None or rep is None else partial(_features_off, features, rep))
    tolerance = min(tolerance, float(np.median(spacings(centred, kinds))) / 2)
    found = list(Search(centred, kinds, group).permutations(tolerance))
    matcher.add(np.concatenate([p for p, _ in found]), np.concatenate([s for _, s in found]), tolerance)
    groups = matcher.groups(tolerance)  # which numbers products too
    return [
        (least, np.array([matcher.elements[i] for i in members]), np.array([matcher.permutations[i] for i in members]))
        for least, members in groups
    ]


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
        raise ShapeError(f"There are {len(points)} points, one label for each, but got labels of shape {kinds.shape}.")
    centred = points - points.mean(0)
    scale = float(np.linalg.norm(centred, axis=1).max(initial=0.0))
    centred = centred / scale if scale > 1e-13 * np.abs(points).max() else np.zeros_like(centred)
    if spacings(centred, kinds).min() < 1e-12:
        raise ArgumentError(
            "Two points of one kind coincide, so it is not clear which goes where. Label them differently, or keep one."
        )
    return centred, kinds, features


def _features_off(features: np.ndarray, rep: Rep, g: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """How far elements and permutations leave features from where they are, `(k,)`.

    As a part of all of them; but where none is off by more than a tenth of the largest one, that tenth is enough.
    """
    off = features @ rep.evaluate(g).swapaxes(-1, -2) - features[permutations]
    whole = np.linalg.norm(off, axis=(-2, -1)) / max(float(np.linalg.norm(features)), 1e-300)
    single = np.abs(off).max((-2, -1), initial=0.0) / max(float(np.abs(features).max(initial=0.0)), 1e-300)
    return np.minimum(whole, single / 10)


def _check_points(points: np.ndarray, group: Group, features: np.ndarray | None, rep: Rep | None) -> np.ndarray:
    points = to_numpy(points)
    if points.ndim != 2 or points.shape[1] != group.dim or not len(points):
        raise ShapeError(
            f"A point cloud for {group} has the shape (N, {group.dim}) with N ≥ 1, but got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ArgumentError("The positions hold NaN or infinite numbers. Remove or repair these points.")
    if not group.is_full:
        raise ArgumentError(f"The symmetry of points is found in SO(2), O(2), SO(3) or O(3), but got {group}.")
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
    axis, off = nearest_line(points)
    return axis if off <= tolerance else None


def nearest_line(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The direction of the line that points about their centre are closest to, and how far they are from it."""
    if points.shape[1] == 2 or not points.any():
        return np.zeros(points.shape[1]), np.inf if points.any() else 0.0
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    return axis, float(np.linalg.norm(points - np.outer(points @ axis, axis), axis=1).max())


def reversal(points: np.ndarray, kinds: np.ndarray, axis: np.ndarray, tolerance: float) -> np.ndarray | None:
    """Where the points of a line go when it is turned round; None if it does not come back."""
    heights = points @ axis
    back = np.zeros(len(points), dtype=np.int64)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        order = members[np.argsort(heights[members], kind="stable")]
        back[order] = order[::-1]
    return back if np.abs(heights + heights[back]).max() <= tolerance else None
