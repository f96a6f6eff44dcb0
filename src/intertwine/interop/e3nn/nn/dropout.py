"""e3nn's `Dropout`: whole irreps, the same for all rows of a sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine.interop.e3nn.o3.irreps import Irreps


class Dropout(nn.Module):
    """Drops irreps of each sample with a probability in training, and scales the others by 1/(1 − p).

    Args:
        irreps: the irreps.
        p: the probability.
    """

    _copy_of: Tensor

    def __init__(self, irreps: Any, p: float) -> None:
        super().__init__()
        self.irreps, self.p = Irreps(irreps), p
        copies = [slot.ir.dim for slot in self.irreps for _ in range(slot.mul)]
        numbers = torch.repeat_interleave(torch.arange(len(copies)), torch.tensor(copies, dtype=torch.int64))
        self.register_buffer("_copy_of", numbers, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The features `(batch, ..., irreps.dim)`."""
        if not self.training or self.p <= 0:
            return x
        if self.p >= 1:
            return torch.zeros_like(x)
        kept = torch.empty(x.shape[0], self.irreps.num_irreps, dtype=x.dtype, device=x.device)
        kept = kept.bernoulli_(1 - self.p) / (1 - self.p)
        whole = kept.index_select(-1, self._copy_of)
        return x * whole.reshape(x.shape[0], *(1,) * (x.ndim - 2), x.shape[-1])

    def extra_repr(self) -> str:
        """The irreps and the probability."""
        return f"{self.irreps}, p={self.p}"
