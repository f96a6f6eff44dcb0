"""Between the coordinates of a rep and those of its irreps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.kernels import in_irreps
from intertwine.ops import TableModule
from intertwine.reps import Rep


class IrrepCoordinates(TableModule):
    """Turn features of a rep into the coordinates of its `irrep_terms` and back: nothing to do where blocks are irreps.

    Args:
        rep: any rep.
    """

    index: Tensor
    inverse: Tensor

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.parts: list[tuple[int, int, int, int]] = []  # start, block dimension, multiplicity, number of its basis
        for (m, block), where in zip(rep.terms, rep.slices, strict=True):
            number = -1
            if block.basis is not None:
                number = len(self.parts)
                self.register_table(f"basis_{number}", block.basis)
            self.parts.append((where.start, block.dim, m, number))
        index = rep.isotypic_index
        self.is_identity = in_irreps(rep) == rep
        self.permuted = not self.is_identity and not np.array_equal(index, np.arange(rep.dim))
        if self.permuted:
            self.register_table("index", index)
            self.register_table("inverse", np.argsort(index))

    def to_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` in the coordinates of irreps for features of the rep."""
        if self.is_identity:
            return x
        x = self._turn(x, transpose=True)
        return x.index_select(-1, self.index) if self.permuted else x

    def from_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` of the rep for features in the coordinates of irreps."""
        if self.is_identity:
            return x
        x = x.index_select(-1, self.inverse) if self.permuted else x
        return self._turn(x, transpose=False)

    def _turn(self, x: Tensor, *, transpose: bool) -> Tensor:
        pieces = []
        for start, d, m, number in self.parts:
            part = x[..., start : start + d * m]
            if number >= 0:
                basis = getattr(self, f"basis_{number}").to(x.dtype)
                part = (basis.T if transpose else basis) @ part.reshape((*x.shape[:-1], d, m))
                part = part.reshape((*x.shape[:-1], d * m))
            pieces.append(part)
        return torch.cat(pieces, -1)
