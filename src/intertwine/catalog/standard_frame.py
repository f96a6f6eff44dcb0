"""Where a subgroup lies in space: a main axis and a reference direction."""

from __future__ import annotations

import numpy as np

from intertwine.errors import ArgumentError

Vector = tuple[float, ...] | list[float] | np.ndarray


def standard_frame(axis: Vector | None, mirror: Vector | float | None) -> np.ndarray:
    """The rotation `(3, 3)` whose columns are the reference direction, the third direction and the main axis.

    Without a reference direction the one closest to x is taken, or to y when the axis is within 25° of ±x.
    """
    z = _direction("axis", (0, 0, 1) if axis is None else axis)
    default = (1, 0, 0) if abs(z[0]) < 0.9 else (0, 1, 0)
    x = _direction("mirror", default if mirror is None else mirror)
    x = x - (x @ z) * z
    if np.linalg.norm(x) < 1e-6:
        raise ArgumentError(
            f"The reference direction {mirror!r} is parallel to the axis {(0, 0, 1) if axis is None else axis!r}. "
            "Pass a mirror direction with a part perpendicular to the axis."
        )
    x = x / np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), z], -1)
    return np.where(np.abs(frame - np.round(frame)) < 1e-15, np.round(frame) + 0.0, frame)


def _direction(what: str, value: Vector | float) -> np.ndarray:
    try:
        direction = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        direction = np.zeros(0)
    if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
        raise ArgumentError(f"The {what} of a subgroup is a nonzero vector (x, y, z), but got {value!r}.")
    direction = direction / np.abs(direction).max()  # so that tiny and huge vectors have a length
    return np.asarray(direction / np.linalg.norm(direction))
