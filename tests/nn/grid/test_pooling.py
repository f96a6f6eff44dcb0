"""Pools, blurs and resizing: exact where windows lie about the middle, and right about what they take."""

import warnings

import pytest
import torch
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, dihedral, point_group
from intertwine.errors import ArgumentError, InexactGridWarning, ShapeError
from intertwine.testing import check_module
from tests.nn.grid.test_convolution import normal, turned_error

D4 = dihedral(4)
REP = D4.rep("1xregular + 2x1 + 1x0o")
CUBE = point_group("Oh")


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("pool", [nn.AvgPool2d, nn.MaxPool2d])
def test_exact_where_windows_lie_about_the_middle(pool, size: int, stride: int, padding: int) -> None:
    layer = pool(REP, size, stride, padding).double()
    for width in (8, 9):
        left = (width + 2 * padding - size) % stride
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            error = turned_error(layer, normal(1, REP.dim, width, width))
        assert (error < 1e-12) == (left == 0)
        assert len([w for w in caught if issubclass(w.category, InexactGridWarning)]) == (left != 0)


def test_largest_of_numbers_and_of_lengths() -> None:
    """Permuted entries are pooled one by one, as torch does; a vector is taken whole, where it is longest."""
    x = normal(2, REP.dim, 6, 6)
    y = nn.MaxPool2d(REP, 2)(x)
    torch.testing.assert_close(y[:, :8], F.max_pool2d(x[:, :8], 2))
    (vectors,) = REP.split(x.movedim(1, -1))[1:2]
    (pooled,) = REP.split(y.movedim(1, -1))[1:2]
    windows = vectors.reshape(2, 3, 2, 3, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6).flatten(4, 5)
    longest = windows.norm(dim=-1).argmax(-1)[..., None, None].expand(-1, -1, -1, -1, 1, 2)
    torch.testing.assert_close(pooled, windows.gather(-2, longest)[..., 0, :])
    torch.testing.assert_close(nn.AdaptiveMaxPool2d(REP, 3)(x), y)
    assert turned_error(nn.MaxPool3d(CUBE.rep("1xT1u + 1xregular"), 3, 2, 1).double(), normal(1, 51, 5, 5, 5)) < 1e-12


