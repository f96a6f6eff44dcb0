"""Gather, contract, scatter: convolution over edges as one operation."""

from intertwine.ops.convolve.dispatch import Convolution

__all__ = ["Convolution"]
