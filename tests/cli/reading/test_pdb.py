"""Molecules and crystals in .pdb files."""

from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.files import read_samples
from intertwine.errors import ArgumentError
from intertwine.symmetry import stabiliser
from tests.cli.commands import written

pytest.importorskip("ase")
pytest.importorskip("spglib")
GENERAL = [("C", (0.5, 1.2, 2.1)), ("O", (3.5, 1.38, 2.94)), ("N", (1.5, 3.38, 4.94))]
WATER = [("O", (0, 0, 0.117)), ("H", (0, 0.757, -0.469)), ("H", (0, -0.757, -0.469))]


def atoms(listed: list[tuple[str, tuple[float, float, float]]], occupancy: float = 1) -> str:
    rows = (
        f"HETATM{i + 1:5d}  {kind:<3s} UNL A   1    {x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}  0.00          {kind:>2s}"
        for i, (kind, (x, y, z)) in enumerate(listed)
    )
    return "\n".join(rows) + "\n"


def cell(a: float, b: float, c: float, group: str, beta: float = 90, gamma: float = 90) -> str:
    return f"CRYST1{a:9.3f}{b:9.3f}{c:9.3f}{90:7.2f}{beta:7.2f}{gamma:7.2f} {group:<11s}   4\n"


@pytest.mark.parametrize(
    ("crystal", "count", "name"),
    [
        (cell(5, 6, 7, "P 21 21 21"), 4, "P2_12_12_1"),
        (cell(5, 6, 7, "P 1 21 1", beta=100), 2, "P2_1"),
        (cell(5, 6, 7, "P 21", beta=100), 2, "P2_1"),
        (cell(15, 6, 7, "C 1 2 1", beta=100), 4, "C2"),
        (cell(15, 15, 17, "H 3", gamma=120), 9, "R3"),
        (cell(5, 6, 7, "P 1"), 1, "P1"),
        (cell(5, 6, 7, ""), 1, "P1"),
    ],
)
def test_the_operations_fill_the_cell(tmp_path: Path, crystal: str, count: int, name: str) -> None:
    (found,) = read_samples(written(tmp_path / "a.pdb", crystal + atoms(GENERAL) + "END\n"))
    assert len(found.points.positions) == 3 * count
    assert found.points.precision == pytest.approx(5e-4)
    assert stabiliser(found.points, tolerance=1e-4).name == name


def test_listed_operations_go_first(tmp_path: Path) -> None:
    """REMARK 290 holds them in Å; the group that CRYST1 names is not even known."""
    rows = [[(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)], [(-1, 0, 0, 0), (0, 1, 0, 3), (0, 0, -1, 0)]]
    remarks = "".join(
        f"REMARK 290   SMTRY{i + 1}   {k + 1} {x:9.6f} {y:9.6f} {z:9.6f}     {t:10.5f}\n"
        for k, operation in enumerate(rows)
        for i, (x, y, z, t) in enumerate(operation)
    )
    text = cell(5, 6, 7, "P 77", beta=100) + atoms(GENERAL)
    (found,) = read_samples(written(tmp_path / "a.pdb", remarks + text))
    assert stabiliser(found.points, tolerance=1e-4).name == "P2_1"
    unknown = written(tmp_path / "b.pdb", text)
    with pytest.raises(ArgumentError, match=r"its space group P 77 is not known. With --no-cell"):
        read_samples(unknown)
    assert len(read_samples(unknown, cell=False)[0].points.positions) == 3


@pytest.mark.parametrize(
    "filler", [cell(1, 1, 1, "P 1"), "CRYST1    0.000    0.000    0.000  90.00  90.00  90.00 P 1\n"]
)
def test_a_cell_of_one_is_none(tmp_path: Path, filler: str) -> None:
    (found,) = read_samples(written(tmp_path / "a.pdb", filler + atoms(WATER)))
    assert found.points.cell is None
    assert stabiliser(found.points).name == "C2v"


def test_models_are_frames_in_one_cell(tmp_path: Path) -> None:
    """Files end with END, which is no model; the cell stands before the first."""
    models = "".join(f"MODEL {i}\n{atoms(WATER[: 3 - i])}ENDMDL\n" for i in range(2))
    for crystal in ("", cell(9, 9, 9, "P 1")):
        found = read_samples(written(tmp_path / "a.pdb", f"{crystal}{models}END\n"), None)
        assert [len(sample.points.positions) for sample in found] == [3, 2]
        assert [sample.points.cell is None for sample in found] == [not crystal] * 2


def test_an_atom_on_an_axis_is_there_once(tmp_path: Path) -> None:
    """So is one that is listed again, and one that is half there is of another kind."""
    text = cell(5, 6, 7, "P 1 2 1") + atoms([("C", (0, 1, 0)), ("C", (5, 1, 0))]) + atoms([("C", (2.5, 1, 3.5))], 0.5)
    (found,) = read_samples(written(tmp_path / "a.pdb", text))
    assert sorted(found.points.labels) == ["C", "C0.5"]
    assert np.isfinite(found.points.positions).all()


def test_of_alternate_locations_the_first_is_read(tmp_path: Path) -> None:
    """Water in one or two places, of which the second is bent, beside an atom that is always there."""

    def placed(shift: float, letter: str, residue: int = 1) -> str:
        moved = [(kind, (x + shift, y + i * shift, z)) for i, (kind, (x, y, z)) in enumerate(WATER)]
        rows = atoms(moved, 0.5).splitlines()
        return "".join(f"{row[:16]}{letter}{row[17:22]}{residue:4d}{row[26:]}\n" for row in rows)

    whole = atoms([("N", (0, 0, 3))])
    for text in (placed(0, "A") + placed(0.3, "B") + whole, whole + placed(0, "B") + placed(0.2, "C")):
        for crystal in ("", cell(20, 20, 20, "P 1")):
            (found,) = read_samples(written(tmp_path / "a.pdb", crystal + text + "END\n"))
            assert sorted(found.points.labels) == ["H", "H", "N", "O"]
            if not crystal:
                assert stabiliser(found.points).name == "C2v"
    two = placed(0, "A") + placed(5, "B", residue=2) + placed(6, "C", residue=2)
    assert len(read_samples(written(tmp_path / "b.pdb", two))[0].points.positions) == 6
