"""The network that turns distances into the weights of edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.nn.module import Function, gain, normal_parameter
from intertwine.nn.radial import Cutoff, RadialBasis
from intertwine.ops import Factored


class RadialMLP(nn.Module):
    """A network from distances to weights: basis, hidden layers, one linear layer, times a cut-off.

    `w = c(r) · W_L φ(… φ(W_1 b(r)))`, each W standard normal over the root of its fan-in (W_1: of `basis.mean_square`),
    φ rescaled to E[φ(z)²] = 1. So weights start with unit variance, before the envelope.

    Args:
        basis: the radial basis.
        out_features: the number of weights per distance.
        hidden: the widths of the hidden layers.
        activation: φ.
        envelope: a cut-off that multiplies the weights, or None.

    Raises `ArgumentError` for arguments of another kind.

    >>> import torch
    >>> from intertwine.nn.radial import GaussianBasis
    >>> RadialMLP(GaussianBasis(3.0, 8), 5)(torch.rand(7)).shape
    torch.Size([7, 5])
    """

    basis: RadialBasis

    def __init__(
        self,
        basis: RadialBasis,
        out_features: int,
        hidden: Sequence[int] = (64, 64),
        activation: Function = F.silu,
        envelope: Cutoff | None = None,
    ) -> None:
        super().__init__()
        if (
            not isinstance(basis, RadialBasis)
            or isinstance(hidden, int)
            or not (envelope is None or callable(envelope))
        ):
            raise ArgumentError(
                "A radial network takes a basis such as nn.radial.GaussianBasis(cutoff, number), hidden widths such as "
                f"(64, 64) and a cut-off such as nn.radial.CosineCutoff(cutoff), but got {basis!r}, {hidden!r} and "
                f"{envelope!r}."
            )
        self.basis, self.envelope, self.activation = basis, envelope, activation
        widths = [basis.number, *hidden, out_features]
        self.shapes = tuple(pairwise(widths))
        self.weights = nn.ParameterList([normal_parameter(a * b) for a, b in self.shapes])
        self.gain = gain(activation)

    def forward(self, r: Tensor) -> Tensor:
        """The weights `(..., out_features)` at distances `(...)`."""
        return self.factored(r).product()

    def factored(self, r: Tensor) -> Factored:
        """The weights as they come from the last layer: what it is given, and its matrix."""
        return self.of_basis(*self.inputs(r, {}))

    def inputs(self, r: Tensor, made: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """The basis at distances, and the cut-off if there is one: taken from what is made already, by their keys."""
        found = [made.get(getattr(function, "key", None) or "") for function in (self.basis, self.envelope)]
        functions = self.basis(r) if found[0] is None else found[0]
        if self.envelope is None:
            return functions, None
        return functions, self.envelope(r) if found[1] is None else found[1]

    def keyed(self, r: Tensor, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The basis and the cut-off at distances by their keys, where they have keys that are not there yet."""
        keys = {getattr(function, "key", None): function for function in (self.basis, self.envelope)}
        return {key: f(r) for key, f in keys.items() if f is not None and key is not None and key not in made}

    def of_basis(self, functions: Tensor, envelope: Tensor | None, scale: float = 1.0) -> Factored:
        """The weights, times a number, for the basis `(..., number)` and the cut-off `(...)` at some distances.

        All that multiplies the many weights multiplies the few numbers instead that their layer is given.
        """
        *gains, last = [1 / math.sqrt(self.basis.mean_square), *(self.gain / math.sqrt(n) for n, _ in self.shapes[1:])]
        *matrices, factors = [w.to(functions.dtype).reshape(s) for s, w in zip(self.shapes, self.weights, strict=True)]
        x = functions
        for matrix, factor in zip(matrices, gains, strict=True):
            x = self.activation(x @ (matrix * factor))  # of the small matrices, which forces do not ask for
        x = x * (last * scale)
        return Factored(x if envelope is None else x * envelope[..., None], factors)
