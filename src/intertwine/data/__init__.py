"""Real data and toy shapes as plain numpy arrays: this room knows representations by their text only."""

from intertwine.data.cell_outlines import CellOutlines, DroppedOutline, load_cells, stratified_split
from intertwine.data.images import LabelledImages, animals, brain, digits, frog_organs, nuclei, textures
from intertwine.data.outline import (
    fourier_coefficients,
    fourier_layout,
    log_size,
    outline_from_coefficients,
    transform,
)
from intertwine.data.shapes import random_blob, rectangle, square

__all__ = [
    "CellOutlines",
    "DroppedOutline",
    "LabelledImages",
    "animals",
    "brain",
    "digits",
    "fourier_coefficients",
    "fourier_layout",
    "frog_organs",
    "load_cells",
    "log_size",
    "nuclei",
    "outline_from_coefficients",
    "random_blob",
    "rectangle",
    "square",
    "stratified_split",
    "textures",
    "transform",
]
