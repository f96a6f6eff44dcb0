"""What is odd about data is found before they are trained on, and sound data are called sound."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from intertwine.errors import ArgumentError
from intertwine.training import CheckLimits, FrameSet, LabelledFrame, inspect
from intertwine.training.consistency import force_slope, mixed_units, stress_slope, teacher_stress


def labelled(atoms: Atoms, source: str) -> LabelledFrame:
    atoms.calc = EMT()
    stress = atoms.get_stress(voigt=False) if atoms.pbc.all() else None
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    plain = atoms.copy()
    return LabelledFrame(plain, energy, forces, stress, {}, source)


def molecules(count: int = 30) -> list[LabelledFrame]:
    """Rattled methanol, close to each other as in a run."""
    frames = []
    for seed in range(count):
        atoms = molecule("CH3OH")
        atoms.rattle(0.04, seed=seed)
        atoms.rotate(360 * np.random.default_rng(seed).random(), (1, 2, 3))
        frames.append(labelled(atoms, f"methanol:{seed}"))
    return frames


def crystals(count: int = 20) -> list[LabelledFrame]:
    frames = []
    for seed in range(count):
        atoms, strain = bulk("Cu", cubic=True), 0.02 * np.random.default_rng(seed).normal(size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        atoms.rattle(0.02, seed=seed)
        frames.append(labelled(atoms, f"copper:{seed}"))
    return frames


METHANOL, COPPER = molecules(), crystals()

Change = Callable[[LabelledFrame], LabelledFrame]


def changed(frames: list[LabelledFrame], change: Change, only: int | None = None) -> list[LabelledFrame]:
    return [change(frame) if only is None or only == i else frame for i, frame in enumerate(frames)]


@pytest.mark.parametrize("frames", [METHANOL, COPPER], ids=["molecules", "crystals"])
def test_sound_data_are_called_sound(frames: list[LabelledFrame]) -> None:
    report = inspect(frames)
    assert not report.findings
    assert "nothing odd" in str(report)
    check = report.force_check if frames is METHANOL else stress_slope(frames)  # cells are alike, or are not
    assert check.telling
    assert check.slope == pytest.approx(1, abs=0.05)


def test_counts_are_told() -> None:
    frames = [*METHANOL[:3], dataclasses.replace(METHANOL[3], forces=None), *COPPER[:2]]
    report = inspect(frames)
    assert report.labels == {"energy": 6, "forces": 5, "stress": 2}
    assert report.elements == {"H": 4, "C": 4, "O": 4, "Cu": 2}
    assert report.sizes == (4, 6)
    assert "forces: 5 of 6 frames" in str(report)


def test_no_frames_are_refused() -> None:
    with pytest.raises(ArgumentError, match="no frames"):
        inspect([])


# one thing wrong ------------------------------------------------------------------------------------------------------


def test_duplicates_and_contradictions_are_found() -> None:
    """A copy that was shifted, once with the same labels and once with another energy."""
    atoms = METHANOL[4].atoms.copy()
    atoms.translate((1.0, -2.0, 0.5))
    same = dataclasses.replace(METHANOL[4], atoms=atoms, source="copy")
    report = inspect([*METHANOL, same])
    assert [finding.frames for finding in report.found("duplicates")] == [(4, 30)]
    assert not report.found("contradictions")
    other = dataclasses.replace(same, energy=float(same.energy or 0) + 0.6, forces=same.forces * 1.1)
    report = inspect([*METHANOL, other])
    energies, forces = report.found("contradictions")
    assert energies.frames == forces.frames == (4, 30)
    assert "energies that differ, by up to 0.1 eV per atom: methanol:4, copy" in energies.words


def test_duplicates_of_crystals_are_found_through_their_periods() -> None:
    atoms = COPPER[3].atoms.copy()
    atoms.positions[2] += atoms.cell.array[0] - 2 * atoms.cell.array[2]
    atoms.translate((0.3, 0.2, 0.1))
    report = inspect([*COPPER, dataclasses.replace(COPPER[3], atoms=atoms)])
    assert [finding.frames for finding in report.found("duplicates")] == [(3, 20)]


def test_structures_that_differ_by_little_are_no_duplicates() -> None:
    atoms = METHANOL[4].atoms.copy()
    atoms.positions[0, 0] += 1e-3
    assert not inspect([*METHANOL, dataclasses.replace(METHANOL[4], atoms=atoms)]).found("duplicates")


def test_outliers_in_energies_are_found() -> None:
    frames = changed(METHANOL, lambda f: dataclasses.replace(f, energy=float(f.energy or 0) + 50), only=7)
    (finding,) = inspect(frames).found("outliers")
    assert finding.frames == (7,)
    assert "energy per atom" in finding.words


def test_outliers_in_forces_are_found() -> None:
    frames = changed(METHANOL, lambda f: dataclasses.replace(f, forces=f.forces * 100), only=7)
    (finding,) = inspect(frames).found("outliers")
    assert finding.frames == (7,)
    assert "largest force" in finding.words


def test_atoms_too_close_are_found() -> None:
    atoms = METHANOL[0].atoms.copy()
    atoms.set_distance(0, 1, 0.3, fix=0)
    (finding,) = inspect([*METHANOL, LabelledFrame(atoms, METHANOL[0].energy, source="close")]).found("close atoms")
    assert finding.frames == (30,)
    assert "0.3 Å in close" in finding.words


def test_atoms_of_no_element_and_unknown_ones_are_found() -> None:
    dummy = LabelledFrame(Atoms("XH", [[0, 0, 0], [0, 0, 1.0]]), 0.0, source="dummy")
    report = inspect([*METHANOL, dummy])
    assert "no element" in report.found("elements")[0].words
    report = inspect([*METHANOL, *COPPER], CheckLimits(elements=(1, 6, 8)))
    assert "does not know: Cu" in report.found("elements")[0].words
    assert len(report.found("elements")[0].frames) == len(COPPER)


def test_lonely_and_isolated_atoms_are_found() -> None:
    apart = METHANOL[0].atoms.copy()
    apart.positions[5] += 20
    alone = LabelledFrame(Atoms("H"), -1.0, source="H")
    report = inspect([*METHANOL, LabelledFrame(apart, 0.0), alone], CheckLimits(cutoff=4.0))
    assert report.found("lonely atoms")[0].frames == (30,)
    assert report.found("isolated atoms")[0].frames == (31,)


def test_forces_that_do_not_sum_to_zero_are_found() -> None:
    frames = changed(METHANOL, lambda f: dataclasses.replace(f, forces=f.forces + np.array([0.1, 0, 0])), only=5)
    (finding,) = inspect(frames).found("net forces")
    assert finding.frames == (5,)
    assert "0.1 eV/Å" in finding.words


# units and signs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energy", "forces", "words"),
    [
        (23.06, 1.0, "energies in kcal/mol with forces in eV/Å"),
        (1.0, 23.06, "energies in eV with forces in kcal/mol/Å"),
        (1 / 27.211, 0.5292 / 27.211, "energies in Hartree with forces in Hartree/Bohr"),
        (1 / 27.211, 1.0, "energies in Hartree with forces in eV/Å"),
        (1.0, -1.0, "opposite sign"),
    ],
)
def test_units_that_do_not_belong_together_are_found(energy: float, forces: float, words: str) -> None:
    frames = changed(
        METHANOL, lambda f: dataclasses.replace(f, energy=float(f.energy or 0) * energy, forces=f.forces * forces)
    )
    report = inspect(frames)
    said = [finding.words for kind in ("units", "sign") for finding in report.found(kind)]
    assert any(words in one for one in said), said


def test_forces_in_kcal_are_found_alone() -> None:
    """Energies and forces both in kcal/mol agree with each other; their size gives them away."""
    frames = changed(METHANOL, lambda f: dataclasses.replace(f, energy=float(f.energy or 0) * 23, forces=f.forces * 23))
    report = inspect(frames)
    assert report.force_check.agrees
    assert any("kcal/mol/Å" in finding.words for finding in report.found("units"))


def test_energies_that_no_electrons_bind_are_found() -> None:
    """Of all electrons water has −2081 eV; −47984 is the same in kcal/mol."""
    frames = [LabelledFrame(molecule("H2O"), -47984.0)]
    assert any("can bind" in finding.words for finding in inspect(frames).found("units"))
    assert not inspect([LabelledFrame(molecule("H2O"), -2081.0)]).findings


def test_forces_of_other_frames_do_not_tell_a_slope() -> None:
    shuffled = np.random.default_rng(0).permutation(len(METHANOL))
    frames = [dataclasses.replace(f, forces=METHANOL[i].forces) for f, i in zip(METHANOL, shuffled, strict=True)]
    assert not force_slope(frames).telling


def test_mixed_units_know_their_sign() -> None:
    assert mixed_units(-1.0) == mixed_units(1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_stress_is_checked_by_a_teacher(sign: int) -> None:
    frames = changed(COPPER, lambda f: dataclasses.replace(f, energy=None, stress=sign * f.stress))
    report = inspect(frames, teacher=EMT())
    assert "finite strains" in report.stress_sign
    assert bool(report.found("sign")) is (sign < 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_stress_is_checked_by_energies_of_unlike_cells(sign: int) -> None:
    frames = changed(COPPER, lambda f: dataclasses.replace(f, stress=sign * f.stress))
    assert stress_slope(frames).slope == pytest.approx(sign, abs=0.1)
    report = inspect(frames)
    assert "unlike cells" in report.stress_sign
    assert bool(report.found("sign")) is (sign < 0)


@pytest.mark.parametrize("teacher", [None, EMT()], ids=["energies", "teacher"])
def test_stresses_of_another_size_are_found(teacher: EMT | None) -> None:
    """Those in GPa that were taken for eV/Å³."""
    frames = changed(COPPER, lambda f: dataclasses.replace(f, stress=f.stress / units.GPa))
    (found,) = inspect(frames, teacher=teacher).found("units")
    assert "are they in GPa?" in found.words
    assert not inspect(COPPER, teacher=teacher).found("units")


def test_states_that_a_model_is_not_told_are_found() -> None:
    charged = [dataclasses.replace(frame, atoms=frame.atoms.copy()) for frame in METHANOL[:4]]
    for frame, charge in zip(charged, (0, 0, 1, -1), strict=True):
        frame.atoms.info["charge"] = charge
    (found,) = inspect(charged).found("states")
    assert "charge is not the same in all frames (-1 in 1, 0 in 2, 1 in 1)" in found.words
    assert found.frames == (2, 3)
    for frame in charged:
        frame.atoms.info["charge"] = 0
    assert not inspect(charged).found("states")


def test_stresses_of_copies_are_compared() -> None:
    copy = dataclasses.replace(COPPER[0], stress=COPPER[0].stress + 0.01)
    (found,) = inspect([*COPPER[:3], copy]).found("contradictions")
    assert "stresses that differ, by up to 0.01 eV/Å³" in found.words


def test_given_references_are_those_of_the_report() -> None:
    alone = [LabelledFrame(Atoms("Cu"), energy) for energy in (-0.2, -0.4)]
    with pytest.raises(ArgumentError, match="isolated atoms of Cu have energies"):
        inspect([*COPPER, *alone])
    assert "Cu -0.3 (given)" in str(inspect([*COPPER, *alone], given={29: -0.3}))


def test_a_sign_that_nothing_tells_is_said_to_be_a_convention() -> None:
    assert "not checked" in inspect(FrameSet(tuple(COPPER[:2]))).stress_sign


def test_the_teachers_stress_is_the_derivative_of_its_energy() -> None:
    assert np.allclose(teacher_stress(COPPER[0], EMT()), COPPER[0].stress, atol=1e-5)


def test_a_teacher_that_fails_is_named() -> None:
    frame = LabelledFrame(bulk("Fe"), stress=np.eye(3), source="iron")
    with pytest.raises(ArgumentError, match="teacher gives no energy for iron"):
        inspect([frame], teacher=EMT())
