"""Frames as tensors, and which of them make up a step: the same whatever the number of processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from intertwine.errors import ArgumentError
from intertwine.models import AtomGraph, Potential, Target, atom_graph, batch_graphs
from intertwine.training.frames import LabelledFrame

Labels = dict[str, Tensor]
"""Labels by name, as `Potential` gives them; NaN where a frame has none."""


class FrameBatch(NamedTuple):
    """The frames of one step that one process works on.

    Args:
        graph: their atoms.
        labels: what is known of them; NaN where nothing is.
        weights: the weight of each frame, `(B,)`; 0 for one that only fills an empty share.
        counts: how many numbers the labels of all processes hold in this step, weights included, by name: what sums
            are divided by, so that the mean over processes is the mean over the step.
    """

    graph: AtomGraph
    labels: Labels
    weights: Tensor
    counts: dict[str, Tensor]


@dataclass(frozen=True)
class Share:
    """The part of a step that one process works on.

    Args:
        frames: the frames of this process.
        step: the frames of all processes.
        is_empty: whether there are fewer frames than processes, and this one computes one for nothing.
    """

    frames: tuple[int, ...]
    step: tuple[int, ...]
    is_empty: bool = False


class FrameDataset(Dataset[FrameBatch]):
    """Frames as graphs and labels, all made at the start, given out by shares.

    Args:
        frames: the frames.
        model: whose elements, cut-off and targets they are made for.
        weights: how much each frame counts; default 1.

    Raises `ArgumentError` for no frames, and for elements that the model does not know.
    """

    def __init__(
        self, frames: Sequence[LabelledFrame], model: Potential, weights: Sequence[float] | None = None
    ) -> None:
        if not frames:
            raise ArgumentError(
                "There is no frame to work on. Give files that hold some, or a smaller share elsewhere."
            )
        self.graphs = [_graph(frame, model) for frame in frames]
        self.labels = [_labels(frame, model) for frame in frames]
        self.weights = torch.tensor([1.0] * len(frames) if weights is None else list(weights), dtype=torch.float64)
        self.counts = [
            {name: weight * _known(values).double().sum() for name, values in labels.items()}
            for labels, weight in zip(self.labels, self.weights, strict=True)
        ]

    @property
    def edges(self) -> list[int]:
        """How many pairs of atoms each frame has, which is what a step costs."""
        return [graph.edges.shape[1] for graph in self.graphs]

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, share: Share) -> FrameBatch:
        labels = [self.labels[n] for n in share.frames]
        counts = {name: torch.stack([self.counts[n][name] for n in share.step]).sum() for name in labels[0]}
        weights = self.weights[list(share.frames)]
        return FrameBatch(
            batch_graphs([self.graphs[n] for n in share.frames]),
            {name: torch.cat([own[name] for own in labels]) for name in labels[0]},
            torch.zeros_like(weights) if share.is_empty else weights,
            counts,
        )


class Shares(Sampler[Share]):
    """The steps of an epoch, each divided over the processes; a function of seed and epoch alone.

    Every process finds the same steps, takes its share of each, and no frame comes twice. So training on two processes
    sees the same steps as on one, and a training that goes on after an interruption sees those that it would have seen.

    Args:
        edges: how many pairs each frame has.
        size: the largest number of frames in a step; None for as many as the pairs allow.
        most_edges: the largest number of pairs in a step (a frame with more makes a step alone); None for any.
        seed: the seed of the order, or None for the order given.

    Raises `ArgumentError` where neither size nor pairs bound a step.
    """

    def __init__(
        self, edges: Sequence[int], size: int | None = None, most_edges: int | None = None, seed: int | None = None
    ) -> None:
        if (size is None and most_edges is None) or (size or 1) < 1 or (most_edges or 1) < 1:
            raise ArgumentError(
                "A step has a number of frames or of pairs of atoms that it may hold, from 1 on, but got "
                f"batch_size={size!r} and batch_edges={most_edges!r}."
            )
        self.edges, self.size, self.most_edges, self.seed = list(edges), size, most_edges, seed
        self.epoch = 0
        self.rank, self.processes = 0, 1

    def divide(self, rank: int, processes: int) -> None:
        """State which of how many processes this one is."""
        self.rank, self.processes = rank, processes

    def set_epoch(self, epoch: int) -> None:
        """State the epoch, which Lightning calls."""
        self.epoch = epoch

    def steps(self) -> list[tuple[int, ...]]:
        """The frames of each step of this epoch."""
        order = np.arange(len(self.edges))
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        found: list[list[int]] = []
        pairs = 0
        for n in order.tolist():
            full = not found or len(found[-1]) == self.size
            if full or (self.most_edges is not None and pairs + self.edges[n] > self.most_edges):
                found.append([])
                pairs = 0
            found[-1].append(n)
            pairs += self.edges[n]
        return [tuple(step) for step in found]

    def __iter__(self) -> Iterator[Share]:
        for step in self.steps():
            own = step[self.rank :: self.processes]
            yield Share(own or step[:1], step, is_empty=not own)

    def __len__(self) -> int:
        return len(self.steps())


def _graph(frame: LabelledFrame, model: Potential) -> AtomGraph:
    """The atoms of a frame; raises `ArgumentError` that names the frame."""
    try:
        return atom_graph(frame.atoms, model.elements, model.cutoff)
    except ArgumentError as error:
        raise ArgumentError(f"{frame.source or 'A frame'} cannot be used. {error}") from error


def _labels(frame: LabelledFrame, model: Potential) -> Labels:
    """The labels of a frame in the shapes that the model gives, NaN where there are none."""
    atoms = len(frame.atoms)
    has_volume = frame.atoms.pbc.any() and frame.atoms.cell.volume > 0  # without, a model gives no stress
    labels = {
        "energy": _or_unknown(frame.energy, (1,)),
        "forces": _or_unknown(frame.forces, (atoms, 3)),
        "stress": _or_unknown(frame.stress if has_volume else None, (1, 3, 3)),
    }
    for name, target in model.targets.items():
        value = None if name not in frame.targets else target_values(frame, name, target)
        labels[name] = _or_unknown(value, (1 if target.total else atoms, *target.shape))
    return labels


def target_values(frame: LabelledFrame, name: str, target: Target) -> np.ndarray:
    """A label of a frame in the shape of its target, with a row for each atom where it is of atoms.

    Files keep tensors as rows of numbers, and scalars as single ones: of how many axes they are does not matter.

    Raises `ArgumentError` for another count of numbers, or of atoms.
    """
    value = np.asarray(frame.targets[name], float)
    shape = target.shape if target.total else (len(frame.atoms), *target.shape)
    if value.size != math.prod(shape) or (not target.total and value.shape[:1] != shape[:1]):
        whose = "a structure" if target.total else f"each of {len(frame.atoms)} atoms"
        raise ArgumentError(
            f"The target {name!r} of {whose} has the shape {target.shape}, but {frame.source} has an array of "
            f"shape {value.shape}. Name the right key, or the right rep or tensor, and say by total = true or false "
            "whether it is of structures or of atoms."
        )
    return value.reshape(shape)


def _or_unknown(values: float | np.ndarray | None, shape: tuple[int, ...]) -> Tensor:
    if values is None:
        return torch.full(shape, torch.nan, dtype=torch.float64)
    return torch.as_tensor(np.asarray(values, float)).reshape(shape)


def _known(values: Tensor) -> Tensor:
    return ~torch.isnan(values)
