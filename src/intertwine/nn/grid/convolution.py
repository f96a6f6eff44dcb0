"""Steerable convolutions on images and volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError
from intertwine.kernels.filter_bank import filter_bank
from intertwine.kernels.schur import schur_plan
from intertwine.kernels.taps import BandLimited, Complete, Filters, TapFunctions, Taps, permutes
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis, spacing_of_axes
from intertwine.nn.module import invariant_vectors, normal_parameter, warn_unreachable
from intertwine.nn.parts import by_part, part_of
from intertwine.ops.choice import is_eager, is_transformed
from intertwine.ops.expand import FilterExpansion, SchurBlocks, is_quicker
from intertwine.reps import Irrep, Rep

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
"""What lies beyond the rim of a grid."""

_FEW_PIXELS = 128  # of fewer products with small blocks are as slow as those with whole filters


class GridConvolution(GridModule):
    """What convolutions on grids share: weights, the filters that they make, and biases on invariants.

    Filters are made anew when weights have changed, in training at each call. `state_dict` holds weights alone.
    """

    invariants: Tensor
    order_bias: Tensor

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        kernel_size: Sizes,
        groups: int,
        bias: bool,
        *,
        filters: Filters | None,
        action: Rep | Irrep | None,
        spacing: float | Sequence[float],
    ) -> None:
        super().__init__(rep_in, rep_out, action)
        n = self.n
        if filters is not None and not isinstance(filters, Filters):
            raise ArgumentError(
                "filters is nn.Complete(), nn.BandLimited(tolerance) or nn.Rings(), or None for what suits the group, "
                f"but got {filters!r}."
            )
        self.taps = Taps(for_each_axis(kernel_size, n, "kernel_size", 1), spacing_of_axes(spacing, n))
        self.groups = groups
        exact = permutes(self.action, self.taps)
        self.kind = filters if filters is not None else Complete() if exact else BandLimited()
        parts = [part_of(rep, groups) for rep in (self.rep_in, self.rep_out)]
        self.bank = filter_bank(self.action, *parts, self.taps, self.kind)
        self.expansion = FilterExpansion(self.bank.expansion)
        self.weight = normal_parameter(groups * self.bank.expansion.size)
        invariants = invariant_vectors(self.rep_out) if bias else np.zeros((self.rep_out.dim, 0))
        self.bias = nn.Parameter(torch.zeros(invariants.shape[1])) if invariants.shape[1] else None
        unreached = tuple((groups * m, irrep) for m, irrep in self.bank.unreached)  # the bank is that of one part
        if self.bias is not None and self.bank.expansion.size:
            unreached = tuple((m, irrep) for m, irrep in unreached if not irrep.is_trivial)
        warn_unreachable(self, unreached, "Add irreps to the input, or take a larger kernel.", stacklevel=5)
        if self.bias is not None:
            self.register_table("invariants", invariants)
        if groups > 1:
            self.register_table("order_in", by_part(self.rep_in, groups))
            self.register_table("order_bias", by_part(self.rep_out, groups))
            self.register_table("order_out", np.argsort(by_part(self.rep_out, groups)))
        self._known: dict[str, tuple[Tensor, int, Tensor]] = {}
        self.frozen: nn.Parameter | None = None
        self.frozen_bias: nn.Parameter | None = None

    @property
    def filters(self) -> TapFunctions:
        """The functions on the taps that the filters are made of, with the error of each."""
        return self.bank.functions

    def expanded_filters(self) -> Tensor:
        """The filters `(channels out, channels in per group, *kernel_size)` that the weights make.

        The channels are in the order of the reps; with several groups, in that of each group's part of the reps, one
        group after the other.
        """
        return self._made("filters", self._expanded) if self.frozen is None else self.frozen

    def _made(self, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """What a function makes of the weights; in evaluation once, until these change."""
        weight = self.weight
        if self.training or not is_eager(weight) or is_tracing() or is_transformed(weight):
            return make(weight)
        known = self._known.get(name)  # read once: other threads may replace it
        if known is None or not _unchanged(*known[:2], weight):
            with torch.inference_mode(False), torch.no_grad():  # what is kept serves calls that need gradients too
                mark = weight.detach().clone() if weight.device.type == "cpu" else weight.detach()
                self._known[name] = known = (mark, _version(weight), make(weight))
        return _Recalled.apply(weight, known[2], make)  # type: ignore[no-any-return, no-untyped-call]

    def freeze(self) -> None:
        """Make filters and biases what they are now, as parameters of their own: for modules that leave the library."""
        bias = self.expanded_bias()
        self.frozen = nn.Parameter(self._expanded(self.weight).detach())
        self.frozen_bias = None if bias is None else nn.Parameter(bias.detach())

    def _expanded(self, weight: Tensor) -> Tensor:
        made = [self.expansion(piece) for piece in weight.chunk(self.groups)]
        whole = made[0] if len(made) == 1 else torch.cat(made)
        return whole.reshape(*whole.shape[:2], *self.taps.sizes)

    def expanded_bias(self) -> Tensor | None:
        """The bias of each channel, `(rep_out.dim,)`; None without one."""
        if self.frozen_bias is not None:
            return self.frozen_bias
        return None if self.bias is None else self.invariants.to(self.bias.dtype) @ self.bias

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation, after which filters are made anew."""
        self._known = {}
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    def extra_repr(self) -> str:
        """The reps, the kernel size, and what is not as usual."""
        options = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
        n = self.n
        said = [f"kernel_size={_short(self.taps.sizes)}"]
        said += [
            f"{name}={_short(getattr(self, name))}"
            for name, usual in options.items()
            if getattr(self, name, usual) not in (usual, (usual,) * n)
        ]
        said += [f"groups={self.groups}"] if self.groups > 1 else []
        return ", ".join([super().extra_repr(), *said, f"filters={self.kind}"])

    def _grouped(self, x: Tensor, name: str) -> Tensor:
        """The channels of a grid brought into or out of the order of groups."""
        if self.groups == 1:
            return x
        order, axis = getattr(self, name), x.ndim - 1 - self.n
        if x.is_contiguous():
            return x.index_select(axis, order)
        return x.movedim(axis, -1).index_select(-1, order).movedim(-1, axis)  # channels stay innermost in memory

    def _bias(self, dtype: torch.dtype) -> Tensor | None:
        bias = self.expanded_bias()
        if bias is None:
            return None
        order = self.order_bias if self.groups > 1 else None
        return (bias if order is None else bias.index_select(0, order)).to(dtype)


