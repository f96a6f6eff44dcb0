"""Equivariant modules: plain tensors in and out; channels on the last axis, of images and volumes on axis 1."""

from intertwine.kernels.taps import BandLimited, Complete, Filters, Rings
from intertwine.nn import frames, heads, radial
from intertwine.nn.activation import Activation, BilinearGate, Gate, NormActivation
from intertwine.nn.attention import SelfAttention
from intertwine.nn.canonical import Canonicalize, Centred, FrameAveraging
from intertwine.nn.change_of_basis import FromIrreps, ToIrreps, ToRegular
from intertwine.nn.checkpoints import CONVENTION, load_weights, save_weights
from intertwine.nn.depthwise_conv import DepthwiseConv
from intertwine.nn.edge_module import EdgeGeometry, edge_geometry
from intertwine.nn.fourier import FourierActivation
from intertwine.nn.fully_connected import FullyConnected
from intertwine.nn.gaunt_product import GauntProduct
from intertwine.nn.grid import (
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool2d,
    AvgPool3d,
    BlurPool,
    Conv2d,
    Conv3d,
    ConvTranspose2d,
    ConvTranspose3d,
    DiskMask,
    FieldDropout,
    GlobalPool,
    GridModule,
    GroupNorm,
    InstanceNorm,
    MaxPool2d,
    MaxPool3d,
    PatchEmbedding,
    Pixelwise,
    Upsample,
    delta_orthogonal_,
    exact_sizes,
)
from intertwine.nn.group_pool import GroupPool
from intertwine.nn.linear import Linear
from intertwine.nn.module import EquivariantModule, Rescaled
from intertwine.nn.norm import BatchNorm, Dropout, LayerNorm
from intertwine.nn.order_parameter import LearnedOrderParameter
from intertwine.nn.point_conv import PointConv
from intertwine.nn.radial_mlp import RadialMLP
from intertwine.nn.reduced_product import ReducedTensorProduct
from intertwine.nn.restriction import Restrict
from intertwine.nn.sequential import Sequential
from intertwine.nn.signals import GroupSignals, SphereSignals
from intertwine.nn.so2_conv import SO2Conv
from intertwine.nn.species_linear import SpeciesLinear
from intertwine.nn.symmetric_contraction import SymmetricContraction
from intertwine.nn.tensor_product import TensorProduct

__all__ = [
    "CONVENTION",
    "Activation",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool2d",
    "AvgPool3d",
    "BandLimited",
    "BatchNorm",
    "BilinearGate",
    "BlurPool",
    "Canonicalize",
    "Centred",
    "Complete",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DepthwiseConv",
    "DiskMask",
    "Dropout",
    "EdgeGeometry",
    "EquivariantModule",
    "FieldDropout",
    "Filters",
    "FourierActivation",
    "FrameAveraging",
    "FromIrreps",
    "FullyConnected",
    "Gate",
    "GauntProduct",
    "GlobalPool",
    "GridModule",
    "GroupNorm",
    "GroupPool",
    "GroupSignals",
    "InstanceNorm",
    "LayerNorm",
    "LearnedOrderParameter",
    "Linear",
    "MaxPool2d",
    "MaxPool3d",
    "NormActivation",
    "PatchEmbedding",
    "Pixelwise",
    "PointConv",
    "RadialMLP",
    "ReducedTensorProduct",
    "Rescaled",
    "Restrict",
    "Rings",
    "SO2Conv",
    "SelfAttention",
    "Sequential",
    "SpeciesLinear",
    "SphereSignals",
    "SymmetricContraction",
    "TensorProduct",
    "ToIrreps",
    "ToRegular",
    "Upsample",
    "delta_orthogonal_",
    "edge_geometry",
    "exact_sizes",
    "frames",
    "heads",
    "load_weights",
    "radial",
    "save_weights",
]
