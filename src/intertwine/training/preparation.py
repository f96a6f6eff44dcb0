"""Frames in parts, and what a model needs to know of them before it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.models import Potential, Target, atom_graph
from intertwine.reps import Irrep, Rep
from intertwine.training.alike import same_structures
from intertwine.training.batches import target_values
from intertwine.training.checks import CheckLimits
from intertwine.training.composition import is_isolated
from intertwine.training.configuration import DataSection
from intertwine.training.frames import FrameSet, LabelledFrame, counted, read_frames
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
    told = [str(inspect(frames, CheckLimits(cutoff=cutoff), given=given_references(section)))]
    for name in targets:
        if not any(name in frame.targets for frame in frames):
            raise ArgumentError(
                f'No frame has the target {name!r}. Name the key that it stands under: [data] keys = {{{name} = "…"}}.'
            )
    told += [*_unlike_formulas(frames, targets), str(label_floor(*_as_features(frames, targets)))]

    def others(paths: list[str]) -> FrameSet:
        found = read_frames(paths, keys, needs_targets=False) if paths else FrameSet(())
        told.extend(f"note: {note}" for note in found.notes if note not in frames.notes)
        return found

    replay = others(section.replay)
    validation, test = (
        (part, None) if isinstance(part, float) else (0.0, others(part)) for part in (section.validation, section.test)
    )
    split = split_frames(frames, validation[0], test[0], seed=section.seed)
    parts = [own if read is None else read for own, (_, read) in ((split.validation, validation), (split.test, test))]
    told.append(f"{len(split.train)} frames to learn from, {len(parts[0])} to validate on, {len(parts[1])} to test on.")
    if len(replay) or not isinstance(section.validation, float) or not isinstance(section.test, float):
        told += _seen_before([*split.train, *replay], parts[0], "learn from", "validate on")
        told += _seen_before([*split.train, *replay, *parts[0]], parts[1], "learn from, or to validate on", "test on")
    for line in told:
        say(line)
    return FrameParts(split.train, parts[0], parts[1], replay, "\n".join(told))


def given_references(section: DataSection) -> dict[int, float]:
    """The references that a configuration states, by atomic number; raises `ArgumentError` for words that are none."""
    given = {atomic_number(symbol): energy for symbol, energy in section.references.items()}
    if not all(map(math.isfinite, given.values())):
        raise ArgumentError(f"References are finite energies in eV, but got {section.references}.")
    return given


def atomic_number(symbol: str) -> int:
    """The atomic number of an element's symbol; raises `ArgumentError` for another word."""
    if symbol not in atomic_numbers:
        raise ArgumentError(f"Elements are named by their symbols, such as 'Si', but got {symbol!r}.")
    return int(atomic_numbers[symbol])


def check_elements(parts: FrameParts) -> None:
    """Raises `ArgumentError` where frames that a new model shall judge hold elements that it will never have seen."""
    known = {*parts.train.elements}
    looked_at = {"validate on": parts.validation, "test on": parts.test, "replay": parts.replay}
    for what, frames in looked_at.items():
        if unknown := {*frames.elements} - known:
            names = ", ".join(chemical_symbols[z] for z in sorted(unknown))
            wrong = [frame.source for frame in frames if unknown & {*frame.atoms.numbers.tolist()}]
            raise ArgumentError(
                f"No frame to learn from holds {names}, but {counted(wrong, 'frame')} to {what} "
                f"{'does' if len(wrong) == 1 else 'do'}. Leave these out, or give frames with {names} to learn from."
            )


def _seen_before(before: Sequence[LabelledFrame], frames: FrameSet, known: str, asked: str) -> list[str]:
    """A sentence on frames that are one structure with some of before, whose errors are then no test."""
    old, new = ([frame for frame in some if not is_isolated(frame)] for some in (before, frames))
    groups = same_structures([*old, *new]) if new else []
    seen = sorted(place - len(old) for group in groups if group[0] < len(old) for place in group if place >= len(old))
    if not seen:
        return []
    named = counted([new[place].source for place in seen], "frame")
    return [f"! seen before, to {known}, and no test of the model: of {len(frames)} frames to {asked} {named}"]


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
    known = features[np.isfinite(features).all(1)]
    if not len(known):
        return 1.0
    varying = known - np.where(invariant, known.mean(0), 0.0)
    return float(np.sqrt(np.square(varying).sum(1).mean() / math.prod(target.shape))) or 1.0


def with_fitted_offsets(model: Potential, frames: Sequence[LabelledFrame], given: Mapping[int, float]) -> Potential:
    """A trained potential whose references are moved to frames of another method: by what it leaves of their energies.

    Elements whose references are given begin with these. To all is added the least squares of labels minus predictions
    over compositions, the shortest one where the frames do not fix it: how strongly atoms are bound is in it.
    """
    known = [frame for frame in frames if frame.energy is not None]
    labelled = [frame for frame in known if not is_isolated(frame)] or known
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
        change = counts @ (moved - model.references).numpy()
        rest = np.array([float(frame.energy or 0.0) for frame in labelled]) - found - change
        weights = 1 / counts.sum(1)
        fitted = np.linalg.lstsq(counts * weights[:, None], rest * weights, rcond=1e-8)[0]
        model.references.copy_(moved + torch.from_numpy(fitted))
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
        known = {name: target_values(frame, name, targets[name]) for name in targets if name in frame.targets}
        return {name: targets[name].to_features(x) for name, x in known.items() if np.isfinite(x).all()}

    return [replace(frame, targets=features(frame)) for frame in frames], {n: t.rep for n, t in targets.items()}


def _unlike_formulas(frames: FrameSet, targets: Mapping[str, Target]) -> list[str]:
    """A sentence for each tensor whose labels are not what its formula says: that part of them no model gives."""
    told = []
    for name, target in targets.items():
        if target.form is None:
            continue
        values = [target_values(frame, name, target) for frame in frames if name in frame.targets]
        rows = np.concatenate([value.reshape(-1, *target.shape) for value in values])
        whole = rows[np.isfinite(rows).reshape(len(rows), -1).all(1)]
        if not len(whole):
            continue
        own = target.form.to_cartesian(torch.from_numpy(target.to_features(whole))).numpy()
        off, size = (float(np.sqrt(np.mean(np.square(x)))) for x in (whole - own, whole))
        if off > 1e-3 * size:
            told.append(
                f'! {name} is not a tensor "{target.formula}": a part of {off:.3g} of its root mean square {size:.3g} '
                "cannot be fitted"
            )
    return told
