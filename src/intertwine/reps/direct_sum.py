"""Ordered direct sums of multiples of blocks: their numbers, their matrices, and the features they act on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Self

import numpy as np

from intertwine._arrays import Array, like, namespace, read_only
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Group, Subgroup
from intertwine.reps.irrep import Block, Irrep, matrix_trace
from intertwine.reps.reading import label_of

Terms = tuple[tuple[int, Block], ...]
"""The multiplicities and blocks of a rep."""


@dataclass(frozen=True, repr=False)
class DirectSum(ABC):
    """A rep as far as its terms alone say what it is; `Rep`, which is final, adds what makes new reps of it.

    Tensor products are blocks whose factors are reps, so blocks stand between the two.
    """

    group: Group
    terms: Terms

    def __post_init__(self) -> None:
        for multiplicity, block in self.terms:
            if not isinstance(block, Block):
                raise ArgumentError(f"A term of a rep is a multiplicity and a block, but got the block {block!r}.")
            if block.group != self.group:
                raise RepMismatchError(
                    f"A rep of {self.group} cannot contain {block.name} of {block.group}. "
                    "Call rep.restrict(subgroup) to bring reps to a common group."
                )
            if not isinstance(multiplicity, int | np.integer) or multiplicity < 1:
                raise ArgumentError(
                    f"A multiplicity is a positive integer, but got {multiplicity!r} for {block.name}. "
                    "Leave the term out for none."
                )
        object.__setattr__(self, "terms", tuple([(int(m), block) for m, block in self.terms]))

    # numbers ---------------------------------------------------------------------------------------------------------

    @cached_property
    def dim(self) -> int:
        """The dimension: the size of the last axis of a feature."""
        return sum(m * block.dim for m, block in self.terms)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each term lies on the last axis of a feature."""
        ends = np.cumsum([0, *(m * block.dim for m, block in self.terms)]).tolist()
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @cached_property
    def isotypic(self) -> tuple[tuple[int, Irrep], ...]:
        """The irreps that it is made of with their multiplicities, sorted, each irrep once."""
        counts: dict[Irrep, int] = {}
        for m, block in self.terms:
            for n, irrep in block.content:
                counts[irrep] = counts.get(irrep, 0) + m * n
        return tuple((counts[irrep], irrep) for irrep in sorted(counts, key=lambda i: i.key))

    @cached_property
    def irreps(self) -> Self:
        """The irreps that it is made of, sorted and gathered: an isomorphic rep in irrep coordinates."""
        return self if self.terms == self.isotypic else type(self)(self.group, self.isotypic)

    def count(self, irrep: Irrep | str) -> int:
        """How many times an irrep is contained; `irrep in rep` asks whether it is."""
        label = label_of(self.group, irrep)
        return sum(m for m, found in self.isotypic if found.label == label)

    @property
    def degree(self) -> int:
        """The largest degree among its irreps."""
        return max((irrep.degree for _, irrep in self.isotypic), default=0)

    @property
    def is_trivial(self) -> bool:
        """Whether the group acts as the identity: all features are invariants."""
        return all(irrep.is_trivial for _, irrep in self.isotypic)

    # the action ------------------------------------------------------------------------------------------------------

    def matrix(self, g: Array) -> Array:
        """The matrices ρ(g) `(..., dim, dim)` at elements `(..., n, n)`.

        Takes numpy arrays and torch tensors (differentiable), any batch shape; feature columns are moved by
        `ρ(g) @ x`. Raises `ElementError` if g is not in the group.
        """
        return self.evaluate(self.group.require(g))

    def evaluate(self, g: Array) -> Array:
        """`matrix` without the check that g is in the group; it also serves inside torch.func transforms."""
        known = self.group.irrep_matrices(tuple(irrep.label for _, irrep in self.isotypic), g)
        pieces = [known[block.label] if isinstance(block, Irrep) else block.evaluate(g) for _, block in self.terms]
        return self._direct_sum(g, pieces)

    def _direct_sum(self, g: Array, pieces: Sequence[Array]) -> Array:
        """The block-diagonal matrices with one piece `(..., block dim, block dim)` per term, on each of its copies."""
        out = _zeros(g, self.dim)
        for (m, _), where, small in zip(self.terms, self.slices, pieces, strict=True):
            copies = small[..., :, None, :, None] * like(np.eye(m), small)[:, None, :]
            out[..., where, where] = copies.reshape((*small.shape[:-2], m * small.shape[-2], m * small.shape[-1]))
        return out

    def lie_matrix(self, x: Array) -> np.ndarray:
        """The derivative `(..., dim, dim)` of the rep along Lie algebra elements `(..., n, n)`: dρ(X).

        `ρ(exp X) = exp dρ(X)`. Raises `ElementError` if X is not in the Lie algebra.
        """
        x = self.group.require_lie(x)
        inner = self.irreps._direct_sum(x, [irrep.lie_matrix(x) for _, irrep in self.isotypic])
        return np.asarray(self.change_of_basis @ inner @ self.change_of_basis.T)

    def character(self, g: Array) -> Array:
        """The trace of ρ(g), `(...)`, at elements `(..., n, n)`."""
        g = self.group.require(g)
        matrices = self.group.irrep_matrices(tuple(irrep.label for _, irrep in self.isotypic), g)
        total = _zeros(g, 1)[..., 0, 0]
        for m, irrep in self.isotypic:
            total = total + m * matrix_trace(matrices[irrep.label])
        return total

    @cached_property
    def isotypic_index(self) -> np.ndarray:
        """The permutation to irrep coordinates, once each block is in its own: `x_irreps = x_content[..., index]`."""
        places: dict[str, list[np.ndarray]] = {}
        start = 0
        for m, block in self.terms:
            for n, irrep in block.content:
                size = irrep.dim * n * m
                places.setdefault(irrep.label, []).append(np.arange(start, start + size).reshape(irrep.dim, n * m))
                start += size
        gathered = [np.concatenate(places[irrep.label], 1).reshape(-1) for _, irrep in self.isotypic]
        return read_only(np.concatenate([np.arange(0), *gathered]))

    @cached_property
    def change_of_basis(self) -> np.ndarray:
        """The orthogonal Q `(dim, dim)` with `ρ(g) = Q ρ_irreps(g) Qᵀ`, where ρ_irreps is `rep.irreps`."""
        out = np.zeros((self.dim, self.dim))
        for (m, block), where in zip(self.terms, self.slices, strict=True):
            basis = np.eye(block.dim) if block.basis is None else block.basis
            out[where, where] = np.kron(basis, np.eye(m))
        return read_only(out[:, self.isotypic_index])

    @property
    def copies(self) -> dict[Irrep, np.ndarray]:
        """For each irrep the isometries `(dim, irrep.dim, multiplicity)` onto its copies: the columns of Q."""
        basis = self.change_of_basis
        return {
            irrep: basis[:, where].reshape(self.dim, irrep.dim, m)
            for (m, irrep), where in zip(self.isotypic, self.irreps.slices, strict=True)
        }

    # features --------------------------------------------------------------------------------------------------------

    def split(self, x: Array) -> list[Array]:
        """The blocks of features `(..., dim)` as views `(..., multiplicity, block dimension)`, one per term."""
        self._check_features(x)
        out = []
        for (m, block), where in zip(self.terms, self.slices, strict=True):
            out.append(x[..., where].reshape((*x.shape[:-1], block.dim, m)).swapaxes(-1, -2))
        return out

    def join(self, parts: Iterable[Array]) -> Array:
        """The features `(..., dim)` of blocks `(..., multiplicity, block dimension)`; the inverse of `split`."""
        parts = list(parts)
        expected = [(m, block.dim) for m, block in self.terms]
        got = [tuple(part.shape[-2:]) for part in parts]
        if got != expected:
            raise ShapeError(
                f"The rep {self} joins blocks whose last two axes are {expected}, but got blocks with {got}. "
                "Call rep.split(x) to see the shapes."
            )
        if not parts:
            raise ArgumentError("A rep of dimension 0 has no blocks to join. Make an empty array of shape (..., 0).")
        flat = [part.swapaxes(-1, -2).reshape((*part.shape[:-2], -1)) for part in parts]
        return namespace(flat[0]).concatenate(flat, -1)

    def _check_features(self, x: Array) -> None:
        if x.ndim == 0 or x.shape[-1] != self.dim:
            raise ShapeError(
                f"The rep {self} has dimension {self.dim}, but got features of shape {tuple(x.shape)}. "
                "Put the channels on the last axis."
            )

    @abstractmethod
    def restrict(self, subgroup: Subgroup) -> Self:
        """The same features as a rep of a subgroup."""

    def __len__(self) -> int:
        return len(self.terms)

    def __iter__(self) -> Iterator[tuple[int, Block]]:
        return iter(self.terms)

    def __contains__(self, irrep: Irrep | str) -> bool:
        return self.count(irrep) > 0

    def __str__(self) -> str:
        return _text(self.terms)

    def __repr__(self) -> str:
        if not self.terms:
            return f"{self.group!r}.rep('')"
        pieces = []
        for readable, run in groupby(self.terms, lambda term: self._reads_back(term[1])):
            if readable:
                pieces.append(f"{self.group!r}.rep({_text(run)!r})")
            else:
                pieces += [block.expression if m == 1 else f"{m} * ({block.expression})" for m, block in run]
        return " + ".join(pieces)

    def _reads_back(self, block: Block) -> bool:
        """Whether `group.rep` finds a block by its name: irreps, and what is an attribute of the group."""
        return isinstance(block, Irrep) or block.expression == f"{self.group!r}.{block.name}"


def _text(terms: Iterable[tuple[int, Block]]) -> str:
    """The terms as `group.rep` reads them."""
    return " + ".join(f"{m}x{block.name}" for m, block in terms)


def _zeros(g: Array, dim: int) -> Array:
    """Zeros `(..., dim, dim)` of the kind of g; made from g so that torch follows gradients through assignments."""
    shape = (*g.shape[:-2], dim, dim)
    return g.new_zeros(shape) if hasattr(g, "new_zeros") else np.zeros(shape, g.dtype)
