"""The weighted tensor product: Clebsch–Gordan as a layer."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError, UnreachableWarning
from intertwine.kernels import Normalisation
from intertwine.testing import check_module

VECTOR = O3.rep("1x1o")


def test_known_products() -> None:
    """Of two vectors: the dot product, the cross product and the symmetric part, each scaled by its weight."""
    torch.manual_seed(0)
    x, y = torch.randn(2, 6, 3, dtype=torch.float64)
    dot = nn.TensorProduct(VECTOR, VECTOR, O3.rep("0e")).double()
    torch.testing.assert_close(dot(x, y)[:, 0], dot.weight * (x * y).sum(-1) / 3**0.5)
    cross = nn.TensorProduct(VECTOR, VECTOR, O3.rep("1e")).double()
    torch.testing.assert_close(cross(x, y).abs(), (cross.weight * torch.linalg.cross(x, y)).abs() / 2**0.5)
    even = nn.TensorProduct(VECTOR, VECTOR, O3.rep("2e")).double()
    torch.testing.assert_close(even(x, y), even(y, x))


def test_given_weights_are_those_of_each_sample() -> None:
    """A product with given weights, all equal, is the product that learned them."""
    a, b, c = O3.rep("2x0e + 1x1o"), O3.rep("1x0e + 2x1o"), O3.rep("3x1o + 1x0e")
    learned, given = nn.TensorProduct(a, b, c), nn.TensorProduct(a, b, c, shared_weights=False)
    assert learned.weight.shape == (given.weight_numel,)
    x, y = torch.randn(2, 4, a.dim), torch.randn(2, 4, b.dim)
    torch.testing.assert_close(given(x, y, learned.weight), learned(x, y))
    torch.testing.assert_close(given(x, y, learned.weight.expand(4, -1)), learned(x, y))
    torch.testing.assert_close(given(x, y, learned.weight.expand(2, 4, -1)), learned(x, y))


def test_leading_axes_broadcast() -> None:
    product = nn.TensorProduct(VECTOR, VECTOR, O3.rep("1x0e + 1x1e"))
    x, y = torch.randn(5, 1, 3), torch.randn(4, 3)
    whole = product(x, y)
    assert whole.shape == (5, 4, 4)
    torch.testing.assert_close(whole[2, 3], product(x[2, 0], y[3]))


def test_grouping_changes_nothing() -> None:
    apart, together, out = O2.rep("1x1 + 1x1"), O2.rep("2x1"), O2.rep("1x0e + 1x2")
    a, b = nn.TensorProduct(apart, apart, out), nn.TensorProduct(together, together, out)
    with torch.no_grad():  # by output, first, second factor; and by output, second, first
        a.weight.copy_(b.weight.reshape(2, 2, 2).mT.flatten())
    index = apart.index_of(together)
    x, y = torch.randn(2, 5, 4)
    torch.testing.assert_close(a(x, y), b(x[:, index], y[:, index]))


def test_dead_outputs_are_named() -> None:
    with pytest.warns(
        UnreachableWarning, match=r"TensorProduct: no path .* \(1x1o\) to 1x1o: .* product with 1x1o contains"
    ):
        nn.TensorProduct(VECTOR, VECTOR, O3.rep("1x0e + 1x1o"))
    with pytest.raises(ArgumentError, match="to 2x0o, which is all of its output"):
        nn.TensorProduct(VECTOR, VECTOR, O3.rep("2x0o"))


def test_mistakes_are_named() -> None:
    with pytest.raises(RepMismatchError, match=r"reps of O\(3\), O\(2\), O\(3\)"):
        nn.TensorProduct(VECTOR, O2.rep("1"), VECTOR)
    product = nn.TensorProduct(VECTOR, O3.rep("2x1o"), O3.rep("1e"))
    x, y = torch.randn(4, 3), torch.randn(4, 6)
    with pytest.raises(ShapeError, match="takes a first input of the rep 1x1o"):
        product(y, x)
    with pytest.raises(ShapeError, match="takes a second input of the rep 2x1o"):
        product(x, x)
    with pytest.raises(ShapeError, match="learns its own weights, but got weights"):
        product(x, y, torch.randn(4, 2))
    given = nn.TensorProduct(VECTOR, O3.rep("2x1o"), O3.rep("1e"), shared_weights=False)
    with pytest.raises(ShapeError, match="takes weights on each call, but got none"):
        given(x, y)
    for shape in [(4, 3), (), (2, 4)]:
        with pytest.raises(
            ShapeError, match=r"takes 2 weights per sample on the last axis, but got weights of shape \("
        ):
            given(x, y, torch.randn(shape))


def test_batches_that_do_not_broadcast_are_named() -> None:
    product = nn.TensorProduct(VECTOR, VECTOR, O3.rep("1x0e"))
    with pytest.raises(ShapeError, match=r"leading axes broadcast, but those of x, y .* \[\(3,\), \(2,"):
        product(torch.randn(3, 3), torch.randn(2, 3))


def test_features_that_are_integers_are_named() -> None:
    """One-hot atom types are often integers: computing with weights cast to integers would be silently wrong."""
    product = nn.TensorProduct(O3.rep("3x0e"), VECTOR, O3.rep("2x1o"))
    with pytest.raises(
        ShapeError, match=r"takes a first input as floating-point numbers, but got a tensor of torch.int64"
    ):
        product(torch.eye(3, dtype=torch.int64), torch.randn(3, 3))
    with pytest.raises(ShapeError, match="takes a second input as floating-point numbers"):
        product(torch.eye(3), torch.ones(3, 3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"Linear takes features as floating-point numbers, .* Call x.float\(\) first"):
        nn.Linear(VECTOR, VECTOR)(torch.ones(2, 3, dtype=torch.int32))


# other multiplicity modes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["uvu", "uvv", "uuu", "uvuv", "uvu<v", "uuw", "u<vw"])
@pytest.mark.parametrize("weights", [True, False, None])
def test_every_mode_is_a_layer(mode: str, weights: bool | None) -> None:
    """All laws, with learned weights, with given ones, and with none."""
    if weights is None and mode in ("uuw", "u<vw"):
        return  # what is mixed freely has weights
    a, b = O3.rep("3x0e + 3x1o"), O3.rep("3x0e + 3x1o")
    out = O3.rep("2x0e + 2x1o + 1x2e") if mode in ("uuw", "u<vw") else ["0e", "1o", "2e"]
    layer = nn.TensorProduct(a, b, out, weights, mode=mode)
    assert check_module(layer, gradients=mode == "uvu").equivariance < 1e-12
    copies = {"uvuv": 9, "uvu<v": 3}.get(mode, 3)
    if mode not in ("uuw", "u<vw"):
        assert layer.rep_out == O3.rep(" + ".join(f"{copies}x{label}" for label in ("0e", "0e", "1o", "1o", "2e")))
        assert f"mode={mode!r}" in repr(layer)


def test_the_channelwise_product_has_few_weights() -> None:
    """128 channels of MACE: 2176 weights where the full product has 852 thousand."""
    features, harmonics = O3.rep("128x0e + 128x1o + 128x2e"), O3.rep("1x0e + 1x1o + 1x2e + 1x3o")
    layer = nn.TensorProduct(features, harmonics, ["0e", "1o", "2e", "3o"], False, mode="uvu")
    assert layer.weight_numel == 2176
    assert layer.rep_out.dim == 9088


def test_normalisations() -> None:
    """With norms in place of components, factors of norm 1 give norm 1 on average."""
    vector = O3.rep("1x1o")
    component, norm = (
        nn.TensorProduct(vector, vector, ["2e"], None, mode="uuu", normalisation=Normalisation(kind))
        for kind in ("component", "norm")
    )
    x, y = torch.randn(2, 6, 3)
    torch.testing.assert_close(norm(x, y), component(x, y) * (9 / 5) ** 0.5)


def test_mistakes_about_modes_are_named() -> None:
    a = O3.rep("3x1o")
    with pytest.raises(ArgumentError, match=r"A multiplicity mode is one of uvw, uvu, .*, but got 'wvu'"):
        nn.TensorProduct(a, a, a, mode="wvu")
    with pytest.raises(ArgumentError, match=r"In mode 'uvw' the output has a rep of its own, but got \['0e'\]"):
        nn.TensorProduct(a, a, ["0e"])
    with pytest.raises(ArgumentError, match=r"No product of 3x1o and 3x1o in mode 'uvu' holds any irrep that is kept"):
        nn.TensorProduct(a, a, ["1o"], mode="uvu")
    with pytest.raises(ShapeError, match=r"This TensorProduct has no weights, but got some"):
        nn.TensorProduct(a, a, ["0e"], None, mode="uvu")(torch.zeros(3, 9), torch.zeros(3, 9), torch.zeros(3, 9))
