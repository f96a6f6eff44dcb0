"""From elements to a named subgroup: what the elements are, exactly, when they were found with noise."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from intertwine._arrays import Table, read_only
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.finite_subgroups import listed_subgroups
from intertwine.catalog.planar import PlanarGroup
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.polyhedral import find_point_group
from intertwine.catalog.recognise import recognise, refined
from intertwine.groups import Subgroup
from intertwine.groups.rotations import axial

# so many finite subgroups of space are remembered: questions about one input meet the same few again and again
_KNOWN = 64
# products with about so many elements show how noisy those of a large group are; of Ih, and smaller ones, with all
_SOME = 128


def named_subgroup(group: CatalogGroup, elements: np.ndarray, lie: np.ndarray) -> Subgroup | None:
    """The subgroup that elements make up, with exact axes fitted to them; None if they do not make up a group.

    Noisy elements are a group when each product is closer to an element than half the way to the next one.

    Args:
        group: SO(2), O(2), SO(3), O(3), or a finite group.
        elements: all elements `(h, n, n)` of a finite subgroup, with noise; one for each connected component of a
            continuous one.
        lie: a basis `(d, n, n)` of the Lie algebra of a continuous subgroup.
    """
    if not len(lie) and (noise := _noise(elements)) is None:
        return None
    if group.is_finite and not isinstance(group, PointGroup | PlanarGroup):
        return _listed(group, elements)
    if group.dim == 2:
        return _planar(group, elements, continuous=len(lie) > 0)
    if len(lie):
        return _continuous(group, elements, lie)
    return _finite(group, Table(elements), noise or 0.0)


@lru_cache(_KNOWN)
def all_elements(subgroup: Subgroup) -> np.ndarray:
    """The elements `(h, n, n)` of a finite subgroup, read-only."""
    return read_only(subgroup.place(subgroup.group.elements()))


def _noise(elements: np.ndarray) -> float | None:
    """How far the products of elements `(h, n, n)` are from elements; None if they are no group."""
    flat = elements.reshape(len(elements), -1)
    some = elements[:: 1 + len(elements) // _SOME]
    products = np.einsum("aij,bjk->abik", elements, some).reshape(-1, flat.shape[1])
    squared = np.sum(flat**2, 1)[:, None] + np.sum(flat**2, 1) - 2 * flat @ flat.T
    apart = np.sqrt(np.min(squared + 1e9 * np.eye(len(flat)), initial=1e9).clip(0))
    off = 0.0
    for part in np.array_split(products, max(1, len(products) // 4096)):
        nearest = np.argmax(part @ flat.T, 1)
        off = max(off, float(np.linalg.norm(part - flat[nearest], axis=1).max(initial=0.0)))
    return off if off < apart / 2 else None


def _listed(group: CatalogGroup, elements: np.ndarray) -> Subgroup | None:
    """The conjugate of a listed subgroup that has just these elements."""
    table = group.table
    members = np.unique(table.index(elements))
    for listed in listed_subgroups(group):
        inside = table.index(listed.embed(listed.group.elements()))
        if len(inside) != len(members):
            continue
        moved = np.sort(table.conjugates[:, inside], 1)
        if len(found := np.flatnonzero((moved == members).all(1))):
            return listed if found[0] == 0 else listed.conjugate(table.elements[found[0]])
    return None


def _planar(group: CatalogGroup, elements: np.ndarray, *, continuous: bool) -> Subgroup | None:
    proper = np.linalg.det(elements) > 0
    mirrors = bool((~proper).any())
    if continuous:
        return group.subgroup("O(2)" if mirrors else "SO(2)")
    count = int(proper.sum())
    angle = None
    if mirrors:
        angles = np.arctan2(elements[~proper][:, 1, 0], elements[~proper][:, 0, 0]) / 2  # of the mirror lines
        step = math.pi / count
        mean = np.angle(np.mean(np.exp(2j * np.pi * angles / step))) * step / (2 * np.pi)
        angle = 0.0 if abs(mean) < 1e-12 else float(mean)
    return group.subgroup(f"D{count}" if mirrors else f"C{count}", mirror=angle)


def _continuous(group: CatalogGroup, elements: np.ndarray, lie: np.ndarray) -> Subgroup | None:
    """SO(3), O(3), or a group about one axis, by what its components do to the axis and to volume."""
    proper = np.linalg.det(elements) > 0
    if len(lie) > 1:
        return group.subgroup("SO(3)" if proper.all() else "O(3)")
    axis = axial(lie[0])
    axis = axis / np.linalg.norm(axis)
    near = np.round(axis)
    axis = np.where(np.abs(axis - near) < 1e-9, near, axis)
    axis = axis * np.sign(axis[np.flatnonzero(np.abs(axis) > 1e-6)[-1]]) + 0.0
    keeps = elements @ axis @ axis > 0
    turns, mirrors, inversion = (bool(kind.any()) for kind in (proper & ~keeps, ~proper & keeps, ~proper & ~keeps))
    names = {(True, False): "Dinf", (False, True): "Cinfv", (False, False): "Cinfh" if inversion else "Cinf"}
    return group.subgroup(names.get((turns, mirrors), "Dinfh"), axis=axis)


@lru_cache(_KNOWN)
def _finite(group: CatalogGroup, found: Table, noise: float) -> Subgroup | None:
    elements = found.array
    try:
        title, frame = recognise(elements, max(noise, 1e-6))
    except (KeyError, StopIteration, IndexError, ZeroDivisionError):  # no group: its axes do not fit together
        return None
    standard = find_point_group(title)
    if standard is None or standard.order != len(elements):
        return None
    frame = refined(frame, standard.elements(), elements)
    frame = np.where(np.abs(frame - np.round(frame)) < 1e-9, np.round(frame) + 0.0, frame)
    return group.subgroup(standard, axis=tuple(frame[:, 2].tolist()), mirror=tuple(frame[:, 0].tolist()))
