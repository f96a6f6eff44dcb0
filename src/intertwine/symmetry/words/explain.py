"""Groups and subgroups in plain words and tables: what they are, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from intertwine.catalog import O3, words
from intertwine.catalog import group as group_by_name
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.notation import find, hermann_mauguin
from intertwine.catalog.planar import PlanarGroup
from intertwine.catalog.point_subgroups import PointGroup
from intertwine.catalog.polyhedral import find_point_group
from intertwine.catalog.tables import columns
from intertwine.errors import ArgumentError, LabelError
from intertwine.groups import Subgroup
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import spherical_harmonics
from intertwine.symmetry.words.branching import branches, branching
from intertwine.symmetry.words.escnn import convert_escnn_id, escnn_id
from intertwine.symmetry.words.polynomials import polynomial_text, quadratic_forms, upright
from intertwine.symmetry.words.subgroups import with_symbols

_TABLE_LIMIT = 24
"""The largest number of classes whose characters are printed."""


@dataclass(frozen=True)
class Section:
    """A heading and the text below it."""

    title: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """What `explain` found, in sections. It prints as text; `to_dict` gives it for JSON.

    Args:
        title: what is explained.
        sections: headings and texts.
    """

    title: str
    sections: tuple[Section, ...]

    def to_dict(self) -> dict[str, object]:
        """The title and the sections as plain dicts and lists."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [self.title + "\n" + "=" * len(self.title)]
        parts += [(f"{s.title}\n{'-' * len(s.title)}\n" if s.title else "") + s.text for s in self.sections]
        return "\n\n".join(parts)


def explain(*things: CatalogGroup | Subgroup | str | tuple[object, ...], degree: int = 3) -> Explanation:
    """A group, a subgroup, or several subgroups side by side, in words and tables.

    - `explain("D6")`, `explain(tw.O3)`: order, irreps, classes, character table, subgroups.
    - `explain("O(3)", "Cinfv")`, `explain(subgroup)`: how the subgroup lies in the group and what irreps become in it.
    - `explain("O(3)", "Cinfv", "Dinf")`: what tells the subgroups apart, and which one your data asks for.
    - `explain("O(2) in O(3)")`: the same for all the ways in which a group lies in another.
    - `explain(("cone", -1))`: the subgroup of O(3) that an id of escnn names.

    Args:
        things: a group (or its name) and then subgroups of it (or their names); or subgroups, or ids of escnn, alone.
        degree: irreps up to this degree are restricted.

    Raises `ArgumentError` for nothing, and for things that are neither; `LabelError` for unknown names.

    >>> print(explain("O(3)", "Cinfv").sections[0].text.splitlines()[0])
    Cinfv is a copy of O(2) inside O(3): the symmetry of a cone.
    """
    if degree < 0:
        raise ArgumentError(f"Irreps are restricted up to a degree from 0 on, but got {degree}.")
    found = explained(*things)
    if isinstance(found[0], CatalogGroup):
        return _explain_group(found[0])
    subgroups = tuple(thing for thing in found if isinstance(thing, Subgroup))
    return _compare(subgroups, degree) if len(subgroups) > 1 else _explain_subgroup(subgroups[0], degree)


def explained(
    *things: CatalogGroup | Subgroup | str | tuple[object, ...],
) -> tuple[CatalogGroup | Subgroup, ...]:
    """What `explain` explains when it is given these things: one group, or one or more subgroups.

    >>> explained("O(2) in O(3)")
    (tw.O3.subgroup('Cinfv'), tw.O3.subgroup('Dinf'))
    """
    if len(things) == 1 and isinstance(things[0], str) and " in " in things[0] and " in space" not in things[0]:
        inner, outer = (part.strip() for part in things[0].split(" in ", 1))
        return _copies(_group(outer), inner)
    if not things:
        raise ArgumentError("explain takes a group or its name, such as 'D6', and perhaps names of subgroups of it.")
    things = tuple(convert_escnn_id(thing) if _is_escnn_id(thing) else thing for thing in things)
    if isinstance(things[0], Subgroup):
        return tuple(_subgroup(None, thing) for thing in things)
    parent = _group(things[0])
    return tuple(_subgroup(parent, thing) for thing in things[1:]) or (parent,)


def _is_escnn_id(thing: object) -> bool:
    if isinstance(thing, str):
        return (thing.startswith("(") and "," in thing) or thing in ("so3", "o3", "fulltetra")
    return isinstance(thing, tuple)


def _group(thing: object) -> CatalogGroup:
    if isinstance(thing, CatalogGroup):
        return thing
    if isinstance(thing, str):
        return group_by_name(thing)
    raise ArgumentError(f"A group, a subgroup or a name was expected, but got {thing!r}.")


