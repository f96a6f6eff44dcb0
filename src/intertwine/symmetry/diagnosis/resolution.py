"""Whether an error of a sampled model is aliasing, which more samples cure, or real."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import for_json
from intertwine.errors import ArgumentError
from intertwine.testing import equivariance_error
from intertwine.testing.models import Kind, cast, field_types, in_order, make_inputs

VANISHED = 1e-12
"""Errors below this, in float64, no longer say how fast they fall."""


@dataclass(frozen=True)
class ResolutionLadder:
    """The equivariance error of a model at several numbers of samples, in float64.

    Args:
        resolutions: the numbers of samples N.
        errors: the errors.
    """

    resolutions: tuple[int, ...]
    errors: tuple[float, ...]

    @property
    def slope(self) -> float | None:
        """p of the fit `error ∝ N^−p`, least squares of logarithms; None for fewer than two errors above rounding."""
        pairs = [(n, e) for n, e in zip(self.resolutions, self.errors, strict=True) if VANISHED < e < math.inf]
        if len(pairs) < 2:
            return None
        n, e = np.log(np.array(pairs)).T
        return float(-np.polyfit(n, e, 1)[0])

    @property
    def exact(self) -> bool:
        """Whether there is nothing but rounding at every resolution."""
        return max(self.errors) <= VANISHED

    @property
    def aliasing(self) -> bool:
        """Whether the error falls with the resolution: it halves, at least, with four times the samples."""
        if self.exact or not all(map(math.isfinite, self.errors)):
            return False
        return self.errors[-1] <= VANISHED or (self.slope is not None and self.slope > 0.5)

    def needed(self, error: float) -> int | None:
        """The number of samples at which the fit reaches an error; None where it does not fall."""
        if not self.aliasing or self.slope is None:
            return next((n for n, e in zip(self.resolutions, self.errors, strict=True) if e <= error), None)
        pairs = [(n, e) for n, e in zip(self.resolutions, self.errors, strict=True) if e > VANISHED]
        n, e = pairs[-1]
        return n if e <= error else math.ceil(round(n * (e / error) ** (1 / self.slope), 6))

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return for_json(self, "resolutions", "errors", "slope", "aliasing")

    def __str__(self) -> str:
        shown = ", ".join(f"{e:.1e}" for e in self.errors)
        numbers = f"N = {', '.join(map(str, self.resolutions))}: {shown}"
        if self.exact:
            return f"exact at every resolution ({numbers})"
        if not self.aliasing:
            return f"real: the error does not fall with the number of samples ({numbers})"
        speed = "vanishes" if self.slope is None else f"falls like N^−{self.slope:.1f}"
        return f"aliasing: the error {speed} with the number of samples ({numbers})"


def resolution_ladder(
    build: Callable[[int], Callable[..., Tensor]],
    resolutions: Sequence[int],
    batch: Any = None,
    reps_in: Sequence[Kind] | Kind = None,
    rep_out: Kind = None,
    *,
    samples: int = 8,
    seed: int = 0,
) -> ResolutionLadder:
    """The equivariance error at several resolutions: an error that falls is aliasing, one that does not is real.

    Nonlinearities on samples of a function (Fourier, spherical grids, images) make frequencies that the samples cannot
    tell apart. If the k-th derivative of the nonlinearity jumps, they fall, and the error with them, like a power of N.

    Args:
        build: from a number of samples N to the model. Where state dicts fit, all models get the weights of the first.
        resolutions: the numbers of samples, at least two, rising.
        batch, reps_in, rep_out, samples, seed: as for `equivariance_report`; the same inputs for all resolutions. Grids
            are moved by the elements that map them to themselves.

    Raises `ArgumentError` for resolutions that do not rise, and the errors of `intertwine.testing.equivariance_error`.

    >>> from intertwine.catalog import SO2
    >>> from intertwine.nn import FourierActivation
    >>> layer = FourierActivation(SO2.rep("4x0 + 4x1 + 4x2"), activation=nn.functional.elu)
    >>> resolution_ladder(layer.resampled, (8, 16, 32, 64)).aliasing
    True
    """
    numbers = tuple(map(int, resolutions))
    if len(numbers) < 2 or any(b <= a for a, b in pairwise(numbers)):
        raise ArgumentError(f"Resolutions are at least two rising numbers of samples, but got {resolutions!r}.")
    models = [_in_double(build(n)) for n in numbers]
    for model in models[1:]:
        _take_weights(models[0], model)
    batch, reps_in, rep_out = in_order(batch, reps_in, rep_out)
    fields, out = field_types(models[0], reps_in, rep_out)
    values = [cast(x, torch.float64) for x in make_inputs(models[0], batch, fields, seed, "Pass batch=….")]
    errors = [equivariance_error(model, values, fields, out, samples=samples, seed=seed).exact for model in models]
    return ResolutionLadder(numbers, tuple(errors))


def _in_double(model: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return copy.deepcopy(model).double() if isinstance(model, nn.Module) else model


def _take_weights(source: object, target: object) -> None:
    """Load the weights of one module into another where all names and shapes agree."""
    if not (isinstance(source, nn.Module) and isinstance(target, nn.Module)):
        return
    theirs, ours = source.state_dict(), target.state_dict()
    if {k: v.shape for k, v in theirs.items()} == {k: v.shape for k, v in ours.items()}:
        target.load_state_dict(theirs)


def layer_ladder(layer: nn.Module, inputs: Sequence[Any]) -> ResolutionLadder | None:
    """The ladder of a layer that can be sampled otherwise: one with a number `samples` and a method `resampled(N)`."""
    resampled, count = getattr(layer, "resampled", None), getattr(layer, "samples", None)
    if not callable(resampled) or not isinstance(count, int):
        return None
    return resolution_ladder(resampled, tuple(count * k for k in (1, 2, 4, 8)), inputs)
