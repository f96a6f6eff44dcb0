"""Heads that turn features into elements of the group, and the losses that train them."""

from intertwine.nn.heads.elements import ElementScores, GroupElement
from intertwine.nn.heads.losses import FlipLoss, PoseLoss, rotation_angle
from intertwine.nn.heads.projections import gram_schmidt, polar

__all__ = ["ElementScores", "FlipLoss", "GroupElement", "PoseLoss", "gram_schmidt", "polar", "rotation_angle"]
