"""Points spread evenly over the circle, the sphere and the rotations, with weights that average: all in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from intertwine._arrays import read_only
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.group import Seed, generator
from intertwine.groups.rotations import (
    GOLDEN,
    axis_rotation,
    distinct,
    plane_rotation,
    polyhedral_rotations,
    quaternion_rotations,
    random_directions,
    random_rotations,
)


@dataclass(frozen=True, eq=False, repr=False)
class Grid:
    """Points of a sphere or elements of a group, with weights: `Σ w_q f(x_q)` is about the average of f.

    `points, weights = grid` takes it apart. Both arrays are read-only copies; grids are equal when their contents are.

    Args:
        points: unit vectors `(q, n)` or group elements `(q, n, n)`.
        weights: `(q,)`, which sum to 1. They are positive but for the Lebedev rules of degrees 13, 25 and 27.
        degree: the largest d such that every polynomial of degree ≤ d in the entries of a point is averaged exactly; 0
            where only constants are, `math.inf` for all elements of a finite group.

    Raises `ShapeError` unless there is a weight for each point.

    >>> points, weights = sphere_grid("octahedron")
    >>> (points**2).T @ weights
    array([0.33333333, 0.33333333, 0.33333333])
    """

    points: np.ndarray
    weights: np.ndarray
    degree: int | float

    def __post_init__(self) -> None:
        for field in ("points", "weights"):
            object.__setattr__(self, field, read_only(np.array(getattr(self, field), dtype=np.float64)))
        if self.points.ndim < 2 or self.weights.shape != self.points.shape[:1]:
            raise ShapeError(
                f"A grid has points of shape (q, ...) and a weight for each, but got points of shape "
                f"{self.points.shape} and weights of shape {self.weights.shape}."
            )

    def __iter__(self) -> Iterator[np.ndarray]:
        yield self.points
        yield self.weights

    def __len__(self) -> int:
        return len(self.points)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return self.degree == other.degree and all(map(np.array_equal, self, other))

    def __hash__(self) -> int:
        return hash((self.points.shape, self.degree))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Grid, (self.points, self.weights, self.degree))  # else copies could be written to

    def __repr__(self) -> str:
        return f"<Grid of {len(self)} points of shape {self.points.shape[1:]}, exact to degree {self.degree}>"


def turn_grid(kind: str, n: int | None = None, seed: Seed = 0) -> Grid:
    """Rotations of the plane, points `(n, 2, 2)`; their first columns are points of the circle. Equal weights.

    | kind | n | exact to degree |
    |---|---|---|
    | "regular" | number of points, the identity first, 2π/n apart | n − 1 |
    | "random" | number of points, uniform | 0 |

    Only "random" reads the seed, an integer or a numpy generator. Raises `ArgumentError` for other arguments.

    >>> turn_grid("regular", 4)
    <Grid of 4 points of shape (2, 2), exact to degree 3>
    """
    return _build("turn", _TURNS, kind, n, seed)


def sphere_grid(kind: str, n: int | None = None, seed: Seed = 0) -> Grid:
    """Points of the unit sphere, `(q, 3)`. Poles are ±z, rows run from +z to −z, longitudes from x towards y.

    | kind | n | points | exact to degree | weights |
    |---|---|---|---|---|
    | "random" | number of points | n | 0 | equal |
    | "fibonacci" | number of points | n | 0 | equal |
    | "healpix" | N_side, ring scheme | 12 n² | 1 | equal |
    | "longlat" | number of latitudes (j + ½)π/n | 2n² | n − 1, n for odd n | Fejér's |
    | "gauss" | degree | (n + 1)(⌊n/2⌋ + 1) | n | Gauss–Legendre |
    | "lebedev" | degree up to 131 | about (n + 1)²/3 | the least d ≥ n that has a rule | Lebedev's |
    | "design" | degree up to 7 | 2 4 6 12 12 24 24 | 1 2 3 5 5 7 7 | equal |
    | "tetrahedron" | | 4 vertices | 2 | equal |
    | "octahedron" | | 6 vertices | 3 | equal |
    | "cube" | | 8 vertices | 3 | equal |
    | "cuboctahedron" | | 12 edge midpoints of the cube | 3 | equal |
    | "icosahedron" | | 12 vertices | 5 | equal |
    | "dodecahedron" | | 20 vertices | 5 | equal |
    | "icosidodecahedron" | | 30 edge midpoints of the icosahedron | 5 | equal |

    "exact to degree d" holds for polynomials of degree ≤ d in x, y, z, so for harmonics. The largest hole between q
    points has a radius of about 2.8/√q rad for "fibonacci" and "healpix". The polyhedra are turned as in
    `polyhedral_rotations`. The Lebedev rules of degrees 13, 25 and 27 have negative weights. Only "random" reads the
    seed, an integer or a numpy generator. Raises `ArgumentError` for other arguments.

    Sources: González 2010, doi:10.1007/s11004-009-9257-x (Fibonacci); Górski et al. 2005, doi:10.1086/427976 (HEALPix);
    Waldvogel 2006, doi:10.1007/s10543-006-0045-4 (Fejér's first rule); Lebedev & Laikov 1999; Hardin & Sloane 1996,
    doi:10.1007/BF02711518 (designs).

    >>> sphere_grid("lebedev", 10)
    <Grid of 50 points of shape (3,), exact to degree 11>
    """
    return _build("sphere", _SPHERES, kind, n, seed)


def rotation_grid(kind: str, n: int | None = None, seed: Seed = 0) -> Grid:
    """Rotations of space, `(q, 3, 3)`.

    | kind | n | points | exact to degree | weights |
    |---|---|---|---|---|
    | "random" | number of points | n | 0 | equal |
    | "fibonacci" | number of points | n | 0 | equal |
    | "hopf" | N_side | 72 n³ | 1 | equal |
    | "gauss" | degree | (n + 1)² (⌊n/2⌋ + 1) | n | Gauss–Legendre |
    | "lebedev" | degree up to 131 | (n + 1) × "lebedev" on the sphere | n | Lebedev's |
    | "tetrahedron" | | its 12 rotations | 2 | equal |
    | "cube" | | its 24 rotations | 3 | equal |
    | "icosahedron" | | its 60 rotations | 5 | equal |

    "exact to degree d" holds for polynomials of degree ≤ d in the nine entries, so for matrix elements of the irreps
    0 … d. "fibonacci" is the super-Fibonacci spiral. "hopf", "gauss" and "lebedev" are "healpix", "gauss" and "lebedev"
    on the sphere, for where z goes, times 6n, n + 1 and n + 1 equal turns; for n = 1, 2, 4, … "hopf" is the published
    grid of 72, 576, 4608, … rotations. "lebedev" has fewer rotations than "gauss" from degree 3 on, by a third in the
    limit. The largest hole between q ≥ 30 rotations has a radius of about 4/q^⅓ rad, an angle of rotation, for
    "fibonacci" and "hopf". Only "random" reads the seed, an integer or a numpy generator. Raises `ArgumentError` for
    other arguments.

    Sources: Alexa 2022, doi:10.1109/CVPR52688.2022.00811 (super-Fibonacci); Yershova et al. 2010,
    doi:10.1177/0278364909352700 (Hopf); Gräf & Potts 2009, doi:10.1080/01630560903163508 (products).

    >>> rotation_grid("hopf", 2)
    <Grid of 576 points of shape (3, 3), exact to degree 1>
    """
    return _build("rotation", _ROTATIONS, kind, n, seed)


# kinds, by name -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """How a kind of grid is built, and what its n means; no meaning where it takes none."""

    build: Callable[..., Grid]
    n: str = ""
    least: int = 1
    most: float = math.inf
    seeded: bool = False


def _build(space: str, kinds: Mapping[str, _Kind], kind: str, n: int | None, seed: Seed) -> Grid:
    if kind not in kinds:
        raise ArgumentError(f"There is no {space} grid of the kind {kind!r}. The kinds are {', '.join(kinds)}.")
    found = kinds[kind]
    if not found.n:
        if n is not None:
            raise ArgumentError(f"The {space} grid {kind!r} has its own number of points: leave n = {n!r} out.")
        return found.build()
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or not found.least <= n <= found.most:
        span = f"from {found.least} on" if found.most == math.inf else f"from {found.least} to {found.most}"
        given = "none" if n is None else f"n = {n!r}"
        raise ArgumentError(f"The {space} grid {kind!r} takes {found.n}, an integer n {span}, but got {given}.")
    return found.build(int(n), seed) if found.seeded else found.build(int(n))


def _equal(points: np.ndarray, degree: int) -> Grid:
    """The points with equal weights."""
    return Grid(points, np.full(len(points), 1 / len(points)), degree)


# the circle -----------------------------------------------------------------------------------------------------------


def _turns(n: int) -> np.ndarray:
    """n equal angles, 0 first."""
    return 2 * np.pi * np.arange(n) / n


def _regular(n: int) -> Grid:
    return _equal(plane_rotation(_turns(n)), n - 1)


def _random_turns(n: int, seed: Seed) -> Grid:
    return _equal(plane_rotation(generator(seed).uniform(0, 2 * np.pi, n)), 0)


# the sphere -----------------------------------------------------------------------------------------------------------


def _at(heights: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """The points `(..., 3)` of the sphere at heights z and longitudes, which broadcast."""
    z, longitudes = np.broadcast_arrays(heights, longitudes)
    radii = np.sqrt((1 - z) * (1 + z))
    return np.stack([radii * np.cos(longitudes), radii * np.sin(longitudes), z], -1)


def _rows(heights: np.ndarray, shares: np.ndarray, longitudes: int, degree: int) -> Grid:
    """Rows of equally spaced points, each row with its share of the weight."""
    points = _at(heights[:, None], _turns(longitudes)).reshape(-1, 3)
    return Grid(points, np.repeat(shares / longitudes, longitudes), degree)


def _random_points(n: int, seed: Seed) -> Grid:
    return _equal(random_directions(n, 3, seed), 0)


def _fibonacci(n: int) -> Grid:
    """Heights at the middles of n equal slices, each point turned from the last by the golden angle."""
    k = np.arange(n)
    return _equal(_at(1 - (2 * k + 1) / n, 2 * np.pi * (k / GOLDEN % 1)), 0)


def _healpix(n: int) -> Grid:
    """Rings of 4, 8, …, 4n, …, 4n, …, 8, 4 points: Górski et al., equations 2 to 9.

    Where a ring has a point at longitude 0 it starts there, as in the HEALPix software; in the paper it ends there.
    """
    ring = np.arange(1, 4 * n)
    nearest = np.minimum(ring, 4 * n - ring)  # the ring's number from its pole
    sizes = 4 * np.minimum(nearest, n)
    caps = np.sign(2 * n - ring) * (1 - nearest**2 / (3 * n**2))
    heights = np.where(nearest < n, caps, 4 / 3 - 2 * ring / (3 * n))
    shifts = np.where(nearest < n, 1, (ring - n + 1) % 2) / 2
    place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes - shifts, sizes)
    return _equal(_at(np.repeat(heights, sizes), 2 * np.pi * place / np.repeat(sizes, sizes)), 1)


def _longlat(n: int) -> Grid:
    """Fejér's first rule: exact to degree n − 1 in the height, and for odd functions, so to degree n for odd n."""
    angles = np.pi * (np.arange(n) + 0.5) / n
    k = np.arange(1, n // 2 + 1)
    shares = (1 - 2 * np.cos(2 * np.outer(angles, k)) @ (1 / (4 * k**2 - 1))) / n
    return _rows(np.cos(angles), shares, 2 * n, n - 1 + n % 2)


@cache
def _gauss(degree: int) -> Grid:
    nodes, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    return _rows(-nodes, weights / 2, degree + 1, degree)


_LEBEDEV = (*range(3, 32, 2), *range(35, 132, 6))


def _lebedev(degree: int) -> Grid:
    from scipy.integrate import lebedev_rule

    found = next(d for d in _LEBEDEV if d >= degree)
    points, weights = lebedev_rule(found)
    return Grid(points.T, weights / (4 * np.pi), found)


_ORBITS: dict[str, tuple[str, tuple[float, float, float], int]] = {
    "tetrahedron": ("tetrahedron", (1, 1, 1), 2),
    "octahedron": ("cube", (0, 0, 1), 3),
    "cube": ("cube", (1, 1, 1), 3),
    "cuboctahedron": ("cube", (0, 1, 1), 3),
    "icosahedron": ("icosahedron", (GOLDEN, 0, 1), 5),
    "dodecahedron": ("icosahedron", (1, 1, 1), 5),
    "icosidodecahedron": ("icosahedron", (0, 0, 1), 5),
}


@cache
def _polyhedron(kind: str) -> Grid:
    group, vector, degree = _ORBITS[kind]
    return _orbit(group, np.array(vector), degree)


def _orbit(group: str, vector: np.ndarray, degree: int) -> Grid:
    """The directions where the rotations of a polyhedron take a vector."""
    return _equal(distinct(polyhedral_rotations(group) @ (vector / np.linalg.norm(vector))), degree)


def _design(degree: int) -> Grid:
    """The smallest known designs. That of degree 7 is McLaren's improved snub cube.

    The rotations of the cube have invariant harmonics of degrees 0, 4, 6, 8, …: its orbit is exact to degree 7 where
    those of 4 and 6 vanish, Σ x⁴ = 3/5 and Σ x⁶ = 3/7. By Newton's identities x², y², z² are then the roots of
    t³ − t² + t/5 − 1/105.
    """
    if degree <= 1:
        return _equal(np.array([[0, 0, 1], [0, 0, -1]]), 1)
    if degree <= 5:
        return _polyhedron({2: "tetrahedron", 3: "octahedron"}.get(degree, "icosahedron"))
    return _orbit("cube", np.sqrt(np.roots([1, -1, 1 / 5, -1 / 105])), 7)


# the rotations --------------------------------------------------------------------------------------------------------


def _random_rotation_grid(n: int, seed: Seed) -> Grid:
    return _equal(random_rotations(n, seed), 0)


def _super_fibonacci(n: int) -> Grid:
    """Alexa's spiral of unit quaternions; ψ⁴ = ψ + 4."""
    s = np.arange(n) + 0.5
    a, b = 2 * np.pi * (s / math.sqrt(2) % 1), 2 * np.pi * (s / 1.533751168755204288118041 % 1)
    r, t = np.sqrt(s / n), np.sqrt(1 - s / n)
    return _equal(quaternion_rotations(np.stack([r * np.sin(a), r * np.cos(a), t * np.sin(b), t * np.cos(b)], -1)), 0)


def _times_turns(base: Grid, turns: int) -> Grid:
    """R_z(φ) R_y(θ) R_z(ψ − φ) for the points (θ, φ) of a sphere grid and equally spaced ψ.

    Averaging over ψ is exact for frequencies below the number of turns, and leaves functions of where z goes.
    """
    x, y, z = base.points.T
    longitudes, colatitudes = np.arctan2(y, x), np.arctan2(np.hypot(x, y), z)
    tilts = axis_rotation(2, longitudes) @ axis_rotation(1, colatitudes)
    g = tilts[:, None] @ axis_rotation(2, _turns(turns) - longitudes[:, None])
    return Grid(g.reshape(-1, 3, 3), np.repeat(base.weights / turns, turns), min(base.degree, turns - 1))


def _hopf(n: int) -> Grid:
    return _times_turns(_healpix(n), 6 * n)


@cache
def _gauss_rotations(degree: int) -> Grid:
    return _times_turns(_gauss(degree), degree + 1)


def _lebedev_rotations(degree: int) -> Grid:
    return _times_turns(_lebedev(degree), degree + 1)


@cache
def _polyhedral(kind: str, degree: int) -> Grid:
    return _equal(polyhedral_rotations(kind), degree)


_POINTS, _DEGREE = "the number of points", "the degree to be averaged exactly"

_TURNS = {
    "regular": _Kind(_regular, _POINTS),
    "random": _Kind(_random_turns, _POINTS, seeded=True),
}
_SPHERES = {
    "random": _Kind(_random_points, _POINTS, seeded=True),
    "fibonacci": _Kind(_fibonacci, _POINTS),
    "healpix": _Kind(_healpix, "the number N_side of points along the side of a base pixel"),
    "longlat": _Kind(_longlat, "the number of latitudes"),
    "gauss": _Kind(_gauss, _DEGREE, least=0),
    "lebedev": _Kind(_lebedev, _DEGREE, least=0, most=_LEBEDEV[-1]),
    "design": _Kind(_design, _DEGREE, least=0, most=7),
    **{kind: _Kind(partial(_polyhedron, kind)) for kind in _ORBITS},
}
_ROTATIONS = {
    "random": _Kind(_random_rotation_grid, _POINTS, seeded=True),
    "fibonacci": _Kind(_super_fibonacci, _POINTS),
    "hopf": _Kind(_hopf, "the number N_side of points along the side of a base pixel"),
    "gauss": _Kind(_gauss_rotations, _DEGREE, least=0),
    "lebedev": _Kind(_lebedev_rotations, _DEGREE, least=0, most=_LEBEDEV[-1]),
    "tetrahedron": _Kind(partial(_polyhedral, "tetrahedron", 2)),
    "cube": _Kind(partial(_polyhedral, "cube", 3)),
    "icosahedron": _Kind(partial(_polyhedral, "icosahedron", 5)),
}
