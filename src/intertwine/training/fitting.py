"""The training of a potential as a Lightning module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torchmetrics import MeanMetric, SumMetric

from intertwine.errors import ArgumentError, DivergenceError
from intertwine.models import Potential
from intertwine.training.batches import FrameBatch
from intertwine.training.losses import PotentialLoss, error_of, frame_weights


@dataclass(frozen=True)
class Schedule:
    """A learning rate that rises over the first share of the training and falls as a cosine to a share of itself.

    A function of how much of the training is done: one that goes on after an interruption needs no memory of it.

    Args:
        rate: the largest learning rate.
        warmup: over which share of the training it rises, 0 for none.
        last: the share of it that is left at the end; 1 for a constant rate.
    """

    rate: float
    warmup: float = 0.02
    last: float = 0.01

    def at(self, progress: float) -> float:
        """The learning rate when a share of the training is done."""
        if progress < self.warmup:
            return self.rate * max(progress / self.warmup, 1e-3)
        falling = (min(progress, 1.0) - self.warmup) / (1 - self.warmup)
        return self.rate * (self.last + (1 - self.last) * (1 + math.cos(math.pi * falling)) / 2)


class PotentialFit(LightningModule):
    """Fits a potential to labelled frames: Adam, a schedule, errors in the units that people compare.

    It logs `train/loss`, `validation/loss`, and of each kind of label `validation/NAME_mae` and `_rmse`: energies per
    atom in meV, forces in meV/Å, stress in meV/Å³, targets in their own unit.

    Args:
        model: the potential.
        loss: how errors count.
        schedule: the learning rate.
        weight_decay: of the weights, as in AdamW.
        frozen: names, or beginnings of names, of weights that stay as they are.

    Raises `ArgumentError` where no weight is called so, and where none is left to learn.
    """

    def __init__(
        self,
        model: Potential,
        loss: PotentialLoss,
        schedule: Schedule,
        *,
        weight_decay: float = 0.0,
        frozen: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.model, self.loss, self.schedule, self.weight_decay = model, loss, schedule, weight_decay
        _freeze(model, frozen)
        names = ["energy", "forces", "stress", *model.targets]
        # "disable": a prediction that is not finite makes the error so, in place of not being counted.
        self.absolute = nn.ModuleDict({name: MeanMetric(nan_strategy="disable") for name in names})
        self.counted = nn.ModuleDict({name: SumMetric(nan_strategy="disable") for name in names})
        self.squared = nn.ModuleDict({name: MeanMetric(nan_strategy="disable") for name in names})

    def predict(self, batch: FrameBatch) -> dict[str, Tensor]:
        """What the potential gives of all that counts."""
        wants_stress = self.loss.weight("stress") > 0 and not bool(batch.labels["stress"].isnan().all())
        has_forces = self.loss.weight("forces") > 0
        found: dict[str, Tensor] = self.model(batch.graph, forces=has_forces, stress=wants_stress)
        return found

    def training_step(self, batch: FrameBatch, index: int) -> Tensor:
        """The loss of this process's share of a step, times their number: their mean is the loss of the step."""
        self._set_rate(index)
        found = self.predict(batch)
        parts = self.loss(found, batch)
        terms = [self.loss.weight(name) * value for name, value in parts.items()]
        # A step may have no label of those that count: then its loss is 0, with gradients 0.
        whole = torch.stack([0 * found["energy"].sum().to(self.model.dtype), *terms]).sum() * self.trainer.world_size
        self._require(bool(whole.isfinite()), f"the loss of step {index + 1}")
        self.log("train/loss", whole, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)
        return whole

    def validation_step(self, batch: FrameBatch) -> None:
        """Collect the errors of a batch; raises `DivergenceError` for predictions that are not finite."""
        self._require(self._collect(batch), "a prediction of the validation")

    def on_train_epoch_end(self) -> None:
        """Raises `DivergenceError` for weights that are not finite, before they are kept."""
        self._require(all(bool(p.isfinite().all()) for p in self.model.parameters()), "a weight")

    def test_step(self, batch: FrameBatch) -> None:
        """Collect the errors of a batch."""
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the errors, and the loss that they amount to."""
        self._log_errors("validation")

    def on_test_epoch_end(self) -> None:
        """Log the errors."""
        self._log_errors("test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the weights that move."""
        moving = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(moving, self.schedule.rate, weight_decay=self.weight_decay)

    def _set_rate(self, index: int) -> None:
        steps = max(1, int(self.trainer.num_training_batches))
        epochs = max(1, self.trainer.max_epochs or 1)
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = self.schedule.at((self.current_epoch + index / steps) / epochs)

    def _require(self, is_finite: bool, what: str) -> None:
        """Raises `DivergenceError` in all processes where something is not finite in one."""
        if not self.trainer.strategy.reduce_boolean_decision(is_finite, all=True):
            raise DivergenceError(
                f"The training diverges: in epoch {self.current_epoch + 1} {what} is no finite number. Take a smaller "
                f"learning_rate than {self.schedule.rate:g}, or huber, and look at the frames with the largest forces."
            )

    def _collect(self, batch: FrameBatch) -> bool:
        """Take the errors of a batch into their means; whether all are finite."""
        is_finite = True
        with torch.no_grad():
            found = self.predict(batch)
        for name, labels in batch.labels.items():
            if name in found and self.loss.weight(name) > 0:  # what is not learned has no error worth a look
                error = error_of(name, found[name], batch).double()
                weight = frame_weights(error, batch) * ~labels.isnan()
                absolute, squared, counted = (kept[name] for kept in self._metrics)
                absolute.update(error.abs(), weight)
                squared.update(error.square(), weight)
                counted.update(weight)
                is_finite &= bool(error.isfinite().all())
        return is_finite

    def _log_errors(self, stage: str) -> None:
        loss = 0.0
        for name in self.absolute:
            metrics = absolute, squared, counted = [kept[name] for kept in self._metrics]
            if counted.update_called and float(counted.compute()) > 0:
                unit = 1.0 if name in self.model.targets else 1e3
                square = float(squared.compute())
                self.log(f"{stage}/{name}_mae", unit * float(absolute.compute()), prog_bar=stage == "validation")
                self.log(f"{stage}/{name}_rmse", unit * math.sqrt(square))
                loss += self.loss.weight(name) * square / self.loss.sizes.get(name, 1.0) ** 2
            for metric in metrics:
                metric.reset()
        self.log(f"{stage}/loss", loss)

    @property
    def _metrics(self) -> tuple[Any, Any, Any]:
        """Means of errors, and how many numbers they are of, by name."""
        return self.absolute, self.squared, self.counted


