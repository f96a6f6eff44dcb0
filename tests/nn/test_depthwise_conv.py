"""The channel-wise convolution over edges: its formula, its variance, its known sizes, its graphs."""

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.nn.edge_module import safe_length
from intertwine.ops import graph
from intertwine.reps import clebsch_gordan, spherical_harmonics


def cloud(points: int, edges: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(points, (2, edges), generator=generator)
    return where, torch.randn(edges, 3, generator=generator, dtype=torch.float64)


def test_it_is_its_formula() -> None:
    """One path, written out: weights of the path and channel, the coupling, the harmonics, summed at the target."""
    conv = nn.DepthwiseConv(O3.rep("4x1o"), ["1e"], degree=1, neighbours=4.0, hidden=(5,)).double()
    edges, vectors = cloud(6, 15)
    x = torch.randn(6, 12, dtype=torch.float64)
    assert str(conv.rep_out) == "4x1e"
    table = torch.tensor(clebsch_gordan(O3.irrep("1o"), O3.irrep("1o"), O3.irrep("1e"))[0]) * 3**0.5
    y = spherical_harmonics(1, vectors)
    messages = torch.einsum(
        "ijk,eiu,ej,eu->eku", table, x[edges[0]].reshape(-1, 3, 4), y, conv.radial(safe_length(vectors))
    )
    expected = torch.zeros(6, 3, 4, dtype=torch.float64).index_add(0, edges[1], messages) / 2
    torch.testing.assert_close(conv(x, edges, vectors), expected.flatten(1))


def test_a_graph_serves_all_layers() -> None:
    first = nn.DepthwiseConv(O3.rep("8x0e"), ["0e", "1o"], degree=1).double()
    second = nn.DepthwiseConv(first.rep_out, O3.rep("1x0e + 1x1o")).double()
    edges, vectors = cloud(7, 20)
    x, where = torch.randn(7, 8, dtype=torch.float64), graph(edges, 7)
    torch.testing.assert_close(
        second(first(x, where, vectors), where, vectors), second(first(x, edges, vectors), edges, vectors)
    )


def test_weights_and_channels_are_those_of_known_potentials() -> None:
    """MACE-MP: 128 channels to degree 2, harmonics to degree 3, 17 paths with 2176 weights per edge."""
    conv = nn.DepthwiseConv(O3.rep("128x0e + 128x1o + 128x2e"), ["0e", "1o", "2e", "3o"], degree=3)
    assert conv.radial.shapes[-1][1] == 2176
    assert conv.rep_out.dim == 9088
    assert conv.convolution.choose(torch.zeros(1, 2176), torch.zeros(1, 1152), torch.zeros(1, 16)).backend == "llvm"


def test_variances_stay_one() -> None:
    """Each output component sums one path over as many edges as a point has neighbours."""
    torch.manual_seed(0)
    conv = nn.DepthwiseConv(O3.rep("16x0e + 16x1o + 16x2e"), ["0e", "1o", "2e"], degree=2, neighbours=8).double()
    generator = torch.Generator().manual_seed(0)
    edges = torch.stack([torch.randint(500, (4000,), generator=generator), torch.arange(500).repeat_interleave(8)])
    vectors = torch.nn.functional.normalize(torch.randn(4000, 3, generator=generator, dtype=torch.float64), dim=1)
    vectors = vectors * (0.5 + 3 * torch.rand(4000, 1, generator=generator, dtype=torch.float64))
    found = conv(torch.randn(500, 144, generator=generator, dtype=torch.float64), edges, vectors).square().mean()
    assert 0.5 < float(found.detach()) < 2


def test_the_default_degree_reaches_what_is_kept() -> None:
    conv = nn.DepthwiseConv(O3.rep("2x1o"), O3.rep("1x2o"))
    assert conv.degree == 3
    assert {str(irrep) for _, irrep in conv.rep_out.isotypic} == {"2o"}
    in_plane = nn.DepthwiseConv(O2.rep("4x1"), ["0e", "0o", "2"])
    assert in_plane.rep_out == O2.rep("4x0e + 4x0o + 4x2 + 4x2")  # degrees 1, 1, 1 and 3
    assert in_plane.degree == 3


def test_mistakes_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"No product of 2x0e with harmonics up to degree 1 holds 1e\. Keep other"):
        nn.DepthwiseConv(O3.rep("2x0e"), ["1e"])
    conv = nn.DepthwiseConv(SO3.rep("2x0"), ["0", "1"], degree=1)
    with pytest.raises(ShapeError, match=r"DepthwiseConv takes edges of shape \(2, E\)"):
        conv(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(2, 3))
    with pytest.raises(ArgumentError, match="The edges name points from 0 to 3, but there are features for 3 points"):
        conv(torch.zeros(3, 2), torch.tensor([[0], [3]]), torch.ones(1, 3))


def test_odd_arguments_are_named() -> None:
    rep = O3.rep("4x0e + 4x1o")
    for keep in ("0e", None, []):
        with pytest.raises(ArgumentError):
            nn.DepthwiseConv(rep, keep)
    for neighbours in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="neighbours"):
            nn.DepthwiseConv(rep, ["0e"], neighbours=neighbours)
    conv, x, vectors = nn.DepthwiseConv(rep, ["0e"]), torch.randn(3, 16), torch.randn(2, 3)
    edges = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(ShapeError, match="as one tensor"):
        conv(x, (edges[0], edges[1]), vectors)
    with pytest.raises(ShapeError):
        conv(x, graph(edges, 3)._replace(target=edges[1, :1]), vectors)
