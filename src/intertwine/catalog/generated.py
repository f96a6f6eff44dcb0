"""Groups that matrices generate, finite or continuous, and their irreps."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce

import numpy as np

from intertwine._arrays import Array, Table, read_only
from intertwine.catalog.with_reps import GroupWithReps, no_irrep
from intertwine.catalog.words import LETTERS, letters
from intertwine.errors import ArgumentError
from intertwine.groups.finite import closure
from intertwine.groups.group import Seed, generator, orthogonality_residual
from intertwine.groups.rotations import exponential
from intertwine.reps.burnside import TRIVIAL, GrownIrrep, grow, grown_matrices
from intertwine.reps.decomposition import RANDOM_ELEMENTS


@dataclass(frozen=True, repr=False)
class GeneratedGroup(GroupWithReps, ABC):
    """The compact group that a Lie algebra and some single matrices generate.

    Irreps are grown from the matrices: those of degree k + 1 are what is new in V ⊗ σ for the irreps σ of degree k
    (Burnside, Brauer). They are named by their degrees, with a letter where there are several, "0" (trivial), "1",
    "2a", "2b", where the group has no names of its own.

    Args:
        title: the name.
        lie: an orthonormal basis `(k, n, n)` of the Lie algebra.
        discrete: single generators `(m, n, n)`.
        names: the labels in the order in which irreps are found; none for degree and letter.
        source: Python that evaluates to it.
    """

    title: str
    lie: Table
    discrete: Table
    names: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        return self.title

    @property
    def dim(self) -> int:
        return int(self.discrete.array.shape[-1])

    @cached_property
    def order(self) -> int | float:
        return math.inf if len(self.lie.array) else len(self.elements())

    @property
    def lie_generators(self) -> np.ndarray:
        return self.lie.array.copy()

    @property
    def generators(self) -> np.ndarray:
        """exp X for the basis of the Lie algebra, scaled so that the fastest turn is by one radian; then the others."""
        turns = [exponential(x / np.linalg.norm(x, 2)) for x in self.lie.array]
        return np.concatenate([np.array(turns).reshape(-1, self.dim, self.dim), self.discrete.array])

    def elements(self) -> np.ndarray:
        """All elements of a finite group, in the order of their shortest words, the identity first."""
        return super().elements() if len(self.lie.array) else _elements(self.discrete).copy()

    @property
    def has_quadrature(self) -> bool:
        """For the finite ones: an exact quadrature of a continuous one would need very many elements."""
        return self.is_finite

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n random elements `(n, dim, dim)`, uniform in the Haar measure.

        The same elements on each call: pass a seed (an integer or a numpy generator) to get others.
        Of a continuous group they are products of 32 random exponentials and random powers of the single generators:
        uniform up to an error that falls exponentially in the number of factors.
        """
        return super().sample(n, seed) if self.is_finite else _walk(self, n, generator(seed))

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """All elements of a finite group; else random elements with the smallest weights that average exactly.

        Weights solve `Σ w σ(g) = 0` for all irreps σ but the trivial one up to the degree; a few may be negative.
        Raises `ArgumentError` where that takes more than 20 000 elements.
        """
        if self.is_finite:
            return super().quadrature(degree)
        g, weights = _solved_quadrature(self, int(degree))
        return g.copy(), weights.copy()

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """Finite: the distance to the nearest element. Continuous: how far g moves the invariant tensors."""
        if self.is_finite:
            return self.table.distance(g)
        defect = np.maximum(orthogonality_residual(g), invariance_defect(_invariants(self), g))
        return np.asarray(np.maximum(defect, np.abs(np.linalg.det(g) - 1)) if self.is_proper else defect)

    # irreps ----------------------------------------------------------------------------------------------------------

    def _place(self, label: str) -> int:
        """The number of an irrep in the order of growth."""
        text = str(label).strip()
        degree = int(digits) if (digits := text.rstrip(LETTERS)).isdecimal() else 0
        known = _labels(self, len(self.names) if self.names else degree)
        if text not in known:
            raise no_irrep(self, label, 2)
        return known.index(text)

    def _grown(self, label: str) -> GrownIrrep:
        place = self._place(label)
        degree = next(d for d in range(place + 1) if len(_grown(self, d)) > place)
        return _grown(self, degree)[place]

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree, those of one degree by dimension: a degree, and a letter where there are several.

        The degree is the smallest k such that the k-th tensor power of the defining rep contains the irrep.
        """
        return _labels(self, degree)

    def canonical_label(self, label: str) -> str:
        self._place(label)
        return str(label).strip()

    def label_key(self, label: str) -> tuple[int, ...]:
        """The order of growth: by degree, then by dimension."""
        return (self._place(label),)

    def irrep_degree(self, label: str) -> int:
        return self._grown(label).degree

    def irrep_dim(self, label: str) -> int:
        return self._grown(label).dim

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        return self._grown(label).endomorphisms.array

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """Compressed tensor powers of g."""
        places = {label: self._place(label) for label in labels}
        top = max((self.irrep_degree(label) for label in labels), default=0)
        matrices = grown_matrices(_grown(self, top), tuple(places.values()), g)
        return {label: matrices[place] for label, place in places.items()}

    def __repr__(self) -> str:
        return self.source


@cache
def _elements(discrete: Table) -> np.ndarray:
    return closure(discrete.array)


@cache
def _grown(group: GeneratedGroup, degree: int) -> tuple[GrownIrrep, ...]:
    """All irreps up to a degree."""
    irreps: tuple[GrownIrrep, ...] = (TRIVIAL,)
    for last in range(degree):
        if irreps[-1].degree < last or _fills(group, irreps):
            break  # nothing was new one degree before, so nothing will be
        irreps += _more(group, irreps)
    return irreps


@cache
def _more(group: GeneratedGroup, irreps: tuple[GrownIrrep, ...]) -> tuple[GrownIrrep, ...]:
    """The irreps of the next degree."""
    return grow(irreps, _samples(group))


@cache
def _samples(group: GeneratedGroup) -> np.ndarray:
    return group.elements() if group.order <= 2 * RANDOM_ELEMENTS else group.sample(RANDOM_ELEMENTS)


def _fills(group: GeneratedGroup, irreps: tuple[GrownIrrep, ...]) -> bool:
    """Whether the squares of the dimensions, over the real type, add up to the order."""
    return group.is_finite and sum(i.dim**2 // len(i.endomorphisms.array) for i in irreps) == group.order


@cache
def _labels(group: GeneratedGroup, degree: int) -> tuple[str, ...]:
    irreps = _grown(group, min(degree, int(group.order)) if group.is_finite else degree)
    if group.names:
        return group.names[: len(irreps)]
    together: dict[int, int] = {}
    for irrep in irreps:
        together[irrep.degree] = together.get(irrep.degree, 0) + 1
    endings = {d: iter(letters(count)) for d, count in together.items()}
    return tuple(f"{irrep.degree}{next(endings[irrep.degree])}" for irrep in irreps)


# continuous groups ----------------------------------------------------------------------------------------------------


_STEPS = 32
_POWERS = 840  # the numbers up to 8 divide it


def _walk(group: GeneratedGroup, n: int, rng: np.random.Generator) -> np.ndarray:
    """Elements `(n, dim, dim)` after random steps along the Lie algebra and by random powers of the single ones."""
    basis = group.lie.array / np.linalg.norm(group.lie.array, 2, (-2, -1))[:, None, None]
    g = np.broadcast_to(np.eye(group.dim), (n, group.dim, group.dim))
    for _ in range(_STEPS):
        for powers in _powers(group.discrete):
            g = g @ powers[rng.integers(_POWERS, size=n)]
        g = g @ exponential(np.einsum("ck,kij->cij", rng.normal(0, 2, (n, len(basis))), basis))
    return g


@cache
def _powers(discrete: Table) -> np.ndarray:
    """The powers 0 … 839 of some matrices, `(m, 840, n, n)`."""
    found = [np.broadcast_to(np.eye(discrete.array.shape[-1]), discrete.array.shape)]
    while len(found) < _POWERS:
        found.append(found[-1] @ discrete.array)
    return read_only(np.stack(found, 1))


Tensors = tuple[np.ndarray, ...]


@cache
def _invariants(group: GeneratedGroup) -> Tensors:
    """Bases `(m, n, …, n)` of the tensors of rank 1 to 4 that a group fixes, as far as they have at most 1300 entries.

    A compact linear group is the set of matrices that fix its invariant tensors, if enough of them are taken
    (Chevalley's theorem on algebraic groups). With these few, matrices of a somewhat larger group may pass.
    """
    samples, size, found = _samples(group), group.dim, []
    for rank in range(1, 5):
        if size**rank <= 1300:
            mean = sum(reduce(np.kron, [g] * rank) for g in samples) / len(samples)
            values, vectors = np.linalg.eigh((mean + mean.T) / 2)
            found.append(vectors.T[values > 1 - 1e-8].reshape(-1, *[size] * rank))
    return tuple(found)


def invariance_defect(tensors: Tensors, g: np.ndarray) -> np.ndarray:
    """The largest change `(...)` of an entry of invariant tensors under matrices `(..., n, n)`."""
    defect = np.zeros(g.shape[:-2])
    for basis in tensors:
        for tensor in basis:
            moved = np.broadcast_to(tensor, (*g.shape[:-2], *tensor.shape))
            rank = tensor.ndim
            for _ in range(rank):  # multiply the last axis by g and move it to the front
                flat = moved.reshape(*g.shape[:-2], g.shape[-1] ** (rank - 1), g.shape[-1]) @ g.swapaxes(-1, -2)
                moved = np.moveaxis(flat.reshape(*g.shape[:-2], *tensor.shape), -1, -rank)
            defect = np.maximum(defect, np.abs(moved - tensor).max(tuple(range(-rank, 0))))
    return defect


@cache
def _solved_quadrature(group: GeneratedGroup, degree: int) -> tuple[np.ndarray, np.ndarray]:
    irreps = _grown(group, degree)
    conditions = sum(irrep.dim**2 for irrep in irreps)
    if 2 * conditions > 20_000:
        raise ArgumentError(
            f"A quadrature of {group} that is exact to degree {degree} needs {2 * conditions} elements; the limit is "
            "20000. Call sample(n, seed) for random elements."
        )
    g = group.sample(2 * conditions + 8)
    matrices = grown_matrices(irreps, range(len(irreps)), g)
    rows = np.concatenate([m.reshape(len(g), -1) for m in matrices.values()], 1).T
    target = np.zeros(len(rows))
    target[0] = 1.0
    start = np.full(len(g), 1 / len(g))
    weights = start + np.linalg.lstsq(rows, target - rows @ start, rcond=1e-10)[0]
    return read_only(g), read_only(weights)
