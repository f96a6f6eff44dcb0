"""Machine code as text: the few words of LLVM's language that kernels are written in.

A kernel is a Python function that calls methods of a `Code`: each writes one instruction and returns the name of its
result, a text such as "%t7" that later instructions take. Loops and tables are Python's where they are known when the
kernel is made (components, paths, coefficients) and the machine's where they are not (edges, channels). So what runs
has no index arithmetic for coefficients, and no branch.

Numbers come in two kinds: scalars, and vectors of `lanes` numbers that lie side by side, one for each channel.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Value = str
"""The name of a value: a scalar, a vector, an integer or a pointer."""


@dataclass(frozen=True)
class Register:
    """A vector that changes: what a sum is gathered in. LLVM keeps it in a register of the processor."""

    place: Value


@dataclass(frozen=True)
class Lanes:
    """Which channels an instruction treats: those from an offset on, all lanes or, at the end, the first few.

    Args:
        offset: the number of the first channel.
        count: how many channels, at most the number of lanes.
    """

    offset: Value
    count: int


class Code:
    """A module of LLVM's language that grows instruction by instruction.

    Args:
        lanes: the numbers in a vector.
        double: whether numbers are float64 rather than float32.
        fused: whether the processor multiplies and adds in one instruction. Without, asking for it would call a slow
            function for each number.
    """

    def __init__(self, lanes: int, *, double: bool = False, fused: bool = True) -> None:
        self.lanes, self.fused = lanes, fused
        self.scalar, self.bytes, self._suffix = ("double", 8, "f64") if double else ("float", 4, "f32")
        self.vector = f"<{lanes} x {self.scalar}>"
        self._functions: list[str] = []
        self._declared: set[str] = set()
        self._body: list[str] = []
        self._stack: list[str] = []
        self._number = 0
        self._block = "entry"

    def text(self) -> str:
        """The whole module."""
        attributes = 'attributes #0 = { nounwind "no-trapping-math"="true" }'
        return "\n".join([*sorted(self._declared), *self._functions, attributes])

    # the frame --------------------------------------------------------------------------------------------------------

    @contextmanager
    def function(self, name: str, *, exported: bool = False) -> Iterator[Value]:
        """A function of one pointer, to its arguments; one that callers see, or a part of the kernel."""
        self._body, self._stack, self._block = [], [], "entry"
        yield "%arguments"
        head = f"define {'' if exported else 'internal '}void @{name}(ptr %arguments) #0 {{"
        self._functions += [head, "entry:", *self._stack, *self._body, "ret void", "}"]

    def launcher(self, name: str, work: str, threads: int) -> None:
        """A function for callers: runs `work` once, or in several threads where the first argument says by what.

        The first argument is the address of OpenMP's `GOMP_parallel`, or 0; the one at `threads` is their number.
        """
        self._functions += [
            f"define void @{name}(ptr %arguments) {{",
            "entry:",
            "%parallel = load ptr, ptr %arguments",
            "%alone = icmp eq ptr %parallel, null",
            "br i1 %alone, label %one, label %many",
            "one:",
            f"call void @{work}(ptr %arguments)",
            "ret void",
            "many:",
            f"%place = getelementptr i64, ptr %arguments, i64 {threads}",
            "%wide = load i64, ptr %place",
            "%threads = trunc i64 %wide to i32",
            f"call void %parallel(ptr @{work}, ptr %arguments, i32 %threads, i32 0)",
            "ret void",
            "}",
        ]

    def _name(self) -> Value:
        self._number += 1
        return f"%t{self._number}"

    def _do(self, instruction: str) -> None:
        self._body.append(instruction)

    def _get(self, instruction: str) -> Value:
        name = self._name()
        self._do(f"{name} = {instruction}")
        return name

    def _call(self, result: str, function: str, *arguments: tuple[str, Value]) -> Value:
        """The result of one of LLVM's own functions, of (type, value) pairs, which is declared on the way."""
        self._declared.add(f"declare {result} @{function}({', '.join(kind for kind, _ in arguments)})")
        return self._get(f"call {result} @{function}({', '.join(f'{kind} {value}' for kind, value in arguments)})")

    # integers and addresses -------------------------------------------------------------------------------------------

    def plus(self, a: Value | int, b: Value | int) -> Value:
        """The sum of two integers."""
        return self._get(f"add nsw i64 {a}, {b}")

    def times(self, a: Value | int, b: Value | int) -> Value:
        """The product of two integers."""
        return self._get(f"mul nsw i64 {a}, {b}")

    def smaller(self, a: Value | int, b: Value | int) -> Value:
        """The smaller of two integers."""
        less = self._get(f"icmp slt i64 {a}, {b}")
        return self._get(f"select i1 {less}, i64 {a}, i64 {b}")

    def integer(self, place: Value, number: Value | int = 0) -> Value:
        """The integer at a place of a list."""
        return self._get(f"load i64, ptr {self._slot(place, number)}")

    def pointer(self, place: Value, number: int) -> Value:
        """The address at a place of a list."""
        return self._get(f"load ptr, ptr {self._slot(place, number)}")

    def taken(self, place: Value, number: int, amount: Value | int) -> Value:
        """The integer there, which grows by an amount in the same breath: no two threads take the same."""
        return self._get(f"atomicrmw add ptr {self._slot(place, number)}, i64 {amount} monotonic")

    def listed(self, values: Sequence[int]) -> Value:
        """The address of known integers."""
        self._number += 1
        name = f"@list{self._number}"
        numbers = ", ".join(f"i64 {value}" for value in values)
        self._declared.add(f"{name} = internal constant [{len(values)} x i64] [{numbers}]")
        return name

    def _slot(self, place: Value, number: Value | int) -> Value:
        return self._get(f"getelementptr i64, ptr {place}, i64 {number}")

    def at(self, place: Value, offset: Value | int) -> Value:
        """The address of a number that lies some numbers further on."""
        return place if offset in (0, "0") else self._get(f"getelementptr {self.scalar}, ptr {place}, i64 {offset}")

    def row(self, place: Value, number: Value, count: Value, size: int, otherwise: Value) -> Value:
        """The address of a row of some size in a tensor of so many rows; another one for a row that is not there."""
        there = self._get(f"icmp slt i64 {number}, {count}")
        return self._get(f"select i1 {there}, ptr {self.at(place, self.times(number, size))}, ptr {otherwise}")

    def room(self, size: int) -> Value:
        """Memory for some numbers, private to the thread."""
        name = self._name()
        self._stack.append(f"{name} = alloca {self.scalar}, i64 {max(size, 1)}, align 64")
        return name

    # scalars ----------------------------------------------------------------------------------------------------------

    def literal(self, number: float) -> str:
        """A number as LLVM writes it: the bits of the double, of a float32 those that it has."""
        exact = number if self.bytes == 8 else struct.unpack("f", struct.pack("f", number))[0]
        return f"0x{struct.unpack('Q', struct.pack('d', exact))[0]:016X}"

    def load_scalar(self, place: Value, offset: int = 0) -> Value:
        """The number at a place."""
        return self._get(f"load {self.scalar}, ptr {self.at(place, offset)}, align {self.bytes}")

    def store_scalar(self, place: Value, offset: int, value: Value) -> None:
        """Write a number to a place."""
        self._do(f"store {self.scalar} {value}, ptr {self.at(place, offset)}, align {self.bytes}")

    def linear(self, values: Sequence[Value], factors: Sequence[float]) -> Value:
        """The sum of scalars with known factors, one at least."""
        terms = [
            self._get(f"fmul contract {self.scalar} {v}, {self.literal(c)}")
            for v, c in zip(values, factors, strict=True)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = self._get(f"fadd contract {self.scalar} {total}, {term}")
        return total

    # vectors ----------------------------------------------------------------------------------------------------------

    def load(self, place: Value, lanes: Lanes, offset: int = 0) -> Value:
        """The numbers of some channels; 0 in lanes that have none."""
        here = self.at(self.at(place, lanes.offset), offset)
        if lanes.count == self.lanes:
            return self._get(f"load {self.vector}, ptr {here}, align {self.bytes}")
        name, bits = f"llvm.masked.load.v{self.lanes}{self._suffix}.p0", f"<{self.lanes} x i1>"
        nothing = (self.vector, "zeroinitializer")
        return self._call(
            self.vector, name, ("ptr", here), ("i32", str(self.bytes)), (bits, self._mask(lanes)), nothing
        )

    def store(self, place: Value, lanes: Lanes, value: Value, offset: int = 0) -> None:
        """Write the numbers of some channels; lanes that have none write nothing."""
        here = self.at(self.at(place, lanes.offset), offset)
        if lanes.count == self.lanes:
            self._do(f"store {self.vector} {value}, ptr {here}, align {self.bytes}")
            return
        name, bits = f"llvm.masked.store.v{self.lanes}{self._suffix}.p0", f"<{self.lanes} x i1>"
        self._declared.add(f"declare void @{name}({self.vector}, ptr, i32, {bits})")
        self._do(f"call void @{name}({self.vector} {value}, ptr {here}, i32 {self.bytes}, {bits} {self._mask(lanes)})")

    def fetch(self, place: Value, lanes: Lanes, offset: int = 0) -> None:
        """Ask for memory that will be read soon: a long row arrives while the one before is computed with."""
        self._declared.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        here = self.at(self.at(place, lanes.offset), offset)
        self._do(f"call void @llvm.prefetch.p0(ptr {here}, i32 0, i32 3, i32 1)")

    def spread(self, scalar: Value) -> Value:
        """A scalar in all lanes."""
        first = self._get(f"insertelement {self.vector} poison, {self.scalar} {scalar}, i64 0")
        return self._get(
            f"shufflevector {self.vector} {first}, {self.vector} poison, <{self.lanes} x i32> zeroinitializer"
        )

    def constant(self, number: float) -> Value:
        """A known number in all lanes."""
        return f"splat ({self.scalar} {self.literal(number)})"

    def product(self, a: Value, b: Value) -> Value:
        """The product, lane by lane."""
        return self._get(f"fmul {self.vector} {a}, {b}")

    def sum(self, a: Value, b: Value) -> Value:
        """The sum, lane by lane."""
        return self._get(f"fadd {self.vector} {a}, {b}")

    def quotient(self, a: Value, b: Value) -> Value:
        """The quotient, lane by lane."""
        return self._get(f"fdiv {self.vector} {a}, {b}")

    def root(self, value: Value) -> Value:
        """The square root, lane by lane."""
        return self._call(self.vector, f"llvm.sqrt.v{self.lanes}{self._suffix}", (self.vector, value))

    def size(self, value: Value) -> Value:
        """The absolute value, lane by lane."""
        return self._call(self.vector, f"llvm.fabs.v{self.lanes}{self._suffix}", (self.vector, value))

    def larger(self, a: Value, b: Value) -> Value:
        """The larger number, lane by lane."""
        name = f"llvm.maxnum.v{self.lanes}{self._suffix}"
        return self._call(self.vector, name, (self.vector, a), (self.vector, b))

    def unless_zero(self, tested: Value, value: Value, otherwise: float) -> Value:
        """A value in lanes where what is tested is not 0, and a known number in the others."""
        bits = self._get(f"fcmp une {self.vector} {tested}, zeroinitializer")
        return self._get(
            f"select <{self.lanes} x i1> {bits}, {self.vector} {value}, {self.vector} {self.constant(otherwise)}"
        )

    def turned(self, vectors: Sequence[Value]) -> list[Value]:
        """As many vectors as there are lanes, as a square matrix, transposed: rows of memory become lanes."""
        n, step, rows = self.lanes, 1, list(vectors)
        while step < n:
            low = [lane if not lane & step else n + (lane ^ step) for lane in range(n)]
            high = [lane | step if not lane & step else n + lane for lane in range(n)]
            before = list(rows)
            for i in range(n):
                if not i & step:
                    rows[i] = self.mixed(before[i], before[i | step], low)
                    rows[i | step] = self.mixed(before[i], before[i | step], high)
            step *= 2
        return rows

    def mixed(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Some lanes of two vectors, which count on."""
        places = ", ".join(f"i32 {lane}" for lane in lanes)
        return self._get(f"shufflevector {self.vector} {a}, {self.vector} {b}, <{self.lanes} x i32> <{places}>")

    def columns(self, place: Value, number: int) -> list[Value]:
        """The columns of a block of as many rows as there are lanes: number J of each row is a lane of vector J."""
        found: list[Value] = []
        for first in range(0, number, self.lanes):
            lanes = Lanes(str(first), min(self.lanes, number - first))
            found += self.turned([self.load(place, lanes, row * number) for row in range(self.lanes)])[: lanes.count]
        return found

    def store_columns(self, place: Value, values: Sequence[Value]) -> None:
        """Write a block of rows, given its columns."""
        for first in range(0, len(values), self.lanes):
            part = list(values[first : first + self.lanes])
            lanes = Lanes(str(first), len(part))
            rows = self.turned([*part, *(self.lanes - len(part)) * ("zeroinitializer",)])
            for row, value in enumerate(rows):
                self.store(place, lanes, value, row * len(values))

    def gathered(self, a: Value, b: Value, total: Value | None) -> Value:
        """`a b + total`, lane by lane; without a total yet `a b`."""
        if total is None:
            return self.product(a, b)
        name = f"llvm.{'fma' if self.fused else 'fmuladd'}.v{self.lanes}{self._suffix}"
        return self._call(self.vector, name, *((self.vector, value) for value in (a, b, total)))

    def total(self, value: Value) -> Value:
        """The sum over all lanes."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{self._suffix}"
        self._declared.add(f"declare {self.scalar} @{name}({self.scalar}, {self.vector})")
        zero = f"{self.scalar} {self.literal(-0.0)}"
        return self._get(f"call reassoc {self.scalar} @{name}({zero}, {self.vector} {value})")

    def register(self) -> Register:
        """A vector that changes, 0 at first, and again wherever the program comes by here."""
        name = self._name()
        self._stack.append(f"{name} = alloca {self.vector}, align 64")
        self._do(f"store {self.vector} zeroinitializer, ptr {name}")
        return Register(name)

    def read(self, register: Register) -> Value:
        """What it holds."""
        return self._get(f"load {self.vector}, ptr {register.place}")

    def gather(self, register: Register, a: Value, b: Value) -> None:
        """Add `a b` to it."""
        value = self.gathered(a, b, self.read(register))
        self._do(f"store {self.vector} {value}, ptr {register.place}")

    def scale(self, register: Register, factor: float) -> None:
        """Multiply it by a known number."""
        value = self.product(self.read(register), self.constant(factor))
        self._do(f"store {self.vector} {value}, ptr {register.place}")

    def _mask(self, lanes: Lanes) -> str:
        bits = ", ".join(f"i1 {'true' if lane < lanes.count else 'false'}" for lane in range(self.lanes))
        return f"<{bits}>"

    # repetition -------------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, stop: Value | int, start: Value | int = 0, step: int = 1) -> Iterator[Value]:
        """What stands inside is done for the integers from start on, below stop."""
        self._number += 1
        k, before = self._number, self._block
        self._do(f"br label %head{k}")
        self._enter(f"head{k}")
        self._do(f"%i{k} = phi i64 [{start}, %{before}], [%next{k}, %last{k}]")
        self._do(f"%more{k} = icmp slt i64 %i{k}, {stop}")
        self._do(f"br i1 %more{k}, label %body{k}, label %end{k}")
        self._enter(f"body{k}")
        yield f"%i{k}"
        self._do(f"br label %last{k}")
        self._enter(f"last{k}")
        self._do(f"%next{k} = add nsw i64 %i{k}, {step}")
        self._do(f"br label %head{k}")
        self._enter(f"end{k}")

    @contextmanager
    def shares(self, arguments: Value, counter: int, total: Value, size: Value) -> Iterator[tuple[Value, Value]]:
        """What stands inside is done for pieces (start, stop) of a range that threads take one after the other.

        Args:
            arguments: the list of arguments.
            counter: the place of the number that is taken next, which all threads share.
            total: the end of the range.
            size: how much a thread takes at a time.
        """
        self._number += 1
        k = self._number
        self._do(f"br label %ask{k}")
        self._enter(f"ask{k}")
        start = self.taken(arguments, counter, size)
        self._do(f"%left{k} = icmp slt i64 {start}, {total}")
        self._do(f"br i1 %left{k}, label %work{k}, label %done{k}")
        self._enter(f"work{k}")
        yield start, self.smaller(self.plus(start, size), total)
        self._do(f"br label %ask{k}")
        self._enter(f"done{k}")

    def channels(self, number: int, body: Callable[[Lanes], None]) -> None:
        """The body for all channels: a loop over full vectors, and once more for the rest."""
        full = number - number % self.lanes
        if full == self.lanes:
            body(Lanes("0", self.lanes))
        elif full:
            with self.loop(full, step=self.lanes) as offset:
                body(Lanes(offset, self.lanes))
        if number > full:
            body(Lanes(str(full), number - full))

    def blocks(self, number: int, width: int, body: Callable[[list[Lanes]], None]) -> None:
        """The body for all channels, as many vectors at once as are wanted: a loop, and once more for the rest."""
        step = width * self.lanes
        full = number - number % step
        if full:
            with self.loop(full, step=step) as offset:
                body([Lanes(self.plus(offset, n * self.lanes), self.lanes) for n in range(width)])
        if rest := range(full, number, self.lanes):
            body([Lanes(str(start), min(self.lanes, number - start)) for start in rest])

    @contextmanager
    def each(self, rows: Sequence[Sequence[int]]) -> Iterator[Sequence[Value | int]]:
        """What stands inside is done for all rows of known integers: written once, for a list where there are several.

        All rows are of one length.
        """
        if len(rows) == 1:
            yield rows[0]
            return
        listed = self.listed([value for row in rows for value in row])
        with self.loop(len(rows)) as number:
            first = self.times(number, len(rows[0]))
            yield [self.integer(listed, self.plus(first, n)) for n in range(len(rows[0]))]

    def clear(self, place: Value, size: int) -> None:
        """Write zeros."""
        self.channels(size, lambda lanes: self.store(place, lanes, "zeroinitializer"))

    def _enter(self, block: str) -> None:
        self._do(f"{block}:")
        self._block = block
