"""A model with its inputs, and how group elements, relabellings of points and translations move both sides."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.catalog import words
from intertwine.fields import FieldType, GridField, Index, PointFeatures, Positions
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.symmetry.words.identify import element_name
from intertwine.testing.equivariance import is_exact, largest
from intertwine.testing.models import as_output, copied


def told(error: Exception) -> str:
    """An exception in one line."""
    return traceback.format_exception_only(error)[0].partition("\n")[0]


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

    def of(self, field: FieldType, x: Any) -> Any:
        """A tensor of some field type after the move."""
        if self.element is not None:
            x = field.act(self.element, x)
        if self.shift is not None:
            x = field.translate(x, self.shift)
        return x if self.order is None else field.relabel(x, self.order)

    @property
    def kind(self) -> str:
        """The kind of move: what errors are grouped by."""
        if (self.element is not None) + (self.order is not None) + (self.shift is not None) > 1:
            return "all combined"
        if self.element is None:
            return "relabelled points" if self.order is not None else "translations"
        proper, n = bool(np.linalg.det(self.element) > 0), len(self.element)
        if n > 3:
            return "determinant +1" if proper else "determinant −1"
        return "rotations" if proper else {2: "mirrors", 3: "mirrors and inversion"}.get(n, "determinant −1")

    @property
    def name(self) -> str:
        """What it does, in words."""
        if self.kind == "all combined":
            parts = (("a translation", self.shift), ("a relabelling", self.order))
            return f"an element with {' and '.join(what for what, x in parts if x is not None)}"
        if self.shift is not None:
            return f"the translation by {words.vector(self.shift.numpy())}"
        if self.order is not None:
            moved = (self.order != torch.arange(len(self.order))).nonzero().flatten().tolist()
            exchange = f"the exchange of points {moved[0]} and {moved[-1]}" if len(moved) == 2 else ""
            return exchange or "a relabelling of the points"
        return "the identity" if self.element is None else element_name(self.element)


@dataclass(frozen=True, eq=False)
class Trial:
    """A model, how its tensors move, and inputs to try it on.

    Args:
        model: any function of tensors.
        fields: the field types of the inputs.
        out: that of the output.
        values: the inputs.
        least: what errors are relative to where the outputs are smaller.
    """

    model: Callable[..., Tensor]
    fields: tuple[FieldType, ...]
    out: FieldType
    values: tuple[Any, ...]
    least: float = 0.0

    @property
    def rep(self) -> Rep:
        """The rep of the output, which always has one."""
        return self.out.rep  # type: ignore[return-value]

    @property
    def group(self) -> Group:
        """The group that is asked about."""
        return self.rep.group

    def output(self, values: Sequence[Any]) -> Tensor:
        """The outputs; the values themselves stay, though a model may change its inputs in place."""
        y = as_output(self.model, self.model(*map(copied, values)), self.out)
        return y if y.is_floating_point() else y.double()

    @cached_property
    def reference(self) -> Tensor:
        """The outputs for the inputs themselves."""
        return self.output(self.values).detach()

    @cached_property
    def size(self) -> float:
        """The largest output, which errors are relative to; 1 if all are 0, or one is no number."""
        size = max(largest(self.reference), self.least)
        return size if 0 < size < math.inf else 1.0

    @cached_property
    def chance(self) -> float:
        """How much a second call on the same inputs differs, relative to the largest output."""
        return largest(self.output(self.values) - self.reference) / self.size

    @property
    def tensors(self) -> list[tuple[FieldType, Tensor]]:
        """The tensors that the group moves, the output among them, with their field types."""
        both = zip((*self.fields, self.out), (*self.values, self.reference), strict=True)
        return [(field, x) for field, x in both if field.group is not None]

    @property
    def has_grids(self) -> bool:
        """Whether an input or the output lies on a grid, which only some elements map to itself."""
        return any(isinstance(field, GridField) for field in (*self.fields, self.out))

    def is_exact(self, g: np.ndarray) -> bool:
        """Whether an element moves all tensors without an error of their grids."""
        return is_exact(self.tensors, g)

    @cached_property
    def points(self) -> int | None:
        """The number of points that can be relabelled; None without points, or where an index may number them too."""
        sizes = [
            int(x.shape[-1 if field.rep is None else -2])
            for field, x in zip(self.fields, self.values, strict=True)
            if isinstance(field, PointFeatures | Positions)
        ]
        return None if self.unknown or not sizes else sizes[0]

    @property
    def unknown(self) -> list[int]:
        """The numbers of inputs with axes that are called an index: nobody says how they follow the points."""
        both = zip(self.fields, self.values, strict=True)
        return [i for i, (field, x) in enumerate(both) if isinstance(field, Index) and isinstance(x, Tensor) and x.ndim]

    @property
    def positions(self) -> Tensor | None:
        """The positions of the points, if they are an input."""
        both = zip(self.fields, self.values, strict=True)
        return next((x for field, x in both if isinstance(field, Positions)), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not tried, and what makes the answers of a trial worth less, in words."""
        copies = [*map(copied, self.values)]
        self.model(*copies)
        changed = [f"input {i}" for i, x in enumerate(copies) if isinstance(x, Tensor) and x._version]
        found = [f"it changes {' and '.join(changed)} in place, so each call was given a copy"] if changed else []
        if not self.reference.any():
            found.append("it gave nothing but zeros, which any group leaves alone: pass other inputs as batch=…")
        if self.unknown and any(isinstance(field, PointFeatures | Positions) for field in self.fields):
            found.append(
                f"points were not relabelled, since nothing says how input {self.unknown[0]} follows: give it the type "
                "tw.fields.Edges(), PointFeatures() or EdgeFeatures()"
            )
        return tuple(found)

    def moved(self, move: Move) -> list[Any]:
        """The inputs after a move."""
        return [move.of(field, x) for field, x in zip(self.fields, self.values, strict=True)]

    def expected(self, move: Move) -> Tensor:
        """What the outputs must be after a move."""
        expected: Tensor = move.of(self.out, self.reference)
        return expected

    def defect(self, move: Move) -> Tensor:
        """How far outputs are from what they must be, relative to the largest, in the coordinates of the irreps."""
        y, expected = self.output(self.moved(move)).detach(), self.expected(move)
        off = (y - expected) / self.size if y.shape == expected.shape else torch.full_like(expected, math.inf)
        if isinstance(self.out, GridField):
            off = off.movedim(1, -1)
        return off @ torch.as_tensor(np.array(self.rep.change_of_basis)).to(off)

    def error(self, move: Move) -> float:
        """The largest entry of the defect."""
        return largest(self.defect(move))
