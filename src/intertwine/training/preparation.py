"""Frames in parts, and what a model needs to know of them before it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models import Potential, Target, atom_graph
from intertwine.reps import Irrep, Rep
from intertwine.training.batches import target_values
from intertwine.training.checks import CheckLimits
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


def read_parts(section: DataSection, targets: Mapping[str, Target], cutoff: float, say: Say) -> FrameParts:
    """Read, inspect and divide frames, and say what was found, with atoms that see nobody within the cut-off.

    Raises `ArgumentError` for files without frames or labels, and for targets that no frame has.
    """
    keys = label_keys(section, targets)
    frames = read_frames(section.train, keys)
    told = [str(inspect(frames, CheckLimits(cutoff=cutoff)))]
    for name in targets:
        if not any(name in frame.targets for frame in frames):
            raise ArgumentError(
                f'No frame has the target {name!r}. Name the key that it stands under: [data] keys = {{{name} = "…"}}.'
            )
    told += [*_unlike_formulas(frames, targets), str(label_floor(*_as_features(frames, targets)))]
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
    known = [entry.name for entry in fields(LabelUnits) if entry.init]
    for name in section.units.keys() - {*known}:
        raise ArgumentError(f"[data] units names {name!r}, but units are those of {', '.join(known)}.")
    units = LabelUnits(**section.units) if section.units else None
    return LabelKeys(**own, targets={name: section.keys.get(name, name) for name in targets}, units=units)


OWN_KEYS = ("energy", "forces", "stress", "virial", "group")


def target_size(frames: Sequence[LabelledFrame], name: str, target: Target) -> float:
    """The root mean square of what varies of a target's numbers: invariants count from their mean; 1 for nothing.

    A polarisability is mostly the same in all frames of a molecule; beside all of it errors of the rest look small.
    """
    labelled = [frame for frame in frames if name in frame.targets]
    rows = [np.atleast_2d(target.to_features(target_values(frame, name, target))) for frame in labelled]
    features = np.concatenate(rows) if rows else np.zeros((1, target.rep.dim))
    invariant = np.zeros(target.rep.dim, bool)
    for (_, block), where in zip(target.rep.terms, target.rep.slices, strict=True):
        invariant[where] = block == Irrep(target.rep.group, target.rep.group.trivial)
    varying = features - np.where(invariant, np.nanmean(features, 0), 0.0)
    return float(np.sqrt(np.nanmean(np.square(varying).sum(1)) / math.prod(target.shape))) or 1.0


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


def calibrate(model: Potential, frames: Sequence[LabelledFrame]) -> None:
    """Divide the last linear map of a new potential, so that forces of some frames are no larger than its scale.

    Weights whose forces are too large spend the first epochs on that alone: 80 frames of ethanol are learned in ten
    epochs, on average over three seeds, with errors of forces of 156 in place of 169 meV/Å by NequIP, whose forces
    start up to twice as large as the scale, and of 184 in place of 207 by an ESCN, where they are three to five times
    as large.
    """
    some = [frame for frame in frames if len(frame.atoms) > 1][:: max(1, len(frames) // CALIBRATED)]
    if not some:
        return
    graph = atom_graph([frame.atoms for frame in some], model.elements, model.cutoff)
    size = float(model.eval()(graph)["forces"].square().mean().sqrt())
    model.network.scale_output(1 / max(1.0, size / float(model.scale.mean())))
    model.train()


CALIBRATED = 20
"""How many frames a potential is calibrated on."""


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
    """The frames with targets as features of their reps, and these."""

    def features(frame: LabelledFrame) -> dict[str, np.ndarray]:
        known = {name: target for name, target in targets.items() if name in frame.targets}
        return {name: target.to_features(target_values(frame, name, target)) for name, target in known.items()}

    return [replace(frame, targets=features(frame)) for frame in frames], {n: t.rep for n, t in targets.items()}


def _unlike_formulas(frames: FrameSet, targets: Mapping[str, Target]) -> list[str]:
    """A sentence for each tensor whose labels are not what its formula says: that part of them no model gives."""
    told = []
    for name, target in targets.items():
        if target.form is None:
            continue
        values = [target_values(frame, name, target) for frame in frames if name in frame.targets]
        whole = np.concatenate([value.reshape(-1, *target.shape) for value in values])
        own = target.form.to_cartesian(torch.from_numpy(target.to_features(whole))).numpy()
        off, size = (float(np.sqrt(np.mean(np.square(x)))) for x in (whole - own, whole))
        if off > 1e-3 * size:
            told.append(
                f'! {name} is not a tensor "{target.formula}": a part of {off:.3g} of its root mean square {size:.3g} '
                "cannot be fitted"
            )
    return told
