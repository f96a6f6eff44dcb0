"""Convolutions with kernels of one pixel: by blocks where that is sooner, with the numbers of whole filters."""

import copy
import io
import pickle

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.fields import GridField
from intertwine.reps import Rep

D4, D8 = dihedral(4), dihedral(8)
WIDE = 32 * D4.regular
MIXED = D4.rep("16xregular + 64x1")

REPS: dict[str, tuple[Rep, Rep]] = {
    "C8": (32 * cyclic(8).regular,) * 2,
    "C16": (16 * cyclic(16).regular,) * 2,
    "D4": (WIDE, WIDE),
    "D4, to half": (WIDE, 16 * D4.regular),
    "D4, mixed": (MIXED, MIXED),
    "D4, quotient": (D4.rep("16xregular") + 32 * D4.quotient(D4.subgroup("D1")), WIDE),
    "D8": (16 * D8.regular,) * 2,
    "SO(2)": (SO2.rep(" + ".join(f"23x{k}" for k in range(6))),) * 2,
    "O(2)": (O2.rep("24x0e + 24x0o + 24x1 + 24x2"),) * 2,
    "O": (10 * point_group("O").regular,) * 2,
    "Oh": (5 * point_group("Oh").regular,) * 2,
    "I": (4 * point_group("I").regular,) * 2,
    "SO(3)": (SO3.rep("24x0 + 24x1 + 24x2"),) * 2,
    "O(3)": (O3.rep("28x0e + 28x1o + 28x2e"),) * 2,
}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer_of(rep_in: Rep, rep_out: Rep, stride: int = 1) -> nn.EquivariantModule:
    """A layer with a bias that is not 0."""
    torch.manual_seed(0)
    layer = (nn.Conv2d if rep_in.group.dim == 2 else nn.Conv3d)(rep_in, rep_out, 1, stride).double()
    with torch.no_grad():
        layer.bias.normal_()
    return layer


def image_of(layer: nn.EquivariantModule, batch: int = 2) -> torch.Tensor:
    """The smallest image that goes by blocks."""
    return normal(batch, layer.rep_in.dim, *((8, 16) if layer.n == 2 else (4, 4, 8)))


def whole(layer: nn.EquivariantModule, x: torch.Tensor) -> torch.Tensor:
    """The output by whole filters."""
    function = F.conv2d if layer.n == 2 else F.conv3d
    return function(x, layer.expanded_filters(), layer.expanded_bias(), layer.stride)


