"""What every group of the catalogue offers its users on top of the mathematics of a group."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import LabelError
from intertwine.groups import Group, Subgroup
from intertwine.reps.blocks import BasisBlock
from intertwine.reps.decompose import clean, decompose_samples, is_identity
from intertwine.reps.irrep import Block, Irrep
from intertwine.reps.rep import Rep, parse_rep
from intertwine.reps.wigner import harmonic_matrix

Vector = tuple[float, ...] | list[float] | np.ndarray


class CatalogGroup(Group, ABC):
    """A group with its irreps, reps and subgroups by name."""

    @property
    @abstractmethod
    def defining(self) -> Rep:
        """The rep whose matrices are the elements themselves."""

    @abstractmethod
    def subgroup(self, name: str, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A closed subgroup by name."""

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

    def harmonics(self, degree: int) -> Rep:
        """The harmonics on the circle or sphere of the defining space, degrees 0 … degree, one copy each.

        `spherical_harmonics(range(degree + 1), r)` (or `circular_harmonics` in the plane) is a vector of this rep.

        >>> from intertwine.catalog import O3
        >>> print(O3.harmonics(2))
        1x0e + 1x1o + 1x2e
        """
        return harmonics_rep(self.defining, degree)

    @cached_property
    def regular(self) -> Rep:
        """The regular rep of a finite group: functions on the group, `(ρ(g) f)(h) = f(g⁻¹ h)`, one entry per element.

        Entries follow `elements()`. Raises `ArgumentError` for a continuous group, whose regular rep is infinite.
        """
        return Rep(self, ((1, _regular_block(self)),))

    def _named_block(self, name: str) -> Block | None:
        return _regular_block(self) if name == "regular" else None

    def _unknown_subgroup(self, name: str, known: str) -> LabelError:
        return LabelError(f"{self} has no subgroup called {name!r}. Known names are {known}.")


def harmonics_rep(action: Rep, degree: int) -> Rep:
    """The harmonics of the space that an action moves, degrees 0 … degree, as a rep of the action's group.

    Args:
        action: a rep of dimension 2 or 3: how the group moves the coordinates.
        degree: the largest degree.
    """
    terms: list[tuple[int, Block]] = []
    for j in range(degree + 1):
        terms += _harmonic_terms(action, j)
    return Rep(action.group, tuple(terms))


@cache
def _harmonic_terms(action: Rep, degree: int) -> tuple[tuple[int, Block], ...]:
    group, reach = action.group, degree * max(action.degree, 1)
    elements, weights = group.quadrature(2 * reach)
    matrices = harmonic_matrix(degree, action.matrix(elements))
    content, basis = decompose_samples(group, elements, weights, matrices, reach)
    if is_identity(basis):
        return content
    source = f"harmonics_rep({action!r}, {degree})"
    return ((1, BasisBlock(group, content, Table(basis), f"Y{degree}", source)),)


@cache
def _regular_block(group: Group) -> BasisBlock:
    elements = group.elements()
    count = len(elements)
    flat = elements.reshape(count, -1)
    products = np.einsum("gij,hjk->ghik", elements, elements).reshape(count, count, -1)
    target = np.argmin(np.abs(products[:, :, None, :] - flat).sum(-1), -1)  # g h is element target[g, h]
    matrices = np.zeros((count, count, count))
    matrices[np.arange(count)[:, None], target, np.arange(count)[None, :]] = 1.0
    degree = max(group.irrep_degree(label) for label in group.labels(count))
    content, basis = decompose_samples(group, elements, np.full(count, 1 / count), matrices, degree)
    return BasisBlock(group, content, Table(clean(basis)), "regular", f"{group!r}.regular")
