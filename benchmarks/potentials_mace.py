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

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sides import Side, Step, answer, medians
from timing import Row, markdown, put_into, record, require_equal

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
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
    from ase.build import bulk, molecule

    if not repeats:
        found = [molecule("CH3CH2OH") for _ in range(10)]
        for seed, atoms in enumerate(found):
            atoms.rattle(0.05, seed=seed)
        return found
    atoms = bulk("Si", cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.05, seed=1)
    return [atoms]


# a side, in a process of its own --------------------------------------------------------------------------------------


def mace(hidden: str, repeats: int, weights: Path) -> Step:
    """mace-torch, whose weights are written for the other side."""
    import torch
    from e3nn import o3
    from mace import data, modules
    from mace.tools import AtomicNumberTable, torch_geometric

    numbers = elements(repeats)
    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=CUTOFF,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=len(numbers),
        hidden_irreps=o3.Irreps(hidden),
        MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.zeros(len(numbers)),
        avg_num_neighbors=NEIGHBOURS,
        atomic_numbers=numbers,
        correlation=3,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    torch.save(model.state_dict(), weights)
    table = AtomicNumberTable(numbers)
    graphs = [
        data.AtomicData.from_config(data.config_from_atoms(atoms), z_table=table, cutoff=CUTOFF)
        for atoms in frames(repeats)
    ]
    batch = next(iter(torch_geometric.dataloader.DataLoader(graphs, len(graphs)))).to_dict()

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
    from nequip.utils.global_state import set_global_state

    set_global_state()
    from allegro.model import AllegroModel
    from nequip.data import AtomicDataDict, compute_neighborlist_, from_ase

    kinds = [str(number) for number in elements(repeats)]
    model = AllegroModel(
        seed=0,
        model_dtype="float32",
        r_max=CUTOFF,
        type_names=kinds,
        l_max=2,
        num_layers=2,
        num_scalar_features=64,
        num_tensor_features=32,
        radial_chemical_embed={"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8},
        avg_num_neighbors=NEIGHBOURS,
        per_type_energy_shifts=dict.fromkeys(kinds, 0.0),
        per_type_energy_scales=dict.fromkeys(kinds, 1.0),
    ).train(not repeats)
    torch.save(model.state_dict(), weights)
    graphs = []
    for atoms in frames(repeats):
        graph = compute_neighborlist_(from_ase(atoms), r_max=CUTOFF)
        graph["atom_types"] = torch.tensor([elements(repeats).index(number) for number in atoms.numbers])
        graphs.append(graph)
    batch = AtomicDataDict.batched_from_list(graphs)

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


def serve(case: str, side: str, threads: int, weights: Path) -> None:
    """Answer each line that comes in by energies, forces, and the time that they took."""
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(threads)
    package, hidden, repeats = CASES[case]
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
    for what in ("energy", "forces"):
        require_equal(f"{case}, {what}", *(np.array(first[name][what]) for name in ("ours", "peer")), 1e-4)
    kind, key = ("CPU of one thread", "cpu") if threads == 1 else (f"wall time of {threads} threads", "wall")
    times = medians(sides, ROUNDS, key)
    memory = [sides[name].ask("memory")["memory"] for name in ("ours", "peer")]
    if profile:
        sides["ours"].ask("profile")
    for side in sides.values():
        side.close()
    peer = PEERS[CASES[case][0]]
    rows = [Row(case, f"energy and forces, {kind}", peer, "ms", *times, TARGET)]
    if threads == 1:
        rows.append(Row(case, "memory beside the model, at most", peer, "MB", *memory, TARGET))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mace", help="a Python that has mace-torch")
    parser.add_argument("--nequip", help="a Python that has nequip-allegro")
    parser.add_argument("--case", action="append", choices=CASES, help="only this case")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        case, side, threads, weights = options.serve
        serve(case, side, int(threads), Path(weights))
        return
    rows = []
    for case in options.case or CASES:
        python = getattr(options, CASES[case][0])
        for threads in options.threads if python else ():
            for row in measure(case, python, threads, profile=options.profile and threads == 1):
                print(row, flush=True)
                rows.append(row)
    record(rows, options.json)
    if options.docs:
        put_into(ROOT / "docs" / "speed.md", "potentials of mace", markdown(rows))


if __name__ == "__main__":
    main()
