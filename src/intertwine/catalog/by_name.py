"""Groups by name."""

from __future__ import annotations

import re
from functools import cache, reduce
from operator import mul

from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import NAMES_IN_WORDS, find, suggestion
from intertwine.catalog.planar import parse_planar
from intertwine.catalog.spatial import O3
from intertwine.catalog.symmetric import symmetric
from intertwine.errors import LabelError


@cache
def group(name: str) -> CatalogGroup:
    """The group of a name: "SO(2)", "O(2)", "SO(3)", "O(3)", "C8", "D8" (16 elements), "Oh", "Sym(4)", "C2×O(2)".

    Brackets may be left out, and ∞ stands for inf. "SO(2)", "O(2)", "Cn" and "Dn" are the planar groups; all other
    Schoenflies names and Hermann–Mauguin symbols are groups of 3 × 3 matrices, as `point_group` makes them ("D4 in
    space" is one too). ×, x or * stands between the factors of a direct product.

    Raises `LabelError` for other names.

    >>> group("O(3)") == O3, group("C4v").labels(2), group("C2 × SO(2)").order
    (True, ('A1', 'A2', 'E', 'B1', 'B2'), inf)
    """
    parts = re.split("[×x*]", str(name))
    factors = [factor for part in parts if (factor := _single(part)) is not None]
    if len(factors) < len(parts):
        raise LabelError(
            f"There is no group called {name!r}.{suggestion(name)} Names are 'SO(2)', 'O(2)', 'SO(3)', 'O(3)', 'Cn' "
            "and 'Dn' with a number for n, Schoenflies names such as 'C4v', 'D3h', 'S4', 'Td', 'Oh', 'Ih' and 'Dinfh', "
            "symbols such as 'm-3m', 'Sym(n)', and products such as 'C2×O(2)'. tw.matrix_group makes others, such as "
            "SU(2)."
        )
    return reduce(mul, factors)


def _single(name: str) -> CatalogGroup | None:
    """The group of a name without products."""
    plain = find(name).plain
    if (plane := parse_planar(plain)) is not None:
        return plane
    if (match := re.fullmatch(r"Sym([1-9]\d*)", plain)) is not None:
        return symmetric(int(match[1]))
    return O3.titled(find(plain.removesuffix("inspace")).title)


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
    found = O3.titled(find(name).title)
    if found is None:
        raise LabelError(
            f"There is no point group called {name!r}.{suggestion(name)} Names are {NAMES_IN_WORDS}, and symbols such "
            "as 'm-3m' and '4mm'."
        )
    return found
