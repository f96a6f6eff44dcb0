"""Names of point groups in other notations: Hermann–Mauguin, orbifold, and the ids of escnn."""

from __future__ import annotations

import re
from functools import cache

POLYHEDRA = {
    "T": ("23", "332"),
    "Td": ("−43m", "*332"),
    "Th": ("m−3", "3*2"),
    "O": ("432", "432"),
    "Oh": ("m−3m", "*432"),
    "I": ("235", "532"),
    "Ih": ("m−3−5", "*532"),
    "SO3": ("2∞", None),
    "O3": ("m−∞", None),
}
"""Hermann–Mauguin symbol and orbifold symbol; Conway's notation has no symbol for the groups of the whole sphere."""

SHORT = {
    "m3m": "m-3m",
    "m3": "m-3",
    "532": "235",
    "53m": "m-3-5",
    "m-35": "m-3-5",
    "-5-3m": "m-3-5",
    "infinf": "2inf",
    "infinfm": "m-inf",
}
"""Other spellings of the symbols above."""

ESCNN = {
    "T": "(False, 'tetra')",
    "Th": "(True, 'tetra')",
    "Td": "'fulltetra'",
    "O": "(False, 'octa')",
    "Oh": "(True, 'octa')",
    "I": "(False, 'ico')",
    "Ih": "(True, 'ico')",
    "SO3": "'so3'",
    "O3": "'o3'",
    "Cs": "('cone', 1)",
    "Ci": "(True, False, 1)",
}


def _family(title: str) -> tuple[str, int]:
    """The letters of a Schoenflies name and its number: 0 for inf, and 1 for Cs and Ci."""
    if title == "Cs":
        return "Ch", 1
    if title == "Ci":
        return "S", 2
    match = re.fullmatch(r"([CDS])(inf|\d+)([vhd]?)", title)
    return (match[1] + match[3], 0 if match[2] == "inf" else int(match[2])) if match else ("", 0)


def hermann_mauguin(title: str) -> str:
    """The Hermann–Mauguin symbol of a Schoenflies name; − stands before the number that has a bar.

    >>> [hermann_mauguin(name) for name in ("C4v", "D3h", "S4", "D2d", "Oh", "Cinfv")]
    ['4mm', '−6m2', '−4', '−42m', 'm−3m', '∞m']
    """
    if title in POLYHEDRA:
        return POLYHEDRA[title][0]
    family, n = _family(title)
    if n == 0:
        return {"C": "∞", "Cv": "∞m", "Ch": "∞/m", "D": "∞2", "Dh": "∞/mm"}[family]
    even = n % 2 == 0
    match family:
        case "C":
            return str(n)
        case "Cv":
            return {1: "m", 2: "mm2"}.get(n) or (f"{n}mm" if even else f"{n}m")
        case "Ch":
            return "m" if n == 1 else f"{n}/m" if even else f"−{2 * n}"
        case "S":
            return f"−{n}" if n % 4 == 0 else f"−{n // 2}"
        case "D":
            return "2" if n == 1 else f"{n}22" if n % 2 == 0 and n > 2 else "222" if n == 2 else f"{n}2"
        case "Dh":
            return {1: "mm2", 2: "mmm"}.get(n) or (f"{n}/mmm" if even else f"−{2 * n}m2")
    return "2/m" if n == 1 else f"−{2 * n}2m" if even else f"−{n}m"


@cache
def from_hermann_mauguin(symbol: str) -> str | None:
    """The Schoenflies name of a Hermann–Mauguin symbol, bars as minus signs or above the digits; None if it is none.

    The symbols are those that `hermann_mauguin` gives, and a few that are shorter. −4m2 and −62m, other settings of
    −42m and −6m2, are none: they stand for other matrices.

    >>> [from_hermann_mauguin(symbol) for symbol in ("m-3m", "4mm", "4̄3m", "∞m", "-4m2")]
    ['Oh', 'C4v', 'Td', 'Cinfv', None]
    """
    text = re.sub("([0-9])[\u0304\u0305]", r"-\1", symbol).replace("−", "-").replace("∞", "inf")
    text = SHORT.get(text, text)
    digits = [run[:k] for run in re.findall("[1-9][0-9]*", text) for k in range(1, len(run) + 1)]
    numbers = sorted({part for n in map(int, digits) for part in (n, 2 * n, n // 2) if part > 1} | {2})
    names = ["C1", "Cs", "Ci", *POLYHEDRA, "Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh"]
    for n in numbers:
        names += [f"C{n}", f"C{n}v", f"C{n}h", f"S{2 * n}", f"D{n}", f"D{n}d", f"D{n}h"]
    spelled = (hermann_mauguin(name).replace("−", "-").replace("∞", "inf") for name in names)
    return next((name for name, found in zip(names, spelled, strict=True) if found == text), None)


def orbifold(title: str) -> str | None:
    """Conway's orbifold symbol of a Schoenflies name; None for SO(3) and O(3).

    >>> [orbifold(name) for name in ("C1", "Cs", "Ci", "C4v", "S6", "D2d", "Ih")]
    ['1', '*', '×', '*44', '3×', '2*2', '*532']
    """
    if title in POLYHEDRA:
        return POLYHEDRA[title][1]
    family, number = _family(title)
    n = "∞" if number == 0 else str(number) if family != "S" else str(number // 2)
    n = "" if n == "1" else n
    patterns = {"C": f"{n}{n}", "Cv": f"*{n}{n}", "Ch": f"{n}*", "S": f"{n}×", "D": f"22{n}", "Dh": f"*22{n}"}
    return patterns.get(family, f"2*{n}") or "1"


def escnn_id(title: str, parent: str = "O(3)") -> str | None:
    """The id that escnn gives a subgroup of O(3) or SO(3) with standard axes; None where it has none.

    >>> escnn_id("Cinfv"), escnn_id("Dinf"), escnn_id("D4", "SO(3)"), escnn_id("D2d")
    ("('cone', -1)", '(False, True, -1)', '(True, 4)', None)
    """
    family, n = _family(title)
    count = n or -1
    contains_inversion = {"S": n % 4 == 2, "Ch": n % 2 == 0, "Dh": n % 2 == 0, "Dd": n % 2 == 1}.get(family, False)
    if title in ESCNN:
        found: str | None = ESCNN[title]
    elif family == "Cv":
        found = f"('cone', {count})"
    elif family in ("C", "D"):
        found = f"(False, {family == 'D'}, {count})"
    elif contains_inversion:
        found = f"(True, {family[0] == 'D'}, {n // 2 if family == 'S' else count})"
    else:
        found = None
    if parent != "SO(3)" or found is None:
        return found
    return found.replace("(False, '", "'").replace("')", "'") if "'" in found else found.replace("(False, ", "(")
