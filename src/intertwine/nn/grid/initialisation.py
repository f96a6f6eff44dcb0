"""How the weights of convolutions on grids may start."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.nn.grid.convolution import GridConvolution
from intertwine.ops.expand import FilterExpansion

Layer = TypeVar("Layer", bound=GridConvolution)

_SMALL = 1e-6  # of the largest singular value: below it components are that no filter leads to


def delta_orthogonal_(layer: Layer, gain: float = 1.0) -> Layer:
    """Set the weights of a convolution so that its filter is a random orthogonal map on the middle tap.

    Returns the layer.

    Signals and gradients then keep their lengths through any number of layers of equal reps: networks of great depth
    train without norms. The map is the polar factor `U Vᵀ` of a random intertwiner `A = U Σ Vᵀ`, which is an
    intertwiner itself. Between reps of different sizes, and where the input lacks irreps of the output, it is one
    between the largest subspaces that it can be; with groups there is one for each.

    Args:
        layer: a convolution whose filters can be nought on all taps but the middle one.
        gain: by how much signals grow.

    Raises `ArgumentError` for even kernels, which have no middle tap, and for filters that are spread over several.

    Source: Xiao et al. 2018 (arXiv:1806.05393), Weiler et al. 2018 (arXiv:1711.07289).

    >>> from intertwine.catalog import SO2
    >>> from intertwine.nn import Conv2d
    >>> rep = SO2.rep("4x0 + 2x1 + 2x2")
    >>> layer = delta_orthogonal_(Conv2d(rep, rep, 5, padding="same"))
    >>> x = torch.randn(2, rep.dim, 9, 9)
    >>> torch.allclose(layer(x).norm(dim=1), x.norm(dim=1), atol=1e-5)
    True
    """
    if not isinstance(layer, GridConvolution):
        raise ArgumentError(f"delta_orthogonal_ takes a convolution on a grid, such as nn.Conv2d, but got {layer!r}.")
    sizes = layer.taps.sizes
    if any(size % 2 == 0 for size in sizes):
        raise ArgumentError(
            f"Delta-orthogonal filters lie on the middle tap, but kernels of the size {sizes} have none."
        )
    middle = (..., math.prod(sizes) // 2)
    plan, weight = layer.bank.expansion, layer.weight
    with torch.inference_mode(False):
        expansion = FilterExpansion(plan).double()
    scales = [meeting.scale for meeting, n in zip(plan.meetings, plan.sizes, strict=True) for _ in range(n)]
    pieces = []
    for _ in range(layer.groups):
        with torch.inference_mode(False), torch.enable_grad():  # whoever builds networks may have turned it off
            start = torch.randn(plan.size, dtype=torch.float64, requires_grad=True)
            filters = expansion(start)
            wanted = torch.zeros_like(filters)
            wanted[middle] = gain * _polar(filters.detach()[middle])
            (overlaps,) = torch.autograd.grad(filters, start, wanted)
        piece = overlaps / torch.tensor(scales, dtype=torch.float64) ** 2  # filters of one scale are orthogonal
        if not torch.allclose(expansion(piece), wanted, rtol=0, atol=_SMALL * abs(gain)):
            raise ArgumentError(
                f"Delta-orthogonal filters are nought beside the middle tap, but those of {layer.kind} are not. Take "
                "nn.Complete() or nn.BandLimited()."
            )
        pieces.append(piece)
    with torch.no_grad():
        weight.copy_(torch.cat(pieces))
    return layer


def _polar(matrix: Tensor) -> Tensor:
    """`U Vᵀ` of `U Σ Vᵀ`, without the directions that it takes to nought."""
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    kept = (sizes > _SMALL * sizes.max()).to(matrix.dtype) if sizes.numel() else sizes
    found: Tensor = left * kept @ right
    return found
