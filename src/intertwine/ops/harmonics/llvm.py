"""Harmonics of directions as compiled kernels: as many vectors at a time as a register has lanes.

One formula gives the values; those of the gradient and of its change are derived from it. Rows of memory are turned
into lanes by shuffles in registers, so that every number is read and written once.
"""

from __future__ import annotations

from math import factorial, sqrt

from intertwine.ops.llvm.code import Code, Value
from intertwine.ops.llvm.compile import Machine
from intertwine.ops.llvm.formula import Formula, Node
from intertwine.ops.llvm.launch import COUNTER, HEAD, PIECE, THREADS, TOTAL

_VECTORS, _TENSORS = HEAD, HEAD + 1
"""Further places of the arguments: the number of vectors, and where the tensors begin."""


def harmonics_size(n: int, degree: int) -> int:
    """How many harmonics of degrees up to one there are in n dimensions."""
    return (degree + 1) ** 2 if n == 3 else 2 * degree + 1


def harmonic_formula(f: Formula, r: list[Node], degree: int) -> list[Node]:
    """The component-normalised harmonics of the direction of r, all degrees from 0 on; 0 beyond degree 0 at r = 0.

    On the sphere Y_lm = N_lm Q_lm(z) Re or Im (x + i y)^|m|, where Q is the associated Legendre polynomial without its
    power of the sine, by the recurrence over l; the polar axis is y, so that degree 1 is proportional to (x, y, z).
    """
    scale = f.largest(*r, *(3 - len(r)) * (f.number(0.0),))
    scaled = [f.quotient(x, scale) for x in r]
    squared = f.sum(*(f.product(x, x) for x in scaled))
    u = [f.product(x, f.inverse_root(squared)) for x in scaled]
    x, y = (u[2], u[0]) if len(r) == 3 else u
    cosines, sines = [f.number(1.0)], [f.number(0.0)]
    for _ in range(degree):
        c, s = cosines[-1], sines[-1]
        cosines.append(f.sum(f.product(x, c), f.product(f.number(-1.0), f.product(y, s))))
        sines.append(f.sum(f.product(x, s), f.product(y, c)))
    if len(r) == 2:
        pairs = [value for k in range(1, degree + 1) for value in (cosines[k], sines[k])]
        return [f.number(1.0), *(f.product(f.number(sqrt(2)), value) for value in pairs)]
    q = _legendre(f, u[1], f.unless_zero(squared), degree)
    found = []
    for l in range(degree + 1):
        for m in range(-l, l + 1):
            n = abs(m)
            double = factorial(2 * n) / (2**n * factorial(n))  # (2n − 1)!!, the first Q of each order
            norm = double * sqrt((2 * l + 1) * (2 if m else 1) * factorial(l - n) / factorial(l + n))
            around = cosines[n] if m >= 0 else sines[n]
            found.append(f.product(f.number(norm), f.product(q[l, n], around)))
    return found


def _legendre(f: Formula, z: Node, alive: Node, degree: int) -> dict[tuple[int, int], Node]:
    """Q_lm / (2m − 1)!!: `(l − m) Q_l = (2l − 1) z Q_{l−1} − (l + m − 1) Q_{l−2}`, each order m from Q_mm = 1 on."""
    q = {}
    for m in range(degree + 1):
        q[m, m] = f.number(1.0)
        for l in range(m + 1, degree + 1):
            value = f.product(f.number((2 * l - 1) / (l - m)), f.product(z, q[l - 1, m]))
            if l > m + 1:
                before = q[l - 2, m] if l - 2 > 0 else alive  # x² + y² + z² = 1, but 0 for the zero vector
                value = f.sum(value, f.product(f.number(-(l + m - 1) / (l - m)), before))
            q[l, m] = value
    return q


def write_harmonics(machine: Machine, n: int, degree: int, kind: str, *, double: bool) -> str:
    """The code of one kernel.

    Args:
        machine: what it is for.
        n: the dimension of the vectors, 2 or 3.
        degree: the largest degree.
        kind: "forward" (r → Y), "backward" (r, g → gradient) or "second" (r, g, h → the gradients by r and g of the
            product of h with the gradient).
        double: whether numbers are float64.
    """
    code, f, number = machine.code(double=double), Formula(), harmonics_size(n, degree)
    r = [f.given(f"r{i}") for i in range(n)]
    g = [f.given(f"g{j}") for j in range(number)]
    h = [f.given(f"h{i}") for i in range(n)]
    values = harmonic_formula(f, r, degree)
    given = {"r": n} | ({"g": number} if kind != "forward" else {}) | ({"h": n} if kind == "second" else {})
    results = [values]
    if kind != "forward":
        results = [f.gradient(values, g, r)]
    if kind == "second":
        along = dict(zip(r, h, strict=True))
        results = [f.change(results[0], along), f.change(values, along)]
    with code.function("work") as arguments:
        _write(code, f, arguments, given, results)
    code.launcher("run", "work", THREADS)
    return code.text()


def _write(code: Code, f: Formula, arguments: Value, given: dict[str, int], results: list[list[Node]]) -> None:
    """The loop over blocks of rows; the last block begins earlier where rows do not fill it."""
    total, piece = code.integer(arguments, TOTAL), code.integer(arguments, PIECE)
    last = code.plus(code.integer(arguments, _VECTORS), -code.lanes)
    places = [code.pointer(arguments, _TENSORS + n) for n in range(len(given) + len(results))]
    with code.shares(arguments, COUNTER, total, piece) as (start, stop), code.loop(stop, start) as block:
        row = code.smaller(code.times(block, code.lanes), last)
        values: dict[str, Value] = {}
        for place, (name, width) in zip(places, given.items(), strict=False):
            columns = code.columns(code.at(place, code.times(row, width)), width)
            values |= {f"{name}{number}": column for number, column in enumerate(columns)}
        made = f.write(code, [step for steps in results for step in steps], values)
        for place, steps in zip(places[len(given) :], results, strict=True):
            code.store_columns(code.at(place, code.times(row, len(steps))), made[: len(steps)])
            made = made[len(steps) :]
