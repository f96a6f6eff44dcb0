"""Images as tokens: patches, and where they lie."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError, UnreachableWarning
from intertwine.kernels.taps import Filters
from intertwine.nn.grid.convolution import Conv2d, Conv3d
from intertwine.nn.grid.module import GridModule, Sizes, for_each_axis, spacing_of_axes
from intertwine.reps import Irrep, Rep


class PatchEmbedding(GridModule):
    """A feature for each patch of an image or volume: a linear map of its pixels, plus a learned one of its place.

    The map is a convolution whose stride is its kernel size. What tells a place is a steerable filter as large as the
    grid of patches: in another pose a patch has the feature that its place has there, so that attention knows where
    tokens lie and stays equivariant. `y.flatten(2).movedim(1, -1)` makes tokens of the output y.

    Exact under turns by 90° and mirrors.

    Args:
        rep_in: the rep of the input's channels.
        rep_out: the rep of a patch's features.
        size: the size of the images, or one for each axis.
        patch_size: the size of the patches, or one for each axis; it divides the size.
        filters: which filters; default complete where the group permutes the taps, band-limited elsewhere.
        action: how the group moves the grid, a rep of dimension 2 or 3; default the group's defining rep.
        spacing: the distance of pixels along each axis.

    Raises `ArgumentError` for a size that is no multiple of the patches', and on calls `ShapeError`.

    Source: Dosovitskiy et al. 2021 (arXiv:2010.11929), with places as features that turn.

    >>> from intertwine.catalog import dihedral
    >>> group = dihedral(4)
    >>> layer = PatchEmbedding(group.rep("3x0e"), group.rep("4xregular"), size=28, patch_size=7)
    >>> layer(torch.randn(2, 3, 28, 28)).shape
    torch.Size([2, 32, 4, 4])
    """

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep,
        size: Sizes,
        patch_size: Sizes,
        *,
        filters: Filters | None = None,
        action: Rep | Irrep | None = None,
        spacing: float | Sequence[float] = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, action)
        self.size = for_each_axis(size, self.n, "size", 1)
        patch = for_each_axis(patch_size, self.n, "patch_size", 1)
        if any(whole % part for whole, part in zip(self.size, patch, strict=True)):
            raise ArgumentError(
                f"An image is divided into whole patches, but got the size {self.size} and patches of {patch}. Pad or "
                "crop the images."
            )
        counts = tuple(whole // part for whole, part in zip(self.size, patch, strict=True))
        steps = spacing_of_axes(spacing, self.n)
        conv = Conv2d if self.n == 2 else Conv3d
        self.patches = conv(self.rep_in, self.rep_out, patch, patch, filters=filters, action=self.action, spacing=steps)
        apart = [step * part for step, part in zip(steps, patch, strict=True)]
        nothing = Rep(self.rep_in.group, ((1, Irrep(self.rep_in.group, self.rep_in.group.trivial)),))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)  # some features cannot tell a place
            self.places = conv(
                nothing, self.rep_out, counts, bias=False, filters=filters, action=self.action, spacing=apart
            )
        self.gain = math.sqrt(math.prod(counts))  # the numbers of a filter have unit variance all together

    def forward(self, x: Tensor) -> Tensor:
        """The features `(B, rep_out.dim, *size / patch_size)` of images `(B, rep_in.dim, *size)`, with or without B."""
        self.check_grid(x)
        if (sizes := plain_shape(x)[-self.n :]) != self.size:
            raise ShapeError(
                f"This PatchEmbedding knows the places of images of the size {self.size}, but got {tuple(sizes)}. "
                "Resize the images, or make a layer for their size."
            )
        return self.patches(x) + self.places.expanded_filters()[:, 0].to(x.dtype) * self.gain  # type: ignore[no-any-return]

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Noise of the size that the layer is for."""
        return (torch.randn(batch, self.rep_in.dim, *self.size, generator=generator, dtype=torch.float64),)

    def extra_repr(self) -> str:
        """The reps, and the sizes."""
        return f"{super().extra_repr()}, size={self.size}, patch_size={self.patches.stride}"
