"""Symmetry-breaking sets: inputs that take all symmetry from an input, chosen by nothing but its symmetry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.groups.finite import FiniteTable
from intertwine.groups.group import Seed, generator
from intertwine.reps import Rep
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.normaliser import complement, lie_algebra, normaliser
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.limits.orbit import first_distinct

CLEAR = 0.01
"""How far, relative to its length, every symmetry must move a vector that is to break it."""

TRIES = 32
"""Vectors that are tried."""


@dataclass(frozen=True, eq=False)
class SymmetryBreakingSet:
    """Vectors, closed under the normaliser of a symmetry group H, none of which any element of H but 1 keeps.

    Args:
        H: the symmetry that they break.
        normaliser: N_G(H), under which the set is closed.
        rep: the rep of the vectors.
        vectors: all of them `(k, rep.dim)`, one first; only that one if there are infinitely many.
        size: how many there are: |H| for an ideal set.
        ideal: whether they are one orbit of H, the smallest set there can be.
        why: why it is ideal or not, in words.
    """

    H: Subgroup
    normaliser: Subgroup
    rep: Rep
    vectors: np.ndarray
    size: float
    ideal: bool
    why: str

    @property
    def finite(self) -> bool:
        """Whether there are finitely many vectors."""
        return bool(np.isfinite(self.size))

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n of the vectors at random `(n, rep.dim)`, uniform over the set."""
        rng = generator(seed)
        if self.finite:
            return np.asarray(self.vectors[rng.integers(len(self.vectors), size=n)])
        g = self.normaliser.embed(self.normaliser.group.sample(n, rng))
        return np.asarray(self.rep.evaluate(g) @ self.vectors[0])

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        return {
            "H": self.H.name,
            "normaliser": self.normaliser.name,
            "rep": str(self.rep),
            "vectors": self.vectors.tolist(),
            "size": int(self.size) if self.finite else None,
            "ideal": self.ideal,
            "why": self.why,
        }

    def __str__(self) -> str:
        count = f"{int(self.size)} vectors" if self.finite else "infinitely many vectors"
        return (
            f"{count} of {self.rep} that break {self.H.name} to nothing, closed under its normaliser "
            f"{self.normaliser.name}\n{self.why}"
        )


def symmetry_breaking_set(found: Stabiliser | Subgroup, degree: int = 6) -> SymmetryBreakingSet:
    """Inputs that break a symmetry H completely, as a function of H alone: a set closed under N_G(H).

    A network that gets x and a random element of the set can give any output at all, and the pair is still moved as
    one: so its answers to x are distributed as symmetrically as x is. The set is ideal, one free orbit of H, if its
    vectors are fixed by a complement of H in N_G(H). Where there is none, the smallest set is larger, or infinite.

    Among the subgroups C of N that meet H in 1 only, large ones first, it takes one that fixes a vector which no
    element of H fixes, in an irrep of the lowest degree or else in a sum of irreps; its orbit under N is the set.

    Args:
        found: what `stabiliser` found, or a subgroup, H.
        degree: the largest degree of irreps that are tried.

    Raises `ArgumentError` if no irreps up to the degree hold such a vector.

    Source: Xie & Smidt 2024 (Equivariant symmetry breaking sets, TMLR), arXiv:2402.02681.

    >>> from intertwine.catalog import O3
    >>> print(symmetry_breaking_set(O3.subgroup("D3")))
    6 vectors of 1x1o that break D3 to nothing, closed under its normaliser D6h
    It is ideal: each vector is fixed by a complement of H in the normaliser, so they are one free orbit of H.
    """
    H = found.subgroup if isinstance(found, Stabiliser) else found
    group, whole = H.parent, normaliser(H)
    best = complement(H)
    why = "It is ideal: each vector is fixed by a complement of H in the normaliser, so they are one free orbit of H."
    if best is None:
        why = "It is not ideal: H has no complement in the normaliser, so no closed set is one free orbit of H."
    for same_size, ideal in _fixing(H, whole, best):
        for rep, fixing in product(_reps(group, degree), same_size):  # type: ignore[arg-type]
            if (vector := _breaking(H, fixing, rep)) is not None:
                why = why if ideal or best is None else _beyond(degree)
                return _set_of(H, whole, rep, vector, ideal, why)
    raise ArgumentError(
        f"No vector of the irreps of {group} up to degree {degree} is moved by every element of {H.name}. Pass a "
        "larger degree."
    )


