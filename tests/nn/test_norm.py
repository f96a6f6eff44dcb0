"""Normalisation: statistics over batch and group, and torch's own layer where the group only permutes."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O3, dihedral, point_group
from intertwine.errors import ArgumentError

D4 = dihedral(4)
REP = D4.rep("3xregular + 2x1 + 1x0o + 2x0e")


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_regular_reps_are_normalised_as_torch_does() -> None:
    """A copy of the regular rep is a channel, its components are samples; running averages too."""
    rep = D4.rep("3xregular")
    layer, plain = nn.BatchNorm(rep).double(), torch.nn.BatchNorm1d(3).double()
    x = 2 * normal(16, 24) + 1
    for _ in range(3):
        y = layer(x)
        expected = plain(x.reshape(16, 8, 3).flatten(0, 1)).reshape(16, 24)
        torch.testing.assert_close(y, expected)
    torch.testing.assert_close(layer.running_mean, plain.running_mean)
    torch.testing.assert_close(layer.running_var, plain.running_var)
    torch.testing.assert_close(layer.eval()(x), plain.eval()(x.reshape(16, 8, 3).flatten(0, 1)).reshape(16, 24))
    images = normal(4, 24, 5, 5)
    on_grid = nn.Pixelwise(nn.BatchNorm(rep)).double()(images)
    plain = torch.nn.BatchNorm2d(3).double()
    torch.testing.assert_close(on_grid, plain(images.reshape(32, 3, 5, 5)).reshape(4, 24, 5, 5))


def test_blocks_have_unit_size_and_invariants_no_mean() -> None:
    layer = nn.BatchNorm(REP).double()
    x = 3 * normal(500, REP.dim) + 0.5
    y = layer(x)
    for (_, block), part in zip(REP.terms, REP.split(y), strict=True):
        torch.testing.assert_close(part.square().mean((0, 2)), torch.ones_like(part[0, :, 0]), rtol=1e-4, atol=1e-4)
        if block.content[0][1].is_trivial:
            assert part.mean((0, 2)).abs().max() < 1e-12


def test_running_averages_follow_and_train_with_symmetry() -> None:
    """In training too the layer commutes with the group: statistics of a turned batch are the same."""
    for rep in (REP, O3.rep("4x0e + 2x1o + 1x2e"), point_group("Oh").rep("2xA1g + 1xT1u")):
        g = rep.group.sample(3)[1]
        turn = torch.tensor(rep.matrix(g)).T
        layers = [nn.BatchNorm(rep).double() for _ in range(2)]
        x = normal(9, rep.dim) + 1
        torch.testing.assert_close(layers[1](x @ turn), layers[0](x) @ turn)
        for a, b in zip(*(layer.buffers() for layer in layers), strict=True):
            torch.testing.assert_close(a, b)
        assert (layers[0].running_var != 1).all()
        fixed = nn.BatchNorm(rep, track_running_stats=False, affine=False).double().eval()
        torch.testing.assert_close(fixed(x), layers[0](x))
        assert not fixed.state_dict()


def test_layer_norm_of_invariants_is_torch_s() -> None:
    rep = O3.rep("6x0e")
    x = normal(5, 6)
    torch.testing.assert_close(nn.LayerNorm(rep).double()(x), torch.nn.LayerNorm(6).double()(x))
    vectors = O3.rep("3x1o")
    y = nn.LayerNorm(vectors, eps=1e-12).double()(normal(5, 9))
    torch.testing.assert_close(y.square().mean(-1), torch.ones(5, dtype=torch.float64))


def test_terms_that_share_a_size_keep_their_proportions() -> None:
    """Separable: torch's own norm of invariants; the others by the mean over degrees of their mean squares.

    That is the formula of EquiformerV2: each degree counts alike, however many components it has.
    """
    rep = O3.rep("6x0e + 4x1o + 4x2e")
    x = normal(5, rep.dim) * torch.linspace(1, 3, rep.dim)
    y = nn.LayerNorm(rep, eps=1e-12, together="separable").double()(x)
    torch.testing.assert_close(y[:, :6], torch.nn.LayerNorm(6, eps=1e-12).double()(x[:, :6]))
    vectors, tensors = rep.split(x)[1:]
    square = (vectors.square().mean((-2, -1)) + tensors.square().mean((-2, -1))) / 2
    torch.testing.assert_close(y[:, 6:], x[:, 6:] / square.sqrt()[:, None])
    whole = nn.LayerNorm(rep, eps=1e-12, affine=False, together="all").double()(x)
    centred = x[:, :6] - x[:, :6].mean(-1, keepdim=True)
    square = (2 * square + centred.square().mean(-1)) / 3
    torch.testing.assert_close(whole, torch.cat([centred, x[:, 6:]], -1) / square.sqrt()[:, None])
    with pytest.raises(ArgumentError, match="'separable' or 'all', but got 'degree'"):
        nn.LayerNorm(rep, together="degree")


def test_how_vectors_are_grouped_changes_nothing_where_all_share_a_size() -> None:
    rep, apart = O3.rep("2x0e + 3x1o + 1x2e"), O3.rep("2x0e + 1x1o + 2x1o + 1x2e")
    x = normal(4, rep.dim)
    index = torch.as_tensor(rep.index_of(apart))
    y = nn.LayerNorm(rep, together="separable").double()(x)
    torch.testing.assert_close(nn.LayerNorm(apart, together="separable").double()(x[:, index]), y[:, index])


def test_instances_are_normalised_over_space() -> None:
    rep = D4.rep("3xregular")
    x = normal(2, 24, 6, 6)
    y = nn.InstanceNorm(rep, affine=False).double()(x)
    plain = torch.nn.InstanceNorm2d(3).double()(x.reshape(2, 8, 3, 6, 6).transpose(1, 2).reshape(2, 3, 48, 6))
    torch.testing.assert_close(y.reshape(2, 8, 3, 6, 6).transpose(1, 2).reshape(2, 3, 48, 6), plain)


def test_dropout_takes_whole_copies() -> None:
    """Every component of a copy falls with the others, so that the mask commutes with the group."""
    torch.manual_seed(0)
    for layer in (nn.Pixelwise(nn.Dropout(REP, 0.4)), nn.FieldDropout(REP, 0.4)):
        whole = layer(torch.ones(400, REP.dim, 3, 3))
        kept = whole.movedim(1, -1).flatten(1, 2)
        for part in REP.split(kept):
            assert (part == part[..., :1]).all()
        assert float((kept == 0).float().mean()) == pytest.approx(0.4, abs=0.05)
        assert float(kept.max()) == pytest.approx(1 / 0.6)
        assert bool((kept == kept[:, :1]).all()) == isinstance(layer, nn.FieldDropout)
        assert torch.equal(layer.eval()(whole), whole)
    with pytest.raises(ArgumentError, match="probability"):
        nn.Dropout(REP, 1.0)


def test_what_norms_refuse() -> None:
    with pytest.raises(ArgumentError, match="at least two"):
        nn.BatchNorm(REP)(normal(1, REP.dim).float())
    for momentum in (2.0, None):
        with pytest.raises(ArgumentError, match="momentum"):
            nn.BatchNorm(REP, momentum=momentum)
    with pytest.raises(ArgumentError, match="eps"):
        nn.LayerNorm(REP, eps=0.0)
    with pytest.raises(ArgumentError, match="eps"):
        nn.LayerNorm(REP, eps="small")
    with pytest.raises(ArgumentError, match="probability"):
        nn.Dropout(REP, "0.1")
    assert nn.BatchNorm(REP).eval()(torch.zeros(REP.dim)).shape == (REP.dim,)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm_of_invariants_is_torch_s(groups: int) -> None:
    x = normal(2, 6, 5, 4) + 1
    layer, plain = nn.GroupNorm(D4.rep("6x0e"), groups).double(), torch.nn.GroupNorm(groups, 6).double()
    with torch.no_grad():
        for ours, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
            theirs.copy_(ours.copy_(normal(6)))
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer(x[0]), plain(x)[0])  # without a batch


def test_groups_share_mean_and_size() -> None:
    """A group of copies of a regular rep is one channel of torch's, its entries and copies are samples."""
    rep = D4.rep("4xregular")
    x = normal(3, 32, 5, 5) + 1
    y = nn.GroupNorm(rep, 2).double()(x)
    by_group = y.reshape(3, 8, 2, 2, 5, 5).movedim(2, 1).flatten(2)
    torch.testing.assert_close(by_group.mean(-1), torch.zeros(3, 2, dtype=torch.float64))
    torch.testing.assert_close(by_group.var(-1, correction=0), torch.ones(3, 2, dtype=torch.float64), rtol=1e-4, atol=0)
    torch.testing.assert_close(nn.GroupNorm(rep, 4).double()(x), nn.InstanceNorm(rep).double()(x))
    with pytest.raises(ArgumentError, match="divisor of all multiplicities"):
        nn.GroupNorm(REP, 2)