def _subgroup(parent: CatalogGroup | None, thing: object) -> Subgroup:
    if isinstance(thing, Subgroup):
        if parent is not None and thing.parent != parent:
            raise ArgumentError(f"{thing} is not a subgroup of {parent}. Compare subgroups of one group.")
        return thing
    if parent is None or not isinstance(thing, str):
        raise ArgumentError(f"A subgroup (or, after a group, the name of one) was expected, but got {thing!r}.")
    return parent.subgroup(thing)


def _copies(parent: CatalogGroup, name: str) -> tuple[Subgroup, ...]:
    """The subgroups of a group that are copies of a named group, one of each class."""
    if find(name).title is not None and find(name).plain not in ("O2", "SO2"):
        return (parent.subgroup(name),)
    wanted = _group(name)
    found = tuple(H for H in parent.subgroups() if H.group == wanted)
    if not found:
        raise LabelError(f"No subgroup of {parent} was found that is a copy of {name}. Call explain({parent.name!r}).")
    return found


# one group ------------------------------------------------------------------------------------------------------------


def _explain_group(group: CatalogGroup) -> Explanation:
    size = f"{group.order} elements" if group.is_finite else "infinitely many elements"
    sections = [Section("", "\n".join(_facts(group, size))), Section("Irreps", _irreps(group))]
    if group.is_finite and len(group.table.classes) <= _TABLE_LIMIT:
        sections.append(Section("Characters", str(group.character_table())))
    if isinstance(group, PointGroup) and group.is_finite:
        sections.append(Section("Functions", _functions(group)))
    sections.append(Section("Subgroups", _subgroups(group)))
    return Explanation(f"{group}: a group with {size}", tuple(sections))


def _facts(group: CatalogGroup, size: str) -> list[str]:
    """The sentences about a group as a whole."""
    lines = [f"{group} has {size}, {group.dim} × {group.dim} matrices."]
    if len(repr(group)) < 80:
        lines[0] += f" In Python: {group!r}."
    if group.is_finite:
        table = group.table
        abelian = bool((table.products == table.products.T).all())
        lines.append(f"It has {len(table.classes)} conjugacy classes and is {'' if abelian else 'not '}abelian.")
    elif len(group.lie_generators):
        lines.append(f"Its Lie algebra has dimension {len(group.lie_generators)}.")
    lines.append("All elements have determinant 1." if group.is_proper else "Half of its elements have determinant −1.")
    if isinstance(group, PointGroup):
        lines.append(f"Hermann–Mauguin {hermann_mauguin(group.schoenflies)}.")
    elif isinstance(group, PlanarGroup) and find_point_group(find(group.name).title) is not None:
        lines.append(f'For the group of rotations of space of this name, ask for "{group.name} in space".')
    return lines


def _irreps(group: CatalogGroup) -> str:
    """The table of irreps."""
    irreps = group.irreps(int(group.order) if group.is_finite else 3)
    shown = irreps[:30]
    rows = [["irrep", "dimension", "type", "degree"]]
    rows += [[irrep.label, str(irrep.dim), irrep.type, str(irrep.degree)] for irrep in shown]
    lines = [columns(rows)]
    if not group.is_finite or len(shown) < len(irreps):
        lines[0] += "\n…"
    lines += filter(None, [_legend(group)])
    lines.append(f"The space that the matrices act on: {words.irreps(group.defining.isotypic)}.")
    if any(irrep.type == "C" for irrep in shown):
        lines.append("Type C: a pair of complex conjugate irreps over ℂ; a matrix J with J² = −1 commutes with it.")
    return "\n".join(lines)


def _functions(group: PointGroup) -> str:
    """Which irreps the coordinates, the rotations and the quadratic forms belong to, as character tables say it."""
    found: dict[str, list[str]] = {irrep.label: [] for irrep in group.character_table().irreps}
    whole = O3.subgroup(group)
    for label, name in (("1o", "{}"), ("1e", "R{}")):
        for irrep, basis in branches(O3.irrep(label), whole):
            texts = [name.format(polynomial_text(upright(O3.irrep(label), column)[0])) for column in basis.T]
            found[irrep.label].append(_pair(sorted(texts)))
    for irrep, spans in _quadratic_parts(whole).items():
        if irrep.dim == 1:
            found[irrep.label] += quadratic_forms(np.concatenate(spans, 1))
        else:
            found[irrep.label] += [_pair(quadratic_forms(span)) for span in spans]
    return _left(["irrep", "functions"], [[label, ", ".join(texts) or "–"] for label, texts in found.items()])


