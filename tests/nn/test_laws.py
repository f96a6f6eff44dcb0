"""The laws of a module: what every module of the registry obeys."""

import copy
import warnings

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from intertwine import nn
from intertwine.fields import PointFeatures
from intertwine.ops import KernelModule
from intertwine.testing import check_module, equivariance_error
from tests.modules import MODULES, Make, each_module, example, has_places

KEYS = {
    "Linear, O(3)": {"weight": (20,), "bias": (2,)},
    "TensorProduct, O(3)": {"weight": None},
    "TensorProduct with given weights, O(3)": {},
    "PointConv, O(3)": {"weight": None, "radial.weights.0": (64,), "radial.weights.1": None},
    "PointConv, mean, O(3)": {"radial.weights.0": None},
    "SymmetricContraction, O(3)": {"weight": (1, 15, 2)},
    "SymmetricContraction of O(3) with species": {"weight": (2, 17, 3)},
    "NormActivation, O(3)": {"bias": None},
    "NormActivation without bias, O(3)": {},
    "Gate, O(3)": {},
    "Activation, O(3)": {},
    "Conv, SO(3)": {"weight": None, "bias": None},
    "BatchNorm, O(3)": {"weight": None, "bias": None, "running_mean": None, "running_var": None},
    "Sequential, O(3)": {
        **{f"layers.{i}.{name}": None for i, name in ((0, "weight"), (0, "bias"), (2, "weight"), (2, "bias"))},
        **{"layers.3.weight": (5, 3), "layers.3.bias": (5,), "layers.5.weight": (5,), "layers.5.bias": (1,)},
    },
    "PointConv with BesselBasis": {"weight": None, **{f"radial.weights.{i}": None for i in range(3)}},
    "PointConv with SmoothCutoff": {"weight": None, **{f"radial.weights.{i}": None for i in range(3)}},
    "GroupElement of SO(3) by polar": {},
}


@each_module
def test_laws(make: Make) -> None:
    """Equivariance, derivatives, gradients, dtypes, empty batches, state, copies, pickles."""
    report = check_module(make())
    assert report.equivariance < 1e-10


@each_module
def test_equivariance_in_float32(make: Make) -> None:
    assert equivariance_error(make().float()).exact < 2e-4


@pytest.mark.parametrize("name", KEYS)
def test_names_of_parameters_are_fixed(name: str) -> None:
    """Checkpoints outlive versions: a change here needs a converter."""
    state = MODULES[name]().state_dict()
    assert list(state) == list(KEYS[name])
    for key, shape in KEYS[name].items():
        assert shape is None or state[key].shape == shape


@pytest.mark.parametrize("mixed", [torch.float32, torch.float64], ids=str)
@each_module
def test_the_input_decides_the_dtype(make: Make, mixed: torch.dtype) -> None:
    """Parameters of one precision, inputs of another: the output has that of the inputs."""
    module = make()
    if any(isinstance(part, torch.nn.Linear) for part in module.modules()):
        return  # torch's own layers insist on one dtype
    module.to(torch.float64 if mixed is torch.float32 else torch.float32)
    assert module(*example(module, mixed)).dtype == mixed


@each_module
def test_leading_axes(make: Make) -> None:
    """No batch axis and two of them work where features have no graph."""
    module = make().double().eval()
    values = example(module)
    if has_places(module) or any(not x.is_floating_point() for x in values):
        return
    whole = module(*values)
    torch.testing.assert_close(module(*(x[0] for x in values)), whole[0])
    torch.testing.assert_close(module(*(x.reshape(2, 2, -1) for x in values)), whole.reshape(2, 2, *whole.shape[1:]))


@each_module
def test_functional_calls(make: Make) -> None:
    """Parameters can be handed in from outside, as in meta-learning and ensembles."""
    module = make().double().eval()
    other = {name: p + 1 for name, p in module.named_parameters()}
    twin = copy.deepcopy(module)
    twin.load_state_dict(other, strict=False)  # running statistics stay
    values = example(module)
    assert torch.equal(torch.func.functional_call(module, other, values), twin(*values))


