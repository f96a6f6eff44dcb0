"""The symmetry of crystals, layers and rods: the operations that keep the cell, and their names, from spglib."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.linear_clouds import LineSymmetry
from intertwine.symmetry.inputs.operations import Atoms, group_among, nearly_operations

NEGLIGIBLE = 1e-6
"""What positions and cells make of exact symmetries: smaller tolerances are taken for this one."""
GENERIC = np.array([[0.137, 0.271, 0.5], [0.419, 0.083, 0.31], [0.233, 0.347, -0.17]])
"""Points that no symmetry of a layer but the ones that are asked for exchanges."""
KINDS = {3: "space group", 2: "layer group", 1: "rod group"}
"""What the group is called, by the number of periods."""


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
        return np.asarray(self.translations[self.unturned])

    @property
    def unturned(self) -> np.ndarray:
        """Whether operations have no rotation, `(h,)`."""
        return np.asarray(np.abs(self.fractional - np.eye(3)).max((1, 2)) < 1e-6)

    @property
    def keys(self) -> np.ndarray:
        """Integer matrices that tell operations with equal permutations apart: along the periods, and determinants."""
        periods, (count, rank) = np.flatnonzero(self.lattice.periodic), (len(self.shifts), self.lattice.rank)
        keys = np.zeros((count, rank + 1, rank + 1), dtype=np.int64)
        keys[:, :rank, :rank] = np.round(self.fractional[:, periods[:, None], periods])
        keys[:, rank, rank] = np.round(np.linalg.det(self.fractional))
        return keys

    def part(self, kept: np.ndarray) -> SpaceGroup:
        """Some of the operations, given by their places, under the old name."""
        return replace(self, fractional=self.fractional[kept], shifts=self.shifts[kept])

    def among(self, kept: np.ndarray, rotations: np.ndarray, point_group: str) -> SpaceGroup:
        """The group of some of the operations, given by their places, with exact rotations and their group's name."""
        part = self.part(kept)
        if self.lattice.rank == 1:
            matrices = np.linalg.inv(self.cell.T) @ rotations @ self.cell.T
            symbol = f"rod group with point group {point_group}"
            return replace(part, symbol=symbol, number=0, crystal=symbol, fractional=matrices)
        symbol, number = _named(part)
        return replace(part, symbol=symbol, number=number, crystal=self.crystal or symbol)

    def __str__(self) -> str:
        whole = f"; the {'layer' if self.lattice.rank == 2 else 'crystal'} itself has {self.crystal}"
        more = f", {len(self.pure)} of them pure translations" if len(self.pure) > 1 else ""
        kept = f"{len(self.shifts)} operations keep" if len(self.shifts) > 1 else "1 operation keeps"
        title = f"{KINDS[self.lattice.rank]} {self.symbol} (no. {self.number})" if self.number else self.symbol
        return f"{title}: {kept} the cell{more}{whole if self.crystal != self.symbol else ''}"

    def __repr__(self) -> str:
        return f"<SpaceGroup {self.symbol}, {len(self.shifts)} operations>"


@dataclass(frozen=True, eq=False)
class Operations:
    """Operations of a crystal: rotations `(h, 3, 3)`, permutations `(h, N)`, residuals `(h,)`."""

    space: SpaceGroup
    elements: np.ndarray
    permutations: np.ndarray
    residuals: np.ndarray


def crystal_operations(lattice: Lattice, positions: np.ndarray, kinds: np.ndarray, tolerance: float) -> Operations:
    """All operations with residuals up to twice a tolerance, modulo periods: a group of them is yet to be chosen.

    A residual is the largest distance between a moved atom, or vector of the shortest cell, and its partner, over the
    cube root of the volume per atom.

    Args:
        lattice: the periods.
        positions: `(N, 3)`, Cartesian.
        kinds: `(N,)`.
        tolerance: the residual that operations may have, and their products twice.

    Raises `ArgumentError` for atoms that coincide modulo periods.
    """
    scale = lattice.scale(len(positions))
    maps = nearly_operations(lattice, positions, kinds, 2 * tolerance * scale)
    space = SpaceGroup("", 0, "", lattice, maps.matrices, maps.shifts)
    return Operations(space, lattice.rotations(maps.matrices), maps.permutations, maps.residuals / scale)


