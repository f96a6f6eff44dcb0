"""Grids of other sizes: blurred and thinned out, or interpolated; and the disk that no turn moves."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import plain_shape, real_number
from intertwine.errors import ArgumentError
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis, widened
from intertwine.reps import Irrep, Rep


class BlurPool(GridModule):
    """A Gaussian blur, then every so many-th pixel: down-sampling without the aliases that turn with nothing.

    Every so many-th pixel of a feature map that is not smooth loses most of what filters for free angles gained;
    blurred first it keeps that. Put it behind an activation, or a pool of stride 1, in place of a stride.

    `⌈size / stride⌉` samples are taken, about the middle: on pixels or half-way between two, as the size asks. So it is
    exact under turns by 90° and mirrors for every size, all of which one exported program takes.

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
        self.stride, self.sigma = for_each_axis(stride, self.n, "stride", 1), real_number(sigma)
        if not 0 < self.sigma < math.inf:
            raise ArgumentError(f"The width of a blur is positive, but got sigma={sigma!r}.")
        for axis, step in enumerate(self.stride):
            self.register_table(f"profiles_{axis}", _profiles(step, self.sigma * step))

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        self.warn_of_sizes(x, [(step,) for step in self.stride])
        function = F.conv2d if self.n == 2 else F.conv3d
        for axis, step in enumerate(self.stride):  # a Gaussian blurs along one axis after the other
            profiles: Tensor = getattr(self, f"profiles_{axis}").to(x.dtype)
            taps = plain_shape(profiles)[1]
            profile = profiles.select(0, (plain_shape(x)[axis - self.n] - 1) % step)
            shape, steps, padding = [1] * self.n, [1] * self.n, [0] * self.n
            shape[axis], steps[axis], padding[axis] = taps, step, taps // 2
            kernel = profile.reshape(1, 1, *shape).expand(self.rep_in.dim, 1, *shape)
            x = function(x, kernel, None, steps, padding, 1, self.rep_in.dim)
        return x

    def extra_repr(self) -> str:
        """The rep, the stride and the width."""
        return f"{self.rep_in}, {self.rep_in.group}, stride={self.stride}, sigma={self.sigma:g}"


def _profiles(step: int, sigma: float) -> np.ndarray:
    """Gaussians `(step, taps)`, of sum 1, about half of each number of pixels that can be left beside the samples.

    A sample about the middle lies by that much further in. All have as many taps, so that the same convolution serves
    every size and no decision hangs on it: `torch.export` leaves sizes free.
    """
    reach = max(math.ceil(3 * sigma), (step + 1) // 2)
    left = np.arange(step)[:, None]
    last = reach + step // 2
    places = np.arange(-last, last + 1) - left / 2
    profiles = np.exp(-((places / sigma) ** 2) / 2) * (abs(places) <= reach + left % 2 / 2)
    return np.asarray(profiles / profiles.sum(1, keepdims=True))


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
        self.margin, self.sigma = real_number(margin), real_number(sigma)
        if not 0 < self.sigma < math.inf:
            raise ArgumentError(f"The edge of a mask has a positive width, but got sigma={sigma!r}.")
        if not math.isfinite(self.margin):
            raise ArgumentError(f"The margin of a mask is a number of pixels, but got margin={margin!r}.")

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, …)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_grid(x)
        sizes = plain_shape(x)[-self.n :]
        dtype = torch.promote_types(x.dtype, torch.float32)  # half precision has too few digits for places
        axes = [torch.arange(size, dtype=dtype, device=x.device) - (size - 1) / 2 for size in sizes]
        lengths = torch.stack([axis**2 for axis in torch.meshgrid(*axes, indexing="ij")]).sum(0).sqrt()
        beyond = (lengths - (min(sizes) - 1) / 2 + self.margin).clamp(min=0)
        return x * torch.exp(-((beyond / self.sigma) ** 2) / 2).to(x.dtype)
