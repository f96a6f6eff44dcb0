"""What a training tells while it runs: the numbers of each epoch, lines, a page; and what Lightning need not say."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer

from intertwine.training.predictions import ERROR_UNITS, PredictedFrames
from intertwine.training.report import TrainingRecord, write_training_report

REFRESH = 10.0
"""Seconds after which a report is written anew while a training runs."""

Epoch = dict[str, float]
"""The numbers of an epoch, by name; `epoch` and `seconds` among them."""


class History(Callback):
    """Collects the numbers of each epoch; a training that goes on has those of before.

    Args:
        tellers: called with all epochs after each one, in the first process: to print, to draw.
    """

    def __init__(self, *tellers: Callable[[list[Epoch]], None]) -> None:
        self.epochs: list[Epoch] = []
        self.tellers = tellers
        self._start = time.monotonic()
        self._before = 0.0

    def on_train_start(self, *_: object) -> None:
        """Begin to measure the time."""
        self._start = time.monotonic()
        self._before = self.epochs[-1]["seconds"] if self.epochs else 0.0

    def on_train_epoch_end(self, trainer: Trainer, *_: object) -> None:
        """Keep the numbers, those of the validation among them, which comes before."""
        told = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = self._before + time.monotonic() - self._start
        self.epochs.append({"epoch": trainer.current_epoch + 1, "seconds": seconds, **told})
        for tell in self.tellers if trainer.is_global_zero else ():
            tell(self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The epochs of before."""
        self.epochs = list(state_dict["epochs"])


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
            if not errors and "train/loss" in told:  # of a training without validation
                errors = [f"loss {told['train/loss']:.4g}"]
            self.say(f"epoch {told['epoch']:.0f} of {self.epochs}, {told['seconds']:.0f} s: {', '.join(errors)}")


def error_words(name: str, value: float) -> str:
    """An error with its unit: `validation/forces_mae` as "forces MAE 12.3 meV/Å"."""
    label, kind = name.rpartition("/")[2].rsplit("_", 1)
    return f"{label} {kind.upper()} {value:.4g} {ERROR_UNITS.get(label, '')}".strip()


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
    return f"{stage} {label} {kind.upper()}, {ERROR_UNITS.get(label, label)}"


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
