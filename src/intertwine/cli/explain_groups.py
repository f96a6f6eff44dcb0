"""`intertwine explain`: a group, a subgroup, or several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intertwine import symmetry
from intertwine.cli.console import AsJson, complain, say_either
from intertwine.errors import IntertwineError
from intertwine.symmetry.words.explain import explained
from intertwine.viz import symmetry_figure, write_page


def explain_groups(
    things: Annotated[
        list[str], typer.Argument(help="A group such as D6, Oh or 'O(3)'; then names of subgroups of it to compare.")
    ],
    degree: Annotated[int, typer.Option(help="Irreps up to this degree are restricted.")] = 3,
    figure: Annotated[
        Path | None, typer.Option(help="Write interactive pictures of axes and mirrors to this .html file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a group or compare subgroups: explain D6, explain "O(3)" Cinfv Dinf, explain "O(2) in O(3)"."""
    try:
        found = symmetry.explain(*things, degree=degree)
        if figure is not None:
            write_page([symmetry_figure(thing) for thing in explained(*things)], figure, found.title)
    except IntertwineError as error:
        complain(error)
        raise typer.Exit(2) from error
    except OSError as error:
        complain(f"The picture cannot be written to {figure}: {error.strerror}.")
        raise typer.Exit(2) from error
    say_either(found, as_json)
