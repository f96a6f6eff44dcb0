"""Outlines of 650 mouse osteosarcoma cells, read from the files that geomstats carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError, ShapeError

TREATMENTS = ("control", "cytd", "jasp")
LINES = ("dlm8", "dunn")


@dataclass(frozen=True)
class DroppedOutline:
    """An outline of the files that is not used: its index in the files, and why."""

    index: int
    reason: str


@dataclass(frozen=True, eq=False)
class CellOutlines:
    """Closed outlines of cells in the plane, with what is known of each cell.

    An outline holds x, y in pixels, y upwards, counter-clockwise; the last point is joined to the first and does not
    repeat it.

    >>> a = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> cells = CellOutlines((a,), np.array([1]), np.array([0]), index=np.array([7]))
    >>> len(cells), cells.treatment_names[cells.treatment[0]]
    (1, 'cytd')
    """

    outlines: tuple[np.ndarray, ...]  # `(n, 2)` each
    treatment: np.ndarray  # `(cells,)` indices into `treatment_names`
    line: np.ndarray  # `(cells,)` indices into `line_names`
    treatment_names: tuple[str, ...] = TREATMENTS  # none, cytochalasin D, jasplakinolide
    line_names: tuple[str, ...] = LINES  # the more aggressive line, and that from which it derives
    index: np.ndarray | None = None  # `(cells,)` the place of each outline in the files
    dropped: tuple[DroppedOutline, ...] = ()  # the outlines that were left out

    def __len__(self) -> int:
        return len(self.outlines)

    @property
    def stratum(self) -> np.ndarray:
        """`(cells,)` one number per pair of treatment and line: what a fair split keeps in proportion."""
        return np.asarray(self.treatment * len(self.line_names) + self.line)


def load_cells(folder: str | Path | None = None, *, fewest_points: int = 32) -> CellOutlines:
    """The outlines of 650 mouse osteosarcoma cells under three treatments, less those that cannot be used.

    Left out are outlines with fewer than `fewest_points` distinct corners (two cells of the files) and exact copies of
    an earlier outline (two cells; kept, a copy could sit in the training and in the test set). Position and size are
    better not used as features: each treatment has pictures of its own extent, and of a scale that the files do not
    give, so both can tell the treatment apart for reasons that are not biology.

    `cells.txt`, `treatments.txt` and `cell_lines.txt` lie in the folder; the default is that of geomstats. Raises
    `MissingExtraError` where it is not installed and `ArgumentError` where its files do not fit together.

    Source: the data set "cells" of geomstats; Miolane et al., JMLR 21(223), 2020, arXiv:2004.04667.

    >>> cells = load_cells()
    >>> len(cells), len(cells.dropped), cells.outlines[0].shape
    (646, 4, (210, 2))
    """
    place = _folder() if folder is None else Path(folder)
    raw = [_points(block) for block in _read(place / "cells.txt").strip().split("\n\n")]
    labels = [_labels(place / "treatments.txt", TREATMENTS), _labels(place / "cell_lines.txt", LINES)]
    if not len(raw) == len(labels[0]) == len(labels[1]):
        raise ArgumentError(
            f"{place} has {len(raw)} outlines, {len(labels[0])} treatments and {len(labels[1])} cell lines, but there "
            "is one of each per cell. Install geomstats afresh, or call load_cells() without a folder."
        )
    outlines = [_clean(outline) for outline in raw]
    dropped = _unusable(outlines, fewest_points)
    bad = {drop.index for drop in dropped}
    keep = np.array([i for i in range(len(outlines)) if i not in bad], dtype=int)
    return CellOutlines(
        tuple(outlines[i] for i in keep), labels[0][keep], labels[1][keep], index=keep, dropped=tuple(dropped)
    )


def stratified_split(
    labels: np.ndarray, fractions: Sequence[float], generator: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Random disjoint parts of the indices 0 … n − 1, one per fraction and sorted, with every label in proportion.

    Of each label `(n,)` the parts differ from their share by less than one. Raises `ArgumentError` for fractions that
    are negative or do not add up to 1.

    >>> train, test = stratified_split(np.array([0, 0, 0, 0, 1, 1]), (0.5, 0.5), np.random.default_rng(0))
    >>> len(train), len(test)
    (3, 3)
    """
    if min(fractions, default=-1) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ArgumentError(
            f"The fractions {tuple(fractions)} are not shares of a whole. Pass non-negative numbers that add up to 1, "
            "such as (0.6, 0.2, 0.2)."
        )
    parts: list[list[np.ndarray]] = [[] for _ in fractions]
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        cuts = np.rint(np.cumsum(fractions)[:-1] * len(members)).astype(int)
        for part, some in zip(parts, np.split(members, cuts), strict=True):
            part.append(some)
    return tuple(np.sort(np.concatenate(part)) if part else np.empty(0, dtype=int) for part in parts)


def _folder() -> Path:
    spec = find_spec("geomstats")  # finds the package without importing it, which takes seconds
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError.of("geomstats", "data")
    return Path(next(iter(spec.submodule_search_locations))) / "datasets" / "data" / "cells"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ArgumentError(
            f"The file {path} cannot be read ({error.strerror}), but the cell outlines need it. Call "
            "`pip install --force-reinstall geomstats`, or pass the folder that holds it."
        ) from error


def _points(block: str) -> np.ndarray:
    return np.array([[float(number) for number in line.split()] for line in block.splitlines()])


def _labels(path: Path, names: tuple[str, ...]) -> np.ndarray:
    words = _read(path).split()
    strange = sorted(set(words) - set(names))
    if strange:
        raise ArgumentError(f"{path} names {', '.join(strange)}, but only {', '.join(names)} are known.")
    return np.array([names.index(word) for word in words], dtype=int)


def _clean(outline: np.ndarray) -> np.ndarray:
    """The outline counter-clockwise and without corners that repeat the one before (the first follows the last)."""
    if outline.ndim != 2 or outline.shape[1] != 2:
        raise ShapeError(f"An outline has the shape (n, 2), but got {outline.shape}. Give x and y on every line.")
    moves = np.any(outline != np.roll(outline, 1, axis=0), axis=1)
    kept = outline[moves] if moves.any() else outline[:1]
    x, y = (kept - kept[0]).T
    return kept if np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) >= 0 else kept[::-1].copy()


def _unusable(outlines: list[np.ndarray], fewest_points: int) -> list[DroppedOutline]:
    dropped: list[DroppedOutline] = []
    first: dict[bytes, int] = {}
    for i, outline in enumerate(outlines):
        distinct = len(np.unique(outline, axis=0))
        earlier = first.setdefault(outline.tobytes(), i)
        if distinct < fewest_points:
            dropped.append(DroppedOutline(i, f"has {distinct} distinct points, fewer than {fewest_points}"))
        elif earlier != i:
            dropped.append(DroppedOutline(i, f"is an exact copy of outline {earlier}"))
    return dropped
