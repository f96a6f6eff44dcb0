"""Polynomials of plans differentiate themselves: gradients, tangents and transposes are polynomials again."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.catalog import O3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels import bilinear_plan
from intertwine.ops.contract.reference import evaluate
from intertwine.plan import Operand, Path, Plan, Polynomial, Term
from tests.plans import PLANS

REP = O3.rep("2x0e + 1x1o + 2x1e")


def cubic() -> Polynomial:
    """w x ⊗ x → h with a weight per term, and w x ⊗ y beside it: powers, sums, and two outputs."""
    square = bilinear_plan(REP, REP, O3.rep("2x0e + 1x1o"))
    mixed = bilinear_plan(REP, O3.rep("1x1o"), O3.rep("2x0e + 1x1o"))
    alone = bilinear_plan(REP, O3.rep("1x1o"), O3.rep("3x1e"))
    sizes = (square.operands[0].size, mixed.operands[0].size, REP.dim, 3, alone.operands[0].size)
    terms = (Term(square, (0, 2, 2)), Term(mixed, (1, 2, 3)), Term(alone, (4, 2, 3), 1))
    return Polynomial(sizes, (square.output.size, alone.output.size), terms)


def triple() -> Polynomial:
    """Σ_u (Σ_ijk C_ijk x_iu x_ju x_ku) w_u: a cube that channels share."""
    table = np.random.default_rng(0).standard_normal((3, 3, 3))
    x = [Operand(f"{i}u", ((3, 4), (3, 4))) for i in "ijk"]
    plan = Plan(
        (Operand("u", ((4,),)), *x, Operand("u", ((4,),))),
        "ijk",
        (Path((0, 0, 1, 1, 0), Table(table)), Path((0, 0, 0, 0, 0), Table(table))),
    )
    return Polynomial((4, 24), (4,), (Term(plan, (0, 1, 1, 1)),))


POLYNOMIALS = {
    "a plan": Polynomial.of(PLANS["bilinear, SO(3)"]),
    "two outputs": cubic(),
    "a cube": triple(),
    "nothing": Polynomial((3, 2), (4,), ()),
}
every_polynomial = pytest.mark.parametrize("polynomial", POLYNOMIALS.values(), ids=POLYNOMIALS.keys())


def values(sizes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, size, generator=generator, dtype=torch.float64) for size in sizes]


def autograd(polynomial: Polynomial, inputs: list[Tensor], wanted: list[int], cotangents: list[Tensor]) -> list[Tensor]:
    inputs = [x.clone().requires_grad_() for x in inputs]
    total = sum((y * c).sum() for y, c in zip(evaluate(polynomial, *inputs), cotangents, strict=True))
    total = total + 0 * sum(x.sum() for x in inputs)
    return list(torch.autograd.grad(total, [inputs[i] for i in wanted]))


@every_polynomial
def test_gradients_are_polynomials_at_every_order(polynomial: Polynomial) -> None:
    for order in (1, 2, 3):
        inputs = values(polynomial.inputs, order)
        cotangents, wanted = values(polynomial.outputs, 9), [*range(len(inputs))][-3:]
        gradient = polynomial.derivative(wanted)
        for ours, theirs in zip(
            evaluate(gradient, *inputs, *cotangents), autograd(polynomial, inputs, wanted, cotangents), strict=True
        ):
            torch.testing.assert_close(ours, theirs)
        if order < 3 and polynomial is not POLYNOMIALS["two outputs"]:
            polynomial = gradient


@every_polynomial
def test_tangents_are_polynomials(polynomial: Polynomial) -> None:
    inputs, tangents = values(polynomial.inputs), values(polynomial.inputs, 1)
    ours = evaluate(polynomial.jvp([*range(len(inputs))]), *inputs, *tangents)
    _, theirs = torch.func.jvp(lambda *x: evaluate(polynomial, *x), tuple(inputs), tuple(tangents))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_linear_inputs_transpose() -> None:
    """<y, A x> = <Aᵀ y, x>; what is squared has no transpose."""
    polynomial = cubic()
    inputs, (first, second) = values(polynomial.inputs), values(polynomial.outputs, 1)
    for k in (0, 1, 4):
        single = Polynomial(polynomial.inputs, polynomial.outputs, tuple(t for t in polynomial.terms if k in t.inputs))
        others = [x for i, x in enumerate(inputs) if i != k]
        y = evaluate(single, *inputs)
        (back,) = evaluate(single.transposed(k), *others, first, second)
        torch.testing.assert_close((y[0] * first).sum() + (y[1] * second).sum(), (back * inputs[k]).sum())
    with pytest.raises(
        ArgumentError, match=r"linear in an input can be transposed, but a term takes the input 2 not once"
    ):
        polynomial.transposed(2)


def test_a_square_has_one_derivative() -> None:
    """The two terms of d(x · x) are one and the same, with twice the coefficients."""
    dot = Plan(
        (Operand("i", ((3,),)), Operand("j", ((3,),)), Operand("", ((),))), "ij", (Path((0, 0, 0), Table(np.eye(3))),)
    )
    square = Polynomial((3,), (1,), (Term(dot, (0, 0)),))
    gradient = square.derivative([0])
    assert len(gradient.terms) == 1
    assert np.array_equal(gradient.terms[0].plan.paths[0].coefficients.array, 2 * np.eye(3))
    assert square.degrees == (2,)
    assert len(triple().derivative([1]).terms) == 1
    cancelled = Polynomial(
        (3,), (1,), (Term(dot, (0, 0)), Term(Plan(dot.operands, "ij", (Path((0, 0, 0), Table(-np.eye(3))),)), (0, 0)))
    )
    assert cancelled.simplified().terms == ()


@every_polynomial
def test_polynomials_are_values(polynomial: Polynomial) -> None:
    for twin in (copy.deepcopy(polynomial), pickle.loads(pickle.dumps(polynomial))):
        assert twin == polynomial
        assert twin.key == polynomial.key
    simple = polynomial.simplified()
    assert simple.simplified() == simple
    inputs = values(polynomial.inputs)
    for a, b in zip(evaluate(simple, *inputs), evaluate(polynomial, *inputs), strict=True):
        torch.testing.assert_close(a, b)


def test_what_does_not_fit_is_named() -> None:
    plan = PLANS["bilinear, SO(3)"]
    sizes = tuple(operand.size for operand in plan.operands)
    for term, words in (
        (Term(plan, (0, 1)), r"out of 3 for each of its 3 inputs and an output out of 1, .* but got \(0, 1\) and 0"),
        (Term(plan, (0, 1, 3)), r"but got \(0, 1, 3\) and 0"),
        (Term(plan, (0, 1, 2), 1), r"but got \(0, 1, 2\) and 1"),
        (Term(plan, (1, 0, 2)), r"have the sizes \[.*\], but the buffers \(1, 0, 2\) and the output 0 .* have \["),
    ):
        with pytest.raises(ArgumentError, match=words):
            Polynomial(sizes[:-1], sizes[-1:], (term,))
    polynomial = Polynomial.of(plan)
    for call in (lambda: polynomial.derivative([3]), lambda: polynomial.jvp([-1]), lambda: polynomial.transposed(7)):
        with pytest.raises(ArgumentError, match=r"has 3 inputs, numbered from 0, but got the numbers \["):
            call()
    with pytest.raises(ShapeError, match=r"takes 3 inputs whose last axes have the sizes"):
        evaluate(polynomial, torch.zeros(2, 3))
