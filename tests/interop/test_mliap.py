"""LAMMPS gets by its interface ML-IAP what ase gets: from a stand-in of its data, and from LAMMPS itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from intertwine.catalog import O3
from intertwine.interop.ase import Calculator
from intertwine.interop.mliap import MLIAPPotential, save_mliap
from intertwine.models import Allegro, NequIP, Potential, Repulsion, save_potential
from tests.interop.packages import simulated
from tests.interop.processes import pieces
from tests.interop.simulators import BARS, frames


class Data:
    """What LAMMPS gives to Python at a step, and how: some of it is only written to, and nothing empty can be read.

    Args:
        positions, elements: of the atoms of a process, and behind them ghosts.
        own: how many atoms are its own.
        cutoff: Å.
        has_ghost_neighbours: whether neighbours of ghosts are listed too.
    """

    def __init__(
        self, positions: np.ndarray, elements: np.ndarray, own: int, cutoff: float, has_ghost_neighbours: bool
    ) -> None:
        self.ntotal, self.nlocal, self.nlistatoms = len(positions), own, own
        self.natomneigh = len(positions) if has_ghost_neighbours else own
        between = positions[None] - positions[: self.natomneigh, None]
        near = np.linalg.norm(between, axis=2) < cutoff
        near[np.arange(self.natomneigh), np.arange(self.natomneigh)] = False
        first, second = near.nonzero()
        self.npairs = len(first)
        self._arrays = {
            "elems": elements.astype(np.int32),
            "iatoms": np.arange(self.natomneigh, dtype=np.int32),
            "pair_i": first.astype(np.int32),
            "pair_j": second.astype(np.int32),
            "rij": between[near],
        }
        self.written: dict[str, np.ndarray] = {}
        self.forces, self.virial = np.zeros((self.ntotal, 3)), np.zeros((3, 3))

    def __getattr__(self, name: str) -> np.ndarray:
        found = self._arrays[name]
        if not len(found):
            raise ValueError("Invalid shape in axis 0: 0.")
        return found

    def _write_energy(self, value: float) -> None:
        self.written["energy"] = np.array(float(value))

    def _write_energies(self, values: np.ndarray) -> None:
        assert values.shape == (self.nlistatoms,)
        assert values.dtype == np.float64
        self.written["eatoms"] = values.copy()

    energy, eatoms = property(fset=_write_energy), property(fset=_write_energies)

    def update_pair_forces(self, fij: np.ndarray) -> None:
        """Forces on both atoms of each pair, and what they add to the virial."""
        assert fij.shape == (self.npairs, 3)
        assert fij.dtype == np.float64
        assert fij.flags.c_contiguous
        np.add.at(self.forces, self.pair_i, fij)
        np.subtract.at(self.forces, self.pair_j, fij)
        self.virial -= self.rij.T @ fij


def potential(network: type, **options: object) -> Potential:
    torch.manual_seed(0)
    made = network(3, cutoff=4.0, hidden=O3.rep("4x0e + 4x1o"), layers=2, **options)
    terms = [Repulsion([14, 26, 32])]
    return Potential(made, [14, 26, 32], references=[-3.0, -5.0, -4.0], scale=0.2, terms=terms).double()


@pytest.mark.parametrize(("network", "layers"), [(Allegro, 1), (NequIP, 2)])
@pytest.mark.parametrize("has_ghost_neighbours", [False, True])
def test_processes_add_up(network: type, layers: int, has_ghost_neighbours: bool) -> None:
    model = potential(network)
    unified, atoms = MLIAPPotential(model), frames()[1]
    atoms.numbers[2] = 14
    assert unified.layers == layers
    places = np.array([model.elements.index(number) for number in atoms.numbers])
    energy, energies, forces, virial = 0.0, np.zeros(len(atoms)), np.zeros((len(atoms), 3)), np.zeros((3, 3))
    for piece in pieces(atoms, layers * model.cutoff + 0.5, 3):
        data = Data(piece.positions, places[piece.which], piece.own, 2 * unified.rcutfac, has_ghost_neighbours)
        unified.compute_descriptors(data)
        unified.compute_gradients(data)
        if layers > 1 and not has_ghost_neighbours:
            with pytest.raises(ValueError, match=r"2 layers deep.*FILE 1` and `comm_modify cutoff 8`.*fix external"):
                unified.compute_forces(data)
            return
        unified.compute_forces(data)
        energy, virial = energy + data.written["energy"], virial + data.virial
        energies[piece.which[: piece.own]] = data.written["eatoms"]
        np.add.at(forces, piece.which, data.forces)  # as LAMMPS does with what it finds for ghosts
    atoms.calc = Calculator(model)
    np.testing.assert_allclose(energy, atoms.get_potential_energy(), rtol=1e-12)
    np.testing.assert_allclose(energies, atoms.get_potential_energies(), rtol=1e-12)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-10)
    np.testing.assert_allclose(virial, -atoms.get_stress(voigt=False) * atoms.get_volume(), atol=1e-10)


def test_atoms_without_neighbours_and_processes_without_atoms() -> None:
    unified = MLIAPPotential(potential(NequIP))
    alone = Data(np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]), np.array([0, 2]), 2, 4.0, False)
    unified.compute_forces(alone)
    atoms = Atoms("SiGe", [[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]], calculator=Calculator(unified.model))
    np.testing.assert_allclose(alone.written["eatoms"], atoms.get_potential_energies(), rtol=1e-12)
    nothing = Data(np.zeros((0, 3)), np.zeros(0), 0, 4.0, True)
    unified.compute_forces(nothing)
    assert nothing.written == {"energy": 0.0}


def test_atoms_of_other_pair_styles_count_nothing() -> None:
    """Types without an element are numbered -1, and not listed."""
    unified, positions = MLIAPPotential(potential(Allegro)), bulk("Si", cubic=True).positions
    data = Data(positions, np.full(8, 0), 8, 4.0, False)
    unified.compute_forces(data)
    more = Data(np.concatenate([positions, positions + 50.0]), np.repeat([0, -1], 8), 8, 4.0, False)
    unified.compute_forces(more)
    assert data.written["energy"] == pytest.approx(more.written["energy"], rel=1e-12)


def test_a_file_holds_the_model_and_comes_with_its_commands(tmp_path: Path) -> None:
    saved = save_potential(potential(NequIP), tmp_path / "model.safetensors")
    path = tmp_path / "model.pt"
    assert save_mliap(saved, path, ["Ge", "Si"]).splitlines() == [
        f"pair_style mliap unified {path} 1",
        "pair_coeff * * Ge Si",
        "comm_modify mode single cutoff 10.0",
    ]
    loaded = torch.load(path, weights_only=False)
    assert (loaded.element_types, loaded.rcutfac, loaded.interface) == (["Si", "Fe", "Ge"], 2.0, None)
    found = [Data(bulk("Si", cubic=True).positions, np.zeros(8), 8, 4.0, False) for _ in range(2)]
    loaded.compute_forces(found[0])
    MLIAPPotential(saved).compute_forces(found[1])
    np.testing.assert_array_equal(found[0].forces, found[1].forces)
    assert save_mliap(potential(Allegro), path, ["Si"]).splitlines()[0].endswith(" 0")
    with pytest.raises(ValueError, match=r"Si, Fe, Ge, but got \['C'\]"):
        save_mliap(saved, path, ["C"])
    with pytest.raises(ValueError, match=r"ends in \"\.pt\", but got 'model\.safetensors'"):
        save_mliap(saved, saved, ["Si"])


@pytest.mark.slow
@pytest.mark.parametrize("network", [Allegro, NequIP])
def test_lammps_on_one_process_and_on_two(network: type, tmp_path: Path) -> None:
    model = potential(network)
    saved = save_potential(model, tmp_path / "model.safetensors")
    alone = simulated("mliap", saved, tmp_path / "one.npz", environment="mliap")
    both = simulated("mliap", saved, tmp_path / "two.npz", environment="mliap", processes=2)
    assert (alone.pop("processes"), both.pop("processes")) == (1, 2)
    for name, values in alone.items():
        np.testing.assert_allclose(both[name], values, rtol=1e-10, atol=1e-10)
    for n, atoms in enumerate(frames()[:2]):
        atoms.calc = Calculator(model)
        for steps in (0, 40):
            atoms.positions = alone[f"positions, {n}, {steps}"]
            energy, pressure = atoms.get_potential_energy(), -BARS * atoms.get_stress()
            np.testing.assert_allclose(alone[f"energy, {n}, {steps}"], energy, rtol=1e-12)
            np.testing.assert_allclose(alone[f"forces, {n}, {steps}"], atoms.get_forces(), atol=1e-10)
            np.testing.assert_allclose(alone[f"pressure, {n}, {steps}"], pressure, atol=1e-10 * BARS)
        assert abs(alone[f"total, {n}, after"] - alone[f"total, {n}, before"]) < 1e-4
