"""What is found by random numbers is the same in every process, whatever hashes and threads do."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

PROGRAM = """
import numpy as np
from intertwine.reps import clebsch_gordan
from tests.registry import BINARY_T, Q8, SU2, point_group, symmetric

groups = [*map(point_group, ("T", "Td", "O", "I")), Q8, BINARY_T, SU2, Q8 * Q8, symmetric(4)]
for group in groups:
    irreps, g = group.irreps(2), group.sample(3, 0)
    arrays = [x for irrep in irreps for x in (irrep.matrix(g), irrep.endomorphisms)]
    arrays += [clebsch_gordan(a, b, c) for a in irreps[:3] for b in irreps[:3] for c in irreps[:4]]
    arrays += [group.sample(4, 1)]
    arrays += [H.embed(H.group.generators) for H in group.subgroups()] if group.order < 64 else []
    for array in arrays:
        print(*array.shape, ":", *array.reshape(-1).round(12) + 0.0)
"""


def run(number: str) -> list[tuple[str, np.ndarray]]:
    """What a process with a hash seed, and as many threads, prints."""
    environment = os.environ | dict.fromkeys(("PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), number)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" : ") if " : " in line else line.split(" :") for line in done.stdout.splitlines()]
    return [(shape, np.array(numbers.split(), dtype=float)) for shape, numbers in rows]


def test_fresh_processes_agree() -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(run, ("1", "2"))
    assert len(first) > 300
    assert [shape for shape, _ in first] == [shape for shape, _ in second]
    for (_, a), (_, b) in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)
