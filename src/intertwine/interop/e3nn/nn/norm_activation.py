"""e3nn's `NormActivation`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.norm import Norm, spread
from intertwine.interop.e3nn.o3.weighted import Placeholder


class NormActivation(nn.Module):
    """`f(|x| + b) x / |x|` for each irrep; lengths below epsilon count as epsilon.

    Args:
        irreps_in: the irreps.
        scalar_nonlinearity: f.
        normalize: whether to divide by the length; else it is `f(|x| + b) x`.
        epsilon: the smallest length; by default 1e-8 where lengths divide.
        bias: whether each irrep has a bias b, 0 at first.

    Raises `ValueError` for an epsilon that is not positive, or that nothing is divided by.
    """

    def __init__(
        self,
        irreps_in: Any,
        scalar_nonlinearity: Callable[[Tensor], Tensor],
        normalize: bool = True,
        epsilon: float | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if epsilon is not None and (not normalize or not epsilon > 0):
            raise ArgumentError(
                f"epsilon is a positive length where normalize=True, else None, but got epsilon={epsilon!r} and "
                f"normalize={normalize!r}."
            )
        self.irreps_in = self.irreps_out = Irreps(irreps_in)
        self.epsilon = 1e-8 if epsilon is None and normalize else epsilon
        self.norm = Norm(self.irreps_in, squared=normalize)
        self.scalar_multiplier = Placeholder(self.irreps_out.dim)
        self.scalar_nonlinearity, self.normalize, self.bias = scalar_nonlinearity, normalize, bias
        if bias:
            self.biases = nn.Parameter(torch.zeros(self.irreps_in.num_irreps))

    def forward(self, features: Tensor) -> Tensor:
        """The features `(..., irreps_in.dim)`."""
        lengths: Tensor = self.norm(features)
        if self.epsilon is not None:
            lengths = lengths.clamp(min=self.epsilon**2).sqrt()
        factors = self.scalar_nonlinearity(lengths + self.biases if self.bias else lengths)
        return spread(self.norm.slots, factors / lengths if self.normalize else factors) * features
