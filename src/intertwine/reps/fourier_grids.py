"""Sampling functions on the circle and on O(2): features as functions, and functions as features.

A nonlinearity that acts on the values of a function, point by point, commutes with rotations of its argument. These
tables lead from features to the values at a grid of points, and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps.harmonics import circular_harmonics
from intertwine.reps.irrep import Irrep, irreps_up_to
from intertwine.reps.rep import Rep


@dataclass(frozen=True)
class FourierGrid:
    """Functions up to a degree and their values at a grid of points: make one with `circle_grid` or `group_grid`.

    With `f = synthesis @ x` and as many points as the degree needs, `analysis @ f == x`, and the mean square is kept:
    `(1/points) Σ f(p)² = (1/rep.dim) Σ xᵢ²`. Components of unit variance give values of unit variance, and back.

    Two grids with the same points and different degrees work together: `fine.analysis @ (coarse.synthesis @ x)` keeps
    the shared degrees (times √(fine.rep.dim / coarse.rep.dim)).

    Args:
        rep: how the coefficients of the functions transform.
        points: elements `(points, 2, 2)` of the group. On the circle, an element is the point that it takes (1, 0) to.
        functions: the value of each basis function at each point, `(points, rep.dim)`, of mean square 1.
    """

    rep: Rep
    points: Table
    functions: Table

    @property
    def elements(self) -> np.ndarray:
        """The group elements `(points, 2, 2)` that stand for the points; a function moves as `(g f)(p) = f(g⁻¹ p)`."""
        return self.points.array

    @property
    def synthesis(self) -> np.ndarray:
        """S `(points, rep.dim)`, from features to values: the basis functions divided by √rep.dim."""
        return np.asarray(self.functions.array / np.sqrt(self.rep.dim))

    @property
    def analysis(self) -> np.ndarray:
        """A `(rep.dim, points)`, from values to features: averages with the basis functions, times √rep.dim."""
        return np.asarray(self.functions.array.T * (np.sqrt(self.rep.dim) / len(self.points.array)))


def circle_grid(group: Group, degree: int, samples: int) -> FourierGrid:
    """Functions on the circle up to a degree, sampled at equally spaced angles: for SO(2) and O(2).

    `f(φ) = x₀ + √2 Σ_k (x_k1 cos kφ + x_k2 sin kφ)`, all over √(2 degree + 1), at φ = 2π n / samples. The group moves
    the circle as it moves the plane. The rep is "1x0 + 1x1 + … + 1xL" of SO(2), "1x0e + 1x1 + … + 1xL" of O(2).

    Args:
        group: SO(2) or O(2).
        degree: the largest frequency L.
        samples: the number of angles, at least 2 L + 1.

    Raises `ArgumentError` for another group, a negative degree or fewer samples.

    >>> from intertwine.catalog import O2
    >>> grid = circle_grid(O2, 2, 8)
    >>> print(grid.rep, grid.synthesis.shape)
    1x0e + 1x1 + 1x2 (8, 5)
    """
    _check(group, degree, samples)
    trivial = group.trivial
    rep = Rep(group, tuple((1, Irrep(group, str(k) if k else trivial)) for k in range(degree + 1)))
    elements = group.quadrature(samples - 1)[0][:samples]
    return FourierGrid(rep, Table(elements), Table(circular_harmonics(range(degree + 1), elements[:, :, 0])))


def group_grid(group: Group, degree: int, samples: int) -> FourierGrid:
    """Functions on the group itself up to a degree, sampled at equally spaced rotations, and these after the mirror.

    `f(g) = Σ_σ √dim(σ) Σ_ij x^σ_ij σ_ij(g)`, over √rep.dim, where j counts the copies of the irrep σ (Peter & Weyl
    1927, doi:10.1007/BF01447892). The rep is "1x0e + 1x0o + 2x1 + … + 2xL" of O(2). For SO(2), whose elements are the
    points of the circle, it is `circle_grid`.

    Args:
        group: SO(2) or O(2).
        degree: the largest frequency L.
        samples: the number of rotations, at least 2 L + 1; O(2) has twice as many points.

    Raises `ArgumentError` for another group, a negative degree or fewer samples.

    >>> from intertwine.catalog import O2
    >>> grid = group_grid(O2, 1, 4)
    >>> print(grid.rep, grid.synthesis.shape)
    1x0e + 1x0o + 2x1 (8, 6)
    """
    _check(group, degree, samples)
    if len(group.labels(0)) == 1:
        return circle_grid(group, degree, samples)
    irreps = irreps_up_to(group, degree)
    elements = group.quadrature(samples - 1)[0]
    functions = [np.sqrt(irrep.dim) * irrep.evaluate(elements).reshape(len(elements), -1) for irrep in irreps]
    rep = Rep(group, tuple((irrep.dim, irrep) for irrep in irreps))
    return FourierGrid(rep, Table(elements), Table(np.concatenate(functions, 1)))


def _check(group: Group, degree: int, samples: int) -> None:
    if group.dim != 2 or group.is_finite:
        raise ArgumentError(
            f"Functions on the circle are sampled for SO(2) and O(2), but got the group {group}. A finite group has "
            "its regular rep, whose features are values at the elements already."
        )
    if not isinstance(degree, int | np.integer) or degree < 0:
        raise ArgumentError(f"The largest degree is an integer from 0 on, but got {degree!r}.")
    if not isinstance(samples, int | np.integer) or samples < 2 * degree + 1:
        raise ArgumentError(
            f"Functions up to degree {degree} need at least {2 * degree + 1} samples, but got samples = {samples!r}."
        )
