"""Both sides of a comparison as processes of their own, which stand ready and are asked in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from timing import extra_memory

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


def medians(sides: dict[str, Side], rounds: int, key: str) -> tuple[float, float]:
    """The median times of "ours" and "peer", ms, asked in turn once both are warm."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side.ask()  # kernels are compiled, memory is there
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(1e3 * side.ask()[key])
    return statistics.median(times["ours"]), statistics.median(times["peer"])
