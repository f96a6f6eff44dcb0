"""What all equivariant modules share."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError, ShapeError, UnreachableWarning
from intertwine.ops import TableModule
from intertwine.reps import Irrep, Rep, as_rep


class EquivariantModule(TableModule, ABC):
    """A module whose output moves with its input: `f(ρ_in(g) x) = ρ_out(g) f(x)`.

    Tensors in and out are plain, with channels on the last axis; `rep_in` and `rep_out` say what they mean.

    Args:
        rep_in: the rep of the (first) input.
        rep_out: the rep of the output.
    """

    def __init__(self, rep_in: Rep | Irrep, rep_out: Rep | Irrep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = as_rep(rep_in), as_rep(rep_out)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        """The reps of all positional inputs; None for one that the group leaves alone."""
        return (self.rep_in,)

    def example_inputs(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs for a batch, for `intertwine.testing`: normal numbers, float64."""
        return tuple(
            torch.randn(batch, rep.dim, generator=generator, dtype=torch.float64) for rep in self.reps_in if rep
        )

    def check(self, x: Tensor, rep: Rep, what: str = "features") -> None:
        """Raise `ShapeError`, with names, unless x has the rep's size on its last axis."""
        if x.ndim == 0 or x.shape[-1] != rep.dim:
            raise ShapeError(
                f"{type(self).__name__} takes {what} of the rep {rep} of {rep.group}, {rep.dim} numbers on the last "
                f"axis, but a tensor of shape {tuple(x.shape)} came. Check rep_out of the layer before, or call "
                "rep.join(blocks) to build such features."
            )

    def extra_repr(self) -> str:
        """The reps."""
        return f"{self.rep_in} → {self.rep_out}, {self.rep_in.group}"


def normal_parameter(size: int) -> nn.Parameter:
    """Weights `(size,)` drawn from the standard normal distribution: scales live in the plans."""
    return nn.Parameter(torch.randn(size))


def warn_unreachable(module: EquivariantModule, unreached: Sequence[tuple[int, Irrep]], hint: str) -> None:
    """Warn by name about outputs that no path leads to; raise `ArgumentError` if that is all of them."""
    if not unreached:
        return
    names = " + ".join(f"{m}x{irrep.label}" for m, irrep in unreached)
    text = f"{type(module).__name__}: no path leads from its inputs ({module.rep_in}) to {names}"
    if sum(m * irrep.dim for m, irrep in unreached) == module.rep_out.dim:
        raise ArgumentError(f"{text}, which is all of its output {module.rep_out}. {hint}")
    warnings.warn(f"{text}: these outputs stay zero. {hint}", UnreachableWarning, stacklevel=3)


def is_eager() -> bool:
    """Whether values may be looked at: not while compiling or exporting."""
    return not torch.compiler.is_compiling()


def check_finite(x: Tensor, what: str) -> None:
    """Raise `ShapeError`'s sibling for NaN or infinite numbers, outside of compiled code."""
    if is_eager() and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).sum())
        raise ArgumentError(f"The {what} hold {bad} numbers that are NaN or infinite. Remove or repair these points.")


def second_moment(function: object, dim: int = 1) -> float:
    """E[|f(x)|²] / dim for x of `dim` standard normal components, when f(x) = x s(|x|), s = `function`, dim > 1,
    or f = `function` itself, dim = 1 (any function of one number). By quadrature, to about 1e-7.
    """
    if not callable(function):
        raise ArgumentError(f"An activation is a function of a tensor, but {function!r} came.")
    if dim == 1:
        z = torch.linspace(-14, 14, 28001, dtype=torch.float64)
        density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return float(torch.trapezoid(function(z) ** 2 * density, z))
    n = torch.linspace(0, 14 + math.sqrt(dim), 28001, dtype=torch.float64)
    density = n ** (dim - 1) * torch.exp(-n * n / 2)
    return float(torch.trapezoid((n * function(n)) ** 2 * density, n) / torch.trapezoid(density, n)) / dim
