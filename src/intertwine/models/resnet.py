"""Residual networks for images and volumes, whose symmetry may fall from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError
from intertwine.fields import FieldType
from intertwine.groups import Group, Subgroup
from intertwine.models.blocks import (
    ConvBlock,
    GridStyle,
    Norm,
    RepLike,
    ResidualBlock,
    at_least,
    channels_rep,
    nonlinearity,
)
from intertwine.nn import (
    BlurPool,
    EquivariantModule,
    Filters,
    GlobalPool,
    Linear,
    MaxPool2d,
    MaxPool3d,
    Restrict,
    Sequential,
)
from intertwine.nn.grid.module import spacing_of_axes
from intertwine.reps import Irrep, Rep, as_rep

Stem = Literal["small", "large"]
"""How a residual network begins: a convolution, or one of width 7 and a pool, with a step each."""


class ResNet(EquivariantModule):
    """A residual network: a first convolution, stages of residual blocks, a mean over space, a linear map.

    Each stage but the first begins with a step of down-sampling and has twice the channels. `features` gives what the
    stages make, a pyramid of feature maps for detection and segmentation; `stages[n].rep_out` is the rep of each.

    With `restrict`, the symmetry falls before some stages: to a subgroup, of the group that is left. Features of small
    patterns then share weights over all poses, those of large ones over fewer.

    Args:
        rep_in: the rep of the input's channels, such as `group.rep("3x0e")` for colours.
        rep_out: the number of classes, or the rep of the output; with `restrict` a rep of the last subgroup.
        blocks: the number of blocks of each stage.
        width: the number of channels of the first convolution, about.
        widen: how many times more channels the first stage has.
        bottleneck: whether blocks are bottlenecks, whose outputs have four times the channels.
        stem: "small" for one convolution; "large" for a convolution of width 7 and a max pool, with a blur and a step
            of 2 after each: for images of 100 pixels and more.
        restrict: for each stage the subgroup to which the symmetry falls before it, or its name, or None.
        kernel_size: the width of the filters; default 3 where the group permutes the taps, 5 elsewhere.
        norm: "batch", or "instance" for batches of one or two samples.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis.

    Raises `ArgumentError` for lists that do not fit each other.

    Source: He et al. 2016 (arXiv:1512.03385), Zagoruyko & Komodakis 2016 (arXiv:1605.07146), Weiler & Cesa 2019
    (arXiv:1911.08251), Zhang 2019 (arXiv:1904.11486).

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> net = ResNet(group.rep("1x0e"), group.rep("10x0e"), blocks=(1, 1), width=16)
    >>> net(torch.randn(2, 1, 28, 28)).shape, [tuple(y.shape) for y in net.features(torch.randn(2, 1, 28, 28))]
    (torch.Size([2, 10]), [(2, 16, 28, 28), (2, 32, 14, 14)])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: RepLike,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        *,
        widen: int = 1,
        bottleneck: bool = False,
        stem: Stem = "small",
        restrict: Sequence[Subgroup | str | None] = (),
        kernel_size: int | None = None,
        norm: Norm = "batch",
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        listed = all(isinstance(given, Sequence) and not isinstance(given, str) for given in (blocks, restrict))
        if not listed or not blocks or len(restrict) > len(blocks):
            raise ArgumentError(
                "A ResNet has a sequence of stages, and at most one subgroup, name or None for each, but got "
                f"blocks={blocks!r} and restrict={restrict!r}."
            )
        counts = [at_least(count, 1, "The number of blocks of a stage") for count in blocks]
        lowered = [*restrict, *[None] * (len(counts) - len(restrict))]
        first = as_rep(rep_in)
        acting = first.group.defining if action is None else as_rep(action)
        style = GridStyle(acting, filters, spacing_of_axes(spacing, acting.dim), kernel_size, norm)
        parts = [_stem(first, width, style, stem)]
        rep, stages = parts[0].rep_out, []
        for number, (count, lower) in enumerate(zip(counts, lowered, strict=True)):
            if lower is not None:
                subgroup = _subgroup(rep.group, lower)
                parts.append(Restrict(rep, subgroup, action=style.action))
                rep, style = parts[-1].rep_out, style.restrict(style.action.restrict(subgroup))
            for block in range(count):
                stride = 2 if block == 0 and number else 1
                parts.append(_block(rep, width * widen * 2**number, style, stride, bottleneck))
                rep = parts[-1].rep_out
            stages.append(Sequential(*parts))
            parts = []
        trunk, out = Sequential(*stages), channels_rep(rep.group, rep_out)
        super().__init__(trunk.rep_in, out)
        self.subgroups = trunk.subgroups
        self.stages, self.head = trunk, Sequential(GlobalPool(rep, action=style.action), Linear(rep, out))

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features on a grid."""
        return self.stages.fields_in

    def features(self, x: Tensor) -> list[Tensor]:
        """What each stage makes of features `(B, rep_in.dim, …)`: its own reps, coarser and coarser."""
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return pyramid

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim)` for features `(B, rep_in.dim, …)`."""
        y: Tensor = self.head(self.stages(x))
        return y


def _stem(rep_in: Rep, width: int, style: GridStyle, kind: Stem) -> EquivariantModule:
    """What comes before the first block."""
    if kind == "small":
        return ConvBlock(rep_in, style.channels(rep_in, width), style)
    if kind != "large":
        raise ArgumentError(f"The stem of a ResNet is 'small' or 'large', but got {kind!r}.")
    rep, action = style.channels(rep_in, width, 7), style.action
    last, pool = nonlinearity(rep), MaxPool2d if action.dim == 2 else MaxPool3d
    return Sequential(
        style.conv(rep_in, last.rep_in, 7),
        BlurPool(last.rep_in, 2, action=action),  # in place of strides, which are exact for some sizes alone
        style.norm_of(last.rep_in),
        last,
        pool(rep, 3, stride=1, padding=1, action=action),
        BlurPool(rep, 2, action=action),
    )


def _block(rep: Rep, width: int, style: GridStyle, stride: int, bottleneck: bool) -> ResidualBlock:
    """A residual block, with the irreps that its convolutions reach."""
    if not bottleneck:
        return ResidualBlock(rep, style.channels(rep, width), style, stride)
    narrow = style.channels(rep, width, 1)
    inside = narrow, style.channels(narrow, width)
    return ResidualBlock(rep, style.channels(inside[1], 4 * width, 1), style, stride, inside)


def _subgroup(group: Group, given: Subgroup | str) -> Subgroup:
    """A subgroup, given or by its name."""
    if isinstance(given, Subgroup):
        return given
    if not isinstance(group, GroupWithReps):
        raise ArgumentError(f"{group} knows no subgroups by name, but got {given!r}. Pass a Subgroup.")
    return group.subgroup(given)
