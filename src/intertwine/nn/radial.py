"""Functions of a distance: bases, cut-offs, and the network that turns them into weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.nn.module import Function, gain, normal_parameter
from intertwine.ops import Factored, TableModule


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
    """A few functions b_n of a distance r on [0, cutoff], in the unit of the coordinates.

    Args:
        cutoff: the largest distance of interest.
        number: the number of functions.

    Raises `ArgumentError` for a cutoff that is no positive distance, and for fewer functions than one.
    """

    key: str | None
    """What tells the functions from others, so that layers share their values; None for users', unless they set it."""

    mean_square: float = 1.0
    """About E[Σ_n b_n(r)²] for the distances r of points spread evenly over a ball of radius `cutoff`."""

    def __init__(self, cutoff: float, number: int) -> None:
        super().__init__()
        _require_distance(cutoff)
        if number < 1:
            raise ArgumentError(f"A radial basis has at least one function, but {number!r} were asked for.")
        self.cutoff, self.number = float(cutoff), int(number)
        self.key = _key(self, cutoff=self.cutoff, number=self.number)

    @abstractmethod
    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""

    def extra_repr(self) -> str:
        """Cutoff and number."""
        return f"cutoff={self.cutoff:g}, number={self.number}"


class _Spaced(RadialBasis, ABC):
    """Copies of one bump at equally spaced centres, from 0 to the cutoff or, without the `ends`, between them."""

    ends = True
    centres: Tensor

    def __init__(self, cutoff: float, number: int) -> None:
        super().__init__(cutoff, number)
        grid = np.linspace(0, self.cutoff, self.number if self.ends else self.number + 2)
        self.step = float(grid[1]) if len(grid) > 1 else self.cutoff
        self.register_table("centres", grid if self.ends else grid[1:-1])

    def _distance(self, r: Tensor) -> Tensor:
        """(r − centre) / step, `(..., number)`."""
        return (r[..., None] - self.centres.to(r.dtype)) / self.step


class CosineBasis(_Spaced):
    """`cos²(π/2 · clip((r − c_i)/s, −1, 1))`, centres c_i from 0 to the cutoff: two or more add up to 1 on [0, cutoff].

    The basis of the founding tutorial. It is not a cut-off: the last function ends one step beyond.

    >>> CosineBasis(3.0, 3)(torch.tensor([0.0, 1.5, 2.25]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.0000, 1.0000, 0.0000],
            [0.0000, 0.5000, 0.5000]])
    """

    mean_square = 0.75

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        return (1 + torch.cos(math.pi * self._distance(r).clamp(-1, 1))) / 2  # cos², and exactly 0 at ±1


class GaussianBasis(_Spaced):
    """`exp(−((r − c_i)/s)²) / 1.12` with centres from 0 to the cutoff; the squares sum to about 1.

    >>> GaussianBasis(2.0, 3)(torch.tensor(1.0)).shape
    torch.Size([3])
    """

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        return torch.exp(-(self._distance(r) ** 2)) / 1.12


class SmoothFiniteBasis(_Spaced):
    """Bumps `1.14136 exp(2 − 1/(1 + d) − 1/(1 − d))`, |d| < 1, d = (r − c_i)/s: C^∞ and exactly 0 from the cutoff on.

    Centres lie inside (0, cutoff); the squares sum to about 1.

    >>> SmoothFiniteBasis(2.0, 4)(torch.tensor(1.3))
    tensor([0.0000, 0.0000, 0.9989, 0.0872])
    """

    ends = False

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        d = self._distance(r)
        return 1.14136 * math.e**2 * unit_step(d + 1) * unit_step(1 - d)


class BesselBasis(RadialBasis):
    """`√(2/c) sin(nπr/c) / r`, n = 1 … number: the radial waves that vanish at the cutoff c, finite at r = 0.

    Source: Gasteiger, Groß, Günnemann 2020 (arXiv:2003.03123).

    >>> BesselBasis(2.0, 2)(torch.tensor([0.0])).round(decimals=4)  # nπ/c · √(2/c)
    tensor([[1.5708, 3.1416]])
    """

    waves: Tensor

    def __init__(self, cutoff: float, number: int) -> None:
        super().__init__(cutoff, number)
        self.mean_square = 3 * self.number / self.cutoff**3
        self.register_table("waves", np.arange(1, self.number + 1) / self.cutoff)

    def forward(self, r: Tensor) -> Tensor:
        """The functions `(..., number)` at distances `(...)`."""
        waves = math.pi * self.waves.to(r.dtype)
        inside = r[..., None] < self.cutoff
        near = torch.where(inside, r[..., None], torch.zeros_like(r[..., None]))
        return math.sqrt(2 / self.cutoff) * waves * _sinc(waves * near) * inside.to(r.dtype)


