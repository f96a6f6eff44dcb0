"""Potentials made ready to run, for whoever drives them."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from intertwine.errors import ArgumentError
from intertwine.models import Potential, load_potential


def ready_potential(
    model: Potential | str | Path, device: torch.device | str | None, dtype: torch.dtype | None
) -> Potential:
    """A copy of a potential, or that of a file, in evaluation and without gradients of its weights.

    Args:
        model: what is run; it stays as it is.
        device: where; None for where it is.
        dtype: in which the network computes; None for that of the model.

    Raises `ArgumentError` for files that hold no potential, and for devices and dtypes that there are not.
    """
    made = load_potential(model) if isinstance(model, str | Path) else copy.deepcopy(model)
    try:
        return made.to(device=device, dtype=dtype).eval().requires_grad_(False)
    except (RuntimeError, AssertionError, TypeError) as error:  # what torch says of devices that are not there
        raise ArgumentError(f"A potential cannot go to {device or 'its device'}, {dtype}: {error}.") from error
