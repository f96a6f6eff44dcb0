"""What a file, or one frame of it, holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.cli.reading.text import carried
from intertwine.errors import ArgumentError
from intertwine.reps import Rep
from intertwine.symmetry import Points

_AXIAL = ("magmom", "magmoms")
"""Names of vectors that do not change sign under inversion."""

_LARGEST = 1e100
"""Larger coordinates have no squares."""


def in_cell(points: Points, cell: np.ndarray | None, periodic: object = None) -> Points:
    """The points as a crystal, or with fewer periods a layer or a rod; a cell of zeros, or without periods, is none.

    The cell holds vectors as rows `(3, 3)`, or the lengths `(3,)` of orthogonal ones; periods are all that are not zero
    unless booleans say which.
    """
    cell = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=float)
    cell = np.diag(cell) if cell.shape == (3,) else cell
    if cell.shape != (3, 3) or not np.isfinite(cell).all():
        raise ArgumentError(f"its cell is expected as three vectors (3, 3) of finite numbers, but got {cell.tolist()}")
    asked = np.asarray(True if periodic is None else periodic, dtype=bool)
    if asked.shape not in ((), (1,), (3,)):
        raise ArgumentError(f"three booleans say which vectors of the cell are periods, but got {asked.tolist()}")
    periods = cell.any(1) & asked
    return replace(points, cell=cell, periodic=tuple(periods.tolist())) if periods.any() else points


@dataclass(frozen=True, eq=False)
class Sample:
    """What a file, or one frame of it, holds.

    That is points, the array of a .npy file or the vector `x` of a .npz file; other numbers by their names, `(N, d)` at
    the points or `(d,)` for the whole; and the reps that a .npz file names, as `rep_in` and `rep_out`.
    """

    path: Path
    x: Points | np.ndarray
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    reps: dict[str, str] = field(default_factory=dict)

    @property
    def points(self) -> Points:
        """The points, if that is what the file holds; else `ArgumentError`."""
        x = self.x if isinstance(self.x, Points) else Points(self.x.astype(float), precision=carried(self.x))
        if x.positions.ndim == 2 and not len(x.positions):
            raise ArgumentError(f"{self.path} holds no points.")
        if x.positions.ndim != 2 or x.positions.shape[1] not in (2, 3):
            call = "stabiliser(x, rep=…)" if x.positions.ndim == 1 else "image_stabiliser(image)"
            raise ArgumentError(
                f"{self.path} holds an array of shape {x.positions.shape}, but points (N, 2) or (N, 3) are expected. "
                f"For {'a vector' if x.positions.ndim == 1 else 'an image'}, call tw.symmetry.{call} in Python."
            )
        if not np.isfinite(x.positions).all():
            raise ArgumentError(f"{self.path} holds NaN or infinite positions.")
        if np.abs(x.positions).max() > _LARGEST:
            raise ArgumentError(f"{self.path} holds positions beyond {_LARGEST:g}, too large to compute with.")
        return x

    def rep(self, name: str, group: CatalogGroup) -> Rep | None:
        """The rep of the features, by the name that is asked for, or that the file has; None without features.

        Raises `ArgumentError` for features without a rep, and a rep without features.
        """
        name, features = name or self.reps.get("rep_in", ""), self.points.features
        if features is not None and not name:
            raise ArgumentError(
                f"{self.path} holds features of shape {np.shape(features)}, and nothing says how they turn. Store "
                "their rep in it as rep_in, or pass --rep-in to intertwine check."
            )
        if features is None and name:
            raise ArgumentError(
                f"--rep-in says how features turn, but {self.path} holds none. Store them as features in a .npz file."
            )
        return group.rep(name) if name else None

    def target_rep(self, name: str, y: np.ndarray, text: str, group: CatalogGroup) -> Rep:
        """How a target turns: as a text says, or by its name and size as a scalar, a vector or a matrix."""
        if text:
            return group.rep(text)
        if name in _AXIAL and y.shape[-1] == 3:
            return group.rep("1x1e")
        vector, scalar = group.defining, f"1x{group.trivial}"
        known = {vector.dim**2: vector * vector, vector.dim: vector, 1: group.rep(scalar)}
        if y.shape[-1] not in known:
            where = " at each point" if y.ndim == 2 else ""
            raise ArgumentError(
                f"The target{f' {name}' if name else ''} has {y.shape[-1]} numbers{where}, and nothing "
                "says how they turn. Pass their rep, for example --rep-out '1x0e + 1x2e'."
            )
        return known[y.shape[-1]]

    @property
    def held(self) -> str:
        """The names of the arrays, for messages."""
        return ", ".join(self.arrays) or "nothing but positions"

    def target(self, name: str, turns: bool) -> tuple[str, np.ndarray | None]:
        """The numbers that are the target, with their name; no numbers where positions are.

        Where it is known how they turn, an array (N, 3) holds numbers rather than positions.
        """
        name = name or ("targets" if "targets" in self.arrays else "")
        if name and name not in self.arrays:
            raise ArgumentError(f"{self.path} holds no numbers called {name!r}: it holds {self.held}.")
        if name:
            return name, self.arrays[name].astype(float)
        if isinstance(self.x, np.ndarray) and (turns or self.x.ndim != 2 or self.x.shape[1] not in (2, 3)):
            return "", self.x.astype(float)
        if turns:
            raise ArgumentError(
                f"--rep-out says how a target turns, but not which it is. Name it with --target: {self.path} holds "
                f"{self.held}."
            )
        return "", None
