"""How commands show that they work."""

import time
from io import StringIO

from rich.console import Console

from intertwine.cli.console import progress


def shown(terminal: bool, soon: float, total: int = 1) -> str:
    """What is seen while one thing out of some is looked at."""
    out = StringIO()
    with progress(total, Console(file=out, force_terminal=terminal, width=80), soon) as show:
        show("benzene.xyz", 0)
        deadline = time.monotonic() + 5
        while soon < 1 and terminal and "benzene.xyz" not in out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    return out.getvalue()


def test_a_bar_is_seen_by_those_who_wait() -> None:
    """Also for one file; not before it is time, and not where no terminal is."""
    for total in (1, 3):
        assert "benzene.xyz" in shown(terminal=True, soon=0.01, total=total)
    assert not shown(terminal=True, soon=60)
    assert not shown(terminal=False, soon=0.01).strip()
