"""`intertwine check`: can an equivariant network send what is in one file to what is in another?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def check(
    input_file: Annotated[Path, typer.Argument(help="What goes in: points, a crystal, or a vector of --rep-in.")],
    target_file: Annotated[
        Path | None,
        typer.Argument(help="What should come out: the same points elsewhere, or numbers. Default: the input file."),
    ] = None,
    target: Annotated[
        str, typer.Option(help="The target's name in its file: forces, dipole, energy … Default: displacements.")
    ] = "",
    rep_in: Annotated[str, typer.Option(help="How an input vector, or features, turn, such as '1x0e + 1x2e'.")] = "",
    rep_out: Annotated[str, typer.Option(help="How the target turns. Default: as scalar, vector or matrix.")] = "",
    group: Annotated[
        str, typer.Option(help="The network's group: SO(2), O(2), SO(3), O(3), or a part of them such as Cinfv.")
    ] = "",
    frame: Annotated[int, typer.Option(help="Which frame of a trajectory; negative numbers count from the end.")] = -1,
    form: Annotated[
        str, typer.Option("--format", help="What files are, whatever their names: csv, npy, npz, xyz, cif … as in ase.")
    ] = "",
    cell: Annotated[bool, typer.Option(help="Whether structures in a periodic cell are crystals.")] = True,
    tolerance: Annotated[
        float,
        typer.Option(help="The deviation, relative to the size, that counts as none.", min=1e-12),
    ] = 1e-4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Can any equivariant network send an input to a target? Exit code 0: yes; 1: no; 2: an error.

    check square.xyz rectangle.xyz: can these points move there?

    check water.extxyz --target dipole: can an array of the file be predicted from its atoms?

    check x.npy y.npy --rep-in '1x1o + 1x2e' --rep-out 1x1o: a vector from a vector.
    """
    from intertwine.cli.check_files import question
    from intertwine.cli.console import complain, progress, say, say_json
    from intertwine.cli.files import read_samples
    from intertwine.errors import IntertwineError

    try:
        start = read_samples(input_file, frame, cell=cell, form=form)[0]
        finish = start if target_file is None else read_samples(target_file, frame, cell=cell, form=form)[0]
        asked = question(start, finish, target, rep_in, rep_out, group)
        with progress(1) as show:
            show(input_file.name, 0)
            answer = asked.answer(tolerance)
    except IntertwineError as error:
        complain(error)
        raise typer.Exit(2) from error
    except Exception as error:  # a traceback ends with code 1, which would be an answer
        Console(stderr=True).print_exception()
        raise typer.Exit(2) from error
    if as_json:
        say_json(answer.to_dict())
    else:
        say(answer)
    if not answer.report.possible:
        raise typer.Exit(1)
