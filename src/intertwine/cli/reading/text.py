"""Text of any encoding, and how finely the numbers in it are printed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence

import numpy as np

_NUMBER = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
"""A number with decimals."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
"""What no text holds."""
_SAMPLE = 1 << 20
"""From this many letters at the beginning and at the end it is seen how numbers are printed."""
ENOUGH = 3000
"""So many numbers show how all of them are printed."""
_FEWEST, _MOST = 3, 12
"""With fewer decimals numbers are written by hand, and meant as they are; more are those of binary numbers."""


def decoded(data: bytes) -> str | None:
    """The text of a file, with or without a byte-order mark, in UTF-8, UTF-16 or Latin-1; None if it is no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return None if _CONTROLS.search(text) else text.rstrip("\x1a")  # DOS ends texts with it


def carried(positions: np.ndarray) -> float:
    """What floating-point numbers of this size carry after a few sums."""
    if positions.dtype.kind != "f" or not np.isfinite(positions).all():
        return 0.0
    return 4 * float(np.spacing(np.abs(positions).max(initial=0)))


def half_unit(decimals: Iterable[int], fewest: int = _FEWEST) -> float:
    """Half a unit of the last decimal that most of some numbers have; 0 where these are no rounded ones.

    So `1.003 1.0 1.0 …` are meant as they are, and `0.629 −0.629 0.629 …` are rounded.
    """
    ascending = sorted(decimals)
    typical = ascending[(len(ascending) - 1) // 2] if ascending else 0
    return 0.5 * 10.0**-typical if fewest <= typical <= _MOST else 0.0


def rounded(printed: Sequence[tuple[float, int]]) -> float:
    """`half_unit` of coordinates and their decimals: zeros say nothing; two decimals do where all numbers have two."""
    alike = len({count for _, count in printed}) == 1
    return half_unit((count for number, count in printed if number), _FEWEST - alike)


def decimals(token: str) -> int:
    """The decimals of a printed number; of one with all digits of a binary number those that it needs, if not too few.

    >>> decimals("-0.500"), decimals("1.25e-2"), decimals("1.235000000000000000e-01"), decimals("7")
    (3, 4, 4, 0)
    """
    digits, _, exponent = token.lower().partition("e")
    count = len(digits.partition(".")[2]) - int(exponent or 0)
    if count > _MOST and "e" not in (shortest := repr(float(token))):
        needed = len(shortest.partition(".")[2])
        return needed if needed >= _FEWEST else count
    return max(count, 0)


class Digits:
    """How many decimals each number of a text is printed with.

    Readers return numbers without their digits. But the numbers can be looked up in the text again.
    """

    def __init__(self, text: str) -> None:
        self._decimals: dict[float, int] = {}
        text = text if len(text) < 2 * _SAMPLE else f"{text[:_SAMPLE]}\n{text[-_SAMPLE:]}"
        for token in _NUMBER.findall(text):
            value = _key(float(token))
            self._decimals[value] = max(self._decimals.get(value, 0), decimals(token))

    def of(self, numbers: np.ndarray) -> list[tuple[float, int]]:
        """Some numbers with their decimals; none where most of them are not in the text, but for integers."""
        values = [_key(value) for value in np.ravel(numbers)[:ENOUGH].tolist()]
        known = [(value, self._decimals[value]) for value in values if value in self._decimals]
        others = [value for value in values if value not in self._decimals]
        whole = [(value, 0) for value in others if value == int(value)]
        return [*known, *whole] if len(known) > 9 * (len(others) - len(whole)) else []

    def precision(self, positions: np.ndarray, cell: np.ndarray | None = None, fewest: int = _FEWEST) -> float:
        """Half a unit of the last digit of Cartesian or else fractional coordinates, as a length."""
        if not np.isfinite(positions).all():
            return 0.0
        if found := self.of(positions):
            return rounded(found)
        if cell is not None:
            fractions = np.round(positions @ np.linalg.inv(cell), 12)
            fractions = fractions[fractions * 8 % 1 != 0]  # 0.5 and 0.25 are meant as they are
            if found := self.of(fractions):
                fewest = 2 if (np.abs(fractions * 6 - np.round(fractions * 6)) < 0.03).all() else fewest  # 0.33
                return half_unit((count for _, count in found), fewest) * float(np.linalg.norm(cell, axis=1).max())
        return 10 * rounded(self.of(positions / 10))  # nanometres


def _key(number: float) -> float:
    return abs(round(number, 9))


def in_words(error: Exception) -> str:
    """The first line of what a reader complains about, without a full stop."""
    if type(error).__name__ == "UnknownFileTypeError":
        return "ase does not know its format, which --format may name"
    if isinstance(error, KeyError):
        return f"{error} is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text"
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".") if text else f"it is not laid out as its format asks ({type(error).__name__})"
