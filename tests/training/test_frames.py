"""Frames come out of every format as they went in, and whatever is not read is named."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from intertwine.errors import ArgumentError
from intertwine.training import FrameSet, LabelKeys, LabelUnits, read_frames

KCAL = units.kcal / units.mol


def copper(seed: int) -> Atoms:
    """A strained, rattled cell of copper with the calculator that knows its labels."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.05, seed=seed)
    atoms.calc = EMT()
    atoms.get_potential_energy()
    atoms.get_stress()
    return atoms


FRAMES = [copper(seed) for seed in range(3)]


def labels(atoms: Atoms) -> dict[str, Any]:
    return {
        "energy": atoms.get_potential_energy(),
        "forces": atoms.get_forces(),
        "stress": atoms.get_stress(voigt=False),
    }


def check(frames: FrameSet, tolerance: float = 1e-7) -> None:
    """The frames are those of copper with all their labels."""
    assert len(frames) == len(FRAMES)
    for frame, atoms in zip(frames, FRAMES, strict=True):
        assert frame.atoms.calc is None
        assert np.allclose(frame.atoms.positions, atoms.positions, atol=tolerance)
        assert np.allclose(frame.atoms.cell.array, atoms.cell.array, atol=tolerance)
        for name, value in labels(atoms).items():
            assert np.allclose(getattr(frame, name), value, atol=tolerance), name


def named_copies(energy: str, forces: str, **more: Any) -> list[Atoms]:
    """The frames with labels under keys of one's own, and others computed from them."""
    copies = []
    for atoms in FRAMES:
        copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        found = labels(atoms)
        copy.info[energy] = found["energy"]
        copy.arrays[forces] = found["forces"]
        copy.info |= {key: value(atoms) for key, value in more.items()}
        copies.append(copy)
    return copies


def virial(atoms: Atoms) -> np.ndarray:
    """W = −V σ, as mace and quippy write it."""
    return np.asarray(-atoms.get_volume() * atoms.get_stress(voigt=False))


# formats --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["frames.xyz", "frames.extxyz", "frames.traj", "frames.xyz.gz"])
def test_what_ase_writes_is_read(name: str, tmp_path: Path) -> None:
    """ase keeps energies, forces and stresses of these in a calculator, from where others lose them."""
    write(tmp_path / name, FRAMES, format="traj" if "traj" in name else "extxyz")
    frames = read_frames(tmp_path / name)
    check(frames)
    assert {(label.name, label.key, label.count) for label in frames.found} == {
        (key, key, 3) for key in ("energy", "forces", "stress")
    }


def test_a_database_is_read(tmp_path: Path) -> None:
    with connect(str(tmp_path / "copper.db")) as database:
        for place, atoms in enumerate(FRAMES):
            database.write(atoms, kind="strained", run=place, data={"charges": np.ones(4)})
    frames = read_frames(tmp_path / "copper.db", LabelKeys(targets={"q": "charges"}, group="run"))
    check(frames)
    assert [frame.atoms.info["group"] for frame in frames] == [0, 1, 2]
    assert frames[0].atoms.info["kind"] == "strained"
    assert frames[0].targets["q"].shape == (4,)


def test_an_archive_of_our_own_is_read(tmp_path: Path) -> None:
    arrays = {name: np.array([labels(atoms)[name] for atoms in FRAMES]) for name in ("energy", "forces", "stress")}
    arrays |= {
        "positions": np.array([atoms.positions for atoms in FRAMES]),
        "cell": np.array([atoms.cell.array for atoms in FRAMES]),
        "numbers": FRAMES[0].numbers,
    }
    np.savez(tmp_path / "copper.npz", **arrays)
    frames = read_frames(tmp_path / "copper.npz")
    check(frames)
    assert all(frame.atoms.pbc.all() for frame in frames)


@pytest.mark.parametrize(
    "keys", [("R", "z", "E", "F"), ("coords", "nuclear_charges", "energies", "forces")], ids=["sGDML", "rMD17"]
)
def test_archives_of_md17_are_read(keys: tuple[str, ...], tmp_path: Path) -> None:
    """In kcal/mol, which archives of sGDML say of themselves and those of rMD17 do not."""
    water, rng = molecule("H2O"), np.random.default_rng(0)
    values = [
        water.positions + rng.normal(size=(5, 3, 3)) / 50,
        water.numbers,
        rng.normal(size=5),
        rng.normal(size=(5, 3, 3)),
    ]
    arrays = dict(zip(keys, values, strict=True))
    told = {"e_unit": "kcal/mol", "r_unit": "Ang", "theory": "PBE"} if keys[0] == "R" else {}
    np.savez(tmp_path / "water.npz", **arrays, **{key: np.array(word) for key, word in told.items()})
    asked = None if told else LabelKeys(units=LabelUnits("kcal/mol"))
    frames = read_frames(tmp_path / "water.npz", asked)
    assert len(frames) == 5
    assert np.allclose([frame.energy for frame in frames], values[2] * KCAL)
    assert np.allclose(np.array([frame.forces for frame in frames]), values[3] * KCAL)
    assert frames.found[0].unit == "kcal/mol"


