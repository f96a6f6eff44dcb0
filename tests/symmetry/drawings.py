"""Drawings of shapes whose symmetry is known, antialiased, in any pose."""

from collections.abc import Callable

import numpy as np

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Values (true or false, or grey) at points x, y of the plane, y up; about as large as the unit disc."""


def draw(
    shape: Shape,
    size: int | tuple[int, int] = 64,
    *,
    angle: float = 0.0,
    offset: tuple[float, float] = (0.0, 0.0),
    radius: float | None = None,
    samples: int = 6,
) -> np.ndarray:
    """An image (H, W) of a shape turned by an angle, the unit disc `radius` pixels large, `offset` = (x, y) from the
    middle; each pixel is the mean of samples × samples values."""
    height, width = size if isinstance(size, tuple) else (size, size)
    radius = radius or 0.36 * min(height, width)
    columns, rows = ((np.arange(n * samples) + 0.5) / samples - n / 2 for n in (width, height))
    x, y = np.broadcast_arrays(columns - offset[0], -rows[:, None] - offset[1])
    c, s = np.cos(angle) / radius, np.sin(angle) / radius
    values = np.asarray(shape(c * x + s * y, c * y - s * x), dtype=float)
    return values.reshape(height, samples, width, samples).mean((1, 3))


def _polar(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(x, y), np.arctan2(y, x)


def box(left: float, right: float, bottom: float, top: float) -> Shape:
    return lambda x, y: (x >= left) & (x <= right) & (y >= bottom) & (y <= top)


def union(*shapes: Shape) -> Shape:
    return lambda x, y: np.logical_or.reduce([shape(x, y) for shape in shapes])


def layers(under: Shape, over: Shape) -> Shape:
    """A grey shape with a white one on it."""
    return lambda x, y: np.maximum(0.5 * under(x, y), over(x, y))


def moved(shape: Shape, angle: float = 0.0, scale: float = 1.0, right: float = 0.0) -> Shape:
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    return lambda x, y: shape(c * (x - right) + s * y, c * y - s * (x - right))


def polygon(n: int) -> Shape:
    """Regular; one corner on the x axis, which so is a mirror line."""

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        r, a = _polar(x, y)
        return r * np.cos((a % (2 * np.pi / n)) - np.pi / n) <= np.cos(np.pi / n)

    return inside


def pinwheel(n: int, twist: float = 1.5) -> Shape:
    """n curved blades: Cn, and no mirror unless the twist is zero."""

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        r, a = _polar(x, y)
        return (r < 1) & ((a - twist * r) * n / (2 * np.pi) % 1 < 0.4)

    return inside


def flower(n: int) -> Shape:
    return lambda x, y: np.hypot(x, y) <= 0.75 + 0.25 * np.cos(n * np.arctan2(y, x))


def gear(n: int) -> Shape:
    return lambda x, y: np.hypot(x, y) <= np.where(np.cos(n * np.arctan2(y, x)) > 0, 1, 0.8)


def ring(inner: float) -> Shape:
    return lambda x, y: (np.hypot(x, y) < 1) & (np.hypot(x, y) > inner)


def ellipse(ratio: float) -> Shape:
    return lambda x, y: x**2 + (y / ratio) ** 2 <= 1


def rectangle(ratio: float) -> Shape:
    half = 1 / np.hypot(1, ratio)
    return box(-half, half, -half * ratio, half * ratio)


def bump(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth round hill."""
    return np.exp(-8 * (x**2 + y**2))


STEM = box(-0.5, -0.2, -0.85, 0.85)
F = union(STEM, box(-0.5, 0.6, 0.6, 0.85), box(-0.5, 0.35, -0.05, 0.25))
E = union(STEM, box(-0.5, 0.6, 0.6, 0.85), box(-0.5, 0.4, -0.15, 0.15), box(-0.5, 0.6, -0.85, -0.6))
T = union(box(-0.6, 0.6, 0.6, 0.85), box(-0.15, 0.15, -0.85, 0.85))
H = union(STEM, box(0.2, 0.5, -0.85, 0.85), box(-0.5, 0.5, -0.15, 0.15))
N = union(STEM, box(0.2, 0.5, -0.85, 0.85), lambda x, y: (abs(y + 2.2 * x) < 0.3) & (abs(y) < 0.8))
L = union(STEM, box(-0.5, 0.6, -0.85, -0.6))


def S(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two bows, each the other after a half-turn."""

    def bow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        r, a = _polar(x, y - 0.42)
        return (np.abs(r - 0.42) < 0.13) & ~((a < 0.3) & (a > -np.pi / 2))

    return bow(x, y) | bow(-x, -y)


def triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Three different sides."""
    return (y > -0.5) & (y < 0.9 * (x + 0.9)) & (y < 0.8 - 1.8 * (x - 0.1))


SHAPES: dict[str, tuple[str, Shape]] = {
    **{f"polygon{n}": (f"D{n}", polygon(n)) for n in range(3, 9)},
    **{f"pinwheel{n}": (f"C{n}", pinwheel(n)) for n in range(2, 7)},
    **{f"flower{n}": (f"D{n}", flower(n)) for n in (3, 5, 9)},
    **{f"gear{n}": (f"D{n}", gear(n)) for n in (6, 12)},
    **{f"layers{n}": (f"C{n}", layers(polygon(n), moved(polygon(n), 0.4 * np.pi / n, 0.6))) for n in (3, 4)},
    "eccentric": ("D1", layers(ring(-1), moved(ring(-1), scale=0.4, right=0.3))),
    "ring": ("O(2)", ring(0.6)),
    "disc": ("O(2)", ring(-1)),
    "bump": ("O(2)", bump),
    "ellipse": ("D2", ellipse(0.75)),
    "rectangle": ("D2", rectangle(0.6)),
    "E": ("D1", E),
    "F": ("C1", F),
    "H": ("D2", H),
    "L": ("C1", L),
    "N": ("C2", N),
    "S": ("C2", S),
    "T": ("D1", T),
    "triangle": ("C1", triangle),
}
"""Names of symmetry groups and the shapes that have them; mirror lines, but that of the T, are along x."""
