"""intertwine: equivariant neural networks for PyTorch. Name a symmetry group, and every layer commutes with it.

>>> import intertwine as tw
>>> from intertwine import nn
>>> G = tw.O2
>>> layer = nn.Linear(G.rep("1x0e + 1x1"), G.rep("4x0e + 2x1"))
>>> tw.testing.equivariance_error(layer) < 1e-5
True
"""

from intertwine import errors, fields, models, nn, ops, plan, rotations, symmetry, testing
from intertwine.catalog import (
    O2,
    O3,
    SO2,
    SO3,
    cyclic,
    decompose,
    dihedral,
    group,
    matrix_group,
    point_group,
    symmetric,
)
from intertwine.groups import Group, Subgroup
from intertwine.groups.grids import Grid, sphere_grid
from intertwine.kernels import KernelBasis, kernel_basis
from intertwine.reps import (
    HomogeneousSpace,
    Irrep,
    Rep,
    circular_harmonics,
    clebsch_gordan,
    intertwiners,
    spherical_harmonics,
)
from intertwine.symmetry import explain

__version__ = "0.1.0"

__all__ = [
    # groups
    "SO2",
    "O2",
    "SO3",
    "O3",
    "cyclic",
    "dihedral",
    "point_group",
    "symmetric",
    "matrix_group",
    "group",
    "Group",
    "Subgroup",
    # representations
    "Irrep",
    "Rep",
    "HomogeneousSpace",
    "decompose",
    "clebsch_gordan",
    "intertwiners",
    "circular_harmonics",
    "spherical_harmonics",
    # grids
    "Grid",
    "sphere_grid",
    # kernels
    "KernelBasis",
    "kernel_basis",
    # words
    "explain",
    # rooms
    "errors",
    "fields",
    "nn",
    "models",
    "ops",
    "plan",
    "rotations",
    "symmetry",
    "testing",
]
