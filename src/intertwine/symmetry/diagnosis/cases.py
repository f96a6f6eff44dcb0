"""A model with its inputs, and how group elements, relabellings of points and translations move both sides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog import words
from intertwine.errors import ArgumentError
from intertwine.reps import Rep
from intertwine.symmetry.diagnosis.by_reps import Reps, flattened
from intertwine.symmetry.words.identify import element_name
from intertwine.testing import act

Permute = Callable[[tuple[Tensor, ...], Tensor], Sequence[Tensor]]
"""From inputs and an order `(N,)` to the inputs of the same cloud with its points in that order."""


@dataclass(frozen=True, eq=False)
class Move:
    """What is done to the inputs: a group element, then a translation, then a new order of the points.

    Args:
        element: the group element `(n, n)`, or None.
        order: for each place the number of the point that comes there, `(N,)`, or None.
        shift: the translation `(n,)`, or None.
    """

    element: np.ndarray | None = None
    order: Tensor | None = None
    shift: Tensor | None = None

    @property
    def kind(self) -> str:
        """The kind of move: what errors are grouped by."""
        if (self.element is not None) + (self.order is not None) + (self.shift is not None) > 1:
            return "all combined"
        if self.element is None:
            return "relabelled points" if self.order is not None else "translations"
        return _kind(self.element)

    @property
    def name(self) -> str:
        """What it does, in words."""
        if self.kind == "all combined":
            others = [
                what for what, x in (("a translation", self.shift), ("a relabelling", self.order)) if x is not None
            ]
            return f"an element with {' and '.join(others)}"
        if self.shift is not None:
            return f"the translation by {words.vector(self.shift.numpy())}"
        if self.order is not None:
            moved = (self.order != torch.arange(len(self.order))).nonzero().flatten().tolist()
            return (
                f"the exchange of points {moved[0]} and {moved[1]}"
                if len(moved) == 2
                else "a relabelling of the points"
            )
        return "the identity" if self.element is None else element_name(self.element)


def _kind(g: np.ndarray) -> str:
    proper = bool(np.linalg.det(g) > 0)
    if len(g) > 3:
        return "determinant +1" if proper else "determinant −1"
    improper = {2: "mirrors", 3: "mirrors and inversion"}.get(len(g), "determinant −1")
    return "rotations" if proper else improper


@dataclass(frozen=True)
class Layout:
    """Which inputs live on the points of a cloud or graph, and which on its edges.

    Args:
        points: the number of points.
        axis: the axis that numbers them.
        on_points: the places of the inputs on points.
        edges: the place of the edges, `(2, E)` integers, or None.
        on_edges: the places of the inputs on edges.
        positions: the place of the positions, or None.
        permute: the user's function that brings points into another order, or None.
    """

    points: int
    axis: int
    on_points: tuple[int, ...]
    edges: int | None
    on_edges: tuple[int, ...]
    positions: int | None
    permute: Permute | None

    def per_point(self, x: Tensor) -> bool:
        """Whether a tensor has one entry per point."""
        return x.ndim > self.axis and x.shape[self.axis] == self.points

    def reordered(self, values: Sequence[Tensor], order: Tensor) -> list[Tensor]:
        """The inputs of the same cloud with its points in another order, and its edges in the reverse one."""
        if self.permute is not None:
            return [*self.permute(tuple(values), order)]
        found = [*values]
        for i in self.on_points:
            found[i] = found[i].index_select(self.axis, order.to(found[i].device))
        if self.edges is not None:
            places = torch.argsort(order).to(values[self.edges])
            found[self.edges] = places[values[self.edges].long()].flip(-1)
            for i in self.on_edges:
                found[i] = found[i].flip(0)
        return found


def layout_of(
    values: Sequence[Tensor], reps: Reps, positions: int | None, permute: Permute | None = None
) -> Layout | None:
    """How inputs are laid out on points and edges; None where nothing says that there are points.

    Integers `(2, E)` that number points are edges. The points are the rows of the positions, or else of the first
    floating-point input before the edges. Where there are as many edges as points, inputs after the edges lie on edges.
    """
    if positions is not None:
        _check_positions(values, reps, positions)
    axis = 0 if positions is None else values[positions].ndim - 2
    count = values[0].shape[0] if positions is None and values and values[0].ndim else 0
    count = count if positions is None else values[positions].shape[axis]
    edges = next((i for i, x in enumerate(values) if _numbers_points(x, count)), None)
    if positions is None and edges is None and permute is None:
        return None
    sizes = 0 if edges is None else values[edges].shape[1]
    on_edges = tuple(
        i
        for i, x in enumerate(values)
        if edges is not None and i not in (edges, positions) and x.ndim and x.shape[0] == sizes
        if sizes != count or (i > edges and x.is_floating_point())
    )
    layout = Layout(count, axis, (), edges, on_edges, positions, permute)
    on_points = (i for i, x in enumerate(values) if layout.per_point(x) and i not in (edges, *on_edges))
    return replace(layout, on_points=tuple(on_points))


def _numbers_points(x: Tensor, points: int) -> bool:
    if x.dtype not in (torch.int64, torch.int32) or x.ndim != 2 or x.shape[0] != 2 or not x.numel():
        return False
    return bool(x.min() >= 0) and bool(x.max() < points)


def _check_positions(values: Sequence[Tensor], reps: Reps, positions: int) -> None:
    fine = isinstance(positions, int) and 0 <= positions < len(values) and values[positions].ndim >= 2
    if not fine or reps[positions] is None:
        raise ArgumentError(
            f"positions is the number of the input that holds the positions (N, n), with a rep among reps_in, but got "
            f"{positions!r} for {len(values)} inputs. Count inputs from 0."
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """A model, its reps, and inputs to try it on.

    Args:
        model: any function of tensors.
        reps: the reps of the inputs.
        out: the rep of the output.
        values: the inputs.
        layout: which of them live on points and edges, or None.
    """

    model: Callable[..., Tensor]
    reps: Reps
    out: Rep
    values: tuple[Tensor, ...]
    layout: Layout | None = None

    def output(self, values: Sequence[Tensor]) -> Tensor:
        """The outputs `(..., out.dim)`; the values themselves stay, though a model may change its inputs in place."""
        y = flattened(self.model, self.model(*(x.clone() for x in values)), self.out)
        return y if y.is_floating_point() else y.double()

    @cached_property
    def reference(self) -> Tensor:
        """The outputs for the inputs themselves."""
        return self.output(self.values).detach()

    @cached_property
    def size(self) -> float:
        """The largest output, which errors are relative to; 1 if all are 0, or one is no number."""
        size = largest(self.reference)
        return size if 0 < size < math.inf else 1.0

    @cached_property
    def chance(self) -> float:
        """How much a second call on the same inputs differs, relative to the largest output."""
        return largest(self.output(self.values) - self.reference) / self.size

    @property
    def notes(self) -> tuple[str, ...]:
        """What makes the answers of a trial worth less, in words."""
        copies = [x.clone() for x in self.values]
        self.model(*copies)
        changed = [f"input {i}" for i, x in enumerate(copies) if x._version]
        found = [f"it changes {' and '.join(changed)} in place, so each call was given a copy"] if changed else []
        if not self.reference.any():
            found.append("it gave nothing but zeros, which any group leaves alone: pass other inputs as batch=…")
        return tuple(found)

    @cached_property
    def follows(self) -> bool:
        """Whether outputs are positions too, which a translation takes along, rather than leaves alone."""
        layout = self.layout
        if layout is None or layout.positions is None or not layout.per_point(self.reference):
            return False
        if self.out.dim != (n := self.values[layout.positions].shape[-1]):
            return False
        shift = torch.ones(n, dtype=torch.float64)
        moved = self.output(self.moved(Move(shift=shift))) - self.reference
        return largest(moved - shift.to(moved)) < largest(moved)

    def moved(self, move: Move) -> list[Tensor]:
        """The inputs after a move."""
        values = [*self.values]
        if (g := move.element) is not None:
            values = [x if rep is None else act(rep, g, x) for rep, x in zip(self.reps, values, strict=True)]
        if self.layout is not None and self.layout.positions is not None and move.shift is not None:
            place = self.layout.positions
            values[place] = values[place] + move.shift.to(values[place])
        if self.layout is not None and move.order is not None:
            values = self.layout.reordered(values, move.order)
        return values

    def expected(self, move: Move) -> Tensor:
        """What the outputs must be after a move."""
        y = self.reference if move.element is None else act(self.out, move.element, self.reference)
        if move.shift is not None and self.follows:
            y = y + move.shift.to(y)
        if self.layout is not None and move.order is not None and self.layout.per_point(y) and y.ndim > 1:
            y = y.index_select(self.layout.axis, move.order.to(y.device))
        return y

    def defect(self, move: Move) -> Tensor:
        """How far outputs are from what they must be, relative to the largest, in the coordinates of `out.irreps`."""
        off = (self.output(self.moved(move)) - self.expected(move)).detach() / self.size
        return off @ torch.as_tensor(np.array(self.out.change_of_basis)).to(off)

    def error(self, move: Move) -> float:
        """The largest entry of the defect."""
        return largest(self.defect(move))


def largest(x: Tensor) -> float:
    """The largest entry in absolute value, infinite where there is NaN, 0 if there is none."""
    if not x.numel():
        return 0.0
    return float(x.detach().abs().max()) if bool(torch.isfinite(x).all()) else float("inf")
