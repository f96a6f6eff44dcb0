"""The founding task: the square that should become a rectangle."""

import numpy as np

import intertwine as tw
from tests.symmetry.clouds import RECTANGLE, SQUARE

STRETCH = RECTANGLE - SQUARE
FLOORS = [0.0736311, 0.00646418, 0.00383495, 0.00100531, 0.00070702, 0.00028038, 0.00021572, 0.00010641]
"""The floors of the mean squared error for peaks up to degree 1 … 8."""


def peaks(vectors: np.ndarray, degree: int) -> np.ndarray:
    """Signals on the sphere up to a degree, peaked along each vector with its length as height."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    harmonics = tw.spherical_harmonics(range(degree + 1), vectors, normalization="integral")
    return length * 4 * np.pi / (degree + 1) ** 2 * harmonics
