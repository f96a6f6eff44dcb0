"""Subgroups of direct products: products of subgroups, twisted products, and the diagonal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import cast

import numpy as np

from intertwine._arrays import Array, Table, like
from intertwine.catalog.finite_subgroups import listed_subgroups
from intertwine.catalog.product import PairGroup
from intertwine.catalog.subgroup_families import unchanged
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Group, Subgroup
from intertwine.reps.irrep import Irrep

Signs = tuple[str, str]
"""A label of the first group and one of the second: one-dimensional irreps that must agree."""


def product_subgroup(parent: PairGroup, name: object) -> Subgroup:
    """The subgroup of a product that a name stands for: see `PairGroup.subgroup`."""
    text = str(name).replace("*", "×").strip()
    if text == "diagonal":
        return _diagonal(parent)
    names, _, twist = text.partition(" with ")
    first, cross, second = names.rpartition("×")
    if cross:
        left, right = _factor(parent.left, first), _factor(parent.right, second)
        if not twist:
            return _product(parent, left, right)
        a, equal, b = twist.partition("=")
        if equal:
            return _twisted(parent, left, right, (a.strip(), b.strip()))
    if parent.is_finite:
        listed = {subgroup.name: subgroup for subgroup in listed_subgroups(parent)}
        if text in listed:
            return listed[text]
    known = ", 'diagonal'" if parent.left == parent.right else ""
    known += ", or one of " + ", ".join(listed) if parent.is_finite else ""
    raise LabelError(
        f"{parent} has no subgroup called {name!r}. Names are 'A×B' with subgroups of {parent.left} and of "
        f"{parent.right}, 'A×B with a=b' for its pairs on which the one-dimensional irreps a and b agree{known}."
    )


def product_subgroups(parent: PairGroup, turns: int) -> tuple[Subgroup, ...]:
    """The subgroups: all of a finite product; of a continuous one products, those twisted by a sign, the diagonal."""
    if parent.is_finite:
        return listed_subgroups(parent)
    found = []
    for left in parent.left.subgroups(turns):
        for right in parent.right.subgroups(turns):
            found.append(_product(parent, left, right))
            signs = [(a, b) for a in _sign_irreps(left) for b in _sign_irreps(right)]
            found += [_twisted(parent, left, right, pair) for pair in signs]
    if parent.left == parent.right:
        found.append(_diagonal(parent))
    return tuple(sorted(found, key=lambda H: H.group.order))


def _factor(group: GroupWithReps, name: str) -> Subgroup:
    """A subgroup of a factor by name; the whole factor by its own name."""
    return _whole(group) if name.strip() == group.name else group.subgroup(name)


def _whole(group: GroupWithReps) -> Subgroup:
    """A group as a subgroup of itself."""
    frame, source = Table(np.eye(group.dim)), f"{group!r}.subgroup({group.name!r})"
    return Subgroup(group, group, group.name, unchanged, unchanged, frame, expression=source)


def _sign_irreps(subgroup: Subgroup) -> list[str]:
    """The labels of the one-dimensional irreps with values ±1, without the trivial one."""
    group = subgroup.group
    labels = group.labels(int(group.order) if group.is_finite else 1)
    irreps = [Irrep(group, label) for label in labels]
    return [irrep.label for irrep in irreps if irrep.dim == 1 and not irrep.is_trivial]


def _make(parent: PairGroup, group: GroupWithReps, name: str, pattern: ProductPattern) -> Subgroup:
    return Subgroup(
        parent=parent,
        group=group,
        name=name,
        pattern=pattern,
        read=pattern.back,
        frame=Table(np.eye(parent.dim)),
        expression=f"{parent!r}.subgroup({name!r})",
    )


class ProductPattern(ABC):
    """A homomorphism into a product, and the way back.

    The pairs come from two subgroups with these names, none for the diagonal; the signs, if any, are the labels of the
    irreps of the two that agree on them.
    """

    names: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, h: Array) -> Array:
        """Where an element goes."""

    @abstractmethod
    def back(self, g: np.ndarray) -> np.ndarray:
        """The element that goes to g."""


@dataclass(frozen=True)
class _Pairs(ProductPattern):
    """(a, b) ↦ (a in G, b in H)."""

    parent: PairGroup
    group: PairGroup
    left: Subgroup
    right: Subgroup
    names: tuple[str, ...]
    signs: tuple[str, ...] = ()

    def __call__(self, h: Array) -> Array:
        a, b = self.group.factors(h)
        return self.parent.pair(self.left.place(a), self.right.place(b))

    def back(self, g: np.ndarray) -> np.ndarray:
        a, b = self.parent.factors(g)
        return np.asarray(self.group.pair(self.left.candidate(a), self.right.candidate(b)))


@dataclass(frozen=True)
class _Twin(ProductPattern):
    """g ↦ (g, g)."""

    parent: PairGroup

    def __call__(self, h: Array) -> Array:
        return self.parent.pair(h, h)

    def back(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(self.parent.factors(g)[0])


@dataclass(frozen=True)
class _Follower(ProductPattern):
    """b ↦ (1 or t, b): an element of order 2 of the other factor follows a sign of b."""

    parent: PairGroup
    leader: Subgroup
    sign: Irrep
    flip: Table
    first: bool
    """Whether the follower is in the first factor."""
    names: tuple[str, ...]
    signs: tuple[str, ...]

    def __call__(self, h: Array) -> Array:
        sign = self.sign.evaluate(h)
        flip, one = like(self.flip.array, h), like(np.eye(len(self.flip.array)), h)
        follower, leader = (one + flip) / 2 + sign * (one - flip) / 2, self.leader.place(h)
        return self.parent.pair(follower, leader) if self.first else self.parent.pair(leader, follower)

    def back(self, g: np.ndarray) -> np.ndarray:
        return self.leader.candidate(self.parent.factors(g)[1 if self.first else 0])


def _product(parent: PairGroup, left: Subgroup, right: Subgroup) -> Subgroup:
    group = _pairs(left, right)
    pattern = _Pairs(parent, group, left, right, (left.name, right.name))
    return _make(parent, group, f"{left.name}×{right.name}", pattern)


def _diagonal(parent: PairGroup) -> Subgroup:
    if parent.left != parent.right:
        raise LabelError(
            f"{parent} has no diagonal: its factors differ. Pairs that are tied together by a sign are called "
            "'A×B with a=b'."
        )
    return _make(parent, parent.left, "diagonal", _Twin(parent))


def _twisted(parent: PairGroup, left: Subgroup, right: Subgroup, signs: Signs) -> Subgroup:
    """The pairs (a, b) with χ(a) = ψ(b) for one-dimensional irreps with values ±1."""
    irreps = tuple(Irrep(H.group, label) for H, label in zip((left, right), signs, strict=True))
    for irrep in irreps:
        if irrep.dim != 1:
            raise ArgumentError(
                f"Pairs are twisted by one-dimensional irreps, but {irrep.label} of {irrep.group} has dimension "
                f"{irrep.dim}."
            )
    name = f"{left.name}×{right.name} with {irreps[0].label}={irreps[1].label}"
    names, signs = (left.name, right.name), (irreps[0].label, irreps[1].label)
    if left.group.order == 2 and not irreps[0].is_trivial:
        flip = Table(left.place(left.group.elements()[1]))
        pattern = _Follower(parent, right, irreps[1], flip, True, names, signs)
        return _make(parent, _with_reps(right.group), name, pattern)
    if right.group.order == 2 and not irreps[1].is_trivial:
        flip = Table(right.place(right.group.elements()[1]))
        pattern = _Follower(parent, left, irreps[0], flip, False, names, signs)
        return _make(parent, _with_reps(left.group), name, pattern)
    whole = _pairs(left, right)
    return _make(parent, _agreeing(whole, irreps, name), name, _Pairs(parent, whole, left, right, names, signs))


def _agreeing(whole: PairGroup, irreps: tuple[Irrep, ...], name: str) -> GroupWithReps:
    """The kernel of χ(a) ψ(b) in a product, by Schreier's generators of a subgroup of index 2."""

    def sign(g: np.ndarray) -> float:
        return float(np.prod([irrep.evaluate(h)[0, 0] for irrep, h in zip(irreps, whole.factors(g), strict=True)]))

    generators = list(whole.generators)
    outside = next((g for g in generators if sign(g) < 0), None)
    if outside is None:
        inside = generators
    else:
        inside = [g for g in generators if sign(g) > 0]
        inside += [outside @ g @ outside.T for g in inside]
        inside += [product for g in generators if sign(g) < 0 for product in (g @ outside.T, outside @ g)]
    lie = whole.lie_generators / np.sqrt(np.sum(whole.lie_generators**2, (-2, -1), keepdims=True))
    single = np.array([g for g in inside if np.abs(g - np.eye(whole.dim)).max() > 1e-9] or [np.eye(whole.dim)])
    return whole.of_matrices(f"({name})", lie, single)


def _pairs(left: Subgroup, right: Subgroup) -> PairGroup:
    """The product of the abstract groups of two subgroups."""
    return cast(PairGroup, _with_reps(left.group) * _with_reps(right.group))


def _with_reps(group: Group) -> GroupWithReps:
    if not isinstance(group, GroupWithReps):
        raise ArgumentError(f"A group of the catalogue was expected, but got {group!r}.")
    return group
