"""The axes of a set of rotations, and how they are said."""

from __future__ import annotations

import numpy as np

from intertwine.catalog import words
from intertwine.catalog.recognise import rotation_axes

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NOISE = 2.5e-3
"""How far the entries of elements may be off that symmetric clouds give."""


def axes_words(rotations: np.ndarray) -> str:
    """The sentence about the axes of a finite group of rotations `(h, 3, 3)`.

    >>> axes_words(np.array([np.eye(3), np.diag([1, -1, -1])]))
    'Rotation axes: one 2-fold axis, x.'
    """
    axes = rotation_axes(rotations, NOISE)
    if not axes:
        return "It has no rotation axis."
    pieces = []
    for order in sorted({order for _, order in axes}, reverse=True):
        same = [axis for axis, n in axes if n == order]
        number = NUMBERS[len(same)] if len(same) < len(NUMBERS) else str(len(same))
        direction = f", {axis_name(same[0])}" if len(same) == 1 else ""
        pieces.append(f"{number} {order}-fold {'axis' if len(same) == 1 else 'axes'}{direction}")
    return f"Rotation axes: {'; '.join(pieces)}."


def common_axis(elements: np.ndarray) -> str:
    """The name of the axis that all elements `(h, 3, 3)` keep or reverse; empty if there is none.

    The elements are a quadrature of degree 2 or more: no line but a true axis stays under all of them by chance.
    """
    if elements.shape[-1] != 3:
        return ""
    axes = (axis for axis, _ in rotation_axes(elements[np.linalg.det(elements) > 0], NOISE))
    return next((axis_name(v) for v in axes if np.abs(np.abs(elements @ v @ v) - 1).max() < 1e-3), "")


def axis_name(axis: np.ndarray) -> str:
    """A line through the centre: a coordinate axis, or a vector along it whose largest number is positive."""
    rounded = np.round(axis * np.sign(axis[np.argmax(np.abs(axis))]), 4)
    return words.direction_name(rounded) or words.vector(rounded)
