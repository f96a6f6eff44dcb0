"""A subgroup: an abstract group, the group it lies in, and the embedding between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from intertwine._arrays import Array, Table, as_array, like, to_numpy
from intertwine.errors import ElementError, RepMismatchError
from intertwine.groups.group import Group, membership_tolerance

Pattern = Callable[[Array], Array]
"""A homomorphism from h-matrices to g-matrices in the standard setting (main axis z, reference direction x), or a
function that takes these back to h."""


def unchanged(h: Array) -> Array:
    """Elements as they are."""
    return h


@dataclass(frozen=True, repr=False)
class Subgroup:
    """A closed subgroup of a compact group, with axes and words.

    The embedding is `h ↦ A e(h) Aᵀ`: a standard pattern e, turned by the orthogonal frame A whose columns say where the
    pattern's x, y (and z) directions lie in the parent's space.

    Args:
        parent: the group G that it lies in.
        group: the abstract group H, whose elements are H's own defining matrices.
        name: its name inside the parent; a Schoenflies name in three dimensions.
        frame: the orthogonal matrix A.
        pattern: the homomorphism e from H's matrices to G's matrices in the standard setting. Default: h itself.
        read: takes e(h) back to h; what it makes of other matrices does not matter.
        expression: Python that evaluates to it, with intertwine imported as tw.

    >>> import numpy as np
    >>> from intertwine.catalog import O3
    >>> cone = O3.subgroup("Cinfv")
    >>> cone.embed(np.diag([1.0, -1.0]))  # the flip of O(2) becomes the mirror y → −y
    array([[ 1.,  0.,  0.],
           [ 0., -1.,  0.],
           [ 0.,  0.,  1.]])
    """

    parent: Group
    group: Group
    name: str
    frame: Table
    pattern: Pattern = unchanged
    read: Pattern = field(default=unchanged, compare=False)
    expression: str = field(default="", compare=False)

    def embed(self, h: Array) -> Array:
        """The elements `(..., n, n)` of the parent that elements `(..., k, k)` of the abstract group stand for."""
        return self.place(self.group.require(h))

    def place(self, h: Array) -> Array:
        """`embed` without the check that h is in the group."""
        inside = self.pattern(h)
        frame = like(self.frame.array, inside)
        return frame @ inside @ frame.swapaxes(-1, -2)

    def contains(self, g: Array, tolerance: float | None = None) -> np.ndarray:
        """Whether elements `(..., n, n)` of the parent lie in the subgroup, up to a tolerance.

        The default tolerance is that of `Group.contains`. Raises `ElementError` for arrays of another shape.

        >>> from intertwine.catalog import O3
        >>> mirror = np.diag([1, -1, 1])
        >>> bool(O3.subgroup("Cinfv").contains(mirror)), bool(O3.subgroup("Dinf").contains(mirror))
        (True, False)
        """
        g = as_array(g)
        bound = membership_tolerance(g) if tolerance is None else tolerance
        inside, g = self.parent.contains(g, bound), to_numpy(g)
        g = np.where(inside[..., None, None], g, np.eye(self.parent.dim))  # nothing to overflow on
        h = self.candidate(g)
        distance = np.abs(self.place(h) - g).max((-1, -2))
        return np.asarray(inside & self.group.contains(h, bound) & (distance <= bound))

    def candidate(self, g: np.ndarray) -> np.ndarray:
        """The h `(..., k, k)` that `embed` takes to g, for elements g `(..., n, n)` of the subgroup.

        What it makes of other elements does not matter: ask `contains` first.
        """
        return np.asarray(self.read(self.frame.array.T @ g @ self.frame.array))

    def within(self, parent: Subgroup) -> Subgroup:
        """This subgroup of H seen as a subgroup of the group G that H = `parent.group` lies in.

        `rep.restrict(parent).restrict(inner)` acts by the same matrices as `rep.restrict(inner.within(parent))`.
        Raises `RepMismatchError` when `parent` does not embed the group that this is a subgroup of.
        """
        if parent.group != self.parent:
            raise RepMismatchError(
                f"{self.name} is a subgroup of {self.parent}, but the embedding given is one of {parent.group}. "
                f"Pass a Subgroup whose group is {self.parent}."
            )
        outer, inner = parent, self
        pattern = Composition(inner, outer)
        return Subgroup(
            parent=outer.parent,
            group=inner.group,
            name=f"{inner.name} in {outer.name}",
            frame=outer.frame,
            pattern=pattern,
            read=pattern.back,
            expression=f"{inner!r}.within({outer!r})",
        )

    def compose(self, inner: Subgroup) -> Subgroup:
        """A subgroup of this subgroup's group, as a subgroup of the parent: `inner.within(self)`.

        Raises `RepMismatchError` when `inner` is no subgroup of `self.group`.

        >>> from intertwine.catalog import O2, O3
        >>> str(O3.subgroup("Cinfv").compose(O2.subgroup("D4")))
        'D4 in Cinfv in O(3)'
        """
        return inner.within(self)

    def conjugate(self, g: Array) -> Subgroup:
        """The subgroup g H g⁻¹: the same group, moved by an element g `(n, n)` of the parent.

        Raises `ElementError` if g is not in the parent.

        >>> from intertwine.catalog import O3
        >>> x_to_z = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
        >>> moved = O3.subgroup("Cinfv", axis=(1, 0, 0)).conjugate(x_to_z)
        >>> bool(O3.subgroup("Cinfv").contains(moved.embed(np.diag([1.0, -1.0]))))
        True
        """
        g = to_numpy(self.parent.require(g))
        if g.ndim != 2:
            raise ElementError(
                f"A subgroup is moved by one element, a matrix ({self.parent.dim}, {self.parent.dim}), but got an "
                f"array of shape {g.shape}."
            )
        frame = Table(g @ self.frame.array)
        return replace(self, frame=frame, expression=f"{self!r}.conjugate({g.tolist()})")

    def describe(self) -> str:
        """The subgroup in plain words: what it is, how it sits in the parent, what it does to the coordinates.

        >>> from intertwine.catalog import O3
        >>> print(O3.subgroup("Dinf").describe().splitlines()[0])
        Dinf is a copy of O(2) inside O(3): the symmetry of a twisted cylinder.
        """
        # Sentences are a room of their own, far above; a method is where users look for them.
        from intertwine.symmetry.words.subgroups import describe

        return "\n".join(describe(self))

    def __repr__(self) -> str:
        return self.expression or f"<Subgroup {self}>"

    def __str__(self) -> str:
        return f"{self.name} in {self.parent}"


@dataclass(frozen=True)
class Composition:
    """The pattern of a subgroup of a subgroup, before the outer frame is applied."""

    inner: Subgroup
    outer: Subgroup

    def __call__(self, h: Array) -> Array:
        """Where an element goes."""
        return self.outer.pattern(self.inner.place(h))

    def back(self, g: np.ndarray) -> np.ndarray:
        """The element that goes to g."""
        return self.inner.candidate(self.outer.read(g))
