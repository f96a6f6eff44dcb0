"""Filters on the taps of a grid, from weights: as one linear operation; on one tap also block by block."""

from intertwine.ops.expand.schur import SchurBlocks, is_quicker
from intertwine.ops.expand.torch import FilterExpansion

__all__ = ["FilterExpansion", "SchurBlocks", "is_quicker"]
