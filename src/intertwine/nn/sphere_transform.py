"""From coefficients of harmonics to values on rows of the sphere and back, one angle after the other."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.groups.grids import sphere_grid
from intertwine.ops import TableModule
from intertwine.reps import Rep
from intertwine.reps.harmonics import harmonics_rep, spherical_harmonics


class SphereTransform(TableModule):
    """Harmonics up to degree L on rows of equally spaced points: `f(p) = Σ x · Y(p) / √dim`, and back.

    A harmonic is a function of the height y times one of the longitude α about the y axis: so the sums over the degrees
    and over the orders m come one after the other, and cost L³ in place of L⁴. Both are products of matrices: an FFT in
    place of the second was slower up to degree 96 on a CPU, as the first costs L³ in any case.

    Args:
        degree: L.
        heights: y of each row, `(rows,)`.
        shares: the weight of each row, of sum 1. With them `to_coefficients` is a sum over points; it undoes
            `to_values` where they average polynomials of degree 2 L exactly.
        columns: the number of points in a row, the first at longitude 0, on the side of +z.
    """

    by_height: Tensor
    by_longitude: Tensor
    shares: Tensor
    padded: Tensor
    kept: Tensor

    def __init__(self, degree: int, heights: np.ndarray, shares: np.ndarray, columns: int) -> None:
        super().__init__()
        self.degree, self.columns, self.dim = degree, columns, (degree + 1) ** 2
        meridian = np.stack([0 * heights, heights, np.sqrt((1 - heights) * (1 + heights))], -1)
        y = spherical_harmonics(range(degree + 1), meridian) / math.sqrt(self.dim)
        m, l = np.meshgrid(np.arange(-degree, degree + 1), np.arange(degree + 1), indexing="ij")
        exists = np.abs(m) <= l
        where = np.where(exists, l * l + l + np.abs(m), 0)
        self.register_table("by_height", np.moveaxis(exists * y[:, where] / np.where(m == 0, 1, math.sqrt(2)), 0, 1))
        self.register_table("padded", np.where(exists, l * l + l + m, 0).reshape(-1))
        places = np.flatnonzero(exists)
        self.register_table("kept", places[np.argsort((l * l + l + m).reshape(-1)[places])])
        angles = np.outer(2 * np.pi * np.arange(columns) / columns, np.arange(1, degree + 1))
        waves = [math.sqrt(2) * np.sin(angles)[:, ::-1], np.ones((columns, 1)), math.sqrt(2) * np.cos(angles)]
        self.register_table("by_longitude", np.concatenate(waves, 1))
        self.register_table("shares", shares)

    def to_values(self, x: Tensor) -> Tensor:
        """Values `(..., columns, rows, c)` for coefficients `(..., dim, c)`."""
        ordered = x.index_select(-2, self.padded).unflatten(-2, (2 * self.degree + 1, self.degree + 1))
        waves = self.by_height.to(x.dtype) @ ordered
        values = torch.matmul(self.by_longitude.to(x.dtype), waves.flatten(-2))
        found: Tensor = values.unflatten(-1, waves.shape[-2:])
        return found

    def to_coefficients(self, f: Tensor) -> Tensor:
        """Coefficients `(..., dim, c)` of values `(..., columns, rows, c)`."""
        f = f * (self.shares.to(f.dtype) * (self.dim / self.columns))[:, None]
        waves = (self.by_longitude.to(f.dtype).T @ f.flatten(-2)).unflatten(-1, f.shape[-2:])
        found: Tensor = torch.matmul(self.by_height.to(f.dtype).mT, waves)
        return found.flatten(-3, -2).index_select(-2, self.kept)


def row_grid(kind: str, n: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Heights and shares of the rows of `sphere_grid(kind, n)`, for a kind with rows, and how many points each has.

    >>> heights, shares, columns = row_grid("gauss", 4)
    >>> heights.shape, shares.sum().round(12), columns
    ((3,), np.float64(1.0), 5)
    """
    grid = sphere_grid(kind, n)
    columns = {"gauss": n + 1, "longlat": 2 * n}[kind]
    return grid.points[::columns, 2], grid.weights.reshape(-1, columns).sum(1), columns


def sphere_signals_of(rep: Rep, name: str) -> tuple[int, int]:
    """How many signals on the sphere a rep holds, and their degree; `ArgumentError` for a rep that holds none."""
    action, degree = rep.group.defining, rep.degree
    if action.dim == 3 and rep.terms:
        single = harmonics_rep(action, degree)
        channels = rep.dim // single.dim
        if channels and channels * single == rep:
            return channels, degree
    raise ArgumentError(
        f"{name} takes c signals on the sphere, a rep c * group.harmonics(degree) such as 8x0e + 8x1o + 8x2e of O(3), "
        f"but got {rep} of {rep.group}."
    )
