"""The symmetry of crystals, layers and rods: the operations that keep the cell, and the group that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.inputs.identify_subgroup import all_elements, named_subgroup
from intertwine.symmetry.inputs.isotropy_group import Averaging, ListedStabiliser, no_group
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.linear_clouds import LineIsometries
from intertwine.symmetry.inputs.operations import Atoms, Operations, nearly_operations
from intertwine.symmetry.inputs.space_groups import SpaceGroup, primitive, symbol_and_number


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class CrystalStabiliser(ListedStabiliser):
    """The operations of a crystal, a layer or a rod, modulo its periods.

    Args:
        named: their space group.
        operations: the operations, with the residuals.
    """

    named: SpaceGroup
    operations: Operations

    @staticmethod
    def of(
        cloud: Cloud, operations: Operations, rough: np.ndarray, tolerance: float, crystal: str = ""
    ) -> CrystalStabiliser:
        """That which operations make up, with exact rotations fitted to rough ones `(h, 3, 3)`.

        `crystal` is the symbol of the whole crystal, where that is larger.
        """
        first = _different(rough)
        subgroup = named_subgroup(cloud.group, rough[first], cloud.group.lie_generators[:0])
        if subgroup is None:
            raise no_group(len(first), tolerance, operations.residuals)
        exact = all_elements(subgroup)
        elements = exact[np.argmin(np.abs(rough[:, None] - exact).max((-1, -2)), 1)]
        lattice = operations.lattice
        if lattice.rank == 1:
            matrices = np.linalg.inv(lattice.cell.T) @ elements @ lattice.cell.T
            operations = replace(operations, matrices=matrices)
            symbol, number = f"rod group with point group {subgroup.name}", 0
            crystal = symbol
        else:
            symbol, number = symbol_and_number(operations)
        space = SpaceGroup(symbol, number, crystal or symbol, lattice, operations.matrices, operations.shifts)
        return CrystalStabiliser(
            subgroup=subgroup,
            elements=elements,
            residuals=operations.residuals,
            permutations=operations.permutations,
            tolerance=tolerance,
            source=cloud,
            named=space,
            operations=operations,
        )

    @property
    def space(self) -> SpaceGroup:
        """The space group."""
        return self.named

    @property
    def name(self) -> str:
        """The international symbol."""
        return self.named.symbol

    @property
    def order(self) -> int:
        """The number of operations that keep the cell."""
        return len(self.elements)

    def among(self, places: np.ndarray, residuals: np.ndarray, tolerance: float) -> CrystalStabiliser:
        """Those operations, given by their places, that make up a subgroup."""
        operations, cloud = replace(self.operations, residuals=residuals).among(places), self.source
        return CrystalStabiliser.of(cloud, operations, self.elements[places], tolerance, self.named.crystal)  # type: ignore[arg-type]

    def displacements(self, by: Averaging) -> np.ndarray:  # noqa: ARG002  # all are listed
        """How far each operation leaves atoms and vectors of the cell from their partners: the norm over all."""
        lattice, matrices = self.operations.lattice, self.operations.matrices
        parts = lattice.parts(self.source.positions)  # type: ignore[attr-defined]
        off = parts @ matrices.swapaxes(-1, -2) + self.operations.shifts[:, None] - parts[self.operations.permutations]
        away = np.linalg.norm((off - lattice.whole(off)) @ lattice.cell, axis=(1, 2))
        return np.asarray(np.hypot(away, np.linalg.norm(lattice.strains(matrices), axis=1)))

    def _largest(self, residuals: np.ndarray, tolerance: float) -> np.ndarray:
        return replace(self.operations, residuals=residuals).largest(tolerance)

    @property
    def _title(self) -> str:
        point = "" if self.name.endswith(self.subgroup.name) else f"; point group {self.subgroup.name}"
        return f"{self.named}{point}"


def crystal_stabiliser(cloud: Cloud, tolerance: float) -> CrystalStabiliser:
    """The stabiliser of a crystal, a layer or a rod whose atoms are not on one line along its only period."""
    found, bare = nearly_kept(cloud, tolerance)
    crystal = _whole_symbol(cloud, bare.among(bare.largest(tolerance)), tolerance)
    return largest_kept(cloud, found, tolerance, crystal)


def largest_kept(cloud: Cloud, found: Operations, tolerance: float, crystal: str = "") -> CrystalStabiliser:
    """The stabiliser that those operations of a crystal make up whose residuals are within a tolerance."""
    kept = found.among(found.largest(tolerance))
    return CrystalStabiliser.of(cloud, kept, kept.elements, tolerance, crystal)


def nearly_kept(cloud: Cloud, tolerance: float) -> tuple[Operations, Operations]:
    """The operations that nearly keep a crystal with its features, and those that nearly keep its atoms.

    All with residuals up to twice a tolerance, modulo periods: a group of them is yet to be chosen. A residual is the
    largest distance between a moved atom, or vector of the shortest cell, and its partner, over the cube root of the
    volume per atom.

    Raises `ArgumentError` for atoms that coincide modulo periods.
    """
    bare = _operations(cloud.lattice, cloud.positions, cloud.kinds, tolerance)  # type: ignore[arg-type]
    proper = (np.linalg.det(bare.elements) > 0) | (not cloud.group.is_proper)
    residuals = np.where(proper, bare.residuals, np.inf)
    if cloud.features.size:
        residuals = np.maximum(residuals, cloud.features_off(cloud, bare.elements, bare.permutations)[0])
    return replace(bare, residuals=residuals), bare


def _operations(lattice: Lattice, positions: np.ndarray, kinds: np.ndarray, tolerance: float) -> Operations:
    scale = lattice.scale(len(positions))
    found = nearly_operations(lattice, positions, kinds, 2 * tolerance * scale)
    return replace(found, residuals=found.residuals / scale)


def _whole_symbol(cloud: Cloud, kept: Operations, tolerance: float) -> str:
    """The symbol of a whole crystal or layer of atoms where its cell is a supercell; empty for others."""
    lattice, pure = kept.lattice, kept.unturned
    if lattice.rank == 1:
        return ""
    if pure.sum() == 1:
        return symbol_and_number(kept)[0]
    goal, parts = kept.permutations[pure], lattice.parts(cloud.positions)
    off = parts[goal] - kept.shifts[pure][:, None] - parts
    mean = parts + (off - lattice.whole(off)).mean(0)
    first = np.unique(goal.min(0))
    smaller = Lattice(primitive(kept) @ lattice.cell, lattice.periodic)
    inner = _operations(smaller, mean[first] @ lattice.cell, cloud.kinds[first], tolerance)
    return symbol_and_number(inner.among(inner.largest(tolerance)))[0]


def chain_symmetry(cloud: Cloud, tolerance: float) -> LineIsometries | None:
    """The symmetry of atoms on one line along their only period, as of a cloud on a line; None if they are on none."""
    lattice: Lattice = cloud.lattice  # type: ignore[assignment]
    if bend(cloud) > tolerance:
        return None
    periods = lattice.periodic
    straight = lattice.parts(cloud.positions) * periods @ lattice.cell
    found = _operations(lattice, straight, cloud.kinds, tolerance)
    good = found.residuals <= tolerance
    along, across = lattice.cell[periods][0], lattice.cell[~periods][0]
    axis, normal = along / np.linalg.norm(along), across / np.linalg.norm(across)
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    elements, places = list[np.ndarray](), list[int]()
    for way, turn in ((1, np.eye(3)), (-1, mirror @ (np.eye(3) - 2 * np.outer(axis, axis)))):
        for k in np.flatnonzero(good & (found.matrices[:, periods, periods][:, 0] == way))[:1]:
            both = [turn] if cloud.group.is_proper else [turn, mirror @ turn]
            elements, places = elements + both, places + [k] * len(both)
    some = found.among(np.array(places))
    return LineIsometries(np.array(elements), some.permutations, some.residuals, np.cross(np.eye(3), axis)[None])


def bend(cloud: Cloud) -> float:
    """How far atoms are from one line along their only period, in the unit of tolerances; infinite for more periods."""
    lattice: Lattice = cloud.lattice  # type: ignore[assignment]
    if lattice.rank > 1:
        return np.inf
    vectors = lattice.cell[~lattice.periodic]
    across = np.linalg.norm(cloud.unit @ vectors.T, axis=1).max() / np.linalg.norm(vectors, axis=1).max()
    return float(cloud.radius * across / cloud.size)


def telling(cloud: Cloud) -> float:
    """The largest residual that says something: from half the distance between atoms of a kind on, partners are open.

    It is a third of the median distance to the nearest of a kind, and half of the smallest one at most; in a crystal
    with the distances to images.
    """
    if cloud.lattice is None:
        return float(np.median(cloud.spacings)) / 3
    atoms = Atoms.of(cloud.lattice.reduced()[0], cloud.positions, cloud.kinds, cloud.size)
    spacings = atoms.spacings / cloud.size
    return float(min(np.median(spacings) / 3, spacings.min() / 2))


def _different(rough: np.ndarray) -> np.ndarray:
    """The place of the first of each of the different rotations `(h, 3, 3)` of a group, which hold noise.

    Different rotations of a group of h elements are turned by at least 2π/h against each other.
    """
    left, first = np.arange(len(rough)), []
    while len(left):
        first.append(left[0])
        left = left[np.linalg.norm(rough[left] - rough[left[0]], axis=(1, 2)) > np.sqrt(2) * np.sin(np.pi / len(rough))]
    return np.array(first)
