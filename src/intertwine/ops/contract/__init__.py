"""Evaluating plans."""

from intertwine.ops.contract.dispatch import Contraction

__all__ = ["Contraction"]
