"""Which functions live on the taps of a filter, and how a group moves them: the angular and radial part in one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from intertwine._arrays import Table, read_only, real_number
from intertwine.errors import ArgumentError
from intertwine.kernels.pictures import mosaic, page
from intertwine.reps import Irrep, Rep
from intertwine.reps.blocks import decomposed
from intertwine.reps.harmonics import harmonics_function, harmonics_rep
from intertwine.reps.splitting import pivot

_SAME = 1e-6  # how near taps and radii are that are meant to be the same


@dataclass(frozen=True)
class Taps:
    """The places of the weights of a filter, about its middle, in the axes of images and volumes.

    Args:
        sizes: the kernel size along each axis of the tensor, `(−y, x)` or `(−z, −y, x)`.
        spacing: the distance of pixels along each of them, in any unit.

    Raises `ArgumentError` for other sizes and distances.

    >>> Taps((1, 3)).points
    array([[-1.,  0.],
           [ 0.,  0.],
           [ 1.,  0.]])
    """

    sizes: tuple[int, ...]
    spacing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        spacing = self.spacing or (1.0,) * len(self.sizes)
        if any(not isinstance(size, int) or size < 1 for size in self.sizes) or len(self.sizes) not in (2, 3):
            raise ArgumentError(f"A kernel has 2 or 3 sizes, integers from 1 on, but got {self.sizes}.")
        if len(spacing) != len(self.sizes) or any(not 0 < step < math.inf for step in spacing):
            raise ArgumentError(
                f"The spacing of pixels is one positive number for each of {len(self.sizes)} axes, but got {spacing}."
            )
        object.__setattr__(self, "spacing", tuple(float(step) for step in spacing))

    @property
    def points(self) -> np.ndarray:
        """The coordinates `(S, n)` in the order x, y, z of all taps, the last axis of the tensor fastest."""
        axes = [(np.arange(size) - (size - 1) / 2) * step for size, step in zip(self.sizes, self.spacing, strict=True)]
        grids = [grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")]
        return np.stack([grids[-1], *(-grid for grid in grids[-2::-1])], 1) + 0.0

    @property
    def rings(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct distances from the middle, ascending, and for each tap the number of its own, `(S,)`."""
        lengths = np.linalg.norm(self.points, axis=1)
        radii = np.unique(lengths.round(6))
        return radii, np.abs(lengths[:, None] - radii).argmin(1)


@dataclass(frozen=True)
class TapFunctions:
    """Functions on taps that a group moves among themselves: `y(A(g) s) = D(g) y(s)` for all y together.

    Args:
        rep: D, irreps, each once.
        table: the values `(S, rep.dim)`. Copies of an irrep are orthonormal over the taps, on average over its
            components; all functions are where the group permutes the taps.
        origins: for each irrep and copy its degree (−1 where harmonics were not needed) and its error.
        taps: the taps.

    A notebook shows them as pictures.
    """

    rep: Rep
    table: Table
    origins: tuple[tuple[tuple[int, float], ...], ...]
    taps: Taps

    @property
    def values(self) -> np.ndarray:
        """The values `(S, rep.dim)`."""
        return self.table.array

    def picture(self, number: int) -> np.ndarray:
        """One of the functions as an array of the kernel's sizes, to look at."""
        return self.values[:, number].reshape(self.taps.sizes)

    def pictures(self) -> tuple[tuple[str, np.ndarray], ...]:
        """For each copy of an irrep words, with its error, and its functions side by side as one flat picture.

        Between functions lies NaN. The slices of volumes along the first axis stand below each other. See
        `intertwine.viz.filter_images`.
        """
        found = []
        for (_, irrep), where, origins in zip(self.rep.terms, self.rep.slices, self.origins, strict=True):
            copies = self.values[:, where].reshape(*self.taps.sizes, irrep.dim, len(origins))
            for copy, origin in zip(np.moveaxis(copies, -1, 0), origins, strict=True):
                found.append((f"{irrep.name}: {_told(*origin)}", mosaic(np.moveaxis(copy, -1, 0))))
        return tuple(found)

    @property
    def _title(self) -> str:
        return f"{self.rep.dim} functions on {len(self.values)} taps"

    def _repr_html_(self) -> str:
        return page(self._title, self.pictures())

    def __str__(self) -> str:
        lines = [self._title]
        for (_, irrep), origins in zip(self.rep.terms, self.origins, strict=True):
            told = [_told(*origin) for origin in origins if origin[0] >= 0]
            lines.append(f"  {irrep.name}: {'; '.join(told) or f'{len(origins)}, exact'}")
        return "\n".join(lines)


