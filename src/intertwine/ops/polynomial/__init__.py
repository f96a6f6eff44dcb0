"""Polynomials of features, channel by channel, with weights that each row picks by a number."""

from intertwine.ops.polynomial.dispatch import ChannelPolynomial

__all__ = ["ChannelPolynomial"]