def _pair(texts: Sequence[str]) -> str:
    """Functions that turn into each other stand in brackets."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _quadratic_parts(subgroup: Subgroup) -> dict[Irrep, list[np.ndarray]]:
    """The irreps inside the quadratic forms, each copy by its vectors in x², y², z², √2 xy, √2 xz, √2 yz."""
    r = np.random.default_rng(0).normal(size=(20, 3))
    forms = np.concatenate([r**2, np.sqrt(2) * r[:, [0, 0, 1]] * r[:, [1, 2, 2]]], 1)
    harmonics = np.linalg.lstsq(forms, spherical_harmonics(2, r, "norm", normalize=False), rcond=None)[0]
    found: dict[Irrep, list[np.ndarray]] = {}
    for label, vectors in (("0e", np.array([[1.0, 1, 1, 0, 0, 0]]).T), ("2e", harmonics)):
        for irrep, basis in branches(O3.irrep(label), subgroup):
            found.setdefault(irrep, []).append(vectors @ basis)
    return found


def _subgroups(group: CatalogGroup) -> str:
    """The subgroups and which contains which."""
    try:
        names = list(dict.fromkeys(subgroup.name for subgroup in group.subgroups(4)))
    except ArgumentError as error:
        return str(error)
    try:
        lattice = group.lattice(4)
    except ArgumentError:
        more = f" … ({len(names)} with axes up to order 4)" if len(names) > 40 else ""
        return ", ".join(names[:40]) + more
    counted = f"{len(lattice.subgroups)} up to conjugacy" if group.is_finite else "with axes up to order 4"
    return f"{counted[0].upper()}{counted[1:]}; each with the largest ones inside it:\n{lattice}"


# subgroups ------------------------------------------------------------------------------------------------------------


def _explain_subgroup(subgroup: Subgroup, degree: int) -> Explanation:
    parent = _group(subgroup.parent)
    table = str(parent.branching(subgroup, degree))
    legends = filter(None, dict.fromkeys([_legend(parent), _legend(_group(subgroup.group))]))
    named = str(branching(subgroup, min(degree, 3))).split("\n", 1)[1]
    sections = (
        Section("", subgroup.describe()),
        Section("How irreps restrict", "\n".join([table, *legends])),
        Section("Which components go where", named),
    )
    return Explanation(f"{subgroup.name} in {parent}", sections)


def _compare(subgroups: tuple[Subgroup, ...], degree: int) -> Explanation:
    parent = _group(subgroups[0].parent)
    if any(subgroup.parent != parent for subgroup in subgroups):
        raise ArgumentError("Subgroups of one group can be compared, but these belong to different groups.")
    head = ["", *(subgroup.name for subgroup in subgroups)]
    facts = [_facts_of(subgroup) for subgroup in subgroups]
    rows = [[title, *(one.get(title, "–") for one in facts)] for title in _ROWS]
    rows = [row for row in rows if any(cell != "–" for cell in row[1:])]
    tables = [parent.branching(subgroup, degree) for subgroup in subgroups]
    irreps = [
        [irrep.label, *(_content(table[irrep.label], H) for table, H in zip(tables, subgroups, strict=True))]
        for irrep in parent.irreps(degree)
    ]
    groups = [with_symbols(subgroup) or _group(subgroup.group) for subgroup in subgroups]
    legends = list(dict.fromkeys([_legend(parent), *map(_legend, groups)]))
    text = "\n".join([_left(head, irreps), *filter(None, legends)])
    sections = [Section("", common)] if (common := _common(subgroups)) else []
    sections += [Section("Side by side", _left(head, rows)), Section("How irreps restrict", text)]
    sections.append(Section("Which one is yours?", _verdict(subgroups)))
    names = " and ".join([", ".join(s.name for s in subgroups[:-1]), subgroups[-1].name])
    return Explanation(f"{names} in {parent}", tuple(sections))


def _content(rep: Rep, subgroup: Subgroup) -> str:
    """The irreps of a restricted rep; where chemists have Mulliken's symbols for a planar group, these."""
    if (solid := with_symbols(subgroup)) is None:
        return words.irreps(rep.isotypic)
    terms = [(m, solid.planar_symbols[irrep.label]) for m, irrep in rep.isotypic]
    return " + ".join(label if m == 1 else f"{m}x{label}" for m, label in terms)


