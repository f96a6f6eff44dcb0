"""References: the energy that each element has on its own, so that a model learns only what binds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.data import chemical_symbols

from intertwine.errors import ArgumentError
from intertwine.models.atoms import neighbours
from intertwine.training.frames import LabelledFrame

MANY_ELEMENTS = 12  # elements that a line can list
ISOLATED = ("isolatedatom", "isolated_atom", "isolated")
ALONE = 8.0
"""Å: atoms farther from all others than any in a crystal are alone, as those in large boxes are."""


@dataclass(frozen=True, eq=False)
class References:
    """The energy of each element, eV, and how it is known.

    Args:
        energies: by atomic number, ascending.
        origins: for each element `"given"`, `"isolated atom"`, `"fitted"`, or `"undetermined"` where elements occur in
            one proportion only, or where no frame has an energy.
        residual: root mean square of what is left per atom, eV; NaN without energies.
        binding: by how much atoms of each element are bound on average, eV, beside energies that are given or those of
            isolated atoms; empty where all are fitted, since that is in these.
    """

    energies: Mapping[int, float]
    origins: Mapping[int, str]
    residual: float = field(default=float("nan"))
    binding: Mapping[int, float] = field(default_factory=dict)

    @property
    def bound(self) -> dict[int, float]:
        """What each element has on average in the frames, eV: where a model starts, which then learns small numbers."""
        return {z: energy + self.binding.get(z, 0.0) for z, energy in self.energies.items()}

    def total(self, numbers: Sequence[int] | np.ndarray) -> float:
        """The sum of the references of atoms, eV."""
        return float(sum(self.energies[int(number)] for number in numbers))

    def __str__(self) -> str:
        parts = [f"{chemical_symbols[z]} {energy:.6g} ({self.origins[z]})" for z, energy in self.energies.items()]
        if len(parts) > MANY_ELEMENTS:
            low, *_, high = sorted(self.energies, key=lambda z: self.energies[z])
            kinds = ", ".join(f"{count} {origin}" for origin, count in Counter(self.origins.values()).items())
            ends = (f"{self.energies[z]:.6g} of {chemical_symbols[z]}" for z in (low, high))
            parts = [f"{' to '.join(ends)} ({kinds})"]
        lines = [f"references, eV: {', '.join(parts)}"]
        if np.isfinite(self.residual):
            lines[0] += f"; {1000 * self.residual:.4g} meV per atom are left"
        if self.binding and len(self.binding) <= MANY_ELEMENTS:
            bonds = ", ".join(f"{chemical_symbols[z]} {energy:.4g}" for z, energy in self.binding.items())
            lines.append(f"beside these atoms are bound on average by, eV: {bonds}, from which a model starts")
        if "undetermined" in self.origins.values():
            loose = ", ".join(chemical_symbols[z] for z, origin in self.origins.items() if origin == "undetermined")
            lines.append(
                f"{loose}: the data fix only a sum of these, since they always occur in the same proportion. Energies "
                "of reactions between such compositions need isolated atoms, or references that are given."
            )
        return "\n".join(lines)


def is_isolated(frame: LabelledFrame) -> bool:
    """Whether a frame is one atom alone: far from its images, if there are some, or one that its file calls so.

    Raises `ArgumentError` for one that is called so and holds several atoms.
    """
    named = str(frame.atoms.info.get("config_type", "")).lower() in ISOLATED
    if named and len(frame.atoms) != 1:
        raise ArgumentError(
            f"{frame.source} is called an isolated atom by its config_type, but holds {len(frame.atoms)} atoms. Give "
            "it another config_type."
        )
    return named or (len(frame.atoms) == 1 and not neighbours(frame.atoms, ALONE)[0].size)


def fit_references(
    frames: Sequence[LabelledFrame],
    given: Mapping[int, float] | None = None,
    *,
    robust: bool = False,
) -> References:
    """The energy of each element: given, of an isolated atom, or by least squares on the compositions of all frames.

    Where the data do not fix an energy, as for elements that always occur in the same proportion, it is that of the
    solution whose energies differ least from one energy per atom.

    Args:
        frames: the frames; those without energy, and isolated atoms, do not count in the fit.
        given: energies by atomic number, which are kept; those of elements that no frame holds are left out.
        robust: least absolute deviations instead of least squares, which outliers do not move.

    Raises `ArgumentError` for given energies that are not finite, and for isolated atoms with different energies.

    >>> from ase.build import molecule
    >>> frames = [LabelledFrame(molecule(name), energy) for name, energy in [("H2", -2.0), ("H2O", -7.0)]]
    >>> {z: round(energy, 6) for z, energy in fit_references(frames).energies.items()}
    {1: -1.0, 8: -5.0}
    """
    elements = sorted({int(z) for frame in frames for z in frame.atoms.numbers})
    known, origins = _known_energies(frames, {z: energy for z, energy in (given or {}).items() if z in elements})
    if not all(np.isfinite(energy) for energy in known.values()):
        raise ArgumentError(f"References are finite energies in eV, but got {dict(known)}.")
    used = [frame for frame in frames if frame.energy is not None and not is_isolated(frame)]
    free = [z for z in elements if z not in known]
    counts = np.zeros((len(used), len(free)))
    for row, frame in zip(counts, used, strict=True):
        row[:] = [np.sum(frame.atoms.numbers == z) for z in free]
    rest = np.array([_without(frame, known) for frame in used], float)
    atoms = np.array([len(frame.atoms) for frame in used], float)
    fitted, fixed = _fitted(counts, rest, atoms, robust)
    known |= dict(zip(free, fitted.tolist(), strict=True))
    origins |= {z: "fitted" if sure else "undetermined" for z, sure in zip(free, fixed, strict=True)}
    chosen = {z: float(known[z]) for z in elements}
    left, binding = (rest - counts @ fitted) / atoms, {}
    if used and len(free) < len(elements):
        counts = np.array([[np.sum(frame.atoms.numbers == z) for z in elements] for frame in used], float)
        bonds, _ = _fitted(counts, left * atoms, atoms, robust)
        left, binding = left - counts @ bonds / atoms, dict(zip(elements, bonds.tolist(), strict=True))
    residual = float(np.sqrt(np.mean(left**2))) if used else float("nan")
    return References(chosen, {z: origins[z] for z in chosen}, residual, binding)


def _known_energies(
    frames: Sequence[LabelledFrame], given: Mapping[int, float]
) -> tuple[dict[int, float], dict[int, str]]:
    """Energies that need no fit, by element, and how they are known."""
    alone: dict[int, list[float]] = {}
    for frame in frames:
        if frame.energy is not None and is_isolated(frame):
            alone.setdefault(int(frame.atoms.numbers[0]), []).append(frame.energy)
    for z, energies in alone.items():
        if z not in given and max(energies) - min(energies) > 1e-3:
            raise ArgumentError(
                f"The isolated atoms of {chemical_symbols[z]} have energies from {min(energies):.6g} to "
                f"{max(energies):.6g} eV. Keep one, or give its energy among the references."
            )
    known = {z: float(np.mean(energies)) for z, energies in alone.items()} | {
        int(z): float(e) for z, e in given.items()
    }
    return known, {z: "given" if z in given else "isolated atom" for z in known}


def _without(frame: LabelledFrame, known: Mapping[int, float]) -> float:
    """An energy without what is known of it."""
    return float(frame.energy or 0.0) - sum(known.get(int(z), 0.0) for z in frame.atoms.numbers)


def _fitted(counts: np.ndarray, energies: np.ndarray, atoms: np.ndarray, robust: bool) -> tuple[np.ndarray, np.ndarray]:
    """Energies per element that fit best, per atom, and which of them the data fix."""
    if not len(counts) or not counts.shape[1]:
        return np.zeros(counts.shape[1]), np.zeros(counts.shape[1], bool)
    shares, wanted = counts / atoms[:, None], energies / atoms
    weights = np.ones(len(shares))
    for _ in range(30 if robust else 1):  # least absolute deviations are least squares with weights 1 / deviation
        mean = (weights**2 @ wanted) / max(weights**2 @ shares.sum(1), 1e-300)
        found = (
            mean + np.linalg.lstsq(shares * weights[:, None], (wanted - shares.sum(1) * mean) * weights, rcond=1e-8)[0]
        )
        off = np.abs(wanted - shares @ found)
        weights = 1 / np.sqrt(np.maximum(off, 1e-6 + 0.01 * np.median(off)))
    # An energy is fixed where no combination that the data do not see changes it.
    _, sizes, modes = np.linalg.svd(shares, full_matrices=True)
    unseen = modes[int((sizes > 1e-8 * sizes[0]).sum()) :]
    return found, np.abs(unseen).max(0, initial=0.0) < 1e-6
