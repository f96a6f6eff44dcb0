"""SO(3) and O(3): the rotations of space, and all its orthogonal maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from intertwine._arrays import Array
from intertwine.catalog.lattice import Rows
from intertwine.catalog.notation import find, is_proper
from intertwine.catalog.point_subgroups import GroupInSpace, family_names
from intertwine.catalog.polyhedral import find_point_group
from intertwine.errors import LabelError
from intertwine.groups import Subgroup
from intertwine.groups.grids import rotation_grid
from intertwine.groups.group import Seed, generator, orthogonality_residual
from intertwine.groups.rotations import TURNS, axis_rotation, random_rotations
from intertwine.reps.clebsch_gordan import wigner_3j
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import determinant_3, wigner_matrices


@cache
def rotation_quadrature(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations `(q, 3, 3)` and weights `(q,)` that average polynomials of a degree exactly.

    R = R_z(α) R_y(β) R_z(γ) with equally spaced α, γ and Gauss–Legendre nodes in cos β.
    """
    grid = rotation_grid("gauss", degree)
    return grid.points, grid.weights


class SpatialGroup(GroupInSpace, ABC):
    """What SO(3) and O(3) share."""

    @abstractmethod
    def _parse(self, label: str) -> tuple[int, int]:
        """Degree, and the sign p of the extra determinant: D(g) = D_l(g) for 0 and det(g) D_l(g) for 1."""

    @property
    def generators(self) -> np.ndarray:
        """Rotations by one radian about z and x, which generate a dense subgroup of SO(3)."""
        return np.stack([axis_rotation(2, 1.0), axis_rotation(0, 1.0)])

    @property
    def lie_generators(self) -> np.ndarray:
        return TURNS.copy()

    def canonical_label(self, label: str) -> str:
        return self._spell(*self._parse(label))

    def _spell(self, degree: int, _unnatural: int) -> str:
        return str(degree)

    def label_key(self, label: str) -> tuple[int, ...]:
        return self._parse(label)

    def irrep_degree(self, label: str) -> int:
        return self._parse(label)[0]

    def irrep_dim(self, label: str) -> int:
        return 2 * self._parse(label)[0] + 1

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        """D_l(g), times det g for the unnatural parity."""
        parsed = {label: self._parse(label) for label in labels}
        matrices = wigner_matrices(tuple(degree for degree, _ in parsed.values()), g)
        det = determinant_3(g)[..., None, None]
        return {label: matrices[d] * det if unnatural else matrices[d] for label, (d, unnatural) in parsed.items()}

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        """The Wigner 3j tensor where the triangle closes and the parities agree."""
        (l1, p1), (l2, p2), (l3, p3) = self._parse(a), self._parse(b), self._parse(c)
        allowed = abs(l1 - l2) <= l3 <= l1 + l2 and self._parities_agree(l1 + l2 + l3 + p1 + p2 + p3)
        return wigner_3j(l1, l2, l3)[None][: int(allowed)]

    def _parities_agree(self, _total: int) -> bool:
        return True

    def titled(self, title: str | None) -> GroupInSpace | None:
        """Every group that has a standard Schoenflies name, SO3 and O3 among them."""
        return {"SO3": SO3, "O3": O3}.get(title or "") or find_point_group(title)

    def containment(self, subgroups: tuple[Subgroup, ...], turns: int) -> Rows:
        titles = [find(H.name).title for H in subgroups]
        return [[small in _titles_inside(large, turns) for large in titles] for small in titles]


@dataclass(frozen=True, repr=False)
class RotationGroup3(SpatialGroup):
    """The rotations of space. Irreps: 0, 1, 2, … of dimension 2l + 1; 1 is the vector (x, y, z)."""

    name = "SO(3)"

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        return random_rotations(n, seed)

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Euler angles: equally spaced, and Gauss–Legendre for the middle one."""
        g, weights = rotation_quadrature(degree)
        return g.copy(), weights.copy()

    def _defect(self, g: np.ndarray) -> np.ndarray:
        return np.maximum(orthogonality_residual(g), np.abs(determinant_3(g) - 1))

    def labels(self, degree: int) -> tuple[str, ...]:
        return tuple(str(k) for k in range(degree + 1))

    def _parse(self, label: str) -> tuple[int, int]:
        text = str(label).strip()
        if not text.isdecimal():
            raise LabelError(f"{self} has no irrep {label!r}. Its labels are 0, 1, 2, … (without parity).")
        return int(text), 0

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        return self.rep("1x1")

    def __repr__(self) -> str:
        return "tw.SO3"


@dataclass(frozen=True, repr=False)
class OrthogonalGroup3(SpatialGroup):
    """The rotations, mirrors and inversion of space. Irreps: 0e 0o 1o 1e 2e 2o …; e and o are the inversion's sign."""

    name = "O(3)"

    @property
    def generators(self) -> np.ndarray:
        """Rotations by one radian about z and x, and the inversion."""
        return np.concatenate([super().generators, -np.eye(3)[None]])

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        rng = generator(seed)
        return random_rotations(n, rng) * rng.choice([-1.0, 1.0], size=(n, 1, 1))

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        g, weights = rotation_quadrature(degree)
        return np.concatenate([g, -g]), np.concatenate([weights, weights]) / 2

    def _defect(self, g: np.ndarray) -> np.ndarray:
        return orthogonality_residual(g)

    def labels(self, degree: int) -> tuple[str, ...]:
        return tuple(self._spell(k, unnatural) for k in range(degree + 1) for unnatural in (0, 1))

    def _spell(self, degree: int, unnatural: int) -> str:
        return f"{degree}{'eo'[(degree + unnatural) % 2]}"

    def _parse(self, label: str) -> tuple[int, int]:
        text = str(label).strip()
        if text[-1:] not in ("e", "o") or not text[:-1].isdecimal():
            raise LabelError(
                f"{self} has no irrep {label!r}. Its labels are 0e, 0o, 1o, 1e, 2e, 2o, …: a degree, then e or o for "
                "even or odd under inversion."
            )
        degree = int(text[:-1])
        return degree, (degree + (text[-1] == "o")) % 2

    def _parities_agree(self, total: int) -> bool:
        return total % 2 == 0

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        return self.rep("1x1o")

    def __repr__(self) -> str:
        return "tw.O3"


SO3 = RotationGroup3()
O3 = OrthogonalGroup3()


@cache
def _titles_inside(title: str | None, turns: int) -> frozenset[str | None]:
    """The standard names of the subgroups of a group with a standard name, itself included."""
    if title in ("SO3", "O3"):
        every = [find(name).title for name in family_names(turns)]
        return frozenset(name for name in every if title == "O3" or is_proper(name or ""))
    group = find_point_group(title)
    return frozenset() if group is None else frozenset([title, *(find(H.name).title for H in group.subgroups(turns))])
