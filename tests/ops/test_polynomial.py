"""Compiled polynomials are their definition: outputs and derivatives of every order, through each of torch's doors."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels import symmetric_contraction
from intertwine.ops import ChannelPolynomial
from intertwine.ops.llvm.compile import compiled as compile_object
from intertwine.ops.polynomial import compiled
from intertwine.ops.polynomial.channel_sum import channel_sum
from intertwine.ops.polynomial.llvm import MOST_SUMMANDS, write_polynomial
from intertwine.ops.polynomial.reference import evaluate_rows
from intertwine.plan import Operand, Path, Plan, Polynomial, Term
from intertwine.plan.text import read_polynomial, written_polynomial
from tests.ops.test_compiled_convolution import TARGETS, derivatives, poisoned_memory, threads
from tests.registry import Q8

Values = tuple[Tensor, Tensor]

POLYNOMIALS = {
    "one channel": symmetric_contraction(O3.rep("1x0e + 1x1o"), O3.rep("1x0e + 1x1o"), 3).polynomial,
    "odd channels": symmetric_contraction(O3.rep("5x1o + 5x0e"), O3.rep("5x2e + 5x1o"), 2).polynomial,
    "whole vectors": symmetric_contraction(O3.rep("32x0e + 32x1o"), O3.rep("32x0e"), 3).polynomial,
    "vectors and a rest": symmetric_contraction(SO3.rep("19x0 + 19x1"), SO3.rep("19x1"), 2).polynomial,
    "complex type": symmetric_contraction(SO2.rep("3x1 + 3x2"), SO2.rep("3x0 + 3x1"), 3).polynomial,
    "quaternionic type": symmetric_contraction(Q8.rep("2x1"), Q8.rep("2x1 + 2x0"), 3).polynomial,
    "order 5": symmetric_contraction(O2.rep("7x1"), O2.rep("7x1 + 7x0e"), 5).polynomial,
}
each_polynomial = pytest.mark.parametrize("polynomial", POLYNOMIALS.values(), ids=POLYNOMIALS.keys())
SMALL = POLYNOMIALS["odd channels"]
CUBIC = POLYNOMIALS["one channel"]
KINDS = ("forward", "backward", "second")


def some(rows: int = 9, kinds: int = 3, seed: int = 0) -> Tensor:
    return torch.randint(kinds, (rows,), generator=torch.Generator().manual_seed(seed))


def values(
    polynomial: Polynomial, rows: int = 9, kinds: int = 3, dtype: torch.dtype = torch.float64, seed: int = 0
) -> Values:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(count, size, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for count, size in zip((kinds, rows), polynomial.inputs, strict=True)
    )


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-5)], ids=str)
@each_polynomial
def test_outputs_and_gradients_of_both_orders(
    polynomial: Polynomial, dtype: torch.dtype, tolerance: float, number: int
) -> None:
    rows = 40 if number > 1 else 9
    given, index = values(polynomial, rows, dtype=dtype), some(rows)
    operation = ChannelPolynomial(polynomial).to(dtype)
    assert operation.choose(*given).backend == "llvm"
    with threads(number):
        found = derivatives(lambda w, x: operation(w, x, index), given)
        with poisoned_memory():
            again = derivatives(lambda w, x: operation(w, x, index), given)
    exact = derivatives(
        lambda w, x: evaluate_rows(polynomial, w, x, index),
        tuple(x.detach().double().requires_grad_() for x in given),
    )
    for a, b, c in zip(found, again, exact, strict=True):
        for ours in (a, b):
            assert ours.isfinite().all()
            assert float((ours.double() - c).detach().abs().max()) <= tolerance * float(1 + c.detach().abs().max())


@pytest.mark.parametrize("backend", ["torch", "reference"])
@each_polynomial
def test_plain_torch_computes_the_same(polynomial: Polynomial, backend: str) -> None:
    given, index = values(polynomial), some()
    operation = ChannelPolynomial(polynomial, backend=backend).double()
    assert operation.choose(*given).backend == backend
    torch.testing.assert_close(operation(*given, index), evaluate_rows(polynomial, *given, index))
    first = ChannelPolynomial(polynomial).double()(*given)
    torch.testing.assert_close(operation(*given), first)
    torch.testing.assert_close(first, evaluate_rows(polynomial, *given, torch.zeros_like(index)))


@pytest.mark.parametrize("door", ["eager", "registered"])
def test_derivatives_by_finite_differences(door: str) -> None:
    given, index = values(CUBIC, 3, 2), some(3, 2)
    operation, text = ChannelPolynomial(CUBIC).double(), written_polynomial(CUBIC)

    def function(w: Tensor, x: Tensor) -> Tensor:
        return operation(w, x, index) if door == "eager" else compiled.registered_polynomial(text, index, x, w)

    assert torch.autograd.gradcheck(function, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, given, fast_mode=True)
    if door == "eager":
        w, x = given

        def second(x: Tensor) -> Tensor:
            (first,) = torch.autograd.grad(function(w, x).square().sum(), x, create_graph=True)
            return torch.autograd.grad(first.square().sum(), x, create_graph=True)[0]

        assert torch.autograd.gradcheck(second, x, fast_mode=True)


def test_threads_change_nothing_that_was_promised() -> None:
    """The forward pass and gradients by features, always; by weights where deterministic algorithms are asked for."""
    polynomial = POLYNOMIALS["whole vectors"]
    given, index = values(polynomial, 300, dtype=torch.float32), some(300)
    operation, found, plain = ChannelPolynomial(polynomial), [], []
    for number in (1, 2):
        with threads(number):
            out = operation(*given, index)
            plain.append([out, torch.autograd.grad(out.sum(), given[1])[0]])
            with poisoned_memory():
                found.append(derivatives(lambda w, x: operation(w, x, index), given))
    for pair in (found, plain):
        for a, b in zip(*pair, strict=True):
            assert torch.equal(a, b)


def test_tensors_of_any_layout() -> None:
    """Sums give expanded cotangents, transposes strided ones; inputs may be views, and negated when they are read."""
    (w, x), index = values(SMALL), some()
    operation = ChannelPolynomial(SMALL).double()
    expected = operation(w, x, index)
    (slope,) = torch.autograd.grad(expected.sum(), x, retain_graph=True)
    strided = x.detach().T.contiguous().T.requires_grad_()
    out = operation(w.detach().T.contiguous().T, strided, torch.stack([index, index], 1)[:, 0])
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), strided)[0], slope)
    torch.testing.assert_close(operation(w, torch._neg_view(x.detach()), index), operation(w, -x, index))


def test_no_rows() -> None:
    w, x = values(SMALL, 0)
    for given in (some(0), None):
        found = derivatives(lambda w, x, i=given: ChannelPolynomial(SMALL)(w, x, i), (w, x))
        assert [tuple(v.shape) for v in found[:3]] == [(0, SMALL.outputs[0]), tuple(w.shape), (0, SMALL.inputs[1])]
        assert not found[1].any()


def test_numbers_of_weights_that_are_not_there_are_refused() -> None:
    """A kernel would read whatever lies there in memory."""
    (w, x), index = values(SMALL), some()
    for wrong in (index + 3, index - 5):
        with pytest.raises(ArgumentError, match=r"one of 3 sets of weights, numbered from 0, but got the numbers from"):
            ChannelPolynomial(SMALL)(w, x, wrong)


def test_tensors_that_do_not_fit_are_refused() -> None:
    (w, x), index = values(SMALL), some()
    for given, words in (
        ((w[:, 1:], x, index), r"takes weights of shape \(3, \d+\), but got \(3, \d+\)"),
        ((w, x[:, 1:], index), r"takes x of shape \(9, 20\), but got \(9, 19\)"),
        ((w, x, index[1:]), r"shape \(9,\) and dtype int64, but got \(8,\) of torch\.int64"),
    ):
        with pytest.raises(ShapeError, match=words):
            ChannelPolynomial(SMALL)(*given)
    text = written_polynomial(SMALL)
    with pytest.raises(ShapeError, match=r"of torch\.int32"):
        compiled.registered_polynomial(text, index.int(), x, w)
    with pytest.raises(ArgumentError, match="all inputs alike"):
        compiled.registered_polynomial(text, index, x, w.float())


def made(*modes: str, coefficients: str, inputs: tuple[int, ...] = (0, 1, 1)) -> Polynomial:
    """A polynomial of operands with two components and two channels."""
    operands = tuple(Operand(m, ((2,) * len(m),)) for m in modes)
    table = Table(np.ones((2,) * len(coefficients)))
    plan = Plan(operands, coefficients, (Path((0,) * len(modes), table),))
    sizes = {}
    for number, operand in zip(inputs, operands, strict=False):
        sizes[number] = operand.size
    return Polynomial(tuple(sizes[n] for n in sorted(sizes)), (operands[-1].size,), (Term(plan, inputs),))


def test_backends_are_chosen_in_words() -> None:
    given = values(SMALL)
    for operation, inputs, backend, words in (
        (ChannelPolynomial(SMALL), given, "llvm", "runs in a kernel compiled for it"),
        (ChannelPolynomial(SMALL, backend="torch"), given, "torch", "'torch' was asked for"),
        (ChannelPolynomial(SMALL), tuple(x.half() for x in given), "torch", "float32 and float64, all inputs alike"),
        (ChannelPolynomial(SMALL), (given[0].float(), given[1]), "torch", "all inputs alike"),
        (ChannelPolynomial(SMALL), tuple(x.to("meta") for x in given), "torch", "the inputs lie on meta"),
    ):
        chosen = operation.choose(*inputs)
        assert chosen.backend == backend
        assert words in chosen.reason
    with pytest.raises(ArgumentError, match=r"'llvm' was asked for, but cannot serve: Kernels take float32"):
        ChannelPolynomial(SMALL, backend="llvm")(*(x.half() for x in given), some())


def test_other_polynomials_are_refused() -> None:
    """Channels that are summed or mixed, weights twice, letters in another order: none is taken for what it is not."""
    for polynomial in (
        made("u", "iu", "ju", "k", coefficients="ijk"),
        made("v", "iu", "ju", "ku", coefficients="ijk"),
        made("uv", "iu", "ju", "ku", coefficients="ijk"),
        made("u", "ui", "ju", "ku", coefficients="ijk"),
        made("iu", "ju", "lu", "ku", coefficients="ijlk", inputs=(0, 0, 0)),
        made("u", "iu", "ju", "ku", coefficients="ijk", inputs=(0, 1, 2)),
    ):
        modes = ", ".join(operand.modes for operand in polynomial.terms[0].plan.operands)
        with pytest.raises(ArgumentError, match=f"takes weights u and factors au, bu, .* but got {modes}"):
            ChannelPolynomial(polynomial)
    with pytest.raises(ArgumentError, match="but got no terms"):
        ChannelPolynomial(Polynomial((2, 4), (4,), ()))


def test_axes_of_coefficients_in_any_order() -> None:
    generator = np.random.default_rng(0)
    operands = (Operand("u", ((2,),)), Operand("iu", ((3, 2),)), Operand("ju", ((3, 2),)), Operand("ku", ((4, 2),)))
    plan = Plan(operands, "kji", (Path((0, 0, 0, 0), Table(generator.normal(size=(4, 3, 3)))),))
    polynomial = Polynomial((2, 6), (8,), (Term(plan, (0, 1, 1)),))
    (w, x), index = values(polynomial), some()
    for backend in ("llvm", "torch"):
        operation = ChannelPolynomial(polynomial, backend=backend).double()
        torch.testing.assert_close(operation(w, x, index), evaluate_rows(polynomial, w, x, index))


def test_large_polynomials_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling them would take longer than they are worth."""
    most = len(channel_sum(SMALL).summands) - 1
    assert most < MOST_SUMMANDS
    monkeypatch.setattr("intertwine.ops.polynomial.dispatch.MOST_SUMMANDS", most)
    given, index = values(SMALL), some()
    operation = ChannelPolynomial(SMALL).double()
    chosen = operation.choose(*given)
    assert chosen.backend == "torch"
    assert f"up to {most} summands are compiled, but this one has {most + 1}" in chosen.reason
    torch.testing.assert_close(operation(*given, index), evaluate_rows(SMALL, *given, index))


