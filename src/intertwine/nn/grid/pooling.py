"""Fewer pixels: pooling over windows and over all of space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError
from intertwine.fields import Features, FieldType
from intertwine.nn.activation import permutes_entries
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis, widened
from intertwine.reps import Irrep, Rep

_Terms = Sequence[tuple[int, int, bool]]
"""For each term of a rep its channels, the dimension of its block, and whether the group permutes the entries."""


def _terms(rep: Rep) -> _Terms:
    return [(m * block.dim, block.dim, permutes_entries(block)) for m, block in rep.terms]


def _largest(x: Tensor, terms: _Terms, axis: int, pool: Callable[..., Any]) -> Tensor:
    """The largest values over windows, of numbers where the group permutes these, else of lengths.

    Args:
        x: features on a grid.
        terms: what they are.
        axis: the axis of the channels.
        pool: torch's pool, which with `return_indices` gives the places of the largest values as well.
    """
    parts = x.split([channels for channels, _, _ in terms], axis)
    pools = [
        widened(pool, part) if permuted else _longest(part, d, axis, pool)
        for part, (_, d, permuted) in zip(parts, terms, strict=True)
    ]
    return pools[0] if len(pools) == 1 else torch.cat(pools, axis)


def _longest(x: Tensor, d: int, axis: int, pool: Callable[..., Any]) -> Tensor:
    """For each copy of a block the vector of the window's pixel where it is longest."""
    n = x.ndim - 1 - axis
    vectors = x.unflatten(axis, (d, -1))
    lengths = (vectors * vectors).sum(axis)
    _, places = pool(lengths.to(torch.promote_types(x.dtype, torch.float32)), return_indices=True)
    of_all_components = torch.cat([places.movedim(axis, -1).flatten(-1 - n, -2)] * d, -1)
    longest = x.movedim(axis, -1).flatten(-1 - n, -2).gather(-2, of_all_components)
    pooled: Tensor = longest.unflatten(-2, places.shape[-n:]).movedim(-1, axis)
    return pooled


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
        self.terms = _terms(self.rep_in)
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
        function = F.max_pool2d if self.n == 2 else F.max_pool3d
        pool = partial(function, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding)
        return _largest(x, self.terms, x.ndim - 1 - self.n, pool)


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


class _AdaptivePool(GridModule):
    """Pooling to a given size."""

    def __init__(self, rep: Rep | Irrep, output_size: Sizes, *, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep, rep, action)
        self.output_size = for_each_axis(output_size, self.n, "output_size", 1)
        self.terms = _terms(self.rep_in)

    def check_sizes(self, x: Tensor) -> None:
        """Check the input, and warn if its axes are exchanged and those of the output are not alike."""
        self.check_grid(x)
        self.warn_of_sizes(x, [(size,) for size in self.output_size])

    def extra_repr(self) -> str:
        """The rep and the size."""
        return f"{self.rep_in}, {self.rep_in.group}, output_size={self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    """`AdaptiveAvgPool2d` and `AdaptiveAvgPool3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, *output_size)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_sizes(x)
        function = F.adaptive_avg_pool2d if self.n == 2 else F.adaptive_avg_pool3d
        return widened(function, x, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean over as many windows as the output has pixels, for features of any rep, whatever the input's size.

    Args:
        rep: the rep of input and output.
        output_size: the size of the output, or one for each axis.
        action: how the group moves the image; default the group's defining rep.

    >>> from intertwine.catalog import O2
    >>> AdaptiveAvgPool2d(O2.rep("2x1"), 3)(torch.randn(1, 4, 7, 9)).shape
    torch.Size([1, 4, 3, 3])
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean over as many windows as the output has voxels: see `AdaptiveAvgPool2d`."""

    axes = 3


class _AdaptiveMaxPool(_AdaptivePool):
    """`AdaptiveMaxPool2d` and `AdaptiveMaxPool3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep.dim, *output_size)` for features `(B, rep.dim, …)`, with or without B."""
        self.check_sizes(x)
        function = F.adaptive_max_pool2d if self.n == 2 else F.adaptive_max_pool3d
        return _largest(x, self.terms, x.ndim - 1 - self.n, partial(function, output_size=self.output_size))


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest value over as many windows as the output has pixels: of numbers or of lengths, as in `MaxPool2d`.

    Args:
        rep: the rep of input and output.
        output_size: the size of the output, or one for each axis.
        action: how the group moves the image; default the group's defining rep.

    >>> from intertwine.catalog import cyclic
    >>> AdaptiveMaxPool2d(cyclic(4).rep("1xregular + 1x1"), 3)(torch.randn(1, 6, 7, 7)).shape
    torch.Size([1, 6, 3, 3])
    """

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest value over as many windows as the output has voxels: see `AdaptiveMaxPool2d`."""

    axes = 3


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
