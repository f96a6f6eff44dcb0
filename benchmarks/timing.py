"""Time two functions alternately in one process and print medians and their ratio."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

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


def cpu_time(function: Callable[[], object], repeats: int) -> float:
    """The median of the CPU time of one call in this thread, in seconds."""
    function()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    return float(np.median(times))


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
