"""e3nn's `BatchNorm`."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.norm import spread


class BatchNorm(nn.Module):
    """Scales each irrep so that its numbers have variance 1 over a batch, after even scalars have lost their mean.

    Args:
        irreps: the irreps.
        eps: what is added to variances.
        momentum: how much of a new batch enters the running statistics.
        affine: whether irreps have a factor, and even scalars a bias.
        reduce: "mean" or "max": how squares are taken together over the middle axes of a sample.
        instance: whether each sample has statistics of its own, and none are kept.
        include_bias: whether even scalars have a bias, if affine.
        normalization: "component" for numbers of variance 1, "norm" for irreps of length 1.

    Raises `ValueError` for other words.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self,
        irreps: Any,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        reduce: str = "mean",
        instance: bool = False,
        include_bias: bool = True,
        normalization: str = "component",
    ) -> None:
        super().__init__()
        if reduce not in ("mean", "max") or normalization not in ("component", "norm"):
            raise ArgumentError(
                "BatchNorm takes reduce='mean' or 'max' and normalization='component' or 'norm', but got "
                f"{reduce!r} and {normalization!r}."
            )
        self.irreps = Irreps(irreps)
        self.eps, self.momentum, self.affine, self.instance = eps, momentum, affine, instance
        self.reduce, self.include_bias, self.normalization = reduce, include_bias, normalization
        self._slots = [(slot.mul, slot.ir.dim) for slot in self.irreps]
        self._is_scalar = [slot.ir.is_scalar() for slot in self.irreps]
        scalars = sum(slot.mul for slot in self.irreps if slot.ir.is_scalar())
        self.register_buffer("running_mean", None if instance else torch.zeros(scalars))
        self.register_buffer("running_var", None if instance else torch.ones(self.irreps.num_irreps))
        self.weight = nn.Parameter(torch.ones(self.irreps.num_irreps)) if affine else None
        self.bias = nn.Parameter(torch.zeros(scalars)) if affine and include_bias else None

    def forward(self, input: Tensor) -> Tensor:
        """The features `(batch, ..., irreps.dim)`."""
        x = input.reshape(input.shape[0], prod(input.shape[1:-1]), input.shape[-1])
        own = self.instance or (self.training and input.numel() > 0)
        over = 1 if self.instance else (0, 1)
        means = self._scalars(x.mean(over, keepdim=True)) if own else self._kept(self.running_mean)
        x = x - self._at_scalars(means)
        variances = self._variances(x * x, over) if own else self._kept(self.running_var)
        if own and not self.instance:
            self._keep(means, variances)
        factors = (variances + self.eps).rsqrt()
        factors = spread(self._slots, factors if self.weight is None else factors * self.weight)
        y = x * factors if self.bias is None else torch.addcmul(self._at_scalars(self.bias), x, factors)
        return y.reshape(input.shape)

    def _kept(self, statistics: Tensor | None) -> Tensor:
        if statistics is None:
            raise ArgumentError("A BatchNorm with instance=True keeps no statistics.")
        return statistics

    def _keep(self, means: Tensor, variances: Tensor) -> None:
        with torch.no_grad():
            for kept, new in ((self.running_mean, means), (self.running_var, variances)):
                self._kept(kept).lerp_(new.detach().reshape(-1), self.momentum)

    def _variances(self, squares: Tensor, over: int | tuple[int, ...]) -> Tensor:
        """Those of all irreps `(batch or 1, 1, number of irreps)`."""
        if self.reduce == "mean":  # components may be taken together at the end, when few numbers are left
            return self._of_irreps(squares.mean(over, keepdim=True))
        largest = self._of_irreps(squares).amax(1, keepdim=True)
        return largest if self.instance else largest.mean(0, keepdim=True)

    def _of_irreps(self, squares: Tensor) -> Tensor:
        """The mean square, or the sum, of each irrep's components."""
        parts = squares.split([m * d for m, d in self._slots], -1)
        whole = [part.unflatten(-1, slot) for part, slot in zip(parts, self._slots, strict=True)]
        found = [part.mean(-1) if self.normalization == "component" else part.sum(-1) for part in whole]
        return torch.cat([squares[..., :0], *found], -1)

    def _scalars(self, x: Tensor) -> Tensor:
        parts = x.split([m * d for m, d in self._slots], -1)
        return torch.cat([x[..., :0], *(p for p, own in zip(parts, self._is_scalar, strict=True) if own)], -1)

    def _at_scalars(self, values: Tensor) -> Tensor:
        """Numbers for even scalars among zeros for all other components."""
        slots = [*zip(self._slots, self._is_scalar, strict=True)]
        parts = iter(values.split([m for (m, _), own in slots if own], -1))
        whole = [next(parts) if own else values.new_zeros((*values.shape[:-1], m * d)) for (m, d), own in slots]
        return torch.cat([values[..., :0], *whole], -1)

    def extra_repr(self) -> str:
        """The irreps and the options."""
        return f"{self.irreps}, eps={self.eps}, momentum={self.momentum}"
