"""The channel-wise convolution over edges, and its gradients, as compiled kernels: nothing is kept per edge.

For plans with weights "vu", x "iu", y "jv" of one copy and the output "ku":

    out[t, k, u] = Σ_{e: s → t} Σ_paths w[e, u] Σ_i M[i, k] x[s, i, u],     M[i, k] = Σ_j C[i, j, k] y[e, j].

M is a small table of scalars, made once per edge for all channels: real Clebsch–Gordan tables have hardly more nonzero
entries than it. Then each channel is a lane of a vector, and each path a handful of multiplications in registers.

All kernels come from one function F = Σ_e <g[t], w M x>. It is linear in x, w, M and g, so its gradients are products
of the others: that by g is the convolution, those by x, w and M are the backward pass. The gradients of the *change* of
F, when x, w and M move, are the double backward pass; with them the circle is closed (see `dispatch`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine.ops.llvm.code import Code, Lanes, Register, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL
from intertwine.plan import Plan

_REGISTERS = 20  # how many sums a loop over channels may gather at once: more would not stay in the processor


@dataclass(frozen=True)
class Coupling:
    """A table of coefficients that meets a segment of y, and all paths that take both.

    Args:
        coefficients: `(d_1, d_2, d_3)`.
        y: where the segment begins in y.
        start: where its entries begin in M.
        paths: for each number of channels the places (x, weights, output) where paths begin.
    """

    coefficients: np.ndarray
    y: int
    start: int
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
        sizes: the numbers in a row of x, y, the weights and the output.
        couplings: the tables, each with its paths.
    """

    sizes: Mapping[str, int]
    couplings: tuple[Coupling, ...]

    @property
    def entries(self) -> int:
        """The size of M."""
        return sum(len(coupling.entries) for coupling in self.couplings)

    @property
    def weighs_once(self) -> bool:
        """Whether each weight has a path of its own, so that its gradient is written and not added up from 0."""
        places = [
            weight + channel
            for coupling in self.couplings
            if coupling.entries
            for channels, paths in coupling.paths.items()
            for _, weight, _ in paths
            for channel in range(channels)
        ]
        return sorted(places) == list(range(self.sizes["w"]))


def channel_layout(plan: Plan) -> ChannelLayout | None:
    """The layout of a plan that these kernels compute; None for another."""
    if [operand.modes for operand in plan.operands] != ["vu", "iu", "jv", "ku"] or plan.coefficient_modes != "ijk":
        return None
    weights, x, y, out = plan.operands
    if any(v != 1 for _, v in y.segments):
        return None
    found: dict[tuple[int, int], dict[int, list[tuple[int, int, int]]]] = {}
    for path, table in zip(plan.paths, plan.table_of, strict=True):
        w, i, j, k = path.segments
        place = (x.slices[i].start, weights.slices[w].start, out.slices[k].start)
        found.setdefault((table, j), {}).setdefault(x.segments[i][1], []).append(place)
    couplings: list[Coupling] = []
    start = 0
    for (table, j), paths in found.items():
        coefficients = plan.tables[table].array
        couplings.append(Coupling(coefficients, y.slices[j].start, start, {u: tuple(p) for u, p in paths.items()}))
        start += len(couplings[-1].entries)
    sizes = {"x": x.size, "y": y.size, "w": weights.size, "g": out.size}
    return ChannelLayout(sizes, tuple(couplings))


_INPUTS = ("x", "y", "w")

GIVEN = {"forward": _INPUTS, "backward": (*_INPUTS, "g"), "second": (*_INPUTS, "g", "hx", "hy", "hw")}
"""What each kernel reads: the inputs of F, its cotangent g, and the directions in which the inputs move."""

WANTED = {"forward": ("g",), "backward": _INPUTS, "second": (*_INPUTS, "g")}
"""What it writes: the gradients by these operands of F, or of the change of F."""


def write_convolve(shape: ChannelLayout, machine: Machine, kind: str, *, double: bool) -> str:
    """The code of one kernel.

    Args:
        shape: the layout of the plan.
        machine: what it is for.
        kind: "forward", "backward" or "second".
        double: whether numbers are float64.
    """
    code = machine.code(double=double)
    with code.function("work") as arguments:
        _Loops(code, shape, GIVEN[kind], WANTED[kind]).write(arguments)
    code.launcher("run", "work", THREADS)
    return code.text()


_PRIVATE, _STRIDE, _GRAPH, _TENSORS = HEAD, HEAD + 1, HEAD + 2, HEAD + 5
"""Further places of the arguments: the next private copy, its size, three tensors of the graph, then all others."""