def test_a_polynomial_without_paths_is_zero() -> None:
    operands = (Operand("u", ((2,),)), Operand("iu", ((3, 2),)), Operand("ku", ((2, 2),)))
    polynomial = Polynomial((2, 6), (4,), (Term(Plan(operands, "ik", ()), (0, 1)),))
    given = values(polynomial)
    operation = ChannelPolynomial(polynomial)
    assert operation.choose(*given).backend == "llvm"
    with poisoned_memory():
        out = operation(*given, some())
        found = [out, *torch.autograd.grad(out.sum(), given)]
    assert [tuple(v.shape) for v in found] == [(9, 4), (3, 2), (9, 6)]
    assert not any(v.any() for v in found)


def test_functional_transforms_and_forward_mode() -> None:
    """They go through plain torch: a registered operation would give a zero tangent without a word."""
    (w, x), index = values(CUBIC), some()
    operation = ChannelPolynomial(CUBIC).double()

    def energy(x: Tensor) -> Tensor:
        return operation(w, x, index).square().sum()

    along = torch.randn(x.shape, generator=torch.Generator().manual_seed(3), dtype=x.dtype)
    expected = (torch.autograd.grad(energy(x), x)[0] * along).sum()
    torch.testing.assert_close(torch.func.jvp(energy, (x,), (along,))[1], expected)
    with forward_ad.dual_level():
        torch.testing.assert_close(forward_ad.unpack_dual(energy(forward_ad.make_dual(x, along))).tangent, expected)
    torch.testing.assert_close(torch.func.grad(energy)(x), torch.autograd.grad(energy(x), x)[0])
    both = torch.vmap(lambda x: operation(w, x, index))(torch.stack([x, 2 * x]))
    torch.testing.assert_close(both, torch.stack([operation(w, y, index) for y in (x, 2 * x)]))
    x = x.detach()
    functional = torch.autograd.functional
    torch.testing.assert_close(functional.hessian(energy, x, vectorize=True), functional.hessian(energy, x))


