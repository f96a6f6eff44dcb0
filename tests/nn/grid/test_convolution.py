"""Convolutions on images and volumes: exact where a grid allows it, and kind to those who use them."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, InexactGridWarning, RepMismatchError, ShapeError, UnreachableWarning
from intertwine.fields import GridField
from intertwine.kernels import BandLimited, Complete
from intertwine.kernels.taps import Taps
from intertwine.nn.grid import convolution
from intertwine.testing import equivariance_error

D4 = dihedral(4)
HIDDEN = D4.rep("2xregular + 1x1")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turned_error(layer: nn.EquivariantModule, x: torch.Tensor) -> float:
    """How far a layer is from equivariant under quarter turns and mirrors."""
    layer.requires_grad_(False)
    before, after = layer.fields_in[0], layer.field_out
    y, worst = layer(x), 0.0
    for g in before.exact_elements(tuple(x.shape)):
        z = layer(before.act(g, x))
        worst = max(worst, float((z - after.act(g, y)).abs().max() / y.abs().max()) if z.shape == y.shape else 9.0)
    return worst


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_exact_where_samples_lie_about_the_middle(size: int, stride: int, padding: int, dilation: int) -> None:
    """(n + 2p − d (k − 1) − 1) mod s = 0 decides; where it does not hold the layer says so, once for each size."""
    layer = nn.Conv2d(D4.rep("1x0e + 1x1"), D4.rep("1xregular"), size, stride, padding, dilation).double().eval()
    for width in range(8, 13):
        left = width + 2 * padding - dilation * (size - 1) - 1
        if left < 0:
            continue
        x = normal(1, 3, width, width)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            error = turned_error(layer, x)
            layer(x)
        told = [w for w in caught if issubclass(w.category, InexactGridWarning)]
        assert (error < 1e-10) == (left % stride == 0)
        assert len(told) == (left % stride != 0)
        assert all("multiple of the stride" in str(w.message) and f"{width} × {width}" in str(w.message) for w in told)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_all_padding_modes_are_exact(mode: str) -> None:
    layer = nn.Conv2d(HIDDEN, HIDDEN, 3, padding="same", padding_mode=mode).double()
    assert turned_error(layer, normal(2, HIDDEN.dim, 7, 7)) < 1e-12


@pytest.mark.parametrize("name", ["O", "Oh", "Td", "D4h", "C4v", "S4"])
def test_volumes_are_exact(name: str) -> None:
    group = point_group(name)
    layer = nn.Conv3d(group.defining, group.rep("1xregular"), 3, padding=1).double()
    assert turned_error(layer, normal(1, 3, 5, 5, 5)) < 1e-12
    up = nn.ConvTranspose3d(group.regular, group.defining, 2, stride=2).double()
    assert turned_error(up, normal(1, group.regular.dim, 3, 3, 3)) < 1e-12


@pytest.mark.parametrize("group", [SO2, O2, cyclic(8), dihedral(8)], ids=str)
def test_continuous_groups_are_exact_under_quarter_turns(group) -> None:
    """And at other angles nearly so, the better the narrower the band."""
    rep = group.rep(" + ".join(f"2x{label}" for label in group.labels(2)))
    errors = []
    for tolerance in (0.05, 0.5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreachableWarning)
            torch.manual_seed(0)
            layer = nn.Conv2d(rep, rep, 5, padding=2, filters=BandLimited(tolerance)).double()
        report = equivariance_error(layer)
        assert report.exact < 1e-10
        errors.append(float(report))
    assert errors[0] < errors[1]


@pytest.mark.parametrize("kernel", [(3, 5), (1, 4), 2, (2, 3)])
def test_any_kernel_size(kernel) -> None:
    """Mirrors along the axes permute the taps of every kernel; quarter turns only those of square ones."""
    mirrors = dihedral(2)
    rep = mirrors.rep("1xregular + 1x1o")
    layer = nn.Conv2d(rep, rep, kernel).double()
    assert isinstance(layer.kind, Complete)
    assert turned_error(layer, normal(1, rep.dim, 9, 8)) < 1e-12
    other = nn.Conv2d(D4.rep("1x0e"), D4.rep("1x0e"), kernel).double()
    assert isinstance(other.kind, Complete if kernel == 2 else BandLimited)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InexactGridWarning)
        other(normal(1, 1, 9, 9))


def test_numbers_of_other_libraries() -> None:
    """Sizes and spacings come from headers of files as arrays and tensors, and as numbers of numpy."""
    mirrors = dihedral(2)
    rep = mirrors.rep("1x1o")
    for spacing in ((1.0, 2.0), np.array([1.0, 2.0], dtype=np.float32), torch.tensor([1.0, 2.0]), [1, np.float64(2)]):
        assert nn.Conv2d(rep, rep, np.int64(3), stride=np.int32(2), spacing=spacing).taps == Taps((3, 3), (1.0, 2.0))


def test_groups_are_separate_convolutions() -> None:
    """Two groups are two convolutions side by side, and as many as copies make a depthwise one."""
    rep_in, rep_out = D4.rep("2xregular + 4x1"), D4.rep("4xregular + 2x0e")
    whole = nn.Conv2d(rep_in, rep_out, 3, groups=2).double()
    with torch.no_grad():
        whole.bias.copy_(normal(len(whole.bias)))
    parts = [nn.Conv2d(D4.rep("1xregular + 2x1"), D4.rep("2xregular + 1x0e"), 3, bias=False).double() for _ in range(2)]
    for part, weight in zip(parts, whole.weight.chunk(2), strict=True):
        part.weight = plain.Parameter(weight.detach())
    x = normal(2, rep_in.dim, 6, 6)

    def half(rep, x, number):
        blocks = [b.chunk(2, -2)[number] for b in rep.split(x.movedim(1, -1))]
        return torch.cat([b.swapaxes(-1, -2).flatten(-2) for b in blocks], -1).movedim(-1, 1)

    y = whole(x) - whole.expanded_bias()[:, None, None]
    for number, part in enumerate(parts):
        torch.testing.assert_close(part(half(rep_in, x, number)), half(rep_out, y, number))
    assert turned_error(whole, x) < 1e-12
    up = nn.ConvTranspose2d(D4.rep("4xregular"), D4.rep("2xregular"), 4, 2, 1, groups=2).double()
    assert turned_error(up, normal(1, 32, 5, 5)) < 1e-12
    nn.Conv2d(D4.rep("4xregular"), D4.rep("4xregular"), 3, groups=4)
    with pytest.raises(ArgumentError, match="divisor of all multiplicities"):
        nn.Conv2d(D4.rep("3xregular"), D4.rep("4xregular"), 3, groups=2)


def test_a_kernel_of_one_pixel_is_a_linear_layer() -> None:
    layer = nn.Conv2d(HIDDEN, D4.rep("2xregular"), 1).double()
    linear = nn.Linear(HIDDEN, D4.rep("2xregular"), bias=False).double()
    assert layer.weight.numel() == linear.weight.numel()
    filters = layer.expanded_filters()[..., 0, 0].detach().numpy()
    for g in D4.elements():
        np.testing.assert_allclose(filters @ HIDDEN.matrix(g), D4.rep("2xregular").matrix(g) @ filters, atol=1e-12)


def test_trivial_group_is_a_plain_convolution() -> None:
    """Without symmetry every filter is there, and the layer is torch's."""
    rep = cyclic(1).rep("3x0")
    layer = nn.Conv2d(rep, rep, 3, action=2 * cyclic(1).rep("1x0")).double()
    assert layer.weight.numel() == 3 * 3 * 9
    x = normal(2, 3, 7, 7)
    expected = plain.functional.conv2d(x, layer.expanded_filters(), layer.expanded_bias())
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("change", ["optimiser", "load", "in place", "data", "swap", "replace"])
def test_filters_follow_the_weights_in_eval(change: str) -> None:
    """However weights change, the next call uses the new ones, and until then filters are made once."""
    layer = nn.Conv2d(HIDDEN, HIDDEN, 3).double().eval()
    x = normal(1, HIDDEN.dim, 5, 5)
    before = layer(x) if change == "optimiser" else layer(x).detach()
    known = layer._known["filters"]
    layer(x)
    assert layer._known["filters"] is known
    match change:
        case "optimiser":
            before.square().sum().backward()
            torch.optim.SGD(layer.parameters(), lr=0.1).step()
        case "load":
            layer.load_state_dict({name: value + 1 for name, value in layer.state_dict().items()})
        case "in place":
            with torch.no_grad():
                layer.weight[3] += 1
        case "data":
            layer.weight.data.mul_(2)
        case "swap":
            torch.utils.swap_tensors(layer.weight, plain.Parameter(layer.weight.detach() * 3))
        case "replace":
            layer.weight = plain.Parameter(layer.weight.detach() * 3)
    twin = copy.deepcopy(layer).train()
    assert not torch.equal(layer(x), before)
    assert torch.equal(layer(x), twin(x))


