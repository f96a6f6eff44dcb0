"""The axial point groups: planar groups that act on space along with the height z."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine._arrays import Array, namespace
from intertwine.catalog.mulliken import axial_symbols
from intertwine.catalog.parity import SignedGroup
from intertwine.catalog.planar import PlanarGroup
from intertwine.errors import LabelError
from intertwine.groups.group import Seed, generator
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import determinant_2


def by_mirrors(h: Array) -> Array:
    """2 × 2 elements as maps of space that keep z: mirrors of the plane become mirrors that contain z."""
    return lift(h, namespace(h).ones_like(h[..., 0, 0]))


def by_rotations(h: Array) -> Array:
    """2 × 2 elements as rotations of space about z: mirrors of the plane become half-turns, `diag(h, det h)`."""
    return lift(h, determinant_2(h))


def lift(h: Array, last: Array) -> Array:
    """The 3 × 3 matrices `diag(h, last)` of 2 × 2 matrices `(..., 2, 2)` and numbers `(...)`."""
    xp = namespace(h)
    side = xp.zeros_like(h[..., :1])
    top = xp.concatenate([h, side], -1)
    bottom = xp.concatenate([side.swapaxes(-1, -2), last[..., None, None]], -1)
    return xp.concatenate([top, bottom], -2)


def plane_part(g: Array) -> Array:
    """What 3 × 3 elements do to x and y."""
    return g[..., :2, :2]


@dataclass(frozen=True, repr=False)
class AxialGroup(SignedGroup):
    """A point group with one main axis, z: the matrices diag(h, s) with h in a planar group and a sign s.

    Either the sign depends on h (C_n, C_nv, D_n, S_2n, D_nd), or it is free (C_nh, D_nh). Irreps are those of the
    planar group, times s or not where it is free. They have Mulliken's symbols; those of the continuous groups are
    named as in the plane, with g or u (even or odd under the inversion) appended for Cinfh and Dinfh; "Σ+", "Πu", "Δg"
    are read too.

    Args:
        title: the Schoenflies name.
        plane: what the elements do to x and y.
        height: the one-dimensional irrep of the planar group that the sign s is; None where it is free.
    """

    title: str
    plane: PlanarGroup
    height: str | None

    @property
    def name(self) -> str:
        """The Schoenflies name; "C4 in space", "D4 in space" for those that are names of planar groups too."""
        return f"{self.title} in space" if re.fullmatch(r"[CD]\d+", self.title) else self.title

    @property
    def inner(self) -> PlanarGroup:
        """The planar group."""
        return self.plane

    def project(self, g: Array) -> Array:
        """What the elements do to x and y."""
        return plane_part(g)

    def sign(self, g: Array) -> Array:
        """What they do to z."""
        return g[..., 2:, 2:]

    @property
    def schoenflies(self) -> str:
        """The Schoenflies name."""
        return self.title

    @property
    def order(self) -> int | float:
        """The number of elements."""
        return self.plane.order * (2 if self.height is None else 1)

    def _lift(self, h: np.ndarray) -> np.ndarray:
        """The elements above planar elements, those with s = 1 if s is free."""
        if self.height is None:
            return np.asarray(by_mirrors(h))
        return np.asarray(lift(h, np.sign(self.plane.irrep_matrices((self.height,), h)[self.height][..., 0, 0])))

    def _both(self, g: np.ndarray) -> np.ndarray:
        """The elements, then, if s is free, their products with the mirror z → −z."""
        return np.concatenate([g, g * [1, 1, -1]]) if self.height is None else g

    @property
    def generators(self) -> np.ndarray:
        """Those of the planar group, and the mirror z → −z if s is free."""
        g = self._lift(self.plane.generators)
        return np.concatenate([g, np.diag([1.0, 1.0, -1.0])[None]]) if self.height is None else g

    @property
    def lie_generators(self) -> np.ndarray:
        """The infinitesimal rotation about z, where there is one."""
        flat = self.plane.lie_generators
        return np.asarray(lift(flat, np.zeros(len(flat))))

    def elements(self) -> np.ndarray:
        """The elements above those of the planar group, then, if s is free, the same times the mirror z → −z."""
        return self._both(self._lift(self.plane.elements()))

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        """n random elements `(n, 3, 3)`, uniform in the Haar measure.

        The same elements on each call: pass a seed (an integer or a numpy generator) to get others.
        """
        rng = generator(seed)
        g = self._lift(self.plane.sample(n, rng))
        if self.height is None:
            g[..., 2, 2] *= rng.choice([-1.0, 1.0], size=n)
        return g

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """The quadrature of the planar group, with both signs if s is free."""
        g = self._both(self._lift(self.plane.quadrature(degree)[0]))
        return g, np.full(len(g), 1 / len(g))

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The distance to diag(h, s) for the planar part h."""
        h = plane_part(g)
        near = self._lift(h)
        if self.height is None:
            near[..., 2, 2] *= np.sign(g[..., 2, 2])
        return np.maximum(np.abs(g - near).max((-1, -2)), self.plane.residual(h))

    # irreps ----------------------------------------------------------------------------------------------------------

    @cached_property
    def _symbols(self) -> dict[str, tuple[str, bool]]:
        """For each label of a finite group the planar label, and whether s multiplies."""
        found: dict[str, tuple[str, bool]] = {}
        for inner in self.plane.labels(int(self.plane.order)):
            for odd in (False, True)[: 1 + (self.height is None)]:
                found[self._symbol(inner, odd)] = (inner, odd)
        return found

    @property
    def planar_symbols(self) -> dict[str, str]:
        """The symbol of each irrep of a finite C_n, C_nv or D_n by the label that it has in the planar group."""
        return {inner: symbol for symbol, (inner, odd) in self._symbols.items() if not odd}

    def _symbol(self, inner: str, odd: bool) -> str:
        if not self.is_finite:
            if self.height is not None:
                return inner
            return inner + "gu"[(self.plane.irrep_degree(inner) + odd) % 2]
        return axial_symbols(self.title, self.plane)[inner, odd]

    def _parse(self, label: str) -> tuple[str, bool]:
        """The planar label, and whether s multiplies."""
        text = str(label).strip().replace("′", "'").replace("″", "''").replace('"', "''")
        if self.is_finite and text in self._symbols:
            return self._symbols[text]
        if not self.is_finite:
            text = _greek(text)
            cut = text[:-1] if self.height is None and text[-1:] in ("g", "u") else text
            try:
                inner = self.plane.canonical_label(cut)
                if self.height is not None:
                    return inner, False
                if cut != text:
                    return inner, (self.plane.irrep_degree(inner) + (text[-1] == "u")) % 2 == 1
            except LabelError:
                pass
        shown = ", ".join(self.labels(2 if not self.is_finite else int(self.order)))
        raise LabelError(f"{self} has no irrep {label!r}. Its labels are {shown}{'' if self.is_finite else ', …'}.")

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree: even under the inversion (or the mirror z → −z) before odd."""
        signs = (False, True)[: 1 + (self.height is None)]
        top = int(self.plane.order) if self.is_finite else degree
        found = [self._symbol(inner, odd) for inner in self.plane.labels(top) for odd in signs]
        return tuple(sorted((x for x in found if self.irrep_degree(x) <= degree), key=self.label_key))

    def irrep_degree(self, label: str) -> int:
        """The frequency, or one more than that of the irrep times z: the degree of a polynomial of x, y, z."""
        inner = self._parse(label)[0]
        degree = self.plane.irrep_degree(inner)
        if self.height is None or self.plane.irrep_degree(self.height) == 0:
            return degree
        return min(degree, self._times_height[inner] + 1)

    @cached_property
    def _times_height(self) -> dict[str, int]:
        """The frequency of each planar irrep times the sign of z, for S_2n and D_nd."""
        labels = self.plane.labels(int(self.plane.order))
        pairs = [(a, b) for a in labels for b in labels if len(self.plane.coupling(a, self.height or "", b))]
        return {a: self.plane.irrep_degree(b) for a, b in pairs}

    def canonical_label(self, label: str) -> str:
        """The label in its standard spelling; raises `LabelError` if there is no such irrep."""
        return self._symbol(*self._parse(label))

    def label_key(self, label: str) -> tuple[int, ...]:
        """The degree, then the planar key, then g before u, one prime before two."""
        inner, odd = self._parse(label)
        symbol = self._symbol(inner, odd)
        return (self.irrep_degree(label), *self.plane.label_key(inner), int(symbol.endswith(("u", "''"))))

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        plane = [f"{m}x{self._symbol(block.name, False)}" for m, block in self.plane.defining.terms]
        trivial = self.plane.trivial
        height = self._symbol(trivial, True) if self.height is None else self._symbol(self.height, False)
        return self.rep(" + ".join([*plane, f"1x{height}"]))


def _greek(text: str) -> str:
    """A spectroscopist's symbol as a label: "Σ+" is 0e, "Σu−" is 0ou, "Πg" is 1g, "Δ" is 2."""
    order = "ΣΠΔΦΓ".find(text[:1])
    if order < 0 or not text:
        return text
    parity = "".join(letter for letter in text[1:] if letter in "gu")
    flip = {"+": "e", "-": "o", "−": "o"}.get(text[-1], "") if order == 0 else ""
    return f"{order}{flip}{parity}"
