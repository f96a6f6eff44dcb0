"""Checkpoints of SevenNet as potentials of this library, without sevenn and e3nn.

SevenNet is a NequIP whose vectors point from an atom to its neighbours: harmonics of odd degree have the other sign
there. Weights lie in the orders of e3nn, sums are divided by other numbers, activations have factors that are means
over random numbers, and older versions have other signs. All of that is taken into the weights, once.
"""

from intertwine.interop.sevenn.loading import load_sevennet as load

__all__ = ["load"]
