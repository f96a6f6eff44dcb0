"""Products of any letters as compiled kernels, in blocks of rows: each row is a lane of a vector.

A block of rows is turned over in memory of the thread, so that each number of a row is a vector. Then every combination
of copies that a path joins, `out += C · w · x · y`, is a formula on vectors, whatever its letters and their order in
memory: copies outside or inside, pairs of copies, copies that are summed. What the gradients are follows from that
formula. Rows that a block lacks are read as zeros and written nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np

from intertwine.ops.llvm.code import Code, Lanes, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.formula import Formula, Node
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL
from intertwine.plan import Plan

_COPY, _ROWS, _SCRATCH, _TENSORS = HEAD, HEAD + 1, HEAD + 2, HEAD + 3
"""Further places of the arguments: the next copy for a thread, the number of rows, memory for threads, all tensors."""


@dataclass(frozen=True)
class Joining:
    """A table of coefficients, and all combinations of copies that it joins.

    Args:
        coefficients: the table; its axes are the coefficient letters.
        components: for each operand where the entries of the table find its components, in numbers from the first one,
            `table.shape`; None for an operand without coefficient letters.
        places: for each combination where the first component of each operand lies, `(combinations, operands)`.
    """

    coefficients: np.ndarray
    components: tuple[np.ndarray | None, ...]
    places: np.ndarray


@cache
def joinings(plan: Plan) -> tuple[Joining, ...]:
    """The combinations of all paths, with those together that differ in nothing but their places."""
    found: dict[tuple[object, ...], tuple[np.ndarray, tuple[np.ndarray | None, ...], list[np.ndarray]]] = {}
    for path, table in zip(plan.paths, plan.table_of, strict=True):
        sizes = plan.sizes_of(path)
        letters = [letter for letter in sizes if letter not in plan.coefficient_modes]
        shape = [sizes[letter] for letter in letters]
        copies = np.indices(shape).reshape(len(letters), prod(shape))
        entries = np.indices(path.coefficients.array.shape)
        places, components, strides = [], [], []
        for operand, number in zip(plan.operands, path.segments, strict=True):
            own_shape = operand.segments[number]
            step = {letter: prod(own_shape[n + 1 :]) for n, letter in enumerate(operand.modes)}
            own = [step.get(letter, 0) for letter in letters]
            inner = tuple(step.get(letter, 0) for letter in plan.coefficient_modes)
            places.append(operand.slices[number].start + np.array(own, dtype=np.int64) @ copies)
            components.append(np.tensordot(inner, entries, 1) if any(inner) else None)
            strides.append(inner)
        key = (table, *strides)
        found.setdefault(key, (path.coefficients.array, tuple(components), []))[2].append(np.stack(places, 1))
    return tuple(Joining(table, where, np.concatenate(places)) for table, where, places in found.values())


@cache
def fills_once(plan: Plan) -> bool:
    """Whether each number of the output comes from one combination of one path."""
    found = [np.zeros(0, dtype=np.int64)]
    for joining in joinings(plan):
        *_, where = joining.components
        reached = [0] if where is None else np.unique(where[joining.coefficients != 0])
        found.append(np.add.outer(joining.places[:, -1], reached).ravel())
    return bool(np.array_equal(np.sort(np.concatenate(found)), np.arange(plan.output.size)))


def scratch_size(plan: Plan, kind: str, lanes: int) -> int:
    """The numbers that a thread keeps: all operands turned over, and a row of zeros and one that nobody reads."""
    sizes = row_sizes(plan)
    names = [*read_names(plan, kind), *made_names(plan, kind)]
    return lanes * sum(sizes[name[-1]] for name in names) + 2 * (max(sizes.values()) + lanes)


def row_sizes(plan: Plan) -> dict[str, int]:
    """The numbers in a row of each operand."""
    return dict(zip((*input_names(plan), "g"), (operand.size for operand in plan.operands), strict=True))


def input_names(plan: Plan) -> tuple[str, ...]:
    """The names of the inputs: weights, if there are three, and both factors."""
    return ("w", "x", "y")[-len(plan.inputs) :]


def read_names(plan: Plan, kind: str) -> list[str]:
    """What a kernel reads: the inputs, the cotangent of the output, and the directions in which inputs move."""
    names = input_names(plan)
    return {"forward": [*names], "backward": [*names, "g"], "second": [*names, "g", *("h" + n for n in names)]}[kind]


def made_names(plan: Plan, kind: str) -> list[str]:
    """What it writes: the output, or gradients by these."""
    names = input_names(plan)
    return {"forward": ["g"], "backward": [*names], "second": [*names, "g"]}[kind]


def write_blocks(plan: Plan, machine: Machine, kind: str, *, shared: bool, double: bool) -> str:
    """The code of one kernel.

    Args:
        plan: weights, if any, and two factors.
        machine: what it is for.
        kind: "forward", "backward" or "second".
        shared: whether all rows have the same weights.
        double: whether numbers are float64.
    """
    code = machine.code(double=double)
    with code.function("work") as arguments:
        _Blocks(code, plan, kind, shared).write(arguments)
    code.launcher("run", "work", THREADS)
    return code.text()


@dataclass(frozen=True)
class _Blocks:
    """The loop over blocks of rows.

    Args:
        code: what is written to.
        plan: the product.
        kind: which kernel.
        shared: whether all rows have the same weights: then they are numbers, and not vectors.
    """

    code: Code
    plan: Plan
    kind: str
    shared: bool

    def write(self, arguments: Value) -> None:
        code, sizes = self.code, row_sizes(self.plan)
        read, made = read_names(self.plan, self.kind), made_names(self.plan, self.kind)
        total, piece = code.integer(arguments, TOTAL), code.integer(arguments, PIECE)
        rows, copy = code.integer(arguments, _ROWS), code.taken(arguments, _COPY, 1)
        tensors = [code.pointer(arguments, _TENSORS + n) for n in range(len(read) + len(made))]
        given, results = dict(zip(read, tensors, strict=False)), dict(zip(made, tensors[len(read) :], strict=True))
        size = scratch_size(self.plan, self.kind, code.lanes)
        free = code.at(code.pointer(arguments, _SCRATCH), code.times(copy, size))
        most = max(sizes.values()) + code.lanes
        nothing, nowhere, free = free, code.at(free, most), code.at(free, 2 * most)
        code.clear(nothing, most)
        read_at: dict[str, Value] = {}
        made_at: dict[str, Value] = {}
        for columns, names in ((read_at, read), (made_at, made)):
            for name in names:
                columns[name] = free
                free = code.at(free, sizes[name[-1]] * code.lanes)
        if self.sums:
            code.clear(made_at["w"], sizes["w"] * code.lanes)
        with code.shares(arguments, COUNTER, total, piece) as (start, stop), code.loop(stop, start) as block:
            first = code.times(block, code.lanes)
            numbers = [code.plus(first, lane) for lane in range(code.lanes)]
            for name in read:
                if not self.is_number(name):
                    places = [code.row(given[name], n, rows, sizes[name[-1]], nothing) for n in numbers]
                    self.turn_in(places, read_at[name], sizes[name[-1]])
            for name in made:
                if not (name == "w" and self.shared) and not self.fills(name):
                    code.clear(made_at[name], sizes[name] * code.lanes)
            sources = {name: given[name] if self.is_number(name) else read_at[name] for name in read}
            for joining in joinings(self.plan):
                self.join(joining, sources, made_at)
            for name in made:
                if not (name == "w" and self.shared):
                    places = [code.row(results[name], n, rows, sizes[name], nowhere) for n in numbers]
                    self.turn_out(made_at[name], places, sizes[name])
        if self.sums:
            own = code.at(results["w"], code.times(copy, sizes["w"]))
            with code.loop(sizes["w"]) as number:
                lanes = code.load(code.at(made_at["w"], code.times(number, code.lanes)), self.whole)
                code.store_scalar(code.at(own, number), 0, code.total(lanes))

    @property
    def sums(self) -> bool:
        """Whether a gradient by weights that all rows share is gathered."""
        return self.shared and "w" in made_names(self.plan, self.kind)

    def fills(self, name: str) -> bool:
        """Whether each number of the output is written once, and not added up from 0."""
        return name == "g" and self.kind == "forward" and fills_once(self.plan)

    @property
    def whole(self) -> Lanes:
        """All lanes of a vector."""
        return Lanes("0", self.code.lanes)

    def is_number(self, name: str) -> bool:
        """Whether what is read is the same for all rows."""
        return self.shared and name[-1] == "w"

    def turn_in(self, rows: Sequence[Value], columns: Value, size: int) -> None:
        """Write each number of a block's rows as a vector, one after the other."""
        code = self.code

        def piece(lanes: Lanes) -> None:
            made = code.turned([code.load(row, lanes) for row in rows])
            place = code.at(columns, code.times(lanes.offset, code.lanes))
            for n, value in enumerate(made[: lanes.count]):
                code.store(place, self.whole, value, n * code.lanes)

        code.channels(size, piece)

    def turn_out(self, columns: Value, rows: Sequence[Value], size: int) -> None:
        """Write the rows of a block from such vectors."""
        code = self.code

        def piece(lanes: Lanes) -> None:
            place = code.at(columns, code.times(lanes.offset, code.lanes))
            found = [code.load(place, self.whole, n * code.lanes) for n in range(lanes.count)]
            made = code.turned([*found, *(code.lanes - lanes.count) * ("zeroinitializer",)])
            for row, value in zip(rows, made, strict=True):
                code.store(row, lanes, value)

        code.channels(size, piece)

    def join(self, joining: Joining, sources: Mapping[str, Value], results: Mapping[str, Value]) -> None:
        """All combinations of one table."""
        code, formula = self.code, Formula()
        operands = (*input_names(self.plan), "g")
        steps = _results(joining, formula, operands, self.kind)
        components = {name: _distinct(joining.components[n]) for n, name in enumerate(operands)}
        apart = [1 if self.is_number(name) else code.lanes for name in operands]
        with code.each((joining.places * apart).tolist()) as places:
            here = dict(zip(operands, places, strict=True))
            values = {}
            for name, source in sources.items():
                if self.is_number(name):
                    values[f"{name}0"] = code.spread(code.load_scalar(code.at(source, here["w"])))
                    continue
                place = code.at(source, here[name[-1]])
                for n in components[name[-1]]:
                    values[f"{name}{n}"] = code.load(place, self.whole, n * code.lanes)
            found = formula.write(code, [*steps.values()], values)
            for (name, n), value in zip(steps, found, strict=True):
                place = code.at(
                    results[name], code.times(here[name], code.lanes) if self.is_number(name) else here[name]
                )
                if not self.fills(name):
                    value = code.sum(code.load(place, self.whole, n * code.lanes), value)
                code.store(place, self.whole, value, n * code.lanes)


