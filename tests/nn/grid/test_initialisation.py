"""Weights of convolutions that keep the lengths of signals."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, SO2, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError
from tests.nn.grid.test_convolution import normal, turned_error

D4, CUBE = dihedral(4), point_group("O")
REP = D4.rep("2xregular + 1x1")


@pytest.mark.parametrize(
    ("make", "rep"),
    [
        (lambda rep: nn.Conv2d(rep, rep, 3, padding=1), REP),
        (lambda rep: nn.Conv2d(rep, rep, (1, 5), padding="same"), dihedral(2).rep("1xregular + 2x1o")),
        (lambda rep: nn.Conv2d(rep, rep, 5, padding=2), SO2.rep("3x0 + 2x1 + 2x3")),
        (lambda rep: nn.Conv2d(rep, rep, 5, padding=2), O2.rep("3x0e + 2x0o + 2x1")),
        (lambda rep: nn.Conv2d(rep, rep, 5, padding=2), cyclic(8).rep("2xregular")),
        (lambda rep: nn.Conv2d(rep, rep, 3, padding=1, groups=2), D4.rep("2xregular + 4x1")),
        (lambda rep: nn.Conv2d(rep, rep, 3, padding=2, dilation=2), REP),
        (lambda rep: nn.ConvTranspose2d(rep, rep, 3, padding=1), REP),
        (lambda rep: nn.Conv3d(rep, rep, 3, padding=1), CUBE.rep("1xregular + 1xT1 + 2xA1")),
    ],
)
def test_lengths_stay_through_many_layers(make, rep) -> None:
    torch.manual_seed(0)
    layers = [nn.delta_orthogonal_(make(rep).double()) for _ in range(3)]
    x = normal(1, rep.dim, *layers[0].n * (7,))
    y = x
    for layer in layers:
        y = layer(y)
    torch.testing.assert_close(y.norm(dim=1), x.norm(dim=1))
    assert not torch.allclose(layers[0].weight, layers[1].weight)
    assert turned_error(layers[0], x) < 1e-12


def test_between_other_sizes_and_what_is_not_reached() -> None:
    """A map to more channels keeps lengths; irreps that the input lacks stay empty, and a gain multiplies."""
    torch.manual_seed(0)
    x = normal(1, 16, 5, 5)
    wide = nn.delta_orthogonal_(nn.Conv2d(D4.rep("2xregular"), D4.rep("3xregular"), 3, padding=1).double(), gain=2.0)
    torch.testing.assert_close(wide(x).norm(dim=1), 2 * x.norm(dim=1))
    layer = nn.delta_orthogonal_(nn.Conv2d(D4.rep("2x0e"), D4.rep("1x0e + 1x1"), 3).double())
    taps = layer.expanded_filters().detach()
    assert taps[1:].abs().max() < 1e-12
    torch.testing.assert_close(taps[0, :, 1, 1].norm(), torch.tensor(1.0, dtype=torch.float64))
    assert (taps[0].abs() > 1e-12).sum() == 2


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_where_gradients_are_off(mode) -> None:
    with mode():
        layer = nn.delta_orthogonal_(nn.Conv2d(REP, REP, 3, padding=1))
        x = torch.randn(1, REP.dim, 5, 5)
        torch.testing.assert_close(layer(x).norm(dim=1), x.norm(dim=1))


def test_kernels_without_a_middle_tap_are_refused() -> None:
    with pytest.raises(ArgumentError, match="takes a convolution on a grid"):
        nn.delta_orthogonal_(torch.nn.Conv2d(1, 1, 3))
    with pytest.raises(ArgumentError, match="middle tap"):
        nn.delta_orthogonal_(nn.Conv2d(REP, REP, 4))
    with pytest.raises(ArgumentError, match=r"Rings\(\)"):
        nn.delta_orthogonal_(nn.Conv2d(REP, REP, 5, filters=nn.Rings()))
