"""Structures with all numbers that a file holds for them, whatever its format."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.db import connect
from ase.io import iread

from intertwine.errors import ArgumentError

# What ase keeps for atoms that says how they are, not what was computed for them.
STRUCTURAL = frozenset(
    {"numbers", "positions", "tags", "momenta", "masses", "initial_magmoms", "initial_charges", "move_mask", "species"}
)
DATABASES = (".db", ".aselmdb")

# The names that archives have for numbers, positions and cells: those of sGDML (MD17), of rMD17, and our own.
NPZ_KEYS = {
    "numbers": ("numbers", "z", "nuclear_charges", "atomic_numbers", "Z"),
    "positions": ("positions", "R", "coords", "coordinates"),
    "cell": ("cell", "cells", "lattice"),
    "pbc": ("pbc",),
}
COLUMNS = "lattice"
"""The name of cells whose lattice vectors are columns, as sGDML keeps them; elsewhere they are rows."""


@dataclass(frozen=True, eq=False)
class RawFrame:
    """A structure, and the numbers and words that its file holds.

    Args:
        atoms: without calculator; what is not a label, and words, is still in its `info` and `arrays`.
        values: numbers of the structure and of its atoms, by key.
        source: the file and the place in it.
        contradicting: keys that the file gives twice, with different numbers.
        words: what the file says that is no number, such as the names of units.
    """

    atoms: Atoms
    values: dict[str, np.ndarray]
    source: str
    contradicting: tuple[str, ...] = ()
    words: dict[str, Any] = field(default_factory=dict)


def found_files(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Files by names that tell them apart, those that fit a pattern in their order.

    Raises `ArgumentError` for a pattern that no file fits, and for a file that is named twice.

    >>> list(found_files(["a/vasprun.xml", "b/vasprun.xml", "c.xyz"]))
    ['a/vasprun.xml', 'b/vasprun.xml', 'c.xyz']
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.exists() or not has_magic(str(path)):
            files.append(path)
            continue
        fitting = sorted(map(Path, glob(str(path))))
        if not fitting:
            raise ArgumentError(f"There is no file whose name fits {path}.")
        files += fitting
    if twice := sorted({str(path) for path in files if files.count(path) > 1}):
        raise ArgumentError(f"Each file is read once, but {', '.join(twice)} is named twice. Name it once.")
    names = Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else _tail(path, files): path for path in files}


def _tail(path: Path, files: Iterable[Path]) -> str:
    """The shortest end of a path that no other file has."""
    others = [other.parts for other in files if other != path]
    for count in range(2, len(path.parts)):
        if all(path.parts[-count:] != other[-count:] for other in others):
            return str(Path(*path.parts[-count:]))
    return str(path)


def raw_frames(path: Path, name: str) -> list[RawFrame]:
    """All structures of a file, whose sources begin with its name.

    Raises `ArgumentError` for a file that is not there, is empty, or cannot be read.
    """
    if not path.exists():
        beside = sorted(other.name for other in path.parent.glob(f"*{path.suffix or ''}"))[:5]
        there = f" Beside it there are {', '.join(beside)}." if path.suffix and beside else ""
        raise ArgumentError(f"There is no file {path}.{there}")
    if path.is_dir() and path.suffix != ".bundle":
        raise ArgumentError(f"{path} is a folder. Name the files in it, or a pattern such as {path}/*.xyz.")
    if path.is_file() and path.stat().st_size == 0:
        raise ArgumentError(f"{path} is empty: it holds no bytes at all.")
    if path.suffix == ".npz":
        found = _of_archive(path, name)
    elif path.suffix in DATABASES:
        found = list(_of_database(path, name))
    else:
        found = list(_of_ase(path, name))
    if not found:
        raise ArgumentError(f"{path} is empty: it holds no structure.")
    return found


def _of_ase(path: Path, name: str) -> Iterator[RawFrame]:
    count = 0
    try:
        for atoms in iread(path, ":", do_not_split_by_at_sign=True):
            yield _of_atoms(atoms, f"{name}:{count}")
            count += 1
    except ArgumentError:
        raise
    except Exception as error:
        where = f"frame {count} (the first is 0)" if count else "it"
        said = str(error).strip() or type(error).__name__
        raise ArgumentError(f"{path} cannot be read by ase: {where} is not understood. {said}") from error


def _of_atoms(atoms: Atoms, source: str, more: dict[str, Any] | None = None) -> RawFrame:
    """Numbers stored with atoms, and those that a calculator keeps: ase moves `energy`, `forces` and `stress` there."""
    results = dict(atoms.calc.results) if atoms.calc is not None else {}
    stored = {key: value for key, value in atoms.arrays.items() if key not in STRUCTURAL}
    stored |= {**atoms.info, **(more or {})}
    values: dict[str, np.ndarray] = {}
    words: dict[str, Any] = {}
    twice: list[str] = []
    for key, value in [*stored.items(), *results.items()]:
        numbers = _numbers(value)
        if numbers is None:
            words[key] = value
            continue
        if key in values and not _same(values[key], numbers):
            twice.append(key)
        values[key] = numbers
    plain = atoms.copy()
    plain.calc = None
    return RawFrame(plain, values, source, tuple(twice), words)


def _numbers(value: Any) -> np.ndarray | None:
    """A value as float64; None for words, truth values and what else is no number."""
    if value is None or isinstance(value, bool | str | dict):
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # lists of lists of unlike length
        return None
    return array.astype(np.float64) if array.dtype.kind in "iuf" else None


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether numbers agree, a stress in Voigt's order and as a matrix as well."""
    if {a.size, b.size} == {6, 9}:
        a, b = (matrix_of(x) for x in (a, b))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))


