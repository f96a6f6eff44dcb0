"""Energy and forces of ten thousand atoms: `python benchmarks/many_atoms.py [CHECKPOINT]`, one of SevenNet if given.

What `expected_memory` says beforehand beside by how much the process grows, and the CPU time: the table of
docs/running.md.
"""

from __future__ import annotations

import sys
import time

from ase.build import bulk
from timing import extra_memory

from intertwine.catalog import O3
from intertwine.interop import sevenn
from intertwine.models import NequIP, Potential, atom_graph, expected_memory

REPEATS = 11  # 10 648 atoms


def main(*checkpoint: str) -> None:
    hidden = O3.rep("32x0e + 32x1o + 16x2e")
    models = {"NequIP": Potential(NequIP(1, cutoff=5.0, hidden=hidden, layers=3), elements=[14])}
    if checkpoint:
        models["SevenNet"] = sevenn.load(checkpoint[0])
    for name, model in models.items():
        model.eval().requires_grad_(False)
        few, many = (atom_graph(bulk("Si", cubic=True).repeat(n), model.elements, model.cutoff) for n in (1, REPEATS))
        model(few)  # kernels are compiled
        expected = expected_memory(model, many) / 2**20
        start = time.process_time()
        taken = extra_memory(lambda model=model, many=many: model(many))
        seconds = time.process_time() - start
        print(
            f"{name}, {len(many.positions)} atoms, {many.edges.shape[1]} pairs: {expected:.0f} MB expected, "
            f"{taken:.0f} MB taken, {seconds:.0f} s of CPU"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
