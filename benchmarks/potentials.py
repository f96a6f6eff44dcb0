"""Potentials of this library beside sevenn and nequip on e3nn: `python benchmarks/potentials.py`.

Energy, forces and stress of silicon by the SevenNets of sevenn's wheel, which this library loads: the same numbers,
compared first. Then a step of training, the loss of energies and forces of ten ethanols and its gradient, by a NequIP
of the same architecture with as many parameters. Each side is a process of its own; both stand ready, and are asked in
turn. CPU time of one thread, wall time of two threads, and by how much a process grows at most during one step. All of
a step counts: neighbours, graph, network, gradients.

The packages live in environments of their own:

    python -m venv SEVENN && SEVENN/bin/pip install torch==2.13.0 sevenn
    python -m venv NEQUIP && NEQUIP/bin/pip install torch==2.13.0 nequip
    python benchmarks/potentials.py --sevenn SEVENN/bin/python --nequip NEQUIP/bin/python

`--json FILE` writes the rows: case, what, ours, peer, ratio, target; `--docs` the tables of docs/speed.md; `--profile`
says where the time of ours goes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sides import Side, Step, answer, medians
from timing import Row, markdown, put_into, record, require_equal

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
MODELS = {"SevenNet-0": ("7net-0", "SEVENNET_0_11Jul2024"), "7net-l3i5": ("7net-l3i5", "SEVENNET_l3i5")}
"""The names of models in sevenn's calculator, and of their files among sevenn's constants."""

CASES = {
    **{f"SevenNet-0, {8 * n**3} Si": ("SevenNet-0", n) for n in (2, 3, 4, 5)},
    **{f"7net-l3i5, {8 * n**3} Si": ("7net-l3i5", n) for n in (2, 3, 4)},
}
"""For each case the model, and how often the cubic cell is repeated along each axis."""

TRAINING = "NequIP, 10 ethanols"


# a side, in a process of its own --------------------------------------------------------------------------------------


def silicon(repeats: int) -> Any:
    from ase.build import bulk

    atoms = bulk("Si", cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.05, seed=1)
    return atoms


def ours(case: str, file: str) -> Step:
    from intertwine.interop.sevenn import load
    from intertwine.models import atom_graph

    atoms, model = silicon(CASES[case][1]), load(file)

    def step() -> dict[str, Any]:
        found = model(atom_graph(atoms, model.elements, model.cutoff), stress=True)
        stress = found["stress"][0].numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        return {"energy": float(found["energy"]), "forces": found["forces"].numpy(), "stress": stress}

    return step


def sevenn(case: str, _: str) -> Step:
    from sevenn.calculator import SevenNetCalculator

    model, repeats = CASES[case]
    atoms = silicon(repeats)
    atoms.calc = SevenNetCalculator(MODELS[model][0], device="cpu")

    def step() -> dict[str, Any]:
        atoms.calc.results.clear()
        found = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        return found | {"stress": atoms.get_stress()}

    return step


def ethanols() -> list[Any]:
    from ase.build import molecule

    frames = [molecule("CH3CH2OH") for _ in range(10)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=seed)
    return frames


def train_ours(*_: str) -> Step:
    import torch

    from intertwine.catalog import O3
    from intertwine.models import NequIP, Potential, atom_graph

    torch.manual_seed(0)
    hidden = O3.rep("32x0e + 32x0o + 32x1o + 32x1e + 32x2e + 32x2o")
    model = Potential(NequIP(3, 5.0, hidden, layers=4, neighbours=8.0, channels=3), elements=[1, 6, 8]).train()
    frames = ethanols()

    def step() -> dict[str, Any]:
        graph = atom_graph(frames, model.elements, model.cutoff, dtype=torch.float32)
        found = model(graph)
        loss = (found["energy"] ** 2).mean() + (found["forces"] ** 2).mean()
        model.zero_grad()
        loss.backward()
        return {"loss": loss.item(), "parameters": sum(p.numel() for p in model.parameters())}

    return step


def train_nequip(*_: str) -> Step:
    from nequip.data import AtomicDataDict, from_ase
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.utils.global_state import set_global_state

    set_global_state()
    from nequip.model import NequIPGNNModel

    kinds = ["H", "C", "O"]
    model = NequIPGNNModel(
        seed=0,
        model_dtype="float32",
        r_max=5.0,
        type_names=kinds,
        num_layers=4,
        l_max=2,
        parity=True,
        num_features=32,
        type_embed_num_features=3,  # of 3 elements: the map of an atom's own features is one for each, as here
        radial_mlp_depth=2,
        radial_mlp_width=64,
        avg_num_neighbors=8.0,
        per_type_energy_shifts=dict.fromkeys(kinds, 0.0),
        per_type_energy_scales=dict.fromkeys(kinds, 1.0),
    ).train()
    prepare = [ChemicalSpeciesToAtomTypeMapper(kinds), NeighborListTransform(r_max=5.0)]
    frames = ethanols()

    def one(atoms: Any) -> Any:
        data = from_ase(atoms)
        for transform in prepare:
            data = transform(data)
        return data

    def step() -> dict[str, Any]:
        found = model(AtomicDataDict.batched_from_list([one(atoms) for atoms in frames]))
        loss = (found["total_energy"] ** 2).mean() + (found["forces"] ** 2).mean()
        model.zero_grad()
        loss.backward()
        return {"loss": loss.item(), "parameters": sum(p.numel() for p in model.parameters())}

    return step


def serve(case: str, side: str, threads: int, file: str) -> None:
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(threads)
    if side == "ours":
        sys.path.insert(0, str(ROOT / "src"))
    makers = {"ours": train_ours, "peer": train_nequip} if case == TRAINING else {"ours": ours, "peer": sevenn}
    answer(makers[side](case, file))


# both sides, in turn --------------------------------------------------------------------------------------------------


def sides_of(case: str, python: str, threads: int) -> dict[str, Side]:
    file = ""
    if case in CASES:
        code = f"import sevenn._const as c; print(c.{MODELS[CASES[case][0]][1]})"
        told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
        file = told.strip().splitlines()[-1]
    options = [str(threads), file]
    return {
        name: Side([program, __file__, "--serve", case, name, *options], threads)
        for name, program in (("ours", sys.executable), ("peer", python))
    }


def measure(case: str, python: str, threads: int, *, profile: bool) -> list[Row]:
    sides = sides_of(case, python, threads)
    first = {name: side.ask() for name, side in sides.items()}
    if case == TRAINING:
        numbers = [first[name]["parameters"] for name in ("ours", "peer")]
        print(f"{case}: {numbers[0]} and {numbers[1]} parameters")
        if abs(numbers[0] - numbers[1]) > 0.01 * numbers[1]:
            raise SystemExit("The numbers of parameters differ.")
    else:
        for what in ("energy", "forces", "stress"):
            require_equal(f"{case}, {what}", *(np.array(first[name][what]) for name in ("ours", "peer")), 1e-4)
    kind, key = ("CPU of one thread", "cpu") if threads == 1 else (f"wall time of {threads} threads", "wall")
    times = medians(sides, ROUNDS, key)
    memory = [sides[name].ask("memory")["memory"] for name in ("ours", "peer")]
    if profile:
        sides["ours"].ask("profile")
    for side in sides.values():
        side.close()
    what, peer = ("loss and its gradient", "nequip") if case == TRAINING else ("energy, forces and stress", "sevenn")
    rows = [Row(case, f"{what}, {kind}", peer, "ms", *times, 3.0)]
    if threads == 1:
        rows.append(Row(case, "memory beside the model, at most", peer, "MB", *memory, 3.0))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sevenn", help="a Python that has sevenn")
    parser.add_argument("--nequip", help="a Python that has nequip")
    parser.add_argument("--case", action="append", choices=[*CASES, TRAINING], help="only this case")
    parser.add_argument("--threads", action="append", type=int, help="only with so many; default 1 and 2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        case, side, threads, file = options.serve
        serve(case, side, int(threads), file)
        return
    rows = []
    for case in options.case or [*CASES, TRAINING]:
        if python := options.nequip if case == TRAINING else options.sevenn:
            for threads in options.threads or (1, 2):
                for row in measure(case, python, threads, profile=options.profile and threads == 1):
                    print(row, flush=True)
                    rows.append(row)
    record(rows, options.json)
    if options.docs:
        put_into(ROOT / "docs" / "speed.md", "potentials", markdown(rows))


if __name__ == "__main__":
    main()
