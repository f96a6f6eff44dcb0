"""Functions of a distance: bases and cut-offs."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.ops import TableModule


def _key(function: nn.Module, **arguments: float) -> str | None:
    """What a basis or a cut-off of this file is: those with the same key are the same functions.

    Those of users have none, unless they set one: nobody else knows what they depend on.
    """
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{type(function).__name__}({given})" if type(function).__module__ == __name__ else None


def _require_distance(cutoff: float) -> None:
    if not 0 < cutoff < math.inf:
        raise ArgumentError(f"A cutoff is a positive distance, but got {cutoff!r}.")


class RadialBasis(TableModule, ABC):
    """A few functions b_n of a distance r on [start, cutoff], in the unit of the coordinates, finite everywhere.

    Args:
        cutoff: the largest distance of interest.
        number: the number of functions.
        start: the smallest one, or any number where functions are of something else, such as an energy.

    Raises `ArgumentError` for a cutoff that is no positive distance and does not lie beyond the start, and for fewer
    functions than one.
    """

    key: str | None
    """What tells the functions from others, so that layers share their values; None for users', unless they set it."""

    mean_square: float = 1.0
    """About E[Σ_n b_n(r)²] for the distances r of points spread evenly over a ball of radius `cutoff`."""

    def __init__(self, cutoff: float, number: int, *, start: float = 0.0) -> None:
        super().__init__()
        if start == 0:
            _require_distance(cutoff)
        if not -math.inf < start < cutoff < math.inf:
            raise ArgumentError(f"An interval begins before it ends, but got [{start!r}, {cutoff!r}].")
        if number < 1:
            raise ArgumentError(f"A radial basis has at least one function, but {number!r} were asked for.")
        self.start, self.cutoff, self.number = float(start), float(cutoff), int(number)
        self.set_key()

    def set_key(self, **options: float) -> None:
        """State what the functions depend on beside the interval and their number."""
        self.key = _key(self, cutoff=self.cutoff, number=self.number, start=self.start, **options)

    @abstractmethod
    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""

    def extra_repr(self) -> str:
        """The interval and the number."""
        start = f"start={self.start:g}, " if self.start else ""
        return f"{start}cutoff={self.cutoff:g}, number={self.number}"


class _Spaced(RadialBasis, ABC):
    """Copies of one bump at equally spaced centres, from start to cutoff or, without the `ends`, between them.

    Args:
        cutoff, number, start: see `RadialBasis`.
        ends: whether the first and the last centre are the ends of the interval. Where bumps are no wider than the
            distance between centres, functions without `ends` vanish outside of the interval.
    """

    centres: Tensor

    def __init__(self, cutoff: float, number: int, *, start: float = 0.0, ends: bool = True) -> None:
        super().__init__(cutoff, number, start=start)
        grid = np.linspace(self.start, self.cutoff, self.number if ends else self.number + 2)
        self.ends = bool(ends)
        self.step = float(grid[1] - grid[0]) if len(grid) > 1 else self.cutoff - self.start
        self.register_table("centres", grid if ends else grid[1:-1])
        self.set_key(ends=self.ends)

    def _distance(self, r: Tensor) -> Tensor:
        """(r − centre) / step, `(..., number)`."""
        return (r[..., None] - self.centres.to(r.dtype)) / self.step


