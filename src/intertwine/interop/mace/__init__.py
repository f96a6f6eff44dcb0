"""Potentials of mace-torch as this library's own, without mace and without e3nn."""

from intertwine.interop.mace.loading import load_mace as load

__all__ = ["load"]
