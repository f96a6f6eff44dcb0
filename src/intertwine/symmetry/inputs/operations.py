"""All operations that nearly move a crystal, a layer or a rod onto itself, whatever group they form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.symmetry.inputs.greedy_closure import growing_groups
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.tolerances import FAR, ROUND

_ROWS = 200_000  # how many moved atoms are looked up at once
# atoms this close, in units of the volume per atom, are too close for a crystal, if its periods bring them there
_FOLDED = 0.1
_OUTSIDE = 5  # atoms that lie this many periods apart, in all directions, are looked at with suspicion


@dataclass(frozen=True, eq=False)
class Operations:
    """Maps x → W x + t of coordinates in the basis of a cell, and where they take atoms.

    Args:
        lattice: the cell.
        matrices: W, `(k, 3, 3)`; integers along periods.
        shifts: t, `(k, 3)`.
        permutations: atom i goes to atom `permutations[k, i]`, or next to it.
        residuals: how far the farthest atom, or vector of the cell, is left from its partner, `(k,)`: a length.
    """

    lattice: Lattice
    matrices: np.ndarray
    shifts: np.ndarray
    permutations: np.ndarray
    residuals: np.ndarray

    @cached_property
    def elements(self) -> np.ndarray:
        """Their rotations, `(k, 3, 3)`, as far from exact ones as the cell is."""
        return self.lattice.rotations(self.matrices)

    @property
    def unturned(self) -> np.ndarray:
        """Whether they have no rotation, `(k,)`."""
        return np.asarray(np.abs(self.matrices - np.eye(3)).max((1, 2)) < 1e-6)

    def among(self, places: np.ndarray) -> Operations:
        """Some of them."""
        return Operations(self.lattice, *(getattr(self, name)[places] for name in _NAMES))

    @staticmethod
    def joined(parts: list[Operations]) -> Operations:
        """Those of several, in one cell."""
        return Operations(parts[0].lattice, *(np.concatenate([getattr(p, name) for p in parts]) for name in _NAMES))

    def largest(self, tolerance: float) -> np.ndarray:
        """The places of the largest group of operations with residuals up to a tolerance (their products up to twice).

        All with residuals up to twice the tolerance are there. Their permutations tell them apart, with their matrices
        along the periods, which are integers, and their determinants.
        """
        if (self.residuals <= tolerance).all():
            return np.arange(len(self.residuals))  # products would be among them
        rank, periods = self.lattice.rank, np.flatnonzero(self.lattice.periodic)
        keys = np.zeros((len(self.residuals), rank + 1, rank + 1), dtype=np.int64)
        keys[:, :rank, :rank] = np.round(self.matrices[:, periods[:, None], periods])
        keys[:, rank, rank] = np.round(np.linalg.det(self.matrices))
        table = {(w.tobytes(), p.tobytes()): i for i, (w, p) in enumerate(zip(keys, self.permutations, strict=True))}

        def product(i: int, j: int) -> int | None:
            permutation = self.permutations[i][self.permutations[j]]
            return table.get(((keys[i] @ keys[j]).tobytes(), permutation.tobytes()))

        off = np.where(self.residuals <= ROUND * tolerance, 0.0, self.residuals).tolist()
        still = table[np.eye(rank + 1, dtype=np.int64).tobytes(), np.arange(self.permutations.shape[1]).tobytes()]
        return np.sort(growing_groups(off, off, product, tolerance, still, len(table))[-1][1])


_NAMES = ("matrices", "shifts", "permutations", "residuals")


@dataclass(frozen=True, eq=False)
class Atoms:
    """Atoms in a cell with a reduced basis.

    Args:
        lattice: the cell.
        parts: positions in its basis `(N, 3)`, about their centre in the directions without periods.
        kinds: a kind for each, `(N,)`.
        reach: how far partners are looked for.
    """

    lattice: Lattice
    parts: np.ndarray
    kinds: np.ndarray
    reach: float

    @staticmethod
    def of(lattice: Lattice, positions: np.ndarray, kinds: np.ndarray, reach: float) -> Atoms:
        """Atoms with Cartesian positions, in a reduced lattice; they reach half its height at most."""
        parts, height = lattice.parts(positions), 1 / np.linalg.norm(np.linalg.inv(lattice.cell), axis=0)
        centred = parts - parts.mean(0) * ~lattice.periodic
        return Atoms(lattice, centred, kinds, min(reach, float(height[lattice.periodic].min()) / 2))

    @cached_property
    def members(self) -> list[np.ndarray]:
        """The atoms of each kind, those of the rarest first."""
        return sorted((np.flatnonzero(self.kinds == kind) for kind in np.unique(self.kinds)), key=len)

    @cached_property
    def trees(self) -> list:  # type: ignore[type-arg]
        """For each kind a search tree of its atoms in and around the cell, and their numbers."""
        from scipy.spatial import KDTree  # scipy costs a tenth of a second that most users of the library need not pay

        cell, periodic = self.lattice.cell, self.lattice.periodic
        around = np.array([*np.ndindex(3, 3, 3)]) - 1
        around = around[(around[:, ~periodic] == 0).all(1)]
        margin = np.where(periodic, self.reach * np.linalg.norm(np.linalg.inv(cell), axis=0) + 1e-6, np.inf)
        found = []
        for members in self.members:
            copies = (self.wrapped(self.parts[members]) + around[:, None]).reshape(-1, 3)
            near = ((copies >= -margin) & (copies <= 1 + margin)).all(1)
            found.append((KDTree(copies[near] @ cell), np.tile(members, len(around))[near]))
        return found

    def wrapped(self, parts: np.ndarray) -> np.ndarray:
        """Coordinates in the first cell along the periods."""
        return np.asarray(parts - np.floor(parts) * self.lattice.periodic)

    @cached_property
    def radii(self) -> np.ndarray:
        """Distances from the centre in the directions without periods, `(N,)`."""
        return np.asarray(np.linalg.norm((self.parts * ~self.lattice.periodic) @ self.lattice.cell, axis=1))

    @cached_property
    def spacings(self) -> np.ndarray:
        """The distance of each atom to the nearest image of another one, or of itself, of its kind, `(N,)`."""
        found = np.empty(len(self.parts))
        shortest = float(np.linalg.norm(self.lattice.cell[self.lattice.periodic], axis=1).min())
        for members, (tree, _) in zip(self.members, self.trees, strict=True):
            off, _ = tree.query(self.wrapped(self.parts[members]) @ self.lattice.cell, 2)
            found[members] = np.minimum(off[:, 1], shortest)  # of itself; a copy beyond the margin may be missing
        return found

    @cached_property
    def straight(self) -> bool:
        """Whether they lie on one line along the only period, so that turns about it do not matter."""
        return self.lattice.rank == 1 and bool(self.radii.max() <= 1e-9 * np.abs(self.lattice.cell).max())

    def anchor(self) -> tuple[int, np.ndarray]:
        """An atom that has few of its kind, in a rod away from the axis, and all atoms that it may go to."""
        rod = self.lattice.rank == 1 and not self.straight
        far = self.radii > FAR * self.radii.max() if rod else np.ones(len(self.parts), dtype=bool)
        first = min((members[far[members]] for members in self.members if far[members].any()), key=len)[0]
        alike = (self.kinds == self.kinds[first]) & (np.abs(self.radii - self.radii[first]) <= self.reach)
        return int(first), np.flatnonzero(alike)

    def matched(self, matrices: np.ndarray, shifts: np.ndarray, first: int, targets: np.ndarray) -> Operations:
        """Those of some maps that take each atom near one of its kind, and the first to its target; fitted to all."""
        left = np.arange(len(matrices))
        goal = np.empty((len(matrices), len(self.parts)), dtype=np.int64)
        for members, (tree, numbers) in zip(self.members, self.trees, strict=True):
            for some in np.split(members, [1, 6]):  # few atoms tell most maps that are no symmetries
                images = self.wrapped(self.parts[some] @ matrices[left].swapaxes(-1, -2) + shifts[left, None])
                off, place = tree.query(images @ self.lattice.cell, distance_upper_bound=self.reach)
                goal[left[:, None], some] = numbers[np.minimum(place, len(numbers) - 1)]
                left = left[np.isfinite(off).all(1)]
        left = np.array([k for k in left if self._one_to_one(matrices[k], shifts[k], goal[k])], dtype=np.int64)
        left = left[goal[left, first] == targets[left]]
        return self.fitted(matrices[left], shifts[left], goal[left])

    def _one_to_one(self, matrix: np.ndarray, shift: np.ndarray, goal: np.ndarray) -> bool:
        """Whether atoms have partners of their own; where nearest ones are shared, the best ones are assigned."""
        from scipy.optimize import linear_sum_assignment

        if len(np.unique(goal)) == len(goal):
            return True
        images = self.parts @ matrix.T + shift
        for members in self.members:
            apart = images[members, None] - self.parts[members]
            squares = np.sum(((apart - self.lattice.whole(apart)) @ self.lattice.cell) ** 2, -1)
            rows, columns = linear_sum_assignment(squares)
            if squares[rows, columns].max() > self.reach**2:
                return False
            goal[members[rows]] = members[columns]
        return True

    def fitted(self, matrices: np.ndarray, shifts: np.ndarray, goal: np.ndarray) -> Operations:
        """Maps with the shifts, and in a rod the angles, that bring atoms closest to given partners."""
        if self.lattice.rank == 1 and not self.straight:
            matrices = self._turned(matrices, goal)
        off = self.parts[goal] - self.parts @ matrices.swapaxes(-1, -2) - shifts[:, None]
        off = off - self.lattice.whole(off)
        mean = off.mean(1)
        away = np.linalg.norm((off - mean[:, None]) @ self.lattice.cell, axis=-1).max(1, initial=0.0)
        away = np.maximum(away, self.lattice.strains(matrices).max(1))
        return Operations(self.lattice, matrices, shifts + mean, goal, away)

    def _turned(self, matrices: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Maps of a rod turned about its axis so that atoms come closest to their partners (Procrustes)."""
        across = np.flatnonzero(~self.lattice.periodic)
        block, x = (slice(None), across[:, None], across), self.parts[:, across]
        u, _, vt = np.linalg.svd(x[goal].swapaxes(-1, -2) @ x)
        signs = np.ones(u.shape[:2])
        signs[:, 1] = np.sign(np.linalg.det(u) * np.linalg.det(vt) * np.linalg.det(matrices[block]))
        matrices = matrices.astype(np.float64)
        matrices[block] = u * signs[:, None] @ vt
        return matrices


