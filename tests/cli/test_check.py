"""`intertwine check`: can a network send what is in one file to what is in another?"""

import json
from pathlib import Path

import numpy as np
import pytest

from intertwine.cli.check_files import question
from intertwine.cli.files import Sample
from intertwine.symmetry import Points
from tests.cli.commands import RECTANGLE, SQUARE, WATER, array, run, table, written
from tests.symmetry.posed import pose

POSSIBLE, IMPOSSIBLE, ERROR = 0, 1, 2


def reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# points that move -----------------------------------------------------------------------------------------------------


def test_a_square_cannot_become_a_rectangle(tmp_path: Path) -> None:
    result = run("check", array(tmp_path / "square.npy", SQUARE), table(tmp_path / "rectangle.csv", RECTANGLE))
    assert result.exit_code == IMPOSSIBLE
    for words in ("square.npy → rectangle.csv: displacements at 4 points", "IMPOSSIBLE", "D4h", "D2h", "0.0416667"):
        assert words in result.stdout
    assert "x² − y²" in result.stdout  # the order parameter that would help


def test_a_rectangle_can_become_a_square(tmp_path: Path) -> None:
    result = run("check", table(tmp_path / "rectangle.csv", RECTANGLE), array(tmp_path / "square.npy", SQUARE))
    assert result.exit_code == POSSIBLE
    assert result.stdout.splitlines()[1] == "POSSIBLE"


def test_a_tolerance_below_rounding_is_refused(tmp_path: Path) -> None:
    """With none at all a square would have no symmetry, and everything would be possible."""
    square = array(tmp_path / "square.npy", SQUARE)
    files = square, table(tmp_path / "rectangle.csv", RECTANGLE)
    assert run("check", *files, "--tolerance", "0").exit_code == ERROR
    assert run("check", *files, "--tolerance", "1e-12").exit_code == IMPOSSIBLE
    assert run("symmetry", square, "--tolerance", "0").exit_code == ERROR


def test_json_says_the_same(tmp_path: Path) -> None:
    files = array(tmp_path / "square.npy", SQUARE), table(tmp_path / "rectangle.csv", RECTANGLE)
    result = run("check", *files, "--json")
    found = json.loads(result.stdout, parse_constant=reject_constant)
    assert result.exit_code == IMPOSSIBLE
    assert found["possible"] is False
    assert found["H"]["name"] == "D4h"
    assert found["gain"] is None  # infinite
    assert found["order_parameters"][0]["polynomial"] == "x² − y²"


def test_where_the_points_are_does_not_matter(tmp_path: Path) -> None:
    """Networks are taken to be translation invariant, and files are turned any way."""
    a = pose(np.random.default_rng(3))
    files = array(tmp_path / "a.npy", SQUARE @ a.T + 2), array(tmp_path / "b.npy", RECTANGLE @ a.T - [5, 0, 1])
    assert run("check", *files).exit_code == IMPOSSIBLE
    assert run("check", *reversed(files)).exit_code == POSSIBLE


@pytest.mark.parametrize(("stretch", "verdict"), [([1.1, 1.1, 1], POSSIBLE), ([1.1, 1, 1], IMPOSSIBLE)])
def test_files_hold_rounded_numbers(tmp_path: Path, stretch: list[float], verdict: int) -> None:
    """Four decimals break every symmetry a little, in the input and in the target."""
    a = pose(np.random.default_rng(0))
    start = table(tmp_path / "a.csv", np.round(SQUARE @ a.T, 4))
    result = run("check", start, table(tmp_path / "b.csv", np.round(SQUARE * stretch @ a.T, 4)))
    assert result.exit_code == verdict
    assert "D4h" in result.stdout
    if verdict == IMPOSSIBLE:
        assert "keeps only D2h" in result.stdout
        (first,) = [line for line in result.stdout.splitlines() if line.startswith("1 ")]
        assert "D2h" in first
        assert first.endswith("most symmetric")


def test_a_tolerance_decides_what_is_symmetric(tmp_path: Path) -> None:
    nearly = array(tmp_path / "nearly.npy", SQUARE * [1.01, 1, 1])
    goal = array(tmp_path / "goal.npy", RECTANGLE)
    assert run("check", nearly, goal).exit_code == POSSIBLE
    assert run("check", nearly, goal, "--tolerance", "0.05").exit_code == IMPOSSIBLE


