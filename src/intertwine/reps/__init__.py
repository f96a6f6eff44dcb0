"""Representations: irreps, direct sums, tensor products, harmonics; numpy only (torch tensors pass through)."""

from intertwine.reps.blocks import BasisBlock, TensorBlock
from intertwine.reps.clebsch_gordan import clebsch_gordan
from intertwine.reps.fourier_grids import FourierGrid, direction_grid, group_grid, space_grid
from intertwine.reps.harmonics import circular_harmonics, spherical_harmonics
from intertwine.reps.homogeneous import HomogeneousSpace
from intertwine.reps.intertwiner import intertwiners
from intertwine.reps.irrep import Block, Irrep
from intertwine.reps.rep import Rep, as_rep, parse_rep

__all__ = [
    "BasisBlock",
    "Block",
    "FourierGrid",
    "HomogeneousSpace",
    "Irrep",
    "Rep",
    "TensorBlock",
    "as_rep",
    "circular_harmonics",
    "clebsch_gordan",
    "direction_grid",
    "group_grid",
    "intertwiners",
    "parse_rep",
    "space_grid",
    "spherical_harmonics",
]
