"""Sampling functions on directions, on groups and on their quotients: features as functions, and back.

A nonlinearity that acts on the values of a function, point by point, commutes with moving its argument. These tables
lead from features to the values at a grid of points, and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.reps.decomposition import isometries
from intertwine.reps.harmonics import harmonics_function, harmonics_rep
from intertwine.reps.homogeneous import HomogeneousSpace
from intertwine.reps.irrep import Irrep, irreps_up_to
from intertwine.reps.rep import Rep


@dataclass(frozen=True)
class FourierGrid:
    """Functions up to a degree and their values at a grid of points: see `direction_grid`, `group_grid`, `space_grid`.

    With `f = synthesis @ x` and as many points as the degree needs, `analysis @ f == x`, and the mean square is kept:
    `Σ w_p f(p)² = (1/rep.dim) Σ xᵢ²`. Components of unit variance give values of unit variance, and back.

    Two grids with the same points and different degrees work together: `fine.analysis @ (coarse.synthesis @ x)` keeps
    the shared degrees (times √(fine.rep.dim / coarse.rep.dim)).

    Args:
        rep: how the coefficients of the functions transform.
        points: elements `(points, n, n)` of the group that stand for the points.
        weights: w `(points,)`, of sum 1: averages with them are exact as far as the samples go.
        functions: the value of each basis function at each point, `(points, rep.dim)`, of mean square 1.
    """

    rep: Rep
    points: Table
    weights: Table
    functions: Table

    @property
    def elements(self) -> np.ndarray:
        """The group elements `(points, n, n)` that stand for the points; a function moves as `(g f)(p) = f(g⁻¹ p)`."""
        return self.points.array

    @property
    def synthesis(self) -> np.ndarray:
        """S `(points, rep.dim)`, from features to values: the basis functions divided by √rep.dim."""
        return np.asarray(self.functions.array / np.sqrt(self.rep.dim))

    @property
    def analysis(self) -> np.ndarray:
        """A `(rep.dim, points)`, from values to features: averages with the basis functions, times √rep.dim."""
        return np.asarray(self.functions.array.T * self.weights.array * np.sqrt(self.rep.dim))


def direction_grid(group: Group, degree: int, samples: int) -> FourierGrid:
    """Functions of the direction up to a degree: on the circle for SO(2) and O(2), on the sphere for SO(3) and O(3).

    `f(p) = Σ x · Y(p)` over the harmonics Y of degrees 0 … L, divided by the root of their number. The group moves
    directions as it moves vectors, and the rep is `group.harmonics(L)`. Points are equally spaced angles on the circle;
    on the sphere as many along the equator, and half as many heights.

    Args:
        group: SO(2), O(2), SO(3) or O(3).
        degree: the largest degree L.
        samples: the number of angles, at least 2 L + 1.

    Raises `ArgumentError` for another group, a negative degree or fewer samples.

    >>> from intertwine.catalog import O2, SO3
    >>> grid = direction_grid(O2, 2, 8)
    >>> print(grid.rep, grid.synthesis.shape, direction_grid(SO3, 2, 8).synthesis.shape)
    1x0e + 1x1 + 1x2 (8, 5) (32, 9)
    """
    _check(degree, samples)
    if group.is_finite or not group.is_full or group.dim not in (2, 3):
        raise ArgumentError(
            f"Functions of the direction are sampled for SO(2), O(2), SO(3) and O(3), but got the group {group}. Call "
            "group_grid for functions on the group itself."
        )
    elements, weights = group.quadrature(samples - 1)
    first = 0 if group.dim == 2 else 2  # the axis about which quadratures turn first, so that many elements keep it
    axis = elements[:, :, first]
    functions = harmonics_function(group.dim)(range(degree + 1), axis)
    return _merged(harmonics_rep(group.defining, degree), elements, weights, functions, axis)


def group_grid(group: Group, degree: int, samples: int) -> FourierGrid:
    """Functions on the group itself up to a degree, sampled at a quadrature of it: all elements of a finite group.

    `f(g) = Σ_σ √dim(σ) Σ_ij x^σ_ij σ_ij(g)`, over √rep.dim, where j counts the copies of the irrep σ (Peter & Weyl
    1927, doi:10.1007/BF01447892): as many as its dimension, over the real dimension of what commutes with it. For O(2)
    the rep is "1x0e + 1x0o + 2x1 + … + 2xL".

    Args:
        group: any compact group.
        degree: the largest degree.
        samples: averages are exact up to the total degree samples − 1, at least 2 L + 1. In the plane this is the
            number of angles.

    Raises `ArgumentError` for a negative degree or fewer samples.

    >>> from intertwine.catalog import O2, dihedral
    >>> grid = group_grid(O2, 1, 4)
    >>> print(grid.rep, grid.synthesis.shape, group_grid(dihedral(3), 3, 9).synthesis.shape)
    1x0e + 1x0o + 2x1 (8, 6) (6, 6)
    """
    _check(degree, samples)
    elements, weights = group.quadrature(samples - 1)
    functions, terms = [], []
    for irrep in irreps_up_to(group, degree):
        columns = matrix_columns(irrep)
        functions.append((irrep.evaluate(elements) @ columns).reshape(len(elements), -1))
        terms.append((columns.shape[1], irrep))
    return FourierGrid(Rep(group, tuple(terms)), Table(elements), Table(weights), Table(np.concatenate(functions, 1)))


def matrix_columns(irrep: Irrep) -> np.ndarray:
    """C `(dim, copies)`: the entries of σ(g) C are the functions on the group that σ gives, each of mean square 1."""
    copies = irrep.dim // len(irrep.endomorphisms)
    return np.concatenate(isometries(np.eye(irrep.dim), irrep, copies)).T


def space_grid(space: HomogeneousSpace, degree: int, samples: int) -> FourierGrid:
    """Functions on G/H up to a degree, sampled at the cosets of a quadrature of G: for a fibre of dimension 1.

    Args:
        space: the functions, such as those on SO(3) that are constant along turns about an axis.
        degree: the largest degree.
        samples: as for `group_grid`.

    Raises `ArgumentError` for a fibre that is not trivial of dimension 1, a negative degree or fewer samples.

    >>> from intertwine.catalog import SO3
    >>> sphere = HomogeneousSpace(SO3.subgroup("Cinf"), SO3.subgroup("Cinf").group.rep("1x0"))
    >>> grid = space_grid(sphere, 2, 8)
    >>> print(grid.rep, grid.synthesis.shape)
    1x0 + 1x1 + 1x2 (32, 9)
    """
    _check(degree, samples)
    if space.fibre.dim != 1 or not space.fibre.is_trivial:
        raise ArgumentError(
            f"Values that a function of each number may change are invariants, but the fibre is {space.fibre}. Take "
            "the trivial irrep as fibre."
        )
    elements, weights = space.group.quadrature(samples - 1)
    functions = space.evaluate(degree, elements)[:, 0]
    return _merged(space.rep(degree), elements, weights, functions, functions)


def _merged(
    rep: Rep, elements: np.ndarray, weights: np.ndarray, functions: np.ndarray, marks: np.ndarray
) -> FourierGrid:
    """The grid with elements that stand for one point made one: those whose marks `(points, …)` are equal."""
    left, kept, gathered = np.arange(len(elements)), [], []
    while len(left):
        same = np.abs(marks[left] - marks[left[0]]).max(-1) < 1e-9
        kept.append(left[0])
        gathered.append(weights[left[same]].sum())
        left = left[~same]
    return FourierGrid(rep, Table(elements[kept]), Table(gathered), Table(functions[kept]))


def _check(degree: int, samples: int) -> None:
    if not isinstance(degree, int | np.integer) or degree < 0:
        raise ArgumentError(f"The largest degree is an integer from 0 on, but got {degree!r}.")
    if not isinstance(samples, int | np.integer) or samples < 2 * degree + 1:
        raise ArgumentError(
            f"Functions up to degree {degree} need at least {2 * degree + 1} samples, but got samples = {samples!r}."
        )
