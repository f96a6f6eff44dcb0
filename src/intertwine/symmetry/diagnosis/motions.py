"""How a part of a feature moves when the input of a network is moved, and how layers hand that on.

A motion is said of the part of a feature in one irrep, all copies alike: the orthogonal matrix `(d, d)` that moves
every copy, or None where nothing can be said. Parts that are always zero have none. Each rule holds for all inputs and
all weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from intertwine.reps import Irrep, Rep

CERTAIN = 1e-9
"""Tables of coefficients satisfy their equations to rounding; what is further off does not hold."""

Motion = np.ndarray | None
Motions = dict[Irrep, Motion]
"""The motions of a feature, for each irrep that is in it and not always zero."""


def of_sum(motions: Sequence[Motion]) -> Motion:
    """That of a sum, or of copies side by side: they must be alike."""
    first = motions[0]
    alike = all(first is not None and u is not None and close(u, first) for u in motions)
    return first if alike else None


def of_linear(motion: Motion, irrep: Irrep) -> Motion:
    """That of any linear map between copies of an irrep.

    By Schur's lemma such maps are made of endomorphisms; the motion must commute with them.
    """
    commutes = motion is not None and all(close(motion @ e, e @ motion) for e in irrep.endomorphisms)
    return motion if commutes else None


def of_function(motions: Sequence[Motion], dim: int) -> Motion:
    """That of any function of some parts: only what does not move at all surely leaves it unmoved."""
    still = all(u is not None and close(u, np.eye(len(u))) for u in motions)
    return np.eye(dim) if still else None


def of_multiple(motion: Motion, by: Motion, parity: int) -> Motion:
    """That of a part times a function, of a parity, of an invariant that moves too."""
    if motion is None or by is None:
        return None
    if close(by, np.eye(1)):
        return motion
    return parity * motion if parity and close(by, -np.eye(1)) else None


def of_lengths(motions: Motions) -> Motions:
    """Those of a block times a function of its length: orthogonal motions keep every length."""
    known = all(u is not None for u in motions.values())
    return motions if known else dict.fromkeys(motions)


def of_each_number(motions: Motions, before: Rep, after: Rep, parity: int) -> Motions:
    """Those of a function of each number: it commutes with permutations, an odd one with changes of sign too."""
    whole = assembled(before, motions)
    signed = whole is not None and bool(np.isin(np.round(whole, 9), (-1, 0, 1)).all())
    if whole is None or not signed or (parity == 0 and (np.round(whole) < 0).any()):
        return {irrep: None for _, irrep in after.isotypic}
    return taken_apart(after, np.abs(whole) if parity == 1 else whole)


def of_product(factors: Sequence[tuple[Motion, Motion, np.ndarray]]) -> Motion:
    """That of any bilinear map given by tables `(n, d_1, d_2, d)`.

    It is the one motion u with `u C(x, y) = C(u_1 x, u_2 y)` for all tables C, if there is one.
    """
    before, after = [], []
    for a, b, tables in factors:
        if a is None or b is None:
            return None
        before.append(_flat(tables))
        after.append(_flat(np.einsum("nijk,ip,jq->npqk", tables, a, b, optimize=True)))
    old, new = np.concatenate(before), np.concatenate(after)
    u = np.linalg.lstsq(old, new, rcond=None)[0].T
    return u if close(old @ u.T, new) and close(u @ u.T, np.eye(len(u))) else None


def of_harmonics(motions: Motions, action: Rep, harmonics: Rep, space: Rep) -> Motions:
    """Those of the harmonics of a vector; `space` is the same harmonics as a rep of all of O(n)."""
    whole = assembled(action, motions)
    if whole is None:
        return {irrep: None for _, irrep in harmonics.isotypic}
    return taken_apart(harmonics, space.evaluate(whole))


def assembled(rep: Rep, motions: Mapping[Irrep, Motion]) -> np.ndarray | None:
    """The matrix `(dim, dim)` on features of a rep that moves all copies of each irrep by one motion.

    An irrep without one is always zero, so that any motion serves; None if one is unknown.
    """
    known = {irrep: motions.get(irrep, np.eye(irrep.dim)) for _, irrep in rep.isotypic}
    matrices = {irrep: u for irrep, u in known.items() if u is not None}
    return direct_sum(rep, matrices) if len(matrices) == len(known) else None


def direct_sum(rep: Rep, matrices: Mapping[Irrep, np.ndarray]) -> np.ndarray:
    """The matrices `(..., dim, dim)` on features of a rep that do `(..., d, d)` to each copy of each irrep."""
    q, whole = rep.change_of_basis, np.zeros((rep.dim, rep.dim))
    for (m, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        whole = whole + q[:, where] @ np.kron(matrices[irrep], np.eye(m)) @ q[:, where].T
    return whole


def taken_apart(rep: Rep, matrix: np.ndarray) -> Motions:
    """The motion of each irrep under a matrix `(dim, dim)`; None where it differs between copies or mixes irreps."""
    return {
        irrep: u if close(rest, 0 * rest) and close(u @ u.T, np.eye(irrep.dim)) else None
        for irrep, u, rest in parts_alike(rep, matrix)
    }


def parts_alike(rep: Rep, matrix: np.ndarray) -> Iterator[tuple[Irrep, np.ndarray, np.ndarray]]:
    """For each irrep what matrices `(..., dim, dim)` do to all its copies on average, `(..., d, d)`, and what else."""
    q = rep.change_of_basis
    inner = q.T @ matrix @ q
    for (m, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        rows = inner[..., where, :].copy()
        own = rows[..., where].reshape(*rows.shape[:-2], irrep.dim, m, irrep.dim, m)
        u = np.einsum("...iaja->...ij", own) / m
        rows[..., where] -= np.kron(u, np.eye(m))
        yield irrep, u, rows


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree up to rounding."""
    return bool(np.abs(a - b).max(initial=0.0) < CERTAIN)


def _flat(tables: np.ndarray) -> np.ndarray:
    return tables.reshape(-1, tables.shape[-1])


def antisymmetric_commutant(irrep: Irrep) -> np.ndarray:
    """An orthonormal basis `(n, d, d)` of the antisymmetric matrices that commute with the endomorphisms of an irrep.

    so(d), u(d/2) or sp(d/4), of dimension d(d−1)/2, (d/2)² or (d/4)(d/2+1), for the real types R, C and H.
    """
    i, j = np.triu_indices(irrep.dim, 1)
    basis = np.zeros((len(i), irrep.dim, irrep.dim))
    basis[np.arange(len(i)), i, j], basis[np.arange(len(i)), j, i] = 0.5**0.5, -(0.5**0.5)
    commutators = [(basis @ e - e @ basis).reshape(len(basis), -1).T for e in irrep.endomorphisms[1:]]
    if not commutators or not len(basis):
        return basis
    _, values, rows = np.linalg.svd(np.concatenate(commutators))
    return np.tensordot(rows[int((values > CERTAIN).sum()) :], basis, 1)
