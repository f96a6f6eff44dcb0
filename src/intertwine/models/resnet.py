"""Residual networks for images and volumes, whose symmetry may fall from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.fields import FieldType
from intertwine.groups import Subgroup
from intertwine.models.blocks import ConvBlock, GridStyle, ResidualBlock
from intertwine.nn import EquivariantModule, Filters, GlobalPool, Linear, Restrict, Sequential
from intertwine.nn.grid.module import spacing_of_axes
from intertwine.reps import Irrep, Rep, as_rep


class ResNet(EquivariantModule):
    """A residual network: a first convolution, stages of residual blocks, a mean over space, a linear map.

    Each stage but the first begins with a step of down-sampling and has twice the channels. `features` gives what the
    stages make, a pyramid of feature maps for detection and segmentation.

    With `restrict`, the symmetry falls before some stages: to a subgroup, of the group that is left. Features of small
    patterns then share weights over all poses, those of large ones over fewer.

    `blocks=(2, 2, 2, 2)` is ResNet-18, and `blocks=(2, 2, 2)` with a large width the WideResNet-16.

    Args:
        rep_in: the rep of the input's channels, such as `group.rep("3x0e")` for colours.
        rep_out: the rep of the output; with `restrict` a rep of the last subgroup. Invariants for classes.
        blocks: the number of blocks of each stage.
        width: the number of channels of the first stage, about.
        restrict: for each stage the subgroup to which the symmetry falls before it, or None.
        kernel_size: the width of the filters.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis.

    Raises `ArgumentError` for lists that do not fit each other.

    Source: He et al. 2016 (arXiv:1512.03385), Zagoruyko & Komodakis 2016 (arXiv:1605.07146), Weiler & Cesa 2019
    (arXiv:1911.08251).

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
        rep_out: Rep | Irrep,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        *,
        restrict: Sequence[Subgroup | None] = (),
        kernel_size: int = 3,
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        lowered = [*restrict, *[None] * (len(blocks) - len(restrict))]
        if not blocks or len(lowered) != len(blocks) or any(count < 1 for count in blocks):
            raise ArgumentError(
                "A ResNet has stages of at least one block, and at most one subgroup for each, but got "
                f"blocks={tuple(blocks)!r} and {len(restrict)} subgroups."
            )
        first = as_rep(rep_in)
        acting = first.group.defining if action is None else as_rep(action)
        style = GridStyle(acting, filters, spacing_of_axes(spacing, acting.dim), kernel_size)
        rep, stages = style.channels(first, width), []
        for number, (count, subgroup) in enumerate(zip(blocks, lowered, strict=True)):
            parts: list[EquivariantModule] = [ConvBlock(first, rep, style)] if number == 0 else []
            if subgroup is not None:
                parts.append(Restrict(rep, subgroup, action=style.action))
                rep, style = parts[-1].rep_out, style.restrict(style.action.restrict(subgroup))
            for block in range(count):
                wide = style.channels(rep, width * 2**number)
                parts.append(ResidualBlock(rep, wide, style, stride=2 if block == 0 and number else 1))
                rep = wide
            stages.append(Sequential(*parts))
        trunk = Sequential(*stages)
        super().__init__(trunk.rep_in, rep_out)
        self.subgroups = trunk.subgroups
        self.stages, self.head = trunk, Sequential(GlobalPool(rep, action=style.action), Linear(rep, rep_out))

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
