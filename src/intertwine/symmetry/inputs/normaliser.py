"""Normalisers: the elements that move a subgroup onto itself, and the complements that make ideal choices possible."""

from __future__ import annotations

import re

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.groups.finite import FiniteTable
from intertwine.groups.rotations import exponential
from intertwine.symmetry.inputs.identify_subgroup import named_subgroup

SAMPLES = 64
"""Random elements that meet every connected piece of a continuous subgroup, which has at most four."""

CUBIC = ("D2", "D2h", "T", "Td", "Th", "O", "Oh")
"""Subgroups of O(3) whose normaliser is that of the cube on the same axes."""


def normaliser(subgroup: Subgroup) -> Subgroup:
    """The normaliser N_G(H): the elements g with g H g⁻¹ = H, as a subgroup of the parent G.

    If x has the symmetry H, then g x has it too just for these g. So a rule that knows no more of an input than its
    symmetry cannot tell x from g x, and what it adds to the input must be closed under N_G(H) (Xie & Smidt 2024).

    For finite parents the multiplication table tells. In O(3) theory does, up to where the axes are: Cnv → D2nh; Dn,
    Dnh → D2nh for n ≥ 3; Dnd → D2nh; D2, D2h, T, Td, Th, O, Oh → Oh; I, Ih → Ih; Cn, Cnh, S2n, Cs and the continuous
    groups about an axis → D∞h; C1, Ci, SO(3), O(3) → O(3). In SO(3) the rotations of these; in O(2) Dn → D2n.

    Args:
        subgroup: H, of a finite group, SO(2), O(2), SO(3) or O(3).

    Raises `ArgumentError` for other parents.

    >>> str(normaliser(O3.subgroup("C4v"))), str(normaliser(O3.subgroup("D2"))), str(normaliser(SO3.subgroup("C3")))
    ('D8h in O(3)', 'Oh in O(3)', 'Dinf in SO(3)')
    """
    parent = _parent(subgroup)
    if parent.is_finite:
        table = parent.table
        members = np.sort(table.index(subgroup.embed(subgroup.group.elements())))
        keeps = (np.sort(table.conjugates[:, members], 1) == members).all(1)
        return _named(parent, table.elements[keeps])
    known = canonical(subgroup)
    if parent.dim == 2:
        flips = known.group.is_finite and not known.group.is_proper
        turns = int(known.group.order) if flips else 0
        return _placed(parent, f"D{turns}", known.frame.array) if flips else parent.subgroup(parent.name)
    title = _in_space(known.name)
    return _placed(parent, _rotations_of(title) if parent.is_proper else title, known.frame.array)


def _in_space(title: str) -> str:
    """The name of the normaliser in O(3) of a subgroup with a standard name."""
    n = int("".join(re.findall(r"\d+", title)) or 0)
    if title in ("C1", "Ci", "SO(3)", "O(3)"):
        return "O(3)"
    if title in CUBIC:
        return "Oh"
    if title[0] == "I":
        return "Ih"
    return f"D{2 * n}h" if n and (title[0] == "D" or title[-1] == "v") else "Dinfh"


def _rotations_of(title: str) -> str:
    """The name of the rotations of a group with inversion."""
    return "SO(3)" if title == "O(3)" else title.removesuffix("h")


def _placed(parent: CatalogGroup, title: str, frame: np.ndarray) -> Subgroup:
    """A subgroup by name where a frame is."""
    if title in ("SO(3)", "O(3)") or np.array_equal(frame, np.eye(parent.dim)):
        return parent.subgroup(title)
    if parent.dim == 2:
        return parent.subgroup(title, mirror=float(np.arctan2(frame[1, 0], frame[0, 0])))
    mirror = None if "inf" in title else tuple(frame[:, 0].tolist())
    return parent.subgroup(title, axis=tuple(frame[:, 2].tolist()), mirror=mirror)


def _parent(subgroup: Subgroup) -> CatalogGroup:
    parent = subgroup.parent
    if not isinstance(parent, CatalogGroup) or not (parent.is_finite or parent in (SO2, O2, SO3, O3)):
        raise ArgumentError(
            f"Normalisers are found in finite groups, SO(2), O(2), SO(3) and O(3), but got {subgroup}. Place the "
            "subgroup in one of these: tw.O3.subgroup(name, axis=…, mirror=…)."
        )
    return parent


def canonical(subgroup: Subgroup) -> Subgroup:
    """The same subgroup with its standard name and frame, whatever it was called or composed of."""
    parent, group = _parent(subgroup), subgroup.group
    g = group.elements() if group.is_finite else group.sample(SAMPLES)
    return _named(parent, subgroup.embed(g), lie_algebra(subgroup))


