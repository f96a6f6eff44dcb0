"""Irreps by name: `from …o3.irrep import l1o, l2e`."""

from __future__ import annotations

from intertwine.interop.e3nn.o3.irreps import Irrep


def __getattr__(name: str) -> Irrep:
    if name.startswith("l") and name[1:-1].isdigit() and name[-1] in "eo":
        return Irrep(name[1:])
    raise AttributeError(f"The names here are l0e, l0o, l1e and so on, but got {name!r}.")
