"""What files hold: points and crystals, vectors of reps, and numbers that belong to them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, MissingExtraError
from intertwine.reps import Rep
from intertwine.symmetry import Points

TEXTS = (".csv", ".txt", ".dat")
LAYOUT = ("positions", "labels", "features", "cell", "x", "rep_in", "rep_out")
"""The names in a .npz file that say what the input is; the others are targets."""
NUMBERS = "fiub"
"""The kinds of numpy's real numbers."""

PER_ATOM = ("forces", "charges", "magmoms", "energies", "stresses")
"""What ase's calculators compute for each atom; all else is for the whole."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a file, or one frame of it, holds.

    Args:
        path: the file.
        x: points, or the plain array of a .npy file, or the vector `x` of a .npz file.
        arrays: the other numbers by their names: `(N, d)` at the points, or `(d,)` for the whole.
        reps: the reps that a .npz file names, as `rep_in` and `rep_out`.
    """

    path: Path
    x: Points | np.ndarray
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    reps: dict[str, str] = field(default_factory=dict)

    @property
    def points(self) -> Points:
        """The points, if that is what the file holds; else `ArgumentError`."""
        x = self.x if isinstance(self.x, Points) else Points(self.x)
        if x.positions.ndim == 2 and not len(x.positions):
            raise ArgumentError(f"{self.path} holds no points.")
        if x.positions.ndim != 2 or x.positions.shape[1] not in (2, 3):
            call = "stabiliser(x, rep=…)" if x.positions.ndim == 1 else "image_stabiliser(image)"
            raise ArgumentError(
                f"{self.path} holds an array of shape {x.positions.shape}, but points (N, 2) or (N, 3) are expected. "
                f"For {'a vector' if x.positions.ndim == 1 else 'an image'}, call tw.symmetry.{call} in Python."
            )
        if not np.isfinite(x.positions).all():
            raise ArgumentError(f"{self.path} holds NaN or infinite positions.")
        return x

    def rep(self, name: str, group: CatalogGroup) -> Rep | None:
        """The rep of the features, by the name that is asked for, or that the file has; None without features.

        Raises `ArgumentError` for features without a rep, and a rep without features.
        """
        name, features = name or self.reps.get("rep_in", ""), self.points.features
        if features is not None and not name:
            raise ArgumentError(
                f"{self.path} holds features of shape {np.shape(features)}, and nothing says how they turn. Store "
                "their rep in it as rep_in, or pass --rep-in to intertwine check."
            )
        if features is None and name:
            raise ArgumentError(
                f"--rep-in says how features turn, but {self.path} holds none. Store them as features in a .npz file."
            )
        return group.rep(name) if name else None

    @property
    def held(self) -> str:
        """The names of the arrays, for messages."""
        return ", ".join(self.arrays) or "nothing but positions"

    def target(self, name: str, turns: bool) -> tuple[str, np.ndarray | None]:
        """The numbers that are the target, with their name; no numbers where positions are.

        Args:
            name: the name that was asked for, if any; `targets` needs no asking.
            turns: whether it is known how they turn, so that an array (N, 3) holds numbers rather than positions.
        """
        name = name or ("targets" if "targets" in self.arrays else "")
        if name and name not in self.arrays:
            raise ArgumentError(f"{self.path} holds no numbers called {name!r}: it holds {self.held}.")
        if name:
            return name, self.arrays[name].astype(float)
        if isinstance(self.x, np.ndarray) and (turns or self.x.ndim != 2 or self.x.shape[1] not in (2, 3)):
            return "", self.x
        if turns:
            raise ArgumentError(
                f"--rep-out says how a target turns, but not which it is. Name it with --target: {self.path} holds "
                f"{self.held}."
            )
        return "", None


def files_in(folder: Path) -> list[Path]:
    """The files of a folder, without hidden ones and without folders; none if it is no folder."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if not path.is_dir() and not path.name.startswith(".")]


def read_samples(path: Path, frame: int | None = -1, *, cell: bool = True) -> list[Sample]:
    """What a file holds: .npy, .npz (see `LAYOUT`), .csv (x, y, z and a kind), or whatever ase reads.

    Args:
        path: the file.
        frame: which frame of a trajectory; negative numbers count from the end, None stands for all.
        cell: whether periodic structures are crystals; else their cells are left out.

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
            found = _read(path, frame, cell)
    except MissingExtraError:
        raise
    except Exception as error:  # readers of many formats raise many kinds of errors
        raise ArgumentError(f"{path} cannot be read as points: {_short(error)}.") from error
    if not found:
        raise ArgumentError(f"{path} holds no {'structure' if frame in (None, -1) else f'frame {frame}'}.")
    return found