def _common(subgroups: tuple[Subgroup, ...]) -> str:
    """The sentence about copies of one group about one axis, whose flips differ."""
    first = subgroups[0]
    axis = first.frame.array[:, -1]
    alike = all(H.group == first.group and np.allclose(H.frame.array[:, -1], axis) for H in subgroups)
    if not alike or first.parent.dim != 3 or _flip(first) is None:
        return ""
    name = words.direction_name(axis) or words.vector(axis)
    return f"All are copies of {first.group}, with the same rotations about {name}. Their flips differ:"


def _legend(group: CatalogGroup) -> str:
    """What the labels of a group's irreps mean."""
    if isinstance(group, PlanarGroup):
        flips = "0e: invariant; 0o: changes sign under the flips; " if group.mirrors else "0: invariant; "
        return f"{group.name}: {flips}k = 1, 2, …: two numbers that turn k times as fast as the plane."
    if isinstance(group, PointGroup):
        kinds = "Mulliken symbols: A and B have one component, E two, T three, G four, H five"
        return f"{kinds}; g and u: even and odd under the inversion, ' and '' under z → −z." if group.is_finite else ""
    if group.is_full and group.dim == 3:
        parity = ", 1e a pseudovector, 0o a pseudoscalar; e and o: even and odd under the inversion"
        return f"{group.name}: {'1 is a vector' if group.is_proper else '1o is a vector' + parity}."
    return ""


def _left(head: list[str], rows: list[list[str]]) -> str:
    """A table with all columns to the left."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))


def _flip(subgroup: Subgroup) -> np.ndarray | None:
    """The reference flip: where the mirror y → −y of a planar group goes."""
    group = subgroup.group
    if isinstance(group, PlanarGroup) and group.mirrors:
        return np.asarray(subgroup.embed(np.diag([1.0, -1.0])))
    return None


def _facts_of(subgroup: Subgroup) -> dict[str, str]:
    """What is compared of a subgroup, under the titles of `_ROWS` that apply to it."""
    parent, group, flip = subgroup.parent, subgroup.group, _flip(subgroup)
    _, said, shape = subgroup.describe().splitlines()[0].rpartition("the symmetry of ")
    found = {"symmetry of": shape.rstrip(".")} if said else {}
    found |= {"a copy of": group.name, "elements": str(group.order) if group.is_finite else "infinitely many"}
    if flip is not None:
        found["reference flip"] = words.linear_map(flip)
        if np.allclose(flip, np.diag(flip.diagonal())):
            found["so the flips change"] = " and ".join("xyz"[i] for i in range(len(flip)) if flip[i, i] < 0)
    if parent.dim != 3:
        return found
    if flip is not None:
        axis, improper = subgroup.frame.array[:, 2], np.linalg.det(flip) < 0
        found["its flips are"] = "mirrors (determinant −1)" if improper else "half-turns (determinant +1)"
        main = words.direction_name(axis) or words.vector(axis)
        found["under the flips"] = f"{main} stays" if axis @ flip @ axis > 0 else f"{main} is reversed"
    if not parent.is_proper:
        proper = np.linalg.det(subgroup.embed(group.generators)) > 0
        found["only rotations, so in SO(3)"] = "yes" if proper.all() else "no"
    for title, element in (("holds the inversion", -np.eye(3)), ("holds z → −z", np.diag([1.0, 1.0, -1.0]))):
        if parent.contains(element):
            found[title] = "yes" if subgroup.contains(element) else "no"
    if (name := find(subgroup.name).own) is not None:
        found["Hermann–Mauguin"] = hermann_mauguin(name)
        if parent.name in ("O(3)", "SO(3)"):
            found["escnn id"] = escnn_id(name, parent.name) or "none"
    return found


_ROWS = (
    *("symmetry of", "a copy of", "elements", "its flips are", "reference flip", "under the flips"),
    *("so the flips change", "only rotations, so in SO(3)", "holds the inversion", "holds z → −z"),
    *("Hermann–Mauguin", "escnn id"),
)


def _verdict(subgroups: tuple[Subgroup, ...]) -> str:
    """Sentences that tell which subgroup a user's data asks for."""
    lines = []
    for subgroup in subgroups:
        flip = _flip(subgroup)
        if flip is not None:
            lines.append(f"Your flips do {words.linear_map(flip)}: take {subgroup.name}.")
    pairs = [(a, b) for a in subgroups for b in subgroups if a is not b]
    inside = [f"{a.name} lies in {b.name}." for a, b in pairs if b.contains(a.embed(a.group.generators)).all()]
    apart = "None of them lies in another" if len(subgroups) > 2 else "Neither lies in the other"
    lines += inside or [f"{apart}, as they are placed here."]
    lines.append(
        "To be sure, ask with a flip of your own data: subgroup.contains(g) is True for the elements g of a subgroup."
    )
    return "\n".join(lines)
