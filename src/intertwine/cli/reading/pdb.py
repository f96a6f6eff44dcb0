"""Molecules and crystals in .pdb files: models, and the operations that fill a crystal's cell."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from intertwine.cli.reading.crystal_cells import IDENTITY, Sites, checked_lattice, operations_named, snapped
from intertwine.errors import ArgumentError

_ATOMS = ("ATOM  ", "HETATM")
_FILLER = re.compile(r"CRYST1( +[01](\.0*)?){3} ")
"""What programs write that have no cell."""


def models(text: str) -> list[str]:
    """The texts of the models, each with the cell and the operations that stand before the first."""
    head, found = "", [list[str]()]
    for line in text.splitlines():
        if line.startswith("REMARK 290") or (line.startswith("CRYST1") and not _FILLER.match(line)):
            head += f"{line}\n"
        elif line.startswith(("MODEL ", "ENDMDL")) or line.strip() == "END":
            found.append([])
        elif line.startswith(_ATOMS):
            found[-1].append(line)
    return [head + "\n".join(_one_conformation(lines)) + "\n" for lines in found if lines]


def _one_conformation(lines: list[str]) -> list[str]:
    """The atoms without alternate locations, and in each residue those of the first, which are taken to be there."""
    firsts, kept = dict[str, str](), list[str]()
    for line in lines:
        letter, residue = line[16:17], line[21:27]
        if not letter.isalpha() and not (letter.isdigit() and line[15] == " "):  # else a name that is too long
            kept.append(line)
        elif firsts.setdefault(residue, letter) == letter:
            kept.append(f"{line[:54]}  1.00{line[60:]}" if line[54:60].strip() else line)
    return kept


def filled(atoms: Any, text: str) -> tuple[Any, np.ndarray | None]:
    """Atoms of a .pdb file with their images in the cell, and the kind of each where that is more than the element."""
    shares = np.asarray(atoms.arrays.get("occupancy", np.ones(len(atoms))))
    if not atoms.pbc.any():
        return atoms, None
    partial = len(np.unique(shares)) > 1 and bool((shares > 0).all() and (shares <= 1).all())
    cell = checked_lattice(atoms.cell.array)
    rotations, shifts = _operations(text, cell)
    shares = shares if partial else np.ones(len(atoms))
    sites = Sites(atoms.get_positions() @ np.linalg.inv(cell), atoms.get_chemical_symbols(), shares, cell)
    positions, kinds, origins = sites.filled(rotations, shifts)
    images = atoms[origins]
    images.positions = positions
    return images, kinds


def _operations(text: str, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The operations of REMARK 290, or those of the space group that CRYST1 names; without either the identity."""
    rows = [line.split()[4:8] for line in text.splitlines() if line.startswith("REMARK 290   SMTRY")]
    if rows and len(rows) % 3 == 0:
        listed = np.array(rows, dtype=float).reshape(-1, 3, 4)
        inverse = np.linalg.inv(cell)
        rotations = np.round((cell @ listed[..., :3].swapaxes(-1, -2) @ inverse).swapaxes(-1, -2))
        return rotations, snapped(listed[..., 3] @ inverse)
    line = next(line for line in text.splitlines() if line.startswith("CRYST1"))
    name = line[55:66].strip()
    if name.replace(" ", "") in ("", "P1"):
        return IDENTITY
    if (found := operations_named(name, cell)) is None:
        raise ArgumentError(
            f"it lists a part of a crystal's cell, and its space group {name} is not known. With --no-cell it is "
            "taken for a molecule"
        )
    return found
