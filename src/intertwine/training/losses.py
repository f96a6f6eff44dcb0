"""How far predictions are from labels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.training.batches import FrameBatch


class PotentialLoss(nn.Module):
    """`Σ_k w_k mean(e_k²)` of the errors of energies per atom, force and stress components, and targets.

    Each mean is over all numbers of that kind that the step has labels for. Errors are in eV per atom and eV/Å; those
    of stresses are times the volume per atom, and so in eV per atom as well; those of targets in units of the size that
    is given. So w = 1 is fair for each.

    Args:
        energy, forces, stress: w of each; 0 where it does not count.
        targets: w of targets, by name; default 1.
        sizes: of targets, by name: their root mean square in the training set; default 1.
        huber: from which error on the square grows linearly, as in Huber's loss; None for squares alone.

    Raises `ArgumentError` for weights that are negative or not finite, and where nothing counts.
    """

    def __init__(
        self,
        energy: float = 1.0,
        forces: float = 1.0,
        stress: float = 0.1,
        targets: Mapping[str, float] | None = None,
        *,
        sizes: Mapping[str, float] | None = None,
        huber: float | None = None,
    ) -> None:
        super().__init__()
        self.weights = {"energy": energy, "forces": forces, "stress": stress, **(targets or {})}
        self.sizes, self.huber = dict(sizes or {}), huber
        if not all(0 <= weight < math.inf for weight in self.weights.values()) or not (huber is None or huber > 0):
            raise ArgumentError(
                f"A loss has weights that are finite and not negative, and a positive huber, but got {self.weights} "
                f"and huber={huber!r}."
            )
        if not any(self.weights.values()):
            raise ArgumentError(f"Something must count in a loss, but all weights are 0: {', '.join(self.weights)}.")

    def weight(self, name: str) -> float:
        """The weight of a kind of label; 1 for a target of which nothing was said."""
        return self.weights.get(name, 1.0)

    def forward(self, found: Mapping[str, Tensor], batch: FrameBatch) -> dict[str, Tensor]:
        """The share of this batch in each mean, without weights, by name."""
        return {
            name: self._mean(name, found[name], batch)
            for name in batch.labels
            if name in found and self.weight(name) > 0
        }

    def _mean(self, name: str, found: Tensor, batch: FrameBatch) -> Tensor:
        error = error_of(name, found, batch) / self.sizes.get(name, 1.0)
        if name == "stress":
            atoms = batch.graph.structure.bincount(minlength=len(error)).to(error)
            error = error * (torch.linalg.det(batch.graph.cells.to(error)).abs() / atoms)[:, None, None]
        if self.huber is None:
            squares = error.square()
        else:
            small = error.abs().clamp(max=self.huber)
            squares = small * (2 * error.abs() - small)
        squares = squares * frame_weights(error, batch)
        count = batch.counts[name].to(squares)
        return squares.sum() / torch.where(count > 0, count, 1)  # of nothing the mean is 0


def error_of(name: str, found: Tensor, batch: FrameBatch) -> Tensor:
    """Prediction minus label, energies per atom; 0 where there is no label."""
    labels = batch.labels[name].to(found)
    error = torch.where(labels.isnan(), torch.zeros_like(found), found - labels.nan_to_num())
    if name == "energy":
        return error / batch.graph.structure.bincount(minlength=len(error)).to(error)
    return error


def frame_weights(error: Tensor, batch: FrameBatch) -> Tensor:
    """The weight of the frame of each row of errors, which are rows of frames or of atoms."""
    weights = batch.weights if len(error) == len(batch.weights) else batch.weights[batch.graph.structure]
    return weights.to(error).reshape(-1, *[1] * (error.ndim - 1))
