"""Equivariant modules: plain tensors in and out, channels on the last axis, `rep_in` and `rep_out` as attributes."""

from intertwine.nn import heads, radial
from intertwine.nn.activation import Activation, Gate, NormActivation
from intertwine.nn.fourier import FourierActivation
from intertwine.nn.linear import Linear
from intertwine.nn.module import EquivariantModule
from intertwine.nn.point_conv import PointConv
from intertwine.nn.radial import RadialMLP
from intertwine.nn.sequential import Sequential
from intertwine.nn.tensor_product import TensorProduct

__all__ = [
    "Activation",
    "EquivariantModule",
    "FourierActivation",
    "Gate",
    "Linear",
    "NormActivation",
    "PointConv",
    "RadialMLP",
    "Sequential",
    "TensorProduct",
    "heads",
    "radial",
]
