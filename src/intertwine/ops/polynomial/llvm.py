"""Polynomials channel by channel as compiled kernels: as many channels at a time as a register has lanes.

    out[n, k, u] = Σ_p w[z_n, p, u] P_pk(x[n, ·, u])

Each P is written in Horner's form, `Σ_a x_a (Σ_b x_b (…))`. That formula gives the values; those of the gradient and of
its change are derived from it, so that all kernels share what they have in common with the function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intertwine.ops.llvm.code import Code, Lanes, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.formula import Formula, Node
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL
from intertwine.ops.polynomial.channel_sum import ChannelSum

MOST_SUMMANDS = 4000
"""The number of summands beyond which kernels are not compiled: that would take longer than it saves."""

OPERANDS = {"forward": ("x", "w"), "backward": ("x", "w", "g"), "second": ("x", "w", "g", "hx", "hw")}
"""What each kernel reads: the feature, the weights, the cotangent of the output, and directions of the first two."""

RESULTS = {"forward": ("g",), "backward": ("x", "w"), "second": ("x", "w", "g")}
"""What it writes: the output, the gradients by these operands, or those of the gradients' products with directions."""


def write_polynomial(shape: ChannelSum, machine: Machine, kind: str, *, double: bool) -> str:
    """The code of one kernel.

    Args:
        shape: what is summed.
        machine: what it is for.
        kind: "forward", "backward" or "second".
        double: whether numbers are float64.
    """
    f = Formula()
    given = {name: [f.given(f"{name}{i}") for i in range(shape.sizes[name[-1]])] for name in OPERANDS[kind]}
    operands = [*given["x"], *given["w"]]
    results = {"g": _values(f, shape, given["x"], given["w"])}
    if kind != "forward":
        gradients = f.gradient(results["g"], given["g"], operands)
        if kind == "second":
            along = dict(zip(operands, [*given["hx"], *given["hw"]], strict=True))
            gradients, results["g"] = f.change(gradients, along), f.change(results["g"], along)
        results |= {"x": gradients[: len(given["x"])], "w": gradients[len(given["x"]) :]}
    code = machine.code(double=double)
    with code.function("work") as arguments:
        _Rows(code, shape, OPERANDS[kind], f, {name: results[name] for name in RESULTS[kind]}).write(arguments)
    code.launcher("run", "work", THREADS)
    return code.text()


Monomials = Mapping[tuple[int, ...], float]
"""Coefficients of products of components."""


def _values(f: Formula, shape: ChannelSum, x: Sequence[Node], w: Sequence[Node]) -> list[Node]:
    """The components of the output."""
    sums: list[dict[int, dict[tuple[int, ...], float]]] = [{} for _ in range(shape.sizes["g"])]
    for s in shape.summands:
        monomials = sums[s.output].setdefault(s.weight, {})
        monomials[s.factors] = monomials.get(s.factors, 0.0) + s.coefficient
    return [f.sum(*(f.product(w[p], _horner(f, x, monomials)) for p, monomials in parts.items())) for parts in sums]


def _horner(f: Formula, x: Sequence[Node], monomials: Monomials) -> Node:
    """A sum of monomials: each first factor times the sum of all that it stands before."""
    rests: dict[int, dict[tuple[int, ...], float]] = {}
    for factors, coefficient in monomials.items():
        if factors:
            rests.setdefault(factors[0], {})[factors[1:]] = coefficient
    products = (f.product(x[first], _horner(f, x, rests[first])) for first in sorted(rests))
    return f.sum(f.number(monomials.get((), 0.0)), *products)


_PRIVATE, _STRIDE, _INDEX, _TENSORS = HEAD, HEAD + 1, HEAD + 2, HEAD + 3
"""Further places of the arguments: the next private copy, its size, the index, then all tensors."""


@dataclass(frozen=True)
class _Rows:
    """The loops: pieces of rows, the rows of a piece, the channels of a row.

    Args:
        code: what is written to.
        shape: what is summed.
        given: the names of the tensors that are read.
        formula, results: what is written for each component of each result.
    """

    code: Code
    shape: ChannelSum
    given: Sequence[str]
    formula: Formula
    results: Mapping[str, Sequence[Node]]

    def write(self, arguments: Value) -> None:
        code, channels = self.code, self.shape.channels
        total, piece = code.integer(arguments, TOTAL), code.integer(arguments, PIECE)
        index = code.pointer(arguments, _INDEX)
        places = {name: code.pointer(arguments, _TENSORS + n) for n, name in enumerate(self.given)}
        first = _TENSORS + len(self.given)
        out = {name: code.pointer(arguments, first + n) for n, name in enumerate(self.results)}
        if "w" in out:  # many rows have the same weights: every thread adds to a copy of its own
            copy = code.taken(arguments, _PRIVATE, 1)
            out["w"] = code.at(out["w"], code.times(copy, code.integer(arguments, _STRIDE)))
        with code.shares(arguments, COUNTER, total, piece) as (start, stop), code.loop(stop, start) as row:
            numbers = {"x": row, "g": row, "w": code.integer(index, row)}
            begin = {name: code.times(n, self.shape.sizes[name] * channels) for name, n in numbers.items()}
            here = {name: code.at(place, begin[name[-1]]) for name, place in places.items()}
            made = {name: code.at(place, begin[name]) for name, place in out.items()}
            code.channels(channels, lambda lanes: self.write_channels(lanes, here, made))

    def write_channels(self, lanes: Lanes, here: Mapping[str, Value], made: Mapping[str, Value]) -> None:
        """What is done in some channels, of rows that begin at places: from those that are read to those made."""
        code, apart = self.code, self.shape.channels
        values = {
            f"{name}{i}": code.load(place, lanes, i * apart)
            for name, place in here.items()
            for i in range(self.shape.sizes[name[-1]])
        }
        steps = [(name, i, step) for name, steps in self.results.items() for i, step in enumerate(steps)]
        found = self.formula.write(code, [step for *_, step in steps], values)
        for (name, i, _), value in zip(steps, found, strict=True):
            before = code.load(made[name], lanes, i * apart) if name == "w" else None
            code.store(made[name], lanes, code.sum(before, value) if before else value, i * apart)
