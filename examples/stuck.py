"""A training that is stuck, and why: dipoles of benzene in an electric field that the network is not told of.

    pip install 'intertwine[potentials]' tblite
    python examples/stuck.py

Benzene as it stands in a field has a dipole; benzene alone has none, since its symmetries leave no vector. So no
equivariant network of atoms learns the label, however long it trains, and its loss ends at that of a network that gives
nothing. The report at the start of a training says so beforehand, and `curie_check` how much of the label is lost, and
to which symmetries.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.io import write
from make_frames import dipole

from intertwine.catalog import O3
from intertwine.symmetry import Points, curie_check
from intertwine.training import configuration_of, train

FIELD = np.array([0.0, 0.0, 0.01])  # atomic units, along the axis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="few epochs")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    atoms = molecule("C6H6")
    frame = Atoms(atoms.numbers, atoms.positions)
    frame.info["dipole"] = dipole(atoms, FIELD) * units.Bohr
    print("label:", frame.info["dipole"].round(4), "e Å")
    told = {
        "model": {
            "network": "NequIP",
            "cutoff": 4.0,
            "options": {"hidden": "8x0e + 8x1o + 8x2e", "layers": 2},
            "targets": {"dipole": {"rep": "1x1o"}},
        },
        "fit": {"epochs": 3 if options.quick else options.epochs, "energy": 0.0, "forces": 0.0},
    }
    with tempfile.TemporaryDirectory() as place:
        write(Path(place) / "benzene.xyz", [frame] * 4, format="extxyz")
        data = {"train": str(Path(place) / "benzene.xyz"), "validation": 0.0}
        trained = train(configuration_of({**told, "data": data, "folder": str(Path(place) / "run")}), say=print)
    start, end = (trained.history[place]["train/loss"] for place in (0, -1))
    print(f"loss at the start {start:.4f}, at the end {end:.4f}; 1 is that of a network that gives nothing")
    points = Points(atoms.positions, labels=atoms.numbers)
    print(curie_check(points, frame.info["dipole"], rep_out=O3.rep("1x1o"), tolerance=1e-3))


if __name__ == "__main__":
    main()
