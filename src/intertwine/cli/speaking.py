"""How commands answer and complain: as text or JSON for the reader or program behind, in red for what went wrong."""

from __future__ import annotations

import json

from rich.console import Console


def say(answer: object) -> None:
    """Print an answer as it is, without markup, colours or wrapped lines: other programs may read it."""
    Console().print(str(answer), markup=False, highlight=False, soft_wrap=True)


def say_json(found: object) -> None:
    """Print an answer as JSON. Raises `ValueError` for NaN and infinity, which JSON does not have."""
    say(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False))


def complain(problem: object) -> None:
    """Print what went wrong, one sentence, in red to the standard error."""
    Console(stderr=True).print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
