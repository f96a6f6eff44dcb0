"""What networks on grids are made of: channels of a group, a nonlinearity for them, convolutions with both."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import real_number
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError, RepMismatchError, UnreachableWarning
from intertwine.groups import Group
from intertwine.nn import (
    Activation,
    BatchNorm,
    BlurPool,
    Complete,
    Conv2d,
    Conv3d,
    EquivariantModule,
    Filters,
    Gate,
    InstanceNorm,
    Sequential,
)
from intertwine.nn.activation import permutes_entries
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis
from intertwine.reps import Irrep, Rep, as_rep

RepLike = int | Rep | Irrep
"""Channels of an input or an output: so many invariants, or a rep."""

Norm = Literal["batch", "instance"]
"""What stands behind the convolutions of a network."""


@dataclass(frozen=True)
class GridStyle:
    """What all convolutions of a network on a grid share.

    Args:
        action: how the group moves the grid.
        filters: which filters; None for complete ones where the group permutes the taps, band-limited ones elsewhere.
        spacing: the distance of pixels along each axis.
        kernel_size: the width of filters that look around; None for 3 where the group permutes 3 taps along each axis,
            and for 5 elsewhere, since few functions on 3 taps turn well.
        norm: what stands behind convolutions: "batch", or "instance" for batches of one or two samples.

    Raises `ArgumentError` for another norm, and for filters without a middle tap.
    """

    action: Rep
    filters: Filters | None = None
    spacing: tuple[float, ...] = ()
    kernel_size: int | None = None
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        if self.norm not in ("batch", "instance"):
            raise ArgumentError(f"The norm of a network is 'batch' or 'instance', but got {self.norm!r}.")
        widths = () if self.kernel_size is None else for_each_axis(self.kernel_size, self.action.dim, "kernel_size", 1)
        if any(width % 2 == 0 for width in widths):
            raise ArgumentError(
                "The filters of a network have an odd width, so that images keep their size, but got "
                f"kernel_size={self.kernel_size!r}."
            )

    @property
    def width(self) -> int:
        """The width of filters that look around."""
        if self.kernel_size is not None:
            return self.kernel_size
        return 3 if self.permutes(3) else 5

    def permutes(self, kernel_size: Sizes) -> bool:
        """Whether the group permutes the taps of filters of a size."""
        trivial = channels_rep(self.action.group, 1)
        try:
            GridStyle(self.action, Complete(), self.spacing).conv(trivial, trivial, kernel_size, padding="valid")
        except ArgumentError:
            return False
        return True

    def conv(
        self, rep_in: Rep, rep_out: Rep, kernel_size: Sizes | None = None, bias: bool = False, padding: str = "same"
    ) -> Conv2d | Conv3d:
        """A convolution that keeps the size of its input, unless its padding is "valid"."""
        layer = Conv2d if self.action.dim == 2 else Conv3d
        return layer(
            rep_in,
            rep_out,
            self.width if kernel_size is None else kernel_size,
            padding=padding,
            bias=bias,
            filters=self.filters if kernel_size != 1 else None,
            action=self.action,
            spacing=self.spacing or 1.0,
        )

    def channels(self, rep_in: Rep, width: int, kernel_size: int | None = None) -> Rep:
        """About `width` channels, see `channels_of`, without the irreps that no filter leads to from an input."""
        once = Rep(rep_in.group, tuple((1, block) for _, block in rep_in.terms))  # what is reached is a matter of kinds
        hidden = Rep(rep_in.group, tuple((1, block) for _, block in channels_of(rep_in.group, width).terms))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)
            missed = {irrep for _, irrep in self.conv(once, hidden, kernel_size).bank.unreached}
        return channels_of(rep_in.group, width, without=missed)

    def norm_of(self, rep: Rep) -> BatchNorm | InstanceNorm:
        """The norm of features of a rep."""
        return BatchNorm(rep) if self.norm == "batch" else InstanceNorm(rep, action=self.action)

    def restrict(self, action: Rep) -> GridStyle:
        """The same for a subgroup, which moves the grid by the action."""
        return replace(self, action=action)

    def coarser(self, stride: Sizes) -> GridStyle:
        """The same after a step of down-sampling, whose pixels lie farther apart."""
        steps = for_each_axis(stride, self.action.dim, "stride", 1)
        spacing = self.spacing or (1.0,) * self.action.dim
        return replace(self, spacing=tuple(a * step for a, step in zip(spacing, steps, strict=True)))


def channels_of(group: Group, width: int, degree: int = 2, *, without: Collection[Irrep] = ()) -> Rep:
    """A rep of about `width` channels, for the hidden layers of a network.

    Finite groups get copies of the regular rep, at least one; others all irreps up to a degree, each as often as the
    functions on the group hold it.

    Args:
        group: the group.
        width: the number of channels.
        degree: the largest degree of irreps.
        without: irreps to leave out.

    Raises `ArgumentError` for a width that is no number from 1 on.

    >>> from intertwine.catalog import O2, dihedral
    >>> print(channels_of(dihedral(4), 64), "|", channels_of(O2, 32))
    8xregular | 3x0e + 3x0o + 6x1 + 6x2
    """
    if not 1 <= real_number(width) < math.inf:
        raise ArgumentError(f"A network has at least one channel, but got the width {width!r}.")
    if group.is_finite and isinstance(group, GroupWithReps):
        return max(1, round(width / group.order)) * group.regular
    irreps = [irrep for label in group.labels(degree) if (irrep := Irrep(group, label)) not in without]
    counts = [irrep.dim // len(irrep.endomorphisms) for irrep in irreps]
    copies = max(1, round(width / sum(n * irrep.dim for n, irrep in zip(counts, irreps, strict=True))))
    return Rep(group, tuple((copies * n, irrep) for n, irrep in zip(counts, irreps, strict=True)))


def at_least(value: int, least: int, what: str) -> int:
    """A whole number; `ArgumentError` for anything else, and for one that is too small."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ArgumentError(f"{what} is a whole number from {least} on, but got {value!r}.")
    return int(value)


