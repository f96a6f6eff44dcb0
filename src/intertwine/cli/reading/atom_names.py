"""Elements in the names that atoms are given: C1, H1A and Fe_2 in crystals, CA and HB3 in proteins."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

SYMBOLS = frozenset(
    re.findall(
        "[A-Z][a-z]?",
        "H D T He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y "
        "Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os "
        "Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
    )
)
_NAME = re.compile(r"\d*([A-Z])([a-z]?|[A-Z]*)(?:[^A-Za-z+-].*|[-].+)?(?<![+-])")
"""Perhaps digits, as before hydrogens in proteins, then letters and what tells atoms apart; no charges."""
_GREEK = re.compile("[CHNOS][ABGDEZHX]")
"""The element and the place in a residue: CA is the alpha carbon."""
_SURE, _UNSURE = ("CL", "BR", "SI", "FE"), ("NA", "SE")
"""Two letters of names in capitals: one element; one or two, so nobody knows."""


def element(name: str) -> str:
    """The element of an atom of this name; none where the name does not say.

    >>> [element(name) for name in ("C1", "H1A", "Fe2", "CA", "CL1", "1HB", "NA", "A1")]
    ['C', 'H', 'Fe', 'C', 'Cl', 'H', '', '']
    """
    if not (found := _NAME.fullmatch(name)):
        return ""
    first, rest = found.groups()
    pair = first + rest[:1]
    if pair.upper() != pair or not rest:
        return pair if pair in SYMBOLS else ""
    if pair in _UNSURE:
        return ""
    both = [one for one in (first, pair.capitalize()) if one in SYMBOLS]
    if len(both) == 2 and pair not in _SURE:
        return first if _GREEK.match(pair) else ""
    return both[-1] if both else ""


def as_symbols(labels: Sequence[object] | np.ndarray) -> np.ndarray:
    """Kinds as texts, those that are numbers of elements by their symbols."""
    names = [str(label).removesuffix(".0") for label in labels]
    try:
        from ase.data import chemical_symbols
    except ImportError:
        return np.array(names)
    known = {str(number): symbol for number, symbol in enumerate(chemical_symbols) if number}
    return np.array([known.get(name, name) for name in names])
