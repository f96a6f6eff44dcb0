"""Splitting a representation, given by its matrices, into irreps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps.irrep import Irrep, trace

Content = tuple[tuple[int, Irrep], ...]


def decompose(
    group: Group, matrix: Callable[[np.ndarray], np.ndarray], size: int, degree: int, quadrature_degree: int
) -> tuple[Content, np.ndarray]:
    """`decompose_samples` for a function that gives the matrices; immediate where they are those of an irrep already.

    Args:
        group: the group.
        matrix: the orthogonal rep: elements `(..., n, n)` to matrices `(..., size, size)`.
        size: the dimension of the rep.
        degree: the largest degree of an irrep that can occur.
        quadrature_degree: the degree of a quadrature that averages products of ρ with these irreps exactly.
    """
    generators = group.generators
    images = matrix(generators)
    for label in reversed(group.labels(degree)):
        irrep = Irrep(group, label)
        if irrep.dim == size and np.allclose(irrep.evaluate(generators), images, rtol=0, atol=1e-12):
            return ((1, irrep),), np.eye(size)
    elements, weights = group.quadrature(quadrature_degree)
    return decompose_samples(group, elements, weights, matrix(elements), degree)


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
    size, columns = matrices.shape[-1], [np.zeros((matrices.shape[-1], 0))]
    content = multiplicities(group, elements, weights, trace(matrices), degree)
    filled = sum(count * irrep.dim for count, irrep in content)
    if filled != size:
        raise ArgumentError(
            f"The matrices of dimension {size} contain irreps of {group} of total dimension {filled}. "
            "Pass orthogonal matrices of a representation, and the largest degree that occurs in it."
        )
    weighted = (matrices * weights[:, None, None]).reshape(len(weights), -1)
    for count, irrep in content:
        flat = weighted.T @ irrep.evaluate(elements).reshape(len(weights), -1)
        average = flat.reshape(size, size, irrep.dim, irrep.dim).swapaxes(1, 2)  # Hom → Hom, indices (i, a; j, b)
        maps = independent_maps(average.reshape(size * irrep.dim, -1), irrep, count)
        columns.append(np.stack(maps, -1).reshape(size, -1))
    return content, clean(np.concatenate(columns, 1))


def multiplicities(
    group: Group, elements: np.ndarray, weights: np.ndarray, character: np.ndarray, degree: int
) -> Content:
    """How often each irrep up to a degree occurs in a rep with the character `(q,)` on a quadrature, by averages."""
    found = []
    for label in group.labels(degree):
        irrep = Irrep(group, label)
        average = np.sum(weights * character * trace(irrep.evaluate(elements)))
        if (count := round(float(average) / len(irrep.endomorphisms))) > 0:
            found.append((count, irrep))
    return tuple(found)


def independent_maps(span: np.ndarray, irrep: Irrep, count: int) -> list[np.ndarray]:
    """Isometries X `(D, d)` that commute with the group, mutually independent over the endomorphisms of the irrep.

    The candidates are the columns of `span`, `(D d, candidates)`. Each pick is the first column whose squared length is
    at least 0.499 of the longest: a ratio that lengths do not have by symmetry, so that rounding cannot change which.
    It is scaled to an isometry, and all X E with E commuting with the irrep are projected out of the rest.
    """
    span = span.copy()
    size = span.shape[0] // irrep.dim
    maps: list[np.ndarray] = []
    for _ in range(count):
        lengths = np.sum(span * span, 0)
        pick = int(np.argmax(lengths >= 0.499 * lengths.max()))
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


def is_identity(basis: np.ndarray) -> bool:
    """Whether a (cleaned) basis is exactly the identity."""
    return bool(np.array_equal(basis, np.eye(len(basis))))
