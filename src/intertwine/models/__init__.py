"""Ready networks, built from layers alone: plain tensors in, plain tensors out."""

from intertwine.models.atoms import (
    AtomGraph,
    AtomNetwork,
    EnergyTerm,
    NequIP,
    Potential,
    Target,
    atom_graph,
    batch_graphs,
    load_potential,
    neighbours,
    save_potential,
)
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
    "AtomGraph",
    "AtomNetwork",
    "ConvBlock",
    "Encoder",
    "Encoder2d",
    "Encoder3d",
    "EnergyTerm",
    "GridOptions",
    "GridStyle",
    "NequIP",
    "Potential",
    "RepLike",
    "ResNet",
    "ResNet3d",
    "ResNet18",
    "ResNet50",
    "ResNetOptions",
    "ResidualBlock",
    "Target",
    "UNet",
    "UNet2d",
    "UNet3d",
    "WideResNet2d",
    "atom_graph",
    "batch_graphs",
    "channels_of",
    "channels_rep",
    "load_potential",
    "neighbours",
    "nonlinearity",
    "save_potential",
]