@pytest.mark.parametrize("name", [*KEYS, "DepthwiseConv, O(3)"])
def test_checkpoints_of_activations(name: str) -> None:
    """Without its activations, which are made again in the backward pass, a module has the same gradients."""
    module = MODULES[name]().double().eval()
    values = [x.requires_grad_(x.is_floating_point()) for x in example(module)]
    wanted = [x for x in (*values, *module.parameters()) if x.requires_grad]
    kept, made_again = (
        torch.autograd.grad((out**2).sum(), wanted, materialize_grads=True)
        for out in (module(*values), checkpoint(module, *values, use_reentrant=False))
    )
    torch.testing.assert_close(made_again, kept)


@each_module
def test_mixed_precision(make: Make) -> None:
    """Autocast to bfloat16 neither crashes nor gives nonsense, forwards and backwards."""
    module = make().float().eval()
    values = [x.requires_grad_(x.is_floating_point()) for x in example(module, torch.float32)]
    exact = module(*values)
    with torch.autocast("cpu", torch.bfloat16):
        low = module(*values)
    assert (low.float() - exact).abs().max() <= 0.1 * exact.abs().max()
    low.float().sum().backward()


@each_module
def test_vmap(make: Make) -> None:
    """One sample at a time, vectorised by torch, is the batch."""
    module = make().double().eval()
    values = example(module)
    if any(isinstance(field, PointFeatures) for field in module.fields_in):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells which operations it has no fast rule for
        torch.testing.assert_close(torch.vmap(module)(*values), module(*values))


@each_module
def test_made_without_memory(make: Make) -> None:
    """A module made on the device "meta", given memory and a checkpoint, is the module."""
    module = make().eval()
    with torch.device("meta"):
        empty = make().eval()
    assert all(x.is_meta for x in (*empty.parameters(), *empty.buffers()))
    twin = empty.to_empty(device="cpu")
    twin.load_state_dict(module.state_dict())
    values = example(module, torch.float32)
    assert torch.equal(twin(*values), module(*values))


@each_module
def test_a_layer_prints_on_one_line(make: Make) -> None:
    module = make()
    lines = repr(module).splitlines()
    assert lines[0].startswith(type(module).__name__)
    inside = [part for part in module.modules() if isinstance(part, nn.EquivariantModule) and part is not module]
    assert (len(lines) > 1) == (bool(inside) or isinstance(module, nn.FrameAveraging))


@each_module
def test_it_tells_what_computes(make: Make) -> None:
    """For every operation with kernels: torch in a precision that no kernel has. Nothing is left behind."""
    module = make()
    if any(isinstance(part, torch.nn.Linear) for part in module.modules()):
        return  # torch's own layers insist on one dtype
    parts = {name for name, part in module.named_modules() if isinstance(part, KernelModule)}
    found = module.backends(*example(module, torch.bfloat16))
    assert set(found) <= parts
    assert {choice.backend for choice in found.values()} <= {"torch", "reference"}
    assert all(choice.reason.endswith(".") for choice in found.values())
    assert not any(part._forward_pre_hooks for part in module.modules())


def test_layers_on_edges_run_in_kernels() -> None:
    found = MODULES["Sequential on edges, O(3)"]().backends()
    for layer in (1, 3):
        assert found[f"layers.{layer}.convolution"].backend == "llvm"
    assert str(found["layers.3.harmonics"]).startswith("llvm: Harmonics on a CPU run in a kernel")
    assert "layers.1.harmonics" not in found  # those of the layer with the larger degree serve both


def test_the_registry_covers_every_layer() -> None:
    made = {type(part) for make in MODULES.values() for part in make().modules()}
    layers = {
        layer for layer in vars(nn).values() if isinstance(layer, type) and issubclass(layer, nn.EquivariantModule)
    }
    assert layers - made == {nn.EquivariantModule, nn.GridModule}