def _told(degree: int, error: float) -> str:
    return f"degree {degree}, error {error:.1%}" if degree >= 0 else "exact"


class Filters(ABC):
    """Which filters a convolution on a grid may have. See `Complete`, `BandLimited` and `Rings`."""

    @abstractmethod
    def functions(self, action: Rep, taps: Taps) -> TapFunctions:
        """The functions on the taps that filters are made of, for an action of a group on space."""


@dataclass(frozen=True)
class Complete(Filters):
    """Every kernel that the symmetry of the taps allows: all of `Hom_G(ρ_in ⊗ functions on the taps, ρ_out)`.

    For groups that permute the taps, such as quarter turns and mirrors. Layers are then exactly equivariant. Where the
    images turn by other angles as well, `BandLimited` filters turn with them, and do better.

    Raises `ArgumentError`, on use, for a group that does not permute the taps.

    >>> from intertwine.catalog import dihedral
    >>> Complete().functions(dihedral(4).defining, Taps((3, 3))).rep.dim
    9
    """

    def functions(self, action: Rep, taps: Taps) -> TapFunctions:
        """A function for each tap, gathered orbit by orbit."""
        if not permutes(action, taps):
            raise ArgumentError(
                f"{action.group} does not permute the taps of a kernel of the size {taps.sizes} and spacing "
                f"{taps.spacing}, so no filter is exact for all of it. Pass filters=BandLimited(), or restrict the "
                "reps to a subgroup that does, such as that of quarter turns."
            )
        return _complete(action, taps)


@dataclass(frozen=True)
class BandLimited(Filters):
    """The filters that turn best: harmonics times the radial functions whose error is below a tolerance.

    A plane wave of wave vector k passes a filter K as its transfer function `K̂(k) = Σ_s K(s) exp(−i k·s)`, and a filter
    is steerable on the grid as far as `K̂(R k) = D(R) K̂(k)` for all rotations R. With images whose power falls like 1/k²
    up to the Nyquist frequency, the root mean square of what is missing, relative to K̂, is `√(2 (1 − λ))`, where λ is
    the share of K̂ in the space of ideal filters. For each degree the best combinations of all radii of the grid solve a
    generalised eigenvalue problem; those below the tolerance span the filters.

    Args:
        tolerance: the largest error, between 0 and 1.

    Raises `ArgumentError` for other tolerances, and where no function on the taps is good enough.

    >>> from intertwine.catalog import SO2
    >>> print(BandLimited(0.1).functions(SO2.defining, Taps((5, 5))).rep)
    3x0 + 2x1 + 1x2 + 1x3
    """

    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < real_number(self.tolerance) < 1:
            raise ArgumentError(f"The tolerance of filters lies between 0 and 1, but got {self.tolerance!r}.")

    def functions(self, action: Rep, taps: Taps) -> TapFunctions:
        """Harmonics of rising degree, until two degrees in a row have nothing below the tolerance."""
        return _band_limited(action, taps, float(self.tolerance))


@dataclass(frozen=True)
class Rings(Filters):
    """escnn's filters: harmonics times Gaussian rings, of degrees that grow with the radius. For weights from escnn.

    Source: Weiler & Cesa 2019 (arXiv:1911.08251), with the radii, widths and degrees that escnn takes by default.

    >>> from intertwine.catalog import SO2
    >>> Rings().functions(SO2.defining, Taps((5, 5))).rep.dim
    11
    """

    def functions(self, action: Rep, taps: Taps) -> TapFunctions:
        """Harmonics on rings, normalised on the taps."""
        return _rings(action, taps)


