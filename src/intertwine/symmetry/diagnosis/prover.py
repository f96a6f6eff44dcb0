"""From facts to what they prove: which irreps are read, which transformations pass, how large an algebra does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from intertwine.catalog import SO2
from intertwine.groups import Group
from intertwine.groups.rotations import axis_rotation
from intertwine.reps import Irrep
from intertwine.symmetry.diagnosis.domains import (
    Facts,
    Flow,
    Flowing,
    Motion,
    Moving,
    Place,
    close,
    common,
    parts_alike,
)
from intertwine.symmetry.diagnosis.propagation import Follower, Network


@dataclass(frozen=True)
class Freedom:
    """The largest Lie algebra that surely commutes with a network, or with some of its outputs.

    Args:
        dimension: its dimension, where the input is read at all.
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
        self.network, self.group = network, network.rep_out.group
        self.outputs = [irrep for _, irrep in network.rep_out.isotypic]
        self.reps = [(number, rep) for number, rep in enumerate(network.reps) if rep is not None]
        self.inputs: list[Place] = [(number, irrep) for number, rep in self.reps for _, irrep in rep.isotypic]
        self.still: dict[Place, Motion] = {place: np.eye(place[1].dim) for place in self.inputs}
        follower = self._follower(self.still)
        follower.run()
        self.opaque = tuple(follower.opaque)

    def _follower(self, start: Mapping[Place, Motion]) -> Follower[Motion]:
        return Follower(self.network, Moving(), lambda number, irrep: start[number, irrep])

    @cached_property
    def reads(self) -> dict[Irrep, frozenset[Place]]:
        """What irreps of the output can depend on: that of which an unknown motion makes theirs unknown."""
        moved = {place: self._follower({**self.still, place: None}).run() for place in self.inputs}
        found = self._follower(self.still).run()
        return {irrep: frozenset(place for place in moved if moved[place][irrep] is None) for irrep in found}

    def motions(self, matrix: np.ndarray) -> Facts[Motion]:
        """How the irreps of the output move under a matrix on all inputs side by side; always zero ones are absent."""
        ends = np.cumsum([0, *(rep.dim for _, rep in self.reps)])
        start = dict[Place, Motion]()
        for (number, rep), (a, b) in zip(self.reps, pairwise(ends), strict=True):
            others = np.delete(matrix[a:b], np.arange(a, b), 1)
            for irrep, u, rest in parts_alike(rep, matrix[a:b, a:b]):
                from_others = rep.copies[irrep].reshape(rep.dim, -1).T @ others
                fine = all(close(x, 0 * x) for x in (rest, from_others, u @ u.T - np.eye(irrep.dim)))
                start[number, irrep] = u if fine else None
        return self._follower(start).run()

    @cached_property
    def equivariant(self) -> bool:
        """Whether each generator of the group moves each irrep of the output by its own matrix."""
        return all(self._follows(g) for g in self.group.generators)

    def _follows(self, g: np.ndarray) -> bool:
        facts = self._follower({place: np.asarray(place[1].matrix(g)) for place in self.inputs}).run()
        return all(u is not None and close(u, irrep.matrix(g)) for irrep, u in facts.items())

    @cached_property
    def flowing(self) -> tuple[Flowing, Facts[Flow]]:
        """The largest algebra that is asked about, and how it moves each irrep of the output."""
        logic = Flowing(self.inputs)
        return logic, Follower(self.network, logic, logic.start).run()

    def freedom(self, *outputs: Irrep) -> Freedom:
        """The largest algebra that surely commutes with some outputs, default all."""
        logic, facts = self.flowing
        chosen = [irrep for irrep in outputs or self.outputs if irrep in facts]
        sure = np.eye(logic.size)
        for irrep in chosen:
            sure = common(sure, facts[irrep].sure)
        read = frozenset[Place]().union(*(self.reads[irrep] for irrep in chosen))
        rows = np.concatenate([np.arange(0), *(np.arange(logic.size)[logic.places[place]] for place in read)])
        declared = logic.coordinates(self.group.lie_generators).T
        factors = [(place[1], self._whole_group(place, sure, chosen)) for place in self.inputs if place in read]
        return Freedom(
            dimension=_rank(sure[rows]),
            declared=_rank(declared[rows]),
            factors=tuple((irrep, name) for irrep, name in factors if name is not None),
        )

    def _whole_group(self, place: Place, sure: np.ndarray, outputs: Sequence[Irrep]) -> str | None:
        """The name of the whole group that commutes with an irrep's endomorphisms, if it acts there by itself."""
        logic, (_, irrep) = self.flowing[0], place
        own = np.eye(logic.size)[:, logic.places[place]]
        if not own.size or not close(own, sure @ (sure.T @ own)):
            return None
        mirror = np.diag([-1.0] + [1.0] * (irrep.dim - 1))
        facts = self._follower({**self.still, place: mirror}).run()
        whole = "O" if irrep.type == "R" and all(facts[output] is not None for output in outputs) else "SO"
        return {"R": f"{whole}({irrep.dim})", "C": f"U({irrep.dim // 2})", "H": f"Sp({irrep.dim // 4})"}[irrep.type]


def _rank(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix, tol=1e-9)) if matrix.size else 0


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
