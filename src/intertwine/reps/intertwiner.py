"""Intertwiners: the linear maps between reps that commute with the group."""

from __future__ import annotations

import numpy as np

from intertwine.errors import RepMismatchError
from intertwine.reps.irrep import Irrep
from intertwine.reps.rep import Rep, as_rep


def intertwiners(rep_in: Rep | Irrep, rep_out: Rep | Irrep) -> np.ndarray:
    """An orthonormal basis of Hom_G(rep_in, rep_out), as matrices `(n, rep_out.dim, rep_in.dim)`.

    `W ρ_in(g) = ρ_out(g) W` for every g, and `tr Wᵢᵀ Wⱼ = δᵢⱼ`. By Schur's lemma each pair of copies of one irrep
    contributes its endomorphisms (1, 2 or 4 of them for the real types R, C, H), and different irreps nothing.

    Raises `RepMismatchError` if the reps belong to different groups.

    >>> from intertwine.catalog import O2
    >>> intertwiners(O2.rep("2x0e + 1x1"), O2.rep("1x0e + 3x1")).shape  # 2·1 + 1·3
    (5, 7, 4)
    """
    rep_in, rep_out = as_rep(rep_in), as_rep(rep_out)
    if rep_in.group != rep_out.group:
        raise RepMismatchError(
            f"Intertwiners join two reps of one group, but got reps of {rep_in.group} and {rep_out.group}. "
            "Call rep.restrict(subgroup) to bring them to a common group."
        )
    targets, shape = rep_out.copies, (rep_out.dim, rep_in.dim)
    maps = [np.zeros((0, *shape))]
    for irrep, sources in rep_in.copies.items():
        if irrep in targets:
            scaled = irrep.endomorphisms / np.sqrt(irrep.dim)  # each is orthogonal
            right = np.einsum("eab,jbu->euaj", scaled, sources)
            maps.append(np.einsum("iaw,euaj->wueij", targets[irrep], right, optimize=True).reshape(-1, *shape))
    return np.concatenate(maps)
