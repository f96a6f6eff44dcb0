"""e3nn's `Activation`: functions of scalars, slot by slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.math.moments import normalize2mom
from intertwine.interop.e3nn.o3.irreps import Irreps

_ALIKE = 1e-5
"""How far apart a function may be from even or odd, as e3nn takes it."""


def parity_of(function: Callable[[Tensor], Tensor]) -> int:
    """1 for an even function, −1 for an odd one, 0 for neither, as seen between 0 and 10."""
    x = torch.linspace(0, 10, 256)
    here, there = function(x), function(-x)
    if (here - there).abs().max() < _ALIKE:
        return 1
    return -1 if (here + there).abs().max() < _ALIKE else 0


class Activation(nn.Module):
    """Functions of scalars, one for each slot, made to have second moment 1; None leaves a slot as it is.

    Odd scalars become even under even functions, and stay odd under odd ones.

    Args:
        irreps_in: the irreps.
        acts: the functions.

    Raises `ValueError` for functions of what is no scalar, and of odd scalars for functions neither even nor odd.

    >>> Activation("4x0e + 2x0o", [torch.nn.functional.silu, torch.abs]).irreps_out
    4x0e+2x0e
    """

    def __init__(self, irreps_in: Any, acts: Sequence[Callable[[Tensor], Tensor] | None]) -> None:
        super().__init__()
        self.irreps_in = Irreps(irreps_in)
        if len(self.irreps_in) != len(acts):
            raise ArgumentError(f"Each slot of {self.irreps_in} has a function or None, but got {len(acts)}.")
        made = [None if act is None else normalize2mom(act) for act in acts]
        self.acts = nn.ModuleList(made)  # type: ignore[arg-type]
        out: list[tuple[int, Any]] = []
        for (mul, ir), act in zip(self.irreps_in, made, strict=True):
            if act is None:
                out.append((mul, ir))
                continue
            if ir.l > 0:
                raise ArgumentError(f"Activation takes functions of scalars, but got one for {ir}. See nn.Gate.")
            parity = parity_of(act) if ir.p == -1 else 1
            if parity == 0:
                raise ArgumentError(
                    "An odd scalar takes an even or an odd function, but got one that is neither: its parity would be "
                    "lost."
                )
            out.append((mul, (0, parity)))
        self.irreps_out = Irreps(out)
        self._sizes = [slot.dim for slot in self.irreps_in]

    def forward(self, features: Tensor, dim: int = -1) -> Tensor:
        """The features, of the same shape; scalars lie along an axis."""
        if not any(act is not None for act in self.acts):
            return features
        parts = features.split(self._sizes, dim)
        made = [part if act is None else act(part) for part, act in zip(parts, self.acts, strict=True)]
        return made[0] if len(made) == 1 else torch.cat(made, dim)

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps_in} -> {self.irreps_out}"