@pytest.mark.parametrize("places", [2, 3, 4, 8])
def test_methane_has_no_dipole_with_any_number_of_digits(tmp_path: Path, places: int) -> None:
    """Turned any way, and rounded: the symmetry is that within the file's digits."""
    pytest.importorskip("ase")
    bonds = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.6291
    rows = [" ".join(f"{x:.{places}f}" for x in row) for row in bonds @ pose(np.random.default_rng(5)).T]
    atoms = "\n".join(f"{kind} {row}" for kind, row in zip("CHHHH", rows, strict=True))
    path = written(tmp_path / "a.xyz", f'5\ndipole="0 0 1" Properties=species:S:1:pos:R:3\n{atoms}\n')
    result = run("check", path, "--target", "dipole")
    assert result.exit_code == IMPOSSIBLE
    assert "symmetry Td in O(3)" in result.stdout
    assert ("so much the rounding of positions can cause" in result.stdout) == (places < 4)


def test_a_verdict_names_the_symmetry_that_the_input_nearly_has(tmp_path: Path) -> None:
    nearly, goal = array(tmp_path / "nearly.npy", SQUARE * [1.01, 1, 1]), array(tmp_path / "goal.npy", RECTANGLE)
    result = run("check", nearly, goal)
    assert result.exit_code == POSSIBLE
    assert "The input nearly has D4h (deviation 1.0e-02): if that is meant, the target is IMPOSSIBLE." in result.stdout
    found = json.loads(run("check", nearly, goal, "--json").stdout, parse_constant=reject_constant)["nearly"]
    assert (found["name"], found["possible"]) == ("D4h", False)
    taller = array(tmp_path / "taller.npy", SQUARE * [1.111, 1.1, 1])  # as square as the input
    assert "nearly has D4h (deviation 1.0e-02)." in run("check", nearly, taller).stdout
    assert "nearly" not in run("check", array(tmp_path / "square.npy", SQUARE), goal).stdout


