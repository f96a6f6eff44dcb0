"""Polynomials by name, coefficients by solving."""

import numpy as np
import pytest

from intertwine import circular_harmonics, spherical_harmonics
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import harmonic_coefficients
from tests.registry import close

POLYNOMIALS = {
    "x": (lambda r: r[0], 1),
    "z": (lambda r: -3 * r[2], 1),
    "x² − y²": (lambda r: r[0] ** 2 - r[1] ** 2, 2),
    "xy": (lambda r: r[0] * r[1], 2),
    "2z² − x² − y²": (lambda r: 2 * r[2] ** 2 - r[0] ** 2 - r[1] ** 2, 2),
    "xyz": (lambda r: r[0] * r[1] * r[2], 3),
    "the cube": (lambda r: (r**4).sum(0) - 3 / 5, 4),
    "1": (lambda r: np.ones_like(r[0]), 0),
}


@pytest.mark.parametrize(("function", "degree"), POLYNOMIALS.values(), ids=POLYNOMIALS.keys())
def test_coefficients_rebuild_the_polynomial(function: object, degree: int) -> None:
    """They have length 1, point along the polynomial, and ignore its size."""
    c = harmonic_coefficients(function, degree)
    assert c.shape == (2 * degree + 1,)
    assert np.linalg.norm(c) == pytest.approx(1)
    r = np.random.default_rng(3).normal(size=(20, 3))
    r /= np.linalg.norm(r, axis=1, keepdims=True)
    values, rebuilt = function(r.T), spherical_harmonics(degree, r) @ c
    factor = (values @ rebuilt) / (rebuilt @ rebuilt)
    assert factor != 0
    close(factor * rebuilt, values)
    close(harmonic_coefficients(lambda r: 1e-3 * function(r), degree), c, 1e-9)


def test_naming_is_not_indexing() -> None:
    """x² − y² mixes two components, because the polar axis of the library is y; xy is one component."""
    close(harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2), [0, 0, -(3**0.5) / 2, 0, -0.5])
    assert np.count_nonzero(harmonic_coefficients(lambda r: r[0] * r[1], 2)) == 1


def test_in_the_plane() -> None:
    close(harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2, dim=2), [1, 0])
    close(harmonic_coefficients(lambda r: r[0] * r[1], 2, dim=2), [0, 1])
    c = harmonic_coefficients(lambda r: r[0] ** 3 - 3 * r[0] * r[1] ** 2, 3, dim=2)
    close(circular_harmonics(3, np.array([1.0, 0])) @ c, 2**0.5)


@pytest.mark.parametrize(
    ("function", "degree"),
    [
        (lambda r: r[0] ** 2, 2),
        (lambda r: r[0] ** 2 - r[1] ** 2, 1),
        (lambda r: r[0] + 1, 1),
        (lambda r: 0 * r[0], 2),
        (lambda r: np.abs(r[0]), 1),
    ],
)
def test_other_functions_are_refused(function: object, degree: int) -> None:
    with pytest.raises(ArgumentError, match=f"no harmonic polynomial of degree {degree} on the unit sphere. Subtract"):
        harmonic_coefficients(function, degree)


@pytest.mark.parametrize("function", [lambda r: 1.0, lambda r: r, lambda r: r.sum(1), lambda r: r[:1]])
def test_one_value_per_point_is_asked_for(function: object) -> None:
    words = r"takes coordinates as rows, of shape \(3, 80\) here, and gives one value per point, of shape \(80,\), but"
    with pytest.raises(ShapeError, match=words):
        harmonic_coefficients(function, 1)
