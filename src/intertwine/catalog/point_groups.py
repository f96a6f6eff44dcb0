"""The point groups by Schoenflies name."""

from __future__ import annotations

import re
from functools import cache

from intertwine.catalog.axial import AxialGroup
from intertwine.catalog.base import CatalogGroup, plain_name
from intertwine.catalog.notation import from_hermann_mauguin
from intertwine.catalog.planar import O2, SO2, Cyclic, Dihedral, PlanarGroup
from intertwine.catalog.polyhedral import NAMES, PolyhedralGroup
from intertwine.errors import LabelError

ALIASES = {"C1h": "Cs", "S1": "Cs", "S2": "Ci", "SO2": "Cinf", "C3i": "S6", "V": "D2"}
ALIASES |= {"K": "SO3", "Kh": "O3"}
NAMES_IN_WORDS = (
    "Cn, Cnv, Cnh, S2n, Dn, Dnd, Dnh with a number for n, Cs, Ci, T, Td, Th, O, Oh, I, Ih, Cinf, Cinfv, Cinfh, Dinf, "
    "Dinfh, SO(3) and O(3)"
)
_TEXT = "C1 Ci C2 Cs C2h D2 C2v D2h C4 S4 C4h D4 C4v D2d D4h C3 S6 D3 C3v D3d C6 C3h C6h D6 C6v D3h D6h T Th O Td Oh"
CRYSTALLOGRAPHIC: tuple[str, ...] = (*_TEXT.split(),)
"""The 32 point groups that crystals can have, in the order of the International Tables."""


def schoenflies(name: str) -> str:
    """The standard spelling of a Schoenflies name: "C∞v" and "Coov" are "Cinfv", "C_{2v}" is "C2v", "C1h" is "Cs"."""
    text = re.sub("(?<=^[CD])oo", "inf", plain_name(name))
    return ALIASES.get(text, text)


def international(name: str) -> str:
    """The Schoenflies name of a Hermann–Mauguin symbol; any other name as it is.

    >>> international("m-3m"), international("C4v")
    ('Oh', 'C4v')
    """
    return from_hermann_mauguin(plain_name(name)) or name


def suggestion(name: object) -> str:
    """What a name that no point group has may have been meant for, as a sentence after a space; or nothing."""
    text = schoenflies(str(name))
    if match := re.fullmatch(r"S(\d*[13579])", text):
        return f" {text} is C{match[1]}h. The permutations of {match[1]} things are tw.symmetric({match[1]})."
    for guess in (text.capitalize(), text.upper(), re.sub(r"^Z(?=\d)", "C", text)):
        if guess != text and (guess in ("SO3", "O3") or find_point_group(guess)):
            return f" Did you mean {guess!r}?"
    return ""


def find_point_group(name: str) -> AxialGroup | PolyhedralGroup | None:
    """The group of 3 × 3 matrices that a Schoenflies name stands for, None if it is none; SO(3) and O(3) left out."""
    title = schoenflies(name)
    if title in NAMES:
        return PolyhedralGroup(title)
    if title == "Cs":
        return AxialGroup(title, Cyclic(1), None)
    if title == "Ci":
        return AxialGroup(title, Cyclic(2), "1")
    if (match := re.fullmatch(r"([CDS])(inf|[1-9]\d*)([vhd]?)", title)) is None:
        return None
    n = 0 if match[2] == "inf" else int(match[2])
    return _axial(title, match[1] + match[3], n)


def _axial(title: str, family: str, n: int) -> AxialGroup | None:
    """The group of a family with n-fold main axis, n = 0 for every angle."""
    turns: PlanarGroup = Cyclic(n) if n else SO2()
    flips: PlanarGroup = Dihedral(n) if n else O2()
    match family:
        case "C":
            return AxialGroup(title, turns, "0")
        case "Cv":
            return AxialGroup(title, flips, "0e")
        case "Ch":
            return AxialGroup(title, turns, None)
        case "D":
            return AxialGroup(title, flips, "0o")
        case "Dh":
            return AxialGroup(title, flips, None)
        case "Dd" if n:
            return AxialGroup(title, Dihedral(2 * n), f"{n}o")
        case "S" if n and n % 2 == 0:
            return AxialGroup(title, Cyclic(n), str(n // 2))
    return None


@cache
def point_group(name: str) -> CatalogGroup:
    """The 3-D point group of a Schoenflies name or a Hermann–Mauguin symbol, as 3 × 3 matrices in its standard setting.

    The names are C_n, C_nv, C_nh, S_2n, D_n, D_nd, D_nh with any n, Cs, Ci, T, Td, Th, O, Oh, I, Ih, and the continuous
    Cinf, Cinfv, Cinfh, Dinf, Dinfh, SO(3), O(3). Underscores may be there, and ∞ stands for inf. "m-3m", "4mm", "∞m"
    are Hermann–Mauguin symbols.

    The main axis is z. The reference direction is x: C_nv has the mirror y → −y, and D_n, D_nd, D_nh the half-turn
    about x. T, Td, Th have half-turns and O, Oh quarter-turns about x, y, z; I and Ih have half-turns about x, y, z and
    axes of order 5 along (0, 1, φ), φ = (1 + √5)/2. Irreps have Mulliken's symbols.

    Raises `LabelError` for other names.

    >>> point_group("C3v").labels(3), point_group("Oh").order
    (('A1', 'A2', 'E'), 48)
    >>> point_group("-43m")
    tw.point_group('Td')
    """
    from intertwine.catalog.spatial import O3, SO3  # they name their subgroups through this module

    whole: dict[str, CatalogGroup] = {"SO3": SO3(), "O3": O3()}
    title = international(name)
    found = whole.get(schoenflies(title)) or find_point_group(title)
    if found is None:
        raise LabelError(
            f"There is no point group called {name!r}.{suggestion(name)} Names are {NAMES_IN_WORDS}, and symbols such "
            "as 'm-3m' and '4mm'."
        )
    return found
