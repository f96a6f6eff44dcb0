"""Neighbours that are kept while atoms move little."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from intertwine.errors import ArgumentError
from intertwine.models.atoms.graph import AtomGraph, AtomsLike, atom_graph


class VerletList:
    """The graph of one structure step after step: pairs up to a skin beyond the cut-off are found once and reused.

    They serve as long as no pair that is not among them can have come within the cut-off: while `(c + 2d) ‖F⁻¹‖ ≤ c +
    skin`, F what the cell was changed by, d the largest way of an atom beside that.

    Args:
        elements: the atomic numbers that the model knows.
        cutoff: c, how far atoms see, Å.
        skin: Å; 0 to search anew at each step.

    Raises `ArgumentError` for a skin that is negative or not finite.

    Attributes:
        searches: how often pairs were searched for.

    >>> from ase.build import bulk
    >>> atoms, kept = bulk("Si", cubic=True), VerletList([14], cutoff=5.0, skin=0.5)
    >>> first = kept.graph(atoms)
    >>> atoms.positions[0] += 0.1
    >>> second = kept.graph(atoms)
    >>> kept.searches, len(first.edges[0]) == len(second.edges[0])
    (1, True)
    """

    def __init__(self, elements: Sequence[int], cutoff: float, skin: float = 0.5) -> None:
        if not 0 <= skin < math.inf:
            raise ArgumentError(f"A skin is a length in Å, 0 or more, but got {skin!r}.")
        self.elements, self.cutoff, self.skin = tuple(elements), float(cutoff), float(skin)
        self.searches = 0
        self._kept: AtomGraph | None = None
        self._what: tuple[bytes, bytes] | None = None

    def graph(self, atoms: AtomsLike) -> AtomGraph:
        """The atoms and their pairs within the cut-off, float64; errors as those of `atom_graph`."""
        what = np.asarray(atoms.numbers).tobytes(), np.asarray(atoms.pbc).tobytes()
        positions, cell = np.array(atoms.positions, float), np.array(atoms.cell, float) * bool(np.any(atoms.pbc))
        kept = self._kept
        if kept is None or what != self._what or not self._serves(kept, positions, cell):
            kept = self._kept = atom_graph(atoms, self.elements, self.cutoff + self.skin)
            self._what = what
            self.searches += 1
        now = kept._replace(positions=torch.from_numpy(positions), cells=torch.from_numpy(cell)[None])
        if self.skin:
            near = now.vectors().square().sum(1) < self.cutoff**2
            now = now._replace(edges=now.edges[:, near], shifts=now.shifts[near])
        return now

    def _serves(self, kept: AtomGraph, positions: np.ndarray, cell: np.ndarray) -> bool:
        """Whether all pairs within the cut-off are among those that were found."""
        old, before = kept.cells[0].numpy(), kept.positions.numpy()
        stretch, reach = np.eye(3), 1.0
        if not np.array_equal(old, cell):
            if abs(np.linalg.det(old)) < 1e-9 or abs(np.linalg.det(cell)) < 1e-9:
                return False
            stretch = np.linalg.solve(old, cell)
            reach = float(np.linalg.norm(np.linalg.inv(stretch), 2))
        way = np.linalg.norm(positions - before @ stretch, axis=1).max(initial=0.0)
        return bool((self.cutoff + 2 * way) * reach <= self.cutoff + self.skin)
