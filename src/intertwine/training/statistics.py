"""Numbers that a model starts from: references, scale, neighbours; and the parts that data are split into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.models.atoms import neighbours
from intertwine.training.alike import joined_groups, same_structures
from intertwine.training.composition import References, fit_references, is_isolated
from intertwine.training.frames import FrameSet, LabelledFrame

COUNTED = 200  # frames whose neighbours are counted


@dataclass(frozen=True, eq=False)
class LabelStatistics:
    """What a potential is made with before it is trained.

    Args:
        references: the energy of each element.
        scale: the size of what is learned: the root mean square of the components of forces, eV/Å, or of energies per
            atom beside the references, eV, where there are no forces; 1 where neither is there.
        average_neighbours: how many atoms an atom sees.
    """

    references: References
    scale: float
    average_neighbours: float

    @property
    def elements(self) -> tuple[int, ...]:
        """The atomic numbers, ascending."""
        return tuple(self.references.energies)

    def __str__(self) -> str:
        return f"{self.references}\nscale {self.scale:.4g}; {self.average_neighbours:.3g} neighbours on average"


def label_statistics(
    frames: Sequence[LabelledFrame], cutoff: float, given: Mapping[int, float] | None = None
) -> LabelStatistics:
    """References, scale and neighbours of training data.

    Args:
        frames: the frames of the training, without those of validation and test.
        cutoff: how far atoms see, Å.
        given: references that are known, by atomic number.

    Raises `ArgumentError` for no frames, and as `fit_references` does.

    >>> from ase.build import molecule
    >>> frames = [LabelledFrame(molecule("H2O"), -14.2, np.full((3, 3), 0.5))]
    >>> found = label_statistics(frames, cutoff=1.2)
    >>> found.elements, found.scale, round(found.average_neighbours, 3)
    ((1, 8), 0.5, 1.333)
    """
    if not len(frames):
        raise ArgumentError("Statistics need one frame or more, but got none.")
    references = fit_references(frames, given)
    return LabelStatistics(references, _scale(frames, references), _average_neighbours(frames, cutoff))


def _scale(frames: Sequence[LabelledFrame], references: References) -> float:
    forces = [frame.forces.ravel() for frame in frames if frame.forces is not None and len(frame.atoms) > 1]
    size = float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else 0.0
    if size == 0 and np.isfinite(references.residual):
        size = references.residual
    return size if size > 1e-8 else 1.0


def _average_neighbours(frames: Sequence[LabelledFrame], cutoff: float) -> float:
    """The mean over atoms, of frames evenly spread over the data; 1 where nobody sees anybody."""
    bound = [frame for frame in frames if not is_isolated(frame)]
    some = bound[:: max(1, len(bound) // COUNTED)]
    edges = sum(neighbours(frame.atoms, cutoff)[0].shape[1] for frame in some)
    return edges / max(1, sum(len(frame.atoms) for frame in some)) or 1.0


@dataclass(frozen=True, eq=False)
class Split:
    """Frames for training, for validation while it runs, and for a test at its end.

    Args:
        train, validation, test: the frames.
        places: where the frames of each stand in the data, by name.
    """

    train: FrameSet
    validation: FrameSet
    test: FrameSet
    places: Mapping[str, tuple[int, ...]]

    def __str__(self) -> str:
        return (
            f"{len(self.train)} frames for training, {len(self.validation)} for validation, {len(self.test)} for test"
        )


def split_frames(
    frames: FrameSet | Sequence[LabelledFrame],
    validation: float = 0.1,
    test: float = 0.1,
    *,
    seed: int = 0,
    tolerance: float = 1e-4,
) -> Split:
    """Parts of data at random, the same for the same seed.

    Frames that are one structure stay together, as do those with the same `atoms.info["group"]`: what a model was
    trained on is no test. Isolated atoms go into the training, and so does the last frame that holds an element: what a
    model was never shown it does not know.

    Args:
        frames: the frames.
        validation, test: a part of the frames below 1, or a number of frames.
        seed: of the choice.
        tolerance: how far atoms of one structure may be apart, Å.

    Raises `ArgumentError` where a part would be empty that was asked for, or nothing would be left for training.

    >>> from ase.build import molecule
    >>> frames = [LabelledFrame(molecule(name)) for name in ("H2O", "CO", "CH4", "NH3", "CO")]
    >>> parts = split_frames(frames, validation=1, test=0)
    >>> print(parts)
    4 frames for training, 1 for validation, 0 for test
    """
    data = frames if isinstance(frames, FrameSet) else FrameSet(tuple(frames))
    wanted = {"test": _wanted(test, len(data), "test"), "validation": _wanted(validation, len(data), "validation")}
    if sum(wanted.values()) >= len(data):
        raise ArgumentError(
            f"Of {len(data)} frames {wanted['validation']} were asked for validation and {wanted['test']} for test, "
            "which leaves none for training. Ask for fewer, or for none."
        )
    bound = _bound_together(data, tolerance)
    order = [bound[i] for i in np.random.default_rng(seed).permutation(len(bound))]
    free = [group for group in order if not any(is_isolated(data[i]) for i in group)]
    held_by = {group: {int(z) for i in group for z in data[i].atoms.numbers} for group in order}
    holders = Counter(z for held in held_by.values() for z in held)
    places: dict[str, list[int]] = {"test": [], "validation": []}
    for name, count in wanted.items():
        left = []
        for group in free:
            if len(places[name]) + len(group) <= count and all(holders[z] > 1 for z in held_by[group]):
                places[name] += group
                holders.subtract(held_by[group])
            else:
                left.append(group)
        free = left
        if count and not places[name]:
            raise ArgumentError(
                f"{count} of {len(data)} frames were asked for {name}, but frames that are one structure, or of one "
                "group, stay together, the last frame of an element stays in the training, and the smallest set left "
                f"has {min(map(len, free), default=0)}. Ask for more, or for none, or give finer groups or more frames."
            )
    taken = {i for part in places.values() for i in part}
    places["train"] = [i for i in range(len(data)) if i not in taken]
    chosen = {name: tuple(sorted(part)) for name, part in places.items()}
    return Split(data[chosen["train"]], data[chosen["validation"]], data[chosen["test"]], chosen)


def _wanted(asked: float, count: int, name: str) -> int:
    """How many frames are asked for, as a number or a part."""
    if not 0 <= asked <= count or (asked > 1 and asked != int(asked)):
        raise ArgumentError(
            f"{name} is a part of the frames below 1, or a number of them up to {count}, but got {asked}."
        )
    return int(asked) if asked >= 1 else max(round(asked * count), 1 if asked > 0 else 0)


def _bound_together(data: FrameSet, tolerance: float) -> list[tuple[int, ...]]:
    """Frames that must not be on both sides of a split, together."""
    by_name: dict[object, list[int]] = {}
    for i, frame in enumerate(data):
        if (name := frame.atoms.info.get("group")) is not None:
            by_name.setdefault(name, []).append(i)
    return joined_groups(len(data), [*same_structures(data, tolerance), *by_name.values()])
