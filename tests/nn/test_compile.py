"""Every module compiles without graph breaks and exports with a batch of any size."""

import copy
import os
import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.fields import Edges
from tests.modules import MODULES, Make, each_module, example

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def gradients(function: object, module: nn.EquivariantModule, values: tuple[Tensor, ...]) -> list[Tensor]:
    """The output, then its gradients by all inputs and parameters."""
    values = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in values]
    y = function(*values)
    leaves = [x for x in (*values, *module.parameters()) if x.requires_grad]
    weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
    return [y, *torch.autograd.grad((weights * y).sum(), leaves, materialize_grads=True)]


def same(module: nn.EquivariantModule, compiled: object, batch: int) -> None:
    values = example(copy.deepcopy(module), batch=batch)  # so that nothing has looked at the module's own reps yet
    for a, b in zip(gradients(compiled, module, values), gradients(module, module, values), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@each_module
def test_compile(make: Make) -> None:
    """One graph, before anything has run eagerly, for several batch sizes, forwards and backwards."""
    module = make().double().eval()  # a dropout of two calls would differ
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for batch in (4, 7):
            same(module, compiled, batch)


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("name", ["PointConv, SO(2)", "GroupElement of SO(3) by polar"])
def test_compile_to_machine_code(name: str) -> None:
    module = MODULES[name]().double()
    compiled = torch.compile(module, fullgraph=True, dynamic=True)
    for batch in (4, 6):
        same(module, compiled, batch)


def dynamic_axes(module: nn.EquivariantModule) -> tuple[object, ...]:
    """Any number of samples; for graphs any number of points and of edges."""
    batch, edges = torch.export.Dim("batch"), torch.export.Dim("edges")
    if Edges() in module.fields_in:
        return ({0: batch}, {1: edges}, {0: edges})
    axes = tuple({0: batch} for _ in module.reps_in)
    return (axes,) if isinstance(module, nn.ReducedTensorProduct) else axes  # any number of features is one argument


@each_module
def test_export(make: Make) -> None:
    module = make().double().eval()
    values = example(module)
    program = torch.export.export(module, values, dynamic_shapes=dynamic_axes(module)).module()
    for batch in (4, 9):
        other = example(module, batch=batch)
        torch.testing.assert_close(program(*other), module(*other))


def test_compiled_code_trains() -> None:
    """A user compiles a network and trains it: the same losses as without."""
    losses = []
    for compile in (False, True):
        module = MODULES["Sequential, O(2)"]().double()
        function = torch.compile(module, fullgraph=True, backend="aot_eager") if compile else module
        optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
        (x,) = example(module, batch=16)
        for _ in range(5):
            optimizer.zero_grad()
            loss = (function(x) - 1).square().mean()
            loss.backward()
            optimizer.step()
        losses.append(loss.detach())
    torch.testing.assert_close(*losses)
