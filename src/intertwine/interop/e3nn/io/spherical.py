"""e3nn's `SphericalTensor`: signals on the sphere as coefficients of harmonics."""

from __future__ import annotations

from math import pi
from typing import Any, NamedTuple

import numpy as np
import scipy.signal
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.o3.grids import FromS2Grid, ToS2Grid
from intertwine.interop.e3nn.o3.harmonics import spherical_harmonics
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.rotation import angles_to_matrix


class SignalOnGrid(NamedTuple):
    """Points `(β, α, 3)` of the sphere, and the values there."""

    grid: Tensor
    values: Tensor


class SphericalTensor(Irreps):
    """The irreps of a signal on the sphere: `f(r) → p_val f(p_arg r)` under the inversion.

    >>> SphericalTensor(2, 1, -1)
    1x0e+1x1o+1x2e
    """

    def __new__(cls, lmax: int, p_val: int, p_arg: int) -> SphericalTensor:  # noqa: D102 (the class says it)
        made: SphericalTensor = tuple.__new__(cls, Irreps([(1, (l, p_val * p_arg**l)) for l in range(lmax + 1)]))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        value = self[0].ir.p
        argument = value * self[1].ir.p if len(self) > 1 else -1
        return SphericalTensor, (self.lmax, value, argument)

    def with_peaks_at(self, vectors: Tensor, values: Tensor | None = None) -> Tensor:
        """The smallest signal that has given values in the directions of vectors `(n, 3)`, by default their lengths."""
        if self[0].ir.p != 1:
            raise ArgumentError("Lengths are even, so the values of the signal are too: p_val is 1.")
        if vectors.ndim != 2 or vectors.shape[1] != 3:
            raise ShapeError(f"Peaks are at vectors (n, 3), but got the shape {tuple(vectors.shape)}.")
        wanted = vectors.norm(dim=1) if values is None else values.expand(len(vectors))
        kept = wanted != 0
        y = self._harmonics(vectors[kept])
        if not len(y):
            return vectors.new_zeros(self.dim)
        solution: Tensor = torch.linalg.lstsq(y @ y.T, wanted[kept, None]).solution
        return solution[:, 0] @ y

    def sum_of_diracs(self, positions: Tensor, values: Tensor) -> Tensor:
        """The signal of peaks at positions `(..., n, 3)` with values `(..., n)`, as sharp as the degrees allow."""
        y = self._harmonics(positions)
        return 4 * pi / (self.lmax + 1) ** 2 * (y * values[..., None]).sum(-2)

    def from_samples_on_s2(self, positions: Tensor, values: Tensor, res: int = 100) -> Tensor:
        """The signal whose value at each point of a grid is that of the nearest of the positions `(..., n, 3)`."""
        positions, spread = torch.broadcast_tensors(positions, values[..., None])
        values = spread[..., 0]
        if not positions.numel():
            return values.new_zeros((*values.shape[:-1], self.dim))
        back = FromS2Grid(res=res, lmax=self.lmax, normalization="integral", dtype=values.dtype, device=values.device)
        points = back.grid.reshape(-1, 3)
        nearest = torch.cdist(points, torch.nn.functional.normalize(positions, dim=-1)).argmin(-1)
        found: Tensor = back(values.gather(-1, nearest).unflatten(-1, (back.res_beta, back.res_alpha)))
        return found

    def norms(self, signal: Tensor) -> Tensor:
        """The length of each degree `(..., lmax + 1)`."""
        parts = signal.split([slot.dim for slot in self], -1)
        return torch.stack([part.norm(dim=-1) for part in parts], -1)

    def signal_xyz(self, signal: Tensor, r: Tensor) -> Tensor:
        """The values `(*signal, *r)` of signals `(*signal, dim)` in the directions r `(*r, 3)`."""
        values: Tensor = torch.tensordot(signal, self._harmonics(r), dims=([-1], [-1]))
        return values

    def signal_on_grid(self, signal: Tensor, res: int = 100, normalization: str = "integral") -> SignalOnGrid:
        """The values on a grid: see `o3.ToS2Grid`."""
        there = ToS2Grid(self.lmax, res, normalization=normalization, dtype=signal.dtype, device=signal.device)
        return SignalOnGrid(there.grid, there(signal))

    def plot(
        self,
        signal: Tensor,
        center: Tensor | None = None,
        res: int = 100,
        radius: bool = True,
        relu: bool = False,
        normalization: str = "integral",
    ) -> tuple[Tensor, Tensor]:
        """A closed surface `(β, α, 3)` and the values on it.

        Args:
            signal: one signal.
            center: where the surface lies.
            res: the steps of the grid.
            radius: whether the distance from the center is the size of the value, or 1.
            relu: whether negative values are 0.
            normalization: that of the coefficients.
        """
        if signal.ndim != 1:
            raise ShapeError(f"One signal is drawn at a time, but got the shape {tuple(signal.shape)}.")
        r, f = self.signal_on_grid(signal, res, normalization)
        f = (f.relu() if relu else f).clone()
        r[0], r[-1] = r.new_tensor([0.0, 1.0, 0.0]), r.new_tensor([0.0, -1.0, 0.0])
        f[0], f[-1] = f[0].mean(), f[-1].mean()
        r, f = torch.cat([r, r[:, :1]], 1), torch.cat([f, f[:, :1]], 1)
        r = r * f.abs()[..., None] if radius else r
        return (r if center is None else r + center), f

    def plotly_surface(
        self,
        signals: Tensor,
        centers: Tensor | None = None,
        res: int = 100,
        radius: bool = True,
        relu: bool = False,
        normalization: str = "integral",
    ) -> list[dict[str, Any]]:
        """What plotly's `Surface` takes, for each signal: see `plot`."""
        several = signals.reshape(-1, self.dim)
        places = [None] * len(several) if centers is None else [*centers.reshape(-1, 3)]
        found = []
        for signal, center in zip(several, places, strict=True):
            r, f = self.plot(signal.detach(), center, res, radius, relu, normalization)
            x, y, z = (r[..., n].numpy() for n in range(3))
            found.append({"x": x, "y": y, "z": z, "surfacecolor": f.numpy()})
        return found

    def find_peaks(self, signal: Tensor, res: int = 100) -> tuple[Tensor, Tensor]:
        """The directions `(n, 3)` in which a signal has a maximum, to the step of a grid, and its values there.

        They are sought on two grids with different poles.
        """
        turn = angles_to_matrix(*(signal.new_tensor(pi / 2) for _ in range(3)))
        here, there = self.signal_on_grid(signal, res), self.signal_on_grid(self.D_from_matrix(turn) @ signal, res)
        first, second = _maxima(here.values), _maxima(there.values)
        points, others = here.grid[first], there.grid[second] @ turn
        alone = (torch.cdist(points, others) >= 2 * pi / res).all(1)
        values = [here.values[first][alone], there.values[second]]
        return torch.cat([points[alone], others]), torch.cat(values)

    def _harmonics(self, r: Tensor) -> Tensor:
        return spherical_harmonics(Irreps(self), r, normalize=True)


def _maxima(values: Tensor) -> Tensor:
    """Where values `(rows, columns)` are larger than their neighbours along both axes, as a mask."""
    table = values.detach().cpu().numpy()
    along = np.zeros((2, *table.shape), bool)
    for i, row in enumerate(table):
        along[0, i, scipy.signal.find_peaks(row)[0]] = True
    for j, column in enumerate(table.T):
        along[1, scipy.signal.find_peaks(column)[0], j] = True
    return torch.as_tensor(along.all(0), device=values.device)
