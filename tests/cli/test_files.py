"""`intertwine check` and `intertwine symmetry`: files in, verdicts out."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from intertwine.cli import app

RUN = CliRunner()
SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "square.npy", SQUARE)
    np.savetxt(tmp_path / "rectangle.csv", SQUARE * [0.5, 1.5, 1], delimiter=",", header="x,y,z", comments="")
    return tmp_path


def test_a_square_cannot_become_a_rectangle(folder: Path) -> None:
    result = RUN.invoke(app, ["check", str(folder / "square.npy"), str(folder / "rectangle.csv")])
    assert result.exit_code == 1
    for words in ("IMPOSSIBLE for any O(3)-equivariant map", "D4h", "D2h", "0.0416667", "x² − y²"):
        assert words in result.stdout


def test_a_rectangle_can_become_a_square(folder: Path) -> None:
    result = RUN.invoke(app, ["check", str(folder / "rectangle.csv"), str(folder / "square.npy")])
    assert result.exit_code == 0
    assert result.stdout.startswith("POSSIBLE")


def test_json_says_the_same(folder: Path) -> None:
    result = RUN.invoke(app, ["check", str(folder / "square.npy"), str(folder / "rectangle.csv"), "--json"])
    found = json.loads(result.stdout)
    assert found["possible"] is False
    assert found["H"]["name"] == "D4h"
    assert found["order_parameters"][0]["polynomial"] == "x² − y²"


def test_one_file_gives_its_ladder(folder: Path) -> None:
    result = RUN.invoke(app, ["symmetry", str(folder / "square.npy")])
    assert result.exit_code == 0
    assert "best: D4h" in result.stdout


def test_a_folder_gives_a_table_and_broken_files_a_sentence_each(folder: Path) -> None:
    (folder / "broken.csv").write_text("x,y,z\n1,2,not a number\n")
    (folder / "empty.csv").write_text("")
    result = RUN.invoke(app, ["symmetry", str(folder)])
    assert result.exit_code == 2
    assert "D4h" in result.stdout
    assert "D2h" in result.stdout
    assert result.stderr.count("cannot be read as points") + result.stderr.count("holds an array of shape") == 2
    assert "Traceback" not in result.output


def test_molecules_are_read_by_ase(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    (tmp_path / "water.xyz").write_text("3\n\nO 0 0 0.12\nH 0 0.76 -0.48\nH 0 -0.76 -0.48\n")
    (tmp_path / "bad.xyz").write_text("3\n\nH 0 0\n")
    assert "best: C2v" in RUN.invoke(app, ["symmetry", str(tmp_path / "water.xyz")]).stdout
    result = RUN.invoke(app, ["symmetry", str(tmp_path / "bad.xyz")])
    assert result.exit_code == 2
    assert "bad.xyz cannot be read as points" in result.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nowhere.npy", "nowhere.npy"], "There is no file nowhere.npy"),
        (["symmetry", "nowhere.npy"], "There is no file nowhere.npy"),
    ],
)
def test_mistakes_give_a_sentence_and_exit_code_2(arguments: list[str], words: str) -> None:
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_different_numbers_of_points_are_refused(folder: Path) -> None:
    np.save(folder / "three.npy", SQUARE[:3])
    result = RUN.invoke(app, ["check", str(folder / "square.npy"), str(folder / "three.npy")])
    assert result.exit_code == 2
    assert "are the same points, in the same order" in result.stderr


def test_the_group_is_chosen(folder: Path) -> None:
    result = RUN.invoke(app, ["symmetry", str(folder / "square.npy"), "--group", "SO(3)"])
    assert "best: D4" in result.stdout
    assert "D4h" not in result.stdout