class CosineBasis(_Spaced):
    """`cosᵖ(π/2 · clip((r − c_i)/s, −1, 1))`: for p = 2 two or more add up to 1, for p = 1 their squares do.

    With p = 2, centres c_i from 0 to the cutoff, this is the basis of the founding tutorial. It is not a cut-off: the
    last function ends one step beyond, unless `ends=False`. With p = 1 it is e3nn's "cosine", which has kinks.

    Args:
        cutoff, number, start: see `RadialBasis`.
        ends: whether the first and the last centre are the ends of the interval; else all lie inside.
        power: p, 1 or 2.

    Raises `ArgumentError` for another power.

    >>> CosineBasis(3.0, 3)(torch.tensor([0.0, 1.5, 2.25]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.0000, 1.0000, 0.0000],
            [0.0000, 0.5000, 0.5000]])
    """

    def __init__(
        self, cutoff: float, number: int, *, start: float = 0.0, ends: bool = True, power: Literal[1, 2] = 2
    ) -> None:
        super().__init__(cutoff, number, start=start, ends=ends)
        if power not in (1, 2):
            raise ArgumentError(f"A cosine basis has the power 1 or 2, but got {power!r}.")
        self.power = power
        self.mean_square = 0.75 if power == 2 else 1.0
        self.set_key(ends=self.ends, power=power)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        d = self._distance(r)
        if self.power == 2:
            return (1 + torch.cos(math.pi * d.clamp(-1, 1))) / 2  # cos², and exactly 0 at ±1
        return torch.cos(math.pi / 2 * d.clamp(-1, 1)) * (d.abs() < 1).to(r.dtype)


class GaussianBasis(_Spaced):
    """`exp(−((r − c_i)/s)²) / 1.12` with centres from start to cutoff; the squares sum to about 1.

    Args:
        cutoff, number, start: see `RadialBasis`.
        ends: whether the first and the last centre are the ends of the interval; else all lie inside.

    >>> GaussianBasis(2.0, 3)(torch.tensor(1.0)).shape
    torch.Size([3])
    """

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        return torch.exp(-(self._distance(r) ** 2)) / 1.12


class SmoothFiniteBasis(_Spaced):
    """Bumps `1.14136 exp(2 − 1/(1 + d) − 1/(1 − d))`, |d| < 1, d = (r − c_i)/s: C^∞ and exactly 0 from the cutoff on.

    Centres lie inside the interval; the squares sum to about 1.

    Args:
        cutoff, number, start: see `RadialBasis`.
        ends: whether centres lie on the ends of the interval too: then it is no cut-off.

    >>> SmoothFiniteBasis(2.0, 4)(torch.tensor(1.3))
    tensor([0.0000, 0.0000, 0.9989, 0.0872])
    """

    def __init__(self, cutoff: float, number: int, *, start: float = 0.0, ends: bool = False) -> None:
        super().__init__(cutoff, number, start=start, ends=ends)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        d = self._distance(r)
        return 1.14136 * math.e**2 * unit_step(d + 1) * unit_step(1 - d)


class FourierBasis(RadialBasis):
    """`sin(nπt) / √(1/4 + number/2)`, n = 1 … number, t = (r − start)/(cutoff − start): waves that vanish outside.

    With `ends` it is the cosines n = 0 … number − 1, which do not vanish anywhere. The squares sum to about 1.

    Args:
        cutoff, number, start: see `RadialBasis`.
        ends: whether the functions are other than 0 on the ends of the interval, and beyond.

    >>> FourierBasis(2.0, 4)(torch.tensor(1.3))
    tensor([ 0.5940, -0.5393, -0.1043,  0.6340])
    """

    waves: Tensor

    def __init__(self, cutoff: float, number: int, *, start: float = 0.0, ends: bool = False) -> None:
        super().__init__(cutoff, number, start=start)
        self.ends = bool(ends)
        self.register_table("waves", np.arange(self.number) + (not ends))
        self.set_key(ends=self.ends)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        t = (r[..., None] - self.start) / (self.cutoff - self.start)
        z = math.pi * self.waves.to(r.dtype) * (t if self.ends else t.clamp(0, 1))
        scale = 1 / math.sqrt(0.25 + self.number / 2)
        return scale * (z.cos() if self.ends else z.sin() * ((t > 0) & (t < 1)).to(r.dtype))