def matrix_of(stress: np.ndarray) -> np.ndarray:
    """A stress as `(3, 3)`, of a matrix, nine numbers, or six in Voigt's order xx, yy, zz, yz, xz, xy.

    Raises `ArgumentError` for another number of them.

    >>> matrix_of(np.arange(6.0))[0].tolist()
    [0.0, 5.0, 4.0]
    """
    flat = np.asarray(stress, dtype=np.float64).reshape(-1)
    if flat.size == 6:
        flat = flat[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
    if flat.size != 9:
        raise ArgumentError(f"A stress has nine numbers, or six in Voigt's order, but got {flat.size}.")
    return flat.reshape(3, 3)


def _of_database(path: Path, name: str) -> Iterator[RawFrame]:
    """Rows of a database of ase, with their keys and data."""
    count = 0
    try:
        for row in connect(str(path)).select():
            count = row.id
            yield _of_atoms(row.toatoms(), f"{name}:{row.id}", {**row.key_value_pairs, **row.data})
    except ArgumentError:
        raise
    except Exception as error:
        raise ArgumentError(f"{path} cannot be read as a database of ase, after its row {count}. {error}") from error


# archives -------------------------------------------------------------------------------------------------------------


def _of_archive(path: Path, name: str) -> list[RawFrame]:
    """Structures of an npz: arrays with one entry per frame; elements, cell and pbc may be the same for all."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ArgumentError(f"{path} cannot be read as an npz of numbers. {error}") from error
    found = {part: next((key for key in names if key in arrays), None) for part, names in NPZ_KEYS.items()}
    if found["positions"] is None or found["numbers"] is None:
        raise ArgumentError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}, but structures need atomic numbers, "
            f"called {' or '.join(NPZ_KEYS['numbers'])}, and positions, called {' or '.join(NPZ_KEYS['positions'])}."
        )
    positions = np.asarray(arrays[found["positions"]], dtype=np.float64)
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise ArgumentError(
            f"The positions of {path} have the shape {positions.shape}, but (frames, atoms, 3) is meant."
        )
    return _frames_of_arrays(name, arrays, found, positions)


def _frames_of_arrays(
    name: str, arrays: dict[str, np.ndarray], found: dict[str, str | None], positions: np.ndarray
) -> list[RawFrame]:
    count, atoms = positions.shape[:2]

    def each(part: str, default: np.ndarray) -> np.ndarray:
        """The numbers of a part for each frame, given for each or once for all."""
        key, shape = found[part], default.shape
        given = default if key is None else arrays[key]
        if given.shape not in (shape, (1, *shape), (count, *shape)):
            raise ArgumentError(
                f"{key} of {name} has the shape {given.shape}, but {part} of {count} frames of {atoms} atoms is "
                f"{shape}, or {(count, *shape)}."
            )
        return np.broadcast_to(given, (count, *shape))

    numbers = each("numbers", np.zeros(atoms)).astype(int)
    cells = each("cell", np.zeros((3, 3)))
    if found["cell"] == COLUMNS:
        cells = cells.swapaxes(1, 2)
    periodic = np.any(cells != 0, axis=2) if found["pbc"] is None else each("pbc", np.zeros(3)).astype(bool)
    used = set(found.values())
    per_frame = {k: v for k, v in arrays.items() if k not in used and v.dtype.kind in "iuf" and v.shape[:1] == (count,)}
    words = {k: v.item() for k, v in arrays.items() if v.ndim == 0 and v.dtype.kind in "US"}
    frames = []
    for i in range(count):
        values = {key: np.asarray(array[i], dtype=np.float64) for key, array in per_frame.items()}
        built = Atoms(numbers=numbers[i], positions=positions[i], cell=cells[i], pbc=periodic[i])
        frames.append(RawFrame(built, values, f"{name}:{i}", (), words))
    return frames
