"""The compiled convolution is its definition: outputs and derivatives of every order, through each of torch's doors."""

import copy
import io
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from intertwine import plan as plans
from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.kernels.products import channelwise, product
from intertwine.ops import Convolution, Graph, choice, graph
from intertwine.ops.convolve import compiled
from intertwine.ops.convolve.layout import channel_layout
from intertwine.ops.convolve.llvm import write_convolve
from intertwine.ops.convolve.reference import convolve
from intertwine.ops.llvm import Machine, host, probe
from intertwine.ops.llvm.compile import compiled as compile_object
from intertwine.plan import Operand, Plan
from intertwine.plan.text import written
from intertwine.reps import Rep

Values = tuple[Tensor, Tensor, Tensor]


def depthwise(rep: Rep, harmonics: Rep, keep: str) -> Plan:
    out, instructions = channelwise(rep, harmonics, keep.split())
    return product((rep, harmonics, out), instructions).polynomial.terms[0].plan


PLANS = {
    "few channels": depthwise(O3.rep("1x0e + 2x1o"), O3.rep("1x0e + 1x1o"), "0e 1o 1e"),
    "odd channels": depthwise(O3.rep("5x0e + 3x1o + 17x2e"), O3.rep("1x0e + 1x1o + 1x2e"), "0e 1o 2e 1e"),
    "whole vectors": depthwise(O3.rep("32x0e + 32x0o + 32x1e + 32x1o"), O3.rep("1x0e + 1x1o"), "0e 0o 1e 1o"),
    "mixed widths": depthwise(O3.rep("40x0e + 24x1o + 8x2e"), O3.rep("1x0e + 1x1o + 1x2e"), "0e 1o 2e"),
    "unsorted": depthwise(SO3.rep("3x2 + 20x0 + 3x2"), SO3.rep("1x1 + 1x0"), "1 2"),
    "in the plane": depthwise(O2.rep("6x0e + 6x1 + 18x2"), O2.rep("1x0e + 1x1 + 1x2"), "0e 0o 1 2"),
}


def hand_made(*segments: tuple[int, ...], weights: int) -> Plan:
    generator = np.random.default_rng(0)
    operands = (
        Operand("vu", ((1, 5),) * weights),
        Operand("iu", ((3, 5), (3, 5))),
        Operand("jv", ((3, 1),)),
        Operand("ku", ((3, 5), (3, 5))),
    )
    tables = [Table(generator.normal(size=(3, 3, 3)) * (0 if 2 in s else 1)) for s in segments]
    return Plan(operands, "ijk", tuple(plans.Path(s, t) for s, t in zip(segments, tables, strict=True)))


HAND_MADE = {
    "paths share weights": hand_made((0, 0, 0, 0), (0, 1, 0, 1), weights=1),
    "weights without a path": hand_made((1, 0, 0, 0), weights=3),
    "a table of zeros": hand_made((0, 0, 0, 0), (2, 1, 0, 1), weights=3),
    "paths share outputs": hand_made((0, 0, 0, 0), (1, 1, 0, 0), (3, 1, 0, 1), weights=4),
}
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
SMALL = PLANS["few channels"]


def some(points: int = 6, edges: int = 17, seed: int = 0) -> Graph:
    """Edges in any order; the last points have none."""
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(0, max(points - 2, 1), (edges,), generator=generator)
    return graph(torch.stack([torch.randint(0, points, (edges,), generator=generator), ends]), points)


