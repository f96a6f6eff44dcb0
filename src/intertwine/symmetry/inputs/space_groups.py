"""The space group of a crystal, the layer group of a layer: their operations and their names, from spglib."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.operations import Operations

# points that no symmetry of a layer but the ones that are asked for exchanges
_GENERIC = np.array([[0.137, 0.271, 0.5], [0.419, 0.083, 0.31], [0.233, 0.347, -0.17]])
_TITLES = {3: "space group", 2: "layer group", 1: "rod group"}  # what the group is called, by the number of periods
_SPGLIB = 1e-5  # spglib's tolerance, in a cell of volume 1: what it is asked about is exact


@dataclass(frozen=True, repr=False, eq=False)
class SpaceGroup:
    """What a stabiliser knows beyond rotations when its input is a crystal: operation k is x → R_k x + t_k.

    Operations that differ by a period of the given cell count once: they move a crystal of such cells in the same way.

    Args:
        symbol: the international symbol of the group of these operations; of a rod "rod group" with its point group.
        number: its number, 1 … 230; of a layer group 1 … 80; of a rod group, which is not looked up, 0.
        crystal: the symbol of the whole crystal's group: larger where the cell is a supercell that some of its
            rotations do not keep.
        lattice: the periods.
        fractional: the rotations in the cell's basis, `(h, 3, 3)`: integers along periods.
        shifts: the translations as parts of the cell's vectors, `(h, 3)`.
    """

    symbol: str
    number: int
    crystal: str
    lattice: Lattice
    fractional: np.ndarray
    shifts: np.ndarray

    @property
    def cell(self) -> np.ndarray:
        """The vectors of the cell, as rows `(3, 3)`; those that are no periods are replaced by ones across."""
        return self.lattice.cell

    @property
    def translations(self) -> np.ndarray:
        """The translations of the operations, `(h, 3)`, in the units of the cell."""
        return np.asarray(self.shifts @ self.cell)

    @property
    def pure(self) -> np.ndarray:
        """The translations `(t, 3)` of operations without rotation: only 0, unless the cell is a supercell."""
        return np.asarray(self.translations[np.abs(self.fractional - np.eye(3)).max((1, 2)) < 1e-6])

    def __str__(self) -> str:
        whole = f"; the {'layer' if self.lattice.rank == 2 else 'crystal'} itself has {self.crystal}"
        more = f", {len(self.pure)} of them pure translations" if len(self.pure) > 1 else ""
        kept = f"{len(self.shifts)} operations keep" if len(self.shifts) > 1 else "1 operation keeps"
        title = f"{_TITLES[self.lattice.rank]} {self.symbol} (no. {self.number})" if self.number else self.symbol
        return f"{title}: {kept} the cell{more}{whole if self.crystal != self.symbol else ''}"

    def __repr__(self) -> str:
        return f"<SpaceGroup {self.symbol}, {len(self.shifts)} operations>"


def symbol_and_number(operations: Operations) -> tuple[str, int]:
    """The symbol and number of the space or layer group of some operations that form a group.

    Shifts that were fitted to all atoms multiply exactly, since permutations and rotations do. So only the cell has to
    be made exactly symmetric.

    Raises `MissingExtraError` without spglib, and `ArgumentError` where it knows no name.
    """
    basis, lattice = primitive(operations), operations.lattice
    first = np.unique(operations.matrices, axis=0, return_index=True)[1]
    rotations = np.round(np.linalg.inv(basis.T) @ operations.matrices[first] @ basis.T).astype(np.int64)
    shifts = operations.shifts[first] @ np.linalg.inv(basis)
    cell = basis @ lattice.cell
    cell = np.linalg.cholesky(np.mean(rotations.swapaxes(-1, -2) @ (cell @ cell.T) @ rotations, 0))
    cell = cell / abs(np.linalg.det(cell)) ** (1 / 3)  # spglib's tolerance is a length
    if lattice.rank == 3:
        found = _asked("get_spacegroup_type_from_symmetry", rotations, shifts, lattice=cell, symprec=_SPGLIB)
        short = None if found is None else found.international_short
    else:
        found = _asked("get_layergroup", *_generic_layer(rotations, shifts, cell, lattice.periodic))
        short = None if found is None else found.international
    if found is None:
        raise ArgumentError(
            f"spglib has no name for the {len(operations.shifts)} operations that were found. Pass another tolerance."
        )
    return str(short), int(found.number)


def primitive(operations: Operations) -> np.ndarray:
    """The shortest periods of a crystal, as rows in the basis of its cell; other vectors are left as they are.

    They are right-handed: a screw is told from its mirror image by that.
    """
    given, periods = operations.lattice, operations.lattice.periodic
    short = given.reduced()[0]
    around = np.array([*np.ndindex(3, 3, 3)]) - 1
    around = around[(around[:, ~periods] == 0).all(1)] * 1.0
    parts = short.parts(operations.shifts[operations.unturned] @ given.cell)
    vectors = ((parts - short.whole(parts))[:, None] + around).reshape(-1, 3) @ short.cell
    lengths = np.linalg.norm(vectors, axis=1)
    chosen: list[np.ndarray] = []
    for vector in (vectors / lengths.max())[np.argsort(lengths, kind="stable")]:
        if np.linalg.matrix_rank([*chosen, vector], tol=1e-6) > len(chosen):
            chosen.append(vector)
        if len(chosen) == given.rank:
            break
    basis = given.cell.copy()
    basis[periods] = np.array(chosen) * lengths.max()
    basis[periods] *= np.sign(np.linalg.det(basis))  # of all three
    return np.asarray(given.parts(basis))


def _generic_layer(
    rotations: np.ndarray, shifts: np.ndarray, cell: np.ndarray, periodic: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], int, float]:
    """A layer that has some operations and no others, as spglib wants to be asked: a cell, the axis, a tolerance."""
    axis = int(np.flatnonzero(~periodic)[0])
    points = np.insert(_GENERIC[:, :2], axis, _GENERIC[:, 2], 1)
    images = points @ rotations.swapaxes(-1, -2) + shifts[:, None] * periodic
    images[..., axis] /= 10
    cell = cell.copy()
    cell[axis] *= 10
    return (cell, images.reshape(-1, 3), np.tile([1, 2, 3], len(rotations))), axis, _SPGLIB


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
