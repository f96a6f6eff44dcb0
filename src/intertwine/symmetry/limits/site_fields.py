"""Order parameters on chosen points, and what a model's own gradient says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.inputs.isotropy_group import Averaging
from intertwine.symmetry.limits.curie import CurieReport


def closed_sites(report: CurieReport, sites: Sequence[int] | np.ndarray) -> np.ndarray:
    """Points, by number, with all that the input's symmetry takes them to, sorted.

    Raises `ArgumentError` for an input without points and for numbers of points that it does not have.
    """
    permutations, chosen = report.H.permutations, np.unique(np.asarray(sites, dtype=np.int64))
    if permutations is None:
        raise ArgumentError(
            "Sites are points of a cloud or a crystal, but the report is about a vector. Leave them out."
        )
    if not len(chosen) or chosen[0] < 0 or chosen[-1] >= permutations.shape[1]:
        raise ArgumentError(
            f"Sites are numbers of points, 0 … {permutations.shape[1] - 1}, but got {chosen.tolist()}. Pass those "
            "that are to carry the order parameter."
        )
    return np.unique(permutations[:, chosen])


def orbits(permutations: np.ndarray, sites: np.ndarray) -> list[np.ndarray]:
    """The sites by orbit of a group's permutations `(h, N)`, each with its smallest number first."""
    left, found = set(sites.tolist()), []
    while left:
        orbit = np.unique(permutations[:, min(left)])
        left -= set(orbit.tolist())
        found.append(orbit)
    return found


def generic(basis: np.ndarray) -> list[np.ndarray]:
    """A vector in general position in the span of orthonormal columns, if there are any."""
    if not basis.shape[1]:
        return []
    return [basis @ np.array([1.0 / (1 + i) ** 0.5 for i in range(basis.shape[1])])]


def site_candidates(report: CurieReport, irrep: Irrep, sites: np.ndarray, kept: Averaging) -> list[np.ndarray]:
    """A generic field `(N, irrep.dim)` on the sites that a subgroup fixes and that holds nothing which H fixes, if any.

    A field that a group fixes is, on each of its orbits, made from the value v at one site s by moving it along, where
    v is any vector that the elements which keep s fix (Frobenius reciprocity).
    """
    elements, weights, permutations = kept
    if permutations is None:
        return []
    matrices, fields = irrep.evaluate(elements), []
    for orbit in orbits(permutations, sites):
        still = permutations[:, orbit[0]] == orbit[0]
        for v in Averaging(elements[still], weights[still], None).fixed(irrep).T:
            field = np.zeros((permutations.shape[1], irrep.dim))
            np.add.at(field, permutations[:, orbit[0]], weights[:, None] * (matrices @ v))
            fields.append(field)
    if not fields:
        return []
    by = report.H.averaging(irrep.degree)
    columns = np.stack([(field - by.mean(field, irrep.irreps)).reshape(-1) for field in fields], 1)
    u, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    found = generic(u[:, sizes > 1e-6 * max(float(sizes.max()), 1e-3)])
    return [_tidy(v.reshape(fields[0].shape)) for v in found]


def _tidy(field: np.ndarray) -> np.ndarray:
    """The field without rounding, its largest vector of length 1, the first nonzero number positive."""
    field = np.where(np.abs(field) < 1e-10, 0.0, field)
    first = field.reshape(-1)[np.flatnonzero(field)[0]]
    return np.asarray(field * np.sign(first) / np.linalg.norm(field, axis=1).max())


@dataclass(frozen=True, eq=False)
class Gradient:
    """The symmetry-breaking part of a loss's gradient by an extra input at 0: `(rep.dim,)` or `(N, rep.dim)`."""

    rep: Rep
    value: np.ndarray

    def along(self, irrep: Irrep, vector: np.ndarray) -> float:
        """The share of its square that lies along a vector or field of an irrep, in any copy of it."""
        if irrep not in self.rep.copies:
            return 0.0
        parts = np.tensordot(self.value, self.rep.copies[irrep], 1)  # (..., d, m)
        size = np.linalg.norm(vector)
        inner = np.tensordot(vector.reshape(-1) / size, parts.reshape(-1, parts.shape[-1]), 1)
        return float(np.sum(inner**2) / max(float(np.sum(self.value**2)), 1e-300))


def gradient_at_zero(report: CurieReport, model: Callable[[Tensor], Tensor], rep: Rep, *, fields: bool) -> Gradient:
    """The gradient of the mean squared error to the report's target by an extra input of a rep, at 0.

    Away from a plateau it also has a part that the input's symmetry H fixes; this breaks nothing and is taken out.

    Raises `ShapeError` for a prediction of another shape than the target, and `ArgumentError` for a model whose
    prediction does not depend on the extra input.
    """
    count = report.H.permutations.shape[1] if fields and report.H.permutations is not None else None
    w = torch.zeros((rep.dim,) if count is None else (count, rep.dim), dtype=torch.float64, requires_grad=True)
    prediction = model(w)
    if tuple(prediction.shape) != report.y.shape:
        raise ShapeError(
            f"The model gives a prediction of shape {tuple(prediction.shape)}, but the target has {report.y.shape}. "
            "Pass a function of the extra input alone that predicts the report's target."
        )
    loss = ((prediction - torch.as_tensor(report.y, dtype=prediction.dtype)) ** 2).mean()
    (found,) = torch.autograd.grad(loss, w, allow_unused=True) if loss.requires_grad else (None,)
    if found is None:
        raise ArgumentError("The model's prediction does not depend on the extra input w. Feed w to the network.")
    return Gradient(rep, found.numpy() - report.H.averaging(rep.degree).mean(found.numpy(), rep))
