"""What no equivariant model can fit is found, and what one can fit is not."""

import sys

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.training import LabelledFrame, label_floor


def noise(count: int, size: float = 0.05, seed: int = 0) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=(count, 3))


def test_noise_in_the_forces_of_a_symmetric_molecule_is_a_floor() -> None:
    """Of benzene's forces only one pattern for carbon and one for hydrogen have its symmetry: 2 of 36 numbers."""
    benzene, forces = molecule("C6H6"), noise(12)
    found = label_floor([LabelledFrame(benzene, -1.0, forces, source="benzene:0")])
    (one,) = found.frames
    assert (one.source, one.label, one.symmetry) == ("benzene:0", "forces", "D6h")
    radial = benzene.positions / np.linalg.norm(benzene.positions, axis=1, keepdims=True)
    kept = sum(np.sum(forces[part] * radial[part]) ** 2 / 6 for part in (slice(6), slice(6, 12)))
    assert one.floor == pytest.approx(np.sqrt((np.sum(forces**2) - kept) / 36), rel=1e-4)
    assert found.floors["forces"] == pytest.approx(one.floor)
    assert "break the symmetry D6h" in str(found)


@pytest.mark.parametrize("name", ["C6H6", "CH4", "CO2", "H2O"])
def test_forces_of_a_potential_can_be_fitted(name: str) -> None:
    atoms = molecule(name)
    atoms.calc = EMT()
    assert not label_floor([LabelledFrame(atoms.copy(), atoms.get_potential_energy(), atoms.get_forces())]).frames


def test_forces_of_nearly_symmetric_structures_can_be_fitted() -> None:
    """Rattled by less than the tolerance, the forces break the symmetry by as little as stiff bonds do."""
    atoms = molecule("CH4")
    atoms.rattle(2e-4, seed=1)
    atoms.calc = EMT()
    assert not label_floor([LabelledFrame(atoms.copy(), 0.0, atoms.get_forces())]).frames


def test_a_molecule_without_symmetry_has_no_floor() -> None:
    atoms = molecule("CH3OH")
    atoms.rattle(0.1, seed=0)
    found = label_floor([LabelledFrame(atoms, -1.0, noise(6))])
    assert not found.frames
    assert found.floors == {"forces": 0.0}
    assert "every label can be fitted" in str(found)


def test_a_crystal_has_a_floor() -> None:
    silicon = bulk("Si", cubic=True)
    found = label_floor([LabelledFrame(silicon, -1.0, noise(8), source="silicon:0")])
    assert found.frames[0].symmetry == "Fd-3m"
    assert found.frames[0].floor == pytest.approx(np.sqrt(np.mean(noise(8) ** 2)))


def test_without_spglib_crystals_are_said_to_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spglib", None)
    crystal = LabelledFrame(bulk("Si", cubic=True), -1.0, noise(8))
    found = label_floor([crystal, LabelledFrame(molecule("C6H6"), -1.0, noise(12)), crystal])
    assert len(found.frames) == 1
    assert "2 frames were not examined: spglib is not installed" in str(found)


def test_of_many_crystals_some_are_examined() -> None:
    crystals = [LabelledFrame(bulk("Si", cubic=True), -1.0, noise(8), source=str(i)) for i in range(5)]
    found = label_floor([*crystals, LabelledFrame(molecule("C6H6"), -1.0, noise(12), source="5")], most_crystals=2)
    assert {one.source for one in found.frames} == {"0", "4", "5"}
    assert "3 frames were not examined" in str(found)
    assert not label_floor(crystals, most_crystals=0).floors


def test_tensors_have_floors() -> None:
    """Carbon dioxide has no dipole; water has one along its axis only."""
    carbon, water = molecule("CO2"), molecule("H2O")
    data = [
        LabelledFrame(carbon, targets={"dipole": np.array([0.0, 0.0, 0.3])}, source="carbon"),
        LabelledFrame(water, targets={"dipole": np.array([0.0, 0.0, 0.4])}, source="water"),
    ]
    found = label_floor(data, {"dipole": O3.rep("1x1o")})
    assert [(one.source, one.label) for one in found.frames] == [("carbon", "dipole")]
    with pytest.raises(ArgumentError, match=r"dipole of carbon has the shape \(3,\)"):
        label_floor(data, {"dipole": O3.rep("1x2e")})


def test_copies_that_contradict_each_other_are_found() -> None:
    """Turned, mirrored, with atoms in another order: the energy is the same, and so are the forces, turned along."""
    atoms, rng = molecule("CH3OH"), np.random.default_rng(3)
    atoms.rattle(0.1, seed=0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(6)
    copy = atoms[order]
    copy.positions = copy.positions @ turn.T + 2
    first = LabelledFrame(atoms, -30.0, noise(6), source="first")
    along = LabelledFrame(copy, -30.0, noise(6)[order] @ turn.T, source="along")
    assert not label_floor([first, along]).conflicts
    other = LabelledFrame(copy, -30.2, noise(6, seed=1), source="other")
    energy, forces = label_floor([first, other]).conflicts
    assert (energy.label, energy.sources, energy.spread) == ("energy", ("first", "other"), pytest.approx(0.2))
    half = (noise(6)[order] @ turn.T - noise(6, seed=1)) / 2
    assert forces.label == "forces"
    assert forces.spread == pytest.approx(np.sqrt(np.mean(half**2)), rel=1e-6)
    assert "one structure in different poses" in str(label_floor([first, other]))
