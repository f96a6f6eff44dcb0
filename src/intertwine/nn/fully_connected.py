"""A network of invariants whose variances are under control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.nn.module import Function, gain, normal_parameter


class FullyConnected(nn.Module):
    """A network of numbers that nothing moves, without biases: `W_L φ(… φ(W_1 x))`, each W over its fan-in's root.

    Weights start standard normal and φ is rescaled to E[φ(z)²] = 1, so that inputs of a given variance give outputs of
    a given one. A bias would break that, and would make something of 0, as weights of edges beyond a cut-off are.

    Args:
        sizes: the widths, from the input to the output.
        activation: φ, behind each layer but the last.
        variance_in: the variance of the inputs.
        variance_out: the variance that the outputs shall have.
        last_activation: whether φ stands behind the last layer too.

    Raises `ArgumentError` for fewer than two widths, and for variances that are not positive.

    Source: e3nn's `FullyConnectedNet`, Geiger and Smidt 2022 (arXiv:2207.09453).

    >>> import torch
    >>> FullyConnected([8, 64, 32])(torch.randn(5, 8)).shape
    torch.Size([5, 32])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Function = F.silu,
        *,
        variance_in: float = 1.0,
        variance_out: float = 1.0,
        last_activation: bool = False,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ArgumentError(f"A network has the width of its input, of its output, …, but got {sizes!r}.")
        if not (0 < variance_in < math.inf and 0 < variance_out < math.inf):
            raise ArgumentError(f"Variances are positive numbers, but got {variance_in!r} and {variance_out!r}.")
        self.sizes, self.activation, self.last_activation = tuple(sizes), activation, bool(last_activation)
        self.shapes = tuple(pairwise(self.sizes))
        self.gain = gain(activation)
        self.variance_in, self.variance_out = float(variance_in), float(variance_out)
        self.weights = nn.ParameterList([normal_parameter(a * b) for a, b in self.shapes])

    def forward(self, x: Tensor) -> Tensor:
        """The outputs `(..., sizes[-1])` of `(..., sizes[0])`."""
        if x.ndim == 0 or plain_shape(x)[-1] != self.sizes[0]:
            raise ShapeError(f"This network takes {self.sizes[0]} numbers on the last axis, but got {plain_shape(x)}.")
        last = len(self.shapes) - 1
        for n, (shape, weight) in enumerate(zip(self.shapes, self.weights, strict=True)):
            scale = 1 / math.sqrt(shape[0] * (self.variance_in if n == 0 else 1.0))
            x = x @ (weight.to(x.dtype).reshape(shape) * scale)
            if n < last or self.last_activation:
                x = self.activation(x) * self.gain
        return x if self.variance_out == 1 else x * math.sqrt(self.variance_out)

    def extra_repr(self) -> str:
        """The widths."""
        return " → ".join(map(str, self.sizes))
