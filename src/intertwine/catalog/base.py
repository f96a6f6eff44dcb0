"""What every group of the catalogue offers its users, and the two kinds of groups that others give.

A product of groups is a group again, and so is a subgroup: these classes need one another.
"""

from __future__ import annotations

from abc import ABC

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog.element_grids import element_grid
from intertwine.catalog.finite_subgroups import listed_subgroup, listed_subgroups
from intertwine.catalog.generated import GeneratedGroup
from intertwine.catalog.lattice import Rows, SubgroupLattice, by_elements
from intertwine.catalog.product import PairGroup
from intertwine.catalog.product_subgroups import product_subgroup, product_subgroups
from intertwine.catalog.standard_frame import Vector
from intertwine.catalog.tables import Branching, CharacterTable, branching_table, character_table
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError
from intertwine.groups import Group, Subgroup
from intertwine.groups.grids import Grid
from intertwine.groups.group import Seed


class CatalogGroup(GroupWithReps, ABC):
    """A group with its irreps, reps, subgroups and tables."""

    def subgroup(self, name: str | Group, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A subgroup of a finite group by name: one of `subgroups()`, called by its order and a letter, as in "6a".

        Raises `LabelError` for an unknown name, and `ArgumentError` for an axis or a mirror, which such groups of
        matrices do not have, and for a continuous group.
        """
        return listed_subgroup(self, name, axis, mirror)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups, one of each conjugacy class, small ones first.

        Args:
            turns: of a continuous group the finite ones are listed up to this number of rotations about an axis.

        Raises `ArgumentError` for a continuous group without names for its subgroups, and above 2000 elements.
        """
        del turns  # a finite group has no more
        return listed_subgroups(self)

    def lattice(self, turns: int = 6) -> SubgroupLattice:
        """Which subgroups contain which, up to conjugacy. It prints as a table.

        Args:
            turns: of a continuous group the finite ones are listed up to this number of rotations about an axis.

        Raises `ArgumentError` as `subgroups` does, and for continuous groups beside SO(2), O(2), SO(3), O(3).

        >>> from intertwine.catalog import cyclic
        >>> print(cyclic(4).lattice())
        C1  contains nothing else
        C2  contains C1
        C4  contains C2
        """
        subgroups = self.subgroups(turns)
        rows = by_elements(self.table, subgroups) if self.is_finite else self.containment(subgroups, turns)
        return SubgroupLattice(self, subgroups, Table(np.array(rows)))

    def containment(self, subgroups: tuple[Subgroup, ...], turns: int) -> Rows:
        """Which subgroups of a continuous group lie in which; raises `ArgumentError` where that is unknown."""
        del subgroups, turns
        raise ArgumentError(
            f"The lattice of {self} is not known: it is a continuous group beside SO(2), O(2), SO(3) and O(3). Call "
            "subgroups() for its subgroups, and contains(g) of one for the elements of another."
        )

    def __mul__(self, other: GroupWithReps) -> DirectProduct:
        """The direct product: pairs of elements, as block matrices diag(g, h).

        >>> from intertwine.catalog import O2, cyclic
        >>> (cyclic(2) * O2).labels(1)
        ('(0,0e)', '(0,0o)', '(0,1)', '(1,0e)', '(1,0o)')
        """
        if not isinstance(other, GroupWithReps):
            raise ArgumentError(f"G * H is the direct product of two groups, but got {other!r} for H.")
        if isinstance(other, DirectProduct):  # brackets to the left
            return DirectProduct(self * other.left, other.right)
        return DirectProduct(self, other)

    def of_matrices(self, title: str, lie: np.ndarray, discrete: np.ndarray) -> MatrixGroup:
        return MatrixGroup.of(title, lie, discrete)

    def character_table(self) -> CharacterTable:
        """The characters of a finite group: classes, irreps, and a table that prints well.

        Raises `ArgumentError` for a continuous group.

        >>> from intertwine.catalog import dihedral
        >>> print(dihedral(3).character_table())
        D3  E  2 C3  3 m
        0e  1     1    1
        0o  1     1   −1
        1   2    −1    0
        """
        return character_table(self)

    def branching(self, subgroup: Subgroup | Group | str, degree: int | None = None) -> Branching:
        """What the irreps up to a degree become in a subgroup: a table that prints well.

        Args:
            subgroup: a subgroup or its name. A point group gives the table in its own (Mulliken's) labels:
                `O3.branching(point_group("C4v"), 4)`.
            degree: the largest degree of the irreps to restrict. Default: all of a finite group, 3 of a continuous one.

        >>> from intertwine.catalog import O3
        >>> print(O3.branching("Dinf", 1))
        O(3) → Dinf, a copy of O(2) with main axis z
        0e  0e
        0o  0e
        1o  0o + 1
        1e  0o + 1
        """
        return branching_table(self, subgroup, degree)

    def grid(self, kind: str = "regular", n: int | None = None, seed: Seed = 0) -> Grid:
        """Elements spread over the group, with weights and the degree up to which they average exactly.

        `elements, weights = group.grid(kind, n)`.

        Args:
            kind: "random" (n elements, seeded) for every group; "regular" for finite groups (all elements) and for
                SO(2) and O(2) (n rotations); "gauss" (n = degree) for every group that has a quadrature; for SO(3) and
                O(3) also "fibonacci" (n), "hopf" (n), "lebedev" (n = degree), "tetrahedron", "cube", "icosahedron".
            n: how many, or the degree; each kind says. O(2) and O(3) have twice as many elements.
            seed: for "random".

        Raises `ArgumentError` for an unknown kind, which lists those there are.

        >>> from intertwine.catalog import O3
        >>> elements, weights = O3.grid("cube")
        >>> len(elements), O3.grid("gauss", 4).degree
        (48, 4)
        """
        return element_grid(self, kind, n, seed)


class MatrixGroup(CatalogGroup, GeneratedGroup):
    """The compact group that a Lie algebra and some single matrices generate. Make one with `tw.matrix_group`.

    Its irreps are described in `GeneratedGroup`.
    """

    @classmethod
    def of(cls, title: str, lie: np.ndarray, discrete: np.ndarray, *, named: bool = True) -> MatrixGroup:
        """The group of an orthonormal basis of a Lie algebra and single elements, which prints as they do.

        Args:
            title: the name.
            lie: the basis `(k, n, n)`.
            discrete: the elements `(m, n, n)`.
            named: whether the name is one that somebody gave.
        """
        lie, discrete = lie + 0.0, discrete + 0.0  # no −0.0
        arguments = [f"lie={lie.tolist()}"] * (len(lie) > 0) + [f"discrete={discrete.tolist()}"] * (len(discrete) > 0)
        source = f"tw.matrix_group({', '.join([*arguments, *[f'name={title!r}'] * named])})"
        return cls(title, Table(lie), Table(discrete), (), source)


class DirectProduct(CatalogGroup, PairGroup):
    """The pairs (a, b) of elements of two groups, as block matrices diag(a, b). Write `G * H`.

    Its irreps are described in `PairGroup`.
    """

    def subgroup(self, name: str | Group, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A subgroup of the product by name.

        Args:
            name: "A×B" for subgroups A and B of the factors by their names; "diagonal" in G × G; or, of a finite
                product, one of `subgroups()`, which lists those too whose factors are tied to each other.
            axis, mirror: not for products.

        Raises `LabelError` for an unknown name, and `ArgumentError` for an axis or a mirror.

        >>> from intertwine.catalog import O2, cyclic
        >>> bar = (cyclic(2) * O2).subgroup("C1×D2")
        >>> print(bar.group, (cyclic(2) * O2).rep("1x(1,0o)").restrict(bar))
        C1×D2 1x(0,0o)
        """
        if axis is not None or mirror is not None:
            raise ArgumentError(f"The subgroups of {self} have no axis and no mirror to choose. Leave them out.")
        return product_subgroup(self, name)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups: of a finite product all of them, one of each conjugacy class, twisted and diagonal ones too.

        Of a continuous product those that are products of subgroups, and the diagonal.

        Args:
            turns: of a continuous factor the finite ones are listed up to this number of rotations about an axis.
        """
        return product_subgroups(self, turns)
