"""Which point group a set of 3 × 3 matrices is, and where its axes lie."""

from __future__ import annotations

import numpy as np

from intertwine.catalog.standard_frame import standard_frame
from intertwine.groups.rotations import GOLDEN, TURNS

RotationAxes = list[tuple[np.ndarray, int]]
"""Unit vectors and the orders of the rotations about them."""


def recognise(elements: np.ndarray, tolerance: float = 1e-6) -> tuple[str, np.ndarray]:
    """The Schoenflies name of a finite group of orthogonal matrices `(q, 3, 3)`, and the rotation of its setting.

    The elements, whose entries may be off by the tolerance, are A g Aᵀ for g in `point_group(name)` and the rotation A
    `(3, 3)`. Where several rotations would do, axes close to z, then x, are taken.

    A group is its rotations R, the rotations and the negatives of the improper elements, P, and how R lies in P:
    R = P (no improper elements), P twice (with inversion), or half of P.
    """
    improper = np.linalg.det(elements) < 0
    turns = elements[~improper]
    turned = np.where(improper[:, None, None], -elements, elements)
    has_inversion = bool((np.abs(elements + np.eye(3)).max((-1, -2)) < tolerance).any())
    whole = turns if has_inversion else turned
    inner, outer = rotation_axes(turns, tolerance), rotation_axes(whole, tolerance)
    small, large = _rotation_name(inner, len(turns)), _rotation_name(outer, len(whole))
    title = _title(small, large, bool(improper.any()), has_inversion)
    return title, _frame(title, inner if title == "C2v" else outer, inner, elements, tolerance)


def rotation_axes(rotations: np.ndarray, tolerance: float = 1e-6) -> RotationAxes:
    """The axes of a finite group of rotations `(q, 3, 3)`, each once, highest order first, then close to z, x, y.

    An axis of order n is kept by n − 1 rotations beside the identity; noisy ones are averaged.
    """
    turning = rotations[np.abs(rotations - np.eye(3)).max((-1, -2)) > max(tolerance, 1e-9)]
    # the axis belongs to the largest eigenvalue of g + gᵀ, 2; the other two are twice the cosine of the angle
    vectors = np.linalg.eigh(turning + turning.swapaxes(-1, -2))[1][..., -1]
    found: RotationAxes = []
    while len(vectors):
        near = np.linalg.norm(np.cross(vectors, vectors[0]), axis=-1) < max(4 * tolerance, 1e-6)
        together = vectors[near] * np.sign(vectors[near] @ vectors[0])[:, None]
        mean = together.mean(0)
        found.append((_upwards(mean / np.linalg.norm(mean), tolerance), int(near.sum()) + 1))
        vectors = vectors[~near]
    return sorted(found, key=lambda item: (-item[1], *np.round(-np.abs(item[0][[2, 0, 1]]), 5), *-item[0][[2, 0, 1]]))


def refined(frame: np.ndarray, standard: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """The rotation A closest to a frame `(3, 3)` that fits `A s Aᵀ` to noisy elements best, by least squares.

    The elements s of the group in its standard setting and the noisy ones are `(q, 3, 3)`, in any order.
    """
    for _ in range(4):
        placed = frame @ standard @ frame.T
        nearest = np.argmin(np.abs(placed[:, None] - elements).max((-1, -2)), 1)
        wanted = (elements[nearest] - placed).reshape(-1)
        columns = [(x @ placed - placed @ x).reshape(-1) for x in TURNS]
        step = np.linalg.lstsq(np.stack(columns, -1), wanted, rcond=1e-9)[0]
        u, _, vt = np.linalg.svd(frame + np.tensordot(step, TURNS, 1) @ frame)
        frame = u @ vt
    return np.asarray(frame)


def _upwards(axis: np.ndarray, tolerance: float) -> np.ndarray:
    """The axis or its negative, such that the first of z, x, y that is not zero is positive; tidied."""
    near = np.round(axis)
    axis = np.where(np.abs(axis - near) < 1e-12, near, axis)
    first = next(i for i in (2, 0, 1) if abs(axis[i]) > max(tolerance, 1e-9))
    return np.asarray(axis * np.sign(axis[first]) + 0.0)


def _rotation_name(axes: RotationAxes, count: int) -> str:
    """The name of a group of rotations from its axes and the number of its elements."""
    if sum(order > 2 for _, order in axes) > 1:
        return {12: "T", 24: "O", 60: "I"}[count]
    highest = axes[0][1] if axes else 1
    return f"C{count}" if count == highest else f"D{highest}"


def _title(small: str, large: str, improper: bool, has_inversion: bool) -> str:
    """The Schoenflies name of the group with rotations `small`, which with negatives of the others are `large`."""
    letter, n = small[0], int(small[1:] or 0)
    if not improper:
        return small
    if letter in "TOI":
        return f"{small}h" if has_inversion else "Td"
    if letter == "D":
        return f"D{n}h" if has_inversion != (n % 2 == 1) else f"D{n}d"
    if not has_inversion and large[0] == "D":
        return f"C{n}v"
    if n == 1:
        return "Ci" if has_inversion else "Cs"
    return f"C{n}h" if has_inversion != (n % 2 == 1) else f"S{2 * n}"


def _frame(title: str, axes: RotationAxes, turns: RotationAxes, elements: np.ndarray, tolerance: float) -> np.ndarray:
    """The rotation from the standard setting to where the group is."""
    if not axes:
        return np.eye(3)
    main = axes[0][0]
    if title[0] in "TOI":
        return _polyhedral_frame(title, axes)
    if title[0] == "D":
        across = [axis for axis, order in turns if order == 2 and abs(axis @ main) < 0.1]
        return standard_frame(main, across[0])
    if title.endswith("v"):
        normals = rotation_axes(-elements[np.linalg.det(elements) < 0], tolerance)
        normal = next(axis for axis, _ in normals[::-1] if abs(axis @ main) < 0.1)
        return standard_frame(main, _upwards(np.cross(normal, main), tolerance))
    return standard_frame(main, None)


def _polyhedral_frame(title: str, axes: RotationAxes) -> np.ndarray:
    """Three perpendicular axes of order 4 (O, Oh, and rotation-reflections of Td) or 2 (the others)."""
    order = 4 if title in ("O", "Oh", "Td") else 2
    good = [axis for axis, found in axes if found == order]
    first = next(axis for axis in good[1:] if abs(axis @ good[0]) < 0.1)
    frame = standard_frame(good[0], first)
    if title[0] == "I":
        fifth = frame @ (np.array([0.0, 1.0, GOLDEN]) / np.sqrt(1 + GOLDEN**2))
        if not any(found == 5 and abs(axis @ fifth) > 0.99 for axis, found in axes):
            frame = frame @ np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return frame
