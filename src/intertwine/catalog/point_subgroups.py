"""The subgroups of SO(3), O(3) and the point groups by Schoenflies name."""

from __future__ import annotations

from functools import cache

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog.base import CatalogGroup, PointGroup, Vector, plain_name
from intertwine.catalog.point_groups import NAMES_IN_WORDS, suggestion
from intertwine.catalog.portrait import describe
from intertwine.catalog.recognise import recognise
from intertwine.catalog.standard_frame import standard_frame
from intertwine.catalog.subgroup_families import Found, asked_subgroup, find_subgroup
from intertwine.errors import LabelError
from intertwine.groups import Subgroup


def spatial_subgroup(
    parent: CatalogGroup, found: Found, axis: Vector | None = None, mirror: Vector | float | None = None
) -> Subgroup:
    """The subgroup of SO(3) or O(3) that a name that was found, an axis and a reference direction describe."""
    title, group, kind = found
    by_name = find_subgroup(title)
    called = repr(title) if by_name is not None and by_name[1] == group else repr(group)
    if parent.is_proper and (kind.improper and not group.is_proper):
        where = f", so it does not lie in {parent}. Call tw.O3.subgroup({title!r}) instead."
        raise LabelError(f"{title} holds maps of determinant −1{where}")
    frame = standard_frame(axis, mirror)
    arguments = "".join(
        f", {key}={tuple(np.asarray(value).tolist())!r}"
        for key, value in (("axis", axis), ("mirror", mirror))
        if value is not None
    )
    return Subgroup(
        parent=parent,
        group=group,
        name=title,
        pattern=kind.embed,
        read=kind.read,
        frame=Table(frame),
        words=describe,
        expression=f"{parent!r}.subgroup({called}{arguments})",
    )


def unknown_subgroup(parent: CatalogGroup, name: object) -> LabelError:
    """The error for a name that no subgroup answers to; it knows the names that people try."""
    if plain_name(name) == "O2":
        return LabelError(
            f"O(2) does not name one subgroup of {parent}. Call tw.O3.subgroup('Cinfv') for the copy whose flips are "
            f"mirrors that contain the axis, or {parent!r}.subgroup('Dinf') for the copy whose flips are half-turns."
        )
    return LabelError(
        f"{parent} has no subgroup called {name!r}.{suggestion(name)} Known names are {NAMES_IN_WORDS}, and symbols "
        "such as 'm-3m' and '4mm'."
    )


# subgroups of point groups --------------------------------------------------------------------------------------------


def point_subgroup(
    parent: PointGroup, name: str | PointGroup, axis: Vector | None = None, mirror: Vector | float | None = None
) -> Subgroup:
    """The subgroup of a point group with the name of a point group, an axis and a mirror.

    Without these it is the one in the standard setting, or the first listed one where that is not in the group.
    """
    found = asked_subgroup(name)
    if found is None:
        raise unknown_subgroup(parent, name)
    subgroup = spatial_subgroup(parent, found, axis, mirror)
    if np.all(parent.contains(subgroup.embed(subgroup.group.generators))):
        return subgroup
    for listed in parent.subgroups() if mirror is None else ():
        if listed.name == found[0] and axis is None:
            return listed
        if listed.name == found[0] and (reference := _reference(parent, listed, np.asarray(axis))) is not None:
            return spatial_subgroup(parent, found, axis, reference)
    where = "" if axis is None and mirror is None else " with these axes"
    raise LabelError(
        f"{parent} has no subgroup {name}{where}. Call {parent!r}.subgroups() for all of them with their axes."
    )


def _reference(parent: PointGroup, listed: Subgroup, axis: np.ndarray) -> np.ndarray | None:
    """The reference direction of a conjugate subgroup whose main axis is the given one; None if there is none."""
    if not parent.is_finite or not axis.any():
        return None
    frames = parent.elements() @ listed.frame.array
    along = frames[:, :, 2] @ axis / np.linalg.norm(axis)
    best = int(np.argmax(along))
    return np.asarray(frames[best, :, 0]) if along[best] > 1 - 1e-9 else None


