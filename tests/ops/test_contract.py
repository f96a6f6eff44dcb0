"""The batched evaluation of a plan is its definition, value by value and gradient by gradient."""

import copy
import itertools
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from intertwine.catalog import O3
from intertwine.errors import ShapeError
from intertwine.kernels.products import channelwise, product
from intertwine.ops import Contraction
from intertwine.ops.choice import Choice
from intertwine.ops.contract.lowering import lower
from intertwine.ops.contract.reference import contract
from intertwine.plan import Plan
from tests.plans import PLANS, each_plan, every_plan, inputs


def close(a: Tensor, b: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def fast(plan: Plan) -> Contraction:
    return Contraction(plan, backend="torch").double()


each_backend = pytest.mark.parametrize("backend", ["torch", None])  # None: kernels where they can serve


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """New memory holds NaN until it is written to."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]


# Leading axes of the weights, and of all further inputs: one sample, odd sizes, none at all, broadcasting.
BATCHES = [
    ((), ()),
    ((), (7,)),
    ((7,), (7,)),
    ((), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((5,), ()),
    ((), (0,)),
    ((0,), (0,)),
    ((), (3, 0)),
]


@pytest.mark.parametrize("batches", BATCHES, ids=str)
@each_backend
@every_plan
def test_outputs_and_gradients(plan: Plan, backend: str | None, batches: tuple[tuple[int, ...], ...]) -> None:
    values = [x.requires_grad_() for x in inputs(plan, *batches)]
    with poisoned_memory():
        got, expected = Contraction(plan, backend=backend).double()(*values), contract(plan, *values)
        close(got, expected)
        assert got.isfinite().all()
        if not expected.requires_grad:
            return
        cotangent = torch.randn_like(expected)
        for a, b in zip(gradients(got, values, cotangent), gradients(expected, values, cotangent), strict=True):
            close(a, b)


def gradients(out: Tensor, values: list[Tensor], cotangent: Tensor) -> list[Tensor]:
    if not out.requires_grad:
        return [torch.zeros_like(x) for x in values]
    return list(torch.autograd.grad(out, values, cotangent, materialize_grads=True, create_graph=True))


@pytest.mark.parametrize("shared", [True, False])
@each_backend
@every_plan
def test_second_derivatives(plan: Plan, backend: str | None, shared: bool) -> None:
    values = [x.requires_grad_() for x in inputs(plan, () if shared else (3,), (3,), seed=2)]
    cotangent = torch.randn(3, plan.output.size, dtype=torch.float64, requires_grad=True)
    found = []
    for out in (Contraction(plan, backend=backend).double()(*values), contract(plan, *values)):
        first = gradients(out, values, cotangent)
        length = sum(((i + 1) * g.square()).sum() for i, g in enumerate(first))
        found.append(gradients(length, [*values, cotangent], torch.ones((), dtype=torch.float64)))
    for a, b in zip(*found, strict=True):
        close(a, b, 1e-10)


@every_plan
def test_any_plan_is_evaluated(plan: Plan) -> None:
    """In batches of paths, or by the definition where that is asked for; `choose` says so."""
    values = inputs(plan, (2,), (2,))
    contraction, reference = fast(plan), Contraction(plan, backend="reference").double()
    close(contraction(*values), contract(plan, *values))
    close(reference(*values), contract(plan, *values))
    assert reference.choose(*values) == Choice("reference", "The reference was asked for.")
    modes = ", ".join(operand.modes for operand in plan.operands)
    assert modes in contraction.choose(*values).reason
    assert contraction.choose(*values).backend == "torch"


def test_paths_of_one_shape_are_one_batch() -> None:
    """The number of products grows with the shapes, not with the paths: 30 paths of NequIP's product are 15 of them."""
    x = O3.rep("64x0e + 64x0o + 64x1e + 64x1o + 64x2e + 64x2o")
    y = O3.rep("1x0e + 1x1o + 1x2e")
    rep, paths = channelwise(x, y, ["0e", "0o", "1e", "1o", "2e", "2o"])
    plan = product((x, y, rep), paths).polynomial.terms[0].plan
    batches = lower(plan)
    assert len(plan.paths) == 30
    assert len(batches) == len({path.coefficients.array.shape for path in plan.paths}) == 15
    assert sum(len(batch.targets) for batch in batches) == 30
    assert all((batch.meetings[0].first, batch.meetings[0].second) == (0, 3) for batch in batches)  # C meets y first


@every_plan
def test_segments_are_the_output(plan: Plan) -> None:
    values = inputs(plan, (3,), (3,))
    for contraction in (fast(plan), Contraction(plan, backend="reference").double()):
        parts = contraction.segments(*values)
        assert [part.shape for part in parts] == [(3, *shape) for shape in plan.output.segments]
        flat = torch.cat([*(part.reshape(3, -1) for part in parts if part.numel()), values[0][:, :0]], -1)
        close(flat, contract(plan, *values))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 5e-2), (torch.bfloat16, 5e-2)], ids=str
)
@each_plan
def test_low_precision_follows(plan: Plan, dtype: torch.dtype, tolerance: float) -> None:
    values = inputs(plan, (), (9,), dtype=dtype)
    exact = contract(plan, *(x.double() for x in values))
    scale = 1 + float(exact.abs().mean()) if exact.numel() else 1.0
    got = Contraction(plan).to(dtype)(*values)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), exact, rtol=tolerance, atol=tolerance * scale)


