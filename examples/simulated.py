"""A potential trained on ethanol runs: drift and temperature without a thermostat, distances beside the label method.

    python examples/make_frames.py ethanol 1200 ethanol.xyz
    python examples/simulated.py ethanol.xyz

Distances of all pairs of atoms in a Langevin dynamics of the potential are compared with those of the frames, which are
one of GFN2-xTB at the same temperature: half of the sum of |p − q| over a histogram of 0.05 Å, 0 for equal
distributions. Two halves of the frames are as far apart as such short runs are by chance.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io import read, write

from intertwine.interop.ase import Calculator
from intertwine.interop.simulation import simulate
from intertwine.training import configuration_of, train

BINS = np.arange(0.5, 6.0, 0.05)
TEMPERATURE, TIMESTEP = 500.0, 0.5  # K, fs


def distances(frames: list[Atoms]) -> np.ndarray:
    """The histogram of the distances of all pairs of atoms, of sum 1."""
    upper = np.triu_indices(len(frames[0]), 1)
    found = np.concatenate([frame.get_all_distances()[upper] for frame in frames])
    counts = np.histogram(found, BINS)[0]
    return counts / counts.sum()


def typical(frames: list[Atoms]) -> Atoms:
    """The frame whose potential energy is nearest to the mean: without a thermostat its temperature stays.

    From a frame of low energy, atoms would give half of what their velocities bring to the potential energy.
    """
    energies = np.array([frame.get_potential_energy() for frame in frames])
    return frames[int(np.abs(energies - energies.mean()).argmin())]


def apart(first: list[Atoms], second: list[Atoms]) -> float:
    return float(np.abs(distances(first) - distances(second)).sum() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="frames with energies and forces, of one molecule at 500 K")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--picoseconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a folder for the training; default one that is removed")
    parser.add_argument("--quick", action="store_true", help="few epochs and steps")
    options = parser.parse_args()
    epochs, picoseconds = (1, 0.02) if options.quick else (options.epochs, options.picoseconds)
    steps = round(1000 * picoseconds / TIMESTEP)
    torch.set_num_threads(1)
    frames: list[Atoms] = read(options.file, ":")
    with tempfile.TemporaryDirectory() as place:
        folder = options.out or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "train.xyz", frames[: 5 * len(frames) // 6], format="extxyz")
        write(folder / "test.xyz", frames[5 * len(frames) // 6 :], format="extxyz")
        hidden = "16x0e + 16x0o + 16x1o + 16x1e + 16x2e + 16x2o"
        told = {
            "data": {"train": str(folder / "train.xyz"), "validation": 0.05, "test": [str(folder / "test.xyz")]},
            "model": {"network": "NequIP", "cutoff": 4.5, "options": {"hidden": hidden, "layers": 3}},
            "fit": {"epochs": epochs, "seed": options.seed},
            "folder": str(folder / "run"),
        }
        start = time.process_time()
        trained = train(configuration_of(told), say=print)
        print(f"training: {time.process_time() - start:.0f} s of CPU; {trained.errors}")
        start = time.process_time()
        begin = typical(frames)
        atoms = Atoms(begin.numbers, begin.positions, calculator=Calculator(trained.path))
        print("without a thermostat:")
        print(simulate(atoms, steps, temperature=TEMPERATURE, timestep=TIMESTEP, seed=options.seed))
        atoms = Atoms(begin.numbers, begin.positions, calculator=Calculator(trained.path))
        print("with Langevin's thermostat:")
        out = folder / "run.traj"
        settings = {"temperature": TEMPERATURE, "timestep": TIMESTEP, "seed": options.seed, "out": out}
        print(simulate(atoms, steps, thermostat=25.0, **settings))
        found = read(out, ":")[1000:] if steps > 15000 else read(out, ":")
    half = len(frames) // 2
    print(f"dynamics: {time.process_time() - start:.0f} s of CPU")
    print("| distances of | and of | apart |\n| --- | --- | ---: |")
    print(f"| the potential | the frames | {apart(found, frames):.4f} |")
    print(f"| the first half of the frames | the second | {apart(frames[:half], frames[half:]):.4f} |")


if __name__ == "__main__":
    main()