def _short(error: Exception) -> str:
    """The first line of what a reader complains about, without a full stop."""
    if type(error).__name__ == "UnknownFileTypeError":
        return "ase does not know its format"
    if isinstance(error, KeyError):
        return f"{error} is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text"
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".") if text else type(error).__name__


def _read(path: Path, frame: int | None, cell: bool) -> list[Sample]:
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz", *TEXTS):
        return _by_ase(path, frame, cell)
    if suffix == ".npy":
        found = Sample(path, _real(np.load(path, allow_pickle=False)))
    else:
        found = _named_arrays(path, cell) if suffix == ".npz" else Sample(path, _table(path))
    return [found] if frame in (None, 0, -1) else []


def _real(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in NUMBERS:
        raise ArgumentError(f"real numbers are expected, but {array.dtype} came")
    return array.astype(float)


def _named_arrays(path: Path, cell: bool) -> Sample:
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    others = {name: array for name, array in found.items() if name not in LAYOUT and array.dtype.kind in NUMBERS}
    numbers = {name: array if array.ndim == 2 else array.reshape(-1) for name, array in others.items()}
    reps = {name: str(found[name]) for name in ("rep_in", "rep_out") if name in found}
    if "x" in found:
        return Sample(path, _real(found["x"]), numbers, reps)
    if "positions" not in found:
        raise ArgumentError(f"it needs an array named positions, or a vector named x, but holds {', '.join(found)}")
    box = found.get("cell") if cell else None
    points = Points(_real(found["positions"]), found.get("labels"), found.get("features"), box)
    return Sample(path, points, numbers, reps)


def _table(path: Path) -> Points:
    """Rows of two or three coordinates, and perhaps a kind, with commas or spaces and perhaps a heading.

    Under a heading x, y and something other than z, the third column is a kind.
    """
    lines = path.read_text("utf-8-sig").replace(";", " ").replace(",", " ").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    flat = False
    if len(rows) > 1 and not _is_number(rows[0][0]):
        heading, *rows = rows
        names = [name.strip("'\"").lower() for name in heading]
        flat = names[:2] == ["x", "y"] and names[2:3] not in ([], ["z"])
    if not rows or len({len(row) for row in rows}) > 1:
        raise ArgumentError("its rows do not all have the same number of columns" if rows else "it has no rows")
    width = len(rows[0])
    spatial = width >= 4 or (width == 3 and all(_is_number(row[2]) for row in rows))
    numbers = 3 if spatial and not flat else 2
    if bad := [row for row in rows if not all(map(_is_number, row[:numbers]))]:
        raise ArgumentError(f"rows of x, y, z and perhaps a kind are expected, but {' '.join(bad[0])[:40]!r} came")
    positions = np.array([[float(cell) for cell in row[:numbers]] for row in rows])
    return Points(positions, np.array([row[numbers] for row in rows]) if width > numbers else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _by_ase(path: Path, frame: int | None, cell: bool) -> list[Sample]:
    try:
        from ase.io import read
    except ImportError as error:
        raise MissingExtraError.of("ase", "atoms") from error
    wanted = slice(None) if frame is None else slice(frame, frame + 1 or None)
    return [_atoms(path, atoms, cell) for atoms in read(path, index=wanted, do_not_split_by_at_sign=True)]


def _atoms(path: Path, atoms: Any, cell: bool) -> Sample:
    """Positions, symbols and cell of ase's atoms, with everything that is stored or was computed for them."""
    box = atoms.cell.array if cell and atoms.pbc.any() and atoms.cell.rank == 3 else None
    points = Points(atoms.get_positions(), np.array(atoms.get_chemical_symbols()), cell=box)
    kept = {name: array for name, array in atoms.arrays.items() if name not in ("numbers", "positions")}
    computed = atoms.calc.results if atoms.calc is not None else {}
    local = {name: computed[name] for name in PER_ATOM if name in computed}
    per_atom = {name: np.reshape(array, (len(atoms), -1)) for name, array in {**kept, **local}.items() if len(atoms)}
    whole = {name: np.asarray(value) for name, value in {**atoms.info, **computed}.items() if name not in per_atom}
    if whole.get("stress", np.zeros(0)).shape == (6,):
        whole["stress"] = whole["stress"][[0, 5, 4, 5, 1, 3, 4, 3, 2]]  # Voigt's order
    arrays = {**{name: array.reshape(-1) for name, array in whole.items()}, **per_atom}
    return Sample(path, points, {name: array for name, array in arrays.items() if array.dtype.kind in NUMBERS})
