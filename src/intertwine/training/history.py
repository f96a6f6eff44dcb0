"""What was measured epoch by epoch, kept with the checkpoints and told while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

Epoch = dict[str, float]
"""The numbers of an epoch, by name; `epoch` and `seconds` among them."""


class History(Callback):
    """Collects the numbers of each epoch; a training that goes on has those of before.

    Args:
        tell: called with all epochs after each one, in the first process: to print, to draw.
    """

    def __init__(self, tell: Callable[[list[Epoch]], None] | None = None) -> None:
        self.epochs: list[Epoch] = []
        self.tell = tell
        self._start = time.monotonic()
        self._before = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to measure the time."""
        self._start = time.monotonic()
        self._before = self.epochs[-1]["seconds"] if self.epochs else 0.0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the numbers, those of the validation among them, which comes before."""
        told = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = self._before + time.monotonic() - self._start
        self.epochs.append({"epoch": trainer.current_epoch + 1, "seconds": seconds, **told})
        if self.tell is not None and trainer.is_global_zero:
            self.tell(self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The epochs of before."""
        self.epochs = list(state_dict["epochs"])
