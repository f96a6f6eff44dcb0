"""Fewer pixels, or more: pooling over windows and over all of space, and resizing."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError
from intertwine.fields import Features, FieldType
from intertwine.nn.activation import permutes_entries
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis
from intertwine.reps import Irrep, Rep


def widened(function: Callable[..., Tensor], x: Tensor, *arguments: Any) -> Tensor:
    """What one of torch's functions makes of a grid; by way of float32 for half precision, which CPUs partly lack."""
    if x.device.type != "cpu" or x.dtype not in (torch.float16, torch.bfloat16):
        return function(x, *arguments)
    return function(x.float(), *arguments).to(x.dtype)


class _Windows(GridModule):
    """Pooling over windows that lie a stride apart."""

    def __init__(
        self,
        rep: Rep | Irrep,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        *,
        action: Rep | Irrep | None = None,
    ) -> None:
        super().__init__(rep, rep, action)
        self.kernel_size = for_each_axis(kernel_size, self.n, "kernel_size", 1)
        self.stride = for_each_axis(self.kernel_size if stride is None else stride, self.n, "stride", 1)
        self.padding = for_each_axis(padding, self.n, "padding")
        self._blocks = [(block.dim, permutes_entries(block)) for _, block in self.rep_in.terms]
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ArgumentError(
                f"The padding of a pool is at most half of its window, but got padding={self.padding} for the kernel "
                f"size {self.kernel_size}."
            )

    def check_windows(self, x: Tensor) -> None:
        """Check the input, and warn if windows do not lie about the middle."""
        self.check_grid(x)
        along = [*zip(self.padding, self.kernel_size, self.stride, strict=True)]
        sizes = zip(plain_shape(x)[-self.n :], along, strict=True)
        self.warn_of_sizes(
            x,
            along,
            [(size + 2 * p - k) % step for size, (p, k, step) in sizes],
            "Choose sizes and padding so that size + 2 padding − kernel_size is a multiple of the stride.",
        )

    def extra_repr(self) -> str:
        """The rep and the windows."""
        return f"{self.rep_in}, {self.rep_in.group}, kernel_size={self.kernel_size}, stride={self.stride}"


