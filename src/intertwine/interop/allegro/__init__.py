"""Potentials of nequip-allegro as this library's own, without nequip and without e3nn."""

from intertwine.interop.allegro.loading import load_allegro as load

__all__ = ["load"]
