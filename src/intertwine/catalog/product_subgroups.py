"""Subgroups of direct products: products of subgroups, twisted products, and the diagonal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from intertwine._arrays import Array, Table, like
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.finite_subgroups import listed_subgroups
from intertwine.catalog.matrix import MatrixGroup
from intertwine.catalog.product import DirectProduct
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Subgroup
from intertwine.reps.irrep import Irrep

Signs = tuple[str, str]
"""A label of the first group and one of the second: one-dimensional irreps that must agree."""


def product_subgroup(parent: DirectProduct, name: object) -> Subgroup:
    """The subgroup of a product that a name stands for: see `DirectProduct.subgroup`."""
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


def product_subgroups(parent: DirectProduct, turns: int) -> tuple[Subgroup, ...]:
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


def _factor(group: CatalogGroup, name: str) -> Subgroup:
    """A subgroup of a factor by name; the whole factor by its own name."""
    return _whole(group) if name.strip() == group.name else group.subgroup(name)


def _whole(group: CatalogGroup) -> Subgroup:
    """A group as a subgroup of itself."""
    frame, source = Table(np.eye(group.dim)), f"{group!r}.subgroup({group.name!r})"
    return Subgroup(group, group, group.name, _same, _same, frame, expression=source)


def _same(g: Array) -> Array:
    return g


def _sign_irreps(subgroup: Subgroup) -> list[str]:
    """The labels of the one-dimensional irreps with values ±1, without the trivial one."""
    group = subgroup.group
    labels = group.labels(int(group.order) if group.is_finite else 1)
    irreps = [Irrep(group, label) for label in labels]
    return [irrep.label for irrep in irreps if irrep.dim == 1 and not irrep.is_trivial]


def _make(parent: DirectProduct, group: CatalogGroup, name: str, pattern: _Pattern, words: str) -> Subgroup:
    sentence = f"{name} is a subgroup of {parent}, a copy of {group}: {words}."
    return Subgroup(
        parent=parent,
        group=group,
        name=name,
        pattern=pattern,
        read=pattern.back,
        frame=Table(np.eye(parent.dim)),
        words=_Sentence(sentence),
        expression=f"{parent!r}.subgroup({name!r})",
    )


@dataclass(frozen=True)
class _Sentence:
    """One sentence that a subgroup says of itself."""

    text: str

    def __call__(self, _: Subgroup) -> tuple[str, ...]:
        return (self.text,)


class _Pattern(ABC):
    """A homomorphism into a product, and the way back."""

    @abstractmethod
    def __call__(self, h: Array) -> Array:
        """Where an element goes."""

    @abstractmethod
    def back(self, g: np.ndarray) -> np.ndarray:
        """The element that goes to g."""


@dataclass(frozen=True)
class _Pairs(_Pattern):
    """(a, b) ↦ (a in G, b in H)."""

    parent: DirectProduct
    group: DirectProduct
    left: Subgroup
    right: Subgroup

    def __call__(self, h: Array) -> Array:
        a, b = self.group.factors(h)
        return self.parent.pair(self.left.place(a), self.right.place(b))

    def back(self, g: np.ndarray) -> np.ndarray:
        a, b = self.parent.factors(g)
        return np.asarray(self.group.pair(self.left.candidate(a), self.right.candidate(b)))


@dataclass(frozen=True)
class _Twin(_Pattern):
    """g ↦ (g, g)."""

    parent: DirectProduct

    def __call__(self, h: Array) -> Array:
        return self.parent.pair(h, h)

    def back(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(self.parent.factors(g)[0])


@dataclass(frozen=True)
class _Follower(_Pattern):
    """b ↦ (1 or t, b): an element of order 2 of the other factor follows a sign of b."""

    parent: DirectProduct
    leader: Subgroup
    sign: Irrep
    flip: Table
    first: bool
    """Whether the follower is in the first factor."""

    def __call__(self, h: Array) -> Array:
        sign = self.sign.evaluate(h)
        flip, one = like(self.flip.array, h), like(np.eye(len(self.flip.array)), h)
        follower, leader = (one + flip) / 2 + sign * (one - flip) / 2, self.leader.place(h)
        return self.parent.pair(follower, leader) if self.first else self.parent.pair(leader, follower)

    def back(self, g: np.ndarray) -> np.ndarray:
        return self.leader.candidate(self.parent.factors(g)[1 if self.first else 0])


def _product(parent: DirectProduct, left: Subgroup, right: Subgroup) -> Subgroup:
    group = DirectProduct(_catalogue(left.group), _catalogue(right.group))
    words = f"the pairs of an element of {left.name} and one of {right.name}"
    return _make(parent, group, f"{left.name}×{right.name}", _Pairs(parent, group, left, right), words)


def _diagonal(parent: DirectProduct) -> Subgroup:
    if parent.left != parent.right:
        raise LabelError(
            f"{parent} has no diagonal: its factors differ. Pairs that are tied together by a sign are called "
            "'A×B with a=b'."
        )
    return _make(parent, parent.left, "diagonal", _Twin(parent), "the pairs of an element and itself")


def _twisted(parent: DirectProduct, left: Subgroup, right: Subgroup, signs: Signs) -> Subgroup:
    """The pairs (a, b) with χ(a) = ψ(b) for one-dimensional irreps with values ±1."""
    irreps = tuple(Irrep(H.group, label) for H, label in zip((left, right), signs, strict=True))
    for irrep in irreps:
        if irrep.dim != 1:
            raise ArgumentError(
                f"Pairs are twisted by one-dimensional irreps, but {irrep.label} of {irrep.group} has dimension "
                f"{irrep.dim}."
            )
    name = f"{left.name}×{right.name} with {irreps[0].label}={irreps[1].label}"
    words = (
        f"the pairs (a, b) in {left.name}×{right.name} on which {irreps[0].label} of a equals {irreps[1].label} of b"
    )
    if left.group.order == 2 and not irreps[0].is_trivial:
        flip = Table(left.embed(left.group.elements()[1]))
        pattern = _Follower(parent, right, irreps[1], flip, first=True)
        return _make(parent, _catalogue(right.group), name, pattern, words)
    if right.group.order == 2 and not irreps[1].is_trivial:
        flip = Table(right.embed(right.group.elements()[1]))
        pattern = _Follower(parent, left, irreps[0], flip, first=False)
        return _make(parent, _catalogue(left.group), name, pattern, words)
    whole = DirectProduct(_catalogue(left.group), _catalogue(right.group))
    group = _agreeing(whole, irreps, name)
    return _make(parent, group, name, _Pairs(parent, whole, left, right), words)


def _agreeing(whole: DirectProduct, irreps: tuple[Irrep, ...], name: str) -> MatrixGroup:
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
    lie = Table(whole.lie_generators / np.sqrt(np.sum(whole.lie_generators**2, (-2, -1), keepdims=True)))
    single = Table(np.array([g for g in inside if np.abs(g - np.eye(whole.dim)).max() > 1e-9] or [np.eye(whole.dim)]))
    arguments = f"lie={lie.array.tolist()}, " * (len(lie.array) > 0) + f"discrete={single.array.tolist()}"
    return MatrixGroup(f"({name})", lie, single, (), f"tw.matrix_group({arguments}, name={'(' + name + ')'!r})")


def _catalogue(group: object) -> CatalogGroup:
    if not isinstance(group, CatalogGroup):
        raise ArgumentError(f"A group of the catalogue was expected, but {group!r} came.")
    return group
