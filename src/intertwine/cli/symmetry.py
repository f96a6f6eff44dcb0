"""`intertwine symmetry`: the symmetry of points and crystals in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from intertwine.catalog.base import CatalogGroup
    from intertwine.cli.symmetry_files import Found


def symmetry(
    paths: Annotated[list[Path], typer.Argument(help="Files (.xyz, .cif, .csv, .npy, .npz …), or folders of them.")],
    group: Annotated[str, typer.Option(help="SO(2), O(2), SO(3) or O(3); default O(2) or O(3).")] = "",
    frame: Annotated[int | None, typer.Option(help="Which frame of trajectories; default all of them.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="What files are, whatever their names: csv, npy, npz, xyz, cif … as in ase.")
    ] = "",
    cell: Annotated[bool, typer.Option(help="Whether structures in a periodic cell are crystals.")] = True,
    tolerance: Annotated[
        float,
        typer.Option(help="The deviation, relative to the size, up to which points count as symmetric.", min=1e-12),
    ] = 1e-4,
    largest: Annotated[
        float, typer.Option(help="The largest deviation at which near symmetry is looked for.", min=0)
    ] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """The symmetry of points, exact and approximate; of several files a table. Exit code 2: a file was left out.

    Folders within folders are not entered, and hidden files are passed over.
    """
    from intertwine.cli.console import complain, progress, say, say_json
    from intertwine.cli.files import files_in
    from intertwine.cli.symmetry_files import Survey
    from intertwine.errors import LabelError

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
    from intertwine.catalog import group as by_name
    from intertwine.errors import LabelError

    found = by_name(group) if group else None
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
