"""Matrices as e3nn makes them: direct sums, and orthonormal rows."""

from __future__ import annotations

import torch
from torch import Tensor


def direct_sum(*matrices: Tensor) -> Tensor:
    """Matrices along the diagonal of a larger one; leading axes are alike."""
    rows, columns = (sum(x.shape[axis] for x in matrices) for axis in (-2, -1))
    whole = matrices[0].new_zeros((*matrices[0].shape[:-2], rows, columns))
    i = j = 0
    for x in matrices:
        whole[..., i : i + x.shape[-2], j : j + x.shape[-1]] = x
        i, j = i + x.shape[-2], j + x.shape[-1]
    return whole


def orthonormalize(original: Tensor, eps: float = 1e-9) -> tuple[Tensor, Tensor]:
    """Orthonormal rows y of rows x, one after the other, and the matrix A of `y = A x`.

    Rows that depend on those before are left out, and the first number of each row is positive.
    """
    rows: list[Tensor] = []
    matrix: list[Tensor] = []
    for number, row in enumerate(original):
        x, own = row.clone(), torch.zeros(len(original), dtype=original.dtype, device=original.device)
        own[number] = 1
        for y, other in zip(rows, matrix, strict=True):
            along = x @ y
            x, own = x - along * y, own - along * other
        if (length := x.norm()) > 2 * eps:
            x, own = (torch.where(v.abs() < eps, torch.zeros_like(v), v) for v in (x / length, own / length))
            sign = x[x.nonzero()[0, 0]].sign()
            rows.append(sign * x)
            matrix.append(sign * own)
    if not rows:
        return original.new_zeros((0, original.shape[1])), original.new_zeros((0, len(original)))
    return torch.stack(rows), torch.stack(matrix)


def complete_basis(vecs: Tensor, eps: float = 1e-9) -> Tensor:
    """Orthonormal rows that complete rows, orthogonal to one another, to a basis: those of the identity, in order."""
    units = torch.eye(vecs.shape[1], dtype=vecs.dtype, device=vecs.device)
    whole, _ = orthonormalize(torch.cat([vecs / vecs.norm(dim=1, keepdim=True), units]), eps)
    return whole[len(vecs) :]
