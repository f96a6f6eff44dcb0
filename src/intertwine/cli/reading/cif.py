"""Crystals in .cif files: sites, how much of each is occupied, and the operations that fill the cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from intertwine.cli.reading.crystal_cells import (
    IDENTITY,
    ONE_PLACE,
    Sites,
    checked_lattice,
    operations_named,
    settings,
    snapped,
)
from intertwine.cli.reading.sample import Sample, in_cell
from intertwine.cli.reading.text import Digits, carried
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points

_FARTHEST = 1e6
"""Fractions beyond this have no digits left."""
_LENGTHS = tuple(f"_cell_length_{side}" for side in "abc")
_ANGLES = tuple(f"_cell_angle_{angle}" for angle in ("alpha", "beta", "gamma"))
_LISTED = ("_space_group_symop_operation_xyz", "_space_group_symop.operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC = ("_space_group_symop_magn_operation", "_space_group_symop.magn_operation")
_CENTRED = ("_space_group_symop_magn_centering", "_space_group_symop.magn_centering")
"""What operations with time reversal are listed under in magnetic .cif files, and the shifts that go with each."""
_NAMED = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERED = ("_space_group_it_number", "_space_group.it_number", "_symmetry_int_tables_number")
_UNKNOWN = ("", "?", ".")


def by_cif(path: Path, text: str, cell: bool) -> Iterator[Sample]:
    """The structures of a .cif file, with ase's parser."""
    from ase.io.cif import parse_cif

    digits = Digits(text)
    for block in parse_cif(StringIO(text)):
        if "_atom_site_fract_x" in block or "_atom_site_cartn_x" in block:
            points = _points(block, digits)
            yield Sample(path, points if cell else Points(points.positions, points.labels, precision=points.precision))


def _points(block: Any, digits: Digits) -> Points:
    """The atoms of a block: in its cell, as its operations fill it, or without a cell as they are."""
    kinds = _elements(block)
    whole = "_atom_site_fract_x" in block
    listed = [_listed(block, f"_atom_site_{'fract' if whole else 'cartn'}_{axis}") for axis in "xyz"]
    if {len(column) for column in listed} != {len(kinds)}:
        raise ArgumentError("its sites do not all have a kind and three coordinates")
    numbers = np.array([[_number(value, f"site {i + 1}") for i, value in enumerate(column)] for column in listed]).T
    if not all(name in block for name in _LENGTHS):
        if whole:
            raise ArgumentError("its coordinates are parts of a cell, but no cell is given")
        return Points(numbers, np.array(kinds), precision=digits.precision(numbers))
    cell = _lattice(block)
    fractions = numbers if whole else numbers @ np.linalg.inv(cell)
    if np.abs(fractions).max() > _FARTHEST:
        raise ArgumentError(f"a site lies {np.abs(fractions).max():.0e} cells away from the first one")
    shares = _listed(block, "_atom_site_occupancy") or [1.0] * len(kinds)
    parts = [1.0 if str(value) in _UNKNOWN else _number(value, "an occupancy") for value in shares]
    positions = fractions @ cell
    rounding = digits.precision(positions, cell)
    coarse = digits.precision(positions, cell, fewest=2)
    there = np.array(parts) > 0
    sites = Sites(fractions[there], np.array(kinds)[there].tolist(), np.array(parts)[there], cell)
    atoms, elements, _ = sites.filled(*_operations(block, cell), near=max(ONE_PLACE, 4 * coarse))
    return in_cell(Points(atoms, elements, precision=max(rounding, carried(atoms))), cell)


def _lattice(block: Any) -> np.ndarray:
    from ase.cell import Cell

    lengths = [_number(block[name], name) for name in _LENGTHS]
    angles = [_number(block.get(name, 90.0), name) for name in _ANGLES]
    if min(lengths) <= 0 or max(lengths) > _FARTHEST:
        raise ArgumentError(f"its cell has edges of {', '.join(f'{length:g}' for length in lengths)} Å")
    cosines = np.cos(np.radians(angles))
    if not 1 + 2 * cosines.prod() - (cosines**2).sum() > 0:
        raise ArgumentError(f"no cell has the angles {', '.join(f'{angle:g}' for angle in angles)}°")
    return checked_lattice(np.array(Cell.new([*lengths, *angles])))


