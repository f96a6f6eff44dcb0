"""`intertwine symmetry`: what symmetry points and crystals in files have, exactly and nearly."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import RECTANGLE, SQUARE, WATER, array, run, table, written
from tests.symmetry.posed import pose


def row(text: str, name: str) -> list[str]:
    """The entries of a table in the row of a file."""
    (line,) = [line for line in text.splitlines() if name in line]
    return [entry.strip() for entry in line.strip("│").split("│")]


def test_one_file_gives_its_symmetry_and_its_ladder(tmp_path: Path) -> None:
    result = run("symmetry", array(tmp_path / "nearly.npy", SQUARE * [1.01, 1, 1]))
    assert result.exit_code == 0
    assert "symmetry D2h in O(3), 8 elements" in result.stdout
    lines = [line.split()[:2] for line in result.stdout.splitlines() if line.startswith("D")]
    assert lines == [["D2h", "8"], ["D4h", "16"]]


def test_a_folder_gives_a_table(tmp_path: Path) -> None:
    array(tmp_path / "square.npy", SQUARE)
    table(tmp_path / "rectangle.csv", RECTANGLE)
    array(tmp_path / "nearly.npy", SQUARE * [1.02, 1, 1] + [0, 0, 5])
    array(tmp_path / "line.npy", np.outer([-1, 0, 1], [1, 2, 3]))
    array(tmp_path / "bent.npy", [[-1, 0, 0], [0, 0.01, 0], [1, 0, 0]])
    array(tmp_path / "dot.npy", [[1, 2, 3]])
    array(tmp_path / "plane.npy", SQUARE[:, :2])
    result = run("symmetry", tmp_path)
    assert result.exit_code == 0
    for name, entries in {
        "square": ["4", "D4h", "16", "", ""],
        "rectangle": ["4", "D2h", "8", "", ""],
        "nearly": ["4", "D2h", "8", "D4h", "2.0e-02"],
        "line": ["3", "Dinfh", "∞", "", ""],
        "bent": ["3", "C2v", "4", "Dinfh", "1.0e-02"],
        "dot": ["1", "O(3)", "∞", "", ""],
        "plane": ["4", "D4", "8", "", ""],
    }.items():
        assert row(result.stdout, name)[1:] == entries


BROKEN = {
    "empty.xyz": (b"", "is empty"),
    "empty.csv": (b"\n", "it has no rows"),
    "words.csv": (
        b"x,y,z\nhello,my,world\n",
        "rows of x, y, z and perhaps a kind are expected, but got 'hello my world'",
    ),
    "ragged.csv": (b"1,2,3\n1,2\n", "do not all have the same number of columns"),
    "binary.xyz": (bytes(range(256)), "is not a text"),
    "binary.dat": (bytes(range(256)), "is not a text"),
    "short.xyz": (b"3\n\nH 0 0 0\n", "Frame has 1 atoms, expected 3"),
    "none.xyz": (b"0\n\n", "holds no points"),
    "alchemy.xyz": (b"1\n\nQq 0 0 0\n", "'Qq' is not known"),
    "nan.xyz": (b"2\n\nH nan 0 0\nH 0 0 1\n", "NaN or infinite positions"),
    "twice.xyz": (b"2\n\nH 0 0 0\nH 0 0 0\n", "Two points of one kind coincide"),
    "broken.npy": (b"\x93NUMPY", "cannot be read as points"),
    "broken.npz": (b"PK", "cannot be read as points"),
    "script.py": (b"print(1)\n", "cannot be read as points"),
    "picture.png": (b"\x89PNG", "cannot be read as points"),
    "notes.md": (b"# notes\n", "holds no structure"),
    "unknown.zzz": (b"what is this\n", "ase does not know its format"),
}


def test_broken_files_get_a_sentence_each_and_the_rest_is_done(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    for name, (content, _) in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    array(tmp_path / "vector.npy", [1, 2, 3, 4])
    array(tmp_path / "good.npy", SQUARE)
    (tmp_path / ".hidden").write_bytes(b"what")
    (tmp_path / "folder").mkdir()
    result = run("symmetry", tmp_path)
    assert result.exit_code == 2
    assert row(result.stdout, "good.npy")[2] == "D4h"
    sentences = {Path(line.split(" ")[0].rstrip(":")).name: line for line in result.stderr.splitlines()}
    assert sentences.keys() == {*BROKEN, "vector.npy"}
    for name, (_, words) in BROKEN.items():
        assert words in sentences[name]
        assert sentences[name].endswith((".", "one."))
    assert "holds an array of shape (4,), but points (N, 2) or (N, 3) are expected" in sentences["vector.npy"]


def test_json_lists_what_was_found_and_what_was_not(tmp_path: Path) -> None:
    files = [array(tmp_path / "square.npy", SQUARE), array(tmp_path / "line.npy", np.outer([-1, 1], [1, 0, 0]))]
    result = run("symmetry", *files, tmp_path / "nowhere.npy", "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(name))
    square, line, nowhere = (found[str(tmp_path / name)] for name in ("square.npy", "line.npy", "nowhere.npy"))
    assert (square["symmetry"], square["order"], square["ladder"]["best"]) == ("D4h", 16, "D4h")
    assert (line["symmetry"], line["order"], line["ladder"]) == ("Dinfh", None, None)
    assert "There is no file" in nowhere["error"]


@pytest.mark.parametrize("inside", [(), (".hidden",)])
def test_a_folder_without_files(tmp_path: Path, inside: tuple[str, ...]) -> None:
    for name in inside:
        written(tmp_path / name, "")
    result = run("symmetry", tmp_path)
    assert result.exit_code == 2
    assert "is a folder without files" in result.stderr
    assert not result.stdout.strip()


def test_every_frame_of_a_trajectory(tmp_path: Path) -> None:
    """Methane, one bond of which is stretched more and more; and a frame in which two atoms are at one place."""
    pytest.importorskip("ase")
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    texts = []
    for stretch in (1.0, 1.003, 1.3):
        rows = [f"H {x} {y} {z}" for x, y, z in bonds * [[stretch], [1], [1], [1]]]
        texts.append("\n".join(["5", "", "C 0 0 0", *rows]) + "\n")
    texts.append("2\n\nH 0 0 0\nH 0 0 0\n")
    path = written(tmp_path / "run.xyz", "".join(texts))
    result = run("symmetry", path)
    assert result.exit_code == 2
    found = [row(result.stdout, f"run.xyz[{i}]")[1:5] for i in range(3)]
    assert found == [["5", "Td", "24", ""], ["5", "C3v", "6", "Td"], ["5", "C3v", "6", ""]]
    assert "run.xyz[3]: Two points of one kind coincide" in result.stderr
    assert "symmetry Td" in run("symmetry", path, "--frame", "0").stdout
    assert "holds no frame 7" in run("symmetry", path, "--frame", "7").stderr


def test_the_tolerance_is_that_of_check(tmp_path: Path) -> None:
    nearly = array(tmp_path / "nearly.npy", SQUARE * [1.01, 1, 1])
    assert "symmetry D4h" in run("symmetry", nearly, "--tolerance", "0.05").stdout
    ladder = run("symmetry", nearly, "--largest", "0.001").stdout
    assert "best: D2h" in ladder
    assert "D4h" not in ladder
    assert run("symmetry", nearly, "--tolerance", "-1").exit_code == 2


def test_the_group_is_chosen(tmp_path: Path) -> None:
    square = array(tmp_path / "square.npy", SQUARE)
    result = run("symmetry", square, "--group", "SO(3)")
    assert "best: D4\n" in result.stdout
    for group, words in (("D6", "--group takes SO(2), O(2), SO(3) or O(3)"), ("Q7", "no group called 'Q7'")):
        result = run("symmetry", square, "--group", group)
        assert result.exit_code == 2
        assert words in result.stderr
        assert not result.stdout.strip()


def test_labels_and_features_lower_the_symmetry(tmp_path: Path) -> None:
    text = "x,y,z,kind\n" + "\n".join(f"{x},{y},{z},{k}" for (x, y, z), k in zip(SQUARE, "ABAB", strict=True))
    assert "symmetry D2h" in run("symmetry", written(tmp_path / "kinds.csv", text)).stdout
    np.savez(tmp_path / "labels.npz", positions=SQUARE, labels=[0, 1, 1, 0])
    assert "symmetry C2v" in run("symmetry", tmp_path / "labels.npz").stdout
    np.savez(
        tmp_path / "arrows.npz", positions=SQUARE, features=SQUARE @ [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], rep_in="1x1o"
    )
    assert "symmetry C4h" in run("symmetry", tmp_path / "arrows.npz").stdout
    assert "nearly" not in run("symmetry", tmp_path / "arrows.npz").stdout  # the arrows are not nearly upside down
    np.savez(tmp_path / "unclear.npz", positions=SQUARE, features=SQUARE)
    assert "nothing says how they turn" in run("symmetry", tmp_path / "unclear.npz").stderr


def test_molecules_and_crystals_are_read_by_ase(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    pytest.importorskip("spglib")
    assert "best: C2v" in run("symmetry", written(tmp_path / "water.xyz", f"3\n\n{WATER}")).stdout
    comment = 'Lattice="4.1 0 0 0 4.1 0 0 0 4.1" Properties=species:S:1:pos:R:3 pbc="T T T"'
    crystal = written(tmp_path / "cscl.extxyz", f"2\n{comment}\nCs 0 0 0\nCl 2.05 2.05 2.05\n")
    assert "space group Pm-3m (no. 221): 48 operations" in run("symmetry", crystal).stdout
    assert "symmetry Cinfv in O(3)" in run("symmetry", crystal, "--no-cell").stdout
    polar = written(tmp_path / "polar.extxyz", f"2\n{comment}\nCs 0 0 0\nCl 2.05 2.05 2.15\n")
    assert row(run("symmetry", crystal, polar).stdout, "polar")[1:5] == ["2", "P4mm", "8", "Pm-3m"]
    lines = [line.split()[:2] for line in run("symmetry", polar).stdout.splitlines() if line.startswith("P")]
    assert lines == [["P4mm", "8"], ["Pm-3m", "48"]]  # crystals have ladders, too


def test_the_digits_of_a_file_set_the_tolerance(tmp_path: Path) -> None:
    """Benzene with three decimals, turned: D6h up to what these can cause, which one file and a table say."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1) @ pose(np.random.default_rng(2)).T * 1.397
    rough, fine = (
        written(tmp_path / f"{places}.csv", "\n".join(",".join(f"{x:.{places}f}" for x in row) for row in ring))
        for places in (3, 9)
    )
    result = run("symmetry", rough)
    assert "symmetry D6h" in result.stdout
    assert "not 0.0001: so much the rounding of positions can cause" in result.stdout
    assert "rounding of positions" not in run("symmetry", fine).stdout
    result = run("symmetry", rough, fine)
    assert row(result.stdout, "3.csv")[2:4] == row(result.stdout, "9.csv")[2:4] == ["D6h", "24"]
    assert "of 1 what their digits carry" in result.stdout
    assert json.loads(run("symmetry", rough, "--json").stdout)[str(rough)]["tolerance"] > 1e-3
