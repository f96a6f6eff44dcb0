"""What compiled kernels hold in whatever surrounds them: transforms, compilers, workers, other processes, failures."""

import copy
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as processes
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jvp, vmap
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from intertwine import nn
from intertwine.catalog import O3
from intertwine.ops import Convolution, Factored, Harmonics, graph
from intertwine.ops.convolve import compiled, run
from intertwine.ops.convolve.reference import convolve
from intertwine.plan import Plan
from intertwine.plan.text import written
from intertwine.reps.harmonics import harmonics_function
from tests.ops.test_compiled_convolution import (
    RUN,
    SMALL,
    derivatives,
    each_plan,
    edges_of,
    poisoned_memory,
    some,
    values,
)

WHERE = some()


def close(a: Tensor, b: Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@each_plan
def test_every_door_gives_the_same(plan: Plan) -> None:
    given = values(plan, WHERE)
    text = written(plan)
    eager = derivatives(lambda w, x, y: compiled.eager_convolve(plan, WHERE, x, y, w), given)
    registered = derivatives(lambda w, x, y: compiled.registered_convolve(text, WHERE, x, y, w), given)
    for a, b in zip(eager, registered, strict=True):
        close(a, b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_denormal_and_huge_numbers(dtype: torch.dtype) -> None:
    """Nothing is flushed to 0, and what overflows in the definition does so here: infinite, with the same sign."""
    w, x, y = (v.detach() for v in values(SMALL, WHERE, dtype))
    for scale in (torch.finfo(dtype).tiny / 8, torch.finfo(dtype).max / 64):
        found = Convolution(SMALL)(w, scale * x, y, WHERE)
        exact = convolve(SMALL, w, scale * x, y, edges_of(WHERE), WHERE.targets)
        assert found.isfinite().all()
        assert found.any()
        close(found / scale, exact / scale, 1e-2 if scale < 1 else 1e-5)  # denormal numbers have few digits


def test_infinity_and_nan_stay_in_their_rows() -> None:
    w, x, y = (v.detach() for v in values(SMALL, WHERE))
    clean = Convolution(SMALL)(w, x, y, WHERE)
    x[int(WHERE.source[0])] = torch.nan
    found = Convolution(SMALL)(w, x, y, WHERE)
    hit = torch.zeros(WHERE.targets, dtype=torch.bool)
    hit[WHERE.target[WHERE.source == WHERE.source[0]]] = True
    assert found[hit].isnan().any(1).all()
    assert torch.equal(found[~hit], clean[~hit])


# transforms -----------------------------------------------------------------------------------------------------------


W, X = (v.detach() for v in values(SMALL, WHERE)[:2])
CONVOLUTION, HARMONICS = Convolution(SMALL).double(), Harmonics(harmonics_function(3), 1)
R, ALONG = torch.randn(2, 17, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def energy(r: Tensor) -> Tensor:
    """Of vectors along edges: harmonics, then a convolution."""
    return CONVOLUTION(W, X, HARMONICS(r), WHERE).square().sum()


TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "grad": grad(energy),
    "jvp": lambda r: jvp(energy, (r,), (ALONG,))[1],
    "jvp of grad": lambda r: jvp(grad(energy), (r,), (ALONG,))[1],
    "vmap": lambda r: vmap(energy)(torch.stack([r, 2 * r])),
    "vmap of grad": lambda r: vmap(grad(energy))(torch.stack([r, 2 * r])),
    "hessian": lambda r: hessian(lambda s: energy(s * r))(torch.ones((), dtype=torch.float64)),
}
each_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())


def by_differences(function: Callable[[Tensor], Tensor], r: Tensor, along: Tensor, step: float = 1e-5) -> Tensor:
    return (function(r + step * along) - function(r - step * along)) / (2 * step)


def tangent(function: Callable[[Tensor], Tensor], r: Tensor, along: Tensor) -> Tensor:
    """By forward mode."""
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(r, along))).tangent