def test_gradients_in_eval() -> None:
    """Remembered filters pass gradients to the weights, twice as well, and again after a backward pass."""
    layer = nn.Conv2d(D4.rep("1x0e"), D4.rep("1xregular"), 3).double()
    x = normal(1, 1, 5, 5).requires_grad_()

    def gradients():
        (first,) = torch.autograd.grad(layer(x).square().sum(), layer.weight, create_graph=True)
        return first, torch.autograd.grad(first.square().sum(), layer.weight)[0]

    expected = gradients()
    layer.eval()
    for _ in range(2):
        for found, wanted in zip(gradients(), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_filters_made_in_inference_mode_serve_training() -> None:
    """Validation in inference mode, then gradients in eval: nothing that was kept is without gradients."""
    layer = nn.Conv2d(D4.rep("1x0e"), D4.rep("1xregular"), 3).double().eval()
    x = normal(1, 1, 5, 5)
    with torch.inference_mode():
        expected = layer(x)
    y = layer(x.requires_grad_())
    assert torch.equal(y, expected)
    y.sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is not None


def test_filters_that_another_thread_forgets() -> None:
    """Whoever switches modes while others evaluate takes nothing from under them."""
    layer = nn.Conv2d(D4.rep("1x0e"), D4.rep("1xregular"), 3).double().eval()
    x = normal(1, 1, 5, 5)
    expected = layer(x)

    def compare_and_forget(*arguments) -> bool:
        layer._known = {}
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_unchanged", compare_and_forget)
        assert torch.equal(layer(x), expected)


def test_functional_calls_and_no_stale_filters() -> None:
    """Weights handed in from outside are used, also in eval and under vmap."""
    layer = nn.Conv2d(D4.rep("1x0e"), D4.rep("1xregular"), 3).double().eval()
    x = normal(1, 1, 5, 5)
    stacks = {name: torch.stack([value, 2 * value]) for name, value in layer.named_parameters()}
    layer(x)
    many = torch.vmap(lambda parameters: torch.func.functional_call(layer, parameters, (x,)))(stacks)
    torch.testing.assert_close(many[1], 2 * many[0])
    torch.testing.assert_close(many[0], layer(x))


def test_dilation_keeps_the_filters() -> None:
    """Filters are functions of the taps, however far apart these are."""
    plainly, wide = (nn.Conv2d(SO2.rep("2x0 + 1x1"), SO2.rep("2x1"), 5, dilation=d, filters=nn.Rings()) for d in (1, 2))
    wide.load_state_dict(plainly.state_dict())
    assert torch.equal(wide.expanded_filters(), plainly.expanded_filters())


def test_export_keeps_the_padding_mode() -> None:
    layer = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1, padding_mode="circular").double()
    x = normal(2, HIDDEN.dim, 6, 6)
    moved = x.roll(1, 3)
    torch.testing.assert_close(layer.export(x)(moved), layer(x).roll(1, 3))


