"""e3nn's grids on the sphere and on SO(3), and the transforms between them and coefficients of harmonics."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.harmonics import Legendre, spherical_harmonics_alpha
from intertwine.interop.e3nn.o3.rotation import angles_to_xyz
from intertwine.interop.e3nn.o3.wigner import wigner_D

Options = dict[str, Any]
"""A dtype and a device, each None for the default."""


def s2_grid(
    res_beta: int, res_alpha: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> tuple[Tensor, Tensor]:
    """The angles of an equiangular grid: `β_i = (i + 1/2) π / res_beta` and `α_j = 2π j / res_alpha`."""
    steps = [torch.arange(n, dtype=dtype or torch.get_default_dtype(), device=device) for n in (res_beta, res_alpha)]
    return (steps[0] + 0.5) * (pi / res_beta), steps[1] * (2 * pi / res_alpha)


def spherical_harmonics_s2_grid(
    lmax: int,
    res_beta: int,
    res_alpha: int,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The angles β and α of a grid, and the parts of the harmonics that depend on each: `(β, l m)` and `(α, m)`."""
    betas, alphas = s2_grid(res_beta, res_alpha, dtype=dtype, device=device)
    by_beta = Legendre(range(lmax + 1))(betas.cos(), betas.sin().abs())
    return betas, alphas, by_beta, spherical_harmonics_alpha(lmax, alphas)


def rfft(x: Tensor, l: int) -> Tensor:
    """The sums `(..., 2l+1)` of values at equal steps of α with the functions of `spherical_harmonics_alpha`."""
    whole = torch.fft.rfft(_for_fft(x), dim=-1)[..., : l + 1]
    sines, cosines = -sqrt(2) * whole.imag[..., 1:], sqrt(2) * whole.real[..., 1:]
    return torch.cat([sines.flip(-1), whole.real[..., :1], cosines], -1).to(x.dtype)


def irfft(x: Tensor, res: int) -> Tensor:
    """The values `(..., res)` at equal steps of α, an odd number, for coefficients of `spherical_harmonics_alpha`."""
    l = x.shape[-1] // 2
    if res % 2 == 0 or res < x.shape[-1]:
        raise ArgumentError(f"irfft takes an odd number of steps, {x.shape[-1]} or more, but got {res}.")
    sines, constant, cosines = _for_fft(x).split((l, 1, l), -1)
    sines = sines.flip(-1)
    zero = torch.zeros_like(constant)
    whole = torch.complex(torch.cat([constant, cosines / sqrt(2)], -1), torch.cat([zero, -sines / sqrt(2)], -1))
    values: Tensor = torch.fft.irfft(whole, n=res, dim=-1)
    return (values * res).to(x.dtype)


