"""e3nn's `Norm`: the length of each irrep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.weighted import Placeholder


class Norm(nn.Module):
    """The length of each irrep, or its square; at zero it has the gradient 0.

    Args:
        irreps_in: the irreps.
        squared: whether to give squares.

    >>> Norm("17x1o")(torch.randn(17 * 3)).shape
    torch.Size([17])
    """

    def __init__(self, irreps_in: Any, squared: bool = False) -> None:
        super().__init__()
        self.irreps_in = Irreps(irreps_in).simplify()
        self.irreps_out = Irreps([(slot.mul, (0, 1)) for slot in self.irreps_in]).simplify()
        self.squared = squared
        self.tp = Placeholder(self.irreps_out.dim)
        self.slots = [(slot.mul, slot.ir.dim) for slot in self.irreps_in]

    def forward(self, features: Tensor) -> Tensor:
        """The lengths `(..., number of irreps)` of features `(..., irreps_in.dim)`."""
        squares = (features * features).split([m * d for m, d in self.slots], -1)
        sums = [x.unflatten(-1, (m, d)).sum(-1) for x, (m, d) in zip(squares, self.slots, strict=True)]
        found = torch.cat([features[..., :0], *sums], -1)
        return found if self.squared else found.relu().sqrt()

    def extra_repr(self) -> str:
        """The irreps."""
        return str(self.irreps_in)


def spread(slots: Sequence[tuple[int, int]], factors: Tensor) -> Tensor:
    """A number for each irrep `(..., copies)` at each of its components, for slots of copies and components."""
    parts = factors.split([m for m, _ in slots], -1)
    whole = [x[..., None].expand(*x.shape, d).flatten(-2) for x, (_, d) in zip(parts, slots, strict=True)]
    return torch.cat([factors[..., :0], *whole], -1)