@cache
def permutes(action: Rep, taps: Taps) -> bool:
    """Whether a group takes taps to taps."""
    points = taps.points
    if any(np.abs(points @ action.lie_matrix(x).T).max() > _SAME for x in action.group.lie_generators):
        return False
    moved = np.einsum("gij,sj->gsi", action.matrix(action.group.generators), points)
    return bool((np.abs(moved[:, :, None] - points).max(-1).min(-1) < _SAME).all())


@cache
def _complete(action: Rep, taps: Taps) -> TapFunctions:
    """The permutation rep of the taps, split into irreps."""
    points, group = taps.points, action.group
    radii, ring = taps.rings
    found: list[tuple[Irrep, np.ndarray, int, float]] = []
    for number in range(len(radii)):
        for orbit in _orbits(action, points, np.flatnonzero(ring == number)):

            def matrix(g: np.ndarray, orbit: np.ndarray = orbit) -> np.ndarray:
                moved = np.einsum("...ij,sj->...si", action.evaluate(g), points[orbit])
                near = np.abs(moved[..., None, :] - points[orbit]).max(-1) < _SAME
                return np.asarray(near.swapaxes(-1, -2), dtype=float)

            degree = int(group.order) if group.is_finite else 1
            terms = decomposed(group, matrix, len(orbit), degree, "taps", "")
            for irrep, copies in Rep(group, terms).copies.items():
                for copy in np.moveaxis(copies, -1, 0):
                    values = np.zeros((len(points), irrep.dim))
                    values[orbit] = copy
                    found.append((irrep, values, -1, 0.0))
    return _gathered(action, found, taps)


def _orbits(action: Rep, points: np.ndarray, members: np.ndarray) -> Iterator[np.ndarray]:
    """The taps of one distance, orbit by orbit."""
    generators = action.matrix(action.group.generators)
    left = set(members.tolist())
    while left:
        orbit = [min(left)]
        for tap in orbit:  # grows while it is walked
            for image in generators @ points[tap]:
                place = int(np.abs(points - image).max(1).argmin())
                if place not in orbit:
                    orbit.append(place)
        left -= set(orbit)
        yield np.array(sorted(orbit))


@cache
def _band_limited(action: Rep, taps: Taps, tolerance: float) -> TapFunctions:
    found: list[tuple[Irrep, np.ndarray, int, float]] = []
    degree, failed = 0, 0
    while failed < 2:
        profiles, errors = _profiles(taps, degree, tolerance)
        found += _times_harmonics(action, taps, degree, profiles, errors)
        failed = 0 if len(profiles) else failed + 1
        degree += 1
    if not found:
        raise ArgumentError(
            f"No function on taps of the sizes {taps.sizes} and spacing {taps.spacing} turns with an error below "
            f"{tolerance}. Pass a larger tolerance."
        )
    return _gathered(action, found, taps)


def _times_harmonics(
    action: Rep, taps: Taps, degree: int, profiles: np.ndarray, errors: np.ndarray
) -> Iterator[tuple[Irrep, np.ndarray, int, float]]:
    """The irreps in the harmonics of one degree, with each of the radial profiles `(R, S)`."""
    size = 1 if degree == 0 else 2 if action.dim == 2 else 2 * degree + 1
    whole = harmonics_rep(action, degree)
    first = next(n for n, where in enumerate(whole.slices) if where.stop > whole.dim - size)
    harmonics = harmonics_function(action.dim)(degree, taps.points)
    for irrep, copies in Rep(action.group, whole.terms[first:]).copies.items():
        for copy in np.moveaxis(copies, -1, 0):
            for profile, error in zip(profiles, errors, strict=True):
                values = profile[:, None] * (harmonics @ copy)
                yield irrep, values * math.sqrt(irrep.dim / (values**2).sum()), degree, float(error)


