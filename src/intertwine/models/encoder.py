"""An image or a volume to one feature vector."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ShapeError
from intertwine.models.blocks import ConvBlock, GridStyle, Norm, RepLike, channels_rep, nonlinearity
from intertwine.nn import EquivariantModule, Filters, GlobalPool, Linear, Sequential
from intertwine.nn.grid.module import Sizes, for_each_axis, spacing_of_axes
from intertwine.reps import Irrep, Rep, as_rep


class Encoder(Sequential):
    """One feature vector for an image or a volume: convolutions, steps down to a few pixels, one filter for these.

    The output is features on the last axis, `(B, rep_out.dim)`, that turn with the input: invariants, vectors, regular
    features, what a policy or a pose needs. Exact under turns by 90° and mirrors for every size. The last filter covers
    the pixels that are left of an image of the given size, and so sees where things are; of larger images, and along
    the longer sides of oblong ones whose sides the group exchanges, outputs are the mean over its places.

    Args:
        rep_in: the rep of the input's channels, such as `group.rep("3x0e")` for colours.
        rep_out: the rep of the output, or a number of invariants; None for as many channels as the last layer has, see
            `channels_of`.
        size: the width of the input, or its size along each axis, which says how many steps there are.
        width: the number of channels of the first layer, about; each step has twice as many.
        pool: whether the mean of the last few pixels is taken, in place of a filter. There are fewer weights, and what
            is where counts less.
        kernel_size: the width of the other filters; default 3 where the group permutes the taps, 5 elsewhere.
        norm: "batch", or "instance" for batches of one or two samples.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis.

    Raises `ArgumentError` for other sizes, and on calls `ShapeError`.

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
        rep_out: RepLike | None,
        size: Sizes,
        width: int = 32,
        *,
        pool: bool = False,
        kernel_size: int | None = None,
        norm: Norm = "batch",
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        rep = as_rep(rep_in)
        acting = rep.group.defining if action is None else as_rep(action)
        sizes = for_each_axis(size, acting.dim, "The size of an Encoder", 1)
        style = GridStyle(acting, filters, spacing_of_axes(spacing, acting.dim), kernel_size, norm)
        blocks, number = list[EquivariantModule](), max(1, math.ceil(math.log2(max(*sizes, 2) / 4)))
        for step in range(number + 1):
            wide = style.channels(rep, width * 2**step)
            blocks.append(ConvBlock(rep, wide, style, stride=1 if step == 0 else 2))
            rep = wide
        left = tuple(1 if pool else -(-length // 2**number) for length in sizes)
        if len(set(left)) > 1 and not style.permutes(left):
            left = (min(left),) * len(left)  # on long kernels few functions turn well
        if not pool:
            last = nonlinearity(rep)
            blocks += [style.conv(rep, last.rep_in, left, bias=True, padding="valid"), last]
        out = rep if rep_out is None else channels_rep(rep.group, rep_out)
        super().__init__(*blocks, GlobalPool(rep, action=acting), Linear(rep, out))
        self.least = tuple((pixels - 1) * 2**number + 1 for pixels in left)  # sizes of which as many pixels are left

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """The output `(B, rep_out.dim)` for features `(B, rep_in.dim, …)`, with or without B.

        Raises `ShapeError` for images that are too small for the last filter.
        """
        sizes = plain_shape(x)[-len(self.least) :] if isinstance(x, Tensor) else ()
        if any(size < least for size, least in zip(sizes, self.least, strict=False)):
            raise ShapeError(
                f"The last filter of this encoder covers what is left of images of {self.least} pixels and more, but "
                f"got a tensor of shape {plain_shape(x)}. Make an encoder of a smaller size, or pass pool=True."
            )
        return super().forward(x)
