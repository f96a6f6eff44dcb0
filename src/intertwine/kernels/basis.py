"""The steerable kernels as dense matrices, for looking at them, sampling them on grids and testing the law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from intertwine._arrays import Array, as_array, like, namespace
from intertwine.kernels.plans import KernelTable, kernel_table
from intertwine.kernels.products import in_irreps
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.harmonics import harmonics_function


@dataclass(frozen=True, repr=False)
class KernelBasis:
    """A basis of the angular parts of all kernels with `K(g r) = ρ_out(g) K(r) ρ_in(g)⁻¹`; call it on vectors.

    Orthonormal over the circle or sphere: the mean of `tr Kᵢᵀ Kⱼ` is δᵢⱼ. Make one with `kernel_basis`.
    """

    table: KernelTable
    rep_in: Rep
    rep_out: Rep

    def __call__(self, r: Array) -> Array:
        """The kernels at vectors `(..., n)`, which are normalised first: `(..., K, rep_out.dim, rep_in.dim)`."""
        r = as_array(r)
        harmonics = harmonics_function(self.table.action.dim)(range(self.table.degree + 1), r)
        return namespace(r).einsum("...j,kjoi->...koi", harmonics, like(self.coefficients, r))

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return (
            f"<{len(self)} kernels {self.rep_in} → {self.rep_out} of {self.rep_in.group} "
            f"up to degree {self.table.degree}>"
        )

    @cached_property
    def coefficients(self) -> np.ndarray:
        """The constants `(K, J, rep_out.dim, rep_in.dim)` that the harmonics of r multiply."""
        reps = (self.table.harmonics, self.rep_out, self.rep_in)
        irreps_y, irreps_out, irreps_in = (in_irreps(rep) for rep in reps)
        shape = (len(self), irreps_y.dim, irreps_out.dim, irreps_in.dim)
        out = np.zeros(shape)
        for number, (path, v, u, w) in enumerate(self._entries):
            _, i, j, k = path.segments
            x, y, z = irreps_in.slices[i], irreps_y.slices[j], irreps_out.slices[k]
            m, n, o = irreps_in.terms[i][0], irreps_y.terms[j][0], irreps_out.terms[k][0]
            table = path.coefficients.array / np.linalg.norm(path.coefficients.array)
            out[number, y.start + v : y.stop : n, z.start + w : z.stop : o, x.start + u : x.stop : m] = np.moveaxis(
                table, 0, -1
            )
        bases = [np.eye(rep.dim) if rep == in_irreps(rep) else rep.change_of_basis for rep in reps]
        return np.asarray(np.einsum("kyab,jy,oa,ib->kjoi", out, *bases, optimize=True))

    @cached_property
    def degrees(self) -> np.ndarray:
        """The harmonic degree of each kernel, `(K,)`."""
        n, top = self.table.action.dim, self.table.degree
        sizes = [1 if l == 0 else (2 if n == 2 else 2 * l + 1) for l in range(top + 1)]
        of_row = np.repeat(np.arange(top + 1), sizes)
        strength = np.abs(self.coefficients).sum((2, 3))
        return np.asarray(of_row[np.argmax(strength, 1)])

    @cached_property
    def _entries(self) -> list[tuple[Any, ...]]:
        """One (path, v, u, w) for each kernel: a path of the plan and the copies that it joins."""
        weights = self.table.plan.operands[0].segments
        return [(path, *copies) for path in self.table.plan.paths for copies in np.ndindex(*weights[path.segments[0]])]


def kernel_basis(
    action: Rep | Irrep, rep_in: Rep | Irrep, rep_out: Rep | Irrep, degree: int | None = None
) -> KernelBasis:
    """All steerable kernels rep_in → rep_out on the circle or sphere, up to a harmonic degree.

    Args:
        action: how the group moves the coordinates: a rep of dimension 2 or 3, usually `group.defining`.
        rep_in: the rep of the input features.
        rep_out: the rep of the output features.
        degree: the largest harmonic degree. Default: all that couple, if finitely many (see `kernel_table`).

    Returns:
        A callable that takes vectors `(..., n)` and gives the kernels `(..., K, rep_out.dim, rep_in.dim)`.

    Raises `RepMismatchError` for reps of different groups and `ArgumentError` for an action of another dimension.

    Source: Lang & Weiler 2021 (arXiv:2010.10952), Cesa, Lang & Weiler 2022 (ICLR).

    >>> from intertwine.catalog import O3
    >>> basis = kernel_basis(O3.defining, O3.rep("0e"), O3.rep("1o"), 3)  # scalar → vector: only r itself
    >>> basis(np.array([0.0, 0.0, 2.0])).round(6)
    array([[[0.],
            [0.],
            [1.]]])
    """
    action, rep_in, rep_out = as_rep(action), as_rep(rep_in), as_rep(rep_out)
    return KernelBasis(kernel_table(action, rep_in, rep_out, degree), rep_in, rep_out)
