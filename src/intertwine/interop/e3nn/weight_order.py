"""In which order the weights of e3nn lie, beside this library's, and by what factors they differ."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine import nn
from intertwine.errors import ArgumentError
from intertwine.interop.e3nn.counterparts import same_paths, sign_of_path
from intertwine.interop.e3nn.defaults import Convention
from intertwine.interop.e3nn.features import irreps_of
from intertwine.interop.e3nn.o3.irreps import Irreps
from intertwine.kernels import MODES, irrep_terms
from intertwine.reps import Rep


@dataclass(frozen=True)
class WeightOrder:
    """Where each weight of ours stands among theirs, −1 for one that they lack, and what it is multiplied by."""

    index: np.ndarray
    factors: np.ndarray
    size: int

    def ours(self, weights: Tensor) -> Tensor:
        """The weights of ours `(..., n)` for theirs `(..., size)`; raises `ArgumentError` for another size."""
        if weights.shape[-1] != self.size:
            raise ArgumentError(f"There are {self.size} weights of e3nn to load, but got {tuple(weights.shape)}.")
        index = torch.as_tensor(self.index.clip(0), device=weights.device)
        return weights.index_select(-1, index) * torch.as_tensor(self.factors).to(weights)

    def theirs(self, weights: Tensor) -> Tensor:
        """The weights of theirs `(..., size)` for ours `(..., n)`."""
        known = np.flatnonzero(self.index >= 0)
        scaled = weights[..., torch.as_tensor(known)] / torch.as_tensor(self.factors[known]).to(weights)
        found = weights.new_zeros((*weights.shape[:-1], self.size))
        found[..., torch.as_tensor(self.index[known])] = scaled
        return found


@dataclass(frozen=True)
class _Path:
    """What a path joins, the sizes of its letters in the order of its weights, and the factor of the whole path."""

    key: Hashable
    letters: Mapping[str, int]
    factor: float


def _order(ours: Sequence[_Path], theirs: Sequence[_Path]) -> WeightOrder:
    """From paths that are matched by what they join."""
    starts, size = {}, 0
    for path in theirs:
        if path.key in starts:
            raise ArgumentError(f"Two paths of e3nn's module join the same, {path.key}; one of ours does.")
        starts[path.key] = (path, size)
        size += math.prod(path.letters.values())
    if extra := starts.keys() - {path.key for path in ours}:
        raise ArgumentError(f"e3nn's module has a path that ours lacks: {sorted(map(str, extra))[0]}.")
    index, factors = [np.zeros(0, int)], [np.zeros(0)]
    for path in ours:
        count = math.prod(path.letters.values())
        if path.key not in starts:
            index.append(np.full(count, -1))
            factors.append(np.zeros(count))
            continue
        other, start = starts[path.key]
        if sorted(other.letters.items()) != sorted(path.letters.items()):
            raise ArgumentError(f"The weights of a path are {dict(other.letters)} there and {dict(path.letters)} here.")
        numbers = np.arange(start, start + count).reshape(tuple(other.letters.values()))
        places = [[*other.letters].index(letter) for letter in path.letters]
        index.append(numbers.transpose(places).reshape(-1))
        factors.append(np.full(count, other.factor / path.factor))
    return WeightOrder(np.concatenate(index), np.concatenate(factors), size)


def linear_order(module: nn.Linear, theirs: Any) -> WeightOrder:
    """The order of a linear map's weights; raises `ArgumentError` for slots that are not the terms of ours."""
    require_slots(module.rep_in, theirs.irreps_in)
    require_slots(module.rep_out, theirs.irreps_out)
    plan = module.contraction.plan
    paths = [path.segments for path in plan.paths]
    shapes = plan.operands[0].segments
    ours = [_Path((i, k), dict(zip("uw", shapes[n], strict=True)), _ours_linear(module, k)) for n, i, k in paths]
    given = [
        _Path(
            (place_of(theirs.irreps_in, i.i_in), place_of(theirs.irreps_out, i.i_out)),
            dict(zip("uw", i.path_shape, strict=True)),
            i.path_weight,
        )
        for i in theirs.instructions
        if i.i_in >= 0 and math.prod(i.path_shape)
    ]
    return _order(ours, given)


