"""An image or a volume to one feature vector."""

from __future__ import annotations

import math
from collections.abc import Sequence

from intertwine.errors import ArgumentError
from intertwine.models.blocks import ConvBlock, GridStyle
from intertwine.nn import Filters, GlobalPool, Linear, Sequential
from intertwine.nn.grid.module import spacing_of_axes
from intertwine.reps import Irrep, Rep, as_rep


class Encoder(Sequential):
    """One feature vector for an image or a volume: convolutions and steps down to a few pixels, then their mean.

    The output is features on the last axis, `(B, rep_out.dim)`, that turn with the input: invariants, vectors, regular
    features, what a policy or a pose needs. Exact under turns by 90° and mirrors for every size.

    Args:
        rep_in: the rep of the input's channels, such as `group.rep("3x0e")` for colours.
        rep_out: the rep of the output.
        size: the width of the input, which says how many steps there are.
        width: the number of channels of the first layer, about; each step has twice as many.
        kernel_size: the width of the filters.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis.

    Raises `ArgumentError` for other sizes.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> net = Encoder(group.rep("3x0e"), group.rep("8x0e + 2x1"), size=32, width=16)
    >>> net(torch.randn(2, 3, 32, 32)).shape
    torch.Size([2, 12])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        size: int,
        width: int = 32,
        *,
        kernel_size: int = 3,
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        if not isinstance(size, int) or size < 1:
            raise ArgumentError(f"The size of an Encoder is one width, an integer from 1 on, but got {size!r}.")
        rep = as_rep(rep_in)
        acting = rep.group.defining if action is None else as_rep(action)
        style = GridStyle(acting, filters, spacing_of_axes(spacing, acting.dim), kernel_size)
        blocks, number = [], max(1, math.ceil(math.log2(max(size, 2) / 4)))
        for step in range(number + 1):
            wide = style.channels(rep, width * 2**step)
            blocks.append(ConvBlock(rep, wide, style, stride=1 if step == 0 else 2))
            rep = wide
        super().__init__(*blocks, GlobalPool(rep, action=acting), Linear(rep, rep_out))
