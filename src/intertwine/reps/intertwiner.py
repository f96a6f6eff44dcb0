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
            f"Intertwiners join two reps of one group, but reps of {rep_in.group} and {rep_out.group} came. "
            "Call rep.restrict(subgroup) to bring them to a common group."
        )
    maps = []
    targets = {irrep: (m, where) for (m, irrep), where in zip(rep_out.isotypic, rep_out.irreps.slices, strict=True)}
    for (m, irrep), where in zip(rep_in.isotypic, rep_in.irreps.slices, strict=True):
        if irrep not in targets:
            continue
        n, target = targets[irrep]
        for w, u in np.ndindex(n, m):
            for endomorphism in irrep.endomorphisms:
                matrix = np.zeros((rep_out.dim, rep_in.dim))
                rows, columns = slice(target.start + w, target.stop, n), slice(where.start + u, where.stop, m)
                matrix[rows, columns] = endomorphism / np.linalg.norm(endomorphism)
                maps.append(matrix)
    basis = np.array(maps).reshape(len(maps), rep_out.dim, rep_in.dim)
    return np.asarray(rep_out.change_of_basis @ basis @ rep_in.change_of_basis.T)