def crystal_symbol(found: Operations, positions: np.ndarray, kinds: np.ndarray, tolerance: float) -> str:
    """The symbol of a whole crystal or layer of atoms, also where its cell is a supercell; empty for a rod."""
    kept = kept_operations(found.space, found.permutations, found.residuals, tolerance)
    space = found.space.part(kept)
    lattice, pure = space.lattice, space.unturned
    if pure.sum() == 1 or lattice.rank == 1:
        return "" if lattice.rank == 1 else _named(space)[0]
    goal, parts = found.permutations[kept][pure], lattice.parts(positions)
    off = parts[goal] - space.shifts[pure][:, None] - parts
    mean = parts + (off - lattice.whole(off)).mean(0)
    first = np.unique(goal.min(0))
    smaller = Lattice(_primitive(space) @ lattice.cell, lattice.periodic)
    inner = crystal_operations(smaller, mean[first] @ lattice.cell, kinds[first], tolerance)
    kept = kept_operations(inner.space, inner.permutations, inner.residuals, tolerance)
    return _named(inner.space.part(kept))[0]


def chain_symmetry(
    lattice: Lattice, positions: np.ndarray, kinds: np.ndarray, proper: bool, tolerance: float
) -> LineSymmetry | None:
    """The symmetry of atoms on one line along their only period, as of a cloud on a line; None if they are on none."""
    if bend(lattice, positions) > tolerance:
        return None
    periods = lattice.periodic
    found = crystal_operations(lattice, lattice.parts(positions) * periods @ lattice.cell, kinds, tolerance)
    good = found.residuals <= tolerance
    along, across = lattice.cell[periods][0], lattice.cell[~periods][0]
    axis, normal = along / np.linalg.norm(along), across / np.linalg.norm(across)
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    elements, goals, residuals = [], [], []
    for way, turn in ((1, np.eye(3)), (-1, mirror @ (np.eye(3) - 2 * np.outer(axis, axis)))):
        for k in np.flatnonzero(good & (found.space.fractional[:, periods, periods][:, 0] == way))[:1]:
            elements += [turn] if proper else [turn, mirror @ turn]
            goals += [found.permutations[k]] * (1 if proper else 2)
            residuals += [found.residuals[k]] * (1 if proper else 2)
    lie = np.cross(np.eye(3), axis)[None]
    return LineSymmetry(np.array(elements), np.array(goals), np.array(residuals), lie)


def bend(lattice: Lattice, positions: np.ndarray) -> float:
    """How far atoms are from one line along their only period, in the unit of tolerances; infinite for more periods."""
    across = (positions - positions.mean(0)) @ lattice.cell[~lattice.periodic].T
    length = np.linalg.norm(lattice.cell[~lattice.periodic], axis=1).max(initial=0.0)
    if lattice.rank > 1:
        return np.inf
    return float(np.linalg.norm(across, axis=1).max() / length / lattice.scale(len(positions)))


def telling(lattice: Lattice, positions: np.ndarray, kinds: np.ndarray) -> float:
    """The largest residual that says something: from half the distance between atoms of a kind on, partners are open.

    It is a third of the median distance to the nearest of a kind, and half of the smallest one at most.
    """
    scale = lattice.scale(len(positions))
    spacings = Atoms.of(lattice.reduced()[0], positions, kinds, scale).spacings / scale
    return float(min(np.median(spacings) / 3, spacings.min() / 2))


def displacements(positions: np.ndarray, space: SpaceGroup, permutations: np.ndarray) -> np.ndarray:
    """How far each operation leaves atoms and vectors of the cell from their partners, `(h,)`: the norm over all."""
    parts = space.lattice.parts(positions)
    off = parts @ space.fractional.swapaxes(-1, -2) + space.shifts[:, None] - parts[permutations]
    away = np.linalg.norm((off - space.lattice.whole(off)) @ space.cell, axis=(1, 2))
    return np.asarray(np.hypot(away, np.linalg.norm(space.lattice.strains(space.fractional), axis=1)))