def test_what_changes_before_the_backward_pass_is_noticed() -> None:
    (w, x), index = values(SMALL), some()
    out = ChannelPolynomial(SMALL).double()(w, x, index)
    index.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_polynomials_travel() -> None:
    given, index = values(SMALL), some()
    operation = ChannelPolynomial(SMALL).double()
    for twin in (copy.deepcopy(operation), pickle.loads(pickle.dumps(operation))):
        assert torch.equal(twin(*given, index), operation(*given, index))
    for polynomial in POLYNOMIALS.values():
        assert read_polynomial(written_polynomial(polynomial)) == polynomial


def test_recorded_code_calls_the_kernels() -> None:
    """A kernel that runs unseen would leave its memory as it was in what was recorded."""
    (w, x), index = values(CUBIC), some()
    operation = ChannelPolynomial(CUBIC).double()

    def second(w: Tensor, x: Tensor) -> Tensor:
        (force,) = torch.autograd.grad(operation(w, x, index).sum(), x, create_graph=True)
        return torch.autograd.grad(force.square().sum(), w)[0]

    recorded = make_fx(second)(w, x)
    called = {str(node.target) for node in recorded.graph.nodes}
    assert {f"intertwine.polynomial{suffix}.default" for suffix in ("", "_backward", "_second")} <= called
    torch.testing.assert_close(recorded(2 * w, x + 1), second(2 * w, x + 1))


