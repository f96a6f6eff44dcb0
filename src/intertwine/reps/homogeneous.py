"""Functions on homogeneous spaces: regular, quotient and induced reps, and band-limited functions on G/H."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from intertwine._arrays import Array, like, namespace, read_only
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Group, Subgroup
from intertwine.reps.blocks import in_basis
from intertwine.reps.decomposition import decompose_function, isometries
from intertwine.reps.direct_sum import Terms
from intertwine.reps.intertwiner import intertwiners
from intertwine.reps.irrep import Irrep, irreps_up_to
from intertwine.reps.rep import Rep


@dataclass(frozen=True)
class HomogeneousSpace:
    """Functions on G/H with values in a rep of H, as Mackey functions on G: `f(g h) = ψ(h)⁻¹ f(g)`.

    The group moves them by `(k f)(g) = f(k⁻¹ g)`. By Frobenius reciprocity the irrep σ of G occurs as often as ψ and
    σ|_H share irreps: `f(g) = T σ(g)⁻¹ x` for an H-map T from σ to ψ and a vector x of σ. With H trivial these are the
    functions on G; with G = SO(3), H = SO(2) about the z axis and ψ trivial, functions on the sphere.

    Source: Mackey 1952, doi:10.2307/1969423; Cesa, Lang & Weiler 2022 (ICLR).

    Args:
        subgroup: H inside G.
        fibre: ψ, a rep of `subgroup.group`.

    Raises `RepMismatchError` if the fibre is a rep of another group.

    >>> from intertwine.catalog import SO3
    >>> sphere = HomogeneousSpace(SO3.subgroup("Cinf"), SO3.subgroup("Cinf").group.rep("1x0"))
    >>> print(sphere.rep(3))
    1x0 + 1x1 + 1x2 + 1x3
    """

    subgroup: Subgroup
    fibre: Rep

    def __post_init__(self) -> None:
        if self.fibre.group != self.subgroup.group:
            raise RepMismatchError(
                f"Functions on {self.subgroup.parent}/{self.subgroup.name} have values in a rep of "
                f"{self.subgroup.group}, but got a rep of {self.fibre.group}."
            )

    @property
    def group(self) -> Group:
        """The group G that moves the functions."""
        return self.subgroup.parent

    def maps(self, irrep: Irrep) -> np.ndarray:
        """The H-maps T from σ to ψ, one per copy of σ, `(m, fibre.dim, irrep.dim)`, each with |T|² = irrep.dim.

        They are independent over what commutes with σ.
        """
        return _maps(self, irrep)

    def rep(self, degree: int) -> Rep:
        """How the functions up to a degree transform: irreps of G up to that degree, with their multiplicities."""
        return Rep(self.group, tuple((len(maps), irrep) for irrep, maps in self._content(degree)))

    def evaluate(self, degree: int, g: Array) -> Array:
        """The basis functions at elements `(..., n, n)`: an array `(..., fibre.dim, rep(degree).dim)`.

        The function with coefficients x has the value `evaluate(degree, g) @ x` at g. Each basis function has mean
        square 1 over the group, and different ones are orthogonal.
        """
        g = self.group.require(g)
        columns = [g[..., :1, :0] * like(np.zeros((self.fibre.dim, 1)), g)]
        for irrep, maps in self._content(degree):
            inverse = irrep.evaluate(g).swapaxes(-1, -2)
            values = [like(t, g) @ inverse for t in maps]
            stacked = namespace(g).stack(values, -1)  # components outside, copies inside
            columns.append(stacked.reshape((*stacked.shape[:-2], -1)))
        return namespace(g).concatenate(columns, -1)

    def _content(self, degree: int) -> list[tuple[Irrep, np.ndarray]]:
        if not isinstance(degree, int | np.integer) or degree < 0:
            raise ArgumentError(f"The largest degree of functions is an integer from 0 on, but got {degree!r}.")
        return [(irrep, maps) for irrep in irreps_up_to(self.group, int(degree)) if len(maps := self.maps(irrep))]


@cache
def _maps(space: HomogeneousSpace, irrep: Irrep) -> np.ndarray:
    found = intertwiners(irrep.irreps.restrict(space.subgroup), space.fibre)
    shape = (-1, space.fibre.dim, irrep.dim)
    span = found.reshape(len(found), space.fibre.dim * irrep.dim).T
    count = len(found) // len(irrep.endomorphisms)
    return read_only(np.array(isometries(span, irrep, count)).reshape(shape) if count else np.zeros((0, *shape[1:])))


# induced reps ---------------------------------------------------------------------------------------------------------


@cache
def cosets(subgroup: Subgroup, largest: int = 5000) -> np.ndarray:
    """One element `(index, n, n)` of each coset g H, the identity first, found by multiplying with generators of G.

    Raises `ArgumentError` if there are infinitely many, or more than `largest`.
    """
    parent = subgroup.parent
    if len(parent.lie_generators) != len(subgroup.group.lie_generators):
        raise ArgumentError(
            f"{subgroup.name} has infinitely many cosets in {parent}: induced and quotient reps have infinite "
            "dimension. Call functions(subgroup, degree) for functions up to a degree."
        )
    found = np.eye(parent.dim)[None]
    steps = np.concatenate([parent.generators, parent.generators.swapaxes(-1, -2)])
    place = 0
    while place < len(found):
        for g in steps @ found[place]:
            if not subgroup.contains(found.swapaxes(-1, -2) @ g).any():
                found = np.concatenate([found, g[None]])
        place += 1
        if len(found) > largest:
            raise ArgumentError(
                f"{subgroup.name} has more than {largest} cosets in {parent}; that is too many to list."
            )
    return read_only(found)


def induced_terms(subgroup: Subgroup, rep: Rep, title: str, source: str) -> Terms:
    """The terms of the rep of G that a rep of H, of finite index, induces, in the coordinates (coset, component).

    The block prints as the title; the source is Python that evaluates to the rep.
    """
    if rep.group != subgroup.group:
        raise RepMismatchError(
            f"A rep is induced from {subgroup.name}, a copy of {subgroup.group}, but got a rep of {rep.group}. "
            f"Call {subgroup.group!r}.rep(…) for one."
        )
    group, representatives = subgroup.parent, cosets(subgroup)

    by_table = group.is_finite and group.has_quadrature

    def matrix(g: np.ndarray) -> np.ndarray:
        return (_induced_by_table if by_table else induced_matrix)(subgroup, rep, representatives, g)

    size = len(representatives) * rep.dim
    for degree in _degrees(group, rep, len(representatives)):
        if sum(_multiplicity(subgroup, rep, label) * group.irrep_dim(label) for label in group.labels(degree)) == size:
            content, basis = decompose_function(group, matrix, size, degree, 2 * degree)
            return in_basis(group, content, basis, title, source)
    raise ArgumentError(f"The rep induced by {rep} contains irreps of {group} of very high degree; it is not split.")


def _degrees(group: Group, rep: Rep, index: int) -> Sequence[int]:
    """The degrees to try: all of a finite group at once, growing ones of a continuous group."""
    return (int(group.order),) if group.is_finite else range(rep.degree, 4 * rep.degree + index + 8)


def _multiplicity(subgroup: Subgroup, rep: Rep, label: str) -> int:
    """How often an irrep occurs in the induced rep, by Frobenius reciprocity."""
    irrep = Irrep(subgroup.parent, label)
    inside = irrep.irreps.restrict(subgroup)
    shared = sum(m * rep.count(part) * len(part.endomorphisms) for m, part in inside.isotypic)
    return int(shared // len(irrep.endomorphisms))


def induced_matrix(subgroup: Subgroup, rep: Rep, representatives: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The matrices `(..., index · d, index · d)` at elements: block (i, j) is ρ(cᵢ⁻¹ g cⱼ) where that lies in H."""
    moved = g[..., None, None, :, :] @ representatives  # g c_j
    moved = representatives.swapaxes(-1, -2)[:, None] @ moved  # cᵢ⁻¹ g c_j
    inside = subgroup.contains(moved)
    return _in_blocks(inside, rep.evaluate(subgroup.candidate(moved[inside])))


def _induced_by_table(subgroup: Subgroup, rep: Rep, representatives: np.ndarray, g: np.ndarray) -> np.ndarray:
    """`induced_matrix` for a finite group, by its multiplication table: no matrix is made for each pair of cosets."""
    table, inner = subgroup.parent.table, subgroup.group.elements()
    numbers = np.full(len(table), -1)  # of the elements of G, in H
    numbers[table.index(subgroup.place(inner))] = np.arange(len(inner))
    cosets = table.index(representatives)
    moved = table.products[table.index(g)[..., None, None], cosets]  # g c_j
    moved = numbers[table.products[table.inverses[cosets][:, None], moved]]  # cᵢ⁻¹ g c_j
    return _in_blocks(moved >= 0, rep.evaluate(inner)[moved[moved >= 0]])


def _in_blocks(inside: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Matrices `(..., index · d, index · d)` with blocks `(count, d, d)` at the places `(..., index, index)` given."""
    index, size = inside.shape[-1], blocks.shape[-1]
    out = np.zeros((*inside.shape, size, size))
    out[inside] = blocks
    return out.swapaxes(-3, -2).reshape(*inside.shape[:-2], index * size, index * size)
