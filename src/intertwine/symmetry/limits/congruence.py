"""One cloud in two poses: the isometry and the permutation that take a cloud of points onto another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.inputs.linear_clouds import line_isometries
from intertwine.symmetry.inputs.search import Search, isometry_off, procrustes
from intertwine.symmetry.inputs.tolerances import FLOAT64, KEPT, TINY

Member = tuple[int, np.ndarray, np.ndarray | None]
"""The number of a sample, the element that takes the first sample of its orbit to it, and where the points go."""


def congruent_groups(clouds: Sequence[Cloud], tolerance: float) -> list[list[Member]]:
    """The clouds that are one cloud in different poses, together.

    Args:
        clouds: clouds with features of one rep.
        tolerance: the largest distance of a moved point from its partner, relative to the radius.
    """
    found: list[list[Member]] = []
    buckets: dict[tuple[object, ...], list[int]] = {}
    invariants = [_invariants(cloud) for cloud in clouds]
    for i, cloud in enumerate(clouds):
        kinds, counts = np.unique(cloud.labels, return_counts=True)
        own = buckets.setdefault((*kinds.tolist(), *counts.tolist()), [])
        firsts = [found[place][0][0] for place in own]
        off = [np.abs(invariants[first] - invariants[i]).max() for first in firsts]
        for k in np.flatnonzero(np.array(off) <= 8 * tolerance + FLOAT64):
            if (same := congruence(clouds[firsts[k]], cloud, tolerance)) is not None:
                found[own[k]].append((i, *same))
                break
        else:
            own.append(len(found))
            found.append([(i, np.eye(cloud.group.dim), np.arange(len(cloud.unit)))])
    return found


def _invariants(cloud: Cloud) -> np.ndarray:
    """What congruent clouds of the same kinds share up to a few tolerances.

    The radius, sorted radii and mean distances of the points of each kind, and the lengths of the parts of the features
    in each irrep.
    """
    radii = np.linalg.norm(cloud.unit, axis=1)
    means = np.array([np.linalg.norm(cloud.unit - p, axis=1).mean() for p in cloud.unit])
    rows = [values[np.lexsort((values, cloud.kinds))] for values in (radii, means)]
    parts = [np.linalg.norm(cloud.features @ c.reshape(cloud.rep.dim, -1)) for c in cloud.rep.copies.values()]
    whole = max(float(np.linalg.norm(parts)), TINY)
    features = np.array([np.log(whole), *(np.array(parts) / whole)]) / (KEPT * max(cloud.features.size, 1) ** 0.5)
    return np.concatenate([[np.log(max(cloud.radius, TINY))], *rows, features])


def congruence(a: Cloud, b: Cloud, tolerance: float = 1e-6) -> tuple[np.ndarray, np.ndarray] | None:
    """An element g and a permutation p with g aᵢ = b_p(i), for positions, kinds and features; None if there is none.

    Args:
        a, b: clouds with as many points of each kind.
        tolerance: the largest distance of a moved point from its partner, relative to the radius.
    """
    if a.line[1] <= tolerance:
        if b.line[1] > tolerance:
            return None
        line = line_isometries(a, b, tolerance, KEPT * tolerance)
        return next(zip(line.elements, line.permutations, strict=True), None)
    for permutations, signs in Search(a, b).permutations(tolerance):
        g = procrustes(a.unit, b.unit[permutations], signs)
        good = isometry_off(a, b, g, permutations) <= tolerance + FLOAT64
        if good.any():
            return g[good][0], permutations[good][0]
    return None
