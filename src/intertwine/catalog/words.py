"""Numbers, directions, maps and irreps as text."""

from __future__ import annotations

import numpy as np

from intertwine.groups.rotations import GOLDEN
from intertwine.reps.decomposition import Content


def number(value: float) -> str:
    """A number with at most four digits and a proper minus sign.

    >>> number(-0.25), number(-1e-17)
    ('−0.25', '0')
    """
    return f"{value if abs(value) > 1e-12 else 0:.4g}".replace("-", "−")


def character(value: float) -> str:
    """A character: a whole number, one with φ = (1 + √5)/2, or four digits.

    >>> character(-1.0), character(GOLDEN), character(1 - GOLDEN), character(2**0.5)
    ('−1', 'φ', '1−φ', '1.414')
    """
    for name, known in (("φ", GOLDEN), ("1−φ", 1 - GOLDEN), ("−φ", -GOLDEN), ("φ−1", GOLDEN - 1)):
        if abs(value - known) < 1e-9:
            return name
    return number(value)


def vector(values: np.ndarray) -> str:
    """A vector such as (0.6, −0.8, 0)."""
    return "(" + ", ".join(map(number, values)) + ")"


def direction_name(direction: np.ndarray) -> str | None:
    """x, −y, z or the like for a unit vector along a coordinate axis, None for others."""
    i = int(np.argmax(np.abs(direction)))
    if abs(abs(direction[i]) - 1) > 1e-12:
        return None
    return ("−" if direction[i] < 0 else "") + "xyz"[i]


def linear_map(g: np.ndarray) -> str:
    """A matrix as what it does to coordinates.

    >>> linear_map(np.array([[0.6, -0.8], [0.0, -1.0]]))
    '(x, y) → (0.6 x − 0.8 y, −y)'
    """
    letters = "xyz"[: len(g)]
    return f"({', '.join(letters)}) → ({', '.join(_combination(row, letters) for row in g)})"


def _combination(row: np.ndarray, letters: str) -> str:
    """The sum of coordinates times numbers, such as 0.6 x − y."""
    text = ""
    for value, letter in zip(row, letters, strict=True):
        size = number(abs(value))
        if size != "0":
            text += (" − " if value < 0 else " + ") + ("" if size == "1" else size + " ") + letter
    sign, start = text[1:2], text[3:]
    return ("−" if sign == "−" else "") + start if text else "0"


def irreps(content: Content) -> str:
    """Irreps and their multiplicities, ones left out.

    >>> from intertwine.catalog import O2
    >>> irreps(O2.rep("1x0e + 2x1").terms)
    '0e + 2x1'
    """
    return " + ".join(irrep.label if count == 1 else f"{count}x{irrep.label}" for count, irrep in content)


LETTERS = "abcdefghijklmnopqrstuvwyz"  # x is the cross of "2x3a"


def letters(count: int) -> list[str]:
    """Endings that tell things apart: nothing for one, a, b, c … for several, aa, ab … where these run out."""
    if count == 1:
        return [""]
    return [*LETTERS, *(a + b for a in LETTERS for b in LETTERS)][:count]
