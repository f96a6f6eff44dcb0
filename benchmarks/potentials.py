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

import subprocess
import sys
import warnings
from typing import Any

from peers import ethanols, nequip_batch, nequip_graph, nequip_model, silicon
from sides import ROOT, Side, Step, answer, main, measured, require_same
from timing import Row

MODELS = {"SevenNet-0": ("7net-0", "SEVENNET_0_11Jul2024"), "7net-l3i5": ("7net-l3i5", "SEVENNET_l3i5")}
"""The names of models in sevenn's calculator, and of their files among sevenn's constants."""

CASES = {
    **{f"SevenNet-0, {8 * n**3} Si": ("SevenNet-0", n) for n in (2, 3, 4, 5)},
    **{f"7net-l3i5, {8 * n**3} Si": ("7net-l3i5", n) for n in (2, 3, 4)},
}
"""For each case the model, and how often the cubic cell is repeated along each axis."""

TRAINING = "NequIP, 10 ethanols"

PACKAGES = {**dict.fromkeys(CASES, "sevenn"), TRAINING: "nequip"}
"""The package of each case."""


# a side, in a process of its own --------------------------------------------------------------------------------------


def ours(case: str, file: str) -> Step:
    from ase.stress import full_3x3_to_voigt_6_stress

    from intertwine.interop.sevenn import load
    from intertwine.models import atom_graph

    atoms, model = silicon(CASES[case][1]), load(file)

    def step() -> dict[str, Any]:
        found = model(atom_graph(atoms, model.elements, model.cutoff), stress=True)
        stress = full_3x3_to_voigt_6_stress(found["stress"][0].numpy())
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


def train_ours(*_: str) -> Step:
    import torch

    from intertwine.catalog import O3
    from intertwine.models import NequIP, Potential, atom_graph

    torch.manual_seed(0)
    hidden = O3.rep("32x0e + 32x0o + 32x1o + 32x1e + 32x2e + 32x2o")
    model = Potential(NequIP(3, 5.0, hidden, layers=4, neighbours=8.0, channels=3), elements=[1, 6, 8]).train()
    frames = ethanols(0.1)

    def step() -> dict[str, Any]:
        graph = atom_graph(frames, model.elements, model.cutoff, dtype=torch.float32)
        found = model(graph)
        loss = (found["energy"] ** 2).mean() + (found["forces"] ** 2).mean()
        model.zero_grad()
        loss.backward()
        return {"loss": loss.item(), "parameters": sum(p.numel() for p in model.parameters())}

    return step


def train_nequip(*_: str) -> Step:
    kinds = [1, 6, 8]
    model = nequip_model(kinds, 5.0, 8.0, num_layers=4, num_features=32).train()
    frames = ethanols(0.1)

    def step() -> dict[str, Any]:
        found = model(nequip_batch([nequip_graph(atoms, kinds, 5.0) for atoms in frames]))
        loss = (found["total_energy"] ** 2).mean() + (found["forces"] ** 2).mean()
        model.zero_grad()
        loss.backward()
        return {"loss": loss.item(), "parameters": sum(p.numel() for p in model.parameters())}

    return step


def serve(case: str, side: str, threads: str, file: str) -> None:
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(int(threads))
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
    first, what = {name: side.ask() for name, side in sides.items()}, "energy, forces and stress"
    if case == TRAINING:
        what = "loss and its gradient"
        numbers = [first[name]["parameters"] for name in ("ours", "peer")]
        print(f"{case}: {numbers[0]} and {numbers[1]} parameters")
        if abs(numbers[0] - numbers[1]) > 0.01 * numbers[1]:
            raise SystemExit("The numbers of parameters differ.")
    else:
        require_same(case, first, ("energy", "forces", "stress"))
    return measured(sides, case, what, PACKAGES[case], 3.0, threads=threads, profile=profile)


if __name__ == "__main__":
    main(__doc__, PACKAGES, serve, measure, "potentials")
