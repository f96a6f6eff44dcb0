"""What can be known of a feature without running a network, and how layers hand it on.

A fact is said of the part of a feature in one irrep, all copies alike. Two kinds are followed through a network: how
one given transformation of the input moves the part, and how a whole Lie algebra of them does. Parts that are always
zero bear no fact.
"""

# ruff: noqa: ARG002, D102 (a logic need not use all that a layer says, and overrides what is documented above)

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Generic, TypeVar

import numpy as np

from intertwine.reps import Irrep, Rep

CERTAIN = 1e-9
"""Tables of coefficients satisfy their equations to rounding; what is further off does not hold."""

Fact = TypeVar("Fact")
Facts = dict[Irrep, Fact]
"""The facts of a feature, for each irrep that is in it and not always zero."""

Place = tuple[int, Irrep]
"""The number of an input, and an irrep in it."""

Factors = Sequence[tuple[Fact, Fact, np.ndarray]]
"""The facts of two factors, and the tables `(n, d_1, d_2, d)` by which they multiply."""


class Logic(ABC, Generic[Fact]):
    """How one kind of fact passes through layers. Each rule must hold for all inputs and all weights."""

    @abstractmethod
    def constant(self, dim: int) -> Fact:
        """The fact of a part of dimension `dim` that does not depend on the input."""

    @abstractmethod
    def sum(self, facts: Sequence[Fact]) -> Fact:
        """That of a sum, or of copies side by side: they must be alike."""

    @abstractmethod
    def linear(self, fact: Fact, irrep: Irrep) -> Fact:
        """That of any linear map between copies of an irrep."""

    @abstractmethod
    def function(self, facts: Sequence[Fact], dim: int) -> Fact:
        """That of any function of some parts, with values in a part of dimension `dim`."""

    @abstractmethod
    def scaled(self, fact: Fact, by: Fact, parity: int) -> Fact:
        """That of a part times a function, of a parity, of invariants."""

    @abstractmethod
    def product(self, factors: Factors[Fact]) -> Fact:
        """That of any bilinear map given by tables."""

    @abstractmethod
    def lifted(self, facts: Facts[Fact], action: Rep, harmonics: Rep, space: Rep) -> Facts[Fact]:
        """Those of the harmonics of a vector; `space` is the same harmonics as a rep of all of O(n)."""

    @abstractmethod
    def stretched(self, facts: Facts[Fact]) -> Facts[Fact]:
        """Those of a block times a function of its length."""

    @abstractmethod
    def applied(self, facts: Facts[Fact], before: Rep, after: Rep, parity: int) -> Facts[Fact]:
        """Those of a function, of a parity, of each number of a block."""


# one transformation ---------------------------------------------------------------------------------------------------

Motion = np.ndarray | None
"""The orthogonal matrix `(d, d)` that moves every copy of an irrep, or None where nothing can be said."""


class Moving(Logic[Motion]):
    """How a part moves when a given transformation moves the input."""

    def constant(self, dim: int) -> Motion:
        return np.eye(dim)

    def sum(self, facts: Sequence[Motion]) -> Motion:
        first = facts[0]
        alike = all(first is not None and u is not None and close(u, first) for u in facts)
        return first if alike else None

    def linear(self, fact: Motion, irrep: Irrep) -> Motion:
        """By Schur's lemma maps between copies are made of endomorphisms; the motion must commute with them."""
        commutes = fact is not None and all(close(fact @ e, e @ fact) for e in irrep.endomorphisms)
        return fact if commutes else None

    def function(self, facts: Sequence[Motion], dim: int) -> Motion:
        """Only what does not move at all is certain to leave any function of it unmoved."""
        still = all(u is not None and close(u, np.eye(len(u))) for u in facts)
        return np.eye(dim) if still else None

    def scaled(self, fact: Motion, by: Motion, parity: int) -> Motion:
        if fact is None or by is None:
            return None
        if close(by, np.eye(1)):
            return fact
        return parity * fact if parity and close(by, -np.eye(1)) else None

    def stretched(self, facts: Facts[Motion]) -> Facts[Motion]:
        """Orthogonal motions keep every length."""
        known = all(u is not None for u in facts.values())
        return facts if known else dict.fromkeys(facts)

    def applied(self, facts: Facts[Motion], before: Rep, after: Rep, parity: int) -> Facts[Motion]:
        """A function of each number commutes with permutations, an odd one with changes of sign too."""
        whole = assembled(before, facts)
        signed = whole is not None and bool(np.isin(np.round(whole, 9), (-1, 0, 1)).all())
        if whole is None or not signed or (parity == 0 and (np.round(whole) < 0).any()):
            return {irrep: None for _, irrep in after.isotypic}
        return taken_apart(after, np.abs(whole) if parity == 1 else whole)

    def product(self, factors: Factors[Motion]) -> Motion:
        """The one motion u with `u C(x, y) = C(u_1 x, u_2 y)` for all tables C, if there is one."""
        before, after = [], []
        for a, b, tables in factors:
            if a is None or b is None:
                return None
            before.append(_flat(tables))
            after.append(_flat(np.einsum("nijk,ip,jq->npqk", tables, a, b, optimize=True)))
        old, new = np.concatenate(before), np.concatenate(after)
        u = np.linalg.lstsq(old, new, rcond=None)[0].T
        return u if close(old @ u.T, new) and close(u @ u.T, np.eye(len(u))) else None

    def lifted(self, facts: Facts[Motion], action: Rep, harmonics: Rep, space: Rep) -> Facts[Motion]:
        whole = assembled(action, facts)
        if whole is None:
            return {irrep: None for _, irrep in harmonics.isotypic}
        return taken_apart(harmonics, space.evaluate(whole))


