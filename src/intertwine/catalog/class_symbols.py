"""Symbols of conjugacy classes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np

from intertwine.groups.finite import FiniteTable
from intertwine.groups.rotations import axial

Symbol = tuple[str, tuple[float, ...]]
"""A symbol, and where it stands in a table."""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ACROSS, REFERENCE = np.diag([1.0, 1.0, -1.0]), np.diag([1.0, -1.0, 1.0])
"""The mirror across the main axis, and the one that holds it and the reference direction."""


def told_apart(symbols: list[Symbol]) -> list[tuple[int, str]]:
    """The numbers of classes in the order of their table, each with its symbol, primed where others have the same."""
    order = sorted(range(len(symbols)), key=lambda i: (symbols[i][1], i))
    seen, found = Counter[str](), []
    for i in order:
        found.append((i, symbols[i][0] + "'" * seen[symbols[i][0]]))
        seen[symbols[i][0]] += 1
    return found


def of_orders(table: FiniteTable) -> list[Symbol]:
    """The orders of the elements of each class."""
    orders = [int(table.orders[members[0]]) for members in table.classes]
    return [("1" if order == 1 else f"order {order}", (order,)) for order in orders]


def of_permutations(table: FiniteTable) -> list[Symbol]:
    """The lengths of the cycles of each class, long ones first: "[2,1,1]"."""
    return [_cycles(table.elements[members[0]]) for members in table.classes]


def of_the_plane(table: FiniteTable) -> list[Symbol]:
    """E, C4 (a turn), or m (a mirror) for each class."""
    return [min(map(_planar, table.elements[members]), key=lambda found: found[1]) for members in table.classes]


def of_space(table: FiniteTable, title: str) -> list[Symbol]:
    """Schoenflies' symbols of the classes of a point group.

    E, C3 (a third of a turn), C5² (two fifths), S4 (a turn and a reflection across its axis), i, σh, σv, σd. Of D2 and
    D2h C2 is about z, C2' about x and C2'' about y; of C2v and D2h σv holds x, and σv' y.
    """
    return [_spatial_class(table.elements[members], title) for members in table.classes]


def _cycles(g: np.ndarray) -> Symbol:
    """The lengths of the cycles of a permutation matrix."""
    goes, left, lengths = np.argmax(g, 0), set(range(len(g))), []
    while left:
        before, place = len(left), min(left)
        while place in left:
            left.remove(place)
            place = int(goes[place])
        lengths.append(before - len(left))
    lengths.sort(reverse=True)
    return "[" + ",".join(map(str, lengths)) + "]", tuple(map(float, lengths))


def _planar(g: np.ndarray) -> Symbol:
    if np.linalg.det(g) < 0:
        return "m", (1.0,)
    return _turn("C", np.arctan2(g[1, 0], g[0, 0]), 0.0)


def _turn(letter: str, angle: float, rank: float) -> Symbol:
    """The symbol of a turn, or of a turn and reflection: the smallest n and k with angle 2π k / n."""
    if abs(angle) < 1e-9:
        return "E", (-1.0,)
    share = Fraction((angle / (2 * np.pi)) % 1.0).limit_denominator(50_000)
    k, n = share.numerator, share.denominator
    k += n if letter == "S" and k % 2 == 0 else 0  # an even number of reflections is none
    return f"{letter}{n}{'' if k == 1 else str(k).translate(SUPERSCRIPTS)}", (rank, float(share), k)


def _spatial_class(elements: np.ndarray, title: str) -> Symbol:
    """Of the symbols of its elements the plainest, C5 rather than C5⁴; of equal ones small classes stand first."""
    first, proper = np.trace(elements[0]), np.linalg.det(elements[0]) > 0
    if first < -3 + 1e-9:
        return "i", (1.0,)
    if not proper and abs(first - 1) < 1e-9:
        return _mirrors(elements, title)
    symbol, place = min(map(_rotation, elements), key=lambda found: found[1][-1])
    return symbol, (*place, len(elements))


def _rotation(g: np.ndarray) -> Symbol:
    """The symbol of a rotation, or of a rotation-reflection: of a turn by the angle between g and −1."""
    if np.linalg.det(g) > 0:
        return _turn("C", _angle(g), 0.0)
    return _turn("S", _angle(-g) + np.pi, 2.0)


def _angle(rotation: np.ndarray) -> float:
    """The angle of a rotation about its axis: main axes turned up, three-fold ones towards (±1, ±1, ±1) of product 1.

    With the axis chosen so, opposite turns that are not conjugate (in C_n, T …) have different angles from 0 to 2π.
    """
    axis = np.linalg.eigh(rotation + rotation.T)[1][:, -1]
    measure = axis.prod() if np.abs(np.abs(axis) - 3**-0.5).max() < 1e-6 else axis[2]
    sine = (np.sign(measure) or 1.0) * axis @ axial(rotation - rotation.T)
    return float(np.arctan2(sine, np.trace(rotation) - 1) % (2 * np.pi))


def _mirrors(elements: np.ndarray, title: str) -> Symbol:
    """σh across the main axis, σv with the reference direction inside, σd between half-turns; σ in I and Ih."""
    if title == "Ih":
        return "σ", (3.0,)
    if np.abs(elements - ACROSS).max((-1, -2)).min() < 1e-6:
        return "σh", (1.5,)
    inside = np.abs(elements - REFERENCE).max((-1, -2)).min() < 1e-6 and not title.endswith("d")
    return ("σv", (3.0, 1.0)) if inside or title in ("C2v", "D2h") else ("σd", (3.0, 2.0))
