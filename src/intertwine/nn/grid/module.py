"""What all layers on grids share: where their channels lie, and which sizes keep them exact."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError, InexactGridWarning
from intertwine.fields import FieldType, GridField
from intertwine.nn.module import EquivariantModule
from intertwine.reps import Irrep, Rep, as_rep

Sizes = int | Sequence[int]
"""One number for all axes of space, or one for each."""


class GridModule(EquivariantModule):
    """A layer from features on a grid to features on a grid, images `(B, C, −y, x)` or volumes `(B, C, −z, −y, x)`.

    Args:
        rep_in: the rep of the input's channels.
        rep_out: the rep of the output's channels.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for an action of another dimension.
    """

    axes: ClassVar[int | None] = None
    """The number of axes of space that a class is for; None if any."""

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep_in, rep_out)
        self.action = self.rep_in.group.defining if action is None else as_rep(action)
        if self.axes not in (None, self.action.dim):
            raise ArgumentError(
                f"{type(self).__name__} acts on {self.axes} axes of space, but the action {self.action} of "
                f"{self.action.group} has dimension {self.action.dim}. Pass action=…, a rep of dimension {self.axes} "
                "that moves the grid."
            )
        self.n = self.action.dim
        self._field_in, self._field_out = (GridField(rep, self.action) for rep in (self.rep_in, self.rep_out))
        self._turned, self._seen = self._field_in.turned_axes, set[tuple[int, ...]]()

    @property
    def fields_in(self) -> tuple[FieldType, ...]:
        """Features on a grid."""
        return (self._field_in,)

    @property
    def field_out(self) -> FieldType:
        """Features on a grid."""
        return self._field_out

    def check_grid(self, x: Tensor) -> None:
        """Raise `ShapeError` unless x is a grid of the input's rep, with or without a batch axis."""
        shape = plain_shape(x) if isinstance(x, Tensor) else ()
        if len(shape) == self.n + 1 and shape[0] == self.rep_in.dim and x.is_floating_point():
            return  # one image, as torch's own layers take it
        self._field_in.check(x, f"The input of {type(self).__name__}")

    def forget_sizes(self) -> None:
        """Have the next size that breaks the symmetry warned of, also if it was before."""
        self._seen.clear()

    def warn_of_sizes(self, x: Tensor, left_over: Sequence[int], remedy: str) -> None:
        """Warn, once for each size, if samples are left over along an axis that the group turns.

        Args:
            x: the input.
            left_over: for each axis of space how many pixels no sample reaches on one of the two sides.
            remedy: what to do, as a sentence.
        """
        if torch.compiler.is_compiling() or is_tracing() or not any(left_over[axis] for axis in self._turned):
            return
        sizes = plain_shape(x)[-self.n :]
        if sizes in self._seen:
            return
        self._seen.add(sizes)
        axes = " and ".join(f"{axis + 1}" for axis in self._turned if left_over[axis])
        warnings.warn(
            f"{self!r} is not exactly equivariant on a grid of {' × '.join(map(str, sizes))}: along axis {axes} of "
            f"space its samples do not lie about the middle, so that turns and mirrors move them. {remedy}",
            InexactGridWarning,
            stacklevel=5,
        )


def for_each_axis(value: int | Sequence[int], n: int, name: str, least: int = 0) -> tuple[int, ...]:
    """A number for each axis of space, given one for all or a sequence; `ArgumentError` for anything else."""
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * n
    if len(values) != n or any(not isinstance(v, int) or isinstance(v, bool) or v < least for v in values):
        raise ArgumentError(
            f"{name} is an integer from {least} on, or one for each of {n} axes of space, but got {value!r}."
        )
    return values
