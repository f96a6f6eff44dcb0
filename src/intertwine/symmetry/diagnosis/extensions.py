"""Larger groups that a group naturally lies in, and how their new elements act on features if nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intertwine.catalog import SO2
from intertwine.groups import Group
from intertwine.groups.rotations import axis_rotation
from intertwine.reps import Irrep, Rep
from intertwine.symmetry.diagnosis.domains import assembled


@dataclass(frozen=True, eq=False)
class Extension:
    """One element that makes a group larger, and its natural matrix on each irrep.

    A rep of the smaller group does not say how the larger one acts: a vector and a pseudovector are one irrep of SO(3).
    The natural choice is that of harmonics: degree l by (−1)^l under inversion, mirrors that keep the first component.

    Args:
        name: the element, in words that say how it acts.
        group: the name of the larger group.
        on: its matrix on an irrep, None where the irrep is none of the larger group.
    """

    name: str
    group: str
    on: Callable[[Irrep], np.ndarray | None]

    def matrix(self, rep: Rep) -> np.ndarray | None:
        """The matrix `(dim, dim)` on features of a rep, all copies alike; None if an irrep has no extension."""
        return assembled(rep, {irrep: self.on(irrep) for _, irrep in rep.isotypic})


def extensions(group: Group) -> tuple[Extension, ...]:
    """The natural larger groups of SO(3), T, O, I (with inversion), and of SO(2) and C_n (with mirrors, finer turns).

    >>> from intertwine.catalog import SO3, cyclic
    >>> [extension.group for extension in extensions(cyclic(4))], [extension.group for extension in extensions(SO3)]
    (['D4', 'C8', 'SO(2)'], ['O(3)'])
    """
    if group.dim == 3 and group.name in ("SO(3)", "T", "O", "I"):
        larger = {"SO(3)": "O(3)"}.get(group.name, group.name + "h")
        return (Extension("inversion, (−1)^degree on each type", larger, _inversion),)
    if group.dim != 2 or not (group.name == "SO(2)" or (group.is_finite and group.is_proper)):
        return ()
    n = int(group.order) if group.is_finite else 0
    mirror = Extension("mirror, diag(1, −1) on pairs", f"D{n}" if n else "O(2)", _mirror)
    if not n:
        return (mirror,)
    return (
        mirror,
        Extension(f"turn by 1/{2 * n} of a circle", f"C{2 * n}", lambda irrep: _turned(irrep, np.pi / n)),
        Extension("turn by 1 radian", "SO(2)", lambda irrep: _turned(irrep, 1.0)),
    )


def _inversion(irrep: Irrep) -> np.ndarray:
    return np.asarray((-1.0) ** irrep.degree * np.eye(irrep.dim))


def _mirror(irrep: Irrep) -> np.ndarray:
    return np.diag([1.0, -1.0][: irrep.dim])


def _turned(irrep: Irrep, angle: float) -> np.ndarray | None:
    """What the rotation by an angle does to the frequency of an irrep of C_n; none does to a lone change of sign."""
    if irrep.dim == 1 and irrep.degree:
        return None
    return np.asarray(SO2.irrep(str(irrep.degree)).matrix(axis_rotation(2, angle)[:2, :2]))