def _beyond(degree: int) -> str:
    return f"It is not ideal: an ideal set exists, but not among vectors of degree {degree} or less."


def _fixing(H: Subgroup, whole: Subgroup, best: Subgroup | None) -> Iterator[tuple[list[np.ndarray], bool]]:
    """Elements of subgroups of N that meet H in 1 only, those of one size together, and whether they make it ideal."""
    if not whole.group.is_finite:
        if best is not None:
            yield [_generating(best)], True
        yield [np.eye(H.parent.dim)[None]], False
        return
    table = FiniteTable(Table(np.array(whole.embed(whole.group.elements()))))
    members = table.index(H.embed(H.group.elements()))
    for size, found in groupby(reversed(table.subgroup_classes), key=len):
        meeting = [table.elements[c] for c in found if len(np.intersect1d(c, members)) == 1]
        yield meeting, size * len(members) == len(table)


def _generating(subgroup: Subgroup) -> np.ndarray:
    """Elements that generate a subgroup, densely if it is continuous."""
    group = subgroup.group
    return subgroup.embed(group.elements() if group.is_finite else group.generators)


def _reps(group: CatalogGroup, degree: int) -> Iterator[Rep]:
    """Single irreps, small degrees first; then the sums of all up to a degree."""
    for irrep in group.irreps(degree):
        yield irrep.irreps
    for most in range(1, degree + 1):
        yield group.rep(" + ".join(f"1x{label}" for label in group.labels(most)))


def _breaking(H: Subgroup, fixing: np.ndarray, rep: Rep) -> np.ndarray | None:
    """Of some vectors of length 1 that some elements fix, the one that all of H but 1 moves the most; None if none."""
    conditions = (rep.evaluate(fixing) - np.eye(rep.dim)).reshape(-1, rep.dim)
    _, sizes, rows = np.linalg.svd(conditions)
    fixed = rows[int((sizes > 1e-8).sum()) :].T
    if not fixed.shape[1]:
        return None
    tried = generator(0).normal(size=(TRIES, rep.dim)) @ fixed @ fixed.T
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    if not H.group.is_finite:
        return next((v for v in tried[:2] if _moved_by_all(H, rep, v)), None)
    g = H.embed(H.group.elements())
    others = rep.evaluate(g[np.abs(g - np.eye(len(g[0]))).max((-1, -2)) > 1e-6])
    least = np.linalg.norm(tried @ others.swapaxes(-1, -2) - tried, axis=-1).min(0, initial=1.0)
    return np.asarray(tried[least.argmax()]) if least.max() > CLEAR else None


def _moved_by_all(H: Subgroup, rep: Rep, vector: np.ndarray) -> bool:
    """Whether every element of a continuous H but the identity moves a vector."""
    if any(np.linalg.norm(rep.lie_matrix(x) @ vector) < CLEAR for x in lie_algebra(H)):
        return False
    found = stabiliser(vector, rep=rep)
    return not found.continuous and int(H.contains(found.elements, 1e-6).sum()) == 1


def _set_of(H: Subgroup, whole: Subgroup, rep: Rep, vector: np.ndarray, ideal: bool, why: str) -> SymmetryBreakingSet:
    """The orbit of a vector under the normaliser."""
    if ideal and H.group.is_finite:  # one orbit of H is all of it
        images = rep.evaluate(H.embed(H.group.elements())) @ vector
        return SymmetryBreakingSet(H, whole, rep, images, float(len(images)), ideal, why)
    if whole.group.is_finite:
        images = rep.evaluate(whole.embed(whole.group.elements())) @ vector
        images = images[first_distinct(images)]
        return SymmetryBreakingSet(H, whole, rep, images, float(len(images)), ideal, why)
    return SymmetryBreakingSet(H, whole, rep, vector[None], float("inf"), ideal, why)
