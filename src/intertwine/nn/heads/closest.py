"""The element of a group that is closest to a matrix, for each kind of group that has a formula for it."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import is_tracing, plain_shape
from intertwine.errors import ArgumentError
from intertwine.groups import Group
from intertwine.groups.rotations import TURNS
from intertwine.nn.heads.projections import gram_schmidt, polar
from intertwine.nn.precision import in_full_precision
from intertwine.ops import TableModule

Projection = Callable[[Tensor, bool], Tensor]


class Closest(TableModule, ABC):
    """For matrices M `(..., n, n)` the element g with the largest `tr(gᵀ M)`, which is the one closest to M."""

    @abstractmethod
    def forward(self, m: Tensor) -> Tensor:
        """The elements `(..., n, n)`."""

    @abstractmethod
    def margin(self, m: Tensor) -> Tensor:
        """How far `(...)` g is ahead: the smallest `(tr(gᵀ M) − tr(hᵀ M)) / (n − tr(gᵀ h))` over all other h."""


class ClosestOrthogonal(Closest):
    """In SO(n) or O(n), by a projection of the user's choice."""

    def __init__(self, proper: bool, projection: Projection) -> None:
        super().__init__()
        self.proper, self.projection = proper, projection

    def forward(self, m: Tensor) -> Tensor:
        """The projected matrices."""
        return self.projection(m, self.proper)

    def margin(self, m: Tensor) -> Tensor:
        """From the singular values; of Gram–Schmidt in SO(n) those of the columns that it reads."""
        s: Tensor = torch.linalg.svdvals(m)
        if not self.proper:
            return s[..., -1]
        if self.projection is gram_schmidt:
            read: Tensor = torch.linalg.svdvals(m[..., :-1])
            return read[..., -1]
        signed: Tensor = s[..., -2] + torch.sign(torch.linalg.det(m)) * s[..., -1]
        return signed.clamp(min=0) / 2


class ClosestAxial(Closest):
    """In a continuous group about z: rotations about z times some of diag(1, ±1, ±1), the best of these first."""

    flips: Tensor
    apart: Tensor

    def __init__(self, group: Group) -> None:
        super().__init__()
        candidates = np.array([(1.0, a, b) for a, b in itertools.product((1, -1), repeat=2)])
        flips = candidates[group.contains(candidates[:, None] * np.eye(3))]
        self.register_table("flips", flips)
        apart = 3 - flips @ flips.T  # 3 − tr(gᵀ h) for the h of another component that is closest to g
        self.register_table("apart", np.where(apart > 0, apart, np.inf))

    def forward(self, m: Tensor) -> Tensor:
        """A rotation about z by the polar factor of the x-y block, times the best flip."""
        flip = rows(self.flips.to(m.dtype), self._scores(m)[0].argmax(-1))
        block = polar(m[..., :2, :2] * flip[..., None, :2], True) * flip[..., None, :2]
        last = torch.diag_embed(flip[..., 2:])
        side = torch.zeros_like(m[..., :2, 2:])
        return torch.cat([torch.cat([block, side], -1), torch.cat([side.transpose(-1, -2), last], -1)], -2)

    def margin(self, m: Tensor) -> Tensor:
        """The lead over other rotations about z, or over the best element with another flip, whichever is smaller."""
        scores, turns = self._scores(m)
        best, number = scores.max(-1)
        apart = rows(self.apart.to(m.dtype), number)
        lead = ((best[..., None] - scores) / apart).masked_fill(apart.isinf(), math.inf)
        return torch.minimum(turns.gather(-1, number[..., None])[..., 0] / 2, lead.amin(-1))

    def _scores(self, m: Tensor) -> tuple[Tensor, Tensor]:
        """`tr(gᵀ M)` of the best rotation with each flip `(..., k)`, and the part of the x-y block in it."""
        flipped = m[..., None, :, :] * self.flips.to(m.dtype)[:, None, :]
        along = flipped[..., 0, 0] + flipped[..., 1, 1]
        turns = torch.hypot(along, flipped[..., 1, 0] - flipped[..., 0, 1])
        return turns + flipped[..., 2, 2], turns


