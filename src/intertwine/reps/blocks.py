"""Blocks that are more than an irrep: reps in coordinates of their own, and tensor products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array, Table, like, read_only
from intertwine.errors import ArgumentError
from intertwine.groups import Group, Subgroup
from intertwine.reps.clebsch_gordan import clebsch_gordan
from intertwine.reps.decomposition import Content, decompose_function, is_identity, isometries
from intertwine.reps.direct_sum import DirectSum, Terms
from intertwine.reps.irrep import Block, Irrep, irreps_up_to
from intertwine.reps.splitting import clean, kronecker


@dataclass(frozen=True)
class BasisBlock(Block):
    """A rep in coordinates of its own: `ρ(g) = Q (⊕ irreps)(g) Qᵀ`. Name and expression do not count in comparisons.

    Args:
        group: the group.
        parts: multiplicities and irreps, sorted.
        table: the orthogonal Q, columns ordered as (component, copy) per irrep.
        title: how it prints inside a rep.
        source: Python that evaluates to it.

    Raises `ArgumentError` if Q is not an orthogonal matrix of the dimension of the parts.
    """

    group: Group
    parts: Content
    table: Table
    title: str = field(compare=False)
    source: str = field(compare=False)

    def __post_init__(self) -> None:
        Q, size = self.table.array, sum(m * irrep.dim for m, irrep in self.parts)
        if Q.shape != (size, size) or not np.allclose(Q.T @ Q, np.eye(size), rtol=0, atol=1e-9):
            raise ArgumentError(
                f"The block {self.title} has irreps of total dimension {size}, but its change of basis, of shape "
                f"{Q.shape}, is not an orthogonal matrix of that size."
            )

    @property
    def name(self) -> str:
        return self.title

    @property
    def expression(self) -> str:
        return self.source

    @property
    def content(self) -> Content:
        return self.parts

    @property
    def dim(self) -> int:
        return len(self.table.array)

    @property
    def basis(self) -> np.ndarray:
        return self.table.array

    def evaluate(self, g: Array) -> Array:
        """Q (⊕ irreps)(g) Qᵀ at elements `(..., n, n)` of the group."""
        inner = self.irreps.evaluate(g)
        basis = like(self.table.array, inner)
        return basis @ inner @ basis.T


@dataclass(frozen=True)
class TensorBlock(Block):
    """The tensor product of two reps in Kronecker coordinates: `ρ(g) = a(g) ⊗ b(g)`.

    The change of basis to irreps comes from the Clebsch–Gordan tables and is made when first needed.
    """

    left: DirectSum
    right: DirectSum

    @property
    def group(self) -> Group:  # type: ignore[override]
        """The group of both factors."""
        return self.left.group

    @property
    def dim(self) -> int:
        return self.left.dim * self.right.dim

    @property
    def name(self) -> str:
        return f"({self.left})⊗({self.right})"

    @property
    def expression(self) -> str:
        return f"({self.left!r}) * ({self.right!r})"

    @cached_property
    def content(self) -> Content:
        """The irreps of the product, counted by the Clebsch–Gordan tables."""
        counts: dict[Irrep, int] = {}
        for m, a in self.left.isotypic:
            for n, b in self.right.isotypic:
                for c in product_irreps(a, b):
                    counts[c] = counts.get(c, 0) + m * n * len(coupling_isometries(a, b, c))
        return tuple((counts[c], c) for c in sorted(counts, key=lambda irrep: irrep.key))

    @cached_property
    def basis(self) -> np.ndarray:
        """The orthogonal change of basis from Kronecker coordinates."""
        columns: dict[Irrep, list[np.ndarray]] = {c: [] for _, c in self.content}
        for a, xs in self.left.copies.items():
            for b, ys in self.right.copies.items():
                for c in product_irreps(a, b):
                    for coupling in coupling_isometries(a, b, c):
                        table = coupling.reshape(a.dim, b.dim, c.dim)
                        product = np.einsum("iau,jbv,abc->ijcuv", xs, ys, table, optimize=True)
                        columns[c].append(product.reshape(self.dim, c.dim, -1))
        gathered = [np.concatenate(columns[c], -1).reshape(self.dim, -1) for _, c in self.content]
        return read_only(clean(np.concatenate(gathered, 1)))

    def evaluate(self, g: Array) -> Array:
        """a(g) ⊗ b(g) at elements `(..., n, n)` of the group."""
        return kronecker(self.left.evaluate(g), self.right.evaluate(g))


def product_irreps(a: Irrep, b: Irrep) -> tuple[Irrep, ...]:
    """The irreps that occur in a ⊗ b, sorted."""
    return tuple(c for c in irreps_up_to(a.group, a.degree + b.degree) if len(clebsch_gordan(a, b, c)))


@cache
def restrict(block: Block, subgroup: Subgroup) -> Terms:
    """The blocks of a subgroup that a block of the parent becomes, in the same coordinates.

    Where those coordinates are irrep coordinates already, the irreps themselves come back.
    """
    match block:
        case Irrep():
            content, basis = _restrict_irrep(block, subgroup)
        case BasisBlock():
            content, basis = _restrict_basis(block, subgroup)
        case TensorBlock():
            return ((1, TensorBlock(block.left.restrict(subgroup), block.right.restrict(subgroup))),)
        case _:
            raise ArgumentError(f"A block is an Irrep, a BasisBlock or a TensorBlock, but got {block!r}.")
    name, expression = f"[{block.name}|{subgroup.name}]", f"({block.expression}).restrict({subgroup!r})"
    return in_basis(subgroup.group, content, basis, name, expression)


def in_basis(group: Group, content: Content, basis: np.ndarray, title: str, source: str) -> Terms:
    """The terms of a rep `Q (⊕ irreps) Qᵀ`: the irreps themselves where Q is the identity, one block otherwise."""
    if is_identity(basis):
        return content
    return ((1, BasisBlock(group, content, Table(basis), title, source)),)


def decomposed(
    group: Group, matrix: Callable[[np.ndarray], np.ndarray], size: int, degree: int, title: str, source: str
) -> Terms:
    """The terms of the orthogonal rep that a function gives: elements `(..., n, n)` to matrices `(..., size, size)`.

    Its entries are polynomials of the degree on the group. Where the coordinates are irrep coordinates already the
    irreps come back, otherwise a block with a title, and Python that evaluates to the rep.
    """
    content, basis = decompose_function(group, matrix, size, degree, 2 * degree)
    return in_basis(group, content, basis, title, source)


def _restrict_irrep(irrep: Irrep, subgroup: Subgroup) -> tuple[Content, np.ndarray]:
    def matrix(h: np.ndarray) -> np.ndarray:
        return np.asarray(irrep.evaluate(subgroup.place(h)))

    return decompose_function(subgroup.group, matrix, irrep.dim, irrep.degree, 2 * irrep.degree)


def _restrict_basis(block: BasisBlock, subgroup: Subgroup) -> tuple[Content, np.ndarray]:
    inner = block.irreps.restrict(subgroup)
    return inner.isotypic, clean(block.basis @ inner.change_of_basis)


@cache
def coupling_isometries(a: Irrep, b: Irrep, c: Irrep) -> list[np.ndarray]:
    """Isometries `(a.dim · b.dim, c.dim)` onto the copies of c inside a ⊗ b."""
    table = clebsch_gordan(a, b, c)
    span = table.reshape(len(table), -1).T
    return isometries(span, c, len(table) // len(c.endomorphisms))
