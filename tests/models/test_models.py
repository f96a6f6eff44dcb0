"""Ready networks: exact for every size, trainable, and what their constructors promise."""

import warnings

import pytest
import torch

from intertwine import models, nn
from intertwine.catalog import O2, SO2, SO3, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, InexactGridWarning
from intertwine.testing import check_module
from tests.nn.grid.test_convolution import normal, turned_error

D4 = dihedral(4)
CUBE = point_group("O")

NETWORKS = {
    "encoder": lambda: models.Encoder(D4.rep("1x0e"), D4.rep("2x0e + 1x1"), 12, 8),
    "encoder of irreps": lambda: models.Encoder(O2.rep("1x0e"), O2.rep("2x0e + 1x1"), 12, 10, kernel_size=5),
    "encoder of volumes": lambda: models.Encoder(
        SO3.rep("1x0"), SO3.rep("2x0 + 1x1"), 8, 10, filters=nn.BandLimited(0.4)
    ),
    "residual": lambda: models.ResNet(D4.rep("3x0e"), D4.rep("4x0e"), (1, 2), 8),
    "residual, restricted": lambda: models.ResNet(
        D4.rep("3x0e"), cyclic(4).rep("4x0"), (1, 1), 8, restrict=(None, D4.subgroup("C4"))
    ),
    "u-net": lambda: models.UNet(D4.rep("1x0e"), D4.rep("2x0e + 1x1"), 3, 8),
    "u-net of volumes": lambda: models.UNet(CUBE.rep("1xA1"), CUBE.rep("2xA1 + 1xT1"), 2, 24),
    "u-net of irreps": lambda: models.UNet(SO2.rep("1x0"), SO2.rep("2x0 + 1x1"), 2, 10, kernel_size=5),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_exact_for_every_size(name: str) -> None:
    torch.manual_seed(0)
    net = NETWORKS[name]().double()
    axes = net.fields_in[0].n
    net(normal(2, net.rep_in.dim, *axes * (9,)))  # running statistics
    net.eval()
    for size in (7, 8) if axes == 3 else (9, 10, 11, 12):
        with warnings.catch_warnings():
            warnings.simplefilter("error", InexactGridWarning)
            assert turned_error(net, normal(1, net.rep_in.dim, *axes * (size,))) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_laws_of_networks(name: str) -> None:
    assert check_module(NETWORKS[name](), gradients=False).equivariance < 1e-10


def test_restriction_breaks_what_it_should() -> None:
    """Before it the group of the square, after it quarter turns alone: mirror images may differ."""
    torch.manual_seed(0)
    net = NETWORKS["residual, restricted"]().double().eval()
    assert [s.name for s in net.subgroups] == ["C4"]
    assert net.rep_in.group == cyclic(4)
    x = normal(1, 3, 9, 9)
    torch.testing.assert_close(net(x.rot90(1, (2, 3))), net(x))
    assert float((net(x.flip(3)) - net(x)).detach().abs().max()) > 1e-3
    whole = models.ResNet(D4.rep("3x0e"), D4.rep("4x0e"), (1, 1), 8).double().eval()
    torch.testing.assert_close(whole(x.flip(3)), whole(x))


def test_pyramids_and_deep_supervision() -> None:
    net = models.ResNet(D4.rep("1x0e"), D4.rep("4x0e"), (1, 1, 1), 8)
    assert [tuple(y.shape) for y in net.features(torch.zeros(2, 1, 20, 24))] == [
        (2, 8, 20, 24),
        (2, 16, 10, 12),
        (2, 32, 5, 6),
    ]
    unet = models.UNet(D4.rep("1x0e"), D4.rep("3x0e"), 4, 8, deep_supervision=True)
    outputs = unet(torch.zeros(2, 1, 20, 24))
    assert [tuple(y.shape) for y in outputs] == [(2, 3, 20, 24), (2, 3, 10, 12), (2, 3, 5, 6)]
    assert unet.eval()(torch.zeros(2, 1, 20, 24)).shape == (2, 3, 20, 24)


def test_a_network_learns() -> None:
    """Horizontal or vertical stripes, told apart by features that turn; an invariant head cannot tell them."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    waves = torch.sin(torch.arange(12.0) * 2 + 6 * torch.rand(64, 1, generator=generator))
    images = torch.cat([waves[:, None, None, :].expand(-1, 1, 12, 12), waves[:, None, :, None].expand(-1, 1, 12, 12)])
    labels = torch.arange(2).repeat_interleave(64)
    losses = []
    for head in ("1x2e", "1x0e"):
        net = models.Encoder(D4.rep("1x0e"), D4.rep(head), 12, 8)
        optimiser = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(50):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(images)[:, 0], labels.float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] < 0.1
    assert losses[1] > 0.6


def test_one_image_without_a_batch() -> None:
    """As torch's own layers take it, also with deep supervision and in half precision."""
    net = models.UNet(D4.rep("1x0e"), D4.rep("2x0e"), 3, 8, deep_supervision=True).double()
    x = normal(1, 1, 9, 8)
    assert [y.shape for y in net(x[0])] == [(2, 9, 8), (2, 5, 4)]
    net.eval()
    torch.testing.assert_close(net(x[0]), net(x)[0])
    assert net.half()(x.half()).shape == (1, 2, 9, 8)


def test_what_networks_refuse() -> None:
    for size in (0, (32, 32, 32), 1.5):
        with pytest.raises(ArgumentError, match="The size of an Encoder is an integer from 1 on, or one for each"):
            models.Encoder(D4.rep("1x0e"), D4.rep("1x0e"), size=size)
    with pytest.raises(ArgumentError, match="a whole number from 2 on"):
        models.UNet(D4.rep("1x0e"), D4.rep("1x0e"), 1)
    with pytest.raises(ArgumentError, match="at most one subgroup"):
        models.ResNet(D4.rep("1x0e"), D4.rep("1x0e"), (1,), restrict=(None, D4.subgroup("C4")))
    with pytest.raises(ArgumentError, match="at least one channel"):
        models.channels_of(D4, 0)
    with pytest.raises(ArgumentError, match="on one grid"):
        nn.exact_sizes(nn.Linear(D4.rep("1x0e"), D4.rep("1x0e")), 8)
    for size, within in ((8.0, 8), ((8, 8), 8), (8, -1)):
        with pytest.raises(ArgumentError, match="one width, a whole number"):
            nn.exact_sizes(nn.Conv2d(D4.rep("1x0e"), D4.rep("1x0e"), 3), size, within)


def test_sizes_that_keep_a_network_exact() -> None:
    rep = D4.rep("1xregular")
    strided = nn.Sequential(nn.Conv2d(rep, rep, 3, 2, 1), nn.BatchNorm(rep), nn.Conv2d(rep, rep, 3, 2, 1))
    assert nn.exact_sizes(strided, 28, within=5) == (25, 29, 33)
    assert nn.exact_sizes(NETWORKS["residual"](), 12, within=2) == (10, 11, 12, 13, 14)
    assert nn.exact_sizes(nn.Conv2d(rep, rep, 5), 4, within=3) == (5, 6, 7)
