"""What no equivariant model can fit: labels less symmetric than their structures, and copies with other labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from intertwine.catalog import O3
from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.reps import Rep
from intertwine.symmetry import Points, curie_check, dataset_floor
from intertwine.training.alike import candidates
from intertwine.training.frames import LABEL_UNITS, SHOWN, LabelledFrame, listed

STIFF = 300.0
"""eV/Å²: three times the stiffest bond. Nearly symmetric structures whose forces need less than this can be fitted."""


@dataclass(frozen=True)
class FrameFloor:
    """A frame whose label no equivariant model can reach.

    Args:
        place: where it stands in the data.
        source: the file that it comes from.
        label: `"forces"`, or the name of a target.
        symmetry: of the structure, which the label breaks.
        floor: the root mean square error, per component, of the best model, in the unit of the label.
    """

    place: int
    source: str
    label: str
    symmetry: str
    floor: float


@dataclass(frozen=True)
class CopiesConflict:
    """Frames that are one structure, turned, mirrored or with atoms in another order, with labels that do not agree.

    Args:
        places: where they stand in the data.
        sources: the files that they come from.
        label: `"energy"` or `"forces"`.
        spread: how far the energies are apart, eV; of forces the root mean square error of the best model, eV/Å.
    """

    places: tuple[int, ...]
    sources: tuple[str, ...]
    label: str
    spread: float


@dataclass(frozen=True, eq=False)
class LabelFloor:
    """The errors below which no equivariant model comes on some data.

    Args:
        frames: those that cannot be fitted, the worst first.
        conflicts: copies of one structure whose labels contradict each other, the worst first.
        floors: the root mean square error of the best model over all frames, by label.
        skipped: why frames were not examined, and how many.
    """

    frames: tuple[FrameFloor, ...] = ()
    conflicts: tuple[CopiesConflict, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{label}: no equivariant model gets below a root mean square error of {floor:.3g}{_unit(label)}"
            for label, floor in self.floors.items()
            if floor > 0
        ]
        lines += [
            f"{one.source or one.place}: its {one.label} {'break' if one.label == 'forces' else 'breaks'} the symmetry "
            f"{one.symmetry} of the structure; {one.floor:.3g}{_unit(one.label)} cannot be fitted"
            for one in self.frames[:SHOWN]
        ]
        if len(self.frames) > SHOWN:
            lines.append(f"… and {len(self.frames) - SHOWN} frames more")
        for conflict in self.conflicts[:SHOWN]:
            lines.append(
                f"{listed(conflict.sources)}: one structure in different poses, with {conflict.label} that contradict "
                f"each other by {conflict.spread:.3g}{_unit(conflict.label)}"
            )
        lines += [f"{count} frames were not examined: {why}" for why, count in self.skipped.items()]
        return "\n".join(lines or ["every label can be fitted, as far as symmetry goes"])


def _unit(label: str) -> str:
    return f" {LABEL_UNITS[label]}" if label in LABEL_UNITS else ""


def label_floor(
    frames: Sequence[LabelledFrame],
    reps: Mapping[str, Rep] | None = None,
    tolerance: float = 1e-3,
    *,
    most_crystals: int = 2000,
) -> LabelFloor:
    """The errors that no equivariant model can beat, and the frames that cause them.

    The forces on a symmetric structure have its symmetry, and so has any tensor of it (Curie's principle); molecules
    that are the same up to a turn, a mirror and the order of atoms have the same energy, and forces that turn along.
    What labels have beside that is noise to every equivariant model.

    Args:
        frames: the frames.
        reps: the rep of each target that is to be examined: O3.rep("1x1o") for a dipole; its values are those of the
            rep, `(rep.dim,)` for a structure or `(n, rep.dim)` for its atoms.
        tolerance: how far atoms may be from symmetric places, relative to the size of the structure. Forces that a
            stiffness below 300 eV/Å² explains are left alone.
        most_crystals: how many crystals are examined, evenly spread over the data: each takes some 10 ms.

    >>> from ase.build import molecule
    >>> methane = molecule("CH4")
    >>> forces = np.zeros((5, 3))
    >>> forces[1:3, 0] = 0.1, -0.1
    >>> print(label_floor([LabelledFrame(methane, -10.0, forces, source="methane.xyz:0")]))
    forces: no equivariant model gets below a root mean square error of 0.0333 eV/Å
    methane.xyz:0: its forces break the symmetry Td of the structure; 0.0333 eV/Å cannot be fitted
    """
    reps, found, skipped = {"forces": O3.rep("1x1o"), **(reps or {})}, list[FrameFloor](), dict[str, int]()
    squares = {label: np.zeros(len(frames)) for label in reps}
    sizes = {label: np.zeros(len(frames)) for label in reps}
    left_out = _beyond(frames, most_crystals)
    if left_out:
        skipped[f"they are beyond the {most_crystals} crystals of most_crystals"] = len(left_out)
    for i, frame in enumerate(frames):
        labels = {label: value for label in reps if (value := _value(frame, label, reps[label])) is not None}
        if not labels or i in left_out:
            continue
        try:
            floors = [*_frame_floors(i, frame, labels, reps, tolerance)] if _may_be_symmetric(frame, tolerance) else []
        except (ArgumentError, MissingExtraError) as error:  # crystals need spglib
            why = str(error).split(". ")[0]
            skipped[why] = skipped.get(why, 0) + 1
            continue
        for label, value in labels.items():
            sizes[label][i] = value.size
        for one in floors:
            squares[one.label][i] = one.floor**2
        found += floors
    conflicts = [*_conflicts(frames, tolerance)]
    for conflict in conflicts:
        if conflict.label == "forces":
            places = list(conflict.places)
            squares["forces"][places] = np.maximum(squares["forces"][places], conflict.spread**2)
    totals = {
        label: float(np.sqrt(squares[label] @ sizes[label] / sizes[label].sum()))
        for label in reps
        if sizes[label].any()
    }
    found.sort(key=lambda one: (-one.floor, one.place))
    conflicts.sort(key=lambda one: (one.label, -one.spread, one.places))
    return LabelFloor(tuple(found), tuple(conflicts), totals, skipped)


def _beyond(frames: Sequence[LabelledFrame], most: int) -> set[int]:
    """The places of crystals that are too many, the others evenly spread."""
    crystals = [i for i, frame in enumerate(frames) if frame.atoms.pbc.any()]
    kept = np.linspace(0, len(crystals) - 1, min(most, len(crystals))).round().astype(int)
    return {*crystals} - {crystals[k] for k in kept}


def _value(frame: LabelledFrame, label: str, rep: Rep) -> np.ndarray | None:
    """A label as features; raises `ArgumentError` for one of another shape."""
    if label == "forces":
        return frame.forces
    value = frame.targets.get(label)
    if value is not None and value.shape not in ((rep.dim,), (len(frame.atoms), rep.dim)):
        raise ArgumentError(
            f"{label} of {frame.source or 'a frame'} has the shape {value.shape}, but {rep} has {rep.dim} numbers. "
            "Pass its rep, and targets in the basis of that."
        )
    return value


def _points(frame: LabelledFrame) -> Points:
    atoms = frame.atoms
    if not atoms.pbc.any():
        return Points(atoms.positions, atoms.numbers)
    return Points(atoms.positions, atoms.numbers, cell=atoms.cell.array, periodic=atoms.pbc)


def _may_be_symmetric(frame: LabelledFrame, tolerance: float) -> bool:
    """False for molecules without any symmetry: no two atoms of a kind at one distance from the middle, not flat."""
    atoms = frame.atoms
    if atoms.pbc.any():
        return True
    middle = atoms.positions - atoms.positions.mean(0)
    distances = np.linalg.norm(middle, axis=1)
    slack = 2 * tolerance * float(distances.max(initial=0.0)) + 1e-9
    if np.abs(middle @ np.linalg.svd(middle, full_matrices=True)[2][-1]).max(initial=0.0) <= slack:
        return True
    order = np.lexsort((distances, atoms.numbers))
    numbers, distances = atoms.numbers[order], distances[order]
    return bool(((np.diff(distances) <= slack) & (np.diff(numbers) == 0)).any())


def _frame_floors(
    place: int, frame: LabelledFrame, labels: Mapping[str, np.ndarray], reps: Mapping[str, Rep], tolerance: float
) -> Iterator[FrameFloor]:
    """The labels of a frame that break its symmetry."""
    points = _points(frame)
    for label, value in labels.items():
        report = curie_check(points, value, rep_out=reps[label], tolerance=tolerance)
        rounding = 1e-5 if label == "forces" else 1e-6 * float(np.abs(value).max(initial=0.0))
        if report.possible or report.floor <= rounding**2:
            continue
        if label == "forces" and report.gain < STIFF:
            continue
        yield FrameFloor(place, frame.source, label, report.H.name, float(np.sqrt(report.floor)))


# copies ---------------------------------------------------------------------------------------------------------------


def _conflicts(frames: Sequence[LabelledFrame], tolerance: float) -> Iterator[CopiesConflict]:
    """Molecules that may be one, and what their labels say."""
    same: dict[bytes, list[int]] = {}
    for i, frame in enumerate(frames):
        if not frame.atoms.pbc.any() and len(frame.atoms) > 1:
            same.setdefault(np.sort(frame.atoms.numbers).tobytes(), []).append(i)
    for places in same.values():
        invariants = np.array([_sorted_distances(frames[i]) for i in places])
        for group in candidates(invariants, 2 * tolerance * float(invariants.max())):
            yield from _of_copies(frames, [places[k] for k in group], tolerance)


def _sorted_distances(frame: LabelledFrame) -> np.ndarray:
    """The distances from the middle, by element and then by size: the same for copies."""
    atoms = frame.atoms
    distances = np.linalg.norm(atoms.positions - atoms.positions.mean(0), axis=1)
    return np.asarray(distances[np.lexsort((distances, atoms.numbers))])


def _of_copies(frames: Sequence[LabelledFrame], places: Sequence[int], tolerance: float) -> Iterator[CopiesConflict]:
    labelled = [i for i in places if frames[i].energy is not None]
    if len(labelled) > 1:
        energies = np.array([float(frames[i].energy or 0.0) for i in labelled])
        targets = [np.array([energy]) for energy in energies - energies.mean()]
        found = dataset_floor([_points(frames[i]) for i in labelled], targets, None, O3.rep("1x0e"), tolerance)
        for group in (*found.conflicts, *found.choices, *found.repeats):
            own = energies[list(group)]
            size = len(frames[labelled[0]].atoms)
            if np.ptp(own) > 1e-4 * size + 1e-7 * float(np.abs(own).max()):
                yield _conflict(frames, [labelled[k] for k in group], "energy", float(np.ptp(own)))
    labelled = [i for i in places if frames[i].forces is not None]
    if len(labelled) > 1:
        forces = [np.asarray(frames[i].forces) for i in labelled]
        found = dataset_floor([_points(frames[i]) for i in labelled], forces, None, O3.rep("1x1o"), tolerance)
        for group in found.conflicts:
            floor = float(np.sqrt(np.mean(found.floors[list(group)])))
            if floor > 1e-3:
                yield _conflict(frames, [labelled[k] for k in group], "forces", floor)


def _conflict(frames: Sequence[LabelledFrame], places: Sequence[int], label: str, spread: float) -> CopiesConflict:
    return CopiesConflict(tuple(places), tuple(frames[i].source or str(i) for i in places), label, spread)
