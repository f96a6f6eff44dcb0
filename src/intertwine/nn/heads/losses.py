"""Losses for heads that predict group elements."""

from __future__ import annotations

import math
from collections.abc import Container

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine._arrays import as_array, plain_shape, to_numpy
from intertwine.errors import ShapeError
from intertwine.nn.heads.closest import ClosestListed, remembered
from intertwine.nn.precision import own_precision
from intertwine.ops import TableModule
from intertwine.reps.wigner import determinant_2, determinant_3


class PoseLoss(TableModule):
    """The mean squared distance `|Q − Q* h|²` of predicted elements Q from true ones Q*.

    Q* is the pose of a reference shape x₀: the input is `Q* x₀`. If x₀ has symmetries h, `h x₀ = x₀`, then Q* and Q* h
    are the same pose, and the loss takes the closest: `min over h`. (In the frame of the input the symmetries are
    `Q* h Q*⁻¹`.) The distance is chordal, `|Q − R|² = Σ (Q − R)_ij² = 8 sin²(θ/2)` for rotations of space that differ
    by an angle θ, and `2n − 2 tr(Qᵀ R)` in general: smooth everywhere. `rotation_angle` gives θ itself.

    No path of elements joins rotations and flips, nor two elements of a finite group, so that this distance has no
    gradient from the one to the other: a network that starts with the wrong ones would keep them for ever. So for what
    `GroupElement` returns (that very tensor, not a part or a copy of it) the gradient has a second term, from the
    matrix M before it was projected, scaled to |M|² = n. With R the closest of the right poses, it is that of
    `max over g of tr((g − R)ᵀ M) + |g − R|² / 4`: convex in M, 0 where R is ahead of all other g by a margin, and else
    positive. So it leads to R from every start, and then leaves M alone. (In a finite group, where the distance has
    steps, it is the only term.) The value of the loss is the distance alone.

    Args:
        stabiliser_elements: the symmetries h of the reference shape, `(h, n, n)`, an array or tensor. Default: none
            but the identity. Of a continuous symmetry `found = tw.symmetry.stabiliser(shape)` pass many elements:
            `found.subgroup.embed(found.subgroup.group.sample(200))`.

    Raises `ShapeError` for elements that are no matrices, and, when called, for Q and Q* that do not fit.

    Source: Hartley et al. 2013 (doi:10.1007/s11263-012-0601-0); losses with a margin over all rivals: Tsochantaridis
    et al. 2005 (JMLR 6, 1453), Blondel et al. 2020 (arXiv:1901.02324).

    >>> import intertwine as tw
    >>> square = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    >>> loss = PoseLoss(tw.symmetry.stabiliser(square).elements)  # the 8 elements of D4
    >>> quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> float(PoseLoss()(quarter_turn, torch.eye(2))), round(float(loss(quarter_turn, torch.eye(2))), 6)
    (4.0, 0.0)
    """

    symmetries: Tensor

    def __init__(self, stabiliser_elements: np.ndarray | Tensor | None = None) -> None:
        super().__init__()
        self.given = stabiliser_elements is not None
        table = to_numpy(as_array(stabiliser_elements)) if self.given else np.ones((1, 1, 1))
        if table.ndim != 3 or not len(table) or table.shape[1] != table.shape[2]:
            raise ShapeError(
                f"The symmetries of a shape are matrices (h, n, n), but got an array of shape {table.shape}. Pass "
                "tw.symmetry.stabiliser(shape).elements."
            )
        self.register_table("symmetries", table)

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The mean loss, a number, for elements `(..., n, n)` and their targets `(..., n, n)`."""
        return self.each(predicted, target).mean()

    def each(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The loss `(...)` of each element."""
        _require_squares(predicted, target)
        poses = self._poses(target)
        distance: Tensor = _off(predicted, poses).amin(-1)
        known = remembered(predicted)
        if known is None:
            return distance
        m, closest = known
        m = m * (math.sqrt(plain_shape(m)[-1]) / _size(m))
        with own_precision(m):
            fixed, poses = m.detach(), poses.to(m.dtype)
            best = torch.arange(poses.shape[-3], device=m.device) == _off(fixed, poses).argmin(-1)[..., None]
            wanted = (poses * best[..., None, None]).sum(-3)
            rival = closest(fixed - wanted / 2).detach()
        across: Tensor = ((rival - wanted) * m).sum((-1, -2))
        if isinstance(closest, ClosestListed):  # the softmax behind its elements would pull to others that are wrong
            distance = distance.detach()
        return distance + (across - across.detach()).to(distance.dtype)

    def _poses(self, target: Tensor) -> Tensor:
        """All poses Q* h that are right, `(..., h, n, n)`."""
        if not self.given:
            return target[..., None, :, :]
        if plain_shape(self.symmetries)[-1] != plain_shape(target)[-1]:
            raise ShapeError(
                f"The targets are matrices of shape {plain_shape(target)}, but the symmetries of the shape are "
                f"{self.symmetries.shape[-1]} × {self.symmetries.shape[-1]}. Use one group for both."
            )
        return target[..., None, :, :] @ self.symmetries.to(target.dtype)