def lie_algebra(subgroup: Subgroup) -> np.ndarray:
    """A basis `(d, n, n)` of the Lie algebra of a subgroup, in the parent's coordinates.

    >>> lie_algebra(O3.subgroup("Cinfv", axis=(1, 0, 0)))[0].round(6) + 0.0
    array([[ 0.,  0.,  0.],
           [ 0.,  0., -1.],
           [ 0.,  1.,  0.]])
    """
    basis, whole = subgroup.group.lie_generators, subgroup.parent.lie_generators
    if len(basis) in (0, len(whole)):
        return np.array(whole[: len(basis)])
    g = subgroup.embed(exponential(basis))
    x = g - g.swapaxes(-1, -2)
    return np.asarray(x / np.sqrt(np.sum(x**2, (-2, -1), keepdims=True) / 2))


def _named(parent: CatalogGroup, elements: np.ndarray, lie: np.ndarray | None = None) -> Subgroup:
    found = named_subgroup(parent, elements, parent.lie_generators[:0] if lie is None else lie)
    if found is None:
        raise ArgumentError(
            f"The {len(elements)} elements of the subgroup of {parent} do not multiply as a group does. Make it from "
            "exact generators."
        )
    return found


def normalises(g: np.ndarray, subgroup: Subgroup) -> np.ndarray:
    """Whether elements g `(..., n, n)` of the parent have g H g⁻¹ = H, from the generators of H.

    >>> quarter_turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> bool(normalises(quarter_turn, O3.subgroup("C2v"))), bool(normalises(quarter_turn, O3.subgroup("C3v")))
    (True, False)
    """
    g, generators = np.asarray(g)[..., None, :, :], subgroup.embed(subgroup.group.generators)
    return np.asarray(subgroup.contains(g @ generators @ g.swapaxes(-1, -2), 1e-6).all(-1))


# complements ----------------------------------------------------------------------------------------------------------


def complement(subgroup: Subgroup, within: Subgroup | None = None) -> Subgroup | None:
    """A subgroup K of N with K ∩ H = 1 and K H = N; None if there is none.

    If N is the normaliser of H, an ideal set of inputs that break H exists just in that case: one free H-orbit, closed
    under N, of vectors that K fixes (Xie & Smidt 2024). There is one for all point groups but Cn, Cnh and S2n, n ≥ 2:
    there N = D∞h, and a complement of a finite group would hold SO(2), which meets Cn.

    Args:
        subgroup: H.
        within: N, in which H is normal. Default: the normaliser of H; the only one if that is continuous.

    Raises `ArgumentError` if H is not a normal subgroup of N, or N is continuous and not the normaliser.

    >>> complement(O3.subgroup("D4h")).name, complement(O3.subgroup("C4h"))
    ('Cs', None)
    """
    parent = _parent(subgroup)
    whole = normaliser(subgroup) if within is None else within
    if not whole.group.is_finite:
        return _continuous_complement(subgroup, whole)
    table, (members,) = _numbered(whole, subgroup)
    if not np.isin(table.conjugates[:, members], members).all():
        raise ArgumentError(
            f"{subgroup} is not a normal subgroup of {whole}, so it has no complement there. Call normaliser(subgroup) "
            "for the group in which it is."
        )
    found = _meeting(table, members, np.zeros(1, dtype=int))
    return None if found is None else _named(parent, table.elements[found])


def _numbered(whole: Subgroup, *parts: Subgroup) -> tuple[FiniteTable, list[np.ndarray]]:
    """The table of a finite subgroup, and the numbers of subgroups of it."""
    table = FiniteTable(Table(np.array(whole.embed(whole.group.elements()))))
    numbers = []
    for part in parts:
        inside = part.parent == whole.parent and part.group.is_finite
        if not (inside and whole.contains(part.embed(part.group.generators), 1e-6).all()):
            raise ArgumentError(f"{part} does not lie in {whole}. Call normaliser(subgroup) for a group that holds it.")
        numbers.append(np.sort(table.index(part.embed(part.group.elements()))))
    return table, numbers


def _meeting(table: FiniteTable, members: np.ndarray, kept: np.ndarray) -> np.ndarray | None:
    """A subgroup M, as numbers, with M H = N and M ∩ H a conjugate in H of a subgroup K of H; None if there is none."""
    size = len(table) * len(kept) // len(members)
    allowed = _conjugates(table, members, kept)
    for found in table.subgroup_classes:
        if len(found) == size and tuple(np.intersect1d(found, members).tolist()) in allowed:
            return found
    return None


