"""Whole cells from the sites and the operations that files of crystals list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from intertwine.errors import ArgumentError, MissingExtraError

ONE_PLACE = 0.05
"""Images of a site closer than this, in Å, are one atom whose coordinates are rounded."""
IDENTITY = np.eye(3)[None], np.zeros((1, 3))
"""The operations of a crystal whose sites are all listed."""
_RENAMED = {"abm2": "aem2", "aba2": "aea2", "cmca": "cmce", "cmma": "cmme", "ccca": "ccce"}
"""Symbols of space groups before 1992."""
_CHOICE = re.compile(
    r"(?P<symbol>[^:()]+?)(?::(?P<choice>[^:]*)|[:(]?(?:origin(?:choice)?|o)(?P<origin>[12])\)?|[:(]?(?P<letter>[szhr])\)?)"
)
"""A symbol with its setting or origin; S, Z, H and R at the end stand in the ICSD for origins and axes."""
_SETTINGS = 530
"""The settings of space groups that spglib knows."""


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of a crystal, as parts of the cell's vectors `(n, 3)`, with what is there and how much of it."""

    fractions: np.ndarray
    kinds: Sequence[str]
    occupancies: np.ndarray
    cell: np.ndarray

    def filled(self, rotations: np.ndarray, shifts: np.ndarray, near: float = ONE_PLACE) -> tuple[np.ndarray, ...]:
        """All atoms in the cell: the images of the sites under the operations x → R x + t, each once.

        A site that an operation leaves nearly where it is lies exactly there: its rounded coordinates become the mean
        of its images. Returned are Cartesian positions `(N, 3)`, what is at each, and which site it is an image of.
        """
        atoms, origins, holds = np.zeros((0, 3)), np.zeros(0, dtype=int), list[dict[str, float]]()
        for place, site in enumerate(self.fractions):
            images = rotations @ site + shifts
            close = images[self._away(images, site) < near]
            close = close - np.round(close - site)
            images = rotations @ close.mean(0) + shifts if len(close) else images
            kind, share = self.kinds[place], float(self.occupancies[place])
            there = np.flatnonzero(self._away(atoms, images[0]) < near)
            if len(there):
                _add(holds[origins[there[0]]], kind, share)
                holds.append({})
                continue
            holds.append({kind: share})
            orbit = images[:1]
            for image in images[1:]:
                if self._away(orbit, image).min() >= near:
                    orbit = np.vstack([orbit, image])
            atoms = np.vstack([atoms, orbit % 1.0])
            origins = np.concatenate([origins, np.full(len(orbit), place)])
        names = [site_name(held) for held in holds]
        return atoms @ self.cell, np.array([names[place] for place in origins]), origins

    def _away(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        off = a - b
        return np.asarray(np.linalg.norm((off - np.round(off)) @ self.cell, axis=-1))


def _add(held: dict[str, float], kind: str, share: float) -> None:
    """One more kind at a site, unless that is the same atom listed again."""
    if kind not in held or sum(held.values()) + share < 1.001:
        held[kind] = held.get(kind, 0.0) + share


def site_name(held: dict[str, float]) -> str:
    """What is at a site: Fe where it is full, else Fe0.5 or Al0.4Fe0.6."""
    full = len(held) == 1 and abs(sum(held.values()) - 1) < 1e-3
    return "".join(kind if full else f"{kind}{round(share, 4):g}" for kind, share in sorted(held.items()))


def operations_named(name: str, cell: np.ndarray, hall: bool = False) -> tuple[np.ndarray, np.ndarray] | None:
    """The rotations and shifts of a space group by its Hermann–Mauguin or Hall symbol; None if it is not known.

    Of several settings with one symbol it is the standard one; the hexagonal one for R groups in a hexagonal cell, and
    the first of two origins unless the symbol ends with :2 or, as in the ICSD, with Z.
    """
    symbol, choice = _parted(_plain(name))
    symbol, choice = (f"r{symbol[1:]}", "h") if symbol.startswith("h") else (symbol, choice)
    if symbol.startswith("r") and not choice:
        sides = np.linalg.norm(cell, axis=1)
        choice = "h" if abs(float(cell[0] @ cell[1]) / (sides[0] * sides[1]) + 0.5) < 1e-3 else "r"
    for wanted in (symbol, *_modern(symbol)):
        for number, known in _known():
            names = (known.international_short, known.international_full, *known.international.split("="))
            same = _plain(name) == _plain(known.hall_symbol) if hall else wanted in map(_plain, names)
            if same and (hall or known.choice.lower().startswith(choice)):
                found = _spglib().get_symmetry_from_database(number)
                return found["rotations"], found["translations"]
    return None


def _spglib() -> Any:
    """The package, which few need."""
    try:
        import spglib
    except ImportError as error:
        raise MissingExtraError.of("spglib", "crystals") from error
    return spglib


@cache
def _known() -> tuple[tuple[int, Any], ...]:
    """The settings of space groups, with their numbers."""
    return tuple((number, _spglib().get_spacegroup_type(number)) for number in range(1, _SETTINGS + 1))


def settings(number: int) -> int:
    """How many settings and origins spglib knows of the space group with this number."""
    return sum(known.number == number for _, known in _known())


def _parted(symbol: str) -> tuple[str, str]:
    """A plain symbol and what it says of the setting: :2, Z or O2 is the second origin, H has hexagonal axes."""
    found = _CHOICE.fullmatch(symbol)
    if not found:
        return symbol, ""
    choice = found["choice"] or found["origin"] or found["letter"] or ""
    return found["symbol"], {"s": "1", "z": "2"}.get(choice, choice)


def _plain(symbol: str) -> str:
    return re.sub("[_ '\"]", "", symbol).lower()


def _modern(symbol: str) -> list[str]:
    """What else a symbol may be called: P21/n is P 1 21/n 1, Cmca is Cmce, and Fm3m is Fm-3m."""
    cubic = re.sub("^([pif][mnda])3", r"\1-3", symbol)
    return [f"{symbol[:1]}1{symbol[1:]}1", _RENAMED.get(symbol, symbol), cubic]


def snapped(shifts: np.ndarray) -> np.ndarray:
    """Translations that were rounded, as the twenty-fourths that they are in every space group."""
    exact = np.round(shifts * 24) / 24
    return np.where(np.abs(exact - shifts) < 0.01, exact, shifts)


def checked_lattice(cell: np.ndarray) -> np.ndarray:
    """The vectors of a cell as rows, if they span space."""
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) <= 1e-9 * np.abs(cell).max() ** 3:
        raise ArgumentError("the lengths and angles of its cell span no volume")
    return cell
