"""The ids that escnn gives to subgroups: what they are, and which subgroup one names.

They stand here and not with other libraries' formats, which nobody may import: `describe` and `explain` print them.
"""

from __future__ import annotations

import ast
import math

import numpy as np

from intertwine.catalog import O3, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import family
from intertwine.catalog.planar import PlanarGroup
from intertwine.errors import LabelError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import axis_rotation

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


def escnn_id(title: str, parent: str = "O(3)") -> str | None:
    """The id that escnn gives a subgroup of O(3) or SO(3) with standard axes; None where it has none.

    >>> escnn_id("Cinfv"), escnn_id("Dinf"), escnn_id("D4", "SO(3)"), escnn_id("D2d")
    ("('cone', -1)", '(False, True, -1)', '(True, 4)', None)
    """
    letters, n = family(title)
    count = n or -1
    contains_inversion = {"S": n % 4 == 2, "Ch": n % 2 == 0, "Dh": n % 2 == 0, "Dd": n % 2 == 1}.get(letters, False)
    if title in ESCNN:
        found: str | None = ESCNN[title]
    elif letters == "Cv":
        found = f"('cone', {count})"
    elif letters in ("C", "D"):
        found = f"(False, {letters == 'D'}, {count})"
    elif contains_inversion:
        found = f"(True, {letters[0] == 'D'}, {n // 2 if letters == 'S' else count})"
    else:
        found = None
    if parent != "SO(3)" or found is None:
        return found
    return found.replace("(False, '", "'").replace("')", "'") if "'" in found else found.replace("(False, ", "(")


def planar_escnn_id(parent: PlanarGroup, group: PlanarGroup, angle: float) -> str:
    """The id of a subgroup in escnn, where a mirror is named by twice its angle, or counted in steps of π/n."""
    count = group.rotations or -1
    if not parent.mirrors:
        return str(count)
    if not group.mirrors:
        return f"(None, {count})"
    if parent.rotations is None:
        return f"({(2 * angle) % (2 * np.pi):.6g}{'' if angle else '.0'}, {count})"
    return f"({round(angle * parent.rotations / np.pi) % (parent.rotations // count)}, {count})"


def convert_escnn_id(identifier: object, parent: CatalogGroup = O3) -> Subgroup:
    """The subgroup of O(3) or SO(3) that an id of escnn names: positional tuples such as ('cone', -1).

    escnn's ids hold twice an angle from x: the half-turn axis of (False, t, n) and (True, t, n) lies at t/2. The mirror
    of ('cone', t, n) lies at −t/2 in escnn's code (1.0.13), which is followed here since trained networks hold it; its
    documentation says +t/2.

    Args:
        identifier: the id, as a tuple, or as text.
        parent: O(3) or SO(3): the group whose id it is.

    Raises `LabelError` for an id that escnn does not have.

    >>> convert_escnn_id(("cone", -1)).name, convert_escnn_id((False, True, -1)).name
    ('Cinfv', 'Dinf')
    >>> convert_escnn_id((True, True, 3)).name  # odd n: an antiprism
    'D3d'
    """
    entries = _entries(identifier)
    whole = parent == O3 or entries[:1] == ("cone",)
    found = _polyhedral(entries) or _axial(entries if whole else (False, *entries)) if entries else None
    if found is None or parent not in (O3, SO3):
        raise LabelError(
            f"{identifier!r} is no id of a subgroup of {parent} in escnn. Ids are ('cone', n), (False, False, n), "
            "(False, True, n), (True, False, n), (True, True, n) with −1 for every angle, 'so3', 'o3', "
            "(False, 'octa') and the like; SO(3) leaves out the first entry."
        )
    name, angle = found
    if not angle:
        return parent.subgroup(name)
    turned = -angle / 2 if entries[0] == "cone" else angle / 2
    return parent.subgroup(name, mirror=tuple(axis_rotation(2, turned)[:, 0].tolist()))


def _entries(identifier: object) -> tuple[object, ...]:
    if isinstance(identifier, str):
        try:
            identifier = ast.literal_eval(identifier)
        except (ValueError, SyntaxError):
            return (identifier,)
    entries = tuple(identifier) if isinstance(identifier, tuple | list) else (identifier,)
    return tuple(entry.item() if isinstance(entry, np.generic) else entry for entry in entries)


def _polyhedral(entries: tuple[object, ...]) -> tuple[str, float] | None:
    names = {"so3": "SO(3)", "o3": "O(3)", "fulltetra": "Td"}
    if len(entries) == 1 and entries[0] in names:
        return names[str(entries[0])], 0.0
    letter = {"ico": "I", "octa": "O", "tetra": "T", "so3": "K"}.get(str(entries[-1]))
    if letter is None or len(entries) > 2:
        return None
    whole = len(entries) == 2 and bool(entries[0])
    if letter == "K":
        return ("O(3)" if whole else "SO(3)"), 0.0
    return letter + ("h" if whole else ""), 0.0


def _angle(entry: object) -> float | None:
    """A finite number; None for anything else."""
    return float(entry) if isinstance(entry, int | float) and math.isfinite(entry) else None


def _axial(entries: tuple[object, ...]) -> tuple[str, float] | None:
    """Name and angle of (inversion, mirror, n) or ('cone', [angle], n)."""
    n = entries[-1]
    if not isinstance(n, int) or isinstance(n, bool) or (n < 1 and n != -1) or not 2 <= len(entries) <= 3:
        return None
    count = "inf" if n == -1 else str(n)
    if entries[0] == "cone":
        angle = _angle(entries[1]) if len(entries) == 3 else 0.0
        return None if angle is None else (f"C{count}v", angle)
    if len(entries) != 3 or not isinstance(entries[0], bool):
        return None
    flips = entries[1] is not False
    angle = _angle(entries[1]) if flips and entries[1] is not True else 0.0
    if angle is None:
        return None
    if not entries[0]:
        return f"{'D' if flips else 'C'}{count}", angle
    if n == -1:
        return ("Dinfh" if flips else "Cinfh"), angle
    if n % 2 == 0:
        return f"{'D' if flips else 'C'}{n}h", angle
    return (f"D{n}d" if flips else "Ci" if n == 1 else f"S{2 * n}"), angle