def assert_same(found, wanted) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", REPS)
def test_blocks_are_taken_and_give_the_numbers_of_whole_filters(name: str) -> None:
    """And gradients by all of it; products are counted."""
    layer = layer_of(*REPS[name])
    x = image_of(layer).requires_grad_()
    assert layer.goes_by_blocks(x)
    with FlopCounterMode(display=False) as counter:
        y = layer(x)
    flops = counter.get_total_flops()
    assert flops < 2 / 3 * 2 * layer.rep_in.dim * layer.rep_out.dim * 256
    given = [x, layer.weight, layer.bias]
    assert_same(y, whole(layer, x))
    wanted = normal(*y.shape, seed=1)
    found = torch.autograd.grad(y, given, wanted)
    for one, other in zip(found, torch.autograd.grad(whole(layer, x), given, wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_where_whole_filters_are_taken() -> None:
    """Where blocks would take longer, and where there are none."""
    x = image_of(layer_of(WIDE, WIDE))
    for layer in (
        nn.Conv2d(WIDE, WIDE, 3, padding=1),
        nn.Conv2d(WIDE, WIDE, 1, padding=1),
        nn.Conv2d(WIDE, WIDE, 1, groups=2),
        nn.Conv2d(WIDE, D4.rep("1xregular"), 1),
        nn.Conv2d(D4.rep("256x0e"), D4.rep("256x0e"), 1),
    ):
        assert not layer.goes_by_blocks(x)
    layer = layer_of(WIDE, WIDE)
    assert not layer.goes_by_blocks(x[..., :-1])
    last = x.to(memory_format=torch.channels_last)
    assert not layer.goes_by_blocks(last)
    assert_same(layer(last), layer(x))
    assert layer(last).is_contiguous(memory_format=torch.channels_last)
    assert_same(layer(x[..., :3]), layer(x)[..., :3])
    assert not layer_of(WIDE, WIDE, stride=2).goes_by_blocks(normal(1, 256, 22, 22))


def test_steps_single_images_and_empty_batches() -> None:
    layer = layer_of(MIXED, WIDE, stride=2)
    x = normal(2, 256, 23, 25)
    assert layer.goes_by_blocks(x)
    assert_same(layer(x), whole(layer, x))
    assert_same(layer(x[0]), layer(x)[0])
    assert layer(x[:0]).shape == (0, 256, 12, 13)
    x = x[:0].requires_grad_()
    layer(x).sum().backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.any()


def test_exact_under_the_group() -> None:
    layer = layer_of(MIXED, WIDE)
    x = normal(1, 256, 12, 12)
    for g in D4.elements():
        assert_same(layer(GridField(MIXED).act(g, x)), GridField(WIDE).act(g, layer(x)))


def test_second_derivatives() -> None:
    layer = layer_of(MIXED, WIDE)
    x = image_of(layer, 1).requires_grad_()
    given = [x, layer.weight]

    def twice(y: torch.Tensor):
        first = torch.autograd.grad(y.square().sum(), given, create_graph=True)
        return torch.autograd.grad(sum(one.square().sum() for one in first), given)

    for one, other in zip(twice(layer(x)), twice(whole(layer, x)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11 * float(other.abs().max()))


def test_blocks_are_kept_in_evaluation() -> None:
    """Made once until weights change, and with gradients all the same."""
    layer = layer_of(WIDE, WIDE)
    x = image_of(layer)
    y = layer(x)
    y.square().mean().backward()
    expected = layer.weight.grad.clone()
    layer.eval()
    layer(x)
    known = layer._known["blocks"]
    layer.weight.grad = None
    layer(x).square().mean().backward()
    assert layer._known["blocks"] is known
    assert "filters" not in layer._known
    assert_same(layer.weight.grad, expected)
    with torch.no_grad():
        layer.weight[:7] += 1
    assert_same(layer(x), copy.deepcopy(layer).train()(x))
    assert layer._known["blocks"] is not known


def test_a_state_dict_is_the_weights_and_copies_work() -> None:
    layer = layer_of(WIDE, WIDE)
    x = image_of(layer)
    assert set(layer.state_dict()) == {"weight", "bias"}
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = nn.Conv2d(WIDE, WIDE, 1).double()
    other.load_state_dict(torch.load(file, weights_only=True))
    for twin in (other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.float().double()):
        torch.testing.assert_close(twin(x), whole(other, x), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision(dtype: torch.dtype) -> None:
    layer = layer_of(MIXED, WIDE)
    x = image_of(layer)
    expected = layer(x)
    low = copy.deepcopy(layer).to(dtype)(x.to(dtype))
    assert low.dtype == dtype
    torch.testing.assert_close(low.double(), expected, rtol=0, atol=40 * torch.finfo(dtype).eps)


def test_autocast() -> None:
    """As torch's own convolution: products in bfloat16, gradients in the dtype of the weights."""
    layer = layer_of(MIXED, WIDE).float()
    x = image_of(layer).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), layer(x), rtol=0, atol=0.3)
    y.float().square().mean().backward()
    low = layer.weight.grad.clone(), x.grad.clone()
    layer.weight.grad = x.grad = None
    layer(x).square().mean().backward()
    for one, other in zip(low, (layer.weight.grad, x.grad), strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert float((one - other).norm() / other.norm()) < 0.02


def test_transforms_and_functional_calls() -> None:
    layer = layer_of(MIXED, WIDE)
    x = image_of(layer)
    expected = whole(layer, x)
    assert_same(torch.vmap(layer)(x), expected)
    stacks = {name: torch.stack([value, 2 * value]) for name, value in layer.named_parameters()}
    many = torch.vmap(lambda parameters: torch.func.functional_call(layer, parameters, (x,)))(stacks)
    assert_same(many, torch.stack([expected, 2 * expected]))
    assert_same(layer.export(x)(x), expected)
    per_image = torch.func.vmap(torch.func.grad(lambda one: layer(one).square().sum()))(x)
    (found,) = torch.autograd.grad(whole(layer, x.requires_grad_()).square().sum(), x)
    assert_same(per_image, found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["D4, mixed", "Oh", "SO(2)"])
def test_compile_and_export(name: str) -> None:
    """As one graph, with gradients, and with a batch of any size."""
    torch.compiler.reset()
    layer = layer_of(*REPS[name])
    x, more = image_of(layer, 3), image_of(layer, 5)
    given, wanted = [layer.weight, layer.bias], normal(3, layer.rep_out.dim, *x.shape[2:], seed=1)
    known = torch.autograd.grad(whole(layer, x), given, wanted)
    for mode in (layer.train, layer.eval):
        y = torch.compile(mode(), fullgraph=True, backend="aot_eager")(x)
        assert_same(y, whole(layer, x))
        torch.testing.assert_close(torch.autograd.grad(y, given, wanted), known, rtol=1e-11, atol=1e-11)
    assert_same(torch.compile(layer, fullgraph=True)(x), whole(layer, x))
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: batch},)).module()
    assert_same(exported(more), whole(layer, more))
    with torch.autocast("cpu", torch.bfloat16):
        low = torch.compile(layer.float(), fullgraph=True, backend="aot_eager")(x.float())
    assert low.dtype == torch.bfloat16


def test_layers_between_keep_channels_where_blocks_take_them() -> None:
    """Norms and activations of regular reps leave images as they lie, so that convolutions in a row go by blocks."""
    taken = []
    for stride in (1, 2):
        layer = nn.Conv2d(WIDE, WIDE, 1, stride)
        layer.register_forward_pre_hook(lambda layer, given: taken.append(layer.goes_by_blocks(*given)))
        before = nn.Conv2d(D4.rep("1x0e"), WIDE, 3, padding=1)
        net = nn.Sequential(before, nn.BatchNorm(WIDE), nn.Activation(WIDE), layer, nn.BatchNorm(WIDE))
        assert net(normal(2, 1, 25, 25).float()).is_contiguous()
    assert taken == [True, True]
