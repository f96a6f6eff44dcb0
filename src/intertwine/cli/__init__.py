"""The command `intertwine`."""

from __future__ import annotations

from typing import Annotated

from intertwine import __version__
from intertwine.errors import MissingExtraError

try:
    import typer
except ImportError as error:
    raise MissingExtraError.of("typer", "cli") from error

from intertwine.cli.check_files import check
from intertwine.cli.explain_groups import explain_groups
from intertwine.cli.info import info
from intertwine.cli.run import run
from intertwine.cli.symmetry_files import symmetry
from intertwine.cli.tour import tour
from intertwine.cli.train import train_potential

app = typer.Typer(help="Equivariant neural networks, and the symmetry behind them.", no_args_is_help=True)
app.command()(tour)
app.command("explain")(explain_groups)
app.command()(check)
app.command()(symmetry)
app.command("train")(train_potential)
app.command()(run)
app.command()(info)


def _version(asked: bool) -> None:
    """Prints the version, and ends, where that is asked for."""
    if asked:
        typer.echo(f"intertwine {__version__}")
        raise typer.Exit(0)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Equivariant neural networks, and the symmetry behind them."""
