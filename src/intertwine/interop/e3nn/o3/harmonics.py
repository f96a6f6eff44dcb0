"""e3nn's spherical harmonics, of any degree: of vectors, and of the angles α and β."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.rotation import angles_to_xyz
from intertwine.ops import Harmonics, TableModule
from intertwine.reps import harmonics

_NORMALIZATIONS = ("integral", "component", "norm")


class SphericalHarmonics(TableModule):
    """Harmonics of vectors: `|Y_l|² = 2l+1` on the sphere ("component"), 1 ("norm"), or `∫ Y_lm² = 1` ("integral").

    Args:
        irreps_out: irreps, whose parity is that of the vector to the power l; or a degree, or a list of them.
        normalize: whether vectors are divided by their length first; else the harmonics are polynomials.
        normalization: see above.
        irreps_in: "1o", or "1e" for pseudovectors; by default as the output says.

    Raises `ValueError` for parities that do not fit.

    >>> SphericalHarmonics("0e + 1o + 2e", normalize=True, normalization="component")(torch.ones(5, 3)).shape
    torch.Size([5, 9])
    """

    scales: Tensor
    index: Tensor

    def __init__(
        self, irreps_out: Any, normalize: bool, normalization: str = "integral", irreps_in: Any = None
    ) -> None:
        super().__init__()
        if normalization not in _NORMALIZATIONS:
            raise ArgumentError(f"A normalization is one of {', '.join(_NORMALIZATIONS)}, but got {normalization!r}.")
        self.normalize, self.normalization = normalize, normalization
        named = Irreps(irreps_out) if isinstance(irreps_out, str | Irreps) else None
        odd = named is not None and any(ir.l % 2 and ir.p == 1 for _, ir in named)
        self.irreps_in = Irreps(irreps_in or ("1e" if odd else "1o"))
        if self.irreps_in not in (Irreps("1o"), Irreps("1e")):
            raise ArgumentError(f"Harmonics are of vectors, 1o, or pseudovectors, 1e, but got {self.irreps_in}.")
        parity = self.irreps_in[0].ir.p
        if named is not None and any(ir.p != parity**ir.l for _, ir in named):
            raise ArgumentError(f"Harmonics of {self.irreps_in} have the parity {parity:+d} to the l, but got {named}.")
        ls = named.ls if named is not None else [irreps_out] if isinstance(irreps_out, int) else [*irreps_out]
        self.irreps_out = Irreps([(1, (l, parity**l)) for l in ls]).simplify()
        top = max(ls, default=0)
        self._degrees = ls
        self._directions = Harmonics(harmonics.spherical_harmonics, top)
        self._all = ls == [*range(top + 1)]
        self.register_table("scales", np.array([_scale(l, normalization) for l in ls for _ in range(2 * l + 1)]))
        self.register_table("index", np.array([n for l in ls for n in range(l * l, (l + 1) ** 2)], dtype=int))

    def forward(self, x: Tensor) -> Tensor:
        """The harmonics `(..., irreps_out.dim)` of vectors `(..., 3)`."""
        if not self.normalize:
            found: Tensor = harmonics.spherical_harmonics(self._degrees, x, self.normalization, normalize=False)
            return found
        found = self._directions(x)
        found = found if self._all else found.index_select(-1, self.index)
        return found if self.normalization == "component" else found * self.scales.to(found.dtype)


def _scale(degree: int, normalization: str) -> float:
    return {"component": 1.0, "integral": 1 / sqrt(4 * pi), "norm": 1 / sqrt(2 * degree + 1)}[normalization]


def spherical_harmonics(l: Any, x: Tensor, normalize: bool, normalization: str = "integral") -> Tensor:
    """The harmonics of vectors: see `SphericalHarmonics`.

    >>> spherical_harmonics(0, torch.randn(2, 3), False, normalization="component")
    tensor([[1.],
            [1.]])
    """
    module = SphericalHarmonics(l, normalize, normalization)
    found: Tensor = module(x)
    return found


class SphericalHarmonicsAlphaBeta(nn.Module):
    """Harmonics of the points `R_y(α) R_x(β) e_y`.

    Args:
        l: irreps, a degree, or a list of degrees.
        normalization: as in `SphericalHarmonics`.
    """

    def __init__(self, l: Any, normalization: str = "integral") -> None:
        super().__init__()
        degrees = l.ls if isinstance(l, Irreps) else [l] if isinstance(l, int) else [*l]
        self.harmonics = SphericalHarmonics(degrees, normalize=False, normalization=normalization)

    def forward(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """The harmonics `(..., Σ 2l+1)` of angles `(...)`."""
        found: Tensor = self.harmonics(angles_to_xyz(alpha, beta))
        return found


def spherical_harmonics_alpha_beta(l: Any, alpha: Tensor, beta: Tensor, *, normalization: str = "integral") -> Tensor:
    """The harmonics of the points `R_y(α) R_x(β) e_y`: see `SphericalHarmonicsAlphaBeta`."""
    found: Tensor = SphericalHarmonicsAlphaBeta(l, normalization)(alpha, beta)
    return found


def spherical_harmonics_alpha(l: int, alpha: Tensor) -> Tensor:
    """The part that depends on α: `√2 sin(lα) … √2 sin α, 1, √2 cos α … √2 cos(lα)`."""
    m = torch.arange(1, l + 1, dtype=alpha.dtype, device=alpha.device)
    angles = alpha[..., None] * m
    return torch.cat([sqrt(2) * angles.sin().flip(-1), torch.ones_like(alpha[..., None]), sqrt(2) * angles.cos()], -1)


class Legendre(nn.Module):
    """The part of the integral-normalised harmonics that depends on β, for m = −l … l of each degree.

    Args:
        ls: the degrees.
    """

    def __init__(self, ls: Sequence[int]) -> None:
        super().__init__()
        self.ls = [*ls]

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """The functions `(..., Σ 2l+1)` of z = cos β and y = |sin β|.

        The harmonics at α = 0 are those of m ≥ 0, times √2 for m > 0; the others are their mirror images.
        """
        points = torch.stack([torch.zeros_like(z), z, y], -1)
        whole = harmonics.spherical_harmonics(self.ls, points, "integral", normalize=False)
        parts = []
        for l, all_orders in zip(self.ls, whole.split([2 * l + 1 for l in self.ls], -1), strict=True):
            half = torch.cat([all_orders[..., l : l + 1], all_orders[..., l + 1 :] / sqrt(2)], -1)
            parts.append(torch.cat([half[..., 1:].flip(-1), half], -1))
        return torch.cat(parts, -1)
