"""e3nn.nn: layers."""

from intertwine.interop.e3nn.nn.activation import Activation
from intertwine.interop.e3nn.nn.batchnorm import BatchNorm
from intertwine.interop.e3nn.nn.dropout import Dropout
from intertwine.interop.e3nn.nn.extract import Extract, ExtractIr, Identity
from intertwine.interop.e3nn.nn.fully_connected import FullyConnectedNet
from intertwine.interop.e3nn.nn.gate import Gate
from intertwine.interop.e3nn.nn.grid_activation import S2Activation, SO3Activation
from intertwine.interop.e3nn.nn.norm_activation import NormActivation

__all__ = [
    "Activation",
    "BatchNorm",
    "Dropout",
    "Extract",
    "ExtractIr",
    "FullyConnectedNet",
    "Gate",
    "Identity",
    "NormActivation",
    "S2Activation",
    "SO3Activation",
]
