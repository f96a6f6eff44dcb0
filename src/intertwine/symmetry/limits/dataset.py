"""Floors of whole datasets: symmetric samples, and labels that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import for_json, to_numpy
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import Cloud, Points
from intertwine.symmetry.inputs.isotropy_group import Stabiliser
from intertwine.symmetry.inputs.stabiliser import stabiliser
from intertwine.symmetry.limits.congruence import Member, congruent_groups
from intertwine.symmetry.limits.curie import attainable, curie_check, resolution
from intertwine.symmetry.limits.floors import Loss, floor_of
from intertwine.symmetry.limits.orbit import Orbit

_Groups = tuple[tuple[int, ...], ...]
"""_Groups of samples, by their numbers."""


@dataclass(frozen=True, eq=False)
class DatasetFloor:
    """The loss that no equivariant map can beat on a dataset, sample by sample.

    Args:
        floors: the loss of each sample that is lost, `(n,)`.
        total: their mean.
        conflicts: groups of samples that are one input in different poses, with targets that contradict each other.
        choices: groups of samples that are one symmetric input, whose targets are different, equally good answers.
        repeats: groups of samples that are one input in different poses, with targets that move along.
        by_symmetry: the part of the mean squared error that symmetric inputs alone cost; NaN for other losses.
        by_conflict: the part that contradictory targets cost on top.
        power: the mean square of the targets, the mean squared error of the answer 0.
        tolerance: that of the inputs; deviations of this size cost nothing that is told of.
    """

    floors: np.ndarray
    total: float
    conflicts: _Groups
    choices: _Groups
    repeats: _Groups
    by_symmetry: float
    by_conflict: float
    power: float
    tolerance: float = 1e-6

    def share(self, loss: float) -> float:
        """The part of a loss that is floor: 1 says that training is done; more, that the map is not equivariant.

        Raises `ArgumentError` for a loss that is not a positive number.

        >>> from intertwine.catalog import O3
        >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
        >>> found = dataset_floor([square], [square * [-0.5, 0.5, 0]], rep_out=O3.rep("1x1o"))
        >>> round(found.share(0.05), 3)
        0.833
        """
        if not (np.isfinite(loss) and loss > 0):
            raise ArgumentError(f"A loss to compare with the floor is a positive number, but got {loss}.")
        return self.total / loss

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        groups = ("conflicts", "choices", "repeats")
        return for_json(self, "total", "floors", *groups, "by_symmetry", "by_conflict", "power")

    def __str__(self) -> str:
        rounding = max(1e-12, self.tolerance**2) * max(self.power, 1e-300)
        hurt = int((self.floors > rounding).sum())
        squared = not np.isnan(self.by_symmetry)
        total, by_symmetry, by_conflict = (
            f"{x if not x < rounding else 0:.6g}" for x in (self.total, self.by_symmetry, self.by_conflict)
        )
        share = f" ({100 * self.total / self.power:.1f} % of the targets' {self.power:.6g})" if total != "0" else ""
        kind = f"mean squared error of {total}{share}" if squared else f"loss of {total}"
        lines = [f"no equivariant map gets below a {kind}"]
        lines.append(f"{hurt} of {len(self.floors)} samples cannot be fitted exactly")
        if squared and hurt:
            lines.append(
                f"{by_symmetry} of it because inputs are more symmetric than their targets, {by_conflict} because "
                "targets contradict each other"
            )
        same = "are one input in different poses"
        lines += _told(self.conflicts, f"{same} with other targets")
        lines += _told(self.choices, f"{same}; their targets choose among equally good answers (see OrbitLoss)")
        lines += _told(self.repeats, f"{same}, and their targets agree")
        return "\n".join(lines)


def _told(groups: _Groups, said: str, most: int = 5) -> list[str]:
    """The first groups, a line each, the first samples of each."""
    lines = []
    for group in groups[:most]:
        shown = ", ".join(map(str, group[:12])) + (f" … ({len(group)} in all)" if len(group) > 12 else "")
        lines.append(f"samples {shown} {said}")
    return lines + [f"… and {len(groups) - most} more such groups"] * (len(groups) > most)


def dataset_floor(
    inputs: np.ndarray | Sequence[Points | np.ndarray],
    targets: np.ndarray | Sequence[np.ndarray],
    rep_in: Rep | Irrep | None = None,
    rep_out: Rep | Irrep | None = None,
    tolerance: float = 1e-6,
    loss: Loss | None = None,
) -> DatasetFloor:
    """The loss that no equivariant map can beat on a dataset of clouds or of feature vectors.

    Samples on different orbits do not touch each other; those on one orbit, `xⱼ = gⱼ x₀`, ask for the mean of
    `gⱼ⁻¹ yⱼ` averaged over the symmetry of x₀, and each loses its distance from that. So the floor shows symmetric
    inputs (Curie's principle) as well as labels that contradict each other: principal axes with arbitrary signs.

    Args:
        inputs: clouds, `Points` or positions `(N, n)` each, which are the same if an isometry and a permutation take
            one onto the other with its labels and features; or vectors `(n, rep_in.dim)`.
        targets: for each cloud a target at each point `(N, rep_out.dim)`, or one for all of it `(rep_out.dim,)`; for
            vectors `(n, rep_out.dim)`.
        rep_in: the rep of vectors, or of the features of clouds.
        rep_out: the rep of the targets, of SO(2), O(2), SO(3) or O(3); for vectors of any finite group too.
        tolerance: the deviation, relative to the size, up to which inputs are symmetric or the same.
        loss: takes an output and a target, float64 tensors, to a number, convex in the output. Default: the mean
            squared error.

    Raises `ShapeError`, `ArgumentError` and `RepMismatchError` for inputs and targets that do not fit.

    >>> from intertwine.catalog import O3
    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
    >>> along_x = square * [0.5, -0.5, 0]  # displacements to a rectangle, long in x; −along_x in y
    >>> found = dataset_floor([square, square[::-1] + 1], [along_x, -along_x[::-1]], rep_out=O3.rep("1x1o"))
    >>> print(found)
    no equivariant map gets below a mean squared error of 0.0416667 (100.0 % of the targets' 0.0416667)
    2 of 2 samples cannot be fitted exactly
    0.0416667 of it because inputs are more symmetric than their targets, 0 because targets contradict each other
    samples 0, 1 are one input in different poses; their targets choose among equally good answers (see OrbitLoss)
    """
    if rep_out is None:
        raise ArgumentError("The rep of the targets is needed to know how poses move them: pass rep_out=….")
    out, found_in = as_rep(rep_out), None if rep_in is None else as_rep(rep_in)
    if found_in is not None and found_in.group != out.group:
        raise RepMismatchError(f"One group moves inputs and targets, but got {found_in.group} and {out.group}.")
    samples, y = _checked(inputs, targets, found_in, out)
    zeros = [resolution(target, x) for target, x in zip(targets, samples, strict=True)]  # of the dtype of the samples
    y = [np.where(np.abs(target).max(initial=0.0) <= zero, 0.0, target) for target, zero in zip(y, zeros, strict=True)]
    data = _Data(samples, y, zeros, found_in, out, tolerance)
    answers = [data.answer(orbit, loss) for orbit in data.orbits()]
    floors, count = np.zeros(len(y)), max(len(y), 1)
    for one in answers:
        floors[list(one.samples)] = one.floors
    groups = {said: tuple(one.samples for one in answers if one.said == said) for said in _SAID}
    return DatasetFloor(
        floors=floors,
        total=float(floors.mean()) if len(floors) else 0.0,
        conflicts=groups["conflict"],
        choices=groups["choice"],
        repeats=groups["repeat"],
        by_symmetry=sum(one.by_symmetry for one in answers) / count,
        by_conflict=sum(one.by_conflict for one in answers) / count,
        power=sum(float(np.mean(target**2)) for target in y) / count,
        tolerance=tolerance,
    )


# inputs ---------------------------------------------------------------------------------------------------------------


def _checked(
    inputs: np.ndarray | Sequence[Points | np.ndarray],
    targets: np.ndarray | Sequence[np.ndarray],
    rep_in: Rep | None,
    rep_out: Rep,
) -> tuple[list[Points] | np.ndarray, list[np.ndarray]]:
    """Clouds or vectors `(n, rep_in.dim)`, and a target for each; or an error that says what is off."""
    y = [to_numpy(target) for target in targets]
    items = [x if isinstance(x, Points) else to_numpy(x) for x in inputs]
    if not all(np.isfinite(target).all() for target in y):
        raise ArgumentError("The targets hold NaN or infinite numbers. Repair or remove these samples.")
    if all(isinstance(x, Points) or x.ndim == 2 for x in items) and len(items) == len(y):
        clouds = [x if isinstance(x, Points) else Points(x) for x in items]
        _check_clouds(clouds, y, rep_out)
        return clouds, y
    shapes = {x.shape for x in items if not isinstance(x, Points)} | {np.shape(t) for t in y}
    if rep_in is None or any(isinstance(x, Points) or x.shape != (rep_in.dim,) for x in items) or len(y) != len(items):
        wanted = "rep_in.dim" if rep_in is None else rep_in.dim
        raise ShapeError(
            f"A list of clouds (N, {rep_out.group.dim}), or inputs (n, {wanted}) with their rep_in, and as many "
            f"targets of {rep_out} were expected, but got {len(items)} inputs and {len(y)} targets of shapes "
            f"{', '.join(map(str, sorted(shapes)))}."
        )
    if any(target.shape != (rep_out.dim,) for target in y):
        raise ShapeError(f"Targets (n, {rep_out.dim}) of {rep_out} were expected, but got shapes {sorted(shapes)}.")
    return np.array(items).reshape(-1, rep_in.dim), y


def _check_clouds(clouds: list[Points], y: list[np.ndarray], rep_out: Rep) -> None:
    if any(cloud.lattice is not None for cloud in clouds):
        raise ArgumentError(
            "Crystals are not compared with each other here. Pass clouds without a cell, or call curie_check for each."
        )
    each = all(t.shape == (len(c.positions), rep_out.dim) for c, t in zip(clouds, y, strict=True))
    if not each and any(t.shape != (rep_out.dim,) for t in y):
        shapes = ", ".join(map(str, sorted({t.shape for t in y})))
        raise ShapeError(
            f"Targets of {rep_out} at the points of each cloud (N, {rep_out.dim}) were expected, or one for each cloud "
            f"({rep_out.dim},), but got shapes {shapes}."
        )


def _vector_orbits(x: np.ndarray, rep: Rep, tolerance: float) -> list[list[Member]]:
    norms = [np.linalg.norm(x @ columns.reshape(rep.dim, -1), axis=1) for columns in rep.copies.values()]
    invariants = np.stack([np.zeros(len(x)), *norms], 1)
    scale = np.maximum(np.linalg.norm(x, axis=1), 1e-300)
    found: list[list[Member]] = []
    firsts: list[int] = []
    for i in range(len(x)):
        off = np.abs(invariants[firsts] - invariants[i]).max(1, initial=0.0)
        for place in np.flatnonzero(off <= 10 * tolerance * scale[firsts]):
            same = alignments(x[firsts[place]], x[i], rep, tolerance)
            if len(same.elements):
                found[place].append((i, same.elements[0], None))
                break
        else:
            firsts.append(i)
            found.append([(i, np.eye(rep.group.dim), None)])
    return found


# one orbit ------------------------------------------------------------------------------------------------------------

_SAID = ("conflict", "choice", "repeat")


@dataclass(frozen=True, eq=False)
class _Answer:
    """What there is to say of the samples of one orbit: floors, their sum by cause, and perhaps a word of `_SAID`."""

    samples: tuple[int, ...]
    floors: np.ndarray
    by_symmetry: float
    by_conflict: float
    said: str


@dataclass(frozen=True, eq=False)
class _Data:
    """Samples with their targets and the sizes up to which these are rounding, and how both are moved."""

    samples: list[Points] | np.ndarray
    y: list[np.ndarray]
    zeros: list[float]
    rep_in: Rep | None
    rep_out: Rep
    tolerance: float

    def orbits(self) -> list[list[Member]]:
        """The samples by orbit: their numbers, and what takes the first of the orbit to each."""
        if isinstance(self.samples, np.ndarray):
            return _vector_orbits(self.samples, as_rep(self.rep_in), self.tolerance)  # type: ignore[arg-type]
        group: CatalogGroup = self.rep_out.group  # type: ignore[assignment]
        return congruent_groups([Cloud.of(points, group, self.rep_in) for points in self.samples], self.tolerance)

    def answer(self, orbit: list[Member], loss: Loss | None) -> _Answer:
        """The floors of samples on one orbit, their targets pulled back to the first."""
        numbers, x, rep = tuple(i for i, _, _ in orbit), self.samples[orbit[0][0]], self.rep_out
        group: CatalogGroup = rep.group  # type: ignore[assignment]
        H = stabiliser(x, rep=self.rep_in, group=group, tolerance=self.tolerance)
        pulled = np.array([_pulled(self.y[i], rep, g, p) for i, g, p in orbit])
        zero = max(self.zeros[i] for i in numbers)
        said = self._said(pulled, H, zero)
        if loss is not None:
            return _Answer(numbers, self._other_floors(orbit, pulled, loss), np.nan, np.nan, said)
        kept = np.array([attainable(y, H, rep) for y in pulled])
        axes = tuple(range(1, pulled.ndim))
        parts = (pulled - kept.mean(0), pulled - kept, kept - kept.mean(0))
        floors, lost, apart = (np.where(s > zero**2, s, 0.0) for s in (np.mean(part**2, axes) for part in parts))
        return _Answer(numbers, floors, float(lost.sum()), float(apart.sum()), said)

    def _said(self, pulled: np.ndarray, H: Stabiliser, zero: float) -> str:
        """Whether the targets of one input are the same, equally good, or contradict each other; nothing of one."""
        slack = max(max(1e-9, 10 * self.tolerance) * float(np.abs(pulled).max(initial=0.0)), 2 * zero)
        if len(pulled) == 1:
            return ""
        if np.abs(pulled - pulled[0]).max() <= slack:
            return "repeat"
        return "choice" if Orbit(H, pulled[0], self.rep_out).distances(pulled).max() <= slack else "conflict"

    def _other_floors(self, orbit: list[Member], pulled: np.ndarray, loss: Loss) -> np.ndarray:
        """The values of a convex loss on one orbit for the output that makes their mean smallest."""
        matrices = [torch.as_tensor(np.array(self.rep_out.evaluate(g[None])[0])) for _, g, _ in orbit]
        wanted = [torch.as_tensor(np.array(self.y[i])) for i, _, _ in orbit]

        def values(z: Tensor) -> list[Tensor]:
            outputs = [z @ m.T for m in matrices]
            if z.ndim == 2:
                outputs = [o[torch.as_tensor(np.argsort(p))] for o, (_, _, p) in zip(outputs, orbit, strict=True)]  # type: ignore[arg-type]
            return [loss(output, target) for output, target in zip(outputs, wanted, strict=True)]

        x = self.samples[orbit[0][0]]
        report = curie_check(x, pulled.mean(0), self.rep_in, self.rep_out, tolerance=self.tolerance)
        _, best = floor_of(report, lambda z, _: torch.stack([v.reshape(()) for v in values(z)]).mean())
        return np.array([float(v) for v in values(torch.as_tensor(best))])


def _pulled(y: np.ndarray, rep: Rep, g: np.ndarray, p: np.ndarray | None) -> np.ndarray:
    """A target of the sample g x₀ as one of x₀."""
    return np.asarray((y if y.ndim == 1 or p is None else y[p]) @ rep.evaluate(g[None])[0])
