"""Networks of escnn: its field types as reps, and its weights in our layers.

escnn is never imported: field types are read where they are passed in, and a state dict is numbers and names.

In escnn the channels of one field lie together, field after field; here those of one component of all copies do. Its
filters are weights times a sampled basis, which its state dicts hold. The same filters are found here by least squares
for each pair of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO3
from intertwine.catalog.planar import PlanarGroup
from intertwine.catalog.with_reps import GroupWithReps
from intertwine.errors import ArgumentError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import plane_rotation
from intertwine.kernels import linear_plan
from intertwine.nn import BatchNorm, Linear, Pixelwise, Sequential
from intertwine.nn.grid.convolution import GridConvolution
from intertwine.ops.expand import reference
from intertwine.plan.expansion import Channels, Coupled, Expansion
from intertwine.reps import Block, Irrep, Rep
from intertwine.reps.splitting import matching
from intertwine.symmetry import convert_escnn_id

_RESIDUAL = 1e-5  # what single precision leaves of filters that are the same
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


# field types ----------------------------------------------------------------------------------------------------------


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
    _fields(rep, known)
    matrix = np.zeros((rep.dim, rep.dim))
    for (m, block), where in zip(rep.terms, rep.slices, strict=True):
        turned = np.einsum("ab,wv->awvb", known[block].basis.array, np.eye(m))
        matrix[where, where] = turned.reshape(block.dim * m, m * block.dim)
    return matrix


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


# weights --------------------------------------------------------------------------------------------------------------


def load_escnn(
    net: nn.Module,
    state: Mapping[str, Tensor],
    fields: Iterable[Field] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Load a state dict of escnn into the same network of our layers.

    `R2Conv`, `R3Conv` and their transposes go to `nn.Conv2d`, `nn.Conv3d` and theirs, `InnerBatchNorm` and
    `IIDBatchNorm` to `nn.BatchNorm`, `Linear` to `nn.Linear`. It does not matter in which mode a state dict was saved:
    filters are made from its weights, never read from what evaluation left. The terms of a rep are the fields in their
    order.

    Args:
        net: a network with `filters=nn.Rings()`, or others that can make the same filters, such as `nn.Complete()`.
        state: what `state_dict()` of escnn's network gives.
        fields: how escnn writes each block, of `translate_types`; default `standard_fields`.
        names: for layers that are called otherwise in escnn's network, their names there. That of layer n of a
            `nn.Sequential` is n.

    Raises `ArgumentError` for weights that no layer takes, layers without weights, and filters that are not among ours.
    """
    layers = {
        name: part for name, part in net.named_modules() if isinstance(part, GridConvolution | Linear | BatchNorm)
    }
    reps = [rep for part in layers.values() for rep in (part.rep_in, part.rep_out)]
    known = {field.block: field for field in (standard_fields(reps) if fields is None else fields)}
    used: set[str] = set()
    for name, layer in layers.items():
        prefix = (names or {}).get(name, _without_ours(net, name))
        given = {key.removeprefix(f"{prefix}."): value for key, value in state.items() if key.startswith(f"{prefix}.")}
        if not prefix:
            given = dict(state)
        if not given:
            raise ArgumentError(f"The state dict has nothing for {name!r}; it has {sorted(_places(state))}.")
        used.add(prefix)
        with torch.no_grad():
            if isinstance(layer, BatchNorm):
                _load_norm(layer, given, known)
            elif isinstance(layer, Linear):
                _load_linear(layer, given, known)
            else:
                _load_convolution(layer, given, known)
    if left := sorted(_places(state) - used):
        raise ArgumentError(f"No layer of the network takes the weights of {', '.join(map(repr, left))}.")


def _without_ours(net: nn.Module, name: str) -> str:
    """The name of a part of a network without what our containers add: escnn's `0` is our `layers.0`."""
    kept, place = [], net
    for step in filter(None, name.split(".")):
        if not isinstance(place, Sequential | Pixelwise):
            kept.append(step)
        place = place.get_submodule(step)
    return ".".join(kept)


