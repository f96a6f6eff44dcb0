"""Groups by name."""

from __future__ import annotations

from functools import cache

from intertwine.catalog import planar, spatial
from intertwine.catalog.base import CatalogGroup, plain_name
from intertwine.catalog.schoenflies import parse_axial
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
    """The group of a name: "SO(2)", "O(2)", "SO(3)", "O(3)", "C8", "D8" (16 elements), "Cinfh", "Dinfh".

    Brackets may be left out, and ∞ stands for inf. Other Schoenflies names give the abstract group: "Cinf" is SO(2),
    "Cinfv" and "Dinf" are O(2), "C4v" is D4; how it lies in space is for `O3.subgroup(name)` to say.

    Raises `LabelError` for other names.

    >>> group("O(3)") == O3
    True
    """
    text = plain_name(name)
    if (found := {"SO2": SO2, "O2": O2, "SO3": SO3, "O3": O3}.get(text)) is not None:
        return found
    if (axial := parse_axial(text)) is None:
        raise LabelError(
            f"There is no group called {name!r}. Names are 'SO(2)', 'O(2)', 'SO(3)', 'O(3)', 'Cn' and 'Dn' with a "
            "number for n, 'Cinfh' and 'Dinfh'."
        )
    return axial[1]
