"""Whether labels belong together: forces and stresses are derivatives of energies, in their units, with their signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.training.alike import near_pairs, repeated_cell
from intertwine.training.frames import LABEL_NAMES, LabelledFrame
from intertwine.training.label_keys import LabelUnits

_FAR = 0.2  # Å, root mean square: beyond it two points of a potential do not tell a slope
PAIRS = 400
FEWEST = 5


@dataclass(frozen=True)
class SlopeCheck:
    """Differences of energies beside what forces, or stresses, make of them: `ΔE ≈ slope · (−F̄ · Δr)`.

    Args:
        slope: 1 for labels that belong together, −1 where the sign is wrong, another number where units are mixed.
        correlation: of the two, 1 for a line.
        pairs: how many pairs of frames were compared.
    """

    slope: float
    correlation: float
    pairs: int

    @property
    def telling(self) -> bool:
        """Whether there are enough pairs, on a line."""
        return self.pairs >= FEWEST and abs(self.correlation) > 0.8

    @property
    def agrees(self) -> bool:
        """Whether the slope is about 1."""
        return 0.75 < self.slope < 1.33


def force_slope(frames: Sequence[LabelledFrame]) -> SlopeCheck:
    """Whether forces are the derivatives of energies, from pairs of frames that lie close to each other.

    The mean of the forces of two frames times the way between them is the difference of their energies, up to terms of
    third order; molecules are turned onto each other before.

    >>> from ase.calculators.emt import EMT
    >>> from ase.build import molecule
    >>> frames = []
    >>> for bond in np.linspace(1.1, 1.4, 8):
    ...     atoms = molecule("CO")
    ...     atoms.set_distance(0, 1, bond)
    ...     atoms.calc = EMT()
    ...     frames.append(LabelledFrame(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    >>> force_slope(frames).agrees
    True
    """
    labelled = [frame for frame in frames if frame.energy is not None and frame.forces is not None]
    found = []
    for i, j in near_pairs(labelled, PAIRS):
        a, b = labelled[i], labelled[j]
        if np.abs(repeated_cell(a) - repeated_cell(b)).max() > 1e-6:
            continue
        way, forces = _way(a, b)
        length = np.sqrt(3 * np.mean(way**2))
        if 5e-3 < length < _FAR:  # both over the square of the way: what is neglected grows with its cube
            pair = np.array([-np.sum(forces * way), float(b.energy or 0) - float(a.energy or 0)])
            found.append(tuple(pair / length**2))
    return _slope(found)


def stress_slope(frames: Sequence[LabelledFrame]) -> SlopeCheck:
    """Whether stresses are the derivatives of energies by strain over the volume, from frames with unlike cells."""
    labelled = [frame for frame in frames if {*LABEL_NAMES} <= {*frame.labels}]
    found = []
    for i, j in near_pairs(labelled, PAIRS):
        a, b = labelled[i], labelled[j]
        strain = np.linalg.pinv(repeated_cell(a)) @ repeated_cell(b) - np.eye(3)
        if not a.atoms.pbc.all() or not 1e-4 < np.abs(strain).max() < 0.06:
            continue
        way, forces = _way(a, b)
        if np.sqrt(np.mean(way**2)) * np.sqrt(3) > _FAR:
            continue
        volume = (a.atoms.cell.volume + b.atoms.cell.volume) / 2
        stress = (np.asarray(a.stress) + np.asarray(b.stress)) / 2
        left = float(b.energy or 0) - float(a.energy or 0) + float(np.sum(forces * way))
        found.append((volume * float(np.sum(stress * (strain + strain.T) / 2)), left))
    return _slope(found)


def _slope(pairs: Sequence[tuple[float, float]]) -> SlopeCheck:
    """The line through the origin on which most of the points lie."""
    if len(pairs) < FEWEST:
        return SlopeCheck(float("nan"), 0.0, len(pairs))
    x, y = np.array(pairs).T
    if not (x.any() and y.any()):
        return SlopeCheck(float("nan"), 0.0, len(pairs))
    slope = float(x @ y / (x @ x))
    return SlopeCheck(slope, float(x @ y / np.sqrt((x @ x) * (y @ y))), len(pairs))


def _way(a: LabelledFrame, b: LabelledFrame) -> tuple[np.ndarray, np.ndarray]:
    """How far the atoms of b are from those of a, and the mean of their forces; without shift, strain and turn."""
    start, end = a.atoms.positions, b.atoms.positions
    first, second = np.asarray(a.forces), np.asarray(b.forces)
    old, new = repeated_cell(a), repeated_cell(b)
    if old.any():
        middle = (old + new) / 2
        steps = end @ np.linalg.pinv(new) - start @ np.linalg.pinv(old)
        across = end - end @ np.linalg.pinv(new) @ new - (start - start @ np.linalg.pinv(old) @ old)
        way = (steps - np.round(steps)) @ middle + across
        return way - way.mean(0), (first + second) / 2
    start, end = start - start.mean(0), end - end.mean(0)
    u, _, v = np.linalg.svd(end.T @ start)
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v)) or 1.0]) @ v
    return end @ turn - start, (first + second @ turn) / 2


# units ----------------------------------------------------------------------------------------------------------------

_ENERGY_UNITS = ("eV", "kcal/mol", "kJ/mol", "Hartree", "Rydberg", "meV")
_PER_BOHR = ("Hartree", "Rydberg")
_STRESS_UNITS = ("GPa", "kbar", "bar", "Hartree/Bohr^3", "Rydberg/Bohr^3")


def mixed_units(slope: float) -> list[str]:
    """The units of energies and forces whose mixture gives a slope, those that are eV, in part, first.

    >>> mixed_units(23.06)[0]
    'energies in kcal/mol with forces in eV/Å'
    """
    found = []
    for energy in _ENERGY_UNITS:
        for other in _ENERGY_UNITS:
            for length in ("Å", "Bohr") if other in _PER_BOHR else ("Å",):
                size = LabelUnits(other, length=length).factors["forces"] / LabelUnits(energy).factors["energy"]
                off = abs(np.log(abs(slope) / size))
                if off < 0.15:
                    found.append(((energy != "eV") + (other != "eV"), off, energy, other, length))
    return [f"energies in {energy} with forces in {other}/{length}" for _, _, energy, other, length in sorted(found)]


def mixed_stress(size: float) -> str:
    """The unit of stresses that are so many times too large, if it is one that codes print; else nothing.

    >>> mixed_stress(160.2), mixed_stress(3.0)
    ('GPa', '')
    """
    off = {unit: abs(np.log(size * LabelUnits(stress=unit).factors["stress"])) for unit in _STRESS_UNITS}
    nearest = min(off, key=off.__getitem__)
    return nearest if off[nearest] < 0.3 else ""


def binding_limit(numbers: np.ndarray) -> float:
    """An energy, eV, that no atoms exceed in size: of all their electrons, 20.9 Z^(7/3) each (Thomas and Fermi).

    >>> round(binding_limit(np.array([6])))  # all electrons of carbon have −1030 eV
    1367
    """
    return float(np.sum(20.9 * np.asarray(numbers, float) ** (7 / 3)))


# stress ---------------------------------------------------------------------------------------------------------------


def teacher_stress(frame: LabelledFrame, teacher: Any, step: float = 1e-3) -> np.ndarray:
    """The stress `(3, 3)`, eV/Å³, from energies of a teacher, an ase calculator, of the strained structure.

    Raises `ArgumentError` for a teacher that gives no energy.
    """
    stress = np.zeros((3, 3))
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[i, j] += 0.5 * step
        strain[j, i] += 0.5 * step
        up, down = (_strained_energy(frame, teacher, sign * strain) for sign in (1, -1))
        stress[i, j] = stress[j, i] = (up - down) / (2 * step * frame.atoms.cell.volume)
    return stress


def _strained_energy(frame: LabelledFrame, teacher: Any, strain: np.ndarray) -> float:
    atoms = frame.atoms.copy()
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    atoms.calc = teacher
    try:
        return float(atoms.get_potential_energy())
    except Exception as error:
        raise ArgumentError(f"The teacher gives no energy for {frame.source or 'a frame'}: {error}") from error
