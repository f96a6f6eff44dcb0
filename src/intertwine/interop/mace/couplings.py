"""The polynomials of mace's symmetric contraction in terms of this library's.

Both are bases of the same spaces: the equivariant polynomials of a feature of some order. mace's may hold one several
times over. So mace's weights times a matrix are ours, and the matrix follows from the values of both at some points.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from intertwine import nn
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.defaults import Convention, sign_of
from intertwine.interop.e3nn.o3 import Irrep
from intertwine.reps import Rep
from intertwine.reps.clebsch_gordan import wigner_3j

_POINTS = 400


def couplings(dims_in: Sequence[int], dim_out: int, order: int, convention: Convention) -> Tensor:
    """mace's table `U_matrix_order`, `(dim_out, dim, …, dim, paths)`, for a feature of natural parities.

    Products of Wigner's symbols from the left to the right, through all irreps between.

    Args:
        dims_in: the dimensions of the irreps of the feature, each once.
        dim_out: that of the output.
        order: how many factors there are.
        convention: whose signs the symbols have.
    """
    found = _chains(tuple(_natural(dim) for dim in dims_in), order, convention, order == 4)
    wanted = [table for irrep, table in found if irrep == _natural(dim_out)]
    size = sum(dims_in)
    empty = np.zeros((dim_out, *order * (size,), 1))
    return torch.from_numpy(np.stack(wanted, -1) if wanted else empty)


def _natural(dim: int) -> Irrep:
    return Irrep((dim - 1) // 2, (-1) ** ((dim - 1) // 2))


@cache
def _chains(
    irreps: tuple[Irrep, ...], order: int, convention: Convention, only_natural: bool
) -> tuple[tuple[Irrep, np.ndarray], ...]:
    """All products of so many factors, sorted by their irreps: each `(d, dim, …, dim)`."""
    starts = np.cumsum([0, *(irrep.dim for irrep in irreps)]).tolist()
    unit = np.eye(starts[-1])
    if order == 1:
        return tuple((irrep, unit[start : start + irrep.dim]) for irrep, start in zip(irreps, starts, strict=False))
    found = []
    for left, table in _chains(irreps, order - 1, convention, only_natural):
        for irrep, start in zip(irreps, starts, strict=False):
            for out in left * irrep:
                if only_natural and out != _natural(out.dim):
                    continue
                symbol = wigner_3j(out.l, left.l, irrep.l) * sign_of(out.l, left.l, irrep.l, convention)
                coupled = np.sqrt(out.dim) * np.tensordot(symbol, table, (1, 0))  # (out, new factor, others …)
                whole = np.zeros((*coupled.shape[:1], *coupled.shape[2:], starts[-1]))
                whole[..., start : start + irrep.dim] = np.moveaxis(coupled, 1, -1)
                found.append((out, whole))
    return tuple(sorted(found, key=lambda entry: entry[0]))


def product_weights(layer: nn.SymmetricContraction, given: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> Tensor:
    """The weights of a contraction of ours `(species, paths, channels)` for mace's.

    Args:
        layer: the contraction.
        given: for each irrep of the output its tables `(d, dim, …, dim, n)` with weights `(species, n, channels)`, of
            any order each.

    Raises `ArgumentError` where a table of mace is no polynomial of ours.
    """
    size = layer.rep_in.dim // layer.rep_in.terms[0][0]
    points = torch.randn(_POINTS, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = _values(layer, points)
    weights = torch.zeros_like(layer.weight, dtype=torch.float64)
    start = 0
    for (_, block), parts in zip(layer.rep_out.terms, given, strict=True):
        values = ours[:, :, start : start + block.dim].flatten(1).T
        start += block.dim
        if any(table.shape[-1] != given_weights.shape[1] for table, given_weights in parts):
            raise ArgumentError(
                "The weights of this MACE belong to couplings that are not in its state dict, and not those that mace "
                "makes by itself: those of cuequivariance (use_reduced_cg). Pass a state dict with all U_matrix tables."
            )
        theirs = torch.cat([_table_values(table.double(), points, block.dim) for table, _ in parts], 1)
        used = values.abs().amax(0) > 0
        matrix = torch.linalg.lstsq(values[:, used], theirs).solution
        missed = float((values[:, used] @ matrix - theirs).abs().max() / theirs.abs().max().clamp(min=1))
        if missed > 1e-5:
            raise ArgumentError(
                f"A table of this MACE is no polynomial of {layer.rep_in} to {block.name} of an order up to "
                f"{layer.order}: {missed:.1e} of it is left."
            )
        weights[:, used] = torch.einsum("pk,skc->spc", matrix, torch.cat([w.double() for _, w in parts], 1))
    return weights


def _values(layer: nn.SymmetricContraction, points: Tensor) -> Tensor:
    """The values of each polynomial of ours, `(paths, points, dim of the outputs)`."""
    paths = layer.weight.shape[1]
    one, out = (Rep(rep.group, tuple((1, block) for _, block in rep.terms)) for rep in (layer.rep_in, layer.rep_out))
    single = nn.SymmetricContraction(one, out, layer.order, species=paths).double()
    kinds = torch.arange(paths)[:, None].expand(paths, len(points))
    with torch.no_grad():
        single.weight.copy_(torch.eye(paths)[:, :, None])
        found: Tensor = single(points.expand(paths, *points.shape), kinds)
    return found


def _table_values(table: Tensor, points: Tensor, dim: int) -> Tensor:
    """The values of mace's polynomials, `(points · dim, n)`; of an invariant the axis of the output may be missing."""
    size, paths = points.shape[1], table.shape[-1]
    powers = points.new_ones(len(points), 1)
    while powers.shape[1] < table.numel() // (dim * paths):
        powers = (powers[:, :, None] * points[:, None]).flatten(1)
    flat = table.reshape(dim, size ** round(np.log(powers.shape[1]) / np.log(size)), paths)
    return torch.einsum("mf,dfn->mdn", powers, flat).flatten(0, 1)
