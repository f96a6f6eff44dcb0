"""Normalisers: the elements that move a subgroup onto itself."""

from __future__ import annotations

import re

import numpy as np

from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import exponential
from intertwine.symmetry.inputs.identify_subgroup import named_subgroup

_SAMPLES = 64  # random elements that meet every connected piece of a continuous subgroup, which has at most four
# subgroups of O(3) whose normaliser is that of the cube on the same axes
_CUBIC = ("D2", "D2h", "T", "Td", "Th", "O", "Oh")


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
    if title in _CUBIC:
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
    g = group.elements() if group.is_finite else group.sample(_SAMPLES)
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
