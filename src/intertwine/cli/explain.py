"""`intertwine explain`: a group, a subgroup, or several side by side."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console


def explain(
    things: Annotated[
        list[str], typer.Argument(help="A group such as D6, Oh or 'O(3)'; then names of subgroups of it to compare.")
    ],
    degree: Annotated[int, typer.Option(help="Irreps up to this degree are restricted.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Explain a group or compare subgroups: explain D6, explain "O(3)" Cinfv Dinf, explain "O(2) in O(3)"."""
    from intertwine.errors import IntertwineError
    from intertwine.symmetry import explain as explained

    try:
        found = explained(*things, degree=degree)
    except IntertwineError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    text = json.dumps(found.to_dict(), ensure_ascii=False, indent=2) if as_json else str(found)
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
