"""The groups: SO(2), O(2), SO(3), O(3), C_n, D_n, point groups, S_n, products, matrix groups; their subgroups."""

from intertwine.catalog.by_name import group, point_group
from intertwine.catalog.decompose import decompose
from intertwine.catalog.matrix import matrix_group
from intertwine.catalog.planar import O2, SO2, cyclic, dihedral
from intertwine.catalog.spatial import O3, SO3
from intertwine.catalog.symmetric import symmetric

__all__ = [
    "O2",
    "O3",
    "SO2",
    "SO3",
    "cyclic",
    "decompose",
    "dihedral",
    "group",
    "matrix_group",
    "point_group",
    "symmetric",
]
