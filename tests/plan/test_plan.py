"""Plans as data: they differentiate themselves, compare by content, and refuse what does not fit."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels import bilinear_plan, linear_plan
from intertwine.ops.contract.reference import contract
from intertwine.plan import Operand, Path, Plan
from tests.plans import OTHERS, PLANS, every_plan, inputs


def gradient(plan: Plan, k: int, values: list[Tensor], cotangent: Tensor) -> Tensor:
    """The gradient with respect to input k, by autograd."""
    values = [x.detach().clone().requires_grad_(i == k) for i, x in enumerate(values)]
    out = contract(plan, *values)
    return torch.autograd.grad(out, values[k], cotangent)[0] if out.requires_grad else torch.zeros_like(values[k])


@every_plan
def test_a_derivative_is_a_plan(plan: Plan) -> None:
    values = inputs(plan, (3,))
    cotangent = torch.randn(3, plan.output.size, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    for k in range(len(plan.inputs)):
        derived = plan.derivative(k)
        others = [x for i, x in enumerate(values) if i != k]
        assert derived.output == plan.operands[k]
        torch.testing.assert_close(contract(derived, *others, cotangent), gradient(plan, k, values, cotangent))


@every_plan
def test_a_second_derivative_is_a_plan(plan: Plan) -> None:
    for k in range(len(plan.inputs)):
        first = plan.derivative(k)
        values = inputs(first, (2,), seed=1)
        cotangent = torch.randn(2, first.output.size, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
        for j in range(len(first.inputs)):
            second, others = first.derivative(j), [x for i, x in enumerate(values) if i != j]
            torch.testing.assert_close(contract(second, *others, cotangent), gradient(first, j, values, cotangent))


@every_plan
def test_differentiating_by_the_last_input_twice_changes_nothing(plan: Plan) -> None:
    """The derivative by the last input exchanges it with the output."""
    last = len(plan.inputs) - 1
    assert plan.derivative(last).derivative(last) == plan


@every_plan
def test_plans_are_values(plan: Plan) -> None:
    for twin in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert twin == plan
        assert hash(twin) == hash(plan)
        assert twin.multiplications == plan.multiplications
        assert twin.output.slices == plan.output.slices
    with pytest.raises(FrozenInstanceError):
        plan.paths = ()


def test_different_plans_differ() -> None:
    plans = [*PLANS.values(), *OTHERS.values()]
    assert len(set(plans)) == len(plans)
    plan = PLANS["mixed multiplicities"]
    first = plan.paths[0]
    scaled = Path(first.segments, Table(2 * first.coefficients.array))
    assert Plan(plan.operands, plan.coefficient_modes, (scaled, *plan.paths[1:])) != plan


def test_plans_are_made_once() -> None:
    """Equal reps give the very same plan, however they were written."""
    assert linear_plan(O2.rep("1x0e + 2x1"), O2.rep("3x1")) is linear_plan(O2.rep(" 0e+2x1"), O2.rep("3x1"))


def test_operands_know_where_segments_lie() -> None:
    operand = Operand("iu", ((3, 2), (1, 0), (5, 4)))
    assert operand.sizes == (6, 0, 20)
    assert operand.size == 26
    assert operand.slices == (slice(0, 6), slice(6, 6), slice(6, 26))
    assert Operand("", ((),)).sizes == (1,)
    assert Operand("iu", ()).size == 0


def test_terms_are_counted() -> None:
    """Products of vectors: 3 nonzero coefficients for the scalar one, 6 for the cross product; 2 · 3 · 1 channels."""
    plan = bilinear_plan(O3.rep("2x1o"), O3.rep("3x1o"), O3.rep("1x0e + 1x1e"))
    assert plan.multiplications == (3 + 6) * 2 * 3
    assert linear_plan(O3.rep("4x1o"), O3.rep("5x1o")).multiplications == 3 * 4 * 5
    assert linear_plan(SO2.rep("4x1"), SO2.rep("5x1")).multiplications == 2 * 2 * 4 * 5  # two endomorphisms
    assert PLANS["no paths"].multiplications == 0
    assert all(p.multiplications == p.derivative(0).multiplications for p in PLANS.values())


def test_letters_that_one_operand_has_are_summed_or_repeated() -> None:
    """A sum over channels is a plan, and so is its gradient, which gives all channels the same."""
    total = Plan((X, Operand("k", ((3,),))), "ik", (Path((0, 0), Table(np.eye(3))),))
    x = torch.arange(10.0, dtype=torch.float64)
    assert torch.equal(contract(total, x), x[:6].reshape(3, 2).sum(1))
    back = total.derivative(0)
    assert back.repeated == "u"
    y = torch.arange(3.0, dtype=torch.float64)
    assert torch.equal(contract(back, y), torch.cat([y[:, None].expand(3, 2).flatten(), torch.zeros(4)]))
    assert back.derivative(0) == total


@every_plan
def test_keys_are_for_content(plan: Plan) -> None:
    """A last digit that another machine rounds otherwise does not change the key; another plan does."""
    assert plan.key == copy.deepcopy(plan).key
    near = tuple(Path(p.segments, Table(p.coefficients.array * (1 + 4e-16))) for p in plan.paths)
    assert Plan(plan.operands, plan.coefficient_modes, near).key == plan.key
    if plan.paths:
        far = (Path(plan.paths[0].segments, Table(plan.paths[0].coefficients.array * 1.001)), *plan.paths[1:])
        assert Plan(plan.operands, plan.coefficient_modes, far).key != plan.key
    assert [plan.tables[i] for i in plan.table_of] == [path.coefficients for path in plan.paths]


def test_a_key_is_the_same_in_every_process() -> None:
    assert linear_plan(O3.rep("4x1o"), O3.rep("5x1o")).key == "1caaf351684a8230c68daf40c4de47ae"


def test_unreached_outputs_are_known() -> None:
    assert PLANS["linear with dead outputs"].unreached == (0, 2)
    assert PLANS["bilinear with dead outputs"].unreached == (0, 2)
    assert PLANS["mixed multiplicities"].unreached == ()


# what does not fit ----------------------------------------------------------------------------------------------------

X, Y = Operand("iu", ((3, 2), (1, 4))), Operand("ku", ((3, 2),))
COUPLING = Table(np.ones((3, 3)))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (Path((0,), COUPLING), r"names one segment per operand, out of \[2, 1\] numbered from 0, but got \(0,\)"),
        (Path((0, 0, 0), COUPLING), r"got \(0, 0, 0\)"),
        (Path((2, 0), COUPLING), r"got \(2, 0\)"),
        (Path((0, -1), COUPLING), r"got \(0, -1\)"),
        (Path((0, 0), Table(np.ones(3))), r"have the shape \(3,\), but one axis for each of the letters 'ik'"),
        (Path((0, 0), Table(np.ones((3, 4)))), r"gives the letter 'k' the sizes 4 and 3"),
        (Path((1, 0), Table(np.ones((1, 3)))), r"gives the letter 'u' the sizes 4 and 2"),
    ],
)
def test_paths_must_fit(path: Path, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Plan((X, Y), "ik", (path,))


def test_operands_must_make_sense() -> None:
    with pytest.raises(ArgumentError, match="'ii' name an axis twice"):
        Operand("ii", ((2, 2),))
    for shape in [(2,), (2, 3, 4), (2, -1)]:
        with pytest.raises(ArgumentError, match=r"'iu' has 2 sizes, each at least 0, but got \("):
            Operand("iu", (shape,))
    with pytest.raises(ArgumentError, match="at least one input and the output, but got 1 operands"):
        Plan((X,), "iu", ())
    with pytest.raises(ArgumentError, match="Every letter of the coefficients occurs in an operand, but 'j' of 'ijk'"):
        Plan((X, Y), "ijk", ())


def test_inputs_must_fit() -> None:
    plan = PLANS["bilinear, SO(3)"]
    weights, x, y = inputs(plan, (2,))
    with pytest.raises(ShapeError, match=r"takes 3 inputs whose last axes have the sizes \[.*\], but got \["):
        contract(plan, weights, x[:, :-1], y)
    with pytest.raises(ShapeError, match="takes 3 inputs"):
        contract(plan, weights, x)
    with pytest.raises(
        ArgumentError, match="has 3 inputs, numbered from 0, but the derivative with respect to input 3"
    ):
        plan.derivative(3)
