"""The command `intertwine`."""

from __future__ import annotations

from intertwine.errors import MissingExtraError

try:
    import typer
except ImportError as error:
    raise MissingExtraError.of("typer", "cli") from error

from intertwine.cli.check import check
from intertwine.cli.explain import explain
from intertwine.cli.symmetry import symmetry
from intertwine.cli.tour import tour

app = typer.Typer(help="Equivariant neural networks, and the symmetry behind them.", no_args_is_help=True)
app.command()(tour)
app.command()(explain)
app.command()(check)
app.command()(symmetry)


@app.callback()
def main() -> None:
    """Equivariant neural networks, and the symmetry behind them."""
