"""Time two functions alternately in one process and print medians and their ratio."""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 15) -> float:
    """Print the median times of both, called in turn, and the ratio theirs / ours."""
    for function in (ours, theirs):
        function()
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for key, function in (("ours", ours), ("theirs", theirs)):
            start = time.perf_counter()
            function()
            times[key].append(time.perf_counter() - start)
    return report(name, float(np.median(times["ours"])), float(np.median(times["theirs"])))


def report(name: str, ours: float, theirs: float) -> float:
    """Print two times in seconds and their ratio theirs / ours."""
    ratio = theirs / ours
    print(f"{name:58s} intertwine {1e3 * ours:9.2f} ms   peer {1e3 * theirs:9.2f} ms   ratio {ratio:6.2f}")
    return ratio


def cpu_time(
    function: Callable[[], object], repeats: int, pick: Callable[[list[float]], float] = statistics.median
) -> float:
    """The CPU time of one call in this thread, in seconds: the median; or the least, where others use memory too."""
    function()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    return float(pick(times))


def require_equal(name: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    """Print the largest relative difference; stop if it is too large: no speed before the check passes."""
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    print(f"{name:58s} relative difference to the peer {difference:.1e}")
    if not difference <= tolerance:
        raise SystemExit(f"{name}: the outputs differ by {difference:.1e}, accepted {tolerance:.1e}.")


def fresh(script: str, *arguments: str) -> dict[str, float]:
    """The numbers that a script prints as JSON on its last line, run by this Python in a process of its own."""
    run = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{run.stderr[-2000:]}")
    return json.loads(run.stdout.strip().splitlines()[-1])


def wall_time(function: Callable[[], object], repeats: int) -> float:
    """The least wall time of one call, in seconds: for several threads, on a machine that others use too."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def extra_memory(function: Callable[[], object]) -> float:
    """By how many MB the process grows at most during a call; on Linux, which remembers the most since it is told.

    What earlier calls left behind is given back before: it would serve this one unseen.
    """
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    function()
    return max(_kilobytes("VmHWM") - before, 0) / 1024


def _kilobytes(name: str) -> int:
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        case: what is computed.
        what: what of it is measured.
        peer_name: beside whom; "" for nobody.
        unit: of both numbers.
        ours, peer: the numbers.
        target: the least ratio peer / ours; without a peer, the largest number of ours. None for no target.
    """

    case: str
    what: str
    peer_name: str
    unit: str
    ours: float
    peer: float | None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times more the peer needs."""
        return None if self.peer is None else self.peer / self.ours

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met."""
        if self.target is None:
            return None
        return self.ours <= self.target if self.ratio is None else self.ratio >= self.target

    def __str__(self) -> str:
        beside = "" if self.peer is None else f", {_beside(self)}"
        bound = "≤" if self.peer is None else "≥"
        wanted = "" if self.target is None else f" ({bound} {self.target:g}: {'met' if self.is_met else 'MISSED'})"
        return f"{self.case:38s} {self.what:36s} {short(self.ours):>7s} {self.unit}{beside}{wanted}"


def record(rows: Sequence[Row], path: Path | None) -> None:
    """Write rows as JSON."""
    if path is not None:
        found = [asdict(row) | {"ratio": row.ratio, "is_met": row.is_met} for row in rows]
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def markdown(rows: Sequence[Row]) -> str:
    """The rows as tables, one for each part of `what` before a comma: a line for each case, a column for each kind."""
    tables = []
    for part in dict.fromkeys(row.what.rpartition(", ")[0] for row in rows):
        here = [row for row in rows if row.what.rpartition(", ")[0] == part]
        kinds = list(dict.fromkeys(row.what for row in here))
        head = [f"{part or 'case'} ({here[0].unit})", *(kind.rpartition(", ")[2] for kind in kinds)]
        lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for case in dict.fromkeys(row.case for row in here):
            found = [[row for row in here if (row.case, row.what) == (case, kind)] for kind in kinds]
            lines.append(f"| {' | '.join([case, *map(_cell, found)])} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _cell(rows: Sequence[Row]) -> str:
    """What was measured once, beside all peers."""
    return "; ".join([short(rows[0].ours), *(_beside(row) for row in rows if row.peer is not None)]) if rows else ""


def _beside(row: Row) -> str:
    return f"{row.peer_name} {short(row.peer)}: {short(row.ratio, 2)} ×"


def short(number: float, digits: int = 3) -> str:
    """A number with some digits, and never with a power of ten."""
    return f"{number:.{digits}g}" if number < 10**digits else f"{number:.0f}"


def put_into(page: Path, mark: str, text: str) -> None:
    """Replace what a page holds between `<!-- mark -->` and `<!-- end -->`."""
    before, _, rest = page.read_text().partition(f"<!-- {mark} -->\n")
    _, _, after = rest.partition("<!-- end -->")
    page.write_text(f"{before}<!-- {mark} -->\n{text}\n<!-- end -->{after}")
