"""Crystals in .cif files."""

from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.files import read_samples
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points, stabiliser
from tests.cli.commands import written

pytest.importorskip("ase")
pytest.importorskip("spglib")
CUBE, HEXAGON = "3 3 3 90 90 90", "3.209 3.209 5.211 90 90 120"


def cif(cell: str, *sites: str, tags: str = "", operations: str = "") -> str:
    """A crystal: its cell, its sites as label x y z occupancy, more tags, and operations after each other."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    head = [f"_cell_{name} {value}" for name, value in zip(names, cell.split(), strict=True)]
    listed = ["loop_\n_symmetry_equiv_pos_as_xyz", *(f"'{one}'" for one in operations.split(";"))] if operations else []
    columns = ("label", "fract_x", "fract_y", "fract_z", "occupancy")
    loop = ["loop_", *(f"_atom_site_{name}" for name in columns), *sites]
    return "\n".join(["data_crystal", *head, tags, *listed, *loop]) + "\n"


def points(path: Path, text: str) -> Points:
    return read_samples(written(path / "a.cif", text))[0].points


@pytest.mark.parametrize(
    ("sites", "kinds", "name"),
    [
        (("Fe1 0 0 0 1", "Fe2 .5 .5 .5 0.6", "Al2 .5 .5 .5 0.4"), {"Fe", "Al0.4Fe0.6"}, "Pm-3m"),
        (("Fe1 0 0 0 1.0(1)", "Fe2 .5 .5 .5 0.50(2)"), {"Fe", "Fe0.5"}, "Pm-3m"),
        (("Fe1 0 0 0 0.5", "Fe2 .5 .5 .5 0.5"), {"Fe0.5"}, "Im-3m"),
        (("Fe1 0 0 0 0.6", "Al1 0 0 0 0.4", "Al2 .5 .5 .5 0.4", "Fe2 .5 .5 .5 0.6"), {"Al0.4Fe0.6"}, "Im-3m"),
        (("Fe1 0 0 0 ?", "Fe2 .5 .5 .5 ."), {"Fe"}, "Im-3m"),
        (("Fe1 0 0 0 1", "Fe1b 0 0 1 1", "Fe2 .5 .5 .5 1"), {"Fe"}, "Im-3m"),
    ],
)
def test_sites_of_different_occupation_are_of_different_kinds(
    tmp_path: Path, sites: tuple[str, ...], kinds: set[str], name: str
) -> None:
    found = points(tmp_path, cif(CUBE, *sites))
    assert set(found.labels) == kinds
    assert len(found.positions) == 2
    assert stabiliser(found).name == name


@pytest.mark.parametrize("third", ["0.33", "0.333", "0.3333", "0.3333(2)", "0.33333", "1/3"])
def test_magnesium_is_hexagonal_with_any_number_of_digits(tmp_path: Path, third: str) -> None:
    """By its operations, and as two atoms that are listed."""
    rest = {"0.33": "0.67", "0.333": "0.667", "0.3333": "0.6667", "0.33333": "0.66667"}.get(third, "0.6667")
    rest = "2/3" if third == "1/3" else rest
    group = "_symmetry_space_group_name_H-M 'P 63/m m c'"
    for text in (
        cif(HEXAGON, f"Mg1 {third} {rest} 0.25 1", tags=group),
        cif(HEXAGON, f"Mg1 {third} {rest} 0.25 1", f"Mg2 {rest} {third} 0.75 1"),
    ):
        found = points(tmp_path, text)
        assert len(found.positions) == 2
        assert stabiliser(found).name == "P6_3/mmc"


def test_the_atoms_of_a_site_lie_exactly_on_its_axes(tmp_path: Path) -> None:
    turns = "x,y,z;-y,x-y,z;-x+y,-x,z"
    found = points(tmp_path, cif(HEXAGON, "C 0.3333 0.6667 0 1", operations=turns))
    assert np.abs(found.positions @ np.linalg.inv(found.cell) - [[1 / 3, 2 / 3, 0]]).max() < 1e-12


@pytest.mark.parametrize(
    ("tag", "count"),
    [
        ("_symmetry_space_group_name_H-M 'F m -3 m'", 4),
        ("_symmetry_space_group_name_H-M 'F m 3 m'", 4),
        ("_space_group_name_H-M_alt Fm-3m", 4),
        ("_symmetry_Int_Tables_number 225", 4),
        ("_symmetry_space_group_name_Hall '-F 4 2 3'", 4),
        ("_symmetry_space_group_name_H-M 'F d -3 m'", 8),
        ("_symmetry_space_group_name_H-M 'F d -3 m :2'", 16),  # the other origin
        ("_symmetry_space_group_name_H-M 'F d -3 m Z'\n_symmetry_Int_Tables_number 227", 16),
        ("_symmetry_space_group_name_H-M 'F d -3 m S'\n_symmetry_Int_Tables_number 227", 8),
        ("_symmetry_space_group_name_H-M 'Fd-3mZ'", 16),
        ("_symmetry_space_group_name_H-M 'F d -3 m O2'", 16),
        ("_symmetry_space_group_name_H-M 'P 42/n m c S'", 2),
        ("_symmetry_space_group_name_H-M 'P 42/n m c Z'", 8),
        ("", 1),
    ],
)
def test_space_groups_have_many_names(tmp_path: Path, tag: str, count: int) -> None:
    assert len(points(tmp_path, cif(CUBE, "C 0 0 0 1", tags=tag)).positions) == count


@pytest.mark.parametrize("tag", ["'R -3 c H'", "'R -3 c :H'", "'R -3 c'", "R-3cH"])
def test_hexagonal_axes_of_calcite(tmp_path: Path, tag: str) -> None:
    sites = ("Ca 0 0 0 1", "C 0 0 .25 1", "O 0.2568 0 .25 1")
    for number in ("", "_symmetry_Int_Tables_number 167"):
        text = cif("4.99 4.99 17.06 90 90 120", *sites, tags=f"_symmetry_space_group_name_H-M {tag}\n{number}")
        assert len(points(tmp_path, text).positions) == 30
    bare = cif("6.375 6.375 6.375 46.08 46.08 46.08", *sites[:1], tags="_symmetry_Int_Tables_number 167")
    assert len(points(tmp_path, bare).positions) == 2  # rhombohedral axes


@pytest.mark.parametrize("dot", ["_magn_operation.xyz", ".magn_operation_xyz"])
def test_magnetic_operations_fill_the_cell(tmp_path: Path, dot: str) -> None:
    """They carry the sign of time reversal; centrings are listed apart."""
    listed = f"loop_\n_space_group_symop{dot}\nx,y,z,+1\n-x,-y,-z,-1\n-x,y,-z,+1\nx,-y,z,-1\n"
    centring = listed.split("\n")[1].replace("operation", "centering")
    listed += f"loop_\n{centring}\nx,y,z,+1\nx+1/2,y+1/2,z,-1\n"
    found = points(tmp_path, cif("5 6 7 90 100 90", "Fe 0.1 0.2 0.3 1", "Mn 0 0 0 1", tags=listed))
    assert sorted(found.labels) == ["Fe"] * 8 + ["Mn"] * 2
    assert stabiliser(found).name == "C2/m"


def test_every_crystal_of_a_file_is_read(tmp_path: Path) -> None:
    text = cif(CUBE, "Fe 0 0 0 1") + "# in Münster\n" + cif(CUBE, "Fe 0 0 0 1", "Al .5 .5 .5 1")
    for encoding in ("utf-8-sig", "latin-1", "utf-16"):
        (tmp_path / "b.cif").write_bytes(text.encode(encoding))
        assert [len(sample.points.positions) for sample in read_samples(tmp_path / "b.cif", None)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (cif(CUBE, "Fe ? 0 0 1"), r"site 1 has '\?' where a number is expected"),
        (cif(CUBE, "Fe 0 0 0 1", "Al 1e300 0 0 1"), "1e\\+300 cells away"),
        (cif("3 3 0 90 90 90", "Fe 0 0 0 1"), "edges of 3, 3, 0 Å"),
        (cif("3 3 3 150 150 150", "Fe 0 0 0 1"), "no cell has the angles 150, 150, 150°"),
        (cif("3 3 3 120 60 180", "Fe 0 0 0 1"), "no cell has the angles"),
        (cif(CUBE, "Qq 0 0 0 1"), "site 1 is of the kind Qq, which is no element"),
        (cif(CUBE, "Fe 0 0 0 x"), "an occupancy has 'x'"),
        (cif(CUBE, "C 0 0 0 1", tags="_symmetry_space_group_name_H-M 'Q 7'"), "its space group Q 7 is not known"),
        (
            cif(CUBE, "C 0 0 0 1", tags="_symmetry_space_group_name_H-M 'F d q'\n_symmetry_Int_Tables_number 227"),
            "F d q is not known, and number 227 has several settings",
        ),
        (cif(CUBE, "C 0 0 0 1", tags="_space_group_magn.number_BNS 47.249"), "operations are not read"),
        (cif(CUBE, "C 0 0 0 1").replace("_cell_length_a 3\n", ""), "no cell is given"),
        ("hello\n", "not laid out as its format asks"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        points(tmp_path, text)
