"""The stabiliser of a vector or of a cloud: the elements of a group that leave it as it is, and their name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from intertwine._arrays import to_numpy
from intertwine.catalog import O2, O3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep, as_rep
from intertwine.symmetry.inputs.alignment import isotropy
from intertwine.symmetry.inputs.clouds import checked_cloud, cloud_symmetries, line_through
from intertwine.symmetry.inputs.crystals import (
    NEGLIGIBLE,
    Operations,
    chain_symmetry,
    crystal_operations,
    crystal_symbol,
    different,
    kept_operations,
)
from intertwine.symmetry.inputs.identify_subgroup import named_subgroup
from intertwine.symmetry.inputs.isotropy_group import Stabiliser, distances, fixed_space, no_group
from intertwine.symmetry.inputs.lattices import Lattice
from intertwine.symmetry.inputs.linear_clouds import LineSymmetry, line_symmetry
from intertwine.symmetry.inputs.operations import check_periods
from intertwine.symmetry.inputs.points import Points

ROUNDING = 1e-12
"""What float64 makes of exact symmetries: smaller tolerances are taken for this one."""
ROUNDED = 5.0
"""How far positions that are rounded by one unit leave a point from its partner: each may be off by √3 units, more in a
slanted cell, and the centre by as much."""
COARSE = 0.05
"""Rounding counts up to this residual: numbers with fewer digits are rather exact ones."""


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
        H = stabiliser(x, labels, tensors, rep, cell=cell, group=parent, tolerance=tolerance)
        return replace(within(H, group), asked=H.asked)
    cloud = x if isinstance(x, Points) else Points(x, labels, tensors, cell)
    if not tolerance >= 0:
        raise ArgumentError(f"A tolerance is 0 or a positive number, but got {tolerance}.")
    tolerance = max(tolerance, ROUNDING)
    x = to_numpy(cloud.positions)
    if x.ndim == 1 and rep is not None and cloud.labels is None and cloud.features is None:
        return _of_vector(x, as_rep(rep), tolerance)
    if x.ndim != 2:
        raise ShapeError(
            f"A cloud of points (N, 2) or (N, 3), or a vector with its rep, was expected, but got an array of shape "
            f"{x.shape}. Call stabiliser(points) or stabiliser(x, rep=rep)."
        )
    found = rep if rep is None else as_rep(rep)
    whole: CatalogGroup = group or (found.group if found is not None else None) or (O2 if x.shape[1] == 2 else O3)  # type: ignore[assignment]
    if (cloud.features is None) != (rep is None):
        raise ArgumentError("Tensors and their rep come together: pass tensors=… and rep=….")
    asked, tolerance = tolerance, max(tolerance, rounding(cloud))
    if (lattice := cloud.lattice) is not None:
        result = crystal_stabiliser(cloud, lattice, found, whole, tolerance)
    else:
        result = cloud_stabiliser(x, cloud.labels, cloud.features, found, whole, tolerance)
    return result if asked == tolerance else replace(result, asked=asked)


def rounding(cloud: Points) -> float:
    """The residual that the rounding of positions can cause in what is symmetric without it, up to `COARSE`."""
    if not 0 <= cloud.precision < np.inf:
        raise ArgumentError(f"The precision of positions is a length, or 0, but got {cloud.precision}.")
    return min(ROUNDED * cloud.precision / max(cloud.scale, 1e-300), COARSE) if cloud.precision else 0.0


def _of_vector(x: np.ndarray, rep: Rep, tolerance: float) -> Stabiliser:
    if x.shape != (rep.dim,):
        raise ShapeError(f"A vector of {rep} has {rep.dim} numbers, but got an array of shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ArgumentError("The vector holds NaN or infinite numbers. Repair it first.")
    if not isinstance(rep.group, CatalogGroup):
        raise RepMismatchError(f"A rep of a group of the catalogue was expected, but got one of {rep.group}.")
    found = isotropy(x, rep, tolerance)
    subgroup = named_subgroup(rep.group, found.elements, found.lie)
    if subgroup is None:
        raise no_group(len(found.elements), tolerance, found.residuals)
    if not subgroup.group.is_finite:
        return Stabiliser(subgroup, found.elements, found.residuals, None, tolerance)
    elements = subgroup.embed(subgroup.group.elements())
    scale = max(float(np.linalg.norm(x)), 1e-300)
    residuals = np.linalg.norm(rep.evaluate(elements) @ x - x, axis=-1) / scale
    return Stabiliser(subgroup, elements, residuals, None, tolerance)


def cloud_stabiliser(
    points: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    tensors: np.ndarray | None,
    rep: Rep | None,
    group: CatalogGroup,
    tolerance: float,
    one: tuple[Rep, np.ndarray] | None = None,
) -> Stabiliser:
    """`stabiliser` of a cloud; of one on a line also with a vector, after its rep, that belongs to the whole cloud."""
    centred, kinds, features = checked_cloud(points, group, labels, tensors, rep)
    if (axis := line_through(centred, tolerance)) is None:
        _, elements, permutations = cloud_symmetries(centred, kinds, group, features, rep, tolerance)[-1]
        return _of_cloud(points, centred, features, rep, group, (tolerance, elements, permutations))
    bare, nothing = group.rep(f"1x{group.trivial}"), np.zeros((len(centred), 1))
    kind, values = (bare, nothing) if rep is None or features is None else (rep, features)
    line = line_symmetry(centred, kinds, axis, group, kind, values, tolerance, one)
    found = tolerance, line.elements, line.permutations
    return _of_cloud(points, centred, features, rep, group, found, line.lie)


def cloud_stabilisers(
    points: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    tensors: np.ndarray | None,
    rep: Rep | None,
    group: CatalogGroup,
    tolerance: float,
) -> Iterator[tuple[float, Stabiliser]]:
    """The stabilisers of a cloud, not on a line, from each tolerance on at which it grows; without those of no name."""
    centred, kinds, features = checked_cloud(points, group, labels, tensors, rep)
    for found in cloud_symmetries(centred, kinds, group, features, rep, tolerance):
        with suppress(ArgumentError):
            yield found[0], _of_cloud(points, centred, features, rep, group, found)


def _of_cloud(
    points: np.ndarray,
    centred: np.ndarray,
    features: np.ndarray | None,
    rep: Rep | None,
    group: CatalogGroup,
    found: tuple[float, np.ndarray, np.ndarray],
    lie: np.ndarray | None = None,
) -> Stabiliser:
    """The stabiliser that elements with permutations make up, which were found at a tolerance."""
    tolerance, elements, permutations = found
    subgroup = named_subgroup(group, elements, group.lie_generators[:0] if lie is None else lie)
    if subgroup is None:
        raise no_group(len(elements), tolerance, np.zeros(0))
    if subgroup.group.is_finite:
        rough, elements = elements, subgroup.embed(subgroup.group.elements())
        permutations = permutations[np.argmax(np.tensordot(elements, rough, ((1, 2), (1, 2))), 1)]  # of the nearest
    residuals = distances(centred, elements, permutations)
    if rep is not None and features is not None:
        residuals = np.maximum(residuals, distances(features, rep.evaluate(elements), permutations, whole=True))
    return Stabiliser(subgroup, elements, residuals, permutations, tolerance, points - points.mean(0))


def crystal_stabiliser(
    cloud: Points, lattice: Lattice, rep: Rep | None, group: CatalogGroup, tolerance: float
) -> Stabiliser:
    """`stabiliser` of a crystal, a layer or a rod: the operations that keep its cell."""
    points, tolerance = to_numpy(cloud.positions), max(tolerance, NEGLIGIBLE)
    if group.dim != 3:
        raise ArgumentError(f"Crystals fill space, so their group is SO(3) or O(3), but got {group}.")
    checked_cloud(points, group, cloud.labels, cloud.features, rep)
    check_periods(lattice, points)
    chain = chain_symmetry(lattice, points, cloud.kinds, group.is_proper, tolerance)
    if chain is not None:
        return _of_chain(chain, rep, group, tolerance, points - points.mean(0))
    found, bare = nearly_kept(cloud, lattice, rep, group, tolerance)
    found = replace(found, space=replace(found.space, crystal=crystal_symbol(bare, points, cloud.kinds, tolerance)))
    return largest_kept(group, found, tolerance, points)


def _of_chain(
    chain: LineSymmetry, rep: Rep | None, group: CatalogGroup, tolerance: float, centred: np.ndarray
) -> Stabiliser:
    subgroup = named_subgroup(group, chain.elements, chain.lie)
    if rep is not None or subgroup is None:
        raise ArgumentError(
            "The atoms lie on one line along their only period, so that their symmetry is continuous, and which part "
            "of it features keep is not looked for. Leave the features out, or the cell for a molecule."
        )
    return Stabiliser(subgroup, chain.elements, chain.residuals, chain.permutations, tolerance, centred)


def nearly_kept(
    cloud: Points, lattice: Lattice, rep: Rep | None, group: CatalogGroup, tolerance: float
) -> tuple[Operations, Operations]:
    """The operations that nearly keep a crystal with its features, and those that nearly keep its atoms."""
    points = to_numpy(cloud.positions)
    _, _, features = checked_cloud(points, group, cloud.labels, cloud.features, rep)
    bare = crystal_operations(lattice, points, cloud.kinds, tolerance)
    residuals = np.where((np.linalg.det(bare.elements) > 0) | (not group.is_proper), bare.residuals, np.inf)
    if rep is not None and features is not None:
        off = distances(features, rep.evaluate(bare.elements), bare.permutations, whole=True)
        residuals = np.maximum(residuals, off)
    return replace(bare, residuals=residuals), bare


def largest_kept(group: CatalogGroup, found: Operations, tolerance: float, points: np.ndarray) -> Stabiliser:
    """The stabiliser that those operations of a crystal make up whose residuals are within a tolerance."""
    kept = kept_operations(found.space, found.permutations, found.residuals, tolerance)
    return of_operations(group, found, kept, tolerance, points)


def of_operations(
    group: CatalogGroup, found: Operations, kept: np.ndarray, tolerance: float, points: np.ndarray
) -> Stabiliser:
    """The stabiliser that some operations of a crystal make up, given by their places, with exact rotations."""
    rough = found.elements[kept]
    first = different(rough)
    subgroup = named_subgroup(group, rough[first], group.lie_generators[:0])
    if subgroup is None:
        raise no_group(len(first), tolerance, found.residuals[kept])
    exact = subgroup.embed(subgroup.group.elements())
    elements = exact[np.argmin(np.abs(rough[:, None] - exact).max((-1, -2)), 1)]
    return Stabiliser(
        subgroup=subgroup,
        elements=elements,
        residuals=found.residuals[kept],
        permutations=found.permutations[kept],
        tolerance=tolerance,
        centred=points - points.mean(0),
        space=found.space.among(kept, elements, subgroup.name),
    )


def within(H: Stabiliser, part: Subgroup) -> Stabiliser:
    """The elements of a stabiliser that lie in a subgroup of its group.

    >>> square = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    >>> within(stabiliser(square), O3.subgroup("Cinfv"))  # up and down are not alike
    <Stabiliser C4v in O(3), order 8>
    """
    if part.parent != H.group:
        raise RepMismatchError(f"{part} is no subgroup of {H.group}. Pass a subgroup of the group of rep_out.")
    if H.continuous and not part.group.is_finite:
        return _both_continuous(H, part)
    near = max(H.tolerance, 1e-6)  # axes that were fitted to a noisy input
    if H.continuous:
        elements = part.embed(part.group.elements())
        elements = elements[H.subgroup.contains(elements, near)]
        permutations = None if H.permutations is None else H.permutations[H._pieces(elements)]
        residuals = np.zeros(len(elements))
    else:
        kept = np.flatnonzero(part.contains(H.elements, near))
        if H.space is not None and H.permutations is not None and H.centred is not None:
            found = Operations(H.space, H.elements, H.permutations, H.residuals)
            return of_operations(H.group, found, kept, H.tolerance, H.centred)
        elements, residuals = H.elements[kept], H.residuals[kept]
        permutations = None if H.permutations is None else H.permutations[kept]
    subgroup = named_subgroup(H.group, elements, H.group.lie_generators[:0])
    if subgroup is None:
        raise no_group(len(elements), H.tolerance, residuals)
    return Stabiliser(subgroup, elements, residuals, permutations, H.tolerance, H.centred)


def _both_continuous(H: Stabiliser, part: Subgroup) -> Stabiliser:
    """`within` for two continuous groups: what fixes a generic tensor of each, of degree 2 at most."""
    rep = Rep(H.group, tuple((1, irrep) for irrep in H.group.irreps(2)))
    generic = np.random.default_rng(0).normal(size=rep.dim)
    fixed = [fixed_space(subgroup, rep) for subgroup in (H.subgroup, part)]
    both = stabiliser(np.concatenate([basis @ (basis.T @ generic) for basis in fixed]), rep=rep + rep)
    permutations = None if H.permutations is None else H.permutations[H._pieces(both.elements)]
    return replace(both, permutations=permutations, tolerance=H.tolerance, centred=H.centred)
