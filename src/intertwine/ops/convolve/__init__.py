"""Gather, contract, scatter: convolution over edges as one operation."""

from intertwine.ops.convolve.dispatch import Convolution, Factored

__all__ = ["Convolution", "Factored"]
