"""Between polynomials that people name, such as x² − y², and coefficients of harmonics."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps import Irrep
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
            f"shape ({len(r)},), but got values of shape {values.shape}. Write lambda r: r[0] ** 2 - r[1] ** 2 for "
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


def polynomial_text(coefficients: np.ndarray, dim: int = 3, degree: int | None = None) -> str:
    """The harmonic polynomial of coefficients of one degree, as people write it, scaled to small whole numbers.

    The opposite of `harmonic_coefficients`, up to a positive factor.

    Args:
        coefficients: `(2 · degree + 1,)` in space; 2 in the plane, or 1 for degree 0.
        dim: 3 or 2.
        degree: the degree in the plane, where the number of coefficients does not tell it. Default 0 or 1.

    Raises `ShapeError` if there is no degree with so many harmonics.

    >>> polynomial_text(harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2))
    'x² − y²'
    >>> polynomial_text(harmonic_coefficients(lambda r: r[0] * r[1] * r[2], 3))
    'xyz'
    """
    coefficients = np.asarray(coefficients, dtype=np.float64)
    known = (coefficients.size - 1) // 2 if dim == 3 else min(coefficients.size - 1, 1)
    degree = known if degree is None else degree
    if coefficients.shape != (2 * degree + 1 if dim == 3 else min(degree, 1) + 1,):
        raise ShapeError(
            f"The harmonics of one degree have 2 · degree + 1 coefficients in space, and 2 in the plane (1 for degree "
            f"0), but got an array of shape {coefficients.shape} for degree {degree}. Pass one degree at a time."
        )
    powers, monomials = _monomials(degree, dim)
    return _in_whole_numbers(powers, monomials @ coefficients)


@cache
def _monomials(degree: int, dim: int) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The powers of the monomials of a degree, and the matrix to their coefficients from those of the harmonics."""
    rng = np.random.default_rng(0)
    r = rng.normal(size=(20 * (degree + 1) ** 2, dim))
    r /= np.linalg.norm(r, axis=1, keepdims=True)
    powers = [p for p in np.ndindex(*(degree + 1,) * dim) if sum(p) == degree]
    values = np.stack([np.prod(r ** np.array(p), axis=1) for p in powers], 1)
    return powers, np.linalg.lstsq(values, harmonics_function(dim)([degree], r), rcond=None)[0]


def quadratic_forms(span: np.ndarray) -> tuple[str, ...]:
    """A basis of a space of quadratic forms as textbooks write it: x² + y², z², or 2z² − x² − y², x² − y².

    One after the other x², y², z², xy, xz, yz are projected onto the space, z² first where all forms have trace 0.

    Args:
        span: coefficients `(6, k)` in x², y², z², √2 xy, √2 xz, √2 yz, as columns that are independent.

    >>> quadratic_forms(np.array([[1.0, 1, 1, 0, 0, 0]]).T)
    ('x² + y² + z²',)
    """
    basis = np.linalg.qr(span)[0]
    traceless = np.abs(basis[:3].sum(0)).max() < 1e-6
    found = np.zeros((0, 6))
    for place in (2, 0, 1, 3, 4, 5) if traceless else range(6):
        form = basis @ basis[place]
        form = form - found.T @ (found @ form)
        if (size := np.linalg.norm(form)) > 1e-6:
            found = np.concatenate([found, form[None] / size])
    scale = np.array([1, 1, 1, *3 * [np.sqrt(2)]])
    return tuple(_in_whole_numbers(_SQUARES, row * scale, positive_first=True) for row in found)


def _in_whole_numbers(powers: list[tuple[int, ...]], found: np.ndarray, positive_first: bool = False) -> str:
    """A polynomial with its coefficients scaled to small whole numbers where that is possible."""
    if not (size := np.abs(found).max(initial=0.0)):
        return "0"
    scaled = found / np.abs(found[np.abs(found) > 1e-6 * size]).min()
    whole = next((n for n in range(1, 61) if np.abs(n * scaled - np.round(n * scaled)).max() < 1e-6 * n), None)
    numbers = np.round(whole * scaled) if whole else found / size
    terms = sorted(((p, c) for p, c in zip(powers, numbers, strict=True) if abs(c) > 1e-4), reverse=True)
    return _sum_of(sorted(terms, key=lambda term: term[1] < 0) if positive_first else terms)


def component_name(irrep: Irrep, vector: np.ndarray) -> str:
    """The harmonic polynomial that a vector of an irrep of SO(2), O(2), SO(3) or O(3) is; of other groups its numbers.

    Vectors of the parity that harmonics do not have are marked: `z (pseudo)` is the z component of a pseudovector.

    >>> from intertwine.catalog import O3
    >>> component_name(O3.irrep("1e"), np.array([0.0, 0.0, 1.0]))
    'z (pseudo)'
    """
    group = irrep.group
    if not group.is_full or group.dim not in (2, 3):
        return " ".join(f"{x:.3g}" for x in vector)
    harmonic = group.is_proper or irrep.label.endswith("eo"[irrep.degree % 2] if group.dim == 3 else "e")
    if group.dim == 2 and irrep.degree:
        return polynomial_text(vector, 2, irrep.degree)
    if irrep.degree == 0:
        return "1" if harmonic else "pseudoscalar"
    return polynomial_text(vector) + ("" if harmonic else " (pseudo)")


def upright(irrep: Irrep, vector: np.ndarray) -> tuple[np.ndarray, str]:
    """The vector or its negative, and its name, which does not start with a minus sign; tiny entries are zero."""
    vector = np.where(np.abs(vector) < 1e-10, 0.0, vector)
    name = component_name(irrep, vector)
    return (-vector, component_name(irrep, -vector)) if name.startswith(("−", "-")) else (vector, name)


def _sum_of(terms: list[tuple[tuple[int, ...], float]]) -> str:
    """A sum of monomials with coefficients, ones left out."""
    text = ""
    for power, value in terms:
        letters = "".join(
            x + (str(n).translate(_SUPERSCRIPTS) if n > 1 else "") for x, n in zip("xyz", power, strict=False) if n
        )
        shown = f"{abs(value):.0f}" if value == round(value) else f"{abs(value):.3g}"
        text += (" − " if value < 0 else " + ") + ("" if shown == "1" and letters else shown) + letters
    sign, rest = text[1:2], text[3:]
    return ("−" if sign == "−" else "") + rest


_SQUARES: list[tuple[int, ...]] = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
