"""Programs that move atoms get from a potential what ase gets from it: torch-sim, LAMMPS, metatomic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from intertwine.catalog import O3
from intertwine.interop.ase import Calculator
from intertwine.interop.lammps import LammpsForces, evaluated
from intertwine.models import (
    ESCN,
    MACE,
    Allegro,
    NequIP,
    Potential,
    atom_graph,
    load_potential,
    save_potential,
)
from intertwine.models.atoms.exporting import hops
from tests.interop.packages import simulated
from tests.interop.processes import pieces
from tests.interop.simulators import BARS, frames


@pytest.fixture(scope="module")
def potential(tmp_path_factory) -> Path:
    """Two layers, for silicon, iron and germanium."""
    torch.manual_seed(0)
    network = NequIP(3, cutoff=4.0, hidden=O3.rep("8x0e + 8x1o"), layers=2)
    model = Potential(network, [14, 26, 32], references=[-3.0, -5.0, -4.0], scale=0.2).double()
    return save_potential(model, tmp_path_factory.mktemp("potential") / "model.safetensors")


@pytest.fixture(scope="module")
def by_ase(potential: Path) -> list[tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
    """Energy, forces, stress and energies of atoms of each structure."""
    found = []
    for atoms in frames():
        atoms.calc = Calculator(potential)
        parts = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
        found.append((*parts, atoms.get_potential_energies()))
    return found


@pytest.mark.slow
def test_torchsim(potential: Path, by_ase, tmp_path: Path) -> None:
    found = simulated("torchsim", potential, tmp_path / "found.npz")
    energies, forces, stresses, _ = zip(*by_ase, strict=True)
    for dtype, tolerance in (("torch.float64", 1e-12), ("torch.float32", 1e-5)):
        wanted = {"energy": np.array(energies), "forces": np.concatenate(forces), "stress": np.array(stresses)}
        for name, values in wanted.items():
            np.testing.assert_allclose(found[f"{name}, {dtype}"], values, rtol=tolerance, atol=tolerance)
    # 200 fs at 230 K: energy goes to and fro between atoms and bonds, 32 atoms and two smaller structures
    assert np.ptp(found["total energies"], 0).max() < 1e-4
    assert found["searches"].max() < 50


@pytest.mark.slow
def test_lammps_on_one_process_and_on_two(potential: Path, by_ase, tmp_path: Path) -> None:
    alone = simulated("lammps", potential, tmp_path / "one.npz")
    both = simulated("lammps", potential, tmp_path / "two.npz", processes=2)
    assert (alone.pop("processes"), both.pop("processes")) == (1, 2)
    assert alone["reach"] == 8.0
    for name, values in alone.items():
        np.testing.assert_allclose(both[name], values, rtol=1e-9, atol=1e-9)
    for n, (energy, forces, stress, _) in enumerate(by_ase[:2]):
        np.testing.assert_allclose(alone[f"energy, {n}, 0"], energy, rtol=1e-12)
        np.testing.assert_allclose(alone[f"forces, {n}, 0"], forces, atol=1e-12)
        pressure = -BARS * full_3x3_to_voigt_6_stress(stress)
        np.testing.assert_allclose(alone[f"pressure, {n}, 0"], pressure, rtol=1e-6)
        assert abs(alone[f"total, {n}, after"] - alone[f"total, {n}, before"]) < 1e-4


@pytest.mark.slow
def test_metatomic(potential: Path, by_ase, tmp_path: Path) -> None:
    found = simulated("metatomic", potential, tmp_path / "found.npz")
    for dtype, tolerance in (("torch.float64", 1e-10), ("torch.float32", 1e-4)):
        for n, (energy, forces, stress, _) in enumerate(by_ase):
            for name, values in (("energy", energy), ("forces", forces), ("stress", stress)):
                np.testing.assert_allclose(found[f"{name}, {n}, {dtype}"], values, rtol=tolerance, atol=tolerance)
    energies = np.concatenate([each for *_, each in by_ase])
    np.testing.assert_allclose(found["energies"][:, 0], energies, atol=1e-10)
    start = np.cumsum([0, *(len(each) for *_, each in by_ase)])
    np.testing.assert_allclose(found["selected"][:, 0], energies[[start[1] + 3, start[2]]], atol=1e-10)


def test_energies_depend_on_neighbours_of_neighbours() -> None:
    rep = O3.rep("4x0e + 4x1o")
    networks = {
        NequIP(1, 3.0, rep, layers=1): 1,
        NequIP(1, 3.0, rep, layers=3): 3,
        MACE(1, 3.0, rep, layers=2): 2,
        Allegro(1, 3.0, rep, layers=2): 1,
        ESCN(1, 3.0, rep, layers=2): 2,
    }
    for network, expected in networks.items():
        assert hops(Potential(network, [14])) == expected


def test_parts_of_a_structure_add_up(potential: Path, by_ase) -> None:
    """What two processes give, without them: each half has images of all that it depends on."""
    model, atoms = load_potential(potential), frames()[1]
    energy, virial, forces = 0.0, np.zeros(6), np.zeros((len(atoms), 3))
    for piece in pieces(atoms, 2 * hops(model) * model.cutoff, 3):
        known = Atoms(atoms.numbers[piece.which], piece.positions)
        part = evaluated(model, atom_graph(known, model.elements, model.cutoff), piece.own)
        energy, virial = energy + part[0], virial + part[2]
        forces[piece.which[: piece.own]] = part[1]
    wanted, wanted_forces, stress, _ = by_ase[1]
    assert abs(energy - wanted) < 1e-10
    np.testing.assert_allclose(forces, wanted_forces, atol=1e-10)
    expected = -stress[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] * atoms.get_volume()
    np.testing.assert_allclose(virial, expected, atol=1e-10)


class FakeLammps:
    """What is asked of LAMMPS before anything runs."""

    units = "metal"

    def extract_global(self, name: str) -> str:
        assert name == "units"
        return self.units


def test_what_does_not_fit_lammps_is_said(potential: Path) -> None:
    with pytest.raises(ValueError, match=r"This model knows the atomic numbers \[14, 26, 32\], but not \['C', 'Xx'\]"):
        LammpsForces(FakeLammps(), potential, ["Si", "C", "Xx"])
    real = FakeLammps()
    real.units = "real"
    with pytest.raises(ValueError, match="LAMMPS runs them in units metal, but got real"):
        LammpsForces(real, potential, ["Si"])
