"""Frames in parts, and what a model needs to know of them before it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models import Potential, Target, atom_graph
from intertwine.reps import Irrep, Rep
from intertwine.training.configuration import DataSection
from intertwine.training.frames import FrameSet, LabelledFrame, read_frames
from intertwine.training.inspection import inspect
from intertwine.training.label_floors import label_floor
from intertwine.training.label_keys import LabelKeys, LabelUnits
from intertwine.training.statistics import split_frames

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class FrameParts:
    """The frames of a training.

    Args:
        train, validation, test: the frames of each part.
        replay: frames that a model learned from before.
        words: what was found when they were looked at.
    """

    train: FrameSet
    validation: FrameSet
    test: FrameSet
    replay: FrameSet
    words: str


def read_parts(section: DataSection, targets: Mapping[str, Target], say: Say) -> FrameParts:
    """Read, inspect and divide frames, and say what was found.

    Raises `ArgumentError` for files without frames or labels, and for targets that no frame has.
    """
    keys = label_keys(section, targets)
    frames = read_frames(section.train, keys)
    told = [str(inspect(frames))]
    for name in targets:
        if not any(name in frame.targets for frame in frames):
            raise ArgumentError(
                f'No frame has the target {name!r}. Name the key that it stands under: [data] keys = {{{name} = "…"}}.'
            )
    told.append(str(label_floor(*_as_features(frames, targets))))
    replay = read_frames(section.replay, keys) if section.replay else frames[:0]
    validation, test = (
        (part, None) if isinstance(part, float) else (0.0, read_frames(part, keys) if part else frames[:0])
        for part in (section.validation, section.test)
    )
    split = split_frames(frames, validation[0], test[0], seed=section.seed)
    parts = [own if read is None else read for own, (_, read) in ((split.validation, validation), (split.test, test))]
    told.append(f"{len(split.train)} frames to learn from, {len(parts[0])} to validate on, {len(parts[1])} to test on.")
    for line in told:
        say(line)
    return FrameParts(split.train, parts[0], parts[1], replay, "\n".join(told))


def label_keys(section: DataSection, targets: Mapping[str, Target]) -> LabelKeys:
    """Under which keys, and in which units, labels stand; raises `ArgumentError` for labels that nobody asks for."""
    own = {name: key for name, key in section.keys.items() if name in OWN_KEYS}
    for name in section.keys.keys() - own.keys() - targets.keys():
        raise ArgumentError(
            f"[data] keys names {name!r}, which is neither one of {', '.join(OWN_KEYS)} nor a target of [model.targets]"
            f"{': ' + ', '.join(targets) if targets else ', which has none'}."
        )
    units = LabelUnits(**section.units) if section.units else None
    return LabelKeys(**own, targets={name: section.keys.get(name, name) for name in targets}, units=units)


OWN_KEYS = ("energy", "forces", "stress", "virial", "group")


def target_size(frames: Sequence[LabelledFrame], name: str, target: Target) -> float:
    """The root mean square of what varies of a target's numbers: invariants count from their mean; 1 for nothing.

    A polarisability is mostly the same in all frames of a molecule; beside all of it errors of the rest look small.
    """
    rows = [np.atleast_2d(target.to_features(frame.targets[name])) for frame in frames if name in frame.targets]
    features = np.concatenate(rows) if rows else np.zeros((1, target.rep.dim))
    invariant = np.zeros(target.rep.dim, bool)
    for (_, block), where in zip(target.rep.terms, target.rep.slices, strict=True):
        invariant[where] = block == Irrep(target.rep.group, target.rep.group.trivial)
    varying = features - np.where(invariant, features.mean(0), 0.0)
    return float(np.sqrt(np.square(varying).sum(1).mean() / math.prod(target.shape))) or 1.0


def with_fitted_offsets(model: Potential, frames: Sequence[LabelledFrame], given: Mapping[int, float]) -> Potential:
    """A trained potential whose references are moved to frames of another method: by what it leaves of their energies.

    Elements whose references are given get these; the others the least squares of labels minus predictions over
    compositions, the shortest one where the frames do not fix it.
    """
    labelled = [frame for frame in frames if frame.energy is not None]
    if not labelled:
        return model
    with torch.no_grad():
        graphs = [atom_graph(frame.atoms, model.elements, model.cutoff) for frame in labelled]
        found = np.array([float(model.energy(graph)[0]) for graph in graphs])
        counts = np.array([np.bincount(graph.species, minlength=len(model.elements)) for graph in graphs], float)
        moved = model.references.clone()
        for place, element in enumerate(model.elements):
            if element in given:
                moved[place] = given[element]
        free = [place for place, element in enumerate(model.elements) if element not in given]
        change = counts @ (moved - model.references).numpy()
        rest = np.array([float(frame.energy or 0.0) for frame in labelled]) - found - change
        weights = 1 / counts.sum(1)
        fitted = np.linalg.lstsq(counts[:, free] * weights[:, None], rest * weights, rcond=1e-8)[0]
        moved[free] += torch.from_numpy(fitted)
        model.references.copy_(moved)
    return model


def with_moved_energies(frames: FrameSet, model: Potential, before: Tensor) -> FrameSet:
    """Frames whose energies are moved as the references of a model were: as if the new method had labelled them.

    A model that goes on learning from another method's labels, which lie elsewhere, keeps by these what it knew.
    """
    change = dict(zip(model.elements, (model.references - before).tolist(), strict=True))
    moved = [
        frame
        if frame.energy is None
        else replace(frame, energy=frame.energy + sum(change[int(z)] for z in frame.atoms.numbers))
        for frame in frames
    ]
    return replace(frames, frames=tuple(moved))


def _as_features(frames: FrameSet, targets: Mapping[str, Target]) -> tuple[list[LabelledFrame], dict[str, Rep]]:
    """The frames with targets as features of their reps, and these; raises `ArgumentError` for other shapes."""

    def turned(frame: LabelledFrame, name: str, values: np.ndarray) -> np.ndarray:
        try:
            return targets[name].to_features(values)
        except ArgumentError as error:
            raise ArgumentError(f"The target {name!r} of {frame.source} does not fit. {error}") from error

    found = [
        replace(frame, targets={n: turned(frame, n, x) for n, x in frame.targets.items() if n in targets})
        for frame in frames
    ]
    return found, {name: target.rep for name, target in targets.items()}
