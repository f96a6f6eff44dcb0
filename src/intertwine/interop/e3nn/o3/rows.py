"""Between the order of e3nn, copies outside and components inside, and that of this library, the other way round."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.interop.e3nn.o3.irreps import Irreps


class RowOrder:
    """Rows of irreps turned over, slot by slot: `(copies, components)` to `(components, copies)` and back.

    Args:
        irreps: what lies on the last axis.
    """

    def __init__(self, irreps: Irreps) -> None:
        parts: list[tuple[int, int]] = []
        for slot in irreps:
            if slot.mul > 1 and slot.ir.l > 0:
                parts.append((slot.mul, slot.ir.dim))
            elif parts and parts[-1][1] == 1:
                parts[-1] = (parts[-1][0] + slot.dim, 1)
            else:
                parts.append((slot.dim, 1))
        self._parts, self.sizes = parts, [m * d for m, d in parts]
        self.is_same = all(d == 1 for _, d in parts)

    def inside(self, x: Tensor) -> Tensor:
        """Rows of e3nn as rows of this library."""
        return self._turned(x, [(m, d) for m, d in self._parts])

    def outside(self, x: Tensor) -> Tensor:
        """Rows of this library as rows of e3nn."""
        return self._turned(x, [(d, m) for m, d in self._parts])

    def _turned(self, x: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
        if self.is_same:
            return x
        pieces = [
            part if 1 in shape else part.unflatten(-1, shape).transpose(-1, -2).flatten(-2)
            for part, shape in zip(x.split(self.sizes, -1), shapes, strict=True)
        ]
        return torch.cat(pieces, -1)
