"""Arrays in numpy's files: points, vectors of reps, and numbers that belong to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from intertwine.cli.reading.sample import Sample, in_cell
from intertwine.cli.reading.text import carried
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points

_KINDS = ("labels", "kinds", "numbers", "atomic_numbers", "Z", "symbols", "species", "elements", "types")
"""What the kinds of points may be called."""
_ALIASES = (
    *("z", "nuclear_charges", "charges", "atomic_number", "atomic_symbols", "atom_types", "atom_type"),
    *("kind", "label", "symbol", "element", "type"),
)
"""What they are called elsewhere: integers or texts, one for each point; charges if they may be of nuclei."""
_NAMING = "iuSU"
"""The kinds of numpy's integers and texts."""
_LAYOUT = ("positions", *_KINDS, "features", "cell", "pbc", "x", "rep_in", "rep_out")
"""The names in a .npz file that say what the input is; the others are targets."""
NUMBERS = "fiub"
"""The kinds of numpy's real numbers."""
_HEADS = (b"\x93NUMPY", b"PK")
"""How .npy and .npz files begin."""


def by_numpy(path: Path, cell: bool) -> Sample:
    """What a .npy or a .npz file holds; see `_LAYOUT`."""
    with path.open("rb") as file:
        if not file.read(8).startswith(_HEADS):
            raise ArgumentError("numpy did not write it. If it is of another format, name that with --format")
    held = np.load(path, allow_pickle=False)
    if isinstance(held, np.ndarray):
        return Sample(path, _real(held))
    with held:
        return _named(path, {name: held[name] for name in held.files}, cell)


def _real(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in NUMBERS:
        raise ArgumentError(f"real numbers are expected, but got {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(float)  # single precision carries fewer digits


def _named(path: Path, found: dict[str, np.ndarray], cell: bool) -> Sample:
    others = {name: array for name, array in found.items() if name not in _LAYOUT and array.dtype.kind in NUMBERS}
    numbers = {name: array if array.ndim == 2 else array.reshape(-1) for name, array in others.items()}
    reps = {name: str(array) for name, array in found.items() if name in ("rep_in", "rep_out")}
    if "x" in found:
        return Sample(path, _real(found["x"]), numbers, reps)
    if "positions" not in found:
        raise ArgumentError(f"it needs an array named positions, or a vector named x, but holds {', '.join(found)}")
    positions = found["positions"]
    points = Points(_real(positions).astype(float), _kinds(found), found.get("features"), precision=carried(positions))
    return Sample(path, in_cell(points, found.get("cell"), found.get("pbc")) if cell else points, numbers, reps)


def _kinds(found: dict[str, np.ndarray]) -> np.ndarray | None:
    """The kinds of the points; None if there are none. Raises `ArgumentError` where an array may be them or not."""
    if (named := next((found[name] for name in _KINDS if name in found), None)) is not None:
        return named[:, 0] if named.shape[1:] == (1,) else named
    count = len(found["positions"]) if found["positions"].ndim else 0
    likely = {
        name: array.reshape(-1)
        for name, array in found.items()
        if name not in (*_LAYOUT, "targets")
        and not (name == "charges" and array.dtype.kind in NUMBERS and (array < 1).any())  # those of ions, not nuclei
        and array.dtype.kind in _NAMING
        and array.shape in ((count,), (count, 1))
    }
    for alias in _ALIASES:
        for name, array in likely.items():
            if name.lower() == alias:
                return array
    if likely and count > 1:
        raise ArgumentError(
            f"nothing says whether its array {next(iter(likely))} is the kind of the points. Call it labels if it is, "
            "or targets; else store labels too, or leave it out"
        )
    return None
