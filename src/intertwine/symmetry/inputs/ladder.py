"""Approximate symmetry as a ladder: which groups an input has, and up to which deviation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import checked_cloud, line_through, nearly_symmetries
from intertwine.symmetry.inputs.crystals import bend, telling
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.points import Points
from intertwine.symmetry.inputs.stabiliser import (
    Stabiliser,
    distances,
    largest_kept,
    nearly_kept,
    rounding,
    stabiliser,
)

ROUNDING = 1e-6
"""Residuals below this, the last digit of most files, count as zero."""
GAP = 1.2
"""Residuals that differ by less than this factor belong to one step."""
DENSE = 1.5
"""Where residuals leave no gaps, one is tried in each interval of this factor."""


@dataclass(frozen=True)
class Rung:
    """A group of elements whose residuals are all below the next one's.

    Args:
        name: the group.
        order: the number of its elements; infinite for a continuous one.
        residual: the largest residual of them: how far the input is from having the symmetry.
        until: the smallest residual of the elements that it leaves out; for the last rung the largest asked for.
    """

    name: str
    order: float
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
        rounding: residuals up to this say nothing: the rounding of positions can cause them.
    """

    group: str
    rungs: tuple[Rung, ...]
    largest: float
    rounding: float = ROUNDING

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
        rungs = [{**asdict(rung), "order": None if rung.order == math.inf else int(rung.order)} for rung in self.rungs]
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
            residual = "rounding" if rung.residual <= self.rounding else f"{rung.residual:.1e}"
            rows.append((rung.name, "∞" if rung.order == math.inf else str(int(rung.order)), residual, until))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if (pair := self.ambiguous) is not None:
            lines.append(f"ambiguous between {pair[0].name} and {pair[1].name}")
        else:
            lines.append(f"best: {self.best.name}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Limits:
    """Residuals: the largest that is looked at, the largest asked for, and the least that says anything."""

    largest: float
    asked: float
    least: float


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

    The residuals of all elements up to `largest` are found first. At each gap between them, the stabiliser at that
    tolerance is a rung if it is larger than the one before. The last rung may be continuous: nearly a line, say.

    Args:
        x: positions `(N, 2)` or `(N, 3)`, `Points`, or a vector `(rep.dim,)`.
        labels: a kind for each point.
        rep: the rep of a vector, or of the features of `Points`, which must move along.
        cell: the vectors of a crystal's cell, as rows: the rungs are then its space groups. `Points` with a cell may
            also be layers and rods.
        group: for clouds, SO(2), O(2), SO(3) or O(3). Default: that of `rep`, or O(2) or O(3).
        largest: the largest residual, relative to the size of the input (see `stabiliser`); no more than a third of the
            median distance between nearest points of a kind, for from half of it on everything is symmetric.

    Raises `ArgumentError` for inputs whose exact symmetry is continuous (points on a line, a vector with an axis):
    `stabiliser` names it; and for a largest residual that is negative or not finite.

    >>> nearly = np.array([[1.01, 1, 0], [-1.01, 1, 0], [-1.01, -1, 0], [1.01, -1, 0]])
    >>> [(rung.name, f"{rung.residual:.0e}") for rung in symmetry_ladder(nearly).rungs]
    [('D2h', '0e+00'), ('D4h', '1e-02')]
    """
    asked = largest
    if not 0 <= largest < math.inf:
        raise ArgumentError(f"The largest residual is a finite number that is not negative, but {largest} came.")
    cloud = x if isinstance(x, Points) else Points(x, labels, None, cell)
    positions, rep = to_numpy(cloud.positions), None if rep is None else as_rep(rep)
    limits = Limits(largest, asked, ROUNDING)
    if positions.ndim != 1 or rep is None:
        group = group or (rep.group if rep else O2 if positions.ndim == 2 and positions.shape[1] == 2 else O3)  # type: ignore[assignment]
        limits = replace(limits, least=max(ROUNDING, rounding(cloud)))
        if (lattice := cloud.lattice) is not None:
            return _of_crystal(cloud, lattice, rep, group, limits)  # type: ignore[arg-type]
        largest = min(largest, _spacing(*checked_cloud(positions, group, cloud.labels, cloud.features, rep)[:2]))  # type: ignore[arg-type]
    steps = _jumps(_deviations(cloud, positions, group, rep, largest))
    if not len(steps):
        steps = np.geomspace(ROUNDING, largest, max(2, 1 + round(5 * math.log10(max(largest / ROUNDING, 1.0)))))
    x = positions if positions.ndim == 1 else cloud
    return _climbed(lambda t: stabiliser(x, rep=rep, group=group, tolerance=t), steps, replace(limits, largest=largest))


def _of_crystal(cloud: Points, lattice: Lattice, rep: Rep | None, group: CatalogGroup, limits: Limits) -> Ladder:
    """The ladder of a crystal, a layer or a rod: all operations are found once, and at each step a group of them."""
    exact = stabiliser(cloud, rep=rep, group=group, tolerance=limits.least)  # complains of what is no crystal
    points = to_numpy(cloud.positions)
    largest = min(limits.asked, telling(lattice, points, cloud.kinds))
    limits = replace(limits, largest=largest)
    if exact.continuous or largest <= limits.least:
        return _climbed(lambda _: exact, np.zeros(0), limits)
    found, _ = nearly_kept(cloud, lattice, rep, group, largest)
    steps, straight = _jumps(found.residuals[found.residuals <= largest]), bend(lattice, points)

    def at(tolerance: float) -> Stabiliser:
        if straight <= tolerance:
            return stabiliser(cloud, rep=rep, group=group, tolerance=tolerance)
        return largest_kept(group, found, tolerance, points)

    return _climbed(at, np.append(steps, straight) if straight <= largest else steps, limits)


def _spacing(centred: np.ndarray, kinds: np.ndarray) -> float:
    """A third of the median distance of points to the nearest of their kind; infinite where kinds are single points.

    Products of elements count up to twice a tolerance, and halfway between two points each has several partners.
    """
    from scipy.spatial import KDTree

    nearest = np.full(len(centred), np.inf)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        if len(members) > 1:
            nearest[members] = KDTree(centred[members]).query(centred[members], 2)[0][:, 1]
    return float(np.median(nearest)) / 3


def _deviations(
    cloud: Points, positions: np.ndarray, group: CatalogGroup | None, rep: Rep | None, largest: float
) -> np.ndarray:
    """The residuals of all elements that nearly leave an input as it is; none if these are not finitely many."""
    if positions.ndim == 1 and rep is not None:
        found = alignments(positions, positions, rep, largest)
        return np.zeros(0) if len(found.lie) else found.residuals
    if group is None:
        return np.zeros(0)
    centred, kinds, features = checked_cloud(positions, group, cloud.labels, cloud.features, rep)
    if line_through(centred, largest) is not None:
        return np.zeros(0)
    elements, permutations, residuals = nearly_symmetries(centred, kinds, group, largest)
    if features is not None and rep is not None:
        residuals = np.maximum(residuals, distances(features, rep.evaluate(elements), permutations, whole=True))
    return np.asarray(residuals[residuals <= largest])


def _jumps(residuals: np.ndarray) -> np.ndarray:
    """Tolerances to try: residuals that are followed by a gap, and some of those that are too dense for gaps."""
    ascending = np.unique(np.maximum(residuals, ROUNDING))
    chosen = [r for r, after in zip(ascending, [*ascending[1:], math.inf], strict=False) if after > GAP * r]
    intervals = np.floor(np.log(ascending) / math.log(DENSE))
    return np.union1d(chosen, ascending[np.flatnonzero(np.diff(intervals, append=math.inf))])


def _climbed(at: Callable[[float], Stabiliser], steps: np.ndarray, limits: Limits) -> Ladder:
    """The stabilisers at growing tolerances, each rung a larger group than the one before."""
    found: list[tuple[float, Stabiliser]] = []
    for tolerance in np.union1d(np.maximum(steps, limits.least), limits.least):
        try:
            now = at(float(tolerance) * (1 + 1e-9))
        except ArgumentError:
            if not found:
                raise
            continue  # what is left at this tolerance is no group, or points coincide
        residual = float(now.residuals.max(initial=0.0))
        residual = float(tolerance) if now.continuous else residual if residual > ROUNDING else 0.0
        if now.continuous and not found:
            raise ArgumentError(
                "The symmetry is continuous, and has no ladder of finite groups. Call stabiliser for its name."
            )
        if not found or (residual <= limits.largest and now.order > found[-1][1].order):
            found.append((residual, now))
    ends = [residual for residual, _ in found[1:]] + [limits.asked]  # no rung beyond speaks against the last
    rungs = [Rung(s.name, s.order, residual, end) for (residual, s), end in zip(found, ends, strict=True)]
    wide = [rung for i, rung in enumerate(rungs) if i in (0, len(rungs) - 1) or rung.until > GAP * rung.residual]
    return Ladder(found[0][1].group.name, tuple(wide), limits.largest, limits.least)
