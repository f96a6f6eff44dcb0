"""What other programs make of a potential, in an environment that has them: `simulators.py NAME POTENTIAL TARGET`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from ase.build import bulk


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


if __name__ == "__main__":
    name, potential, target = sys.argv[1:]
    np.savez(Path(target), **globals()[name](potential))
