"""Files of several structures, cut into one text for each: where ase's readers would pass over some of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from intertwine.cli.reading.pdb import models
from intertwine.errors import ArgumentError

_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def _records(text: str) -> Iterator[str]:
    """The molecules of an .sdf or .mol file."""
    text = text if "$$$$" in text else text.replace("M  END", "M  END\n$$$$")
    for i, part in enumerate("\n".join(text.splitlines()).split("\n$$$$")):
        record = part.removeprefix("\n") if i else part  # the first line is a title, and may be empty
        if "V3000" in "".join(record.splitlines()[3:4]):
            raise ArgumentError("it is of the version V3000, which is not read. Write it as V2000")
        if record.strip():
            yield record


def _frames(text: str, length: Callable[[list[str]], int]) -> Iterator[str]:
    """Frames one after another, with empty lines between them or not, by what their first lines say of their length."""
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        if not lines[place].strip():
            place += 1
            continue
        count = length(lines[place : place + 2])
        while lines[place + count : place + count + 1] and lines[place + count].startswith("VEC"):
            count += 1  # the cell, in old files
        yield "\n".join(lines[place : place + count]) + "\n"
        place += count


def _xyz(text: str) -> Iterator[str]:
    """The frames of an .xyz file, with elements where it has their numbers."""
    from ase.data import chemical_symbols

    for frame in _frames(text, lambda lines: 2 + _count(lines[0])):
        head, comment, *rows = frame.split("\n")
        first = [row.split()[0] for row in rows if row.strip()]
        named = "Properties=" not in comment or "Properties=species:S:1" in comment
        if not named or not all(name.isdigit() and int(name) < len(chemical_symbols) for name in first):
            yield frame
            continue
        if len(first) > 2 and first == [str(i + int(first[0])) for i in range(len(first))]:
            raise ArgumentError("its first column counts the atoms, where elements are expected")
        atoms = [
            re.sub(r"\d+", chemical_symbols[int(name)], row, count=1) for name, row in zip(first, rows, strict=False)
        ]
        yield "\n".join([head, comment, *atoms]) + "\n"


def _gen(text: str) -> Iterator[str]:
    """The frames of a .gen file: those with a cell end with four lines for it."""
    return _frames(text, lambda lines: 2 + _count(lines[0]) + 4 * (lines[0].split()[1:2] != ["C"]))


def _poscars(text: str) -> Iterator[str]:
    """The structures of a POSCAR file, or of several in one: each begins with a comment, a scale and three vectors."""
    lines = text.splitlines()
    starts = [0, *(i for i in range(1, len(lines) - 6) if _is_head(lines[i : i + 7])), len(lines)]
    return ("\n".join(lines[start:stop]) + "\n" for start, stop in pairwise(starts))


def _is_head(lines: list[str]) -> bool:
    _, scale, *vectors, kinds, counts = (line.split() for line in lines)
    numbers = all(_FLOAT.fullmatch(word) for words in (scale, *vectors) for word in words)
    shaped = len(scale) == 1 and all(len(vector) == 3 for vector in vectors)
    return numbers and shaped and any(words and all(map(str.isdigit, words)) for words in (kinds, counts))


def _count(line: str) -> int:
    words = line.split()
    if not words or not words[0].isdigit():
        raise ArgumentError(f"a number of atoms is expected where {line.strip()[:40]!r} stands")
    return int(words[0])


SPLIT: dict[str, Callable[[str], Iterable[str]]] = {
    "extxyz": _xyz,
    "gen": _gen,
    "gromacs": lambda text: _frames(text, lambda lines: 3 + _count(lines[-1])),
    "mol": _records,
    "proteindatabank": models,
    "res": lambda text: (f"{part}END\n" for part in re.split(r"(?m)^END\b.*\n?", text) if part.strip()),
    "sdf": _records,
    "vasp": _poscars,
}
"""How files of some formats are cut into structures, of which their readers would pass over some."""
