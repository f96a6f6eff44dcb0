"""Layers of features, at every pixel."""

from __future__ import annotations

from torch import Tensor
from torch.nn import Module

from intertwine.errors import ArgumentError
from intertwine.fields import Features, PointFeatures
from intertwine.nn.grid.module import GridModule
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep


class Pixelwise(GridModule):
    """A layer of features on the last axis, at every pixel of an image or voxel of a volume.

    A layer of sets of points, such as `SelfAttention`, takes all pixels of an image together.

    `Sequential` puts such layers between convolutions by itself; this is for models whose `forward` you write.

    Args:
        layer: a layer from features to features, such as `NormActivation`, or from those of points to those of points.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for a layer that takes or gives anything else.

    >>> import torch
    >>> from intertwine.catalog import O2
    >>> from intertwine.nn import NormActivation
    >>> Pixelwise(NormActivation(O2.rep("2x0e + 1x1")))(torch.randn(1, 4, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """

    def __init__(self, layer: EquivariantModule, action: Rep | Irrep | None = None) -> None:
        if len(layer.fields_in) != 1 or not serves_pixels(layer, layer.rep_in):
            raise ArgumentError(
                f"Pixelwise takes a layer from features to features, of one or of many points, but "
                f"{type(layer).__name__} is one from {', '.join(map(str, layer.fields_in))} to {layer.field_out}."
            )
        super().__init__(layer.rep_in, layer.rep_out, action)
        self.layer, self.together = layer, sees_all(layer)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`, with or without B."""
        self.check_grid(x)
        return at_pixels(self.layer, x, self.n, self.together)


def serves_pixels(layer: EquivariantModule, rep: Rep) -> bool:
    """Whether a layer may act on a grid of features of a rep: on each by itself, or on all as a set of points."""
    kind = PointFeatures if sees_all(layer) else Features
    return isinstance(layer.field_out, kind) and layer.fields_in == (kind(rep),)


def sees_all(layer: Module) -> bool:
    """Whether a layer takes the features of many points together."""
    return isinstance(layer, EquivariantModule) and isinstance(layer.fields_in[0], PointFeatures)


def at_pixels(layer: Module, x: Tensor, n: int, together: bool = False) -> Tensor:
    """What a layer makes of the features of every pixel, on a grid with n axes of space after the channels.

    Each by itself, or the pixels of an image together, as a set of points.
    """
    pixels = x.movedim(-1 - n, -1)
    y: Tensor = layer(pixels.flatten(-1 - n, -2) if together else pixels)
    return (y.unflatten(-2, pixels.shape[-1 - n : -1]) if together else y).movedim(-1, -1 - n)
