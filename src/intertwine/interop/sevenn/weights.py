"""The weights of a SevenNet in the order of this library, as factors and signs of this library ask for them.

For each irrep all copies of it in the output are made of all copies in the input by one matrix, whichever terms these
copies belong to. So weights are carried over by irreps, and cut into the blocks of either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.interop.e3nn import o3
from intertwine.interop.e3nn.conversion import monte_carlo
from intertwine.interop.e3nn.defaults import sign_of
from intertwine.interop.e3nn.o3 import Irreps
from intertwine.interop.sevenn.checkpoint import Checkpoint
from intertwine.models.atoms import NequIP
from intertwine.nn import DepthwiseConv, Linear, SpeciesLinear
from intertwine.nn.module import gain
from intertwine.reps import Rep

Key = tuple[int, int]
"""The degree and the parity of an irrep."""

Slots = list[tuple[int, Key]]
"""Copies and irreps, in the order of their numbers."""


@dataclass(frozen=True)
class LinearMap:
    """A linear map by irreps.

    Args:
        matrices: for each irrep (copies in, elements, copies out); without elements there is one.
        constants: what is added to the invariants.
    """

    matrices: Mapping[Key, Tensor]
    constants: Tensor | None = None


def fill(network: NequIP, checkpoint: Checkpoint) -> None:
    """Copy all weights of a checkpoint into the network that was made with its options, float64."""
    # Exact factors stand behind activations here: our features times these numbers are theirs.
    silu, tanh = (monte_carlo(f).factor / gain(f) for f in (F.silu, torch.tanh))
    with torch.no_grad():
        first = _linear(checkpoint, "onehot_to_feature_x", [(network.species, _INVARIANT)], checkpoint.features[0])
        table = first.matrices[_INVARIANT][:, 0] / math.sqrt(network.species)
        network.embedding.weight.copy_(table if first.constants is None else table + first.constants)
        if network.options["learn_bessel"]:
            coefficients = checkpoint.tensor("edge_embedding.basis_function.coeffs")
            shared: Any = network.convolutions[0].radial.basis
            shared.basis.waves.copy_(coefficients / math.pi)
        for n, layer in enumerate(network.layers):
            _require_features(network.convolutions, checkpoint, n)
            scale: Callable[[Key], float] = (lambda key: tanh if key == (0, -1) else silu) if n else (lambda _: 1.0)
            _fill_layer(layer, checkpoint, n, scale)
            _fill_radial(network.convolutions[n], checkpoint, n, silu)
        _fill_readout(network, checkpoint, silu)


_INVARIANT: Key = (0, 1)


def _require_features(convolutions: Sequence[DepthwiseConv], checkpoint: Checkpoint, n: int) -> None:
    """Raise `ArgumentError` where features behind a layer are left out here, since no neighbour leads to them."""
    wanted = checkpoint.features[n + 1]
    made = convolutions[n + 1].rep_in if n + 1 < len(convolutions) else wanted
    if _slots(made) != _slots(wanted):
        raise ArgumentError(
            f"This SevenNet was made with the features {wanted} behind layer {n}, but products of "
            f"{checkpoint.features[n]} with the harmonics {checkpoint.edges} give {made} alone. Run sevenn's own code, "
            "on intertwine.interop.e3nn."
        )


def _fill_layer(layer: Any, checkpoint: Checkpoint, n: int, scale: Callable[[Key], float]) -> None:
    """The linear maps of a layer, whose inputs are scaled."""
    rep, gates = _slots(layer.conv.rep_in), _slots(layer.gate.rep_in)
    _put(layer.before, _linear(checkpoint, f"{n}_self_interaction_1", rep, rep), scale)
    added = math.sqrt(2)  # here the sum with the map of the atom itself is scaled to unit variance
    middle = _middle(checkpoint, n)
    after = _linear(checkpoint, f"{n}_self_interaction_2", [(m, key) for m, key, *_ in middle], gates)
    known = {key for _, key in rep}
    _put(layer.after, after, lambda _: 1.0, lambda key: added if key in known else 1.0)
    own = layer.itself.map
    if isinstance(own, Linear):
        _put(own, _linear(checkpoint, f"{n}_self_connection_intro", rep, gates), lambda key: added * scale(key))
        return
    weight = checkpoint.tensor(f"{n}_self_connection_intro.fc_tensor_product.weight")
    # There sums are divided by the root of the number of elements too, as if all of them were present at once.
    matrices = _matrices(weight, rep, gates, own.species)
    _put(own, LinearMap(matrices), lambda key: added * scale(key) / math.sqrt(own.species))


def _fill_radial(conv: DepthwiseConv, checkpoint: Checkpoint, n: int, silu: float) -> None:
    """The network from distances to weights: its last matrix has a column for each path and channel."""
    network, name = conv.radial, f"{n}_convolution.weight_nn.layer"
    matrices = [checkpoint.tensor(f"{name}{k}.weight") for k in range(len(network.shapes))]
    basis = network.basis
    # Bessel functions there are √(2/c) times those here, and are divided by the root of their number.
    matrices[0] = matrices[0] * math.sqrt(2 / basis.cutoff * basis.mean_square / basis.number)
    starts = _columns(checkpoint, n)
    degrees = [ir.l for _, ir in checkpoint.edges]
    columns = []
    for path in conv.convolution.plan.paths:
        _, i, j, k = path.segments
        key = _slots(conv.rep_out)[k][1]
        start, size = starts[i, j, key]
        l1, l2, l3 = checkpoint.features[n][i].ir.l, degrees[j], key[0]
        sign = (-1) ** l2 * _sign(checkpoint, n, (l1, l2, l3))
        columns.append(matrices[-1][:, start : start + size] * sign)
    sums = math.sqrt(conv.neighbours) / float(checkpoint.tensor(f"{n}_convolution.denominator"))
    matrices[-1] = torch.cat(columns, 1) * sums
    for k, (weight, matrix) in enumerate(zip(network.weights, matrices, strict=True)):
        weight.copy_((matrix * (silu if k else 1.0)).flatten())


def _fill_readout(network: NequIP, checkpoint: Checkpoint, silu: float) -> None:
    """From the last features to the energy."""
    maps = [part for part in network.read if isinstance(part, Linear)]
    if checkpoint.readout[0]:
        for n, part in enumerate(maps):
            matrix = checkpoint.tensor(f"readout_FCN.fcn.layer{n}.weight")
            _put(part, LinearMap({_INVARIANT: matrix[:, None]}), lambda _: silu)
        return
    last = checkpoint.features[-1]
    middle = [(last.dim // 2, _INVARIANT)]
    first = _linear(checkpoint, "reduce_input_to_hidden", last, middle)
    second = _linear(checkpoint, "reduce_hidden_to_energy", middle, [(1, _INVARIANT)])
    joint = second.matrices[_INVARIANT][:, 0] / math.sqrt(last.dim // 2)  # two linear maps are one
    matrix = (first.matrices[_INVARIANT][:, 0] @ joint)[:, None]
    constants = None if first.constants is None else first.constants @ joint
    if second.constants is not None:
        constants = second.constants if constants is None else constants + second.constants
    _put(maps[0], LinearMap({_INVARIANT: matrix}, constants), lambda _: silu)


# the maps of a checkpoint ---------------------------------------------------------------------------------------------


def _slots(given: Rep | Irreps | Slots) -> Slots:
    """Copies and irreps of a rep here, or of irreps there."""
    if isinstance(given, Irreps):
        return [(m, (ir.l, ir.p)) for m, ir in given]
    if isinstance(given, Rep):
        return [(m, (int(block.name.strip("eo")), -1 if "o" in block.name else 1)) for m, block in given.terms]
    return given


def _copies(slots: Slots, key: Key) -> int:
    return sum(m for m, other in slots if other == key)


def _linear(checkpoint: Checkpoint, name: str, given: Any, wanted: Any) -> LinearMap:
    """A linear map; inputs for the set of data, where it has them, are constants."""
    slots, out = _slots(given), _merged(_slots(wanted))
    weight, bias = checkpoint.tensor(f"{name}.linear.weight"), checkpoint.state.get(f"{name}.linear.bias")
    constants = bias.double() if bias is not None and bias.numel() else None
    own = sum(_copies(slots, key) * m for m, key in out)
    if checkpoint.modal is None or weight.numel() == own:
        return LinearMap(_matrices(weight, slots, out), constants)
    modals = (weight.numel() - own) // _copies(out, _INVARIANT)
    matrices = _matrices(weight, [*slots, (modals, _INVARIANT)], out)
    whole = matrices[_INVARIANT]
    count = len(whole) - modals
    matrices[_INVARIANT] = whole[:count] * math.sqrt(count / len(whole))  # all inputs are divided by the root there
    chosen = whole[count + checkpoint.modal, 0] / math.sqrt(len(whole))
    return LinearMap(matrices, chosen if constants is None else constants + chosen)


def _merged(slots: Slots) -> Slots:
    """Slots as e3nn has those of a gate: one for each irrep, sorted, where neighbours are alike."""
    keys = sorted({key for _, key in slots})
    return [(_copies(slots, key), key) for key in keys] if len(keys) < len(slots) else slots


def _matrices(weight: Tensor, given: Slots, wanted: Slots, elements: int = 1) -> dict[Key, Tensor]:
    """Weights in e3nn's order, by irreps: block after block, by the slots of the input, then of the output."""
    wanted = _merged(wanted)
    found = {
        key: weight.new_zeros((_copies(given, key), elements, _copies(wanted, key)))
        for _, key in wanted
        if _copies(given, key)
    }
    used, rows = 0, dict.fromkeys(found, 0)
    for u, key in given:
        start = dict.fromkeys(found, 0)
        for w, other in wanted:
            if other != key:
                continue
            block = weight[used : used + u * elements * w].reshape(u, elements, w)
            found[key][rows[key] : rows[key] + u, :, start[key] : start[key] + w] = block
            used, start[key] = used + block.numel(), start[key] + w
        if key in rows:
            rows[key] += u
    if used != weight.numel():
        raise ArgumentError(
            f"A map of this SevenNet has {weight.numel()} weights, but there are {used} from {given} to {wanted}. Give "
            "a checkpoint whose options are those of its weights."
        )
    return found


