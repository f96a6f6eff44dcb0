"""SO(2), O(2), C_n and D_n: the groups of the plane.

Every irrep is a real subspace of ℂ on which a rotation by θ multiplies by e^{ikθ} and the mirror y → −y conjugates:
the whole plane for a frequency 0 < k < n/2, the real axis (label e, or no letter) or the imaginary axis (label o) else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog import class_symbols
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.class_symbols import Symbol
from intertwine.catalog.lattice import Rows, in_the_plane
from intertwine.catalog.notation import find
from intertwine.catalog.standard_frame import Vector
from intertwine.catalog.with_reps import no_irrep
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Group, Subgroup
from intertwine.groups.group import Seed, generator, orthogonality_residual
from intertwine.groups.rotations import plane_rotation
from intertwine.reps.clebsch_gordan import Axes, planar_coupling
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import circular_matrix, complex_power, determinant_2

PLANE: Axes = (1, 1j)
QUARTER_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
MIRROR = np.diag([1.0, -1.0])


def turns(n: int) -> np.ndarray:
    """The n rotations `(n, 2, 2)` by multiples of 2π/n; quarter turns are exact."""
    matrices = plane_rotation(2 * np.pi * np.arange(n) / n)
    near = np.round(matrices)
    return np.where(np.abs(matrices - near) < 1e-15, near, matrices)


@dataclass(frozen=True, repr=False)
class PlanarGroup(CatalogGroup):
    """SO(2), O(2), C_n or D_n: 2 × 2 orthogonal matrices.

    Irreps are labelled by frequencies: 0 (trivial), 1, 2, …, up to n/2. With mirrors those of dimension one come twice,
    as 0e (trivial) and 0o (the sign of the mirror), and for even n also as n/2 e and n/2 o.

    Args:
        rotations: how many rotations there are, None for all of them.
        mirrors: whether the mirror y → −y is in the group.
    """

    rotations: int | None
    mirrors: bool

    dim = 2

    @property
    def name(self) -> str:
        if self.rotations is None:
            return "O(2)" if self.mirrors else "SO(2)"
        return f"{'D' if self.mirrors else 'C'}{self.rotations}"

    @cached_property
    def order(self) -> int | float:
        return math.inf if self.rotations is None else self.rotations * (2 if self.mirrors else 1)

    @property
    def generators(self) -> np.ndarray:
        """The smallest rotation (one radian if there is none), then the mirror y → −y if there is one."""
        turn = plane_rotation(1.0)[None] if self.rotations is None else turns(self.rotations)[1:2]
        return np.concatenate([turn, MIRROR[None]]) if self.mirrors else turn

    @property
    def lie_generators(self) -> np.ndarray:
        return QUARTER_TURN[None].copy() if self.rotations is None else np.zeros((0, 2, 2))

    def elements(self) -> np.ndarray:
        """The rotations by multiples of 2π/n, then (for D_n) the same after the mirror y → −y."""
        if self.rotations is None:
            return super().elements()
        return self._with_mirrors(turns(self.rotations))

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        if self.rotations is not None:
            return super().sample(n, seed)
        rng = generator(seed)
        g = plane_rotation(rng.uniform(0, 2 * np.pi, n))
        return np.where(rng.integers(2, size=(n, 1, 1)) == 1, g @ MIRROR, g) if self.mirrors else g

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Equally spaced rotations, with mirrors if there are any: exact up to the degree."""
        g = self._with_mirrors(turns(self.rotations or degree + 1))
        return g, np.full(len(g), 1 / len(g))

    def _with_mirrors(self, g: np.ndarray) -> np.ndarray:
        return np.concatenate([g, g @ MIRROR]) if self.mirrors else g

    def _defect(self, g: np.ndarray) -> np.ndarray:
        """The defect of orthogonality, of the determinant (without mirrors) and of the angle (for C_n and D_n)."""
        defect = orthogonality_residual(g)
        if not self.mirrors:
            defect = np.maximum(defect, np.abs(determinant_2(g) - 1))
        if self.rotations is not None:
            step = 2 * np.pi / self.rotations
            angle = np.arctan2(g[..., 1, 0], g[..., 0, 0]) / step
            defect = np.maximum(defect, np.abs(angle - np.round(angle)) * step)
        return defect

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> tuple[int, Axes]:
        """Frequency and axes of a label."""
        if (found := _read(self.rotations, self.mirrors, str(label).strip())) is not None:
            return found
        raise no_irrep(self, label, 3)

    def labels(self, degree: int) -> tuple[str, ...]:
        """The irreps up to a frequency: 0 (or 0e 0o), 1, 2, …, and for even n the one or two of frequency n/2."""
        top = degree if self.rotations is None else min(degree, self.rotations // 2)
        names: list[str] = []
        for k in range(top + 1):
            split = self.mirrors and (k == 0 or 2 * k == self.rotations)
            names += [f"{k}e", f"{k}o"] if split else [str(k)]
        return tuple(names)

    def canonical_label(self, label: str) -> str:
        k, axes = self._parse(label)
        return f"{k}{'' if axes == PLANE or not self.mirrors else 'o' if axes == (1j,) else 'e'}"

    def label_key(self, label: str) -> tuple[int, ...]:
        k, axes = self._parse(label)
        return k, int(axes == (1j,))

    def irrep_degree(self, label: str) -> int:
        return self._parse(label)[0]

    def irrep_dim(self, label: str) -> int:
        return len(self._parse(label)[1])

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        """The identity, and without mirrors the quarter turn of a plane (complex type)."""
        axes = self._parse(label)[1]
        identity = np.eye(len(axes))[None]
        return np.concatenate([identity, QUARTER_TURN[None]]) if axes == PLANE and not self.mirrors else identity

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """R(kθ) diag(1, −1)^flip, or its entry on the real or imaginary axis."""
        out = {}
        for label in labels:
            k, axes = self._parse(label)
            if axes == PLANE:
                out[label] = circular_matrix(k, g, mirrors=self.mirrors)
            else:
                value, _ = complex_power(g[..., 0, 0], g[..., 1, 0], k)
                out[label] = (value * determinant_2(g) if axes == (1j,) else value)[..., None, None]
        return out

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        return planar_coupling(self._parse(a), self._parse(b), self._parse(c), self.rotations, self.mirrors)

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y)."""
        if self.rotations is None or self.rotations > 2:
            return self.rep("1x1")
        k = self.rotations - 1
        return self.rep(f"1x{k}e + 1x{k}o" if self.mirrors else f"2x{k}")

    # subgroups -------------------------------------------------------------------------------------------------------

    def subgroup(self, name: str | Group, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A closed subgroup of a planar group: SO(2), O(2), C_n or D_n, by name such as "C4" or "D4".

        Args:
            name: "SO(2)", "O(2)", "Cn" or "Dn" with a number for n (D1 is one mirror, C1 the trivial group).
            axis: not for planar groups, whose rotations all turn about the origin.
            mirror: for D_n and O(2), the line that the reference flip keeps: an angle in radians from the x axis, or a
                vector (x, y) along it. Default: the x axis, so that the reference flip is y → −y.

        Raises `LabelError` if there is no such subgroup, and `ArgumentError` for an axis, or for a mirror where there
        are none.

        >>> print(O2.subgroup("D4").describe().splitlines()[0])
        D4 is a subgroup of O(2) with 8 elements.
        """
        if axis is not None:
            raise ArgumentError(f"{self} turns the plane about the origin: its subgroups take mirror=…, not axis=….")
        group = self._inner_group(name)
        if mirror is not None and not group.mirrors:
            raise ArgumentError(f"{group} has no mirrors, but got mirror={mirror!r}. Leave it out, or name a D_n.")
        angle = _angle(mirror)
        frame = plane_rotation(angle) if angle else np.eye(2)
        if not np.all(self.contains(frame @ group.generators @ frame.T)):
            raise LabelError(f"{self} has no mirror line at {angle:.6g} rad for {name}. Pass the angle of one it has.")
        arguments = f", mirror={angle!r}" if angle else ""
        source = f"{self!r}.subgroup({group.name!r}{arguments})"
        return Subgroup(self, group, group.name, Table(frame), expression=source)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The subgroups, one of each conjugacy class, small ones first.

        Args:
            turns: of a continuous group the finite ones are listed up to this number of rotations.

        >>> [H.name for H in dihedral(4).subgroups()]
        ['C1', 'D1', 'D1', 'C2', 'D2', 'D2', 'C4', 'D4']
        """
        counts = [n for n in range(1, (self.rotations or turns) + 1) if (self.rotations or n) % n == 0]
        found = []
        for n in counts:
            found.append(self.subgroup(f"C{n}"))
            if self.mirrors:
                found.append(self.subgroup(f"D{n}"))
                if self.rotations is not None and self.rotations // n % 2 == 0:
                    found.append(self.subgroup(f"D{n}", mirror=math.pi / self.rotations))
        if self.rotations is None:
            found += [self.subgroup(name) for name in ("SO(2)", "O(2)")[: 1 + self.mirrors]]
        return tuple(found)

    def containment(self, subgroups: tuple[Subgroup, ...], turns: int) -> Rows:
        del turns
        return in_the_plane(subgroups)

    def class_symbols(self) -> list[Symbol]:
        return class_symbols.of_the_plane(self.table)

    def _inner_group(self, name: object) -> PlanarGroup:
        inner = parse_planar(find(name).plain)
        if inner is not None and self._has(inner):
            return inner
        letters = "'Cn' and 'Dn'" if self.mirrors else "'Cn'"
        if self.rotations is not None:
            known = f"{letters} where n divides {self.rotations}"
        else:
            wholes = "'SO(2)' and 'O(2)'" if self.mirrors else "'SO(2)'"
            known = f"{letters} with a number for n, {wholes}"
        raise LabelError(f"{self} has no subgroup called {name!r}. Known names are {known}.")

    def _has(self, inner: PlanarGroup) -> bool:
        """Whether a planar group lies in this one, for some direction of its mirrors."""
        if inner.mirrors and not self.mirrors:
            return False
        return self.rotations is None or (inner.rotations is not None and self.rotations % inner.rotations == 0)

    def __repr__(self) -> str:
        if self.rotations is None:
            return "tw.O2" if self.mirrors else "tw.SO2"
        return f"tw.{'dihedral' if self.mirrors else 'cyclic'}({self.rotations})"


SO2, O2 = PlanarGroup(None, False), PlanarGroup(None, True)


@cache
def cyclic(n: int) -> PlanarGroup:
    """The n rotations of the plane by multiples of 2π/n.

    >>> cyclic(8).labels(4)
    ('0', '1', '2', '3', '4')
    """
    return PlanarGroup(_whole(n, "cyclic"), False)


@cache
def dihedral(n: int) -> PlanarGroup:
    """The 2n rotations and mirrors of the regular n-gon.

    >>> dihedral(4).labels(2)
    ('0e', '0o', '1', '2e', '2o')
    """
    return PlanarGroup(_whole(n, "dihedral"), True)


def _whole(n: int, family: str) -> int:
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ArgumentError(f"A {family} group has a positive whole number of rotations, but got n = {n!r}.")
    return int(n)


@cache
def _read(rotations: int | None, mirrors: bool, label: str) -> tuple[int, Axes] | None:
    """Frequency and axes of an irrep of a planar group; None if the group has none with this label."""
    letter = label[-1:] if label[-1:] in ("e", "o") else ""
    number = label[: len(label) - len(letter)]
    if not number.isdecimal():
        return None
    k = int(number)
    single = k == 0 or 2 * k == rotations
    if (rotations is not None and 2 * k > rotations) or (letter != "") != (single and mirrors):
        return None
    return k, PLANE if not single else ((1j,) if letter == "o" else (1,))


@cache
def parse_planar(text: str) -> PlanarGroup | None:
    """The planar group that a plain name, SO2, O2, Cn or Dn, stands for; None if none."""
    if text in ("SO2", "O2"):
        return SO2 if text == "SO2" else O2
    if (match := re.fullmatch(r"([CD])([1-9]\d*)", text)) is not None:
        return (cyclic if match[1] == "C" else dihedral)(int(match[2]))
    return None


def _angle(mirror: Vector | float | None) -> float:
    """The angle of a mirror line given as an angle or as a vector."""
    if mirror is None:
        return 0.0
    direction = np.asarray(mirror, dtype=np.float64)
    if direction.ndim == 0 and np.isfinite(direction):
        return float(direction)
    if direction.shape != (2,) or not np.isfinite(direction).all() or not direction.any():
        raise ArgumentError(f"A mirror line is an angle or a nonzero vector (x, y), but got {mirror!r}.")
    return float(np.arctan2(direction[1], direction[0]))
