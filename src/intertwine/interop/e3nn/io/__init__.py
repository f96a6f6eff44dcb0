"""e3nn.io: Cartesian tensors and signals on the sphere as irreps."""

from intertwine.interop.e3nn.io.cartesian import CartesianTensor
from intertwine.interop.e3nn.io.spherical import SphericalTensor

__all__ = ["CartesianTensor", "SphericalTensor"]
