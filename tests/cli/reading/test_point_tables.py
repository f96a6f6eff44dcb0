"""Tables of points: the same tetrahedron in many dialects, and what cannot be decided."""

import numpy as np
import pytest

from intertwine.cli.reading.point_tables import tables
from intertwine.cli.reading.text import decoded
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points, stabiliser
from tests.registry import close

CORNERS = [(0.5, 0.5, 0.5), (0.5, -0.5, -0.5), (-0.5, 0.5, -0.5), (-0.5, -0.5, 0.5)]


def table(text: str) -> Points:
    """The points of a table of one structure."""
    (points,) = tables(text)
    return points


def lines(heading: str, row: str, comma: bool = False) -> str:
    """The tetrahedron: a heading, and a row for each corner with its number i from 0, its place n and x, y, z."""
    rows = []
    for i, corner in enumerate(CORNERS):
        x, y, z = (str(number).replace(".", ",") if comma else str(number) for number in corner)
        rows.append(row.format(i=i, n=i + 1, x=x, y=y, z=z))
    return "\n".join([*([heading] if heading else []), *rows]) + "\n"


DIALECTS = {
    "as pandas writes it": lines(",x,y,z", "{i},{x},{y},{z}"),
    "id": lines("id,x,y,z", "{n},{x},{y},{z}"),
    "number": lines("number,x,y,z", "{n},{x},{y},{z}"),
    "any case": lines("X,Y,Z", "{x},{y},{z}"),
    "any order": lines("z,x,y", "{z},{x},{y}"),
    "units": lines("x (Å),y (Å),z (Å)", "{x},{y},{z}"),
    "units between spaces": lines("x (Å) y (Å) z (Å)", "{x} {y} {z}"),
    "units in brackets": lines("x [nm]\ty [nm]\tz [nm]", "{x}\t{y}\t{z}"),
    "prefixes": lines("pos_x,pos_y,pos_z", "{x},{y},{z}"),
    "an empty column": lines("x,y,,z", "{x},{y},,{z}"),
    "columns after z": lines("x,y,z,charge", "{x},{y},{z},0.{i}"),
    "velocities": lines("id,x,y,z,vx,vy,vz", "{i},{x},{y},{z},0,{i},.3"),
    "decimal commas, semicolons": lines("x;y;z", "{x};{y};{z}", comma=True),
    "decimal commas, tabs": lines("x\ty\tz", "{x}\t{y}\t{z}", comma=True),
    "decimal commas, spaces": lines("x y z", "{x}   {y} {z}", comma=True),
    "decimal commas, quotes": lines("x,y,z", '"{x}","{y}","{z}"', comma=True),
    "decimal commas, no heading": lines("", "{x};{y};{z}", comma=True),
    "decimal commas, an index": lines("id;x;y;z", "{i};{x};{y};{z}", comma=True),
    "spaces and commas": lines("x, y, z", "{x}, {y}, {z}"),
    "a comma at the end": lines("", "{x},{y},{z},"),
    "as numpy writes it": lines("# x y z", "{x} {y} {z}"),
    "as numpy writes it, with an index": lines("# id x y z", "{i} {x} {y} {z}"),
    "Fortran": lines("", "{x}D+00 {y}d0 {z}D0"),
    "a mark before it": "\ufeff" + lines("x,y,z", "{x},{y},{z}"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_tetrahedron_is_one_in_every_dialect(name: str) -> None:
    for ending in ("\n", "\r\n"):
        text = decoded(DIALECTS[name].replace("\n", ending).encode())
        points = table(text or "")
        close(points.positions, np.array(CORNERS))
        assert points.labels is None
    assert stabiliser(points).name == "Td"


@pytest.mark.parametrize(
    ("heading", "row", "kinds"),
    [
        ("x,y,z,kind", "{x},{y},{z},big red", ["big red"] * 4),
        ("x,y,z,kind", '{x},{y},{z},"red, {i}"', [f"red, {i}" for i in range(4)]),
        ("x y z kind", '{x} {y} {z} "big red"', ["big red"] * 4),
        ("x;y;z;kind", "{x};{y};{z};red, big", ["red, big"] * 4),
        ("x,y,z,charge,kind", "{x},{y},{z},0.{i},A{i}B", [f"A{i}B" for i in range(4)]),
        ("Z,x,y,z", "6,{x},{y},{z}", ["6"] * 4),
        ("atomic_number,x,y,z", "{n},{x},{y},{z}", ["1", "2", "3", "4"]),
        ("number,x,y,z", "6,{x},{y},{z}", ["6"] * 4),
        ("atom,element,x,y,z", "C{n},C,{x},{y},{z}", ["C"] * 4),
        ("atom,x,y,z", "C{n},{x},{y},{z}", ["C"] * 4),
        ("", "C {x} {y} {z}", ["C"] * 4),
        ("", "6 {x} {y} {z}", ["6"] * 4),
        ("", "{x},{y},{z},6", ["6"] * 4),
    ],
)
def test_names_say_which_column_is_the_kind(heading: str, row: str, kinds: list[str]) -> None:
    points = table(lines(heading, row))
    close(points.positions, np.array(CORNERS))
    assert list(points.labels) == kinds


@pytest.mark.parametrize(
    ("names", "elements"),
    [
        ("C H1 H2 H3", "C H H H"),
        ("C1 H1A H1B H1C", "C H H H"),
        ("CA HA1 HA2 HG", "C H H H"),
        ("N CA 1HB OXT", "N C H O"),
        ("Si1 CL1 BR1 Ca_1", "Si Cl Br Ca"),
        ("C1' O2* Fe(1) Fe(2)", "C O Fe Fe"),
        ("C H F Cl", "C H F Cl"),
        ("Fe1 Fe1 Fe2 Fe2", "Fe1 Fe1 Fe2 Fe2"),  # given as kinds
    ],
)
def test_names_of_atoms_stand_for_elements(names: str, elements: str) -> None:
    rows = [f"{name},{x},{y},{z}" for name, (x, y, z) in zip(names.split(), CORNERS, strict=True)]
    for column in ("name", "atom", "label", "kind"):
        assert list(table("\n".join([f"{column},x,y,z", *rows])).labels) == elements.split()


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("frame,x,y,z", "{f},{x},{y},{z}"),
        ("time (ps),x,y,z", "{f}.5,{x},{y},{z}"),
        ("Molecule_Name,atom_index,atom,x,y,z", "m{f},{i},C,{x},{y},{z}"),
        ("x,y,z,element,molecule", "{x},{y},{z},C,{f}"),
        ("structure,atom,x,y,z", "s{f},C{i},{x},{y},{z}"),
        ("step,number,x,y,z", "{f},{i},{x},{y},{z}"),
        ("# mol id x y z", "{f} {i} {x} {y} {z}"),
    ],
)
def test_each_frame_or_molecule_of_a_table_is_one(heading: str, row: str) -> None:
    """In the order in which they begin, also where their rows are mixed."""
    rows = [
        (f, i, row.format(f=f, i=i, x=x + f, y=y, z=z)) for f in (3, 1) for i, (x, y, z) in enumerate(CORNERS[: 6 - f])
    ]
    for order in (rows, sorted(rows, key=lambda found: found[1])):
        found = tables("\n".join([heading, *(text for _, _, text in order)]))
        assert [len(points.positions) for points in found] == [3, 4]
        close(found[1].positions, np.array([(x + 1, y, z) for x, y, z in CORNERS]))
        assert stabiliser(found[1]).name == "Td"


