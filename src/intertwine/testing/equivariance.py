"""How far a function is from equivariance, under elements that move its tensors exactly and others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine.fields import Features, FieldType, GridField
from intertwine.groups import Group
from intertwine.reps import Rep
from intertwine.testing.models import (
    IN_CALL,
    Kind,
    as_output,
    check_inputs,
    copied,
    evaluating,
    field_types,
    first_run,
    in_order,
    make_inputs,
)


class Defect(float):
    """How far a model is from equivariance: the largest error, a number, that knows what the pixels have to do with it.

    Attributes:
        exact: the largest error under elements that move all tensors exactly, all of them where nothing is a grid.
        floor: what interpolation between pixels alone does: the largest change of an input or output that is moved
            there and back, relative to its size; 0 where no element needs it. An error as large as this says nothing.
    """

    exact: float
    floor: float

    def __new__(cls, error: float, exact: float, floor: float) -> Defect:
        """The number with both parts of it."""
        self = super().__new__(cls, error)
        self.exact, self.floor = exact, floor
        return self

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        return float(self), self.exact, self.floor

    def __str__(self) -> str:
        if not self.floor:
            return float.__repr__(self)
        return (
            f"{float(self):.1e}, where moving there and back between pixels changes them by {self.floor:.1e}; "
            f"{self.exact:.1e} under elements that map the grid to itself"
        )

    __repr__ = __str__


def equivariance_error(
    module: Callable[..., Tensor],
    inputs: Any = None,
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    samples: int = 8,
    seed: int = 0,
) -> Defect:
    """How far a function is from `f(ρ_in(g) x) = ρ_out(g) f(x)`: the largest defect over the largest output.

    Tried on the generators of the group and on random elements, `max |f(ρ_in(g) x) − ρ_out(g) f(x)| / max |f(x)|`.
    About 1e-7 is rounding in float32, 1e-15 in float64; 1 is no equivariance at all.

    A rep means features on the last axis. What lies otherwise has a field type (`intertwine.fields`): images and
    volumes, points, edges. On a grid all elements that map it to itself are tried too. The others move values between
    pixels, with an error of the pixels' own: the answer names it as its `floor`, beside `exact` without it.

    A module is tried in eval mode, all its parts, and left as it was: no running statistic moves, and dropout, whose
    noise is another in every call, is off. A function is called as it is, with whatever modules it holds.

    Args:
        module: a module of `intertwine.nn`, or any function of tensors.
        inputs: the inputs to try; default random ones, in the dtype of the parameters. They may be left out:
            `equivariance_error(model, field_in, field_out)`.
        reps_in: the reps or field types of the inputs, None for one that nothing moves; default `module.fields_in`
            or `module.reps_in`.
        rep_out: the rep or field type of the output, of the same group; default `module.field_out` or
            `module.rep_out`.
        samples: the number of random elements.
        seed: for random inputs and elements.

    Returns:
        The error, a float with the attributes `exact` and `floor`.

    Raises `ArgumentError` if the reps are not known, `RepMismatchError` if they belong to different groups, and
    `ShapeError` if an input or the output has not the size of its rep.

    >>> from intertwine.catalog import O3, dihedral
    >>> from intertwine.fields import GridField
    >>> from intertwine.nn import Linear
    >>> equivariance_error(Linear(O3.rep("2x0e + 3x1o"), O3.rep("1x0e + 1x1o")).double()) < 1e-12
    True
    >>> blur = torch.nn.AvgPool2d(3, 1, padding=1)
    >>> image = GridField(dihedral(4).rep("2x0e"))
    >>> equivariance_error(blur, image, image) < 1e-12
    True
    """
    inputs, reps_in, rep_out = in_order(inputs, reps_in, rep_out)
    fields, out = field_types(module, reps_in, rep_out, IN_CALL)
    values = make_inputs(module, inputs, fields, seed, "Pass inputs=….")
    check_inputs(module, values, fields)
    moving = [(field, x) for field, x in zip(fields, values, strict=True) if field.group is not None]

    def output(given: Sequence[Any]) -> Tensor:  # copies, since a function may write into its inputs
        return as_output(module, module(*map(copied, given)), out).detach()

    with evaluating(module):  # with gradients, which a model may take itself, of energies for forces
        with first_run(module, inputs, values):
            reference = output(values)
        size, exact, between, floor = largest(reference), 0.0, 0.0, 0.0
        moving.append((out, reference))
        for g in elements_to_try(moving, samples, seed):
            moved = output([field.act(g, x) for field, x in zip(fields, values, strict=True)])
            expected = out.act(g, reference)
            if moved.shape != expected.shape or not torch.isfinite(moved).all():
                return Defect(math.inf, math.inf, floor)
            error = largest(moved - expected) / (size or 1.0)
            if is_exact(moving, g):
                exact = max(exact, error)
            else:
                between, floor = max(between, error), max(floor, resampling_error(moving, g))
    return Defect(max(exact, between), exact, floor)


def is_exact(tensors: Sequence[tuple[FieldType, Tensor]], g: np.ndarray) -> bool:
    """Whether an element moves all these tensors without any error of their grids."""
    return all(field.is_exact(g, tuple(x.shape)) for field, x in tensors)


def elements_to_try(tensors: Sequence[tuple[FieldType, Tensor]], samples: int = 8, seed: int = 0) -> np.ndarray:
    """Elements to try a law on, `(k, n, n)`: generators, random ones, and those that map every grid to itself."""
    group = next(field.group for field, _ in tensors if field.group is not None)
    kept = [field.exact_elements(tuple(x.shape)) for field, x in tensors if isinstance(field, GridField)]
    return np.concatenate([*kept[:1], law_elements(group, samples, seed)])


def resampling_error(tensors: Sequence[tuple[FieldType, Tensor]], g: np.ndarray) -> float:
    """How much moving by g and back changes grids, relative to their size: an error of their pixels alone."""
    back = np.linalg.inv(g)
    pairs = [(x, field.act(back, field.act(g, x))) for field, x in tensors if isinstance(field, GridField)]
    return max((largest(y - x) / (largest(x) or 1.0) for x, y in pairs), default=0.0)


def law_elements(group: Group, samples: int = 8, seed: int = 0) -> np.ndarray:
    """Elements to try a law on: the generators and random ones, `(k, dim, dim)`."""
    return np.concatenate([group.generators, group.sample(samples, seed)])


def act(rep: Rep, g: np.ndarray, x: Tensor) -> Tensor:
    """ρ(g) x for one element `(n, n)` and features `(..., dim)`, in the dtype of x."""
    return Features(rep).act(g, x)


def largest(x: Tensor) -> float:
    """The largest entry in absolute value, infinite where there is NaN, 0 if there is none."""
    if not x.numel():
        return 0.0
    return float(x.detach().abs().max()) if bool(torch.isfinite(x).all()) else math.inf
