"""What people do with layers on grids, with each layer: formats of memory, single images, ensembles, low precision."""

import copy
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn as plain
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils.checkpoint import checkpoint

from intertwine import models, nn
from intertwine.catalog import O2, dihedral, point_group
from intertwine.testing import check_module
from tests.nn.grid.test_convolution import normal, turned_error

D4, MIRRORS, CUBE = dihedral(4), dihedral(2), point_group("O")
MIXED, REGULAR, IRREPS = D4.rep("2xregular + 2x1"), D4.rep("2xregular"), O2.rep("2x0e + 2x1")
BOX, VOLUME = MIRRORS.rep("2xregular + 2x1o"), CUBE.rep("2xA1 + 2xT1")

LAYERS: dict[str, Callable[[], nn.EquivariantModule]] = {
    "Conv2d": lambda: nn.Conv2d(MIXED, MIXED, 3, padding=1),
    "Conv2d of irreps": lambda: nn.Conv2d(IRREPS, IRREPS, 3, padding=1),
    "Conv2d, depthwise, dilated, reflected": lambda: nn.Conv2d(
        MIXED, MIXED, 3, padding=2, dilation=2, groups=2, padding_mode="reflect"
    ),
    "Conv2d, depthwise, dilated, replicated": lambda: nn.Conv2d(
        MIXED, MIXED, 3, padding=2, dilation=2, groups=2, padding_mode="replicate"
    ),
    "Conv2d, depthwise, dilated, wrapped": lambda: nn.Conv2d(
        MIXED, MIXED, 3, padding=2, dilation=2, groups=2, padding_mode="circular"
    ),
    "Conv2d, no square": lambda: nn.Conv2d(BOX, BOX, (3, 4), stride=(1, 2), padding=(0, 1), dilation=(2, 1)),
    "Conv3d": lambda: nn.Conv3d(VOLUME, VOLUME, 3, padding=1),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(MIXED, MIXED, 4, 2, 1),
    "ConvTranspose2d, depthwise, dilated": lambda: nn.ConvTranspose2d(MIXED, MIXED, 3, 2, 1, dilation=2, groups=2),
    "ConvTranspose2d, no square": lambda: nn.ConvTranspose2d(BOX, BOX, (3, 4), (1, 2), (0, 1), dilation=(2, 1)),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(VOLUME, VOLUME, 2, 2),
    "MaxPool2d": lambda: nn.MaxPool2d(REGULAR, 2),
    "MaxPool2d of vectors": lambda: nn.MaxPool2d(MIXED, 2),
    "MaxPool3d": lambda: nn.MaxPool3d(VOLUME, 2),
    "AvgPool2d": lambda: nn.AvgPool2d(MIXED, 2),
    "AvgPool2d, no square": lambda: nn.AvgPool2d(BOX, (2, 4), (2, 1)),
    "AdaptiveMaxPool2d": lambda: nn.AdaptiveMaxPool2d(MIXED, 3),
    "AdaptiveAvgPool2d": lambda: nn.AdaptiveAvgPool2d(MIXED, 3),
    "BlurPool": lambda: nn.BlurPool(MIXED),
    "BlurPool, no square": lambda: nn.BlurPool(BOX, (3, 1)),
    "Upsample": lambda: nn.Upsample(MIXED, scale_factor=2),
    "Upsample, no square": lambda: nn.Upsample(BOX, (16, 8), mode="nearest"),
    "BlurPool of volumes": lambda: nn.BlurPool(VOLUME),
    "Upsample of volumes": lambda: nn.Upsample(VOLUME, scale_factor=2),
    "AdaptiveMaxPool3d": lambda: nn.AdaptiveMaxPool3d(VOLUME, 3),
    "Conv3d, depthwise": lambda: nn.Conv3d(VOLUME, VOLUME, 3, padding=2, dilation=2, groups=2),
    "DiskMask": lambda: nn.DiskMask(MIXED),
    "InstanceNorm": lambda: nn.InstanceNorm(MIXED),
    "GroupNorm": lambda: nn.GroupNorm(MIXED, 2),
    "FieldDropout": lambda: nn.FieldDropout(MIXED),
    "Restrict": lambda: nn.Restrict(MIXED, D4.subgroup("C4")),
    "BatchNorm": lambda: nn.Pixelwise(nn.BatchNorm(REGULAR)),
    "BatchNorm of irreps": lambda: nn.Pixelwise(nn.BatchNorm(IRREPS)),
    "Activation": lambda: nn.Pixelwise(nn.Activation(REGULAR)),
    "NormActivation": lambda: nn.Pixelwise(nn.NormActivation(MIXED)),
    "Gate": lambda: nn.Pixelwise(nn.Gate(MIXED)),
    "LayerNorm": lambda: nn.Pixelwise(nn.LayerNorm(MIXED)),
    "Linear": lambda: nn.Pixelwise(nn.Linear(MIXED, MIXED)),
    "ToIrreps": lambda: nn.Pixelwise(nn.ToIrreps(MIXED)),
    "ResidualBlock": lambda: models.blocks.ResidualBlock(REGULAR, MIXED, models.blocks.GridStyle(D4.defining), 2),
}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torch tells which operations vmap has no rule for


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> Iterator[nn.EquivariantModule]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield LAYERS[request.param]().double().eval()


