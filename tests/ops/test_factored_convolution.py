"""Weights that a matrix makes, group by group of edges: the same sums and derivatives as with weights of all edges."""

import io

import pytest
import torch
from torch import Tensor

from intertwine.errors import ShapeError
from intertwine.ops import Convolution, Factored, Graph, graph
from intertwine.ops.convolve import compiled, run
from intertwine.ops.convolve.reference import convolve
from intertwine.plan import Plan
from intertwine.plan.text import written
from tests.ops.test_compiled_convolution import (
    SMALL,
    derivatives,
    each_plan,
    edges_of,
    poisoned_memory,
    some,
    threads,
    values,
)


def inputs(plan: Plan, where: Graph, dtype: torch.dtype = torch.float64, hidden: int = 5) -> tuple[Tensor, ...]:
    """Factors, matrix, x and y."""
    weights, x, y = values(plan, where, dtype)
    generator = torch.Generator().manual_seed(3)
    shapes = (len(weights), hidden), (hidden, weights.shape[1])
    made = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) / hidden**0.5 for shape in shapes]
    return (*(part.requires_grad_() for part in made), x, y)


def in_order(points: int = 40, edges: int = 133) -> Graph:
    """Edges sorted by their targets, as neighbour lists often come."""
    where = edges_of(some(points, edges))
    return graph(where[:, where[1].argsort()], points)


def to_one_target() -> Graph:
    """More edges at one target than a group holds."""
    where = edges_of(some(12, 60))
    return graph(torch.stack([where[0], torch.where(where[0] > 2, 3, where[1])]), 12)


GRAPHS = {
    "unsorted": lambda: some(40, 133),
    "sorted": in_order,
    "one target": to_one_target,
    "no edges": lambda: some(5, 0),
    "no points": lambda: graph(torch.zeros(2, 0, dtype=torch.long), 0),
}


def check(plan: Plan, where: Graph, dtype: torch.dtype, tolerance: float) -> None:
    given = inputs(plan, where, dtype)
    convolution = Convolution(plan).to(dtype)
    assert convolution.choose(Factored(*given[:2]), *given[2:]).backend == "llvm"
    with poisoned_memory():
        found = derivatives(lambda h, m, x, y: convolution(Factored(h, m), x, y, where), given)
    exact = derivatives(
        lambda h, m, x, y: convolve(plan, h @ m, x, y, edges_of(where), where.targets),
        tuple(x.detach().double().requires_grad_() for x in given),
    )
    for a, b in zip(found, exact, strict=True):
        assert a.isfinite().all()
        assert float((a.double() - b).detach().abs().sum()) <= tolerance * float(1 + b.detach().abs().sum())


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=str)
@each_plan
def test_outputs_and_gradients_of_both_orders(plan: Plan, dtype: torch.dtype, tolerance: float, number: int) -> None:
    with threads(number):
        check(plan, some(40, 133), dtype, tolerance)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS.keys())
