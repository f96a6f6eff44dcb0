"""The frames of a training as Lightning asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from intertwine.training.batches import FrameBatch, FrameDataset, Shares


class PotentialData(LightningDataModule):
    """Frames to learn from, and frames to validate and test on, divided over the processes that Lightning starts.

    Args:
        train: the frames to learn from.
        validation, test: those to look at after each epoch, and at the end; None for none.
        size: the largest number of frames in a step.
        most_edges: the largest number of pairs of atoms in a step.
        seed: the seed of the order.
        fingerprint: a word for the frames, kept with checkpoints.
    """

    def __init__(
        self,
        train: FrameDataset,
        validation: FrameDataset | None = None,
        test: FrameDataset | None = None,
        *,
        size: int | None = 5,
        most_edges: int | None = None,
        seed: int = 0,
        fingerprint: str = "",
    ) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.train, self.validation, self.test = train, validation, test
        self.size, self.most_edges, self.seed = size, most_edges, seed

    def state_dict(self) -> dict[str, Any]:
        """Of which frames a checkpoint is."""
        return {"frames": self.fingerprint}

    def train_dataloader(self) -> DataLoader[FrameBatch]:
        """Steps in an order of their own in each epoch."""
        return self._loader(self.train, self.seed)

    def val_dataloader(self) -> DataLoader[FrameBatch] | Sequence[DataLoader[FrameBatch]]:
        """The validation frames in order."""
        return [] if self.validation is None else self._loader(self.validation, None)

    def test_dataloader(self) -> DataLoader[FrameBatch] | Sequence[DataLoader[FrameBatch]]:
        """The test frames in order."""
        return [] if self.test is None else self._loader(self.test, None)

    def _loader(self, frames: FrameDataset, seed: int | None) -> DataLoader[FrameBatch]:
        shares = Shares(frames.edges, self.size, self.most_edges, seed)
        if self.trainer is not None:
            shares.divide(self.trainer.global_rank, self.trainer.world_size)
        return DataLoader(frames, batch_size=None, sampler=shares)
