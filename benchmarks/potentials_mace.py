"""MACE and Allegro here beside mace-torch and nequip-allegro: `python benchmarks/potentials_mace.py --mace PYTHON …`.

Energy and forces of silicon by models of the usual sizes, and one step of training, energies and forces of ten
molecules of ethanol. The other package makes the weights, and this library loads them: outputs are compared first. Each
side is a process of its own; both stand ready, and are asked in turn. CPU time of one thread, wall time of two threads,
and by how much a process grows at most during one step.

    python -m venv MACE && MACE/bin/pip install torch==2.13.0 mace-torch
    python -m venv NEQUIP && NEQUIP/bin/pip install torch==2.13.0 nequip nequip-allegro
    python benchmarks/potentials_mace.py --mace MACE/bin/python --nequip NEQUIP/bin/python

`--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the tables of docs/speed.md; `--profile`
says where the time of ours goes.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from peers import (
    allegro_model,
    ethanols,
    mace_batch,
    mace_graph,
    mace_model,
    nequip_batch,
    nequip_graph,
    silicon,
)
from sides import ROOT, Side, Step, answer, main, measured, require_same
from timing import Row

CUTOFF, NEIGHBOURS = 6.0, 30.0

CASES = {
    "MACE 128x0e, 64 Si": ("mace", "128x0e", 2),
    "MACE 128x0e, 216 Si": ("mace", "128x0e", 3),
    "MACE 128x0e + 128x1o, 64 Si": ("mace", "128x0e + 128x1o", 2),
    "MACE 128x0e + 128x1o, 216 Si": ("mace", "128x0e + 128x1o", 3),
    "MACE 64x0e + 64x1o, a step on 10 ethanols": ("mace", "64x0e + 64x1o", 0),
    "Allegro, 64 Si": ("nequip", "", 2),
    "Allegro, 216 Si": ("nequip", "", 3),
    "Allegro, a step on 10 ethanols": ("nequip", "", 0),
}
"""For each case the package, the features, and how often the cubic cell is repeated along each axis, 0 for training."""

TARGET = 3.0
PEERS = {"mace": "mace-torch", "nequip": "nequip-allegro"}


def elements(repeats: int) -> list[int]:
    return [14] if repeats else [1, 6, 8]


def frames(repeats: int) -> list[Any]:
    return [silicon(repeats)] if repeats else ethanols(0.05)


# a side, in a process of its own --------------------------------------------------------------------------------------


def mace(hidden: str, repeats: int, weights: Path) -> Step:
    """mace-torch, whose weights are written for the other side."""
    import torch

    numbers = elements(repeats)
    torch.manual_seed(0)
    model = mace_model(numbers, hidden, CUTOFF, NEIGHBOURS)
    torch.save(model.state_dict(), weights)
    batch = mace_batch([mace_graph(atoms, numbers, CUTOFF) for atoms in frames(repeats)])

    def step() -> dict[str, Any]:
        found = model(batch, training=not repeats, compute_force=True)
        if not repeats:
            model.zero_grad()
            loss(found["energy"], found["forces"]).backward()
        return {name: found[name].detach().numpy().tolist() for name in ("energy", "forces")}

    return step


def nequip(_: str, repeats: int, weights: Path) -> Step:
    """Allegro of nequip-allegro: two layers, 64 invariants and 32 channels of tensors up to degree 2 for each pair."""
    import torch

    numbers = elements(repeats)
    sizes = {"num_scalar_features": 64, "num_tensor_features": 32}
    model = allegro_model(numbers, CUTOFF, NEIGHBOURS, **sizes).train(not repeats)
    torch.save(model.state_dict(), weights)
    batch = nequip_batch([nequip_graph(atoms, numbers, CUTOFF) for atoms in frames(repeats)])

    def step() -> dict[str, Any]:
        found = model(dict(batch))
        energy, forces = found["total_energy"][:, 0], found["forces"]
        if not repeats:
            model.zero_grad()
            loss(energy, forces).backward()
        return {"energy": energy.detach().numpy().tolist(), "forces": forces.detach().numpy().tolist()}

    return step


def ours(package: str, repeats: int, weights: Path) -> Step:
    sys.path.insert(0, str(ROOT / "src"))
    import torch

    from intertwine.interop import allegro
    from intertwine.interop import mace as of_mace
    from intertwine.models import atom_graph

    numbers = elements(repeats)
    if package == "mace":
        model = of_mace.load(weights, neighbours=NEIGHBOURS)
    else:
        model = allegro.load(torch.load(weights), numbers, neighbours=NEIGHBOURS)
    model.train(not repeats)
    graph = atom_graph(frames(repeats), numbers, CUTOFF, dtype=torch.float32)

    def step() -> dict[str, Any]:
        found = model(graph)
        if not repeats:
            model.zero_grad()
            loss(found["energy"], found["forces"]).backward()
        return {name: found[name].detach().numpy().tolist() for name in ("energy", "forces")}

    return step


def loss(energy: Any, forces: Any) -> Any:
    return energy.square().mean() + forces.square().mean()


def serve(case: str, side: str, threads: str, file: str) -> None:
    """Answer each line that comes in by energies, forces, and the time that they took."""
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(int(threads))
    (package, hidden, repeats), weights = CASES[case], Path(file)
    peer = {"mace": mace, "nequip": nequip}[package]
    answer(ours(package, repeats, weights) if side == "ours" else peer(hidden, repeats, weights))


# both sides, in turn --------------------------------------------------------------------------------------------------


def measure(case: str, python: str, threads: int, *, profile: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as place:
        told = [str(threads), str(Path(place) / "weights.pt")]
        # The peer writes the weights that the other one reads.
        sides = {"peer": Side([python, __file__, "--serve", case, "peer", *told], threads)}
        first = {"peer": sides["peer"].ask()}
        sides["ours"] = Side([sys.executable, __file__, "--serve", case, "ours", *told], threads)
        first["ours"] = sides["ours"].ask()
    require_same(case, first, ("energy", "forces"))
    peer = PEERS[CASES[case][0]]
    return measured(sides, case, "energy and forces", peer, TARGET, threads=threads, profile=profile)


if __name__ == "__main__":
    packages = {case: package for case, (package, *_) in CASES.items()}
    main(__doc__, packages, serve, measure, "potentials of mace")
