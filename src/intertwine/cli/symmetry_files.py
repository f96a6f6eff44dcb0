"""What `intertwine symmetry` finds in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.cli.files import read_samples
from intertwine.cli.reading.sample import Sample
from intertwine.errors import ArgumentError, IntertwineError
from intertwine.symmetry import Ladder, Stabiliser, stabiliser, symmetry_ladder


@dataclass(frozen=True, eq=False)
class Found:
    """The symmetry of one structure.

    Args:
        exact: its symmetry up to the tolerance.
        ladder: its approximate symmetries; None where they are continuous, or features move along.
        nearly: the name of the largest approximate symmetry.
        deviation: how far the structure is from it, relative to its size; None where that is continuous.
    """

    exact: Stabiliser
    ladder: Ladder | None
    nearly: str
    deviation: float | None

    def to_dict(self) -> dict[str, object]:
        """Names, order and ladder, for JSON."""
        return {
            "symmetry": self.exact.name,
            "order": None if self.exact.continuous else int(self.exact.order),
            "tolerance": self.exact.tolerance,
            "deviation": float(self.exact.residuals.max(initial=0.0)),
            "nearly": {"symmetry": self.nearly, "deviation": self.deviation},
            "ladder": None if self.ladder is None else self.ladder.to_dict(),
        }

    def __str__(self) -> str:
        nearly = f"nearly {self.nearly}{self._off and ', deviation '}{self._off}"
        rest = self.ladder or (nearly if self.nearly != self.exact.name else "")
        return f"{self.exact}\n\n{rest}".rstrip()

    @property
    def _off(self) -> str:
        return "" if self.deviation is None else f"{self.deviation:.1e}"

    @property
    def row(self) -> tuple[str, ...]:
        """Its entries in a table."""
        count = "" if self.exact.permutations is None else str(self.exact.permutations.shape[1])
        order = "∞" if self.exact.continuous else str(self.exact.order)
        nearly = ("", "") if self.nearly == self.exact.name else (self.nearly, self._off)
        return count, self.exact.name, order, *nearly


@dataclass(frozen=True)
class Survey:
    """How files are looked at: the options of the command.

    Args:
        group: SO(2), O(2), SO(3), O(3), or None for O(2) or O(3).
        frame: which frame of trajectories, None for all.
        cell: whether structures in a periodic cell are crystals.
        form: the format of the files; none if their names say it.
        tolerance: the deviation up to which points count as symmetric.
        largest: the largest deviation of approximate symmetry.
    """

    group: CatalogGroup | None
    frame: int | None
    cell: bool
    form: str
    tolerance: float
    largest: float

    def look(self, file: Path) -> Iterator[tuple[str, Found | str]]:
        """What each frame of a file has, by its name; or the sentence that says why that is not known."""
        try:
            samples = read_samples(file, self.frame, cell=self.cell, form=self.form)
        except IntertwineError as error:
            yield str(file), str(error)
            return
        for place, sample in enumerate(samples):
            name = str(file) if len(samples) == 1 else f"{file}[{place}]"
            try:
                yield name, self._found(sample)
            except IntertwineError as error:
                yield name, str(error) if str(file) in str(error) else f"{name}: {error}"

    def _found(self, sample: Sample) -> Found:
        """Exact and approximate symmetry."""
        points = sample.points
        whole = self.group or (O2 if points.positions.shape[1] == 2 else O3)
        rep = sample.rep("", whole)
        exact = stabiliser(points, rep=rep, group=whole, tolerance=self.tolerance)
        if not exact.continuous and rep is None:
            with suppress(ArgumentError):  # points near a line have no ladder of finite groups
                ladder = symmetry_ladder(points, group=whole, largest=self.largest)
                return Found(exact, ladder, ladder.rungs[-1].name, ladder.rungs[-1].residual)
        with suppress(ArgumentError):
            near = stabiliser(points, rep=rep, group=whole, tolerance=self.largest)
            if (off := float(near.residuals.max(initial=0.0))) <= self.largest:
                return Found(exact, None, near.name, None if near.continuous else off)
        return Found(exact, None, exact.name, float(exact.residuals.max(initial=0.0)))
