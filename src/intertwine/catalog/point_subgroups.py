"""The subgroups of SO(3), O(3) and the point groups by Schoenflies name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache

import numpy as np

from intertwine._arrays import Array, Table
from intertwine.catalog import class_symbols
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.class_symbols import Symbol
from intertwine.catalog.notation import NAMES_IN_WORDS, family, find, is_proper, suggestion
from intertwine.catalog.recognise import recognise
from intertwine.catalog.standard_frame import Vector, standard_frame
from intertwine.catalog.subgroup_families import PLANAR, plane_part
from intertwine.errors import LabelError
from intertwine.groups import Group, Subgroup
from intertwine.groups.subgroup import unchanged


class GroupInSpace(CatalogGroup, ABC):
    """A group of 3 × 3 orthogonal matrices, whose subgroups have Schoenflies names."""

    dim = 3

    @abstractmethod
    def titled(self, title: str) -> GroupInSpace | None:
        """The group of a standard Schoenflies name, among the families that the subgroups of this group belong to."""

    @property
    def abstract(self) -> CatalogGroup:
        """What it is as a subgroup of another: the planar group that C_n, C_nv or D_n is a copy of, else itself."""
        return self

    def subgroup(self, name: str | Group, axis: Vector | None = None, mirror: Vector | float | None = None) -> Subgroup:
        """A closed subgroup by Schoenflies name, with its main axis and reference direction.

        Args:
            name: "Cinf", "Cinfv" (cone), "Cinfh", "Dinf" (twisted cylinder), "Dinfh" (cylinder), "Cn", "Cnv", "Cnh",
                "S2n", "Dn", "Dnd", "Dnh" with a number for n, "Cs", "Ci", "T", "Td", "Th", "O", "Oh", "I", "Ih",
                "SO(3)", "O(3)"; "C∞v" and "4mm" read too. Those with mirrors or inversion exist in O(3) only. The names
                Cn, Cnv, Dn (n or inf) give copies of planar groups; a point group, `point_group("C4v")`, stands for
                itself, with its own (Mulliken's) labels.
            axis: the direction of the main rotation axis: where z of the standard setting goes (see
                `point_group`). Default z; in a point group, if need be, that of the first so named in `subgroups()`.
            mirror: the reference direction: where x of the standard setting goes. The reference mirror of Cinfv and
                Cnv contains it and the axis; the reference half-turn of Dinf, Dn, Dnd and Dnh turns about it. Only its
                part perpendicular to the axis counts. Default x.

        Raises `LabelError` for an unknown name and where the group has no such subgroup (there), and `ArgumentError`
        for directions that are zero, not finite or parallel.

        >>> from intertwine.catalog import O3
        >>> O3.subgroup("Cinfv", axis=(1, 0, 0)).embed(np.diag([1.0, -1.0])).round(6).diagonal()
        array([ 1.,  1., -1.])
        """
        subgroup = _asked(self, name, axis, mirror)
        if np.all(self.contains(subgroup.place(subgroup.group.generators))):
            return subgroup
        for listed in self.subgroups() if mirror is None else ():
            if listed.name == subgroup.name and axis is None:
                return listed
            if listed.name == subgroup.name and (x := _reference(self, listed, np.asarray(axis))) is not None:
                return _placed(self, subgroup.name, axis, x, subgroup.group)
        raise _nowhere(self, name, axis, mirror)

    def subgroups(self, turns: int = 6) -> tuple[Subgroup, ...]:
        """The closed subgroups, one of each conjugacy class, small ones first.

        Those of one name that are not conjugate differ in their axes.

        Args:
            turns: of a continuous group the families C_n, C_nv, C_nh, S_2n, D_n, D_nd, D_nh are listed up to this n.

        >>> from intertwine.catalog import SO3
        >>> [H.name for H in SO3.subgroups(3)]
        ['C1', 'C2', 'C3', 'D2', 'D3', 'T', 'O', 'I', 'Cinf', 'Dinf', 'SO(3)']
        """
        return _listed(self) if self.is_finite else _families(self, turns)


class PointGroup(GroupInSpace, ABC):
    """A group of 3 × 3 orthogonal matrices with a Schoenflies name, in its standard setting: main axis z.

    A homomorphism p leads to a simpler group, and there is a sign s: the irreps are σ(p(g)) and s(g) σ(p(g)). Where the
    sign is a function of p(g), only the first kind is there.
    """

    schoenflies: str
    """The Schoenflies name."""

    @property
    def name(self) -> str:
        return self.schoenflies

    @property
    @abstractmethod
    def inner(self) -> CatalogGroup:
        """The simpler group."""

    @abstractmethod
    def project(self, g: Array) -> Array:
        """p(g): elements of the simpler group."""

    @abstractmethod
    def sign(self, g: Array) -> Array:
        """s(g) as matrices `(..., 1, 1)`."""

    @abstractmethod
    def _parse(self, label: str) -> tuple[str, bool]:
        """The label of σ, and whether the sign multiplies; raises `LabelError`."""

    def irrep_degree(self, label: str) -> int:
        return self.inner.irrep_degree(self._parse(label)[0])

    def irrep_dim(self, label: str) -> int:
        return self.inner.irrep_dim(self._parse(label)[0])

    def irrep_endomorphisms(self, label: str) -> np.ndarray:
        return self.inner.irrep_endomorphisms(self._parse(label)[0])

    def irrep_matrices(self, labels: Sequence[str], g: Array) -> dict[str, Array]:
        sign = self.sign(g)
        parsed = {label: self._parse(label) for label in labels}
        matrices = self.inner.irrep_matrices(tuple(dict.fromkeys(x for x, _ in parsed.values())), self.project(g))
        return {label: matrices[x] * sign if odd else matrices[x] for label, (x, odd) in parsed.items()}

    def coupling(self, a: str, b: str, c: str) -> np.ndarray:
        (x, p), (y, q), (z, r) = self._parse(a), self._parse(b), self._parse(c)
        table = self.inner.coupling(x, y, z)
        return table if (p ^ q) == r else table[:0]

    def class_symbols(self) -> list[Symbol]:
        return class_symbols.of_space(self.table, self.schoenflies)

    def __repr__(self) -> str:
        return f"tw.point_group({self.schoenflies!r})"


def _asked(parent: GroupInSpace, name: str | Group, axis: Vector | None, mirror: Vector | float | None) -> Subgroup:
    """The subgroup of O(3) that a name, an axis and a reference direction describe."""
    title = name.schoenflies if isinstance(name, PointGroup) else find(name).title
    if title is None:
        raise _unknown(parent, name)
    if parent.is_proper and not is_proper(title):
        shown = _shown(title)
        raise LabelError(
            f"{shown} holds maps of determinant −1, so it does not lie in {parent}. Call tw.O3.subgroup({shown!r}) "
            "instead."
        )
    return _placed(parent, title, axis, mirror, name if isinstance(name, PointGroup) else None, name)


def _placed(
    parent: GroupInSpace,
    title: str,
    axis: Vector | None = None,
    mirror: Vector | float | None = None,
    group: Group | None = None,
    asked: object = None,
) -> Subgroup:
    """The group with a title as a subgroup, its main axis and reference direction along the given ones.

    Where it has no place, the error calls it as somebody asked for it.
    """
    frame, solid = Table(standard_frame(axis, mirror)), parent.titled(title)
    if solid is None:
        raise _nowhere(parent, asked or _shown(title), axis, mirror)
    called = _shown(title) if group in (None, solid.abstract) else group
    group = solid.abstract if group is None else group
    arguments = "".join(
        f", {key}={tuple(np.asarray(value).tolist())!r}"
        for key, value in (("axis", axis), ("mirror", mirror))
        if value is not None
    )
    return Subgroup(
        parent=parent,
        group=group,
        name=_shown(title),
        frame=frame,
        pattern=PLANAR[family(title)[0]] if group.dim == 2 else unchanged,
        read=plane_part if group.dim == 2 else unchanged,
        expression=f"{parent!r}.subgroup({called!r}{arguments})",
    )


def _shown(title: str) -> str:
    """A standard name with the brackets that SO(3) and O(3) have."""
    return {"SO3": "SO(3)", "O3": "O(3)"}.get(title, title)


def _unknown(parent: GroupInSpace, name: object) -> LabelError:
    """The error for a name that no subgroup answers to; it knows the names that people try."""
    if find(name).plain == "O2":
        return LabelError(
            f"O(2) does not name one subgroup of {parent}. Call tw.O3.subgroup('Cinfv') for the copy whose flips are "
            f"mirrors that contain the axis, or {parent!r}.subgroup('Dinf') for the copy whose flips are half-turns."
        )
    return LabelError(
        f"{parent} has no subgroup called {name!r}.{suggestion(name)} Known names are {NAMES_IN_WORDS}, and symbols "
        "such as 'm-3m' and '4mm'."
    )


def _nowhere(parent: GroupInSpace, name: object, axis: object, mirror: object) -> LabelError:
    """The error for a subgroup of O(3) that does not lie in a smaller group."""
    where = "" if axis is None and mirror is None else " with these axes"
    return LabelError(
        f"{parent} has no subgroup {name}{where}. Call {parent!r}.subgroups() for all of them with their axes."
    )


def _reference(parent: GroupInSpace, listed: Subgroup, axis: np.ndarray) -> np.ndarray | None:
    """The reference direction of a conjugate subgroup whose main axis is the given one; None if there is none."""
    if not parent.is_finite or not axis.any():
        return None
    frames = parent.elements() @ listed.frame.array
    along = frames[:, :, 2] @ axis / np.linalg.norm(axis)
    best = int(np.argmax(along))
    return np.asarray(frames[best, :, 0]) if along[best] > 1 - 1e-9 else None


@cache
def _listed(parent: GroupInSpace) -> tuple[Subgroup, ...]:
    """The subgroups of a finite point group, one of each conjugacy class."""
    return tuple(_tidily_placed(parent, *_best_placed(parent, members)) for members in parent.table.subgroup_classes)


def _best_placed(parent: GroupInSpace, members: np.ndarray) -> tuple[str, np.ndarray]:
    """The name of a subgroup, and of its conjugates the frame that is closest to the coordinate axes."""
    conjugates = np.unique(np.sort(parent.table.conjugates[:, members], 1), axis=0)
    found = [recognise(parent.table.elements[conjugate]) for conjugate in conjugates]
    return max(found, key=lambda item: np.round(item[1][[2, 0, 1, 0], [2, 2, 2, 0]], 6).tolist())


def _tidily_placed(parent: GroupInSpace, title: str, frame: np.ndarray) -> Subgroup:
    """The subgroup with a title and a frame, its axes left out where they are the standard ones."""
    if np.array_equal(frame, standard_frame(None, None)):
        return _placed(parent, title)
    if np.array_equal(frame, standard_frame(frame[:, 2], None)):
        return _placed(parent, title, _tidy(frame[:, 2]))
    return _placed(parent, title, _tidy(frame[:, 2]), _tidy(frame[:, 0]))


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


@cache
def _families(parent: GroupInSpace, turns: int) -> tuple[Subgroup, ...]:
    """The families about the main axis of a continuous group, and small groups about an axis perpendicular to it."""
    found = []
    for name in family_names(turns):
        title = find(name).title or ""
        if parent.titled(title) is not None and (is_proper(title) or not parent.is_proper):
            found.append(_placed(parent, title))
    across = () if parent.is_full else ("C2",) if parent.is_proper else ("C2", "Cs", "C2v", "C2h")
    found += [_tidily_placed(parent, name, _across(name)) for name in across]
    inside = [H for H in found if np.all(parent.contains(H.place(H.group.generators)))]
    return tuple(sorted(inside, key=lambda H: H.group.order))


def _across(name: str) -> np.ndarray:
    """The frame of a group across the main axis: its own is x (of a mirror: y), and its reference direction z."""
    return standard_frame((0, 1, 0) if name == "Cs" else (1, 0, 0), None if name == "Cs" else (0, 0, 1))
