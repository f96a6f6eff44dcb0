"""e3nn's `Gate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.nn.activation import Activation
from intertwine.interop.e3nn.nn.extract import Extract
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.interop.e3nn.o3.norm import spread
from intertwine.interop.e3nn.o3.products import aligned
from intertwine.interop.e3nn.o3.weighted import Placeholder

Functions = Sequence[Callable[[Tensor], Tensor] | None]


class Gate(nn.Module):
    """Functions of scalars beside features that other scalars, through functions of their own, multiply.

    The input has the slots of scalars, gates and gated features, sorted and simplified: see `irreps_in`.

    Args:
        irreps_scalars, act_scalars: the scalars, and a function for each slot.
        irreps_gates, act_gates: the gates, and a function for each slot.
        irreps_gated: what is gated, with as many irreps as there are gates.

    Raises `ValueError` for other irreps.

    >>> Gate("16x0o", [torch.tanh], "32x0o", [torch.tanh], "16x1e+16x1o").irreps_out
    16x0o+16x1o+16x1e
    """

    def __init__(
        self, irreps_scalars: Any, act_scalars: Functions, irreps_gates: Any, act_gates: Functions, irreps_gated: Any
    ) -> None:
        super().__init__()
        scalars, gates, gated = Irreps(irreps_scalars), Irreps(irreps_gates), Irreps(irreps_gated)
        for what, irreps in (("The scalars", scalars), ("The gates", gates)):
            if any(slot.ir.l for slot in irreps):
                raise ArgumentError(f"{what} of a Gate are scalars, but got {irreps}.")
        if gates.num_irreps != gated.num_irreps:
            raise ArgumentError(
                f"There is one gate for each irrep that is gated, but got {gates.num_irreps} and {gated.num_irreps}."
            )
        parts = tuple(irreps.simplify() for irreps in (scalars, gates, gated))
        whole, places, _ = (parts[0] + parts[1] + parts[2]).sort()
        numbers = iter(places)
        self.sc = Extract(whole, parts, [tuple(next(numbers) for _ in part) for part in parts])
        self.irreps_scalars, self.irreps_gates, self.irreps_gated = parts
        self.irreps_in = whole.simplify()
        self.act_scalars, self.act_gates = Activation(scalars, act_scalars), Activation(gates, act_gates)
        # A product with scalars needs no couplings; of e3nn's product the state dict keeps what it has.
        self._slots = [(slot.mul, slot.ir.dim) for slot in parts[2]]
        features, factors = aligned(parts[2], self.act_gates.irreps_out)
        out = [(one.mul, (one.ir.l, one.ir.p * gate.ir.p)) for one, gate in zip(features, factors, strict=True)]
        self.mul = Placeholder(gated.dim)
        self.irreps_out = self.act_scalars.irreps_out + Irreps(out)

    def forward(self, features: Tensor) -> Tensor:
        """The features `(..., irreps_out.dim)` of `(..., irreps_in.dim)`."""
        scalars, gates, gated = self.sc(features)
        kept: Tensor = self.act_scalars(scalars)
        if not self.irreps_gates.dim:
            return kept
        return torch.cat([kept, gated * spread(self._slots, self.act_gates(gates))], -1)

    def __repr__(self) -> str:
        return f"{type(self).__name__} ({self.irreps_in} -> {self.irreps_out})"