def kept_operations(space: SpaceGroup, permutations: np.ndarray, residuals: np.ndarray, tolerance: float) -> np.ndarray:
    """The places of the largest group of operations with residuals up to a tolerance (their products up to twice)."""
    return group_among(space.keys, permutations, residuals, tolerance)


def different(rough: np.ndarray) -> np.ndarray:
    """The place of the first of each of the different rotations `(h, 3, 3)` of a group, which hold noise.

    Different rotations of a group of h elements are turned by at least 2π/h against each other.
    """
    left, first = np.arange(len(rough)), []
    while len(left):
        first.append(left[0])
        left = left[np.linalg.norm(rough[left] - rough[left[0]], axis=(1, 2)) > np.sqrt(2) * np.sin(np.pi / len(rough))]
    return np.array(first)


# names ----------------------------------------------------------------------------------------------------------------


def _named(space: SpaceGroup) -> tuple[str, int]:
    """The symbol and number of the space or layer group of some operations that form a group.

    Shifts that were fitted to all atoms multiply exactly, since permutations and rotations do. So only the cell has to
    be made exactly symmetric.
    """
    basis = _primitive(space)
    first = np.unique(space.fractional, axis=0, return_index=True)[1]
    rotations = np.round(np.linalg.inv(basis.T) @ space.fractional[first] @ basis.T).astype(np.int64)
    shifts = space.shifts[first] @ np.linalg.inv(basis)
    cell = basis @ space.cell
    cell = np.linalg.cholesky(np.mean(rotations.swapaxes(-1, -2) @ (cell @ cell.T) @ rotations, 0))
    cell = cell / abs(np.linalg.det(cell)) ** (1 / 3)  # spglib's tolerance is a length
    if space.lattice.rank == 3:
        found = _asked("get_spacegroup_type_from_symmetry", rotations, shifts, lattice=cell, symprec=1e-5)
        short = None if found is None else found.international_short
    else:
        found = _asked("get_layergroup", *_generic_layer(rotations, shifts, cell, space.lattice.periodic))
        short = None if found is None else found.international
    if found is None:
        raise ArgumentError(
            f"spglib has no name for the {len(space.shifts)} operations that were found. Pass another tolerance."
        )
    return str(short), int(found.number)


def _primitive(space: SpaceGroup) -> np.ndarray:
    """The shortest periods of a crystal, as rows in the basis of its cell; other vectors are left as they are.

    They are right-handed: a screw is told from its mirror image by that.
    """
    lattice, periods = space.lattice.reduced()[0], space.lattice.periodic
    around = np.array([*np.ndindex(3, 3, 3)]) - 1
    around = around[(around[:, ~periods] == 0).all(1)] * 1.0
    parts = lattice.parts(space.pure)
    vectors = ((parts - lattice.whole(parts))[:, None] + around).reshape(-1, 3) @ lattice.cell
    lengths = np.linalg.norm(vectors, axis=1)
    chosen: list[np.ndarray] = []
    for vector in (vectors / lengths.max())[np.argsort(lengths, kind="stable")]:
        if np.linalg.matrix_rank([*chosen, vector], tol=1e-6) > len(chosen):
            chosen.append(vector)
        if len(chosen) == lattice.rank:
            break
    basis = space.cell.copy()
    basis[periods] = np.array(chosen) * lengths.max()
    basis[periods] *= np.sign(np.linalg.det(basis))  # of all three
    return np.asarray(space.lattice.parts(basis))


def _generic_layer(
    rotations: np.ndarray, shifts: np.ndarray, cell: np.ndarray, periodic: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], int, float]:
    """A layer that has some operations and no others, as spglib wants to be asked: a cell, the axis, a tolerance."""
    axis = int(np.flatnonzero(~periodic)[0])
    points = np.insert(GENERIC[:, :2], axis, GENERIC[:, 2], 1)
    images = points @ rotations.swapaxes(-1, -2) + shifts[:, None] * periodic
    images[..., axis] /= 10
    cell = cell.copy()
    cell[axis] *= 10
    return (cell, images.reshape(-1, 3), np.tile([1, 2, 3], len(rotations))), axis, 1e-5


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
