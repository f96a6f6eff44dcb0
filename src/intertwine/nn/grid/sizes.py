"""Which sizes of images keep a network exact."""

from __future__ import annotations

import copy
import warnings
from numbers import Integral

import torch

from intertwine.errors import ArgumentError, InexactGridWarning, ShapeError
from intertwine.fields import GridField
from intertwine.nn.grid.module import GridModule
from intertwine.nn.module import EquivariantModule


def exact_sizes(net: EquivariantModule, size: int, within: int = 8) -> tuple[int, ...]:
    """The widths near a given one for which a network on grids stays exact under turns by 90° and mirrors.

    The network is run on square images, or cubic volumes, without values, and its layers say what they would warn of.

    Args:
        net: a network whose input is a grid.
        size: the width that you have.
        within: how much smaller or larger the widths may be.

    Raises `ArgumentError` for a network whose input is no grid, and for widths that are no whole numbers.

    >>> from intertwine.catalog import dihedral
    >>> from intertwine.nn import Conv2d, MaxPool2d, Sequential
    >>> rep = dihedral(4).rep("1xregular")
    >>> net = Sequential(Conv2d(rep, rep, 3, padding=1), *[MaxPool2d(rep, 2) for _ in range(3)])
    >>> exact_sizes(net, 28)
    (24, 32)
    """
    fields = net.fields_in if isinstance(net, EquivariantModule) else ()
    if len(fields) != 1 or not isinstance(field := fields[0], GridField):
        told = " and ".join(map(str, fields)) or "unknown"
        raise ArgumentError(
            f"exact_sizes takes an equivariant network on one grid, but the input of {net!r} is {told}."
        )
    if not isinstance(size, Integral) or not isinstance(within, Integral) or within < 0:
        raise ArgumentError(
            f"exact_sizes takes one width, a whole number of pixels, and how far others may be from it, but got "
            f"{size!r} and within={within!r}."
        )
    twin = copy.deepcopy(net).to("meta").eval()
    return tuple(width for width in range(max(1, size - within), size + within + 1) if _is_exact(twin, field, width))


def _is_exact(net: EquivariantModule, field: GridField, width: int) -> bool:
    """Whether a network without values takes a width, and no layer warns."""
    for layer in net.modules():
        if isinstance(layer, GridModule):
            layer.forget_sizes()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error", InexactGridWarning)
        try:
            net(torch.empty(1, field.rep.dim, *field.n * (width,), device="meta"))
        except InexactGridWarning:
            return False
        except (RuntimeError, ShapeError) as error:
            if "size" not in str(error).lower():  # images that are smaller than a kernel are refused
                raise
            return False
    return True
