"""Frames of a molecule at 500 K with labels of GFN2-xTB, made on the spot: energy, forces, dipole, polarisability.

    pip install 'intertwine[potentials]' tblite
    python examples/make_frames.py ethanol 1000 ethanol.xyz

A molecule is named, `ethanol` or `aspirin`, or by a formula that ase knows, or a file. Frames of a Langevin dynamics
are written as extended xyz, in eV, Å and e Å. Polarisabilities, by differences of dipoles in small fields, in atomic
units, and polar tensors, by those in moved positions, in e, are written where they are asked for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS
from tblite.ase import TBLite
from tblite.interface import Calculator
from tblite.library import ffi

FORMULAS = {"ethanol": "CH3CH2OH", "water": "H2O", "benzene": "C6H6", "methane": "CH4"}
ASPIRIN = """
C 3.08 1.18 -0.84  C 2.03 0.46 -0.04  O 2.10 0.25 1.16  O 1.01 0.07 -0.90  C -0.06 -0.53 -0.22  C -0.10 -1.93 -0.24
C -1.15 -2.59 0.40  C -2.16 -1.86 1.03  C -2.12 -0.46 1.03  C -1.07 0.22 0.40  C -1.03 1.71 0.37  O -0.23 2.41 -0.21
O -2.04 2.26 1.08  H 2.63 2.04 -1.35  H 3.53 0.50 -1.56  H 3.86 1.55 -0.17  H 0.68 -2.50 -0.73  H -1.19 -3.68 0.40
H -2.97 -2.38 1.53  H -2.92 0.08 1.53  H -1.88 3.22 0.98
"""
FIELD = 2e-3  # atomic units


def structure(name: str) -> Atoms:
    """A molecule by its name, a formula of ase or a file, relaxed by GFN2-xTB."""
    if name == "aspirin":
        rows = np.array(ASPIRIN.split()).reshape(-1, 4)
        atoms = Atoms(rows[:, 0].tolist(), rows[:, 1:].astype(float))
    else:
        atoms = read(name) if Path(name).is_file() else molecule(FORMULAS.get(name, name))
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    BFGS(atoms, logfile=None).run(fmax=0.02, steps=500)
    return atoms


def trajectory(atoms: Atoms, count: int, every: int, temperature: float = 500.0, seed: int = 0) -> Iterator[Atoms]:
    """The same atoms again and again, `every` steps of 0.5 fs apart, after 0.5 ps to warm up."""
    random = np.random.RandomState(seed)
    thermalize_momenta(atoms, temperature, rng=random)
    # Langevin's default takes the motion of the whole away without counting it, and a small molecule gets hotter.
    step, friction = 0.5 * units.fs, 0.02 / units.fs
    dynamics = Langevin(atoms, step, temperature_K=temperature, friction=friction, rng=random, fixcm=False)
    dynamics.run(1000)
    for _ in range(count):
        dynamics.run(every)
        yield atoms


def labelled(atoms: Atoms) -> Atoms:
    """A copy with the labels of its calculator."""
    frame = Atoms(atoms.numbers, atoms.positions - atoms.get_center_of_mass())
    frame.info |= {"energy": atoms.get_potential_energy(), "dipole": atoms.get_dipole_moment()}
    frame.arrays["forces"] = atoms.get_forces()
    return frame


def dipole(atoms: Atoms, field: np.ndarray) -> np.ndarray:
    """In an electric field, both in atomic units."""
    calculator = Calculator("GFN2-xTB", atoms.numbers, atoms.positions / units.Bohr)
    calculator.set("verbosity", 0)
    calculator.set("accuracy", 0.01)
    calculator.add("electric-field", ffi.cast("double*", ffi.from_buffer(field)))
    return calculator.singlepoint().get("dipole")


def polarisability(atoms: Atoms) -> np.ndarray:
    """`α_ij = ∂μ_i / ∂E_j` in atomic units, by central differences."""
    columns = [(dipole(atoms, FIELD * e) - dipole(atoms, -FIELD * e)) / (2 * FIELD) for e in np.eye(3)]
    alpha = np.stack(columns, 1)
    return (alpha + alpha.T) / 2


def polar_tensors(atoms: Atoms, step: float = 0.005) -> np.ndarray:
    """`P[a, i, j] = ∂μ_i / ∂r_aj` in e, one for each atom, by central differences: a tensor without any symmetry."""
    calculator = TBLite(method="GFN2-xTB", verbosity=0, accuracy=0.01)
    found = np.zeros((len(atoms), 3, 3))
    for a, j in np.ndindex(len(atoms), 3):
        for sign in (1, -1):
            moved = Atoms(atoms.numbers, atoms.positions, calculator=calculator)
            moved.positions[a, j] += sign * step
            found[a, :, j] += sign * moved.get_dipole_moment() / (2 * step)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molecule", help="ethanol, aspirin, a formula that ase knows, or a file of ase")
    parser.add_argument("frames", type=int)
    parser.add_argument("out", help="the file, such as ethanol.xyz")
    parser.add_argument("--temperature", type=float, default=500.0, help="K")
    parser.add_argument("--every", type=int, default=20, help="steps of 0.5 fs from frame to frame")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--polarisability", action="store_true", help="as target 'polarisability', atomic units")
    parser.add_argument("--polar-tensors", action="store_true", help="as target 'polar_tensors', 3×3 of each atom, e")
    options = parser.parse_args()
    start, frames, kelvin = time.process_time(), [], []
    for atoms in trajectory(
        structure(options.molecule), options.frames, options.every, options.temperature, options.seed
    ):
        frame = labelled(atoms)
        if options.polarisability:
            frame.info["polarisability"] = polarisability(frame)
        if options.polar_tensors:
            frame.arrays["polar_tensors"] = polar_tensors(frame).reshape(-1, 9)
        frames.append(frame)
        kelvin.append(atoms.get_temperature())
    write(options.out, frames, format="extxyz")
    seconds = time.process_time() - start
    print(
        f"{len(frames)} frames of {frames[0].symbols} in {options.out}: {seconds:.0f} s of CPU, {np.mean(kelvin):.0f} K"
    )


if __name__ == "__main__":
    main()