def test_several_files_are_one_set(tmp_path: Path) -> None:
    """Each file has its own keys: a name that is an energy here may not be there."""
    write(tmp_path / "a.xyz", FRAMES[:1], format="extxyz")
    write(tmp_path / "b.xyz", named_copies("REF_energy", "REF_forces")[1:], format="extxyz")
    frames = read_frames([tmp_path / "a.xyz", tmp_path / "b.xyz"])
    assert [frame.energy for frame in frames] == pytest.approx([atoms.get_potential_energy() for atoms in FRAMES])
    assert {(label.key, label.count) for label in frames.found if label.name == "energy"} == {
        ("energy", 1),
        ("REF_energy", 2),
    }
    assert frames[1].source == "b.xyz:0"
    assert isinstance(frames[1:], FrameSet)
    assert [frame.source for frame in frames[[2, 0]]] == ["b.xyz:1", "a.xyz:0"]


# keys -----------------------------------------------------------------------------------------------------------------


def test_keys_of_ones_own_are_read(tmp_path: Path) -> None:
    write(tmp_path / "own.xyz", named_copies("my_e", "my_f", w=virial), format="extxyz")
    check(read_frames(tmp_path / "own.xyz", LabelKeys(energy="my_e", forces="my_f", virial="w")), 1e-6)


def test_numbers_that_are_not_used_are_named(tmp_path: Path) -> None:
    """The pain of other codes: a key that is not the expected one is passed over, and a model learns nothing."""
    copies = named_copies("energy_dft", "REF_forces")
    write(tmp_path / "typo.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "typo.xyz")
    assert frames[0].energy is None
    assert any("energy_dft (3 of 3)" in note for note in frames.notes)
    assert any("No energy was found. If energy_dft is meant: LabelKeys(energy='energy_dft')" in n for n in frames.notes)


def test_capitals_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "capitals.xyz", named_copies("Ref_Energy", "FORCES", Virial=virial), format="extxyz")
    check(read_frames(tmp_path / "capitals.xyz"), 1e-6)


def test_what_was_taken_and_what_was_not_is_said(tmp_path: Path) -> None:
    copies = named_copies("REF_energy", "REF_forces", free_energy=lambda atoms: atoms.get_potential_energy() - 0.25)
    write(tmp_path / "both.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "both.xyz")
    assert frames[0].energy == pytest.approx(FRAMES[0].get_potential_energy())
    (note,) = [note for note in frames.notes if "free_energy" in note]
    assert "taken from REF_energy, not from free_energy, which differs by up to 0.25" in note
    other = read_frames(tmp_path / "both.xyz", LabelKeys(energy="free_energy"))
    assert other[0].energy == pytest.approx(FRAMES[0].get_potential_energy() - 0.25)


def test_a_label_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path / "copper.xyz", FRAMES, format="extxyz")
    frames = read_frames(tmp_path / "copper.xyz", LabelKeys(stress=""))
    assert frames[0].labels == ("energy", "forces")
    assert any("stress (3 of 3)" in note for note in frames.notes)


def test_a_calculator_and_a_key_may_contradict(tmp_path: Path) -> None:
    copies = [atoms.copy() for atoms in FRAMES]
    for copy in copies:
        copy.calc = SinglePointCalculator(copy, energy=1.0)
        copy.info["energy"] = 2.0
    write(tmp_path / "two.traj", copies)
    frames = read_frames(tmp_path / "two.traj")
    assert frames[0].energy == 1.0
    assert any("stored twice" in note for note in frames.notes)


# units and signs ------------------------------------------------------------------------------------------------------


def test_virials_become_stress(tmp_path: Path) -> None:
    """Both conventions in use, mace's and quippy's, are W = −V σ."""
    write(tmp_path / "virials.xyz", named_copies("REF_energy", "REF_forces", REF_virials=virial), format="extxyz")
    frames = read_frames(tmp_path / "virials.xyz")
    check(frames, 1e-6)
    assert frames.found[-1].virial