def _distinct(components: np.ndarray | None) -> list[int]:
    return [0] if components is None else np.unique(components).tolist()


def _results(joining: Joining, f: Formula, operands: Sequence[str], kind: str) -> dict[tuple[str, int], Node]:
    """What a combination adds to the components of each result, in the language of formulas."""
    names = dict(zip(operands, joining.components, strict=True))
    given = {n: {c: f.given(f"{n}{c}") for c in _distinct(places)} for n, places in names.items()}
    sums: dict[int, list[Node]] = {}
    for entry in np.argwhere(joining.coefficients).tolist():
        where = {n: 0 if places is None else int(places[*entry]) for n, places in names.items()}
        factors = [given[n][where[n]] for n in operands[:-1] if names[n] is not None]
        product = factors[0] if factors else f.number(1.0)
        for factor in factors[1:]:
            product = f.product(product, factor)
        coefficient = f.number(float(joining.coefficients[*entry]))
        sums.setdefault(where["g"], []).append(f.product(coefficient, product))
    values = {}
    for k, terms in sums.items():
        values[k] = f.sum(*terms)
        for n in operands[:-1]:
            if names[n] is None:
                values[k] = f.product(given[n][0], values[k])
    results = {("g", k): value for k, value in values.items()}
    if kind != "forward":
        inputs = {(n, c): given[n][c] for n in operands[:-1] for c in given[n]}
        gradients = f.gradient([*values.values()], [given["g"][k] for k in values], [*inputs.values()])
        if kind == "second":
            along = {step: f.given(f"h{n}{c}") for (n, c), step in inputs.items()}
            gradients = f.change(gradients, along)
            changed = dict(zip(results, f.change([*values.values()], along), strict=True))
        results = dict(zip(inputs, gradients, strict=True)) | (changed if kind == "second" else {})
    zero = f.number(0.0)
    return {place: step for place, step in results.items() if step != zero}
