"""Products of signals on the sphere, and what they lack."""

import math

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.groups.grids import sphere_grid
from intertwine.reps import spherical_harmonics
from intertwine.reps.clebsch_gordan import wigner_3j


def gaunt(l1: int, l2: int, l: int) -> np.ndarray:
    """The mean of products of three harmonics by a quadrature of another kind."""
    points, weights = sphere_grid("lebedev", l1 + l2 + l)
    return np.einsum("p,pi,pj,pk->ijk", weights, *(spherical_harmonics(n, points) for n in (l1, l2, l)))


@pytest.mark.parametrize(("l1", "l2", "l"), [(1, 1, 0), (2, 1, 3), (2, 2, 2), (3, 2, 5), (1, 1, 1), (2, 3, 2)])
def test_gaunt_coefficients_are_clebsch_gordan_ones(l1: int, l2: int, l: int) -> None:
    """`√((2l₁+1)(2l₂+1)(2l+1)) (l₁ l₂ l; 0 0 0)` times a table of Wigner; 0 where the sum of degrees is odd."""
    table = wigner_3j(l1, l2, l)
    factor = math.sqrt((2 * l1 + 1) * (2 * l2 + 1) * (2 * l + 1)) * table[l1, l2, l]
    np.testing.assert_allclose(gaunt(l1, l2, l), factor * table, atol=1e-13)
    assert (abs(factor) < 1e-13) == bool((l1 + l2 + l) % 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("degrees", [(2, 2, 4), (3, 1, 2), (0, 2, 2), (4, 4, 4), (2, 3, 0)])
def test_it_is_the_product_with_gaunt_coefficients(degrees: tuple[int, int, int], weighted: bool) -> None:
    reps = [3 * O3.harmonics(l) for l in degrees]
    torch.manual_seed(0)
    layer = nn.GauntProduct(*reps, weighted=weighted).double()
    x, y = (torch.randn(5, rep.dim, dtype=torch.float64) for rep in reps[:2])
    weights = list(layer.weights) or [torch.ones(l + 1, 3).double() for l in degrees]
    blocks = [[part.unflatten(-1, (-1, 3)) for part in z.split([3 * (2 * l + 1) for l in range(top + 1)], -1)]
              for z, top in zip((x, y), degrees, strict=False)]  # fmt: skip
    for l, found in enumerate(layer(x, y).split([3 * (2 * l + 1) for l in range(degrees[2] + 1)], -1)):
        total, variance = 0.0, 0.0
        for l1, u in enumerate(blocks[0]):
            for l2, v in enumerate(blocks[1]):
                table = torch.from_numpy(gaunt(l1, l2, l))
                variance += table.square().sum() / (2 * l + 1)
                total += torch.einsum(
                    "ijk,biu,bju,u->bku", table, u, v, weights[0][l1] * weights[1][l2] * weights[2][l]
                )
        torch.testing.assert_close(found.unflatten(-1, (-1, 3)), total / variance.sqrt(), rtol=1e-11, atol=1e-11)


def test_lost_paths_are_those_that_vanish() -> None:
    layer = nn.GauntProduct(SO3.harmonics(2), SO3.harmonics(2), SO3.harmonics(3))
    allowed = [(a, b, c) for a in range(3) for b in range(3) for c in range(abs(a - b), min(a + b, 3) + 1)]
    lost = [path for path in allowed if np.abs(gaunt(*path)).max() < 1e-12]
    assert sorted(layer.lost_paths) == lost
    assert (1, 1, 1) in lost


def test_unit_variance() -> None:
    torch.manual_seed(0)
    layer = nn.GauntProduct(64 * O3.harmonics(2), 64 * O3.harmonics(3))
    z = layer(torch.randn(500, layer.rep_1.dim), torch.randn(500, layer.rep_2.dim))
    moments = torch.stack([part.square().mean() for part in layer.rep_out.split(z)])
    assert ((moments > 0.5) & (moments < 2)).all()
    plain = nn.GauntProduct(8 * O3.harmonics(2), 8 * O3.harmonics(3), weighted=False)
    z = plain(torch.randn(2000, plain.rep_1.dim), torch.randn(2000, plain.rep_2.dim))
    moments = torch.stack([part.square().mean() for part in plain.rep_out.split(z)])
    assert ((moments > 0.9) & (moments < 1.1)).all()


def test_leading_axes_broadcast() -> None:
    layer = nn.GauntProduct(2 * O3.harmonics(1), 2 * O3.harmonics(1))
    x, y = torch.randn(4, 1, 8), torch.randn(3, 8)
    torch.testing.assert_close(layer(x, y)[2, 1], layer(x[2, 0], y[1]))
    with pytest.raises(ShapeError, match=r"GauntProduct takes .* those of x and y are \[\(4,\), \(3,\)\]"):
        layer(x[:, 0], y)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match="takes c signals on the sphere"):
        nn.GauntProduct(O3.rep("1x0e + 1x1e"), O3.harmonics(1))
    with pytest.raises(ArgumentError, match="takes c signals on the sphere"):
        nn.GauntProduct(O2.harmonics(1), O2.harmonics(1))
    with pytest.raises(ArgumentError, match="multiplies channel by channel, but got 2, 1 and 2 signals"):
        nn.GauntProduct(2 * O3.harmonics(1), O3.harmonics(1))
    with pytest.raises(ArgumentError, match="has degrees up to 2, but the output has degree 3"):
        nn.GauntProduct(O3.harmonics(1), O3.harmonics(1), O3.harmonics(3))
