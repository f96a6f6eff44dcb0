"""A linear map whose rows take weights of their own kind: the same numbers through every door."""

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, hessian, vmap

from intertwine.catalog import O3, SO2
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels import linear_plan
from intertwine.ops import IndexedLinear
from intertwine.ops.contract.reference import contract
from intertwine.ops.linear import compiled, indexed
from intertwine.plan import Plan
from intertwine.plan.text import written

PLANS = {
    "O(3)": linear_plan(O3.rep("3x0e + 2x1o"), O3.rep("2x0e + 1x1o + 1x0e")),
    "whole vectors": linear_plan(O3.rep("32x0e + 32x1o"), O3.rep("64x0e + 32x1o")),
    "several endomorphisms": linear_plan(SO2.rep("5x1 + 3x0 + 9x1"), SO2.rep("2x0 + 17x1 + 1x2")),
}
SMALL = PLANS["O(3)"]
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def some(plan: Plan, rows: int, kinds: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    sizes = [operand.size for operand in plan.operands]
    w, x = torch.randn(kinds, sizes[0], dtype=dtype), torch.randn(rows, sizes[1], dtype=dtype)
    return w.requires_grad_(), x.requires_grad_(), torch.randint(kinds, (rows,))


def by_rows(plan: Plan, w: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """The definition: each row with weights of its own."""
    return contract(plan, w[index], x)


def derivatives(function, w: Tensor, x: Tensor, index: Tensor) -> list[Tensor]:
    """The output, the gradients of the sum of its squares, and those of the sum of squares of theirs."""
    out = function(w, x, index)
    first = torch.autograd.grad(out.square().sum(), (w, x), create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in first), (w, x))
    return [out, *first, *second]


@each_plan
@pytest.mark.parametrize("rows", [0, 1, 37])
def test_every_door_gives_the_definition(plan: Plan, rows: int) -> None:
    """Also kinds that no row has."""
    given = some(plan, rows, kinds=5)
    doors = {
        "eager": IndexedLinear(plan, backend="llvm"),
        "registered": lambda w, x, index: indexed.registered_indexed(written(plan), w, x, index),
        "plain": IndexedLinear(plan, backend="torch").double(),
    }
    exact = derivatives(lambda *x: by_rows(plan, *x), *given)
    for door in doors.values():
        for a, b in zip(derivatives(door, *given), exact, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("door", ["eager", "registered"])
def test_three_orders_by_finite_differences(door: str) -> None:
    w, x, index = some(SMALL, 4, kinds=2)

    def function(w: Tensor, x: Tensor) -> Tensor:
        if door == "eager":
            return indexed.eager_indexed(SMALL, w, x, index)
        return indexed.registered_indexed(written(SMALL), w, x, index)

    def second(*given: Tensor) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(function(*given).pow(3).sum(), given, create_graph=True)
        return torch.autograd.grad(sum(part.pow(2).sum() for part in first), given, create_graph=True)

    assert torch.autograd.gradcheck(function, (w, x), fast_mode=True)
    assert torch.autograd.gradgradcheck(function, (w, x), fast_mode=True)
    assert torch.autograd.gradcheck(second, (w, x), fast_mode=True)


def test_transforms_and_torch_s_rules() -> None:
    w, x, index = (v.detach() for v in some(SMALL, 4, kinds=2))
    module = IndexedLinear(SMALL).double()
    batched = vmap(module, in_dims=(None, 0, 0))(w, torch.stack([x, -x]), torch.stack([index, index.flip(0)]))
    torch.testing.assert_close(batched, torch.stack([module(w, x, index), module(w, -x, index.flip(0))]))
    curved = hessian(lambda v: functional_call(module, {}, (w, v, index)).pow(3).sum())(x)
    wanted = torch.autograd.functional.hessian(lambda v: module(w, v, index).pow(3).sum(), x)
    torch.testing.assert_close(curved, wanted)
    given = (w.requires_grad_(), x, index, 2, written(SMALL), compiled.OUTPUT)
    torch.library.opcheck(torch.ops.intertwine.indexed_linear, given)


def test_recorded_code_takes_other_kinds_and_rows() -> None:
    w, x, index = (v.detach() for v in some(SMALL, 6, kinds=3))
    module = IndexedLinear(SMALL).double()
    rows = torch.export.Dim("rows")
    recorded = torch.export.export(module, (w, x, index), dynamic_shapes=(None, {0: rows}, {0: rows})).module()
    fewer, others = x[:4], (index[:4] + 1) % 3
    torch.testing.assert_close(recorded(w, fewer, others), module(w, fewer, others))


def test_forces_do_not_ask_for_gradients_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each linear map gives one gradient then, not two; and both where both are asked for."""
    made: list[int] = []
    for module, name, place in ((compiled, "run_linear", 1), (indexed, "run_indexed", 2)):
        run = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, run=run, place=place: made.append(given[place]) or run(*given))
    w, x, index = some(SMALL, 4, kinds=2)
    own = w[0].detach().requires_grad_()
    for function, weights in (
        (lambda: compiled.eager_linear(SMALL, own, x), own),
        (lambda: indexed.eager_indexed(SMALL, w, x, index), w),
    ):
        for asked, wanted in (((x,), {compiled.FEATURES}), ((weights, x), {compiled.WEIGHTS, compiled.FEATURES})):
            out = function()
            made.clear()
            torch.autograd.grad(out.square().sum(), asked)
            assert {*made} == wanted
            assert len(made) == len(wanted)


def test_what_does_not_fit_is_said() -> None:
    w, x, index = some(SMALL, 4, kinds=2)
    with pytest.raises(ArgumentError, match="one of 2 sets of weights"):
        indexed.eager_indexed(SMALL, w, x, index + 2)
    with pytest.raises(ShapeError, match="Each row takes a number of weights"):
        indexed.eager_indexed(SMALL, w, x, index[1:])
    for a, b in ((w[:, 1:], x), (w, x[:, 1:])):
        with pytest.raises(ShapeError, match="takes operands of the shapes"):
            indexed.eager_indexed(SMALL, a, b, index)
    with pytest.raises(ArgumentError, match="all inputs alike"):
        indexed.eager_indexed(SMALL, w.float(), x, index)
    assert "float32 and float64" in IndexedLinear(SMALL).choose(w.half(), x.half(), index).reason
