"""Constants of modules: float64 at the source, cast once to the module's dtype, never in the state dict."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn


class TableModule(nn.Module, ABC):
    """A module that owns constant tables.

    A table is a non-persistent buffer made from a float64 array that stays with the module: when the module changes its
    dtype the buffer is cast anew from that source, so `module.float().double()` is exact again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, np.ndarray] = {}

    def register_table(self, name: str, table: np.ndarray) -> None:
        """Keep a constant array under an attribute name; integers stay integers, the rest follows the module's dtype."""
        table = np.array(table)
        if np.issubdtype(table.dtype, np.integer):
            self.register_buffer(name, torch.from_numpy(table.astype(np.int64)), persistent=False)
            return
        self._sources[name] = table.astype(np.float64)
        self.register_buffer(name, torch.tensor(table, dtype=torch.get_default_dtype()), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for name, source in self._sources.items():
            cast = getattr(self, name)
            if not cast.is_meta:
                setattr(self, name, torch.from_numpy(source).to(device=cast.device, dtype=cast.dtype))
        return self

