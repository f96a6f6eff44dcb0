"""Linear maps and products in compiled kernels are their definition, through each of torch's doors."""

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.catalog import O3, SO2
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels import bilinear_plan, linear_plan
from intertwine.kernels.products import channelwise, every_path, product
from intertwine.ops import Contraction
from intertwine.ops.closed import registered
from intertwine.ops.contract.blocks import BlockProduct
from intertwine.ops.contract.blocks_llvm import write_blocks
from intertwine.ops.contract.product import FullProduct, factors
from intertwine.ops.contract.reference import contract
from intertwine.ops.convolve.products import run_product
from intertwine.ops.linear.compiled import WEIGHTS, eager_linear, registered_linear, run_linear
from intertwine.ops.linear.constants import add_constants
from intertwine.ops.linear.llvm import mixing, write_rows, write_turned, write_weights
from intertwine.ops.llvm import Machine
from intertwine.ops.llvm.compile import compiled as compile_object
from intertwine.plan import Operand, Path, Plan
from intertwine.plan.text import written
from tests.ops.test_compiled_convolution import TARGETS, derivatives, poisoned_memory, threads
from tests.plans import inputs


def _channelwise(mode: str, first: str, second: str) -> Plan:
    x, y = O3.rep(first), O3.rep(second)
    rep, paths = channelwise(x, y, ["0e", "1o"], mode)
    return product((x, y, rep), paths).polynomial.terms[0].plan


def _mode(mode: str, *reps: str) -> Plan:
    x, y, out = map(O3.rep, reps)
    return product((x, y, out), every_path(x, y, out, mode)).polynomial.terms[0].plan


def _outside_pairs(plan: Plan) -> Plan:
    """The plan with all copies outside, the components inside."""
    w, x, y, out = plan.operands
    x, y = (Operand(o.modes[::-1], tuple(s[::-1] for s in o.segments)) for o in (x, y))
    return replace(plan, operands=(w, x, y, Operand("uvk", tuple((u, v, k) for k, u, v in out.segments))))


def _braided(plan: Plan, which: str) -> Plan:
    """The plan with the components of each channel side by side, in operands of these modes."""
    turned = [Operand(o.modes[::-1], tuple(s[::-1] for s in o.segments)) for o in plan.operands]
    operands = [new if old.modes in which.split() else old for old, new in zip(plan.operands, turned, strict=True)]
    return replace(plan, operands=tuple(operands))


BY_HAND = Plan(  # a scalar weight, a sum over what one factor alone has, numbers that repeat, a component of no factor
    (Operand("", ((), ())), Operand("ia", ((2, 3), (1, 2))), Operand("b", ((4,),)), Operand("lbk", ((2, 4, 3),))),
    "ik",
    (Path((1, 0, 0, 0), Table([[0, 2, 1], [0.5, 0, 0]])), Path((0, 1, 0, 0), Table([[1, 0, -1]]))),
)
SMALL = linear_plan(O3.rep("3x0e + 2x1o"), O3.rep("2x0e + 1x1o + 1x0e"))
FULL = bilinear_plan(O3.rep("2x0e + 1x1o"), O3.rep("1x0e + 2x1o"), O3.rep("1x0e + 2x1o"))
PLANS = {
    "linear": SMALL,
    "linear, whole vectors": linear_plan(O3.rep("32x0e + 32x1o"), O3.rep("64x0e + 32x1o")),
    "linear, unsorted": linear_plan(O3.rep("5x1o + 19x0e + 2x1o + 3x0o"), O3.rep("30x1o + 1x2e + 5x0e + 4x1o")),
    "linear, several endomorphisms": linear_plan(SO2.rep("5x1 + 3x0 + 9x1"), SO2.rep("2x0 + 17x1 + 1x2")),
    "full": FULL,
    "full, wide": bilinear_plan(O3.rep("33x0e + 16x1o"), O3.rep("1x0e + 3x1o"), O3.rep("17x0e + 5x1o + 2x1o")),
    "uvu": _channelwise("uvu", "18x0e + 5x1o", "2x0e + 1x1o"),
    "uvv": _channelwise("uvv", "2x0e + 1x1o", "18x0e + 5x1o"),
    "uvuv": _channelwise("uvuv", "17x0e + 3x1o", "5x0e + 2x1o"),
    "uvu, channels outside": _braided(_channelwise("uvu", "18x0e + 5x1o + 33x3o", "2x0e + 1x1o + 1x3o"), "iu ku"),
    "uvv, channels outside": _braided(_channelwise("uvv", "2x0e + 1x1o + 1x3o", "18x0e + 5x1o + 3x3o"), "jv kv"),
    "uvu, those of x outside": _braided(_channelwise("uvu", "18x0e + 5x1o", "1x1o"), "iu"),
    "uvu, those of the output outside": _braided(_channelwise("uvu", "18x0e + 5x1o", "1x1o + 1x1o"), "ku"),
    "uvu, few channels": _channelwise("uvu", "2x0e + 1x1o", "2x0e + 1x1o"),
    "uuu": _channelwise("uuu", "18x0e + 5x1o", "18x0e + 5x1o"),
    "uuu, channels outside": _braided(_channelwise("uuu", "18x0e + 5x1o", "18x0e + 5x1o"), "iu ju ku"),
    "uuw": _mode("uuw", "3x0e + 5x1o", "3x0e + 5x1o", "7x0e + 2x1o"),
    "uuw, wide": _mode("uuw", "40x0e + 33x1o", "40x0e + 33x1o", "30x0e + 1x1o"),
    "uvuv, channels outside": _outside_pairs(_channelwise("uvuv", "7x0e + 3x1o", "5x0e + 2x1o")),
    "one number for all, and sums": BY_HAND,
}
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


