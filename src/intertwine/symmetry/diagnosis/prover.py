"""What motions prove: which irreps are read, which transformations pass, how large an algebra does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from intertwine.catalog import SO2
from intertwine.groups import Group
from intertwine.groups.rotations import axis_rotation, exponential
from intertwine.reps import Irrep
from intertwine.symmetry.diagnosis.motions import Motion, Motions, antisymmetric_commutant, close, parts_alike
from intertwine.symmetry.diagnosis.propagation import Follower, InputPart, Network


@dataclass(frozen=True)
class Freedom:
    """What surely commutes with a network, or with some of its outputs, beyond the declared group.

    Args:
        dimension: the dimension of the Lie algebra of it all, where the input is read at all.
        declared: the dimension of the declared algebra there.
        factors: irreps of the inputs, and the whole classical group that acts on each by itself.
    """

    dimension: int
    declared: int
    factors: tuple[tuple[Irrep, str], ...]


class Prover:
    """What is certain about a network.

    Attributes:
        outputs: the irreps of the output.
        inputs: those of the inputs.
        opaque: the parts that are not understood, in words.
    """

    def __init__(self, network: Network) -> None:
        self.network, self.group = network, network.trial.rep.group
        self.outputs = [irrep for _, irrep in network.trial.rep.isotypic]
        self.reps = [(i, field.rep) for i, field in enumerate(network.trial.fields) if field.rep is not None]
        self.inputs: list[InputPart] = [(number, irrep) for number, rep in self.reps for _, irrep in rep.isotypic]
        self.still: dict[InputPart, Motion] = {place: np.eye(place[1].dim) for place in self.inputs}
        follower = Follower(network, self.still)
        self.seen = [*follower.run()]  # the irreps of the output that are not always zero
        self.opaque = tuple(follower.opaque)

    def _moved(self, start: Mapping[InputPart, Motion]) -> Motions:
        """How the irreps of the output move when some of those of the inputs do, and the others do not."""
        return Follower(self.network, {**self.still, **start}).run()

    @cached_property
    def reads(self) -> dict[Irrep, frozenset[InputPart]]:
        """What irreps of the output can depend on: that of which an unknown motion makes theirs unknown."""
        moved = {place: self._moved({place: None}) for place in self.inputs}
        return {irrep: frozenset(place for place in moved if moved[place][irrep] is None) for irrep in self.seen}

    def motions(self, matrix: np.ndarray) -> Motions:
        """How the irreps of the output move under a matrix on all inputs side by side; always zero ones are absent."""
        ends = np.cumsum([0, *(rep.dim for _, rep in self.reps)])
        start = dict[InputPart, Motion]()
        for (number, rep), (a, b) in zip(self.reps, pairwise(ends), strict=True):
            others = np.delete(matrix[a:b], np.arange(a, b), 1)
            for irrep, u, rest in parts_alike(rep, matrix[a:b, a:b]):
                from_others = rep.copies[irrep].reshape(rep.dim, -1).T @ others
                fine = all(close(x, 0 * x) for x in (rest, from_others, u @ u.T - np.eye(irrep.dim)))
                start[number, irrep] = u if fine else None
        return self._moved(start)

    @cached_property
    def elements(self) -> list[Motions]:
        """How the irreps of the output move under each generator of the group."""
        return [self._moved({p: np.asarray(p[1].matrix(g)) for p in self.inputs}) for g in self.group.generators]

    @cached_property
    def equivariant(self) -> bool:
        """Whether each generator of the group moves each irrep of the output by its own matrix."""
        each = zip(self.group.generators, self.elements, strict=True)
        return all(u is not None and close(u, irrep.matrix(g)) for g, found in each for irrep, u in found.items())

    @cached_property
    def free(self) -> dict[InputPart, tuple[list[Motions], Motions]]:
        """How outputs move under two generic elements of the classical group of one irrep, and under a reflection.

        Linear layers and norms cannot tell the group from O(d), U(d/2) or Sp(d/4), for the real types R, C and H: all
        that commutes with the endomorphisms. Two generic elements generate its identity component.
        """
        rng, found = np.random.default_rng(0), {}
        for place in self.inputs:
            turns, mirror = antisymmetric_commutant(place[1]), np.diag([-1.0] + [1.0] * (place[1].dim - 1))
            if len(turns):
                generic = [exponential(np.tensordot(rng.normal(size=len(turns)), turns, 1)) for _ in range(2)]
                found[place] = [self._moved({place: u}) for u in generic], self._moved({place: mirror})
        return found

    def freedom(self, *outputs: Irrep) -> Freedom:
        """The largest group of such factors that surely commutes with some outputs, default all, and its declared part.

        What the declared algebra does besides the factors passes too.
        """
        chosen = [irrep for irrep in outputs or self.outputs if irrep in self.seen]

        def passes(*many: Motions) -> bool:
            return all(motions[irrep] is not None for motions in many for irrep in chosen)

        read = frozenset[InputPart]().union(*(self.reads[irrep] for irrep in chosen))
        free = [place for place in self.inputs if place in read and place in self.free and passes(*self.free[place][0])]
        rest = [place for place in self.inputs if place in read and place not in free and passes(*self.elements)]
        return Freedom(
            dimension=sum(len(antisymmetric_commutant(irrep)) for _, irrep in free) + self._declared(rest),
            declared=self._declared([place for place in self.inputs if place in read]),
            factors=tuple((place[1], _classical(place[1], passes(self.free[place][1]))) for place in free),
        )

    def _declared(self, places: Sequence[InputPart]) -> int:
        """The dimension of the declared algebra on some irreps."""
        generators = self.group.lie_generators
        if not places or not len(generators):
            return 0
        rows = np.concatenate([irrep.lie_matrix(generators).reshape(len(generators), -1) for _, irrep in places], 1)
        return int(np.linalg.matrix_rank(rows, tol=1e-9))


def _classical(irrep: Irrep, reflects: bool) -> str:
    d = irrep.dim
    return {"R": f"{'O' if reflects else 'SO'}({d})", "C": f"U({d // 2})", "H": f"Sp({d // 4})"}[irrep.type]


# larger groups --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Extension:
    """One element that makes a group larger, and its natural matrix on each irrep.

    A rep of the smaller group does not say how the larger one acts: a vector and a pseudovector are one irrep of SO(3).
    The natural choice is that of harmonics: degree l by (−1)^l under inversion, mirrors that keep the first component.

    Args:
        name: the element, in words that say how it acts.
        group: the name of the larger group.
        on: its matrix on an irrep, None where the irrep is none of the larger group.
    """

    name: str
    group: str
    on: Callable[[Irrep], Motion]


def extensions(group: Group) -> tuple[Extension, ...]:
    """The natural larger groups of SO(3), T, O, I (with inversion), and of SO(2) and C_n (with mirrors, finer turns).

    >>> from intertwine.catalog import SO3, cyclic
    >>> [extension.group for extension in extensions(cyclic(4))], [extension.group for extension in extensions(SO3)]
    (['D4', 'C8', 'SO(2)'], ['O(3)'])
    """
    if group.dim == 3 and group.name in ("SO(3)", "T", "O", "I"):
        larger = "O(3)" if group.name == "SO(3)" else f"{group.name}h"
        return (Extension("inversion, (−1)^degree on each type", larger, lambda i: (-1.0) ** i.degree * np.eye(i.dim)),)
    if group.dim != 2 or not (group.name == "SO(2)" or (group.is_finite and group.is_proper)):
        return ()
    n = int(group.order) if group.is_finite else 0
    mirror = Extension(
        "mirror, diag(1, −1) on pairs", f"D{n}" if n else "O(2)", lambda i: np.diag([1.0, -1.0][: i.dim])
    )
    if not n:
        return (mirror,)
    finer = Extension(f"turn by 1/{2 * n} of a circle", f"C{2 * n}", lambda irrep: _turned(irrep, np.pi / n))
    return mirror, finer, Extension("turn by 1 radian", "SO(2)", lambda irrep: _turned(irrep, 1.0))


def _turned(irrep: Irrep, angle: float) -> Motion:
    """What the rotation by an angle does to the frequency of an irrep of C_n; none does to a lone change of sign."""
    if irrep.dim == 1 and irrep.degree:
        return None
    return np.asarray(SO2.irrep(str(irrep.degree)).matrix(axis_rotation(2, angle)[:2, :2]))
