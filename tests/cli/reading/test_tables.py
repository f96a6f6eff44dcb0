"""Tables of points: the same tetrahedron in many dialects, and what cannot be decided."""

import numpy as np
import pytest

from intertwine.cli.reading.tables import table
from intertwine.cli.reading.text import decoded
from intertwine.errors import ArgumentError
from intertwine.symmetry import stabiliser
from tests.registry import close

CORNERS = [(0.5, 0.5, 0.5), (0.5, -0.5, -0.5), (-0.5, 0.5, -0.5), (-0.5, -0.5, 0.5)]


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
        ("x,y,z,kind\n0,0,0,A\n1,0,0,\n", "its row 2 has no kind"),
        ("x;y;z\n0,5;0.5;1\n1;1;1\n", "some of its numbers have decimal commas"),
        ("x;y;z\n1.234,5;0;1\n", "'1.234,5 0 1' came"),
    ],
)
def test_what_cannot_be_decided_is_said(text: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        table(text)
