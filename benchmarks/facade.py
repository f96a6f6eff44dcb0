"""Published models on e3nn and on `intertwine.interop.e3nn`: `python benchmarks/facade.py`.

Energy and forces of silicon by SevenNet-0 and 7net-l3i5, with the weights of sevenn's wheel, and by a MACE of the usual
size with random weights. Their own code runs unmodified; `install()` answers for `import e3nn`. Each side is a process
of its own, since one process holds one e3nn; both stand ready, and are asked in turn. Energies and forces are compared
first. CPU time of one thread, wall time of two threads, and by how much a process grows at most during one step.

The packages live in environments of their own, with this project's dependencies beside them:

    python -m venv SEVENN && SEVENN/bin/pip install torch==2.13.0 sevenn llvmlite
    python -m venv MACE && MACE/bin/pip install torch==2.13.0 mace-torch llvmlite
    python benchmarks/facade.py --sevenn SEVENN/bin/python --mace MACE/bin/python

`--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the tables of docs/speed.md; `--profile`
says where the time of ours goes.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from peers import mace_model, silicon
from sides import ROOT, Side, Step, answer, main, measured, require_same
from timing import Row

CASES = {
    "SevenNet-0, 64 Si": ("sevenn", "7net-0", 2, 3.0),
    "SevenNet-0, 216 Si": ("sevenn", "7net-0", 3, 3.0),
    "7net-l3i5, 64 Si": ("sevenn", "7net-l3i5", 2, None),
    "7net-l3i5, 216 Si": ("sevenn", "7net-l3i5", 3, None),
    "MACE 128x0e + 128x1o, 64 Si": ("mace", "128x0e + 128x1o", 2, 3.0),
    "MACE 128x0e + 128x1o, 216 Si": ("mace", "128x0e + 128x1o", 3, 3.0),
}
"""For each case the package, the model, how often the cubic cell is repeated along each axis, and the target."""


# a side, in a process of its own --------------------------------------------------------------------------------------


def sevennet(model: str, repeats: int) -> Step:
    from sevenn.calculator import SevenNetCalculator

    atoms = silicon(repeats)
    atoms.calc = SevenNetCalculator(model, device="cpu")

    def step() -> dict[str, Any]:
        atoms.calc.results.clear()
        return {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}

    return step


def mace(hidden: str, repeats: int) -> Step:
    """A model like the published ones in size, with weights that both sides fill alike."""
    import torch
    from matscipy.neighbours import neighbour_list

    model = mace_model([14], hidden, 5.0, 30.0, num_bessel=10)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.cos(torch.arange(parameter.numel(), dtype=torch.float64)).reshape(parameter.shape))
    atoms = silicon(repeats)
    i, j, shifts = neighbour_list("ijS", atoms, 5.0)
    count, cell = len(atoms), torch.tensor(atoms.cell.array, dtype=torch.float32)
    unit = torch.tensor(shifts, dtype=torch.float32)
    given = {
        "edge_index": torch.tensor(np.stack([i, j]), dtype=torch.int64),
        "unit_shifts": unit,
        "shifts": unit @ cell,
        "cell": cell,
        "node_attrs": torch.ones(count, 1),
        "batch": torch.zeros(count, dtype=torch.int64),
        "ptr": torch.tensor([0, count]),
        "head": torch.zeros(1, dtype=torch.int64),
    }

    def step() -> dict[str, Any]:
        positions = torch.tensor(atoms.positions, dtype=torch.float32, requires_grad=True)
        found = model({**given, "positions": positions}, compute_force=True)
        return {"energy": float(found["energy"]), "forces": found["forces"].detach().numpy()}

    return step


def serve(case: str, side: str, threads: str) -> None:
    """Answer each line that comes in by one energy and its forces: the numbers, and the time that they took."""
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(int(threads))
    package, model, repeats, _ = CASES[case]
    if side == "ours":
        sys.path.insert(0, str(ROOT / "src"))
        from intertwine.interop.e3nn import install

        install("0.4.4" if package == "mace" else "0.5")
    step = {"sevenn": sevennet, "mace": mace}[package](model, repeats)
    answer(step)


# both sides, in turn --------------------------------------------------------------------------------------------------


def measure(case: str, python: str, threads: int, *, profile: bool) -> list[Row]:
    sides = {name: Side([python, __file__, "--serve", case, name, str(threads)], threads) for name in ("ours", "peer")}
    require_same(case, {name: side.ask() for name, side in sides.items()}, ("energy", "forces"))
    return measured(sides, case, "energy and forces", "e3nn", CASES[case][3], threads=threads, profile=profile)


if __name__ == "__main__":
    packages = {case: package for case, (package, *_) in CASES.items()}
    main(__doc__, packages, serve, measure, "facade")
