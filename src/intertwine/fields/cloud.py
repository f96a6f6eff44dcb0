"""Field types of clouds and graphs: what lies on points, on edges, and the points themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.fields.field_type import Features, FieldType, require_channels
from intertwine.reps import Irrep, Rep, as_rep


class _Rows(FieldType):
    """What points or edges carry, one row each: numbers of a rep, or without one plain numbers that stay."""

    def act(self, g: np.ndarray, x: Tensor) -> Tensor:
        """`ρ(g) x` in each row."""
        return x if self.rep is None else Features(self.rep).act(g, x)

    def check(self, x: Any, what: str = "The input") -> None:
        """Raise `ShapeError` unless x has rows, with `rep.dim` floating-point numbers each."""
        require_channels(x, self.rep, -1, what)
        if x.ndim < -self._axis:
            raise ShapeError(f"{what} holds {self}, in rows, but got a tensor of shape {plain_shape(x)}.")

    @property
    def _axis(self) -> int:
        """The axis that numbers the points or edges."""
        return -1 if self.rep is None else -2

    def __repr__(self) -> str:
        return f"tw.fields.{type(self).__name__}({'' if self.rep is None else repr(self.rep)})"


class _OnPoints(_Rows):
    def relabel(self, x: Tensor, order: Tensor) -> Tensor:
        """The rows in the new order."""
        return x.index_select(self._axis, order.to(x.device))


class _OnEdges(_Rows):
    def relabel(self, x: Tensor, order: Tensor) -> Tensor:
        """The rows of the edges, in reverse order."""
        return x.flip(self._axis)


@dataclass(frozen=True, repr=False)
class PointFeatures(_OnPoints):
    """Features of points: `(..., N, rep.dim)`, and without a rep numbers of points that stay, `(..., N)`.

    Args:
        rep: ρ, or None.

    >>> PointFeatures().relabel(torch.tensor([8, 1, 1]), torch.tensor([1, 2, 0]))
    tensor([1, 1, 8])
    """

    rep: Rep | None

    def __init__(self, rep: Rep | Irrep | None = None) -> None:
        object.__setattr__(self, "rep", None if rep is None else as_rep(rep))

    def __str__(self) -> str:
        return "a number per point" if self.rep is None else f"features of {self.rep} of {self.rep.group} per point"


@dataclass(frozen=True, repr=False)
class EdgeFeatures(_OnEdges):
    """Features of edges: `(E, rep.dim)`, and without a rep numbers of edges that stay, `(E,)`.

    Args:
        rep: ρ, or None.

    >>> from intertwine.catalog import O3
    >>> EdgeFeatures(O3.rep("4x0e"))
    tw.fields.EdgeFeatures(tw.O3.rep('4x0e'))
    """

    rep: Rep | None

    def __init__(self, rep: Rep | Irrep | None = None) -> None:
        object.__setattr__(self, "rep", None if rep is None else as_rep(rep))

    def __str__(self) -> str:
        return "a number per edge" if self.rep is None else f"features of {self.rep} of {self.rep.group} per edge"


@dataclass(frozen=True, repr=False)
class Positions(_OnPoints):
    """The points themselves: `r ↦ A(g) r` for `r (..., N, n)`, and translations take them along.

    Args:
        action: A, a rep of dimension n = 2 or 3.

    >>> from intertwine.catalog import O2
    >>> Positions(O2.defining).translate(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
    tensor([[1., 2.],
            [1., 2.]])
    """

    rep: Rep

    def __init__(self, action: Rep | Irrep) -> None:
        object.__setattr__(self, "rep", as_action(action))

    def translate(self, x: Tensor, shift: Tensor) -> Tensor:
        """The points moved by the vector."""
        return x + shift.to(x)

    def __str__(self) -> str:
        return f"positions, moved by {self.rep} of {self.rep.group}"


@dataclass(frozen=True, repr=False)
class Displacements(_OnEdges):
    """Vectors along edges, differences of positions: `v ↦ A(g) v` for `v (E, n)`; translations leave them alone.

    Args:
        action: A, a rep of dimension n = 2 or 3.

    >>> from intertwine.catalog import O2
    >>> Displacements(O2.defining).act(np.diag([1.0, -1.0]), torch.ones(1, 2))
    tensor([[ 1., -1.]])
    """

    rep: Rep

    def __init__(self, action: Rep | Irrep) -> None:
        object.__setattr__(self, "rep", as_action(action))

    def __str__(self) -> str:
        return f"vectors along edges, moved by {self.rep} of {self.rep.group}"


@dataclass(frozen=True, repr=False)
class Edges(FieldType):
    """Integers `(2, E)` that number the points at both ends of each edge.

    >>> Edges().relabel(torch.tensor([[0, 1], [1, 2]]), torch.tensor([2, 0, 1]))
    tensor([[2, 1],
            [0, 2]])
    """

    rep = None

    def act(self, g: np.ndarray, x: Tensor) -> Tensor:
        """The same: no group acts on numbers of points."""
        return x

    def relabel(self, x: Tensor, order: Tensor) -> Tensor:
        """The edges, in reverse order, between the points where these have gone."""
        return torch.argsort(order).to(x)[x.long()].flip(-1)

    def check(self, x: Any, what: str = "The input") -> None:
        """Raise `ShapeError` unless x holds integers `(2, E)`."""
        if not isinstance(x, Tensor) or x.ndim != 2 or x.shape[0] != 2 or x.is_floating_point():
            given = f"a tensor of {x.dtype} and shape {plain_shape(x)}" if isinstance(x, Tensor) else repr(x)
            raise ShapeError(f"{what} holds edges, integers (2, E) that number points, but got {given}.")

    def __str__(self) -> str:
        return "edges"

    def __repr__(self) -> str:
        return "tw.fields.Edges()"


def as_action(rep: Rep | Irrep) -> Rep:
    """The rep, if it can move points of the plane or of space; `ArgumentError` otherwise."""
    action = as_rep(rep)
    if action.dim not in (2, 3):
        raise ArgumentError(
            f"An action moves points of the plane or of space, so it is a rep of dimension 2 or 3, but got {action} of "
            f"{action.group}, of dimension {action.dim}. Pass group.defining, or another rep of that size."
        )
    return action