class BesselBasis(RadialBasis):
    """`√(2/c) sin(nπx/c) / x`, n = 1 … number: the radial waves that vanish at the cutoff, finite at x = 0.

    x = r − start and c = cutoff − start are the distance and the cut-off, counted from the start.

    Args:
        cutoff, number, start: see `RadialBasis`.
        learned: whether the numbers n are learned; then only a cut-off makes the functions vanish at the cutoff.

    Source: Gasteiger, Groß, Günnemann 2020 (arXiv:2003.03123).

    >>> BesselBasis(2.0, 2)(torch.tensor([0.0])).round(decimals=4)  # nπ/c · √(2/c)
    tensor([[1.5708, 3.1416]])
    """

    waves: Tensor

    def __init__(self, cutoff: float, number: int, *, start: float = 0.0, learned: bool = False) -> None:
        super().__init__(cutoff, number, start=start)
        self.length = self.cutoff - self.start
        waves = np.arange(1, self.number + 1) / self.length
        self.mean_square = 3 * self.number / self.length**3
        if self.start:
            x = self.length * (np.arange(4096)[:, None] + 0.5) / 4096
            squares = 2 / self.length * ((np.sin(np.pi * waves * x) / x) ** 2).sum(1)
            self.mean_square = float(np.average(squares, weights=(x[:, 0] + self.start) ** 2))
        if learned:  # then modules with the same arguments differ
            self.waves, self.key = nn.Parameter(torch.tensor(waves, dtype=torch.get_default_dtype())), None
        else:
            self.register_table("waves", waves)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        x = r[..., None] - self.start if self.start else r[..., None]
        waves = math.pi * self.waves.to(r.dtype)
        inside = x < self.length
        near = torch.where(inside, x, 0.0)  # no infinite lengths, as those in float16 may be
        return math.sqrt(2 / self.length) * waves * inside * _sinc(waves * near)


def _sinc(z: Tensor) -> Tensor:
    """sin(z) / z with all derivatives finite at 0, where those of `torch.sinc` from the second on are not."""
    small = z.abs() < 0.1
    square = torch.where(small, z * z, torch.zeros_like(z))
    series = 1 - square * (1 / 6 - square * (1 / 120 - square * (1 / 5040 - square / 362880)))
    safe = torch.where(small, torch.ones_like(z), z)
    return torch.where(small, series, torch.sin(safe) / safe)


def unit_step(x: Tensor) -> Tensor:
    """`exp(−1/x)` for x > 0 and 0 else: infinitely smooth, every derivative finite.

    Exactly 0 already where exp(−1/x) is too small for the dtype, so that no derivative divides by a tiny x.
    """
    inside = x > -1 / math.log(torch.finfo(x.dtype).tiny)
    safe = torch.where(inside, x, torch.ones_like(x))
    return torch.where(inside, torch.exp(-1 / safe), torch.zeros_like(x))


class Cutoff(nn.Module, ABC):
    """A function of the distance that falls from 1 to 0 at the cutoff.

    Args:
        cutoff: the distance from which on it is 0.
    """

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        _require_distance(cutoff)
        self.cutoff = float(cutoff)
        self.key = _key(self, cutoff=self.cutoff)

    @abstractmethod
    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""


class CosineCutoff(Cutoff):
    """`(1 + cos(π r/c)) / 2` below the cutoff c (Behler & Parrinello 2007); continuously differentiable.

    >>> CosineCutoff(2.0)(torch.tensor([0.0, 1.0, 2.0]))
    tensor([1.0000, 0.5000, 0.0000])
    """

    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""
        return (1 + torch.cos(math.pi * (r / self.cutoff).clamp(0, 1))) / 2