def _ours_linear(module: nn.Linear, output: int) -> float:
    """1/√n for the copies that are summed."""
    irrep = irrep_terms(module.rep_out)[output][1]
    return 1 / math.sqrt(module.rep_in.count(irrep))


def product_order(module: nn.TensorProduct, theirs: Any, convention: Convention | None) -> WeightOrder:
    """The order of a product's weights, with signs; raises `ArgumentError` for slots and paths that are not ours."""
    if not module.weighted:
        raise ArgumentError("This TensorProduct has no weights, made with shared_weights=None.")
    mirror, letters = same_paths(module), MODES[module.mode].weight
    free = MODES[module.mode].copies is None  # else each path has a slot of its own, in any order
    for rep, irreps in ((module.rep_1, theirs.irreps_in1), (module.rep_2, theirs.irreps_in2)):
        require_slots(rep, irreps)
    if free:
        require_slots(module.rep_out, theirs.irreps_out)
    elif _by_irrep(theirs) != _by_irrep(mirror):
        raise ArgumentError(
            f"e3nn's module has other paths than ours: its outputs of each irrep come from {_by_irrep(theirs)}, and "
            f"ours from {_by_irrep(mirror)}. Keep the same irreps, and let instructions run as its inputs do."
        )
    ours = [
        _Path(_key(mirror, i, free), {letter: _sizes(i)[letter] for letter in letters}, i.path_weight)
        for i in mirror.instructions
    ]
    given = [
        _Path(_key(theirs, i, free), _sizes(i), i.path_weight * sign_of_path(theirs, i, convention))
        for i in _instructions(theirs)
        if i.has_weight
    ]
    return _order(ours, given)


def _instructions(product: Any) -> list[Any]:
    """The paths between slots that are not empty."""
    sides = (product.irreps_in1, product.irreps_in2, product.irreps_out)
    return [
        i
        for i in product.instructions
        if all(irreps[n].mul for irreps, n in zip(sides, (i.i_in1, i.i_in2, i.i_out), strict=True))
    ]


def _key(product: Any, i: Any, free: bool) -> Hashable:
    """The mode of a path and what it joins."""
    out = place_of(product.irreps_out, i.i_out) if free else str(product.irreps_out[i.i_out].ir)
    return i.connection_mode, place_of(product.irreps_in1, i.i_in1), place_of(product.irreps_in2, i.i_in2), out


def _sizes(i: Any) -> dict[str, int]:
    """The numbers of copies of a path by letter, in e3nn's order; u numbers pairs u < v where these meet."""
    return dict(zip(sorted(MODES[i.connection_mode].weight), i.path_shape, strict=True))


def _by_irrep(product: Any) -> dict[str, list[tuple[int, int]]]:
    """The slots that meet for each slot of the output, irrep by irrep."""
    found: dict[str, list[tuple[int, int]]] = {}
    for i in sorted(_instructions(product), key=lambda i: i.i_out):
        pair = place_of(product.irreps_in1, i.i_in1), place_of(product.irreps_in2, i.i_in2)
        found.setdefault(str(product.irreps_out[i.i_out].ir), []).append(pair)
    return found


def place_of(irreps: Any, slot: int) -> int:
    """The number of a slot among those that are not empty, which alone are terms of a rep."""
    return sum(1 for other in irreps[:slot] if other.mul)


def require_slots(rep: Rep, irreps: Any) -> None:
    """Raise `ArgumentError` unless the slots of e3nn's irreps are the terms of a rep."""
    if irreps_of(rep) != Irreps(str(irreps)).remove_zero_multiplicities():
        raise ArgumentError(
            f"The slots of e3nn's module are the terms of ours in their order, but there are {irreps} there and "
            f"{irreps_of(rep)} here. Make the layer with O3.rep({str(irreps).replace('+', ' + ')!r})."
        )
