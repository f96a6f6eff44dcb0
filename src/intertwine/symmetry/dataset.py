"""Floors of whole datasets: symmetric samples, and labels that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.errors import ShapeError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.alignment import alignments
from intertwine.symmetry.stabiliser import stabiliser


@dataclass(frozen=True, eq=False)
class DatasetFloor:
    """The loss that no equivariant map can beat on a dataset, sample by sample.

    Args:
        floors: the mean squared error of each sample that is lost, `(n,)`.
        total: their mean.
        conflicts: groups of samples that are one input in different poses, with targets that do not move along.
    """

    floors: np.ndarray
    total: float
    conflicts: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {"total": self.total, "floors": self.floors.tolist(), "conflicts": [list(c) for c in self.conflicts]}

    def __str__(self) -> str:
        hurt = int((self.floors > 1e-12 * max(self.total, 1e-300)).sum())
        lines = [f"no equivariant map gets below a mean squared error of {self.total:.6g}"]
        lines.append(f"{hurt} of {len(self.floors)} samples cannot be fitted exactly")
        said = "are one input in different poses with other targets"
        lines += [f"samples {', '.join(map(str, group))} {said}" for group in self.conflicts[:5]]
        return "\n".join(lines)


def dataset_floor(
    inputs: np.ndarray,
    targets: np.ndarray,
    rep_in: Rep | Irrep,
    rep_out: Rep | Irrep,
    tolerance: float = 1e-6,
) -> DatasetFloor:
    """The mean squared error that no equivariant map can beat on a dataset of feature vectors.

    Samples on different orbits do not touch each other; those on one orbit, `xⱼ = gⱼ x₀`, ask for the mean of
    `gⱼ⁻¹ yⱼ` averaged over the symmetry of x₀, and each loses its distance from that.

    Args:
        inputs: vectors `(n, rep_in.dim)`.
        targets: vectors `(n, rep_out.dim)`.
        rep_in, rep_out: their reps, of a finite group, SO(2), O(2), SO(3) or O(3).
        tolerance: the deviation, relative to the size, up to which inputs are symmetric or the same.

    Raises `ShapeError` for arrays that do not fit.

    >>> from intertwine.catalog import O2
    >>> vector = O2.rep("1x1")
    >>> print(dataset_floor(np.eye(2), np.array([[1.0, 0], [0, 2.0]]), vector, vector).conflicts)  # one orbit
    ((0, 1),)
    """
    rep_in, rep_out = as_rep(rep_in), as_rep(rep_out)
    x, y = to_numpy(inputs), to_numpy(targets)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != rep_in.dim or y.shape != (len(x), rep_out.dim):
        raise ShapeError(
            f"Inputs (n, {rep_in.dim}) and targets (n, {rep_out.dim}) were expected, but {x.shape} and {y.shape} came."
        )
    floors, conflicts = np.zeros(len(x)), []
    for orbit in _orbits(x, rep_in, tolerance):
        first = orbit[0][0]
        pulled = np.array([rep_out.matrix(g).T @ y[i] for i, g in orbit])
        fixed = stabiliser(x[first], rep=rep_in, tolerance=tolerance).fixed(rep_out)
        best = fixed @ (fixed.T @ pulled.mean(0))
        for (i, _), target in zip(orbit, pulled, strict=True):
            floors[i] = np.mean((target - best) ** 2)
        projected = pulled @ fixed
        if np.abs(projected - projected.mean(0)).max(initial=0.0) > 1e-9 * (1 + np.abs(y).max(initial=0.0)):
            conflicts.append(tuple(i for i, _ in orbit))
    return DatasetFloor(floors, float(floors.mean()) if len(floors) else 0.0, tuple(conflicts))


def _orbits(x: np.ndarray, rep: Rep, tolerance: float) -> list[list[tuple[int, np.ndarray]]]:
    """The samples by orbit: their numbers, and the element that takes the first of the orbit to each."""
    invariants = np.stack(
        [np.linalg.norm(x @ columns.reshape(rep.dim, -1), axis=1) for columns in rep.copies.values()], 1
    )
    scale = np.maximum(np.linalg.norm(x, axis=1), 1e-300)
    found: list[list[tuple[int, np.ndarray]]] = []
    for i in range(len(x)):
        for orbit in found:
            first = orbit[0][0]
            if np.abs(invariants[i] - invariants[first]).max() > 10 * tolerance * scale[first]:
                continue
            same = alignments(x[first], x[i], rep, tolerance)
            if len(same.elements):
                orbit.append((i, same.elements[0]))
                break
        else:
            found.append([(i, np.eye(rep.group.dim))])
    return found
