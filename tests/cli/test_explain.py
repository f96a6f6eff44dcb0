"""The command `intertwine explain`."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import intertwine
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


@pytest.mark.parametrize(
    ("things", "titles"),
    [
        (["O(3)", "D3h"], ["D3h"]),
        (["O(3)", "Cinfv", "Dinf"], ["C∞v", "D∞"]),
        (["O(2) in O(3)"], ["C∞v", "D∞"]),
        (["Oh"], ["Oh"]),
        (["(True, True, 3)"], ["D3d"]),
    ],
)
def test_all_that_is_explained_is_drawn(tmp_path: Path, things: list[str], titles: list[str]) -> None:
    """A page with one picture for each, and a title."""
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", *things, "--figure", str(tmp_path / "page.html")])
    assert result.exit_code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert f"<title>{result.stdout.splitlines()[0]}</title>" in page
    assert page.count("<figure>") == len(titles)
    assert [json.loads(f'"{text}"') for text in re.findall(r'"title":\{"text":"([^ "]+) ', page)] == titles


def test_a_folder_is_no_page() -> None:
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", "Oh", "--figure", "."])
    assert result.exit_code == 2
    assert "Give a name that ends in .html, such as figure.html" in result.stderr


@pytest.mark.parametrize("name", ["cmp.png", "cmp.svg", "cmp"])
def test_a_page_is_a_page(tmp_path: Path, name: str) -> None:
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", "Oh", "--figure", str(tmp_path / name)])
    assert result.exit_code == 2
    assert f"{name} was asked for. Give a name that ends in .html, such as cmp.html" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_version() -> None:
    result = RUN.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"intertwine {intertwine.__version__}\n"


def test_a_picture_that_cannot_be_written_gives_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    result = RUN.invoke(app, ["explain", "O(3)", "D3h", "--figure", str(tmp_path / "nowhere" / "d3h.html")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.output
