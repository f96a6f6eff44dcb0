"""State dicts of escnn in our layers.

In escnn the channels of one field lie together, field after field; here those of one component of all copies do. Its
filters are weights times a sampled basis, which its state dicts hold. The same filters are found here by least squares
for each pair of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.errors import ArgumentError
from intertwine.interop.escnn.types import Field, channel_matrix, fields_of, standard_fields
from intertwine.kernels import linear_plan
from intertwine.nn import BatchNorm, Linear, Pixelwise, Sequential
from intertwine.nn.grid.convolution import GridConvolution
from intertwine.ops.expand import reference
from intertwine.plan.expansion import Channels, Coupled, Expansion
from intertwine.reps import Block, Rep

_RESIDUAL = 1e-5  # what single precision leaves of filters that are the same


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
    filters = _their_filters(state, fields_of(part_in, known), fields_of(layer.rep_out, known), len(layer.taps.points))
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
    matrix = _their_filters(state, fields_of(layer.rep_in, known), fields_of(layer.rep_out, known), 1)[..., 0]
    matrix = channel_matrix(layer.rep_out, known) @ matrix @ channel_matrix(layer.rep_in, known).T
    before, after = (
        _array(part.to_irreps(torch.eye(rep.dim, device=layer.weight.device, dtype=torch.float64)))
        for part, rep in ((layer.before, layer.rep_in), (layer.after, layer.rep_out))
    )
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
    places = [start + n for start, m in layer.constants for n in range(m)]
    invariants = after[:, places] if places else None
    _load_bias(layer.bias, invariants, layer.rep_out, state, known)


def _load_norm(layer: BatchNorm, state: Mapping[str, Tensor], known: Mapping[Block, Field]) -> None:
    rep, order = layer.rep_in, channel_matrix(layer.rep_in, known)
    found = [_their_statistics(state, field, number) for field, number in _counted(rep, known, state)]
    coefficients = _array(layer.coefficients)
    for name in ("weight", "running_var"):
        kept, values = getattr(layer, name), [row[name] for row in found]
        if (kept is None) != (None in values):
            raise ArgumentError(
                f"Of {name} a norm of ours has {'nothing' if kept is None else 'numbers'}, but escnn's state dict has "
                f"{'none' if None in values else 'some'}. Pass affine and track_running_stats as in escnn."
            )
        if kept is not None:
            _put(kept, np.array(values))
    for name in ("bias", "running_mean"):
        if (kept := getattr(layer, name)) is not None:
            _put(kept, coefficients @ order @ np.concatenate([row[name] for row in found]))


def _counted(rep: Rep, known: Mapping[Block, Field], state: Mapping[str, Tensor]) -> list[tuple[Field, int]]:
    """The fields of a rep, and which of those is each that are numbered together: of one size, or of one name."""
    by_size = any(key.startswith("batch_norm_[") for key in state)
    counts: dict[Any, int] = {}
    found = []
    for field in fields_of(rep, known):
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
    sizes = {name: value(name) for name in ("weight", "running_var")}
    return {name: None if found is None else float(np.squeeze(found)) for name, found in sizes.items()} | {
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
