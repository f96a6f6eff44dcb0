"""Channel-wise products of rows, and their gradients, as compiled kernels: over the edges of a graph, or row by row.

For plans with weights "vu", x "iu", y "jv" and the output "ku":

    out[t, k, u] = Σ_{e: s → t} Σ_paths,v w[e, v, u] Σ_i M_v[i, k] x[s, i, u],    M_v[i, k] = Σ_j C[i, j, k] y[e, j, v].

M is a small table of scalars, made once per edge for all channels: real Clebsch–Gordan tables have hardly more nonzero
entries than it. Then each channel is a lane of a vector, and each path a handful of multiplications in registers. The
output may keep the copies v apart ("kvu"), weights may be the same for all edges or missing, and y may be the factor
with the channels ("uv", "iu", "jv", "kv"), and both x and the output may have the components of a channel side by side
("ui", "uk"): `channel_layout` reads all of these.

All kernels come from one function F = Σ_e <g[t], w M x>. It is linear in x, w, M and g, so its gradients are products
of the others: that by g is the convolution, those by x, w and M are the backward pass. The gradients of the *change* of
F, when x, w and M move, are the double backward pass; with them the circle is closed (see `intertwine.ops.closed`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from intertwine.ops.convolve.layout import ChannelLayout, Coupling
from intertwine.ops.llvm.braids import load_braided, store_braided
from intertwine.ops.llvm.code import Code, Lanes, Register, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL

_REGISTERS = 20  # how many sums a loop over channels may gather at once: more would not stay in the processor


GIVEN = {"forward": ("x", "y", "w"), "backward": ("x", "y", "w", "g"), "second": (*"xywg", "hx", "hy", "hw")}
"""What the kernels of a plan with weights read."""

WANTED = {"forward": ("g",), "backward": ("x", "y", "w"), "second": ("x", "y", "w", "g")}
"""What they write."""


def given_names(shape: ChannelLayout, kind: str) -> list[str]:
    """What a kernel reads: the inputs of F, its cotangent g, and the directions in which the inputs move."""
    inputs = operands(shape)
    return {"forward": inputs, "backward": [*inputs, "g"], "second": [*inputs, "g", *("h" + n for n in inputs)]}[kind]


def wanted_names(shape: ChannelLayout, kind: str) -> list[str]:
    """What it writes: the gradients by these operands of F, or of the change of F."""
    inputs = operands(shape)
    return {"forward": ["g"], "backward": inputs, "second": [*inputs, "g"]}[kind]


def operands(shape: ChannelLayout) -> list[str]:
    """The inputs of F: x, y, and the weights, if any."""
    return [name for name in ("x", "y", "w") if name in shape.sizes]


@dataclass(frozen=True)
class RowAccess:
    """Which rows meet.

    Args:
        graph: whether rows of x are gathered along edges and outputs are summed at targets, or every row of the output
            comes from that of x and y.
        shared: whether all rows have the same weights.
    """

    graph: bool
    shared: bool

    def gathered(self, name: str) -> bool:
        """Whether the gradient by an operand sums over rows that several threads share, in a copy for each."""
        return (name == "x" and self.graph) or (name == "w" and self.shared)


def write_convolve(
    shape: ChannelLayout,
    machine: Machine,
    kind: str,
    rows: RowAccess = RowAccess(graph=True, shared=False),
    *,
    double: bool,
) -> str:
    """The code of one kernel.

    Args:
        shape: the layout of the plan.
        machine: what it is for.
        kind: "forward", "backward" or "second".
        rows: which rows meet.
        double: whether numbers are float64.
    """
    code = machine.code(double=double)
    with code.function("work") as arguments:
        _Loops(code, shape, rows, given_names(shape, kind), wanted_names(shape, kind)).write(arguments)
    code.launcher("run", "work", THREADS)
    return code.text()


_COPY, _STRIDES, _GRAPH, _TENSORS = HEAD, HEAD + 1, HEAD + 3, HEAD + 6
"""Further places of the arguments: the next private copy, the sizes of those of x and of the weights, three tensors of
the graph, then all others."""


@dataclass(frozen=True)
class _Loops:
    """The loops around an edge: pieces of targets, the targets of a piece, the edges of a target; or around a row."""

    code: Code
    shape: ChannelLayout
    rows: RowAccess
    given: Sequence[str]
    wanted: Sequence[str]

    def write(self, arguments: Value) -> None:
        code, sizes = self.code, self.shape.sizes
        total, piece = code.integer(arguments, TOTAL), code.integer(arguments, PIECE)
        row, order, source = (code.pointer(arguments, _GRAPH + n) for n in range(3))
        places = {name: code.pointer(arguments, _TENSORS + n) for n, name in enumerate(self.given)}
        first = _TENSORS + len(self.given)
        out = {name: code.pointer(arguments, first + n) for n, name in enumerate(self.wanted)}
        if private := [name for name in out if self.rows.gathered(name)]:
            copy = code.taken(arguments, _COPY, 1)
            for name in private:
                size = code.integer(arguments, _STRIDES + "xw".index(name))
                out[name] = code.at(out[name], code.times(copy, size))
        edge = _Edge(
            code,
            self.shape,
            self.rows,
            {name: code.room(self.shape.entries) for name in ("y", "hy") if name in self.given},
            code.room(sizes["y"] * code.lanes) if "y" in out else "",
        )
        with code.shares(arguments, COUNTER, total, piece) as (start, stop), code.loop(stop, start) as target:
            if "g" in out and not edge.fills:
                code.clear(code.at(out["g"], code.times(target, sizes["g"])), sizes["g"])
            if self.rows.graph:
                with code.loop(code.integer(row, code.plus(target, 1)), code.integer(row, target)) as number:
                    here = code.integer(order, number)
                    edge.write(places, out, {"x": code.integer(source, here), "y": here, "w": here, "g": target})
            else:
                edge.write(places, out, dict.fromkeys(("x", "y", "w", "g"), target))


@dataclass(frozen=True)
class _Edge:
    """What is done on one edge, or in one row.

    Args:
        tables: where M and its tangent are put.
        sums: where the gradient by y is gathered, a vector for each component.
    """

    code: Code
    shape: ChannelLayout
    rows: RowAccess
    tables: Mapping[str, Value]
    sums: Value

    @property
    def fills(self) -> bool:
        """Whether the output is written, and not added up from 0."""
        return not self.rows.graph and self.shape.fills_once and not self.splits

    @property
    def splits(self) -> bool:
        """Whether components that lie side by side are written in several turns: each adds to what is there."""
        if "g" not in self.shape.braided or not self.sums:
            return False
        return any(len(coupling.parts(_REGISTERS)) > 1 for coupling in self.shape.couplings)

    @property
    def adds(self) -> bool:
        """Whether the gradient by the weights is 0 at first, and all paths add to it."""
        return "w" in self.shape.sizes and (self.rows.shared or not self.shape.weighs_once)

    def write(self, places: Mapping[str, Value], out: Mapping[str, Value], numbers: Mapping[str, Value]) -> None:
        """The code for rows of these numbers of all operands, whose tensors begin at places and out."""
        code, sizes = self.code, self.shape.sizes
        offsets = {name: code.times(numbers[name], size) for name, size in sizes.items()}
        if self.rows.shared:
            offsets["w"] = "0"
        given = {name: code.at(place, offsets[name.removeprefix("h")]) for name, place in places.items()}
        results = {name: code.at(place, offsets[name]) for name, place in out.items()}
        if "y" in results:
            code.clear(self.sums, sizes["y"] * code.lanes)
        for name, adds in (("x", True), ("w", self.adds)):  # copies for threads are 0 when they come
            if adds and name in results and not self.rows.gathered(name):
                code.clear(results[name], sizes[name])
        for name, room in self.tables.items():  # all at once where that can be: they are read long after
            for coupling in self.shape.couplings:
                if coupling.copies == 1:
                    self.tabulate(coupling, given[name], room)
        for coupling in self.shape.couplings:
            with self.each_copy(coupling) as copy:
                for name, room in self.tables.items():
                    if coupling.copies != 1:
                        self.tabulate(coupling, code.at(given[name], copy), room)
                _Copy(self, coupling, copy, given, results).write()
        if "y" in results:
            for j in range(sizes["y"]):
                lanes = code.load(self.sums, Lanes("0", code.lanes), j * code.lanes)
                code.store_scalar(results["y"], j, code.total(lanes))

    @contextmanager
    def each_copy(self, coupling: Coupling) -> Iterator[Value]:
        """What stands inside is done for all copies of a segment of y."""
        if coupling.copies == 1:
            yield "0"
            return
        with self.code.loop(coupling.copies) as copy:
            yield copy

    def tabulate(self, coupling: Coupling, y: Value, room: Value) -> None:
        """M[i, k] = Σ_j C[i, j, k] y[j] of one copy, into memory of the thread."""
        code = self.code
        components = range(coupling.coefficients.shape[1])
        values = [code.load_scalar(y, coupling.y + j * coupling.copies) for j in components]
        for (i, k), place in coupling.entries.items():
            column = coupling.coefficients[i, :, k]
            used = np.flatnonzero(column).tolist()
            code.store_scalar(room, place, code.linear([values[j] for j in used], column[used].tolist()))


@dataclass(frozen=True)
class _Copy:
    """What one coupling does with one copy of its segment of y: all its paths, all their channels.

    Args:
        given: where the rows of x, w, g and their tangents hx, hw are.
        results: where the gradients by x, w, g go.
    """

    edge: _Edge
    coupling: Coupling
    copy: Value
    given: Mapping[str, Value]
    results: Mapping[str, Value]

    def write(self) -> None:
        code, by_y = self.edge.code, "y" in self.results
        for number, components in enumerate(self.coupling.parts(_REGISTERS if by_y else 10**6)):
            entries = [pair for pair in self.coupling.entries if pair[1] in components]
            gathered = {pair: code.register() for pair in entries} if by_y else {}
            for channels, paths in self.coupling.paths.items():
                shift = "0" if self.coupling.copies == 1 else code.times(self.copy, channels)
                with code.each(paths) as (x, w, g):
                    begin = {"x": (x, "0"), "w": (w, shift), "g": (g, shift if self.coupling.apart else "0")}
                    given = {n: self.begin(p, begin[n[-1]]) for n, p in self.given.items() if n[-1] != "y"}
                    results = {n: self.begin(p, begin[n]) for n, p in self.results.items() if n != "y"}
                    body = _Channels(self, channels, entries, number == 0, given, results, gathered)
                    code.channels(channels, body.write)
            for j in range(self.coupling.coefficients.shape[1]):
                self.gather(j, gathered)

    def begin(self, place: Value, offsets: tuple[Value | int, Value]) -> Value:
        """The address some numbers further on."""
        return self.edge.code.at(self.edge.code.at(place, offsets[0]), offsets[1])

    def gather(self, j: int, entries: Mapping[tuple[int, int], Register]) -> None:
        """Add `Σ_ik C[i, j, k]` times what was gathered for M[i, k] to the gradient by y[j], lane by lane."""
        code, total = self.edge.code, None
        for (i, k), register in entries.items():
            if (factor := self.coupling.coefficients[i, j, k]) != 0:
                total = code.gathered(code.read(register), code.constant(factor), total)
        if total is not None:
            lanes = Lanes("0", code.lanes)
            sums = self.edge.sums
            if self.coupling.copies > 1:
                sums = code.at(sums, code.times(self.copy, code.lanes))
            place = (self.coupling.y + j * self.coupling.copies) * code.lanes
            code.store(sums, lanes, code.sum(total, code.load(sums, lanes, place)), place)


@dataclass(frozen=True)
class _Channels:
    """What is done in each channel: F and its gradients, for some entries of M.

    Args:
        channels: how many there are: components of x lie so far apart.
        entries: the entries of M that are met here.
        is_first: whether no others were met before, so that the gradient by w begins here.
        given, results: where rows begin, at the first channel.
        gathered: what gathers the gradients by entries of M.
        copy: the coupling, and the copy of y.
    """

    copy: _Copy
    channels: int
    entries: Sequence[tuple[int, int]]
    is_first: bool
    given: Mapping[str, Value]
    results: Mapping[str, Value]
    gathered: Mapping[tuple[int, int], Register]

    @property
    def apart(self) -> Mapping[str, int]:
        """How far apart components of x and of the output lie."""
        coupling = self.copy.coupling
        return {"x": self.channels, "g": self.channels * (coupling.copies if coupling.apart else 1)}

    def write(self, lanes: Lanes) -> None:
        edge = self.copy.edge
        code, moving, weighted = edge.code, "hx" in self.given, "w" in self.given
        rows = sorted({i for i, _ in self.entries})
        x = self.read(self.given, "x", lanes, rows)
        hx = self.read(self.given, "hx", lanes, rows) if moving else {}
        w, hw = (code.load(self.given[n], lanes) if n in self.given else "" for n in ("w", "hw"))
        by_x = self.read(self.results, "x", lanes, rows) if "x" in self.results else {}
        g: dict[int, Value] = {}
        by_g: dict[int, Value] = {}
        begins = self.is_first and not edge.adds
        by_w = None if begins or "w" not in self.results else code.load(self.results["w"], lanes)
        if self.is_first and weighted and not edge.rows.shared:
            for name in ("w", "hw") if moving else ("w",):
                code.fetch(self.given[name], lanes, edge.shape.sizes["w"])
        for k in dict.fromkeys(k for _, k in self.entries):
            m = {i: self.entry("y", i, k) for i, other in self.entries if other == k}
            hm = {i: self.entry("hy", i, k) for i in m} if moving else {}
            z = self.total([(m[i], x[i]) for i in m])
            hz = self.total([pair for i in m for pair in ((m[i], hx[i]), (hm[i], x[i]))]) if moving else ""
            if "g" in self.results:
                if not edge.fills:
                    by_g = by_g if k in by_g else self.read(self.results, "g", lanes, [k])
                by_g[k] = self.weighed(z, hz, w, hw, by_g.get(k))
                if "g" not in edge.shape.braided:
                    self.write_back("g", lanes, {k: by_g.pop(k)})
            if "g" not in self.given:
                continue
            g = g if k in g else self.read(self.given, "g", lanes, [k])
            t, ht = (code.product(g[k], w), code.product(g[k], hw) if moving else "") if weighted else (g[k], "")
            if "w" in self.results:
                by_w = code.gathered(g[k], hz if moving else z, by_w)
            for i in m:
                pairs = ([(hm[i], t)] + ([(m[i], ht)] if ht else [])) if moving else [(m[i], t)]
                by_x[i] = self.total(pairs, by_x[i])
                for a, b in ([(t, hx[i])] + ([(ht, x[i])] if ht else [])) if moving else [(t, x[i])]:
                    code.gather(self.gathered[i, k], a, b)
        if by_w is not None:
            code.store(self.results["w"], lanes, by_w)
        self.write_back("x", lanes, by_x)
        self.write_back("g", lanes, by_g)

    def weighed(self, z: Value, hz: Value, w: Value, hw: Value, before: Value | None) -> Value:
        """The output w z, or its change w hz + hw z, added to what was before; without weights z or hz."""
        code = self.copy.edge.code
        if not w:
            value = hz or z
            return value if before is None else code.sum(value, before)
        return self.total([(w, hz), (hw, z)] if hz else [(w, z)], before)

    def read(self, places: Mapping[str, Value], name: str, lanes: Lanes, components: Sequence[int]) -> dict[int, Value]:
        """Some components of a row; where they lie side by side, all."""
        code, kind = self.copy.edge.code, name[-1]
        if kind in self.copy.edge.shape.braided:
            return dict(enumerate(load_braided(code, places[name], lanes, self.components(kind))))
        return {n: code.load(places[name], lanes, n * self.apart[kind]) for n in components}

    def write_back(self, name: str, lanes: Lanes, values: Mapping[int, Value]) -> None:
        """Write components of a row as `read` reads them."""
        code = self.copy.edge.code
        if values and name in self.copy.edge.shape.braided:
            store_braided(code, self.results[name], lanes, [values[n] for n in range(self.components(name))])
            return
        for n, value in values.items():
            code.store(self.results[name], lanes, value, n * self.apart[name])

    def components(self, name: str) -> int:
        """How many components x or the output has."""
        return int(self.copy.coupling.coefficients.shape[0 if name == "x" else 2])

    def entry(self, table: str, i: int, k: int) -> Value:
        """An entry of M or of its tangent, in all lanes."""
        edge = self.copy.edge
        return edge.code.spread(edge.code.load_scalar(edge.tables[table], self.copy.coupling.entries[i, k]))

    def total(self, pairs: Sequence[tuple[Value, Value]], before: Value | None = None) -> Value:
        """The sum of products, added to what was before."""
        for a, b in pairs:
            before = self.copy.edge.code.gathered(a, b, before)
        return before or "zeroinitializer"
