"""Clebsch–Gordan coefficients in closed form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb, sqrt

import numpy as np

from intertwine._arrays import read_only
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.reps.irrep import Irrep

# SO(3) and O(3) -------------------------------------------------------------------------------------------------------


def _racah_sums(j1: int, j2: int, j3: int) -> np.ndarray:
    """The sums in Racah's formula for ⟨j1 m1 j2 m2 | j3 m1+m2⟩, `(2 j1 + 1, 2 j2 + 1)`, exact before one rounding.

    They are integers when their factorials are gathered into three binomials, and a product of two matrices:
    `Σ_k (−1)^k C(a, k) C(b, j1 − m1 − k) C(c, j2 + m2 − k)`.

    Source: Racah 1942, doi:10.1103/PhysRev.62.438.
    """
    a, b, c = j1 + j2 - j3, j1 - j2 + j3, -j1 + j2 + j3
    exact = np.int64 if a + b + c <= 62 else object  # a sum is at most 2^(a + b + c)
    ks = range(a + 1)
    left = [[(-1) ** k * comb(a, k) * comb(b, n - k) if k <= n else 0 for k in ks] for n in range(2 * j1, -1, -1)]
    right = [[comb(c, n - k) if k <= n else 0 for n in range(2 * j2 + 1)] for k in ks]
    sums = np.array(left, dtype=exact) @ np.array(right, dtype=exact)
    return np.asarray(sums.astype(np.float64))


@cache
def _roots(j: int) -> np.ndarray:
    """√((j − m)! (j + m)! / (2 j)!) for m = −j … j: what each j gives to Racah's formula beside the sum."""
    return np.array([1 / sqrt(comb(2 * j, j + m)) for m in range(-j, j + 1)])


def _complex_table(l1: int, l2: int, l3: int) -> np.ndarray:
    """⟨l1 m1 l2 m2 | l3 m3⟩ `(2 l1 + 1, 2 l2 + 1, 2 l3 + 1)`, up to a positive factor."""
    m3 = np.arange(-l1, l1 + 1)[:, None] + np.arange(-l2, l2 + 1)
    i, j = np.nonzero(np.abs(m3) <= l3)
    k = l3 + m3[i, j]
    table = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    table[i, j, k] = _racah_sums(l1, l2, l3)[i, j] * _roots(l1)[i] * _roots(l2)[j] * _roots(l3)[k]
    return table


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
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        return read_only(np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1)))
    if not l1 <= l2 <= l3:
        return _permuted_3j(l1, l2, l3)
    q1, q2, q3 = _real_basis(l1), _real_basis(l2), _real_basis(l3)
    half = q2.T @ (_complex_table(l1, l2, l3) @ q3.conj())
    real = (q1.T @ half.reshape(len(half), -1)).real.reshape(half.shape)
    real[np.abs(real) < 1e-14] = 0.0  # rounding of entries that are exactly zero
    return read_only(real / np.linalg.norm(real))


def _permuted_3j(*degrees: int) -> np.ndarray:
    """`wigner_3j` from that of the sorted degrees."""
    order = sorted(range(3), key=lambda i: degrees[i])  # from place in the sorted table to axis
    table = wigner_3j(*sorted(degrees)).transpose([order.index(axis) for axis in range(3)])
    cyclic = (order[1] - order[0]) % 3 == 1
    return read_only(np.ascontiguousarray(table if cyclic or sum(degrees) % 2 == 0 else 0.0 - table))


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
                f"clebsch_gordan takes three irreps, but got {irrep!r}. Call group.irrep(label) for an irrep, and "
                "a * b for the tensor product of reps, whose change_of_basis holds all their couplings."
            )
    if not a.group == b.group == c.group:
        raise RepMismatchError(
            f"clebsch_gordan takes three irreps of one group, but got irreps of {a.group}, {b.group} and {c.group}. "
            "Call rep.restrict(subgroup) to bring them to a common group."
        )
    return read_only(a.group.coupling(a.label, b.label, c.label))