@pytest.mark.slow
def test_operations_are_registered_as_torch_expects() -> None:
    (w, x), index = values(SMALL), some()
    g = torch.randn(9, SMALL.outputs[0], dtype=torch.float64, requires_grad=True)
    along = [torch.randn_like(v, requires_grad=True) for v in (x, w)]
    operations = torch.ops.intertwine
    for operation, tensors in (
        (operations.polynomial, (x, w)),
        (operations.polynomial_backward, (x, w, g)),
        (operations.polynomial_second, (x.detach(), w.detach(), g.detach(), *(v.detach() for v in along))),
    ):
        found = torch.library.opcheck(operation.default, (*tensors, index, written_polynomial(SMALL)))
        assert set(found.values()) == {"SUCCESS"}


@pytest.mark.slow
def test_compiled_code_calls_the_kernels() -> None:
    given, index = values(SMALL), some()
    operation = ChannelPolynomial(SMALL).double()

    def force(w: Tensor, x: Tensor, index: Tensor) -> Tensor:
        return operation(w, x, index).square().sum()

    compiled_force = torch.compile(force, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(force(*given, index), given)
    for a, b in zip(torch.autograd.grad(compiled_force(*given, index), given), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
def test_exports_run_on_other_numbers_of_rows() -> None:
    given, index = values(SMALL), some()
    rows = torch.export.Dim("rows")
    program = torch.export.export(
        ChannelPolynomial(SMALL).double(), (*given, index), dynamic_shapes=(None, {0: rows}, {0: rows})
    )
    stored = io.BytesIO()
    torch.export.save(program, stored)
    stored.seek(0)
    other, numbers = values(SMALL, 31, seed=4), some(31, seed=5)
    found = torch.export.load(stored).module()(*other, numbers)
    torch.testing.assert_close(found, evaluate_rows(SMALL, *other, numbers))


@pytest.mark.parametrize("machine", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_other_processors_are_compiled_for(machine, kind: str) -> None:
    """The code is legal, and multiplies and adds without calling a function for each number."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    text = write_polynomial(channel_sum(SMALL), machine, kind, double=False)
    assert compile_object(text, machine)
    target = binding.Target.from_triple(machine.triple).create_target_machine(machine.processor, machine.features, 2)
    assert "fmaf" not in target.emit_assembly(binding.parse_assembly(text))