def _profiles(taps: Taps, degree: int, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """The radial functions `(R, S)` below a tolerance for harmonics of one degree, and their errors.

    They are a basis, orthonormal with the harmonics over the taps, of the space that the eigenvectors below the
    tolerance span: single eigenvectors of nearly equal errors would hang on rounding.
    """
    radii, ring = taps.rings
    members = (ring == np.arange(len(radii))[:, None]).astype(float)
    members /= np.sqrt(members.sum(1, keepdims=True))
    usable = members[radii > _SAME] if degree else members
    power, ideal = _transfer(taps, degree, usable)
    if not len(usable):
        return usable, np.zeros(0)
    shares, vectors = _generalised(ideal, power)
    good = vectors[:, 2 * (1 - shares) < tolerance**2]
    basis = _canonical(good)
    inside = np.einsum("rn,rt,tn->n", basis, ideal, basis) / np.einsum("rn,rt,tn->n", basis, power, basis)
    return basis.T @ usable, np.sqrt(np.maximum(2 * (1 - inside), 0))


def _transfer(taps: Taps, degree: int, profiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The power `(R, R)` of the transfer functions of profiles × harmonics, and that of their ideal part."""
    n = len(taps.sizes)
    harmonics, points, nyquist = harmonics_function(n), taps.points, math.pi / max(taps.spacing)
    phase = math.ceil(np.linalg.norm(points, axis=1).max() * nyquist - _SAME)
    lengths, directions, weights = _wave_vectors(n, nyquist, phase)
    filters = np.einsum("rs,sm->srm", profiles, harmonics(degree, points))
    count, size = filters.shape[1:]
    by_direction = weights[0] / weights[0].sum()
    ideal = by_direction[:, None] * harmonics(degree, directions) / math.sqrt(size)
    wave = np.sin if degree % 2 else np.cos  # filters are odd or even in the taps: of exp(−i k·s) one part is left
    power, share = np.zeros((2, count, count))
    for length, weight in zip(lengths, weights.sum(1), strict=True):
        transfer = wave(length * directions @ points.T) @ filters.reshape(len(points), -1)
        transfer = transfer.reshape(len(directions), count, size).swapaxes(0, 1)
        rows = (count, len(directions) * size)
        power += weight * transfer.reshape(rows) @ (transfer * by_direction[:, None]).reshape(rows).T
        along = transfer.reshape(rows) @ ideal.reshape(-1)
        share += weight * np.outer(along, along)
    return power, share


@cache
def _wave_vectors(n: int, nyquist: float, phase: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lengths `(q,)` and directions `(a, n)` of wave vectors, and the power `(q, a)` of images at each.

    Images have the power spectral density 1/k²; over all directions together that is kⁿ⁻³ at the length k. Quadratures
    are Gauss's along the length and the polar angle. Of k and −k, which tell the same of real filters, one is taken.

    The largest phase k·s between a tap and the middle says how fast transfer functions vary, and so how many there are.
    """
    nodes, weights = np.polynomial.legendre.leggauss(max(20, (phase + 15) // 2))
    lengths = (nodes + 1) / 2 * nyquist
    along = weights * lengths ** (n - 3)
    turns = max(24 if n == 2 else 14, phase + 3)
    angles = np.pi * np.arange(turns) / turns
    if n == 2:
        directions, around = np.stack([np.cos(angles), np.sin(angles)], 1), np.ones(turns)
    else:
        heights, polar = np.polynomial.legendre.leggauss(turns)
        wide = np.sqrt(1 - heights**2)
        directions = np.stack(
            [np.outer(wide, np.cos(angles)), np.outer(wide, np.sin(angles)), np.outer(heights, np.ones(turns))], -1
        ).reshape(-1, 3)
        around = np.repeat(polar, turns)
    power = np.outer(along / along.sum(), around / around.sum())
    return read_only(lengths), read_only(directions), read_only(power)


def _generalised(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues λ of `a v = λ b v`, and vectors, on the space where b is not next to zero."""
    sizes, axes = np.linalg.eigh(b)
    kept = sizes > 1e-6 * sizes.max(initial=0)
    whitened = axes[:, kept] / np.sqrt(sizes[kept])
    values, vectors = np.linalg.eigh(whitened.T @ a @ whitened)
    return values, whitened @ vectors


def _canonical(vectors: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the span of columns that depends on the span alone, from its projections of axes."""
    axes, _ = np.linalg.qr(vectors)
    left = axes @ axes.T
    basis = np.zeros((len(vectors), 0))
    for _ in range(vectors.shape[1]):
        lengths = np.diag(left)
        place = pivot(lengths)
        column = left[:, place] / math.sqrt(lengths[place])
        basis = np.concatenate([basis, column[:, None]], 1)
        left = left - np.outer(column, column)
    return basis


@cache
def _rings(action: Rep, taps: Taps) -> TapFunctions:
    if len(set(taps.sizes)) > 1 or len(set(taps.spacing)) > 1:
        raise ArgumentError(
            f"Rings are for square kernels and pixels, but got the sizes {taps.sizes} and spacing {taps.spacing}. Take "
            "nn.BandLimited()."
        )
    width, step = taps.sizes[0], taps.spacing[0]
    lengths = np.linalg.norm(taps.points, axis=1) / step
    radii = np.linspace(0, (width - 1) // 2, math.ceil(width / 2))
    sigmas = np.array([0.005 if r == 0 else 0.4 if r == radii[-1] else 0.6 for r in radii])
    profiles = np.exp(-((lengths - radii[:, None]) ** 2) / (2 * sigmas[:, None] ** 2))
    errors: dict[tuple[int, int], float] = {}
    degrees = [_ring_degree(action.dim, float(radius), float(radii[-1])) for radius in radii]
    for degree in range(max(degrees) + 1):
        seen = profiles if degree == 0 else profiles[:, lengths > 0]
        rings = [n for n in range(len(radii)) if degree <= degrees[n] and seen[n].sum() > _SAME]
        power, ideal = _transfer(taps, degree, profiles[rings])
        error = np.sqrt(np.maximum(2 * (1 - np.diag(ideal) / np.diag(power)), 0))
        errors |= {(n, degree): value for n, value in zip(rings, error, strict=True)}
    if not errors:
        raise ArgumentError(f"No ring of escnn's meets a tap of a kernel of width {width}. Pass other filters.")
    found: list[tuple[Irrep, np.ndarray, int, float]] = []
    for n, degree in sorted(errors):
        found += _times_harmonics(action, taps, degree, profiles[n][None], np.array([errors[n, degree]]))
    return _gathered(action, found, taps)


def _ring_degree(n: int, radius: float, last: float) -> int:
    """The largest degree on a ring, as escnn chooses it."""
    if radius == 0:
        return 0
    if n == 3:
        return int(min(2 * radius, last - radius + 2))
    return int(min(2 * radius - (radius + 1) % 2, 2 if radius == last else 2 * radius))


def _gathered(action: Rep, found: list[tuple[Irrep, np.ndarray, int, float]], taps: Taps) -> TapFunctions:
    """Functions in the order of their irreps, as a rep and its values; those of one irrep as they were found."""
    irreps = sorted({irrep for irrep, *_ in found}, key=lambda irrep: irrep.key)
    groups = [[row for row in found if row[0] == irrep] for irrep in irreps]
    rep = Rep(action.group, tuple((len(rows), irrep) for rows, irrep in zip(groups, irreps, strict=True)))
    values = [np.stack([values for _, values, *_ in rows], -1).reshape(len(rows[0][1]), -1) for rows in groups]
    origins = tuple(tuple((degree, error) for *_, degree, error in rows) for rows in groups)
    return TapFunctions(rep, Table(np.concatenate(values, 1)), origins, taps)
