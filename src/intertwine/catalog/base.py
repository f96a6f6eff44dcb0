"""What every group of the catalogue offers its users on top of the mathematics of a group."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Group, Subgroup
from intertwine.groups.finite import FiniteTable
from intertwine.groups.grids import Grid
from intertwine.groups.group import Seed
from intertwine.reps.blocks import BasisBlock, decomposed
from intertwine.reps.decompose import isometries
from intertwine.reps.harmonics import harmonics_rep
from intertwine.reps.homogeneous import HomogeneousSpace, induced_terms
from intertwine.reps.irrep import Block, Irrep
from intertwine.reps.rep import Rep, parse_rep
from intertwine.reps.splitting import clean

if TYPE_CHECKING:
    from intertwine.catalog.lattice import SubgroupLattice
    from intertwine.catalog.tables import Branching, CharacterTable

Vector = tuple[float, ...] | list[float] | np.ndarray


class CatalogGroup(Group, ABC):
    """A group with its irreps, reps and subgroups by name."""

    @property
    @abstractmethod
    def defining(self) -> Rep:
        """The rep whose matrices are the elements themselves."""

    def subgroup(
        self, name: str | PointGroup, axis: Vector | None = None, mirror: Vector | float | None = None
    ) -> Subgroup:
        """A subgroup of a finite group by name: one of `subgroups()`, called by its order and a letter, as in "6a".

        Raises `LabelError` for an unknown name, and `ArgumentError` for an axis or a mirror, which such groups of
        matrices do not have, and for a continuous group.
        """
        from intertwine.catalog.finite_subgroups import listed_subgroup  # it makes groups of matrices

        return listed_subgroup(self, name, axis, mirror)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups, one of each conjugacy class, small ones first.

        Args:
            turns: of a continuous group the finite ones are listed up to this number of rotations about an axis.

        Raises `ArgumentError` for a continuous group without names for its subgroups, and above 2000 elements.
        """
        from intertwine.catalog.finite_subgroups import listed_subgroups

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
        from intertwine.catalog.lattice import lattice  # it knows which groups there are

        return lattice(self, turns)

    def irrep(self, label: str) -> Irrep:
        """The irrep of a label; raises `LabelError` if there is none.

        >>> from intertwine.catalog import O3
        >>> O3.irrep("2e").dim
        5
        """
        return Irrep(self, label)

    def irreps(self, degree: int) -> tuple[Irrep, ...]:
        """The irreps up to a degree, in the sorted order."""
        return tuple(Irrep(self, label) for label in self.labels(degree))

    def rep(self, text: str) -> Rep:
        """The rep that a text such as "16x0e + 8x1o" names; "regular" is the regular rep of a finite group.

        Raises `LabelError` for an unknown label and `ArgumentError` for a text that is no sum of terms.

        >>> from intertwine.catalog import O2
        >>> O2.rep("16x0e + 8x1").dim
        32
        """
        return parse_rep(self, text, self._named_block)

    def harmonics(self, degree: int, action: Rep | None = None) -> Rep:
        """The harmonics on the circle or sphere, degrees 0 … degree, one copy each.

        `spherical_harmonics(range(degree + 1), r)` (or `circular_harmonics` in the plane) is a vector of this rep.

        Args:
            degree: the largest degree.
            action: a rep of dimension 2 or 3, how the group moves the coordinates. Default: the defining rep.

        Raises `ArgumentError` for a negative degree or an action of another dimension, and `RepMismatchError` for an
        action of another group.

        >>> from intertwine.catalog import O3
        >>> print(O3.harmonics(2))
        1x0e + 1x1o + 1x2e
        """
        if action is not None and action.group != self:
            raise RepMismatchError(f"The action {action} is a rep of {action.group}, but a rep of {self} was expected.")
        return harmonics_rep(self.defining if action is None else action, degree)

    def __mul__(self, other: CatalogGroup) -> CatalogGroup:
        """The direct product: pairs of elements, as block matrices diag(g, h).

        >>> from intertwine.catalog import O2, cyclic
        >>> (cyclic(2) * O2).labels(1)
        ('(0,0e)', '(0,0o)', '(0,1)', '(1,0e)', '(1,0o)')
        """
        from intertwine.catalog.product import product

        if not isinstance(other, CatalogGroup):
            raise ArgumentError(f"G * H is the direct product of two groups, but {other!r} came for H.")
        return product(self, other)

    @cached_property
    def table(self) -> FiniteTable:
        """The multiplication table of a finite group, its classes and subgroups; `ArgumentError` for others."""
        return FiniteTable(Table(self.elements()))

    @cached_property
    def regular(self) -> Rep:
        """The regular rep of a finite group: functions on the group, `(ρ(g) f)(h) = f(g⁻¹ h)`, one entry per element.

        Entries follow `elements()`. Raises `ArgumentError` for a continuous group, whose regular rep is infinite.

        >>> from intertwine.catalog import dihedral
        >>> print(dihedral(3).regular.irreps)  # each irrep as often as its dimension
        1x0e + 1x0o + 2x1
        """
        if not self.is_finite:
            raise ArgumentError(
                f"{self} is continuous: its regular rep has infinite dimension. Call rep(text) for finitely many "
                "irreps of it, or harmonics(degree) for functions on the circle or sphere up to a degree."
            )
        return Rep(self, ((1, _regular_block(self)),))

    def quotient(self, subgroup: Subgroup) -> Rep:
        """Functions on the cosets of a subgroup of finite index, one entry per coset: `(ρ(g) f)(x) = f(g⁻¹ x)`.

        On the vertices of a cube, say: `Oh.quotient(Oh.subgroup("C3v"))`. Cosets come in the order in which words in
        the generators reach them, H first.

        Raises `ArgumentError` if there are infinitely many cosets (see `functions`), and `RepMismatchError` for a
        subgroup of another group.

        >>> from intertwine.catalog import point_group
        >>> Oh = point_group("Oh")
        >>> print(Oh.quotient(Oh.subgroup("C4v")).irreps)  # the six faces of a cube
        1xA1g + 1xT1u + 1xEg
        """
        self._require_own(subgroup)
        trivial = Rep(subgroup.group, ((1, Irrep(subgroup.group, subgroup.group.trivial)),))
        source = f"{self!r}.quotient({subgroup!r})"
        return Rep(self, induced_terms(subgroup, trivial, f"[{self.name}/{subgroup.name}]", source))

    def induce(self, rep: Rep, subgroup: Subgroup) -> Rep:
        """The rep that a rep of a subgroup of finite index induces, in the coordinates (coset, component).

        Blocks of `ρ(g)` are `rep(cᵢ⁻¹ g cⱼ)` where that lies in H, for representatives cᵢ of the cosets (as in
        `quotient`). Frobenius: `dim Hom_G(Ind ψ, σ) = dim Hom_H(ψ, σ|_H)`.

        Args:
            rep: ψ, any rep of `subgroup.group`.
            subgroup: H.

        Raises `ArgumentError` for infinitely many cosets, `RepMismatchError` for reps and subgroups of other groups.

        >>> from intertwine.catalog import SO2, O2
        >>> print(O2.induce(SO2.rep("1x3"), O2.subgroup("SO(2)")).irreps)
        2x3
        """
        self._require_own(subgroup)
        source = f"{self!r}.induce({rep!r}, {subgroup!r})"
        return Rep(self, induced_terms(subgroup, rep, f"[{rep}↑{self.name}]", source))

    def functions(self, subgroup: Subgroup, degree: int, fibre: Rep | None = None) -> Rep:
        """Functions on G/H up to a degree, as irreps of G: for continuous groups, where quotients are infinite.

        Each irrep occurs as often as H fixes independent vectors of it, counted over what commutes with the irrep.
        `HomogeneousSpace` evaluates the functions themselves.

        Args:
            subgroup: H; `subgroup("C1")` gives functions on the group itself.
            degree: the largest degree.
            fibre: a rep of `subgroup.group` that the values live in. Default: numbers.

        >>> from intertwine.catalog import SO3, O2
        >>> print(SO3.functions(SO3.subgroup("Cinf"), 2))  # the sphere
        1x0 + 1x1 + 1x2
        >>> print(O2.functions(O2.subgroup("C1"), 1))  # O(2) itself
        1x0e + 1x0o + 2x1
        """
        self._require_own(subgroup)
        trivial = Rep(subgroup.group, ((1, Irrep(subgroup.group, subgroup.group.trivial)),))
        return HomogeneousSpace(subgroup, trivial if fibre is None else fibre).rep(degree)

    def _require_own(self, subgroup: Subgroup) -> None:
        if not isinstance(subgroup, Subgroup) or subgroup.parent != self:
            raise RepMismatchError(
                f"A subgroup of {self} was expected, but {subgroup!r} came. Call {self!r}.subgroup(name)."
            )

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
        from intertwine.catalog.tables import character_table  # tables are made of groups

        return character_table(self)

    def branching(self, subgroup: Subgroup | PointGroup | str, degree: int | None = None) -> Branching:
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
        from intertwine.catalog.tables import branching

        return branching(self, subgroup, degree)

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
        from intertwine.catalog.element_grids import group_elements_grid

        return group_elements_grid(self, kind, n, seed)

    def _named_block(self, name: str) -> Block | None:
        """The block that "regular" names; "defining" too, where that is one block."""
        if name == "defining" and len(self.defining) == self.defining.terms[0][0] == 1:
            return self.defining.terms[0][1]
        return self.regular.terms[0][1] if name == "regular" else None


