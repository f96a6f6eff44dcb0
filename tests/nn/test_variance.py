"""Components of unit variance stay so at initialisation, through every layer."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog.base import CatalogGroup
from intertwine.reps import Rep
from tests.modules import CUTOFFS, GROUPS, RADIAL, hidden, turned

each_group = pytest.mark.parametrize("group", GROUPS, ids=str)


def mean_square(rep: Rep, y: Tensor) -> Tensor:
    """The mean of y² for each term of a rep."""
    return torch.stack([y[..., where].square().mean() for where in rep.slices])


def wide(group: CatalogGroup, width: int) -> Rep:
    """A rep with `width` copies or twice as many of each small irrep, and some in coordinates of their own."""
    return width * hidden(group) + width // 2 * turned(group)


def average(make: Callable[[], Tensor], seeds: int) -> Tensor:
    """The mean over initialisations."""
    found = []
    with torch.random.fork_rng(), torch.no_grad():
        for seed in range(seeds):
            torch.manual_seed(seed)
            found.append(make())
    return torch.stack(found).mean(0)


def close(squares: Tensor, tolerance: float) -> None:
    assert (squares - 1).abs().max() < tolerance, squares


@each_group
def test_linear(group: CatalogGroup) -> None:
    rep = wide(group, 8)

    def squares() -> Tensor:
        return mean_square(rep, nn.Linear(rep, rep)(torch.randn(200, rep.dim)))

    close(average(squares, 15), 0.2)


@each_group
def test_tensor_product(group: CatalogGroup) -> None:
    a, b = 6 * hidden(group), 2 * hidden(group)

    def squares() -> Tensor:
        return mean_square(a, nn.TensorProduct(a, b, a)(torch.randn(200, a.dim), torch.randn(200, b.dim)))

    close(average(squares, 10), 0.2)


@pytest.mark.parametrize("shared", [True, False])
def test_tensor_product_with_given_weights(shared: bool) -> None:
    rep = hidden(GROUPS[3])
    product = nn.TensorProduct(rep, rep, rep, shared_weights=False)

    def squares() -> Tensor:
        x, y = torch.randn(4000, rep.dim), torch.randn(4000, rep.dim)
        return mean_square(rep, product(x, y, torch.randn(*(() if shared else (4000,)), product.weight_numel)))

    close(average(squares, 60 if shared else 3), 0.25 if shared else 0.1)


def ball(points: int, dim: int, radius: float) -> Tensor:
    """Points spread evenly over a ball."""
    direction = torch.nn.functional.normalize(torch.randn(points, dim), dim=-1)
    return radius * direction * torch.rand(points, 1) ** (1 / 3)


def convolved(conv: nn.PointConv, rep: Rep, neighbours: int, radius: float, points: int = 100) -> Tensor:
    """A convolution with random edges, `neighbours` to each point, and vectors spread evenly over a ball."""
    target = torch.arange(points).repeat_interleave(neighbours)
    edges = torch.stack([torch.randint(points, target.shape), target])
    return mean_square(rep, conv(torch.randn(points, rep.dim), edges, ball(len(target), conv.action.dim, radius)))


@pytest.mark.parametrize("alone", [True, False])
@each_group
def test_point_conv(group: CatalogGroup, alone: bool) -> None:
    rep = 2 * hidden(group)

    def squares() -> Tensor:
        conv = nn.PointConv(rep, rep, self_interaction=not alone, neighbours=6, degree=2)
        return convolved(conv, rep, 6, 4.0)

    close(average(squares, 12), 0.4)


@pytest.mark.parametrize("basis", RADIAL)
@pytest.mark.parametrize("hidden_widths", [(), (32,), (64, 64)])
def test_every_radial_basis(basis: type[nn.radial.RadialBasis], hidden_widths: tuple[int, ...]) -> None:
    """The weights from distances have unit variance, whatever the basis and the unit of length."""
    for cutoff, number in ((0.5, 6), (4.0, 8), (50.0, 16)):

        def squares(cutoff: float = cutoff, number: int = number) -> Tensor:
            return (
                nn.RadialMLP(basis(cutoff, number), 100, hidden_widths)(ball(300, 3, cutoff).norm(dim=-1))
                .square()
                .mean()
            )

        close(average(squares, 30), 0.35)  # the sum of the squares of a basis is not the same at all distances


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_an_envelope_takes_away(cutoff: type[nn.radial.Cutoff]) -> None:
    """An envelope lowers the variance by its own mean square: what it cuts off is gone."""
    r = ball(20000, 3, 4.0).norm(dim=-1)
    assert 0 < cutoff(4.0)(r).square().mean() < 1


@each_group
def test_nonlinearities(group: CatalogGroup) -> None:
    rep = turned(group)
    torch.manual_seed(0)
    for layer in (
        nn.NormActivation(rep),
        nn.NormActivation(rep, torch.tanh, lambda length: 1 / (1 + length)),
        nn.Gate(rep),
        nn.Gate(rep, torch.relu, torch.tanh),
    ):
        with torch.no_grad():
            y = layer(torch.randn(60000, layer.rep_in.dim))
        close(mean_square(layer.rep_out, y), 0.06)


def test_scalar_activations() -> None:
    rep = hidden(GROUPS[3]).filter("0e + 0o")
    torch.manual_seed(0)
    for even, odd in ((torch.nn.functional.silu, torch.tanh), (torch.relu, torch.abs), (torch.cos, torch.sin)):
        layer = nn.Activation(rep, even, odd)
        close(mean_square(layer.rep_out, layer(torch.randn(100000, rep.dim))), 0.03)


@each_group
def test_a_deep_network(group: CatalogGroup) -> None:
    """Eight gated layers neither explode nor vanish."""
    rep = 24 * hidden(group)
    gate = nn.Gate(rep, torch.relu)

    def squares() -> Tensor:
        layers = [layer for _ in range(8) for layer in (nn.Linear(rep, gate.rep_in), gate)]
        return mean_square(rep, nn.Sequential(*layers)(torch.randn(50, rep.dim)))

    result = average(squares, 6)
    assert (result > 0.3).all(), result
    assert (result < 3).all(), result
