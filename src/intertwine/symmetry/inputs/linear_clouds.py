"""Clouds on a line or in one point, where turns about the line are left to the features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from intertwine.catalog.standard_frame import standard_frame
from intertwine.groups import Subgroup
from intertwine.reps import Rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import Cloud


@dataclass(frozen=True, eq=False)
class LineIsometries:
    """The elements that take one cloud on a line, or in one point, to another; or to itself.

    Args:
        elements: `(h, n, n)`; of a continuous family one for each connected piece.
        permutations: where each point goes, `(h, N)`.
        residuals: how far features are from where they should be, relative to their size, `(h,)`.
        lie: a basis `(d, n, n)` of the Lie algebra of those that take the first to itself.
    """

    elements: np.ndarray
    permutations: np.ndarray
    residuals: np.ndarray
    lie: np.ndarray


def line_isometries(a: Cloud, b: Cloud, tolerance: float, features: float) -> LineIsometries:
    """The elements that take a cloud on a line to another.

    Elements take the direction of the one line to that of the other or to its opposite. So they are a rotation that
    does, times an element of the SO(2) or O(2) about the line, of which those count that take features to features.

    Args:
        a, b: clouds within the tolerance of a line, or of a point.
        tolerance: the largest distance of a moved point from its partner.
        features: the same for the features, relative to their size.
    """
    size, whole = a.unit.shape[1], a.group.lie_generators
    parts, lie = [LineIsometries(np.zeros((0, size, size)), np.zeros((0, len(a.unit)), int), np.zeros(0), whole)], whole
    for turn, p, about in _ways(a, b, tolerance):
        moved = a.features if np.array_equal(turn, np.eye(size)) else a.features @ a.rep.evaluate(turn[None])[0].T
        before, after, rep = _stacked(a.rep, moved, b.features[p])
        found = alignments(before, after, rep if about is None else rep.restrict(about), features)
        elements = found.elements if about is None else about.embed(found.elements)
        lie = found.lie if about is None else np.tensordot(a.line[0], whole, 1)[None][: len(found.lie)]
        parts.append(LineIsometries(elements @ turn, np.tile(p, (len(elements), 1)), found.residuals, lie))
    elements, permutations, residuals = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("elements", "permutations", "residuals")
    )
    return LineIsometries(elements, permutations, residuals, lie)


def _ways(a: Cloud, b: Cloud, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray, Subgroup | None]]:
    """Rotations that take line to line, where the points go, and the elements about the line; None for all."""
    (axis, _), (other, _) = a.line, b.line
    if not axis.any() and not other.any():  # no two points of one kind are at one place
        yield np.eye(len(axis)), _in_order(a.kinds, b.kinds, 0 * a.kinds, 0 * b.kinds), None
    elif axis.any() and other.any():
        start = standard_frame(axis, None)
        for end in (other, -other):
            p = _in_order(a.kinds, b.kinds, a.unit @ axis, b.unit @ end)
            if np.abs(a.unit @ axis - b.unit[p] @ end).max() <= tolerance:
                about = a.group.subgroup("Cinf" if a.group.is_proper else "Cinfv", axis=end)
                yield np.eye(3) if np.array_equal(end, axis) else standard_frame(end, None) @ start.T, p, about


def _in_order(kinds_a: np.ndarray, kinds_b: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The permutation that takes points sorted by kind and height to others sorted so."""
    p = np.empty(len(a), dtype=np.int64)
    p[np.lexsort((a, kinds_a))] = np.lexsort((b, kinds_b))
    return p


def _stacked(rep: Rep, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, Rep]:
    """Features `(N, rep.dim)` before and after as vectors of one rep.

    N of them are replaced by at most 2 · rep.dim combinations that the same elements align.
    """
    if len(a) > 2 * rep.dim:
        both = np.asarray(np.linalg.qr(np.concatenate([a, b], 1), mode="r"))
        a, b = both[:, : rep.dim], both[:, rep.dim :]
    return a.reshape(-1), b.reshape(-1), sum((rep for _ in a[1:]), rep)
