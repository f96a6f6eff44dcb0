"""Predictions beside labels, and the errors between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

from intertwine.errors import ArgumentError, ShapeError

BINS = 12  # points of the curve of errors by the size of forces


@dataclass(frozen=True, eq=False)
class PredictedFrames:
    """What a model predicts for frames, and their labels; NaN where there is no label.

    Args:
        numbers: the atomic numbers of each frame.
        energies, energy_labels: `(B,)`, eV.
        forces, force_labels: of all atoms, frame after frame, `(N, 3)`, eV/Å; None for none.
        stresses, stress_labels: `(B, 3, 3)`, eV/Å³; None for none.
        sources: where each frame comes from.

    Raises `ShapeError` where these do not fit together.
    """

    numbers: Sequence[np.ndarray]
    energies: np.ndarray
    energy_labels: np.ndarray
    forces: np.ndarray | None = None
    force_labels: np.ndarray | None = None
    stresses: np.ndarray | None = None
    stress_labels: np.ndarray | None = None
    sources: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not len(self.numbers):
            raise ArgumentError("Predictions are of one frame or more, but got none.")
        frames, atoms = len(self.numbers), int(self.sizes.sum())
        wanted = {"energies": (frames,), "forces": (atoms, 3), "stresses": (frames, 3, 3)}
        labels = {"energies": "energy_labels", "forces": "force_labels", "stresses": "stress_labels"}
        for name, shape in wanted.items():
            pair = [getattr(self, name), getattr(self, labels[name])]
            if [value is None for value in pair] == [True, True] and name != "energies":
                continue
            for value in pair:
                if value is None or np.shape(value) != shape:
                    raise ShapeError(
                        f"{name} and {labels[name]} of {frames} frames with {atoms} atoms have the shape {shape}, but "
                        f"got {None if value is None else np.shape(value)}. Give NaN where a frame has no label."
                    )

    @cached_property
    def sizes(self) -> np.ndarray:
        """The number of atoms of each frame, `(B,)`."""
        return np.array([len(numbers) for numbers in self.numbers])

    @property
    def frame_of_atom(self) -> np.ndarray:
        """The frame that each atom belongs to, `(N,)`."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def name(self, place: int) -> str:
        """Where a frame comes from, or its number."""
        return self.sources[place] if len(self.sources) else f"frame {place}"

    def formula(self, place: int) -> str:
        """The elements of a frame with their numbers, such as `C2H6O`."""
        return str(Formula.from_list([chemical_symbols[z] for z in self.numbers[place]]).format("hill"))

    def namer(self, shape: tuple[int, ...]) -> Callable[[int], str]:
        """What to call the entries of energies, forces or stresses of a shape, by their places when flat."""
        if len(shape) == 2:
            frame_of, numbers = self.frame_of_atom, np.concatenate(list(self.numbers))
            return lambda k: f"{self.name(int(frame_of[k // 3]))}, {chemical_symbols[numbers[k // 3]]}"
        each = 9 if len(shape) == 3 else 1
        return lambda k: self.name(k // each)

    def energy_pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions per atom, without what the composition makes of the labels."""
        labels, found = np.asarray(self.energy_labels, float), np.asarray(self.energies, float)
        elements = sorted({int(z) for numbers in self.numbers for z in numbers})
        shares = np.array([[np.mean(numbers == z) for z in elements] for numbers in self.numbers])
        known = np.isfinite(labels)
        rest = np.linalg.lstsq(shares[known], (labels / self.sizes)[known], rcond=1e-8)[0] if known.any() else 0.0
        base = shares @ (rest + np.zeros(len(elements)))
        return labels / self.sizes - base, found / self.sizes - base

    def force_pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions, empty for none."""
        return _pair(self.force_labels, self.forces, (0, 3))

    def stress_pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions, empty for none."""
        return _pair(self.stress_labels, self.stresses, (0, 3, 3))

    def worst(self, count: int) -> Iterator[tuple[list[str], int]]:
        """The frames with the largest errors, as texts of their errors in meV, and their places."""
        energy = 1000 * np.abs(np.asarray(self.energies) - self.energy_labels) / self.sizes
        force = np.full(len(self.sizes), np.nan)
        labels, found = self.force_pair()
        if len(labels):
            off = 1000 * np.linalg.norm(labels - found, axis=1)
            off = np.where(np.isfinite(off), off, -np.inf)
            force = np.array([part.max() for part in np.split(off, np.cumsum(self.sizes)[:-1])])
            force = np.where(np.isfinite(force), force, np.nan)
        rank = np.nan_to_num(energy / max(_median(energy), 1e-12)) + np.nan_to_num(force / max(_median(force), 1e-12))
        for place in np.argsort(-rank, kind="stable")[:count]:
            yield [short_number(float(x[place])) for x in (energy, force)], int(place)


def short_number(value: float) -> str:
    """Three digits, or all before the point; a dash for what is not known.

    >>> short_number(1234.5), short_number(0.01234), short_number(float("nan"))
    ('1234', '0.0123', '—')
    """
    return "—" if not np.isfinite(value) else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 1.0


def _pair(labels: np.ndarray | None, found: np.ndarray | None, empty: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    if labels is None or found is None:
        return np.zeros(empty), np.zeros(empty)
    return np.asarray(labels, float), np.asarray(found, float)


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Mean absolute and root mean square errors, in meV per atom, meV/Å and meV/Å³, with the spread of the labels.

    Args:
        values: for each label `(mean absolute error, root mean square error, spread)`.
        by_element: the mean absolute error of the components of forces by atomic number.
        by_size: the sizes of forces, eV/Å, and the mean length of the error there, meV/Å.
        shift: the mean of the errors of energies with their signs, meV/atom; NaN without energies.
    """

    values: dict[str, tuple[float, float, float]]
    by_element: dict[int, float]
    by_size: tuple[np.ndarray, np.ndarray]
    shift: float = float("nan")

    @property
    def shifted(self) -> bool:
        """Whether most of the error of the energies is one shift of all of them."""
        return "energy" in self.values and abs(self.shift) > 0.8 * self.values["energy"][1]

    def rows(self) -> Iterator[tuple[str, str, float, float, float]]:
        """Each label with its unit, errors and spread."""
        for name, (mean, root, spread) in self.values.items():
            yield name, ERROR_UNITS[name], mean, root, spread

    def __str__(self) -> str:
        return ", ".join(f"{name} {short_number(mean)} {unit}" for name, unit, mean, _, _ in self.rows())


ERROR_UNITS = {"energy": "meV/atom", "forces": "meV/Å", "stress": "meV/Å³"}


def label_errors(found: PredictedFrames) -> LabelErrors:
    """The errors of predictions, where there are labels.

    >>> numbers = [np.array([1, 1]), np.array([1, 1])]
    >>> errors = label_errors(PredictedFrames(numbers, np.array([1.0, 2.0]), np.array([1.0, 2.1])))
    >>> print(errors)
    energy 25 meV/atom
    """
    pairs = {"energy": found.energy_pair(), "forces": found.force_pair(), "stress": found.stress_pair()}
    values = {}
    for name, (labels, predicted) in pairs.items():
        known = np.isfinite(labels)
        if known.any():
            off = 1000 * (predicted - labels)[known]
            spread = max(1000 * float(np.std(labels[known])), 1e-12)
            values[name] = (float(np.abs(off).mean()), float(np.sqrt(np.mean(off**2))), spread)
    known = np.isfinite(pairs["energy"][0])
    shift = 1000 * float(np.mean((pairs["energy"][1] - pairs["energy"][0])[known])) if known.any() else float("nan")
    labels, predicted = pairs["forces"]
    elements = np.concatenate(list(found.numbers))[: len(labels)]
    known = np.isfinite(labels).all(1)
    off = 1000 * np.abs(predicted - labels).mean(1)
    by_element = {int(z): float(off[known & (elements == z)].mean()) for z in np.unique(elements[known])}
    return LabelErrors(values, by_element, _by_size(labels[known], predicted[known]), shift)


def _by_size(labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of forces by their size, in bins with as many atoms each."""
    sizes, off = np.linalg.norm(labels, axis=1), 1000 * np.linalg.norm(predicted - labels, axis=1)
    order = np.argsort(sizes, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return np.array([sizes[part].mean() for part in parts]), np.array([off[part].mean() for part in parts])