def values(plan: Plan, where: Graph, dtype: torch.dtype = torch.float64, seed: int = 0) -> Values:
    generator = torch.Generator().manual_seed(seed)
    counts = (len(where.source), where.targets, len(where.source))
    return tuple(
        torch.randn(count, operand.size, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for count, operand in zip(counts, plan.inputs, strict=True)
    )


def edges_of(where: Graph) -> Tensor:
    return torch.stack([where.source, where.target])


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """New memory holds NaN until it is written to; sums do not depend on threads."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def derivatives(function, given: tuple[Tensor, ...], seed: int = 1) -> list[Tensor]:
    """The output, all first gradients, and the second ones along random directions, by inputs and cotangent."""
    generator = torch.Generator().manual_seed(seed)
    out = function(*given)
    g = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out.dtype).requires_grad_()
    first = torch.autograd.grad((out * g).sum(), given, create_graph=True)
    along = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype) for x in given]
    change = sum((a * b).sum() for a, b in zip(first, along, strict=True))
    return [out, *first, *torch.autograd.grad(change, (*given, g))]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=str)
@each_plan
def test_outputs_and_gradients_of_both_orders(plan: Plan, dtype: torch.dtype, tolerance: float, number: int) -> None:
    where = some(40, 133) if number > 1 else some()
    given = values(plan, where, dtype)
    convolution = Convolution(plan).to(dtype)
    assert convolution.choose(*given).backend == "llvm"
    with threads(number):
        found = derivatives(lambda w, x, y: convolution(w, x, y, where), given)
        with poisoned_memory():
            again = derivatives(lambda w, x, y: convolution(w, x, y, where), given)
    exact = derivatives(
        lambda w, x, y: convolve(plan, w, x, y, edges_of(where), where.targets),
        tuple(x.detach().double().requires_grad_() for x in given),
    )
    for a, b, c in zip(found, again, exact, strict=True):
        for ours in (a, b):
            assert ours.isfinite().all()
            assert float((ours.double() - c).detach().abs().max()) <= tolerance * float(1 + c.detach().abs().max())


OTHERS = {
    "odd channels": PLANS["odd channels"],
    "copies of y": depthwise(O3.rep("5x0e + 17x1o"), O3.rep("3x0e + 2x1o"), "0e 1o 1e"),
}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("plan", OTHERS.values(), ids=OTHERS.keys())
def test_weights_of_each_edge_of_all_and_none(plan: Plan, number: int) -> None:
    """Several copies of y; the same weights on all edges; a plan without: outputs and gradients of both orders."""
    where = some(40, 133)
    (w, x, y), ends = values(plan, where), edges_of(where)
    bare = Plan(plan.operands[1:], "ijk", tuple(plans.Path(p.segments[1:], p.coefficients) for p in plan.paths))
    shared, alone = Convolution(plan).double(), Convolution(bare).double()
    one = w[0].detach().requires_grad_()
    assert shared.choose(one, x, y).backend == alone.choose(None, x, y).backend == "llvm"
    with threads(number), poisoned_memory() if number == 1 else nullcontext():
        found = derivatives(lambda *given: shared(*given, where), (w, x, y))
        found += derivatives(lambda *given: shared(*given, where), (one, x, y))
        found += derivatives(lambda *given: alone(None, *given, where), (x, y))
    exact = derivatives(lambda *given: convolve(plan, *given, ends, where.targets), (w, x, y))
    exact += derivatives(lambda *given: convolve(plan, *given, ends, where.targets), (one, x, y))
    exact += derivatives(lambda *given: convolve(bare, None, *given, ends, where.targets), (x, y))
    for a, b in zip(found, exact, strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("door", ["eager", "registered"])
def test_three_orders_by_finite_differences(door: str) -> None:
    where = some(5, 9)
    given = values(SMALL, where)

    def function(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if door == "eager":
            return compiled.eager_convolve(SMALL, where, x, y, w)
        return compiled.registered_convolve(written(SMALL), where, x, y, w)

    assert torch.autograd.gradcheck(function, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, given, fast_mode=True)

    generator = torch.Generator().manual_seed(2)
    into = [0.3 * torch.randn(x.numel(), 3, generator=generator, dtype=torch.float64) for x in given]

    def of_few(p: Tensor) -> Tensor:
        parts = [(x.detach().flatten() + a @ q).view_as(x) for x, a, q in zip(given, into, p, strict=True)]
        return function(*parts)[:, ::7].sum(0)

    def second(p: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(of_few(p).square().sum(), p, create_graph=True)
        return torch.autograd.grad(first.square().sum(), p, create_graph=True)[0]

    assert torch.autograd.gradcheck(
        second, torch.randn(3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    )


def test_threads_change_nothing_that_was_promised() -> None:
    """The forward pass, always; gradients where deterministic algorithms are asked for. To the last bit."""
    where = some(200, 900)
    given = values(PLANS["mixed widths"], where, torch.float32)
    found = []
    for number in (1, 2):
        with threads(number), poisoned_memory():
            found.append(derivatives(lambda w, x, y: Convolution(PLANS["mixed widths"])(w, x, y, where), given))
    with threads(2):
        found[0].append(found[0][0])
        found[1].append(Convolution(PLANS["mixed widths"])(*given, where))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


def test_cotangents_of_any_layout() -> None:
    """Sums give expanded cotangents, transposes strided ones; inputs may be views."""
    where = some()
    w, x, y = values(SMALL, where)
    wide = torch.stack([x, x], 0).detach()[1].requires_grad_()
    strided = x.detach().T.contiguous().T.requires_grad_()
    for other in (wide, strided):
        out = Convolution(SMALL)(w, other, y.detach().T.contiguous().T, where)
        (a,) = torch.autograd.grad(out.sum(), other, retain_graph=True)
        (b,) = torch.autograd.grad(Convolution(SMALL, backend="torch").double()(w, x, y, where).sum(), x)
        torch.testing.assert_close(a, b)
        (c,) = torch.autograd.grad(out.T.contiguous().T, other, torch.ones_like(out).T.contiguous().T)
        torch.testing.assert_close(c, b)


def test_graphs_without_edges_or_points() -> None:
    for points, edges in ((5, 0), (1, 3), (0, 0)):
        where = some(points, edges) if points else graph(torch.zeros(2, 0, dtype=torch.long), 0)
        given = values(SMALL, where)
        with poisoned_memory():
            found = derivatives(lambda w, x, y, where=where: Convolution(SMALL)(w, x, y, where), given)
        exact = derivatives(
            lambda w, x, y, where=where: convolve(SMALL, w, x, y, edges_of(where), where.targets), given
        )
        for a, b in zip(found, exact, strict=True):
            torch.testing.assert_close(a, b)


def test_a_graph_is_made_of_edges_of_any_kind() -> None:
    where = some()
    w, x, y = values(SMALL, where)
    expected = Convolution(SMALL)(w, x, y, where)
    for edges in (edges_of(where), edges_of(where).int()):
        torch.testing.assert_close(Convolution(SMALL)(w, x, y, edges, where.targets), expected)
    assert torch.equal(where.target[where.order].sort().values, where.target[where.order])
    assert where.row.diff().tolist() == torch.bincount(where.target, minlength=where.targets).tolist()


def test_edges_that_begin_nowhere_are_refused() -> None:
    """A kernel would read whatever lies there in memory."""
    where = some()
    w, x, y = values(SMALL, where)
    for wrong in (where._replace(source=where.source + 3), where._replace(source=where.source - 1)):
        with pytest.raises(ArgumentError, match=r"Edges begin at one of 6 rows of features, numbered from 0, but got"):
            Convolution(SMALL)(w, x, y, wrong)


def test_tensors_that_do_not_fit_are_refused() -> None:
    """Also a wrong row or column would be read from wherever it lies."""
    where = some()
    w, x, y = values(SMALL, where)
    for wrong, words in (
        ((w[:, 1:], x, y), r"takes weights of shape \(17, \d+\) for 17 edges, but got \(17, \d+\)"),
        ((w[1:], x, y), r"takes weights of shape"),
        ((w, x[:, 1:], y), r"takes x of shape \(6, 7\)"),
        ((w, x, y[1:]), r"takes y of shape \(17, 4\) for 17 edges, but got \(16, 4\)"),
    ):
        with pytest.raises(ShapeError, match=words):
            Convolution(SMALL)(*wrong, where)
    with pytest.raises(ArgumentError, match=r"A graph holds contiguous tensors of torch\.int64"):
        Convolution(SMALL)(w, x, y, Graph(*(part.int() for part in where)))


def test_backends_are_chosen_in_words() -> None:
    where = some()
    given = values(SMALL, where)
    full = PLANS["odd channels"].derivative(1)
    for convolution, inputs, backend, words in (
        (Convolution(SMALL), given, "llvm", "runs in a kernel compiled for it"),
        (Convolution(SMALL, backend="torch"), given, "torch", "'torch' was asked for"),
        (Convolution(SMALL, backend="reference"), given, "reference", "'reference' was asked for"),
        (
            Convolution(SMALL),
            tuple(x.half() for x in given),
            "torch",
            r"float32 and float64, all inputs alike, but got torch",
        ),
        (Convolution(SMALL), (given[0].float(), *given[1:]), "torch", "all inputs alike"),
        (Convolution(SMALL), tuple(x.to("meta") for x in given), "torch", "run on the CPU, but the inputs lie on meta"),
        (Convolution(SMALL), (given[0][0], *given[1:]), "llvm", "runs in a kernel compiled for it"),
        (Convolution(full), given, "torch", "Only channel-wise products"),
    ):
        chosen = convolution.choose(*inputs)
        assert chosen.backend == backend
        assert words in chosen.reason
    with pytest.raises(
        ArgumentError, match=r"The backend 'llvm' was asked for, but cannot serve: Kernels take float32"
    ):
        Convolution(SMALL, backend="llvm")(*(x.half() for x in given), where)


def test_functional_transforms_and_forward_mode() -> None:
    """They go through plain torch: a registered operation would give a zero tangent without a word."""
    where = some()
    w, x, y = values(SMALL, where)
    convolution = Convolution(SMALL).double()

    def energy(y: Tensor) -> Tensor:
        return convolution(w, x, y, where).square().sum()

    along = torch.randn_like(y)
    expected = (torch.autograd.grad(energy(y), y)[0] * along).sum()
    torch.testing.assert_close(torch.func.jvp(energy, (y,), (along,))[1], expected)
    with forward_ad.dual_level():
        torch.testing.assert_close(forward_ad.unpack_dual(energy(forward_ad.make_dual(y, along))).tangent, expected)
    torch.testing.assert_close(torch.func.grad(energy)(y), torch.autograd.grad(energy(y), y)[0])
    both = torch.vmap(lambda y: convolution(w, x, y, where))(torch.stack([y, 2 * y]))
    torch.testing.assert_close(both, torch.stack([convolution(w, x, z, where) for z in (y, 2 * y)]))
    torch.testing.assert_close(
        torch.func.hessian(lambda s: energy(s * y))(torch.ones((), dtype=y.dtype)), 2 * energy(y)
    )


@pytest.mark.parametrize("kind", [ImportError, AttributeError, RuntimeError])
def test_without_a_compiler_torch_computes_the_same(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once, in a warning, and as the reason of the choice."""

    def fails() -> None:
        raise kind("No module named 'llvmlite'")

    where = some()
    given = values(SMALL, where)
    expected = Convolution(SMALL)(*given, where)
    monkeypatch.setattr(choice, "probe", fails)
    choice.trouble.cache_clear()
    try:
        with pytest.warns(UserWarning, match=r"Kernels cannot be compiled here \(No module named 'llvmlite'\)"):
            convolution = Convolution(SMALL).double()
        assert convolution.choose(*given).backend == "torch"
        assert "No module named" in convolution.choose(*given).reason
        torch.testing.assert_close(convolution(*given, where), expected)
    finally:
        choice.trouble.cache_clear()


@pytest.mark.slow
def test_operations_are_registered_as_torch_expects() -> None:
    where = some()
    w, x, y = values(SMALL, where)
    g = torch.randn(where.targets, SMALL.output.size, dtype=torch.float64, requires_grad=True)
    along = [torch.randn_like(v, requires_grad=True) for v in (x, y, w)]
    operations = torch.ops.intertwine
    for operation, tensors in (
        (operations.convolve, (x, y, w)),
        (operations.convolve_backward, (x, y, w, g)),
        (operations.convolve_second, (x, y, w, g, *along)),
    ):
        found = torch.library.opcheck(operation.default, (*tensors, *where, written(SMALL)))
        assert set(found.values()) == {"SUCCESS"}


@pytest.mark.slow
def test_compiled_code_calls_the_kernels() -> None:
    where = some()
    given = values(SMALL, where)
    convolution = Convolution(SMALL).double()

    def energy(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return convolution(w, x, y, where).square().sum()

    compiled_energy = torch.compile(energy, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(energy(*given), given)
    for a, b in zip(torch.autograd.grad(compiled_energy(*given), given), expected, strict=True):
        torch.testing.assert_close(a, b)


class Network(torch.nn.Module):
    """A convolution of edges that vary."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = Convolution(SMALL)

    def forward(self, w: Tensor, x: Tensor, y: Tensor, edges: Tensor) -> Tensor:
        return self.convolution(w, x, y, edges, x.shape[0])


@pytest.mark.slow
def test_exports_run_on_other_graphs() -> None:
    where = some()
    given = values(SMALL, where)
    E, N = torch.export.Dim("E"), torch.export.Dim("N")
    shapes = ({0: E}, {0: N}, {0: E}, {1: E})
    program = torch.export.export(Network().double(), (*given, edges_of(where)), dynamic_shapes=shapes)
    stored = io.BytesIO()
    torch.export.save(program, stored)
    stored.seek(0)
    other = some(9, 31, seed=3)
    inputs = values(SMALL, other, seed=4)
    found = torch.export.load(stored).module()(*inputs, edges_of(other))
    torch.testing.assert_close(found, convolve(SMALL, *inputs, edges_of(other), 9))


def test_modules_travel() -> None:
    convolution, where = Convolution(SMALL), some()
    given = values(SMALL, where)
    torch.testing.assert_close(copy.deepcopy(convolution)(*given, where), convolution(*given, where))


def _in_child(queue: multiprocessing.Queue) -> None:
    where = some(40, 133)
    w, x, y = values(SMALL, where)
    torch.set_num_threads(2)
    queue.put(float(Convolution(SMALL)(w, x, y, where).square().sum().detach()))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_computes_alone() -> None:
    """Threads do not survive a fork: a child that waited for its parent's would wait for ever."""
    where = some(40, 133)
    given = values(SMALL, where)
    with threads(2):
        expected = float(Convolution(SMALL)(*given, where).square().sum().detach())
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(queue,))
        child.start()
        assert queue.get(timeout=60) == pytest.approx(expected, rel=1e-12)
        child.join()


RUN = """
import os, torch
from tests.ops.test_compiled_convolution import SMALL, some, values
from intertwine.ops import Convolution
where = some()
print(float(Convolution(SMALL)(*values(SMALL, where), where).square().sum()))
"""


def run(folder: Path) -> float:
    environment = os.environ | {"INTERTWINE_CACHE": str(folder)}
    done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.slow
def test_objects_are_kept_and_broken_ones_made_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2  # the probe and one kernel
    stamps = [path.stat().st_mtime_ns for path in kept]
    assert run(tmp_path) == first
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    for path in kept:
        path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    assert run(tmp_path) == first
    assert [path.stat().st_mtime_ns for path in kept] != stamps
    tmp_path.chmod(0o500)
    (tmp_path / kept[0].name).chmod(0o400)
    assert run(tmp_path) == first
    assert run(tmp_path / "file" / "that cannot be made") == first


TARGETS = {
    "AVX2": Machine("x86_64-unknown-linux-gnu", "haswell", "+avx2,+fma"),
    "plain x86-64": Machine("x86_64-unknown-linux-gnu", "x86-64", ""),
    "arm": Machine("aarch64-unknown-linux-gnu", "generic", "+neon"),
}


@pytest.mark.parametrize("machine", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("kind", ["forward", "backward", "second"])
def test_other_processors_are_compiled_for(machine: Machine, kind: str) -> None:
    """The code is legal, and multiplies and adds without calling a function for each number."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    text = write_convolve(channel_layout(PLANS["odd channels"]), machine, kind, double=False)
    assert compile_object(text, machine)
    target = binding.Target.from_triple(machine.triple).create_target_machine(machine.processor, machine.features, 2)
    assembly = target.emit_assembly(binding.parse_assembly(text))
    assert "fmaf" not in assembly
    assert host().width in (16, 32, 64)


@pytest.mark.parametrize("plan", HAND_MADE.values(), ids=HAND_MADE.keys())
def test_weights_that_paths_share_and_weights_without_a_path(plan: Plan) -> None:
    where = some()
    given = values(plan, where)
    with poisoned_memory():
        found = derivatives(lambda w, x, y: compiled.eager_convolve(plan, where, x, y, w), given)
    exact = derivatives(lambda w, x, y: convolve(plan, w, x, y, edges_of(where), where.targets), given)
    for a, b in zip(found, exact, strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=0)


def test_graphs_and_dtypes_that_would_read_other_memory_are_refused() -> None:
    where = some()
    w, x, y = values(SMALL, where)
    for broken in (
        where._replace(order=where.order + 10**9),
        where._replace(order=-where.order),
        where._replace(order=where.order[:3].contiguous()),
        where._replace(row=where.row * 10**6),
        where._replace(row=where.row.flip(0)),
        where._replace(row=where.row[:0]),
    ):
        with pytest.raises(ArgumentError, match="The order and the rows"):
            compiled.eager_convolve(SMALL, broken, x, y, w)
        with pytest.raises(ArgumentError, match="The order and the rows"):
            compiled.registered_convolve(written(SMALL), broken, x, y, w)
    for given in ((x.half(), y.half(), w.half()), (x.float(), y, w), (x, y, w.float())):
        with pytest.raises(ArgumentError, match="all inputs alike"):
            compiled.registered_convolve(written(SMALL), where, *given)


def test_edges_that_are_no_graph_are_refused() -> None:
    for edges in (torch.zeros(3, 4).long(), torch.zeros(2).long(), torch.zeros(2, 4)):
        with pytest.raises(ShapeError, match="A graph takes edges of shape"):
            graph(edges, 3)
    for target in (-1, 3):
        with pytest.raises(ArgumentError, match=f"numbered from 0, but got the numbers from {target} to {target}"):
            graph(torch.tensor([[0], [target]]), 3)


def test_batches_of_backward_passes() -> None:
    where = some()
    given = tuple(x.detach() for x in values(SMALL, where))

    def sums(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return Convolution(SMALL)(w, x, y, where).pow(3).sum(0)

    functional = torch.autograd.functional
    for a, b in zip(functional.jacobian(sums, given, vectorize=True), functional.jacobian(sums, given), strict=True):
        torch.testing.assert_close(a, b)
    w, x, y = given

    def total(y: Tensor) -> Tensor:
        return sums(w, x, y).sum()

    torch.testing.assert_close(functional.hessian(total, y, vectorize=True), functional.hessian(total, y))


def test_what_changes_before_the_backward_pass_is_noticed() -> None:
    where = some()
    w, x, y = values(SMALL, where)
    out = Convolution(SMALL)(w, x, y, where)
    where.source.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_numbers_that_are_negated_when_they_are_read() -> None:
    where = some()
    w, x, y = (v.detach() for v in values(SMALL, where))
    lazily = torch._neg_view(x)
    torch.testing.assert_close(Convolution(SMALL)(w, lazily, y, where), Convolution(SMALL)(w, -x, y, where))


def test_a_module_from_another_machine_looks_again() -> None:
    convolution = Convolution(SMALL)
    convolution.trouble = "There is no compiler."
    assert copy.deepcopy(convolution).trouble is None


def test_a_user_without_a_home_has_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("INTERTWINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", nowhere)
    probe()
    assert choice.backend_report()
