"""Text in every encoding, and the digits of numbers."""

import numpy as np
import pytest

from intertwine.cli.reading.text import Digits, carried, decoded

METHANE = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.6291


def test_text_is_read_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        assert decoded("größer\n1 2 3\n".encode(encoding)) == "größer\n1 2 3\n"
    assert decoded(bytes(range(256))) is None


@pytest.mark.parametrize("places", [2, 3, 4, 6])
def test_the_digits_of_a_file_are_its_precision(places: int) -> None:
    text = "\n".join(" ".join(f"{x:.{places}f}" for x in row) for row in METHANE)
    positions = np.array([row.split() for row in text.splitlines()], dtype=float)
    assert Digits(text).precision(positions) == pytest.approx(0.5 * 10**-places)


def test_numbers_by_hand_are_meant_as_they_are() -> None:
    for text in ("1.01 1 0", "1.003 1.0 1.0", "0 0.76 -0.48", "2 0 1"):
        assert Digits(text).precision(np.array([text.split()], dtype=float)) == 0
    assert carried(np.array([1e10])) == pytest.approx(4 * 2**-19)
    assert carried(np.array([1.0], dtype=np.float32)) == pytest.approx(4 * 2**-23)


def test_fractions_are_rounded_as_parts_of_the_cell() -> None:
    cell = np.diag([3.0, 3.0, 5.0])
    for text, unit in (
        ("0.3333 0.6667 0.25", 1e-4),
        ("0.3333(2) 0.6667(2) 0.5", 1e-4),
        ("0.33 0.67 0.5", 1e-2),
        ("0.333333 0.666667 0", 1e-6),
    ):
        fractions = np.array([[float(x.partition("(")[0]) for x in text.split()]])
        assert Digits(text).precision(fractions @ cell, cell) == pytest.approx(5 * unit / 2)
    exact = np.array([[0.5, 0.25, 0.0]])
    assert Digits("0.5 0.25 0").precision(exact @ cell, cell) == 0
    wide = np.diag([4.0, 4.0, 4.0])  # where most Cartesian coordinates are integers, which are not what the file says
    fractions = np.array([[0, 0, 0], [0.5, 0.5, 0.505], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    assert Digits("0 0 0\n.5 .5 .505\n.5 .5 0\n.5 0 .5\n0 .5 .5").precision(fractions @ wide, wide) == 4 * 5e-4