def test_transforms_are_derivatives() -> None:
    r, along = R, ALONG
    close((TRANSFORMS["grad"](r) * along).sum(), by_differences(energy, r, along), 1e-6)
    close(TRANSFORMS["jvp"](r), by_differences(energy, r, along), 1e-6)
    close(TRANSFORMS["jvp of grad"](r), by_differences(grad(energy), r, along), 1e-6)
    close(tangent(energy, r, along), TRANSFORMS["jvp"](r))


@pytest.mark.slow
@each_transform
def test_transforms_inside_compiled_code(transform: Callable[[Tensor], Tensor]) -> None:
    """A registered operation has no tangents, and torch takes them for 0 without a word: no transform may meet it."""
    close(torch.compile(transform, fullgraph=True, backend="aot_eager")(R), transform(R), 1e-10)


@pytest.mark.slow
def test_transforms_around_compiled_code() -> None:
    r, along = R, ALONG
    made = torch.compile(energy, backend="aot_eager")
    for _ in range(2):  # what was compiled without a transform is not used in one, nor the other way round
        close(made(r), energy(r))
        close(jvp(made, (r,), (along,))[1], TRANSFORMS["jvp"](r))
        close(grad(made)(r), TRANSFORMS["grad"](r))
        close(tangent(made, r, along), TRANSFORMS["jvp"](r))


def test_gradients_in_batches() -> None:
    """Several cotangents at once go through plain torch, at the first order and at the second."""
    given = values(SMALL, WHERE)
    out = Convolution(SMALL)(*given, WHERE)
    g = torch.randn(3, *out.shape, dtype=out.dtype, requires_grad=True)
    batched = torch.autograd.grad(out, given, g, is_grads_batched=True, create_graph=True)
    alone = [torch.autograd.grad(out, given, v, create_graph=True) for v in g]
    for n, found in enumerate(batched):
        close(found, torch.stack([gradients[n] for gradients in alone]))
    squares = [
        sum(v.square().sum() for v in found) for found in (batched, [torch.stack(v) for v in zip(*alone, strict=True)])
    ]
    for a, b in zip(*(torch.autograd.grad(s, (*given, g), retain_graph=True) for s in squares), strict=True):
        close(a, b, 1e-10)


# compilers ------------------------------------------------------------------------------------------------------------


class Potential(torch.nn.Module):
    """An energy of points, whose forces are trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.DepthwiseConv(O3.rep("3x0e"), ["0e", "1o"], degree=1, hidden=(4,))
        self.mix = nn.Linear(self.first.rep_out, O3.rep("2x0e + 2x1o"))
        self.second = nn.DepthwiseConv(O3.rep("2x0e + 2x1o"), ["0e"], degree=1, hidden=(4,))

    def forward(self, x: Tensor, points: Tensor, edges: Tensor) -> Tensor:
        r = points.index_select(0, edges[1]) - points.index_select(0, edges[0])
        return self.second(self.mix(self.first(x, edges, r)), edges, r).square().sum(-1)


def a_potential(dtype: torch.dtype = torch.float64) -> tuple[Potential, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    model = Potential().to(dtype)
    return model, torch.randn(6, 3, dtype=dtype), 2 * torch.randn(6, 3, dtype=dtype), edges_of(some(6, 14))


def force_gradients(model: Potential, x: Tensor, points: Tensor, edges: Tensor) -> list[Tensor]:
    """The gradients by all parameters of a loss of the forces: second ones, by most inputs of the convolutions."""
    points = points.detach().requires_grad_()
    (forces,) = torch.autograd.grad(model(x, points, edges).sum(), points, create_graph=True)
    found = torch.autograd.grad(forces.square().sum(), [*model.parameters()], materialize_grads=True)
    return [v.detach() for v in found]


@pytest.mark.slow
def test_forces_are_trained_on_inside_compiled_code() -> None:
    model, *given = a_potential()
    expected = force_gradients(model, *given)
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(force_gradients, fullgraph=True, backend="aot_eager")(model, *given)
    assert sum(bool(v.any()) for v in expected) > 4
    for a, b in zip(found, expected, strict=True):
        close(a, b, 1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler has its own to say
def test_machine_code_for_repeated_calls() -> None:
    model, x, points, edges = a_potential(torch.float32)
    made = torch.compile(model, mode="reduce-overhead", dynamic=True)
    for seed, (number, count) in enumerate([(6, 14), (9, 31), (5, 8)]):
        edges = edges_of(some(number, count, seed=seed))
        x, points = torch.randn(number, 3), 2 * torch.randn(number, 3)
        close(made(x, points, edges), model(x, points, edges), 1e-5)
        sides = [torch.autograd.grad(f(x, points, edges).sum(), [*model.parameters()]) for f in (made, model)]
        for a, b in zip(*sides, strict=True):
            close(a, b, 1e-4)


# other processes ------------------------------------------------------------------------------------------------------


def test_modules_travel_with_what_they_learned() -> None:
    model, *given = a_potential()
    expected = model(*given)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(*given), expected)
        assert [*twin.state_dict()] == [*model.state_dict()]


class Clouds(Dataset):
    """Samples that workers make with kernels of their own."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> Tensor:
        where = some(6, 9 + number, seed=number)
        return Convolution(SMALL)(*values(SMALL, where, seed=number), where).detach()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python's, from 3.12 on
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_data_loaders(start: str) -> None:
    expected = torch.stack([Clouds()[number] for number in range(6)])
    loader = DataLoader(Clouds(), batch_size=2, num_workers=2, multiprocessing_context=start)
    assert torch.equal(torch.cat([*loader]), expected)


