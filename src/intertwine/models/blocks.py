"""What networks on grids are made of: channels of a group, a nonlinearity for them, convolutions with both."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError, UnreachableWarning
from intertwine.groups import Group
from intertwine.nn import Activation, BatchNorm, BlurPool, Conv2d, Conv3d, EquivariantModule, Filters, Gate, Sequential
from intertwine.nn.activation import permutes_entries
from intertwine.nn.grid.module import GridModule
from intertwine.reps import Irrep, Rep


@dataclass(frozen=True)
class GridStyle:
    """What all convolutions of a network on a grid share.

    Args:
        action: how the group moves the grid.
        filters: which filters; None for complete ones where the group permutes the taps, band-limited ones elsewhere.
        spacing: the distance of pixels along each axis.
        kernel_size: the width of filters that look around.
    """

    action: Rep
    filters: Filters | None = None
    spacing: tuple[float, ...] | float = 1.0
    kernel_size: int = 3

    def conv(self, rep_in: Rep, rep_out: Rep, kernel_size: int | None = None, bias: bool = False) -> Conv2d | Conv3d:
        """A convolution that keeps the size of its input."""
        layer = Conv2d if self.action.dim == 2 else Conv3d
        return layer(
            rep_in,
            rep_out,
            self.kernel_size if kernel_size is None else kernel_size,
            padding="same",
            bias=bias,
            filters=self.filters if kernel_size != 1 else None,
            action=self.action,
            spacing=self.spacing,
        )

    def channels(self, rep_in: Rep, width: int) -> Rep:
        """About `width` channels, see `channels_of`, without the irreps that no filter leads to from an input."""
        whole = channels_of(rep_in.group, width)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)
            missed = {irrep for _, irrep in self.conv(rep_in, whole).bank.unreached}
        return Rep(whole.group, tuple((m, block) for m, block in whole.terms if block not in missed))

    def restrict(self, action: Rep) -> GridStyle:
        """The same for a subgroup, which moves the grid by the action."""
        return GridStyle(action, self.filters, self.spacing, self.kernel_size)


def channels_of(group: Group, width: int, degree: int = 2) -> Rep:
    """A rep of about `width` channels, for the hidden layers of a network.

    Finite groups get copies of the regular rep, at least one; others all irreps up to a degree, each as often as the
    functions on the group hold it.

    Raises `ArgumentError` for a width below 1.

    >>> from intertwine.catalog import O2, dihedral
    >>> print(channels_of(dihedral(4), 64), "|", channels_of(O2, 32))
    8xregular | 3x0e + 3x0o + 6x1 + 6x2
    """
    if width < 1:
        raise ArgumentError(f"A network has at least one channel, but got the width {width}.")
    if group.is_finite and isinstance(group, GroupWithReps):
        return max(1, round(width / group.order)) * group.regular
    irreps = [Irrep(group, label) for label in group.labels(degree)]
    counts = [irrep.dim // len(irrep.endomorphisms) for irrep in irreps]
    copies = max(1, round(width / sum(n * irrep.dim for n, irrep in zip(counts, irreps, strict=True))))
    return Rep(group, tuple((copies * n, irrep) for n, irrep in zip(counts, irreps, strict=True)))


def nonlinearity(rep: Rep) -> Activation | Gate:
    """What gives features of a rep: SiLU where the group permutes all entries, gates elsewhere.

    Its input is `nonlinearity(rep).rep_in`.
    """
    if all(permutes_entries(block) for _, block in rep.terms):
        return Activation(rep, F.silu)
    return Gate(rep)


class ConvBlock(Sequential):
    """Blur and step, convolution, batch norm, nonlinearity.

    Args:
        rep_in: the rep of the input.
        rep_out: the rep of the output.
        style: what the network's convolutions share.
        stride: the step of the down-sampling before the convolution.

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> ConvBlock(group.rep("1x0e"), group.rep("2xregular"), GridStyle(group.defining)).rep_out.dim
    16
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, style: GridStyle, stride: int = 1) -> None:
        last = nonlinearity(rep_out)
        first: list[EquivariantModule] = [BlurPool(rep_in, stride, action=style.action)] if stride > 1 else []
        super().__init__(*first, style.conv(rep_in, last.rep_in), BatchNorm(last.rep_in), last)


class ResidualBlock(GridModule):
    """Two convolutions beside a shortcut: `(shortcut(x) + block(block(x))) / √2`, after a step of down-sampling.

    The shortcut is a convolution of one pixel where reps differ, and nothing elsewhere.

    Args:
        rep_in: the rep of the input.
        rep_out: the rep of the output.
        style: what the network's convolutions share.
        stride: the step.

    Source: He et al. 2016 (arXiv:1512.03385).
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, style: GridStyle, stride: int = 1) -> None:
        super().__init__(rep_in, rep_out, style.action)
        self.blur = BlurPool(rep_in, stride, action=style.action) if stride > 1 else torch.nn.Identity()
        self.body = Sequential(ConvBlock(rep_in, rep_out, style), ConvBlock(rep_out, rep_out, style))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)  # what one pixel does not reach, the body does
            self.shortcut = torch.nn.Identity() if rep_in == rep_out else style.conv(rep_in, rep_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`."""
        self.check_grid(x)
        x = self.blur(x)
        y: Tensor = (self.shortcut(x) + self.body(x)) * math.sqrt(0.5)
        return y
