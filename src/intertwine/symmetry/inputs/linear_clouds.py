"""The symmetry of clouds on a line or in one point, whose points bear tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.standard_frame import standard_frame
from intertwine.reps import Rep
from intertwine.symmetry.inputs.alignment import alignments
from intertwine.symmetry.inputs.clouds import reversal


@dataclass(frozen=True, eq=False)
class LineSymmetry:
    """The elements that leave a cloud on a line, or in one point, as it is.

    Args:
        elements: `(h, n, n)`; of a continuous symmetry one for each connected piece.
        permutations: where each point goes, `(h, N)`.
        residuals: how far tensors are from where they should be, relative to their size, `(h,)`.
        lie: a basis `(d, n, n)` of the Lie algebra.
    """

    elements: np.ndarray
    permutations: np.ndarray
    residuals: np.ndarray
    lie: np.ndarray


def line_symmetry(
    points: np.ndarray,
    kinds: np.ndarray,
    axis: np.ndarray,
    group: CatalogGroup,
    rep: Rep,
    tensors: np.ndarray,
    tolerance: float,
    one: tuple[Rep, np.ndarray] | None = None,
) -> LineSymmetry:
    """The symmetry of points on a line that bear tensors.

    Elements either keep the direction of the line, and with it each point: these are an SO(2) or O(2) about it, of
    which those count that keep the tensors. Or they are a half-turn s across it, times such an element g, and exchange
    points i and π(i): then ρ(g) fᵢ = ρ(s)⁻¹ f_π(i).

    Args:
        points: positions about the centre `(N, n)`.
        kinds: a kind for each point `(N,)`.
        axis: the direction of the line, or 0 if all points are at the centre.
        group: SO(2) or O(2) for points at the centre; SO(3) or O(3).
        rep: the rep of the tensors.
        tensors: `(N, rep.dim)`.
        tolerance: the largest distance of points and of tensors.
        one: a vector that belongs to the whole cloud, after its rep.
    """
    keep = np.arange(len(points))
    if not axis.any():
        found = alignments(*_stacked(rep, tensors, tensors, one, one), tolerance)
        return LineSymmetry(found.elements, np.tile(keep, (len(found.elements), 1)), found.residuals, found.lie)
    frame = standard_frame(axis, None)
    about = group.subgroup("Cinf" if group.is_proper else "Cinfv", axis=axis)
    half = frame @ np.diag([1.0, -1.0, -1.0]) @ frame.T
    still = alignments(*_stacked(rep, tensors, tensors, one, one, about), tolerance)
    pieces = [(about.embed(still.elements), keep, still.residuals)]
    if (back := reversal(points, kinds, axis, tolerance)) is not None:
        target = tensors[back] @ rep.evaluate(half[None])[0]
        other = one if one is None else (one[0], one[0].evaluate(half[None])[0].T @ one[1])
        turned = alignments(*_stacked(rep, tensors, target, one, other, about), tolerance)
        pieces.append((half @ about.embed(turned.elements), back, turned.residuals))
    lie = np.tensordot(axis, group.lie_generators, 1)[None]
    return LineSymmetry(
        np.concatenate([g for g, _, _ in pieces]),
        np.concatenate([np.tile(p, (len(g), 1)) for g, p, _ in pieces]),
        np.concatenate([r for _, _, r in pieces]),
        lie[: len(still.lie)],
    )


def _stacked(
    rep: Rep,
    a: np.ndarray,
    b: np.ndarray,
    one: tuple[Rep, np.ndarray] | None,
    other: tuple[Rep, np.ndarray] | None,
    about: object = None,
) -> tuple[np.ndarray, np.ndarray, Rep]:
    """Tensors `(N, rep.dim)` before and after as vectors of one rep, restricted to the group about the line.

    N of them are replaced by at most 2 · rep.dim combinations that can be aligned by the same elements.
    """
    if len(a) > 2 * rep.dim:
        both = np.asarray(np.linalg.qr(np.concatenate([a, b], 1), mode="r"))
        a, b = both[:, : rep.dim], both[:, rep.dim :]
    total = sum((rep for _ in a[1:]), rep)
    vectors = [a.reshape(-1), b.reshape(-1)]
    if one is not None and other is not None:
        total = total + one[0]
        vectors = [np.concatenate([v, w]) for v, w in zip(vectors, (one[1], other[1]), strict=True)]
    return vectors[0], vectors[1], total if about is None else total.restrict(about)  # type: ignore[arg-type]
