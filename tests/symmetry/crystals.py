"""Crystals with known symmetry, in poses of their own."""

import itertools

import numpy as np

CELL = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
"""The √2 × √2 × 2 cell of a cubic perovskite with lattice constant 1."""


def perovskite() -> tuple[np.ndarray, np.ndarray]:
    """Positions and kinds (0: A, 1: B, 2: X) of the 20 atoms of ABX₃ in that cell."""
    basis = [((0.5, 0.5, 0.5), 0), ((0, 0, 0), 1), ((0.5, 0, 0), 2), ((0, 0.5, 0), 2), ((0, 0, 0.5), 2)]
    found: dict[tuple[float, ...], tuple[np.ndarray, int]] = {}
    for (place, kind), shift in itertools.product(basis, itertools.product(range(-2, 3), repeat=3)):
        inside = np.round((np.add(place, shift) @ np.linalg.inv(CELL)) % 1, 9) % 1
        found.setdefault((kind, *inside), (inside @ CELL, kind))
    positions, kinds = zip(*sorted(found.values(), key=lambda item: item[1]), strict=True)
    return np.array(positions), np.array(kinds)


def tilted(positions: np.ndarray, kinds: np.ndarray, antiphase: float = 0.1, inphase: float = 0.15) -> np.ndarray:
    """The moves of the X atoms when the octahedra turn as a⁻a⁻c⁺ says (Glazer 1972): the structure of Pnma."""
    moves = np.zeros_like(positions)
    for n, half in itertools.product(np.flatnonzero(kinds == 2), np.eye(3) / 2):
        centre = positions[n] - half
        if np.allclose(centre, np.round(centre)):
            i, j, k = np.round(centre)
            turn = antiphase * (-1) ** (i + j + k) * np.array([1, 1, 0]) / np.sqrt(2)
            moves[n] = np.cross(turn + inphase * (-1) ** (i + j) * np.array([0, 0, 1]), half)
    return moves