def some(plan: Plan, rows: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    return tuple(x.requires_grad_() for x in inputs(plan, (), (rows,), dtype=dtype))


@pytest.mark.parametrize("rows", [0, 1, 150])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-5)], ids=str)
@each_plan
def test_outputs_and_gradients_of_both_orders(plan: Plan, dtype: torch.dtype, tolerance: float, rows: int) -> None:
    given, contraction = some(plan, rows, dtype), Contraction(plan)
    assert contraction.choose(*given).backend == "llvm"
    with threads(2):
        found = derivatives(contraction, given)
    with threads(1), poisoned_memory():
        again = derivatives(contraction, given)
    exact = derivatives(lambda *x: contract(plan, *x), tuple(x.detach().double().requires_grad_() for x in given))
    for a, b, c in zip(found, again, exact, strict=True):
        for ours in (a, b):
            assert ours.isfinite().all()
            assert ours.shape == c.shape
            scale = float(1 + c.detach().abs().max()) if c.numel() else 1.0
            assert not ours.numel() or float((ours.double() - c).detach().abs().max()) <= tolerance * scale


@pytest.mark.parametrize(
    "name", ["uvu", "uvu, few channels", "uuw", "uvuv, channels outside", "one number for all, and sums"]
)
def test_weights_of_each_row(name: str) -> None:
    plan = PLANS[name]
    given = tuple(x.requires_grad_() for x in inputs(plan, (37,)))
    contraction = Contraction(plan)
    assert contraction.choose(*given).backend == "llvm"
    with threads(2), poisoned_memory():
        found = derivatives(contraction, given)
    for ours, exact in zip(found, derivatives(lambda *x: contract(plan, *x), given), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-11, atol=1e-11)


DOORS: dict[str, tuple[Plan, Callable[..., Tensor]]] = {
    "linear, eager": (SMALL, lambda w, x: eager_linear(SMALL, w, x)),
    "linear, registered": (SMALL, lambda w, x: registered_linear(written(SMALL), w, x)),
    "full, eager": (FULL, lambda w, x, y: FullProduct(FULL).eager((), x, y, w)),
    "blocks, eager": (BY_HAND, lambda w, x, y: BlockProduct(BY_HAND).eager((), w, x, y)),
    "blocks, registered": (BY_HAND, lambda w, x, y: registered(BlockProduct, written(BY_HAND), (), w, x, y)),
    "full, registered": (FULL, lambda w, x, y: registered(FullProduct, written(FULL), (), x, y, w)),
}


