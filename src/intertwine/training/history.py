"""What was measured epoch by epoch, kept with the checkpoints and told while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, Trainer

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
