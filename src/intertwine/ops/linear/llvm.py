"""Products of features with matrices of weights as compiled kernels: linear maps, straight from rows into rows.

For plans with weights "uw", x "iu" and the output "kw":

    out[b, k, w] = Σ_paths C[i, k] Σ_u x[b, i, u] weight[u, w].

Each nonzero coefficient is one product of a matrix with a component of x, whose channels lie side by side in each row.
The function is linear in weights and x, and so has two gradients. That by x is the same with transposed matrices; that
by the weights sums outer products. A kernel gathers a tile of the result, a few rows times a few vectors of columns, in
registers: each number that it reads from memory enters many products, and nothing is copied or rearranged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np

from intertwine.ops.llvm.code import Code, Lanes, Register, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL
from intertwine.plan import Plan

CHUNK = 64
"""How many rows the gradient by the weights takes at a time: so many stay in the cache."""

_MOST = 2000  # products of which code is written: more would take many seconds to compile


@dataclass(frozen=True)
class MatrixProduct:
    """One matrix, and a component that it meets: `target += factor · source @ matrix`.

    Args:
        source, matrix, target: where they begin in a row of x, in the weights and in a row of the output.
        shape: the channels of the source and of the target.
        factor: the coefficient.
    """

    source: int
    matrix: int
    target: int
    shape: tuple[int, int]
    factor: float

    def turned(self) -> MatrixProduct:
        """The product of the transposed matrix with the target, added to the source."""
        return MatrixProduct(self.target, self.matrix, self.source, self.shape[::-1], self.factor)


@dataclass(frozen=True)
class Mixing:
    """All products of a plan.

    Args:
        products: what is summed.
        sizes: the numbers in the weights, in a row of x and in a row of the output.
    """

    products: tuple[MatrixProduct, ...]
    sizes: tuple[int, int, int]

    def turned(self) -> Mixing:
        """The transpose, for transposed matrices: the gradient by x."""
        weights, x, out = self.sizes
        return Mixing(tuple(product.turned() for product in self.products), (weights, out, x))

    @property
    def targets(self) -> list[list[list[MatrixProduct]]]:
        """The products that lead to each target; those together that differ in places alone: code is written once."""
        found: dict[tuple[int, int], list[MatrixProduct]] = {}
        for product in self.products:
            found.setdefault((product.target, product.shape[1]), []).append(product)
        alike: dict[tuple[object, ...], list[list[MatrixProduct]]] = {}
        for (_, channels), products in found.items():
            products.sort(key=lambda p: (p.shape, p.factor))
            alike.setdefault((channels, *((p.shape, p.factor) for p in products)), []).append(products)
        return [*alike.values()]

    @property
    def matrices(self) -> dict[int, tuple[int, int]]:
        """Where matrices begin, and their shapes."""
        return {product.matrix: product.shape for product in self.products}


def mixing(plan: Plan) -> Mixing | None:
    """The products of a plan that these kernels compute; None for another."""
    if [operand.modes for operand in plan.operands] != ["uw", "iu", "kw"] or plan.coefficient_modes != "ik":
        return None
    weights, x, out = plan.operands
    products = []
    for path in plan.paths:
        u, w = weights.segments[path.segments[0]]
        place, i, k = (operand.slices[n].start for operand, n in zip(plan.operands, path.segments, strict=True))
        for (row, column), factor in np.ndenumerate(path.coefficients.array):
            if factor and u and w:
                products.append(MatrixProduct(i + row * u, place, k + column * w, (u, w), float(factor)))
    found = Mixing(tuple(products), (weights.size, x.size, out.size))
    written = sum(len(_runs(group[0])) for shape in (found, found.turned()) for group in shape.targets)
    return found if written <= _MOST else None


def tile_height(machine: Machine) -> int:
    """The rows of a tile: with two vectors each, their sums fill the machine's registers."""
    return 12 if machine.width == 64 else 6


_TENSORS = HEAD + 2
"""Where the addresses of three tensors begin in the arguments, behind two integers."""


