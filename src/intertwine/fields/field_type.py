"""What a field type is, and the two that know no space: features, and what nothing moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups import Group, Subgroup
from intertwine.reps import Irrep, Rep, as_rep


class FieldType(ABC):
    """How a group moves one tensor: a value that models state and laws read. Tensors themselves stay plain.

    A rep alone cannot say it: that a grid turns, that rows belong to points, that a position follows a translation.
    """

    rep: Rep | None
    """The rep of the channels; None where the group leaves the numbers alone."""

    @property
    def group(self) -> Group | None:
        """The group that acts; None where nothing says which."""
        return None if self.rep is None else self.rep.group

    @abstractmethod
    def act(self, g: np.ndarray, x: Any) -> Any:
        """The tensor after an element `(n, n)` of the group, in the dtype of x."""

    def restrict(self, subgroup: Subgroup) -> FieldType:
        """The same tensor as a subgroup moves it."""
        raise ArgumentError(f"{self} is not restricted to a subgroup here. Make the field type of the subgroup's reps.")

    def translate(self, x: Any, shift: Tensor) -> Any:
        """The tensor after all points have moved by a vector `(n,)`."""
        return x

    def relabel(self, x: Any, order: Tensor) -> Any:
        """The tensor of the same cloud with its points in another order `(N,)`, and its edges in the reverse one."""
        return x

    def is_exact(self, g: np.ndarray, shape: tuple[int, ...]) -> bool:
        """Whether `act` moves a tensor of this shape without any error, rather than between the pixels of a grid."""
        return True

    def exact_elements(self, shape: tuple[int, ...]) -> np.ndarray:
        """Elements `(k, n, n)` that generate those which move a tensor of this shape without any error."""
        if self.group is None:
            raise ArgumentError(f"{self} names no group, so it has no elements. Ask the field type of another tensor.")
        return np.asarray(self.group.generators)

    @abstractmethod
    def check(self, x: Any, what: str = "The input") -> None:
        """Raise `ShapeError`, a sentence about `what`, unless x is such a tensor."""


@dataclass(frozen=True, repr=False)
class Features(FieldType):
    """Features on the last axis: `x ↦ ρ(g) x` for `x (..., rep.dim)`, whatever the other axes are.

    Args:
        rep: ρ.

    >>> from intertwine.catalog import O2
    >>> Features(O2.rep("2x1")).act(np.diag([1.0, -1.0]), torch.ones(4))
    tensor([ 1.,  1., -1., -1.])
    """

    rep: Rep

    def __init__(self, rep: Rep | Irrep) -> None:
        object.__setattr__(self, "rep", as_rep(rep))

    def act(self, g: np.ndarray, x: Tensor) -> Tensor:
        """`ρ(g) x` on the last axis."""
        matrix = torch.tensor(self.rep.matrix(g), dtype=torch.float64, device=x.device)
        return (x.double() @ matrix.T).to(x.dtype)

    def restrict(self, subgroup: Subgroup) -> Features:
        """The same features as a subgroup moves them."""
        return Features(self.rep.restrict(subgroup))

    def check(self, x: Any, what: str = "The input") -> None:
        """Raise `ShapeError` unless x holds floating-point numbers, `rep.dim` of them on the last axis."""
        require_channels(x, self.rep, -1, what)

    def __str__(self) -> str:
        return f"features of {self.rep} of {self.rep.group}"

    def __repr__(self) -> str:
        return f"tw.fields.Features({self.rep!r})"


@dataclass(frozen=True, repr=False)
class Index(FieldType):
    """What nothing moves: kinds, numbers of graphs, options; a tensor or not.

    >>> Index().act(np.eye(2), 3)
    3
    """

    rep = None

    def act(self, g: np.ndarray, x: Any) -> Any:
        """The same."""
        return x

    def check(self, x: Any, what: str = "The input") -> None:
        """Nothing: anything may be an index."""

    def __str__(self) -> str:
        return "an input that nothing moves"

    def __repr__(self) -> str:
        return "tw.fields.Index()"


def as_field(given: FieldType | Rep | Irrep | None) -> FieldType:
    """The field type that is meant: a rep means features on the last axis, None what nothing moves.

    Raises `ArgumentError` for anything else.
    """
    if isinstance(given, FieldType):
        return given
    return Index() if given is None else Features(as_rep(given))


def require_channels(x: Any, rep: Rep | None, axis: int, what: str) -> None:
    """Raise `ShapeError` unless x is a tensor of floating-point numbers with `rep.dim` channels on an axis."""
    if not isinstance(x, Tensor):
        raise ShapeError(f"{what} is a tensor, but got a {type(x).__name__}. Call torch.as_tensor(x) first.")
    if rep is None:
        return
    place = "the last axis" if axis == -1 else f"axis {axis}"
    shape = plain_shape(x)
    if x.ndim <= max(axis, 0) or shape[axis] != rep.dim:
        elsewhere = x.ndim in (4, 5) and shape[-1 if axis == 1 else 1] == rep.dim
        remedy = "Call x.movedim(-1, 1)" if axis == 1 else "Of an image or a volume pass tw.fields.GridField(rep)"
        raise ShapeError(
            f"{what} has the rep {rep} of {rep.group}, {rep.dim} numbers on {place}, but got a tensor of shape "
            f"{shape}. {remedy if elsewhere else 'Check the reps and the inputs'}."
        )
    if not x.is_floating_point():
        raise ShapeError(
            f"{what} has the rep {rep} of {rep.group}, whose elements turn numbers into fractions, but got a tensor of "
            f"{x.dtype}. Call x.double() or x.float(), as the model takes it, or give it the rep None."
        )
