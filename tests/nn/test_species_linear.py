"""A linear map for each species: what others say, in eager and recorded code."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O3
from intertwine.errors import ArgumentError, ShapeError

REP, OUT = O3.rep("4x0e + 3x1o + 2x0e"), O3.rep("3x0e + 2x1o")


def layer(species: int = 3) -> nn.SpeciesLinear:
    torch.manual_seed(0)
    return nn.SpeciesLinear(REP, OUT, species).double()


def test_it_is_the_product_with_one_hot_rows() -> None:
    """Whose weights are scaled for rows of mean square 1."""
    module, kinds = layer(), torch.tensor([2, 0, 2, 1, 0, 0])
    product = nn.TensorProduct(REP, O3.rep("3x0e"), OUT).double()
    sizes = [3 * REP.terms[i.first][0] * OUT.terms[i.output][0] for i in product.instructions]
    parts = [part.reshape(3, -1) for part in product.weight.split(sizes)]
    with torch.no_grad():
        module.weight.copy_(torch.cat(parts, 1))
    x = torch.randn(6, REP.dim, dtype=torch.float64)
    hot = torch.nn.functional.one_hot(kinds, 3).double() * 3**0.5
    torch.testing.assert_close(module(x, kinds), product(x, hot), rtol=1e-12, atol=1e-12)


def test_recorded_code_gives_the_same() -> None:
    module, kinds = layer(), torch.tensor([2, 0, 2, 2])
    x = torch.randn(4, REP.dim, dtype=torch.float64)
    wanted = module(x, kinds)
    torch.testing.assert_close(module.export(x, kinds)(x, kinds), wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(module.export(x, kinds)(x, kinds.flip(0)), module(x, kinds.flip(0)))
    twice = torch.vmap(module)(torch.stack([x, x]), torch.stack([kinds, kinds.flip(0)]))
    torch.testing.assert_close(twice, torch.stack([wanted, module(x, kinds.flip(0))]), rtol=1e-12, atol=1e-12)


def test_components_keep_unit_variance() -> None:
    module = nn.SpeciesLinear(O3.rep("64x0e + 64x1o"), O3.rep("64x0e + 64x1o"), 5)
    y = module(torch.randn(300, 256), torch.arange(300) % 5)
    assert float(y.detach().square().mean()) == pytest.approx(1, abs=0.05)


def test_what_does_not_fit_is_said() -> None:
    x = torch.randn(4, REP.dim, dtype=torch.float64)
    with pytest.raises(ArgumentError, match="from 0 to 2, but got numbers from 0 to 3"):
        layer()(x, torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ShapeError, match="integer for each of the N nodes"):
        layer()(x, torch.zeros(4))
    with pytest.raises(ShapeError, match="integer for each of the N nodes"):
        layer()(x, torch.tensor([0, 1]))
    for number in (0, 1.0, True):
        with pytest.raises(ArgumentError, match="integer from 1 on"):
            nn.SpeciesLinear(REP, OUT, number)
