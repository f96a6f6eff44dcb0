"""Equivariant modules: plain tensors in and out, channels on the last axis, `rep_in` and `rep_out` as attributes."""

from intertwine.nn import frames, heads, radial
from intertwine.nn.activation import Activation, Gate, NormActivation
from intertwine.nn.canonical import Canonicalize, Centred, FrameAveraging
from intertwine.nn.checkpoints import CONVENTION, load_weights, save_weights
from intertwine.nn.depthwise_conv import DepthwiseConv
from intertwine.nn.edge_module import EdgeGeometry, edge_geometry
from intertwine.nn.fourier import FourierActivation
from intertwine.nn.linear import Linear
from intertwine.nn.module import EquivariantModule
from intertwine.nn.order_parameter import LearnedOrderParameter
from intertwine.nn.point_conv import PointConv
from intertwine.nn.radial import RadialMLP
from intertwine.nn.sequential import Sequential
from intertwine.nn.symmetric_contraction import SymmetricContraction
from intertwine.nn.tensor_product import TensorProduct

__all__ = [
    "CONVENTION",
    "Activation",
    "Canonicalize",
    "Centred",
    "DepthwiseConv",
    "EdgeGeometry",
    "EquivariantModule",
    "FourierActivation",
    "FrameAveraging",
    "Gate",
    "LearnedOrderParameter",
    "Linear",
    "NormActivation",
    "PointConv",
    "RadialMLP",
    "Sequential",
    "SymmetricContraction",
    "TensorProduct",
    "edge_geometry",
    "frames",
    "heads",
    "load_weights",
    "radial",
    "save_weights",
]
