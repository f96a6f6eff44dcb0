"""e3nn's activations on grids of the sphere and of SO(3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.math.moments import normalize2mom
from intertwine.interop.e3nn.nn.activation import parity_of
from intertwine.interop.e3nn.o3.grids import FromS2Grid, SO3Grid, ToS2Grid
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.rotation import rand_angles


class S2Activation(nn.Module):
    """A function of the values of a signal on the sphere, made to have second moment 1.

    Args:
        irreps: one irrep of each degree from 0 on, all with parities p_val or all with p_val p_argˡ.
        act: the function.
        res: the steps of the grid: see `o3.ToS2Grid`.
        normalization: that of the coefficients.
        lmax_out: the largest degree of the output; default that of the input.
        random_rot: whether the grid is turned at random on each call, which makes the aliasing error one of noise.

    Raises `ValueError` for other irreps, and for odd values under functions that are neither even nor odd.
    """

    def __init__(
        self,
        irreps: Any,
        act: Callable[[Tensor], Tensor],
        res: int | tuple[int, int],
        normalization: str = "component",
        lmax_out: int | None = None,
        random_rot: bool = False,
    ) -> None:
        super().__init__()
        self.irreps_in = Irreps(irreps).simplify()
        lmax = len(self.irreps_in) - 1
        value = self.irreps_in[0].ir.p if len(self.irreps_in) else 1
        signals = {p: Irreps([(1, (l, value * p**l)) for l in range(lmax + 1)]) for p in (1, -1)}
        argument = next((p for p, own in signals.items() if own == self.irreps_in), 0)
        if argument == 0 or lmax < 0:
            raise ArgumentError(f"A signal on the sphere has one irrep of each degree, but got {self.irreps_in}.")
        parity = parity_of(act) if value == -1 else 1
        if parity == 0:
            raise ArgumentError(
                "A signal with odd values takes an even or an odd function, but got one that is neither."
            )
        out = lmax if lmax_out is None else lmax_out
        self.irreps_out = Irreps([(1, (l, parity * argument**l)) for l in range(out + 1)])
        self.to_s2 = ToS2Grid(lmax, res, normalization=normalization)
        self.from_s2 = FromS2Grid(res, out, normalization=normalization, lmax_in=lmax)
        self.act, self.random_rot = normalize2mom(act), random_rot

    def forward(self, features: Tensor) -> Tensor:
        """The coefficients `(..., irreps_out.dim)` of `(..., irreps_in.dim)`."""
        if not self.random_rot:
            found: Tensor = self.from_s2(self.act(self.to_s2(features)))
            return found
        angles = rand_angles(dtype=features.dtype, device=features.device)
        turned = features @ self.irreps_in.D_from_angles(*angles).T
        back: Tensor = self.from_s2(self.act(self.to_s2(turned))) @ self.irreps_out.D_from_angles(*angles)
        return back

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps_in} -> {self.irreps_out}"


class SO3Activation(nn.Module):
    """A function of the values of a signal on SO(3), made to have second moment 1.

    Args:
        lmax_in, lmax_out: the largest degrees.
        act: the function.
        resolution, normalization, aspect_ratio: see `o3.SO3Grid`.
    """

    def __init__(
        self,
        lmax_in: int,
        lmax_out: int,
        act: Callable[[Tensor], Tensor],
        resolution: int,
        *,
        normalization: str = "component",
        aspect_ratio: float = 2,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"normalization": normalization, "aspect_ratio": aspect_ratio}
        self.grid_in = SO3Grid(lmax_in, resolution, **options)
        self.grid_out = SO3Grid(lmax_out, resolution, **options)
        self.act, self.lmax_in, self.lmax_out = normalize2mom(act), lmax_in, lmax_out

    def forward(self, features: Tensor) -> Tensor:
        """The coefficients `(..., Σ (2l+1)²)`."""
        return self.grid_out.from_grid(self.act(self.grid_in.to_grid(features)))

    def extra_repr(self) -> str:
        """The largest degrees."""
        return f"{self.lmax_in} -> {self.lmax_out}"
