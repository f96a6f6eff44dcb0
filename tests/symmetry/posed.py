"""Vectors and clouds of every point group in random poses: inputs whose symmetry is known before it is looked for."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from intertwine.catalog import O3, point_group
from intertwine.reps import Rep
from intertwine.symmetry import Stabiliser

_TEXT = (
    "C1 Ci Cs C2 C3 C4 C5 C6 C2v C3v C4v C5v C6v C2h C3h C4h C5h C6h D2 D3 D4 D5 D6 D2h D3h D4h D5h D6h D2d D3d D4d "
    "S4 S6 S8 T Td Th O Oh I Ih"
)
NAMES = (*_TEXT.split(),)
"""Forty-one point groups."""

each_name = pytest.mark.parametrize("name", NAMES)

EVERYTHING = O3.rep(" + ".join(f"1x{label}" for label in O3.labels(6)))
"""Each irrep of O(3) up to degree 6 once: its generic fixed vectors tell the forty-one groups apart."""


def unit(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random vector of length 1."""
    v = rng.normal(size=size)
    return v / np.linalg.norm(v)


def pose(rng: np.random.Generator) -> np.ndarray:
    """A random rotation."""
    g = O3.sample(1, rng)[0]
    return g * np.sign(np.linalg.det(g))


def fixed_vector(elements: np.ndarray, rng: np.random.Generator, rep: Rep = EVERYTHING) -> np.ndarray:
    """A generic vector, of length 1, that a finite group keeps."""
    v = rep.evaluate(elements).mean(0) @ rng.normal(size=rep.dim)
    return v / np.linalg.norm(v)


def posed_vector(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A vector of `EVERYTHING` with the symmetry of a point group in a random pose, and the group's elements."""
    rng = np.random.default_rng([seed, NAMES.index(name)])
    a = pose(rng)
    g = a @ point_group(name).elements() @ a.T
    return fixed_vector(g, rng), g


def posed_cloud(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points with the symmetry of a point group in a random pose, their kinds, and the group's elements.

    One to three orbits (more for the smallest groups) of two kinds, with points at least 0.35 of the radius apart, and
    no other map that takes each point within 0.25 of the radius of one of its kind.
    """
    rng = np.random.default_rng([seed, NAMES.index(name)])
    g = point_group(name).elements()
    while True:
        points, kinds = _orbits(g, rng)
        if len(points) < 3 or len(points) > 100:
            continue
        points = points - points.mean(0)
        points = points / max(np.linalg.norm(points, axis=1).max(), 1e-9)
        flat = np.linalg.svd(points)[1][1] < 0.3  # nearly on a line
        if not flat and _distance(points) >= 0.35 and not _others(points, kinds, g):
            a, order = pose(rng), rng.permutation(len(points))
            return (points @ a.T)[order], kinds[order], a @ g @ a.T


def _orbits(g: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for _ in range(rng.integers(1, 4) if len(g) > 3 else rng.integers(4, 8)):
        p = unit(rng, 3) * rng.uniform(0.45, 1)
        if rng.random() < (0.9 if len(g) >= 48 else 0.3):  # on the axis or mirror of an element
            h = g[rng.integers(len(g))]
            values, vectors = np.linalg.eigh(h + h.T)
            kept = vectors[:, np.abs(values - 2) < 1e-9]
            on = kept @ (kept.T @ p)
            p = on * np.linalg.norm(p) / np.linalg.norm(on) if np.linalg.norm(on) > 1e-3 else p
        images = g @ p
        parts.append(images[np.unique(np.round(images, 6), axis=0, return_index=True)[1]])
    kinds = [np.full(len(part), rng.integers(2)) for part in parts]
    return np.concatenate(parts), np.concatenate(kinds)


def _distance(points: np.ndarray) -> float:
    return float((cdist(points, points) + 9 * np.eye(len(points))).min())


def _others(points: np.ndarray, kinds: np.ndarray, g: np.ndarray, slack: float = 0.25) -> bool:
    """Whether maps beside g take the cloud near itself: all that take two points to two similar ones are tried."""
    lengths, dots = np.linalg.norm(points, axis=1), points @ points.T
    areas = np.linalg.norm(np.cross(points[:, None], points), axis=-1)
    like = [(kinds == kinds[k]) & (np.abs(lengths - lengths[k]) < slack) for k in range(len(points))]
    cost = np.outer(*2 * [np.sum(like, 1)]) + 1e9 * (areas < 0.4 * areas.max())
    i, j = np.unravel_index(np.argmin(cost), areas.shape)
    fits = np.abs(dots - dots[i, j]) < slack
    a, b = np.nonzero(like[i][:, None] & like[j] & fits & (areas > 0.2 * areas[i, j]))
    start = _frames(points[[i]], points[[j]])[0]
    ends = _frames(points[a], points[b])
    maps = np.concatenate([ends @ np.diag([1, 1, sign]) @ start.T for sign in (1, -1)])
    for h in maps[np.abs(maps[:, None] - g).max((-1, -2)).min(1) > 0.02]:
        moved = points[:5] @ h.T  # a few points turn most maps down
        if _reach(moved, kinds[:5], points, kinds) < slack and _reach(points @ h.T, kinds, points, kinds) < slack:
            return True
    return False


def _reach(a: np.ndarray, kinds_a: np.ndarray, b: np.ndarray, kinds_b: np.ndarray) -> float:
    return float((cdist(a, b) + 9 * (kinds_a[:, None] != kinds_b)).min(1).max())


def _frames(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x, z = a / np.linalg.norm(a, axis=-1, keepdims=True), np.cross(a, b)
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)


def off(found: Stabiliser, g: np.ndarray) -> float:
    """How far the elements that were found are from those of a group."""
    assert found.order == len(g) == len(found.elements)
    return float(np.abs(found.elements[:, None] - g).max((-1, -2)).min(1).max())


def check_group(found: Stabiliser) -> None:
    """The elements are an exact group in the parent; permutations multiply as they do."""
    g, p = found.elements, found.permutations
    products = np.einsum("aij,bjk->abik", g, g)
    distances = np.abs(products[:, :, None] - g).max((-1, -2))
    assert distances.min(-1).max() < 1e-9
    assert found.group.contains(g).all()
    if p is not None:
        assert (np.sort(p, 1) == np.arange(p.shape[1])).all()
        np.testing.assert_array_equal(p[:, p], p[distances.argmin(-1)])


TENSORS = {  # of Ihrig and Golubitsky's kind: degrees 0 … 4, both parities, K = SO(3), Kh = O(3)
    "0e": "O(3)",
    "0o": "SO(3)",
    "1e": "Cinfh",
    "1o": "Cinfv",
    "2e": "D2h Dinfh",
    "2o": "D2 D2d Dinf",
    "3e": "Ci C2h S6 Cinfh Th D3d",
    "3o": "C1 Cs C2v C3v Cinfv D3h Td",
    "4e": "Ci C2h D3d D4h Dinfh D2h Oh",
    "4o": "C1 Cs C2 D3 D4 Dinf C2v D3h D4d D2 D2d O",
}
"""The symmetries that one tensor of O(3) can have."""