def nearly_operations(lattice: Lattice, positions: np.ndarray, kinds: np.ndarray, largest: float) -> Operations:
    """All maps that leave a crystal, a layer or a rod as it is up to a residual, a length, modulo its periods.

    The matrices are those that nearly keep the lattice; in a rod, those that take an atom away from the axis to another
    one. An atom of a rare kind goes to any of its kind. Translations are found first: other operations need to be
    looked for up to these only. Every operation with a residual up to the largest is found, as long as atoms are nearer
    to their partners than to others.

    Args:
        lattice: the periods.
        positions: `(N, 3)`.
        kinds: `(N,)`.
        largest: the largest residual.

    Raises `ArgumentError` for atoms of one kind at one place modulo the periods.
    """
    short, change = lattice.reduced()
    atoms = Atoms.of(short, positions, kinds, (6 if lattice.rank == 1 else 3) * largest)
    centre = short.parts(positions).mean(0) * ~lattice.periodic
    _check_spacing(atoms, largest / 2)
    found = _searched(atoms, largest)
    matrices, back = found.matrices, np.linalg.inv(change).T  # from coordinates in the given basis to those in this one
    shifts = found.shifts + centre - centre @ matrices.swapaxes(-1, -2)
    matrices = change.T @ matrices @ back
    matrices = matrices if lattice.rank == 1 else np.round(matrices).astype(np.int64)
    shifts = shifts @ change
    return replace(found, lattice=lattice, matrices=matrices, shifts=shifts - np.floor(shifts) * lattice.periodic)