def _sinc(z: Tensor) -> Tensor:
    """sin(z) / z with all derivatives finite at 0, where those of `torch.sinc` from the second on are not."""
    small = z.abs() < 0.1
    square = torch.where(small, z * z, torch.zeros_like(z))
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
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
        return 1 - (p + 1) * (p + 2) / 2 * u**p + p * (p + 2) * u ** (p + 1) - p * (p + 1) / 2 * u ** (p + 2)


class SmoothCutoff(Cutoff):
    """`exp(1 − 1/(1 − (r/c)²))`: infinitely smooth, 1 at 0, exactly 0 from the cutoff c on.

    >>> SmoothCutoff(1.0)(torch.tensor([0.0, 1.0]))
    tensor([1., 0.])
    """

    def forward(self, r: Tensor) -> Tensor:
        """The factor `(...)` at distances `(...)`."""
        return math.e * unit_step(1 - (r / self.cutoff) ** 2)


class RadialMLP(nn.Module):
    """A network from distances to weights: basis, hidden layers, one linear layer, times a cut-off.

    `w = c(r) · W_L φ(… φ(W_1 b(r)))`, each W standard normal over the root of its fan-in (W_1: of `basis.mean_square`),
    φ rescaled to E[φ(z)²] = 1. So weights start with unit variance, before the envelope.

    Args:
        basis: the radial basis.
        out_features: the number of weights per distance.
        hidden: the widths of the hidden layers.
        activation: φ.
        envelope: a cut-off that multiplies the weights, or None.

    Raises `ArgumentError` for arguments of another kind.

    >>> RadialMLP(GaussianBasis(3.0, 8), 5)(torch.rand(7)).shape
    torch.Size([7, 5])
    """

    def __init__(
        self,
        basis: RadialBasis,
        out_features: int,
        hidden: Sequence[int] = (64, 64),
        activation: Function = F.silu,
        envelope: Cutoff | None = None,
    ) -> None:
        super().__init__()
        if (
            not isinstance(basis, RadialBasis)
            or isinstance(hidden, int)
            or not (envelope is None or callable(envelope))
        ):
            raise ArgumentError(
                "A radial network takes a basis such as nn.radial.GaussianBasis(cutoff, number), hidden widths such as "
                f"(64, 64) and a cut-off such as nn.radial.CosineCutoff(cutoff), but got {basis!r}, {hidden!r} and "
                f"{envelope!r}."
            )
        self.basis, self.envelope, self.activation = basis, envelope, activation
        widths = [basis.number, *hidden, out_features]
        self.shapes = tuple(pairwise(widths))
        self.weights = nn.ParameterList([normal_parameter(a * b) for a, b in self.shapes])
        self.gain = gain(activation)

    def forward(self, r: Tensor) -> Tensor:
        """The weights `(..., out_features)` at distances `(...)`."""
        return self.factored(r).product()

    def factored(self, r: Tensor) -> Factored:
        """The weights as they come from the last layer: what it is given, and its matrix."""
        return self.of_basis(*self.inputs(r, {}))

    def inputs(self, r: Tensor, made: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """The basis at distances, and the cut-off if there is one: taken from what is made already, by their keys."""
        found = [made.get(getattr(function, "key", None) or "") for function in (self.basis, self.envelope)]
        functions = self.basis(r) if found[0] is None else found[0]
        if self.envelope is None:
            return functions, None
        return functions, self.envelope(r) if found[1] is None else found[1]

    def keyed(self, r: Tensor, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The basis and the cut-off at distances by their keys, where they have keys that are not there yet."""
        keys = {getattr(function, "key", None): function for function in (self.basis, self.envelope)}
        return {key: f(r) for key, f in keys.items() if f is not None and key is not None and key not in made}

    def of_basis(self, functions: Tensor, envelope: Tensor | None, scale: float = 1.0) -> Factored:
        """The weights, times a number, for the basis `(..., number)` and the cut-off `(...)` at some distances.

        All that multiplies the many weights multiplies the few numbers instead that their layer is given.
        """
        gains = [1 / math.sqrt(self.basis.mean_square), *(self.gain / math.sqrt(n) for n, _ in self.shapes[1:])]
        gains[-1] *= scale
        matrices = [weight.to(functions.dtype).reshape(s) for s, weight in zip(self.shapes, self.weights, strict=True)]
        x = functions * gains[0]
        for matrix, factor in zip(matrices, gains[1:], strict=False):
            x = self.activation(x @ matrix) * factor
        return Factored(x if envelope is None else x * envelope[..., None], matrices[-1])