def _operations(block: Any, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The operations that a block lists, or those of the space group that it names; else the identity alone."""
    if (magnetic := _parsed(block, _MAGNETIC)) is not None:
        rotations, shifts = magnetic
        turns, moves = _parsed(block, _CENTRED) or IDENTITY
        both = turns[:, None] @ rotations, np.einsum("cij,nj->cni", turns, shifts) + moves[:, None]
        return both[0].reshape(-1, 3, 3), both[1].reshape(-1, 3)
    return _parsed(block, _LISTED) or _by_group(block, cell)


def _parsed(block: Any, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """The operations under some names, without the sign of time reversal; None if there are none."""
    from ase.spacegroup.spacegroup import parse_sitesym

    tags = (tag for name in names for tag in (name, f"{name}.xyz", f"{name}_xyz"))
    texts = [str(text) for tag in tags for text in _listed(block, tag) if str(text) not in _UNKNOWN]
    if not texts:
        return None
    rotations, shifts = parse_sitesym([",".join(text.split(",")[:3]) for text in texts])
    return np.asarray(rotations), snapped(np.asarray(shifts))


def _by_group(block: Any, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The operations of the space group that a block names; without one the identity."""
    from ase.spacegroup import Spacegroup

    names, halls, numbers = (
        [str(block[name]) for name in tags if str(block.get(name, "?")) not in _UNKNOWN]
        for tags in (_NAMED, _HALL, _NUMBERED)
    )
    for name in (*halls, *names):
        if (found := operations_named(name, cell, hall=name in halls)) is not None:
            return found
    if numbers and numbers[0].isdigit() and 1 <= int(numbers[0]) <= 230:
        group = Spacegroup(int(numbers[0]))
        if (names or halls) and settings(group.no) > 1:
            raise ArgumentError(
                f"it lists no operations, its space group {(*names, *halls)[0]} is not known, and number {group.no} "
                "has several settings or origins"
            )
        found = operations_named(group.symbol, cell) if group.symbol.startswith("R") else None  # which axes has it?
        return found or group.get_op()
    if unknown := [*names, *halls, *numbers]:
        raise ArgumentError(f"it lists no operations, and its space group {unknown[0]} is not known")
    if odd := [name for name in block if "magn" in name or "ssg" in name or "modulation" in name]:
        raise ArgumentError(f"its operations are not read, although {odd[0]} says that it has some")
    return IDENTITY


def _elements(block: Any) -> list[str]:
    """The element of each site, from the column of types or that of labels."""
    from ase.data import atomic_numbers

    names = _listed(block, "_atom_site_type_symbol") or _listed(block, "_atom_site_label")
    found = []
    for i, name in enumerate(names):
        letters = re.match(r"[A-Za-z]*", str(name))[0].capitalize()  # type: ignore[index]
        letters = {"D": "H", "T": "H"}.get(letters, letters)
        choices = [letters, *(letters[:n] for n in (2, 1) if "_atom_site_type_symbol" not in block)]
        known = [choice for choice in choices if choice in atomic_numbers]
        if not known:
            raise ArgumentError(f"site {i + 1} is of the kind {name}, which is no element")
        found.append(known[0])
    return found


def _listed(block: Any, name: str) -> list[Any]:
    """The values of a name that may stand in a loop or alone; none if it is missing."""
    values = block.get(name, [])
    return values if isinstance(values, list) else [values]


def _number(value: object, what: str) -> float:
    """A number, or a fraction such as 1/3."""
    text = str(value).strip()
    try:
        over, _, under = text.partition("/")
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        raise ArgumentError(f"{what} has {text!r} where a number is expected") from None
