"""What all layers on the edges of a graph share: how they see directions and distances, and what they check."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields import Displacements, Edges, FieldType, PointFeatures
from intertwine.nn.coordinates import IrrepCoordinates
from intertwine.nn.module import EquivariantModule
from intertwine.nn.radial_mlp import RadialMLP
from intertwine.ops import Factored, Graph, Harmonics, graph
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import harmonics_function


class EdgeGeometry(NamedTuple):
    """Edges and all that layers see of the vectors along them, made once per graph by `edge_geometry`.

    A tuple of tensors: it differentiates, moves to devices and goes through compiled code as such.

    Args:
        graph: the edges, sorted.
        vectors: from source to target, `(E, n)`.
        lengths: of the vectors, `(E,)`.
        harmonics: of their directions, all degrees from 0 to the largest that a layer asked for, `(E, K)`.
        radial: radial bases `(E, number)` and cut-offs `(E,)` of the lengths, by what they are.
        frames: how irreps turn with the directions, `(E, dim, dim)`, by the labels that a layer asked for: `SO2Conv`.
    """

    graph: Graph
    vectors: Tensor
    lengths: Tensor
    harmonics: Tensor
    radial: dict[str, Tensor]
    frames: dict[str, Tensor]


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

    def forward(  # type: ignore[override]
        self, x: Tensor, edges: Tensor | Graph | EdgeGeometry, vectors: Tensor | None = None
    ) -> Tensor:
        """The features `(N, rep_out.dim)` at the targets.

        Args:
            x: features `(N, rep_in.dim)`.
            edges: source and target of each edge, `(2, E)` integers, or their `intertwine.ops.graph`, with vectors;
                or the `geometry` of both, made once for all layers.
            vectors: from source to target, `(E, n)`.
        """
        self.check(x, self.rep_in)
        if x.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__} takes features of shape (N, {self.rep_in.dim}), but got {plain_shape(x)}."
            )
        if not isinstance(edges, EdgeGeometry):
            vectors = None if vectors is None else vectors.to(x.dtype)
            return self.convolve(x, self.geometry(edges, vectors, x.shape[0]))
        points, known = plain_shape(x)[0], plain_shape(edges.graph.row)[0] - 1
        if vectors is not None or known != points:
            raise ArgumentError(
                f"{type(self).__name__} takes the geometry of a graph of its {points} points, and no vectors beside "
                f"it, but got that of {known} points{'' if vectors is None else ' and vectors'}. Make it with "
                "geometry(edges, vectors, points)."
            )
        return self.convolve(x, edges)

    @abstractmethod
    def convolve(self, x: Tensor, geometry: EdgeGeometry) -> Tensor:
        """The features at the targets, for inputs that have been checked."""

    def geometry(self, edges: Tensor | Graph | None, vectors: Tensor | None, points: int) -> EdgeGeometry:
        """What this layer, and others that see the same, need of edges and vectors; see `edge_geometry`."""
        return edge_geometry([self], edges, vectors, points)

    def frames(self, vectors: Tensor, made: Mapping[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG002 (what may serve)
        """How the irreps that this layer sees in frames turn with vectors: what is made already, or new."""
        return {}

    def weights_and_harmonics(self, x: Tensor, geometry: EdgeGeometry, scale: float = 1.0) -> tuple[Factored, Tensor]:
        """The weights, times a number, and the harmonics of all edges, in irrep coordinates and the dtype of x."""
        size, y = self.directions.dim, geometry.harmonics
        y = y[:, :size] if plain_shape(y)[1] >= size else self.harmonics(geometry.vectors)
        functions, envelope = self.radial.inputs(geometry.lengths, geometry.radial)
        envelope = None if envelope is None else envelope.to(x.dtype)
        weights = self.radial.of_basis(functions.to(x.dtype), envelope, scale)
        return weights, self.directions.to_irreps(y.to(x.dtype))


def edge_geometry(
    layers: Sequence[EdgeModule], edges: Tensor | Graph | None, vectors: Tensor | None, points: int
) -> EdgeGeometry:
    """Edges in order, lengths, harmonics and radial bases, made once for several layers, differentiable.

    Each layer takes what it needs: harmonics are made to the largest degree, radial bases and cut-offs of the same kind
    and arguments once. A layer that finds its own missing makes it from vectors and lengths, so that any layer may be
    given any geometry.

    Args:
        layers: layers whose group moves vectors of the same dimension.
        edges: source and target of each edge, `(2, E)` integers, or their `intertwine.ops.graph`.
        vectors: from source to target, `(E, n)`.
        points: the number of points.

    Raises `ShapeError` or `ArgumentError` for edges and vectors that do not make up a graph of so many points.

    >>> from intertwine import nn
    >>> from intertwine.catalog import O3
    >>> rep, basis = O3.rep("4x0e + 4x1o"), nn.radial.BesselBasis(3.0, 8)
    >>> first, second = (nn.DepthwiseConv(rep, ["0e", "1o"], basis, degree=degree) for degree in (1, 2))
    >>> positions, edges = torch.randn(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> geometry = edge_geometry([first, second], edges, positions[edges[1]] - positions[edges[0]], 3)
    >>> geometry.harmonics.shape, [*geometry.radial]
    (torch.Size([3, 9]), ['BesselBasis(cutoff=3.0, number=8, start=0.0)'])
    >>> second(torch.randn(3, 16), geometry).shape
    torch.Size([3, 44])
    """
    degree = max(layer.degree for layer in layers)
    deepest = next(layer for layer in layers if layer.degree == degree)
    where, vectors = _checked(type(deepest).__name__, edges, vectors, points, deepest.action.dim)
    lengths = safe_length(vectors)
    radial: dict[str, Tensor] = {}
    frames: dict[str, Tensor] = {}
    for layer in layers:
        radial |= layer.radial.keyed(lengths, radial)
        frames |= layer.frames(vectors, frames)
    return EdgeGeometry(where, vectors, lengths, deepest.harmonics(vectors), radial, frames)


def _checked(
    name: str, edges: Tensor | Graph | None, vectors: Tensor | None, points: int, dim: int
) -> tuple[Graph, Tensor]:
    """The graph and the vectors; raises `ShapeError` or `ArgumentError` unless they belong together."""
    if not isinstance(edges, Tensor | Graph) or not isinstance(vectors, Tensor):
        raise ShapeError(
            f"{name} takes edges as one tensor of shape (2, E) or as a Graph, with a tensor of vectors, or their "
            f"geometry, but got {type(edges).__name__} and {type(vectors).__name__}."
        )
    if isinstance(edges, Tensor) and (
        edges.ndim != 2 or plain_shape(edges)[0] != 2 or edges.dtype not in (torch.int64, torch.int32)
    ):
        raise ShapeError(
            f"{name} takes edges of shape (2, E), source and target, and dtype int64 or int32, but got "
            f"{plain_shape(edges)} of {edges.dtype}."
        )
    ends = (edges.source, edges.target) if isinstance(edges, Graph) else edges.unbind(0)
    number = plain_shape(ends[0])[0]
    if plain_shape(ends[1])[0] != number or plain_shape(vectors) != (number, dim):
        raise ShapeError(
            f"{name} takes one vector from source to target per edge, shape ({number}, {dim}), but got "
            f"{plain_shape(vectors)}."
        )
    if not (torch.compiler.is_compiling() or is_tracing()):  # recorded code must not look at values
        _check_values(ends, vectors, points)
    return (edges if isinstance(edges, Graph) else graph(edges, points)), vectors


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