def _conjugates(table: FiniteTable, members: np.ndarray, kept: np.ndarray) -> set[tuple[int, ...]]:
    """The subgroups h K h⁻¹, h in H, as sorted numbers."""
    return set(map(tuple, np.sort(table.conjugates[np.ix_(members, kept)], 1).tolist()))


def _continuous_complement(subgroup: Subgroup, whole: Subgroup) -> Subgroup | None:
    """`complement` in a continuous normaliser, where H is one of a few."""
    parent, own = _parent(subgroup), normaliser(subgroup)
    if own.name != canonical(whole).name or not own.contains(whole.embed(whole.group.generators)).all():
        raise ArgumentError(
            f"Complements in a continuous group are known for the normaliser of the subgroup only, which for "
            f"{subgroup} is {own}, but got {whole}. Leave it out."
        )
    known = canonical(subgroup)
    frame = known.frame.array
    if known.name == "C1":
        return own
    if known.name == parent.name:
        return parent.subgroup("C1")
    if parent.dim == 2:
        return None if known.group.is_finite else parent.subgroup("D1")
    axis, across = tuple(frame[:, 2].tolist()), tuple(frame[:, 0].tolist())
    match known.name:
        case "Ci":
            return parent.subgroup("SO(3)")
        case "Cs":
            return parent.subgroup("Cinfv", axis=axis)
        case "Cinf" if not parent.is_proper:  # the four ways to treat the axis and volume, once each
            return parent.subgroup("C2v", axis=across, mirror=axis)
        case "Cinf" | "Cinfh":
            return parent.subgroup("C2", axis=across)
        case "Dinf" | "Dinfh":
            return parent.subgroup("C1" if known.name == "Dinfh" or parent.is_proper else "Ci")
        case "Cinfv" | "SO(3)":
            return parent.subgroup("Ci")
    return None


# breaking to a subgroup -----------------------------------------------------------------------------------------------


def pair_normaliser(subgroup: Subgroup, kept: Subgroup) -> Subgroup:
    """N_G(H, K): the elements of the normaliser of H that take K to one of its conjugates in H.

    What a rule adds to an input of symmetry H to leave K of it must be closed under these (Xie & Smidt 2024). For the
    subgroups whose normaliser is continuous that is all of it: it takes rotations to themselves or their inverses, or
    is H times the inversion.

    Args:
        subgroup: H.
        kept: K, a subgroup of H.

    >>> square, rectangle = O3.subgroup("D4h"), O3.subgroup("D2h")
    >>> pair_normaliser(square, rectangle).name, pair_normaliser(square, O3.subgroup("C1")).name
    ('D4h', 'D8h')
    """
    whole = normaliser(subgroup)
    if not whole.group.is_finite:
        return whole
    table, (members, inside) = _numbered(whole, subgroup, kept)
    allowed = _conjugates(table, members, inside)
    moved = np.sort(table.conjugates[:, inside], 1).tolist()
    return _named(_parent(subgroup), table.elements[[tuple(row) in allowed for row in moved]])


def ideal_exists(subgroup: Subgroup, kept: Subgroup) -> bool:
    """Whether a set of |H : K| inputs, one H-orbit closed under N_G(H, K), can break H to K.

    Each element of it would have a symmetry M in N = N_G(H, K) with M ∩ H = K and M H = N, and such an M gives one. In
    a finite N all subgroups are tried. In a continuous one M holds the connected piece N₀ of the identity if H is
    finite, so K must hold H ∩ N₀, which is enough; and there always is one if H is continuous.

    Args:
        subgroup: H.
        kept: K, a subgroup of H.

    >>> ideal_exists(O3.subgroup("C4h"), O3.subgroup("C4")), ideal_exists(O3.subgroup("C4h"), O3.subgroup("C2"))
    (True, False)
    """
    if not subgroup.group.is_finite:
        return True
    whole = pair_normaliser(subgroup, kept)
    if whole.group.is_finite:
        table, (members, inside) = _numbered(whole, subgroup, kept)
        return _meeting(table, members, inside) is not None
    elements = subgroup.embed(subgroup.group.elements())
    connected = np.linalg.det(elements) > 0
    if len(lie := lie_algebra(whole)) == 1 and whole.parent.dim == 3:
        connected &= np.abs(elements @ lie[0] - lie[0] @ elements).max((-1, -2)) < 1e-6
    return bool(kept.contains(elements[connected], 1e-6).all())