def test_groups_of_any_size(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """So little room that many groups are needed, of one edge or some."""
    for edges in (1, 7):
        monkeypatch.setattr(run, "_CACHE", 2 * edges * 8 * SMALL.operands[0].size)
        check(SMALL, make(), torch.float64, 1e-12)


def test_groups_are_all_targets_in_turn() -> None:
    for make in GRAPHS.values():
        where = make()
        found = [*run._groups(where, 7)]
        assert [n for group in found for n in range(group.targets.start, group.targets.stop)] == [*range(where.targets)]
        assert all(len(group.order) <= 7 or group.targets.stop - group.targets.start == 1 for group in found)
        sources = torch.cat([group.source[group.order] for group in found]) if found else where.source
        assert torch.equal(sources, where.source[where.order])


@pytest.mark.parametrize("door", ["eager", "registered"])
def test_three_orders_by_finite_differences(door: str) -> None:
    where = some(5, 9)
    given = inputs(SMALL, where, hidden=3)

    def function(h: Tensor, m: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if door == "eager":
            return compiled.eager_convolve(SMALL, where, x, y, h, m)
        return compiled.registered_convolve(written(SMALL), where, x, y, h, m)

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

    few = 0.5 * torch.randn(4, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(second, few.requires_grad_())


def test_a_matrix_that_does_not_move() -> None:
    """Training on forces: the first gradients are those by y and factors alone, the second ones by everything."""
    where = some(40, 133)
    found = []
    for fused in (True, False):
        h, m, x, y = inputs(SMALL, where)
        out = Convolution(SMALL)(Factored(h, m) if fused else h @ m, x, y, where)
        first = torch.autograd.grad(out.square().sum(), (y, h), create_graph=True)
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), (h, m, x, y)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_by_some_inputs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """That by the matrix is left out where nobody asks for it, as for forces, and is there where anybody does."""
    where = some(40, 133)
    h, m, x, y = inputs(SMALL, where)
    seen = []
    computed = compiled.run_convolve

    def listen(*given: object, all_asked: bool = True) -> list[Tensor]:
        seen.append(all_asked)
        return computed(*given, all_asked=all_asked)

    monkeypatch.setattr(compiled, "run_convolve", listen)
    for asked, wanted in (((y,), False), ((h, y), False), ((m,), True), ((m, x), True)):
        out = Convolution(SMALL)(Factored(h, 2 * m), x, y, where).square().sum()
        expected = torch.autograd.grad(Convolution(SMALL)(2 * h @ m, x, y, where).square().sum(), asked)
        seen.clear()
        for a, b in zip(torch.autograd.grad(out, asked), expected, strict=True):
            torch.testing.assert_close(a, b)
        assert seen == [wanted]
    for matrix in (m, 2 * m):
        m.grad = None
        Convolution(SMALL)(Factored(h, matrix), x, y, where).sum().backward()
        assert seen[-1]
        assert m.grad.abs().max() > 0


def test_transforms_and_other_backends_multiply_first() -> None:
    where = some()
    h, m, x, y = inputs(SMALL, where)
    convolution = Convolution(SMALL)
    expected = convolution(h @ m, x, y, where)
    for backend in ("torch", "reference"):
        torch.testing.assert_close(Convolution(SMALL, backend=backend).double()(Factored(h, m), x, y, where), expected)
    both = torch.vmap(lambda y: convolution.double()(Factored(h, m), x, y, where))(torch.stack([y, 2 * y]))
    torch.testing.assert_close(both, torch.stack([expected, 2 * expected]))
    jacobian = torch.autograd.functional.jacobian(
        lambda m: convolution(Factored(h, m), x, y, where).sum(0), m, vectorize=True
    )
    slow = torch.autograd.functional.jacobian(lambda m: convolution(h @ m, x, y, where).sum(0), m)
    torch.testing.assert_close(jacobian, slow)


def test_factors_that_do_not_fit_are_refused() -> None:
    where = some()
    h, m, x, y = inputs(SMALL, where)
    for wrong, words in (
        ((h[1:], m), r"takes factors of shape \(17, 5\) for 17 edges, but got \(16, 5\)"),
        ((h, m[1:]), r"takes factors of shape \(17, 4\) for 17 edges"),
        ((h, m[:, 1:]), r"takes matrix of shape \(5, \d+\)"),
    ):
        with pytest.raises(ShapeError, match=words):
            Convolution(SMALL)(Factored(*wrong), x, y, where)


@pytest.mark.slow
def test_operations_are_registered_as_torch_expects() -> None:
    where = some()
    h, m, x, y = inputs(SMALL, where)
    g = torch.randn(where.targets, SMALL.output.size, dtype=torch.float64, requires_grad=True)
    along = [torch.randn_like(v, requires_grad=True) for v in (x, y, h, m)]
    operations = torch.ops.intertwine
    for operation, tensors in (
        (operations.convolve_expanded, (x, y, h, m)),
        (operations.convolve_expanded_backward, (x, y, h, m, g)),
        (operations.convolve_expanded_second, (x, y, h, m, g, *along)),
    ):
        found = torch.library.opcheck(operation.default, (*tensors, *where, written(SMALL)))
        assert set(found.values()) == {"SUCCESS"}


class Network(torch.nn.Module):
    """A convolution whose weights a matrix makes, of edges that vary."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = Convolution(SMALL)

    def forward(self, h: Tensor, m: Tensor, x: Tensor, y: Tensor, edges: Tensor) -> Tensor:
        return self.convolution(Factored(h, m), x, y, edges, x.shape[0])


@pytest.mark.slow
def test_compiled_and_exported_code_calls_the_kernels() -> None:
    where = some()
    given = inputs(SMALL, where)
    network = Network().double()

    def energy(*given: Tensor) -> Tensor:
        return network(*given, edges_of(where)).square().sum()

    expected = torch.autograd.grad(energy(*given), given)
    found = torch.autograd.grad(torch.compile(energy, fullgraph=True, backend="aot_eager")(*given), given)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    E, N = torch.export.Dim("E"), torch.export.Dim("N")
    shapes = ({0: E}, {}, {0: N}, {0: E}, {1: E})
    program = torch.export.export(network, (*given, edges_of(where)), dynamic_shapes=shapes)
    assert "convolve_expanded" in str(program.graph)
    stored = io.BytesIO()
    torch.export.save(program, stored)
    stored.seek(0)
    other = some(9, 31, seed=3)
    moved = inputs(SMALL, other)
    torch.testing.assert_close(
        torch.export.load(stored).module()(*moved, edges_of(other)), network(*moved, edges_of(other))
    )
