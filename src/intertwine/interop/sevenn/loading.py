"""From a file of sevenn to a potential."""

from __future__ import annotations

from pathlib import Path

import torch

from intertwine.interop.sevenn.checkpoint import read_checkpoint
from intertwine.interop.sevenn.weights import fill
from intertwine.models.atoms import NequIP, Potential


def load_sevennet(path: str | Path, modal: str | None = None, dtype: torch.dtype = torch.float32) -> Potential:
    """The potential of a checkpoint that sevenn wrote, with the same energies, forces and stresses.

    Checkpoints hold tensors, arrays and plain values; no code of them is run. Elements are those of the checkpoint.

    Args:
        path: the file, such as `checkpoint_sevennet_0.pth` in sevenn's wheel.
        modal: of a model that learned from several sets of data, the one whose energies are wanted.
        dtype: of the weights.

    Raises `ArgumentError` for other files, for options that the network here lacks, and for a modal that is missing or
    not there.
    """
    checkpoint = read_checkpoint(Path(path), modal)
    network = NequIP(**checkpoint.options()).double()
    fill(network, checkpoint)
    shift, scale = (checkpoint.per_element(name) for name in ("shift", "scale"))
    return Potential(network, checkpoint.elements, shift, scale).to(dtype).eval()