def assembled(rep: Rep, motions: Mapping[Irrep, Motion]) -> np.ndarray | None:
    """The matrix `(dim, dim)` on features of a rep that moves all copies of each irrep by one motion.

    An irrep without a fact is always zero, so that any motion serves; None if one is unknown.
    """
    known = {irrep: motions.get(irrep, np.eye(irrep.dim)) for _, irrep in rep.isotypic}
    matrices = {irrep: u for irrep, u in known.items() if u is not None}
    return direct_sum(rep, matrices) if len(matrices) == len(known) else None


def direct_sum(rep: Rep, matrices: Mapping[Irrep, np.ndarray]) -> np.ndarray:
    """The matrices `(..., dim, dim)` on features of a rep that do `(..., d, d)` to each copy of each irrep."""
    q, whole = rep.change_of_basis, np.zeros((rep.dim, rep.dim))
    for (m, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        whole = whole + q[:, where] @ np.kron(matrices[irrep], np.eye(m)) @ q[:, where].T
    return whole


def taken_apart(rep: Rep, matrix: np.ndarray) -> Facts[Motion]:
    """The motion of each irrep under a matrix `(dim, dim)`; None where it differs between copies or mixes irreps."""
    return {
        irrep: u if close(rest, 0 * rest) and close(u @ u.T, np.eye(irrep.dim)) else None
        for irrep, u, rest in parts_alike(rep, matrix)
    }


def parts_alike(rep: Rep, matrix: np.ndarray) -> Iterator[tuple[Irrep, np.ndarray, np.ndarray]]:
    """For each irrep what matrices `(..., dim, dim)` do to all its copies on average, `(..., d, d)`, and what else."""
    q = rep.change_of_basis
    inner = q.T @ matrix @ q
    for (m, irrep), where in zip(rep.isotypic, rep.irreps.slices, strict=True):
        rows = inner[..., where, :].copy()
        own = rows[..., where].reshape(*rows.shape[:-2], irrep.dim, m, irrep.dim, m)
        u = np.einsum("...iaja->...ij", own) / m
        rows[..., where] -= np.kron(u, np.eye(m))
        yield irrep, u, rows


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree up to rounding."""
    return bool(np.abs(a - b).max(initial=0.0) < CERTAIN)


def _flat(tables: np.ndarray) -> np.ndarray:
    return tables.reshape(-1, tables.shape[-1])


# a Lie algebra of transformations -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Flow:
    """How an algebra with p parameters moves a part: which of its elements surely do, and how they do.

    Args:
        sure: an orthonormal basis `(p, r)` of the parameters for which it is known.
        rates: the antisymmetric matrix of each parameter, `(p, d, d)`; right on the span of `sure`.
    """

    sure: np.ndarray
    rates: np.ndarray


class Flowing(Logic[Flow]):
    """How a part moves under the largest algebra that linear layers and norms cannot tell from the group's own.

    Its parameters are, for each irrep of each input, the antisymmetric matrices that commute with the endomorphisms:
    so(d), u(d/2) or sp(d/4) for the real types R, C and H, moving all copies alike.

    Args:
        inputs: the irreps of the inputs.
    """

    def __init__(self, inputs: Sequence[Place]) -> None:
        ends = np.cumsum([0, *(len(antisymmetric_commutant(irrep)) for _, irrep in inputs)])
        self.places = {key: slice(a, b) for key, a, b in zip(inputs, ends[:-1], ends[1:], strict=True)}
        self.size = int(ends[-1])

    def start(self, number: int, irrep: Irrep) -> Flow:
        """That of an irrep of an input."""
        rates = self.constant(irrep.dim).rates
        rates[self.places[number, irrep]] = antisymmetric_commutant(irrep)
        return Flow(np.eye(self.size), rates)

    def coordinates(self, generators: np.ndarray) -> np.ndarray:
        """The parameters `(k, p)` of elements `(k, n, n)` of the group's own Lie algebra."""
        columns = np.zeros((len(generators), self.size))
        for (_, irrep), where in self.places.items() if len(generators) else ():
            basis = antisymmetric_commutant(irrep)
            columns[:, where] = np.einsum("kij,nij->kn", irrep.lie_matrix(generators), basis)
        return columns

    def constant(self, dim: int) -> Flow:
        return Flow(np.eye(self.size), np.zeros((self.size, dim, dim)))

    def sum(self, facts: Sequence[Flow]) -> Flow:
        first = facts[0]
        return self._where(facts, [other.rates - first.rates for other in facts[1:]], first.rates)

    def linear(self, fact: Flow, irrep: Irrep) -> Flow:
        return self._where([fact], [fact.rates @ e - e @ fact.rates for e in irrep.endomorphisms[1:]], fact.rates)

    def function(self, facts: Sequence[Flow], dim: int) -> Flow:
        return self._where(facts, [fact.rates for fact in facts], self.constant(dim).rates)

    def scaled(self, fact: Flow, by: Flow, parity: int) -> Flow:
        return self._where([fact, by], [by.rates], fact.rates)

    def stretched(self, facts: Facts[Flow]) -> Facts[Flow]:
        """Antisymmetric motions keep every length."""
        return {irrep: self._where([*facts.values()], [], fact.rates) for irrep, fact in facts.items()}

    def applied(self, facts: Facts[Flow], before: Rep, after: Rep, parity: int) -> Facts[Flow]:
        return {irrep: self.function([*facts.values()], irrep.dim) for _, irrep in after.isotypic}

    def product(self, factors: Factors[Flow]) -> Flow:
        """The Leibniz rule `X C(x, y) = C(X_1 x, y) + C(x, X_2 y)`, where one X serves all tables."""
        old = np.concatenate([_flat(tables) for *_, tables in factors])
        turned = [
            np.einsum("nijk,tip->tnpjk", tables, a.rates, optimize=True)
            + np.einsum("nijk,tjq->tniqk", tables, b.rates, optimize=True)
            for a, b, tables in factors
        ]
        new = np.concatenate([t.reshape(self.size, prod(t.shape[1:-1]), t.shape[-1]) for t in turned], 1)
        rates = np.swapaxes(np.linalg.pinv(old) @ new, -1, -2)
        facts = [fact for a, b, _ in factors for fact in (a, b)]
        return self._where(facts, [old @ np.swapaxes(rates, -1, -2) - new], rates)

    def lifted(self, facts: Facts[Flow], action: Rep, harmonics: Rep, space: Rep) -> Facts[Flow]:
        """The rates of the harmonics are linear in those of the vector."""
        rates = {irrep: self.constant(irrep.dim).rates for _, irrep in action.isotypic}
        vector = direct_sum(action, rates | {irrep: fact.rates for irrep, fact in facts.items()})
        whole = self.constant(harmonics.dim).rates
        for turn in _turns(action.dim):
            amount = np.einsum("tab,ab->t", vector, turn) / 2
            whole = whole + amount[:, None, None] * space.lie_matrix(turn)
        parts = parts_alike(harmonics, whole)
        return {irrep: self._where([*facts.values()], [rest], u) for irrep, u, rest in parts}

    def _where(self, facts: Sequence[Flow], vanishing: Sequence[np.ndarray], rates: np.ndarray) -> Flow:
        """Rates that are sure where all facts are and some tensors `(p, ...)`, linear in the parameters, vanish."""
        sure = np.eye(self.size)
        for fact in facts:
            sure = common(sure, fact.sure)
        conditions = [c.reshape(self.size, prod(c.shape[1:])).T @ sure for c in vanishing]
        return Flow(sure @ null_space(np.concatenate(conditions)) if conditions else sure, rates)


def null_space(matrix: np.ndarray) -> np.ndarray:
    """An orthonormal basis `(n, r)` of the vectors that a matrix `(m, n)` takes to zero."""
    if not matrix.size:
        return np.eye(matrix.shape[1])
    small = np.linalg.qr(matrix, mode="r") if len(matrix) > matrix.shape[1] else matrix
    _, values, rows = np.linalg.svd(small)
    return np.asarray(rows[int((values > CERTAIN).sum()) :].T)


def common(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """An orthonormal basis `(n, r)` of what two spans of orthonormal columns have in common."""
    if a.shape[1] == len(a) or b.shape[1] == len(b):
        return b if a.shape[1] == len(a) else a
    return np.asarray(a @ null_space(b @ (b.T @ a) - a))


def antisymmetric_commutant(irrep: Irrep) -> np.ndarray:
    """An orthonormal basis `(n, d, d)` of the antisymmetric matrices that commute with the endomorphisms of an irrep.

    so(d), u(d/2) or sp(d/4), of dimension d(d−1)/2, (d/2)² or (d/4)(d/2+1), for the real types R, C and H.
    """
    basis = _turns(irrep.dim) / np.sqrt(2)
    commutators = [(basis @ e - e @ basis).reshape(len(basis), -1).T for e in irrep.endomorphisms[1:]]
    if not commutators:
        return basis
    return np.tensordot(null_space(np.concatenate(commutators)).T, basis, 1)


def _turns(n: int) -> np.ndarray:
    """The antisymmetric matrices `(n(n−1)/2, n, n)` that turn one axis into another."""
    i, j = np.triu_indices(n, 1)
    basis = np.zeros((len(i), n, n))
    basis[np.arange(len(i)), i, j], basis[np.arange(len(i)), j, i] = 1.0, -1.0
    return basis
