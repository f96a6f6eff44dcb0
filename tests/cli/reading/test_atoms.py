"""Structures in the formats that ase reads."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.files import read_samples
from intertwine.errors import ArgumentError
from intertwine.symmetry import stabiliser
from tests.cli.commands import WATER, run, written
from tests.registry import close

ase = pytest.importorskip("ase")
XYZ = f"3\n\n{WATER}"


def molecule(title: str, rows: str) -> str:
    """A record of an .sdf file."""
    atoms = [f"{x:>10s}{y:>10s}{z:>10s} {kind:<3s} 0  0" for kind, x, y, z in map(str.split, rows.splitlines())]
    return "\n".join([title, "  by hand", "", f"{len(atoms):3d}  0  0  0  0  0  0  0  0  0999 V2000", *atoms, "M  END"])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_molecule_of_an_sdf_file_is_read(tmp_path: Path, ending: str) -> None:
    """With titles and without, with data and without: readers of ase stop after the first."""
    pieces = [molecule(f"no {i}" * (i % 2), WATER if i % 3 else "O 0 0 0\n") for i in range(41)]
    text = "".join(
        f"{piece}\n> <energy>\n{i}\n\n$$$$\n" if i % 2 else f"{piece}\n$$$$\n" for i, piece in enumerate(pieces)
    )
    path = tmp_path / "a.sdf"
    path.write_bytes(text.replace("\n", ending).encode())
    assert [len(found.points.positions) for found in read_samples(path, None)] == [3 if i % 3 else 1 for i in range(41)]
    assert "[1]" in run("symmetry", written(tmp_path / "b.sdf", text[: text.index("no 3")])).stdout
    (last,) = read_samples(path, -1)
    assert len(last.points.positions) == 3
    pair = written(tmp_path / "pair.mol", molecule("", WATER) + "\n" + molecule("", "O 0 0 0\n") + "\n")
    assert [len(found.points.positions) for found in read_samples(pair, None)] == [3, 1]
    path.write_bytes((molecule("", WATER) + "\n$$$$\n" + molecule("cut", WATER)[:60]).encode())
    with pytest.raises(ArgumentError, match="in frame 1, "):
        read_samples(path, None)
    written(path, "new\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n")
    with pytest.raises(ArgumentError, match="V3000, which is not read"):
        read_samples(path)


@pytest.mark.parametrize("form", ["gen", "gromacs", "extxyz", "vasp", "res"])
@pytest.mark.parametrize("between", ["", "\n"])
def test_frames_follow_each_other(tmp_path: Path, form: str, between: str) -> None:
    """Readers of ase pass over all but one, or over what follows an empty line."""
    from ase.io import write

    texts = []
    for symbols in ("OHH", "OH"):
        write(tmp_path / "one", ase.Atoms(symbols, np.eye(3)[: len(symbols)] * 1.2, cell=[9, 9, 9]), format=form)
        texts.append((tmp_path / "one").read_text("utf-8"))
    path = written(tmp_path / "both", between.join(texts))
    assert [len(found.points.positions) for found in read_samples(path, None, form=form)] == [3, 2]


def test_bytes_that_come_before_or_between_do_not_matter(tmp_path: Path) -> None:
    for name, data in {
        "mark.xyz": XYZ.encode("utf-8-sig"),
        "latin.xyz": XYZ.replace("\n\n", "\ngrößer\n").encode("latin-1"),
        "wide.xyz": XYZ.encode("utf-16"),
        "packed.xyz.gz": gzip.compress(XYZ.encode()),
    }.items():
        (tmp_path / name).write_bytes(data)
        points = read_samples(tmp_path / name)[0].points
        assert stabiliser(points).name == "C2v"
        assert list(points.labels) == ["O", "H", "H"]


def test_elements_may_be_numbers(tmp_path: Path) -> None:
    numbers = "8 0 0 0.12\n1 0 0.76 -0.48\n1 0 -0.76 -0.48\n"
    for comment in ("", "Properties=species:S:1:pos:R:3", "Properties=Z:I:1:pos:R:3"):
        (found,) = read_samples(written(tmp_path / "a.xyz", f"3\n{comment}\n{numbers}"))
        assert list(found.points.labels) == ["O", "H", "H"]
    with pytest.raises(ArgumentError, match="counts the atoms"):
        read_samples(written(tmp_path / "a.xyz", "3\n\n1 0 0 0\n2 0 0 1\n3 0 1 0\n"))
    bare = written(tmp_path / "a.xyz", XYZ)
    np.savez(tmp_path / "a.npz", positions=read_samples(bare)[0].points.positions, numbers=[8, 1, 1])
    table = written(tmp_path / "a.csv", "Z,x,y,z\n" + numbers.replace(" ", ","))
    for other in (tmp_path / "a.npz", table):
        assert run("check", bare, other).exit_code == 0
        assert run("check", other, bare).exit_code == 0


def test_the_format_can_be_said(tmp_path: Path) -> None:
    for name, form, text in (
        ("data", "xyz", XYZ),
        ("data.txt", "extxyz", XYZ),
        ("data.out", "csv", "x,y,z,kind\n0,0,.12,O\n0,.76,-.48,H\n0,-.76,-.48,H\n"),
        ("POSITIONS", "sdf", molecule("", WATER)),
    ):
        result = run("symmetry", written(tmp_path / name, text), "--format", form)
        assert "symmetry C2v" in result.stdout
        assert run("check", tmp_path / name, tmp_path / name, "--format", form).exit_code == 0
    np.save(tmp_path / "array.npy", np.eye(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.bin")
    assert "symmetry D3h" in run("symmetry", tmp_path / "array.bin", "--format", "npy").stdout
    assert "no format called 'qqq' is read" in run("symmetry", tmp_path / "data", "--format", "qqq").stderr
    for name in ("text.npz", "text.npy"):
        assert "numpy did not write it" in run("symmetry", written(tmp_path / name, XYZ)).stderr
    huge = written(tmp_path / "huge.xyz", "2\n\nH 1e300 0 0\nH 0 0 0\n")
    assert "too large to compute with" in run("symmetry", huge).stderr


@pytest.mark.parametrize(
    ("comment", "periodic"),
    [
        ('Lattice="9 0 0 0 9 0 0 0 9" pbc="T T F"', (True, True, False)),
        ('Lattice="9 0 0 0 9 0 0 0 0" pbc="T T F"', (True, True, False)),
        ('Lattice="9 0 0 0 9 0 0 0 9"', (True, True, True)),
        ('Lattice="9 0 0 0 9 0 0 0 9" pbc="F F F"', None),
        ('Lattice="0 0 0 0 0 0 0 0 0"', None),
        ("", None),
    ],
)
def test_the_file_says_which_vectors_are_periods(
    tmp_path: Path, comment: str, periodic: tuple[bool, bool, bool] | None
) -> None:
    (found,) = read_samples(written(tmp_path / "a.xyz", f"3\n{comment} Properties=species:S:1:pos:R:3\n{WATER}"))
    assert found.points.periodic == periodic
    assert (found.points.cell is None) == (periodic is None)
    (left,) = read_samples(tmp_path / "a.xyz", cell=False)
    assert left.points.cell is None


def test_arrays_have_cells_too(tmp_path: Path) -> None:
    for cell, pbc, periodic in (
        (np.eye(3), [1, 0, 1], (True, False, True)),
        ([4, 4, 0], True, (True, True, False)),
        (np.eye(3), False, None),
        (np.zeros((3, 3)), True, None),
    ):
        np.savez(tmp_path / "a.npz", positions=np.zeros((1, 3)), cell=cell, pbc=pbc)
        (found,) = read_samples(tmp_path / "a.npz")
        assert found.points.periodic == periodic
    close(np.asarray(read_samples(tmp_path / "a.npz")[0].points.positions), np.zeros((1, 3)))
    for wrong, words in (
        ({"cell": np.eye(2)}, "three vectors"),
        ({"cell": np.eye(3), "pbc": [1, 0]}, "three booleans"),
    ):
        np.savez(tmp_path / "b.npz", positions=np.zeros((1, 3)), **wrong)
        with pytest.raises(ArgumentError, match=words):
            read_samples(tmp_path / "b.npz")


def test_occupied_sites_stay_so_in_files_of_ase(tmp_path: Path) -> None:
    """Its trajectories keep how much there is at sites, but not which atoms are at them."""
    spacegroup = pytest.importorskip("ase.spacegroup")
    for share, kind in ((0.6, "Fe0.6"), (1, "Fe")):
        shares = {"occupancies": [1, share], "cellpar": [3, 3, 3, 90, 90, 90]}
        atoms = spacegroup.crystal(["Fe", "Fe"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=221, **shares)
        atoms.write(tmp_path / "a.extxyz")
        assert sorted(read_samples(tmp_path / "a.extxyz")[0].points.labels) == ["Fe", kind]
    atoms.write(tmp_path / "a.traj")
    assert list(read_samples(tmp_path / "a.traj")[0].points.labels) == ["Fe", "Fe"]
    atoms.info["occupancy"]["1"] = {"Fe": 0.5}
    atoms.write(tmp_path / "a.traj")
    with pytest.raises(ArgumentError, match="does not say which atoms are at them"):
        read_samples(tmp_path / "a.traj")


def test_a_part_of_a_cell_is_no_cell(tmp_path: Path) -> None:
    text = "TITL x\nCELL 0.7 3 3 3 90 90 90\nLATT -1\nSFAC Fe\nFe 1 0 0 0 1.0\nEND\n"
    assert len(read_samples(written(tmp_path / "a.res", text))[0].points.positions) == 1
    for other in (text.replace("-1", "1"), text.replace("SFAC", "SYMM -X,-Y,0.5+Z\nSFAC")):
        with pytest.raises(ArgumentError, match="lists a part of a crystal's cell"):
            read_samples(written(tmp_path / "b.res", other))
