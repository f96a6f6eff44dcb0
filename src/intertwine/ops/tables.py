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

    A table is a non-persistent buffer made from a float64 (or integer) array that stays with the module: when the
    module changes its dtype or device the buffer is made anew from that source. So `module.float().double()` is exact
    again, and so is a module made on the device "meta" after `module.to_empty(device="cpu")`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, np.ndarray] = {}

    def register_table(self, name: str, table: np.ndarray) -> None:
        """Keep a constant array under a name; integers stay integers, the rest follows the module's dtype."""
        is_index = np.issubdtype(np.asarray(table).dtype, np.integer)
        self._sources[name] = np.array(table, dtype=np.int64 if is_index else np.float64)
        dtype = torch.int64 if is_index else torch.get_default_dtype()
        self.register_buffer(name, torch.tensor(self._sources[name], dtype=dtype), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, source in self._sources.items():
            cast = getattr(self, name)
            if not cast.is_meta:
                setattr(self, name, torch.tensor(source, device=cast.device, dtype=cast.dtype))
        return self
