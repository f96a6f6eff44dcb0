"""Blocks that are more than an irrep: reps in coordinates of their own, and tensor products."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from intertwine._arrays import Array, Table, like
from intertwine.groups import Group, Subgroup
from intertwine.reps.clebsch_gordan import clebsch_gordan
from intertwine.reps.decompose import Content, clean, decompose_samples, independent_maps, is_identity
from intertwine.reps.irrep import Block, Irrep

if TYPE_CHECKING:
    from intertwine.reps.rep import Rep


@dataclass(frozen=True)
class BasisBlock(Block):
    """A rep in coordinates of its own: `ρ(g) = Q (⊕ irreps)(g) Qᵀ`. Name and expression do not count in comparisons.

    Args:
        group: the group.
        parts: multiplicities and irreps, sorted.
        table: the orthogonal Q, columns ordered as (component, copy) per irrep.
        title: how it prints inside a rep.
        source: Python that evaluates to it.
    """

    group: Group
    parts: Content
    table: Table
    title: str = field(compare=False)
    source: str = field(compare=False)

    @property
    def name(self) -> str:
        """How it prints inside a rep."""
        return self.title

    @property
    def expression(self) -> str:
        """Python that evaluates to it."""
        return self.source

    @property
    def content(self) -> Content:
        """Multiplicities and irreps, sorted."""
        return self.parts

    @property
    def dim(self) -> int:
        """The dimension of one copy."""
        return len(self.table.array)

    @property
    def basis(self) -> np.ndarray:
        """The orthogonal Q."""
        return self.table.array

    def matrix(self, g: Array) -> Array:
        """Q (⊕ irreps)(g) Qᵀ at elements `(..., n, n)`."""
        return _in_basis(self, g)


@dataclass(frozen=True)
class TensorBlock(Block):
    """The tensor product of two reps in Kronecker coordinates: `ρ(g) = a(g) ⊗ b(g)`.

    The change of basis to irreps comes from the Clebsch–Gordan tables and is made when first needed.
    """

    left: Rep
    right: Rep

    @property
    def group(self) -> Group:  # type: ignore[override]
        """The group of both factors."""
        return self.left.group

    @property
    def dim(self) -> int:
        """The product of the dimensions."""
        return self.left.dim * self.right.dim

    @property
    def name(self) -> str:
        """The factors in brackets."""
        return f"({self.left})⊗({self.right})"

    @property
    def expression(self) -> str:
        """The product, as Python."""
        return f"({self.left!r}) * ({self.right!r})"

    @cached_property
    def content(self) -> Content:
        """The irreps of the product, counted by the Clebsch–Gordan tables."""
        counts: dict[Irrep, int] = {}
        for m, a in self.left.isotypic:
            for n, b in self.right.isotypic:
                for c in product_irreps(a, b):
                    copies = len(clebsch_gordan(a, b, c)) // len(c.endomorphisms)
                    counts[c] = counts.get(c, 0) + m * n * copies
        return tuple((counts[c], c) for c in sorted(counts, key=lambda irrep: irrep.key))

    @cached_property
    def basis(self) -> np.ndarray:
        """The orthogonal change of basis from Kronecker coordinates."""
        columns: dict[Irrep, list[np.ndarray]] = {c: [] for _, c in self.content}
        left, right = _isometries(self.left), _isometries(self.right)
        for (_, a), xs in zip(self.left.isotypic, left, strict=True):
            for (_, b), ys in zip(self.right.isotypic, right, strict=True):
                for c in product_irreps(a, b):
                    for coupling in _coupling_isometries(a, b, c):
                        columns[c] += [np.kron(x, y) @ coupling for x in xs for y in ys]
        return clean(np.concatenate([np.stack(columns[c], -1).reshape(self.dim, -1) for _, c in self.content], 1))

    def matrix(self, g: Array) -> Array:
        """a(g) ⊗ b(g) at elements `(..., n, n)`."""
        a, b = self.left.matrix(g), self.right.matrix(g)
        product = a[..., :, None, :, None] * b[..., None, :, None, :]
        return product.reshape((*a.shape[:-2], self.dim, self.dim))


def product_irreps(a: Irrep, b: Irrep) -> tuple[Irrep, ...]:
    """The irreps that occur in a ⊗ b, sorted."""
    candidates = (Irrep(a.group, label) for label in a.group.labels(a.degree + b.degree))
    return tuple(c for c in candidates if len(clebsch_gordan(a, b, c)))


@cache
def restrict(block: Block, subgroup: Subgroup) -> tuple[tuple[int, Block], ...]:
    """The blocks of a subgroup that a block of the parent becomes, in the same coordinates.

    Where those coordinates are irrep coordinates already, the irreps themselves come back.
    """
    if isinstance(block, TensorBlock):
        return ((1, TensorBlock(block.left.restrict(subgroup), block.right.restrict(subgroup))),)
    if isinstance(block, Irrep):
        content, basis = _restrict_irrep(block, subgroup)
    else:
        content, basis = _restrict_basis(block, subgroup)
    if is_identity(basis):
        return content
    name = f"[{block.name}|{subgroup.name}]"
    expression = f"({block.expression}).restrict({subgroup!r})"
    return ((1, BasisBlock(subgroup.group, content, Table(basis), name, expression)),)


def _restrict_irrep(irrep: Irrep, subgroup: Subgroup) -> tuple[Content, np.ndarray]:
    group, degree = subgroup.group, irrep.degree
    elements, weights = group.quadrature(2 * degree)
    return decompose_samples(group, elements, weights, irrep.matrix(subgroup.embed(elements)), degree)


def _restrict_basis(block: Block, subgroup: Subgroup) -> tuple[Content, np.ndarray]:
    from intertwine.reps.rep import Rep  # a block restricts through the rep of its irreps

    inner = Rep(block.group, block.content).restrict(subgroup)
    outer = np.eye(block.dim) if block.basis is None else block.basis
    return inner.isotypic, clean(outer @ inner.change_of_basis)


def _in_basis(block: Block, g: Array) -> Array:
    from intertwine.reps.rep import Rep  # a block acts through the rep of its irreps

    inner = Rep(block.group, block.content).matrix(g)
    if block.basis is None:
        return inner
    basis = like(block.basis, inner)
    return basis @ inner @ basis.T


def _isometries(rep: Rep) -> list[list[np.ndarray]]:
    """For each irrep of a rep the isometries `(rep.dim, irrep.dim)` onto its copies."""
    basis, out = rep.change_of_basis, []
    for (m, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        columns = basis[:, where].reshape(rep.dim, irrep.dim, m)
        out.append([columns[:, :, u] for u in range(m)])
    return out


@cache
def _coupling_isometries(a: Irrep, b: Irrep, c: Irrep) -> list[np.ndarray]:
    """Isometries `(a.dim · b.dim, c.dim)` onto the copies of c inside a ⊗ b."""
    table = clebsch_gordan(a, b, c)
    span = table.reshape(len(table), -1).T
    return independent_maps(span, c, len(table) // len(c.endomorphisms))
