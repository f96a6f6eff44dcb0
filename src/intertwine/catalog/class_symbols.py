"""Symbols of conjugacy classes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from intertwine.groups.finite import FiniteTable
from intertwine.groups.rotations import axial

Symbol = tuple[str, tuple[float, ...]]
"""A symbol, and where it stands in a table."""


def told_apart(plain: list[Symbol]) -> list[Symbol]:
    """The symbols with primes for classes that would share one, each with its place among all."""
    order = sorted(range(len(plain)), key=lambda i: (plain[i][1], i))
    seen: dict[str, int] = {}
    names: list[Symbol] = list(plain)
    for place, i in enumerate(order):
        name = plain[i][0]
        seen[name] = seen.get(name, 0) + 1
        names[i] = name + "'" * (seen[name] - 1), (place,)
    return names


def of_orders(table: FiniteTable) -> list[Symbol]:
    """The orders of the elements of each class."""
    orders = [int(table.orders[members[0]]) for members in table.classes]
    return [("1" if order == 1 else f"order {order}", (order,)) for order in orders]


def of_permutations(table: FiniteTable) -> list[Symbol]:
    """The lengths of the cycles of each class."""
    return [_cycles(table.elements[members[0]]) for members in table.classes]


def of_the_plane(table: FiniteTable) -> list[Symbol]:
    """E, C4 (a turn), or m (a mirror) for each class."""
    return [_smallest(_planar(g) for g in table.elements[members]) for members in table.classes]


def of_space(table: FiniteTable, title: str) -> list[Symbol]:
    """Schoenflies' symbols of the classes of a point group.

    E, C3 (a third of a turn), C5² (two fifths), S4 (a turn and a reflection across its axis), i, σh, σv, σd.
    """
    turners = (-np.eye(3), np.diag([1.0, 1.0, -1.0]))
    turner = next((g for g in turners if table.distance(g[None])[0] < 1e-7), None)
    found = []
    for members in table.classes:
        elements = table.elements[members]
        symbol = _smallest(_spatial(g, title, len(table)) for g in elements)[0]  # the plainest
        found.append((symbol, min(_position(g, title, turner) for g in elements)))
    return found


def _smallest(symbols: Iterable[Symbol]) -> Symbol:
    """The symbol of a class: of those of its members the one that stands first, C5 rather than C5⁴."""
    return min(symbols, key=lambda symbol: symbol[1])


def _cycles(g: np.ndarray) -> Symbol:
    """The lengths of the cycles of a permutation, long ones first: "[2,1,1]"."""
    goes, seen, lengths = np.argmax(g, 0), set(), []
    for start in range(len(g)):
        place, length = start, 0
        while place not in seen:
            seen.add(place)
            place, length = int(goes[place]), length + 1
        lengths += [length] * (length > 0)
    lengths.sort(reverse=True)
    return "[" + ",".join(map(str, lengths)) + "]", tuple(float(x) for x in lengths)


def _planar(g: np.ndarray) -> Symbol:
    """E, C4 (a turn), or m (a mirror)."""
    if np.linalg.det(g) < 0:
        return "m", (1.0, 0.0, np.arctan2(g[1, 0], g[0, 0]) % (2 * np.pi))
    return _turn("C", np.arctan2(g[1, 0], g[0, 0]), 0.0)


def _turn(letter: str, angle: float, rank: float) -> Symbol:
    """The symbol of a turn, or of a turn and reflection: the smallest n and k with angle 2π k / n."""
    if abs(angle) < 1e-9:
        return "E", (-1.0,)
    share = (angle / (2 * np.pi)) % 1.0
    n = next(n for n in range(2, 100_000) if abs(share * n - round(share * n)) < 1e-9 * n)
    k = round(share * n)
    k += n if letter == "S" and k % 2 == 0 else 0  # an even number of reflections is none
    return f"{letter}{n}{'' if k == 1 else _superscript(k)}", (rank, -n, k)


def _superscript(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _spatial(g: np.ndarray, title: str, order: int) -> Symbol:
    """The Schoenflies symbol of one element, and which of the symbols of its class is the plainest."""
    proper = np.linalg.det(g) > 0
    axis, angle = _axis_and_angle(g if proper else -g)
    if abs(angle) < 1e-9:
        return ("E", (-1.0,)) if proper else ("i", (2.0,))
    letters = _letters(axis, mirror=not proper) if title in ("D2", "D2h", "C2v") else ""
    if not proper and abs(angle - np.pi) < 1e-6:
        return (f"σ({letters})" if letters else _mirror(title, order, axis)), (3.0,)
    symbol, key = _turn("C", angle, 0.0) if proper else _turn("S", angle + np.pi, 2.5)
    return symbol + (f"({letters})" if letters else ""), key


def _position(g: np.ndarray, title: str, turner: np.ndarray | None) -> tuple[float, ...]:
    """Where an element stands among the others, as in the tables of chemists (Cotton; Altmann & Herzig 1994).

    Rotations come first: of T, O, I those of high order, of the others the powers of the main one. With the inversion
    the improper elements follow in the order of the rotations that it makes of them, with σh alone likewise.
    """
    proper = np.linalg.det(g) > 0
    if title[0] in "TOI":
        return (0.0 if proper else 1.0, *_polyhedral_place(g, proper))
    if proper:
        return (0.0, *_axial_place(g, title))
    if turner is not None:
        return (1.0, *_axial_place(turner @ g, title))
    axis, angle = _axis_and_angle(-g)
    if _is_main(axis, title):
        return 0.0, 0.0, round((angle + np.pi) % (2 * np.pi), 6)
    return 1.0, round(float(np.arctan2(axis[0], -axis[1]) % np.pi), 6) % 3.1415  # the direction inside the mirror


def _polyhedral_place(g: np.ndarray, proper: bool) -> tuple[float, ...]:
    """High order first, then few steps, then axes along the coordinates."""
    axis, angle = _axis_and_angle(g if proper else -g)
    if abs(angle) < 1e-9:
        return (-np.inf,)
    order = _turn("C", angle, 0.0)[1][1]
    steps = _turn("C", angle, 0.0)[1][2] if proper else _turn("S", angle + np.pi, 0.0)[1][-1]
    return order, steps, round(1 - float(np.abs(axis).max()), 6)


def _axial_place(rotation: np.ndarray, title: str) -> tuple[float, float]:
    """Turns about the main axis by their angles, then half-turns from x on (in D2: about y, x, as B2, B3 are)."""
    axis, angle = _axis_and_angle(rotation)
    if abs(angle) < 1e-9 or _is_main(axis, title):
        return 0.0, round(angle, 6)
    place = round(float(np.arctan2(axis[1], axis[0]) % np.pi), 6) % 3.1415
    return 1.0, -place if title in ("D2", "D2h") else place


def _is_main(axis: np.ndarray, title: str) -> bool:
    return title[0] not in "TOI" and bool(abs(axis[2]) > 1 - 1e-6)


def _axis_and_angle(rotation: np.ndarray) -> tuple[np.ndarray, float]:
    """The axis and angle of a rotation: main axes turned up, three-fold ones towards (±1, ±1, ±1) with product 1.

    With the axis chosen so, opposite turns that are not conjugate (in C_n, T …) have different angles from 0 to 2π.
    """
    _, vectors = np.linalg.eigh(rotation + rotation.T)
    axis = vectors[:, -1]
    measure = axis.prod() if np.abs(np.abs(axis) - 3**-0.5).max() < 1e-6 else axis[2]
    axis = axis * (np.sign(measure) or 1.0)
    sine = axis @ axial(rotation - rotation.T)
    return axis, float(np.arctan2(sine, np.trace(rotation) - 1) % (2 * np.pi))


def _letters(axis: np.ndarray, *, mirror: bool) -> str:
    """The coordinate along an axis, or the two in a mirror plane."""
    along = int(np.argmax(np.abs(axis)))
    return "xyz".replace("xyz"[along], "") if mirror else "xyz"[along]


def _mirror(title: str, order: int, normal: np.ndarray) -> str:
    """σh, σv or σd: across the main axis, holding it, or halfway between half-turn axes."""
    if title in ("Ih", "I", "Td"):
        return "σd" if title == "Td" else "σ"
    if title in ("Oh", "Th"):
        return "σh" if np.abs(normal).max() > 1 - 1e-6 else "σd"
    if _is_main(normal, title):
        return "σh"
    if title.endswith("d"):
        return "σd"
    n = round(order / (2 if title.endswith("v") else 4))
    inside = np.arctan2(normal[0], -normal[1])  # the direction in the mirror, across the axis
    share = (inside / (np.pi / n)) % 2
    return "σv" if n % 2 or min(share, 2 - share) < 1e-3 else "σd"