def test_down_and_up_again() -> None:
    for layer in (
        nn.BlurPool(REP, 2),
        nn.AdaptiveAvgPool2d(REP, 4),
        nn.AdaptiveMaxPool2d(REP, 4),
        nn.Upsample(REP, scale_factor=2),
        nn.Upsample(REP, 7),
        nn.Upsample(REP, scale_factor=3, mode="nearest"),
        nn.DiskMask(REP, 1.0),
        nn.GlobalPool(REP),
        nn.GlobalPool(D4.rep("1xregular"), "max"),
    ):
        assert turned_error(layer.double(), normal(2, layer.rep_in.dim, 9, 9)) < 1e-12
    with pytest.warns(InexactGridWarning, match="whole multiple"):
        nn.Upsample(REP, 8, mode="nearest")(normal(1, REP.dim, 5, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_disks_of_large_images_in_half_precision(dtype: torch.dtype) -> None:
    """Places of pixels have more digits than the features."""
    mask = nn.DiskMask(D4.rep("1x0e"))
    image = torch.ones(1, 1, 600, 601, dtype=torch.float64)
    torch.testing.assert_close(mask(image.to(dtype)).double(), mask(image), rtol=0, atol=5e-3)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("size", range(3, 13))
def test_blurred_samples_lie_about_the_middle_for_every_size(size: int, stride: int) -> None:
    layer = nn.BlurPool(REP, stride).double()
    x = normal(1, REP.dim, size, size)
    assert layer(x).shape[-1] == -(-size // stride)
    assert turned_error(layer, x) < 1e-12


def test_blurring_keeps_means_and_removes_the_finest_wave() -> None:
    layer = nn.BlurPool(O2.rep("1x0e"), 2, sigma=0.5).double()
    whole = layer(torch.ones(1, 1, 21, 21, dtype=torch.float64))[0, 0]
    torch.testing.assert_close(whole[3:-3, 3:-3], torch.ones(5, 5, dtype=torch.float64))
    wave = torch.cos(torch.pi * torch.arange(21.0, dtype=torch.float64)).expand(1, 1, 21, 21)
    assert layer(wave)[0, 0, 3:-3, 3:-3].abs().max() < 0.02


def test_pooling_over_the_group() -> None:
    group = D4
    x = normal(3, 16)
    rep = group.rep("2xregular")
    blocks = rep.split(x)[0]
    torch.testing.assert_close(nn.GroupPool(rep)(x), blocks.amax(-1))
    torch.testing.assert_close(nn.GroupPool(rep, "mean")(x), blocks.mean(-1))
    torch.testing.assert_close(nn.GroupPool(rep, "norm")(x), blocks.norm(dim=-1))
    zero = torch.zeros(rep.dim, requires_grad=True)
    (gradient,) = torch.autograd.grad(nn.GroupPool(rep, "norm")(zero).sum(), zero)
    assert not gradient.any()  # lengths have a kink at 0, and no NaN
    for name in ("C1", "C2", "C4", "D1", "D2", "D4"):
        quotient = group.quotient(group.subgroup(name))
        for kind in ("max", "mean"):
            layer = nn.GroupPool(rep, kind, onto=quotient)
            assert layer.rep_out.dim == 2 * quotient.dim
            for g in group.elements():
                moved = layer(x @ torch.tensor(rep.matrix(g)).T)
                torch.testing.assert_close(moved, layer(x) @ torch.tensor(layer.rep_out.matrix(g)).T)


def test_what_pools_refuse() -> None:
    for make, told in (
        (lambda: nn.AdaptiveMaxPool3d(REP, 3), "has dimension 2"),
        (lambda: nn.GlobalPool(REP, "max"), "kind='mean'"),
        (lambda: nn.GlobalPool(REP, "sum"), "'sum'"),
        (lambda: nn.GroupPool(REP), "kind='norm'"),
        (lambda: nn.GroupPool(D4.rep("1xregular"), "norm", onto=D4.quotient(D4.subgroup("C4"))), "quotient"),
        (lambda: nn.GroupPool(D4.rep("1x1"), "norm", onto=D4.quotient(D4.subgroup("C4"))), "quotient"),
        (lambda: nn.MaxPool2d(REP, 2, padding=2), "half of its window"),
        (lambda: nn.Upsample(REP), "size or a scale_factor"),
        (lambda: nn.Upsample(REP, 4, 2.0), "size or a scale_factor"),
        (lambda: nn.Upsample(REP, 4, mode="cubic"), "'cubic'"),
        (lambda: nn.Upsample(REP, scale_factor=(2, 2)), "one positive number"),
        (lambda: nn.Upsample(REP, scale_factor=-1.0), "one positive number"),
        (lambda: nn.exact_sizes(torch.nn.Conv2d(1, 1, 3), 8), "on one grid"),
        (lambda: nn.exact_sizes(nn.Linear(REP, REP), 8), "on one grid"),
        (lambda: nn.BlurPool(REP, 0), "stride is an integer"),
        (lambda: nn.BlurPool(REP, 2, sigma=-1.0), "width of a blur"),
        (lambda: nn.BlurPool(REP, 2, sigma="1"), "width of a blur"),
        (lambda: nn.DiskMask(REP, sigma=0.0), "positive width"),
        (lambda: nn.DiskMask(REP, float("nan")), "margin of a mask"),
        (lambda: nn.AvgPool3d(REP, 2), "has dimension 2"),
        (lambda: nn.Pixelwise(nn.PointConv(O2.rep("1x0e"), O2.rep("1x0e"))), "from features to features"),
    ):
        with pytest.raises(ArgumentError, match=told):
            make()
    with pytest.raises(ShapeError, match="The input of AvgPool2d"):
        nn.AvgPool2d(REP, 2)(normal(1, 3, 4, 4))


def test_layers_that_treat_exchanged_axes_unlike_say_so() -> None:
    """A quarter turn exchanges the axes of a square image, not of another one, and mirrors along axes never do."""
    mirrors = dihedral(2)

    def layers(group):
        rep = group.rep("1xregular")
        return (
            nn.Conv2d(rep, rep, 3, stride=(1, 2)),
            nn.Conv2d(rep, rep, 3, padding=(1, 0)),
            nn.Conv2d(rep, rep, (3, 1)),
            nn.ConvTranspose2d(rep, rep, 2, stride=(1, 2)),
            nn.AvgPool2d(rep, (1, 3)),
            nn.MaxPool2d(rep, 3, (1, 2)),
            nn.BlurPool(rep, (1, 2)),
            nn.AdaptiveAvgPool2d(rep, (2, 3)),
            nn.AdaptiveMaxPool2d(rep, (2, 3)),
            nn.Upsample(rep, (9, 18)),
            nn.Upsample(rep, (9, 18), mode="nearest"),
        )

    for group, sizes, exact in ((D4, (9, 9), False), (D4, (7, 9), True), (mirrors, (9, 9), True)):
        for layer in layers(group):
            if isinstance(layer, nn.Upsample) and layer.mode == "nearest" and sizes[0] == 7:
                continue  # 9 is no multiple of 7
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                error = turned_error(layer.double(), normal(1, layer.rep_in.dim, *sizes))
            told = [str(w.message) for w in caught if issubclass(w.category, InexactGridWarning)]
            assert (error < 1e-10) == exact == (not told), layer
            assert all("along axis 1 and 2 of space it does different things" in message for message in told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.Conv2d(D4.rep("1x0e"), D4.rep("1x0e"), 1, dilation=(1, 2))(
            normal(1, 1, 5, 5).float()
        )  # one tap reaches none


def test_exact_axes_of_groups_that_move_some_of_them() -> None:
    """A mirror of y alone leaves x, and turns about z leave z."""
    mirror, turns = dihedral(1), point_group("C4")
    for layer, size, exact in (
        (nn.AvgPool2d(mirror.rep("1xregular"), 2, (1, 2)), (5, 5), True),
        (nn.AvgPool2d(mirror.rep("1xregular"), 2, (2, 1)), (5, 5), False),
        (nn.AvgPool3d(turns.rep("1xregular"), 2, (2, 1, 1)), (5, 5, 5), True),
        (nn.AvgPool3d(turns.rep("1xregular"), 2, (1, 2, 2)), (5, 5, 5), False),
        (nn.AvgPool3d(turns.rep("1xregular"), 2, (1, 1, 2)), (6, 6, 6), False),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            error = turned_error(layer.double(), normal(1, layer.rep_in.dim, *size))
        assert (error < 1e-12) == exact == (not caught)


@pytest.mark.parametrize("rep", [D4.rep("1xregular"), D4.rep("2x1"), REP], ids=str)
def test_laws_of_pools_for_the_largest(rep) -> None:
    """Images of tests have zeros about them, of which none is the largest: derivatives are taken elsewhere."""
    check_module(nn.MaxPool2d(rep, 3, 2, 1))
    layer = nn.AdaptiveMaxPool2d(rep, 5).double()  # the longest of many vectors is another one in half precision
    x = normal(1, rep.dim, 11, 11).requires_grad_()
    assert torch.autograd.gradcheck(layer, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, x, fast_mode=True)


def test_layers_on_grids_have_channels() -> None:
    """Torch's own layers take no empty channels: all of ours say so when they are made."""
    none, some = REP[:0], D4.rep("1x0e")
    for make in (
        lambda: nn.Conv2d(none, some, 3),
        lambda: nn.Conv2d(some, none, 3),
        lambda: nn.ConvTranspose2d(none, some, 3),
        lambda: nn.MaxPool2d(none, 2),
        lambda: nn.AvgPool2d(none, 2),
        lambda: nn.BlurPool(none),
        lambda: nn.GroupNorm(none, 1),
        lambda: nn.InstanceNorm(none),
        lambda: nn.GlobalPool(none),
        lambda: nn.Upsample(none, 3),
        lambda: nn.Pixelwise(nn.Linear(none, none)),
        lambda: nn.Restrict(none, D4.subgroup("C4")),
    ):
        with pytest.raises(ArgumentError, match="at least one channel"):
            make()