class _AvgPool(_Windows):
    """`AvgPool2d` and `AvgPool3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_windows(x)
        function = F.avg_pool2d if self.n == 2 else F.avg_pool3d
        return widened(function, x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_AvgPool):
    """The mean over windows of an image, for features of any rep. Zeros of the padding count.

    Args:
        rep: the rep of input and output.
        kernel_size, stride, padding: as in torch.
        action: how the group moves the image; default the group's defining rep.

    Raises and warns as `Conv2d`.

    >>> from intertwine.catalog import O2
    >>> AvgPool2d(O2.rep("2x1"), 2)(torch.randn(1, 4, 8, 8)).shape
    torch.Size([1, 4, 4, 4])
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean over windows of a volume: see `AvgPool2d`."""

    axes = 3


class _MaxPool(_Windows):
    """`MaxPool2d` and `MaxPool3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_windows(x)
        axis = x.ndim - 1 - self.n
        parts = x.split([where.stop - where.start for where in self.rep_in.slices], axis)
        pools = [
            self._largest(part) if permuted else self._longest(part, d, axis)
            for part, (d, permuted) in zip(parts, self._blocks, strict=True)
        ]
        return pools[0] if len(pools) == 1 else torch.cat(pools, axis)

    def _largest(self, x: Tensor) -> Tensor:
        function = F.max_pool2d if self.n == 2 else F.max_pool3d
        return widened(function, x, self.kernel_size, self.stride, self.padding)

    def _longest(self, x: Tensor, d: int, axis: int) -> Tensor:
        """For each copy of a block the vector of the window's pixel where it is longest."""
        vectors = x.unflatten(axis, (d, -1))
        lengths = (vectors * vectors).sum(axis)
        function = F.max_pool2d if self.n == 2 else F.max_pool3d
        wide = lengths.to(torch.promote_types(x.dtype, torch.float32))
        _, places = function(wide, self.kernel_size, self.stride, self.padding, return_indices=True)
        flat = places.flatten(-self.n).unsqueeze(axis).expand(*vectors.shape[: axis + 2], -1)
        longest: Tensor = vectors.flatten(-self.n).gather(-1, flat).unflatten(-1, places.shape[-self.n :])
        return longest.flatten(axis, axis + 1)


class MaxPool2d(_MaxPool):
    """The largest value over windows of an image: of each number where the group permutes these, else by length.

    On invariants, regular reps and other permutations it is torch's pool. Of other blocks, whose numbers have no order
    that symmetry keeps, each copy takes the vector of the pixel where it is longest.

    Args:
        rep: the rep of input and output.
        kernel_size, stride, padding: as in torch.
        action: how the group moves the image; default the group's defining rep.

    Raises and warns as `Conv2d`.

    >>> from intertwine.catalog import dihedral
    >>> MaxPool2d(dihedral(4).rep("1xregular + 1x1"), 2)(torch.randn(1, 10, 8, 8)).shape
    torch.Size([1, 10, 4, 4])
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest value over windows of a volume: see `MaxPool2d`."""

    axes = 3


class BlurPool(GridModule):
    """A Gaussian blur, then every so many-th pixel: down-sampling without the aliases that turn with nothing.

    Every so many-th pixel of a feature map that is not smooth loses most of what filters for free angles gained;
    blurred first it keeps that. Put it behind an activation, or a pool of stride 1, in place of a stride.

    `⌈size / stride⌉` samples are taken, about the middle: on pixels or half-way between two, as the size asks. So it is
    exact under turns by 90° and mirrors for every size.

    Args:
        rep: the rep of input and output.
        stride: the step from sample to sample, or one for each axis.
        sigma: the width of the blur in strides.
        action: how the group moves the grid; default the group's defining rep.

    Source: Zhang 2019 (arXiv:1904.11486).

    >>> from intertwine.catalog import O2
    >>> pool = BlurPool(O2.rep("2x1"), 2)
    >>> pool(torch.randn(1, 4, 9, 9)).shape, pool(torch.randn(1, 4, 8, 8)).shape
    (torch.Size([1, 4, 5, 5]), torch.Size([1, 4, 4, 4]))
    """

    def __init__(
        self, rep: Rep | Irrep, stride: Sizes = 2, sigma: float = 0.33, *, action: Rep | Irrep | None = None
    ) -> None:
        super().__init__(rep, rep, action)
        self.stride, self.sigma = for_each_axis(stride, self.n, "stride", 1), float(sigma)
        if not 0 < self.sigma < math.inf:
            raise ArgumentError(f"The width of a blur is positive, but got sigma={sigma!r}.")
        for axis, step in enumerate(self.stride):
            for name, between in (("on", 0), ("between", 1)):
                reach = max(math.ceil(3 * self.sigma * step), (step + 1) // 2)
                places = np.arange(2 * reach + 1 + between) - reach - between / 2
                profile = np.exp(-((places / (self.sigma * step)) ** 2) / 2)
                self.register_table(f"{name}_{axis}", profile / profile.sum())

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        self.warn_of_sizes(x, [(step,) for step in self.stride])
        function = F.conv2d if self.n == 2 else F.conv3d
        for axis, step in enumerate(self.stride):  # a Gaussian blurs along one axis after the other
            size = plain_shape(x)[axis - self.n]
            span = (-(-size // step) - 1) * step  # from the first sample to the last
            profile: Tensor = getattr(self, f"{'between' if (size - 1 - span) % 2 else 'on'}_{axis}").to(x.dtype)
            shape, steps, padding, taps = [1] * self.n, [1] * self.n, [0] * self.n, plain_shape(profile)[0]
            shape[axis], steps[axis], padding[axis] = taps, step, (taps - 1 - (size - 1 - span)) // 2
            kernel = profile.reshape(1, 1, *shape).expand(self.rep_in.dim, 1, *shape)
            x = function(x, kernel, None, steps, padding, 1, self.rep_in.dim)
        return x

    def extra_repr(self) -> str:
        """The rep, the stride and the width."""
        return f"{self.rep_in}, {self.rep_in.group}, stride={self.stride}, sigma={self.sigma:g}"


class _AdaptivePool(GridModule):
    """Pooling to a given size."""

    def __init__(self, rep: Rep | Irrep, output_size: Sizes, *, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep, rep, action)
        self.output_size = for_each_axis(output_size, self.n, "output_size", 1)

    def check_sizes(self, x: Tensor) -> None:
        """Check the input, and warn if its axes are exchanged and those of the output are not alike."""
        self.check_grid(x)
        self.warn_of_sizes(x, [(size,) for size in self.output_size])

    def extra_repr(self) -> str:
        """The rep and the size."""
        return f"{self.rep_in}, {self.rep_in.group}, output_size={self.output_size}"


class AdaptiveAvgPool(_AdaptivePool):
    """The mean over as many windows as the output has pixels, for features of any rep, whatever the input's size.

    Args:
        rep: the rep of input and output.
        output_size: the size of the output, or one for each axis.
        action: how the group moves the grid; default the group's defining rep.

    >>> from intertwine.catalog import O2
    >>> AdaptiveAvgPool(O2.rep("2x1"), 3)(torch.randn(1, 4, 7, 9)).shape
    torch.Size([1, 4, 3, 3])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, *output_size)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_sizes(x)
        function = F.adaptive_avg_pool2d if self.n == 2 else F.adaptive_avg_pool3d
        return widened(function, x, self.output_size)


class AdaptiveMaxPool(_AdaptivePool):
    """The largest value over as many windows as the output has pixels, for reps whose entries a group permutes.

    Args:
        rep: the rep of input and output.
        output_size: the size of the output, or one for each axis.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for other reps: see `AdaptiveAvgPool`.

    >>> from intertwine.catalog import cyclic
    >>> AdaptiveMaxPool(cyclic(4).rep("1xregular"), 3)(torch.randn(1, 4, 7, 7)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(self, rep: Rep | Irrep, output_size: Sizes, *, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep, output_size, action=action)
        mixed = [block.name for _, block in self.rep_in.terms if not permutes_entries(block)]
        if mixed:
            raise ArgumentError(
                f"AdaptiveMaxPool takes blocks whose entries the group permutes, but it mixes those of "
                f"{', '.join(mixed)}. Use AdaptiveAvgPool."
            )

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, *output_size)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_sizes(x)
        function = F.adaptive_max_pool2d if self.n == 2 else F.adaptive_max_pool3d
        return widened(function, x, self.output_size)


class GlobalPool(GridModule):
    """One feature vector for a whole image or volume: the mean over space, or the largest values.

    The output is features on the last axis, `(B, rep.dim)`, for `Linear` and other layers of features.

    Args:
        rep: the rep of input and output.
        kind: "mean", for any rep, or "max", for reps whose entries the group permutes.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for other kinds and reps.

    >>> from intertwine.catalog import O2
    >>> GlobalPool(O2.rep("2x1"))(torch.randn(3, 4, 7, 7)).shape
    torch.Size([3, 4])
    """

    def __init__(
        self, rep: Rep | Irrep, kind: Literal["mean", "max"] = "mean", *, action: Rep | Irrep | None = None
    ) -> None:
        super().__init__(rep, rep, action)
        if kind not in ("mean", "max"):
            raise ArgumentError(f"GlobalPool takes the 'mean' or the 'max', but got {kind!r}.")
        if kind == "max" and not all(permutes_entries(block) for _, block in self.rep_in.terms):
            raise ArgumentError(
                f"The largest values are equivariant where the group permutes the entries, but it mixes those of "
                f"{self.rep_in}. Take kind='mean'."
            )
        self.kind = kind

    @property
    def field_out(self) -> FieldType:
        """Features on the last axis."""
        return Features(self.rep_out)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        flat = x.flatten(-self.n)
        return flat.mean(-1) if self.kind == "mean" else flat.amax(-1)

    def extra_repr(self) -> str:
        """The rep and what is taken."""
        return f"{self.rep_in}, {self.rep_in.group}, {self.kind}"


class Upsample(GridModule):
    """Images and volumes of another size, by interpolation, for features of any rep.

    Args:
        rep: the rep of input and output.
        size: the size of the output, or one for each axis; give it or `scale_factor`.
        scale_factor: how many times larger, a number.
        mode: "linear" (bilinear, trilinear) or "nearest".
        action: how the group moves the grid; default the group's defining rep.

    Linear interpolation is exact under turns by 90° and mirrors for every size, the nearest pixel for whole multiples
    alone. Warns (`InexactGridWarning`) otherwise. Raises `ArgumentError` for other arguments.

    >>> from intertwine.catalog import O2
    >>> Upsample(O2.rep("2x1"), scale_factor=2)(torch.randn(1, 4, 5, 5)).shape
    torch.Size([1, 4, 10, 10])
    """

    def __init__(
        self,
        rep: Rep | Irrep,
        size: Sizes | None = None,
        scale_factor: float | None = None,
        mode: Literal["linear", "nearest"] = "linear",
        *,
        action: Rep | Irrep | None = None,
    ) -> None:
        super().__init__(rep, rep, action)
        if (size is None) == (scale_factor is None) or mode not in ("linear", "nearest"):
            raise ArgumentError(
                "Upsample takes a size or a scale_factor, and the mode 'linear' or 'nearest', but got "
                f"size={size!r}, scale_factor={scale_factor!r}, mode={mode!r}."
            )
        if scale_factor is not None and not (isinstance(scale_factor, Real) and 0 < float(scale_factor) < math.inf):
            raise ArgumentError(f"The scale_factor of Upsample is one positive number, but got {scale_factor!r}.")
        self.size = None if size is None else for_each_axis(size, self.n, "size", 1)
        self.scale_factor, self.mode = scale_factor, mode

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        sizes = plain_shape(x)[-self.n :]
        factor = self.scale_factor
        wanted = sizes if factor is None else tuple(torch.sym_int(size * factor) for size in sizes)
        wanted = self.size or wanted
        along = [(new,) for new in wanted]
        left = [new % old for new, old in zip(wanted, sizes, strict=True)] if self.mode == "nearest" else []
        self.warn_of_sizes(x, along, left, "Take a whole multiple of the size, or mode='linear'.")
        mode = self.mode if self.mode == "nearest" else "bilinear" if self.n == 2 else "trilinear"
        batched = x if x.ndim == self.n + 2 else x[None]
        y = widened(lambda grid: F.interpolate(grid, size=wanted, mode=mode), batched)
        return y if x.ndim == self.n + 2 else y[0]

    def extra_repr(self) -> str:
        """The rep, the size and the mode."""
        size = f"size={self.size}" if self.size else f"scale_factor={self.scale_factor}"
        return f"{self.rep_in}, {self.rep_in.group}, {size}, mode={self.mode!r}"


class DiskMask(GridModule):
    """Zeros outside the disk or ball inside a grid: corners leave and enter when an image turns, so drop them.

    Args:
        rep: the rep of input and output.
        margin: how many pixels within the rim the disk ends.
        sigma: how many pixels wide its edge is.
        action: how the group moves the grid; default the group's defining rep.

    >>> from intertwine.catalog import O2
    >>> DiskMask(O2.rep("1x0e"))(torch.ones(1, 1, 5, 5))[0, 0, :, 0]
    tensor([0.2535, 0.8945, 1.0000, 0.8945, 0.2535])
    """

    def __init__(
        self, rep: Rep | Irrep, margin: float = 0.0, sigma: float = 0.5, *, action: Rep | Irrep | None = None
    ) -> None:
        super().__init__(rep, rep, action)
        self.margin, self.sigma = float(margin), float(sigma)
        if not self.sigma > 0:
            raise ArgumentError(f"The edge of a mask has a positive width, but got sigma={sigma!r}.")

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        sizes = plain_shape(x)[-self.n :]
        axes = [torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2 for size in sizes]
        lengths = torch.stack([axis**2 for axis in torch.meshgrid(*axes, indexing="ij")]).sum(0).sqrt()
        beyond = (lengths - (min(sizes) - 1) / 2 + self.margin).clamp(min=0)
        return x * torch.exp(-((beyond / self.sigma) ** 2) / 2)
