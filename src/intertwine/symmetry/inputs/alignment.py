"""The group elements that take one vector of a rep to another; with two equal vectors, its stabiliser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.errors import ArgumentError
from intertwine.groups.grids import rotation_grid, turn_grid
from intertwine.groups.rotations import axial, exponential
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.inputs.greedy_closure import growing_groups

_GRID_POINTS = 12  # rotations per (degree + 1)³ that the search starts from: closer than a wavelength of the degree
_STARTS = 400  # the most places that steps start from

Parts = list[tuple[Irrep, np.ndarray]]
"""A vector as its components `(d, m)` in m copies of irreps."""


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

    Finite groups: every element is tried. The others: Gauss–Newton steps from the best points of a grid finer than the
    wavelength of the degree; where a = b, products of what was found are tried too.

    Args:
        a, b: vectors `(rep.dim,)`.
        rep: their rep.
        tolerance: the largest |ρ(g) a − b| over the larger of the lengths of a and b.

    Raises `ArgumentError` for other groups.
    """
    found = _candidates(a, b, rep, tolerance)
    if np.array_equal(a, b):
        growing_groups(found.residuals, found.residuals, found.product, tolerance, found.identity)
    return found.chosen(np.flatnonzero(np.array(found.residuals) <= tolerance))


def isotropy(a: np.ndarray, rep: Rep, tolerance: float = 1e-6) -> Alignments:
    """The g with ρ(g) a = a that form a group: the largest one, if those within the tolerance do not form one.

    Products of them count up to twice the tolerance.
    """
    found = _candidates(a, a, rep, tolerance)
    *_, (_, members) = growing_groups(found.residuals, found.residuals, found.product, tolerance, found.identity)
    return found.chosen(np.array(members))


def nearest_elements(a: np.ndarray, b: np.ndarray, rep: Rep) -> np.ndarray:
    """All elements `(k, n, n)` of a finite group; of a continuous one those where |ρ(g) a − b| has a minimum.

    The length of b does not matter for that: ρ is orthogonal.
    """
    a, b = (v / max(float(np.linalg.norm(v)), 1e-300) for v in (a, b))
    return np.array(_candidates(a, b, rep, np.inf, np.zeros((0, rep.group.dim, rep.group.dim))).elements)


def still(a: np.ndarray, rep: Rep, tolerance: float) -> np.ndarray:
    """A basis `(d, n, n)` of the Lie algebra elements X with dρ(X) a = 0, each of length 1.

    The null space of the columns dρ(Xᵢ) a, from singular values below the tolerance. In space two of them are none, for
    two turns generate the third.
    """
    basis = rep.group.lie_generators
    if not len(basis):
        return basis
    basis = basis / np.sqrt(np.sum(basis**2, (-2, -1), keepdims=True) / 2)
    columns = np.stack([rep.lie_matrix(x) @ a for x in basis], -1)
    _, values, rows = np.linalg.svd(columns, full_matrices=True)
    values = np.concatenate([values, np.zeros(len(basis) - len(values))])
    count = int((values <= tolerance).sum())
    count = count if count != 2 else 3 if values[0] <= 2 * tolerance else 1
    return np.asarray(np.einsum("di,ijk->djk", rows[len(rows) - count :], basis))


class _Found:
    """Numbered elements that nearly take a to b, which grow when their products are asked for."""

    def __init__(self, a: np.ndarray, b: np.ndarray, rep: Rep, lie: np.ndarray, near: float) -> None:
        self.a, self.b, self.rep, self.lie, self.near = a, b, rep, lie, near
        self.elements: list[np.ndarray] = []
        self.residuals: list[float] = []

    def add(self, g: np.ndarray) -> None:
        """Number those of some elements `(k, n, n)` that are new, the best ones first."""
        residuals = np.linalg.norm(self.rep.evaluate(g) @ self.a - self.b, axis=-1)
        for place in np.argsort(residuals, kind="stable"):
            if self.number(g[place]) is None:
                self.elements.append(g[place])
                self.residuals.append(float(residuals[place]))

    def number(self, g: np.ndarray) -> int | None:
        """The number of an element, or of one that is near or in the same continuous family."""
        if not self.elements:
            return None
        known = np.array(self.elements)
        if not len(self.lie):
            off = np.abs(known - g).max((-1, -2))
        else:
            off = np.abs(np.linalg.det(known) - np.linalg.det(g))
            if len(self.lie) == 1 and len(g) == 3:
                axis = axial(self.lie[0])
                off = off + np.abs(known @ axis - g @ axis).max(-1)
        nearest = int(np.argmin(off))
        return nearest if off[nearest] < self.near else None

    @property
    def identity(self) -> int:
        """The number of the identity, which is there where a = b."""
        return self.number(np.eye(self.rep.group.dim)) or 0

    def product(self, i: int, j: int) -> int | None:
        """The number of a product, or of what it becomes when it is refined; None if that is another element."""
        g = self.elements[i] @ self.elements[j]
        if (number := self.number(g)) is None:
            self.add(g[None] if self.rep.group.is_finite else _refined(g[None], self.a, self.b, self.rep))
            number = self.number(g)
        return number

    def chosen(self, numbers: np.ndarray) -> Alignments:
        """Some of the elements."""
        size = self.rep.group.dim
        elements = np.array(self.elements).reshape(-1, size, size)[numbers]
        return Alignments(elements, np.array(self.residuals)[numbers], self.lie)


