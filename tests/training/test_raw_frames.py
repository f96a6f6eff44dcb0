"""Files of codes and archives: which files, in which order, with which cells and signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.io import write

from intertwine.errors import ArgumentError
from intertwine.training import LabelKeys, read_frames

POSITIONS = "0 0 0", "0.5 0.5 0.5"
FORCES = np.array([[-0.1, 0.2, 0.0], [0.1, -0.2, 0.0]])
KBAR = np.array([[100.0, 1, 2], [1, 200, 3], [2, 3, 300]])  # as VASP prints it: positive under compression

HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<kpoints><generation param="Gamma"><v type="int" name="divisions">1 1 1</v></generation>
<varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1.0</v></varray></kpoints>
<parameters><separator name="electronic"><i type="int" name="NELECT">22</i></separator></parameters>
<atominfo><atoms>2</atoms><types>1</types><array name="atoms"><set><rc><c>Cu</c><c>1</c></rc><rc><c>Cu</c><c>1</c></rc>
</set></array></atominfo>
"""


def rows(name: str, values: np.ndarray) -> str:
    lines = "".join(f"<v>{' '.join(map(str, row))}</v>" for row in values)
    return f'<varray name="{name}">{lines}</varray>'


def crystal(shift: float = 0.0) -> str:
    places = np.array([[0, 0, 0], [0.5 + shift, 0.5, 0.5]])
    return f"<structure><crystal>{rows('basis', 3.6 * np.eye(3))}</crystal>{rows('positions', places)}</structure>"


def vasprun(path: Path, steps: int) -> Path:
    """The output of VASP, with what ase reads of it: each step has its energies, forces and stress."""
    start = crystal().replace("<structure>", '<structure name="initialpos">')
    whole = HEAD + start
    for n in range(steps):
        names = {"e_fr_energy": -7.0 - n, "e_wo_entrp": -6.9 - n, "e_0_energy": -6.95 - n}
        energy = "<energy>" + "".join(f'<i name="{key}">{value}</i>' for key, value in names.items()) + "</energy>"
        labels = rows("forces", FORCES) + rows("stress", KBAR)
        whole += f"<calculation><scstep>{energy}</scstep>{crystal(0.01 * n)}{labels}{energy}</calculation>"
    path.parent.mkdir(exist_ok=True)
    path.write_text(whole + "</modeling>")
    return path


def test_what_vasp_writes_is_read_with_its_signs(tmp_path: Path) -> None:
    """The energy of no smearing, the free one on demand; kbar under compression become eV/Å³ under tension."""
    path = vasprun(tmp_path / "vasprun.xml", 2)
    frames = read_frames(path)
    assert [frame.energy for frame in frames] == pytest.approx([-6.95, -7.95])
    np.testing.assert_allclose(frames[0].forces, FORCES)
    np.testing.assert_allclose(frames[0].stress, -KBAR * 0.1 * units.GPa, rtol=1e-6)
    assert any("not from free_energy, which differs by up to 0.05" in note for note in frames.notes)
    assert read_frames(path, LabelKeys(energy="free_energy"))[0].energy == pytest.approx(-7.0)


def test_patterns_are_many_files_whose_frames_are_told_apart(tmp_path: Path) -> None:
    for name in "hgfedcba":
        vasprun(tmp_path / name / "vasprun.xml", 1)
    frames = read_frames(tmp_path / "*" / "vasprun.xml")
    assert [frame.source for frame in frames] == [f"{name}/vasprun.xml:0" for name in "abcdefgh"]
    told = [note for note in frames.notes if "free_energy" in note]
    assert len(told) == 5
    assert any("the same of 3 files (f/vasprun.xml, g/vasprun.xml, h/vasprun.xml)" in note for note in frames.notes)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["*.traj"], "no file whose name fits"),
        (["a.xyz", "*.xyz"], "is named twice"),
        (["."], "is a folder"),
    ],
)
def test_files_that_cannot_be_meant_are_refused(names: list[str], words: str, tmp_path: Path) -> None:
    water = molecule("H2O")
    water.info["REF_energy"] = -14.0
    write(tmp_path / "a.xyz", water, format="extxyz")
    with pytest.raises(ArgumentError, match=words):
        read_frames([tmp_path / name for name in names])


def archive(path: Path, **more: np.ndarray) -> Path:
    numbers = {"z": np.array([1, 8]), "R": np.zeros((4, 2, 3)), "E": np.zeros(4), "F": np.zeros((4, 2, 3))}
    np.savez(path, **{**numbers, **more})
    return path


def test_lattices_of_sgdml_are_columns(tmp_path: Path) -> None:
    """Its `lattice` is multiplied from the left; cells by other names are rows, as everywhere."""
    cell = np.array([[5.0, 1, 2], [0, 6, 3], [0, 0, 7]])
    columns = read_frames(archive(tmp_path / "columns.npz", lattice=cell.T))
    plain = read_frames(archive(tmp_path / "rows.npz", cell=cell))
    for frames in (columns, plain):
        np.testing.assert_array_equal(frames[0].atoms.cell.array, cell)
        assert frames[0].atoms.pbc.all()


@pytest.mark.parametrize(("name", "values"), [("cell", np.ones((4, 3))), ("pbc", np.ones((4, 2))), ("z", np.arange(3))])
def test_arrays_that_do_not_fit_are_named(name: str, values: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=rf"{name} of odd\.npz has the shape .*4 frames of 2 atoms"):
        read_frames(archive(tmp_path / "odd.npz", **{name: values}))