def test_a_state_dict_is_the_weights() -> None:
    """The same keys in training and evaluation, and nothing that can be made from them."""
    layer = nn.Conv2d(HIDDEN, HIDDEN, 5)
    in_training = layer.state_dict().keys()
    layer.eval()(torch.randn(1, HIDDEN.dim, 7, 7))
    assert layer.state_dict().keys() == in_training == dict(layer.named_parameters()).keys()


def test_unit_variance() -> None:
    """White noise in, unit variance out, for regular reps, irreps and mixtures, in two and three dimensions."""
    for layer in (
        nn.Conv2d(D4.rep("16xregular"), D4.rep("16xregular"), 5),
        nn.Conv2d(SO2.rep("16x0 + 16x1"), SO2.rep("16x0 + 16x1 + 16x2"), 5),
        nn.Conv3d(SO3.rep("16x0 + 8x1"), SO3.rep("16x0 + 8x1"), 3),
        nn.ConvTranspose2d(D4.rep("16xregular"), D4.rep("16xregular"), 4, 2, 1),
    ):
        x = torch.randn(2, layer.rep_in.dim, *layer.n * (12,), generator=torch.Generator().manual_seed(1))
        y = layer(x).detach()[(..., *layer.n * (slice(3, -3),))]
        assert 0.8 < float(y.square().mean()) < 1.25


def test_biases_are_invariant() -> None:
    rep = O2.rep("2x0e + 1x1 + 1x0o")
    layer = nn.Conv2d(rep, rep, 3, bias=True)
    assert layer.bias.shape == (2,)
    assert nn.Conv2d(rep, rep, 3, bias=False).bias is None
    assert nn.Conv2d(D4.rep("1x0e"), D4.rep("5xregular"), 3).bias.shape == (5,)