def _candidates(a: np.ndarray, b: np.ndarray, rep: Rep, tolerance: float, lie: np.ndarray | None = None) -> _Found:
    """All elements of a finite group; of a continuous one the places where |ρ(g) a − b| is smallest."""
    group, scale = rep.group, max(float(np.linalg.norm(a)), float(np.linalg.norm(b)), 1e-300)
    a, b = a / scale, b / scale
    if not group.is_finite and group not in (SO2, O2, SO3, O3):
        raise ArgumentError(
            f"Symmetry of vectors is found in finite groups, SO(2), O(2), SO(3) and O(3), but got a rep of {group}. "
            "Restrict the rep to one of these."
        )
    lie = still(a, rep, tolerance) if lie is None else lie
    found = _Found(a, b, rep, lie, 1e-6 if group.is_finite else min(max(1e-4, 5 * tolerance), 0.2))
    if group.is_finite:
        found.elements = list(group.elements())
        found.residuals = np.linalg.norm(rep.evaluate(group.elements()) @ a - b, axis=-1).tolist()
        return found
    size = group.dim
    other = np.eye(size) - 2 * np.diag([0.0, 1.0]) if size == 2 else -np.eye(size)
    grid, neighbours = _start_grid(size, _degree(_parts(a, rep)))
    for piece in (np.eye(size),) if group.is_proper else (np.eye(size), other):
        moved = rep.evaluate(piece[None])[0] @ a  # ρ(R s) a = ρ(R) ρ(s) a
        errors = _errors(grid, _parts(moved, rep), b, rep)
        lowest = errors <= errors[neighbours].min(1) + 1e-12
        starts = np.lexsort((errors, ~lowest))[: _STARTS if not len(lie) else _STARTS // 4]  # local minima first
        solved = _refined(grid[starts], moved, b, rep) @ piece
        off = np.linalg.norm(rep.evaluate(solved) @ a - b, axis=-1)
        found.add(solved[off <= 2 * tolerance])
    return found


def _parts(a: np.ndarray, rep: Rep) -> Parts:
    """The components of a vector that are not zero."""
    parts = [(irrep, np.einsum("xdm,x->dm", columns, a)) for irrep, columns in rep.copies.items()]
    return [(irrep, part) for irrep, part in parts if np.abs(part).max(initial=0.0) > 1e-14]


def _degree(parts: Parts) -> int:
    return max((irrep.degree for irrep, _ in parts), default=0)


@lru_cache(maxsize=8)
def _start_grid(size: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """The identity and a nearly uniform grid of rotations `(q, n, n)`, and for each the numbers of its neighbours."""
    from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

    if size == 2:
        points = turn_grid("regular", 8 * degree + 16).points
    else:
        points = rotation_grid("fibonacci", max(_GRID_POINTS * (degree + 1) ** 3, 100)).points
    grid = np.concatenate([np.eye(size)[None], points])
    flat = grid.reshape(len(grid), -1)
    return grid, KDTree(flat).query(flat, k=3 if size == 2 else 9)[1]


def _errors(g: np.ndarray, parts: Parts, b: np.ndarray, rep: Rep) -> np.ndarray:
    """|ρ(g) a − b| for elements `(k, n, n)` and the components of a."""
    wanted = dict(_parts(b, rep))
    total = np.zeros(len(g))
    for some in np.array_split(np.arange(len(g)), len(g) // 8192 + 1):
        for irrep, part, matrix in _with_matrices(g[some], parts):
            total[some] += np.sum((matrix @ part - wanted.get(irrep, 0.0)) ** 2, (-2, -1))
    return np.sqrt(total)


def _with_matrices(g: np.ndarray, parts: Parts) -> list[tuple[Irrep, np.ndarray, np.ndarray]]:
    """Parts with the matrices of their irreps, which are cheaper to find together."""
    if not parts:
        return []
    matrices = parts[0][0].group.irrep_matrices([irrep.label for irrep, _ in parts], g)
    return [(irrep, part, matrices[irrep.label]) for irrep, part in parts]


def _refined(g: np.ndarray, a: np.ndarray, b: np.ndarray, rep: Rep) -> np.ndarray:
    """Rotations `(k, n, n)` after steps that solve ρ(exp(X) g) a = b to first order (Gauss–Newton)."""
    wanted, parts = dict(_parts(b, rep)), _parts(a, rep)
    basis = rep.group.lie_generators
    tangents = {irrep: np.stack([irrep.lie_matrix(x) for x in basis]) for irrep, _ in parts}
    for _ in range(12):
        off, columns = [np.zeros((len(g), 1))], [np.zeros((len(g), len(basis), 1))]
        for irrep, part, matrix in _with_matrices(g, parts):
            moved = matrix @ part
            off.append((wanted.get(irrep, np.zeros_like(part)) - moved).reshape(len(g), -1))
            columns.append((tangents[irrep] @ moved[:, None]).reshape(len(g), len(basis), -1))
        jacobian, error = np.concatenate(columns, -1), np.concatenate(off, -1)
        normal = jacobian @ jacobian.swapaxes(-1, -2)
        damping = 1e-12 * (1 + np.trace(normal, axis1=-2, axis2=-1))
        normal = normal + damping[:, None, None] * np.eye(len(basis))
        step = np.linalg.solve(normal, jacobian @ error[..., None])[..., 0]
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        step = step * np.minimum(1.0, 0.5 / np.maximum(length, 1e-300))
        g = exponential(np.tensordot(step, basis, 1)) @ g
        if length.max(initial=0.0) < 1e-13:
            break
    return g
