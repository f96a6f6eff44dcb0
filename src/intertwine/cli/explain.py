"""`intertwine explain`: a group, a subgroup, or several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explain(
    things: Annotated[
        list[str], typer.Argument(help="A group such as D6, Oh or 'O(3)'; then names of subgroups of it to compare.")
    ],
    degree: Annotated[int, typer.Option(help="Irreps up to this degree are restricted.")] = 3,
    figure: Annotated[
        Path | None, typer.Option(help="Write interactive pictures of axes and mirrors to this .html file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Explain a group or compare subgroups: explain D6, explain "O(3)" Cinfv Dinf, explain "O(2) in O(3)"."""
    from intertwine.cli.console import complain, say, say_json
    from intertwine.errors import IntertwineError
    from intertwine.symmetry import explain as explanation

    try:
        found = explanation(*things, degree=degree)
        if figure is not None:
            _draw(things, figure, found.title)
    except IntertwineError as error:
        complain(error)
        raise typer.Exit(2) from error
    except OSError as error:
        complain(f"The picture cannot be written to {figure}: {error.strerror}.")
        raise typer.Exit(2) from error
    if as_json:
        say_json(found.to_dict())
    else:
        say(found)


def _draw(things: list[str], path: Path, title: str) -> None:
    """Writes pictures of all that is explained."""
    from intertwine.symmetry.words.explain import explained
    from intertwine.viz import symmetry_figure, write_page  # plotly is only needed here

    write_page([symmetry_figure(thing) for thing in explained(*things)], path, title)
