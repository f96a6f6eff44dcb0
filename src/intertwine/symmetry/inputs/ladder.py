"""Approximate symmetry as a ladder: which groups an input has, and up to which deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import for_json, to_numpy
from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import Cloud, Points
from intertwine.symmetry.inputs.crystals import bend, largest_kept, nearly_kept, telling
from intertwine.symmetry.inputs.isotropy_group import Source, Stabiliser
from intertwine.symmetry.inputs.stabiliser import checked_vector, cloud_stabilisers, rounding, stabiliser_of
from intertwine.symmetry.inputs.tolerances import DIGITS

_GAP = 1.2  # residuals that differ by less than this factor belong to one step
_DENSE = 1.5  # where residuals leave no gaps, one is tried in each interval of this factor


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
        return math.log10(max(self.until, DIGITS) / max(self.residual, DIGITS))


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
    rounding: float = DIGITS

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
        return {
            "group": self.group,
            "largest": self.largest,
            "rungs": [for_json(rung, "name", "order", "residual", "until") for rung in self.rungs],
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

    The elements with residuals up to `largest` are found first. Each group that they make up to some tolerance, larger
    than the one before, is a rung; so each rung is the stabiliser at its residual. The last one may be continuous:
    nearly a line, say.

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
    if not 0 <= largest < math.inf:
        raise ArgumentError(f"The largest residual is a finite number that is not negative, but got {largest}.")
    points = x if isinstance(x, Points) else Points(x, labels, None, cell)
    positions, rep = to_numpy(points.positions), None if rep is None else as_rep(rep)
    if positions.ndim == 1 and rep is not None:
        vector, near = checked_vector(positions, rep), alignments(positions, positions, rep, largest)
        steps = _dense(largest) if len(near.lie) else np.union1d(_jumps(near.residuals), DIGITS)
        return _climbed(_at(steps, vector), largest, largest, DIGITS)
    group = group or (rep.group if rep else O2 if positions.ndim == 2 and positions.shape[1] == 2 else O3)  # type: ignore[assignment]
    cloud = Cloud.of(points, group, rep)  # type: ignore[arg-type]
    most, least = min(largest, telling(cloud)), max(DIGITS, rounding(points))
    found = _of_cloud(cloud, most) if cloud.lattice is None else _of_crystal(cloud, most, least)
    return _climbed(found, largest, most, least)


def _dense(largest: float) -> np.ndarray:
    """Tolerances to try where it is not known at which ones the symmetry grows."""
    largest = max(largest, DIGITS)
    return np.geomspace(DIGITS, largest, max(2, 1 + round(5 * math.log10(largest / DIGITS))))


def _jumps(residuals: np.ndarray) -> np.ndarray:
    """Tolerances to try: residuals that are followed by a gap, and some of those that are too dense for gaps."""
    ascending = np.unique(np.maximum(residuals, DIGITS))
    chosen = [r for r, after in zip(ascending, [*ascending[1:], math.inf], strict=False) if after > _GAP * r]
    intervals = np.floor(np.log(ascending) / math.log(_DENSE))
    return np.union1d(chosen, ascending[np.flatnonzero(np.diff(intervals, append=math.inf))])


def _of_cloud(cloud: Cloud, largest: float) -> Iterator[tuple[float, Stabiliser]]:
    """The stabilisers of a cloud, and the tolerances from which on they count."""
    line = cloud.line[1]
    if line > DIGITS:
        yield from cloud_stabilisers(cloud, min(largest, line * (1 - 1e-9)))
    if line <= largest:
        steps = _dense(largest)
        yield from _at(steps[steps >= line], cloud)


def _of_crystal(cloud: Cloud, largest: float, least: float) -> Iterator[tuple[float, Stabiliser]]:
    """The stabilisers of a crystal, a layer or a rod: all operations are found once, at each step a group of them."""
    exact = stabiliser_of(cloud, least)
    yield least, exact
    if exact.continuous or largest <= least:
        return
    found, _ = nearly_kept(cloud, largest)
    steps, straight = _jumps(found.residuals[found.residuals <= largest]), bend(cloud)
    below = steps[(steps > least) & (steps < straight)]
    for tolerance in (below * (1 + 1e-9)).tolist():
        with suppress(ArgumentError):  # what is left at this tolerance is no group
            yield tolerance, largest_kept(cloud, found, tolerance)
    if straight <= largest:
        yield from _at(np.append(straight, steps[steps > straight]), cloud)


def _at(steps: np.ndarray, source: Source) -> Iterator[tuple[float, Stabiliser]]:
    """The stabilisers at growing tolerances, with these."""
    for tolerance in steps.tolist():
        try:
            yield tolerance, stabiliser_of(source, tolerance * (1 + 1e-9))
        except ArgumentError:
            if tolerance <= DIGITS:
                raise
            # what is left at this tolerance is no group, or points coincide


def _climbed(steps: Iterator[tuple[float, Stabiliser]], asked: float, largest: float, least: float) -> Ladder:
    """The rungs that stabilisers at growing tolerances are, each a larger group than the one before.

    Residuals are asked for up to one, looked at up to another, and say something from a third one on.
    """
    found: list[tuple[float, Stabiliser]] = []
    for tolerance, now in steps:
        residual = float(now.residuals.max(initial=0.0))
        residual = tolerance if now.continuous else residual if residual > DIGITS else 0.0
        exact = tolerance <= least
        if now.continuous and exact:
            raise ArgumentError(
                "The symmetry is continuous, and has no ladder of finite groups. Call stabiliser for its name."
            )
        if exact or (residual <= largest and (now.order, now.pieces) > (found[-1][1].order, found[-1][1].pieces)):
            found = [*found[: 0 if exact else None], (residual, now)]
    ends = [residual for residual, _ in found[1:]] + [asked]  # no rung beyond speaks against the last
    rungs = [Rung(s.name, s.order, residual, end) for (residual, s), end in zip(found, ends, strict=True)]
    wide = [rung for i, rung in enumerate(rungs) if i in (0, len(rungs) - 1) or rung.until > _GAP * rung.residual]
    return Ladder(found[0][1].group.name, tuple(wide), largest, least)
