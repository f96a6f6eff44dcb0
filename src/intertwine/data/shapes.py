"""Toy shapes: the four points of the founding tutorial, and random blobs given by spherical harmonics."""

from __future__ import annotations

import numpy as np

from intertwine.errors import ArgumentError


def square() -> np.ndarray:
    """The corners `(4, 3)` of the unit square about the origin, z = 0, counter-clockwise from (−1/2, −1/2).

    Source: Smidt, "Simple Tasks and Symmetry", tutorial of e3nn (2019), doi:10.5281/zenodo.3348277.

    >>> square()[2]
    array([0.5, 0.5, 0. ])
    """
    return np.array([[-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0], [-0.5, 0.5, 0.0]])


def rectangle() -> np.ndarray:
    """The corners `(4, 3)` of `square` with half its width and one and a half of its height.

    >>> rectangle()[2]
    array([0.25, 0.75, 0.  ])
    """
    return np.asarray(square() * np.array([0.5, 1.5, 0.0]))


def random_blob(
    n: int, degree: int, generator: np.random.Generator, *, roughness: float = 0.3, margin: float = 0.1
) -> np.ndarray:
    """Random smooth star-shaped surfaces, as coefficients of real spherical harmonics.

    A surface is `r(u) = Σ_l c_l · Y_l(u)` for directions u, with `c_0 = 1` and normal coefficients of standard
    deviation `roughness / (1 + l)²` otherwise: no direction is preferred. With component-normalised harmonics
    (|Y_l(u)|² = 2l + 1) the mean radius is 1. Where `Σ_l |c_l| √(2l + 1)` over l ≥ 1 would exceed `1 − margin`, these
    coefficients shrink until it does not, so every radius is at least `margin` (Cauchy–Schwarz) and the surface never
    meets its centre.

    The n surfaces come as `(n, (degree + 1)²)` coefficients in the layout "0e + 1o + 2e + 3o + …". Raises
    `ArgumentError` for a negative number, degree or roughness and for a margin outside 0 … 1.

    >>> random_blob(2, 4, np.random.default_rng(0)).shape
    (2, 25)
    """
    if n < 0 or degree < 0 or roughness < 0 or not 0 <= margin <= 1:
        raise ArgumentError(
            f"random_blob got n = {n}, degree = {degree}, roughness = {roughness} and margin = {margin}, but the first "
            "three cannot be negative and the margin lies between 0 and 1. Call, say, random_blob(8, 4, generator)."
        )
    degrees = np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1)
    coefficients = generator.standard_normal((n, len(degrees))) * roughness / (1 + degrees) ** 2
    coefficients[:, 0] = 0
    lengths = np.stack([np.linalg.norm(coefficients[:, degrees == l], axis=1) for l in range(degree + 1)], -1)
    reach = lengths @ np.sqrt(2 * np.arange(degree + 1) + 1)
    coefficients *= np.minimum(1, (1 - margin) / np.maximum(reach, np.finfo(float).tiny))[:, None]
    coefficients[:, 0] = 1
    return coefficients