class PolynomialCutoff(Cutoff):
    """`1 − (p+1)(p+2)/2 u^p + p(p+2) u^(p+1) − p(p+1)/2 u^(p+2)`, u = r/c: twice continuously differentiable at c.

    Source: Gasteiger, Groß, Günnemann 2020 (arXiv:2003.03123).

    Args:
        cutoff: the distance from which on it is 0.
        power: p, at least 2.

    Raises `ArgumentError` for a smaller power.

    >>> PolynomialCutoff(2.0)(torch.tensor([0.0, 2.0]))
    tensor([1., 0.])
    """

    def __init__(self, cutoff: float, power: int = 6) -> None:
        super().__init__(cutoff)
        if power < 2:
            raise ArgumentError(f"A polynomial cut-off has a power of at least 2, but got {power!r}.")
        self.power = power
        self.key = _key(self, cutoff=self.cutoff, power=power)

    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""
        p, u = self.power, (r / self.cutoff).clamp(0, 1)
        v = 1 - u  # in powers of u alone, numbers up to 48 would leave 0 at the cut-off, with errors of that size
        return 1 - u**p * (1 + p * v * (1 + (p + 1) / 2 * v))


class XplorCutoff(Cutoff):
    """1 below the onset o, `t² (3 − 2 t)`, t = (c² − r²) / (c² − o²), to the cutoff c; continuously differentiable.

    Source: the program XPLOR, Brünger 1992; what published SevenNets use.

    Args:
        cutoff: the distance from which on it is 0.
        onset: the distance up to which it is 1.

    Raises `ArgumentError` for an onset that does not lie between 0 and the cutoff.

    >>> XplorCutoff(2.0, 1.0)(torch.tensor([1.0, 1.5, 2.0]))
    tensor([1.0000, 0.6238, 0.0000])
    """

    def __init__(self, cutoff: float, onset: float) -> None:
        super().__init__(cutoff)
        if not 0 <= onset < cutoff:
            raise ArgumentError(f"A cut-off begins to fall between 0 and {cutoff!r}, but got {onset!r}.")
        self.onset = float(onset)
        self.key = _key(self, cutoff=self.cutoff, onset=self.onset)

    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""
        end, begin = self.cutoff**2, self.onset**2
        t = (end - (r * r).clamp(begin, end)) / (end - begin)
        return t * t * (3 - 2 * t)


class SmoothCutoff(Cutoff):
    """`exp(1 − 1/(1 − (r/c)²))`: infinitely smooth, 1 at 0, exactly 0 from the cutoff c on.

    >>> SmoothCutoff(1.0)(torch.tensor([0.0, 1.0]))
    tensor([1., 0.])
    """

    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""
        return math.e * unit_step(1 - (r / self.cutoff) ** 2)


class EnvelopedBasis(RadialBasis):
    """A basis times a cut-off, `c(r) b_n(r)`: a network of it without biases, which gives 0 for 0, ends smoothly too.

    Args:
        basis: the functions b_n, of distances from 0.
        envelope: the cut-off c.

    Attributes:
        mean_square: E[Σ_n c(r)² b_n(r)²] for distances spread evenly from 0 to the cutoff.

    >>> EnvelopedBasis(BesselBasis(2.0, 2), PolynomialCutoff(2.0))(torch.tensor([2.0]))
    tensor([[0., 0.]])
    """

    def __init__(self, basis: RadialBasis, envelope: Cutoff) -> None:
        super().__init__(min(basis.cutoff, envelope.cutoff), basis.number)
        self.basis, self.envelope = basis, envelope
        self.key = f"{basis.key} times {envelope.key}" if basis.key and envelope.key else None
        self.mean_square = mean_square_of_distances(self)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        functions: Tensor = self.basis(r) * self.envelope(r)[..., None]
        return functions


def mean_square_of_distances(basis: RadialBasis) -> float:
    """E[Σ_n b_n(r)²] for distances spread evenly, in float64 whatever the dtype: weights are scaled by it.

    Points spread evenly over a ball would lie near its rim, where a cut-off leaves nothing, and weights of near ones
    would be ten times as large as intended.
    """
    evenly = torch.from_numpy(basis.cutoff * (np.arange(4096) + 0.5) / 4096)
    with torch.no_grad():
        return float(copy.deepcopy(basis).double()(evenly).square().sum(1).mean())