def _places(state: Mapping[str, Tensor]) -> set[str]:
    """The modules that a state dict has weights of."""
    found = set()
    for key in state:
        head, _, last = key.rpartition(".")
        if last.endswith(("weights", "_weight", "running_var")):
            found.add(head.partition("batch_norm_[")[0].rstrip("."))
    return found


def _load_convolution(layer: GridConvolution, state: Mapping[str, Tensor], known: Mapping[Block, Field]) -> None:
    groups, gain = layer.groups, float(getattr(layer, "gain", 1.0))
    if groups > 1 and (gain != 1 or len(layer.rep_in.terms) > 1 or len(layer.rep_out.terms) > 1):
        raise ArgumentError("Weights of escnn load into several groups only for convolutions of one kind of field.")
    part_in, part_out = (
        Rep(rep.group, tuple((m // groups, block) for m, block in rep.terms)) for rep in (layer.rep_in, layer.rep_out)
    )
    filters = _their_filters(state, _fields(part_in, known), _fields(layer.rep_out, known), len(layer.taps.points))
    turned_in, turned_out = (channel_matrix(rep, known) for rep in (part_in, part_out))
    made = []
    for piece in np.split(filters, groups):
        piece = np.einsum("ab,bcs->acs", turned_out, piece, optimize=True)
        piece = np.einsum("acs,dc->ads", piece, turned_in, optimize=True) / gain
        made.append(_solved(layer.bank.expansion, piece))
    _put(layer.weight, np.concatenate(made))
    invariants = None if layer.bias is None else _array(layer.invariants)
    _load_bias(layer.bias, invariants, layer.rep_out, state, known)


def _load_linear(layer: Linear, state: Mapping[str, Tensor], known: Mapping[Block, Field]) -> None:
    matrix = _their_filters(state, _fields(layer.rep_in, known), _fields(layer.rep_out, known), 1)[..., 0]
    matrix = channel_matrix(layer.rep_out, known) @ matrix @ channel_matrix(layer.rep_in, known).T
    before, after = (layer.rep_in.change_of_basis, layer.rep_out.change_of_basis)
    inner = after.T @ matrix @ before
    plan, weights, rebuilt = linear_plan(layer.rep_in, layer.rep_out), [], np.zeros_like(inner)
    for path in plan.paths:
        number, i, k = path.segments
        u, w = plan.operands[0].segments[number]
        where = plan.operands[2].slices[k], plan.operands[1].slices[i]
        table = path.coefficients.array
        part = inner[where].reshape(-1, w, len(table), u)
        found = np.einsum("kwiu,ik->uw", part, table) / (table**2).sum()
        rebuilt[where] += np.einsum("uw,ik->kwiu", found, table).reshape(rebuilt[where].shape)
        weights.append(found.reshape(-1))
    _require_same(rebuilt, inner, "linear maps")
    _put(layer.weight, np.concatenate(weights))
    invariants = None if layer.bias is None else after[:, : len(layer.bias)]
    _load_bias(layer.bias, invariants, layer.rep_out, state, known)


def _load_norm(layer: BatchNorm, state: Mapping[str, Tensor], known: Mapping[Block, Field]) -> None:
    rep, order = layer.rep_in, channel_matrix(layer.rep_in, known)
    found = [_their_statistics(state, field, number) for field, number in _counted(rep, known, state)]
    coefficients = layer.coefficients.cpu().double().numpy()
    for name, value in (("weight", "weight"), ("running_var", "running_var")):
        if (kept := getattr(layer, name)) is not None:
            _put(kept, np.array([row[value] for row in found]))
    for name in ("bias", "running_mean"):
        if (kept := getattr(layer, name)) is not None:
            _put(kept, coefficients @ order @ np.concatenate([row[name] for row in found]))


def _counted(rep: Rep, known: Mapping[Block, Field], state: Mapping[str, Tensor]) -> list[tuple[Field, int]]:
    """The fields of a rep, and which of those is each that are numbered together: of one size, or of one name."""
    by_size = any(key.startswith("batch_norm_[") for key in state)
    counts: dict[Any, int] = {}
    found = []
    for field in _fields(rep, known):
        key = field.block.dim if by_size else field.name
        found.append((field, counts.get(key, 0)))
        counts[key] = counts.get(key, 0) + 1
    return found


def _their_statistics(state: Mapping[str, Tensor], field: Field, number: int) -> dict[str, Any]:
    """What a batch norm of escnn knows of one field: numbers for its size, vectors for its mean and bias."""
    inner, size = f"batch_norm_[{field.block.dim}].", field.block.dim

    def value(name: str) -> np.ndarray | None:
        for key in (inner + name, f"{_escaped(field.name)}_{name}"):
            if key in state:
                return np.asarray(_array(state[key])[number])
        return None

    def vector(name: str, basis: np.ndarray) -> np.ndarray:
        found = value(name)
        return np.zeros(size) if found is None else np.atleast_1d(basis @ np.atleast_1d(found))

    ones, own = np.ones((size, 1)), state.get(f"{_escaped(field.name)}_change_of_basis")
    weight, variance = value("weight"), value("running_var")
    if variance is None:
        raise ArgumentError(f"The state dict has no running variance of the field {field.name!r}.")
    return {
        "weight": 1.0 if weight is None else float(np.squeeze(weight)),
        "running_var": float(np.squeeze(variance)),
        "bias": vector("bias", ones if own is None else _array(own)),
        "running_mean": vector("running_mean", ones if own is None else np.eye(size)),
    }


def _load_bias(
    bias: Tensor | None,
    invariants: np.ndarray | None,
    rep: Rep,
    state: Mapping[str, Tensor],
    known: Mapping[Block, Field],
) -> None:
    theirs = state.get("bias")
    if theirs is None:
        if bias is not None:
            bias.zero_()
        return
    whole = channel_matrix(rep, known) @ _array(state["bias_expansion"]) @ _array(theirs)
    if bias is None or invariants is None:
        raise ArgumentError("The state dict has a bias for a layer with bias=False. Pass bias=True.")
    _put(bias, np.linalg.lstsq(invariants, whole, rcond=None)[0])


def _their_filters(state: Mapping[str, Tensor], into: list[Field], out: list[Field], taps: int) -> np.ndarray:
    """The filters `(channels out, channels in, taps)` in escnn's order, from weights and sampled bases."""
    starts_in, starts_out = _starts(into), _starts(out)
    size_in, size_out = (sum(field.block.dim for field in fields) for fields in (into, out))
    filters, weights = np.zeros((size_out, size_in, taps)), _array(state["weights"])
    pairs = sorted((a, b) for a in starts_in for b in starts_out)
    keys = {pair: f"_basisexpansion.block_expansion_{tuple(map(_escaped, pair))}.sampled_basis" for pair in pairs}
    bases = {(a, b): _array(state[key]) for (a, b), key in keys.items() if key in state}  # others have no filters
    sizes = [len(basis) * len(starts_out[b]) * len(starts_in[a]) for (a, b), basis in bases.items()]
    if sum(sizes) != len(weights):
        raise ArgumentError(
            f"The state dict has {len(weights)} weights, but fields of the names {[field.name for field in into]} and "
            f"{[field.name for field in out]} take {sum(sizes)}. State the fields in escnn's order."
        )
    pieces = np.split(weights, np.cumsum(sizes)[:-1])
    for ((a, b), basis), piece in zip(bases.items(), pieces, strict=True):
        given = piece.reshape(len(starts_out[b]), len(starts_in[a]), len(basis))
        made = np.tensordot(given, basis.reshape(*basis.shape[:3], -1), 1)
        for row, start in zip(made, starts_out[b], strict=True):
            for block, begin in zip(row, starts_in[a], strict=True):
                filters[start : start + block.shape[0], begin : begin + block.shape[1]] = block
    return filters


def _solved(expansion: Expansion, filters: np.ndarray) -> np.ndarray:
    """The weights of an expansion that make given filters `(channels out, channels in, taps)`."""
    weights, row = [], 0
    meetings = iter(expansion.meetings)
    rebuilt = np.zeros_like(filters)
    for out in expansion.channels_out:
        column = 0
        for into in expansion.channels_in:
            meeting = next(meetings)
            here = np.s_[row : row + out.size * out.copies, column : column + into.size * into.copies]
            column += into.size * into.copies
            single = _single(meeting, out, into, expansion.taps)
            part = filters[here].reshape(out.size, out.copies, into.size, into.copies, -1)
            part = part.transpose(1, 3, 0, 2, 4).reshape(out.copies * into.copies, -1)
            found = np.linalg.lstsq(single.T, part.T, rcond=1e-6)[0].T
            made = (found @ single).reshape(out.copies, into.copies, out.size, into.size, -1)
            rebuilt[here] = made.transpose(2, 0, 3, 1, 4).reshape(rebuilt[here].shape)
            weights.append(_packed(meeting, out, into, found.reshape(out.copies, into.copies, -1)))
        row += out.size * out.copies
    _require_same(rebuilt, filters, "filters")
    return np.concatenate(weights)


def _single(meeting: Any, out: Channels, into: Channels, taps: int) -> np.ndarray:
    """The filters `(weights, …)` between one copy of each run of channels, one for each weight."""
    one = [Channels(c.size, 1, tuple((d, n // c.copies) for d, n in c.parts), c.basis) for c in (out, into)]
    expansion = Expansion((one[0],), (one[1],), (meeting,), taps)
    unit = torch.eye(expansion.size, dtype=torch.float64)
    rows = [reference.expand(expansion, weights).numpy().reshape(-1) for weights in unit]
    return np.stack(rows) if rows else np.zeros((0, out.size * into.size * taps))


def _packed(meeting: Any, out: Channels, into: Channels, found: np.ndarray) -> np.ndarray:
    """Weights `(copies out, copies in, weights)` of single copies in the order of all copies together."""
    w, u = found.shape[:2]
    if not isinstance(meeting, Coupled):
        return found.reshape(w, u, meeting.rows, -1).transpose(0, 2, 1, 3).reshape(-1)
    pieces, used = [np.zeros(0)], 0
    for k, i, table in meeting.parts:
        rows, columns = out.parts[k][1] // w, into.parts[i][1] // u
        count = len(table.array) * rows * columns
        piece = found[:, :, used : used + count].reshape(w, u, -1, rows, columns)
        pieces.append(piece.transpose(2, 3, 0, 4, 1).reshape(-1))
        used += count
    return np.concatenate(pieces)


def _fields(rep: Rep, known: Mapping[Block, Field]) -> list[Field]:
    """The fields of a rep, one after the other."""
    for _, block in rep.terms:
        if block not in known:
            raise _unknown(block)
    return [known[block] for m, block in rep.terms for _ in range(m)]


def _starts(fields: list[Field]) -> dict[str, list[int]]:
    """Where the channels of each kind of field begin."""
    found: dict[str, list[int]] = {}
    start = 0
    for field in fields:
        found.setdefault(field.name, []).append(start)
        start += field.block.dim
    return found


def _require_same(made: np.ndarray, given: np.ndarray, what: str) -> None:
    """Raise unless what weights of ours make is what was given."""
    missing = float(np.linalg.norm(made - given)) / max(float(np.linalg.norm(given)), math.ulp(1.0))
    if missing > _RESIDUAL:
        raise ArgumentError(
            f"The {what} of escnn are not among ours: {missing:.1%} of them is missing. Build the layer with "
            "filters=nn.Rings() and the action of translate_types, or, for dilated or unusual filters of escnn whose "
            "group permutes the taps, with filters=nn.Complete()."
        )


def _escaped(name: str) -> str:
    return name.replace(".", "^")


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def _put(kept: Tensor, values: np.ndarray) -> None:
    if kept.shape != values.shape:
        raise ArgumentError(f"A layer of ours has {tuple(kept.shape)} numbers where escnn has {values.shape}.")
    kept.copy_(torch.as_tensor(values))