def _freeze(model: Potential, frozen: Sequence[str]) -> None:
    """Let weights move but those whose names begin so; raises `ArgumentError` for names that no weight has."""
    names = [name for name, _ in model.named_parameters()]
    for start in frozen:
        if not start or not any(name.startswith(start) for name in names):
            parts = sorted({".".join(name.split(".")[:2]) for name in names})
            raise ArgumentError(f"No weight's name begins with {start!r}. They begin with {', '.join(parts)}.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(frozen)))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ArgumentError(f"All weights are frozen by {list(frozen)}, so nothing is left to learn. Freeze fewer.")


class MovingAverage(WeightAveraging):
    """Exponential moving averages of the weights, by which a model is validated, kept and used.

    `a ← d a + (1 − d) w` after each step, d = min(decay, (1 + n) / (10 + n)) at step n: short trainings
    do not keep their first weights.

    Args:
        decay: the largest d.
    """

    def __init__(self, decay: float = 0.99) -> None:
        def average(kept: Tensor, new: Tensor, number: Tensor | int) -> Tensor:
            n = float(number)
            share = min(decay, (1 + n) / (10 + n))
            return kept * share + new * (1 - share)

        # Buffers are tables and counts, which have no average.
        super().__init__(use_buffers=False, avg_fn=average)
