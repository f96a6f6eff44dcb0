"""Ready networks, built from layers alone: plain tensors in, plain tensors out."""

from intertwine.models.blocks import ConvBlock, GridStyle, ResidualBlock, channels_of, nonlinearity
from intertwine.models.encoder import Encoder
from intertwine.models.resnet import ResNet
from intertwine.models.unet import UNet

__all__ = ["ConvBlock", "Encoder", "GridStyle", "ResNet", "ResidualBlock", "UNet", "channels_of", "nonlinearity"]