def write_rows(shape: Mixing, machine: Machine, *, double: bool) -> str:
    """The code that computes rows of the output from rows of x and the weights.

    Threads share blocks of rows. The two integers are the number of rows, and how many of them are in full blocks: the
    others are done one by one.
    """
    code, height, (_, source, target) = machine.code(double=double), tile_height(machine), shape.sizes
    with code.function("work") as arguments:
        total, piece, rows, full = (code.integer(arguments, n) for n in (TOTAL, PIECE, HEAD, HEAD + 1))
        x, weights, out = (code.pointer(arguments, _TENSORS + n) for n in range(3))
        with code.shares(arguments, COUNTER, total, piece) as (start, stop):
            first, last = code.times(start, height), code.smaller(code.times(stop, height), rows)
            middle = code.smaller(last, full)
            for begin, end, number in ((first, middle, height), (middle, last, 1)):
                with code.loop(end, begin, number) as row:
                    here, there = code.at(x, code.times(row, source)), code.at(out, code.times(row, target))
                    _write_block(code, shape, number, here, weights, there)
    code.launcher("run", "work", THREADS)
    return code.text()


def _write_block(code: Code, shape: Mixing, rows: int, x: Value, weights: Value, out: Value) -> None:
    """Some rows of the output: what no product leads to is zero."""
    reached = {(product.target, product.shape[1]) for product in shape.products}
    for place, size in _gaps([*reached], shape.sizes[2]):
        for row in range(rows):
            code.clear(code.at(out, place + row * shape.sizes[2]), size)
    for group in shape.targets:
        channels = group[0][0].shape[1]

        def tile(lanes: list[Lanes], group: list[list[MatrixProduct]] = group, channels: int = channels) -> None:
            places = [[products[0].target, *(n for p in products for n in (p.source, p.matrix))] for products in group]
            listed, width = code.listed([*chain.from_iterable(places)]), len(places[0])
            with code.loop(len(places)) as number:
                sums, begin = _Tile(code, rows, lanes), code.times(number, width)
                for first, count, product in _runs(group[0]):
                    sums.scale(product.factor)
                    with code.loop(first + count, first) as n:
                        place = code.plus(code.plus(begin, 1), code.times(n, 2))
                        source = code.at(x, code.integer(listed, place))
                        matrix = code.at(weights, code.integer(listed, code.plus(place, 1)))
                        sums.add(product.shape[0], (source, shape.sizes[1], 1), (matrix, channels))
                sums.store(code.at(out, code.integer(listed, begin)), shape.sizes[2])

        code.blocks(channels, 2 if rows > 1 else 8, tile)


def _runs(products: Sequence[MatrixProduct]) -> list[tuple[int, int, MatrixProduct]]:
    """Where products of one shape and factor begin, how many there are, and the first of them."""
    runs: list[tuple[int, int, MatrixProduct]] = []
    for _, alike in groupby(enumerate(products), lambda pair: (pair[1].shape, pair[1].factor)):
        (first, product), *others = alike
        runs.append((first, 1 + len(others), product))
    return runs