def _searched(atoms: Atoms, largest: float) -> Operations:
    """All operations: translations, and one of the others for each, with all translations."""
    first, targets = atoms.anchor()
    pure = _from_anchor(atoms, first, np.tile(np.eye(3, dtype=np.int64), (len(targets), 1, 1)), targets)
    group = pure.among(pure.largest(largest / 4))
    fewer = np.unique(group.permutations[:, targets].min(0))
    maps, found = _from_anchor(atoms, first, *_candidates(atoms, first, fewer, largest)), []
    for some in _portions(len(maps.shifts), len(atoms.parts) * len(group.shifts)):
        goal = group.permutations[:, maps.permutations[some]].reshape(-1, len(atoms.parts))
        shifts = (group.shifts[:, None] + maps.shifts[some]).reshape(-1, 3)
        every = atoms.fitted(np.tile(maps.matrices[some], (len(group.shifts), 1, 1)), shifts, goal)
        found.append(every.among(np.flatnonzero(every.residuals <= largest * (1 + 1e-9))))
    return Operations.joined(found)


def _portions(count: int, size: int) -> list[np.ndarray]:
    return np.array_split(np.arange(count), max(1, count * size // _ROWS))


def _candidates(atoms: Atoms, first: int, targets: np.ndarray, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrices `(k, 3, 3)` that an operation may have, and atoms `(k,)` that it may take the first one to."""
    lattice = atoms.lattice
    if lattice.rank > 1 or atoms.straight:
        matrices = lattice.automorphisms(largest)
        return np.repeat(matrices, len(targets), 0), np.tile(targets, len(matrices))
    across = np.flatnonzero(~lattice.periodic)
    start, ends = _frames(atoms.parts[[first]][:, across])[0], _frames(atoms.parts[targets][:, across])
    found = []
    for way, flip in np.array([*np.ndindex(2, 2)]) * 2 - 1:
        matrices = np.tile(way * np.eye(3), (len(targets), 1, 1))
        matrices[:, across[:, None], across] = ends @ np.diag([1, flip]) @ start.T
        found.append(matrices)
    return np.concatenate(found), np.tile(targets, 4)


def _frames(vectors: np.ndarray) -> np.ndarray:
    """Rotations `(k, 2, 2)` of the plane whose first columns point along vectors."""
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.stack([x, np.stack([-x[:, 1], x[:, 0]], -1)], -1)


def _from_anchor(atoms: Atoms, first: int, matrices: np.ndarray, targets: np.ndarray) -> Operations:
    """The maps with given matrices that take the first atom to given ones, and all others next to partners."""
    shifts = (atoms.parts[targets] - atoms.parts[first] @ matrices.swapaxes(-1, -2)) * atoms.lattice.periodic
    portions = _portions(len(targets), len(atoms.parts))
    return Operations.joined([atoms.matched(matrices[k], shifts[k], first, targets[k]) for k in portions])


def check_periods(lattice: Lattice, positions: np.ndarray) -> None:
    """An error for atoms that lie far outside of a crystal's cell, and that only its periods bring close together."""
    from scipy.spatial import KDTree

    short, close = lattice.reduced()[0], _FOLDED * lattice.scale(len(positions))
    if lattice.rank < 3 or (np.ptp(short.parts(positions), 0) <= _OUTSIDE).any():
        return
    folded = Atoms.of(short, positions, np.zeros(len(positions)), close).spacings.min()
    if folded < min(close, KDTree(positions).query(positions, 2)[0][:, 1].min() / 3):
        raise ArgumentError(
            f"The {len(positions)} atoms lie far outside of the cell, and its periods bring some of them as close as "
            f"{folded:.2g}: they are none of these atoms. Leave the cell out for a molecule, or pass the right one."
        )


def _check_spacing(atoms: Atoms, tolerance: float) -> None:
    """An error for atoms that coincide modulo periods, or nearly."""
    scale, closest = atoms.lattice.scale(len(atoms.parts)), float(atoms.spacings.min())
    if closest <= 1e-6 * scale:
        raise ArgumentError(
            "Two atoms of one kind coincide, up to periods of the cell, so it is not clear which goes where. Keep one "
            "of each such pair, label them differently, or leave the cell out for a molecule."
        )
    if closest <= tolerance:
        raise ArgumentError(
            f"Two atoms of one kind are closer than the tolerance, {closest / scale:.2g} in units of the volume per "
            "atom. Pass a smaller tolerance, or keep one of each such pair."
        )
