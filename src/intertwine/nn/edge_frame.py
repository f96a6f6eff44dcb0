"""Frames along edges: turns that take one axis to the direction of an edge, and features as they look from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from intertwine.errors import ArgumentError
from intertwine.groups import Group, Subgroup
from intertwine.kernels import irrep_terms
from intertwine.nn.precision import own_precision
from intertwine.ops import TableModule
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import unit_vectors
from intertwine.reps.wigner import next_wigner_matrix, wigner_step

AXIS = (0.0, 1.0, 0.0)
"""The axis that frames take to an edge: that of the harmonics, about which they turn two by two."""


@runtime_checkable
class NamesSubgroups(Protocol):
    """A group that finds its subgroups by name, as those of `intertwine.catalog` do."""

    def subgroup(self, name: str, *, axis: tuple[float, float, float]) -> Subgroup:
        """The subgroup of a name about an axis."""


def axis_stabiliser(group: Group) -> Subgroup:
    """The elements of SO(3) or O(3) that keep the y axis: SO(2), or O(2) with the mirrors that contain the axis.

    Raises `ArgumentError` for another group.

    >>> from intertwine.catalog import O3
    >>> print(axis_stabiliser(O3).group)
    O(2)
    """
    if not isinstance(group, NamesSubgroups) or group.is_finite or not group.is_full or group.dim != 3:
        raise ArgumentError(f"Frames along edges are for SO(3) and O(3), but got the group {group}.")
    return group.subgroup("Cinf" if group.is_proper else "Cinfv", axis=AXIS)


def edge_turns(vectors: Tensor) -> Tensor:
    """Rotations R `(..., 3, 3)` with `R y = r/|r|` for vectors `(..., 3)`; the identity for a vector of length 0.

    No choice of R is continuous on the whole sphere. This one is smooth on each half: the half-turn about the middle of
    r/|r| and ±y, whichever is nearer, for −y after a half-turn about x. What does not depend on the choice, such as a
    convolution, has the right derivatives of every order everywhere, at ±y and where the halves meet.

    >>> edge_turns(torch.tensor([0.0, -2.0, 0.0]))[:, 1]
    tensor([ 0., -1.,  0.])
    """
    axis = vectors.new_tensor(AXIS)
    zero = (vectors == 0).all(-1, keepdim=True)
    unit = unit_vectors(torch.where(zero, axis, vectors))
    sign = torch.where(unit[..., 1:2].detach() < 0, -torch.ones_like(unit[..., :1]), torch.ones_like(unit[..., :1]))
    middle = unit + sign * axis
    size = 1 + sign * unit[..., 1:2]
    turn = middle[..., :, None] * (middle / size)[..., None, :] - torch.eye(3, dtype=unit.dtype, device=unit.device)
    flipped: Tensor = turn * torch.cat([torch.ones_like(sign), sign, sign], -1)[..., None, :]
    return flipped


class EdgeFrames(TableModule):
    """How features look from frames along vectors: for each irrep, D(R) for the turn R, in the parts of the stabiliser.

    The columns of D(R) are turned into the irreps of the stabiliser of the axis, m = 0 first. D comes from the
    recurrence of `intertwine.reps.wigner`: no angles, no poles, any degree. See `edge_turns` for R.

    Args:
        irreps: irreps of SO(3) or of O(3).
    """

    def __init__(self, irreps: Iterable[Irrep]) -> None:
        super().__init__()
        self.degrees: dict[str, int] = {irrep.label: irrep.degree for irrep in irreps}
        for irrep in irreps:
            ((_, block),) = Rep(irrep.group, ((1, irrep),)).restrict(axis_stabiliser(irrep.group)).terms
            self.register_table(f"parts_{irrep.label}", np.eye(irrep.dim) if block.basis is None else block.basis)
        for l in range(2, max(self.degrees.values(), default=0) + 1):
            self.register_table(f"step_{l}", wigner_step(l))

    def forward(self, vectors: Tensor, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The matrices `(..., 2l + 1, 2l + 1)` for vectors `(..., 3)`, by label; those that are made already as is."""
        if all(label in made for label in self.degrees):
            return {label: made[label] for label in self.degrees}
        given = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
        with own_precision(given):
            turns = edge_turns(given)
            wigner = {0: torch.ones_like(turns[..., :1, :1]), 1: turns}
            for l in range(2, max(self.degrees.values()) + 1):
                wigner[l] = next_wigner_matrix(wigner[l - 1], turns, getattr(self, f"step_{l}").to(given.dtype))
            return {
                label: (wigner[l] @ getattr(self, f"parts_{label}").to(given.dtype)).to(vectors.dtype)
                for label, l in self.degrees.items()
            }


