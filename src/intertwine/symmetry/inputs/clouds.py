"""Clouds of points with labels and features, and crystals: as they are given, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.reps import Rep
from intertwine.symmetry.inputs.isotropy_group import Source
from intertwine.symmetry.inputs.lattices import Lattice, lattice_of
from intertwine.symmetry.inputs.operations import check_periods
from intertwine.symmetry.inputs.tolerances import FLOAT64, POINT, TINY


@dataclass(frozen=True, eq=False)
class Points:
    """A cloud of points: positions, kinds, and a vector of a rep at each point; with a cell, a crystal.

    Args:
        positions: `(N, 2)` or `(N, 3)`; only differences matter.
        labels: a kind for each point, `(N,)`; only points of one kind may be exchanged.
        features: numbers at each point, `(N, rep.dim)`; the rep is given where the cloud is used.
        cell: for a crystal, the vectors of its cell as rows `(3, 3)`. A cell of zeros is none: a molecule.
        periodic: which vectors of the cell are periods, three booleans; None for all three. Two make a layer, one a
            rod, none a molecule; vectors that are no periods do not matter, and may be zero.
        precision: how far positions are rounded, as a length in their unit: half a unit of the last digit that a file
            prints. Symmetries count up to what that can cause, whatever the tolerance. 0: not known to be rounded.

    >>> Points(np.eye(3), labels=[0, 0, 1]).positions.shape
    (3, 3)
    """

    positions: np.ndarray
    labels: Sequence[int] | np.ndarray | None = None
    features: np.ndarray | None = None
    cell: np.ndarray | None = None
    periodic: Sequence[bool] | np.ndarray | None = None
    precision: float = 0.0

    @property
    def kinds(self) -> np.ndarray:
        """The number of the kind of each point, `(N,)`."""
        labels = np.zeros(len(self.positions)) if self.labels is None else np.asarray(self.labels)
        return np.asarray(np.unique(labels, return_inverse=True)[1])

    @property
    def lattice(self) -> Lattice | None:
        """The periods of a crystal, a layer or a rod; None for a cloud or molecule.

        Raises `ShapeError` and `ArgumentError` for a cell that is none: NaN, or vectors in a plane.
        """
        if self.cell is None:
            return None
        return lattice_of(to_numpy(self.cell), self.periodic, to_numpy(self.positions))

    @property
    def scale(self) -> float:
        """The length that residuals and tolerances are relative to.

        In a cloud the distance of the farthest point from the centre, in a crystal the cube root of the volume per
        atom.
        """
        positions = to_numpy(self.positions)
        if (lattice := self.lattice) is not None:
            return lattice.scale(len(positions))
        return float(np.linalg.norm(positions - positions.mean(0), axis=1).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class Cloud(Source):
    """Points that were checked, with all that is asked of them.

    Args:
        group: SO(2), O(2), SO(3) or O(3), in which symmetries are looked for.
        positions: `(N, n)`.
        unit: the positions about their centre, the farthest at distance 1; zeros if all are at one place.
        radius: the distance of the farthest point from the centre.
        labels: a kind for each point `(N,)`.
        kinds: their numbers.
        features: a vector of `rep` at each point, which moves along, `(N, rep.dim)`.
        rep: the rep of the features; the empty one if there are none.
        lattice: the periods of a crystal, a layer or a rod; None for a molecule.
    """

    group: CatalogGroup
    positions: np.ndarray
    unit: np.ndarray
    radius: float
    labels: np.ndarray
    kinds: np.ndarray
    features: np.ndarray
    rep: Rep
    lattice: Lattice | None

    @staticmethod
    def of(points: Points, group: CatalogGroup, rep: Rep | None) -> Cloud:
        """A cloud or crystal; raises `ShapeError`, `ArgumentError` and `RepMismatchError` for what is none."""
        positions, lattice = to_numpy(points.positions), points.lattice
        if lattice is not None and group.dim != 3:
            raise ArgumentError(f"Crystals fill space, so their group is SO(3) or O(3), but got {group}.")
        if positions.ndim != 2 or positions.shape[1] != group.dim or not len(positions):
            raise ShapeError(
                f"A point cloud for {group} has the shape (N, {group.dim}) with N ≥ 1, but got {positions.shape}."
            )
        if not np.isfinite(positions).all():
            raise ArgumentError("The positions hold NaN or infinite numbers. Remove or repair these points.")
        if not group.is_full:
            raise ArgumentError(f"The symmetry of points is found in SO(2), O(2), SO(3) or O(3), but got {group}.")
        count = len(positions)
        labels = np.zeros(count) if points.labels is None else np.asarray(points.labels)
        if labels.shape != (count,):
            raise ShapeError(f"There are {count} points, one label for each, but got labels of shape {labels.shape}.")
        features, rep = _checked_features(points.features, rep, group, count)
        unit, kinds = positions - positions.mean(0), np.unique(labels, return_inverse=True)[1]
        radius = float(np.linalg.norm(unit, axis=1).max())
        radius = radius if radius > POINT * np.abs(positions).max() else 0.0
        unit = unit / radius if radius else np.zeros_like(unit)
        cloud = Cloud(group, positions, unit, radius, labels, kinds, features, rep, lattice)
        if lattice is not None:
            check_periods(lattice, positions)
        if cloud.spacings.min() < FLOAT64:
            raise ArgumentError(
                "Two points of one kind coincide, so it is not clear which goes where. Label them differently, or keep "
                "one."
            )
        return cloud

    @cached_property
    def spacings(self) -> np.ndarray:
        """The distance in `unit` of each point to the nearest of its kind, `(N,)`; infinite for the only one."""
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        nearest = np.empty(len(self.unit))
        for kind in range(self.kinds.max() + 1):
            members = self.unit[self.kinds == kind]
            nearest[self.kinds == kind] = KDTree(members).query(members, 2)[0][:, 1]
        return nearest

    @cached_property
    def line(self) -> tuple[np.ndarray, float]:
        """The direction of the line that `unit` is closest to, 0 for one point, and how far the points are from it.

        In the plane only one point counts, for a line there has finitely many symmetries.
        """
        if not self.radius or self.positions.shape[1] == 2:
            return np.zeros(self.positions.shape[1]), np.inf if self.radius else 0.0
        axis = np.linalg.svd(self.unit, full_matrices=False)[2][0]
        return axis, float(np.linalg.norm(self.unit - np.outer(self.unit @ axis, axis), axis=1).max())

    @property
    def size(self) -> float:
        """The length that displacements of the whole are compared with."""
        if self.lattice is not None:
            return self.lattice.scale(len(self.positions))
        return self.radius * float(np.linalg.norm(self.unit))

    def joined(self, y: np.ndarray, rep: Rep) -> Cloud:
        """The cloud with a target beside its features. One for the whole is the same at every point."""
        if y.ndim == 1:
            y = np.tile(y / len(self.positions) ** 0.5, (len(self.positions), 1))
        own = self.features / max(float(np.linalg.norm(self.features)), TINY)
        return replace(self, features=np.concatenate([own, y], 1), rep=self.rep + rep)

    def displacements(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
        """How far moved points are from their partners, all together."""
        off = self.unit @ elements.swapaxes(-1, -2) - self.unit[permutations]
        return np.asarray(self.radius * np.linalg.norm(off, axis=(1, 2)))

    def residuals(self, elements: np.ndarray, permutations: np.ndarray | None) -> np.ndarray:
        """How far the farthest moved point is from its partner, or all features together from where they belong."""
        off = np.linalg.norm(self.unit @ elements.swapaxes(-1, -2) - self.unit[permutations], axis=-1).max(1)
        if not self.features.size:
            return np.asarray(off)
        return np.asarray(np.maximum(off, self.features_off(self, elements, permutations)[0]))

    def features_off(
        self, goal: Cloud, elements: np.ndarray, permutations: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far moved features are from those of a cloud, `(h,)`: all together, and the largest of their numbers."""
        off = self.features @ self.rep.evaluate(elements).swapaxes(-1, -2) - goal.features[permutations]
        whole = np.linalg.norm(off, axis=(1, 2)) / max(float(np.linalg.norm(self.features)), TINY)
        return whole, np.abs(off).max((1, 2)) / max(float(np.abs(self.features).max()), TINY)


def _checked_features(
    features: np.ndarray | None, rep: Rep | None, group: CatalogGroup, count: int
) -> tuple[np.ndarray, Rep]:
    if features is None and rep is None:
        return np.zeros((count, 0)), Rep(group, ())
    if features is None or rep is None:
        raise ArgumentError("Features and their rep come together: pass features=… and rep=….")
    features = to_numpy(features)
    if rep.group != group:
        raise RepMismatchError(
            f"The symmetry is looked for in {group}, but the features' rep {rep} belongs to {rep.group}. "
            "Pass group=rep.group, or a rep of the group."
        )
    if features.shape != (count, rep.dim):
        raise ShapeError(f"Features of {rep} have the shape {(count, rep.dim)}, but got {features.shape}.")
    if not np.isfinite(features).all():
        raise ArgumentError("The features hold NaN or infinite numbers. Remove or repair these points.")
    return features, rep
