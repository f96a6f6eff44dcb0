"""Layers of features, at every pixel."""

from __future__ import annotations

from torch import Tensor
from torch.nn import Module

from intertwine.errors import ArgumentError
from intertwine.fields import Features
from intertwine.nn.grid.module import GridModule
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep


class Pixelwise(GridModule):
    """A layer of features on the last axis, at every pixel of an image or voxel of a volume.

    `Sequential` puts such layers between convolutions by itself; this is for models whose `forward` you write.

    Args:
        layer: a layer from features to features, such as `NormActivation`.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for a layer that takes or gives anything else.

    >>> import torch
    >>> from intertwine.catalog import O2
    >>> from intertwine.nn import NormActivation
    >>> Pixelwise(NormActivation(O2.rep("2x0e + 1x1")))(torch.randn(1, 4, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """

    def __init__(self, layer: EquivariantModule, action: Rep | Irrep | None = None) -> None:
        fields = (*layer.fields_in, layer.field_out)
        if len(fields) != 2 or not all(isinstance(field, Features) for field in fields):
            raise ArgumentError(
                f"Pixelwise takes a layer from features to features, but {type(layer).__name__} is one from "
                f"{', '.join(map(str, layer.fields_in))} to {layer.field_out}."
            )
        super().__init__(layer.rep_in, layer.rep_out, action)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """The output `(B, rep_out.dim, …)` for features `(B, rep_in.dim, …)`, with or without B."""
        self.check_grid(x)
        return at_pixels(self.layer, x, self.n)


def at_pixels(layer: Module, x: Tensor, n: int) -> Tensor:
    """What a layer makes of the features of every pixel, on a grid with n axes of space after the channels."""
    y: Tensor = layer(x.movedim(-1 - n, -1))
    return y.movedim(-1, -1 - n)
