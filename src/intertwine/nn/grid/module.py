"""What all layers on grids share: where their channels lie, and which sizes keep them exact."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
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

    Subclass it for a block of your own: call `super().__init__`, and `check_grid` in its `forward`. It then stands
    in a `Sequential` as other layers do, and `intertwine.testing.check_module` tries the laws on it.

    Args:
        rep_in: the rep of the input's channels.
        rep_out: the rep of the output's channels.
        action: how the group moves the grid; default the group's defining rep.

    Raises `ArgumentError` for an action of another dimension, and for a rep without channels.
    """

    axes: ClassVar[int | None] = None
    """The number of axes of space that a class is for; None if any."""

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep, action: Rep | Irrep | None = None) -> None:
        super().__init__(rep_in, rep_out)
        if not self.rep_in.dim or not self.rep_out.dim:
            raise ArgumentError(
                f"{type(self).__name__} takes and gives at least one channel, which torch's layers on grids need, but "
                f"got reps of the dimensions {self.rep_in.dim} and {self.rep_out.dim}. Leave the layer out."
            )
        self.action = self.rep_in.group.defining if action is None else as_rep(action)
        if self.axes not in (None, self.action.dim):
            raise ArgumentError(
                f"{type(self).__name__} acts on {self.axes} axes of space, but the action {self.action} of "
                f"{self.action.group} has dimension {self.action.dim}. Pass action=…, a rep of dimension {self.axes} "
                "that moves the grid."
            )
        self.n = self.action.dim
        self._field_in, self._field_out = (GridField(rep, self.action) for rep in (self.rep_in, self.rep_out))
        self._seen = set[tuple[int, ...]]()

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
        """Have sizes that break the symmetry warned of, also if they were before."""
        self._seen.clear()

    def warn_of_sizes(
        self, x: Tensor, along: Sequence[tuple[int, ...]], left_over: Sequence[int] = (), remedy: str = ""
    ) -> None:
        """Warn, once for each size, if samples do not lie about the middle, or not alike along axes that are exchanged.

        Args:
            x: the input.
            along: for each axis of space what the layer does along it.
            left_over: for each axis of space how many pixels no sample reaches on one of the two sides; none if empty.
            remedy: what to do about these, as a sentence.
        """
        if torch.compiler.is_compiling() or is_tracing():
            return
        if not any(left_over) and all(one == along[0] for one in along):
            return
        sizes = tuple(int(size) for size in plain_shape(x)[-self.n :])  # symbols, where operations are recorded
        if sizes in self._seen:
            return
        self._seen.add(sizes)
        turned, exchanged = self._field_in.moved_axes(sizes)
        beside = [axis for axis in turned if left_over and left_over[axis]]
        unlike = sorted({axis for pair in exchanged if along[pair[0]] != along[pair[1]] for axis in pair})
        if unlike:
            self._warn(sizes, unlike, "it does different things", "Give all of them the same sizes and strides.")
        elif beside:
            self._warn(sizes, beside, "its samples do not lie about the middle", remedy)

    def _warn(self, sizes: tuple[int, ...], axes: Sequence[int], fault: str, remedy: str) -> None:
        warnings.warn(
            f"{self!r} is not exactly equivariant on a grid of {' × '.join(map(str, sizes))}: along axis "
            f"{' and '.join(str(axis + 1) for axis in axes)} of space {fault}, so that turns and mirrors move its "
            f"samples. {remedy}",
            InexactGridWarning,
            stacklevel=6,
        )


def for_each_axis(value: int | Sequence[int], n: int, name: str, least: int = 0) -> tuple[int, ...]:
    """A number for each axis of space, given one for all or a sequence; `ArgumentError` for anything else."""
    given = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * n
    values = tuple(int(v) if isinstance(v, np.integer) else v for v in given)
    if len(values) != n or any(not isinstance(v, int) or isinstance(v, bool) or v < least for v in values):
        raise ArgumentError(
            f"{name} is an integer from {least} on, or one for each of {n} axes of space, but got {value!r}."
        )
    return values


def spacing_of_axes(spacing: float | Sequence[float], n: int) -> tuple[float, ...]:
    """The distance of pixels along each axis of space, given one for all or a sequence, an array or a tensor."""
    values = spacing if isinstance(spacing, Sequence) else np.asarray(spacing).tolist()
    steps = tuple(values) if isinstance(values, Sequence) else (values,) * n
    if len(steps) != n or not all(isinstance(step, Real) and 0 < float(step) < math.inf for step in steps):
        raise ArgumentError(
            f"The spacing of pixels is a positive number, or one for each of {n} axes of space, but got {spacing!r}."
        )
    return tuple(float(step) for step in steps)


def widened(function: Callable[..., Tensor], x: Tensor, *arguments: Any) -> Tensor:
    """What one of torch's functions makes of a grid; by way of float32 for half precision, which CPUs partly lack."""
    if x.device.type != "cpu" or x.dtype not in (torch.float16, torch.bfloat16):
        return function(x, *arguments)
    return function(x.float(), *arguments).to(x.dtype)
