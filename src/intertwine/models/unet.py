"""Images and volumes to images and volumes of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.models.blocks import ConvBlock, GridStyle, Norm, RepLike, ResidualBlock, at_least, channels_rep
from intertwine.nn import EquivariantModule, Filters, Sequential
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis, spacing_of_axes, widened
from intertwine.reps import Irrep, Rep, as_rep

DeepSupervision = bool | Literal["always"]
"""Whether a network returns coarser outputs too."""


class UNet(GridModule):
    """A U-Net: steps down, steps up again beside what was there, for segmentation, vector fields and flows.

    Down by a blur, up by linear interpolation to the size that was, so that any size goes in and comes out, exact under
    turns by 90° and mirrors. Inputs and outputs may be of any rep: classes of pixels are invariants, a flow or a
    strain is `group.defining` or a tensor.

    With `deep_supervision` the network returns, in training, a list: the output, and one at every coarser level but the
    last, each from a head of its own, as MONAI trains them; with "always" also in evaluation, as nnU-Net does. The
    attribute may be set later, to False to predict.

    Args:
        rep_in: the rep of the input's channels.
        rep_out: the number of classes, or the rep of the output's channels.
        levels: the number of sizes.
        width: the number of channels of the finest level, about; each coarser one has twice as many.
        deep_supervision: whether to return coarser outputs too: False, True for training alone, or "always".
        strides: the step down to each coarser level, or one for each axis of it; default 2. Few thick slices stay as
            many for a while by (1, 2, 2), as in nnU-Net's plans.
        kernel_size: the width of the filters; default 3 where the group permutes the taps, 5 elsewhere.
        norm: "batch", or "instance" for batches of one or two samples.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis, in the order of the tensor's.

    Raises `ArgumentError` for less than two levels, and for other numbers of strides.

    Source: Ronneberger et al. 2015 (arXiv:1505.04597), Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> net = UNet(group.rep("1x0e"), group.rep("3x0e"), levels=3, width=16)
    >>> net(torch.randn(2, 1, 30, 23)).shape
    torch.Size([2, 3, 30, 23])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: RepLike,
        levels: int = 4,
        width: int = 32,
        *,
        deep_supervision: DeepSupervision = False,
        strides: Sequence[Sizes] = (),
        kernel_size: int | None = None,
        norm: Norm = "batch",
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        super().__init__(rep_in, channels_rep(as_rep(rep_in).group, rep_out), action)
        levels = at_least(levels, 2, "The number of levels of a U-Net")
        if deep_supervision not in (False, True, "always"):
            raise ArgumentError(f"deep_supervision is False, True or 'always', but got {deep_supervision!r}.")
        if not isinstance(strides, Sequence) or len(strides or (2,) * (levels - 1)) != levels - 1:
            raise ArgumentError(
                f"A U-Net of {levels} levels takes a sequence of {levels - 1} strides, one to each coarser level, but "
                f"got {strides!r}."
            )
        steps = [for_each_axis(step, self.n, "strides", 1) for step in strides or (2,) * (levels - 1)]
        style = GridStyle(self.action, filters, spacing_of_axes(spacing, self.n), kernel_size, norm)
        styles, reps = [style], [style.channels(self.rep_in, width)]
        down: list[EquivariantModule] = [
            Sequential(ConvBlock(self.rep_in, reps[0], style), ResidualBlock(reps[0], reps[0], style))
        ]
        for level, step in enumerate(steps, 1):
            styles.append(styles[-1].coarser(step))
            reps.append(styles[-1].channels(reps[-1], width * 2**level))
            down.append(ResidualBlock(reps[-2], reps[-1], styles[-1], step))
        up, wider = list[EquivariantModule](), reps[-1]
        for level in reversed(range(levels - 1)):
            beside = wider + reps[level]
            wider = styles[level].channels(beside, width * 2**level)  # of more irreps than on the way down
            up.insert(0, ConvBlock(beside, wider, styles[level]))
        self.down, self.up = torch.nn.ModuleList(down), torch.nn.ModuleList(up)
        self.deep_supervision = deep_supervision
        answering = up if deep_supervision else up[:1]
        self.heads = torch.nn.ModuleList(style.conv(block.rep_out, self.rep_out, 1, bias=True) for block in answering)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:  # type: ignore[override]
        """The output `(B, rep_out.dim, …)`, as large as the input `(B, rep_in.dim, …)`, with or without B."""
        self.check_grid(x)
        single = x.ndim == self.n + 1
        x, levels = x[None] if single else x, []
        for block in self.down:
            x = block(x)
            levels.append(x)
        x, outputs = levels.pop(), []
        mode = "bilinear" if self.n == 2 else "trilinear"
        for level in reversed(range(len(self.up))):
            beside = levels[level]
            larger = widened(partial(F.interpolate, size=beside.shape[2:], mode=mode), x)
            x = self.up[level](torch.cat([larger, beside], 1))
            if level < len(self.heads):
                outputs.append(self.heads[level](x))
        finest_first = [y[0] if single else y for y in reversed(outputs)]
        asked = self.deep_supervision == "always" or (self.deep_supervision and self.training)
        return finest_first if asked else finest_first[0]