@each_plan
def test_the_dtype_of_the_inputs_decides(plan: Plan) -> None:
    """A module in one precision takes inputs in another; the tables then have the module's precision."""
    values = inputs(plan, (), (4,))
    out = Contraction(plan).float()(*values)
    assert out.dtype == torch.float64
    close(out, contract(plan, *values), 1e-5)


class Kernels(TorchDispatchMode):
    """The names of the kernels that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


@each_plan
def test_nothing_is_dearer_without_gradients(plan: Plan) -> None:
    """Shared weights make one product of the batch, whether or not anything asks for gradients."""
    contraction, arguments = fast(plan), inputs(plan, (), (7,))
    found = []
    for wanted in (False, True):
        with torch.set_grad_enabled(wanted), Kernels() as kernels:
            contraction(*(x.detach().requires_grad_(wanted) for x in arguments))
        found.append([name for name in kernels.names if "mm" in name])
    assert found[0] == found[1]


def test_copies_compute_the_same() -> None:
    plan = PLANS["mixed multiplicities"]
    values, contraction = inputs(plan, (), (4,)), fast(plan)
    for twin in (copy.deepcopy(contraction), pickle.loads(pickle.dumps(contraction))):
        assert torch.equal(twin(*values), contraction(*values))
    assert not contraction.state_dict()
    assert repr(contraction).splitlines()[0].startswith("Contraction(")
    assert "7 paths" in repr(contraction)


def test_wrong_sizes_are_refused() -> None:
    plan = PLANS["bilinear, O(3)"]
    weights, x, y = inputs(plan, (), (4,))
    for bad in itertools.permutations([weights, x, y]):
        if [b.shape[-1] for b in bad] != [operand.size for operand in plan.inputs]:
            with pytest.raises(ShapeError, match="takes 3 inputs whose last axes have the sizes"):
                fast(plan)(*bad)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, in jacfwd
def test_vmap_and_functional_derivatives() -> None:
    plan = PLANS["bilinear, O(2)"]
    contraction = fast(plan)
    weights, x, y = inputs(plan, (), (5,))
    mapped = torch.vmap(contraction, in_dims=(None, 0, 0))(weights, x, y)
    close(mapped, contract(plan, weights, x, y))
    jacobian = torch.func.jacrev(contraction, argnums=1)(weights, x[0], y[0])
    close(jacobian @ x[0], contract(plan, weights, x[0], y[0]))
    close(torch.func.jacfwd(contraction, argnums=1)(weights, x[0], y[0]), jacobian)