def test_errors_and_warnings_say_what_to_do() -> None:
    rep = D4.rep("1xregular")
    layer = nn.Conv2d(rep, rep, 3)
    for x in (torch.zeros(2, 7, 5, 5), torch.zeros(8), torch.zeros(2, 8, 5, 5, 5), torch.zeros(2, 8, 5, 5).long()):
        with pytest.raises(ShapeError, match="The input of Conv2d"):
            layer(x)
    assert layer(torch.zeros(8, 5, 5)).shape == (8, 3, 3)  # one image, as in torch
    with pytest.raises(ArgumentError, match="has dimension 3"):
        nn.Conv2d(O3.rep("1x0e"), O3.rep("1x0e"), 3)
    with pytest.raises(ArgumentError, match="kernel_size is an integer"):
        nn.Conv2d(rep, rep, 0)
    with pytest.raises(ArgumentError, match="'same' for strides of 1"):
        nn.Conv2d(rep, rep, 4, padding="same")
    for filters in ("complete", Complete):
        with pytest.raises(ArgumentError, match=r"filters is nn\.Complete\(\)"):
            nn.Conv2d(rep, rep, 3, filters=filters)
    for spacing in (-1.0, "a", (1.0, 2.0, 3.0), ("a", 1.0), float("nan"), None):
        with pytest.raises(ArgumentError, match="spacing of pixels is a positive number"):
            nn.Conv2d(rep, rep, 3, spacing=spacing)
    with pytest.raises(ArgumentError, match="padding mode"):
        nn.Conv2d(rep, rep, 3, padding_mode="mirror")
    with pytest.raises(RepMismatchError):
        nn.Conv2d(rep, O2.rep("1x0e"), 3)
    with pytest.warns(UnreachableWarning, match="1x2"):
        nn.Conv2d(O2.rep("1x0e"), O2.rep("1x0e + 1x2"), 3)
    for groups in (1, 2):
        with pytest.warns(UnreachableWarning, match="to 2x0o: these"):
            nn.Conv2d(O2.rep("2x0e"), O2.rep("2x0e + 2x0o"), 3, groups=groups)
        with pytest.raises(ArgumentError, match="all of its output"):
            nn.Conv2d(O2.rep("2x0e"), O2.rep("2x0o"), 3, groups=groups)
    with pytest.raises(ArgumentError, match="does not permute the taps"):
        nn.Conv2d(SO2.rep("1x0"), SO2.rep("1x0"), 3, filters=Complete())


def test_two_reps_of_one_name_do_not_mix() -> None:
    """Filters belong to what a rep is: O(3)'s vector seen by a cone and by a dihedral group prints alike."""
    cone, turn = O3.subgroup("Cinfv"), O3.subgroup("Dinf")
    reps = [O3.rep("1x1o").restrict(subgroup) for subgroup in (cone, turn)]
    for rep in reps:
        layer = nn.Conv3d(rep, rep, 3, padding=1, action=rep).double()
        assert turned_error(layer, normal(1, 3, 5, 5, 5)) < 1e-12


def test_a_network_is_exact_and_a_slice_of_it_works() -> None:
    """Layers of features act at every pixel between convolutions."""
    hidden = D4.rep("4xregular")
    net = nn.Sequential(
        nn.Conv2d(D4.rep("3x0e"), hidden, 5, padding=2),
        nn.BatchNorm(hidden),
        nn.Activation(hidden, torch.relu),
        nn.MaxPool2d(hidden, 3, 2, 1),
        nn.Conv2d(hidden, hidden, 3, padding=1),
        nn.NormActivation(hidden),
        nn.GlobalPool(hidden),
        nn.GroupPool(hidden),
        plain.Linear(4, 10),
    ).double()
    x = normal(2, 3, 29, 29)
    net(x)  # running statistics
    net.eval()
    for g in D4.elements():
        torch.testing.assert_close(net(GridField(D4.rep("3x0e")).act(g, x)), net(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(net[2:](net[:2](x)), net(x))
    with pytest.raises(ShapeError, match=r"nn\.Pixelwise"):
        nn.BatchNorm(hidden)(normal(1, 32, 5, 6))


@pytest.mark.slow
def test_compile_export_and_channels_last() -> None:
    """The live modules compile as one graph, export with a dynamic batch, and take channels last."""
    hidden = D4.rep("2xregular + 1x1")
    net = nn.Sequential(
        nn.Conv2d(D4.rep("1x0e"), hidden, 5, padding=2),
        nn.BatchNorm(hidden),
        nn.NormActivation(hidden),
        nn.AvgPool2d(hidden, 3, 2, 1),
        nn.ConvTranspose2d(hidden, hidden, 3, 2, 1),
        nn.GlobalPool(hidden),
    ).double()
    x = normal(3, 1, 9, 9)
    for _ in range(2):
        expected = net(x)
        compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), expected, rtol=1e-10, atol=1e-12)
        net.eval()
    expected = net(x)
    exported = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=64)},))
    torch.testing.assert_close(exported.module()(x), expected)
    torch.testing.assert_close(exported.module()(normal(5, 1, 9, 9)), net(normal(5, 1, 9, 9)))
    torch.testing.assert_close(net(x.to(memory_format=torch.channels_last)), expected)
    torch.testing.assert_close(torch.vmap(net)(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        low = net.float()(x.float())
    torch.testing.assert_close(low.double(), expected, rtol=0, atol=0.05 * float(expected.detach().abs().max()))
