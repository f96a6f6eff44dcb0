"""Both sides of a comparison as processes of their own, which stand ready and are asked in turn."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from timing import Row, extra_memory, markdown, put_into, record, require_equal

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5

Step = Callable[[], dict[str, Any]]
"""One computation: its results by name."""


def answer(step: Step) -> None:
    """Answer each line that comes in by the results of one step and the time that it took.

    "memory" asks by how much the process grows at most, "profile" for a table on stderr.
    """
    import torch

    answers, sys.stdout = sys.stdout, sys.stderr  # packages print
    for line in sys.stdin:
        word = line.strip()
        told: dict[str, Any] = {}
        if word == "memory":
            told["memory"] = extra_memory(step)
        elif word == "profile":
            with torch.profiler.profile() as profile:
                step()
            print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=48))
        else:
            cpu, wall = time.process_time(), time.perf_counter()
            found = step()
            told = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
            told |= {name: np.asarray(values).tolist() for name, values in found.items()}
        print(json.dumps(told), file=answers, flush=True)


class Side:
    """One side of a case, ready to be asked."""

    def __init__(self, command: Sequence[str], threads: int) -> None:
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "passive",  # threads that wait do not hold a core that another process could use
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # the tables of e3nn 0.4.4 are pickled
        }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, word: str = "go") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("{"):
            if self.process.poll() is not None:
                raise SystemExit(f"A side of {self.process.args} ended with {self.process.returncode}.")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def require_same(case: str, first: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
    """Stop unless the first answers of both sides agree."""
    for name in names:
        require_equal(f"{case}, {name}", *(np.array(first[side][name]) for side in ("ours", "peer")), 1e-4)


def measured(
    sides: dict[str, Side], case: str, what: str, peer: str, target: float | None, *, threads: int, profile: bool
) -> list[Row]:
    """Times of both sides, and memory on one thread, where the table of a profile may be printed too; then they end."""
    kind, key = ("CPU of one thread", "cpu") if threads == 1 else (f"wall time of {threads} threads", "wall")
    rows = [Row(case, f"{what}, {kind}", peer, "ms", *medians(sides, key), target)]
    if threads == 1:
        memory = [sides[name].ask("memory")["memory"] for name in ("ours", "peer")]
        rows.append(Row(case, "memory beside the model, at most", peer, "MB", *memory, target))
    if profile and threads == 1:
        sides["ours"].ask("profile")
    for side in sides.values():
        side.close()
    return rows


def medians(sides: dict[str, Side], key: str) -> tuple[float, float]:
    """The median times of "ours" and "peer", ms, asked in turn once both are warm."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side.ask()  # kernels are compiled, memory is there
    for _ in range(ROUNDS):
        for name, side in sides.items():
            times[name].append(1e3 * side.ask()[key])
    return statistics.median(times["ours"]), statistics.median(times["peer"])


def main(
    words: str | None,
    packages: Mapping[str, str],
    serve: Callable[..., None],
    measure: Callable[..., list[Row]],
    mark: str,
) -> None:
    """What a script does: serve as one side, or measure the cases whose package a Python was named for.

    Args:
        words: the description of the script.
        packages: the package of each case.
        serve: answers as one side of a case, by what stands behind `--serve`.
        measure: the rows of a case, for the Python that has its package, a number of threads, and `profile`.
        mark: of the tables in docs/speed.md.
    """
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    for package in dict.fromkeys(packages.values()):
        parser.add_argument(f"--{package}", help=f"a Python that has {package}")
    parser.add_argument("--case", action="append", choices=packages, help="only this case")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path, help="where to write the rows")
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/speed.md")
    parser.add_argument("--profile", action="store_true", help="say where the time of ours goes")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    rows = []
    for case in options.case or packages:
        python = getattr(options, packages[case])
        for threads in options.threads if python else ():
            for row in measure(case, python, threads, profile=options.profile):
                print(row, flush=True)
                rows.append(row)
    record(rows, options.json)
    if options.docs:
        put_into(ROOT / "docs" / "speed.md", mark, markdown(rows))