class FramedFeatures:
    """Features of SO(3) or O(3) as they look in the frame of an edge: features of the stabiliser of its axis.

    A degree l falls into parts m = 0 … l, which turn about the axis by m times the angle. Parts of one m lie together,
    whatever the degree that they come from, so that maps between features in the frame are blocks by m.

    Args:
        rep: a rep whose terms are irreps.
        order: the largest m that is kept; None for all.

    Attributes:
        framed: the rep of the features in the frame, of the stabiliser, its terms irreps.
        kept: for each term of the rep, the irreps of the stabiliser that are kept of it.
    """

    def __init__(self, rep: Rep, order: int | None) -> None:
        restricted = rep.restrict(axis_stabiliser(rep.group))
        self.terms = tuple((irrep.label, m, irrep.dim) for m, irrep in rep.terms if isinstance(irrep, Irrep))
        parts = [irrep_terms(Rep(restricted.group, ((1, block),))) for _, block in restricted.terms]
        self.kept = [[part for _, part in found if order is None or part.degree <= order] for found in parts]
        self.sizes = [sum(part.dim for part in kept) for kept in self.kept]
        copies: dict[Irrep, int] = {}
        rows: list[tuple[Irrep, int]] = []  # of each row of a term in the frame: its irrep, and which component it is
        for (_, m, _), kept in zip(self.terms, self.kept, strict=True):
            for part in kept:
                copies[part] = copies.get(part, 0) + m
                rows += [(part, component) for component in range(part.dim)]
        self.framed = Rep(restricted.group, tuple((copies[i], i) for i in sorted(copies, key=lambda i: i.key)))
        self.order = sorted(range(len(rows)), key=lambda n: (rows[n][0].key, rows[n][1]))
        self.places = sorted(range(len(rows)), key=lambda place: self.order[place])
        widths = [m for (_, m, _), size in zip(self.terms, self.sizes, strict=True) for _ in range(size)]
        self.widths = [widths[n] for n in self.order]

    def into(self, x: Tensor, frames: Mapping[str, Tensor]) -> Tensor:
        """Features `(E, framed.dim)` in the frames for features `(E, rep.dim)`."""
        pieces = x.split([m * dim for _, m, dim in self.terms], -1)
        rows: list[Tensor] = []
        for (label, m, dim), size, piece in zip(self.terms, self.sizes, pieces, strict=True):
            turned = frames[label][..., :size].mT @ piece.unflatten(-1, (dim, m))
            rows += turned.unbind(-2)
        return torch.cat([*(rows[n] for n in self.order), x[..., :0]], -1)  # the last for a rep without terms

    def out_of(self, y: Tensor, frames: Mapping[str, Tensor]) -> Tensor:
        """Features `(E, rep.dim)` for features `(E, framed.dim)` in the frames."""
        rows = y.split(self.widths, -1)
        places, pieces = iter(self.places), []
        for (label, _, _), size in zip(self.terms, self.sizes, strict=True):
            framed = torch.stack([rows[next(places)] for _ in range(size)], -2)
            pieces.append((frames[label][..., :size] @ framed).flatten(-2))
        return torch.cat([*pieces, y[..., :0]], -1)
