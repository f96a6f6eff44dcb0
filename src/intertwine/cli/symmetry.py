"""`intertwine symmetry`: the symmetry of clouds of points in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table


def symmetry(
    paths: Annotated[list[Path], typer.Argument(help="Files (.xyz, .extxyz, .npy, .npz, .csv …), or folders of them.")],
    group: Annotated[str, typer.Option(help="SO(2), O(2), SO(3) or O(3); default O(2) or O(3).")] = "",
    largest: Annotated[float, typer.Option(help="The largest deviation, relative to the size.")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """The symmetry of points, from exact to approximate; of several files a table."""
    from intertwine.errors import IntertwineError

    console, problems = Console(), Console(stderr=True)
    files = [
        file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if not file.is_dir()
    ]
    found: dict[str, object] = {}
    texts: dict[str, tuple[str, str, str]] = {}
    several = len(files) > 1
    for file in track(files, console=problems, transient=True, disable=not several):
        try:
            ladder = _ladder(file, group, largest)
        except IntertwineError as error:
            problems.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            continue
        found[str(file)] = ladder.to_dict() if not isinstance(ladder, str) else {"best": ladder}
        best = ladder if isinstance(ladder, str) else ladder.best.name
        exact = ladder if isinstance(ladder, str) else ladder.rungs[0].name
        unsure = "" if isinstance(ladder, str) or ladder.ambiguous is None else "ambiguous"
        texts[str(file)] = (exact, best, unsure)
        if not several and not as_json:
            console.print(str(ladder), markup=False, highlight=False, soft_wrap=True)
    if as_json:
        console.print(json.dumps(found, indent=2, ensure_ascii=False), markup=False, highlight=False, soft_wrap=True)
    elif several:
        table = Table("File", "Exact", "Best", "")
        for name, row in texts.items():
            table.add_row(name, *row)
        console.print(table)
    if len(found) < len(files):
        raise typer.Exit(2)


def _ladder(file: Path, group: str, largest: float):  # type: ignore[no-untyped-def]
    """The ladder of a file; the name of a continuous symmetry."""
    from intertwine.catalog import group as by_name
    from intertwine.cli.files import read_points
    from intertwine.symmetry import stabiliser, symmetry_ladder

    points = read_points(file)
    whole = by_name(group) if group else None
    exact = stabiliser(points.positions, points.labels, group=whole)
    if exact.continuous:
        return exact.name
    return symmetry_ladder(points.positions, points.labels, group=whole, largest=largest)
