"""Clebsch–Gordan coefficients in closed form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb, factorial, sqrt

import numpy as np

from intertwine._arrays import read_only
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.reps.irrep import Irrep

# SO(3) and O(3) -------------------------------------------------------------------------------------------------------


def _su2_coefficient(j1: int, m1: int, j2: int, m2: int, j3: int) -> float:
    """⟨j1 m1 j2 m2 | j3 m1+m2⟩ by Racah's formula in exact integers, rounded once.

    Racah's sum is an integer when its factorials are gathered into three binomials.

    Source: Racah 1942, doi:10.1103/PhysRev.62.438.
    """
    m3 = m1 + m2
    if abs(m3) > j3:
        return 0.0
    a, b, c = j1 + j2 - j3, j1 - j2 + j3, -j1 + j2 + j3
    low, high = max(0, j1 - m1 - b, j2 + m2 - c), min(a, j1 - m1, j2 + m2)
    total = sum((-1) ** k * comb(a, k) * comb(b, j1 - m1 - k) * comb(c, j2 + m2 - k) for k in range(low, high + 1))
    top = (2 * j3 + 1) * factorial(j1 - m1) * factorial(j1 + m1) * factorial(j2 - m2) * factorial(j2 + m2)
    top *= factorial(j3 - m3) * factorial(j3 + m3) * total * total
    bottom = factorial(a) * factorial(b) * factorial(c) * factorial(j1 + j2 + j3 + 1)
    return sqrt(top / bottom) * (1 if total >= 0 else -1)


@cache
def _real_basis(degree: int) -> np.ndarray:
    """The unitary `(2l + 1, 2l + 1)` from real harmonics (columns, polar axis y) to complex ones (rows, m = −l … l)."""
    q = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=complex)
    q[degree, degree] = 1
    for m in range(1, degree + 1):
        sign = (-1) ** m
        q[degree - m, [degree + m, degree - m]] = 1 / sqrt(2), -1j / sqrt(2)
        q[degree + m, [degree + m, degree - m]] = sign / sqrt(2), 1j * sign / sqrt(2)
    return read_only((-1j) ** degree * q)


@cache
def wigner_3j(l1: int, l2: int, l3: int) -> np.ndarray:
    """The invariant tensor `(2 l1 + 1, 2 l2 + 1, 2 l3 + 1)` of three real SO(3) irreps, of Frobenius norm 1.

    Basis and signs are e3nn's (≥ 0.5): real harmonics with polar axis y; a cyclic exchange of the arguments permutes
    the axes, an odd one multiplies by (−1)^(l1 + l2 + l3) as well. Zero unless |l1 − l2| ≤ l3 ≤ l1 + l2.

    >>> np.round(wigner_3j(1, 1, 0)[..., 0] * np.sqrt(3), 12)
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    shape = (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1)
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        return np.zeros(shape)
    table = np.zeros(shape)
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
            table[l1 + m1, l2 + m2, l3 + m1 + m2] = _su2_coefficient(l1, m1, l2, m2, l3)
    q1, q2, q3 = _real_basis(l1), _real_basis(l2), _real_basis(l3)
    half = np.einsum("ikn,nm->ikm", table, q3.conj())
    half = np.einsum("kl,ikm->ilm", q2, half)
    real = np.einsum("ij,ilm->jlm", q1, half).real
    real[np.abs(real) < 1e-14] = 0.0  # rounding of entries that are exactly zero
    real = real / np.linalg.norm(real)
    return read_only(real)


# Planar groups --------------------------------------------------------------------------------------------------------

Axes = tuple[complex, ...]
"""A planar irrep as a real subspace of ℂ: (1, i) the plane, (1,) the real axis, (i,) the imaginary axis."""


def planar_coupling(
    a: tuple[int, Axes], b: tuple[int, Axes], c: tuple[int, Axes], order: int | None, mirrors: bool
) -> np.ndarray:
    """The equivariant bilinear maps of three irreps of C_n, D_n, SO(2) or O(2), as an array `(m, d_a, d_b, d_c)`.

    A rotation by θ multiplies z by e^{ikθ} and the mirror conjugates it, so the maps are the products z w and z w̄,
    their conjugates, and (without mirrors) i times these, whenever the frequencies agree modulo the order.

    Args:
        a, b, c: frequency and axes of each irrep.
        order: n, or None for SO(2) and O(2).
        mirrors: whether the group has mirrors.
    """

    def same(k: int) -> bool:
        return k == 0 if order is None else k % order == 0

    products: list[tuple[int, Callable[[complex, complex], complex]]] = [
        (a[0] + b[0], lambda z, w: z * w),
        (a[0] - b[0], lambda z, w: z * w.conjugate()),
    ]
    found: list[np.ndarray] = []
    for frequency, product in products:
        for factor in (1,) if mirrors else (1, 1j):
            for conjugated in (False, True):
                if not same(frequency + c[0] if conjugated else frequency - c[0]):
                    continue
                values = np.array([[product(z, w) * factor for w in map(complex, b[1])] for z in map(complex, a[1])])
                values = values.conj() if conjugated else values
                table = np.stack([(values * np.conj(axis)).real for axis in map(complex, c[1])], -1)
                for other in found:
                    table = table - np.sum(table * other) * other
                if (size := np.linalg.norm(table)) > 1e-6:
                    found.append(table / size)
    shape = (len(found), len(a[1]), len(b[1]), len(c[1]))
    return np.array(found).reshape(shape)


# Any group ------------------------------------------------------------------------------------------------------------


@cache
def clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> np.ndarray:
    """A basis of the equivariant bilinear maps a × b → c, `(multiplicity, a.dim, b.dim, c.dim)`.

    `z_k = Σ_ij C[n, i, j, k] x_i y_j` transforms as c when x does as a and y as b. The tables are orthonormal: each has
    Frobenius norm 1. The multiplicity is dim Hom_G(a ⊗ b, c): 0 when there is no path, and 2 per copy for irreps
    of complex type, such as those of SO(2). Signs for SO(3) and O(3) are those of e3nn ≥ 0.5.

    Raises `RepMismatchError` if the irreps belong to different groups, and `ArgumentError` for texts and reps.

    >>> from intertwine.catalog import O3
    >>> clebsch_gordan(O3.irrep("1o"), O3.irrep("1o"), O3.irrep("1e")).shape  # the cross product
    (1, 3, 3, 3)
    """
    for irrep in (a, b, c):
        if not isinstance(irrep, Irrep):
            raise ArgumentError(
                f"clebsch_gordan takes three irreps, but {irrep!r} came. Call group.irrep(label) for an irrep, and "
                "a * b for the tensor product of reps, whose change_of_basis holds all their couplings."
            )
    if not a.group == b.group == c.group:
        raise RepMismatchError(
            f"clebsch_gordan takes three irreps of one group, but got irreps of {a.group}, {b.group} and {c.group}. "
            "Call rep.restrict(subgroup) to bring them to a common group."
        )
    return read_only(a.group.coupling(a.label, b.label, c.label))