def images(layer: nn.EquivariantModule, batch: int = 3) -> torch.Tensor:
    return normal(batch, layer.rep_in.dim, *layer.n * (8,))


def test_it_is_exact(layer: nn.EquivariantModule) -> None:
    assert turned_error(layer, images(layer)) < 1e-10


def test_channels_last_stay_last(layer: nn.EquivariantModule) -> None:
    """The format of memory that GPUs compute in goes through a network, and changes no number."""
    last = torch.channels_last if layer.n == 2 else torch.channels_last_3d
    x = images(layer)
    torch.testing.assert_close(layer(x.to(memory_format=last)), layer(x))
    y = layer.float()(x.float().to(memory_format=last))  # in float64 torch's convolutions of volumes do not keep it
    lost = getattr(layer, "padding_mode", "") == "circular" or isinstance(layer, nn.AdaptiveMaxPool3d)  # by torch too
    assert y.is_contiguous(memory_format=last) or lost


def test_one_image_alone(layer: nn.EquivariantModule) -> None:
    if isinstance(layer, models.blocks.ResidualBlock):
        return  # its batch norm counts pixels of a batch
    x = images(layer)
    torch.testing.assert_close(layer(x[0]), layer(x)[0])


@pytest.mark.parametrize("training", [False, True])
def test_ensembles(layer: nn.EquivariantModule, training: bool) -> None:
    """Several sets of weights at once, and gradients for each image by itself, are the loops over them."""
    layer.train(training)
    parameters = dict(layer.named_parameters())
    if not parameters or (training and any("running" in name for name, _ in layer.named_buffers())):
        return  # nothing is learned, or a batch changes the state
    x = images(layer)
    members = [copy.deepcopy(layer) for _ in range(3)]
    for number, member in enumerate(members):
        for parameter in member.parameters():
            parameter.data.mul_(0.5 + number).add_(0.1)
    stacked, buffers = stack_module_state(members)
    found = vmap(lambda weights, state: functional_call(layer, (weights, state), (x,)))(stacked, buffers)
    torch.testing.assert_close(found, torch.stack([member(x) for member in members]))

    def loss(weights: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        return functional_call(layer, weights, (image[None],)).square().sum()

    each = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    for name, gradient in grad(loss)(parameters, x[1]).items():
        torch.testing.assert_close(each[name][1], gradient)


def test_weights_that_are_swapped(layer: nn.EquivariantModule) -> None:
    """`swap_tensors`, by which torch moves and loads: in evaluation too the next call uses the new weights."""
    x = images(layer)
    layer(x)
    other = {name: p.detach() * 1.5 + 0.1 for name, p in layer.named_parameters()}
    expected = functional_call(layer, other, (x,))
    for name, parameter in layer.named_parameters():
        torch.utils.swap_tensors(parameter, plain.Parameter(other[name]))
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("training", [False, True])
def test_activations_that_are_made_again(layer: nn.EquivariantModule, training: bool) -> None:
    layer.train(training)
    x = images(layer).requires_grad_()
    leaves = [x, *layer.parameters()]
    gradients = []
    for call in (layer, lambda x: checkpoint(layer, x, use_reentrant=False)):
        torch.manual_seed(1)
        gradients.append(torch.autograd.grad(call(x).square().sum(), leaves, materialize_grads=True))
    torch.testing.assert_close(*gradients)


def test_autocast(layer: nn.EquivariantModule) -> None:
    """Mixed precision stays near, for weights and inputs of float32; modules of bfloat16 give bfloat16."""
    layer.float()
    x = images(layer).float()
    y = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        low = layer(x)
    assert (low.float() - y).abs().max() <= 0.05 * y.abs().max()
    if low.requires_grad:
        low.float().sum().backward()
    assert layer.bfloat16()(x.bfloat16()).dtype == torch.bfloat16


class Branches(nn.GridModule):
    """A block that a user writes: two convolutions side by side, merged."""

    def __init__(self) -> None:
        super().__init__(REGULAR, MIXED)
        self.near, self.far = nn.Conv2d(REGULAR, MIXED, 3, padding=1), nn.Conv2d(REGULAR, REGULAR, 5, padding=2)
        self.merge = nn.Conv2d(MIXED + REGULAR, MIXED, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        return self.merge(torch.cat([self.near(x), self.far(x)], 1))


def test_blocks_of_your_own_obey_the_laws() -> None:
    check_module(Branches(), gradients=False)
    net = nn.Sequential(Branches(), nn.BatchNorm(MIXED), nn.GlobalPool(MIXED))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert turned_error(net.double().eval(), normal(2, REGULAR.dim, 7, 7)) < 1e-12
