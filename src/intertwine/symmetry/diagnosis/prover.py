"""From facts to what they prove: which irreps are read, which transformations pass, how large an algebra does."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine.reps import Irrep
from intertwine.symmetry.diagnosis.domains import (
    EXACT,
    Facts,
    Flow,
    Flowing,
    Motion,
    Moving,
    Reading,
    Sources,
    common,
    parts_alike,
)
from intertwine.symmetry.diagnosis.graph import Traced
from intertwine.symmetry.diagnosis.propagation import Follower


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
    """What is certain about a network with a graph.

    Args:
        traced: the graph.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced, self.group = traced, traced.rep_out.group
        self.outputs = [irrep for _, irrep in traced.rep_out.isotypic]
        reps = [(number, rep) for number, rep in enumerate(traced.reps) if rep is not None]
        self.inputs = [(number, irrep) for number, rep in reps for _, irrep in rep.isotypic]
        ends = np.cumsum([0, *(rep.dim for _, rep in reps)])
        self.slices = {number: slice(a, b) for (number, _), a, b in zip(reps, ends[:-1], ends[1:], strict=True)}
        reading = Follower(traced, Reading(), lambda number, irrep: frozenset({(number, irrep)}))
        self.reads: Facts[Sources] = reading.run()
        self.opaque = tuple(reading.opaque)

    def numbers(self, places: Container[tuple[int, Irrep]]) -> int:
        """How many numbers of the inputs belong to some irreps of theirs."""
        return sum(
            m * irrep.dim
            for number, rep in enumerate(self.traced.reps)
            if rep is not None
            for m, irrep in rep.isotypic
            if (number, irrep) in places
        )

    # single transformations ------------------------------------------------------------------------------------------

    def motions(self, matrix: np.ndarray) -> Facts[Motion]:
        """How the irreps of the output move under a matrix on all inputs side by side; always zero ones are absent."""
        return self._moved({place: u for number in self.slices for place, u in self._started(number, matrix).items()})

    def _moved(self, start: Mapping[tuple[int, Irrep], Motion]) -> Facts[Motion]:
        """How the irreps of the output move when those of the inputs do."""
        return Follower(self.traced, Moving(), lambda number, irrep: start[number, irrep]).run()

    def _started(self, number: int, matrix: np.ndarray) -> dict[tuple[int, Irrep], Motion]:
        """How the irreps of one input move; None where copies differ, or others come in."""
        rep, where = self.traced.reps[number], self.slices[number]
        if rep is None:
            return {}
        others = np.delete(matrix[where], np.arange(where.start, where.stop), 1)
        found = dict[tuple[int, Irrep], Motion]()
        for irrep, u, rest in parts_alike(rep, matrix[where, where]):
            from_others = rep.copies[irrep].reshape(rep.dim, -1).T @ others
            defects = rest, from_others, u @ u.T - np.eye(irrep.dim)
            fine = all(np.abs(defect).max(initial=0.0) < EXACT for defect in defects)
            found[number, irrep] = u if fine else None
        return found

    @cached_property
    def equivariant(self) -> bool:
        """Whether each generator of the group moves each irrep of the output by its own matrix."""
        return all(self._follows(g) for g in self.group.generators)

    def _follows(self, g: np.ndarray) -> bool:
        facts = self._moved({(number, irrep): np.asarray(irrep.matrix(g)) for number, irrep in self.inputs})
        return all(u is not None and np.abs(u - irrep.matrix(g)).max() < EXACT for irrep, u in facts.items())

    # a whole algebra -------------------------------------------------------------------------------------------------

    @cached_property
    def flowing(self) -> tuple[Flowing, Facts[Flow]]:
        """The largest algebra that is asked about, and how it moves each irrep of the output."""
        logic = Flowing(self.traced.reps)
        return logic, Follower(self.traced, logic, logic.start).run()

    def freedom(self, *outputs: Irrep) -> Freedom:
        """The largest algebra that surely commutes with some outputs, default all."""
        logic, facts = self.flowing
        chosen = [irrep for irrep in outputs or self.outputs if irrep in facts]
        sure = np.eye(logic.size)
        for irrep in chosen:
            sure = common(sure, facts[irrep].sure)
        read = frozenset[tuple[int, Irrep]]().union(*(self.reads[irrep] for irrep in chosen))
        rows = np.concatenate([np.arange(0), *(np.arange(logic.size)[logic.places[place]] for place in read)])
        return Freedom(
            dimension=_rank(sure[rows]),
            declared=_rank(logic.coordinates(self.group.lie_generators).T[rows]),
            factors=self._factors(sure, read, chosen),
        )

    def _factors(self, sure: np.ndarray, read: Sources, outputs: Sequence[Irrep]) -> tuple[tuple[Irrep, str], ...]:
        """The irreps on which the whole group that commutes with their endomorphisms acts by itself."""
        logic, found = self.flowing[0], []
        for place in self.inputs:
            own = np.eye(logic.size)[:, logic.places[place]]
            if place in read and own.size and np.abs(own - sure @ (sure.T @ own)).max() < EXACT:
                d, kind = place[1].dim, place[1].type
                whole = f"{'O' if kind == 'R' and self._reflects(place, outputs) else 'SO'}({d})"
                found.append((place[1], {"R": whole, "C": f"U({d // 2})", "H": f"Sp({d // 4})"}[kind]))
        return tuple(found)

    def _reflects(self, place: tuple[int, Irrep], outputs: Sequence[Irrep]) -> bool:
        """Whether some outputs surely follow a reflection of the first component of one irrep of an input."""
        start: dict[tuple[int, Irrep], Motion] = {key: np.eye(key[1].dim) for key in self.inputs}
        start[place] = np.diag([-1.0] + [1.0] * (place[1].dim - 1))
        facts = self._moved(start)
        return all(facts[irrep] is not None for irrep in outputs)


def _rank(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix, tol=1e-9)) if matrix.size else 0
