"""Mulliken's symbols of the irreps of the axial point groups.

Source: Mulliken 1955, doi:10.1063/1.1740655. A and B: one-dimensional, even or odd under the smallest turn about the
main axis; E: two-dimensional, with the frequency where there are several. 1 and 2: even and odd under the reference
half-turn about x (C_nv: under the mirror that contains x). g and u: even and odd under the inversion; ′ and ″ (here
' and '') under the mirror z → −z, in groups without the inversion. In D2 and D2h the numbers 1, 2, 3 of B say under
which half-turn, about z, y or x, it is even.
"""

from __future__ import annotations

import re
from functools import cache

from intertwine.catalog.planar import PlanarGroup

Symbols = dict[tuple[str, bool], str]


@cache
def axial_symbols(title: str, plane: PlanarGroup) -> Symbols:
    """The symbol of each irrep of a finite axial group, by the planar label and whether the sign of z multiplies."""
    family = re.sub(r"\d+", "n", title)
    odd_signs = (False, True) if family in ("Cnh", "Dnh", "Cs") else (False,)
    labels = plane.labels(int(plane.order))
    parts = {(label, odd): _parts(family, plane, label, odd) for label in labels for odd in odd_signs}
    several = len({number for letter, number, _ in parts.values() if letter == "E"}) > 1
    out = {}
    for key, (letter, number, suffix) in parts.items():
        shown = several if letter == "E" else plane.mirrors and number
        out[key] = f"{letter}{number if shown else ''}{suffix}"
    return out


def _parts(family: str, plane: PlanarGroup, label: str, odd: bool) -> tuple[str, int, str]:
    """Letter, number and suffix of one irrep."""
    n, k = int(plane.rotations or 0), plane.irrep_degree(label)
    flip = -1 if label.endswith("o") else 1  # under the planar mirror y → −y, for one-dimensional irreps
    suffix = ""
    if family in ("Sn", "Dnd", "Ci"):  # the plane turns by half the angle of the largest rotations
        if n // 2 % 2:  # the half-turn of the plane comes with z → −z: the inversion
            suffix = "gu"[k % 2]
            n //= 2
            k = min(k % n, n - k % n)
    elif family in ("Cnh", "Dnh", "Cs"):
        flip = -flip if odd else flip  # the half-turn about x has y → −y, z → −z
        suffix = "gu"[(k + odd) % 2] if n % 2 == 0 else ("'", "''")[odd]
    if plane.irrep_dim(label) == 2:
        return "E", k, suffix
    if n == 2 and family in ("Dn", "Dnh"):  # B1, B2, B3 are even under the half-turn about z, y, x
        number = {(0, 1): 0, (0, -1): 1, (1, -1): 2, (1, 1): 3}[k, flip]
        return "B" if number else "A", number, suffix
    return "B" if k else "A", 1 if flip > 0 else 2, suffix
