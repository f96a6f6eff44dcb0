"""Modules with numbers that stay float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class ExactModule(nn.Module):
    """A module some of whose buffers stay float64 whatever becomes of the rest: -1e5 eV in float32 is off by 8 meV.

    Attributes:
        exact: the names of these buffers.
    """

    exact: tuple[str, ...] = ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = {name: getattr(self, name) for name in self.exact}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, values in before.items():
            cast = getattr(self, name)
            if cast.dtype != values.dtype:
                setattr(self, name, values.to(cast.device))
        return self
