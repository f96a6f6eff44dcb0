"""What files hold."""

from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.files import files_in, read_samples
from intertwine.errors import ArgumentError
from tests.cli.commands import RECTANGLE, SQUARE, array, run, table, written
from tests.registry import close


def test_arrays_and_tables_hold_points(tmp_path: Path) -> None:
    for path in (array(tmp_path / "a.npy", SQUARE), table(tmp_path / "a.csv", SQUARE)):
        (found,) = read_samples(path)
        close(found.points.positions, SQUARE)
        assert found.points.labels is None


@pytest.mark.parametrize(
    ("text", "dim", "kinds"),
    [
        ("1,2,3\n4,5,6\n", 3, None),
        ("x,y,z\n1,2,3\n4,5,6\n", 3, None),
        ("x y z kind\n1 2 3 H\n4 5 6 O\n", 3, ["H", "O"]),
        ("x;y;kind\n1;2;up\n4;5;down\n", 2, ["up", "down"]),
        ("x,y,label\n1,2,0\n4,5,1\n", 2, ["0", "1"]),
        ("# made by hand\n1, 2\n\n4, 5\n", 2, None),
        ("\ufeffx,y,z\r\n1,2,3\r\n4,5,6\r\n", 3, None),
    ],
)
def test_tables_come_in_many_ways(tmp_path: Path, text: str, dim: int, kinds: list[str] | None) -> None:
    points = read_samples(written(tmp_path / "a.csv", text))[0].points
    close(points.positions, np.array([[1.0, 2, 3], [4, 5, 6]])[:, :dim])
    assert (points.labels is None) if kinds is None else (list(points.labels) == kinds)


def test_npz_files_name_their_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", positions=SQUARE, labels=[0, 1, 0, 1], dipole=[0, 0, 1], rep_out="1x1o", note="mine")
    (found,) = read_samples(tmp_path / "a.npz")
    assert list(found.points.labels) == [0, 1, 0, 1]
    assert list(found.arrays) == ["dipole"]
    assert found.reps == {"rep_out": "1x1o"}
    for name in ("numbers", "Z", "species"):
        np.savez(tmp_path / "c.npz", positions=SQUARE, **{name: [6, 1, 6, 1]})
        assert list(read_samples(tmp_path / "c.npz")[0].points.labels) == [6, 1, 6, 1]
    np.savez(tmp_path / "b.npz", pos=SQUARE)
    with pytest.raises(ArgumentError, match="needs an array named positions, or a vector named x, but holds pos"):
        read_samples(tmp_path / "b.npz")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_samples(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", SQUARE * 1j)
    with pytest.raises(ArgumentError, match="real numbers are expected, but got complex128"):
        read_samples(tmp_path / "b.npy")


def test_molecules_come_with_what_was_computed(tmp_path: Path) -> None:
    """Six numbers of a stress are the matrix that they stand for."""
    ase, io, point = (pytest.importorskip(name) for name in ("ase", "ase.io", "ase.calculators.singlepoint"))
    atoms = ase.Atoms("OHH", [[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]])
    forces, stress = np.arange(9.0).reshape(3, 3), np.array([1.0, 2, 3, 4, 5, 6])
    atoms.calc = point.SinglePointCalculator(atoms, energy=-1.0, forces=forces, stress=stress, magmoms=np.ones(3))
    io.write(tmp_path / "a.extxyz", [atoms[:2], atoms])
    first, last = read_samples(tmp_path / "a.extxyz", frame=None)
    assert list(first.points.labels) == ["O", "H"]
    assert last.arrays["energy"].shape == (1,)
    assert last.arrays["magmoms"].shape == (3, 1)
    close(last.arrays["forces"], forces)
    close(last.arrays["stress"].reshape(3, 3), np.array([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]]))
    assert last.points.cell is None


def test_a_name_with_an_at_sign_is_a_name(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    path = written(tmp_path / "run@0:3.xyz", "1\n\nH 0 0 0\n")
    assert len(read_samples(path)) == 1


def test_folders_are_listed_without_what_is_hidden(tmp_path: Path) -> None:
    table(tmp_path / "b.csv", RECTANGLE)
    table(tmp_path / "a.csv", SQUARE)
    written(tmp_path / ".DS_Store", "")
    (tmp_path / "inner").mkdir()
    assert [path.name for path in files_in(tmp_path)] == ["a.csv", "b.csv"]
    assert files_in(tmp_path / "a.csv") == []


@pytest.mark.parametrize("command", [["check", "nowhere.npy", "nowhere.npy"], ["symmetry", "nowhere.npy"]])
def test_a_missing_file_gives_a_sentence(command: list[str]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert "There is no file nowhere.npy" in result.stderr


def test_a_table_of_several_structures_has_frames(tmp_path: Path) -> None:
    """Two waters under one heading are two molecules, as in a trajectory; not a cloud of six points."""
    rows = [
        "0,0,0,0.119,O",
        "0,0,0.763,-0.477,H",
        "0,0,-0.763,-0.477,H",
        "1,0,0,1,O",
        "1,0,0.7,0.4,H",
        "1,0.1,-0.8,0.5,H",
    ]
    file = tmp_path / "waters.csv"
    file.write_text("\n".join(["frame,x,y,z,element", *rows]))
    first, second = read_samples(file, None)
    assert (len(first.points.positions), len(second.points.positions)) == (3, 3)
    assert len(read_samples(file, 1)) == 1
    with pytest.raises(ArgumentError, match="holds no frame 2"):
        read_samples(file, 2)