@pytest.mark.parametrize("form", ["{:.3f}", "{:.8f}", "{!r}"])
def test_a_rigid_shift_moves_nothing(tmp_path: Path, form: str) -> None:
    """Subtracting rounded or large numbers leaves displacements of their rounding, which no symmetry keeps."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1) @ pose(np.random.default_rng(2)).T * 1.397
    start, moved = (
        written(tmp_path / name, "\n".join(",".join(form.format(float(x)) for x in row) for row in points))
        for name, points in (("a.csv", ring), ("b.csv", ring + np.array([1 / 3, 2.7, -111.1])))
    )
    result = run("check", start, moved)
    assert result.exit_code == POSSIBLE
    assert "symmetry D6h" in result.stdout
    far = array(tmp_path / "far.npy", ring + np.array([1e6, 0, 0]))
    assert run("check", array(tmp_path / "near.npy", ring), far).exit_code == POSSIBLE
    np.save(tmp_path / "single.npy", (ring + 100).astype(np.float32))
    assert run("check", tmp_path / "near.npy", tmp_path / "single.npy").exit_code == POSSIBLE
    pulled = array(tmp_path / "pulled.npy", ring + 0.01 * np.eye(6, 3))
    assert run("check", tmp_path / "near.npy", pulled).exit_code == IMPOSSIBLE


def test_a_network_that_knows_more_can_do_more(tmp_path: Path) -> None:
    """Under SO(3), O(3) and the cone the square is too symmetric; under one mirror it is not."""
    files = array(tmp_path / "square.npy", SQUARE), array(tmp_path / "rectangle.npy", RECTANGLE)
    for group, name in (("SO(3)", "D4"), ("O(3)", "D4h"), ("Cinfv", "C4v")):
        result = run("check", *files, "--group", group)
        assert result.exit_code == IMPOSSIBLE
        assert f"symmetry {name} in" in result.stdout
    assert run("check", *files, "--group", "Cs").exit_code == POSSIBLE


def test_the_plane(tmp_path: Path) -> None:
    files = table(tmp_path / "a.csv", SQUARE[:, :2]), table(tmp_path / "b.csv", RECTANGLE[:, :2])
    result = run("check", *files)
    assert result.exit_code == IMPOSSIBLE
    assert "symmetry D4 in O(2)" in result.stdout


def test_a_single_point_goes_nowhere(tmp_path: Path) -> None:
    point = array(tmp_path / "point.npy", [[1, 2, 3]])
    result = run("check", point, point)
    assert result.exit_code == POSSIBLE
    assert "at 1 point," in result.stdout


# molecules, and numbers that belong to them ---------------------------------------------------------------------------


@pytest.fixture
def water(tmp_path: Path) -> Path:
    """Water with C2v in a file that also holds forces, a dipole, a stress, charges and vectors that break C2v."""
    pytest.importorskip("ase")
    comment = (
        "Properties=species:S:1:pos:R:3:forces:R:3:spin:R:3:charge:R:1 energy=-1.5 "
        'dipole="0 0 0.7" magmom="0 0 1" side="0 1 0" stress="1 0 0 0 2 0 0 0 3" shear="0 1 0 1 0 0 0 0 0" note=mine'
    )
    rows = ("0 0 0.2 1 0 0 -0.8", "0 0.1 -0.1 0 0 0 0.4", "0 -0.1 -0.1 0 0 0 0.4")
    atoms = [f"{atom} {row}" for atom, row in zip(WATER.splitlines(), rows, strict=True)]
    return written(tmp_path / "water.extxyz", "\n".join(["3", comment, *atoms]) + "\n")


@pytest.mark.parametrize(
    ("name", "rep", "verdict"),
    [
        ("dipole", "1x1o", POSSIBLE),
        ("magmom", "1x1e", IMPOSSIBLE),  # axial: a mirror through the axis turns it round
        ("side", "1x1o", IMPOSSIBLE),
        ("forces", "1x1o", POSSIBLE),
        ("spin", "1x1o", IMPOSSIBLE),
        ("energy", "1x0e", POSSIBLE),
        ("charges", "1x0e", POSSIBLE),
        ("stress", "(1x1o)⊗(1x1o)", POSSIBLE),
        ("shear", "(1x1o)⊗(1x1o)", IMPOSSIBLE),
    ],
)
def test_targets_are_named(water: Path, name: str, rep: str, verdict: int) -> None:
    """Numbers at atoms and numbers of the whole; how they turn follows from how many they are."""
    result = run("check", water, "--target", name)
    assert f"as 1x{rep}" in result.stdout if "⊗" in rep else f"as {rep} of" in result.stdout
    assert ("at 3 points" in result.stdout) == (name in ("forces", "spin", "charges"))
    assert result.exit_code == verdict


def test_how_a_target_turns_can_be_said(water: Path) -> None:
    """An axial vector along the axis of water is not a symmetric one."""
    assert run("check", water, "--target", "dipole", "--rep-out", "1x1e").exit_code == IMPOSSIBLE
    result = run("check", water, "--target", "dipole", "--rep-out", "1x2e")
    assert result.exit_code == ERROR
    assert "A target of 1x2e has the shape (5,)" in result.stderr


def test_a_name_that_is_not_there_lists_those_that_are(water: Path) -> None:
    result = run("check", water, "--target", "force")
    assert result.exit_code == ERROR
    assert "no numbers called 'force'" in result.stderr
    for name in ("forces", "dipole", "side", "energy"):
        assert name in result.stderr
    result = run("check", water)
    assert result.exit_code == ERROR
    assert "Nothing says what should come out" in result.stderr
    assert "note" not in result.stderr  # a text is no target


def test_the_input_and_the_target_may_be_in_two_files(water: Path) -> None:
    bare = written(water.with_name("bare.xyz"), f"3\n\n{WATER}")
    assert run("check", bare, water, "--target", "side").exit_code == IMPOSSIBLE
    assert run("check", bare, water, "--target", "dipole").exit_code == POSSIBLE
    result = run("check", bare, water, "--rep-out", "1x1o")
    assert result.exit_code == ERROR
    assert "Name it with --target" in result.stderr


def test_linear_molecules(tmp_path: Path) -> None:
    """Carbon dioxide has no dipole, in any direction."""
    pytest.importorskip("ase")
    for dipole in ("0 0 1", "1 0 0"):
        text = f'3\ndipole="{dipole}" Properties=species:S:1:pos:R:3\nO 0 0 -1.16\nC 0 0 0\nO 0 0 1.16\n'
        result = run("check", written(tmp_path / "co2.extxyz", text), "--target", "dipole", "--json")
        found = json.loads(result.stdout, parse_constant=reject_constant)
        assert result.exit_code == IMPOSSIBLE
        assert found["H"]["name"] == "Dinfh"
        assert found["H"]["order"] is None


def test_atoms_in_another_order_are_noticed(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    first, second, third = WATER.splitlines()
    start = written(tmp_path / "start.xyz", f"3\n\n{WATER}")
    turned = written(tmp_path / "turned.xyz", "\n".join(["3", "", second, first, third]))
    result = run("check", start, turned)
    assert result.exit_code == ERROR
    assert "in another order: point 1 is O in start.xyz, but H in turned.xyz" in result.stderr
    swapped = written(tmp_path / "swapped.xyz", "\n".join(["3", "", first, third, second]))
    assert "Are both files in the same order?" in run("check", start, swapped).stdout
    assert "same order" not in run("check", start, start).stdout
    other = written(tmp_path / "other.xyz", f"3\n\n{WATER.replace('O', 'S')}")
    assert "other kinds of points: point 1 is O in start.xyz, but S" in run("check", start, other).stderr


def test_frames_of_a_trajectory(tmp_path: Path) -> None:
    """The last frame is asked about unless another is named."""
    pytest.importorskip("ase")
    frames = [f"4\n\n{''.join(f'H {x} {y} {z}{chr(10)}' for x, y, z in points)}" for points in (SQUARE, RECTANGLE)]
    start, goal = written(tmp_path / "start.xyz", "".join(frames)), array(tmp_path / "goal.npy", RECTANGLE)
    assert run("check", start, goal).exit_code == POSSIBLE
    np.savez(tmp_path / "goal.npz", positions=SQUARE, targets=RECTANGLE - SQUARE)
    assert run("check", start, tmp_path / "goal.npz", "--frame", "0").exit_code == IMPOSSIBLE
    assert run("check", start, tmp_path / "goal.npz", "--frame", "-1").exit_code == POSSIBLE
    result = run("check", start, "--frame", "2")
    assert result.exit_code == ERROR
    assert "start.xyz holds no frame 2" in result.stderr


# crystals -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def perovskite(tmp_path: Path) -> tuple[Path, Path]:
    """Barium titanate: cubic, and with its atoms shifted along z."""
    pytest.importorskip("ase")
    pytest.importorskip("spglib")
    sites = {"Ba": (0, 0, 0), "Ti": (2, 2, 2), "O": (2, 2, 0), "O ": (2, 0, 2), " O": (0, 2, 2)}
    files = []
    for name, shifts in (("cubic", (0, 0, 0, 0, 0)), ("tetragonal", (0, 0.05, -0.1, -0.06, 3.94))):
        rows = [f"{k} {x} {y} {z + dz}" for (k, (x, y, z)), dz in zip(sites.items(), shifts, strict=True)]
        comment = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"'
        files.append(written(tmp_path / f"{name}.extxyz", "\n".join(["5", comment, *rows]) + "\n"))
    return files[0], files[1]


def test_a_cubic_crystal_cannot_become_polar(perovskite: tuple[Path, Path]) -> None:
    """The last oxygen left through one face of the cell and came in through the other."""
    result = run("check", *perovskite)
    assert result.exit_code == IMPOSSIBLE
    assert "Pm-3m" in result.stdout
    assert "keeps only P4mm" in result.stdout
    assert run("check", *reversed(perovskite)).exit_code == POSSIBLE


def test_a_cell_can_be_left_out(perovskite: tuple[Path, Path]) -> None:
    assert "symmetry C3v in O(3)" in run("check", *perovskite, "--no-cell").stdout


def test_a_displacement_that_hexagonal_crystals_forbid(tmp_path: Path) -> None:
    """Fractions of four digits leave magnesium hexagonal, so that one atom cannot move across the axis."""
    pytest.importorskip("ase")
    pytest.importorskip("spglib")
    head = "Mg\n1.0\n3.209 0 0\n-1.6045 2.7790755 0\n0 0 5.211\nMg\n2\nDirect\n"
    start = written(tmp_path / "a.vasp", head + "0.3333 0.6667 0.2500\n0.6667 0.3333 0.7500\n")
    finish = written(tmp_path / "b.vasp", head + "0.3433 0.6867 0.2500\n0.6667 0.3333 0.7500\n")
    result = run("check", start, finish)
    assert result.exit_code == IMPOSSIBLE
    assert "P6_3/mmc" in result.stdout
    assert run("check", finish, start).exit_code == POSSIBLE


# vectors and features -------------------------------------------------------------------------------------------------


def test_vectors_of_reps(tmp_path: Path) -> None:
    """A vector along z and a quadrupole along y share the half-turn about z: nothing across z can come out."""
    x = array(tmp_path / "x.npy", [0, 0, 1, 0, 0, 1, 0, 0])
    along, across = array(tmp_path / "along.npy", [0, 0, 2]), array(tmp_path / "across.npy", [1, 0, 0])
    reps = ("--rep-in", "1x1o + 1x2e", "--rep-out", "1x1o", "--group", "O(3)")
    assert run("check", x, along, *reps).exit_code == POSSIBLE
    result = run("check", x, across, *reps)
    assert result.exit_code == IMPOSSIBLE
    assert "x.npy → across.npy: from 1x1o + 1x2e to 1x1o of O(3)" in result.stdout


def test_a_vector_and_its_target_in_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", x=[0, 0, 1.0], targets=[0, 0, 2.0], rep_in="1x1o", rep_out="1x1o")
    assert run("check", tmp_path / "v.npz").exit_code == POSSIBLE
    assert run("check", tmp_path / "v.npz", "--rep-out", "1x1e").exit_code == IMPOSSIBLE  # a vector has mirrors


def test_vectors_of_other_groups(tmp_path: Path) -> None:
    x, y = array(tmp_path / "x.npy", [1, 0]), array(tmp_path / "y.npy", [0, 1])
    options = ("--rep-in", "1x1", "--rep-out", "1x1")
    assert run("check", x, y, *options, "--group", "D6").exit_code == IMPOSSIBLE  # x lies on a mirror
    assert run("check", x, y, *options, "--group", "C6").exit_code == POSSIBLE


def test_what_is_missing_for_vectors_is_said(tmp_path: Path) -> None:
    x, y = array(tmp_path / "x.npy", [0, 0, 1, 0, 0, 1, 0, 0]), array(tmp_path / "y.npy", SQUARE)
    for arguments, words in (
        ([x, y], "nothing says how it turns. Pass its rep"),
        ([x, "--rep-in", "1x1o + 1x2e"], "give a second file"),
        ([x, y, "--rep-in", "1x1o + 1x2e"], "give a second file"),
        ([x, x, "--rep-in", "1x1o", "--rep-out", "1x1o"], "A vector of 1x1o has 3 numbers"),
        ([y, x], "The target has 8 numbers, and nothing says how they turn"),
        ([x, x, "--rep-in", "1x9z", "--rep-out", "1x9z"], "9z"),
    ):
        result = run("check", *arguments)
        assert result.exit_code == ERROR
        assert words in result.stderr


def test_npz_files_hold_everything(tmp_path: Path) -> None:
    """Positions, features with their rep, and targets with theirs: then nothing needs to be said."""
    turn, stretch = SQUARE * [1, -1, 0], SQUARE * [-0.5, 0.5, 0]
    for features, verdict in (([[1.0]] * 4, IMPOSSIBLE), (turn[:, :2], POSSIBLE)):
        rep = "1x0e" if verdict == IMPOSSIBLE else "2x0e"
        np.savez(tmp_path / "f.npz", positions=SQUARE, features=features, rep_in=rep, targets=stretch, rep_out="1x1o")
        result = run("check", tmp_path / "f.npz")
        assert result.exit_code == verdict
        assert "targets at 4 points, as 1x1o" in result.stdout
    np.savez(tmp_path / "g.npz", positions=SQUARE, features=turn, targets=stretch)
    result = run("check", tmp_path / "g.npz")
    assert result.exit_code == ERROR
    assert "features of shape (4, 3), and nothing says how they turn" in result.stderr
    assert run("check", tmp_path / "g.npz", "--rep-in", "1x1o").exit_code == POSSIBLE
    np.savez(tmp_path / "h.npz", positions=SQUARE, targets=stretch)
    assert "--rep-in says how features turn, but" in run("check", tmp_path / "h.npz", "--rep-in", "1x1o").stderr


def test_a_number_at_each_point(tmp_path: Path) -> None:
    """Alternating charges on a square are impossible; equal ones are not."""
    for charges, verdict in (([1, 1, 1, 1], POSSIBLE), ([1, -1, 1, -1], IMPOSSIBLE)):
        np.savez(tmp_path / "q.npz", positions=SQUARE, charges=charges)
        result = run("check", tmp_path / "q.npz", "--target", "charges", "--rep-out", "1x0e")
        assert result.exit_code == verdict
        assert "charges at 4 points" in result.stdout


# mistakes -------------------------------------------------------------------------------------------------------------


def test_different_numbers_of_points_are_refused(tmp_path: Path) -> None:
    result = run("check", array(tmp_path / "four.npy", SQUARE), array(tmp_path / "three.npy", SQUARE[:3]))
    assert result.exit_code == ERROR
    assert "are the same points, in the same order" in result.stderr


def test_an_unknown_group_is_an_error(tmp_path: Path) -> None:
    square = array(tmp_path / "square.npy", SQUARE)
    result = run("check", square, square, "--group", "Q7")
    assert result.exit_code == ERROR
    assert "There is no group called 'Q7'" in result.stderr


def test_a_bug_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 says impossible; whatever else goes wrong says 2."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("intertwine.cli.check_files.question", broken)
    square = array(tmp_path / "square.npy", SQUARE)
    from typer.testing import CliRunner

    from intertwine.cli import app

    result = CliRunner().invoke(app, ["check", str(square), str(square)])
    assert result.exit_code == ERROR
    assert "a bug" in result.stderr


def test_atoms_of_a_layer_move_across_its_box() -> None:
    """Along the periods to the nearest image, across them as far as they went, whatever the third vector."""
    cells = np.diag([2.0, 2.0, 1.0]), np.diag([2.0, 2.0, 7.0])
    flat, wrapped = np.zeros((2, 3)), np.array([[0.0, 0.1, 0.9], [1.9, -2.1, -0.9]])
    flat[1] = [0, 0, 3]
    start, finish = (
        Sample(Path(name), Points(positions, [0, 1], cell=cell, periodic=(True, True, False)))
        for name, positions, cell in (("a", flat, cells[0]), ("b", flat + wrapped, cells[1]))
    )
    moves = question(start, finish).y
    assert np.abs(moves - [[0.05, 0.1, 0.9], [-0.05, -0.1, -0.9]]).max() < 1e-12


def test_a_named_target_is_rounded_too(tmp_path: Path) -> None:
    """Forces with the symmetry of ammonia, printed with three decimals in a general pose; a dipole with two."""
    rows = [
        "N 0.107270 -0.064314 0.262997 0.082 -0.049 0.202",
        "H 0.104024 -0.866480 -0.361813 0.031 -0.262 -0.109",
        "H -0.852510 0.268624 0.305917 -0.258 0.081 0.093",
        "H 0.641216 0.662170 -0.207101 0.194 0.200 -0.063",
    ]
    file = tmp_path / "ammonia.xyz"
    file.write_text("\n".join(["4", 'Properties=species:S:1:pos:R:3:forces:R:3 dipole="-0.11 0.07 -0.28"', *rows]))
    for name in ("forces", "dipole"):
        result = run("check", file, "--target", name)
        assert result.exit_code == POSSIBLE, result.output
        assert "symmetry C3v" in result.stdout
    file.write_text(file.read_text().replace("-0.11 0.07 -0.28", "-0.28 0.11 0.07"))  # across the axis
    assert run("check", file, "--target", "dipole").exit_code == IMPOSSIBLE
