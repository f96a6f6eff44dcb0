"""Networks by one line each, for images or for volumes: a group, then numbers of channels and classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypedDict, Unpack

from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.models.blocks import Norm, RepLike, at_least, channels_rep
from intertwine.models.encoder import Encoder
from intertwine.models.resnet import ResNet, Stem
from intertwine.models.unet import DeepSupervision, UNet
from intertwine.nn import Filters
from intertwine.nn.grid.module import Sizes
from intertwine.reps import Irrep, Rep, as_rep

Acting = GroupWithReps | Subgroup
"""A group that moves a grid by its defining rep, or a subgroup of one."""


class GridOptions(TypedDict, total=False):
    """What all ready networks take by keyword besides their own options."""

    action: Rep | Irrep | None
    """How the group moves the grid; by default by its defining rep, a subgroup as the group does that it lies in."""
    kernel_size: int | None
    """The width of the filters; default 3 where the group permutes the taps, 5 elsewhere."""
    norm: Norm
    """What stands behind convolutions, "batch", or "instance" for batches of one or two samples."""
    filters: Filters | None
    """Which filters; default complete where the group permutes the taps, band-limited elsewhere."""
    spacing: float | Sequence[float]
    """The distance of pixels along each axis of the tensor; only ratios count."""


class ResNetOptions(GridOptions, total=False):
    """What residual networks take by keyword as well."""

    width: int
    """The number of channels of the first convolution, about."""
    stem: Stem
    """How the network begins, "small" or "large"; see `ResNet`."""
    restrict: Sequence[Subgroup | str | None]
    """For each stage the subgroup to which the symmetry falls before it, or its name, or None."""


class _Encoder(Encoder):
    """`Encoder2d` and `Encoder3d`."""

    axes: ClassVar[int]

    def __init__(
        self,
        G: Acting,
        channels: RepLike,
        size: Sizes,
        out: RepLike | None = None,
        width: int = 32,
        *,
        pool: bool = False,
        **options: Unpack[GridOptions],
    ) -> None:
        action = _action(self.axes, G, options)
        rep_in = channels_rep(action.group, channels)
        settings: GridOptions = {**options, "action": action}
        super().__init__(rep_in, out, size, width, pool=pool, **settings)


class Encoder2d(_Encoder):
    """An image to one feature vector that turns with it, as a policy or a pose needs it.

    Steps halve the image down to 3 or 4 pixels, and one filter makes one pixel of these. See `Encoder`.

    Args:
        G: the group: one of the plane, or a subgroup of one. `cyclic(8)` turns by 45°.
        channels: the number of the input's channels, or their rep.
        size: the width of the input, or its size along each axis.
        out: the rep of the output, or a number of invariants; default regular features of a finite group and irreps of
            others, as many as the last layer has.
        width: the number of channels of the first layer, about; each step has twice as many.
        pool: whether the last pixels are averaged in place of the filter.
        options: action, kernel_size, norm, filters, spacing: see `GridOptions`.

    Raises `ArgumentError` for a group that does not act on the plane, and as `Encoder`.

    >>> import torch
    >>> from intertwine.catalog import cyclic
    >>> net = Encoder2d(cyclic(8), 3, size=32, width=16)
    >>> print(net.rep_out)
    16xregular
    >>> net(torch.randn(2, 3, 32, 32)).shape
    torch.Size([2, 128])
    """

    axes = 2


class Encoder3d(_Encoder):
    """A volume to one feature vector that turns with it: `Encoder2d` for volumes `(B, C, −z, −y, x)`.

    Turns about the vertical alone are a subgroup of those of space, such as `O3.subgroup("C8")`.

    Args:
        G: the group: one of space, or a subgroup of one.
        channels: the number of the input's channels, or their rep.
        size: the width of the input, or its size along each axis.
        out: the rep of the output, or a number of invariants; default as many features as the last layer has.
        width: the number of channels of the first layer, about; each step has twice as many.
        pool: whether the last voxels are averaged in place of a filter.
        options: action, kernel_size, norm, filters, spacing: see `GridOptions`.

    Raises `ArgumentError` for a group that does not act on space, and as `Encoder`.

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> net = Encoder3d(O3.subgroup("C8"), 1, size=16, width=8)
    >>> print(net.rep_out, "of", net.rep_out.group)
    4xregular of C8
    >>> net(torch.randn(1, 1, 16, 16, 16)).shape
    torch.Size([1, 32])
    """

    axes = 3


class _ResNet(ResNet):
    """The residual networks below."""

    axes: ClassVar[int] = 2

    def __init__(
        self,
        G: Acting,
        channels: RepLike,
        classes: RepLike,
        blocks: Sequence[int],
        *,
        widen: int = 1,
        bottleneck: bool = False,
        **options: Unpack[ResNetOptions],
    ) -> None:
        action = _action(self.axes, G, options)
        rep_in = channels_rep(action.group, channels)
        settings: ResNetOptions = {**options, "action": action}
        super().__init__(rep_in, classes, blocks, widen=widen, bottleneck=bottleneck, **settings)


class ResNet18(_ResNet):
    """ResNet-18 for images: torchvision's layers, with the weights of a group.

    A convolution of width 7 and a pool, with a step each; four stages of two blocks. Blurs stand where torchvision has
    strides, so that every size is exact. For images of less than 100 pixels pass `stem="small"`.

    Args:
        G: the group: one of the plane, or a subgroup of one. The trivial group `cyclic(1)` gives the plain network.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes, or the rep of the output.
        options: width, stem, restrict, see `ResNetOptions`, and those of `GridOptions`.

    Raises `ArgumentError` for a group that does not act on the plane, and as `ResNet`.

    >>> import torch
    >>> from intertwine.catalog import cyclic
    >>> net = ResNet18(cyclic(4), 3, 10, stem="small", width=16)
    >>> net(torch.randn(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, G: Acting, channels: RepLike = 3, classes: RepLike = 1000, **options: Unpack[ResNetOptions]
    ) -> None:
        settings: ResNetOptions = {"stem": "large", **options}
        super().__init__(G, channels, classes, (2, 2, 2, 2), **settings)


class ResNet50(_ResNet):
    """ResNet-50 for images: torchvision's bottleneck blocks, with the weights of a group.

    Args:
        G: the group: one of the plane, or a subgroup of one.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes, or the rep of the output.
        options: as of `ResNet18`.

    Raises as `ResNet18`.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> net = ResNet50(dihedral(4), 3, 10, stem="small", width=8)
    >>> [tuple(y.shape) for y in net.features(torch.randn(1, 3, 32, 32))]
    [(1, 32, 32, 32), (1, 64, 16, 16), (1, 128, 8, 8), (1, 256, 4, 4)]
    """

    def __init__(
        self, G: Acting, channels: RepLike = 3, classes: RepLike = 1000, **options: Unpack[ResNetOptions]
    ) -> None:
        settings: ResNetOptions = {"stem": "large", **options}
        super().__init__(G, channels, classes, (3, 4, 6, 3), bottleneck=True, **settings)


class WideResNet2d(_ResNet):
    """A wide residual network for small images: a convolution of 16 channels, three stages of blocks `widen` as wide.

    With the blocks of `ResNet`, whose norms stand behind the convolutions.

    Args:
        G: the group: one of the plane, or a subgroup of one.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes, or the rep of the output.
        depth: the number of layers, 6 n + 4.
        widen: how many times more channels the stages have.
        options: as of `ResNet18`; `width` is 16.

    Raises `ArgumentError` for other depths, and as `ResNet18`.

    Source: Zagoruyko & Komodakis 2016 (arXiv:1605.07146).

    >>> import torch
    >>> from intertwine.catalog import cyclic
    >>> net = WideResNet2d(cyclic(8), 3, 10, depth=10, widen=2, restrict=(None, None, "C1"))
    >>> net(torch.randn(2, 3, 16, 16)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        G: Acting,
        channels: RepLike = 3,
        classes: RepLike = 10,
        depth: int = 16,
        widen: int = 8,
        **options: Unpack[ResNetOptions],
    ) -> None:
        if at_least(depth, 10, "The depth of a WideResNet2d") % 6 != 4:
            raise ArgumentError(f"A WideResNet2d has 6 n + 4 layers, such as 16, 22 or 28, but got depth={depth!r}.")
        settings: ResNetOptions = {"width": 16, **options}
        super().__init__(G, channels, classes, ((depth - 4) // 6,) * 3, widen=widen, **settings)


class ResNet3d(_ResNet):
    """A residual network for volumes `(B, C, −z, −y, x)`, of ResNet-18's stages.

    Args:
        G: the group: one of space, or a subgroup of one; `O3.subgroup("C8")` turns about the vertical.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes, or the rep of the output.
        blocks: the number of blocks of each stage.
        options: as of `ResNet18`; `width` is 32, and the stem small.

    Raises `ArgumentError` for a group that does not act on space, and as `ResNet`.

    >>> import torch
    >>> from intertwine.catalog import point_group
    >>> net = ResNet3d(point_group("O"), 1, 5, blocks=(1, 1), width=24)
    >>> net(torch.randn(1, 1, 8, 8, 8)).shape
    torch.Size([1, 5])
    """

    axes = 3

    def __init__(
        self,
        G: Acting,
        channels: RepLike = 1,
        classes: RepLike = 10,
        blocks: Sequence[int] = (2, 2, 2, 2),
        **options: Unpack[ResNetOptions],
    ) -> None:
        settings: ResNetOptions = {"width": 32, **options}
        super().__init__(G, channels, classes, blocks, **settings)


class _UNet(UNet):
    """`UNet2d` and `UNet3d`."""

    axes: ClassVar[int]

    def __init__(
        self,
        G: Acting,
        channels: RepLike = 1,
        classes: RepLike = 2,
        levels: int = 4,
        width: int = 32,
        *,
        deep_supervision: DeepSupervision = False,
        strides: Sequence[Sizes] = (),
        **options: Unpack[GridOptions],
    ) -> None:
        action = _action(self.axes, G, options)
        rep_in = channels_rep(action.group, channels)
        settings: GridOptions = {**options, "action": action}
        super().__init__(rep_in, classes, levels, width, deep_supervision=deep_supervision, strides=strides, **settings)


class UNet2d(_UNet):
    """A U-Net for images: classes, vectors or tensors for each pixel. See `UNet`.

    Args:
        G: the group: one of the plane, or a subgroup of one.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes of a pixel, or the rep of the output.
        levels: the number of sizes.
        width: the number of channels of the finest level, about; each coarser one has twice as many.
        deep_supervision: whether to return coarser outputs too, a list, the finest first: in training, or "always".
        strides: the step down to each coarser level, or one for each axis of it; default 2.
        options: action, kernel_size, norm, filters, spacing: see `GridOptions`.

    Raises `ArgumentError` for a group that does not act on the plane, and as `UNet`.

    >>> import torch
    >>> from intertwine.catalog import dihedral
    >>> UNet2d(dihedral(4), 1, 3, levels=3, width=16)(torch.randn(2, 1, 30, 23)).shape
    torch.Size([2, 3, 30, 23])
    """

    axes = 2


class UNet3d(_UNet):
    """A U-Net for volumes `(B, C, −z, −y, x)`, as nnU-Net and MONAI train them: `UNet2d` with one more axis.

    Voxels that are longer along one axis are said by `spacing`, in the order of the tensor's axes.

    Args:
        G: the group: one of space, or a subgroup of one; `O3.subgroup("C4v")` keeps what is up.
        channels: the number of the input's channels, or their rep.
        classes: the number of classes of a voxel, or the rep of the output.
        levels: the number of sizes.
        width: the number of channels of the finest level, about; each coarser one has twice as many.
        deep_supervision: whether to return coarser outputs too, a list, the finest first: in training, or "always".
        strides: the step down to each coarser level, or one for each axis of it; default 2.
        options: action, kernel_size, norm, filters, spacing: see `GridOptions`.

    Raises `ArgumentError` for a group that does not act on space, and as `UNet`.

    >>> import torch
    >>> from intertwine.catalog import O3
    >>> net = UNet3d(O3.subgroup("C4v"), 1, 2, levels=2, width=8, spacing=(3.0, 1.0, 1.0))
    >>> net(torch.randn(1, 1, 5, 8, 8)).shape
    torch.Size([1, 2, 5, 8, 8])
    """

    axes = 3


def _action(axes: int, given: Acting, options: GridOptions) -> Rep:
    """How a group moves a grid with so many axes of space."""
    if not isinstance(given, GroupWithReps | Subgroup):
        raise ArgumentError(
            f"A network starts from a group, such as dihedral(4), or a subgroup of one, but got {given!r}. "
            "intertwine.catalog.group(name) finds groups by name."
        )
    whole, group = (given.parent, given.group) if isinstance(given, Subgroup) else (given, given)
    asked = options.get("action")
    moved: Rep = whole.defining if asked is None else as_rep(asked)
    if asked is not None and moved.group != group:
        raise RepMismatchError(f"The action of a network is a rep of its group {group}, but got one of {moved.group}.")
    if moved.dim != axes:
        fitting = (
            "cyclic(8), dihedral(4), SO2 or O2"
            if axes == 2
            else 'SO3, point_group("O"), or O3.subgroup("C8") for turns about the vertical alone'
        )
        raise ArgumentError(
            f"{whole if asked is None else moved} moves {moved.dim} axes of space, but a network for "
            f"{'images' if axes == 2 else 'volumes'} has {axes}. Pass a group that moves {axes}, such as {fitting}; or "
            f"action=…, a rep of dimension {axes}."
        )
    return moved.restrict(given) if asked is None and isinstance(given, Subgroup) else moved
