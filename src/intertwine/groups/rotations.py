"""Rotations of space as matrices: about coordinate axes, at random, from quaternions, and those of the polyhedra."""

from __future__ import annotations

from functools import cache

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups.finite import closure
from intertwine.groups.group import Seed, generator

GOLDEN = (1 + np.sqrt(5)) / 2

# Two-fold axes of T and I along x, y, z, four-fold ones of O; the three-fold axis (1, 1, 1) is common to all.
_CYCLE = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
_HALF_TURN = np.diag([-1, -1, 1])
_QUARTER_TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
_FIFTH_TURN = np.array([[GOLDEN, -1, GOLDEN - 1], [1, GOLDEN - 1, -GOLDEN], [GOLDEN - 1, GOLDEN, 1]]) / 2
POLYHEDRON_GENERATORS = {
    "tetrahedron": (_CYCLE, _HALF_TURN),
    "cube": (_CYCLE, _QUARTER_TURN),
    "icosahedron": (_CYCLE, _FIFTH_TURN),
}
"""Rotations that generate all rotations of a polyhedron."""


TURNS = np.array(
    [[[0.0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]]
)
"""The infinitesimal rotations about x, y and z: `TURNS[i] @ r` is the cross product of the i-th direction and r."""


def axial(x: np.ndarray) -> np.ndarray:
    """The vector v `(3,)` of an antisymmetric matrix `(3, 3)`, with `x @ r` the cross product of v and r.

    >>> axial(TURNS[2])
    array([0., 0., 1.])
    """
    return np.array([x[2, 1], x[0, 2], x[1, 0]])


def exponential(x: np.ndarray) -> np.ndarray:
    """exp X of antisymmetric matrices `(..., n, n)`, by the eigenvectors of the Hermitian matrix i X.

    >>> exponential(np.pi * TURNS[2]).round(6).diagonal()
    array([-1., -1.,  1.])
    """
    values, vectors = np.linalg.eigh(1j * x)
    return np.asarray(((vectors * np.exp(-1j * values)[..., None, :]) @ vectors.conj().swapaxes(-1, -2)).real)


def axis_rotation(axis: int, angle: float | np.ndarray) -> np.ndarray:
    """Rotations `(..., 3, 3)` about the coordinate axis 0, 1, 2 = x, y, z by angles `(...)` in radians.

    >>> axis_rotation(2, np.pi / 2).round(6) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    c, s = np.cos(angle), np.sin(angle)
    out = np.zeros((*np.shape(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1
    out[..., i, i], out[..., i, j], out[..., j, i], out[..., j, j] = c, -s, s, c
    return out


def plane_rotation(angle: float | np.ndarray) -> np.ndarray:
    """Rotations `(..., 2, 2)` of the plane by angles `(...)` in radians, counter-clockwise.

    >>> plane_rotation(np.pi / 2).round(6) @ [1.0, 0.0]
    array([0., 1.])
    """
    return axis_rotation(2, angle)[..., :2, :2]


def quaternion_rotations(q: np.ndarray) -> np.ndarray:
    """The rotations `(..., 3, 3)` of unit quaternions `(..., 4)`, real part first; q and −q give the same.

    >>> quaternion_rotations(np.array([0.0, 0.0, 0.0, 1.0])).diagonal()
    array([-1., -1.,  1.])
    """
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def random_directions(n: int, dim: int, seed: Seed) -> np.ndarray:
    """n unit vectors `(n, dim)`, uniform on the sphere: vectors of normal numbers, divided by their lengths.

    >>> random_directions(2, 3, seed=0).shape
    (2, 3)
    """
    v = generator(seed).normal(size=(n, dim))
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def random_rotations(n: int, seed: Seed) -> np.ndarray:
    """n rotations `(n, 3, 3)`, uniform in the Haar measure: those of random unit quaternions.

    >>> random_rotations(2, seed=0).shape
    (2, 3, 3)
    """
    return quaternion_rotations(random_directions(n, 4, seed))


def distinct(arrays: np.ndarray) -> np.ndarray:
    """Those of the arrays `(k, ...)` that are not, to nine decimals, one of those before them.

    >>> distinct(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1e-15]]))
    array([[1., 0.],
           [0., 1.]])
    """
    _, first = np.unique(arrays.round(9) + 0.0, axis=0, return_index=True)
    return np.asarray(arrays[np.sort(first)])


@cache
def polyhedral_rotations(name: str) -> np.ndarray:
    """The rotations that keep a "tetrahedron" `(12, 3, 3)`, "cube" `(24, 3, 3)` or "icosahedron" `(60, 3, 3)`.

    The first is the identity. Two-fold axes of the tetrahedron and the icosahedron and four-fold axes of the cube are
    along x, y and z; the vertices of the icosahedron are (φ, 0, 1), (1, φ, 0), (0, 1, φ) and so on with the golden
    ratio φ. So the rotations of the tetrahedron are among those of the other two.

    Raises `ArgumentError` for another polyhedron.

    >>> len(polyhedral_rotations("icosahedron"))
    60
    """
    if name not in POLYHEDRON_GENERATORS:
        raise ArgumentError(
            f"There are no rotations of a polyhedron {name!r} here. The names are {', '.join(POLYHEDRON_GENERATORS)}."
        )
    return closure(np.array(POLYHEDRON_GENERATORS[name]))
