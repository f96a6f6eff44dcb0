"""Approximate symmetry as a ladder: which groups an input has, and up to which deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import checked_cloud, cloud_symmetries, line_through
from intertwine.symmetry.inputs.naming import named_subgroup
from intertwine.symmetry.inputs.points import Points
from intertwine.symmetry.inputs.stabiliser import distances, stabiliser

ROUNDING = 1e-6
"""Residuals below this, the last digit of most files, count as zero."""


@dataclass(frozen=True)
class Rung:
    """A group of elements whose residuals are all below the next one's.

    Args:
        name: the group.
        order: the number of its elements.
        residual: the largest residual of them: how far the input is from having the symmetry.
        until: the smallest residual of the elements that it leaves out; for the last rung the largest looked at.
    """

    name: str
    order: int
    residual: float
    until: float

    @property
    def width(self) -> float:
        """How many powers of ten lie between the two residuals."""
        return math.log10(max(self.until, ROUNDING) / max(self.residual, ROUNDING))


@dataclass(frozen=True)
class Ladder:
    """The rungs of approximate symmetry, from the exact one to the largest.

    Args:
        group: the group that they are subgroups of.
        rungs: small groups first.
        largest: the largest residual that was looked at.
    """

    group: str
    rungs: tuple[Rung, ...]
    largest: float

    @property
    def best(self) -> Rung:
        """The rung with the widest gap above it; the trivial group if no other gap is a factor of 3.

        The identity has no residual at all, so the gap above it says nothing.
        """
        return max(self._ranked(), key=lambda rung: (rung.width, rung.order), default=self.rungs[0])

    def _ranked(self) -> list[Rung]:
        wide = [rung for rung in self.rungs if rung.order > 1 and rung.width > math.log10(3)]
        return sorted(wide, key=lambda rung: -rung.width)

    @property
    def ambiguous(self) -> tuple[Rung, Rung] | None:
        """The two best rungs, if no gap is clearly the widest (twice as wide in powers of ten); else None."""
        ranked = self._ranked()
        if len(ranked) < 2 or ranked[0].width > 2 * ranked[1].width:
            return None
        return ranked[0], ranked[1]

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and texts, for JSON."""
        rungs = [asdict(rung) for rung in self.rungs]
        return {
            "group": self.group,
            "largest": self.largest,
            "rungs": rungs,
            "best": self.best.name,
            "ambiguous": self.ambiguous is not None,
        }

    def __str__(self) -> str:
        rows = [("symmetry", "elements", "holds up to", "until")]
        for rung in self.rungs:
            until = f"{rung.until:.1e}" if rung.until < self.largest else f"> {self.largest:.1e}"
            residual = "rounding" if rung.residual <= ROUNDING else f"{rung.residual:.1e}"
            rows.append((rung.name, str(rung.order), residual, until))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if (pair := self.ambiguous) is not None:
            lines.append(f"ambiguous between {pair[0].name} and {pair[1].name}")
        else:
            lines.append(f"best: {self.best.name}")
        return "\n".join(lines)


