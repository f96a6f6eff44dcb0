"""Structures in the formats that ase reads: all that a file holds, with what was computed for them."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from intertwine.cli.reading.arrays import NUMBERS
from intertwine.cli.reading.cif import by_cif
from intertwine.cli.reading.crystal_cells import site_name
from intertwine.cli.reading.pdb import filled
from intertwine.cli.reading.sample import Sample, in_cell
from intertwine.cli.reading.several import SPLIT
from intertwine.cli.reading.text import Digits, carried, decoded, in_words
from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.symmetry import Points

_PER_ATOM = ("forces", "charges", "magmoms", "energies", "stresses")
"""What ase's calculators compute for each atom; all else is for the whole."""
_PART = re.compile("^(SYMM|LATT +(?!-1))", re.MULTILINE | re.IGNORECASE)
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
    from ase.io.formats import filetype, open_with_compression

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
        if form == "res" and _PART.search(text):
            raise ArgumentError("it lists a part of a crystal's cell, which is not read. Write all atoms, or a .cif")
        parts = list(SPLIT[form](text)) if form in SPLIT else []
        if len(parts) > (form == "vasp"):  # one of whose kinds may stand in files beside it
            return _in_parts(path, form, parts, frame, cell, Path(folder))
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


def _in_parts(path: Path, form: str, parts: list[str], frame: slice, cell: bool, folder: Path) -> list[Sample]:
    """The chosen structures of a format whose reader in ase would pass over some of them."""
    from ase.io import read

    digits, found = Digits("\n".join(parts)), []
    for place, part in list(enumerate(parts))[frame]:
        try:
            (folder / "part").write_text(part, "utf-8")
            atoms, kinds = read(folder / "part", format=form, do_not_split_by_at_sign=True), None
            precision = _precision(atoms, digits)
            if form == "proteindatabank" and cell:
                atoms, kinds = filled(atoms, part)
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
    local = {name: computed[name] for name in _PER_ATOM if name in computed}
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
