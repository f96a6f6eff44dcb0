"""Layers on images and volumes: channels on axis 1, then space."""

from intertwine.nn.grid.convolution import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from intertwine.nn.grid.initialisation import delta_orthogonal_
from intertwine.nn.grid.module import GridModule
from intertwine.nn.grid.norm import FieldDropout, GroupNorm, InstanceNorm
from intertwine.nn.grid.patches import PatchEmbedding
from intertwine.nn.grid.pixelwise import Pixelwise
from intertwine.nn.grid.pooling import (
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool2d,
    AvgPool3d,
    GlobalPool,
    MaxPool2d,
    MaxPool3d,
)
from intertwine.nn.grid.resampling import BlurPool, DiskMask, Upsample
from intertwine.nn.grid.sizes import exact_sizes

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool2d",
    "AvgPool3d",
    "BlurPool",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DiskMask",
    "FieldDropout",
    "GlobalPool",
    "GridModule",
    "GroupNorm",
    "InstanceNorm",
    "MaxPool2d",
    "MaxPool3d",
    "PatchEmbedding",
    "Pixelwise",
    "Upsample",
    "delta_orthogonal_",
    "exact_sizes",
]
