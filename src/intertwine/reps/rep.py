"""Reps: ordered direct sums of multiples of blocks, the only type that a feature has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.groups import Group, Subgroup
from intertwine.reps import powers
from intertwine.reps.blocks import BasisBlock, TensorBlock, restrict
from intertwine.reps.direct_sum import DirectSum
from intertwine.reps.irrep import Block, Irrep
from intertwine.reps.reading import Keep, Named, label_of, parse_terms, predicate


@dataclass(frozen=True, repr=False)
class Rep(DirectSum):
    """A real orthogonal representation of a compact group: an ordered direct sum of multiples of blocks.

    A vector of the rep is a plain array `(..., dim)`. A term of multiplicity m and block dimension d occupies d · m
    entries stored as (d, m): components outside, channels contiguous inside; `split` and `join` hide this.
    Two reps are equal when their groups, terms and bases are, whatever they are called.

    Beside irreps, `str` may name blocks in coordinates of their own: "[1o|Cinfv]" (1o restricted to Cinfv), "Y3"
    (harmonics of degree 3), "(1x1o)⊗(1x1o)" (a tensor product), "regular" (functions on a finite group). `rep.irreps`
    shows what they contain, and `repr` evaluates back to the rep.

    Make one with `group.rep("16x0e + 8x1o")`, from irreps and reps with `+` and `*`, or by restriction.

    >>> from intertwine.catalog import O3
    >>> rep = O3.rep("2x0e + 1x1o")
    >>> rep.dim, [*rep.slices], str(3 * rep)
    (5, [slice(0, 2, None), slice(2, 5, None)], '6x0e + 3x1o')
    """

    # algebra ---------------------------------------------------------------------------------------------------------

    def __add__(self, other: Rep | Irrep) -> Rep:
        other = as_rep(other)
        return Rep(self.group, (*self.terms, *other.terms))

    def __rmul__(self, multiplicity: int) -> Rep:
        """n copies: every multiplicity times n (0 gives the rep of dimension 0)."""
        if not isinstance(multiplicity, int | np.integer) or multiplicity < 0:
            raise ArgumentError(
                f"A rep is multiplied by an integer from 0 on, but got {multiplicity!r}. "
                "Write a * b for the tensor product of two reps."
            )
        return Rep(self.group, tuple((int(multiplicity) * m, block) for m, block in self.terms if multiplicity))

    def __mul__(self, other: Rep | Irrep) -> Rep:
        """The tensor product, in the coordinates of `np.kron(x, y)`. `(a * b).irreps` is its decomposition."""
        if isinstance(other, int | np.integer):
            raise ArgumentError(
                f"rep * {other} is not defined: * is the tensor product. Write {other} * rep for copies."
            )
        other = as_rep(other)
        if other.group != self.group:
            raise RepMismatchError(
                f"A tensor product takes two reps of one group, but got reps of {self.group} and {other.group}. "
                "Call rep.restrict(subgroup) to bring them to a common group."
            )
        return Rep(self.group, ((1, TensorBlock(self, other)),) if self.dim * other.dim else ())

    @property
    def dual(self) -> Rep:
        """The dual rep, `ρ(g⁻¹)ᵀ`: the rep itself, because its matrices are orthogonal."""
        return self

    def symmetric_power(self, k: int) -> Rep:
        """The k-th symmetric power: how products of k components transform, that is polynomials of degree k.

        Coordinates are the products `x_i x_j …`, i ≤ j ≤ …, times √(k! / (m₁! m₂! …)): an orthogonal rep.

        >>> from intertwine.catalog import O3
        >>> print(O3.rep("1x1o").symmetric_power(2).irreps)  # a symmetric matrix: its trace, and the rest
        1x0e + 1x2e
        """
        return Rep(self.group, powers.power(self, k, exterior=False))

    def exterior_power(self, k: int) -> Rep:
        """The k-th exterior power: antisymmetric products, in the coordinates i < j < …, of dimension 0 for k > dim.

        >>> from intertwine.catalog import O3
        >>> print(O3.rep("1x1o").exterior_power(2).irreps)  # the cross product
        1x1e
        """
        return Rep(self.group, powers.power(self, k, exterior=True))

    def molien(self, degree: int, irrep: Irrep | str | None = None) -> tuple[int, ...]:
        """How many independent polynomials of degree 0, 1, …, degree in the features are invariant.

        The numbers are the coefficients of Molien's series `∫ 1 / det(1 − t ρ(g)) dg`. With an irrep they say how
        often it occurs in the polynomials of each degree. Source: Molien 1897.

        >>> from intertwine.catalog import O3, dihedral
        >>> O3.rep("2x1o").molien(4), dihedral(3).rep("1x1").molien(6)
        ((1, 0, 3, 0, 6), (1, 0, 1, 1, 1, 1, 2))
        """
        label = self.group.trivial if irrep is None else label_of(self.group, irrep)
        return powers.molien(self, degree, Irrep(self.group, label))

    def change_basis(self, basis: np.ndarray, name: str) -> Rep:
        """The rep in other coordinates: `ρ'(g) = Q ρ(g) Qᵀ`, so that features become `x' = Q x`.

        The block prints as `name`. Raises `ArgumentError` if Q is not an orthogonal matrix `(dim, dim)`.
        """
        Q = np.asarray(basis, dtype=np.float64)
        if Q.shape != (self.dim, self.dim):
            raise ArgumentError(f"The rep {self} has dimension {self.dim}, but got a basis of shape {Q.shape}.")
        source = f"({self!r}).change_basis({Q.tolist()}, {name!r})"
        block = BasisBlock(self.group, self.isotypic, Table(Q @ self.change_of_basis), name, source)
        return Rep(self.group, ((1, block),) if self.dim else ())

    def simplify(self) -> Rep:
        """The rep with adjacent equal blocks gathered. Channels of gathered terms interleave: see `index_of`."""
        terms: list[tuple[int, Block]] = []
        for m, block in self.terms:
            if terms and terms[-1][1] == block:
                m += terms.pop()[0]
            terms.append((m, block))
        return Rep(self.group, tuple(terms))

    def sort(self) -> Rep:
        """The terms in the sorted order: trivial first, then by degree, natural parity first.

        A block counts by its first irrep and comes after it. Equal blocks end up side by side, so that
        `rep.sort().simplify()` has every block once; otherwise the order is kept.
        """
        first = {block: i for i, (_, block) in reversed([*enumerate(self.terms)])}

        def key(term: tuple[int, Block]) -> tuple[tuple[int, ...], bool, int]:
            return term[1].content[0][1].key, not isinstance(term[1], Irrep), first[term[1]]

        return Rep(self.group, tuple(sorted(self.terms, key=key)))

    def filter(self, keep: Keep | None = None, *, drop: Keep | None = None) -> Rep:
        """The terms whose irreps are all kept, or not all dropped, in their order.

        Args:
            keep: an irrep, labels such as "0e + 1o", a list of either, or a function Irrep → bool.
            drop: the same, for the terms to leave out. Give one of the two.

        >>> from intertwine.catalog import O3
        >>> str(O3.harmonics(3).filter(keep=lambda irrep: irrep.degree <= 1))
        '1x0e + 1x1o'
        """
        return Rep(self.group, tuple(self.terms[i] for i in self._kept(keep, drop)))

    def filter_index(self, keep: Keep | None = None, *, drop: Keep | None = None) -> np.ndarray:
        """The index `(filtered dim,)` that takes the same channels from features: `x[..., index]` is of `filter(…)`.

        >>> from intertwine.catalog import O3
        >>> O3.rep("2x0e + 1x1o + 1x2e").filter_index(drop="1o")
        array([0, 1, 5, 6, 7, 8, 9])
        """
        places = [np.arange(self.slices[i].start, self.slices[i].stop) for i in self._kept(keep, drop)]
        return np.concatenate([np.arange(0), *places])

    def _kept(self, keep: Keep | None, drop: Keep | None) -> list[int]:
        """The places of the terms that a filter leaves."""
        if (keep is None) == (drop is None):
            raise ArgumentError("filter takes exactly one of keep=… and drop=…. Call filter(keep='0e + 1o').")
        wanted = predicate(self.group, keep if keep is not None else drop)
        flip = drop is not None
        return [i for i, (_, b) in enumerate(self.terms) if all(wanted(irrep) for _, irrep in b.content) != flip]

    def index_of(self, other: Rep) -> np.ndarray:
        """The index `(dim,)` that reorders features of this rep into features of `other`: `x[..., index]`.

        `other` holds the same copies of the same blocks in another order or grouping, such as `rep.sort()` or
        `rep.simplify()`; copies of one block keep their order. Raises `RepMismatchError` if the contents differ.
        """
        copies: dict[Block, list[np.ndarray]] = {}
        for (m, block), where in zip(self.terms, self.slices, strict=True):
            grid = np.arange(where.start, where.stop).reshape(block.dim, m)
            copies.setdefault(block, []).extend(grid.T)
        index = []
        for m, block in other.terms:
            taken, copies[block] = copies.get(block, [])[:m], copies.get(block, [])[m:]
            index.append(np.array(taken).reshape(len(taken), block.dim).T.reshape(-1))
            if len(taken) != m:
                break
        if sum(map(len, index)) != self.dim or other.dim != self.dim:
            raise RepMismatchError(
                f"The reps {self} and {other} do not hold the same copies of the same blocks. "
                "Pass rep.sort(), rep.simplify() or another order of the same terms."
            )
        return np.concatenate([np.arange(0), *index])

    def restrict(self, subgroup: Subgroup) -> Rep:
        """The same features as a rep of a subgroup: the numbers stay, the group shrinks.

        Raises `RepMismatchError` if the subgroup lies in another group, and `ArgumentError` for a name or a group.

        >>> from intertwine.catalog import O3
        >>> print(O3.rep("1x1o").restrict(O3.subgroup("Cinfv")).irreps)  # a vector: z, and (x, y)
        1x0e + 1x1
        """
        if not isinstance(subgroup, Subgroup):
            alike = getattr(subgroup, "dim", 0) == self.group.dim  # so that it may be a subgroup by its own name
            own = subgroup if isinstance(subgroup, str) else getattr(subgroup, "name", "") if alike else ""
            name = own or ("Cinfv" if self.group.dim == 3 else "C4")
            raise ArgumentError(
                f"restrict takes a Subgroup, which says how the smaller group lies in {self.group}, but got "
                f"{subgroup!r}. Call rep.restrict(rep.group.subgroup({name!r})), or another name."
            )
        if subgroup.parent != self.group:
            raise RepMismatchError(
                f"{subgroup.name} is a subgroup of {subgroup.parent}, but the rep belongs to {self.group}. "
                f"Call {self.group}.subgroup(name), or compose subgroups with inner.within(outer)."
            )
        terms = [(m * n, part) for m, block in self.terms for n, part in restrict(block, subgroup)]
        return Rep(subgroup.group, tuple(terms))

    @overload
    def __getitem__(self, index: int) -> tuple[int, Block]: ...
    @overload
    def __getitem__(self, index: slice) -> Rep: ...
    def __getitem__(self, index: int | slice) -> tuple[int, Block] | Rep:
        """The term (multiplicity, block) at a place, or the rep of a range of terms."""
        return Rep(self.group, self.terms[index]) if isinstance(index, slice) else self.terms[index]


def as_rep(x: Rep | Irrep) -> Rep:
    """A rep as it is, an irrep as the rep of one copy."""
    if isinstance(x, Irrep):
        return Rep(x.group, ((1, x),))
    if not isinstance(x, Rep):
        raise ArgumentError(f"A rep was expected, but got {x!r}. Make one with group.rep('16x0e + 8x1o').")
    return x


def parse_rep(group: Group, text: str, named: Named | None = None) -> Rep:
    """The rep that a text such as "16x0e + 8x1o" or "8xregular" names: see `parse_terms`."""
    return Rep(group, parse_terms(group, text, named))