def test_where_there_is_a_stress_the_virial_is_not_used(tmp_path: Path) -> None:
    more = {"REF_stress": lambda atoms: atoms.get_stress(voigt=False), "virials": lambda atoms: np.eye(3)}
    write(tmp_path / "both.xyz", named_copies("REF_energy", "REF_forces", **more), format="extxyz")
    frames = read_frames(tmp_path / "both.xyz")
    check(frames)
    assert any("virials is not used" in note for note in frames.notes)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("GPa", units.GPa),
        ("kbar", units.GPa / 10),
        ("eV/Å^3", 1.0),
        ("Hartree/Bohr^3", units.Hartree / units.Bohr**3),
    ],
)
def test_stresses_have_units_and_signs(unit: str, factor: float, tmp_path: Path) -> None:
    """VASP prints kbar, positive under compression."""
    more = {"REF_stress": lambda atoms: -atoms.get_stress(voigt=False) / factor}
    write(tmp_path / "pressure.xyz", named_copies("REF_energy", "REF_forces", **more), format="extxyz")
    asked = LabelKeys(units=LabelUnits(stress=unit, stress_sign="compression"))
    frames = read_frames(tmp_path / "pressure.xyz", asked)
    check(frames, 1e-6)
    assert "compression" in frames.stress_sign


def test_atomic_units_are_turned(tmp_path: Path) -> None:
    copies = named_copies("REF_energy", "REF_forces", REF_virials=virial)
    for copy in copies:
        copy.set_cell(copy.cell.array / units.Bohr, scale_atoms=True)
        copy.info["REF_energy"] /= units.Hartree
        copy.info["REF_virials"] /= units.Hartree
        copy.arrays["REF_forces"] /= units.Hartree / units.Bohr
    write(tmp_path / "atomic.xyz", copies, format="extxyz")
    check(read_frames(tmp_path / "atomic.xyz", LabelKeys(units=LabelUnits("Hartree", length="Bohr"))), 1e-6)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"energy": "eVV"}, "'eVV' is not known"),
        ({"energy": "GPa"}, "unit of something else"),
        ({"forces": "Hartree"}, "unit of something else"),
    ],
)
def test_units_that_are_none_are_refused(asked: dict[str, str], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        _ = LabelUnits(**asked).factors


def test_a_sign_is_tension_or_compression() -> None:
    with pytest.raises(ArgumentError, match="compression"):
        LabelUnits(stress_sign="positive")


# broken input ---------------------------------------------------------------------------------------------------------


def broken(name: str, folder: Path) -> tuple[Path, LabelKeys | None]:
    """A file with one thing wrong."""
    path, keys = folder / f"{name}.xyz", None
    atoms = molecule("H2O")
    atoms.info["REF_energy"] = -14.0
    match name:
        case "absent":
            write(folder / "other.xyz", atoms, format="extxyz")
            return path, None
        case "empty":
            path.touch()
            return path, None
        case "blank":
            path.write_text("\n")
            return path, None
        case "words":
            path.write_text("this is no structure\nat all\n")
            return path, None
        case "cut":
            write(path, [atoms, atoms], format="extxyz")
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
            return path, None
        case "unlabelled":
            del atoms.info["REF_energy"]
        case "asked":
            keys = LabelKeys(energy="dft_e", targets={"mu": "dipole_moment"})
        case "many":
            atoms.arrays["charges_of"] = np.zeros(3)
            keys = LabelKeys(energy="charges_of")
        case "nan":
            atoms.info["REF_energy"] = np.nan
        case "shape":
            atoms.arrays["REF_forces"] = np.zeros((3, 2))
        case "positions":
            atoms.positions[0, 0] = np.nan
        case "stress":
            atoms.info["REF_stress"] = np.zeros(7)
    write(path, atoms, format="extxyz")
    return path, keys


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", r"There is no file .*absent\.xyz\. Beside it there are other\.xyz"),
        ("empty", r"empty\.xyz is empty: it holds no bytes"),
        ("blank", r"blank\.xyz"),
        ("words", r"words\.xyz cannot be read by ase"),
        ("cut", r"cut\.xyz cannot be read by ase"),
        ("unlabelled", r"None of 1 frames has an energy.*hold no numbers but positions"),
        ("asked", r"No frame has energy under 'dft_e', mu under 'dipole_moment'.*keys REF_energy \(1 of 1\)"),
        ("many", r"charges_of of many\.xyz was named as the energy of each frame, but is not one number"),
        ("nan", r"All 1 values of energy in nan\.xyz, under the key REF_energy, are NaN or infinite"),
        ("shape", r"REF_forces of shape\.xyz:0 has the shape \(3, 2\), but forces of 3 atoms is \(3, 3\)"),
        ("positions", r"some of positions\.xyz:0 are not"),
        ("stress", r"REF_stress of stress\.xyz:0 has the shape \(7,\)"),
    ],
)
def test_broken_input_is_said_in_a_sentence(name: str, words: str, tmp_path: Path) -> None:
    path, keys = broken(name, tmp_path)
    with pytest.raises(ArgumentError, match=words):
        read_frames(path, keys)