def channels_rep(group: Group, channels: RepLike) -> Rep:
    """The rep of channels: so many invariants for a number.

    Raises `ArgumentError` for numbers below 1, and `RepMismatchError` for a rep of another group.

    >>> from intertwine.catalog import O2
    >>> print(channels_rep(O2, 3))
    3x0e
    """
    if isinstance(channels, Rep | Irrep):
        rep = as_rep(channels)
        if rep.group != group:
            raise RepMismatchError(f"The channels are those of a rep of {group}, but got {rep} of {rep.group}.")
        return rep
    if not isinstance(channels, Integral) or isinstance(channels, bool) or channels < 1:
        raise ArgumentError(f"Channels are a number of invariants from 1 on, or a rep, but got {channels!r}.")
    return int(channels) * as_rep(Irrep(group, group.trivial))


def nonlinearity(rep: Rep) -> Activation | Gate:
    """What gives features of a rep: SiLU where the group permutes all entries, gates elsewhere.

    Its input is `nonlinearity(rep).rep_in`.
    """
    if all(permutes_entries(block) for _, block in rep.terms):
        return Activation(rep, F.silu)
    return Gate(rep)


class ConvBlock(Sequential):
    """Blur and step, convolution, norm, nonlinearity.

    Args:
        rep_in: the rep of the input.
        rep_out: the rep of the output.
        style: what the network's convolutions share.
        stride: the step of the down-sampling before the convolution, or one for each axis.
        kernel_size: the width of the filters; default the style's.

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> ConvBlock(group.rep("1x0e"), group.rep("2xregular"), GridStyle(group.defining)).rep_out.dim
    16
    """

    def __init__(
        self, rep_in: Rep, rep_out: Rep, style: GridStyle, stride: Sizes = 1, kernel_size: int | None = None
    ) -> None:
        last = nonlinearity(rep_out)
        first: list[EquivariantModule] = [BlurPool(rep_in, stride, action=style.action)] if stride != 1 else []
        super().__init__(*first, style.conv(rep_in, last.rep_in, kernel_size), style.norm_of(last.rep_in), last)


class ResidualBlock(GridModule):
    """Convolutions beside a shortcut: `(shortcut(x) + body(x)) / √2`, after a step of down-sampling.

    The body is two convolutions, or a bottleneck: one of one pixel, one that looks around, one of one pixel. The
    shortcut is a convolution of one pixel where reps differ, and nothing elsewhere.

    Args:
        rep_in: the rep of the input.
        rep_out: the rep of the output.
        style: what the network's convolutions share.
        stride: the step, or one for each axis.
        bottleneck: the two reps inside a bottleneck.

    Source: He et al. 2016 (arXiv:1512.03385).
    """

    def __init__(
        self, rep_in: Rep, rep_out: Rep, style: GridStyle, stride: Sizes = 1, bottleneck: tuple[Rep, Rep] | None = None
    ) -> None:
        super().__init__(rep_in, rep_out, style.action)
        self.blur = BlurPool(rep_in, stride, action=style.action) if stride != 1 else torch.nn.Identity()
        reps: Sequence[Rep] = (rep_in, *(bottleneck or (rep_out,)), rep_out)
        sizes = (1, None, 1) if bottleneck else (None, None)
        self.body = Sequential(
            *[ConvBlock(a, b, style, kernel_size=size) for (a, b), size in zip(pairwise(reps), sizes, strict=True)]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)  # what one pixel does not reach, the body does
            self.shortcut = torch.nn.Identity() if rep_in == rep_out else style.conv(rep_in, rep_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`."""
        self.check_grid(x)
        x = self.blur(x)
        y: Tensor = (self.shortcut(x) + self.body(x)) * math.sqrt(0.5)
        return y
