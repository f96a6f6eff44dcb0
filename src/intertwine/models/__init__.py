"""Ready networks, built from layers alone: plain tensors in, plain tensors out."""

from intertwine.models.blocks import (
    ConvBlock,
    GridStyle,
    RepLike,
    ResidualBlock,
    channels_of,
    channels_rep,
    nonlinearity,
)
from intertwine.models.encoder import Encoder
from intertwine.models.ready import (
    Encoder2d,
    Encoder3d,
    GridOptions,
    ResNet3d,
    ResNet18,
    ResNet50,
    ResNetOptions,
    UNet2d,
    UNet3d,
    WideResNet2d,
)
from intertwine.models.resnet import ResNet
from intertwine.models.unet import UNet

__all__ = [
    "ConvBlock",
    "Encoder",
    "Encoder2d",
    "Encoder3d",
    "GridOptions",
    "GridStyle",
    "RepLike",
    "ResNet",
    "ResNet3d",
    "ResNet18",
    "ResNet50",
    "ResNetOptions",
    "ResidualBlock",
    "UNet",
    "UNet2d",
    "UNet3d",
    "WideResNet2d",
    "channels_of",
    "channels_rep",
    "nonlinearity",
]