class ClosestListed(Closest):
    """In a finite group, by trying all elements; the gradient is that of the mean element under a softmax."""

    elements: Tensor

    def __init__(self, group: Group, temperature: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise ArgumentError(f"The temperature of a softmax is a positive number, but got {temperature!r}.")
        self.temperature = temperature
        self.register_table("elements", group.elements())

    def forward(self, m: Tensor) -> Tensor:
        """The elements with the largest scores."""
        elements, scores = self.elements.to(m.dtype), self.scores(m)
        squared = m.square().sum((-1, -2))
        none = squared == 0
        size = torch.where(none, torch.ones_like(squared), squared).sqrt() * math.sqrt(plain_shape(m)[-1])
        weights = torch.softmax(scores / size[..., None] / self.temperature, -1)
        soft = (weights @ elements.flatten(1)).reshape(m.shape)
        return rows(elements, scores.argmax(-1)) + (soft - soft.detach())

    def margin(self, m: Tensor) -> Tensor:
        """The lead over the second best, infinite if there is only one element."""
        elements, scores = self.elements.to(m.dtype), self.scores(m)
        best, number = scores.max(-1)
        apart = m.shape[-1] - rows(elements, number).flatten(-2) @ elements.flatten(1).T
        own = number[..., None] == torch.arange(elements.shape[0], device=m.device)
        return ((best[..., None] - scores) / apart.masked_fill(own, 1)).masked_fill(own, math.inf).amin(-1)

    def scores(self, m: Tensor) -> Tensor:
        """`tr(gᵀ M)` for each element `(..., order)`."""
        return m.flatten(-2) @ self.elements.to(m.dtype).flatten(1).T


def rows(table: Tensor, number: Tensor) -> Tensor:
    """`table[number]`, also where one number is all there is, which torch would look at as a Python number."""
    return table.index_select(0, number.reshape(-1)).reshape((*number.shape, *table.shape[1:]))


def closest_in(group: Group, projection: Projection | None, temperature: float) -> Closest:
    """The way to the closest element of a group; `ArgumentError` for a group without one here."""
    if isinstance(group, Group):
        turns = group.lie_generators
        if projection is None and group.is_finite:
            return ClosestListed(group, temperature)
        if not group.is_finite and group.is_full and group.dim in (2, 3):
            return ClosestOrthogonal(group.is_proper, polar if projection is None else projection)
        about_z = group.dim == 3 and len(turns) == 1 and np.allclose(turns[0], turns[0, 1, 0] * TURNS[2])
        if projection is None and about_z:
            return ClosestAxial(group)
    own = "" if projection is None else " with a projection of your own (which is for SO(n) and O(n) only)"
    raise ArgumentError(
        "GroupElement predicts elements of SO(2), O(2), SO(3) or O(3), of a finite group, or of a continuous group of "
        f"space about z such as Cinfv, but got {group}{own}."
    )


def remembering(element: Tensor, m: Tensor, closest: Closest) -> Tensor:
    """The element, with the matrix M that it is closest to at hand for losses, where derivatives are wanted.

    An element is the same for all M around, so which connected component of the group it is in has no gradient. The
    matrix stays with this very tensor: not with parts, copies and results of it.
    """
    if torch.is_grad_enabled() and not is_tracing():
        element.unprojected, element.closest = m, closest  # type: ignore[attr-defined]
    return element


def remembered(element: Tensor) -> tuple[Tensor, Closest] | None:
    """M, and the way from there to the element, if a head gave it, derivatives are wanted, and nothing came between."""
    known = torch.is_grad_enabled() and hasattr(element, "unprojected")
    return (element.unprojected, element.closest) if known else None  # type: ignore[attr-defined]


def confidence(closest: Closest, m: Tensor) -> Tensor:
    """The margin over the largest singular value of m `(..., n, n)`: 0 … 1."""
    scaled = in_full_precision(m)
    top: Tensor = torch.linalg.svdvals(scaled)[..., 0].clamp(min=torch.finfo(scaled.dtype).tiny)
    return (closest.margin(scaled) / top).clamp(max=1).to(m.dtype)
