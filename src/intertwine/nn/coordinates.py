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
        gathered: whether the coordinates are those of `rep.irreps`, sorted and gathered also where all terms are.
    """

    index: Tensor
    inverse: Tensor

    def __init__(self, rep: Rep, *, gathered: bool = False) -> None:
        super().__init__()
        self.dim = rep.dim
        self.parts: list[tuple[int, int, int, int]] = []  # start, block dimension, multiplicity, number of its basis
        for (m, block), where in zip(rep.terms, rep.slices, strict=True):
            number = -1
            if block.basis is not None:
                number = len(self.parts)
                self.register_table(f"basis_{number}", block.basis)
            self.parts.append((where.start, block.dim, m, number))
        index = rep.isotypic_index
        self.is_identity = (rep.irreps if gathered else in_irreps(rep)) == rep
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


class ChannelCoordinates(TableModule):
    """Turn features whose terms have equal multiplicities into ones whose terms are irreps, each channel by itself.

    Nothing is to be done where the terms are irreps already, in whatever order.

    Args:
        rep: a rep whose terms all have one multiplicity, the number of channels.

    Attributes:
        irreps: the rep of the turned features: terms of the same multiplicity, all irreps.
    """

    basis: Tensor

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.irreps = rep
        self.turned = any(block.basis is not None for _, block in rep.terms)
        if self.turned:
            self.channels = channels = rep.terms[0][0]
            alone = Rep(rep.group, tuple((1, block) for _, block in rep.terms))
            copies = [(irrep, part[..., n]) for irrep, part in alone.copies.items() for n in range(part.shape[-1])]
            self.irreps = Rep(rep.group, tuple((channels, irrep) for irrep, _ in copies))
            self.register_table("basis", np.concatenate([part for _, part in copies], 1))

    def to_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` of `irreps` for features of the rep."""
        return self._turn(x, transpose=True)

    def from_irreps(self, x: Tensor) -> Tensor:
        """Features `(..., dim)` of the rep for features of `irreps`."""
        return self._turn(x, transpose=False)

    def _turn(self, x: Tensor, *, transpose: bool) -> Tensor:
        if not self.turned:
            return x
        basis = self.basis.to(x.dtype)
        part = x.reshape((*x.shape[:-1], basis.shape[0], self.channels))
        return ((basis.T if transpose else basis) @ part).reshape(x.shape)
