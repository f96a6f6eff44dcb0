"""The symmetry of a point cloud: the isometries that move it onto itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog import O3, SO3, words
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.symmetry.axes import axes_words, common_axis

Found = tuple[np.ndarray, np.ndarray, float]
"""An element, where it moves each point, and its weight."""


@dataclass(frozen=True, repr=False)
class PointSymmetry:
    """The elements of a group that move a point cloud onto itself, about its centre.

    For a finite symmetry these are all its elements, with equal weights. For a cloud on a line or in one point the
    symmetry is continuous, and elements and weights are a quadrature: averages over it are exact up to the degree asked
    for.

    Args:
        group: the group that the elements lie in.
        elements: `(h, n, n)`.
        permutations: where each point goes, `(h, N)`: element k moves point i to point `permutations[k, i]`.
        weights: `(h,)`, summing to 1.
        continuous: whether the symmetry is infinite.
    """

    group: Group
    elements: np.ndarray
    permutations: np.ndarray
    weights: np.ndarray
    continuous: bool

    @property
    def order(self) -> float:
        """The number of symmetries; infinite for a continuous one."""
        return np.inf if self.continuous else len(self.elements)

    def describe(self) -> str:
        """The symmetry in words: its order, rotations and improper elements, axes, and whether it holds the inversion.

        >>> hexagon = [[np.cos(a), np.sin(a), 0] for a in np.pi / 3 * np.arange(6)]
        >>> print(point_symmetry(np.array(hexagon)).describe())
        6 points have 24 symmetries in O(3): 12 rotations and 12 improper elements, the inversion among them.
        Rotation axes: one 6-fold axis, z; six 2-fold axes.
        """
        points, n = self.permutations.shape[1], self.group.dim
        subject = f"{_count(points, 'point')} {'has' if points == 1 else 'have'}"
        if self.continuous:
            axis = common_axis(self.elements)
            which = f", every rotation about {axis} among them" if axis else ": every element"
            return f"{subject} infinitely many symmetries in {self.group}{which}."
        proper = np.linalg.det(self.elements) > 0
        turns, improper = int(proper.sum()), int((~proper).sum())
        text = f"{subject} {_count(len(proper), 'symmetry', 'symmetries')} in {self.group}: "
        text += "the identity" if turns == 1 else f"{turns} rotations"
        if n == 2:
            text += f" and {_count(improper, 'mirror')}" if improper else ""
            return f"{text}. {words.rotations(turns, 'the centre')}"
        if improper:
            inverts = bool((np.abs(self.elements + np.eye(n)).max((-1, -2)) < 1e-2).any())
            text += f" and {_count(improper, 'improper element')}, the inversion {'' if inverts else 'not '}among them"
        return f"{text}.\n{axes_words(self.elements[proper])}"

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        return f"<PointSymmetry of {_count(self.permutations.shape[1], 'point')} in {self.group}, order {self.order}>"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def point_symmetry(
    points: np.ndarray,
    group: Group = O3,
    *,
    labels: Sequence[int] | np.ndarray | None = None,
    features: np.ndarray | None = None,
    rep: Rep | None = None,
    degree: int = 12,
    tolerance: float = 1e-6,
) -> PointSymmetry:
    """The symmetry of a cloud of points with labels and features, under a group that acts on space about the centre.

    Every symmetry is fixed by where it takes n − 1 points that span as much as they can; so those are moved onto all
    candidates of equal label, distance and angle, and the rest of the cloud is compared.

    Args:
        points: positions `(N, n)`, n = 2 or 3.
        group: SO(2), O(2), SO(3) or O(3), acting by its defining rep.
        labels: a kind for each point, `(N,)`; only points of one kind may be exchanged.
        features: a vector of a rep at each point, `(N, rep.dim)`, which must move along.
        rep: the rep of the features.
        degree: for continuous symmetries, the degree up to which averages are exact.
        tolerance: the largest distance between a moved point and its partner, relative to the radius of the cloud.

    Raises `ShapeError` or `ArgumentError` for inputs that do not fit or are not finite, for points of one kind that
    coincide, and for features on a cloud whose symmetry is continuous.

    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    >>> point_symmetry(square).order  # D4h
    16
    """
    features = None if features is None else to_numpy(features)
    points = _check_points(points, group, features, rep)
    kinds = np.zeros(len(points)) if labels is None else np.asarray(labels)
    if kinds.shape != (len(points),):
        raise ShapeError(f"There are {len(points)} points, one label for each, but labels of shape {kinds.shape} came.")
    centred = points - points.mean(0)
    scale = float(np.linalg.norm(centred, axis=1).max(initial=0.0)) or 1.0
    centred = centred / scale
    elements, shares, continuous = _candidates(centred, kinds, group, degree, tolerance)
    if _permutation(centred, kinds, np.eye(group.dim), tolerance) is None:
        raise ArgumentError(
            "Two points of one kind coincide, so it is not clear which goes where. Label them differently, or keep one."
        )
    found = [
        (g, p, share)
        for g, share in zip(elements, shares, strict=True)
        if (p := _permutation(centred, kinds, g, tolerance)) is not None
    ]
    if not continuous:
        found = [(_fitted(centred, p, g), p, share) for g, p, share in _distinct(found)]
        found = [(g, p, share) for g, p, share in found if _distance(centred, p, g) <= tolerance]
    if continuous and features is not None and rep is not None and not rep.is_trivial:
        raise ArgumentError(
            "The points lie on a line or in one point, so their symmetry is continuous; features on such a cloud are "
            "not supported. Give invariant features only, or add points."
        )
    if features is not None and rep is not None:
        size = max(float(np.abs(features).max(initial=0.0)), 1e-300)
        moved = rep.matrix(np.array([g for g, _, _ in found]))
        found = [
            (g, p, share)
            for (g, p, share), matrix in zip(found, moved, strict=True)
            if np.abs(features @ matrix.T - features[p]).max(initial=0.0) <= 10 * tolerance * size
        ]
    g, p, weights = (np.array(column) for column in zip(*found, strict=True))
    return PointSymmetry(group, g, p, weights / weights.sum(), continuous)


def _distance(points: np.ndarray, permutation: np.ndarray, g: np.ndarray) -> float:
    """The largest distance between a moved point and its partner."""
    return float(np.linalg.norm(points @ g.T - points[permutation], axis=1).max(initial=0.0))


def _fitted(points: np.ndarray, permutation: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The orthogonal map of the same determinant that takes points closest to their partners (Procrustes)."""
    u, _, vt = np.linalg.svd(points[permutation].T @ points)
    signs = np.ones(len(g))
    signs[-1] = np.sign(np.linalg.det(g)) * np.linalg.det(u) * np.linalg.det(vt)
    return np.asarray(u * signs @ vt)


