"""`intertwine check`: can an equivariant network send one file's points to another's?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def check(
    input_file: Annotated[Path, typer.Argument(help="The points that go in.")],
    target_file: Annotated[Path, typer.Argument(help="The points that should come out, in the same order.")],
    group: Annotated[str, typer.Option(help="The network's group: SO(2), O(2), SO(3) or O(3).")] = "",
    tolerance: Annotated[float, typer.Option(help="The deviation up to which an input counts as symmetric.")] = 1e-4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Can any equivariant network move the points of one file to those of another? Exit code 0: yes, 1: no."""
    from intertwine.errors import IntertwineError

    try:
        report, orders = _asked(input_file, target_file, group, tolerance)
    except IntertwineError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if as_json:
        found = {**report.to_dict(), **(orders.to_dict() if orders is not None else {})}
        text = json.dumps(found, ensure_ascii=False, indent=2)
    else:
        text = str(report) + (f"\n\n{orders}" if orders is not None else "")
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
    if not report.possible:
        raise typer.Exit(1)


def _asked(input_file: Path, target_file: Path, group: str, tolerance: float):  # type: ignore[no-untyped-def]
    """The report on the displacements from input to target, and the order parameters if they are impossible."""
    from intertwine.catalog import O2, O3
    from intertwine.catalog import group as by_name
    from intertwine.cli.files import read_points
    from intertwine.errors import ArgumentError
    from intertwine.symmetry import curie_check, order_parameters

    start, finish = read_points(input_file), read_points(target_file)
    if start.positions.shape != finish.positions.shape:
        raise ArgumentError(
            f"{input_file} and {target_file} hold {start.positions.shape} and {finish.positions.shape} numbers. "
            "Input and target are the same points, in the same order."
        )
    whole = by_name(group) if group else O2 if start.positions.shape[1] == 2 else O3
    moves = finish.positions - finish.positions.mean(0) - start.positions + start.positions.mean(0)
    report = curie_check(start, moves, rep_out=whole.defining, tolerance=tolerance)
    orders = None if report.possible or report.H.continuous else order_parameters(report)
    return report, orders
