"""e3nn's `CodeGenMixin`: modules whose code is made when they are."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx


class CodeGenMixin:
    """Keeps graph modules as submodules under names; they are pickled and copied as torch does it."""

    def _codegen_register(self, funcs: Mapping[str, fx.GraphModule]) -> None:
        for name, module in funcs.items():
            setattr(self, name, module)
