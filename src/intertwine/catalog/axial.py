"""The axial point groups: planar groups that act on space along with the height z."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from intertwine._arrays import Array
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.mulliken import axial_symbols
from intertwine.catalog.notation import family
from intertwine.catalog.planar import O2, SO2, PlanarGroup, cyclic, dihedral
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.subgroup_families import PLANAR, by_mirrors, lift, plane_part
from intertwine.catalog.with_reps import no_irrep
from intertwine.errors import LabelError
from intertwine.groups.group import Seed, generator
from intertwine.reps.rep import Rep


class _Irrep(NamedTuple):
    """An irrep of an axial group: its symbol, the planar irrep, whether s multiplies that, its degree and its place."""

    symbol: str
    inner: str
    odd: bool
    degree: int
    key: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class AxialGroup(PointGroup):
    """A point group with one main axis, z: the matrices diag(h, s) with h in a planar group and a sign s.

    Either the sign depends on h (C_n, C_nv, D_n, S_2n, D_nd), or it is free (C_nh, D_nh). Irreps are those of the
    planar group, times s or not where it is free. They have Mulliken's symbols; those of the continuous groups are
    named as in the plane, with g or u (even or odd under the inversion) appended for Cinfh and Dinfh; "Σ+", "Πu", "Δg"
    are read too.

    Args:
        schoenflies: the Schoenflies name.
        plane: what the elements do to x and y.
        height: the one-dimensional irrep of the planar group that the sign s is; None where it is free.
    """

    schoenflies: str
    plane: PlanarGroup
    height: str | None

    @property
    def name(self) -> str:
        """The Schoenflies name; "C4 in space", "D4 in space" for those that are names of planar groups too."""
        return f"{self.schoenflies} in space" if re.fullmatch(r"[CD]\d+", self.schoenflies) else self.schoenflies

    @property
    def inner(self) -> PlanarGroup:
        return self.plane

    def project(self, g: Array) -> Array:
        """What the elements do to x and y."""
        return plane_part(g)

    def sign(self, g: Array) -> Array:
        """What they do to z."""
        return g[..., 2:, 2:]

    @cached_property
    def order(self) -> int | float:
        return self.plane.order * (2 if self.height is None else 1)

    def titled(self, title: str) -> AxialGroup | None:
        return axial_group(title)

    @property
    def abstract(self) -> CatalogGroup:
        """The planar group, for C_n, C_nv and D_n."""
        return self.plane if family(self.schoenflies)[0] in PLANAR else self

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
        h = plane_part(g)
        near = self._lift(h)
        if self.height is None:
            near[..., 2, 2] *= np.sign(g[..., 2, 2])
        return np.asarray(np.maximum(np.abs(g - near).max((-1, -2)), self.plane.residual(h)))

    # irreps ----------------------------------------------------------------------------------------------------------

    @cached_property
    def _listed(self) -> dict[str, _Irrep]:
        """The irreps of a finite group by their symbols, sorted."""
        return {irrep.symbol: irrep for irrep in self._sorted(int(self.plane.order))}

    def _sorted(self, frequency: int) -> list[_Irrep]:
        """The irreps whose planar irreps have at most a frequency, sorted."""
        signs = (False, True)[: 1 + (self.height is None)]
        found = [self._irrep(inner, odd) for inner in self.plane.labels(frequency) for odd in signs]
        return sorted(found, key=lambda irrep: irrep.key)

    @property
    def planar_symbols(self) -> dict[str, str]:
        """The symbol of each irrep of a finite C_n, C_nv or D_n by the label that it has in the planar group."""
        symbols = {irrep.inner: irrep.symbol for irrep in self._listed.values() if not irrep.odd}
        return {inner: symbols[inner] for inner in self.plane.labels(int(self.plane.order))}

    def _irrep(self, inner: str, odd: bool) -> _Irrep:
        """The planar irrep, times s or not."""
        frequency = degree = self.plane.irrep_degree(inner)
        if not self.is_finite:
            symbol = inner if self.height is not None else inner + "gu"[(frequency + odd) % 2]
        else:
            symbol = axial_symbols(self.schoenflies, self.plane)[inner, odd]
        if self.height is not None and self.plane.irrep_degree(self.height) > 0:
            degree = min(degree, self._times_height[inner] + 1)
        key = (degree, *self.plane.label_key(inner), int(symbol.endswith(("u", "''"))))
        return _Irrep(symbol, inner, odd, degree, key)

    @cached_property
    def _times_height(self) -> dict[str, int]:
        """The frequency of each planar irrep times the sign of z, for S_2n and D_nd."""
        labels = self.plane.labels(int(self.plane.order))
        pairs = [(a, b) for a in labels for b in labels if len(self.plane.coupling(a, self.height or "", b))]
        return {a: self.plane.irrep_degree(b) for a, b in pairs}

    def _read(self, label: str) -> _Irrep:
        """The irrep of a label; raises `LabelError` if there is none."""
        text = str(label).strip().replace("′", "'").replace("″", "''").replace('"', "''")
        if self.is_finite:
            if text in self._listed:
                return self._listed[text]
        else:
            text = _greek(text)
            cut = text[:-1] if self.height is None and text[-1:] in ("g", "u") else text
            if (cut != text) == (self.height is None):
                with suppress(LabelError):
                    inner = self.plane.canonical_label(cut)
                    odd = self.height is None and (self.plane.irrep_degree(inner) + (text[-1] == "u")) % 2 == 1
                    return self._irrep(inner, odd)
        raise no_irrep(self, label, int(self.order) if self.is_finite else 2)

    def _parse(self, label: str) -> tuple[str, bool]:
        """The planar label, and whether s multiplies."""
        irrep = self._read(label)
        return irrep.inner, irrep.odd

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a degree: even under the inversion (or the mirror z → −z) before odd."""
        irreps = self._listed.values() if self.is_finite else self._sorted(degree)
        return tuple(irrep.symbol for irrep in irreps if irrep.degree <= degree)

    def irrep_degree(self, label: str) -> int:
        """The frequency, or one more than that of the irrep times z: the degree of a polynomial of x, y, z."""
        return self._read(label).degree

    def canonical_label(self, label: str) -> str:
        return self._read(label).symbol

    def label_key(self, label: str) -> tuple[int, ...]:
        """The degree, then the planar key, then g before u, one prime before two."""
        return self._read(label).key

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        plane = [f"{m}x{self._irrep(block.name, False).symbol}" for m, block in self.plane.defining.terms]
        height = self._irrep(self.height or self.plane.trivial, self.height is None).symbol
        return self.rep(" + ".join([*plane, f"1x{height}"]))


def _greek(text: str) -> str:
    """A spectroscopist's symbol as a label: "Σ+" is 0e, "Σu−" is 0ou, "Πg" is 1g, "Δ" is 2."""
    order = "ΣΠΔΦΓ".find(text[:1])
    if order < 0 or not text:
        return text
    parity = "".join(letter for letter in text[1:] if letter in "gu")
    flip = {"+": "e", "-": "o", "−": "o"}.get(text[-1], "") if order == 0 else ""
    return f"{order}{flip}{parity}"


@cache
def axial_group(title: str) -> AxialGroup | None:
    """The axial group of a standard Schoenflies name; None for other names."""
    letters, n = family(title)
    turns = cyclic(n) if n else SO2
    flips = dihedral(n) if n else O2
    match letters:
        case "C":
            return AxialGroup(title, turns, "0")
        case "Cv":
            return AxialGroup(title, flips, "0e")
        case "Ch":
            return AxialGroup(title, turns, None)
        case "D":
            return AxialGroup(title, flips, "0o")
        case "Dh":
            return AxialGroup(title, flips, None)
        case "Dd":
            return AxialGroup(title, dihedral(2 * n), f"{n}o")
        case "S":
            return AxialGroup(title, cyclic(n), str(n // 2))
    return None
