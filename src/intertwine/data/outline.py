"""Closed outlines in the plane as Fourier coefficients that are exactly vectors of irreps of O(2).

An outline is walked once, counter-clockwise, at constant speed: `z(t) = x + iy`, 0 ≤ t < 2π. Its Fourier coefficients

    z_k = 1/2π ∮ z(t) e^{−ikt} dt

turn all alike, `z_k → e^{iθ} z_k`, when the outline turns by θ; a mirror y → −y conjugates them (the walk is reversed
too, so that it stays counter-clockwise). But where the walk starts is arbitrary, and a start that is later by s
multiplies z_k by e^{iks}. The phase of z_1 knows about both, so

    b_k = z_k (z̄_1 / |z_1|)^k → e^{i(1−k)θ} b_k

does not depend on the start, and belongs to the irrep of frequency |1 − k|. Nothing is lost: b_k are the coefficients
of the same outline, started where its first harmonic points along x. Frequency f ≥ 1 has two channels, b_{1−f} and the
conjugate of b_{1+f}; frequency 0 has one, b_1 = |z_1|, which mirrors leave as it is.
"""

from __future__ import annotations

import numpy as np

from intertwine.errors import ArgumentError, ShapeError


def fourier_coefficients(outline: np.ndarray, degree: int) -> np.ndarray:
    """The Fourier coefficients of a closed outline, free of its position, size and starting point.

    The centre is the centroid of the area A, and the unit of length is √(A/π), the radius of the disc of that area; z_k
    are exact for a polygon. The result lists

    - frequency 0, one channel: `b_1`, a 0e (the first harmonic's radius, 1 for a circle);
    - frequency f = 1 … degree, two channels: `b_{1−f}` and `conj(b_{1+f})`, each as (real, imaginary) part.

    For every g of O(2), with ρ the rep that `fourier_layout(degree)` names,
    `fourier_coefficients(transform(outline, g), degree) = ρ(g) fourier_coefficients(outline, degree)`.
    Where the list of points starts, its direction, and repeated points make no difference.

    Args:
        outline: `(n, 2)` x and y of the corners in any unit, in order; the last is joined to the first.
        degree: the highest frequency, from 0 on.

    Returns:
        `(1 + 4 · degree,)` numbers: for each frequency f ≥ 1 a block (2, 2), components outside and channels inside.

    Raises `ShapeError` for an array that is no outline, and `ArgumentError` for a negative degree and for an outline
    with fewer than three distinct points, numbers that are not finite, no area, or no first harmonic.

    Source: Kuhl & Giardina 1982, doi:10.1016/0146-664X(82)90034-X, for the coefficients of polygons and the role of the
    first harmonic.

    >>> square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> fourier_coefficients(square, 4).round(3)[[0, -4]]  # of a square only the frequencies 0, 4, 8 … are not zero
    array([ 1.016, -0.113])
    """
    _check_degree(degree)
    walk = _walk(outline)
    centre, radius = _centre_and_radius(walk)
    orders = np.arange(1 - degree, 2 + degree)
    z = _harmonics((walk - centre) / radius, orders)
    first = z[orders == 1][0]
    if abs(first) < 1e-9:
        raise ArgumentError(
            "The outline has no first harmonic, so its starting point cannot be told from its pose: it winds around "
            "its centre in both directions alike. Pass the outline of one filled shape that does not cross itself."
        )
    b = z * (first.conjugate() / abs(first)) ** orders
    pairs = np.stack([b[degree - 1 :: -1], b[degree + 1 :].conj()], -1) if degree else np.empty((0, 2), complex)
    return np.concatenate([[abs(first)], np.stack([pairs.real, pairs.imag], 1).ravel()])


def fourier_layout(degree: int) -> str:
    """What `fourier_coefficients(outline, degree)` is as a rep of O(2): one scalar, and two vectors per frequency.

    Raises `ArgumentError` for a negative degree.

    >>> fourier_layout(3)
    '1x0e + 2x1 + 2x2 + 2x3'
    """
    _check_degree(degree)
    return " + ".join(["1x0e", *(f"2x{frequency}" for frequency in range(1, degree + 1))])


def log_size(outline: np.ndarray) -> float:
    """The logarithm of the radius of the disc that has the outline's area: `ln √(A/π)`, a scalar (0e) of O(2).

    Put in front of the coefficients it makes the rep "2x0e + 2x1 + 2x2 + …". Raises as `fourier_coefficients` does.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> round(log_size(square * 100) - log_size(square), 3)  # ln 100
    4.605
    """
    return float(np.log(_centre_and_radius(_walk(outline))[1]))


