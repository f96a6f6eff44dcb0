"""Splitting a representation, given by its matrices, into irreps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps.irrep import Irrep, trace

Content = tuple[tuple[int, Irrep], ...]


def decompose_samples(
    group: Group, elements: np.ndarray, weights: np.ndarray, matrices: np.ndarray, degree: int
) -> tuple[Content, np.ndarray]:
    """The irreps inside an orthogonal rep and the change of basis Q to them: `ρ(g) = Q (⊕ irreps)(g) Qᵀ`.

    Multiplicities are character averages; for each irrep σ the maps `{X: ρ(g) X = X σ(g)}` are the image of the Haar
    average of ρ(g) ⊗ σ(g). The gauge is fixed: X is taken from the projections of the matrix units in order, so the
    same input gives the same basis everywhere.

    Args:
        group: the group.
        elements, weights: a quadrature `(q, n, n)`, `(q,)` exact for products of ρ with irreps up to `degree`.
        matrices: ρ at the elements, `(q, d, d)`, orthogonal.
        degree: the largest degree of an irrep that can occur.

    Returns:
        Multiplicities and irreps, sorted, and Q `(d, d)` with columns (component, copy) per irrep.

    Raises `ArgumentError` if the irreps found do not fill the space: the matrices are then no rep of the group.
    """
    size, content, columns = matrices.shape[-1], [], []
    character = trace(matrices)
    for label in group.labels(degree):
        irrep = Irrep(group, label)
        small = irrep.matrix(elements)
        inner = float(np.sum(weights * character * trace(small))) / len(irrep.endomorphisms)
        if (count := round(inner)) == 0:
            continue
        flat = (matrices * weights[:, None, None]).reshape(len(weights), -1).T @ small.reshape(len(weights), -1)
        average = flat.reshape(size, size, irrep.dim, irrep.dim).swapaxes(1, 2)  # Hom → Hom, indices (i, a; j, b)
        maps = independent_maps(average.reshape(size * irrep.dim, -1), irrep, count)
        content.append((count, irrep))
        columns.append(np.stack(maps, -1).reshape(size, -1))
    filled = sum(c.shape[1] for c in columns)
    if filled != size:
        raise ArgumentError(
            f"The matrices of dimension {size} contain irreps of {group} of total dimension {filled} only. "
            "Pass orthogonal matrices of a representation, and the largest degree that occurs in it."
        )
    return tuple(content), clean(np.concatenate(columns, 1)) if columns else np.zeros((0, 0))


def independent_maps(span: np.ndarray, irrep: Irrep, count: int) -> list[np.ndarray]:
    """Isometries X `(D, d)` that commute with the group, mutually independent over the endomorphisms of the irrep.

    The candidates are the columns of `span`, `(D d, candidates)`. Each pick is the first column at least half as long
    (squared) as the longest, so that rounding cannot change which; it is scaled to an isometry, and all X E with E
    commuting with the irrep are projected out of the rest.
    """
    span = span.copy()
    size = span.shape[0] // irrep.dim
    maps: list[np.ndarray] = []
    for _ in range(count):
        lengths = np.sum(span * span, 0)
        pick = int(np.argmax(lengths >= 0.5 * lengths.max()))
        best = span[:, pick].reshape(size, irrep.dim)
        best = best * np.sqrt(irrep.dim) / np.linalg.norm(best)
        maps.append(best)
        for endomorphism in irrep.endomorphisms:
            direction = (best @ endomorphism).reshape(-1)
            direction /= np.linalg.norm(direction)
            span -= np.outer(direction, direction @ span)
    return maps


def clean(matrix: np.ndarray, tolerance: float = 1e-13) -> np.ndarray:
    """The matrix with entries within rounding of −1, 0 or 1 made exact, so that equal bases compare equal."""
    near = np.round(matrix)
    return np.where(np.abs(matrix - near) < tolerance, near, matrix)


def group_average(weights: np.ndarray, *factors: np.ndarray) -> np.ndarray:
    """The Haar average of a product of class functions `(q,)` sampled on a quadrature."""
    return np.sum(np.prod([weights, *factors], axis=0))


def is_identity(basis: np.ndarray) -> bool:
    """Whether a (cleaned) basis is exactly the identity."""
    return bool(np.array_equal(basis, np.eye(len(basis))))


def sorted_content(content: Sequence[tuple[int, Irrep]]) -> Content:
    """The same irreps in the sorted order."""
    return tuple(sorted(content, key=lambda term: term[1].key))
