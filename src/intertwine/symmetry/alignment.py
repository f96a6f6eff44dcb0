"""The group elements that take one vector of a rep to another; with two equal vectors, its stabiliser."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups.grids import rotation_grid
from intertwine.reps import Rep

GRID_POINTS = 12
"""Rotations per (degree + 1)³ that the search starts from: closer than a wavelength of the degree."""


@dataclass(frozen=True, eq=False)
class Alignments:
    """The elements g with ρ(g) a = b, up to a tolerance.

    Args:
        elements: single solutions `(k, n, n)`. Of a continuous family one for each connected piece.
        residuals: |ρ(g) a − b| relative to the lengths, `(k,)`.
        lie: a basis `(d, n, n)` of the Lie algebra of the stabiliser of a: solutions form families g exp(X).
    """

    elements: np.ndarray
    residuals: np.ndarray
    lie: np.ndarray


def alignments(a: np.ndarray, b: np.ndarray, rep: Rep, tolerance: float = 1e-6) -> Alignments:
    """All g with ρ(g) a = b, for a finite group, SO(2), O(2), SO(3) or O(3).

    Finite groups: every element is tried. SO(2) and O(2): the component of the lowest frequency allows finitely many
    angles. SO(3) and O(3): Gauss–Newton steps from the best points of a grid finer than the wavelength of the degree.

    Args:
        a, b: vectors `(rep.dim,)`.
        rep: their rep.
        tolerance: the largest |ρ(g) a − b| over the larger of the lengths of a and b.

    Raises `ArgumentError` for other groups.
    """
    group, scale = rep.group, max(float(np.linalg.norm(a)), float(np.linalg.norm(b)), 1e-300)
    a, b = a / scale, b / scale
    lie = still(a, rep, tolerance)
    if group.is_finite:
        candidates = group.elements()
    elif group.dim == 2:
        candidates = _planar_candidates(a, b, rep, tolerance, continuous=len(lie) > 0)
    elif group.dim == 3 and group.is_whole:
        candidates = _spatial_candidates(a, b, rep, tolerance, lie)
    else:
        raise ArgumentError(
            f"Symmetry of vectors is found in finite groups, SO(2), O(2), SO(3) and O(3), but a rep of {group} came. "
            "Restrict the rep to one of these."
        )
    residuals = np.linalg.norm(rep.evaluate(candidates) @ a - b, axis=-1)
    good = residuals <= tolerance
    return Alignments(candidates[good], residuals[good], lie)


def still(a: np.ndarray, rep: Rep, tolerance: float) -> np.ndarray:
    """A basis `(d, n, n)` of the Lie algebra elements X with dρ(X) a = 0, each of length 1.

    The null space of the columns dρ(Xᵢ) a, from singular values below the tolerance.
    """
    basis = rep.group.lie_generators
    if not len(basis):
        return basis
    basis = basis / np.sqrt(np.sum(basis**2, (-2, -1), keepdims=True) / 2)
    columns = np.stack([rep.lie_matrix(x) @ a for x in basis], -1)
    _, values, rows = np.linalg.svd(columns, full_matrices=True)
    values = np.concatenate([values, np.zeros(len(basis) - len(values))])
    return np.asarray(np.einsum("di,ijk->djk", rows[values <= tolerance], basis))


# SO(2) and O(2) -------------------------------------------------------------------------------------------------------


def _planar_candidates(a: np.ndarray, b: np.ndarray, rep: Rep, tolerance: float, *, continuous: bool) -> np.ndarray:
    """The rotations, and reflections, that the components of the lowest frequency allow."""
    mirrors = not rep.group.is_proper
    flips = (np.eye(2), np.diag([1.0, -1.0])) if mirrors else (np.eye(2),)
    if continuous:
        return np.array(flips)
    found = []
    for flip in flips:
        turned = rep.evaluate(flip[None])[0] @ a
        angles = _planar_angles(turned, b, rep, tolerance)
        found += [_rotation(angle) @ flip for angle in angles]
    return np.array(found).reshape(-1, 2, 2)


def _planar_angles(a: np.ndarray, b: np.ndarray, rep: Rep, tolerance: float) -> np.ndarray:
    """The angles θ that turn a's largest component of the lowest frequency k onto b's: k of them."""
    pairs = [
        (irrep.degree, basis.T @ a, basis.T @ b)
        for irrep, columns in rep.copies.items()
        for basis in np.moveaxis(columns, -1, 0)
        if irrep.degree
    ]
    moved = [(k, x, y) for k, x, y in pairs if np.linalg.norm(x) > tolerance]
    if not moved:
        return np.zeros(0)
    lowest = min(k for k, _, _ in moved)
    k, x, y = max((pair for pair in moved if pair[0] == lowest), key=lambda pair: float(np.linalg.norm(pair[1])))
    turn = math.atan2(y[1], y[0]) - math.atan2(x[1], x[0])
    return (turn + 2 * np.pi * np.arange(k)) / k


def _rotation(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


# SO(3) and O(3) -------------------------------------------------------------------------------------------------------


def _spatial_candidates(a: np.ndarray, b: np.ndarray, rep: Rep, tolerance: float, lie: np.ndarray) -> np.ndarray:
    """Rotations, and rotations times −1, that solve ρ(g) a = b to rounding, near every solution."""
    grid = _start_grid(rep.degree)
    values = rep.evaluate(grid) @ a
    signs = (1.0,) if rep.group.is_proper else (1.0, -1.0)
    inversion = rep.evaluate(-np.eye(3)[None])[0] if len(signs) > 1 else None
    found = []
    for sign in signs:
        target = b if sign > 0 or inversion is None else inversion @ b  # ρ(−R) a = b means ρ(R) a = ρ(−1) b
        errors = np.linalg.norm(values - target, axis=-1)
        starts = grid[_local_minima(grid, errors)]
        solved, residuals = _gauss_newton(starts, a, target, rep)
        order = np.argsort(residuals)
        good = _distinct(solved[order][residuals[order] <= tolerance], lie, min(max(1e-4, 5 * tolerance), 0.2))
        found.append(sign * good)
    solutions = np.concatenate(found)
    return solutions if len(lie) or not np.array_equal(a, b) else _with_products(solutions, a, rep, tolerance)


def _with_products(g: np.ndarray, a: np.ndarray, rep: Rep, tolerance: float) -> np.ndarray:
    """The elements of a stabiliser, and those products of them that the search missed."""
    while True:
        products = np.einsum("aij,bjk->abik", g, g).reshape(-1, 3, 3)
        near = min(max(1e-4, 5 * tolerance), 0.2)
        distances = [np.abs(g - product).max((-1, -2)).min() for product in products]
        missing = products[np.array(distances) > near]
        if not len(missing):
            return g
        solved, residuals = _gauss_newton(missing[:200], a, a, rep)
        good = solved[residuals <= tolerance]
        fresh = _distinct(np.concatenate([g, good]), np.zeros((0, 3, 3)), near)
        if len(fresh) == len(g) or len(fresh) > 200:
            return g
        g = fresh


def _start_grid(degree: int) -> np.ndarray:
    """The identity and a nearly uniform grid of rotations."""
    points = rotation_grid("fibonacci", max(GRID_POINTS * (degree + 1) ** 3, 100)).points
    return np.concatenate([np.eye(3)[None], points])


def _local_minima(grid: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The places of the grid where the error is smallest among the neighbours, best ones first, at most 400."""
    from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

    flat = grid.reshape(len(grid), 9)
    _, neighbours = KDTree(flat).query(flat, k=min(9, len(grid)))
    smallest = errors <= errors[neighbours].min(1) + 1e-12
    places = np.flatnonzero(smallest)
    return places[np.argsort(errors[places])][:400]