def _distinct(found: list[Found]) -> list[Found]:
    """One element for each permutation and determinant: a large tolerance finds one symmetry several times."""
    first: dict[tuple[bytes, bool], Found] = {}
    for g, permutation, share in found:
        first.setdefault((permutation.tobytes(), bool(np.linalg.det(g) > 0)), (g, permutation, share))
    return list(first.values())


def _check_points(points: np.ndarray, group: Group, features: np.ndarray | None, rep: Rep | None) -> np.ndarray:
    points = to_numpy(points)
    if points.ndim != 2 or points.shape[1] != group.dim or not len(points):
        raise ShapeError(
            f"A point cloud for {group} has the shape (N, {group.dim}) with N ≥ 1, but got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ArgumentError("The positions hold NaN or infinite numbers. Remove or repair these points.")
    if not group.is_whole:
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


def _candidates(
    points: np.ndarray, kinds: np.ndarray, group: Group, degree: int, tolerance: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Elements among which all symmetries are, their weights, and whether they sample a continuous symmetry."""
    radii = np.linalg.norm(points, axis=1)
    first = _smallest_class(kinds, radii, radii > tolerance, tolerance)
    proper = group.is_proper
    if first is None:  # one point: everything is a symmetry
        return *group.quadrature(max(degree, 2)), True
    start = points[first]
    partners = [p for p, k, r in zip(points, kinds, radii, strict=True)
                if k == kinds[first] and abs(r - radii[first]) <= tolerance]  # fmt: skip
    if group.dim == 2:
        return *_equal([_plane_map(start, p, flip) for p in partners for flip in ((1,) if proper else (1, -1))]), False
    away = np.linalg.norm(np.cross(start, points), axis=1) / radii[first]
    second = _smallest_class(kinds, radii, away > 10 * tolerance, tolerance)
    if second is None:
        return *_line_symmetries(start, max(degree, 2), proper), True
    return *_equal(_triad_maps(points, kinds, radii, (first, second), proper, tolerance)), False


def _equal(elements: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Elements `(k, n, n)` and equal weights for them."""
    return np.array(elements), np.ones(len(elements))


def _smallest_class(kinds: np.ndarray, radii: np.ndarray, allowed: np.ndarray, tolerance: float) -> int | None:
    """A point of the (kind, radius) class with the fewest members among the allowed points."""
    best, size = None, len(radii) + 1
    for i in np.flatnonzero(allowed):
        members = int(np.sum((kinds == kinds[i]) & (np.abs(radii - radii[i]) <= tolerance)))
        if members < size:
            best, size = int(i), members
    return best


def _plane_map(a: np.ndarray, b: np.ndarray, flip: int) -> np.ndarray:
    """The rotation (flip = 1) or reflection (−1) of the plane that takes the direction of a to that of b."""
    frames = [np.stack([v, np.array([-v[1], v[0]])], -1) / np.linalg.norm(v) for v in (a, b)]
    return frames[1] @ np.diag([1, flip]) @ frames[0].T


def _line_symmetries(axis: np.ndarray, degree: int, proper: bool) -> tuple[np.ndarray, np.ndarray]:
    """A quadrature of the symmetries of a line through the centre, both directions."""
    name = "Dinf" if proper else "Dinfh"
    whole = (SO3 if proper else O3).subgroup(name, axis=axis)
    elements, weights = whole.group.quadrature(degree)
    return whole.embed(elements), weights


def _triad_maps(
    points: np.ndarray, kinds: np.ndarray, radii: np.ndarray, pair: tuple[int, int], proper: bool, tolerance: float
) -> list[np.ndarray]:
    """The orthogonal maps that take two given points to two of equal kinds, distances and angle."""
    i, j = pair
    dot, slack = points[i] @ points[j], 4 * tolerance
    same_i = np.flatnonzero((kinds == kinds[i]) & (np.abs(radii - radii[i]) <= slack))
    same_j = np.flatnonzero((kinds == kinds[j]) & (np.abs(radii - radii[j]) <= slack))
    start, maps = _triad(points[i], points[j]), []
    for a in same_i:
        for b in same_j[np.abs(points[same_j] @ points[a] - dot) <= slack]:
            if np.linalg.norm(np.cross(points[a], points[b])) <= tolerance:
                continue  # on one line, where a large tolerance still finds the angle right
            end = _triad(points[a], points[b])
            maps += [end @ np.diag([1, 1, sign]) @ start.T for sign in ((1,) if proper else (1, -1))]
    return maps


def _triad(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The right-handed orthonormal frame `(3, 3)` with a along its first column and b in the plane of the first two."""
    x = a / np.linalg.norm(a)
    z = np.cross(a, b)
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], -1)


def _permutation(points: np.ndarray, kinds: np.ndarray, g: np.ndarray, tolerance: float) -> np.ndarray | None:
    """Where each point goes under g, or None if the cloud does not come back."""
    from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

    target = np.empty(len(points), dtype=np.int64)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        distances, nearest = KDTree(points[members]).query(points[members] @ g.T)
        if distances.max() > 4 * tolerance or len(np.unique(nearest)) != len(members):
            return None
        target[members] = members[nearest]
    return target