def _middle(checkpoint: Checkpoint, n: int) -> list[tuple[int, Key, int, int]]:
    """Copies and irrep of each path of a convolution, and the slots that it joins, sorted as its outputs are."""
    return sorted(_walk(checkpoint, n), key=lambda path: path[1])


def _walk(checkpoint: Checkpoint, n: int) -> list[tuple[int, Key, int, int]]:
    """The paths of a convolution as sevenn counts them: irreps up to the degree of the features behind it."""
    given, wanted = checkpoint.features[n : n + 2]
    is_last = n == len(checkpoint.features) - 2
    return [
        (m, (out.l, out.p), i, j)
        for i, (m, a) in enumerate(given)
        for j, (_, b) in enumerate(checkpoint.edges)
        for out in a * b
        if out.l <= wanted.lmax and not (is_last and out.p < 0)
    ]


def _columns(checkpoint: Checkpoint, n: int) -> dict[tuple[int, int, Key], tuple[int, int]]:
    """Where the weights of each path begin, and how many they are: sorted by outputs since version 0.11."""
    paths = (_middle if checkpoint.version >= (0, 11, 0) else _walk)(checkpoint, n)
    found, used = {}, 0
    for m, key, i, j in paths:
        found[i, j, key], used = (used, m), used + m
    return found