def _for_fft(x: Tensor) -> Tensor:
    """Numbers that torch's Fourier transform takes: float32 in place of fewer digits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


class _SphereTransform(nn.Module):
    """What both transforms share: a grid, and the harmonics on it.

    Args:
        lmax: the largest degree, or None for the largest that goes to the grid and back.
        res: the steps of β and of α, or those of β alone, or None for the fewest.
        options: a dtype and a device.
    """

    alphas: Tensor
    betas: Tensor
    sha: Tensor
    shb: Tensor

    def __init__(self, lmax: int | None, res: int | tuple[int | None, int | None] | None, options: Options) -> None:
        super().__init__()
        given = (res, None) if isinstance(res, int) or res is None else tuple(res)
        self.lmax, self.res_beta, self.res_alpha = _completed(lmax, *given)
        made = spherical_harmonics_s2_grid(self.lmax, self.res_beta, self.res_alpha, **options)
        betas, alphas, by_beta, by_alpha = made
        for name, table in (("alphas", alphas), ("betas", betas), ("sha", by_alpha), ("shb", by_beta)):
            self.register_buffer(name, table)

    def _scale(self, factors: Tensor, weights: Tensor | None = None) -> None:
        """Make `shb` what is multiplied with coefficients, `(m, β, l m)`: scaled for each degree and each β."""
        degrees = torch.arange(self.lmax + 1)
        of = torch.repeat_interleave(degrees, 2 * degrees + 1)
        orders = torch.cat([torch.arange(-l, l + 1) for l in range(self.lmax + 1)]) + self.lmax
        own = torch.nn.functional.one_hot(orders, 2 * self.lmax + 1).T[:, None, :]
        whole = own * (self.shb * factors.to(self.shb)[of])
        self.shb = whole if weights is None else whole * weights.to(whole)[None, :, None]

    @property
    def _has_fft(self) -> bool:
        return self.res_alpha >= 2 * self.lmax + 1 and self.res_alpha % 2 == 1

    @property
    def grid(self) -> Tensor:
        """The points `(β, α, 3)`."""
        beta, alpha = torch.meshgrid(self.betas, self.alphas, indexing="ij")
        return angles_to_xyz(alpha, beta)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lmax={self.lmax} res={self.res_beta}x{self.res_alpha} (beta x alpha))"


class ToS2Grid(_SphereTransform):
    """Values on a grid of the sphere, of coefficients of harmonics.

    Args:
        lmax, res: see `s2_grid`; what is left out follows from the other.
        normalization: "component", "norm" or "integral", or a factor for each degree: with the first two the values
            have variance 1 for coefficients that the name says are normalised.
        dtype, device: those of the tables.

    >>> ToS2Grid(2, (6, 5))(torch.randn(9)).shape
    torch.Size([6, 5])
    """

    def __init__(
        self,
        lmax: int | None = None,
        res: int | tuple[int, int] | None = None,
        normalization: str | Tensor = "component",
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(lmax, res, {"dtype": dtype, "device": device})
        self._scale(_factors(normalization, self.lmax, self.lmax))

    def forward(self, x: Tensor) -> Tensor:
        """The values `(..., β, α)` of coefficients `(..., (lmax + 1)²)`."""
        by_beta = torch.einsum("mbi,...i->...bm", self.shb, x)
        return irfft(by_beta, self.res_alpha) if self._has_fft else by_beta @ self.sha.T


class FromS2Grid(_SphereTransform):
    """Coefficients of harmonics, of values on a grid of the sphere: the inverse of `ToS2Grid`.

    Args:
        res, lmax, normalization, dtype, device: as in `ToS2Grid`.
        lmax_in: the largest degree of the transform that it undoes; default lmax.

    >>> FromS2Grid((6, 5), 2)(torch.randn(6, 5)).shape
    torch.Size([9])
    """

    def __init__(
        self,
        res: int | tuple[int, int] | None = None,
        lmax: int | None = None,
        normalization: str | Tensor = "component",
        lmax_in: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(lmax, res, {"dtype": dtype, "device": device})
        there = _factors(normalization, self.lmax, self.lmax if lmax_in is None else lmax_in)
        back = normalization if isinstance(normalization, Tensor) else 4 * pi / there
        self._scale(back, _weights(self.res_beta) / self.res_alpha)

    def forward(self, x: Tensor) -> Tensor:
        """The coefficients `(..., (lmax + 1)²)` of values `(..., β, α)`."""
        by_beta = rfft(x, self.lmax) if self._has_fft else x @ self.sha
        return torch.einsum("mbi,...bm->...i", self.shb, by_beta)


class SO3Grid(nn.Module):
    """Values on a grid of SO(3), of coefficients of Wigner's matrices `√(2l+1) D_l`, and back.

    Args:
        lmax: the largest degree.
        resolution: half the steps of β.
        normalization: "component".
        aspect_ratio: how many times more steps α and γ have.
    """

    D: Tensor
    qw: Tensor

    def __init__(
        self, lmax: int, resolution: int, *, normalization: str = "component", aspect_ratio: float = 2
    ) -> None:
        super().__init__()
        if normalization != "component":
            raise ArgumentError(f"SO3Grid has the normalization 'component', but got {normalization!r}.")
        self.lmax, self.res_beta = lmax, 2 * resolution
        self.res_alpha = self.res_gamma = round(2 * aspect_ratio * resolution)
        beta, alpha = s2_grid(self.res_beta, self.res_alpha)
        angles = alpha[:, None, None], beta[None, :, None], alpha[None, None, :]
        matrices = [sqrt(2 * l + 1) * wigner_D(l, *angles).flatten(-2) for l in range(lmax + 1)]
        self.register_buffer("D", torch.cat(matrices, -1))
        self.register_buffer("qw", _weights(self.res_beta).to(beta) / self.res_alpha**2)
        for name, values in (("alpha", alpha), ("beta", beta), ("gamma", alpha)):
            self.register_buffer(name, values.clone())

    def to_grid(self, features: Tensor) -> Tensor:
        """The values `(..., α, β, γ)` of coefficients `(..., Σ (2l+1)²)`."""
        return torch.einsum("...i,abci->...abc", features, self.D) / sqrt(self.D.shape[-1])

    def from_grid(self, features: Tensor) -> Tensor:
        """The coefficients of values."""
        return torch.einsum("...abc,abci,b->...i", features, self.D, self.qw) * sqrt(self.D.shape[-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lmax})"


def _completed(lmax: int | None, res_beta: int | None, res_alpha: int | None) -> tuple[int, int, int]:
    """The largest degree and both numbers of steps; what is left out is as e3nn chooses it."""
    if res_beta is None and lmax is None and res_alpha is None:
        raise ArgumentError("A grid takes a largest degree or numbers of steps, but got neither.")
    if res_beta is None:
        res_beta = 2 * (lmax + 1) if lmax is not None else 2 * (((res_alpha or 0) + 1) // 2)
    if res_alpha is None:
        res_alpha = res_beta - 1 if lmax is None else max(2 * lmax + 1, res_beta - 1)
    if lmax is None:
        lmax = min(res_beta // 2 - 1, (res_alpha - 1) // 2)
    if res_beta % 2 or lmax + 1 > res_beta // 2:
        raise ArgumentError(
            f"β has an even number of steps, {2 * (lmax + 1)} or more for the degree {lmax}, but got {res_beta}."
        )
    return lmax, res_beta, res_alpha


def _factors(normalization: str | Tensor, lmax: int, lmax_in: int) -> Tensor:
    """A factor for each degree, on the way to a grid."""
    if isinstance(normalization, Tensor):
        return normalization
    sizes = torch.arange(1, 2 * lmax + 2, 2, dtype=torch.float64)
    whole = sqrt(4 * pi / (lmax_in + 1))
    known = {"component": whole / sizes.sqrt(), "norm": whole + 0 * sizes, "integral": 1 + 0 * sizes}
    if normalization not in known:
        raise ArgumentError(
            f"A normalization is one of {', '.join(known)}, or a factor for each degree, but got {normalization!r}."
        )
    return known[normalization]


def _weights(res_beta: int) -> Tensor:
    """The quadrature weights of the steps of β, exact for degrees below their number; they sum to 1.

    Source: Kostelec & Rockmore 2008, doi:10.1007/s00041-008-9013-5, section 3.
    """
    b = res_beta // 2
    j, k = torch.arange(res_beta, dtype=torch.float64), torch.arange(b, dtype=torch.float64)
    angles = (2 * j + 1) * (pi / (4 * b))
    sums = (((2 * k + 1) * angles[:, None]).sin() / (2 * k + 1)).sum(-1)
    return angles.sin() * sums / b
