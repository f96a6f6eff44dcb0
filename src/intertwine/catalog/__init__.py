"""The groups: SO(2), O(2), SO(3), O(3), C_n, D_n and the axial groups with inversion, and their named subgroups."""

from intertwine.catalog.names import O2, O3, SO2, SO3, cyclic, dihedral, group

__all__ = ["O2", "O3", "SO2", "SO3", "cyclic", "dihedral", "group"]