class FlipLoss(nn.Module):
    """Whether an element of O(n) is a flip, learned from the matrix M that it is made of: logistic loss on det M.

    `log(1 + exp(−det(Q*) · n^(n/2) det M / |M|ⁿ · sharpness))`: the determinant of the element itself is ±1 and has no
    gradient, that of M has. Divided by the size of M it lies between −1 and 1 (Hadamard's inequality). For tasks where
    the flip matters and the rotation does not, or beside a loss of your own; `PoseLoss` learns flips by itself.

    Args:
        sharpness: how steep the logistic function is.

    Raises `ShapeError`, when called, for what are no 2 × 2 or 3 × 3 matrices of one size.

    Source: the logistic loss is that of Cox 1958 (doi:10.1111/j.2517-6161.1958.tb00292.x).

    >>> from intertwine.catalog import O2
    >>> from intertwine.nn.heads import GroupElement
    >>> head, loss = GroupElement(O2), FlipLoss()
    >>> m = head.matrix(torch.tensor([1.0, 0.0, 0.0, 1.0]))  # no flip
    >>> bool(loss(m, torch.eye(2)) < 0.01 < loss(m, torch.tensor([[1.0, 0.0], [0.0, -1.0]])))
    True
    """

    def __init__(self, sharpness: float = 5.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, m: Tensor, target: Tensor) -> Tensor:
        """The mean loss, a number, for M `(..., n, n)` (as `head.matrix(x)` gives it) and elements `(..., n, n)`."""
        _require_squares(m, target, sizes=(2, 3))
        n = plain_shape(m)[-1]
        sign = torch.sign(_determinant(target.detach()))
        return F.softplus(-self.sharpness * sign * _determinant(m * (math.sqrt(n) / _size(m)))).mean()


def rotation_angle(q: Tensor, r: Tensor) -> Tensor:
    """The angle θ `(...)` in radians, 0 … π, of the rotation that leads from q to r, elements `(..., n, n)`, n = 2, 3.

    The length of the shortest path between them; infinite where one is a rotation and the other is not, since no path
    connects these. For judging poses: train with `PoseLoss`, which has no kinks (at 0 and π the gradient here is 0).

    Raises `ShapeError` for what are no 2 × 2 or 3 × 3 matrices of one size.

    >>> quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> round(float(rotation_angle(torch.eye(2), quarter_turn)), 4)
    1.5708
    """
    _require_squares(q, r, sizes=(2, 3))
    between = q.transpose(-1, -2) @ r
    skew, n = between - between.transpose(-1, -2), plain_shape(between)[-1]
    trace = between.diagonal(dim1=-2, dim2=-1).sum(-1)
    squared = skew.square().sum((-1, -2))  # 8 sin²θ
    straight = squared == 0
    sine = torch.where(straight, torch.ones_like(squared), squared).sqrt() / 8**0.5
    sine = torch.where(straight, torch.zeros_like(sine), sine)
    proper = _determinant(between) > 0
    cosine = torch.where(proper, (trace - (n - 2)) / 2, torch.ones_like(trace))  # of a mirror both may be 0
    angle = torch.atan2(sine, cosine)
    return torch.where(proper, angle, torch.full_like(angle, torch.inf))


def _off(m: Tensor, poses: Tensor) -> Tensor:
    """`|M − Q|²` for each of some poses, `(..., h)`."""
    return (m[..., None, :, :] - poses).square().sum((-1, -2))


def _size(m: Tensor) -> Tensor:
    """|M| `(..., 1, 1)`; 1 where M is 0."""
    squared = m.square().sum((-1, -2), keepdim=True)
    return torch.where(squared == 0, torch.ones_like(squared), squared).sqrt()


def _determinant(m: Tensor) -> Tensor:
    """The determinant as a polynomial: its gradient is finite for singular matrices too."""
    return determinant_2(m) if plain_shape(m)[-1] == 2 else determinant_3(m)  # type: ignore[no-any-return]


def _require_squares(*matrices: Tensor, sizes: Container[int] | None = None) -> None:
    """Raise `ShapeError` unless all are square matrices of one size, of those that are listed."""
    shapes = [plain_shape(m)[-2:] for m in matrices]
    n = shapes[0][-1] if shapes[0] else 0
    if any(shape != (n, n) for shape in shapes) or (sizes is not None and n not in sizes):
        raise ShapeError(
            f"Poses are compared as matrices of one shape (..., n, n){'' if sizes is None else ', n = 2 or 3'}, but "
            f"got tensors of shape {' and '.join(str(plain_shape(m)) for m in matrices)}."
        )
