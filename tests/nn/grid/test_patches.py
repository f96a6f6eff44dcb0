"""Patches know where they lie, and attention sees them as a set, so that transformers on images are equivariant."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from intertwine import nn
from intertwine.catalog import O2, cyclic, dihedral, point_group
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from tests.nn.grid.test_convolution import normal, turned_error

D4 = dihedral(4)
REP = D4.rep("4xregular")


def attention(rep, layer: nn.EquivariantModule) -> nn.Sequential:
    """A transformer's first half on patches, down to invariants."""
    return nn.Sequential(layer, nn.LayerNorm(rep), nn.SelfAttention(rep, 2), nn.GlobalPool(rep), nn.GroupPool(rep))


@pytest.mark.parametrize("size", [8, 12, 16])
def test_patches_are_exact(size: int) -> None:
    torch.manual_seed(0)
    layer = nn.PatchEmbedding(D4.rep("1x0e"), REP, size, 4).double()
    assert turned_error(layer, normal(2, 1, size, size)) < 1e-12
    assert turned_error(attention(REP, layer).double(), normal(2, 1, size, size)) < 1e-12


def test_patches_of_volumes_are_exact() -> None:
    group = point_group("O")
    layer = nn.PatchEmbedding(group.rep("1xA1"), group.regular, 6, 2).double()
    assert turned_error(layer, normal(1, 1, 6, 6, 6)) < 1e-12


def test_places_are_told_apart_by_what_tells_them_alone() -> None:
    """Attention is blind to where patches lie, unless their features say so."""
    torch.manual_seed(0)
    x = normal(2, 1, 16, 16)
    exchanged = x.roll(4, 3)  # the same patches elsewhere
    told = attention(REP, nn.PatchEmbedding(D4.rep("1x0e"), REP, 16, 4)).double()
    blind = attention(REP, nn.Conv2d(D4.rep("1x0e"), REP, 4, stride=4)).double()
    torch.testing.assert_close(blind(exchanged), blind(x))
    assert float((told(exchanged) - told(x)).detach().abs().max()) > 1e-2


def test_places_weigh_as_much_as_pixels() -> None:
    torch.manual_seed(0)
    rep = cyclic(4).rep("64xregular")
    layer = nn.PatchEmbedding(cyclic(4).rep("3x0"), rep, 32, 4).requires_grad_(False)
    places = layer(torch.zeros(1, 3, 32, 32))
    assert float(places.std()) == pytest.approx(1, rel=0.1)
    assert float((layer(torch.randn(1, 3, 32, 32)) - places).std()) == pytest.approx(1, rel=0.1)


def test_a_row_sees_sets_of_points() -> None:
    """Tokens `(B, N, dim)` as well as grids go through one row of layers."""
    row = nn.Sequential(nn.LayerNorm(REP), nn.SelfAttention(REP, 2)).double()
    x = normal(2, REP.dim, 3, 5)
    tokens = row(x.flatten(2).movedim(1, -1))
    on_grid = nn.Pixelwise(row)(x)
    torch.testing.assert_close(on_grid.flatten(2).movedim(1, -1), tokens)
    torch.testing.assert_close(nn.Pixelwise(row)(x[0]), on_grid[0])
    order = torch.randperm(15)
    torch.testing.assert_close(row(x.flatten(2).movedim(1, -1)[:, order]), tokens[:, order])


def test_second_derivatives_of_attention() -> None:
    """By torch's plain kernel, as the layer's words say."""
    net = attention(REP, nn.PatchEmbedding(D4.rep("1x0e"), REP, 8, 4)).double()
    x = normal(2, 1, 8, 8).requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(net, x, fast_mode=True)


@pytest.mark.slow
def test_attention_on_patches_compiles_and_exports() -> None:
    torch._dynamo.reset()
    net = attention(REP, nn.PatchEmbedding(D4.rep("1x0e"), REP, 8, 4)).double().eval()
    x = normal(3, 1, 8, 8)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), net(x))
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(net, (x,), dynamic_shapes=shapes)
    torch.testing.assert_close(program.module()(x[:2]), net(x[:2]))
    torch.testing.assert_close(net.export(x)(x[:2]), net(x[:2]))


def test_what_patches_refuse() -> None:
    with pytest.raises(ArgumentError, match="whole patches"):
        nn.PatchEmbedding(D4.rep("1x0e"), REP, 30, 4)
    with pytest.raises(ShapeError, match=r"\(8, 8\), but got \(12, 12\)"):
        nn.PatchEmbedding(D4.rep("1x0e"), REP, 8, 4)(torch.zeros(1, 1, 12, 12))
    with pytest.raises(RepMismatchError, match="of 2xregular of D4"):
        nn.Sequential(nn.Conv2d(D4.rep("1x0e"), REP, 4), nn.SelfAttention(D4.rep("2xregular")))
    with pytest.raises(ArgumentError, match="multiplicities"):
        nn.SelfAttention(O2.rep("3x1"), heads=2)