@dataclass(frozen=True)
class _Loops:
    """The loops around an edge: pieces of targets, the targets of a piece, the edges of a target."""

    code: Code
    shape: ChannelLayout
    given: Sequence[str]
    wanted: Sequence[str]

    def write(self, arguments: Value) -> None:
        code, sizes = self.code, self.shape.sizes
        total, piece = code.integer(arguments, TOTAL), code.integer(arguments, PIECE)
        row, order, source = (code.pointer(arguments, _GRAPH + n) for n in range(3))
        places = {name: code.pointer(arguments, _TENSORS + n) for n, name in enumerate(self.given)}
        first = _TENSORS + len(self.given)
        out = {name: code.pointer(arguments, first + n) for n, name in enumerate(self.wanted)}
        if "x" in out:  # every thread adds to a copy of its own
            copy = code.taken(arguments, _PRIVATE, 1)
            out["x"] = code.at(out["x"], code.times(copy, code.integer(arguments, _STRIDE)))
        tables = {name: code.room(self.shape.entries) for name in ("y", "hy") if name in self.given}
        sums = code.room(sizes["y"] * code.lanes)
        with (
            code.shares(arguments, COUNTER, total, piece) as (start, stop),
            code.loop(stop, start) as target,
        ):
            at_target = code.times(target, sizes["g"])
            if "g" in out:
                code.clear(code.at(out["g"], at_target), sizes["g"])
            with code.loop(code.integer(row, code.plus(target, 1)), code.integer(row, target)) as number:
                edge = code.integer(order, number)
                offsets = {
                    "x": code.times(code.integer(source, edge), sizes["x"]),
                    "y": code.times(edge, sizes["y"]),
                    "w": code.times(edge, sizes["w"]),
                    "g": at_target,
                }
                here = {name: code.at(place, offsets[name.removeprefix("h")]) for name, place in places.items()}
                results = {name: code.at(place, offsets[name]) for name, place in out.items()}
                for name, room in tables.items():
                    self.tabulate(here[name], room)
                if "y" in results:
                    code.clear(sums, sizes["y"] * code.lanes)
                adds = "w" in results and not self.shape.weighs_once
                if adds:
                    code.clear(results["w"], sizes["w"])
                for coupling in self.shape.couplings:
                    _Edge(code, coupling, self.shape.sizes, here, tables, results, sums, adds).write()
                if "y" in results:
                    for j in range(sizes["y"]):
                        lanes = code.load(sums, Lanes("0", code.lanes), j * code.lanes)
                        code.store_scalar(results["y"], j, code.total(lanes))

    def tabulate(self, y: Value, room: Value) -> None:
        """M[i, k] = Σ_j C[i, j, k] y[j], into memory of the thread."""
        code = self.code
        for coupling in self.shape.couplings:
            values = [code.load_scalar(y, coupling.y + j) for j in range(coupling.coefficients.shape[1])]
            for (i, k), place in coupling.entries.items():
                column = coupling.coefficients[i, :, k]
                used = np.flatnonzero(column).tolist()
                code.store_scalar(room, place, code.linear([values[j] for j in used], column[used].tolist()))


@dataclass(frozen=True)
class _Edge:
    """What one coupling does on one edge: all its paths, all their channels.

    Args:
        given: where the rows of x, w, g and their tangents hx, hw are.
        tables: M, and its tangent.
        results: where the gradients by x, w, g go.
        sums: where the gradient by y is gathered, a vector for each component.
        adds: whether the gradient by w is 0 at first, and all paths add to it.
    """

    code: Code
    coupling: Coupling
    sizes: Mapping[str, int]
    given: Mapping[str, Value]
    tables: Mapping[str, Value]
    results: Mapping[str, Value]
    sums: Value
    adds: bool

    def write(self) -> None:
        code, by_y = self.code, "y" in self.results
        for number, components in enumerate(self.coupling.parts(_REGISTERS if by_y else 10**6)):
            entries = [pair for pair in self.coupling.entries if pair[1] in components]
            gathered = {pair: code.register() for pair in entries} if by_y else {}
            for channels, paths in self.coupling.paths.items():
                with self.each(paths) as (x, w, g):
                    begin = {"x": x, "w": w, "g": g}
                    given = {name: code.at(p, begin[name[-1]]) for name, p in self.given.items() if name[-1] != "y"}
                    results = {name: code.at(p, begin[name]) for name, p in self.results.items() if name != "y"}
                    body = _Channels(self, channels, entries, number == 0, given, results, gathered)
                    code.channels(channels, body.write)
            for j in range(self.coupling.coefficients.shape[1]):
                self.gather(j, gathered)

    @contextmanager
    def each(self, paths: tuple[tuple[int, int, int], ...]) -> Iterator[tuple[Value | int, Value | int, Value | int]]:
        """What stands inside is done for all paths: written once, for a list of places where there are several."""
        if len(paths) == 1:
            yield paths[0]
            return
        code = self.code
        listed = code.listed([place for path in paths for place in path])
        with code.loop(len(paths)) as number:
            first = code.times(number, 3)
            x, w, g = (code.integer(listed, code.plus(first, n)) for n in range(3))
            yield x, w, g

    def gather(self, j: int, entries: Mapping[tuple[int, int], Register]) -> None:
        """Add `Σ_ik C[i, j, k]` times what was gathered for M[i, k] to the gradient by y[j], lane by lane."""
        code, total = self.code, None
        for (i, k), register in entries.items():
            if (factor := self.coupling.coefficients[i, j, k]) != 0:
                total = code.gathered(code.read(register), code.constant(factor), total)
        if total is not None:
            lanes, place = Lanes("0", code.lanes), (self.coupling.y + j) * code.lanes
            code.store(self.sums, lanes, code.sum(total, code.load(self.sums, lanes, place)), place)


