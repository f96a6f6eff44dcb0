"""The symmetry of crystals: the operations of the space group that keep the cell, found by spglib."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError, ShapeError
from intertwine.symmetry.inputs.closure import largest_group


@dataclass(frozen=True, repr=False, eq=False)
class SpaceGroup:
    """What a stabiliser knows beyond rotations when its input is a crystal: operation k is x → R_k x + t_k.

    Operations that differ by a vector of the given cell count once: they move a crystal of such cells in the same way.

    Args:
        symbol: the international symbol of the group of these operations.
        number: its number, 1 … 230.
        crystal: the symbol of the whole crystal's group: larger where the cell is a supercell that some of its
            rotations do not keep.
        cell: the vectors of the cell, as rows `(3, 3)`.
        fractional: the rotations as integer matrices in the cell's basis, `(h, 3, 3)`.
        shifts: the translations as parts of the cell's vectors, `(h, 3)`.
    """

    symbol: str
    number: int
    crystal: str
    cell: np.ndarray
    fractional: np.ndarray
    shifts: np.ndarray

    @property
    def translations(self) -> np.ndarray:
        """The translations of the operations, `(h, 3)`, in the units of the cell."""
        return np.asarray(self.shifts @ self.cell)

    @property
    def pure(self) -> np.ndarray:
        """The translations `(t, 3)` of operations without rotation: only 0, unless the cell is a supercell."""
        return np.asarray(self.translations[(self.fractional == np.eye(3, dtype=int)).all((1, 2))])

    def among(self, kept: np.ndarray) -> SpaceGroup:
        """The group of some of the operations, given by their places."""
        fractional, shifts = self.fractional[kept], self.shifts[kept]
        symbol, number = _named(fractional, shifts, self.cell)
        return SpaceGroup(symbol, number, self.crystal, self.cell, fractional, shifts)

    def __str__(self) -> str:
        whole = f"; the crystal itself has {self.crystal}" if self.crystal != self.symbol else ""
        more = f", {len(self.pure)} of them pure translations" if len(self.pure) > 1 else ""
        kept = f"{len(self.shifts)} operations keep" if len(self.shifts) > 1 else "1 operation keeps"
        return f"space group {self.symbol} (no. {self.number}): {kept} the cell{more}{whole}"

    def __repr__(self) -> str:
        return f"<SpaceGroup {self.symbol}, {len(self.shifts)} operations>"


@dataclass(frozen=True, eq=False)
class Operations:
    """Operations of a crystal: rotations `(h, 3, 3)`, permutations `(h, N)`, residual distances `(h,)`."""

    space: SpaceGroup
    elements: np.ndarray
    permutations: np.ndarray
    residuals: np.ndarray


def crystal_operations(positions: np.ndarray, kinds: np.ndarray, cell: np.ndarray, tolerance: float) -> Operations:
    """All operations that move a crystal onto itself, modulo the translations of its cell.

    Args:
        positions: `(N, 3)`, Cartesian.
        kinds: `(N,)`.
        cell: the vectors of the cell, as rows.
        tolerance: the largest distance between a moved atom, or vector of the cell, and its partner, over the cube root
            of the volume per atom.

    Raises `MissingExtraError` without spglib, and `ArgumentError` for cells and atoms that are no crystal.
    """
    cell = checked_cell(cell)
    scale = length_scale(cell, len(positions))
    fractional = positions @ np.linalg.inv(cell)
    numbers = np.unique(kinds, return_inverse=True)[1] + 1
    found = _asked("get_symmetry_dataset", (cell / scale, fractional, numbers), symprec=max(tolerance, 1e-8))
    if found is None:
        raise ArgumentError(
            f"spglib finds no symmetry of these {len(positions)} atoms at the tolerance {tolerance:g}: atoms may be "
            "closer than that. Pass another tolerance, or remove atoms that are there twice."
        )
    rotations, shifts = np.asarray(found.rotations), np.asarray(found.translations)
    symbol, number = _named(rotations, shifts, cell)
    space = SpaceGroup(symbol, number, str(found.international), cell, rotations, shifts % 1.0)
    images = fractional @ rotations.swapaxes(-1, -2) + shifts[:, None]
    permutations = _partners(images, fractional, kinds, cell)
    off = _away(images, fractional[permutations], cell).max(1, initial=0.0)
    residuals = np.maximum(off, _strains(space).max(1)) / scale
    return Operations(space, _orthogonal(space), permutations, residuals)


def checked_cell(cell: np.ndarray) -> np.ndarray:
    """The vectors of a cell as rows `(3, 3)`, or an error that says what is off."""
    cell = np.asarray(cell, dtype=np.float64)
    if cell.shape != (3, 3):
        raise ShapeError(f"A cell holds three vectors as rows (3, 3), but an array of shape {cell.shape} came.")
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-9 * np.abs(cell).max(initial=0.0) ** 3:
        raise ArgumentError(
            "The cell holds NaN, or its vectors lie in a plane. Pass three independent vectors as rows."
        )
    return cell


def length_scale(cell: np.ndarray, count: int) -> float:
    """The cube root of the volume per atom: the unit of tolerances."""
    return float((abs(np.linalg.det(cell)) / count) ** (1 / 3))


def displacements(positions: np.ndarray, space: SpaceGroup, permutations: np.ndarray) -> np.ndarray:
    """How far each operation leaves atoms and vectors of the cell from their partners, `(h,)`: the norm over all."""
    fractional = positions @ np.linalg.inv(space.cell)
    images = fractional @ space.fractional.swapaxes(-1, -2) + space.shifts[:, None]
    off = np.linalg.norm(_away(images, fractional[permutations], space.cell), axis=1)
    return np.asarray(np.hypot(off, np.linalg.norm(_strains(space), axis=1)))


def _orthogonal(space: SpaceGroup) -> np.ndarray:
    """The rotations `(h, 3, 3)` of the cell closest to the given one whose lengths and angles they keep exactly."""
    metric = np.mean(space.fractional.swapaxes(-1, -2) @ (space.cell @ space.cell.T) @ space.fractional, 0)
    root = np.linalg.cholesky(metric)
    u, _, vt = np.linalg.svd(np.linalg.inv(root) @ space.cell)
    ideal = root @ u @ vt
    return np.asarray(ideal.T @ space.fractional @ np.linalg.inv(ideal).T)


def _strains(space: SpaceGroup) -> np.ndarray:
    """How far each rotation leaves the vectors of the cell from those of the lattice, `(h, 3)`."""
    return np.asarray(np.linalg.norm(_orthogonal(space) @ space.cell.T - space.cell.T @ space.fractional, axis=1))


def kept_operations(space: SpaceGroup, permutations: np.ndarray, residuals: np.ndarray, tolerance: float) -> np.ndarray:
    """The places of the largest group of operations with residuals up to a tolerance (their products up to twice)."""
    if (residuals <= tolerance).all():
        return np.arange(len(residuals))  # all that spglib found is a group
    table = {(w.tobytes(), p.tobytes()): i for i, (w, p) in enumerate(zip(space.fractional, permutations, strict=True))}

    def product(i: int, j: int) -> int | None:
        w = space.fractional[i] @ space.fractional[j]
        found = table.get((w.astype(space.fractional.dtype).tobytes(), permutations[i][permutations[j]].tobytes()))
        return found if found is not None and residuals[found] <= 2 * tolerance else None

    order = np.argsort(residuals, kind="stable")
    seeds: Sequence[int] = order[residuals[order] <= tolerance].tolist()
    still = np.arange(permutations.shape[1])
    identity = next(
        i
        for i, (w, p) in enumerate(zip(space.fractional, permutations, strict=True))
        if (w == np.eye(3, dtype=int)).all() and (p == still).all()
    )
    return np.sort(largest_group(seeds, product, identity, len(table)))


def _partners(images: np.ndarray, fractional: np.ndarray, kinds: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The nearest atom of its kind, `(h, N)`, of each atom's image under each operation, in this cell or around it."""
    from scipy.spatial import KDTree

    around = np.array([*np.ndindex(3, 3, 3)]) - 1
    permutations = np.zeros(images.shape[:2], dtype=np.int64)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        copies = (around[:, None] + fractional[members] % 1.0).reshape(-1, 3) @ cell
        _, nearest = KDTree(copies).query((images[:, members] % 1.0) @ cell)
        permutations[:, members] = members[nearest % len(members)]
    return permutations


def _away(a: np.ndarray, b: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The distance of fractional coordinates to the nearest image; exact for distances below half the cell."""
    difference = a - b
    return np.asarray(np.linalg.norm((difference - np.round(difference)) @ cell, axis=-1))


def _named(rotations: np.ndarray, shifts: np.ndarray, cell: np.ndarray) -> tuple[str, int]:
    unit = cell / length_scale(cell, 1)  # spglib's tolerance is a length
    found = _asked("get_spacegroup_type_from_symmetry", rotations, shifts, lattice=unit, symprec=1e-3)
    return ("P1", 1) if found is None else (str(found.international_short), int(found.number))


def _asked(question: str, *arguments: object, **options: object):  # type: ignore[no-untyped-def]
    """What a function of spglib answers; None where it finds nothing, which later versions raise."""
    try:
        import spglib
    except ImportError as error:
        raise MissingExtraError.of("spglib", "crystals") from error
    nothing = getattr(spglib, "SpglibError", ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of returning None
        try:
            return getattr(spglib, question)(*arguments, **options)
        except nothing:
            return None
