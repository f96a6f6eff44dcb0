"""Proofs held against numbers: what the rules of layers promise must be true of the outputs of a network, too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import torch

from intertwine.symmetry.diagnosis.cases import Move, Trial, largest
from intertwine.symmetry.diagnosis.domains import Motion, direct_sum

CERTAIN = 1e-3
"""A larger error is no rounding, even of a deep network with tables of float32."""


def contradiction(
    trial: Trial,
    equivariant: bool,
    matrices: Mapping[str, np.ndarray],
    motions: Mapping[str, Mapping[str, Motion]],
) -> float | None:
    """By how much outputs contradict what is said to be proved; None where they do not by more than rounding can.

    A rule is what a layer says about itself. If it is wrong, or a hook or state that no graph shows changes what is
    computed, the numbers tell in most cases: a promise about all inputs is broken by a single one.

    Args:
        trial: the network with inputs to try it on.
        equivariant: whether it is said to commute with its group.
        matrices: transformations of all inputs side by side.
        motions: how each is said to move each irrep of the output, None where nothing is said.
    """
    errors = [trial.error(Move(g)) for g in trial.out.group.generators] if equivariant else []
    errors += [error for name, matrix in matrices.items() for error in _errors(trial, matrix, motions[name])]
    worst = max((error for error in errors if math.isfinite(error)), default=0.0)
    return worst if worst > max(CERTAIN, 30 * torch.finfo(trial.reference.dtype).eps) else None


def _errors(trial: Trial, matrix: np.ndarray, motions: Mapping[str, Motion]) -> Iterator[float]:
    """The relative error of each irrep of the output; none for a matrix that mixes inputs, which may lie elsewhere."""
    sizes = [0 if rep is None else rep.dim for rep in trial.reps]
    ends = np.cumsum([0, *sizes])
    parts = [slice(a, b) for a, b in pairwise(ends)]
    blocks = [torch.as_tensor(matrix[part, part]) for part in parts]
    if sum(int(np.count_nonzero(block)) for block in blocks) < np.count_nonzero(matrix):
        return
    rows = zip(trial.values, blocks, sizes, strict=True)
    moved = trial.output([x @ block.to(x).T if size else x for x, block, size in rows]).detach()
    for _, irrep in trial.out.isotypic:
        if (u := motions[irrep.label]) is not None:
            still = {other: np.zeros((other.dim, other.dim)) for _, other in trial.out.isotypic}
            taken, turned = (direct_sum(trial.out, still | {irrep: v}) for v in (np.eye(irrep.dim), u))
            before, after = (torch.as_tensor(x).to(moved).T for x in (turned, taken))
            yield largest(moved @ after - trial.reference @ before) / trial.size
