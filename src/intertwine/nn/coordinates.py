"""Between the coordinates of a rep and those of its irreps."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops import TableModule
from intertwine.reps import Rep


class IrrepCoordinates(TableModule):
    """Turn features of a rep into the coordinates of `rep.content` and back: nothing to do where all blocks are irreps.

    Args:
        rep: any rep.
    """

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.parts: list[tuple[int, int, int, int]] = []  # start, block dimension, multiplicity, number of its basis
        for (m, block), where in zip(rep.terms, rep.slices, strict=True):
            number = -1
            if block.basis is not None:
                number = len(self.parts)
                self.register_table(f"basis_{number}", block.basis)
            self.parts.append((where.start, block.dim, m, number))
        self.is_identity = all(number < 0 for *_, number in self.parts)

    def to_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` in the coordinates of irreps for features of the rep."""
        return x if self.is_identity else self._turn(x, transpose=True)

    def from_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` of the rep for features in the coordinates of irreps."""
        return x if self.is_identity else self._turn(x, transpose=False)

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
