"""Sums of plans over named buffers: one buffer may enter a term several times, and several terms may add up."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError
from intertwine.plan.plan import Path, Plan


@dataclass(frozen=True)
class Term:
    """A plan, and which buffer each of its operands is.

    Args:
        plan: the contraction.
        inputs: for each input of the plan the number of a buffer; the same one several times makes a power.
        output: the number of the output that the result is added to.
    """

    plan: Plan
    inputs: tuple[int, ...]
    output: int = 0


@dataclass(frozen=True)
class Polynomial:
    """Functions of several buffers, `out_o = Σ_terms plan(buffers)`, with values in several outputs.

    A plan is linear in each operand; with a buffer that enters it twice it is a square, and `x ⊗ x ⊗ x` with weights is
    a cubic map. Polynomials of plans are closed under derivatives: the gradient, the directional derivative and the
    transpose of a polynomial are polynomials, at every order.

    Args:
        inputs: the size of each input buffer.
        outputs: the size of each output.
        terms: what is summed.

    Raises `ArgumentError` if a term names a buffer that is not there, or one of another size.

    >>> from intertwine.plan import Operand
    >>> x = Operand("i", ((3,),))
    >>> dot = Plan((x, Operand("j", ((3,),)), Operand("", ((),))), "ij", (Path((0, 0, 0), Table(np.eye(3))),))
    >>> square = Polynomial((3,), (1,), (Term(dot, (0, 0)),))  # |x|²
    >>> square.derivative([0]).inputs, square.degrees  # its gradient is linear in x and in the cotangent
    ((3, 1), (2,))
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        for term in self.terms:
            sizes = [operand.size for operand in term.plan.operands]
            numbers = [*term.inputs, term.output]
            known = len(numbers) == len(sizes) and all(0 <= i < len(self.inputs) for i in term.inputs)
            if not known or not 0 <= term.output < len(self.outputs):
                raise ArgumentError(
                    f"A term of this polynomial names a buffer out of {len(self.inputs)} for each of its "
                    f"{len(sizes) - 1} inputs and an output out of {len(self.outputs)}, numbered from 0, but got "
                    f"{term.inputs} and {term.output}."
                )
            wanted = [*(self.inputs[i] for i in term.inputs), self.outputs[term.output]]
            if sizes != wanted:
                raise ArgumentError(
                    f"The operands of a plan have the sizes {sizes}, but the buffers {term.inputs} and the output "
                    f"{term.output} that they are given have {wanted}."
                )

    @classmethod
    def of(cls, plan: Plan) -> Polynomial:
        """The polynomial of one plan, each of whose operands is a buffer of its own."""
        sizes = tuple(operand.size for operand in plan.inputs)
        return cls(sizes, (plan.output.size,), (Term(plan, tuple(range(len(sizes)))),))

    @property
    def degrees(self) -> tuple[int, ...]:
        """For each input the largest number of times that a term takes it."""
        counts = [Counter(term.inputs) for term in self.terms]
        return tuple(max((count[i] for count in counts), default=0) for i in range(len(self.inputs)))

    @cached_property
    def key(self) -> str:
        """A fingerprint, the same in every process and on every machine."""
        told = (self.inputs, self.outputs, [(term.plan.key, term.inputs, term.output) for term in self.terms])
        return hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    def derivative(self, wanted: Sequence[int]) -> Polynomial:
        """The gradients by some inputs: a function of all inputs and then the cotangents of all outputs.

        Its outputs are the gradients in the order of `wanted`. A term that takes a buffer k times gives k terms.
        """
        self._require_inputs(wanted)
        terms = [
            Term(term.plan.derivative(place), (*others, len(self.inputs) + term.output), number)
            for number, buffer in enumerate(wanted)
            for term in self.terms
            for place, others in _places(term.inputs, buffer)
        ]
        inputs = (*self.inputs, *self.outputs)
        return Polynomial(inputs, tuple(self.inputs[i] for i in wanted), tuple(terms)).simplified()

    def jvp(self, moved: Sequence[int]) -> Polynomial:
        """The change of the outputs: a function of all inputs and then of the tangents of those that move."""
        self._require_inputs(moved)
        terms = [
            Term(term.plan, (*term.inputs[:place], len(self.inputs) + number, *term.inputs[place + 1 :]), term.output)
            for number, buffer in enumerate(moved)
            for term in self.terms
            for place, _ in _places(term.inputs, buffer)
        ]
        inputs = (*self.inputs, *(self.inputs[i] for i in moved))
        return Polynomial(inputs, self.outputs, tuple(terms)).simplified()

    def transposed(self, buffer: int) -> Polynomial:
        """The transpose of a map that is linear in one input, as in `derivative`, without that input.

        Raises `ArgumentError` unless every term takes the buffer once.
        """
        self._require_inputs([buffer])
        if any(term.inputs.count(buffer) != 1 for term in self.terms):
            raise ArgumentError(
                f"Only a map that is linear in an input can be transposed, but a term takes the input {buffer} not "
                "once. Call derivative for the transpose of its differential."
            )
        whole = self.derivative([buffer])
        terms = tuple(Term(t.plan, tuple(i - (i > buffer) for i in t.inputs), t.output) for t in whole.terms)
        return Polynomial((*whole.inputs[:buffer], *whole.inputs[buffer + 1 :]), whole.outputs, terms)

    def simplified(self) -> Polynomial:
        """The same function with fewer terms: a square has one derivative, twice.

        Operands of one buffer may change places in a term; terms that are then between the same segments add up.
        """
        sums: dict[tuple[object, ...], list[Path]] = {}
        kept: dict[tuple[object, ...], Term] = {}
        for term in map(_ordered, self.terms):
            plan = term.plan
            place: tuple[object, ...] = (plan.operands, plan.coefficient_modes, term.inputs, term.output)
            kept.setdefault(place, term)
            sums.setdefault(place, []).extend(plan.paths)
        terms = []
        for place, term in kept.items():
            plan = Plan(term.plan.operands, term.plan.coefficient_modes, _added(sums[place]))
            if plan.paths:
                terms.append(Term(plan, term.inputs, term.output))
        return Polynomial(self.inputs, self.outputs, tuple(terms))

    def check(self, sizes: Sequence[int]) -> None:
        """Raise `ShapeError` unless the sizes of the inputs' last axes are those of the buffers."""
        if list(sizes) != list(self.inputs):
            raise ShapeError(
                f"The polynomial takes {len(self.inputs)} inputs whose last axes have the sizes {list(self.inputs)}, "
                f"but got {list(sizes)}."
            )

    def _require_inputs(self, numbers: Iterable[int]) -> None:
        if not all(0 <= i < len(self.inputs) for i in numbers):
            raise ArgumentError(
                f"The polynomial has {len(self.inputs)} inputs, numbered from 0, but got the numbers {[*numbers]}."
            )


def _places(buffers: tuple[int, ...], wanted: int) -> list[tuple[int, tuple[int, ...]]]:
    """Where a buffer stands among those of a term, each with the buffers of the other places."""
    return [(i, (*buffers[:i], *buffers[i + 1 :])) for i, buffer in enumerate(buffers) if buffer == wanted]


def _ordered(term: Term) -> Term:
    """The term with its inputs in the order of their buffers, and letters named by the order in which they come.

    So terms that compute the same from the same buffers look the same, unless operands of one buffer differ in more
    than names.
    """
    order = sorted(range(len(term.inputs)), key=lambda i: (term.inputs[i], term.plan.inputs[i].segments, i))
    plan = term.plan.reordered((*order, len(order)))
    return Term(plan.relabelled(), tuple(term.inputs[i] for i in order), term.output)


def _added(paths: Sequence[Path]) -> tuple[Path, ...]:
    """One path for each tuple of segments, with the coefficients of all summed; none where they cancel."""
    sums: dict[tuple[int, ...], np.ndarray] = {}
    for path in paths:
        sums[path.segments] = sums.get(path.segments, 0) + path.coefficients.array
    return tuple(Path(segments, Table(table)) for segments, table in sums.items() if table.any())
