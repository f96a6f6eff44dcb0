"""e3nn's `Linear` on this library's plans and kernels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.rows import RowOrder
from intertwine.interop.e3nn.o3.weighted import WeightedModule
from intertwine.ops import Contraction
from intertwine.plan import Operand, Path, Plan


class LinearInstruction(NamedTuple):
    """One path of a linear map: two slots, the shape of its weights, and its factor. Biases come from slot −1."""

    i_in: int
    i_out: int
    path_shape: tuple[int, ...]
    path_weight: float


class Linear(WeightedModule):
    """Linear maps between the copies of equal irreps, as e3nn defines them.

    `z_w = Σ_paths Σ_u w_uw x_u / √n`, with n the number of copies that are summed ("element"), or that of the path
    times the number of paths ("path"). Biases are added to even scalars.

    Args:
        irreps_in, irreps_out: the irreps.
        f_in, f_out: the sizes of an axis of further channels before the last axis of inputs and outputs.
        internal_weights, shared_weights: as in `TensorProduct`.
        instructions: the paths `(i_in, i_out)`; default all between equal irreps.
        biases: whether even scalars have one; for each slot, or for all.
        path_normalization: see above.
        options: those of e3nn's code generation, which are not needed.

    >>> layer = Linear("4x0e + 2x1o", "3x0e + 2x1o", biases=True)
    >>> layer(torch.randn(5, 10)).shape
    torch.Size([5, 9])
    """

    bias: Tensor

    def __init__(
        self,
        irreps_in: Any,
        irreps_out: Any,
        *,
        f_in: int | None = None,
        f_out: int | None = None,
        internal_weights: bool | None = None,
        shared_weights: bool | None = None,
        instructions: Sequence[tuple[int, int]] | None = None,
        biases: bool | Sequence[bool] = False,
        path_normalization: str = "element",
        **options: Any,  # noqa: ARG002
    ) -> None:
        x, z = Irreps(irreps_in), Irreps(irreps_out)
        if instructions is None:
            instructions = [(i, k) for i, one in enumerate(x) for k, out in enumerate(z) if one.ir == out.ir]
        pairs = [_checked(x, z, pair) for pair in instructions]
        self.f_in, self.f_out = f_in, f_out
        paths = [
            LinearInstruction(i, k, (x[i].mul, z[k].mul), _factor(x, pairs, (i, k), path_normalization, f_in or 1))
            for i, k in pairs
        ]
        chosen = [biases and slot.ir.is_scalar() for slot in z] if isinstance(biases, bool) else [*biases]
        if len(chosen) != len(z) or any(b and not slot.ir.is_scalar() for b, slot in zip(chosen, z, strict=True)):
            raise ArgumentError(f"Even scalars alone have biases, one choice for each slot of {z}, but got {biases}.")
        added = [LinearInstruction(-1, k, (z[k].mul,), 1.0) for k, chose in enumerate(chosen) if chose]
        super().__init__([path.path_shape for path in paths], internal_weights, shared_weights)
        self.irreps_in, self.irreps_out, self.instructions = x, z, [*paths, *added]
        if f_in is not None or f_out is not None:
            self._spread_weights()
        self.bias_numel = sum(prod(i.path_shape) for i in added)
        if self.internal_weights and self.bias_numel:
            self.bias = nn.Parameter(torch.zeros(*self._channels[1:], self.bias_numel))
        else:
            self.register_buffer("bias", torch.empty(0))
        self._rows_in, self._rows_out = RowOrder(x), RowOrder(z)
        self.contraction = Contraction(_plan(x, z, paths))
        self._bias_places = [(z.slices()[i.i_out], i.path_shape[0]) for i in added]
        self.register_output_mask(z, [i.i_out for i in self.instructions if i.path_weight != 0])

    @property
    def _channels(self) -> tuple[int, ...]:
        return () if self.f_in is None and self.f_out is None else (self.f_in or 1, self.f_out or 1)

    def _spread_weights(self) -> None:
        if isinstance(self.weight, nn.Parameter):
            self.weight = nn.Parameter(torch.randn(*self._channels, self.weight_numel))

    def forward(
        self, features: Tensor, weight: Tensor | Sequence[Tensor] | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """The features `(..., irreps_out.dim)` of `(..., irreps_in.dim)`, with the axis f, if any, before the last."""
        if features.shape[-1] != self.irreps_in.dim:
            raise ShapeError(
                f"The input has {self.irreps_in.dim} numbers, {self.irreps_in}, but got {tuple(features.shape)}."
            )
        x, spread = self._rows_in.inside(features), bool(self._channels)
        if spread:
            x = x[..., None, :] if self.f_in is not None else x[..., None, None, :]
        w = self._weights(weight)
        z = x.new_zeros((*x.shape[:-1], self.irreps_out.dim)) if w is None else self.contraction(w, x)
        if spread:
            z = z.sum(-3)
        z = self._rows_out.outside(z)
        if self.bias_numel:
            z = z + self._whole_bias(self.bias if bias is None else bias)
        return z.squeeze(-2) if spread and self.f_out is None else z

    def _weights(self, given: Tensor | Sequence[Tensor] | None) -> Tensor | None:
        if not self._channels:
            return self.weights_of(given)
        own = self.weight if given is None else given
        return own if isinstance(own, Tensor) and own.numel() else None

    def _whole_bias(self, bias: Tensor) -> Tensor:
        """The bias of each number of the output."""
        pieces, end = [], 0
        parts = bias.split([size for _, size in self._bias_places], -1)
        for (where, _), part in zip(self._bias_places, parts, strict=True):
            pieces += [bias.new_zeros((*bias.shape[:-1], where.start - end)), part]
            end = where.stop
        pieces.append(bias.new_zeros((*bias.shape[:-1], self.irreps_out.dim - end)))
        return torch.cat(pieces, -1)

    def extra_repr(self) -> str:
        """The irreps and the number of weights."""
        return f"{self.irreps_in} -> {self.irreps_out} | {self.weight_numel} weights"


def _checked(x: Irreps, z: Irreps, pair: Sequence[int]) -> tuple[int, int]:
    i, k = pair
    if not (0 <= i < len(x) and 0 <= k < len(z)) or x[i].ir != z[k].ir:
        raise ArgumentError(f"A path of a linear map joins equal irreps of {x} and {z}, but got the slots {(i, k)}.")
    return i, k


def _factor(x: Irreps, pairs: Sequence[tuple[int, int]], path: tuple[int, int], normalization: str, f_in: int) -> float:
    together = [x[i].mul for i, k in pairs if k == path[1]]
    total = {"element": sum(together), "path": x[path[0]].mul * len(together), "none": 1}
    if normalization not in total:
        raise ArgumentError(f"path_normalization is 'element' or 'path', but got {normalization!r}.")
    return 1 / sqrt(f_in * (total[normalization] or 1))


def _plan(x: Irreps, z: Irreps, paths: Sequence[LinearInstruction]) -> Plan:
    weights = Operand("uw", tuple(path.path_shape for path in paths))
    sides = [
        Operand(modes, tuple((slot.ir.dim, slot.mul) for slot in irreps)) for modes, irreps in (("iu", x), ("kw", z))
    ]
    found = tuple(
        Path((n, path.i_in, path.i_out), Table(path.path_weight * np.eye(x[path.i_in].ir.dim)))
        for n, path in enumerate(paths)
    )
    return Plan((weights, *sides), "ik", found)
