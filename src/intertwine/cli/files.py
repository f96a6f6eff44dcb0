"""Clouds of points in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.symmetry import Points

TEXTS = (".csv", ".txt", ".dat")


def read_points(path: Path) -> Points:
    """The points of a file: .npy and .npz (positions, labels), .csv (x, y, z and a kind), or what ase reads.

    Raises `ArgumentError`, in one sentence, for a file that is missing, empty, broken or holds no points.
    """
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        found = _read(path)
    except MissingExtraError:
        raise
    except Exception as error:  # readers of many formats raise many kinds of errors
        raise ArgumentError(f"{path} cannot be read as points: {_short(error)}") from error
    if found.positions.ndim != 2 or found.positions.shape[1] not in (2, 3) or not len(found.positions):
        raise ArgumentError(
            f"{path} holds an array of shape {found.positions.shape}, but points (N, 2) or (N, 3) are expected."
        )
    if not np.isfinite(found.positions).all():
        raise ArgumentError(f"{path} holds NaN or infinite positions.")
    return found


def _short(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__


def _read(path: Path) -> Points:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return Points(np.load(path, allow_pickle=False).astype(float))
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            labels = arrays["labels"] if "labels" in arrays.files else None
            return Points(arrays["positions"].astype(float), labels)
    if suffix in TEXTS:
        return _table(path)
    try:
        from ase.io import read
    except ImportError as error:
        raise MissingExtraError.of("ase", "atoms") from error
    found = read(path)
    atoms = found[-1] if isinstance(found, list) else found
    return Points(atoms.get_positions(), atoms.get_atomic_numbers())


def _table(path: Path) -> Points:
    """Rows of two or three coordinates, and perhaps a kind, with commas or spaces and perhaps a heading."""
    rows = [line.replace(",", " ").split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if len(rows) > 1 and not _is_number(rows[0][0]):
        rows = rows[1:]  # a heading
    width = len(rows[0]) if rows else 0
    numbers = 3 if width >= 4 or (width == 3 and all(_is_number(row[2]) for row in rows)) else 2
    positions = np.array([[float(cell) for cell in row[:numbers]] for row in rows])
    kinds = np.unique([row[numbers] for row in rows], return_inverse=True)[1] if width > numbers else None
    return Points(positions, kinds)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
