"""The command `intertwine explain`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from intertwine.cli import app
from intertwine.symmetry import explain

RUN = CliRunner()


def test_it_prints_what_the_function_says() -> None:
    result = RUN.invoke(app, ["explain", "O(3)", "Cinfv", "Dinf"])
    assert result.exit_code == 0
    assert result.stdout.strip() == str(explain("O(3)", "Cinfv", "Dinf"))


def test_json_is_for_programs() -> None:
    result = RUN.invoke(app, ["explain", "D6", "--json"])
    assert json.loads(result.stdout)["title"] == "D6: a group with 12 elements"


def test_the_degree_is_chosen() -> None:
    result = RUN.invoke(app, ["explain", "O(3)", "Oh", "--degree", "4"])
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("4e")]
    assert all(irrep in row for irrep in ("A1g", "T1g", "Eg", "T2g"))
    assert "\n5e" not in result.stdout


def test_a_wrong_name_gives_one_sentence_and_an_exit_code() -> None:
    result = RUN.invoke(app, ["explain", "Q7"])
    assert result.exit_code == 2
    assert "There is no group called 'Q7'" in result.stderr
    assert "Traceback" not in result.output


def test_a_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", "O(3)", "D3h", "--figure", str(tmp_path / "d3h.html")])
    assert result.exit_code == 0
    assert "plotly" in (tmp_path / "d3h.html").read_text("utf-8")


def test_a_picture_that_cannot_be_written_gives_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", "O(3)", "D3h", "--figure", str(tmp_path / "nowhere" / "d3h.html")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.output
