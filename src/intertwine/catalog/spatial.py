"""SO(3) and O(3): the rotations of space, and all its orthogonal maps."""

from __future__ import annotations

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


@dataclass(frozen=True, repr=False)
class SpatialGroup(GroupInSpace):
    """SO(3), the rotations of space, or O(3), all its orthogonal maps.

    Irreps of SO(3) are 0, 1, 2, … of dimension 2l + 1; 1 is the vector (x, y, z). Those of O(3) are 0e 0o 1o 1e 2e 2o …
    with the inversion's sign, e or o: natural parity (−1)^l first.

    Args:
        inversion: whether the inversion is in the group.
    """

    inversion: bool

    @property
    def name(self) -> str:
        return "O(3)" if self.inversion else "SO(3)"

    @property
    def generators(self) -> np.ndarray:
        """Rotations by one radian about z and x, which generate a dense subgroup of SO(3), and the inversion."""
        rotations = np.stack([axis_rotation(2, 1.0), axis_rotation(0, 1.0)])
        return np.concatenate([rotations, -np.eye(3)[None]]) if self.inversion else rotations

    @property
    def lie_generators(self) -> np.ndarray:
        return TURNS.copy()

    def sample(self, n: int, seed: Seed = 0) -> np.ndarray:
        rng = generator(seed)
        g = random_rotations(n, rng)
        return g * rng.choice([-1.0, 1.0], size=(n, 1, 1)) if self.inversion else g

    def quadrature(self, degree: int) -> tuple[np.ndarray, np.ndarray]:
        """Euler angles: equally spaced, and Gauss–Legendre for the middle one; in O(3) all of it also times −1."""
        g, weights = rotation_quadrature(degree)
        if self.inversion:
            return np.concatenate([g, -g]), np.concatenate([weights, weights]) / 2
        return g.copy(), weights.copy()

    def _defect(self, g: np.ndarray) -> np.ndarray:
        defect = orthogonality_residual(g)
        return defect if self.inversion else np.maximum(defect, np.abs(determinant_3(g) - 1))

    # irreps ----------------------------------------------------------------------------------------------------------

    def _parse(self, label: str) -> tuple[int, int]:
        """Degree, and the sign p of the extra determinant: D(g) = D_l(g) for 0 and det(g) D_l(g) for 1."""
        text = str(label).strip()
        if not self.inversion:
            if text.isdecimal():
                return int(text), 0
            raise LabelError(f"{self} has no irrep {label!r}. Its labels are 0, 1, 2, … (without parity).")
        if text[-1:] not in ("e", "o") or not text[:-1].isdecimal():
            raise LabelError(
                f"{self} has no irrep {label!r}. Its labels are 0e, 0o, 1o, 1e, 2e, 2o, …: a degree, then e or o for "
                "even or odd under inversion."
            )
        degree = int(text[:-1])
        return degree, (degree + (text[-1] == "o")) % 2

    def _spell(self, degree: int, unnatural: int) -> str:
        return f"{degree}{'eo'[(degree + unnatural) % 2]}" if self.inversion else str(degree)

    def labels(self, degree: int) -> tuple[str, ...]:
        parities = (0, 1) if self.inversion else (0,)
        return tuple(self._spell(k, unnatural) for k in range(degree + 1) for unnatural in parities)

    def canonical_label(self, label: str) -> str:
        return self._spell(*self._parse(label))

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
        even = not self.inversion or (l1 + l2 + l3 + p1 + p2 + p3) % 2 == 0
        return wigner_3j(l1, l2, l3)[None][: int(abs(l1 - l2) <= l3 <= l1 + l2 and even)]

    @cached_property
    def defining(self) -> Rep:
        """The vector (x, y, z)."""
        return self.rep(f"1x{self._spell(1, 0)}")

    # subgroups -------------------------------------------------------------------------------------------------------

    def titled(self, title: str | None) -> GroupInSpace | None:
        """Every group that has a standard Schoenflies name, SO3 and O3 among them."""
        return {"SO3": SO3, "O3": O3}.get(title or "") or find_point_group(title)

    def containment(self, subgroups: tuple[Subgroup, ...], turns: int) -> Rows:
        titles = [find(H.name).title for H in subgroups]
        return [[small in _titles_inside(large, turns) for large in titles] for small in titles]

    def __repr__(self) -> str:
        return "tw.O3" if self.inversion else "tw.SO3"


SO3, O3 = SpatialGroup(False), SpatialGroup(True)


@cache
def _titles_inside(title: str | None, turns: int) -> frozenset[str | None]:
    """The standard names of the subgroups of a group with a standard name, itself included."""
    if title in ("SO3", "O3"):
        every = [find(name).title for name in family_names(turns)]
        return frozenset(name for name in every if title == "O3" or is_proper(name or ""))
    group = find_point_group(title)
    return frozenset() if group is None else frozenset([title, *(find(H.name).title for H in group.subgroups(turns))])
