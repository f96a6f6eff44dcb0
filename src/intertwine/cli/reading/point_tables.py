"""Tables of points: rows of coordinates and perhaps a kind, with any separator, whose heading says what they are."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import numpy as np

from intertwine.cli.reading.atom_names import SYMBOLS, element
from intertwine.cli.reading.text import carried, decimals, rounded
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points

_UNIT = re.compile(r"[(\[{].*?[)\]}]")
"""A unit in brackets, in a heading."""
_COORDINATE = re.compile(
    r"(?:(?:atom|cart(?:n|esian)?|coord(?:inate)?s?|pos(?:ition)?s?|r)[ _.:-]*)?([xyz])"
    r"(?:[ _.:/-]*(?:å|a|ang|angstroms?|nm|pm|um|µm|mm|cm|m|bohr|au|coord(?:inate)?s?|pos(?:ition)?s?))?"
)
"""What the columns of coordinates are called."""
_KINDS = (
    *("element", "elements", "symbol", "symbols", "species", "atomicnumber", "atomicnumbers", "kind", "kinds"),
    *("type", "types", "atomtype", "class", "label", "labels", "number", "numbers", "atom", "atoms", "name", "names"),
)
"""What the column of kinds is called, the surest names first."""
_COUNTING = ("number", "numbers", "atom", "atoms", "name", "names")
"""Names of columns that hold kinds, unless they count the rows."""
_NAMES = ("label", "labels", "atom", "atoms", "name", "names")
"""Names of columns that hold the names of atoms as often as their kinds."""
_FRAME = re.compile(
    "(?:frame|mol(?:ecule)?|struct(?:ure)?|crystal|step|timestep|time|snapshot|image|conformer|conf(?:ig(?:uration)?)?|"
    "sample|model|cloud|system)s?(?:id|idx|index|name|no|nr|number)?"
)
"""What columns are called that say which structure a row belongs to."""
_VECTOR = re.compile(r"(?:v|f|d|vel|velocity|force|forces)[xyz]")
"""What columns of vectors at the points are called."""
_INDEX = ("", "#", "id", "ids", "idx", "index", "i", "no", "nr", "row", "serial", "unnamed:0", "atomid", "atomindex")
"""What columns are called that tell rows apart."""
_REAL = re.compile(r"[-+]?(?:\d+(?:\.\d*|,\d+)?|[.,]\d+)(?:[eEdD][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_SITE = re.compile(r"([A-Z][a-z]?)\d+")
"""The name of an atom: its element, and its place in a list."""


Columns = tuple[tuple[int, ...], int | None]
"""Which columns of a table hold the coordinates, and which one the kind, if any."""


def tables(text: str) -> list[Points]:
    """The points of a table; of one with a column of frames, molecules or the like, those of each in order.

    Names in the heading decide what columns are; without one, how many and what they hold. Raises `ArgumentError` for
    what cannot be decided.
    """
    heading, rows = _split(text)
    if not rows:
        raise ArgumentError("it has no rows")
    if len({len(row) for row in rows}) > 1:
        raise ArgumentError("its rows do not all have the same number of columns")
    if heading is not None and len(heading) != len(rows[0]):
        raise ArgumentError(f"its heading has {len(heading)} names, but its rows have {len(rows[0])} columns")
    return [_points(heading, part) for part in ([rows] if heading is None else _structures(heading, rows))]


def _structures(heading: Sequence[str], rows: list[list[str]]) -> list[list[list[str]]]:
    """The rows of each structure. A column of frames that is different in every row only tells rows apart."""
    keys = list[list[str]]()
    for name, column in zip(heading, map(list, zip(*rows, strict=True)), strict=True):
        if _FRAME.fullmatch(_bare(name)) and any(column) and len({*column}) < len(rows):
            keys.append(_filled(column, name))
    parts = dict[tuple[str, ...], list[list[str]]]()
    for i, row in enumerate(rows):
        parts.setdefault(tuple(key[i] for key in keys), []).append(row)
    return list(parts.values())


def _points(heading: list[str] | None, rows: list[list[str]]) -> Points:
    """The points of the rows of one structure."""
    places, kind = _unnamed(rows) if heading is None else _named(heading, rows)
    numbers = [[row[place] for place in places] for row in rows]
    if bad := [row for row, cells in zip(rows, numbers, strict=True) if not all(map(_is_number, cells))]:
        raise ArgumentError(f"rows of x, y, z and perhaps a kind are expected, but got {' '.join(bad[0])[:40]!r}")
    cells = _with_points([cell for row in numbers for cell in row])
    positions = np.array([float(cell) for cell in cells]).reshape(len(rows), -1)
    named = heading is not None and kind is not None and _bare(heading[kind]) in _NAMES
    kinds = None if kind is None else _kinds(_filled([row[kind] for row in rows], "kind"), named)
    printed = [(float(cell), decimals(cell)) for cell in cells]
    rounding = rounded(printed) if np.isfinite(positions).all() else 0.0
    return Points(positions, None if kinds is None else np.array(kinds), precision=max(rounding, carried(positions)))


def _split(text: str) -> tuple[list[str] | None, list[list[str]]]:
    """The heading, if there is one, and the rows; a heading may also be the last comment before them."""
    lines = [line.strip(" \r\n\f") for line in text.splitlines()]
    lines = [line for line in lines if line.strip()]
    body = [line for line in lines if not line.startswith("#")]
    if not body:
        return None, []
    rows = _fields(body)
    if not any(map(_is_number, rows[0])):
        return _heading(body[0], rows[0]), rows[1:]
    if body[0] != lines[0]:
        comment = lines[lines.index(body[0]) - 1].lstrip("# ")
        names = _fields([comment, *body])[0]
        if len(names) == len(rows[0]) and {"x", "y"} <= {_coordinate(name) for name in names}:
            return names, rows
    return None, rows


def _heading(line: str, names: list[str]) -> list[str]:
    """The names in a heading; with spaces between columns, units in brackets are no columns."""
    return _UNIT.sub("", line).split() if _separator([line]) == " " and _UNIT.search(line) else names


def _fields(lines: list[str]) -> list[list[str]]:
    """The fields of each line, with what separates them and with quotes around some."""
    separator = _separator(lines)
    lines = [line.replace("\t", " ") for line in lines] if separator == " " else lines
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    fields = [[field.strip() for field in row] for row in rows]
    while all(len(row) > 3 and not row[-1] for row in fields):  # a separator that ends each line
        fields = [row[:-1] for row in fields]
    return fields


def _separator(lines: list[str]) -> str:
    """What separates columns: semicolons, else tabs, else commas, unless these are decimal ones, else spaces."""
    bare = [re.sub(r'"[^"]*"', '""', line) for line in lines]
    if all(";" in line for line in bare):
        return ";"
    if len({line.count("\t") for line in bare}) == 1 and "\t" in bare[0]:
        return "\t"
    words = [line.split() for line in bare[1:] or bare]
    spaced = all(len(row) > 1 and all(_is_number(word) for word in row if "," in word) for row in words)
    return "," if all("," in line for line in bare) and not spaced else " "


def _named(heading: Sequence[str], rows: list[list[str]]) -> Columns:
    """The columns that a heading names."""
    found = [_coordinate(name) for name in heading]
    names = [_bare(name) for name in heading]
    if "Z" in heading and "z" in heading:
        place = list(heading).index("Z")
        found[place], names[place] = "", "atomicnumber"
    axes = [axis for axis in "xyz" if axis in found]
    if axes[:2] != ["x", "y"]:
        raise ArgumentError(f"its heading, {', '.join(heading)}, does not name columns x and y")
    if twice := [axis for axis in axes if found.count(axis) > 1]:
        raise ArgumentError(f"its heading, {', '.join(heading)}, names {twice[0]} twice")
    coordinates = tuple(found.index(axis) for axis in axes)
    columns = list(zip(*rows, strict=True))
    kinds = [names.index(name) for name in _KINDS if name in names and any(columns[names.index(name)])]
    kinds = [place for place in kinds if names[place] not in _COUNTING or not _counts(columns[place])]
    if kinds:
        return coordinates, kinds[0]
    passed = [name in (*_INDEX, *_COUNTING) or any(p.fullmatch(name) for p in (_VECTOR, _FRAME)) for name in names]
    rest = [i for i in range(len(names)) if i not in coordinates and not passed[i]]
    if unclear := [heading[i] for i in rest if not all(map(_is_real, columns[i])) and any(columns[i])]:
        raise ArgumentError(
            f"nothing says whether its column {unclear[0]} is the kind of the points. Call it kind, or leave it out"
        )
    return coordinates, None


def _unnamed(rows: list[list[str]]) -> Columns:
    """The columns of a table without heading: two or three coordinates, and before or after them perhaps a kind."""
    columns = list(zip(*rows, strict=True))
    if empty := [str(i + 1) for i, column in enumerate(columns) if not all(column)]:
        raise ArgumentError(f"its column {empty[0]} has empty cells, and no heading says what columns are")
    words = [i for i, column in enumerate(columns) if not any(map(_is_number, column))]
    width, ends = len(columns), (0, len(columns) - 1)
    if not words and width in (2, 3):
        if width == 3 and rows[0] == ["0", "1", "2"] and all(map(_is_real, rows[-1])):
            raise ArgumentError("its first row, 0 1 2, may be a point or a heading. Name the columns x, y and z")
        return tuple(range(width)), None
    if not words and width == 4:
        whole = [i for i in ends if not any(map(_is_real, columns[i]))]
        words = whole if len(whole) == 1 and not (whole == [0] and len(set(columns[0])) == len(rows)) else []
    if len(words) == 1 and words[0] in ends and width in (3, 4):
        return tuple(i for i in range(width) if i not in words), words[0]
    if any(_is_number(cell) for row in rows for cell in row) and not (width in (2, 3) and len(words) < width):
        raise ArgumentError(
            f"nothing says what its {width} columns are. Name them in a heading: x, y, z and perhaps kind"
        )
    raise ArgumentError(f"rows of x, y, z and perhaps a kind are expected, but got {' '.join(rows[0])[:40]!r}")


def _bare(name: str) -> str:
    """The name of a column without its unit, in small letters without what separates words."""
    return re.sub(r"[ _.-]", "", _UNIT.sub("", name)).lower()


def _coordinate(name: str) -> str:
    """Which coordinate a column of this name holds; none if it is called otherwise."""
    found = _COORDINATE.fullmatch(_UNIT.sub("", name).strip().strip("'\"").lower())
    return found[1] if found else ""


def _counts(column: Sequence[str]) -> bool:
    """Whether a column counts the rows, from 0 or 1. Raises `ArgumentError` where 1, 2 may be hydrogen and helium."""
    counting = any(list(column) == [str(i + first) for i in range(len(column))] for first in (0, 1))
    if counting and column[-1] != "0" and len(column) < 3:
        raise ArgumentError("its numbers may be those of rows or of elements: call them id or atomic_number")
    return counting


def _kinds(column: Sequence[str], named: bool) -> list[str]:
    """The kinds that a column holds. Names of atoms that are all different, such as C, H1A, H1B, stand for elements.

    Raises `ArgumentError` where the column is `named` as one of names, all are different, and no elements are in them.
    """
    if len({*column}) < len(column) or len(column) == 1 or {*column} <= SYMBOLS or all(map(str.isdigit, column)):
        return list(column)
    sites = [_SITE.fullmatch(name) for name in column]
    for found in ([element(name) for name in column], [site[1] if site else "" for site in sites]):
        if all(found):
            return found
    if named:
        unclear = next(name for name in column if not element(name))
        raise ArgumentError(
            f"all its kinds differ, and nothing says which element {unclear} is. Name the elements in a column "
            "element, or call the column kind"
        )
    return list(column)


def _filled(column: list[str], name: str) -> list[str]:
    """A column without empty cells."""
    if not all(column):
        raise ArgumentError(f"its row {column.index('') + 1} has no {name}, although a column is for it")
    return column


def _with_points(cells: list[str]) -> list[str]:
    """Numbers with decimal points; in a whole table decimal commas are commas throughout."""
    if any("," in cell for cell in cells) and any("." in cell for cell in cells):
        raise ArgumentError("some of its numbers have decimal commas, and others decimal points")
    return [re.sub("[dD]", "e", cell.replace(",", ".")) if _is_number(cell) else cell for cell in cells]


def _is_number(text: str) -> bool:
    return _REAL.fullmatch(text) is not None


def _is_real(text: str) -> bool:
    """Whether a text is a number that is not written as an integer."""
    return _is_number(text) and not text.lstrip("+-").isdigit()
