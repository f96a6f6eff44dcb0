"""What all layers on the edges of a graph share: how they see directions and distances, and what they check."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import Displacements, Edges, FieldType, PointFeatures
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule
from intertwine.nn.radial import RadialMLP
from intertwine.ops import Graph, Harmonics
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import harmonics_function


class EdgeModule(EquivariantModule):
    """A layer of features of points, edges and vectors along them.

    Args:
        rep_in: the rep of the features at the sources.
        rep_out: the rep of the features at the targets.
        action: how the group moves the vectors.
        harmonics: the harmonics of their directions, all degrees from 0, as a rep.
        degree: the largest degree.
    """

    radial: RadialMLP
    """From distances to the weights of each edge."""

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, action: Rep, harmonics: Rep, degree: int) -> None:
        super().__init__(rep_in, rep_out)
        self.action, self.degree = action, degree
        self.harmonics = Harmonics(harmonics_function(action.dim), degree)
        self.before, self.directions = IrrepCoordinates(self.rep_in), IrrepCoordinates(harmonics)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """Features, edges (which the group leaves alone), vectors."""
        return (self.rep_in, None, self.action)

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features of points, edges, vectors along them."""
        return PointFeatures(self.rep_in), Edges(), Displacements(self.action)

    @property
    def field_out(self) -> FieldType:
        """Features of points."""
        return PointFeatures(self.rep_out)

    def extra_repr(self) -> str:
        """The reps, the largest harmonic degree, the radial basis."""
        return f"{super().extra_repr()}, degree={self.degree}, {self.radial.basis}"

    def weights_and_harmonics(self, x: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The weights and the harmonics of all edges, in irrep coordinates and the dtype of the features."""
        vectors = vectors.to(x.dtype)
        return self.radial(safe_length(vectors)), self.directions.to_irreps(self.harmonics(vectors))

    def check_graph(self, x: Tensor, edges: Tensor | Graph, vectors: Tensor) -> None:
        """Raise `ShapeError` or `ArgumentError` for features, edges and vectors that do not make up a graph."""
        self.check(x, self.rep_in)
        name = type(self).__name__
        if x.ndim != 2:
            raise ShapeError(f"{name} takes features of shape (N, {self.rep_in.dim}), but got {plain_shape(x)}.")
        if not isinstance(edges, Tensor | Graph):
            raise ShapeError(f"{name} takes edges as one tensor of shape (2, E) or as a Graph, but got {type(edges)}.")
        if isinstance(edges, Graph):
            ends: tuple[Tensor, ...] = (edges.source, edges.target)
        elif edges.ndim != 2 or plain_shape(edges)[0] != 2 or edges.dtype not in (torch.int64, torch.int32):
            raise ShapeError(
                f"{name} takes edges of shape (2, E), source and target, and dtype int64 or int32, but got "
                f"{plain_shape(edges)} of {edges.dtype}."
            )
        else:
            ends = edges.unbind(0)
        number = plain_shape(ends[0])[0]
        if plain_shape(ends[1])[0] != number or plain_shape(vectors) != (number, self.action.dim):
            raise ShapeError(
                f"{name} takes one vector from source to target per edge, shape ({number}, {self.action.dim}), but got "
                f"{plain_shape(vectors)}."
            )
        if not (torch.compiler.is_compiling() or is_tracing()):  # recorded code must not look at values
            _check_values(ends, vectors, x.shape[0])


def _check_values(ends: tuple[Tensor, ...], vectors: Tensor, points: int) -> None:
    """Raise `ArgumentError` for edges that point to no feature and vectors that are not finite."""
    fine = torch.isfinite(vectors).all()
    for end in ends:
        fine = fine & (end >= 0).all() & (end < points).all()
    try:
        if bool(fine):  # one look, since on a GPU each look waits for all work before it
            return
    except RuntimeError:  # under vmap there is no single value to look at
        return
    if not bool(torch.isfinite(vectors).all()):
        bad = int((~torch.isfinite(vectors)).any(-1).sum())
        raise ArgumentError(f"{bad} of {len(vectors)} vectors hold NaN or infinity. Remove or repair these points.")
    low, high = min(int(end.min()) for end in ends), max(int(end.max()) for end in ends)
    raise ArgumentError(
        f"The edges name points from {low} to {high}, but there are features for {points} points, numbered from 0."
    )


def safe_length(vectors: Tensor) -> Tensor:
    """The lengths `(...)` of vectors `(..., n)`; at 0 the gradient is 0 instead of NaN."""
    largest = vectors.detach().abs().amax(-1)  # keeps squares in range; lengths do not depend on it
    zero = largest == 0
    scale = torch.where(zero, torch.ones_like(largest), largest)
    squared = ((vectors / scale[..., None]) ** 2).sum(-1)
    root = scale * torch.sqrt(torch.where(zero, torch.ones_like(squared), squared))
    return torch.where(zero, torch.zeros_like(root), root)
