"""`intertwine symmetry`: the symmetry of points and crystals in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from intertwine.catalog import O2, O3
from intertwine.catalog import group as group_by_name
from intertwine.catalog.base import CatalogGroup
from intertwine.cli.console import AsJson, Cell, Format, complain, progress, say, say_json
from intertwine.cli.files import files_in, read_samples
from intertwine.cli.reading.sample import Sample
from intertwine.errors import ArgumentError, IntertwineError, LabelError
from intertwine.symmetry import Ladder, Stabiliser, stabiliser, symmetry_ladder


def symmetry(
    paths: Annotated[list[Path], typer.Argument(help="Files (.xyz, .cif, .csv, .npy, .npz …), or folders of them.")],
    group: Annotated[str, typer.Option(help="SO(2), O(2), SO(3) or O(3); default O(2) or O(3).")] = "",
    frame: Annotated[int | None, typer.Option(help="Which frame of trajectories; default all of them.")] = None,
    form: Format = "",
    cell: Cell = True,
    tolerance: Annotated[
        float,
        typer.Option(help="The deviation, relative to the size, up to which points count as symmetric.", min=1e-12),
    ] = 1e-4,
    largest: Annotated[
        float, typer.Option(help="The largest deviation at which near symmetry is looked for.", min=0)
    ] = 0.1,
    as_json: AsJson = False,
) -> None:
    """The symmetry of points, exact and approximate; of several files a table. Exit code 2: a file was left out.

    Folders within folders are not entered, and hidden files are passed over.
    """
    found: dict[str, Found] = {}
    errors: dict[str, str] = {}
    files = [file for path in paths for file in files_in(path) or [path]]
    try:
        survey = Survey(_named(group), frame, cell, form, tolerance, largest)
        with progress(len(files)) as show:
            for done, file in enumerate(files):
                show(file.name, done)
                for name, entry in survey.look(file):
                    show(Path(name).name, done)
                    if isinstance(entry, str):
                        errors[name] = entry
                    else:
                        found[name] = entry
    except LabelError as error:
        errors["--group"] = str(error)
    for sentence in errors.values():
        complain(sentence)
    if as_json:
        rows = {name: entry.to_dict() for name, entry in found.items()}
        say_json(rows | {name: {"error": sentence} for name, sentence in errors.items()})
    elif len(files) > 1 or len(found) > 1:
        Console().print(_table(found, tolerance))
    elif found:
        say(next(iter(found.values())))
    if errors:
        raise typer.Exit(2)


def _named(group: str) -> CatalogGroup | None:
    found = group_by_name(group) if group else None
    if found is not None and not found.is_full:
        raise LabelError(f"--group takes SO(2), O(2), SO(3) or O(3), but got {group}.")
    return found


def _table(found: dict[str, Found], tolerance: float) -> Table:
    table = Table("File", "Points", "Symmetry", "Elements", "Nearly", "Deviation")
    table.columns[0].overflow = "fold"
    one_folder = len({Path(name).parent for name in found}) == 1
    for name, entry in found.items():
        table.add_row(Path(name).name if one_folder else name, *entry.row)
    exact = [entry.exact for entry in found.values()]
    if rounded := [one.tolerance for one in exact if one.residuals.max(initial=0.0) > tolerance]:
        table.caption = f"tolerance {tolerance:g}; of {len(rounded)} what their digits carry, up to {max(rounded):.1e}"
    return table


@dataclass(frozen=True, eq=False)
class Found:
    """The symmetry of one structure up to the tolerance, and the largest that it nearly has.

    Without a ladder are those near a line and those with features; a continuous symmetry has no deviation.
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
        *_, nearly, off = self.row
        rest = self.ladder or (nearly and f"nearly {nearly}{off and ', deviation '}{off}")
        return f"{self.exact}\n\n{rest}".rstrip()

    @property
    def row(self) -> tuple[str, ...]:
        """Its entries in a table: points, symmetry, elements, near symmetry, deviation."""
        count = "" if self.exact.permutations is None else str(self.exact.permutations.shape[1])
        order = "∞" if self.exact.continuous else str(self.exact.order)
        off = "" if self.deviation is None else f"{self.deviation:.1e}"
        return count, self.exact.name, order, *(("", "") if self.nearly == self.exact.name else (self.nearly, off))


@dataclass(frozen=True)
class Survey:
    """How files are looked at: the options of the command."""

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
