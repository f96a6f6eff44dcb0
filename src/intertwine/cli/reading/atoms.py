"""Structures in the formats that ase reads: all that a file holds, with what was computed for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from intertwine.cli.reading.arrays import NUMBERS
from intertwine.cli.reading.cells import site_name
from intertwine.cli.reading.cif import by_cif
from intertwine.cli.reading.pdb import filled, models
from intertwine.cli.reading.sample import Sample, in_cell
from intertwine.cli.reading.text import Digits, carried, decoded, in_words
from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.symmetry import Points

PER_ATOM = ("forces", "charges", "magmoms", "energies", "stresses")
"""What ase's calculators compute for each atom; all else is for the whole."""
PART = re.compile("^(SYMM|LATT +(?!-1))", re.MULTILINE | re.IGNORECASE)
"""What says in a .res file that operations are left to the reader."""


def known_format(form: str) -> str:
    """The name that ase has for a format or an ending; none for none. Raises `ArgumentError` for one it cannot read."""
    try:
        from ase.io.formats import extension2format, ioformats
    except ImportError as error:
        raise MissingExtraError.of("ase", "atoms") from error
    names = {ending: known.name for ending, known in extension2format.items()} | {name: name for name in ioformats}
    name = {**names, "xyz": "extxyz"}.get(form, form)  # which reads all that is an .xyz file
    if name and (name not in ioformats or not ioformats[name].can_read):
        raise ArgumentError(
            f"no format called {form!r} is read; csv, npy, npz, extxyz, cif, pdb, sdf and vasp are some"
        )
    return name


def by_ase(path: Path, form: str, frame: slice, cell: bool) -> list[Sample]:
    """The chosen structures of a file that ase can read, by its format, or else by its name and what is in it."""
    try:
        from ase.io.formats import filetype, open_with_compression
    except ImportError as error:
        raise MissingExtraError.of("ase", "atoms") from error
    with open_with_compression(str(path), "rb") as file:
        data = file.read()
    text = decoded(data)
    if text is None:
        return _by_name(path, path, form, frame, cell, None)
    with TemporaryDirectory() as folder:
        plain = _plain(path, data, text, Path(folder))
        form = form or filetype(str(plain))
        if form == "cif":
            return list(by_cif(path, text, cell))[frame]
        if form == "res" and PART.search(text):
            raise ArgumentError("it lists a part of a crystal's cell, which is not read. Write all atoms, or a .cif")
        if form in SPLIT:
            return _in_parts(path, form, text, frame, cell)
        return _by_name(path, plain, form, frame, cell, Digits(text))


def _plain(path: Path, data: bytes, text: str, folder: Path) -> Path:
    """A file in UTF-8 without a mark, as readers want it: the file itself, or a copy in a folder."""
    packed = path.suffix in (".gz", ".bz2", ".xz")
    if not packed and text.encode() == data:
        return path
    copy = folder / (path.stem if packed else path.name)
    copy.write_text(text, "utf-8")
    return copy


def _by_name(path: Path, plain: Path, form: str, frame: slice, cell: bool, digits: Digits | None) -> list[Sample]:
    """The chosen structures of a file by ase alone."""
    from ase.io import read

    found = read(plain, index=frame, format=form or None, do_not_split_by_at_sign=True)
    return [
        _sample(path, atoms, cell, _precision(atoms, digits))
        for atoms in (found if isinstance(found, list) else [found])
    ]


def _in_parts(path: Path, form: str, text: str, frame: slice, cell: bool) -> list[Sample]:
    """The chosen structures of a format whose reader in ase would pass over some of them."""
    from ase.io import read

    digits, found = Digits(text), []
    parts = list(enumerate(SPLIT[form](text)))
    for place, part in parts[frame]:
        try:
            atoms, kinds = read(StringIO(part), format=form), None
            precision = _precision(atoms, digits)
            if form == "proteindatabank" and cell:
                atoms, kinds = filled(atoms, text)
        except Exception as error:  # readers raise many kinds of errors
            where = f"in frame {place}, " if len(parts) > 1 else ""
            raise ArgumentError(where + in_words(error)) from error
        found.append(_sample(path, atoms, cell, precision, kinds))
    return found


def _precision(atoms: Any, digits: Digits | None) -> float:
    """How far the positions are rounded, in the file and in the computer."""
    positions, box = atoms.get_positions(), atoms.cell.array if atoms.cell.rank == 3 else None
    return max(0.0 if digits is None else digits.precision(positions, box), carried(positions))


def _sample(path: Path, atoms: Any, cell: bool, precision: float, kinds: np.ndarray | None = None) -> Sample:
    """Positions, kinds and cell of ase's atoms, with everything that is stored or was computed for them."""
    points = Points(atoms.get_positions(), _kinds(atoms) if kinds is None else kinds, precision=precision)
    kept = {name: array for name, array in atoms.arrays.items() if name not in ("numbers", "positions")}
    computed = atoms.calc.results if atoms.calc is not None else {}
    local = {name: computed[name] for name in PER_ATOM if name in computed}
    per_atom = {name: np.reshape(array, (len(atoms), -1)) for name, array in {**kept, **local}.items() if len(atoms)}
    whole = {name: np.asarray(value) for name, value in {**atoms.info, **computed}.items() if name not in per_atom}
    if whole.get("stress", np.zeros(0)).shape == (6,):
        whole["stress"] = whole["stress"][[0, 5, 4, 5, 1, 3, 4, 3, 2]]  # Voigt's order
    arrays = {**{name: array.reshape(-1) for name, array in whole.items()}, **per_atom}
    arrays = {name: array for name, array in arrays.items() if array.dtype.kind in NUMBERS}
    return Sample(path, in_cell(points, atoms.cell.array, atoms.pbc) if cell else points, arrays)


def _kinds(atoms: Any) -> np.ndarray:
    """The elements of ase's atoms, or what is at their sites where it knows how these are occupied."""
    shares, sites = atoms.info.get("occupancy"), atoms.arrays.get("spacegroup_kinds")
    elements = atoms.get_chemical_symbols()
    names = {int(site): site_name(held) for site, held in shares.items()} if isinstance(shares, dict) else {}
    if sites is None and not {*names.values()} <= {*elements}:
        raise ArgumentError("some of its sites are occupied in part, but it does not say which atoms are at them")
    return np.array([names[site] for site in sites] if names and sites is not None else elements)


def _records(text: str) -> Iterator[str]:
    """The molecules of an .sdf or .mol file."""
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
    "sdf": _records,
}
"""How files of some formats are cut into structures, of which their readers would pass over some."""
