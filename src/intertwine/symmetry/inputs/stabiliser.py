"""The stabiliser of a vector or of a cloud: the elements of a group that leave it as it is, and their name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import Alignments, isotropy
from intertwine.symmetry.inputs.clouds import Cloud, Points
from intertwine.symmetry.inputs.crystals import chain_symmetry, crystal_stabiliser
from intertwine.symmetry.inputs.identify_subgroup import named_subgroup
from intertwine.symmetry.inputs.isotropy_group import (
    Averaging,
    FiniteStabiliser,
    RepVector,
    Source,
    Stabiliser,
    fixed_space,
    no_group,
    some,
)
from intertwine.symmetry.inputs.linear_clouds import LineIsometries, line_isometries
from intertwine.symmetry.inputs.search import cloud_symmetries
from intertwine.symmetry.inputs.tolerances import CRYSTAL, FLOAT64, LARGEST_ROUNDING, ROUNDED, TINY


def stabiliser(
    x: np.ndarray | Points,
    labels: Sequence[int] | np.ndarray | None = None,
    tensors: np.ndarray | None = None,
    rep: Rep | Irrep | None = None,
    *,
    cell: np.ndarray | None = None,
    group: CatalogGroup | Subgroup | None = None,
    tolerance: float = 1e-6,
) -> Stabiliser:
    """The subgroup of a group that leaves an input as it is.

    - `stabiliser(points)`: of a cloud of points `(N, 2)` or `(N, 3)` about its centre, with labels, and with tensors
      `(N, rep.dim)` at the points that must move along; or of `Points` that hold all that;
    - `stabiliser(points, labels, cell=cell)`: of a crystal, modulo the translations of its cell (needs spglib), or of
      `Points` with a cell: a layer or a rod where not all its vectors are periods;
    - `stabiliser(x, rep=rep)`: of a vector `(rep.dim,)` of any rep of a finite group, SO(2), O(2), SO(3) or O(3).

    Args:
        x: positions, `Points`, or a vector.
        labels: a kind for each point; only points of one kind may be exchanged.
        tensors: a vector of `rep` at each point.
        rep: the rep of the vector, or of the tensors.
        cell: the vectors of a crystal's cell, as rows.
        group: for clouds: SO(2), O(2), SO(3) or O(3). Default: that of `rep`, or O(2) or O(3). A subgroup, also for a
            vector one of the group of `rep`, if only its elements count.
        tolerance: the largest residual of an element: the distance between a moved point and its partner over the
            radius of the cloud (in a crystal over the cube root of the volume per atom), or |ρ(g) x − x| / |x|; in a
            cloud at most half the median distance of points to the nearest of their kind; and at least what the
            rounding of positions can cause (`Points.precision`). Products of such elements count up to twice of it. If
            the elements do not form a group even so, because the input is near a larger symmetry, one of the largest
            groups among them is returned, made from those with the smallest residuals.

    Raises `ShapeError` and `ArgumentError` for inputs that do not fit, and `ArgumentError` when the group that was
    found cannot be named, because its elements are closer to each other than the noise.

    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    >>> stabiliser(square)
    <Stabiliser D4h in O(3), order 16>
    >>> stabiliser(np.array([0.0, 0.0, 2.0]), rep=O3.rep("1x1o")).name  # a vector: a cone
    'Cinfv'
    """
    if isinstance(group, Subgroup):
        parent: CatalogGroup = group.parent  # type: ignore[assignment]
        return stabiliser(x, labels, tensors, rep, cell=cell, group=parent, tolerance=tolerance).within(group)
    points = x if isinstance(x, Points) else Points(x, labels, tensors, cell)
    if not tolerance >= 0:
        raise ArgumentError(f"A tolerance is 0 or a positive number, but got {tolerance}.")
    tolerance, found = max(tolerance, FLOAT64), None if rep is None else as_rep(rep)
    x = to_numpy(points.positions)
    if x.ndim == 1 and found is not None and points.labels is None and points.features is None:
        return stabiliser_of(checked_vector(x, found), tolerance)
    if x.ndim != 2:
        raise ShapeError(
            f"A cloud of points (N, 2) or (N, 3), or a vector with its rep, was expected, but got an array of shape "
            f"{x.shape}. Call stabiliser(points) or stabiliser(x, rep=rep)."
        )
    whole: CatalogGroup = group or (found.group if found is not None else None) or (O2 if x.shape[1] == 2 else O3)  # type: ignore[assignment]
    if (points.features is None) != (found is None):
        raise ArgumentError("Tensors and their rep come together: pass tensors=… and rep=….")
    least = rounding(points)
    result = stabiliser_of(Cloud.of(points, whole, found), max(tolerance, least))
    return replace(result, asked=tolerance) if least > tolerance else result


def rounding(points: Points) -> float:
    """The residual that the rounding of positions can cause in what is symmetric without it, up to a limit."""
    if not 0 <= points.precision < np.inf:
        raise ArgumentError(f"The precision of positions is a length, or 0, but got {points.precision}.")
    if not points.precision:
        return 0.0
    return min(ROUNDED * points.precision / max(points.scale, TINY), LARGEST_ROUNDING)


def checked_vector(x: np.ndarray, rep: Rep) -> RepVector:
    """A vector of a rep; raises `ShapeError`, `ArgumentError` and `RepMismatchError` for what is none."""
    if x.shape != (rep.dim,):
        raise ShapeError(f"A vector of {rep} has {rep.dim} numbers, but got an array of shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ArgumentError("The vector holds NaN or infinite numbers. Repair it first.")
    if not isinstance(rep.group, CatalogGroup):
        raise RepMismatchError(f"A rep of a group of the catalogue was expected, but got one of {rep.group}.")
    return RepVector(rep, x)


def stabiliser_of(source: Source, tolerance: float) -> Stabiliser:
    """`stabiliser` of a checked vector, cloud or crystal."""
    if isinstance(source, RepVector):
        group: CatalogGroup = source.rep.group  # type: ignore[assignment]
        found = isotropy(source.x, source.rep, tolerance)
        if len(found.lie):
            return ContinuousStabiliser.of(group, found, None, tolerance, source)
        return FiniteStabiliser.of(group, found.elements, None, tolerance, source)
    cloud: Cloud = source  # type: ignore[assignment]
    if cloud.lattice is not None:
        tolerance = max(tolerance, CRYSTAL)
        if (chain := chain_symmetry(cloud, tolerance)) is None:
            return crystal_stabiliser(cloud, tolerance)
        if cloud.features.size:
            raise ArgumentError(
                "The atoms lie on one line along their only period, so that their symmetry is continuous, and which "
                "part of it features keep is not looked for. Leave the features out, or the cell for a molecule."
            )
        return ContinuousStabiliser.of(cloud.group, chain, chain.permutations, tolerance, cloud)
    if cloud.line[1] > tolerance:
        _, elements, permutations = cloud_symmetries(cloud, tolerance)[-1]
        return FiniteStabiliser.of(cloud.group, elements, permutations, tolerance, cloud)
    line = line_isometries(cloud, cloud, tolerance, tolerance)
    if len(line.lie):
        return ContinuousStabiliser.of(cloud.group, line, line.permutations, tolerance, cloud)
    return FiniteStabiliser.of(cloud.group, line.elements, line.permutations, tolerance, cloud)


def cloud_stabilisers(cloud: Cloud, tolerance: float) -> Iterator[tuple[float, Stabiliser]]:
    """The stabilisers of a cloud, not on a line, from each tolerance on at which it grows; without those of no name."""
    for least, elements, permutations in cloud_symmetries(cloud, tolerance):
        with suppress(ArgumentError):
            yield least, FiniteStabiliser.of(cloud.group, elements, permutations, least, cloud)


@dataclass(frozen=True, repr=False, eq=False)
class ContinuousStabiliser(Stabiliser):
    """The infinite stabiliser of a vector, or of a cloud on a line or in one point."""

    @staticmethod
    def of(
        group: CatalogGroup,
        found: Alignments | LineIsometries,
        permutations: np.ndarray | None,
        tolerance: float,
        source: Source,
    ) -> ContinuousStabiliser:
        """That which elements of each connected piece, and a Lie algebra, make up."""
        subgroup = named_subgroup(group, found.elements, found.lie)
        if subgroup is None:
            raise no_group(len(found.elements), tolerance, found.residuals)
        return ContinuousStabiliser(subgroup, found.elements, found.residuals, permutations, tolerance, source)

    def averaging(self, degree: int) -> Averaging:
        """A quadrature."""
        h, weights = self.subgroup.group.quadrature(max(degree, 1))
        elements = self.subgroup.embed(h)
        return Averaging(elements, weights, self._where(elements))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """n random elements and their permutations, uniform in the Haar measure."""
        elements = self.subgroup.embed(self.subgroup.group.sample(n, rng))
        return elements, self._where(elements)

    def _where(self, g: np.ndarray) -> np.ndarray | None:
        """The permutations of elements `(q, n, n)`: those of the elements that they are connected with."""
        axis = self.subgroup.frame.array[:, -1] if len(self.subgroup.group.lie_generators) == 1 else np.zeros(len(g[0]))
        a, b = (
            np.stack([np.linalg.det(x), (x @ axis) @ axis if len(axis) == 3 else 0 * x[:, 0, 0]], -1)
            for x in (g, self.elements)
        )
        return some(self.permutations, np.abs(a[:, None] - b).max(-1).argmin(1))

    def _keeping(self, y: np.ndarray, rep: Rep, tolerance: float) -> Stabiliser:
        if not y.any():
            return self
        found = stabiliser_of(self.source.joined(y, rep), tolerance)
        return found if self.part is None else found.within(self.part)

    def _inside(self, part: Subgroup, near: float) -> Stabiliser:
        if not part.group.is_finite:
            return self._both_continuous(part)
        elements = part.embed(part.group.elements())
        elements = elements[self.subgroup.contains(elements, near)]
        listed = FiniteStabiliser(
            part, elements, np.zeros(len(elements)), self._where(elements), self.tolerance, self.source
        )
        return listed.among(np.arange(len(elements)), listed.residuals, self.tolerance)

    def _both_continuous(self, part: Subgroup) -> Stabiliser:
        """`within` for two continuous groups: what fixes a generic tensor of each, of degree 2 at most."""
        rep = Rep(self.group, tuple((1, irrep) for irrep in self.group.irreps(2)))
        generic = np.random.default_rng(0).normal(size=rep.dim)
        fixed = [fixed_space(subgroup, rep) for subgroup in (self.subgroup, part)]
        both = stabiliser(np.concatenate([basis @ (basis.T @ generic) for basis in fixed]), rep=rep + rep)
        return replace(both, permutations=self._where(both.elements), tolerance=self.tolerance, source=self.source)


def isotropy_subgroups(irrep: Irrep) -> tuple[Subgroup, ...]:
    """The symmetries, one of each class, that nonzero vectors of an irrep can have: its isotropy subgroups.

    K is one if a generic vector of Fix_K has no more symmetry than K. So a polar vector is a cone and nothing else, a
    traceless symmetric tensor an ellipsoid (D2h) or a spheroid (D∞h), and no single vector of degree 2 is chiral and
    even: what a tensor cannot have, it cannot break down to.

    Args:
        irrep: of O(3), SO(3), O(2), SO(2) or a finite group.

    Raises `ArgumentError` for an irrep of another group.

    Source: Ihrig and Golubitsky 1984, doi:10.1016/0167-2789(84)90437-8 (degrees 1 … 6 of O(3)).

    >>> from intertwine.catalog import O3
    >>> [H.name for H in isotropy_subgroups(O3.irrep("2e"))]
    ['D2h', 'Dinfh']
    """
    group = irrep.group
    if not isinstance(group, CatalogGroup) or not (group.is_finite or group.is_full):
        raise ArgumentError(
            f"Isotropy subgroups are known in O(3), SO(3), O(2), SO(2) and finite groups, but got an irrep of {group}."
        )
    found = [H for H in group.subgroups(max(irrep.degree, 2)) if _is_isotropy(H, irrep)]
    return tuple(sorted(found, key=lambda H: H.group.order))


def _is_isotropy(subgroup: Subgroup, irrep: Irrep) -> bool:
    """Whether a generic vector that the subgroup fixes is fixed by nothing else: its stabiliser is no larger."""
    basis = fixed_space(subgroup, irrep.irreps)
    if not basis.shape[1]:
        return False
    vector = basis @ np.random.default_rng(0).normal(size=basis.shape[1])
    found = stabiliser(vector, rep=irrep.irreps)
    return found.order == subgroup.group.order and (not found.continuous or found.name == subgroup.name)