def test_no_paths_are_refused() -> None:
    with pytest.raises(ArgumentError, match="no path"):
        read_frames([])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"E": np.zeros(2)}, "holds the arrays E, but structures need atomic numbers"),
        ({"R": np.zeros((2, 3)), "z": np.ones(2)}, r"have the shape \(2, 3\), but \(frames, atoms, 3\)"),
    ],
)
def test_broken_archives_are_refused(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "broken.npz", **arrays)
    with pytest.raises(ArgumentError, match=words):
        read_frames(tmp_path / "broken.npz")


@pytest.mark.parametrize("name", ["text.npz", "text.db"])
def test_files_of_another_kind_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("text")
    with pytest.raises(ArgumentError, match=name.replace(".", r"\.")):
        read_frames(tmp_path / name)


def test_labels_that_are_not_finite_are_left_out_and_named(tmp_path: Path) -> None:
    copies = named_copies("REF_energy", "REF_forces")
    copies[1].info["REF_energy"] = np.nan
    copies[2].arrays["REF_forces"][0, 0] = np.inf
    write(tmp_path / "holes.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "holes.xyz")
    assert [frame.labels for frame in frames] == [("energy", "forces"), ("forces",), ("energy",)]
    assert any("energy is not finite in 1 frame (holes.xyz:1)" in note for note in frames.notes)
    assert any("forces is not finite in 1 frame (holes.xyz:2)" in note for note in frames.notes)


def test_a_stress_without_a_volume_is_left_out_and_named(tmp_path: Path) -> None:
    """Mixed sets of molecules and crystals store a stress of zeros for molecules: it is none."""
    water = molecule("H2O")
    water.info |= {"REF_energy": -14.0, "REF_stress": np.zeros((3, 3))}
    write(
        tmp_path / "mixed.xyz",
        [water, *named_copies("REF_energy", "f", REF_stress=lambda a: a.get_stress())],
        format="extxyz",
    )
    frames = read_frames(tmp_path / "mixed.xyz")
    assert [frame.stress is None for frame in frames] == [True, False, False, False]
    assert any("cell without volume in 1 frame (mixed.xyz:0)" in note for note in frames.notes)


def test_a_stress_of_a_cell_that_does_not_repeat_is_left_out_and_named(tmp_path: Path) -> None:
    """ase's calculators give one, but a molecule in a box has no strain: a model's would not be finite."""
    copies = named_copies("REF_energy", "f", REF_stress=lambda a: a.get_stress())
    copies[1].pbc = False
    write(tmp_path / "boxed.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "boxed.xyz")
    assert [frame.stress is None for frame in frames] == [False, True, False]
    assert any("does not repeat (pbc) in 1 frame (boxed.xyz:1)" in note for note in frames.notes)


def test_virials_serve_frames_that_have_no_stress(tmp_path: Path) -> None:
    copies = named_copies("REF_energy", "f", REF_stress=lambda a: a.get_stress(voigt=False))
    wanted = np.array(copies[0].info.pop("REF_stress"))
    copies[0].info["REF_virial"] = -copies[0].get_volume() * wanted
    write(tmp_path / "both.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "both.xyz")
    np.testing.assert_allclose(frames[0].stress, wanted, atol=1e-7)
    assert [(label.key, label.count) for label in frames.found if label.name == "stress"] == [
        ("REF_stress", 2),
        ("REF_virial", 1),
    ]


def test_targets_may_be_known_in_part(tmp_path: Path) -> None:
    """Shieldings of some atoms count; one that no atom has is left out."""
    copies = named_copies("REF_energy", "f", shield=lambda a: np.zeros(len(a)))
    for n, atoms in enumerate(copies):
        atoms.arrays["shield"] = np.full(len(atoms), np.nan if n == 2 else 1.0)
        atoms.arrays["shield"][0] = np.nan
        atoms.info.pop("shield", None)
    write(tmp_path / "part.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "part.xyz", LabelKeys(targets={"shield": "shield"}))
    assert [("shield" in frame.targets) for frame in frames] == [True, True, False]
    assert np.isnan(frames[0].targets["shield"]).tolist() == [True, *[False] * (len(copies[0]) - 1)]
    assert any("shield is not finite in part in 2 frames" in note for note in frames.notes)


def test_groups_of_several_numbers_are_groups(tmp_path: Path) -> None:
    copies = named_copies("REF_energy", "f", group=lambda a: np.array([1, 2]))
    write(tmp_path / "groups.xyz", copies, format="extxyz")
    frames = read_frames(tmp_path / "groups.xyz")
    assert {frame.atoms.info["group"] for frame in frames} == {(1.0, 2.0)}


def test_frames_cannot_be_changed() -> None:
    frame = FrameSet(())
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.notes = ("changed",)  # type: ignore[misc]
