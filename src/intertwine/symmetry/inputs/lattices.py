"""The periods of crystals, layers and rods: checks of cells, reduced bases, and the matrices that nearly keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError, ShapeError

_FLAT = 1e-6  # vectors of a cell this close to lying in a plane, or this short beside the longest, are a mistake


@dataclass(frozen=True, eq=False)
class Lattice:
    """The periods of a crystal, a layer or a rod.

    Args:
        cell: three vectors as rows `(3, 3)`: the periods and, in place of vectors that are none, vectors at right
            angles to all others, as long as the atoms reach. So the volume does not depend on the box.
        periodic: which of them are periods, `(3,)`.
    """

    cell: np.ndarray
    periodic: np.ndarray

    @property
    def rank(self) -> int:
        """The number of periods."""
        return int(self.periodic.sum())

    def parts(self, positions: np.ndarray) -> np.ndarray:
        """Positions `(..., 3)` in the basis of the cell."""
        return np.asarray(positions @ np.linalg.inv(self.cell))

    def whole(self, parts: np.ndarray) -> np.ndarray:
        """The whole periods next to differences of positions, both in the basis of the cell."""
        return np.asarray(np.round(parts) * self.periodic)

    def scale(self, count: int) -> float:
        """The unit of tolerances for so many atoms: the cube root of the volume of each."""
        return float((abs(np.linalg.det(self.cell)) / count) ** (1 / 3))

    def reduced(self) -> tuple[Lattice, np.ndarray]:
        """The lattice in the shortest basis, and the integer matrix P with `P @ cell` that basis."""
        change, periods = np.eye(3, dtype=np.int64), np.flatnonzero(self.periodic)
        change[np.ix_(periods, periods)] = _shortest(self.cell[periods])
        return Lattice(change @ self.cell, self.periodic), change

    def strains(self, matrices: np.ndarray) -> np.ndarray:
        """How far matrices `(k, 3, 3)` in the basis leave each vector of the cell from its partner, `(k, 3)`.

        Compared are its image by the closest orthogonal matrix, and the vector of the lattice that it should become.
        """
        return np.asarray(np.linalg.norm(self.rotations(matrices) @ self.cell.T - self.cell.T @ matrices, axis=1))

    def rotations(self, matrices: np.ndarray) -> np.ndarray:
        """The orthogonal matrices `(k, 3, 3)` that are closest to matrices in the basis of the cell."""
        u, _, vt = np.linalg.svd(self.cell.T @ matrices @ np.linalg.inv(self.cell.T))
        return np.asarray(u @ vt)

    def automorphisms(self, largest: float) -> np.ndarray:
        """All integer matrices `(k, 3, 3)` that keep a reduced lattice up to a strain, with 1 or −1 across the periods.

        Column i holds the image of vector i. It is as long as the vector, up to the strain, and such vectors of the
        lattice have coefficients −1, 0 and 1 in a shortest basis; up to 2 leaves room for the strain.
        """
        periods = np.flatnonzero(self.periodic)
        whole = np.array([*np.ndindex(*[5] * len(periods))]) - 2
        lengths, slack = np.linalg.norm(whole @ self.cell[periods], axis=1), largest * (1 + 1e-9)
        images = [whole[np.abs(lengths - length) <= slack] for length in np.linalg.norm(self.cell[periods], axis=1)]
        chosen = np.indices([len(image) for image in images]).reshape(len(images), -1)
        blocks = np.stack([image[place] for image, place in zip(images, chosen, strict=True)], -1)
        blocks = blocks[np.abs(np.abs(np.linalg.det(blocks)) - 1) < 0.5]
        signs = [1] if len(periods) == 3 else [1, -1]
        found = np.tile(np.eye(3, dtype=np.int64), (len(signs), len(blocks), 1, 1))
        found[:, :, periods[:, None], periods] = blocks
        for sign, part in zip(signs, found, strict=True):
            part[:, ~self.periodic, ~self.periodic] = sign
        found = found.reshape(-1, 3, 3)
        return np.asarray(found[self.strains(found).max(1) <= slack])


def lattice_of(cell: np.ndarray, periodic: Sequence[bool] | np.ndarray | None, positions: np.ndarray) -> Lattice | None:
    """The periods of `Points` with a cell; None for a molecule: with a cell of zeros, or without periods.

    Raises `ShapeError` and `ArgumentError` for cells that are none.
    """
    cell = np.asarray(cell, dtype=np.float64)
    chosen = np.ones(3, dtype=bool) if periodic is None else np.asarray(periodic, dtype=bool)
    if cell.shape != (3, 3):
        raise ShapeError(f"A cell holds three vectors as rows (3, 3), but got an array of shape {cell.shape}.")
    if chosen.shape != (3,):
        raise ShapeError(
            f"Which vectors of a cell are periods is said by three booleans, but got the shape {chosen.shape}."
        )
    if not cell.any() or not chosen.any():
        return None
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ArgumentError(
            f"Crystals fill space: positions (N, 3) belong to a cell, but got {positions.shape}. Leave the cell out."
        )
    periods = cell[chosen]
    if not np.isfinite(periods).all():
        raise ArgumentError("The cell holds NaN or infinite numbers. Repair it, or leave it out for a molecule.")
    lengths = np.linalg.norm(periods, axis=1)
    if lengths.min() <= _FLAT * lengths.max() or _measure(periods / lengths[:, None]) < _FLAT:
        raise ArgumentError(
            "The vectors of the cell lie in a plane or on a line. Pass three independent vectors as rows, say which of "
            "them are periods by periodic=(True, True, False), or leave the cell out for a molecule."
        )
    return Lattice(_completed(cell, chosen, positions), chosen)


def _completed(cell: np.ndarray, periodic: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The cell with vectors across the periods in place of those that are none."""
    if periodic.all():
        return cell
    periods = cell[periodic]
    across = np.linalg.svd(periods)[2][len(periods) :]
    reach = np.linalg.norm((positions - positions.mean(0)) @ across.T, axis=1).max()
    spacing = (_measure(periods) / len(positions)) ** (1 / len(periods))
    cell = cell.copy()
    cell[~periodic] = max(2 * float(reach), spacing) * across
    return cell


def _measure(vectors: np.ndarray) -> float:
    """The length, area or volume that rows span."""
    return float(np.sqrt(max(np.linalg.det(vectors @ vectors.T), 0.0)))


def _shortest(basis: np.ndarray) -> np.ndarray:
    """The integer matrix that makes rows as short as possible (Minkowski's basis, by greedy reduction).

    Source: Nguyen and Stehlé 2009, doi:10.1145/1597036.1597050.
    """
    change = np.eye(len(basis), dtype=np.int64)
    while len(basis) > 1:
        change = change[np.argsort(np.linalg.norm(change @ basis, axis=1), kind="stable")]
        change[:-1] = _shortest((change @ basis)[:-1]) @ change[:-1]
        whole = change @ basis
        shorter, last = whole[:-1], whole[-1]
        around = np.array([*np.ndindex(*[3] * len(shorter))]) - 1
        near = np.round(np.linalg.lstsq(shorter.T, last, rcond=None)[0]).astype(np.int64) + around
        lengths = np.linalg.norm(last - near @ shorter, axis=1)
        if lengths.min() > np.linalg.norm(last) * (1 - 1e-9):
            break
        change[-1] -= near[np.argmin(lengths)] @ change[:-1]
    return change
