"""What processes of a program know of a structure that they divide: their atoms, and copies of others around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms


@dataclass
class Piece:
    """The atoms of a process, and behind them the copies.

    Args:
        positions: `(N, 3)`, Å; nothing repeats.
        which: the atom of the whole structure that each is, or is a copy of.
        own: how many belong to the process.
    """

    positions: np.ndarray
    which: np.ndarray
    own: int


def pieces(atoms: Atoms, reach: float, start: int) -> Iterator[Piece]:
    """A periodic structure divided in two: the atoms before a number, and those from it on.

    Args:
        atoms: the structure, whose cell is longer than a quarter of the reach.
        reach: how far from its own atoms a process has copies of others, Å.
        start: the first atom of the second.
    """
    offsets = np.stack(np.meshgrid(*3 * [np.arange(-4, 5)], indexing="ij"), -1).reshape(-1, 3) @ atoms.cell.array
    images = (atoms.positions + offsets[:, None]).reshape(-1, 3)
    which = np.tile(np.arange(len(atoms)), len(offsets))
    for own in (np.arange(start), np.arange(start, len(atoms))):
        near = np.linalg.norm(images[:, None] - atoms.positions[own], axis=2).min(1) < reach
        is_own = (np.abs(images[:, None] - atoms.positions[own]).sum(2) < 1e-9).any(1)
        order = np.concatenate([np.flatnonzero(is_own), np.flatnonzero(near & ~is_own)])
        yield Piece(images[order], which[order], len(own))
