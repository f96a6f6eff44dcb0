"""What came of a training: predictions beside labels, how symmetric the model is, the page that tells it."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from intertwine.catalog.base import CatalogGroup
from intertwine.models import EnergySpread, Potential, fitted_spread
from intertwine.training.batches import FrameBatch, FrameDataset, Shares
from intertwine.training.data_module import PotentialData
from intertwine.training.frames import LabelledFrame
from intertwine.training.history import Epoch
from intertwine.training.predictions import PredictedFrames
from intertwine.training.report import TrainingRecord, write_training_report

REFRESH = 10.0
"""Seconds after which a report is written anew while a training runs."""

_UNITS = {"energy": "meV/atom", "forces": "meV/Å", "stress": "meV/Å³"}


def predict_frames(model: Potential, frames: Sequence[LabelledFrame]) -> PredictedFrames:
    """What a potential says of frames, beside their labels."""
    dataset, device = FrameDataset(frames, model), model.references.device
    has_stress = all(frame.stress is not None for frame in frames)
    found: dict[str, list[np.ndarray]] = {"energy": [], "forces": [], "stress": []}
    labels: dict[str, list[np.ndarray]] = {name: [] for name in found}
    for share in Shares(dataset.edges, size=16, most_edges=20000):
        batch: FrameBatch = dataset[share]
        told = model.eval()(batch.graph.to(device), stress=has_stress)
        for name in found.keys() & told.keys():
            found[name].append(told[name].detach().cpu().double().numpy())
            labels[name].append(batch.labels[name].numpy())
    joined = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    beside = {name: np.concatenate(labels[name]) for name in joined}
    return PredictedFrames(
        [frame.atoms.numbers for frame in frames],
        joined["energy"],
        beside["energy"],
        joined["forces"],
        beside["forces"],
        joined.get("stress"),
        beside.get("stress"),
        [frame.source for frame in frames],
    )


def learned_spread(model: Potential, data: PotentialData) -> EnergySpread | None:
    """How sure the potential is of energies, by its last layer; None without validation frames that have energies."""
    if data.validation is None:
        return None
    energies = [label["energy"] for label in data.validation.labels]
    known = [n for n, energy in enumerate(energies) if bool(energy.isfinite().all())]
    if not known:
        return None
    model, device = model.eval(), model.references.device
    graphs = [data.validation.graphs[n].to(device) for n in known]
    with torch.no_grad():
        apart = [(g, model.energy(g) - energies[n].to(device)) for g, n in zip(graphs, known, strict=True)]
    return fitted_spread(model, (graph.to(device) for graph in data.train.graphs), apart)


def symmetry_words(model: Potential, frame: LabelledFrame, seed: int = 0) -> str:
    """How far energy and forces of a frame are from turning with it, over random elements of the model's group."""
    group = model.network.rep_out.group
    if not isinstance(group, CatalogGroup):
        return ""
    alone = FrameDataset([frame], model).graphs[0].to(model.references.device)
    first, dtype = model(alone), alone.positions.dtype
    turned, off = (
        [torch.tensor(g, dtype=dtype, device=alone.positions.device) for g in group.sample(8, seed)],
        [0.0, 0.0],
    )
    for g in turned:
        again = model(alone._replace(positions=alone.positions @ g.T, cells=alone.cells @ g.T))
        off[0] = max(off[0], float((again["energy"] - first["energy"]).abs().max()))
        off[1] = max(off[1], float((again["forces"] - first["forces"] @ g.T).abs().max()))
    return (
        f"{frame.source}, moved by {len(turned)} random elements of {group}: the energy changes by at most "
        f"{off[0]:.2g} eV, and forces are at most {off[1]:.2g} eV/Å from those that turn along."
    )


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """A context in which Lightning does not say which devices are there, nor warn of what is meant so.

    Steps hold different numbers of frames, and one process that hands out tensors is fast enough.
    """
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class EpochLines:
    """Says how a training stands, in a line now and then.

    Args:
        epochs: how many epochs there are.
        say: told each line.
    """

    def __init__(self, epochs: int, say: Callable[[str], None]) -> None:
        self.epochs, self.say = epochs, say
        self._said = -REFRESH

    def tell(self, epochs: Sequence[Epoch]) -> None:
        """Say a line, unless one was said a moment ago."""
        told = epochs[-1]
        if time.monotonic() - self._said > REFRESH or told["epoch"] == self.epochs:
            self._said = time.monotonic()
            errors = [error_words(name, value) for name, value in told.items() if name.endswith("_mae")]
            errors = errors or [f"loss {told['train/loss']:.4g}"] if "train/loss" in told else errors
            self.say(f"epoch {told['epoch']:.0f} of {self.epochs}, {told['seconds']:.0f} s: {', '.join(errors)}")


def error_words(name: str, value: float) -> str:
    """An error with its unit: `validation/forces_mae` as "forces MAE 12.3 meV/Å"."""
    label, kind = name.rpartition("/")[2].rsplit("_", 1)
    return f"{label} {kind.upper()} {value:.4g} {_UNITS.get(label, '')}".strip()


class LivePage:
    """The report of a training while it runs: written anew every few seconds, and read anew by the browser.

    Args:
        path: the page.
        record: what is known from the start.
    """

    def __init__(self, path: Path, record: TrainingRecord) -> None:
        self.path, self.record = path, record
        self._written = -REFRESH

    def tell(self, epochs: Sequence[Epoch]) -> None:
        """Write the numbers of all epochs, now or soon."""
        partial = self.path.with_name("history.json.partial")
        partial.write_text(json.dumps(list(epochs)), "utf-8")
        partial.replace(self.path.with_name("history.json"))  # at once: a reader never sees half of it
        if time.monotonic() - self._written > REFRESH:
            self._write(replace(self.record, history=named_history(epochs)), live=True)
            self._written = time.monotonic()

    def finish(self, epochs: Sequence[Epoch], predictions: Mapping[str, PredictedFrames], symmetry: str) -> None:
        """Write the whole report."""
        whole = replace(
            self.record, history=named_history(epochs), predictions=dict(predictions), equivariance=symmetry
        )
        self._write(whole, live=False)

    def _write(self, record: TrainingRecord, live: bool) -> None:
        page = self.path.with_name("partial.html")
        write_training_report(record, page)
        if live:
            again = f'<head><meta http-equiv="refresh" content="{REFRESH:.0f}">'
            page.write_text(page.read_text("utf-8").replace("<head>", again, 1), "utf-8")
        page.replace(self.path)


def named_history(epochs: Sequence[Epoch]) -> list[dict[str, float]]:
    """The numbers of epochs by names with units, as the report shows them."""
    return [
        {
            "epoch": told["epoch"],
            "time": told["seconds"],
            **{_named(name): x for name, x in told.items() if "/" in name},
        }
        for told in epochs
    ]


def _named(name: str) -> str:
    """`validation/energy_mae` in words."""
    stage, what = name.split("/")
    if what == "loss":
        return f"loss, {stage}"
    label, kind = what.rsplit("_", 1)
    return f"{stage} {label} {kind.upper()}, {_UNITS.get(label, label)}"
