"""Grids of elements of a group."""

from __future__ import annotations

import math

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.groups.grids import Grid, rotation_grid, turn_grid
from intertwine.groups.group import Seed


def element_grid(group: Group, kind: str, n: int | None, seed: Seed) -> Grid:
    """What `group.grid` gives."""
    if kind == "random":
        elements = group.sample(_positive(kind, n), seed)
        return Grid(elements, np.full(len(elements), 1 / len(elements)), 0)
    if group.is_finite and kind == "regular":
        if n is not None:
            raise ArgumentError(f"The regular grid of {group} is all its elements: leave n = {n!r} out.")
        elements = group.elements()
        return Grid(elements, np.full(len(elements), 1 / len(elements)), math.inf)
    planar = group.is_full and group.dim == 2
    if planar and kind == "regular":
        return _with_flips(turn_grid(kind, n, seed), np.diag([1.0, -1.0]), not group.is_proper)
    if group.is_full and group.dim == 3:
        return _with_flips(rotation_grid(kind, n, seed), -np.eye(3), not group.is_proper)
    if kind == "gauss" and group.has_quadrature:
        elements, weights = group.quadrature(_positive(kind, n, least=0))
        return Grid(elements, weights, int(n or 0))
    kinds = ", ".join(["random", *["regular"] * (group.is_finite or planar), *["gauss"] * group.has_quadrature])
    raise ArgumentError(f"{group} has no grid of the kind {kind!r}. Its kinds are {kinds}.")


def _positive(kind: str, n: int | None, least: int = 1) -> int:
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < least:
        raise ArgumentError(f"A grid of the kind {kind!r} takes n, an integer from {least} on, but got n = {n!r}.")
    return int(n)


def _with_flips(grid: Grid, flip: np.ndarray, wanted: bool) -> Grid:
    """The grid, and the same times a flip where the group has flips."""
    if not wanted:
        return grid
    points = np.concatenate([grid.points, grid.points @ flip])
    return Grid(points, np.concatenate([grid.weights, grid.weights]) / 2, grid.degree)
