"""Filters on the taps of a grid, from weights: as one linear operation."""

from intertwine.ops.expand.torch import FilterExpansion

__all__ = ["FilterExpansion"]
