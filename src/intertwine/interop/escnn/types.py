"""What field types, spaces and representations of escnn are here; read where they are passed in, never imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO3
from intertwine.catalog.planar import PlanarGroup
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import plane_rotation
from intertwine.reps import Block, Irrep, Rep
from intertwine.reps.splitting import matching
from intertwine.symmetry import convert_escnn_id

_AXES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # their degree 1 is (y, z, x)


@dataclass(frozen=True)
class Field:
    """One kind of field of escnn, and the block of ours that it is.

    Args:
        name: what escnn calls its representation, as in the keys of state dicts.
        block: the block.
        basis: the orthogonal matrix that takes escnn's components to ours.
    """

    name: str
    block: Block
    basis: Table


@dataclass(frozen=True)
class Translation:
    """Field types of escnn in our words.

    Args:
        action: how the group moves space, for `action=` of layers on grids.
        reps: one for each field type.
        fields: the kinds of fields in them, for `load_escnn`.
    """

    action: Rep
    reps: tuple[Rep, ...]
    fields: tuple[Field, ...]


def translate_types(*types: Any) -> Translation:
    """The reps that field types of escnn are, all of one space with symmetries.

    Fields keep their order. Irreps and regular reps become ours; all other representations become blocks in escnn's own
    coordinates.

    Args:
        types: objects of `escnn.nn.FieldType` on the plane or in space.

    Raises `ArgumentError` for types of several spaces or of none, and for groups that are not here.
    """
    spaces = [field_type.gspace for field_type in types]
    if not spaces or any(space != spaces[0] for space in spaces) or spaces[0].dimensionality not in (2, 3):
        raise ArgumentError(
            f"Field types are translated that belong to one space, the plane or R³, but got {len(types)} of "
            f"{[str(space) for space in spaces]}."
        )
    subgroup = subgroup_of(spaces[0]._sg_id, spaces[0].dimensionality)
    kinds = {kind.name: kind for field_type in types for kind in field_type.representations}
    elements = _elements(spaces[0])
    placed = subgroup.candidate(np.stack([spaces[0].basespace_action(e) for e in elements]))
    fields = {name: _field(kind, subgroup, elements, placed) for name, kind in kinds.items()}
    reps = tuple(
        Rep(subgroup.group, tuple((1, fields[kind.name].block) for kind in field_type.representations)).simplify()
        for field_type in types
    )
    return Translation(subgroup.parent.defining.restrict(subgroup), reps, tuple(fields.values()))


def subgroup_of(identifier: Sequence[Any], dimension: int) -> Subgroup:
    """The subgroup of O(2) or O(3) that the id of a space of escnn names, whose last entry may be a turn of its axes.

    Args:
        identifier: as `GSpace._sg_id`, such as `(None, 8)`, `(π, 4)`, `(False, 'octa')`.
        dimension: 2 or 3.

    Raises `LabelError` for ids that escnn does not have.
    """
    if dimension == 3:
        *entries, last = identifier
        if not hasattr(last, "to"):
            return convert_escnn_id(tuple(identifier), O3)
        inverted, turn = last.to("MAT")
        turn = -turn if inverted else turn
        found = convert_escnn_id(tuple(entries), O3)
        return found if np.allclose(turn, np.eye(3)) else found.conjugate(turn.T)
    twice, n = identifier
    if twice is None:
        return O2.subgroup("SO(2)" if n == -1 else f"C{n}")
    return O2.subgroup("O(2)" if n == -1 else f"D{n}", mirror=float(twice) / 2)


def standard_fields(reps: Iterable[Rep]) -> tuple[Field, ...]:
    """How escnn writes the irreps of SO(2), O(2), SO(3), O(3), C_n and D_n, and the regular reps of the last two.

    For state dicts where escnn is not at hand. D_n and O(2) are meant with their own action on space, in which the
    reference mirror keeps the x axis; escnn's default keeps the y axis, see `translate_types(…).action`.

    Raises `ArgumentError` for other blocks.
    """
    blocks = {block for rep in reps for _, block in rep.terms}
    return tuple(_standard(block) for block in sorted(blocks, key=lambda block: block.name))


def channel_matrix(rep: Rep, fields: Iterable[Field] | Mapping[Block, Field]) -> np.ndarray:
    """The orthogonal matrix `(dim, dim)` that takes channels of escnn, field after field, to ours.

    Args:
        rep: the rep, whose terms are the fields in their order.
        fields: how escnn writes each block.

    Raises `ArgumentError` for blocks that are not among the fields.

    >>> from intertwine.catalog import SO2
    >>> rep = SO2.rep("2x1")
    >>> channel_matrix(rep, standard_fields([rep])) @ [1, 2, 3, 4]  # two vectors, (1, 2) and (3, 4)
    array([1., 3., 2., 4.])
    """
    known = fields if isinstance(fields, Mapping) else {field.block: field for field in fields}
    fields_of(rep, known)
    matrix = np.zeros((rep.dim, rep.dim))
    for (m, block), where in zip(rep.terms, rep.slices, strict=True):
        turned = np.einsum("ab,wv->awvb", known[block].basis.array, np.eye(m))
        matrix[where, where] = turned.reshape(block.dim * m, m * block.dim)
    return matrix


def fields_of(rep: Rep, known: Mapping[Block, Field]) -> list[Field]:
    """The fields of a rep, one after the other. Raises `ArgumentError` for blocks that are not known."""
    for _, block in rep.terms:
        if block not in known:
            raise _unknown(block)
    return [known[block] for m, block in rep.terms for _ in range(m)]


def _standard(block: Block) -> Field:
    group, basis = block.group, np.eye(block.dim)
    if isinstance(block, Irrep):
        return Field(_irrep_name(block), block, Table(_space_basis(block) if group.dim == 3 else basis))
    if isinstance(group, PlanarGroup) and group.is_finite and block == group.regular.terms[0][1]:
        rotations = plane_rotation(2 * np.pi * np.arange(group.rotations or 0) / (group.rotations or 1))
        mirrored = [rotations @ np.diag([1.0, -1.0])] if group.mirrors else []
        return Field("regular", block, Table(_regular(block, np.concatenate([rotations, *mirrored]))))
    raise _unknown(block)


def _unknown(block: Block) -> ArgumentError:
    return ArgumentError(
        f"How escnn writes {block.name} of {block.group} cannot be said without it. Where escnn is installed call "
        "translate_types(field_type, …), and pass its fields on."
    )


def _irrep_name(irrep: Irrep) -> str:
    """What escnn calls an irrep: `irrep_k`, with the parity under mirrors or the inversion before k where there is."""
    group, digits = irrep.group, irrep.label.rstrip("eo")
    known = isinstance(group, PlanarGroup) or group in (SO3, O3)
    if not known or not digits.isdigit():
        raise _unknown(irrep)
    parity = irrep.label[len(digits) :]
    odd = int(parity != "e")  # what turns the plane and has no parity counts as odd
    if group.is_proper:
        return f"irrep_{digits}"
    return f"irrep_{odd}" if group.order == 2 else f"irrep_{odd},{digits}"  # of one mirror as of a group of turns


def _space_basis(irrep: Irrep) -> np.ndarray:
    """From their harmonics, whose polar axis is z, to ours, whose polar axis is y."""
    return np.asarray(irrep.matrix(_AXES)).T


def _elements(space: Any) -> list[Any]:
    """Elements of a group of escnn: all, or enough of them to tell reps apart."""
    group = space.fibergroup
    if not group.continuous:
        return list(group.elements)
    state = np.random.get_state()
    np.random.seed(0)  # escnn draws from numpy's global state
    try:
        return [group.sample() for _ in range(32)]
    finally:
        np.random.set_state(state)


def _field(kind: Any, subgroup: Subgroup, elements: list[Any], placed: np.ndarray) -> Field:
    """One representation of escnn, at elements that are `placed` in our group."""
    group = subgroup.group
    if kind.name == "regular" and isinstance(group, GroupWithReps):
        block = group.regular.terms[0][1]
        return Field(kind.name, block, Table(_regular(block, placed)))
    irreps = [_irrep(kind.group.irrep(*label), group, elements, placed) for label in kind.irreps]
    if len(irreps) == 1 and np.allclose(kind.change_of_basis, np.eye(kind.size)):
        ours, basis = irreps[0]
        return Field(kind.name, ours, Table(basis))
    inner = np.zeros((kind.size, kind.size))
    start = 0
    for irrep, basis in irreps:
        inner[start : start + irrep.dim, start : start + irrep.dim] = basis.T
        start += irrep.dim
    rep = Rep(group, tuple((1, irrep) for irrep, _ in irreps))
    block = rep.change_basis(kind.change_of_basis @ inner, kind.name).terms[0][1]
    return Field(kind.name, block, Table(np.eye(kind.size)))


def _regular(block: Block, elements: np.ndarray) -> np.ndarray:
    """From functions on a group with the entries in the order of some list of elements to ours."""
    return np.asarray(block.matrix(elements))[:, :, 0].T.round()


def _irrep(theirs: Any, group: Any, elements: list[Any], placed: np.ndarray) -> tuple[Irrep, np.ndarray]:
    """Our irrep that one of theirs is, and the basis that leads to it."""
    matrices = np.stack([theirs(e) for e in elements])
    for irrep in group.irreps(max(12, len(elements)) if group.is_finite else 24):
        ours = irrep.matrix(placed)
        if ours.shape == matrices.shape and np.allclose(np.trace(ours - matrices, axis1=1, axis2=2), 0, atol=1e-5):
            same = np.allclose(ours, matrices, rtol=0, atol=1e-5)
            return irrep, np.eye(irrep.dim) if same else matching(ours, matrices)
    raise ArgumentError(f"None of our irreps of {group} up to degree 24 is escnn's {theirs.name}.")
