"""Functions of second moment 1, with the constants of e3nn: means over a million random numbers, the same each time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

_NUMBERS = 1_000_000


def moment(
    f: Callable[[Tensor], Tensor],
    n: int,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """The mean of f(z)ⁿ over a million normal z, drawn with the seed 0 as e3nn draws them."""
    generator = torch.Generator(device=device or "cpu").manual_seed(0)
    z = torch.randn(_NUMBERS, generator=generator, dtype=torch.float64, device=device)
    return f(z.to(dtype or torch.get_default_dtype())).pow(n).mean()


class normalize2mom(nn.Module):  # noqa: N801 (e3nn's name)
    """A function times a constant, so that the mean of its square over normal numbers is 1.

    Args:
        f: the function, number by number.
        dtype, device: not needed; the constant is that of the CPU.
    """

    def __init__(
        self,
        f: Callable[[Tensor], Tensor],
        dtype: torch.dtype | None = None,  # noqa: ARG002
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        with torch.no_grad():
            self.cst = float(moment(f, 2, dtype=torch.float64, device=device).rsqrt())
        self._is_id = abs(self.cst - 1) < 1e-4
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        """The function of all numbers."""
        y = self.f(x)
        return y if self._is_id else y * self.cst
