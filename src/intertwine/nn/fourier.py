"""A nonlinearity that mixes irreps: on the values of functions on directions, groups and quotients."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.nn.module import EquivariantModule, Function, gain, in_double
from intertwine.reps import HomogeneousSpace, Irrep, Rep, as_rep
from intertwine.reps.fourier_grids import FourierGrid, direction_grid, group_grid, space_grid

EXACT_DEGREE = {2: 32}
"""How fine planar groups are sampled where nothing is said. Others take 4: samples grow like a power of it."""


class FourierActivation(EquivariantModule):
    """Features as functions: sample, apply φ to the values, transform back.

    The features are c functions up to a degree L. Read from the rep are

    - functions of the direction, for SO(2), O(2), SO(3) and O(3): each irrep of the harmonics c times, such as
      `c x (0e + 1 + … + L)` of O(2) and `c x (0 + 1 + … + L)` of SO(3), functions on the sphere;
    - functions on the group, for every group: each irrep c times its dimension, over the real dimension of what
      commutes with it, such as `c x (0 + 3·1 + 5·2)` of SO(3); for a finite group all of its functions.

    Others, on a quotient G/H, are said by `space`. φ is rescaled to unit variance. Since φ acts on values, irreps mix:
    this is what makes a network of SO(2) see flips, for example.

    The map is exactly equivariant for φ a polynomial of degree up to `exact_degree`, for every φ under the elements
    that map the grid of samples to itself, and for every φ and element of a finite group with all its functions. For
    any other `error_bound` bounds the error.

    Args:
        rep_in: c functions up to degree L, as above.
        rep_out: c functions of the same kind up to a degree L'; default rep_in.
        activation: φ.
        exact_degree: how fine to sample: averages of degree `exact_degree · L + L'` are exact. Default 32 for groups of
            the plane and 4 for others, whose samples are many more.
        space: functions on G/H with an invariant fibre of dimension 1, in place of the above.

    Raises `ArgumentError` for reps of another form.

    Source: Cohen et al. 2018 (arXiv:1801.10130), de Haan et al. 2021 (arXiv:2003.05425).

    >>> from intertwine.catalog import O2, SO3
    >>> layer = FourierActivation(O2.rep("8x0e + 8x1 + 8x2"))
    >>> layer(torch.randn(5, 40)).shape
    torch.Size([5, 40])
    >>> FourierActivation(SO3.harmonics(2))  # on the sphere
    FourierActivation(1x0 + 1x1 + 1x2 → 1x0 + 1x1 + 1x2, SO(3), 66 samples)
    """

    synthesis: Tensor
    analysis: Tensor

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep | None = None,
        activation: Function = F.silu,
        exact_degree: int | None = None,
        *,
        space: HomogeneousSpace | None = None,
    ) -> None:
        rep_in = as_rep(rep_in)
        super().__init__(rep_in, rep_in if rep_out is None else rep_out)
        kind_in, kind_out = _functions(self.rep_in, space), _functions(self.rep_out, space)
        if kind_in.channels != kind_out.channels or kind_in.name != kind_out.name:
            raise ArgumentError(
                f"FourierActivation keeps the number and kind of functions, but {self.rep_in} holds {kind_in.channels} "
                f"functions {kind_in.name} and {self.rep_out} {kind_out.channels} {kind_out.name}."
            )
        finest = EXACT_DEGREE.get(rep_in.group.dim, 4) if exact_degree is None else int(exact_degree)
        self.channels, self.degrees = kind_in.channels, (kind_in.degree, kind_out.degree)
        self.exact_degree = max(finest, 2)
        self.samples = self.exact_degree * max(self.degrees) + self.degrees[1] + 1
        self.activation, self.gain = activation, gain(activation)
        self.space = space
        self._sample()

    def _sample(self) -> None:
        """Make the tables for the number of samples."""
        kind_in, kind_out = _functions(self.rep_in, self.space), _functions(self.rep_out, self.space)
        self.register_table("synthesis", kind_in.grid(self.samples).synthesis)
        self.register_table("analysis", kind_out.grid(self.samples).analysis)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        functions = x.reshape((*x.shape[:-1], self.rep_in.dim // self.channels, self.channels))
        values = self.activation(self.synthesis.to(x.dtype) @ functions) * self.gain
        return (self.analysis.to(x.dtype) @ values).reshape((*x.shape[:-1], self.rep_out.dim))

    @property
    def is_exact(self) -> bool:
        """Whether every φ passes exactly: on all points of a finite space, whose grid the group maps to itself."""
        return self.rep_in.group.is_finite

    def error_bound(self, amplitude: float) -> float:
        """A bound on `|f(ρ(g) x) − ρ(g) f(x)|₂` per function, while the sampled values stay within ± amplitude.

        A polynomial q of degree `exact_degree` passes exactly. If |φ − q| ≤ ε on the interval, both sides of the
        equation are within √d ε of those of q, where d is the number of coefficients of a function; so the bound is
        2 √d ε. Here q interpolates φ at Chebyshev nodes and ε is measured on 20 001 points.

        Args:
            amplitude: a bound on |synthesis @ x|; a function with coefficients x has values up to |x|₂.
        """
        if self.is_exact:
            return 0.0
        d = self.rep_out.dim // self.channels
        return 2 * math.sqrt(d) * self.gain * _polynomial_error(self.activation, self.exact_degree, float(amplitude))

    def resampled(self, samples: int) -> FourierActivation:
        """A copy that samples another number of angles: many of them show what aliasing costs.

        Raises `ArgumentError` for fewer than the degrees need.

        >>> from intertwine.catalog import SO2
        >>> FourierActivation(SO2.rep("1x0 + 1x1"), exact_degree=2).resampled(12)
        FourierActivation(1x0 + 1x1 → 1x0 + 1x1, SO(2), 12 samples)
        """
        twin = copy.deepcopy(self)
        twin.samples, twin.exact_degree = samples, (samples - self.degrees[1] - 1) // max(*self.degrees, 1)
        twin._sample()
        return twin.to(self.synthesis)

    def extra_repr(self) -> str:
        """The functions and the samples."""
        return f"{super().extra_repr()}, {self.analysis.shape[1]} samples"


class _Functions:
    """How a rep reads as functions."""

    def __init__(self, channels: int, degree: int, name: str, make: Callable[[int, int], FourierGrid]) -> None:
        self.channels, self.degree, self.name, self.make = channels, degree, name, make

    def grid(self, samples: int) -> FourierGrid:
        """The functions sampled."""
        return self.make(self.degree, samples)


def _functions(rep: Rep, space: HomogeneousSpace | None) -> _Functions:
    """The reading of a rep, or `ArgumentError` if it holds no such functions."""
    group, degree = rep.group, rep.degree
    if space is not None:
        kinds = [(f"on {space.group}/{space.subgroup.name}", partial(space_grid, space))]
    else:
        kinds = [("of the direction", partial(direction_grid, group))] if _moves_all_directions(group) else []
        kinds += [("on the group", partial(group_grid, group))]
    if rep.terms and all(isinstance(block, Irrep) for _, block in rep.terms):
        for name, make in kinds:
            single = make(degree, 2 * degree + 1).rep
            channels = rep.dim // single.dim
            if channels and channels * single == rep:
                return _Functions(channels, degree, name, make)
    examples = ", or ".join(f"{make(2, 5).rep} ({name})" for name, make in kinds)
    raise ArgumentError(
        f"FourierActivation takes c functions up to a degree, but got the rep {rep} of {group}. Up to degree 2 one is "
        f"{examples}."
    )


def _moves_all_directions(group: Group) -> bool:
    """Whether a group takes every direction of the plane or of space to every other."""
    return not group.is_finite and group.is_full and group.dim in (2, 3)


def _polynomial_error(function: Function, degree: int, amplitude: float) -> float:
    """max |φ − q| on [−a, a] for the polynomial q that interpolates φ at Chebyshev nodes."""
    chebyshev, function = np.polynomial.chebyshev, in_double(function)

    def values(z: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(function(torch.from_numpy(amplitude * z)).numpy())

    nodes = chebyshev.chebpts1(degree + 1)
    polynomial = chebyshev.chebfit(nodes, values(nodes), degree)
    z = np.linspace(-1, 1, 20001)
    return float(np.abs(values(z) - chebyshev.chebval(z, polynomial)).max())