def outline_from_coefficients(coefficients: np.ndarray, points: int = 200) -> np.ndarray:
    """The outline `(..., points, 2)` of Fourier coefficients `(..., 1 + 4 · degree)`: `z(t) = Σ_k b_k e^{ikt}`.

    The inverse of `fourier_coefficients`, up to position, size, starting point and finer detail, in units of the radius
    of the disc of the same area. Raises `ShapeError` for a number of coefficients that no degree has.

    >>> disc = outline_from_coefficients(np.array([1.0, 0.0, 0.0, 0.0, 0.0]), points=4)
    >>> disc.round(6) + 0.0
    array([[ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.]])
    """
    coefficients = np.asarray(coefficients, dtype=np.float64)
    size = coefficients.shape[-1] if coefficients.ndim else 0
    if size % 4 != 1:
        raise ShapeError(
            f"A degree d has 1 + 4 d Fourier coefficients, but got {size}. Pass what fourier_coefficients gave."
        )
    parts = coefficients[..., 1:].reshape(*coefficients.shape[:-1], size // 4, 2, 2)
    falling, rising = np.moveaxis(parts[..., 0, :] + 1j * parts[..., 1, :], -1, 0)
    b = np.concatenate([falling[..., ::-1], coefficients[..., :1], rising.conj()], -1)
    orders = np.arange(1 - size // 4, 2 + size // 4)
    z = b @ np.exp(1j * np.outer(orders, np.arange(points) * (2 * np.pi / points)))
    return np.stack([z.real, z.imag], -1)


def transform(outline: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The points `(..., n, 2)` moved by a matrix `(2, 2)`, such as an element of O(2): p becomes `matrix @ p`.

    Raises `ShapeError` for points or a matrix that are not two-dimensional.

    >>> transform(np.array([[1.0, 2.0]]), np.diag([1.0, -1.0]))
    array([[ 1., -2.]])
    """
    outline, matrix = np.asarray(outline, dtype=np.float64), np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (2, 2) or outline.ndim < 2 or outline.shape[-1] != 2:
        raise ShapeError(
            f"transform takes a (2, 2) matrix and points (..., n, 2), but got shapes {matrix.shape} and "
            f"{outline.shape}. Pass an element of O(2) and an outline."
        )
    return np.asarray(outline @ matrix.T)


def _check_degree(degree: int) -> None:
    if degree < 0:
        raise ArgumentError(f"The degree {degree} is negative. Pass the highest frequency that is wanted, from 0 on.")


def _walk(outline: np.ndarray) -> np.ndarray:
    """The corners as complex numbers, counter-clockwise and each different from the next."""
    outline = np.asarray(outline, dtype=np.float64)
    if outline.ndim != 2 or outline.shape[1] != 2:
        raise ShapeError(f"An outline has the shape (n, 2), but got {outline.shape}. Put x and y on the last axis.")
    if not np.isfinite(outline).all():
        raise ArgumentError("The outline has coordinates that are not finite numbers. Remove these points first.")
    z = outline[:, 0] + 1j * outline[:, 1]
    z = z[z != np.roll(z, -1)]
    if len(z) < 3:
        raise ArgumentError(
            f"The outline has {len(z)} points that differ from the next one, but it takes three to enclose an area. "
            "Leave this outline out."
        )
    return np.asarray(z if _crosses(z - z[0]).sum() >= 0 else z[::-1])


def _crosses(z: np.ndarray) -> np.ndarray:
    """Twice the signed area of the triangle of the origin and each edge."""
    return np.asarray((z.conj() * np.roll(z, -1)).imag)


def _centre_and_radius(walk: np.ndarray) -> tuple[complex, float]:
    """The centroid of the area, and the radius of the disc of that area."""
    z = walk - walk[0]  # near the origin, where the differences below lose no digits
    crosses = _crosses(z)
    area = crosses.sum() / 2
    if area <= 1e-12 * np.abs(z).max() ** 2:
        raise ArgumentError(
            "The outline encloses no area, so it has no size to measure by. Pass the closed outline of a filled shape."
        )
    return walk[0] + ((z + np.roll(z, -1)) * crosses).sum() / (6 * area), float(np.sqrt(area / np.pi))


def _harmonics(z: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """The Fourier coefficients of a closed polygon that is walked at constant speed in 2π.

    Between corners z(t) is linear. Twice integrated by parts, each edge adds its direction times a difference of
    exponentials, so the integral is exact and the outline needs no resampling.
    """
    edges = np.roll(z, -1) - z
    lengths = np.abs(edges)
    ends = np.cumsum(lengths)
    speed = ends[-1] / (2 * np.pi)
    mean = ((z + np.roll(z, -1)) / 2 * lengths).sum() / ends[-1]
    corners = np.exp(-1j * np.outer(orders, np.concatenate([[0.0], ends[:-1], [0.0]]) / speed))
    directions = speed * edges / lengths
    others = (corners[:, 1:] - corners[:, :-1]) @ directions / (2 * np.pi * np.where(orders == 0, 1, orders) ** 2)
    return np.asarray(np.where(orders == 0, mean, others))
