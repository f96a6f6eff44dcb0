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


BESSEL, COSINE = nn.radial.BesselBasis(3.0, 4), nn.radial.CosineBasis(3.0, 4)
ENVELOPE = nn.radial.PolynomialCutoff(3.0)


def two_layers() -> tuple[nn.DepthwiseConv, nn.DepthwiseConv]:
    """Layers that see the same edges by other degrees, and a basis that one of them shares with nobody."""
    torch.manual_seed(0)
    rep = O3.rep("3x0e + 2x1o")
    first = nn.DepthwiseConv(rep, ["0e", "1o"], BESSEL, degree=1, hidden=(6,), envelope=ENVELOPE).double()
    second = nn.DepthwiseConv(first.rep_out, ["0e"], COSINE, degree=2, hidden=(6,), envelope=ENVELOPE).double()
    return first, second


def test_a_geometry_serves_all_layers_whoever_made_it() -> None:
    """What a layer finds missing, higher harmonics or its own radial basis, it makes; nothing is mistaken for it."""
    first, second = two_layers()
    edges, vectors = cloud(7, 20)
    x = torch.randn(7, 9, dtype=torch.float64)
    expected = second(first(x, edges, vectors), edges, vectors)
    for geometry, keys in (
        (first.geometry(edges, vectors, 7), [BESSEL.key, ENVELOPE.key]),
        (second.geometry(graph(edges, 7), vectors, 7), [COSINE.key, ENVELOPE.key]),
        (nn.edge_geometry([first, second], edges, vectors, 7), [BESSEL.key, ENVELOPE.key, COSINE.key]),
    ):
        assert [*geometry.radial] == keys
        torch.testing.assert_close(second(first(x, geometry), geometry), expected)


def test_bases_that_nobody_knows_are_not_shared() -> None:
    """Two bases of a user may be different functions although they print alike."""

    class Powers(nn.radial.RadialBasis):
        def __init__(self, exponent: float) -> None:
            super().__init__(3.0, 1)
            self.exponent = exponent

        def forward(self, r: torch.Tensor) -> torch.Tensor:
            return r[..., None] ** self.exponent

    layers = [nn.DepthwiseConv(O3.rep("2x0e"), ["1o"], Powers(n), hidden=()) for n in (1.0, 3.0)]
    layers[1].load_state_dict(layers[0].state_dict())
    edges, vectors = cloud(4, 9)
    geometry, x = nn.edge_geometry(layers, edges, vectors.float(), 4), torch.randn(4, 2)
    assert not geometry.radial
    first, second = (layer(x, geometry) for layer in layers)
    torch.testing.assert_close(second, layers[1](x, edges, vectors.float()))
    assert not torch.allclose(first, second)
    assert (
        nn.radial.PolynomialCutoff(3.0, 4).key != nn.radial.PolynomialCutoff(3.0).key != nn.radial.CosineCutoff(3.0).key
    )


def test_forces_go_through_a_geometry() -> None:
    """First and second derivatives by positions, with everything that depends on edges made once."""
    first, second = two_layers()
    edges, _ = cloud(5, 11)
    x, positions = torch.randn(5, 9, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)

    def energy(positions: torch.Tensor) -> torch.Tensor:
        geometry = nn.edge_geometry([first, second], edges, positions[edges[1]] - positions[edges[0]], 5)
        return second(first(x, geometry), geometry).square().sum()

    assert torch.autograd.gradcheck(energy, positions.requires_grad_(), fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, positions, fast_mode=True)


def test_a_geometry_of_another_precision_or_graph() -> None:
    first, _ = two_layers()
    edges, vectors = cloud(7, 20)
    x = torch.randn(7, 9, dtype=torch.float64)
    geometry = first.geometry(edges, vectors, 7)
    low = first.float()(x.float(), geometry)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, first(x.float(), edges, vectors.float()))
    with pytest.raises(ArgumentError, match=r"geometry of a graph of its 6 points, and no vectors beside it"):
        first(x[:6].float(), geometry)
    with pytest.raises(ArgumentError, match="that of 7 points and vectors"):
        first(x.float(), geometry, vectors)
    with pytest.raises(ShapeError, match=r"with a tensor of vectors, or their geometry, but got Tensor and NoneType"):
        first(x.float(), edges)


def test_a_geometry_is_a_tuple_of_tensors() -> None:
    """So it goes through compiled and exported code, and devices, as one input."""
    first, second = two_layers()
    edges, vectors = cloud(7, 20)
    x, geometry = torch.randn(7, 9, dtype=torch.float64), nn.edge_geometry([first, second], edges, vectors, 7)
    leaves, tree = torch.utils._pytree.tree_flatten(geometry)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    torch.testing.assert_close(
        first(x, torch.utils._pytree.tree_unflatten([leaf.clone() for leaf in leaves], tree)), first(x, geometry)
    )


@pytest.mark.slow
def test_compiled_code_takes_and_makes_geometries() -> None:
    first, second = two_layers()

    def made_inside(x: torch.Tensor, edges: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        geometry = nn.edge_geometry([first, second], edges, vectors, x.shape[0])
        return second(first(x, geometry), geometry)

    taken = torch.compile(lambda x, geometry: second(first(x, geometry), geometry), fullgraph=True, backend="aot_eager")
    compiled = torch.compile(made_inside, fullgraph=True, backend="aot_eager")
    for seed, (points, number) in enumerate(((7, 20), (9, 31))):
        edges, vectors = cloud(points, number, seed)
        x, vectors = torch.randn(points, 9, dtype=torch.float64), vectors.requires_grad_()
        expected = made_inside(x, edges, vectors)
        found = compiled(x, edges, vectors)
        torch.testing.assert_close(found, expected)
        slopes = [torch.autograd.grad(y.sum(), vectors)[0] for y in (found, expected)]
        torch.testing.assert_close(*slopes)
        geometry = nn.edge_geometry([first, second], edges, vectors.detach(), points)
        torch.testing.assert_close(taken(x, geometry), expected)


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
