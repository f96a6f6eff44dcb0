"""Between polynomials that people name, such as x² − y², and coefficients of harmonics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps.harmonics import harmonics_function


def harmonic_coefficients(function: Callable[[np.ndarray], np.ndarray], degree: int, dim: int = 3) -> np.ndarray:
    """The unit vector of harmonic coefficients, of one degree, that a polynomial stands for.

    Naming components by their polynomial is safe; naming them by their index is not: x² − y² is component 8 of degrees
    0 … 5 with the polar axis z, and another one with the polar axis y.

    Args:
        function: takes coordinates as rows, `(n, points)`, and gives values `(points,)`.
        degree: the degree of the harmonics.
        dim: 3 for the sphere, 2 for the circle.

    Returns:
        Coefficients `(2 · degree + 1,)` (or 1 or 2 on the circle), of length 1, in the library's basis.

    Raises `ArgumentError` if the function is no harmonic polynomial of that degree, and `ShapeError` if it does not
    give one number per point.

    >>> harmonic_coefficients(lambda r: r[0], 1)
    array([1., 0., 0.])
    >>> harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2).round(3)
    array([ 0.   ,  0.   , -0.866,  0.   , -0.5  ])
    """
    rng = np.random.default_rng(0)
    r = rng.normal(size=(40 * (degree + 1), dim))
    r /= np.linalg.norm(r, axis=1, keepdims=True)
    values = np.asarray(function(r.T), dtype=np.float64)
    if values.shape != (len(r),):
        raise ShapeError(
            f"The function takes coordinates as rows, of shape {r.T.shape} here, and gives one value per point, of "
            f"shape ({len(r)},), but values of shape {values.shape} came. Write lambda r: r[0] ** 2 - r[1] ** 2 for "
            "x² − y², and lambda r: 0 * r[0] + 1 for the constant."
        )
    basis = harmonics_function(dim)([degree], r)
    found, *_ = np.linalg.lstsq(basis, values, rcond=None)
    size = np.linalg.norm(found)
    if size == 0 or np.abs(basis @ found - values).max() > 1e-9 * np.abs(values).max():
        raise ArgumentError(
            f"The function is no harmonic polynomial of degree {degree} on the unit sphere. Subtract the parts of "
            "other degrees, such as the mean x² + y² + z² of a quadratic form."
        )
    found = found / size
    return np.where(np.abs(found) < 1e-12, 0.0, found)
