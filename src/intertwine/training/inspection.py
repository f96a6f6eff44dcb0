"""A look at data before they are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from intertwine.errors import ArgumentError
from intertwine.training.checks import CHECKS, CheckLimits, Finding
from intertwine.training.composition import MANY_ELEMENTS, References, fit_references
from intertwine.training.consistency import SlopeCheck, force_slope, mixed_stress, stress_slope, teacher_stress
from intertwine.training.frames import LABEL_NAMES, LABEL_UNITS, FrameSet, LabelledFrame


@dataclass(frozen=True, eq=False)
class DataReport:
    """What data hold, and what is odd about them; printed, a few lines.

    Args:
        count: how many frames there are.
        sizes: the smallest and the largest number of atoms.
        elements: by symbol, in how many frames each occurs.
        labels: how many frames have each label.
        sources: where each label was found, in words.
        stress_sign: how the sign of stress is known; empty without stresses.
        force_check: how energies and forces belong together.
        references: the energy of each element.
        findings: what is odd.
        notes: what reading said.
    """

    count: int
    sizes: tuple[int, int]
    elements: dict[str, int]
    labels: dict[str, int]
    sources: dict[str, str]
    stress_sign: str
    force_check: SlopeCheck
    references: References
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def found(self, kind: str) -> tuple[Finding, ...]:
        """What is odd, of one kind: "duplicates", "contradictions", "outliers", "units" and so on."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def __str__(self) -> str:
        low, high = self.sizes
        atoms = f"{low}" if low == high else f"{low} to {high}"
        lines = [f"{self.count} frame{'s' * (self.count != 1)} of {atoms} atoms: {self._elements()}"]
        for name, count in self.labels.items():
            lines.append(f"{name}: {count} of {self.count} frames{self.sources.get(name, '')}")
        if self.stress_sign:
            lines.append(f"sign of stress: {self.stress_sign}")
        if self.force_check.telling and self.force_check.agrees:
            lines.append(
                f"energies and forces belong together: differences of energies are {self.force_check.slope:.3f} times "
                f"what forces say, over {self.force_check.pairs} pairs of frames"
            )
        if self.labels.get("energy"):
            lines += str(self.references).splitlines()
        lines += [*(f"note: {note}" for note in self.notes), *(f"! {finding.words}" for finding in self.findings)]
        return "\n".join(lines if self.findings else [*lines, "nothing odd was found"])

    def _elements(self) -> str:
        """In how many frames elements occur; of many, those that are rarest."""
        counts = sorted(self.elements.items(), key=lambda pair: pair[1])
        if len(counts) > MANY_ELEMENTS:
            rare, frequent = counts[: MANY_ELEMENTS // 2], counts[-MANY_ELEMENTS // 4 :]
            return f"{len(counts)} elements, {_listed(rare)} … {_listed(frequent)}"
        return _listed(self.elements.items())


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{symbol} in {count}" for symbol, count in counts)


def inspect(
    frames: FrameSet | Sequence[LabelledFrame],
    limits: CheckLimits | None = None,
    *,
    teacher: Any = None,
    given: Mapping[int, float] | None = None,
) -> DataReport:
    """What data hold, under which keys, and what is odd about them: for the first lines of a training.

    Duplicates, labels that contradict each other, outliers, atoms too close, forces that do not sum to zero, and units
    or signs that cannot be: energies and forces are held against each other on pairs of frames close to each other.

    Args:
        frames: the frames, of `read_frames` or made by hand.
        limits: from where on something is odd.
        teacher: an ase calculator of the method that made the labels, or one like it; a few structures are strained to
            know the sign of the stress from its energies.
        given: references that are known, by atomic number.

    Raises `ArgumentError` for no frames, and as `fit_references` does.

    >>> from ase.build import molecule
    >>> print(inspect([LabelledFrame(molecule("H2O"), -14.0), LabelledFrame(molecule("H2O"), -14.5)]))
    2 frames of 3 atoms: H in 2, O in 2
    energy: 2 of 2 frames
    references, eV: H -4.75 (undetermined), O -4.75 (undetermined); 83.33 meV per atom are left
    H, O: the data fix only a sum of these, since they always occur in the same proportion. Energies of reactions
    between such compositions need isolated atoms, or references that are given.
    ! 1 frame repeats the structure of another: 0, 1
    ! the same structure has energies that differ, by up to 0.167 eV per atom: 0, 1
    """
    if not len(frames):
        raise ArgumentError("There are no frames to inspect. Read some: read_frames(paths).")
    data = frames if isinstance(frames, FrameSet) else FrameSet(tuple(frames))
    counts = [len(frame.atoms) for frame in data]
    elements = Counter(int(z) for frame in data for z in set(frame.atoms.numbers.tolist()))
    labels = Counter(name for frame in data for name in frame.labels)
    sign, wrong = _stress_sign(data, teacher) if labels["stress"] else ("", ())
    limits = limits or CheckLimits()
    return DataReport(
        count=len(data),
        sizes=(min(counts), max(counts)),
        elements={chemical_symbols[z]: elements[z] for z in sorted(elements)},
        labels={name: labels[name] for name in (*LABEL_NAMES, *sorted(labels.keys() - {*LABEL_NAMES})) if labels[name]},
        sources=_sources(data),
        stress_sign=sign,
        force_check=force_slope(data),
        references=fit_references(data, given),
        findings=(*(finding for check in CHECKS for finding in check(data, limits)), *wrong),
        notes=data.notes,
    )


def _sources(data: FrameSet) -> dict[str, str]:
    """Under which keys and in which units each label was found, in words."""
    said: dict[str, list[str]] = {}
    for label in data.found:
        words = f"{label.key!r}" + (f" in {label.unit}" if label.unit else "")
        if label.virial:
            words += ", a virial W = −V σ turned into stress"
        elif label.unit and not label.unit.startswith("eV"):
            words += f", turned into {LABEL_UNITS[label.name]}"
        said.setdefault(label.name, []).append(f"{words} ({label.count})")
    return {name: f", under {'; '.join(parts)}" for name, parts in said.items()}


def _stress_sign(data: FrameSet, teacher: Any) -> tuple[str, tuple[Finding, ...]]:
    """How the sign of stress is known, in words; and a finding where it is wrong."""
    if teacher is None:
        check, said = stress_slope(data), "energies of frames with unlike cells"
    else:
        check, said = _against_teacher(data, teacher), "finite strains of a teacher"
    if check.pairs < (1 if teacher is not None else 5) or abs(check.correlation) < 0.6:
        return data.stress_sign + (", since the teacher's energies do not tell" if teacher is not None else ""), ()
    off = _stress_units(1 / abs(check.slope) if teacher is None else abs(check.slope), check, said)
    if check.slope > 0:
        return f"positive under tension, checked by {said} ({check.pairs})", off
    words = (
        f"the stress has the opposite sign of that by {said} ({check.pairs}): it is positive under compression. Read "
        "it with units=LabelUnits(stress_sign='compression')."
    )
    return f"wrong by {said} ({check.pairs})", (Finding("sign", words), *off)


def _stress_units(size: float, check: SlopeCheck, said: str) -> tuple[Finding, ...]:
    """A finding where stresses are of another size than their energies say: those in GPa that were taken for eV/Å³."""
    if abs(check.correlation) < 0.8 or 0.5 < size < 2.0:
        return ()
    guess = mixed_stress(size)
    words = (
        f"stresses are {size:.4g} times those by {said} ({check.pairs}): are they in {guess or 'another unit'}? Pass "
        "units=LabelUnits(stress=…)."
    )
    return (Finding("units", words),)


def _against_teacher(data: FrameSet, teacher: Any, most: int = 4) -> SlopeCheck:
    """Stresses beside those of a teacher, of a few frames with large ones."""
    sized = [(float(np.linalg.norm(f.stress)), i) for i, f in enumerate(data) if f.stress is not None]
    chosen = [data[i] for _, i in sorted(sized, key=lambda pair: (-pair[0], pair[1]))[:most]]
    own = np.concatenate([np.asarray(frame.stress).ravel() for frame in chosen])
    other = np.concatenate([teacher_stress(frame, teacher).ravel() for frame in chosen])
    if not (own.any() and other.any()):
        return SlopeCheck(float("nan"), 0.0, len(chosen))
    slope = float(own @ other / (other @ other))
    return SlopeCheck(slope, float(own @ other / np.sqrt((own @ own) * (other @ other))), len(chosen))