def _train(rank: int, world: int, place: str, results: dict[int, list[Tensor]]) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=world)
    model, *_ = a_potential()
    parallel = DistributedDataParallel(model)
    losses(parallel, [rank]).backward()
    results[rank] = [v.grad.clone() for v in model.parameters()]
    torch.distributed.destroy_process_group()


def losses(model: torch.nn.Module, samples: list[int]) -> Tensor:
    """The mean over samples."""
    total = torch.zeros((), dtype=torch.float64)
    for seed in samples:
        edges = edges_of(some(6, 14, seed=seed))
        generator = torch.Generator().manual_seed(seed)
        x, points = (torch.randn(6, 3, dtype=torch.float64, generator=generator) for _ in range(2))
        total = total + model(x, points, edges).square().sum()
    return total / len(samples)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Distributed training: each has a sample, and both have the gradient of the mean."""
    manager = processes.Manager()
    results = manager.dict()
    processes.spawn(_train, (2, str(tmp_path / "meeting"), results), nprocs=2)
    model, *_ = a_potential()
    losses(model, [0, 1]).backward()
    for rank in range(2):
        for a, b in zip(results[rank], model.parameters(), strict=True):
            close(a, b.grad)


@pytest.mark.slow
def test_several_processes_fill_one_folder_at_once(tmp_path: Path) -> None:
    environment = os.environ | {"INTERTWINE_CACHE": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", RUN], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(found) == 1
    assert len([*tmp_path.iterdir()]) == 2  # the probe and one kernel, and nothing half written


# failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factored", [False, True])
def test_a_kernel_that_does_not_compile_is_computed_by_torch(factored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once for each kernel; outputs, gradients of both orders, in every door."""

    def fails(*_: object) -> None:
        raise RuntimeError("no registers left")

    w, x, y = values(SMALL, WHERE)
    matrix = torch.eye(w.shape[1], dtype=w.dtype)

    def function(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return Convolution(SMALL)(Factored(w, matrix) if factored else w, x, y, WHERE)

    exact = derivatives(function, (w, x, y))
    run.convolve_kernel.cache_clear()
    monkeypatch.setattr(run, "load", fails)
    try:
        with pytest.warns(UserWarning, match=r"One kernel cannot be compiled here \(no registers left\)") as said:
            found = derivatives(function, (w, x, y))
        assert len({str(warning.message) for warning in said}) == 1
        with poisoned_memory(), warnings.catch_warnings():
            warnings.simplefilter("error")
            again = derivatives(function, (w, x, y))
        empty = graph(torch.zeros(2, 0, dtype=torch.long), 2)
        assert not Convolution(SMALL)(*values(SMALL, empty), empty).any()
    finally:
        run.convolve_kernel.cache_clear()
    for a, b, c in zip(found, again, exact, strict=True):
        close(a, c, 1e-11)
        close(b, c, 1e-11)