def _sign(checkpoint: Checkpoint, n: int, degrees: tuple[int, int, int]) -> float:
    """1, or −1 where the checkpoint has a table of the opposite sign, as e3nn had before version 0.5."""
    name = f"{n}_convolution.convolution._compiled_main_left_right._w3j_{'_'.join(map(str, degrees))}"
    if name not in checkpoint.state:
        return 1.0
    own = o3.wigner_3j(*degrees, dtype=torch.float64) * sign_of(*degrees)  # whichever signs the process has chosen
    return math.copysign(1.0, float((checkpoint.tensor(name) * own).sum()))


# the maps of a network ------------------------------------------------------------------------------------------------


def _put(
    layer: Linear | SpeciesLinear,
    found: LinearMap,
    scale: Callable[[Key], float],
    scale_out: Callable[[Key], float] = lambda _: 1.0,
) -> None:
    """Copy a map, whose inputs and outputs are scaled, into a layer: by terms of the output, then of the input."""
    given, blocks, ends = _slots(layer.rep_in), [], dict.fromkeys(found.matrices, 0)
    for w, key in _slots(layer.rep_out):
        row = 0
        for u, other in given:
            if other == key:
                block = found.matrices[key][row : row + u, :, ends[key] : ends[key] + w]
                blocks.append((block.transpose(0, 1) * (scale(key) * scale_out(key))).flatten(1))
                row += u
        if key in ends:
            ends[key] += w
    state = {"weight": torch.cat(blocks, 1).reshape(layer.weight.shape)}
    if getattr(layer, "bias", None) is not None:
        constants = ends[_INVARIANT] * [0.0] if found.constants is None else found.constants * scale_out(_INVARIANT)
        state["bias"] = torch.as_tensor(constants)
    layer.load_state_dict(state)
