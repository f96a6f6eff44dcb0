"""Subgroups of direct products: products of subgroups, and the diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog.finite_subgroups import listed_subgroups
from intertwine.catalog.product import PairGroup
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import LabelError
from intertwine.groups import Subgroup


def product_subgroup(parent: PairGroup, name: object) -> Subgroup:
    """The subgroup of a product that a name stands for: see `DirectProduct.subgroup`."""
    text = str(name).replace("*", "×").strip()
    if text == "diagonal":
        return _diagonal(parent)
    first, cross, second = text.rpartition("×")
    if cross:
        return _product(parent, _factor(parent.left, first), _factor(parent.right, second))
    listed = {subgroup.name: subgroup for subgroup in listed_subgroups(parent)} if parent.is_finite else {}
    if text in listed:
        return listed[text]
    known = ", 'diagonal'" if parent.left == parent.right else ""
    known += ", or one of " + ", ".join(listed) if listed else ""
    raise LabelError(
        f"{parent} has no subgroup called {name!r}. Names are 'A×B' with subgroups of {parent.left} and of "
        f"{parent.right}{known}."
    )


def product_subgroups(parent: PairGroup, turns: int) -> tuple[Subgroup, ...]:
    """The subgroups: all of a finite product; of a continuous one products of subgroups, and the diagonal."""
    if parent.is_finite:
        return listed_subgroups(parent)
    rights = parent.right.subgroups(turns)
    found = [_product(parent, left, right) for left in parent.left.subgroups(turns) for right in rights]
    if parent.left == parent.right:
        found.append(_diagonal(parent))
    return tuple(sorted(found, key=lambda H: H.group.order))


@dataclass(frozen=True)
class Pairs:
    """(a, b) ↦ (a in G, b in H), for subgroups of the two factors."""

    parent: PairGroup
    group: PairGroup
    left: Subgroup
    right: Subgroup

    def __call__(self, h: Array) -> Array:
        a, b = self.group.factors(h)
        return self.parent.pair(self.left.place(a), self.right.place(b))

    def back(self, g: np.ndarray) -> np.ndarray:
        """The pair that goes to g."""
        a, b = self.parent.factors(g)
        return np.asarray(self.group.pair(self.left.candidate(a), self.right.candidate(b)))


@dataclass(frozen=True)
class Diagonal:
    """g ↦ (g, g)."""

    parent: PairGroup

    def __call__(self, h: Array) -> Array:
        return self.parent.pair(h, h)

    def back(self, g: np.ndarray) -> np.ndarray:
        """The element that goes to g."""
        return np.asarray(self.parent.factors(g)[0])


def _factor(group: GroupWithReps, name: str) -> Subgroup:
    """A subgroup of a factor by name; the whole factor by its own name."""
    if name.strip() != group.name:
        return group.subgroup(name)
    source = f"{group!r}.subgroup({group.name!r})"
    return Subgroup(group, group, group.name, Table(np.eye(group.dim)), expression=source)


def _product(parent: PairGroup, left: Subgroup, right: Subgroup) -> Subgroup:
    group = cast(PairGroup, cast(GroupWithReps, left.group) * cast(GroupWithReps, right.group))
    return _made(parent, group, f"{left.name}×{right.name}", Pairs(parent, group, left, right))


def _diagonal(parent: PairGroup) -> Subgroup:
    if parent.left != parent.right:
        raise LabelError(f"{parent} has no diagonal: its factors differ. Name a subgroup of each, as in 'A×B'.")
    return _made(parent, parent.left, "diagonal", Diagonal(parent))


def _made(parent: PairGroup, group: GroupWithReps, name: str, pattern: Pairs | Diagonal) -> Subgroup:
    frame, source = Table(np.eye(parent.dim)), f"{parent!r}.subgroup({name!r})"
    return Subgroup(parent, group, name, frame, pattern, pattern.back, source)
