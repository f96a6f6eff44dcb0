"""Matrices of the irreps of SO(3) and O(3), and of the planar groups, as polynomials of the group element.

Nothing here goes through angles: no poles, no branch cuts, and the same code serves numpy, torch (differentiable),
float64 and complex numbers.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np

from intertwine._arrays import Array, like, namespace, read_only
from intertwine.reps.clebsch_gordan import wigner_3j

Pair: TypeAlias = tuple[Array, Array]


@cache
def wigner_step(degree: int) -> np.ndarray:
    """The isometry `(3(2l − 1), 2l + 1)` that finds degree l inside degree l − 1 times a vector."""
    table = wigner_3j(degree - 1, 1, degree) * np.sqrt(2 * degree + 1)
    return read_only(np.ascontiguousarray(table.reshape(-1, 2 * degree + 1)))


def wigner_matrices(degrees: tuple[int, ...], g: Array) -> dict[int, Array]:
    """How the real spherical harmonics of some degrees move under an orthogonal matrix: Y_l(g r) = D_l(g) Y_l(r).

    `D_l(g) = Tᵀ (D_{l−1}(g) ⊗ g) T` with the Clebsch–Gordan isometry T: l → (l − 1) ⊗ 1. Each step compresses an
    orthogonal matrix, so rounding grows only linearly in l; there is no largest degree. For det g = −1 the matrices
    carry the natural parity (−1)^l. Degree 1 is g itself, in (x, y, z) order. Of orthogonal matrices `(..., 3, 3)`,
    numpy or torch, come matrices `(..., 2l + 1, 2l + 1)` by degree.

    >>> wigner_matrices((1,), np.eye(3))[1].shape
    (3, 3)
    """
    out = {0: namespace(g).ones_like(g[..., :1, :1]), 1: 1 * g}  # exact, and no alias of the argument
    for degree in range(2, max(degrees, default=0) + 1):
        out[degree] = next_wigner_matrix(out[degree - 1], g, like(wigner_step(degree), g))
    return {degree: out[degree] for degree in degrees}


def next_wigner_matrix(current: Array, g: Array, step: Array) -> Array:
    """D_l(g) `(..., 2l + 1, 2l + 1)` of D_{l−1}(g), g and the table `wigner_step(l)`: see `wigner_matrices`."""
    before, size = current.shape[-1], step.shape[-1]
    half = (current @ step.reshape((before, 3 * size))).reshape((*g.shape[:-2], before, 3, size))
    half = (g[..., None, :, :] @ half).reshape((*g.shape[:-2], 3 * before, size))
    return step.T @ half


def complex_power(c: Array, s: Array, exponent: int) -> Pair:
    """Real and imaginary part of (c + i s)^k by repeated squaring."""
    xp = namespace(c)
    real, imag = xp.ones_like(c), xp.zeros_like(c)
    while exponent:
        if exponent & 1:
            real, imag = real * c - imag * s, real * s + imag * c
        c, s = c * c - s * s, 2 * c * s
        exponent >>= 1
    return real, imag


def determinant_2(g: Array) -> Array:
    """The determinant of 2 × 2 matrices as a polynomial."""
    return g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]


def determinant_3(g: Array) -> Array:
    """The determinant of 3 × 3 matrices as a polynomial."""
    a, b, c = g[..., 0, :], g[..., 1, :], g[..., 2, :]
    return (
        a[..., 0] * (b[..., 1] * c[..., 2] - b[..., 2] * c[..., 1])
        - a[..., 1] * (b[..., 0] * c[..., 2] - b[..., 2] * c[..., 0])
        + a[..., 2] * (b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0])
    )


def circular_matrix(degree: int, g: Array, *, mirrors: bool = True) -> Array:
    """How (cos kφ, sin kφ), k ≥ 1, moves under an orthogonal 2 × 2 matrix: R(kθ) diag(1, −1)^flip.

    With `mirrors=False` the elements are taken to be rotations and the determinant is left out of the polynomial.
    """
    xp = namespace(g)
    c, s = complex_power(g[..., 0, 0], g[..., 1, 0], degree)
    det = determinant_2(g) if mirrors else xp.ones_like(c)
    return xp.stack([xp.stack([c, -det * s], -1), xp.stack([s, det * c], -1)], -2)


def harmonic_matrix(degree: int, g: Array) -> Array:
    """How the harmonics of a degree on the circle (n = 2) or the sphere (n = 3) move under matrices `(..., n, n)`."""
    if g.shape[-1] == 3:
        return wigner_matrices((degree,), g)[degree]
    return circular_matrix(degree, g) if degree else namespace(g).ones_like(g[..., :1, :1])