class PointGroup(CatalogGroup, ABC):
    """A group of 3 × 3 orthogonal matrices with a Schoenflies name, in its standard setting: main axis z."""

    @property
    @abstractmethod
    def schoenflies(self) -> str:
        """The Schoenflies name."""

    @property
    def dim(self) -> int:
        """3."""
        return 3

    def subgroup(
        self, name: str | PointGroup, axis: Vector | None = None, mirror: Vector | float | None = None
    ) -> Subgroup:
        """A subgroup by Schoenflies name, where the group has it.

        Args:
            name: such as "C3v", "D2h", "T"; or a point group, for a subgroup with its labels.
            axis: the direction of its main axis. Default: that of the first in `subgroups()` that has the name.
            mirror: its reference direction, as for `O3.subgroup`. Default: found likewise.

        Raises `LabelError` if the group has no such subgroup (there).

        >>> from intertwine.catalog import point_group
        >>> Oh = point_group("Oh")
        >>> Oh.subgroup("C3v").embed(Oh.subgroup("C3v").group.elements()).shape
        (6, 3, 3)
        """
        from intertwine.catalog.point_subgroups import point_subgroup  # it makes point groups

        return point_subgroup(self, name, axis, mirror)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups, one of each conjugacy class, small ones first.

        Those of one name that are not conjugate differ in their axes.

        Args:
            turns: of a continuous group the finite ones are listed up to this number of rotations about an axis.
        """
        from intertwine.catalog.point_subgroups import point_subgroups

        return point_subgroups(self, turns)


def plain_name(name: object) -> str:
    """A name without spaces, brackets and subscripts, and with inf for ∞: "C∞v" is "Cinfv", "SO(2)" is "SO2"."""
    text = re.sub(r"[\s(){}_$]", "", unicodedata.normalize("NFKC", str(name)))  # NFKC: C₃ᵥ is C3v
    return text.replace("\\infty", "inf").replace("∞", "inf")


def defining_block(group: CatalogGroup, degree: int) -> Rep:
    """The rep whose matrices are the elements themselves, of irreps up to a degree; a block called "defining"."""
    return Rep(group, decomposed(group, _itself, group.dim, degree, "defining", f"{group!r}.defining"))


def _itself(g: np.ndarray) -> np.ndarray:
    return g


@cache
def _regular_block(group: CatalogGroup) -> BasisBlock:
    """The block of the regular rep, whose basis functions are the matrix elements √(d / order) σ_ij (Peter & Weyl)."""
    if group.order > 10_000:
        raise ArgumentError(
            f"The regular rep of {group} has dimension {group.order}; the limit is 10000. Call quotient(subgroup) for "
            "functions on the cosets of a subgroup."
        )
    elements, irreps = group.elements(), group.irreps(int(group.order))
    content, columns = [], []
    for irrep in irreps:
        matrices = irrep.evaluate(elements)
        span = (matrices / np.sqrt(len(elements))).reshape(-1, irrep.dim)  # a column per j, entries (element, i)
        maps = isometries(span, irrep, irrep.dim // len(irrep.endomorphisms))
        content.append((len(maps), irrep))
        columns.append(np.stack(maps, -1).reshape(len(elements), -1))
    basis = clean(np.concatenate(columns, 1))
    return BasisBlock(group, tuple(content), Table(basis), "regular", f"{group!r}.regular")