@cache
def point_subgroups(parent: PointGroup, turns: int) -> tuple[Subgroup, ...]:
    """The subgroups of a point group, one of each conjugacy class; of a continuous one the families by name."""
    if not parent.is_finite:
        return _families(parent, turns)
    return tuple(_placed(parent, *_best_placed(parent, members)) for members in parent.table.subgroup_classes)


def _best_placed(parent: PointGroup, members: np.ndarray) -> tuple[str, np.ndarray]:
    """The name of a subgroup, and of its conjugates the frame that is closest to the coordinate axes."""
    conjugates = np.unique(np.sort(parent.table.conjugates[:, members], 1), axis=0)
    found = [recognise(parent.table.elements[conjugate]) for conjugate in conjugates]
    return max(found, key=lambda item: np.round(item[1][[2, 0, 1, 0], [2, 2, 2, 0]], 6).tolist())


def _placed(parent: CatalogGroup, title: str, frame: np.ndarray) -> Subgroup:
    """The subgroup with a name and a frame, its axes left out where they are the standard ones."""
    known = find_subgroup(title)
    if known is None:
        raise LabelError(f"{title!r} is no Schoenflies name.")
    if np.array_equal(frame, standard_frame(None, None)):
        return spatial_subgroup(parent, known)
    if np.array_equal(frame, standard_frame(frame[:, 2], None)):
        return spatial_subgroup(parent, known, _tidy(frame[:, 2]))
    return spatial_subgroup(parent, known, _tidy(frame[:, 2]), _tidy(frame[:, 0]))


def _tidy(direction: np.ndarray) -> np.ndarray:
    """A direction scaled to small whole numbers where that is exact, for the eye."""
    scaled = direction / np.abs(direction[np.abs(direction) > 1e-9]).min()
    near = np.round(scaled)
    return near if np.abs(scaled - near).max() < 1e-12 else direction


SINGLE_NAMES = ("T", "Td", "Th", "O", "Oh", "I", "Ih", "Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh", "SO(3)", "O(3)")


def family_names(turns: int) -> tuple[str, ...]:
    """The Schoenflies names of the subgroups of O(3), each conjugacy class once, with at most n-fold main axes."""
    names = ["C1", "Ci", "Cs"]
    for n in range(2, turns + 1):
        names += [f"C{n}", f"C{n}v", f"C{n}h", f"S{2 * n}", f"D{n}", f"D{n}d", f"D{n}h"]
    return (*names, *SINGLE_NAMES)


def _families(parent: CatalogGroup, turns: int) -> tuple[Subgroup, ...]:
    """The families about the main axis of a continuous group, and small groups about an axis perpendicular to it."""
    found = [find_subgroup(name) for name in family_names(turns)]
    placed = [spatial_subgroup(parent, known) for known in found if known and not _too_improper(parent, known)]
    names = () if parent.is_full else ("C2",) if parent.is_proper else ("C2", "Cs", "C2v", "C2h")
    across = [_placed(parent, *_across(name)) for name in names]
    inside = [H for H in (*placed, *across) if np.all(parent.contains(H.embed(H.group.generators)))]
    return tuple(sorted(inside, key=lambda H: H.group.order))


def _too_improper(parent: CatalogGroup, known: Found) -> bool:
    return parent.is_proper and known[2].improper and not known[1].is_proper


def _across(name: str) -> tuple[str, np.ndarray]:
    """A name, and the frame whose main axis is x (of a mirror: y) and whose reference direction is z."""
    return name, standard_frame((0, 1, 0) if name == "Cs" else (1, 0, 0), None if name == "Cs" else (0, 0, 1))


def spatial_subgroups(parent: CatalogGroup, turns: int) -> tuple[Subgroup, ...]:
    """The subgroups of SO(3) or O(3), one of each conjugacy class, with at most n-fold axes of finite ones."""
    return _families(parent, turns)
