"""Random tensors of field types, to try laws on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.fields.cloud import Displacements, EdgeFeatures, Edges, PointFeatures, Positions
from intertwine.fields.field_type import Features, FieldType
from intertwine.fields.grid import GridField
from intertwine.reps import Rep

_WIDTH = {2: 33, 3: 17}  # of the grids made up: odd, so that strides of 2 keep the middle


def example_inputs(fields: Sequence[FieldType], batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Random float64 inputs that belong together, one for each field type.

    Features are normal numbers `(batch, dim)`. Clouds have `batch` points with normal coordinates; edges are all pairs
    of them, with the differences of the positions as displacements. Images are `(batch, dim, 33, 33)`, volumes
    `(batch, dim, 17, 17, 17)`: smooth, and zero at the rim, so that turning them loses little.

    Raises `ArgumentError` for an `Index`, whose values nobody can guess, and for vectors of two dimensions.

    >>> from intertwine.catalog import O3
    >>> fields = (PointFeatures(O3.rep("4x0e")), Edges(), Displacements(O3.defining))
    >>> [tuple(x.shape) for x in example_inputs(fields, 3, torch.Generator())]
    [(3, 4), (2, 6), (6, 3)]
    """
    sizes = {field.rep.dim for field in fields if isinstance(field, Positions | Displacements)}
    if len(sizes) > 1:
        raise ArgumentError("Positions and displacements of the plane and of space do not belong to one cloud.")
    positions = _normal((batch, *sizes), generator)
    edges = torch.cartesian_prod(torch.arange(batch), torch.arange(batch)).T
    edges = edges[:, edges[0] != edges[1]]

    def made(field: FieldType) -> Tensor:
        match field:
            case Features(rep=rep) | PointFeatures(rep=Rep() as rep):
                return _normal((batch, rep.dim), generator)
            case PointFeatures():
                return _normal((batch,), generator)
            case EdgeFeatures(rep=rep):
                return _normal((edges.shape[1],) if rep is None else (edges.shape[1], rep.dim), generator)
            case Positions():
                return positions
            case Displacements():
                return positions[edges[1]] - positions[edges[0]]
            case Edges():
                return edges
            case GridField(rep=rep):
                return _smooth((batch, rep.dim, *field.n * (_WIDTH[field.n],)), generator)
        raise ArgumentError(f"{field} cannot be made up.")

    return tuple(map(made, fields))


def _normal(shape: Sequence[Any], generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _smooth(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal numbers, averaged over a tenth of the width and faded out to zero at the rim of the ball inside."""
    x, width = _normal(shape, generator), shape[-1]
    places = torch.linspace(-1, 1, width, dtype=torch.float64)
    kernel = torch.exp(-0.5 * ((places[:, None] - places) / 0.2) ** 2)
    for axis in range(2, x.ndim):
        x = (x.movedim(axis, -1) @ kernel).movedim(-1, axis)
    squares = torch.stack(torch.meshgrid(*(x.ndim - 2) * (places**2,), indexing="ij")).sum(0)
    return x * (1 - squares).clamp(min=0) ** 2 / x.std()
