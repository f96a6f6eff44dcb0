"""Formulas that differentiate themselves: sums, products and roots of numbers, written as code once for all lanes.

A formula is a list of steps, each of earlier ones; equal steps are one. Gradients and changes are further steps of the
same list, so that a kernel for a derivative shares with the function what both need.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from intertwine.ops.llvm.code import Code, Value

Node = int
"""The number of a step in its formula."""

_OF_STEPS = {"sum": 2, "product": 2, "quotient": 2, "inverse root": 1, "largest": 3, "unless zero": 1}


class Formula:
    """A growing list of steps.

    >>> f = Formula()
    >>> x, y = f.given("x"), f.given("y")
    >>> f.steps[f.gradient([f.product(x, f.product(x, y))], [f.number(1.0)], [y])[0]]  # x²
    ('product', 0, 0)
    """

    def __init__(self) -> None:
        self.steps: list[tuple[object, ...]] = []
        self._known: dict[tuple[object, ...], Node] = {}

    # functions --------------------------------------------------------------------------------------------------------

    def given(self, name: str) -> Node:
        """A number that comes from outside."""
        return self._step("given", name)

    def number(self, value: float) -> Node:
        """A known number."""
        return self._step("number", float(value))

    def sum(self, *terms: Node) -> Node:
        """The sum of some numbers; 0 without any."""
        return reduce(self._sum, terms) if terms else self.number(0.0)

    def _sum(self, a: Node, b: Node) -> Node:
        if self._value(a) == 0:
            return b
        return a if self._value(b) == 0 else self._step("sum", a, b)

    def product(self, a: Node, b: Node) -> Node:
        """The product of two numbers."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.number(x * y)
        if 0 in (x, y):
            return self.number(0.0)
        if 1 in (x, y):
            return b if x == 1 else a
        return self._step("product", *sorted((a, b)))

    def quotient(self, a: Node, b: Node) -> Node:
        """a / b, where b counts as a constant."""
        return a if self._value(a) == 0 else self._step("quotient", a, b)

    def inverse_root(self, a: Node) -> Node:
        """1 / √a, and 0 for 0."""
        return self._step("inverse root", a)

    def largest(self, a: Node, b: Node, c: Node) -> Node:
        """The largest absolute value, and 1 where all are 0: a scale, which counts as a constant."""
        return self._step("largest", a, b, c)

    def unless_zero(self, a: Node) -> Node:
        """1, and 0 where a is 0: a constant but for that."""
        return self._step("unless zero", a)

    def _step(self, *step: object) -> Node:
        if step not in self._known:
            self._known[step] = len(self.steps)
            self.steps.append(step)
        return self._known[step]

    def _value(self, a: Node) -> float | None:
        kind, *rest = self.steps[a]
        return rest[0] if kind == "number" else None  # type: ignore[return-value]

    def _of(self, a: Node) -> tuple[Node, ...]:
        """The steps that a step is made of."""
        kind, *rest = self.steps[a]
        return tuple(rest[: _OF_STEPS.get(str(kind), 0)])  # type: ignore[arg-type]

    def _needed(self, results: Iterable[Node]) -> list[Node]:
        """All steps that results are made of, in order."""
        found: set[Node] = set()
        waiting = list(results)
        while waiting:
            if (step := waiting.pop()) not in found:
                found.add(step)
                waiting += self._of(step)
        return sorted(found)

    # derivatives ------------------------------------------------------------------------------------------------------

    def gradient(self, results: Sequence[Node], cotangents: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
        """The derivatives by inputs of the sum of results times cotangents."""
        of: dict[Node, Node] = {}

        def add(step: Node, value: Node) -> None:
            of[step] = self.sum(of[step], value) if step in of else value

        for result, cotangent in zip(results, cotangents, strict=True):
            add(result, cotangent)
        for step in reversed(self._needed(results)):
            if step in of:
                for part, slope in self._slopes(step):
                    add(part, self._scaled(of[step], slope))
        return [of.get(step, self.number(0.0)) for step in inputs]

    def change(self, results: Sequence[Node], tangents: Mapping[Node, Node]) -> list[Node]:
        """How results change where some inputs do."""
        of = dict(tangents)
        for step in self._needed(results):
            if step not in of:
                of[step] = self.sum(*(self._scaled(of[part], slope) for part, slope in self._slopes(step)))
        return [of[step] for step in results]

    def _slopes(self, step: Node) -> list[tuple[Node, tuple[str, Node]]]:
        """The parts that a step depends on, and what a change of each is multiplied with or divided by."""
        kind, parts = self.steps[step][0], self._of(step)
        match kind:
            case "sum":
                return [(part, ("times", self.number(1.0))) for part in parts]
            case "product":
                a, b = parts
                return [(a, ("times", b)), (b, ("times", a))]
            case "quotient":
                return [(parts[0], ("over", parts[1]))]
            case "inverse root":
                cube = self.product(self.product(step, step), step)
                return [(parts[0], ("times", self.product(self.number(-0.5), cube)))]
        return []

    def _scaled(self, a: Node, slope: tuple[str, Node]) -> Node:
        how, by = slope
        return self.product(a, by) if how == "times" else self.quotient(a, by)

    # code -------------------------------------------------------------------------------------------------------------

    def write(self, code: Code, results: Sequence[Node], given: Mapping[str, Value]) -> list[Value]:
        """The code of some results, with vectors for what is given."""
        order = self._needed(results)
        uses = Counter(part for step in order for part in self._of(step))
        uses.update(results)
        joined = self._joined(order, uses)
        values: dict[Node, Value] = {}
        for step in order:
            kind, *rest = self.steps[step]
            parts = [values.get(part, "") for part in self._of(step)]
            match kind:
                case "given":
                    values[step] = given[str(rest[0])]
                case "number":
                    values[step] = code.constant(float(rest[0]))  # type: ignore[arg-type]
                case "sum" if (inner := joined.get(step)) is not None:
                    (other,) = [part for part in self._of(step) if part != inner] or [inner]
                    a, b = (values[part] for part in self._of(inner))
                    values[step] = code.gathered(a, b, values[other])
                case "sum":
                    values[step] = code.sum(*parts)
                case "product" if step not in joined.values():
                    values[step] = code.product(*parts)
                case "quotient":
                    values[step] = code.quotient(*parts)
                case "inverse root":
                    root = code.quotient(code.constant(1.0), code.root(parts[0]))
                    values[step] = code.unless_zero(parts[0], root, 0.0)
                case "largest":
                    a, b, c = map(code.size, parts)
                    most = code.larger(code.larger(a, b), c)
                    values[step] = code.unless_zero(most, most, 1.0)
                case "unless zero":
                    values[step] = code.unless_zero(parts[0], code.constant(1.0), 0.0)
        return [values[step] for step in results]

    def _joined(self, order: Sequence[Node], uses: Mapping[Node, int]) -> dict[Node, Node]:
        """For sums, the product that is used nowhere else, so that both are one instruction."""
        found: dict[Node, Node] = {}
        for step in order:
            if self.steps[step][0] == "sum":
                single = [p for p in self._of(step) if self.steps[p][0] == "product" and uses[p] == 1]
                if single:
                    found[step] = single[0]
        return found
