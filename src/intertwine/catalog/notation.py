"""Names of groups: what somebody typed, and the symbols of Schoenflies and of Hermann and Mauguin."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

NAMES_IN_WORDS = (
    "Cn, Cnv, Cnh, S2n, Dn, Dnd, Dnh with a number for n, Cs, Ci, T, Td, Th, O, Oh, I, Ih, Cinf, Cinfv, Cinfh, Dinf, "
    "Dinfh, SO(3) and O(3)"
)
TITLE_ALIASES = {"C1h": "Cs", "S1": "Cs", "S2": "Ci", "SO2": "Cinf", "C3i": "S6", "V": "D2", "K": "SO3", "Kh": "O3"}
_TEXT = "C1 Ci C2 Cs C2h D2 C2v D2h C4 S4 C4h D4 C4v D2d D4h C3 S6 D3 C3v D3d C6 C3h C6h D6 C6v D3h D6h T Th O Td Oh"
CRYSTALLOGRAPHIC: tuple[str, ...] = (*_TEXT.split(),)
"""The 32 point groups that crystals can have, in the order of the International Tables."""

POLYHEDRA = {
    "T": "23",
    "Td": "−43m",
    "Th": "m−3",
    "O": "432",
    "Oh": "m−3m",
    "I": "235",
    "Ih": "m−3−5",
    "SO3": "2∞",
    "O3": "m−∞",
}
"""Hermann–Mauguin symbols of the groups without a main axis."""

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


@dataclass(frozen=True)
class Name:
    """A name that was read.

    Args:
        plain: the name without spaces, brackets and subscripts, and with inf for ∞: "C∞v" is "Cinfv", "SO(2)" is "SO2".
        title: the standard Schoenflies name of the group of rotations and reflections of space that it stands for,
            "SO3" and "O3" among them; None if there is none.
        own: the same, but None for a symbol of Hermann and Mauguin: no subgroup has one for its own name, and "2" is
            that of one of two elements.
    """

    plain: str
    title: str | None
    own: str | None


def find(name: object) -> Name:
    """What a name that somebody typed stands for: one of Schoenflies, or a Hermann–Mauguin symbol.

    >>> [find(name).title for name in ("C_{2v}", "Dooh", "SO(2)", "C1h", "m-3m", "∞m", "O(2)")]
    ['C2v', 'Dinfh', 'Cinf', 'Cs', 'Oh', 'Cinfv', None]
    """
    return _find(str(name))


@cache
def _find(name: str) -> Name:
    plain = re.sub(r"[\s(){}_$]", "", unicodedata.normalize("NFKC", name))  # NFKC: C₃ᵥ is C3v
    plain = plain.replace("\\infty", "inf").replace("∞", "inf")
    own = title if is_title(title := standard(plain)) else None
    return Name(plain, own or from_hermann_mauguin(plain), own)


def standard(plain: str) -> str:
    """The standard spelling of a Schoenflies name without brackets: "Coov" is "Cinfv", "C1h" is "Cs"."""
    text = re.sub("(?<=^[CD])oo", "inf", plain)
    return TITLE_ALIASES.get(text, text)


def is_title(title: str) -> bool:
    """Whether a text is the standard Schoenflies name of a group."""
    return title in POLYHEDRA or family(title)[0] != ""


def is_proper(title: str) -> bool:
    """Whether a group holds rotations only, by its standard name."""
    return title in ("T", "O", "I", "SO3") or family(title)[0] in ("C", "D")


@cache
def family(title: str) -> tuple[str, int]:
    """The letters of the standard name of an axial group and its number, 0 for inf; Cs is C1h and Ci is S2.

    >>> family("C4v"), family("Dinfh"), family("Ci"), family("S3"), family("Oh")
    (('Cv', 4), ('Dh', 0), ('S', 2), ('', 0), ('', 0))
    """
    if title in ("Cs", "Ci"):
        return ("Ch", 1) if title == "Cs" else ("S", 2)
    match = re.fullmatch(r"([CDS])(inf|[1-9]\d*)([vhd]?)", title)
    letters, n = (match[1] + match[3], int(match[2].replace("inf", "0"))) if match else ("", 0)
    known = letters in ("C", "Cv", "Ch", "D", "Dh") or (n > 0 and (letters == "Dd" or (letters == "S" and n % 2 == 0)))
    return (letters, n) if known else ("", 0)


def suggestion(name: object) -> str:
    """What a name that no point group has may have been meant for, as a sentence after a space; or nothing."""
    text = standard(find(name).plain)
    if match := re.fullmatch(r"S(\d*[13579])", text):
        return f" {text} is C{match[1]}h. The permutations of {match[1]} things are tw.symmetric({match[1]})."
    for guess in (text.capitalize(), text.upper(), re.sub(r"^Z(?=\d)", "C", text)):
        if guess != text and is_title(standard(guess)):
            return f" Did you mean {guess!r}?"
    return ""


def hermann_mauguin(title: str) -> str:
    """The Hermann–Mauguin symbol of a Schoenflies name; − stands before the number that has a bar.

    >>> [hermann_mauguin(name) for name in ("C4v", "D3h", "S4", "D2d", "Oh", "Cinfv")]
    ['4mm', '−6m2', '−4', '−42m', 'm−3m', '∞m']
    """
    if title in POLYHEDRA:
        return POLYHEDRA[title]
    letters, n = family(title)
    if n == 0:
        return {"C": "∞", "Cv": "∞m", "Ch": "∞/m", "D": "∞2", "Dh": "∞/mm"}[letters]
    even = n % 2 == 0
    match letters:
        case "C":
            return str(n)
        case "Cv":
            return {1: "m", 2: "mm2"}.get(n) or (f"{n}mm" if even else f"{n}m")
        case "Ch":
            return "m" if n == 1 else f"{n}/m" if even else f"−{2 * n}"
        case "S":
            return f"−{n}" if n % 4 == 0 else f"−{n // 2}"
        case "D":
            return {1: "2", 2: "222"}.get(n) or (f"{n}22" if even else f"{n}2")
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
