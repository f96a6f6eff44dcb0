"""Charges have the energies that are known of them: of a pair, and of crystals."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

import intertwine as tw
from intertwine.interop.ase import Calculator
from intertwine.models import Electrostatics, NequIP, Potential, Target, atom_graph
from intertwine.models.atoms.terms import COULOMB


def energy(atoms: Atoms, charges: list[float], width: float = 1.0, resolution: float = 1.0) -> float:
    graph = atom_graph(atoms, sorted({*atoms.numbers.tolist()}), 3.0)
    q = torch.tensor(charges, dtype=torch.float64)[:, None]
    return float(Electrostatics("q", width, resolution)(graph, graph.vectors(), {"q": q}).sum())


def test_rock_salt_has_madelungs_constant() -> None:
    """−1.747564594633 k/r per ion pair (Borwein et al. 1985): narrow charges that do not overlap are points."""
    atoms, apart = bulk("NaCl", "rocksalt", a=8.0, cubic=True), 4.0
    charges = [1.0 if number == 11 else -1.0 for number in atoms.numbers]
    found = energy(atoms, charges, width=0.5, resolution=0.4) / 4
    # Charges smeared by σ each act as points at this distance; each one's own energy is not counted.
    assert found == pytest.approx(-1.747564594633 * COULOMB / apart, rel=1e-9)


def test_a_molecule_in_a_large_cell_is_a_molecule() -> None:
    open_, atoms = Atoms("NaCl", [[0, 0, 0], [0.3, 0.2, 2.5]]), Atoms("NaCl", [[0, 0, 0], [0.3, 0.2, 2.5]])
    atoms.set_cell(60 * np.eye(3))
    closed = atoms.copy()
    closed.pbc = True
    assert energy(atoms, [1.0, -1.0]) == energy(open_, [1.0, -1.0])  # a cell that does not repeat is none
    assert energy(closed, [1.0, -1.0]) == pytest.approx(energy(open_, [1.0, -1.0]), abs=2e-3)
    r = float(np.linalg.norm(open_.positions[1]))
    assert energy(open_, [1.0, -1.0]) == pytest.approx(-COULOMB * math.erf(r / math.sqrt(2)) / r, rel=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
def test_forces_and_stress_are_slopes(periodic: bool) -> None:
    torch.manual_seed(0)
    rep = tw.O3.rep("1x0e + 1x0e")
    network = NequIP(2, 4.0, tw.O3.rep("8x0e + 8x1o"), layers=1, radial=(8,), rep_out=rep)
    targets = {"charges": Target(tw.O3.rep("1x0e"), total=False)}
    model = Potential(network, [11, 17], targets=targets, terms=[Electrostatics(resolution=1.5)]).double()
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=0)
    atoms.pbc = periodic
    atoms.calc = Calculator(model)
    assert np.abs(atoms.get_forces() - calculate_numerical_forces(atoms, eps=1e-4)).max() < 1e-5
    if periodic:
        assert np.abs(atoms.get_stress() - calculate_numerical_stress(atoms, eps=1e-5)).max() < 1e-6
    other = Potential(network, [11, 17], targets=targets, terms=[Electrostatics("q")]).double()
    with pytest.raises(tw.errors.ArgumentError, match="target 'q'"):
        other(atom_graph(atoms, [11, 17], 4.0))


def test_a_slab_without_a_cell_across_it_is_refused() -> None:
    slab = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.5]], cell=[4, 4, 0], pbc=[True, True, False])
    with pytest.raises(tw.errors.ArgumentError, match="three lattice vectors that span a volume"):
        energy(slab, [1.0, -1.0])
    slab.center(vacuum=10, axis=2)
    assert math.isfinite(energy(slab, [1.0, -1.0]))
