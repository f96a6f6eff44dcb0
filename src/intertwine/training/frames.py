"""Structures with their labels, read from files: nothing that looks like a label is passed over in silence."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from ase import Atoms

from intertwine.errors import ArgumentError
from intertwine.training.label_keys import USUAL_KEYS, LabelKeys, LabelUnits, units_of, usual_label
from intertwine.training.raw_frames import RawFrame, found_files, matrix_of, raw_frames

LABEL_UNITS = {"energy": "eV", "forces": "eV/Å", "stress": "eV/Å³"}
LABEL_NAMES = (*LABEL_UNITS,)
BY_CONVENTION = "positive under tension, by convention: not checked"
STATES = ("charge", "total_charge", "spin", "multiplicity", "spin_multiplicity", "total_spin")
"""Keys that tell electronic states of one structure apart, which a potential does not know."""
SHOWN = 5  # how many frames a sentence names


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A structure and what was computed for it, in eV and Å; None for what was not.

    Args:
        atoms: the structure, without calculator.
        energy: eV.
        forces: `(n, 3)`, eV/Å.
        stress: `(3, 3)`, eV/Å³, positive under tension.
        targets: other labels by name, of the structure or of each atom, as they are stored; NaN where some numbers of
            one are not known.
        source: the file that it comes from, and its place in it.
    """

    atoms: Atoms
    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)
    source: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels that it has."""
        return (*(name for name in LABEL_NAMES if getattr(self, name) is not None), *self.targets)


@dataclass(frozen=True)
class FoundLabel:
    """Where a label was found: its name, its key in the file, its unit there, in how many frames, if as a virial."""

    name: str
    key: str
    unit: str
    count: int
    virial: bool = False


@dataclass(frozen=True, eq=False)
class FrameSet(Sequence[LabelledFrame]):
    """Frames in order, with what reading them brought to light. Slices and lists of places give a part of it.

    Args:
        frames: the structures with their labels.
        found: where the labels were found.
        notes: what else is to be said of them, in sentences: keys not used, labels left out.
        stress_sign: how the sign of stress is known.
    """

    frames: tuple[LabelledFrame, ...]
    found: tuple[FoundLabel, ...] = ()
    notes: tuple[str, ...] = ()
    stress_sign: str = BY_CONVENTION

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[LabelledFrame]:
        return iter(self.frames)

    @overload
    def __getitem__(self, place: int) -> LabelledFrame: ...
    @overload
    def __getitem__(self, place: slice | Sequence[int]) -> FrameSet: ...
    def __getitem__(self, place: int | slice | Sequence[int]) -> LabelledFrame | FrameSet:
        if isinstance(place, int | np.integer):
            return self.frames[place]
        some = self.frames[place] if isinstance(place, slice) else tuple(self.frames[i] for i in place)
        return FrameSet(some, self.found, self.notes, self.stress_sign)

    @property
    def elements(self) -> tuple[int, ...]:
        """The atomic numbers that occur, ascending."""
        return tuple(sorted({int(number) for frame in self.frames for number in frame.atoms.numbers}))


def fingerprint(frames: Iterable[LabelledFrame]) -> str:
    """A word that frames with other atoms or labels do not have."""
    digest = hashlib.sha256()
    for frame in frames:
        atoms = frame.atoms
        structure = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        targets = (frame.targets[name] for name in sorted(frame.targets))
        for part in (*structure, frame.energy, frame.forces, frame.stress, *targets):
            digest.update(b"none" if part is None else np.asarray(part, float).tobytes())
    return digest.hexdigest()[:16]


def read_frames(
    paths: str | Path | Iterable[str | Path], keys: LabelKeys | None = None, *, needs_targets: bool = True
) -> FrameSet:
    """Structures and labels from files: extended xyz, databases of ase, npz, and all else that ase reads.

    Labels are looked for where ase keeps them: among the numbers of a structure and of its atoms, and in its
    calculator, where ase itself moves `energy`, `forces` and `stress`. Virials are turned into stress, σ = −W / V, for
    W = −V σ, which is mace's and quippy's `virials` as well. Labels that are not finite are left out, and `notes` says
    so; it names too the keys that hold numbers and are not used.

    Args:
        paths: one file or several, or patterns such as `runs/*/vasprun.xml`.
        keys: the keys of the labels, and their units; the usual ones are found.
        needs_targets: whether targets that no frame has are an error, or a note.

    Raises `ArgumentError` for files that are not there, empty or not understood; for keys that were asked for and are
    nowhere; where no frame has any label; for labels that are all NaN, forces of the wrong shape, positions that are
    not finite.

    >>> from tempfile import mkdtemp
    >>> from ase.build import molecule
    >>> water = molecule("H2O")
    >>> water.info["REF_energy"] = -14.2
    >>> path = Path(mkdtemp()) / "water.xyz"
    >>> water.write(path, format="extxyz")
    >>> frames = read_frames(path)
    >>> frames[0].energy, frames.found[0].key
    (-14.2, 'REF_energy')
    """
    keys = keys or LabelKeys()
    files = found_files([paths] if isinstance(paths, str | Path) else list(paths))
    if not files:
        raise ArgumentError("Frames are read from one file or more, but got no path.")
    parts = [_File(raw_frames(path, name), keys, name) for name, path in files.items()]
    _check_asked(parts, keys, needs_targets)
    frames = tuple(frame for part in parts for frame in part.frames())
    _check_any(frames, parts)
    notes = _few([note for part in parts for note in part.notes])
    turned = any(part.units.sign < 0 for part in parts)
    sign = "turned from positive under compression, as asked: not checked" if turned else BY_CONVENTION
    return FrameSet(frames, _together(parts), (*notes, *_unused(parts)), sign)


class _File:
    """The frames of one file, with the keys that its labels have."""

    def __init__(self, raws: list[RawFrame], keys: LabelKeys, name: str) -> None:
        self.raws, self.keys, self.name = raws, keys, name
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.there = Counter(key for raw in raws for key in raw.values)
        self.units = self._units()
        self.used: dict[str, str] = {}
        self.told: set[str] = set()  # keys that a note names already
        for kind in USUAL_KEYS:
            self._choose(kind)
        if "stress" in self.used and "virial" in self.used:
            self._choose_stress(self.used["stress"], self.used["virial"])
        self.used |= {target: key for target, key in keys.targets.items() if key in self.there}
        twice = sorted({key for raw in raws for key in raw.contradicting} & {*self.used.values()})
        if twice:
            self.notes.append(
                f"{name}: {', '.join(twice)} is stored twice, with different numbers; the calculator's were taken."
            )

    def _units(self) -> LabelUnits:
        if self.keys.units is not None:
            return self.keys.units
        try:
            return units_of(self.raws[0].words)
        except ArgumentError as error:
            raise ArgumentError(f"{self.name} names its units, but: {error} Pass units=LabelUnits(…).") from error

    def _choose(self, kind: str) -> None:
        """The best of the keys that some frame has and that fit; the others are named."""
        fitting = [
            key
            for key in self.keys.candidates(kind, self.there)
            if kind != "energy" or any(_size(raw, key) == 1 for raw in self.raws)
        ]
        if not fitting:
            if (own := getattr(self.keys, kind)) and own in self.there:
                raise ArgumentError(
                    f"{own} of {self.name} was named as the {kind} of each frame, but is not one number. Name the "
                    f"right key, LabelKeys({kind}=…), or leave it out: LabelKeys({kind}='')."
                )
            return
        self.used[kind], *others = fitting
        self.told.update(others)
        for other in others:
            self.notes.append(
                f"{self.name}: {kind} is taken from {self.used[kind]}, not from {other}{self._apart(other)}."
            )

    def _choose_stress(self, stress: str, virial: str) -> None:
        """Virials serve the frames that have no stress, if there are some."""
        if any(virial in raw.values and stress not in raw.values for raw in self.raws):
            self.notes.append(f"{self.name}: stress is taken from {virial} where there is no {stress}.")
            return
        self.notes.append(f"{self.name}: {virial} is not used, since {stress} gives the stress.")
        self.told.add(self.used.pop("virial"))

    def _apart(self, other: str) -> str:
        """How the energies under another key differ."""
        if (own := self.used.get("energy")) is None or usual_label(other) != "energy":
            return ""
        both = [raw.values for raw in self.raws if own in raw.values and other in raw.values]
        off = max((abs(float(v[own].ravel()[0]) - float(v[other].ravel()[0])) for v in both), default=0.0)
        return f", which differs by up to {off:.3g}" if off > 0 else ", which is the same" if both else ""

    def frames(self) -> list[LabelledFrame]:
        """The frames with their labels; what is left out is noted."""
        lost: dict[str, list[str]] = {}
        made = [self._frame(raw, lost) for raw in self.raws]
        for words, sources in lost.items():
            name = words.split()[0]
            if "finite" in words and not self.counts[name]:
                way = " target out" if name in self.keys.targets else f" label out: LabelKeys({name}='')"
                raise ArgumentError(
                    f"All {len(sources)} values of {name} in {self.name}, under the key {self.used.get(name, name)}, "
                    f"are NaN or infinite. Repair the file, or leave the{way}."
                )
            self.notes.append(f"The {words} in {counted(sources, 'frame')}, and is left out there.")
        return made

    def _frame(self, raw: RawFrame, lost: dict[str, list[str]]) -> LabelledFrame:
        atoms = _scaled(raw, self.units.factors["length"])
        if (group := {**raw.words, **raw.values}.get(self.keys.group)) is not None:
            atoms.info["group"] = _hashable(group)
        atoms.info |= {key: float(raw.values[key].item()) for key in STATES if _size(raw, key) == 1}
        labels: dict[str, np.ndarray] = {}
        for name, key in self.used.items():
            if key not in raw.values or (name == "virial" and "stress" in labels):
                continue
            value = _shaped(name, key, raw)
            known = np.isfinite(value)
            if not (known.any() if name in self.keys.targets else known.all()):
                lost.setdefault(f"{name} is not finite", []).append(raw.source)
            elif name in ("stress", "virial") and atoms.cell.volume < 1e-6:
                lost.setdefault(f"{name} is given for a cell without volume", []).append(raw.source)
            elif name in ("stress", "virial") and not atoms.pbc.any():
                lost.setdefault(f"{name} is given for a cell that does not repeat (pbc)", []).append(raw.source)
            else:
                if not known.all():
                    lost.setdefault(f"{name} is not finite in part", []).append(raw.source)
                labels[name] = np.where(known, value, np.nan)
                self.counts[name] += 1
        factors, sign = self.units.factors, self.units.sign
        stress = labels["stress"] * factors["stress"] * sign if "stress" in labels else None
        if "virial" in labels:
            stress = -sign * labels["virial"] * factors["virial"] / atoms.cell.volume
        return LabelledFrame(
            atoms,
            float(labels["energy"]) * factors["energy"] if "energy" in labels else None,
            labels["forces"] * factors["forces"] if "forces" in labels else None,
            stress,
            {name: labels[name] for name in self.keys.targets if name in labels},
            raw.source,
        )


def _hashable(group: Any) -> Any:
    """The name of a group, one number or word, or several of them."""
    if not isinstance(group, np.ndarray):
        return group if isinstance(group, Hashable) else repr(group)
    return group.item() if group.size == 1 else tuple(group.ravel().tolist())


def _size(raw: RawFrame, key: str) -> int:
    return raw.values[key].size if key in raw.values else -1


def _scaled(raw: RawFrame, length: float) -> Atoms:
    """The atoms in Å; labels are no longer among what they hold."""
    atoms = raw.atoms
    if not len(atoms):
        raise ArgumentError(f"{raw.source} holds no atoms. Remove this frame.")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise ArgumentError(
            f"Positions and cells are finite numbers, but some of {raw.source} are not. Repair the frame."
        )
    if length != 1:
        atoms.set_cell(atoms.cell.array * length)
        atoms.positions *= length
    atoms.info.update({key: word for key, word in raw.words.items() if isinstance(word, str)})
    for store in (atoms.info, atoms.arrays):
        for key in [key for key in store if usual_label(key)]:
            del store[key]
    return atoms


def _shaped(name: str, key: str, raw: RawFrame) -> np.ndarray:
    """A label in its shape; raises `ArgumentError` where it has another."""
    value, count = raw.values[key], len(raw.atoms)
    shapes = {"energy": (), "forces": (count, 3), "stress": (3, 3), "virial": (3, 3)}
    if name not in shapes:
        return value
    if name in ("stress", "virial") and value.size in (6, 9):
        return matrix_of(value)
    turned = name == "forces" and value.ndim > 1 and value.shape != (count, 3)
    if turned or value.size != int(np.prod(shapes[name], dtype=int)):
        raise ArgumentError(
            f"{key} of {raw.source} has the shape {value.shape}, but {name} of {count} atoms is {shapes[name]}. Name "
            f"the right key, LabelKeys({name}=…), or leave it out: LabelKeys({name}='')."
        )
    return value.reshape(shapes[name])


def counted(sources: Sequence[str], noun: str) -> str:
    """A number of things and the names of the first of them.

    >>> counted(["a.xyz:0", "a.xyz:7"], "frame")
    '2 frames (a.xyz:0, a.xyz:7)'
    """
    return f"{len(sources)} {noun}{'s' if len(sources) != 1 else ''} ({listed(sources)})"


def listed(names: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


# what is said of all files --------------------------------------------------------------------------------------------


def _check_asked(parts: Sequence[_File], keys: LabelKeys, needs_targets: bool) -> None:
    there = sum((part.there for part in parts), Counter[str]())
    needed = {name: key for name, key in keys.asked.items() if needs_targets or name not in keys.targets}
    missing = {name: key for name, key in needed.items() if key not in there}
    if missing:
        asked = ", ".join(f"{name} under {key!r}" for name, key in missing.items())
        raise ArgumentError(f"No frame has {asked}. {_keys_there(parts)}")
    for part in parts:
        for name, key in keys.asked.items():
            if key not in part.there:
                part.notes.append(f"{part.name}: no frame has {name} under {key!r}.")


def _check_any(frames: Sequence[LabelledFrame], parts: Sequence[_File]) -> None:
    if not any(frame.labels for frame in frames):
        raise ArgumentError(
            f"None of {len(frames)} frames has an energy, forces, a stress or a target. {_keys_there(parts)} Name the "
            "keys: LabelKeys(energy=…, forces=…)."
        )


def _keys_there(parts: Sequence[_File]) -> str:
    there = sum((part.there for part in parts), Counter[str]())
    total = sum(len(part.raws) for part in parts)
    found = ", ".join(f"{key} ({count} of {total})" for key, count in sorted(there.items()))
    return f"The numbers that are there have the keys {found}." if found else "The files hold no numbers but positions."


def _together(parts: Sequence[_File]) -> tuple[FoundLabel, ...]:
    """Where labels were found, those of several files under one key together."""
    found: Counter[tuple[str, str, str]] = Counter()
    for part in parts:
        for name, key in part.used.items():
            found[name, key, part.units.names.get(name, "")] += part.counts[name]
    return tuple(
        FoundLabel("stress" if name == "virial" else name, key, unit, count, name == "virial")
        for (name, key, unit), count in found.items()
        if count
    )


def _few(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of many files, the first of them and how many more there are."""
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(note.partition(": ")[2].partition(", which")[0] or note, []).append(note)
    few = []
    for same in alike.values():
        few += same[:SHOWN]
        if len(same) > SHOWN:
            few.append(f"… and the same of {counted([note.partition(': ')[0] for note in same[SHOWN:]], 'file')}")
    return few


def _unused(parts: Sequence[_File]) -> list[str]:
    """A sentence that names the keys that hold numbers and are not used."""
    left: Counter[str] = Counter()
    for part in parts:
        used = {*part.used.values(), *part.told, part.keys.group}
        left += Counter({key: count for key, count in part.there.items() if key not in used})
    if not left:
        return []
    total = sum(len(part.raws) for part in parts)
    named = ", ".join(f"{key} ({count} of {total})" for key, count in sorted(left.items()))
    notes = [f"Numbers that are there and not used as labels: {named}."]
    found = {"stress" if name == "virial" else name for part in parts for name in part.used}
    for label, words in _ALIKE.items():
        meant = [key for key in left if any(word in key.lower() for word in words)]
        if label not in found and meant:
            notes.append(f"No {label} was found. If {meant[0]} is meant: LabelKeys({label}={meant[0]!r}).")
    return notes


_ALIKE = {"energy": ("energ",), "forces": ("forc", "grad"), "stress": ("stress",)}
