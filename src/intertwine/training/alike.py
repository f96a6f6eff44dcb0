"""Frames that are one structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from intertwine.training.frames import LabelledFrame


def same_structures(frames: Sequence[LabelledFrame], tolerance: float = 1e-4) -> list[tuple[int, ...]]:
    """Groups of frames whose atoms, in their order, stand at the same places, up to a shift of all of them.

    Args:
        frames: the frames.
        tolerance: how far an atom may be from its partner, Å.

    >>> from ase.build import molecule
    >>> water = molecule("H2O")
    >>> moved = water.copy()
    >>> moved.translate([1, 2, 3])
    >>> same_structures([LabelledFrame(water), LabelledFrame(molecule("CO")), LabelledFrame(moved)])
    [(0, 2)]
    """
    groups = _Groups(len(frames))
    firsts = _first_copies(frames, groups)
    for places in _by_composition(frames, firsts).values():
        for i, j in _near(np.array([_invariant(frames[i]) for i in places]), tolerance):
            if groups.apart(places[i], places[j]) and _alike(frames[places[i]], frames[places[j]], tolerance):
                groups.join(places[i], places[j])
    return groups.several()


def candidates(invariants: np.ndarray, tolerance: float) -> list[tuple[int, ...]]:
    """Groups of rows that agree up to a tolerance, joined where they share a row: what may be the same."""
    groups = _Groups(len(invariants))
    _, firsts, rows = np.unique(invariants, axis=0, return_index=True, return_inverse=True)
    for place, row in enumerate(rows.ravel()):
        groups.join(int(firsts[row]), place)
    for i, j in _near(invariants[firsts], tolerance):
        groups.join(int(firsts[i]), int(firsts[j]))
    return groups.several()


def joined_groups(count: int, groups: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Places from 0 to `count`, each in one group: those that share a place are one, and all others stand alone.

    >>> joined_groups(4, [(0, 1), (1, 2)])
    [(0, 1, 2), (3,)]
    """
    found = _Groups(count)
    for group in groups:
        for place in group[1:]:
            found.join(group[0], place)
    return found.all()


class _Groups:
    """Sets of numbers that grow together."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def _root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = i = self._parent[self._parent[i]]
        return i

    def apart(self, i: int, j: int) -> bool:
        return self._root(i) != self._root(j)

    def join(self, i: int, j: int) -> None:
        low, high = sorted((self._root(i), self._root(j)))
        self._parent[high] = low

    def all(self) -> list[tuple[int, ...]]:
        found: dict[int, list[int]] = {}
        for i in range(len(self._parent)):
            found.setdefault(self._root(i), []).append(i)
        return [tuple(group) for group in found.values()]

    def several(self) -> list[tuple[int, ...]]:
        return [group for group in self.all() if len(group) > 1]


def _first_copies(frames: Sequence[LabelledFrame], groups: _Groups) -> list[int]:
    """The places of frames that are not, bit for bit, one before; those that are are joined with it."""
    seen: dict[bytes, int] = {}
    for i, frame in enumerate(frames):
        atoms = frame.atoms
        numbers = (atoms.numbers, np.asarray(atoms.pbc, bool), atoms.cell.array, atoms.positions)
        first = seen.setdefault(b"".join(part.tobytes() for part in numbers), i)
        groups.join(first, i)
    return [*seen.values()]


def repeated_cell(frame: LabelledFrame) -> np.ndarray:
    """The lattice vectors of a frame as rows, 0 along directions that do not repeat."""
    return np.where(np.asarray(frame.atoms.pbc, bool)[:, None], frame.atoms.cell.array, 0.0)


def _by_composition(frames: Sequence[LabelledFrame], places: Iterable[int]) -> dict[bytes, list[int]]:
    """The places of frames with the same elements in the same order, and periods along the same directions."""
    found: dict[bytes, list[int]] = {}
    for i in places:
        atoms = frames[i].atoms
        found.setdefault(atoms.numbers.tobytes() + np.asarray(atoms.pbc, bool).tobytes(), []).append(i)
    return found


def _invariant(frame: LabelledFrame) -> np.ndarray:
    """Lengths that agree for one structure, and change by no more than twice as far as its atoms move.

    Of a molecule the distances from its middle; of a crystal the periods, and how atoms are spread along each: the mean
    of their phases, weighed by their places in the order.
    """
    atoms = frame.atoms
    if not np.any(atoms.pbc):
        return np.asarray(np.linalg.norm(atoms.positions - atoms.positions.mean(0), axis=1))
    cell, weights = repeated_cell(frame), np.linspace(1.0, 2.0, len(atoms))
    phases = weights / weights.sum() @ np.exp(2j * np.pi * atoms.positions @ np.linalg.pinv(cell))
    lengths = np.linalg.norm(cell, axis=1)
    return np.concatenate([lengths, np.abs(phases) * _heights(cell) / (2 * np.pi)])


def _heights(cell: np.ndarray) -> np.ndarray:
    """How far an atom moves, at least, for its phase along a period to turn by 2π; 0 where there is no period."""
    steep = np.linalg.norm(np.linalg.pinv(cell), axis=0)
    return np.asarray(np.where(steep > 1e-12, 1 / np.maximum(steep, 1e-12), 0.0))


def _near(invariants: np.ndarray, tolerance: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows that agree up to a tolerance: sorted along one direction, each is compared with its neighbours."""
    if len(invariants) < 2:
        return
    values = invariants @ np.linspace(1.0, 2.0, invariants.shape[1]) / invariants.shape[1]
    order = np.argsort(values, kind="stable")
    ends = np.searchsorted(values[order], values[order] + 4 * tolerance, side="right")
    for place, end in enumerate(ends):
        if end <= place + 1:
            continue
        others = order[place + 1 : end]
        off = np.abs(invariants[others] - invariants[order[place]]).max(1)
        for other in others[off <= 2 * tolerance]:
            yield int(order[place]), int(other)


def _alike(a: LabelledFrame, b: LabelledFrame, tolerance: float) -> bool:
    """Whether atoms in one order are at the same places, but for a shift, and for periods of the cell."""
    shift, cell = b.atoms.positions - a.atoms.positions, repeated_cell(a)
    if cell.any():
        if np.abs(cell - repeated_cell(b)).max() > tolerance:
            return False
        # relative to the first atom, so that no mean over a cell's images is needed
        shift = shift - shift[0]
        shift = shift - np.round(shift @ np.linalg.pinv(cell)) @ cell
    return bool(np.abs(shift - shift.mean(0)).max() <= tolerance)


def near_pairs(frames: Sequence[LabelledFrame], most: int) -> list[tuple[int, int]]:
    """Pairs of frames with the same atoms in the same order that are likely close, at most about so many.

    Neighbours in the data, which in the run of a simulation are close, and those with the nearest invariants, which are
    found where the frames were shuffled too.
    """
    from scipy.spatial import cKDTree

    pairs: dict[tuple[int, int], float] = {}
    for places in _by_composition(frames, range(len(frames))).values():
        if len(places) < 2:
            continue
        invariants = np.array([_invariant(frames[i]) for i in places])
        _, nearest = cKDTree(invariants).query(invariants[:most], k=min(4, len(places)))
        found = [*pairwise(range(len(places))), *((i, int(j)) for i, row in enumerate(nearest) for j in row if i != j)]
        for i, j in found:
            pairs[places[min(i, j)], places[max(i, j)]] = float(np.linalg.norm(invariants[i] - invariants[j]))
    return sorted(pairs, key=lambda pair: (pairs[pair], pair))[:most]