def test_a_column_of_frames_may_only_tell_rows_apart() -> None:
    (found,) = tables(lines("frame,x,y,z", "{i},{x},{y},{z}"))
    assert stabiliser(found).name == "Td"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lines("", "{n} {x} {y} {z}"), "nothing says what its 4 columns are"),
        (lines("", "{i} H {x} {y} {z}"), "nothing says what its 5 columns are"),
        (lines("", "{x},{y},{z}", comma=True), "nothing says what its 6 columns are"),
        (lines("", "{x},,{y},{z}"), "column 2 has empty cells"),
        (lines("a,b,c", "{x},{y},{z}"), "a, b, c, does not name columns x and y"),
        (lines("0,1,2", "{x},{y},{z}"), "may be a point or a heading"),
        (lines(",0,1,2", "{i},{x},{y},{z}"), "has empty cells"),
        (lines("x,y,z", "{n},{x},{y},{z}"), "heading has 3 names, but its rows have 4 columns"),
        (lines("x,y,y", "{x},{y},{z}"), "names y twice"),
        (lines("x,y,z,colour", "{x},{y},{z},red"), "whether its column colour is the kind"),
        ("number,x,y,z\n1,0,0,0\n2,0,0,1\n", "may be those of rows or of elements"),
        (lines("atom,x,y,z", "N{i}A+,{x},{y},{z}"), "all its kinds differ, and nothing says which element N0A"),
        ("atom,x,y,z\nNA,0,0,0\nCL,0,0,1\n", "which element NA is"),
        (lines("label,x,y,z", "corner{i},{x},{y},{z}"), "which element corner0 is"),
        ("frame,x,y,z\n1,0,0,0\n1,1,0,0\n,1,0,1\n", "its row 3 has no frame"),
        ("x,y,z,kind\n0,0,0,A\n1,0,0,\n", "its row 2 has no kind"),
        ("x;y;z\n0,5;0.5;1\n1;1;1\n", "some of its numbers have decimal commas"),
        ("x;y;z\n1.234,5;0;1\n", "'1.234,5 0 1'"),
    ],
)
def test_what_cannot_be_decided_is_said(text: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        table(text)
