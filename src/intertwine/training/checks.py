"""What is odd about frames, one check each: what it finds is a sentence and the places of the frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from intertwine.models.atoms import neighbours
from intertwine.training.alike import same_structures
from intertwine.training.composition import fit_references, is_isolated
from intertwine.training.consistency import binding_limit, force_slope, mixed_units
from intertwine.training.frames import STATES, LabelledFrame, listed

LARGE_FORCES = 8.0  # eV/Å, root mean square of a frame: hot or broken structures, or kcal/mol/Å
NET_FORCE = 1e-3  # eV/Å per atom: beyond the drift of plane-wave codes


class Finding(NamedTuple):
    """Something odd about frames.

    Args:
        kind: what it is, in a word or two.
        words: the same in a sentence, with numbers.
        frames: the places of the frames, the worst first.
    """

    kind: str
    words: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class CheckLimits:
    """From where on something is odd.

    Args:
        z_score: how many robust standard deviations make an outlier.
        closest: the distance of two atoms over the sum of their covalent radii.
        tolerance: how far atoms of the same structure may be apart, Å.
        cutoff: how far a model will see, Å: atoms with nobody within are named; None leaves this out.
        elements: the atomic numbers that a model knows; None for all.
    """

    z_score: float = 8.0
    closest: float = 0.5
    tolerance: float = 1e-4
    cutoff: float | None = None
    elements: tuple[int, ...] | None = None


Check = Callable[[Sequence[LabelledFrame], CheckLimits], Iterator[Finding]]


def _named(frames: Sequence[LabelledFrame], places: Sequence[int]) -> str:
    """The first of some frames, by their sources."""
    return listed([frames[i].source or str(i) for i in places])


def _are(count: int, noun: str = "frame") -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duplicates(frames: Sequence[LabelledFrame], limits: CheckLimits) -> Iterator[Finding]:
    """Frames that are one structure, and labels of these that contradict each other."""
    groups = same_structures(frames, limits.tolerance)
    if not groups:
        return
    extra = sum(len(group) - 1 for group in groups)
    places = tuple(place for group in groups for place in group)
    words = f"{_are(extra)} repeat{'s' * (extra == 1)} the structure of another: {_named(frames, places)}"
    yield Finding("duplicates", words, places)
    for name, off in (("energy", 1e-4), ("forces", 1e-3), ("stress", 1e-4)):
        wrong, worst = [], 0.0
        for group in groups:
            apart = _spread([frames[i] for i in group], name)
            if apart > off:
                wrong += list(group)
                worst = max(worst, apart)
        if wrong:
            said = f"the same structure has {_LABELS[name].format(worst)}: {_named(frames, wrong)}"
            yield Finding("contradictions", said, tuple(wrong))


_LABELS = {
    "energy": "energies that differ, by up to {:.3g} eV per atom",
    "forces": "forces that differ, by up to {:.3g} eV/Å",
    "stress": "stresses that differ, by up to {:.3g} eV/Å³",
}


def _spread(frames: Sequence[LabelledFrame], name: str) -> float:
    """How far the labels of one structure are apart, energies per atom."""
    values = [getattr(frame, name) for frame in frames if getattr(frame, name) is not None]
    if len(values) < 2:
        return 0.0
    size = len(frames[0].atoms) if name == "energy" else 1
    return float(np.ptp(np.array(values), axis=0).max()) / size


def outliers(frames: Sequence[LabelledFrame], limits: CheckLimits) -> Iterator[Finding]:
    """Energies far from what compositions make of them, and forces far larger than those of other frames."""
    places = [i for i, frame in enumerate(frames) if frame.energy is not None and not is_isolated(frame)]
    if len(places) > 3:
        some = [frames[i] for i in places]
        found = fit_references(some, robust=True)
        off = np.array([(float(f.energy or 0.0) - found.total(f.atoms.numbers)) / len(f.atoms) for f in some])
        far = _deviations(off) > limits.z_score
        yield from _far(frames, places, off, far, "energy per atom, beside its composition's, eV")
    places = [i for i, frame in enumerate(frames) if frame.forces is not None and len(frame.atoms) > 1]
    largest = np.array([np.linalg.norm(np.asarray(frames[i].forces), axis=1).max() for i in places])
    if len(places) > 3 and largest.any():
        middle = float(np.median(largest))
        logs = np.log(np.maximum(largest, middle / 10 + 1e-12))
        far = (_deviations(logs) > limits.z_score) & (largest > 3 * middle)  # small forces are no mistake
        yield from _far(frames, places, largest, far, "largest force, eV/Å")


def _deviations(values: np.ndarray) -> np.ndarray:
    """How many robust standard deviations values are from their median."""
    off = np.abs(values - np.median(values))
    return np.asarray(off / max(1.4826 * float(np.median(off)), 1e-6))


def _far(
    frames: Sequence[LabelledFrame], places: Sequence[int], values: np.ndarray, far: np.ndarray, words: str
) -> Iterator[Finding]:
    """A sentence on the values that are far from the others, the farthest first."""
    middle = float(np.median(values))
    order = sorted(np.flatnonzero(far).tolist(), key=lambda k: -abs(values[k] - middle))
    if order:
        wrong = tuple(places[k] for k in order)
        said = f"{_are(len(wrong), 'outlier')} in {words}: {values[order[0]]:.4g} of {_named(frames, wrong[:1])}"
        others = f"; then {_named(frames, wrong[1:])}" if len(wrong) > 1 else ""
        yield Finding("outliers", f"{said}, where the median is {middle:.4g}{others}", wrong)


def close_atoms(frames: Sequence[LabelledFrame], limits: CheckLimits) -> Iterator[Finding]:
    """Atoms closer than bonds can be, and atoms that see nobody."""
    close: list[tuple[float, int, float]] = []
    for i, frame in enumerate(frames):
        radii = covalent_radii[frame.atoms.numbers]
        edges, shifts = neighbours(frame.atoms, 2 * limits.closest * float(radii.max(initial=0.1)))
        if edges.size:
            way = frame.atoms.positions[edges[1]] - frame.atoms.positions[edges[0]] + shifts @ frame.atoms.cell.array
            share = np.linalg.norm(way, axis=1) / radii[edges].sum(0)
            worst = int(share.argmin())
            if share[worst] < limits.closest:
                close.append((float(share[worst]), i, float(np.linalg.norm(way[worst]))))
    if close:
        wrong = tuple(i for _, i, _ in sorted(close))
        share, place, distance = min(close)
        said = (
            f"{_are(len(close))} with atoms too close: {distance:.3g} Å in {frames[place].source or place}, "
            f"{100 * share:.0f} % of the sum of the covalent radii; {_named(frames, wrong)}"
        )
        yield Finding("close atoms", said, wrong)
    yield from _lonely(frames, limits)


def _lonely(frames: Sequence[LabelledFrame], limits: CheckLimits) -> Iterator[Finding]:
    alone = [i for i, frame in enumerate(frames) if is_isolated(frame)]
    if alone:
        count = _are(len(alone), "isolated atom")
        said = f"{count}, whose energies are references where none is given: {_named(frames, alone)}"
        yield Finding("isolated atoms", said, tuple(alone))
    if limits.cutoff is None:
        return
    lonely = []
    for i, frame in enumerate(frames):
        edges, _ = neighbours(frame.atoms, limits.cutoff)
        if len(np.unique(edges[0])) < len(frame.atoms) and not is_isolated(frame):
            lonely.append(i)
    if lonely:
        said = f"{_are(len(lonely))} with atoms that see nobody within {limits.cutoff} Å: {_named(frames, lonely)}"
        yield Finding("lonely atoms", said, tuple(lonely))


def odd_elements(frames: Sequence[LabelledFrame], limits: CheckLimits) -> Iterator[Finding]:
    """Atoms that are no element, and elements that a model does not know."""
    for what, wrong in (
        ("atoms of no element (X, number 0)", lambda z: z < 1),
        ("elements that the model does not know", lambda z: limits.elements is not None and z not in limits.elements),
    ):
        places = [i for i, frame in enumerate(frames) if any(wrong(int(z)) for z in set(frame.atoms.numbers))]
        if places:
            odd = sorted({int(z) for i in places for z in frames[i].atoms.numbers if wrong(int(z))})
            symbols = ", ".join(chemical_symbols[z] for z in odd)
            yield Finding(
                "elements",
                f"{_are(len(places))} with {what}: {symbols}; {_named(frames, places)}",
                tuple(places),
            )


def states(frames: Sequence[LabelledFrame], _: CheckLimits) -> Iterator[Finding]:
    """Frames of unlike charge or spin: to a model, which is told neither, they are the same."""
    for key in STATES:
        found = [frame.atoms.info.get(key) for frame in frames]
        counts = Counter(float(value) for value in found if isinstance(value, int | float))
        if len(counts) < 2:
            continue
        (usual, _count), *_rare = counts.most_common()
        other = tuple(i for i, value in enumerate(found) if isinstance(value, int | float) and value != usual)
        shares = ", ".join(f"{value:g} in {count}" for value, count in sorted(counts.items()))
        said = (
            f"{key} is not the same in all frames ({shares}), and the model is not told: leave those out that are not "
            f"{usual:g}: {_named(frames, other)}"
        )
        yield Finding("states", said, other)


def net_forces(frames: Sequence[LabelledFrame], _: CheckLimits) -> Iterator[Finding]:
    """Forces that do not sum to zero: no energy that a shift leaves alone has them."""
    nets = {
        i: float(np.linalg.norm(frame.forces.mean(0))) for i, frame in enumerate(frames) if frame.forces is not None
    }
    wrong = sorted((i for i, net in nets.items() if net > NET_FORCE), key=lambda i: -nets[i])
    if wrong:
        said = (
            f"the forces of {_are(len(wrong))} do not sum to zero, which no potential can follow: up to "
            f"{nets[wrong[0]]:.3g} eV/Å per atom in {_named(frames, wrong)}"
        )
        yield Finding("net forces", said, tuple(wrong))


def units(frames: Sequence[LabelledFrame], _: CheckLimits) -> Iterator[Finding]:
    """Labels whose size, or whose relation to each other, speaks of other units or of another sign."""
    slope = force_slope(frames)
    if slope.telling and slope.slope < 0 and abs(slope.slope + 1) < 0.25:
        yield Finding(
            "sign", "forces have the opposite sign: the energy rises along them. They are gradients; negate them."
        )
    elif slope.telling and not slope.agrees:
        guess = " or ".join(mixed_units(slope.slope)[:2]) or "labels of different methods, or of different frames"
        said = f"energies change {slope.slope:.4g} times as much as forces say: {guess}? Pass units=LabelUnits(…)."
        yield Finding("units", said)
    ratios = [abs(f.energy) / binding_limit(f.atoms.numbers) for f in frames if f.energy is not None]
    if ratios and (ratio := float(np.median(ratios))) > 1.2:
        said = (
            f"energies are {ratio:.3g} times what all electrons of these atoms can bind in eV; they may be in "
            "kcal/mol, kJ/mol or meV. Pass units=LabelUnits(…)."
        )
        yield Finding("units", said)
    sizes = [float(np.sqrt(np.mean(f.forces**2))) for f in frames if f.forces is not None and len(f.atoms) > 1]
    if sizes and (size := float(np.median(sizes))) > LARGE_FORCES:
        said = f"forces of {size:.3g} eV/Å, root mean square of the median frame, are large: are they in kcal/mol/Å?"
        yield Finding("units", said)


CHECKS: tuple[Check, ...] = (odd_elements, states, duplicates, outliers, close_atoms, net_forces, units)
