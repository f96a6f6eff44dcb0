"""Symmetric and exterior powers of reps, and how many polynomials of each degree are invariant."""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement

import numpy as np

from intertwine._arrays import Array, namespace, read_only
from intertwine.errors import ArgumentError
from intertwine.reps.blocks import TensorBlock, decomposed, in_basis
from intertwine.reps.burnside import compress
from intertwine.reps.decomposition import Content, isometries
from intertwine.reps.direct_sum import DirectSum, Terms
from intertwine.reps.irrep import Irrep, matrix_trace
from intertwine.reps.splitting import clean, independent_rows


def power(rep: DirectSum, k: int, *, exterior: bool) -> Terms:
    """The terms of the symmetric or exterior power of a rep, in the coordinates of `power_indices`."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 0:
        raise ArgumentError(f"The power of a rep is an integer from 0 on, but got k = {k!r}.")
    return _power(rep, int(k), exterior)


@cache
def _power(rep: DirectSum, k: int, exterior: bool) -> Terms:
    group, size = rep.group, len(power_indices(rep.dim, k, exterior=exterior))
    if size == 0:
        return ()
    if k <= 1:
        return rep.terms if k else ((1, Irrep(group, group.trivial)),)
    letter, name = ("Λ", "exterior_power") if exterior else ("S", "symmetric_power")
    title, source = f"{letter}{k}({rep})", f"({rep!r}).{name}({k})"
    if not group.is_finite and group.has_quadrature:  # a quadrature would be large
        return in_basis(group, *_coupled(rep, k, exterior), title, source)

    def matrix(g: np.ndarray) -> np.ndarray:
        return np.asarray(power_matrix(rep.evaluate(g), k, exterior=exterior))

    return decomposed(group, matrix, size, k * rep.degree, title, source)


def _coupled(rep: DirectSum, k: int, exterior: bool) -> tuple[Content, np.ndarray]:
    """The irreps of a power and the change of basis, from the Clebsch–Gordan tables of the power before times ρ."""
    before = type(rep)(rep.group, _power(rep, k - 1, exterior))
    product = type(rep)(rep.group, ((1, TensorBlock(before, rep)),))
    step = _step(rep.dim, k, exterior)
    content: list[tuple[int, Irrep]] = []
    columns: list[np.ndarray] = []
    for irrep, copies in product.copies.items():
        maps = np.einsum("ic,idm,eda->meca", step, copies, irrep.endomorphisms, optimize=True)
        span = independent_rows(maps.reshape(-1, step.shape[1] * irrep.dim))
        if count := len(span) // len(irrep.endomorphisms):
            content.append((count, irrep))
            columns.append(np.stack(isometries(span.T, irrep, count), -1).reshape(step.shape[1], -1))
    return tuple(content), clean(np.concatenate(columns, 1))


def power_matrix(a: Array, k: int, *, exterior: bool) -> Array:
    """The matrices that `(..., n, n)` induce on the symmetric or exterior power: `Tᵀ (M_{k−1} ⊗ a) T`, step by step."""
    out = namespace(a).ones_like(a[..., :1, :1])
    for step in range(1, k + 1):
        out = compress(_step(a.shape[-1], step, exterior), out, a)
    return out


def power_indices(n: int, k: int, *, exterior: bool) -> tuple[tuple[int, ...], ...]:
    """The products of k basis vectors that span a power: sorted, with repetition in the symmetric power."""
    return tuple((combinations if exterior else combinations_with_replacement)(range(n), k))


@cache
def _step(n: int, k: int, exterior: bool) -> np.ndarray:
    """The isometry `(N_{k−1} n, N_k)` from the k-th power into the power before times a vector.

    On normalised products: √(m_i / k) where i occurs m_i times in a symmetric product, ±1/√k in an exterior one.
    """
    before = {index: i for i, index in enumerate(power_indices(n, k - 1, exterior=exterior))}
    indices = power_indices(n, k, exterior=exterior)
    table = np.zeros((len(before), n, len(indices)))
    for column, index in enumerate(indices):
        for place, i in enumerate(index):
            rest = (*index[:place], *index[place + 1 :])
            sign = (-1) ** (k - 1 - place) if exterior else 1
            table[before[rest], i, column] = sign / np.sqrt(k) if exterior else np.sqrt(index.count(i) / k)
    return read_only(table.reshape(len(before) * n, len(indices)))


def molien(rep: DirectSum, degree: int, irrep: Irrep) -> tuple[int, ...]:
    """How often an irrep occurs in the polynomials of degree 0, 1, …, degree on a rep: see `Rep.molien`."""
    if not isinstance(degree, int | np.integer) or isinstance(degree, bool) or degree < 0:
        raise ArgumentError(f"The largest degree of polynomials is an integer from 0 on, but got {degree!r}.")
    group = rep.group
    elements, weights = group.quadrature(degree * rep.degree + irrep.degree)
    sums, current = [], np.broadcast_to(np.eye(group.dim), elements.shape)
    for _ in range(degree):
        current = current @ elements
        sums.append(rep.character(current))  # p_k(g) = χ(gᵏ)
    target = weights * matrix_trace(irrep.evaluate(elements))
    symmetric = [np.ones(len(elements))]  # h_k = (1/k) Σ_i p_i h_{k−i}, the characters of the symmetric powers
    for k in range(1, degree + 1):
        symmetric.append(sum(sums[i] * symmetric[k - 1 - i] for i in range(k)) / k)
    return tuple(round(float(target @ h)) // len(irrep.endomorphisms) for h in symmetric)
