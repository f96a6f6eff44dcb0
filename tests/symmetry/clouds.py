"""Clouds of points whose symmetry everybody knows."""

import numpy as np

GOLDEN = (1 + 5**0.5) / 2
CORNERS = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)], dtype=float)
SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]) / 2
RECTANGLE = SQUARE * [0.5, 1.5, 1]


def _cyclic(rows: list[list[float]]) -> np.ndarray:
    return np.concatenate([np.roll(rows, k, axis=1) for k in range(3)])


def ring(n: int, radius: float = 1.0, height: float = 0.0, turn: float = 0.0) -> np.ndarray:
    """A regular n-gon about the z axis."""
    angle = 2 * np.pi * np.arange(n) / n + turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(n, height)], -1)


def prism(n: int, turn: float = 0.0) -> np.ndarray:
    """Two regular n-gons above each other, the upper one turned."""
    return np.concatenate([ring(n, height=-0.6), ring(n, height=0.6, turn=turn)])


def windmill(n: int) -> np.ndarray:
    """n sails in the plane that all bend the same way."""
    return np.concatenate([ring(n), ring(n, 1.4, turn=0.3)])


GENERIC = np.random.default_rng(5).normal(size=(7, 3))

# Points, order in O(3), order in SO(3).
CLOUDS: dict[str, tuple[np.ndarray, float, float]] = {
    "square, D4h": (SQUARE, 16, 8),
    "rectangle, D2h": (RECTANGLE, 8, 4),
    "cube, Oh": (CORNERS, 48, 24),
    "octahedron, Oh": (np.concatenate([np.eye(3), -np.eye(3)]), 48, 24),
    "cuboctahedron, Oh": (_cyclic([[0, x, y] for x in (1, -1) for y in (1, -1)]), 48, 24),
    "tetrahedron, Td": (CORNERS[CORNERS.prod(1) > 0], 24, 12),
    "pyritohedron, Th": (_cyclic([[0, x, 2 * y] for x in (1, -1) for y in (1, -1)]), 24, 12),
    "icosahedron, Ih": (_cyclic([[0, x, GOLDEN * y] for x in (1, -1) for y in (1, -1)]), 120, 60),
    "dodecahedron, Ih": (
        np.concatenate([CORNERS, _cyclic([[0, x / GOLDEN, GOLDEN * y] for x in (1, -1) for y in (1, -1)])]),
        120,
        60,
    ),
    "triangle, D3h": (ring(3), 12, 6),
    "prism on a triangle, D3h": (prism(3), 12, 6),
    "prism on a pentagon, D5h": (prism(5), 20, 10),
    "antiprism, D5d": (prism(5, np.pi / 5), 20, 10),
    "twisted prism, D3": (prism(3, 0.4), 6, 6),
    "pyramid on a square, C4v": (np.concatenate([ring(4), [[0, 0, 1.3]]]), 8, 4),
    "windmill, C3h": (windmill(3), 6, 3),
    "windmill with a hub, C4": (np.concatenate([windmill(4), [[0, 0, 1]]]), 4, 4),
    "water, C2v": (np.array([[0, 0, 0], [0.8, 0, 0.6], [-0.8, 0, 0.6]]), 4, 2),
    "generic, C1": (GENERIC, 1, 1),
    "generic with its inverse, Ci": (np.concatenate([GENERIC, -GENERIC]), 2, 1),
    "generic with its mirror image, Cs": (np.concatenate([GENERIC, GENERIC * [1, 1, -1]]), 2, 1),
    "three points, Cs": (GENERIC[:3], 2, 1),
    "two points, Dinfh": (GENERIC[:2], np.inf, np.inf),
    "points on a line, Cinfv": (np.outer([0, 1, 5], [1, 2, 2]), np.inf, np.inf),
    "one point, O(3)": (GENERIC[:1], np.inf, np.inf),
}
