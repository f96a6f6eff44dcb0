"""e3nn's `Extract`, `ExtractIr` and `Identity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.o3.irreps import Irrep, Irreps


class Extract(nn.Module):
    """Some slots of features, for one or several outputs.

    Args:
        irreps_in: the irreps.
        irreps_outs: the irreps of each output.
        instructions: for each output the numbers of its slots.
        squeeze_out: whether a single output comes by itself, and not in a tuple.

    >>> Extract("1e + 0e + 0e", ["0e", "0e"], [(1,), (2,)])(torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0]))
    (tensor([1.]), tensor([2.]))
    """

    def __init__(
        self,
        irreps_in: Any,
        irreps_outs: Sequence[Any],
        instructions: Sequence[Sequence[int]],
        squeeze_out: bool = False,
    ) -> None:
        super().__init__()
        self.irreps_in, self.irreps_outs = Irreps(irreps_in), tuple(map(Irreps, irreps_outs))
        self.instructions = instructions
        wanted = [[self.irreps_in[n].dim for n in slots] for slots in instructions]
        if wanted != [[slot.dim for slot in irreps] for irreps in self.irreps_outs]:
            raise ArgumentError(
                f"Instructions name slots of {self.irreps_in} for each slot of {self.irreps_outs}, but got "
                f"{instructions}."
            )
        self._sizes = [slot.dim for slot in self.irreps_in]
        self._single = squeeze_out and len(self.irreps_outs) == 1

    def forward(self, x: Tensor) -> Any:
        """The outputs, a tuple of tensors; a tensor where one was to come by itself."""
        parts = x.split(self._sizes, -1)
        found = tuple(torch.cat([x[..., :0], *(parts[n] for n in slots)], -1) for slots in self.instructions)
        return found[0] if self._single else found


class ExtractIr(Extract):
    """All slots of one irrep.

    >>> ExtractIr("2x0e + 3x1o + 1x0e", "0e").irreps_out
    2x0e+1x0e
    """

    def __init__(self, irreps_in: Any, ir: Any) -> None:
        irreps, ir = Irreps(irreps_in), Irrep(ir)
        chosen = tuple(n for n, slot in enumerate(irreps) if slot.ir == ir)
        self.irreps_out = Irreps([irreps[n] for n in chosen])
        super().__init__(irreps, [self.irreps_out], [chosen], squeeze_out=True)


class Identity(nn.Module):
    """Features as they are."""

    def __init__(self, irreps_in: Any, irreps_out: Any) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = Irreps(irreps_in).simplify(), Irreps(irreps_out).simplify()
        if self.irreps_in != self.irreps_out:
            raise ArgumentError(f"Identity takes equal irreps, but got {self.irreps_in} and {self.irreps_out}.")
        self.register_buffer("output_mask", torch.ones(self.irreps_out.dim))

    def forward(self, features: Tensor) -> Tensor:
        """The features."""
        return features
