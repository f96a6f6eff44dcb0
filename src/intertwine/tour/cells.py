"""Story 5: real cells. Outlines of osteosarcoma cells, turned and mirrored at will; their treatment and their pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2
from intertwine.data.cells import CellOutlines, load_cells, stratified_split
from intertwine.data.outline import fourier_coefficients, fourier_layout, transform
from intertwine.nn.heads import GroupElement
from intertwine.reps import Rep
from intertwine.tour.rectangle import Progress, no_progress

DEGREE = 12
ROTATIONS = O2.subgroup("SO(2)")
FRACTIONS = (0.6, 0.2, 0.2)  # train, validation, test


class InvariantClassifier(torch.nn.Module):
    """Fourier coefficients to class scores that no element of the group changes: invariant embedding, then scores.

    Args:
        rep_in: the rep of the coefficients, of O(2) or SO(2).
        classes: the number of classes.
    """

    def __init__(self, rep_in: Rep, classes: int) -> None:
        super().__init__()
        group = rep_in.group
        trivial = group.labels(0)[0]
        first = group.rep(f"16x{trivial} + 8x1 + 8x2 + 8x3 + 8x4")
        self.embed = nn.Linear(rep_in, first)
        self.mix = nn.TensorProduct(first, first, group.rep(f"32x{trivial}"))
        self.scores = torch.nn.Sequential(
            torch.nn.SiLU(), torch.nn.Dropout(0.3), torch.nn.Linear(32, 32), torch.nn.SiLU(), torch.nn.Linear(32, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The scores `(..., classes)`."""
        h = self.embed(x)
        return self.scores(self.mix(h, h))  # type: ignore[no-any-return]


def plain_classifier(dim: int, classes: int) -> torch.nn.Module:
    """A multilayer perceptron that knows nothing of symmetry, of about the same size."""
    layer = torch.nn.Linear
    return torch.nn.Sequential(
        layer(dim, 64), torch.nn.SiLU(), torch.nn.Dropout(0.3), layer(64, 64), torch.nn.SiLU(), layer(64, classes)
    )
