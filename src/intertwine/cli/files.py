"""What files hold: points and crystals, vectors of reps, and numbers that belong to them."""

from __future__ import annotations

import warnings
from pathlib import Path

from intertwine.cli.reading.arrays import by_numpy
from intertwine.cli.reading.atoms import by_ase, known_format
from intertwine.cli.reading.point_tables import tables
from intertwine.cli.reading.sample import Sample
from intertwine.cli.reading.text import decoded, in_words
from intertwine.errors import ArgumentError, MissingExtraError

_TABLES = ("csv", "txt", "dat", "tsv")
_ARRAYS = ("npy", "npz")


def files_in(folder: Path) -> list[Path]:
    """The files of a folder, without hidden ones and without folders; none if it is no folder."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if not path.is_dir() and not path.name.startswith(".")]


def read_samples(path: Path, frame: int | None = -1, *, cell: bool = True, form: str = "") -> list[Sample]:
    """What a file holds: arrays in .npy or .npz, a table of points in .csv or the like, or whatever ase reads.

    Negative frames count from the end, None stands for all. Without `cell` periodic structures are molecules. The name
    of the file and its content say what its format is, unless `form` does: csv, npy, npz, or as ase calls it.

    Raises `ArgumentError`, in one sentence, for a file that is missing, empty or broken, or has no such frame.
    """
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder{'' if files_in(path) else ' without files'}, but a file is expected.")
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    if not path.stat().st_size:
        raise ArgumentError(f"{path} is empty.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _read(path, frame, cell, form.lower())
    except MissingExtraError:
        raise
    except Exception as error:  # readers of many formats raise many kinds of errors
        raise ArgumentError(f"{path} cannot be read as points: {in_words(error)}.") from error
    if not found:
        raise ArgumentError(f"{path} holds no {'structure' if frame in (None, -1) else f'frame {frame}'}.")
    return found


def _read(path: Path, frame: int | None, cell: bool, form: str) -> list[Sample]:
    kind = form or path.suffix.lower().removeprefix(".")
    wanted = slice(None) if frame is None else slice(frame, frame + 1 or None)
    if kind not in (*_TABLES, *_ARRAYS):
        return by_ase(path, known_format(form), wanted, cell)
    if kind in _ARRAYS:
        return [by_numpy(path, cell)] if frame in (None, 0, -1) else []
    if (text := decoded(path.read_bytes())) is None:
        raise ArgumentError("it is not a text")
    return [Sample(path, points) for points in tables(text)][wanted]
