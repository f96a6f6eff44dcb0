"""The symmetric contraction: its formula, its variance, its known sizes, its species."""

import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O3, SO2, SO3, cyclic
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError, UnreachableWarning
from intertwine.reps import Rep


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_its_formula() -> None:
    """A vector: w₁ x + w₃ |x|² x, each channel with weights of its own, which the species picks."""
    layer = nn.SymmetricContraction(O3.rep("4x1o"), O3.rep("4x1o"), 3, species=2).double()
    assert layer.weight.shape == (2, 2, 4)
    x, species = normal(6, 12), torch.tensor([0, 1, 1, 0, 1, 0])
    vectors = x.reshape(6, 3, 4)
    square = vectors.square().sum(1, keepdim=True) / 35**0.5  # E[|x|⁶] / 3 = 35
    first, third = layer.weight[species].unbind(1)
    expected = (first[:, None] * vectors + third[:, None] * square * vectors) / 2**0.5  # two paths of equal variance
    torch.testing.assert_close(layer(x, species), expected.flatten(1))


def test_channels_do_not_mix() -> None:
    layer = nn.SymmetricContraction(O3.rep("5x0e + 5x1o + 5x2e"), O3.rep("5x0e + 5x2e")).double()
    x = normal(3, 45)
    other = x.clone().reshape(3, 9, 5)
    other[..., 2] += 1
    changed = (layer(other.flatten(1)) != layer(x)).reshape(3, 6, 5)
    assert changed[..., 2].all()
    assert not changed[..., [0, 1, 3, 4]].any()


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    ("rep", "out"),
    [
        (O3.rep("2000x0e + 2000x1o + 2000x2e"), O3.rep("2000x0e + 2000x1o")),
        (SO2.rep("2000x0 + 2000x1 + 2000x2"), SO2.rep("2000x1 + 2000x0")),
    ],
    ids=["O(3)", "SO(2)"],
)
def test_variances_stay_one(rep: Rep, out: Rep, order: int) -> None:
    """Over many channels, with weights of their own: single cubes vary much."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.SymmetricContraction(rep, out, order)
    for part in out.split(layer(normal(30, rep.dim).float()).detach()):
        assert float(part.square().mean()) == pytest.approx(1, rel=0.15)


def test_known_sizes() -> None:
    """MACE's own: 0e + 1o + 2e + 3o to 0e + 1o has 29 independent couplings to order 3."""
    layer = nn.SymmetricContraction(O3.rep("128x0e + 128x1o + 128x2e + 128x3o"), O3.rep("128x0e + 128x1o"), species=10)
    assert layer.weight.shape == (10, 29, 128)
    assert layer.polynomial.choose(layer.weight.flatten(1), torch.zeros(1, 2048)).backend == "llvm"


def test_species_are_integers_or_one_hot_rows() -> None:
    layer = nn.SymmetricContraction(O3.rep("4x0e + 4x1o"), O3.rep("4x1o"), 2, species=3).double()
    x, species = normal(5, 16), torch.tensor([2, 0, 1, 1, 2])
    expected = layer(x, species)
    rows = torch.nn.functional.one_hot(species, 3)
    for given in (species.int(), species.to(torch.uint8), rows, rows.double(), rows.float(), rows.bool()):
        torch.testing.assert_close(layer(x, given), expected)
    nested = layer(x.reshape(1, 5, 16).expand(2, 5, 16), torch.stack([species, species.flip(0)]))
    torch.testing.assert_close(nested[0], expected)
    torch.testing.assert_close(nested[1, :1], layer(x[:1], species[-1:]))
    torch.testing.assert_close(layer(x[1], species[1]), expected[1])
    assert layer(x[:0], species[:0]).shape == (0, 12)