@pytest.mark.parametrize("door", DOORS)
def test_three_orders_by_finite_differences(door: str) -> None:
    plan, function = DOORS[door]
    given = some(plan, 3)
    assert torch.autograd.gradcheck(function, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, given, fast_mode=True)

    def second(*x: Tensor) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(function(*x).pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(sum(part.pow(2).sum() for part in first), x, create_graph=True)

    assert torch.autograd.gradcheck(second, given, fast_mode=True)


@pytest.mark.parametrize("door", [door for door in DOORS if "registered" in door])
def test_registered_operations_keep_torch_s_rules(door: str) -> None:
    plan, _ = DOORS[door]
    *weights, rows = (x.detach() for x in some(plan, 3))
    if len(plan.inputs) == 2:
        torch.library.opcheck(torch.ops.intertwine.linear, (weights[0].requires_grad_(), rows, written(plan), 2))
    elif plan is FULL:
        torch.library.opcheck(torch.ops.intertwine.product, (weights[1], rows, weights[0], written(plan)))
    else:
        torch.library.opcheck(torch.ops.intertwine.blocks, (*weights, rows, written(BY_HAND)))


@pytest.mark.parametrize("name", ["linear", "full", "uvu", "uuu", "uuw"])
def test_functional_transforms_run_in_torch(name: str) -> None:
    plan = PLANS[name]
    given, contraction = tuple(x.detach() for x in some(plan, 4)), Contraction(plan).double()
    moved = tuple(torch.randn_like(x) for x in given)
    out, change = torch.func.jvp(contraction, given, moved)
    torch.testing.assert_close(out, contraction(*given))
    _, expected = torch.func.jvp(lambda *x: contract(plan, *x), given, moved)
    torch.testing.assert_close(change, expected)
    functional = torch.autograd.functional

    def cubes(*x: Tensor) -> Tensor:
        return contraction(*x).pow(3).sum(0)

    for a, b in zip(functional.jacobian(cubes, given, vectorize=True), functional.jacobian(cubes, given), strict=True):
        torch.testing.assert_close(a, b)
    x = given[1]
    hessians = [
        functional.hessian(lambda z: cubes(given[0], z, *given[2:]).sum(), x, vectorize=batched)
        for batched in (True, False)
    ]
    torch.testing.assert_close(*hessians)


def test_gradients_that_nobody_asks_for_are_not_computed() -> None:
    w, x = some(SMALL, 5)
    out = eager_linear(SMALL, w.detach(), x)
    (found,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(found, torch.autograd.grad(eager_linear(SMALL, w, x).sum(), x)[0])


def test_rows_of_any_layout() -> None:
    """Transposed, strided and negated rows, weights that are a view; expanded cotangents."""
    plan = PLANS["linear, unsorted"]
    w, x = (v.detach() for v in some(plan, 14))
    expected = contract(plan, w, x)
    wide = torch.stack([x, x], 1)
    for rows in (x.T.contiguous().T, wide[:, 1], torch._neg_view(-x)):
        torch.testing.assert_close(Contraction(plan)(w, rows), expected)
    torch.testing.assert_close(Contraction(plan)(torch.stack([w, w], 1)[:, 0], x), expected)


def test_other_backends_can_be_asked_for() -> None:
    vectors = tuple(Operand(letter, ((2,),)) for letter in "ijkl")
    cubic = Plan((*vectors, Operand("m", ((1,),))), "ijklm", (Path((0,) * 5, Table(np.ones((2, 2, 2, 2, 1)))),))
    w, x = (v.detach() for v in some(SMALL, 3))
    for backend in ("llvm", "torch", "reference"):
        contraction = Contraction(SMALL, backend=backend).double()
        assert contraction.choose(w, x).backend == backend
        torch.testing.assert_close(contraction(w, x), contract(SMALL, w, x))
    with pytest.raises(ArgumentError, match="was asked for, but cannot serve: Kernels for this plan take weights that"):
        Contraction(SMALL, backend="llvm")(w.expand(3, -1), x)
    with pytest.raises(ArgumentError, match="cannot serve: No kernel computes a plan with such operands"):
        Contraction(cubic, backend="llvm")(*inputs(cubic, (3,)))
    chosen = Contraction(SMALL).choose(w.half(), x.half())
    assert chosen.backend == "torch"
    assert "float32 and float64" in chosen.reason


def test_tensors_that_would_read_other_memory_are_refused() -> None:
    w, x = some(SMALL, 4)
    for a, b in ((w[1:], x), (w, x[:, 1:]), (w, x[0]), (w[None], x)):
        with pytest.raises(ShapeError, match="A linear map takes weights"):
            eager_linear(SMALL, a, b)
        with pytest.raises(ShapeError, match="A linear map takes weights"):
            registered_linear(written(SMALL), a, b)
    with pytest.raises(ShapeError, match="A linear map takes weights"):
        run_linear(SMALL, WEIGHTS, x, x[1:])
    with pytest.raises(ArgumentError, match="all inputs alike"):
        eager_linear(SMALL, w.float(), x)
    w, x, y = some(FULL, 4)
    for given in ((x, y, w[1:]), (x[1:], y, w), (x, y[:, 1:], w), (x, y, w[None].expand(4, -1))):
        with pytest.raises(ShapeError, match="The product takes"):
            FullProduct(FULL).eager((), *given)
        with pytest.raises(ShapeError, match="The product takes"):
            registered(FullProduct, written(FULL), (), *given)
    w, x, y = some(PLANS["uvu"], 4)
    for given in ((x, y, w[1:]), (x[1:], y, w), (x, y[:, 1:], w)):
        with pytest.raises(ShapeError, match="The product takes"):
            run_product(PLANS["uvu"], "forward", None, *given)
    w, x, y = some(BY_HAND, 4)
    for given in ((w[1:], x, y), (w, x[1:], y), (w, x, y[:, 1:])):
        with pytest.raises(ShapeError, match="The product takes"):
            BlockProduct(BY_HAND).eager((), *given)
    w, x, y = some(FULL, 4)
    with pytest.raises(ArgumentError, match="No kernels compute this plan"):
        BlockProduct(FULL.reordered((1, 2, 0, 3))).run("forward", (), x, y, w)
    w, x, y = some(PLANS["uvu"], 4)
    with pytest.raises(ArgumentError, match="No kernels compute this plan"):
        FullProduct(FULL.derivative(1)).eager((), y, x, w)
    with pytest.raises(ArgumentError, match="No kernel computes this plan"):
        eager_linear(FULL, w, x)


def test_products_that_lead_to_several_outputs_are_made_once() -> None:
    x, y = O3.rep("4x0e + 4x1o"), O3.rep("1x0e + 1x1o")
    once, twice = (factors(bilinear_plan(x, y, O3.rep(out))) for out in ("2x1o", "2x1o + 3x1o"))
    assert once is not None
    assert twice is not None
    assert len(once.outer.paths) == len(twice.outer.paths) == len(twice.mix.paths) // 2 == 2


@pytest.mark.parametrize("machine", TARGETS.values(), ids=TARGETS.keys())
def test_other_processors_are_compiled_for(machine: Machine) -> None:
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    shape = mixing(PLANS["linear, several endomorphisms"])
    for double in (False, True):
        for write in (write_rows, write_weights, write_turned):
            assert compile_object(write(shape, machine, double=double), machine)
        assert compile_object(write_blocks(BY_HAND, machine, "second", shared=True, double=double), machine)


@pytest.mark.parametrize("name", ["linear", "full", "uvu", "uvv", "uuw"])
def test_copies_compute_the_same(name: str) -> None:
    given, contraction = some(PLANS[name], 4), Contraction(PLANS[name])
    assert torch.equal(pickle.loads(pickle.dumps(contraction))(*given), contraction(*given))


def test_constants() -> None:
    """In place where that is safe; everywhere the same numbers and gradients of both orders."""
    generator = torch.Generator().manual_seed(0)
    y, c = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3, 7), (3,)))
    runs = ((0, 1), (4, 2))

    def eager(y: Tensor, c: Tensor) -> Tensor:
        return add_constants(2 * y, c, runs)

    expected = 2 * y
    expected[:, [0, 4, 5]] += c
    torch.testing.assert_close(eager(y, c), expected)
    torch.testing.assert_close(torch.func.jvp(eager, (y, c), (y, c))[1], expected)
    torch.testing.assert_close(torch.func.vmap(eager, (None, 0))(y, torch.stack([c, c]))[1], expected)
    given = y.requires_grad_(), c.requires_grad_()
    assert torch.autograd.gradcheck(eager, given)
    assert torch.autograd.gradgradcheck(lambda *x: eager(*x).pow(3), given)
    with torch.no_grad():
        torch.testing.assert_close(eager(y, c), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "full", "uvu", "uvuv", "uuu, channels outside", "uuw"])
def test_compiled_and_exported(name: str) -> None:
    plan = PLANS[name]
    given, contraction = some(plan, 6), Contraction(plan).double()
    expected = derivatives(contraction, given)[: 1 + len(given)]
    run = torch.compile(contraction, fullgraph=True, backend="aot_eager", dynamic=True)
    out = run(*given)
    generator = torch.Generator().manual_seed(1)
    g = torch.randn(out.shape, generator=generator, dtype=torch.float64)
    for a, b in zip([out, *torch.autograd.grad((out * g).sum(), given)], expected, strict=True):
        torch.testing.assert_close(a, b)
    rows = torch.export.Dim("rows", min=2)
    shapes = tuple(None if x.ndim == 1 else {0: rows} for x in given)
    exported = torch.export.export(contraction, given, dynamic_shapes={"inputs": shapes}).module()
    other = some(plan, 9)
    torch.testing.assert_close(exported(*other), contraction(*other))