def _gaps(parts: Sequence[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """Where parts (start, size) leave gaps below an end."""
    gaps, last = [], 0
    for start, size in [*sorted(parts), (end, 0)]:
        if start > last:
            gaps.append((last, start - last))
        last = max(last, start + size)
    return gaps


def write_weights(shape: Mixing, machine: Machine, *, double: bool) -> str:
    """The code that sums the gradient by the weights, from rows of x and of the cotangent.

    Threads share chunks of rows, and each adds to a copy of its own, which is 0 at first. The two integers are the
    number of the next copy, and the number of rows.
    """
    code, height, (size, source, target) = machine.code(double=double), tile_height(machine), shape.sizes
    with code.function("work") as arguments:
        total, piece, rows = (code.integer(arguments, n) for n in (TOTAL, PIECE, HEAD + 1))
        x, g, out = (code.pointer(arguments, _TENSORS + n) for n in range(3))
        out = code.at(out, code.times(code.taken(arguments, HEAD, 1), size))
        with code.shares(arguments, COUNTER, total, piece) as (start, stop), code.loop(stop, start) as chunk:
            first = code.times(chunk, CHUNK)
            number = code.plus(code.smaller(code.plus(first, CHUNK), rows), code.times(first, -1))
            here, there = code.at(x, code.times(first, source)), code.at(g, code.times(first, target))
            _write_chunk(code, shape, height, (number, here, there), out)
    code.launcher("run", "work", THREADS)
    return code.text()


def _write_chunk(code: Code, shape: Mixing, height: int, chunk: tuple[Value, Value, Value], out: Value) -> None:
    """Add to all weights what some rows give, of which there is the number, and where they begin in x and in g."""
    number, x, g = chunk
    found: dict[int, list[MatrixProduct]] = {}
    for product in shape.products:
        found.setdefault(product.matrix, []).append(product)
    alike: dict[tuple[object, ...], list[list[MatrixProduct]]] = {}
    for products in found.values():
        alike.setdefault(tuple((p.shape, p.factor) for p in products), []).append(products)
    for group in alike.values():
        u, w = group[0][0].shape
        places = [[products[0].matrix, *(n for p in products for n in (p.source, p.target))] for products in group]
        with code.each(places) as (matrix, *pairs):
            for first, last, rows in ((0, u - u % height, height), (u - u % height, u, u % height)):
                if first == last:
                    continue
                with code.loop(last, first, rows) as row:
                    given = rows, row, group[0], w

                    def tile(lanes: list[Lanes], given: tuple[int, Value, list[MatrixProduct], int] = given) -> None:
                        rows, row, products, w = given
                        sums = _Tile(code, rows, lanes)
                        for n, product in enumerate(products):
                            sources = code.at(code.at(x, pairs[2 * n]), row)
                            targets = code.at(g, pairs[2 * n + 1])
                            left, right = (sources, 1, shape.sizes[1]), (targets, shape.sizes[2])
                            sums.scale(product.factor)
                            sums.add(number, left, right)
                        sums.store(code.at(out, code.plus(matrix, code.times(row, w))), w, adds=True)

                    code.blocks(w, 2, tile)


class _Tile:
    """A tile of results, gathered in registers: some rows of some vectors of columns."""

    def __init__(self, code: Code, rows: int, lanes: Sequence[Lanes]) -> None:
        self.code, self.lanes = code, lanes
        self.factor: float | None = None
        self.sums: list[list[Register]] = [[code.register() for _ in lanes] for _ in range(rows)]

    def scale(self, factor: float) -> None:
        """The factor of what is added from here on. Sums are kept without it: what was gathered before is scaled."""
        if self.factor is not None and self.factor != factor:
            for register in chain.from_iterable(self.sums):
                self.code.scale(register, self.factor / factor)
        self.factor = factor

    def add(self, number: Value | int, left: tuple[Value, int, int], right: tuple[Value, int]) -> None:
        """Add `factor · Σ_n left[row, n] right[n, column]`, for a number of steps.

        Args:
            left: the place of the first number, and how far apart rows and steps are.
            right: the same of the vectors of columns, of which all rows share each.
        """
        code, (x, apart, step), (y, stride) = self.code, left, right
        with code.loop(number) as n:
            here, there = code.at(x, code.times(n, step)), code.at(y, code.times(n, stride))
            vectors = [code.load(there, lanes) for lanes in self.lanes]
            for row, registers in enumerate(self.sums):
                value = code.spread(code.load_scalar(here, row * apart))
                for register, vector in zip(registers, vectors, strict=True):
                    code.gather(register, value, vector)

    def store(self, place: Value, apart: int, *, adds: bool = False) -> None:
        """Write the tile to rows that lie so far apart, or add it to what is there."""
        code, factor = self.code, self.code.constant(self.factor or 0.0)
        for row, registers in enumerate(self.sums):
            for lanes, register in zip(self.lanes, registers, strict=True):
                before = code.load(place, lanes, row * apart) if adds else None
                code.store(place, lanes, code.gathered(code.read(register), factor, before), row * apart)


def write_turned(shape: Mixing, machine: Machine, *, double: bool) -> str:
    """The code that transposes all matrices, each in its place."""
    code = machine.code(double=double)
    alike: dict[tuple[int, int], list[tuple[int]]] = {}
    for place, size in shape.matrices.items():
        alike.setdefault(size, []).append((place,))
    with code.function("run", exported=True) as arguments:
        weights, out = (code.pointer(arguments, _TENSORS + n) for n in range(2))
        for (u, w), places in alike.items():
            with code.each(places) as row:
                matrix, turned = code.at(weights, row[0]), code.at(out, row[0])

                def block(rows: Lanes, matrix: Value = matrix, turned: Value = turned, u: int = u, w: int = w) -> None:
                    def part(columns: Lanes) -> None:
                        here = code.at(matrix, code.times(rows.offset, w))
                        there = code.at(turned, code.times(columns.offset, u))
                        given = [code.load(here, columns, n * w) for n in range(rows.count)]
                        found = code.turned([*given, *(code.lanes - rows.count) * ("zeroinitializer",)])
                        for n in range(columns.count):
                            code.store(there, rows, found[n], n * u)

                    code.channels(w, part)

                code.channels(u, block)
    return code.text()
