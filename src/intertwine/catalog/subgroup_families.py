"""How the planar groups lie in space, about the main axis z."""

from __future__ import annotations

from intertwine._arrays import Array, namespace
from intertwine.groups.subgroup import Pattern
from intertwine.reps.wigner import determinant_2


def by_mirrors(h: Array) -> Array:
    """2 × 2 elements as maps of space that keep z: mirrors of the plane become mirrors that contain z."""
    return lift(h, namespace(h).ones_like(h[..., 0, 0]))


def by_rotations(h: Array) -> Array:
    """2 × 2 elements as rotations of space about z: mirrors of the plane become half-turns, `diag(h, det h)`."""
    return lift(h, determinant_2(h))


def lift(h: Array, last: Array) -> Array:
    """The 3 × 3 matrices `diag(h, last)` of 2 × 2 matrices `(..., 2, 2)` and numbers `(...)`."""
    xp = namespace(h)
    side = xp.zeros_like(h[..., :1])
    top = xp.concatenate([h, side], -1)
    bottom = xp.concatenate([side.swapaxes(-1, -2), last[..., None, None]], -1)
    return xp.concatenate([top, bottom], -2)


def plane_part(g: Array) -> Array:
    """What 3 × 3 elements do to x and y."""
    return g[..., :2, :2]


PLANAR: dict[str, Pattern] = {"C": by_mirrors, "Cv": by_mirrors, "D": by_rotations}
"""How C_n, C_nv and D_n, which are copies of planar groups, lie in space; the others are groups of 3 × 3 matrices."""
