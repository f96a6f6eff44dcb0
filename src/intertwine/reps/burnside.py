"""Irreps of any compact matrix group, grown from the matrices themselves.

Every irrep of a compact group occurs in a tensor power of a faithful real rep V (Burnside 1911, Brauer 1964,
doi:10.1090/S0002-9939-1964-0162859-1, for finite groups; Peter & Weyl 1927 for compact ones). So the irreps of degree
k + 1 are found inside V ⊗ σ for the irreps σ of degree k, and are polynomials of degree k + 1 of the group element.

All random numbers are fixed, so the irreps are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Array, Table, like, namespace
from intertwine.reps.splitting import commutant, equivalent, kronecker, split


@dataclass(frozen=True)
class GrownIrrep:
    """An irrep σ(g) = Xᵀ (g ⊗ τ(g)) X inside V ⊗ τ, where τ is an irrep of one degree less."""

    degree: int  # the smallest k such that the k-th tensor power of V contains it
    parent: int  # the number of τ in the list that it belongs to; −1 for the trivial irrep, which has none
    isometry: Table  # X `(n · dim τ, dim)`
    endomorphisms: Table  # a basis `(1 | 2 | 4, dim, dim)` of what commutes with it, orthogonal, identity first

    @property
    def dim(self) -> int:
        """The dimension."""
        return int(self.isometry.array.shape[1])


TRIVIAL = GrownIrrep(0, -1, Table(np.eye(1)), Table(np.eye(1)[None]))


def grown_matrices(irreps: Sequence[GrownIrrep], wanted: Sequence[int], g: Array) -> dict[int, Array]:
    """The matrices `(..., d, d)` of some of the irreps, by number, at elements `(..., n, n)`."""
    known: dict[int, Array] = {}

    def matrix(number: int) -> Array:
        if number not in known:
            irrep = irreps[number]
            if irrep.parent < 0:
                known[number] = namespace(g).ones_like(g[..., :1, :1])
            else:
                known[number] = compress(irrep.isometry.array, g, matrix(irrep.parent))
        return known[number]

    return {number: matrix(number) for number in wanted}


def compress(isometry: np.ndarray, a: Array, b: Array) -> Array:
    """Xᵀ (a ⊗ b) X for matrices `(..., m, m)` and `(..., n, n)` and an isometry X `(m n, d)`."""
    m, n, d = a.shape[-1], b.shape[-1], isometry.shape[1]
    table = like(isometry, a)
    half = b[..., None, :, :] @ table.reshape((m, n, d))  # (..., m, n, d)
    half = a @ half.reshape((*half.shape[:-3], m, n * d))
    return table.T @ half.reshape((*half.shape[:-2], m * n, d))


def grow(irreps: tuple[GrownIrrep, ...], samples: np.ndarray) -> tuple[GrownIrrep, ...]:
    """The irreps of the next degree: what is new in V ⊗ σ for the irreps σ of the largest degree so far.

    It takes all irreps up to some degree, and random elements `(q, n, n)` of the group, enough to generate it.
    """
    top = irreps[-1].degree
    parents = [i for i, irrep in enumerate(irreps) if irrep.degree == top]
    matrices = grown_matrices(irreps, range(len(irreps)), samples)
    known = list(matrices.values())
    found: list[GrownIrrep] = []
    for parent in parents:
        product = kronecker(samples, matrices[parent])
        for isometry in split(product):
            image = isometry.T @ product @ isometry
            if not any(equivalent(image, other) for other in known):
                known.append(image)
                found.append(GrownIrrep(top + 1, parent, Table(isometry), Table(commutant(image))))
    return tuple(sorted(found, key=lambda irrep: irrep.dim))
