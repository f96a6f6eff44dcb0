"""Frames whose labels ase computes in no time: alloys of copper and gold by the effective medium theory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write


def alloys(count: int, seed: int = 0, repeat: int = 1) -> list[Atoms]:
    """Cells with four atoms, or copies of them, shaken and strained, with energies, forces and stresses."""
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Cu", "fcc", a=3.8, cubic=True).repeat((1, 1, repeat))
        atoms.numbers[random.permutation(len(atoms))[: random.integers(1, len(atoms))]] = 79
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.03 * random.standard_normal((3, 3))), scale_atoms=True)
        atoms.positions += 0.1 * random.standard_normal(atoms.positions.shape)
        computed = atoms.copy()
        computed.calc = EMT()
        atoms.info["REF_energy"] = computed.get_potential_energy()
        atoms.arrays["REF_forces"] = computed.get_forces()
        atoms.info["REF_stress"] = computed.get_stress(voigt=False)
        frames.append(atoms)
    return frames


def written(folder: Path, count: int = 24, seed: int = 0) -> Path:
    """Alloys in a file of extended xyz."""
    path = folder / f"alloys_{seed}.xyz"
    write_frames(path, alloys(count, seed))
    return path


def write_frames(path: Path, frames: Sequence[Atoms]) -> None:
    """Frames with their labels."""
    write(path, frames, format="extxyz")
