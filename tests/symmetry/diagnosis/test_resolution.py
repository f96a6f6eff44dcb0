"""Errors that fall with the number of samples are aliasing; others are real."""

import json

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, SO2
from intertwine.errors import ArgumentError
from intertwine.fields import GridField
from intertwine.symmetry import ResolutionLadder, equivariance_report, resolution_ladder

FUNCTIONS = SO2.rep("4x0 + 4x1 + 4x2 + 4x3")
STEPS = (7, 9, 12, 16, 24, 48, 96)


def layer(function: object) -> nn.FourierActivation:
    return nn.FourierActivation(FUNCTIONS, activation=function, exact_degree=2)


@pytest.mark.parametrize(("function", "power"), [(F.relu, 2), (F.elu, 3)])
def test_the_error_falls_with_the_smoothness_of_the_function(function: object, power: int) -> None:
    """A jump in the k-th derivative makes frequencies that fall like n^−(k+1), and aliases with them."""
    ladder = resolution_ladder(layer(function).resampled, STEPS)
    assert ladder.aliasing
    assert abs(ladder.slope - power) < 0.5
    assert 0.1 < ladder.errors[0] < 1
    assert 1e-5 < ladder.errors[-1] < 1e-2
    assert f"aliasing: the error falls like N^−{ladder.slope:.1f}" in str(ladder)


def test_an_analytic_function_falls_faster_than_powers() -> None:
    ladder = resolution_ladder(layer(F.silu).resampled, STEPS)
    assert ladder.aliasing
    assert ladder.slope > 6


def test_a_polynomial_needs_no_more_than_its_degree() -> None:
    """Squares of functions of degree 3, read off up to degree 3: exact from 3·3 + 1 angles on."""
    ladder = resolution_ladder(layer(torch.square).resampled, (8, 10, 20))
    assert ladder.errors[0] > 0.01
    assert max(ladder.errors[1:]) < 1e-13
    assert ladder.aliasing
    assert "the error vanishes" in str(ladder)
    assert resolution_ladder(layer(torch.square).resampled, (10, 20)).exact


def test_an_error_that_stays_is_real() -> None:
    def build(n: int) -> torch.nn.Module:
        class Broken(nn.EquivariantModule):
            def __init__(self) -> None:
                super().__init__(FUNCTIONS, FUNCTIONS)
                self.inner = layer(F.silu).resampled(n)

            def forward(self, x: Tensor) -> Tensor:
                return self.inner(x) + 0.01 * x.flip(-1)

        return Broken()

    ladder = resolution_ladder(build, (48, 96, 192))
    assert not ladder.aliasing
    assert abs(ladder.slope) < 0.1
    assert "real: the error does not fall" in str(ladder)


def test_all_models_get_the_weights_of_the_first() -> None:
    """Else the error would also change because the weights do."""

    def build(n: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(SO2.harmonics(3), FUNCTIONS), layer(F.elu).resampled(n))

    torch.manual_seed(0)
    first = resolution_ladder(build, (12, 13))
    torch.manual_seed(0)
    model = build(12)
    torch.manual_seed(5)
    weights = model.state_dict()

    def same(n: int) -> nn.Sequential:
        twin = build(n)
        twin.load_state_dict(weights)
        return twin

    assert resolution_ladder(same, (12, 13)).errors == pytest.approx(first.errors, rel=1e-9)


@pytest.mark.parametrize("rep", [FUNCTIONS, O2.rep("2x0e + 2x1 + 2x2"), O2.rep("2x0e + 2x0o + 4x1")])
def test_a_resampled_layer_is_one_made_so(rep: object) -> None:
    made = nn.FourierActivation(rep, activation=F.elu, exact_degree=6)
    found = nn.FourierActivation(rep, activation=F.elu, exact_degree=3).resampled(made.samples)
    x = torch.randn(5, rep.dim)
    assert torch.equal(found(x), made(x))
    assert found.exact_degree == made.exact_degree
    double = nn.FourierActivation(rep, activation=F.elu).double().resampled(made.samples)
    assert torch.equal(double(x.double()), made.double()(x.double()))


def test_a_report_offers_the_ladder_of_the_layer_that_fails() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(FUNCTIONS, FUNCTIONS), layer(F.elu), nn.Linear(FUNCTIONS, FUNCTIONS))
    report = equivariance_report(net)
    assert report.first_offender == "layers.1"
    assert report.cause == "aliasing"
    assert report.resolution.resolutions[0] == layer(F.elu).samples
    assert 2 < report.resolution.slope < 4
    assert "its samples: aliasing: the error falls like N" in str(report)
    assert equivariance_report(layer(F.elu)).cause == "aliasing"  # alone, too
    assert equivariance_report(layer(torch.square)).resolution is None


def test_how_many_samples_an_error_needs() -> None:
    ladder = ResolutionLadder((10, 20, 40), (8e-3, 1e-3, 1.25e-4))
    assert ladder.slope == pytest.approx(3)
    assert ladder.needed(1.25e-7) == 400
    assert ladder.needed(1e-2) == 40
    assert ResolutionLadder((10, 20), (0.1, 0.1)).needed(1e-3) is None
    assert json.loads(json.dumps(ladder.to_dict(), allow_nan=False))["aliasing"] is True


def test_pixels_are_no_aliasing() -> None:
    """Between pixels a blur has an error of its own; under elements that map the image to itself it has none."""
    image = GridField(O2.rep("1x0e"))
    ladder = resolution_ladder(lambda n: torch.nn.AvgPool2d(n, 1, padding=n // 2), (3, 5), image, image)
    assert ladder.exact


def test_resolutions_rise() -> None:
    for wrong in ((8,), (8, 8), (16, 8)):
        with pytest.raises(ArgumentError, match="at least two rising numbers"):
            resolution_ladder(layer(F.elu).resampled, wrong)
