"""Gather, contract, scatter is the definition: messages along all edges, summed where they end."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.ops import Convolution
from intertwine.ops.convolve.reference import convolve
from intertwine.plan import Operand, Path, Plan
from tests.plans import OTHERS, PLANS, inputs

CASES = {name: plan for name, plan in PLANS.items() if len(plan.inputs) == 3}
each_case = pytest.mark.parametrize("plan", CASES.values(), ids=CASES.keys())


def graph(points: int, edges: int) -> Tensor:
    return torch.randint(max(points, 1), (2, edges), generator=torch.Generator().manual_seed(3))


def values(plan: Plan, points: int, edges: int, shared: bool) -> list[Tensor]:
    return inputs(plan, () if shared else (edges,), (points,), (edges,))


def differentiable(tensors: list[Tensor]) -> list[Tensor]:
    return [x.detach().clone().requires_grad_() for x in tensors]


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("points", "edges"), [(5, 11), (1, 3), (4, 0), (0, 0)])
@each_case
def test_outputs_and_gradients(plan: Plan, points: int, edges: int, shared: bool, reference: bool) -> None:
    where, found = graph(points, edges), []
    convolution = Convolution(plan, backend="reference" if reference else None).double()
    for function in (convolution, lambda *args: convolve(plan, *args)):
        weights, x, y = differentiable(values(plan, points, edges, shared))
        out = function(weights, x, y, where, points)
        assert out.shape == (points, plan.output.size)
        cotangent = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).reshape(out.shape)
        found.append([out, *torch.autograd.grad(out, [weights, x, y], cotangent, materialize_grads=True)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@each_case
def test_second_derivatives(plan: Plan) -> None:
    where, found = graph(4, 6), []
    for function in (Convolution(plan).double(), lambda *args: convolve(plan, *args)):
        tensors = differentiable(values(plan, 4, 6, shared=False))
        first = torch.autograd.grad(function(*tensors, where, 4).pow(3).sum(), tensors, create_graph=True)
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), tensors, materialize_grads=True))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@each_case
def test_edges_of_either_integer_type(plan: Plan) -> None:
    weights, x, y = values(plan, 5, 7, shared=True)
    convolution, where = Convolution(plan).double(), graph(5, 7)
    assert torch.equal(convolution(weights, x, y, where.int(), 5), convolution(weights, x, y, where, 5))


def test_sources_and_targets_may_be_different_points() -> None:
    plan = PLANS["kernel, O(3)"]
    weights, x, y = values(plan, 3, 4, shared=True)
    edges = torch.tensor([[0, 1, 2, 2], [6, 6, 0, 5]])
    out = Convolution(plan).double()(weights, x, y, edges, 7)
    torch.testing.assert_close(out, convolve(plan, weights, x, y, edges, 7))
    assert out[[1, 2, 3, 4]].eq(0).all()


NUMBERS = Plan(
    (Operand("u", ((2,),)), Operand("iu", ((3, 2),)), Operand("j", ((3,),)), Operand("", ((),))),
    "ij",
    (Path((0, 0, 0, 0), Table(np.eye(3))),),
)


@pytest.mark.parametrize("plan", [OTHERS["derivative by y"], NUMBERS], ids=["derivative by y", "numbers"])
def test_plans_without_a_fast_evaluation_convolve(plan: Plan) -> None:
    weights, x, y = values(plan, 3, 4, shared=False)
    out = Convolution(plan).double()(weights, x, y, graph(3, 4), 3)
    torch.testing.assert_close(out, convolve(plan, weights, x, y, graph(3, 4), 3))
