"""Splitting reps whose irreps nobody knows yet, from the matrices at random elements.

It needs neither a list of the elements nor a measure: a matrix that is averaged over conjugation by random elements,
again and again, ends up commuting with the whole group. All random numbers are fixed.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from intertwine._arrays import Array


class Projector(Protocol):
    """An orthogonal projector, of which single columns are asked for."""

    lengths: np.ndarray
    """The squared lengths of its columns: its diagonal."""

    def column(self, number: int) -> np.ndarray:
        """A column of the projector, flat."""


class SpanProjector:
    """The projector onto the span of orthonormal columns `(n, rank)`; the whole matrix is never made."""

    def __init__(self, span: np.ndarray) -> None:
        self.span, self.lengths = span, np.sum(span * span, 1)

    def column(self, number: int) -> np.ndarray:
        """A column of the projector, flat."""
        return np.asarray(self.span @ self.span[number])


def pivot(lengths: np.ndarray) -> int:
    """The first place where a squared length is at least 0.499 of the longest.

    That is a ratio which lengths do not have by symmetry, so that rounding cannot change the choice.
    """
    return int(np.argmax(lengths >= 0.499 * lengths.max()))


def clean(matrix: np.ndarray, tolerance: float = 1e-13) -> np.ndarray:
    """The matrix with entries within rounding of −1, 0 or 1 made exact, so that equal bases compare equal."""
    near = np.round(matrix)
    return np.where(np.abs(matrix - near) < tolerance, near, matrix)


def kronecker(a: Array, b: Array) -> Array:
    """a ⊗ b for matrices `(..., m, m)` and `(..., n, n)`, numpy or torch."""
    product, size = a[..., :, None, :, None] * b[..., None, :, None, :], a.shape[-1] * b.shape[-1]
    return product.reshape((*product.shape[:-4], size, size))


def independent_rows(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis `(rank, n)` of the span of rows `(m, n)`, by pivoted Gram–Schmidt in their order."""
    found = np.zeros((0, rows.shape[1]))
    rest = rows.copy()
    while len(rest) and (lengths := np.sum(rest * rest, 1)).max() > 1e-12:
        row = rest[pivot(lengths)]
        found = np.concatenate([found, row[None] / np.linalg.norm(row)])
        rest = rest - (rest @ found[-1])[:, None] * found[-1]
    return clean(found)


def average(matrix: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`a(g) M b(g)ᵀ` averaged over elements, again and again, until M `(m, n)` intertwines: `a(g) M = M b(g)`.

    The matrices of the two orthogonal reps at the same elements are `(q, m, m)` and `(q, n, n)`.
    """
    last = np.inf
    for _ in range(200):
        before, matrix = matrix, np.mean(left @ matrix @ right.swapaxes(-1, -2), 0)
        change = np.abs(matrix - before).max()
        if change < 1e-15 or (change < 1e-12 and change > last / 2):  # what is left is rounding
            break
        last = change
    return matrix


def equivalent(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two irreps, given at some elements `(q, d, d)`, are one irrep.

    Characters alone would not do: they may differ only on elements that are not among these.
    """
    if a.shape != b.shape or np.abs(np.einsum("qii->q", a) - np.einsum("qii->q", b)).max() > 1e-6:
        return False
    noise = np.random.default_rng(2).normal(size=a.shape[1:])
    return bool(np.abs(average(noise, a, b)).max() > 1e-6)


def matching(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """An orthogonal matrix M with `a(g) M = M b(g)` for two equivalent irreps, given at some elements `(q, d, d)`."""
    noise = np.random.default_rng(2).normal(size=a.shape[1:])
    found = average(noise, a, b)
    found *= np.sqrt(len(found)) / np.linalg.norm(found)
    return np.asarray(
        found * np.sign(found.flat[int(np.argmax(np.abs(found.reshape(-1)) > 0.1 / np.sqrt(len(found))))])
    )


def split(images: np.ndarray) -> list[np.ndarray]:
    """Isometries `(d, dᵢ)` onto irreducible parts of the orthogonal rep with matrices `(q, d, d)`, which they fill.

    They are the eigenspaces of a generic symmetric matrix that commutes with the group. In each the basis comes from
    the coordinate axes, so that parts that are spanned by axes get these.
    """
    size = images.shape[-1]
    noise = np.random.default_rng(0).normal(size=(size, size))
    values, vectors = np.linalg.eigh(average(noise + noise.T, images, images))
    ends = np.flatnonzero(np.diff(values, append=np.inf) > 1e-7 * max(1.0, np.abs(values).max())) + 1
    starts = [0, *ends[:-1]]
    return [from_axes(vectors[:, a:b] @ vectors[:, a:b].T) for a, b in zip(starts, ends, strict=True)]


def from_axes(projector: np.ndarray) -> np.ndarray:
    """An orthonormal basis `(d, rank)` of the image of a projector, by pivoted Gram–Schmidt of its columns."""
    return independent_rows(projector).T


def commutant(images: np.ndarray) -> np.ndarray:
    """A basis `(1 | 2 | 4, d, d)` of what commutes with an irrep: the identity, then antisymmetric orthogonal matrices.

    Each is the average of generic antisymmetric matrices, made independent of the ones before; the first entry of its
    first column that is not small is positive.
    """
    size = images.shape[-1]
    rng, basis = np.random.default_rng(1), [np.eye(size)]
    for _ in range(3):
        noise = rng.normal(size=(size, size))
        part = average(noise - noise.T, images, images)
        for other in basis:
            part = part - np.sum(part * other) / size * other
        if (length := np.linalg.norm(part)) < 1e-7:
            break
        part = part * (np.sqrt(size) / length)
        basis.append(part * np.sign(part[np.flatnonzero(np.abs(part[:, 0]) > 0.01)[0], 0]))
    return clean(np.array(basis))