def _gauss_newton(g: np.ndarray, a: np.ndarray, b: np.ndarray, rep: Rep) -> tuple[np.ndarray, np.ndarray]:
    """Rotations `(k, 3, 3)` after steps that solve ρ(exp(X) g) a = b to first order, and |ρ(g) a − b|."""
    basis = rep.group.lie_generators
    tangents = np.stack([rep.lie_matrix(x) for x in basis])
    for _ in range(12):
        moved = rep.evaluate(g) @ a
        jacobian = np.moveaxis(np.tensordot(moved, tangents, ([1], [2])), 1, -1)  # (k, dim, 3)
        normal = jacobian.swapaxes(-1, -2) @ jacobian
        damping = 1e-12 * (1 + np.trace(normal, axis1=-2, axis2=-1))
        right = jacobian.swapaxes(-1, -2) @ (b - moved)[..., None]
        step = np.linalg.solve(normal + damping[:, None, None] * np.eye(3), right)[..., 0]
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        step = step * np.minimum(1.0, 0.5 / np.maximum(length, 1e-300))
        g = _exponential(step) @ g
    return g, np.linalg.norm(rep.evaluate(g) @ a - b, axis=-1)


def _exponential(v: np.ndarray) -> np.ndarray:
    """The rotations `(k, 3, 3)` by vectors `(k, 3)`."""
    angle = np.linalg.norm(v, axis=-1)[:, None, None]
    x = np.zeros((len(v), 3, 3))
    x[:, 2, 1], x[:, 0, 2], x[:, 1, 0] = v.T
    x = x - x.swapaxes(-1, -2)
    return np.eye(3) + np.sinc(angle / np.pi) * x + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (x @ x)


def _distinct(g: np.ndarray, lie: np.ndarray, near: float) -> np.ndarray:
    """The first of each set of solutions that are near each other, or that the continuous stabiliser joins."""
    found: list[np.ndarray] = []
    for element in g:
        apart = [np.abs(element - other).max() > near for other in found]
        if len(lie) and found:
            apart = [not _joined(element, other, lie, near) for other in found]
        if all(apart):
            found.append(element)
    return np.array(found).reshape(-1, 3, 3)


def _joined(g: np.ndarray, h: np.ndarray, lie: np.ndarray, near: float) -> bool:
    """Whether h⁻¹ g is in the connected group of a Lie algebra: all rotations, or those about one axis."""
    if len(lie) == 3:
        return True
    axis = np.array([lie[0][2, 1], lie[0][0, 2], lie[0][1, 0]])
    return bool(np.abs(h.T @ g @ axis - axis).max() < near)
