"""From elements that leave an input nearly as it is to a group of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np

from intertwine.symmetry.inputs.tolerances import ROUND

_MOST = 4000  # more elements than any finite symmetry that people ask about: where a search for products stops

Product = Callable[[int, int], int | None]
"""The number of the product of two numbered elements; None if it does not leave the input as it is."""


def growing_groups(
    least: Sequence[float],
    residuals: Sequence[float],
    product: Product,
    tolerance: float,
    identity: int = 0,
    most: int = _MOST,
) -> list[tuple[float, list[int]]]:
    """The groups that elements make at growing tolerances, up to a given one: each holds the one before.

    A group counts from the tolerance on within which its generators are; other elements, being their products, may be
    off by twice as much. At each tolerance it is made as large as it can be without losing elements. So what is found
    at one tolerance is found at every larger one, and does not depend on how far the search goes.

    Args:
        least: the tolerance from which on each numbered element counts.
        residuals: how far each leaves the input from where it was, where it is a product.
        product: how they multiply; it may number more elements, and append to both.
        tolerance: the largest.
        identity: the number of the identity.
        most: larger groups are not looked for.

    Returns the tolerances from which on groups count, with the numbers of their elements.
    """
    queue = [(residual, i) for i, residual in enumerate(least) if residual <= tolerance]
    heapq.heapify(queue)
    members, generators = [identity], list[int]()
    groups, known = [(0.0, members)], {identity}
    while queue:
        now, seed = heapq.heappop(queue)
        if seed in known:
            continue
        found = _generated(members, [*generators, seed], product, most, lambda i: residuals[i] <= 2 * tolerance)
        if found is None:
            continue
        if (later := max(map(residuals.__getitem__, found)) / 2) > now:
            heapq.heappush(queue, (later, seed))
            continue
        members, known, generators = found, set(found), [*generators, seed]
        groups.append((now, found))
    return groups


def _generated(
    group: Sequence[int], generators: list[int], product: Product, most: int, near: Callable[[int], bool]
) -> list[int] | None:
    """A group with more generators, coset by coset (Dimino); None if one of its elements is no symmetry.

    Elements are numbers, those of the group with the identity first; `near` says which are symmetries.
    """
    found, first = list(group), list(group[:1])
    known = set(found)
    for element in first:  # of each coset; grows while it runs
        for generator in generators:
            image = product(element, generator)
            if image in known:
                continue
            if image is None or len(found) > most:
                return None
            first.append(image)
            for member in group:
                if (other := product(member, image)) is None or not near(other):
                    return None
                if other not in known:
                    known.add(other)
                    found.append(other)
    return found


def largest_among(elements: np.ndarray, residuals: np.ndarray, tolerance: float) -> np.ndarray:
    """The places of the elements of the largest group that leaves an input as it is, in a finite group.

    Args:
        elements: all elements `(h, n, n)` of the finite group, exact up to rounding.
        residuals: how far each is from leaving the input as it is, `(h,)`.
        tolerance: the residual up to which elements count, and their products up to twice of it.
    """
    flat = elements.reshape(len(elements), -1)

    def product(i: int, j: int) -> int:
        return int(np.argmin(np.abs(flat - (elements[i] @ elements[j]).reshape(-1)).max(1)))

    off = np.where(residuals <= ROUND * tolerance, 0.0, residuals).tolist()
    identity = int(np.argmax(np.trace(elements, axis1=-2, axis2=-1)))
    *_, (_, members) = growing_groups(off, off, product, tolerance, identity)
    return np.sort(members)
