"""`intertwine tour`: seven stories, one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from intertwine.cli.console import say

SILENCE = 15.0  # the most seconds without a line, where there are no bars


def tour(
    out: Annotated[Path, typer.Option(help="The folder that report.html is written to.")] = Path("out"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps: a first look in seconds.")] = False,
    seed: Annotated[int, typer.Option(help="The seed of everything random.")] = 0,
) -> None:
    """Seven stories about symmetry, trained while you wait, told in one interactive report."""
    from intertwine.tour.run import STORIES, run_tour  # plotly is only needed here

    console = Console()
    with _bars(STORIES, console) if console.is_terminal else nullcontext(_line_by_line()) as advance:
        summary = run_tour(out, quick=quick, seed=seed, progress=advance)
    table = Table("Story", "What happens", "Seconds", title="intertwine tour")
    for row in summary.rows:
        table.add_row(row.story, row.result, f"{row.seconds:.1f}")
    console.print(table)
    console.print(
        f"The report is in [bold]{summary.report}[/bold]: open it in a browser, no network needed.", soft_wrap=True
    )


@contextmanager
def _bars(stories: tuple[str, ...], console: Console) -> Iterator[Callable[[str, str, float], None]]:
    """A bar for each story."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[doing]}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=1.0, doing="", start=False) for name in stories}

        def advance(story: str, doing: str, share: float) -> None:
            progress.start_task(tasks[story])
            progress.update(tasks[story], completed=share, doing=doing)

        yield advance


def _line_by_line() -> Callable[[str, str, float], None]:
    """A line whenever something else is being done, and now and then between: a file has no room for bars."""
    last, spoken = "", 0.0

    def advance(story: str, doing: str, share: float) -> None:
        nonlocal last, spoken
        line, now = f"{story}: {doing}", time.monotonic()
        if line != last:
            say(line)
        elif now > spoken + SILENCE:
            say(f"{line}, {share:.0%}")
        else:
            return
        last, spoken = line, now

    return advance