class _Convolution(GridConvolution):
    """`Conv2d` and `Conv3d`: what they do is the same in any dimension."""

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        *,
        padding_mode: PaddingMode = "zeros",
        groups: int = 1,
        bias: bool = True,
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, kernel_size, groups, bias, filters=filters, action=action, spacing=spacing)
        self.stride = for_each_axis(stride, self.n, "stride", 1)
        self.dilation = for_each_axis(dilation, self.n, "dilation", 1)
        self.reach = tuple(d * (k - 1) for d, k in zip(self.dilation, self.taps.sizes, strict=True))
        if isinstance(padding, str):
            self.padding = self._named_padding(padding)
        else:
            self.padding = for_each_axis(padding, self.n, "padding")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ArgumentError(
                f"The padding mode is 'zeros', 'reflect', 'replicate' or 'circular', but got {padding_mode!r}."
            )
        self.padding_mode = padding_mode
        self.blocks: SchurBlocks | None = None
        if set(self.taps.sizes) == {1} and not any(self.padding) and groups == 1:
            plan = schur_plan(self.rep_in, self.rep_out, self.bank.expansion)
            self.blocks = SchurBlocks(plan) if is_quicker(plan) else None

    def _named_padding(self, padding: str) -> tuple[int, ...]:
        if padding == "valid":
            return (0,) * self.n
        if padding != "same" or any(step != 1 for step in self.stride) or any(length % 2 for length in self.reach):
            raise ArgumentError(
                "padding is a number, one for each axis, 'valid', or 'same' for strides of 1 and kernels with a middle "
                f"tap, but got {padding!r} for the kernel size {self.taps.sizes} and the stride {self.stride}."
            )
        return tuple(length // 2 for length in self.reach)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`, with or without B."""
        self.check_grid(x)
        self._check_sizes(x)
        if self.blocks is not None and self.goes_by_blocks(x):
            return self._by_blocks(x, self.blocks)
        filters, bias, padding = self.expanded_filters().to(x.dtype), self._bias(x.dtype), self.padding
        x = self._grouped(x, "order_in")
        if self.padding_mode != "zeros":
            sides = [side for size in reversed(padding) for side in (size, size)]
            x, padding = F.pad(x, sides, mode=self.padding_mode), (0,) * self.n
        function = F.conv2d if self.n == 2 else F.conv3d
        return self._grouped(function(x, filters, bias, self.stride, padding, self.dilation, self.groups), "order_out")

    def goes_by_blocks(self, x: Tensor) -> bool:
        """Whether an input is multiplied by small blocks rather than by whole filters: the same numbers, sooner.

        So it is with kernels of one pixel, without padding and groups, on a CPU, if there are so many channels that it
        takes less time, at least 128 pixels in the output, and channels not last in memory, where they would have to be
        moved. Code that is recorded asks for no sizes, and modules that leave the library have whole filters.
        """
        if self.blocks is None or self.frozen is not None or x.device.type != "cpu":
            return False
        if not is_eager(x) or is_tracing() or is_transformed(x):
            return True
        return x.is_contiguous() and math.prod(x.shape[-self.n :]) >= _FEW_PIXELS * math.prod(self.stride)

    def _by_blocks(self, x: Tensor, product: SchurBlocks) -> Tensor:
        every: tuple[Any, ...] = (..., *(slice(None, None, step) for step in self.stride))
        x = x[every]
        images = x if x.ndim == self.n + 2 else x[None]
        y: Tensor = product(images.flatten(2), self._made("blocks", product.made).to(x.dtype), self._bias(x.dtype))
        return y.reshape(*x.shape[: -1 - self.n], self.rep_out.dim, *x.shape[-self.n :])

    def _check_sizes(self, x: Tensor) -> None:
        along = [*zip(self.padding, self.reach, self.stride, strict=True)]
        sizes = zip(plain_shape(x)[-self.n :], along, strict=True)
        self.warn_of_sizes(
            x,
            along,
            [(size + 2 * p - reach - 1) % step for size, (p, reach, step) in sizes],
            "Choose sizes and padding so that size + 2 padding − dilation (kernel_size − 1) − 1 is a multiple of the "
            "stride; intertwine.nn.exact_sizes finds some.",
        )


class Conv2d(_Convolution):
    """Steerable convolution on images: every filter commutes with the group, `K(A(g) s) = ρ_out(g) K(s) ρ_in(g)⁻¹`.

    Like `torch.nn.Conv2d`, with reps in place of numbers of channels. Filters are functions on the taps, coupled to the
    input; `filters` says which. Weights start standard normal and scales live in the filters, so that components of
    unit variance stay so.

    Args:
        rep_in: the rep of the input's channels.
        rep_out: the rep of the output's channels.
        kernel_size: the width of the filters, odd or even, or one for each axis.
        stride, padding, dilation, padding_mode: as in torch; padding may be "same" or "valid". Dilated filters are made
            like others.
        groups: into how many parts the copies of each block are divided; outputs see inputs of their part alone. As
            many as there are copies make a depthwise convolution.
        bias: whether invariants of the output get a bias, which starts at 0.
        filters: `nn.Complete()`, `nn.BandLimited(tolerance)` or `nn.Rings()`. Default: complete where
            the group permutes the taps, band-limited elsewhere.
        action: how the group moves the image, a rep of dimension 2; default the group's defining rep.
        spacing: the distance of pixels, or one for each axis; only ratios count.

    Raises `ArgumentError` for arguments that do not fit and where no output can be reached, and on calls `ShapeError`.
    Warns (`UnreachableWarning`) about irreps that no filter leads to, and once for each size of an image that breaks
    the symmetry (`InexactGridWarning`): turns by 90° and mirrors are exact if the samples lie about the middle.

    Source: Cohen & Welling 2017 (arXiv:1612.08498), Weiler & Cesa 2019 (arXiv:1911.08251).

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> layer = Conv2d(group.rep("3x0e"), group.rep("8xregular"), 3, padding=1)
    >>> layer(torch.randn(2, 3, 9, 9)).shape
    torch.Size([2, 64, 9, 9])
    """

    axes = 2


class Conv3d(_Convolution):
    """Steerable convolution on volumes `(B, C, −z, −y, x)`: as `Conv2d`, with one more axis.

    Voxels that are longer along one axis are said by `spacing`, in the order of the axes of the tensor: filters are
    made for their true places, and complete ones for the symmetry that these have.

    Source: Weiler et al. 2018 (arXiv:1807.02547), Cesa, Lang & Weiler 2022 (ICLR).

    >>> from intertwine.catalog import SO3
    >>> layer = Conv3d(SO3.rep("1x0"), SO3.rep("4x0 + 2x1"), 3, stride=2, padding=1)
    >>> layer(torch.randn(2, 1, 9, 9, 9)).shape
    torch.Size([2, 10, 5, 5, 5])
    """

    axes = 3


class _ConvolutionTranspose(GridConvolution):
    """`ConvTranspose2d` and `ConvTranspose3d`."""

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        *,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, kernel_size, groups, bias, filters=filters, action=action, spacing=spacing)
        self.stride = for_each_axis(stride, self.n, "stride", 1)
        self.padding = for_each_axis(padding, self.n, "padding")
        self.output_padding = for_each_axis(output_padding, self.n, "output_padding")
        self.dilation = for_each_axis(dilation, self.n, "dilation", 1)
        self.reach = tuple(d * (k - 1) for d, k in zip(self.dilation, self.taps.sizes, strict=True))
        self.gain = math.sqrt(math.prod(self.stride))  # of kernel_size taps, one in stride lands on a pixel

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`, with or without B."""
        self.check_grid(x)
        along = zip(self.padding, self.reach, self.stride, self.output_padding, strict=True)
        remedy = "Leave output_padding at 0, and choose the kernel size to fit."
        self.warn_of_sizes(x, [*along], self.output_padding, remedy)
        filters = self.expanded_filters().to(x.dtype) * self.gain
        filters = torch.cat([part.transpose(0, 1) for part in filters.chunk(self.groups)])
        function = F.conv_transpose2d if self.n == 2 else F.conv_transpose3d
        x = self._grouped(x, "order_in")
        options = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return self._grouped(function(x, filters, self._bias(x.dtype), *options), "order_out")


class ConvTranspose2d(_ConvolutionTranspose):
    """Transposed steerable convolution, which makes images larger: as `torch.nn.ConvTranspose2d`, with `Conv2d`'s reps.

    Exact under turns by 90° and mirrors for every size, as long as `output_padding` is 0. Its outputs have unit
    variance on average over pixels: they differ between pixels that more or fewer taps reach.

    >>> from intertwine.catalog import cyclic
    >>> group = cyclic(4)
    >>> layer = ConvTranspose2d(group.rep("8xregular"), group.rep("4xregular"), 4, stride=2, padding=1)
    >>> layer(torch.randn(2, 32, 8, 8)).shape
    torch.Size([2, 16, 16, 16])
    """

    axes = 2


class ConvTranspose3d(_ConvolutionTranspose):
    """Transposed steerable convolution on volumes: see `ConvTranspose2d` and `Conv3d`.

    >>> from intertwine.catalog import SO3
    >>> layer = ConvTranspose3d(SO3.rep("2x0 + 2x1"), SO3.rep("1x0"), 2, stride=2)
    >>> layer(torch.randn(1, 8, 4, 4, 4)).shape
    torch.Size([1, 1, 8, 8, 8])
    """

    axes = 3


class _Recalled(torch.autograd.Function):
    """Filters that were made before, with the derivatives of making them."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, known: Tensor, expand: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.expand = expand
        return known.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (weight,) = ctx.saved_tensors
        again = torch.is_grad_enabled()  # then the gradient itself, linear in what comes in, is differentiated
        with torch.enable_grad():
            twin = weight.detach().requires_grad_()
            (found,) = torch.autograd.grad(ctx.expand(twin), twin, gradient, create_graph=again)
        return found, None, None


def _version(weight: Tensor) -> int:
    """How often a tensor was written to, as far as torch counts it."""
    return -1 if weight.is_inference() else weight._version


def _unchanged(mark: Tensor, version: int, weight: Tensor) -> bool:
    """Whether weights are what they were.

    On a CPU by their values, which sees every way to write to them; elsewhere, where that would wait for the device, by
    their place and what torch counts.
    """
    if mark.device != weight.device or mark.dtype != weight.dtype:
        return False
    if mark.device.type == "cpu":
        return torch.equal(mark, weight)
    return mark.data_ptr() == weight.data_ptr() and version == _version(weight) >= 0


def _short(values: tuple[int, ...]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else values
