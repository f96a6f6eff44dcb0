"""Groups with their irreps and reps by name: what the algorithms of the catalogue ask of a group."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog import class_symbols
from intertwine.catalog.class_symbols import Symbol
from intertwine.catalog.standard_frame import Vector
from intertwine.errors import ArgumentError, LabelError, RepMismatchError
from intertwine.groups import Group, Subgroup
from intertwine.reps.blocks import BasisBlock, decomposed
from intertwine.reps.decomposition import invariant_tensors, isometries
from intertwine.reps.harmonics import harmonics_rep
from intertwine.reps.homogeneous import HomogeneousSpace, induced_terms
from intertwine.reps.irrep import Block, Irrep, irreps_up_to
from intertwine.reps.rep import Rep, parse_rep
from intertwine.reps.splitting import clean


class GroupWithReps(Group, ABC):
    """A group with its irreps and reps by name.

    Products and subgroups are groups again, so the classes that make them stand above the algorithms for them, which
    know this class and what it leaves abstract.
    """

    @cached_property
    def defining(self) -> Rep:
        """The rep whose matrices are the elements themselves."""
        return defining_block(self, 1)

    def direct_sum(self, terms: Sequence[tuple[int, Block]]) -> Rep:
        """The rep of multiplicities and blocks, in their order.

        >>> from intertwine.catalog import O2
        >>> print(O2.direct_sum([(2, O2.irrep("1")), (1, O2.irrep("0e"))]))
        2x1 + 1x0e
        """
        return Rep(self, tuple(terms))

    @abstractmethod
    def __mul__(self, other: GroupWithReps) -> GroupWithReps:
        """The direct product."""

    @abstractmethod
    def of_matrices(self, title: str, lie: np.ndarray, discrete: np.ndarray) -> GroupWithReps:
        """The group that matrices generate: an orthonormal basis of its Lie algebra, and single elements."""

    @abstractmethod
    def subgroup(self, name: str | Group, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A subgroup by name."""

    @abstractmethod
    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups, one of each conjugacy class, small ones first."""

    def class_symbols(self) -> list[Symbol]:
        """The symbols of the classes of a finite group, in the order of its `table.classes`, each with a sort key."""
        return class_symbols.of_orders(self.table)

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        """A basis of the equivariant bilinear maps a × b → c, found in the average of the three over the group."""
        return invariant_tensors(self, *(Irrep(self, label) for label in (a, b, c)))

    def irrep(self, label: str) -> Irrep:
        """The irrep of a label; raises `LabelError` if there is none.

        >>> from intertwine.catalog import O3
        >>> O3.irrep("2e").dim
        5
        """
        return Irrep(self, label)

    def irreps(self, degree: int) -> tuple[Irrep, ...]:
        """The irreps up to a degree, in the sorted order."""
        return irreps_up_to(self, degree)

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
                f"A subgroup of {self} was expected, but got {subgroup!r}. Call {self!r}.subgroup(name)."
            )

    def _named_block(self, name: str) -> Block | None:
        """The block that "regular" names; "defining" too, where that is one block."""
        if name == "defining" and len(self.defining) == self.defining.terms[0][0] == 1:
            return self.defining.terms[0][1]
        return self.regular.terms[0][1] if name == "regular" else None


def no_irrep(group: Group, label: str, degree: int) -> LabelError:
    """The error for a label that no irrep of a group has; it shows 24 of those up to a degree."""
    shown = group.labels(degree)
    more = ", …" if len(shown) > 24 or shown != group.labels(degree + 1) else ""
    return LabelError(f"{group} has no irrep {label!r}. Its labels are {', '.join(shown[:24])}{more}.")


def defining_block(group: GroupWithReps, degree: int) -> Rep:
    """The rep whose matrices are the elements themselves, of irreps up to a degree; a block called "defining"."""
    return Rep(group, decomposed(group, _itself, group.dim, degree, "defining", f"{group!r}.defining"))


def _itself(g: np.ndarray) -> np.ndarray:
    return g


@cache
def _regular_block(group: GroupWithReps) -> BasisBlock:
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
