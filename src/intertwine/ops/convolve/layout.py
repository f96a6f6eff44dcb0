"""What kernels need to know of a channel-wise plan: where components, weights and copies lie in rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine.plan import Plan

_MOST = 4096  # numbers in a row of y: sums of their gradients lie on the stack
_MOST_ENTRIES = 4096  # of M: code for more would take many seconds to compile


@dataclass(frozen=True)
class Coupling:
    """A table of coefficients that meets a segment of y, and all paths that take both.

    Args:
        coefficients: `(d_1, d_2, d_3)`.
        y: where the segment begins in y.
        start: where its entries begin in M.
        copies: how many copies v it has.
        apart: whether the output keeps the copies apart.
        paths: for each number of channels the places (x, weights, output) where paths begin.
    """

    coefficients: np.ndarray
    y: int
    start: int
    copies: int
    apart: bool
    paths: Mapping[int, tuple[tuple[int, int, int], ...]]

    @cached_property
    def entries(self) -> dict[tuple[int, int], int]:
        """The places in M of the pairs (i, k) of components that meet."""
        pairs = np.argwhere(self.coefficients.any(1)).tolist()
        return {(i, k): self.start + n for n, (i, k) in enumerate(pairs)}

    def parts(self, most: int) -> list[list[int]]:
        """The output components that are met, in parts of at most so many entries of M."""
        parts: list[list[int]] = []
        room = 0
        for k in range(self.coefficients.shape[2]):
            entries = sum(1 for _, other in self.entries if other == k)
            if entries and (not parts or entries > room):
                parts.append([])
                room = most
            if entries:
                parts[-1].append(k)
                room -= entries
        return parts


@dataclass(frozen=True)
class ChannelLayout:
    """What a kernel needs to know of a plan.

    Args:
        sizes: the numbers in a row of x, the factor with the channels, of y, of the output, and of weights if any.
        order: the numbers of x, y and the weights among the inputs of the plan.
        couplings: the tables, each with its paths.
        braided: which of x and the output g have all components of a channel side by side, channel after channel.
    """

    sizes: Mapping[str, int]
    order: Mapping[str, int]
    couplings: tuple[Coupling, ...]
    braided: frozenset[str] = frozenset()

    @property
    def entries(self) -> int:
        """The size of M."""
        return sum(len(coupling.entries) for coupling in self.couplings)

    @property
    def channels(self) -> int:
        """The most channels that a path has."""
        return max((channels for coupling in self.couplings for channels in coupling.paths), default=0)

    @cached_property
    def weighs_once(self) -> bool:
        """Whether each weight has a path of its own, so that its gradient is written and not added up from 0."""
        places = [
            weight + channel
            for coupling in self.couplings
            if coupling.entries
            for channels, paths in coupling.paths.items()
            for _, weight, _ in paths
            for channel in range(channels * coupling.copies)
        ]
        return sorted(places) == list(range(self.sizes["w"]))

    @cached_property
    def fills_once(self) -> bool:
        """Whether each number of the output comes from one path, so that it is written and not added up from 0."""
        places = [
            output + channel * coupling.coefficients.shape[2] + k
            if "g" in self.braided
            else output + (k * (coupling.copies if coupling.apart else 1) + v * coupling.apart) * channels + channel
            for coupling in self.couplings
            for channels, paths in coupling.paths.items()
            for _, _, output in paths
            for k in sorted({k for _, k in coupling.entries})
            for v in range(coupling.copies)
            for channel in range(channels)
        ]
        return sorted(places) == list(range(self.sizes["g"]))


def channel_layout(plan: Plan) -> ChannelLayout | None:
    """The layout of a plan that these kernels compute; None for another."""
    *inputs, out = plan.operands
    order = _order(plan)
    if order is None:
        return None
    x, y = inputs[order["x"]], inputs[order["y"]]
    if y.size > _MOST:
        return None
    found: dict[tuple[int, int], dict[int, list[tuple[int, int, int]]]] = {}
    for path, table in zip(plan.paths, plan.table_of, strict=True):
        segments = path.segments
        places = [operand.slices[n].start for operand, n in zip(plan.operands, segments, strict=True)]
        source, segment = x.segments[segments[order["x"]]], segments[order["y"]]
        channels = source[0 if x.modes[-1] in "ijk" else 1]
        if channels and y.segments[segment][1]:
            place = (places[order["x"]], places[order["w"]] if "w" in order else 0, places[-1])
            found.setdefault((table, segment), {}).setdefault(channels, []).append(place)
    couplings: list[Coupling] = []
    start = 0
    for (table, segment), paths in found.items():
        coefficients = plan.tables[table].array  # x comes first in a kernel
        coefficients = coefficients if order["x"] < order["y"] else coefficients.transpose(1, 0, 2)
        begin, copies, apart = y.slices[segment].start, y.segments[segment][1], len(out.modes) == 3
        listed = {channels: tuple(places) for channels, places in paths.items()}
        couplings.append(Coupling(coefficients, begin, start, copies, apart, listed))
        start += len(couplings[-1].entries)
    if start > _MOST_ENTRIES:
        return None
    sizes = {name: inputs[number].size for name, number in order.items()} | {"g": out.size}
    braided = frozenset(name for name, modes in (("x", x.modes), ("g", out.modes)) if modes[-1] in "ijk")
    return ChannelLayout(sizes, order, tuple(couplings), braided)


def graph_layout(plan: Plan) -> ChannelLayout | None:
    """The layout of a plan with weights "vu", x "iu", y "jv" of one copy and the output "ku"; None for another."""
    shape = channel_layout(plan) if len(plan.inputs) == 3 and plan.output.modes == "ku" else None
    served = shape and not shape.braided and all(coupling.copies == 1 for coupling in shape.couplings)
    return shape if served else None


def _order(plan: Plan) -> dict[str, int] | None:
    """Which inputs of a plan are x, y and the weights; None where its letters are those of another kind of product.

    x is the factor whose channels are those of the output. It and the output may have them outside, as "ui" and "uk".
    """
    *inputs, out = plan.operands
    weights = [operand.modes for operand in inputs[:-2]]
    if plan.coefficient_modes != "ijk" or len(inputs) < 2:
        return None
    for channel, copy, x, modes_x, modes_y in (("u", "v", -2, "iu", "jv"), ("v", "u", -1, "jv", "iu")):
        y, outputs = -3 - x, ("k" + channel, channel + "k", "k" + copy + channel)
        fits = inputs[x].modes in (modes_x, modes_x[::-1]) and inputs[y].modes == modes_y and out.modes in outputs
        if fits and weights in ([], [copy + channel]):
            numbers = range(len(inputs))
            return {"x": numbers[x], "y": numbers[y]} | ({"w": 0} if weights else {})
    return None
