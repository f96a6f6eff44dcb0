"""Dimers of s22 and atomisation energies of g2: a small potential beside the method that it learned from.

    pip install 'intertwine[potentials]' tblite
    python examples/dimers.py

Labels are made on the spot with GFN2-xTB: dimers at several distances, each in several distorted geometries, their
halves, and distorted molecules of g2 of H, C, N and O. Learned is one potential of all; looked at are geometries that
it has not seen: interaction energies of s22 at the distances of the set, with those of CCSD(T) beside, and atomisation
energies of relaxed molecules, of which one in five was left out altogether.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from ase.collections import g2
from ase.data.s22 import create_s22_system, get_interaction_energy_cc, get_number_of_dimer_atoms, s22
from ase.io import write
from ase.units import kcal, mol
from tblite.ase import TBLite

from intertwine.models import Potential, atom_graph
from intertwine.training import configuration_of, train

KCAL = kcal / mol
STRETCHES = (0.9, 1.0, 1.1, 1.3, 1.7)


def halves(name: str) -> tuple[Atoms, Atoms]:
    dimer, (first, _) = create_s22_system(name), get_number_of_dimer_atoms(name)
    return dimer[:first], dimer[first:]


def stretched(name: str, factor: float) -> Atoms:
    """A dimer whose halves are so many times as far apart as in the set."""
    first, second = halves(name)
    away = second.get_center_of_mass() - first.get_center_of_mass()
    second.translate((factor - 1) * away)
    return first + second


def energy_and_forces(atoms: Atoms) -> tuple[float, np.ndarray]:
    atoms = Atoms(atoms.numbers, atoms.positions, calculator=TBLite(method="GFN2-xTB", verbosity=0))
    return atoms.get_potential_energy(), atoms.get_forces()


def labelled(atoms: Atoms) -> Atoms:
    found = Atoms(atoms.numbers, atoms.positions)
    found.info["energy"], found.arrays["forces"] = energy_and_forces(atoms)
    return found


def distorted(atoms: Atoms, count: int, size: float = 0.06) -> list[Atoms]:
    copies = [Atoms(atoms.numbers, atoms.positions) for _ in range(count)]
    for seed, copy in enumerate(copies):
        copy.rattle(size, seed=seed)
    return [labelled(copy) for copy in copies]


def closed_shells() -> list[str]:
    """The molecules of g2 of H, C, N and O with paired electrons."""
    found = {name: molecule(name) for name in g2.names}
    return [
        name
        for name, atoms in found.items()
        if {*atoms.numbers} <= {1, 6, 7, 8}
        and len(atoms) > 1
        and not atoms.get_initial_magnetic_moments().any()
        and sum(atoms.numbers) % 2 == 0
    ]


def energies(model: Potential, frames: list[Atoms]) -> np.ndarray:
    with torch.no_grad():
        return model.energy(atom_graph(frames, model.elements, model.cutoff)).numpy()


def dimers(model: Potential, names: list[str]) -> str:
    """Interaction energies in kcal/mol: the potential, its labels and CCSD(T)."""
    lines = ["| dimer | here | GFN2-xTB | CCSD(T) |", "| --- | ---: | ---: | ---: |"]
    rows = []
    for name in names:
        parts = [create_s22_system(name), *halves(name)]
        ours, right = energies(model, parts), np.array([energy_and_forces(part)[0] for part in parts])
        rows.append([(e[0] - e[1] - e[2]) / KCAL for e in (ours, right)] + [get_interaction_energy_cc(name) / KCAL])
        lines.append(f"| {name.replace('_', ' ')} | {rows[-1][0]:.2f} | {rows[-1][1]:.2f} | {rows[-1][2]:.2f} |")
    here, labels, best = np.array(rows).T
    lines.append(
        f"| mean absolute difference | {np.abs(here - labels).mean():.2f} from GFN2-xTB | "
        f"{np.abs(labels - best).mean():.2f} from CCSD(T) | |"
    )
    return "\n".join(lines)


def atomisation(model: Potential, parts: dict[str, list[str]], single: dict[int, float]) -> str:
    """Mean errors of atomisation energies of relaxed molecules, kcal/mol per atom."""
    lines = ["| molecules of g2 | number | mean error, kcal/mol per atom | mean size |", "| --- | ---: | ---: | ---: |"]
    for words, names in parts.items():
        frames = [molecule(name) for name in names]
        counts = np.array([len(frame) for frame in frames])
        right = np.array([energy_and_forces(frame)[0] for frame in frames])
        size = right - np.array([sum(single[int(z)] for z in frame.numbers) for frame in frames])
        error, size = ((np.abs(x) / counts / KCAL).mean() for x in (energies(model, frames) - right, size))
        lines.append(f"| {words} | {len(names)} | {error:.2f} | {size:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--copies", type=int, default=2, help="distorted geometries of each dimer and distance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="few molecules and epochs")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    names, molecules = (s22[:2], closed_shells()[:10]) if options.quick else (s22, closed_shells())
    epochs, copies = (1, 1) if options.quick else (options.epochs, options.copies)
    start = time.process_time()
    frames = [frame for name in names for f in STRETCHES for frame in distorted(stretched(name, f), copies, 0.03)]
    frames += [frame for name in names for half in halves(name) for frame in distorted(half, copies)]
    parts = {"distorted ones were learned": [n for k, n in enumerate(molecules) if k % 5]}
    parts["never seen"] = [n for k, n in enumerate(molecules) if not k % 5]
    frames += [
        frame for name in parts["distorted ones were learned"] for frame in distorted(molecule(name), 4 * copies)
    ]
    single = {z: energy_and_forces(Atoms([z], [[0, 0, 0]]))[0] for z in (1, 6, 7, 8)}
    print(f"{len(frames)} frames and their labels: {time.process_time() - start:.0f} s of CPU")
    told: dict[str, Any] = {
        "model": {"network": "MACE", "cutoff": 5.0, "options": {"hidden": "32x0e + 32x1o", "degree": 2}},
        "fit": {"epochs": epochs, "seed": options.seed, "energy": 10.0},
    }
    with tempfile.TemporaryDirectory() as place:
        write(Path(place) / "train.xyz", frames, format="extxyz")
        references = dict(zip("HCNO", single.values(), strict=True))
        told["data"] = {"train": str(Path(place) / "train.xyz"), "validation": 0.05, "references": references}
        start = time.process_time()
        trained = train(configuration_of({**told, "folder": str(Path(place) / "run")}), say=print)
    print(f"training: {time.process_time() - start:.0f} s of CPU; {trained.errors}")
    print(dimers(trained.model, names))
    print(atomisation(trained.model, parts, single))


if __name__ == "__main__":
    main()
