"""A nonlinearity that mixes irreps: on the values of functions, for SO(2) and O(2)."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.nn.module import EquivariantModule, Function, gain, in_double
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.reps.fourier_grids import FourierGrid, circle_grid, group_grid


class FourierActivation(EquivariantModule):
    """Features as functions on the circle or the group: sample, apply φ to the values, transform back.

    The features are c functions up to a degree L, `c x (0 + 1 + … + L)` for SO(2), `c x (0e + 1 + … + L)` for O(2) (on
    the circle) or `c x (0e + 0o + 2·1 + … + 2·L)` (on the group O(2)). φ is rescaled to unit variance. Since φ acts on
    values, frequencies mix: this is what makes a network of SO(2) see flips, for example.

    The map is exactly equivariant for φ a polynomial of degree up to `exact_degree`, and for every φ under the
    rotations of the grid. For any other φ and rotation `error_bound` bounds the error.

    Args:
        rep_in: c functions up to degree L, as above.
        rep_out: c functions of the same kind up to a degree L'; default rep_in.
        activation: φ.
        exact_degree: how fine to sample: `exact_degree · L + L' + 1` angles.

    Raises `ArgumentError` for reps of another form or group.

    >>> from intertwine.catalog import O2
    >>> layer = FourierActivation(O2.rep("8x0e + 8x1 + 8x2"))
    >>> layer(torch.randn(5, 40)).shape
    torch.Size([5, 40])
    """

    synthesis: Tensor
    analysis: Tensor

    def __init__(
        self,
        rep_in: Rep | Irrep,
        rep_out: Rep | Irrep | None = None,
        activation: Function = F.silu,
        exact_degree: int = 32,
    ) -> None:
        rep_in = as_rep(rep_in)
        super().__init__(rep_in, rep_in if rep_out is None else rep_out)
        kind_in, kind_out = _functions(self.rep_in), _functions(self.rep_out)
        if kind_in.channels != kind_out.channels or kind_in.on_group != kind_out.on_group:
            raise ArgumentError(
                f"FourierActivation keeps the number and kind of functions, but {self.rep_in} holds {kind_in.channels} "
                f"functions on the {kind_in.space} and {self.rep_out} {kind_out.channels} on the {kind_out.space}."
            )
        self.channels, self.degrees = kind_in.channels, (kind_in.degree, kind_out.degree)
        self.exact_degree = max(int(exact_degree), 2)
        self.samples = self.exact_degree * max(self.degrees) + self.degrees[1] + 1
        self.activation, self.gain = activation, gain(activation)
        self.register_table("synthesis", kind_in.grid(self.samples).synthesis)
        self.register_table("analysis", kind_out.grid(self.samples).analysis)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        functions = x.reshape((*x.shape[:-1], self.rep_in.dim // self.channels, self.channels))
        values = self.activation(self.synthesis.to(x.dtype) @ functions) * self.gain
        return (self.analysis.to(x.dtype) @ values).reshape((*x.shape[:-1], self.rep_out.dim))

    def error_bound(self, amplitude: float) -> float:
        """A bound on `|f(ρ(g) x) − ρ(g) f(x)|₂` per function, while the sampled values stay within ± amplitude.

        A polynomial q of degree `exact_degree` passes exactly. If |φ − q| ≤ ε on the interval, both sides of the
        equation are within √d ε of those of q, where d is the number of coefficients of a function; so the bound is
        2 √d ε. Here q interpolates φ at Chebyshev nodes and ε is measured on 20 001 points.

        Args:
            amplitude: a bound on |synthesis @ x|; a function with coefficients x has values up to |x|₂.
        """
        d = self.rep_out.dim // self.channels
        return 2 * math.sqrt(d) * self.gain * _polynomial_error(self.activation, self.exact_degree, float(amplitude))

    def resampled(self, samples: int) -> FourierActivation:
        """A copy that samples another number of angles: as many show what aliasing costs.

        Raises `ArgumentError` for fewer angles than the degrees need.

        >>> from intertwine.catalog import SO2
        >>> FourierActivation(SO2.rep("1x0 + 1x1"), exact_degree=2).resampled(12)
        FourierActivation(1x0 + 1x1 → 1x0 + 1x1, SO(2), 12 angles)
        """
        twin = copy.deepcopy(self)
        twin.samples, twin.exact_degree = samples, (samples - self.degrees[1] - 1) // max(*self.degrees, 1)
        kind_in, kind_out = _functions(self.rep_in), _functions(self.rep_out)
        twin.register_table("synthesis", kind_in.grid(samples).synthesis)
        twin.register_table("analysis", kind_out.grid(samples).analysis)
        return twin.to(self.synthesis)

    def extra_repr(self) -> str:
        """The functions and the samples."""
        return f"{super().extra_repr()}, {self.samples} angles"


class _Functions:
    """How a rep reads as functions on the circle or the group."""

    def __init__(self, rep: Rep, channels: int, degree: int, on_group: bool) -> None:
        self.rep, self.channels, self.degree, self.on_group = rep, channels, degree, on_group
        self.space = "group" if on_group else "circle"

    def grid(self, samples: int) -> FourierGrid:
        return (group_grid if self.on_group else circle_grid)(self.rep.group, self.degree, samples)


def _functions(rep: Rep) -> _Functions:
    """The reading of a rep, or `ArgumentError` if it holds no such functions."""
    group = rep.group
    if group.dim == 2 and group.is_full and rep.terms and all(isinstance(block, Irrep) for _, block in rep.terms):
        channels, degree = rep.terms[0][0], rep.degree
        for make, on_group in ((circle_grid, False), (group_grid, True)):
            if channels * make(group, degree, 2 * degree + 1).rep == rep:
                return _Functions(rep, channels, degree, on_group)
    raise ArgumentError(
        f"FourierActivation takes functions on the circle or on O(2), but got the rep {rep} of {group}. Use one such "
        "as 8x0 + 8x1 + 8x2 of SO(2), 8x0e + 8x1 + 8x2 or 8x0e + 8x0o + 16x1 of O(2)."
    )


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