@dataclass(frozen=True)
class _Channels:
    """What is done in each channel: F and its gradients, for some entries of M.

    Args:
        channels: how many there are: components lie so far apart.
        entries: the entries of M that are met here.
        is_first: whether no others were met before, so that the gradient by w begins here.
        given, results: where rows begin, at the first channel.
        gathered: what gathers the gradients by entries of M.
        edge: the edge.
    """

    edge: _Edge
    channels: int
    entries: Sequence[tuple[int, int]]
    is_first: bool
    given: Mapping[str, Value]
    results: Mapping[str, Value]
    gathered: Mapping[tuple[int, int], Register]

    def write(self, lanes: Lanes) -> None:
        code, moving = self.edge.code, "hx" in self.given
        x = {i: self.load("x", lanes, i) for i in sorted({i for i, _ in self.entries})}
        hx = {i: self.load("hx", lanes, i) for i in x} if moving else {}
        w, hw = self.load("w", lanes), self.load("hw", lanes) if moving else ""
        by_x = {i: code.load(self.results["x"], lanes, i * self.channels) for i in x} if "x" in self.results else {}
        begins = self.is_first and not self.edge.adds
        by_w = None if begins or "w" not in self.results else code.load(self.results["w"], lanes)
        if self.is_first:
            for name in ("w", "hw") if moving else ("w",):
                code.fetch(self.given[name], lanes, self.edge.sizes["w"])
        for k in dict.fromkeys(k for _, k in self.entries):
            m = {i: self.entry("y", i, k) for i, other in self.entries if other == k}
            hm = {i: self.entry("hy", i, k) for i in m} if moving else {}
            z = self.total([(m[i], x[i]) for i in m])
            hz = self.total([pair for i in m for pair in ((m[i], hx[i]), (hm[i], x[i]))]) if moving else ""
            if "g" in self.results:
                place = k * self.channels
                before = code.load(self.results["g"], lanes, place)
                pairs = [(w, hz), (hw, z)] if moving else [(w, z)]
                code.store(self.results["g"], lanes, self.total(pairs, before), place)
            if "g" not in self.given:
                continue
            g = self.load("g", lanes, k)
            t, ht = code.product(g, w), code.product(g, hw) if moving else ""
            by_w = code.gathered(g, hz if moving else z, by_w)
            for i in m:
                by_x[i] = self.total([(hm[i], t), (m[i], ht)] if moving else [(m[i], t)], by_x[i])
                for a, b in [(t, hx[i]), (ht, x[i])] if moving else [(t, x[i])]:
                    code.gather(self.gathered[i, k], a, b)
        if by_w is not None:
            code.store(self.results["w"], lanes, by_w)
        for i, value in by_x.items():
            code.store(self.results["x"], lanes, value, i * self.channels)

    def load(self, name: str, lanes: Lanes, component: int = 0) -> Value:
        """The numbers of a component of a row."""
        return self.edge.code.load(self.given[name], lanes, component * self.channels)

    def entry(self, table: str, i: int, k: int) -> Value:
        """An entry of M or of its tangent, in all lanes."""
        code = self.edge.code
        return code.spread(code.load_scalar(self.edge.tables[table], self.edge.coupling.entries[i, k]))

    def total(self, pairs: Sequence[tuple[Value, Value]], before: Value | None = None) -> Value:
        """The sum of products, added to what was before."""
        for a, b in pairs:
            before = self.edge.code.gathered(a, b, before)
        return before or "zeroinitializer"
