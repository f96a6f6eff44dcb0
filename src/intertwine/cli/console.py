"""How commands answer, complain and show that they work: as text or JSON for the reader or program behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

Format = Annotated[
    str, typer.Option("--format", help="What files are, whatever their names: csv, npy, npz, xyz, cif … as in ase.")
]
Cell = Annotated[bool, typer.Option(help="Whether structures in a periodic cell are crystals.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]

_SOON = 2.0
"""From so many seconds on somebody who waits sees a bar."""


def say(answer: object) -> None:
    """Print an answer as it is, without markup, colours or wrapped lines: other programs may read it."""
    Console().print(str(answer), markup=False, highlight=False, soft_wrap=True)


def say_json(found: object) -> None:
    """Print an answer as JSON. Raises `ValueError` for NaN and infinity, which JSON does not have."""
    say(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False))


def say_either(answer: Any, as_json: bool) -> None:
    """Print an answer for the reader, or what its `to_dict` gives for the program behind."""
    if as_json:
        say_json(answer.to_dict())
    else:
        say(answer)


def complain(problem: object) -> None:
    """Print what went wrong, one sentence, in red to the standard error."""
    Console(stderr=True).print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(total: int, console: Console | None = None, soon: float = _SOON) -> Iterator[Callable[[str, int], None]]:
    """A bar on the standard error for what takes long, if somebody sits before it; it is gone in the end.

    It yields what is called with the name of the thing that comes next and the number of things that are done.
    """
    console = console or Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("", total=total if total > 1 else None)  # of one thing nobody knows how much is done
    timer = Timer(soon, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda name, done: bar.update(task, description=name, completed=done)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
