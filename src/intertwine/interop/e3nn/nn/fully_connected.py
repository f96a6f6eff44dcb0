"""e3nn's `FullyConnectedNet`: layers whose factors keep variances, weights all of variance 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.interop.e3nn.math.moments import normalize2mom


class _Layer(nn.Module):
    """`act(x W / √(h_in · var_in)) · √var_out`; without a function `x W √(var_out / (h_in · var_in))`."""

    def __init__(
        self, h_in: int, h_out: int, act: Callable[[Tensor], Tensor] | None, var_in: float, var_out: float
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(h_in, h_out))
        self.h_in, self.h_out, self.var_in, self.var_out, self.act = h_in, h_out, var_in, var_out, act

    def forward(self, x: Tensor) -> Tensor:
        scale = 1 / sqrt(self.h_in * self.var_in)
        if self.act is None:
            return x @ (self.weight * (scale * sqrt(self.var_out)))
        y = self.act(x @ (self.weight * scale))
        return y if self.var_out == 1 else y * sqrt(self.var_out)

    def extra_repr(self) -> str:
        return f"{self.h_in}->{self.h_out}"


class FullyConnectedNet(nn.Sequential):
    """A net without biases that keeps variances, for the weights of products.

    Args:
        hs: the sizes, from the input to the output.
        act: the function behind each layer but the last, made to have second moment 1.
        variance_in, variance_out: the variances of the input and of the output.
        out_act: whether the function stands behind the last layer too.

    >>> FullyConnectedNet([8, 64, 32], torch.nn.functional.silu)(torch.randn(5, 8)).shape
    torch.Size([5, 32])
    """

    def __init__(
        self,
        hs: Sequence[int],
        act: Callable[[Tensor], Tensor] | None = None,
        variance_in: float = 1,
        variance_out: float = 1,
        out_act: bool = False,
    ) -> None:
        super().__init__()
        self.hs = list(hs)
        function: Any = None if act is None else normalize2mom(act)
        last = len(self.hs) - 2
        for n, (h_in, h_out) in enumerate(zip(self.hs, self.hs[1:], strict=False)):
            own = function if n < last or out_act else None
            var_in, var_out = (variance_in if n == 0 else 1), (variance_out if n == last else 1)
            self.add_module(f"layer{n}", _Layer(h_in, h_out, own, var_in, var_out))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.hs}"