def symmetry_ladder(
    x: np.ndarray | Points,
    labels: Sequence[int] | np.ndarray | None = None,
    rep: Rep | Irrep | None = None,
    *,
    cell: np.ndarray | None = None,
    group: CatalogGroup | None = None,
    largest: float = 0.1,
) -> Ladder:
    """The approximate symmetries of a cloud of points, a crystal, or a vector of a rep, as rungs of tolerance.

    All elements with a residual up to `largest` are found once; sorted by residual, those below each gap that form a
    group make a rung.

    Args:
        x: positions `(N, 2)` or `(N, 3)`, `Points`, or a vector `(rep.dim,)`.
        labels: a kind for each point.
        rep: the rep of a vector, or of the features of `Points`, which must move along.
        cell: the vectors of a crystal's cell, as rows: the rungs are then its space groups at growing tolerances.
        group: for clouds, SO(2), O(2), SO(3) or O(3). Default: that of `rep`, or O(2) or O(3).
        largest: the largest residual, relative to the size of the input.

    Raises `ArgumentError` for continuous symmetry (points on a line, a vector with an axis), whose name `stabiliser`
    gives.

    >>> nearly = np.array([[1.01, 1, 0], [-1.01, 1, 0], [-1.01, -1, 0], [1.01, -1, 0]])
    >>> [(rung.name, f"{rung.residual:.0e}") for rung in symmetry_ladder(nearly).rungs]
    [('D2h', '0e+00'), ('D4h', '1e-02')]
    """
    cloud = x if isinstance(x, Points) else Points(x, labels, None, cell)
    x, rep = to_numpy(cloud.positions), None if rep is None else as_rep(rep)
    if cloud.cell is not None:
        return _of_crystal(cloud, rep, group, largest)
    if rep is not None and x.ndim == 1:
        whole = rep.group
        found = alignments(x, x, rep, largest)
        _require_finite(len(found.lie) > 0, largest)
        elements, residuals = found.elements, found.residuals
    else:
        usual = O2 if x.ndim == 2 and x.shape[1] == 2 else O3
        whole = group or (usual if rep is None else rep.group)  # type: ignore[assignment]
        centred, kinds, features = checked_cloud(x, whole, cloud.labels, cloud.features, rep)
        _require_finite(line_through(centred, largest) is not None, largest)
        elements, permutations = cloud_symmetries(centred, kinds, whole, features, rep, largest)
        residuals = distances(centred, elements, permutations)
        if features is not None and rep is not None:
            off = distances(features, rep.evaluate(elements), permutations, whole=True)
            elements, residuals = elements[off <= largest], np.maximum(residuals, off)[off <= largest]
    if not isinstance(whole, CatalogGroup):
        raise ArgumentError(f"A group of the catalogue was expected, but {whole} came.")
    return Ladder(whole.name, _rungs(whole, elements, residuals, largest), largest)


def _of_crystal(crystal: Points, rep: Rep | None, group: CatalogGroup | None, largest: float) -> Ladder:
    """The space groups that spglib finds at five tolerances in each power of ten."""
    steps = np.geomspace(ROUNDING, largest, max(2, 1 + round(5 * math.log10(largest / ROUNDING))))
    found: dict[tuple[str, int], float] = {}
    for tolerance in steps:
        try:
            now = stabiliser(crystal, rep=rep, group=group, tolerance=float(tolerance))
        except ArgumentError:
            if not found:
                raise
            break  # so large a tolerance that atoms coincide
        residual = float(now.residuals.max(initial=0.0))
        found.setdefault((now.name, int(now.order)), residual if residual > ROUNDING else 0.0)
    rungs = sorted(((residual, order, name) for (name, order), residual in found.items()))
    ends = [residual for residual, _, _ in rungs[1:]] + [largest]
    return Ladder(
        now.group.name,
        tuple(Rung(name, order, residual, end) for (residual, order, name), end in zip(rungs, ends, strict=True)),
        largest,
    )


def _require_finite(continuous: bool, largest: float) -> None:
    if continuous:
        raise ArgumentError(
            f"Up to a deviation of {largest:g} the symmetry is continuous, and has no ladder of finite groups. Call "
            "stabiliser for its name, or pass a smaller `largest` if it is so only nearly."
        )


def _rungs(group: CatalogGroup, elements: np.ndarray, residuals: np.ndarray, largest: float) -> tuple[Rung, ...]:
    order = np.argsort(residuals, kind="stable")
    elements, residuals = elements[order], np.where(residuals[order] < ROUNDING, 0.0, residuals[order])
    found: list[Rung] = []
    for count in range(1, len(elements) + 1):
        until = float(residuals[count]) if count < len(elements) else largest
        if count < len(elements) and until <= 1.2 * max(float(residuals[count - 1]), 1e-9):
            continue  # no gap here
        subgroup = named_subgroup(group, elements[:count], group.lie_generators[:0])
        if subgroup is not None:
            found.append(Rung(subgroup.name, count, float(residuals[count - 1]), until))
    return tuple(found)
