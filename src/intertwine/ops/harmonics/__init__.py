"""Harmonics of directions, with gradients."""

from intertwine.ops.harmonics.dispatch import Harmonics

__all__ = ["Harmonics"]
