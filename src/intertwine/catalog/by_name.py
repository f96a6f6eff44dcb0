"""Groups by name."""

from __future__ import annotations

import re
from functools import cache, reduce

from intertwine.catalog import planar, spatial
from intertwine.catalog.base import CatalogGroup, plain_name
from intertwine.catalog.point_groups import find_point_group, international, schoenflies, suggestion
from intertwine.catalog.product import product
from intertwine.catalog.symmetric import symmetric
from intertwine.errors import LabelError

SO2 = planar.SO2()
O2 = planar.O2()
SO3 = spatial.SO3()
O3 = spatial.O3()


@cache
def cyclic(n: int) -> planar.Cyclic:
    """The n rotations of the plane by multiples of 2π/n.

    >>> cyclic(8).labels(4)
    ('0', '1', '2', '3', '4')
    """
    return planar.Cyclic(n)


@cache
def dihedral(n: int) -> planar.Dihedral:
    """The 2n rotations and mirrors of the regular n-gon.

    >>> dihedral(4).labels(2)
    ('0e', '0o', '1', '2e', '2o')
    """
    return planar.Dihedral(n)


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
    factors = [plain_name(part) for part in re.split("[×x*]", str(name))]
    found = [_single(text) for text in factors]
    if any(part is None for part in found):
        raise LabelError(
            f"There is no group called {name!r}.{suggestion(name)} Names are 'SO(2)', 'O(2)', 'SO(3)', 'O(3)', 'Cn' "
            "and 'Dn' with a number for n, Schoenflies names such as 'C4v', 'D3h', 'S4', 'Td', 'Oh', 'Ih' and 'Dinfh', "
            "symbols such as 'm-3m', 'Sym(n)', and products such as 'C2×O(2)'. tw.matrix_group makes others, such as "
            "SU(2)."
        )
    return reduce(product, [part for part in found if part is not None])


def _single(text: str) -> CatalogGroup | None:
    """The group of a plain name without products."""
    if (plane := planar.parse_planar(text)) is not None:
        return plane
    if (match := re.fullmatch(r"Sym([1-9]\d*)", text)) is not None:
        return symmetric(int(match[1]))
    title = schoenflies(international(text.removesuffix("inspace")))
    return {"SO3": SO3, "O3": O3}.get(title) or find_point_group(title)