def test_reps_in_coordinates_of_their_own() -> None:
    """Blocks with a change of basis are turned, each channel by itself."""
    G = cyclic(3)
    layer = nn.SymmetricContraction(4 * G.regular, 4 * G.regular, 2).double()
    x = normal(2, 12)
    turned = x.reshape(2, 3, 4).roll(1, 1).flatten(1)  # a turn moves the three numbers of each channel on
    torch.testing.assert_close(layer(turned), layer(x).reshape(2, 3, 4).roll(1, 1).flatten(1))
    assert layer.weight.shape == (1, 9, 4)  # any function of 3 numbers, said for the first output: 3 + 6 monomials


def test_unreached_outputs_are_named() -> None:
    with pytest.warns(UnreachableWarning, match=r"no path leads from its inputs \(4x1o\) to 4x0o.*Raise the order"):
        layer = nn.SymmetricContraction(O3.rep("4x1o"), O3.rep("4x0e + 4x0o"), 2)
    assert not layer(torch.randn(3, 12))[:, 4:].any()
    with pytest.raises(ArgumentError, match="which is all of its output"):
        nn.SymmetricContraction(O3.rep("4x1o"), O3.rep("4x0o"), 2)


def test_mistakes_are_named() -> None:
    rep = O3.rep("4x0e + 4x1o")
    for reps in ((rep, O3.rep("8x1o")), (O3.rep("4x0e + 8x1o"), O3.rep("4x0e")), (rep, O3.rep("4x0e + 2x1o"))):
        with pytest.raises(ArgumentError, match=r"have the same multiplicity, but got .* Call Linear"):
            nn.SymmetricContraction(*reps)
    with pytest.raises(RepMismatchError):
        nn.SymmetricContraction(rep, SO3.rep("4x0"))
    for order in (0, 2.5, None):
        with pytest.raises(ArgumentError, match="The order of a symmetric contraction is an integer from 1 to 20"):
            nn.SymmetricContraction(rep, rep, order)
    for species in (0, -1, 2.0, True):
        with pytest.raises(
            ArgumentError, match=f"an integer from 1 on, or None where nodes share weights, but got {species}"
        ):
            nn.SymmetricContraction(rep, rep, species=species)


def test_species_that_do_not_fit_are_named() -> None:
    rep = O3.rep("4x0e + 4x1o")
    alone, layer, x = (
        nn.SymmetricContraction(rep, rep, 2),
        nn.SymmetricContraction(rep, rep, 2, species=3),
        normal(5, 16),
    )
    with pytest.raises(
        ArgumentError, match=r"one set of weights for all nodes, but got species\. Make it with species="
    ):
        alone(x, torch.zeros(5, dtype=torch.long))
    for given in (None, [0, 1, 2, 0, 1]):
        with pytest.raises(ArgumentError, match="has weights for 3 species, so it takes the species of each node"):
            layer(x, given)
    for given in (
        torch.zeros(4, dtype=torch.long),
        torch.zeros(5, 2),
        torch.zeros(5),
        torch.zeros(1, 5, dtype=torch.long),
    ):
        with pytest.raises(
            ShapeError, match=r"one species per node, integers of shape \(5,\), or one-hot rows of shape"
        ):
            layer(x, given)
    for given in (torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 1, 2, -1, 0])):
        with pytest.raises(ArgumentError, match="numbered from 0 to 2, but got numbers from"):
            layer(x, given)
    for given in (torch.full((5, 3), 1 / 3), torch.zeros(5, 3), torch.ones(5, 3, dtype=torch.long)):
        with pytest.raises(ArgumentError, match="hold a single 1 and else 0"):
            layer(x, given)


def test_species_are_vectorised() -> None:
    """One node at a time, vectorised by torch, is the batch."""
    layer = nn.SymmetricContraction(O3.rep("4x0e + 4x1o"), O3.rep("4x1o"), 2, species=3).double()
    x, species = normal(5, 16), torch.tensor([2, 0, 1, 1, 2])
    torch.testing.assert_close(torch.vmap(layer)(x, species), layer(x, species))
