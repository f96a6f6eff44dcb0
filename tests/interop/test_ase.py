"""A potential drives what ase drives: slopes of its energy are its forces, and kept neighbours change nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import NequIP, Potential, Repulsion, Target, VerletList, save_potential


def potential(*elements: int, dtype: torch.dtype = torch.float64) -> Potential:
    torch.manual_seed(0)
    dipole, alpha = Target(tw.O3.rep("1x1o")), Target.tensor("ij=ji", tw.O3)
    rep_out = tw.O3.rep("1x0e") + dipole.rep + alpha.rep
    network = NequIP(
        len(elements), 4.0, tw.O3.rep("8x0e + 8x1o + 4x2e"), layers=2, degree=2, rep_out=rep_out, radial=(8,)
    )
    targets = {"dipole": dipole, "polarizability": alpha}
    return Potential(
        network, elements, torch.arange(-len(elements), 0) * 10.0, 0.3, targets=targets, terms=[Repulsion(elements)]
    ).to(dtype)


def rocksalt(repeat: int = 1) -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.4, cubic=True).repeat(repeat)
    atoms.rattle(0.05, seed=0)
    return atoms


def test_forces_and_stress_are_slopes_of_the_energy() -> None:
    atoms = rocksalt()
    atoms.calc = Calculator(potential(11, 17))
    assert np.abs(atoms.get_forces() - calculate_numerical_forces(atoms, eps=1e-4)).max() < 1e-6
    assert np.abs(atoms.get_stress() - calculate_numerical_stress(atoms, eps=1e-5)).max() < 1e-7
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)


def test_a_simulation_with_kept_neighbours_is_the_one_without() -> None:
    """Atoms move, neighbours are searched for a few times, and no force differs; the energy is conserved."""
    atoms = rocksalt()
    thermalize_momenta(atoms, 600, rng=np.random.default_rng(0))
    atoms.calc, fresh = Calculator(potential(11, 17), skin=0.4), Calculator(potential(11, 17), skin=0.0)
    dynamics, energies = VelocityVerlet(atoms, 0.5 * units.fs), []
    for _ in range(30):
        dynamics.run(2)
        energies.append(atoms.get_total_energy())
        again = atoms.copy()
        again.calc = fresh
        assert np.abs(again.get_forces() - atoms.get_forces()).max() < 1e-12
    assert atoms.calc.neighbours.searches < fresh.neighbours.searches
    assert np.ptp(energies) < 1e-3 * atoms.get_kinetic_energy()


def test_neighbours_are_kept_while_the_cell_moves_little() -> None:
    atoms, kept = rocksalt(), VerletList([11, 17], cutoff=4.0, skin=0.5)
    random = np.random.default_rng(0)
    for _ in range(20):
        strain = np.eye(3) + 0.01 * random.standard_normal((3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.positions += 0.03 * random.standard_normal(atoms.positions.shape)
        fresh = VerletList([11, 17], cutoff=4.0, skin=0.0).graph(atoms)
        now = kept.graph(atoms)
        lengths = [np.sort(graph.vectors().norm(dim=1).numpy()) for graph in (now, fresh)]
        assert np.abs(lengths[0] - lengths[1]).max() < 1e-12
    assert 1 < kept.searches < 20


def test_a_relaxation_of_the_cell_ends_without_stress() -> None:
    atoms = rocksalt()
    atoms.calc = Calculator(potential(11, 17))
    before = atoms.get_potential_energy()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3, steps=20)
    assert atoms.get_potential_energy() < before


def test_molecules_have_tensors_and_no_stress(tmp_path: Path) -> None:
    atoms, model = molecule("CH3OH"), potential(1, 6, 8, dtype=torch.float32)
    atoms.calc = Calculator(save_potential(model, tmp_path / "model.safetensors"), dtype=torch.float64)
    assert atoms.get_dipole_moment().shape == (3,)
    alpha = atoms.calc.results["polarizability"]
    assert np.array_equal(alpha, alpha.T)
    turned = atoms.copy()
    g = tw.O3.sample(1, 0)[0]
    turned.positions = atoms.positions @ g.T
    turned.calc = Calculator(model, dtype=torch.float64)
    assert np.abs(turned.get_dipole_moment() - g @ atoms.get_dipole_moment()).max() < 1e-10
    assert np.abs(turned.calc.results["polarizability"] - g @ alpha @ g.T).max() < 1e-10
    with pytest.raises(tw.errors.ArgumentError, match="without volume"):
        atoms.get_stress()
    with pytest.raises(tw.errors.ArgumentError, match=r"atomic numbers \[1, 6, 8\], but the structure holds \[14\]"):
        Calculator(model).get_potential_energy(Atoms("Si"))


def test_no_global_state_changes() -> None:
    model = potential(14, dtype=torch.float32)
    atoms = bulk("Si", cubic=True)
    atoms.calc = Calculator(model, dtype=torch.float64)
    atoms.get_forces()
    assert torch.get_default_dtype() == torch.float32
    assert model.dtype == torch.float32
    assert model.training
    exact = atoms.get_potential_energy()
    atoms.calc = Calculator(model)
    assert atoms.get_potential_energy() == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("atoms", [Atoms("Si"), Atoms(), Atoms("Si", cell=[3, 0, 0], pbc=[1, 0, 0])])
def test_few_atoms(atoms: Atoms) -> None:
    atoms.calc = Calculator(potential(14))
    assert atoms.get_forces() == pytest.approx(np.zeros((len(atoms), 3)), abs=1e-12)
