"""Convolution on points: the complete kernel, every graph, and mistakes that are named."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine import kernel_basis, nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError, UnreachableWarning
from intertwine.nn.edge_module import safe_length
from intertwine.reps import Rep, parse_rep
from intertwine.testing import act, equivariance_error, law_elements
from tests.modules import GROUPS, hidden, turned
from tests.registry import close

each_group = pytest.mark.parametrize("group", GROUPS, ids=str)
SCALARS, VECTORS = O3.rep("2x0e"), O3.rep("1x0e + 2x1o")


def complete(points: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of points as edges, and their vectors."""
    n = len(points)
    edges = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T
    edges = edges[:, edges[0] != edges[1]]
    return edges, points[edges[1]] - points[edges[0]]


def cloud(n: int, dim: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@each_group
def test_its_kernels_are_the_steerable_ones(group: CatalogGroup) -> None:
    """One edge, one input channel switched on: the message lies in the span of `kernel_basis` at the edge's vector."""
    a, b = hidden(group), turned(group)
    conv = nn.PointConv(a, b, hidden=(4,), degree=2, self_interaction=False).double()
    basis = kernel_basis(group.defining, a, b, 2)
    assert conv.radial.shapes[-1][1] == len(basis)  # a function of the distance for each of them
    r = cloud(1, group.dim, seed=3)
    kernel = torch.stack(
        [conv(torch.stack([e, 0 * e]), torch.tensor([[0], [1]]), r)[1] for e in torch.eye(a.dim).double()]
    )
    flat = basis(r[0].numpy()).reshape(len(basis), -1)
    wanted = kernel.detach().numpy().T.reshape(-1)
    found, *_ = np.linalg.lstsq(flat.T, wanted, rcond=None)
    close(flat.T @ found, wanted, 1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (cyclic(8).rep("1x0"), cyclic(8).regular),
        (dihedral(3).regular, dihedral(3).regular),
        (O2.rep("2x0e + 1x1"), O2.rep("1x0e + 1x2")),
        (point_group("T").regular, point_group("T").rep("1xA + 1xT")),
        (SO3.rep("1x0 + 1x1"), SO3.rep("1x0 + 1x1 + 1x2")),
    ],
    ids=str,
)
def test_fixed_radial_functions(a: Rep, b: Rep) -> None:
    """Without hidden layers the kernel is rings of Gaussians times harmonics, with one weight for each of them."""
    rings = nn.radial.GaussianBasis(3.0, 4)
    conv = nn.PointConv(a, b, rings, hidden=(), self_interaction=False).double()
    assert conv.weight is None
    assert [p.numel() for p in conv.parameters()] == [4 * len(kernel_basis(a.group.defining, a, b, conv.degree))]
    r = torch.linspace(0.2, 3.5, 9, dtype=torch.float64)
    direction = torch.nn.functional.normalize(cloud(1, a.group.dim, seed=3), dim=-1)
    kernels = []
    for channel in torch.eye(a.dim).double():
        x = torch.zeros(10, a.dim, dtype=torch.float64)
        x[0] = channel
        kernels.append(conv(x, torch.stack([torch.zeros(9).long(), torch.arange(1, 10)]), r[:, None] * direction)[1:])
    flat = torch.stack(kernels, 1).flatten(1).detach().numpy()
    coefficients, *_ = np.linalg.lstsq(rings.double()(r).numpy(), flat)
    close(rings(r).numpy() @ coefficients, flat, 1e-10)


def test_a_network_on_a_cloud() -> None:
    """Rotations, mirrors, translations and new orders of the points: all pass through two convolutions."""
    torch.manual_seed(0)
    gate = nn.Gate(O3.rep("4x0e + 2x1o + 1x2e"))
    first, last = nn.PointConv(SCALARS, gate.rep_in).double(), nn.PointConv(gate.rep_out, VECTORS).double()

    def net(x: Tensor, points: Tensor) -> Tensor:
        edges, vectors = complete(points)
        return last(gate(first(x, edges, vectors)), edges, vectors)

    x, points = cloud(6, 2, seed=1), cloud(6)
    y = net(x, points)
    for g in law_elements(O3):
        close(net(x, act(O3.rep("1x1o"), g, points) + 5.0).detach(), act(VECTORS, g, y).detach(), 1e-11)
    order = torch.randperm(6)
    close(net(x[order], points[order]).detach(), y[order].detach(), 1e-12)


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
def test_edges_in_any_order_and_graphs_side_by_side(aggregate: str) -> None:
    conv = nn.PointConv(VECTORS, VECTORS, aggregate=aggregate).double()
    x, (edges, vectors) = cloud(4, 7), complete(cloud(4))
    alone = conv(x, edges, vectors)
    order = torch.randperm(edges.shape[1])
    close(conv(x, edges[:, order], vectors[order]).detach(), alone.detach(), 1e-12)
    both = conv(torch.cat([x, 2 * x]), torch.cat([edges, edges + 4], 1), torch.cat([vectors, vectors]))
    close(both[:4].detach(), alone.detach(), 1e-12)


def test_sums_and_means() -> None:
    """A mean does not change when every edge is doubled; a sum doubles, and is divided by √neighbours."""
    torch.manual_seed(0)
    x, (edges, vectors) = cloud(4, 2), complete(cloud(4))
    twice = torch.cat([edges, edges], 1), torch.cat([vectors, vectors])
    for aggregate, factor in (("sum", 2), ("mean", 1)):
        conv = nn.PointConv(SCALARS, VECTORS, aggregate=aggregate, self_interaction=False).double()
        close(conv(x, *twice).detach(), factor * conv(x, edges, vectors).detach(), 1e-12)
    one, nine = (nn.PointConv(SCALARS, VECTORS, neighbours=n, self_interaction=False).double() for n in (1, 9))
    nine.load_state_dict(one.state_dict())
    close(3 * nine(x, edges, vectors).detach(), one(x, edges, vectors).detach(), 1e-12)


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
def test_graphs_without_edges(aggregate: str) -> None:
    """Lonely points keep their self-interaction; without one they get zero. No points at all work too."""
    none = torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.float64)
    x = cloud(3, 7)
    conv = nn.PointConv(VECTORS, VECTORS, aggregate=aggregate).double()
    assert conv(x, *none).abs().min() > 0
    conv = nn.PointConv(VECTORS, VECTORS, aggregate=aggregate, self_interaction=False).double()
    assert conv(x, *none).eq(0).all()
    assert conv(x[:0], *none).shape == (0, 7)


def test_points_on_top_of_each_other() -> None:
    """A zero vector has no direction: only harmonics of degree 0 see it, gradients stay finite, equivariance holds."""
    conv = nn.PointConv(VECTORS, VECTORS, radial=nn.radial.BesselBasis(3.0, 4)).double()
    x, edges = cloud(2, 7), torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1]])
    vectors = torch.tensor([[0.0, 0, 0], [0, 0, 0], [1e-200, 0, 0], [1e-9, 1e-9, 0]], dtype=torch.float64)
    vectors.requires_grad_()
    y = conv(x, edges, vectors)
    (slope,) = torch.autograd.grad(y.sum(), vectors, create_graph=True)
    assert y.isfinite().all()
    assert slope.isfinite().all()
    assert equivariance_error(conv, (x, edges, vectors.detach())) < 1e-12
    length = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    safe_length(length).sum().backward()
    close(length.grad, [[0, 0], [0.6, 0.8]], 1e-6)


def test_forces() -> None:
    """The gradient of an invariant by the positions is a covariant vector, and can be differentiated again."""
    torch.manual_seed(0)
    conv = nn.PointConv(SCALARS, O3.rep("1x0e"), envelope=nn.radial.PolynomialCutoff(4.0)).double()
    x, points = cloud(5, 2, seed=2), cloud(5, seed=4)

    def forces(points: Tensor) -> Tensor:
        points = points.detach().requires_grad_()
        return torch.autograd.grad(conv(x, *complete(points)).sum(), points, create_graph=True)[0]

    found = forces(points)
    for g in law_elements(O3, 3):
        close(forces(act(O3.rep("1x1o"), g, points)).detach(), act(O3.rep("1x1o"), g, found).detach(), 1e-10)
    found.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in conv.radial.parameters())


def test_an_envelope_makes_it_local() -> None:
    """Nothing happens when a point crosses the cutoff: neither a jump nor a kink."""
    conv = nn.PointConv(
        SCALARS, VECTORS, radial=nn.radial.CosineBasis(2.0, 4), envelope=nn.radial.CosineCutoff(2.0)
    ).double()
    x, edges = cloud(2, 2), torch.tensor([[0], [1]])
    without = conv(x, edges[:, :0], torch.zeros(0, 3).double())
    for length, tolerance in ((2.0, 1e-12), (5.0, 1e-12), (2 - 1e-5, 1e-8)):
        close(conv(x, edges, torch.tensor([[0, 0, length]]).double()).detach(), without.detach(), tolerance)


def test_other_actions() -> None:
    """The cone's O(2) acts on space: z is an invariant direction, so a vector may come from the kernel alone."""
    space = O3.rep("1x1o").restrict(O3.subgroup("Cinfv"))
    conv = nn.PointConv(O2.rep("1x0e"), O2.rep("2x0e + 1x1"), action=space).double()
    assert conv.reps_in == (O2.rep("1x0e"), None, space)
    assert equivariance_error(conv) < 1e-13
    x, edges = torch.ones(2, 1).double(), torch.tensor([[0], [1]])
    up, down = (conv(x, edges, torch.tensor([[0, 0, z]]).double())[1] for z in (1.0, -1.0))
    assert (up - down)[:2].abs().min() > 1e-3  # it can tell up from down


def test_finite_groups() -> None:
    """The regular rep on the plane: kernels need a degree, since a finite group has kernels of every degree."""
    D4 = dihedral(4)
    conv = nn.PointConv(2 * D4.regular, D4.regular, degree=5)
    assert conv.degree == 5
    assert equivariance_error(conv.double()) < 1e-12


# dead outputs ---------------------------------------------------------------------------------------------------------


def test_dead_outputs_are_named() -> None:
    with pytest.warns(
        UnreachableWarning, match=r"PointConv: no path leads from its inputs \(2x0e\) to 1x0o \+ 1x1e: these"
    ):
        nn.PointConv(SCALARS, O3.rep("1x0e + 1x0o + 1x1e"))
    with pytest.warns(UnreachableWarning, match="to 1x2e: these outputs stay zero. Give a larger degree") as record:
        nn.PointConv(SCALARS, O3.rep("1x0e + 1x2e"), degree=1)
    assert record[0].filename == __file__  # it points at the user's line
    with pytest.raises(ArgumentError, match="to 3x0o, which is all of its output"):
        nn.PointConv(SCALARS, O3.rep("3x0o"))


def test_what_only_one_way_reaches_keeps_unit_scale() -> None:
    """A self-interaction alone, or a kernel alone, is not divided by √2."""
    conv = nn.PointConv(O3.rep("1x0o + 1x0e"), O3.rep("1x0e + 1x0o + 1x1o"), degree=1)
    assert conv.scale.tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 1, 1, 1])
    with pytest.warns(UnreachableWarning, match="1x2o"):
        conv = nn.PointConv(O3.rep("1x0o + 1x1e"), O3.rep("1x0o + 1x2o + 1x1e"), degree=0)
    assert conv.scale[0].item() == pytest.approx(0.5**0.5)


# mistakes -------------------------------------------------------------------------------------------------------------

X, EDGES, R = torch.zeros(3, 2), torch.tensor([[0, 1], [1, 2]]), torch.ones(2, 3)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (
            (torch.zeros(3, 5), EDGES, R),
            ShapeError,
            r"takes features of the rep 2x0e of O\(3\), 2 numbers on the last axis",
        ),
        ((torch.zeros(1, 3, 2), EDGES, R), ShapeError, r"features of shape \(N, 2\), but got \(1, 3, 2\)"),
        ((X, EDGES.T, torch.ones(2, 3)[:1]), ShapeError, r"one vector from source to target per edge, shape \(2, 3\)"),
        (
            (X, EDGES[0], R),
            ShapeError,
            r"edges of shape \(2, E\), source and target, and dtype int64 or int32, but got \(2,\)",
        ),
        ((X, EDGES.float(), R), ShapeError, r"but got \(2, 2\) of torch.float32"),
        ((X, EDGES.bool(), R), ShapeError, r"but got \(2, 2\) of torch.bool"),
        ((X, torch.zeros(3, 2).long(), R), ShapeError, r"but got \(3, 2\) of torch.int64"),
        ((X, EDGES, torch.ones(2, 2)), ShapeError, r"shape \(2, 3\), but got \(2, 2\)"),
        ((X, EDGES + 1, R), ArgumentError, "name points from 1 to 3, but there are features for 3 points"),
        ((X, EDGES - 1, R), ArgumentError, "name points from -1 to 1, but there are features for 3 points"),
        ((X[:0], EDGES, R), ArgumentError, "features for 0 points"),
        ((X, EDGES, R * torch.tensor([[1.0], [torch.nan]])), ArgumentError, "1 of 2 vectors hold NaN or infinity"),
        ((X, EDGES, R / 0), ArgumentError, "2 of 2 vectors hold NaN or infinity"),
    ],
)
def test_bad_graphs_are_named(inputs: tuple[Tensor, ...], error: type[Exception], message: str) -> None:
    conv = nn.PointConv(SCALARS, VECTORS)
    with pytest.raises(error, match=message):
        conv(*inputs)


def test_bad_arguments_are_named() -> None:
    for options in ({"aggregate": "max"}, {"neighbours": 0.0}, {"neighbours": -1.0}):
        with pytest.raises(
            ArgumentError, match="aggregates by 'sum' or 'mean' with a positive number of neighbours, but"
        ):
            nn.PointConv(SCALARS, VECTORS, **options)
    with pytest.raises(ArgumentError, match=r"moves 2 or 3 coordinates, but the rep 1x2e of O\(3\) has dimension 5"):
        nn.PointConv(SCALARS, VECTORS, action=O3.rep("1x2e"))
    with pytest.raises(RepMismatchError, match=r"reps of SO\(3\), O\(3\), O\(3\)"):
        nn.PointConv(SCALARS, VECTORS, action=SO3.defining)
    with pytest.raises(RepMismatchError, match=r"reps of O\(3\), O\(3\), SO\(3\)"):
        nn.PointConv(SCALARS, SO3.rep("1x1"))


def test_the_default_degree_reaches_all_irreps_of_a_finite_group() -> None:
    """D4's sign of the mirror, 0o, needs harmonics of degree 4, more than the degrees of the reps add up to."""
    conv = nn.PointConv(dihedral(4).rep("1x0e"), dihedral(4).rep("4xregular"), self_interaction=False)
    assert conv.degree == 4
    assert equivariance_error(conv.double()) < 1e-12


@pytest.mark.parametrize(("degree", "hint"), [(None, "No kernel of any degree does"), (0, "Give a larger degree")])
def test_advice_on_dead_outputs_is_true(degree: int | None, hint: str) -> None:
    with pytest.warns(UnreachableWarning, match=hint):
        nn.PointConv(O3.rep("1x0e"), O3.rep("1x0e + 1x1e"), degree=degree)


CONE, TWIST = (O3.rep("1x1o").restrict(O3.subgroup(name)) for name in ("Cinfv", "Dinf"))


@pytest.mark.parametrize(
    ("action", "rep_in", "rep_out", "degree"),
    [
        (CONE, "1x0e", "1x0e", 1),  # z is invariant
        (TWIST, "1x0e", "1x0e", 2),  # z² is, and z changes sign
        (TWIST, "1x0e", "1x0e + 1x0o", 2),
        (group("Cinfh").defining, "1x0g", "1x0u", 2),
        (cyclic(4).defining, "1x0", "1x0", 4),
        (SO2.rep("1x2"), "1x0", "1x2", 2),
    ],
    ids=str,
)
def test_by_default_a_network_sees_what_its_group_tells_apart(
    action: Rep, rep_in: str, rep_out: str, degree: int
) -> None:
    """A cone knows its axis: messages from above, below and beside differ, without a degree being asked for."""
    reps = parse_rep(action.group, rep_in), parse_rep(action.group, rep_out)
    conv = nn.PointConv(*reps, action=action, self_interaction=False)
    assert conv.degree == degree
    assert equivariance_error(conv.double()) < 1e-12


def test_the_cone_tells_up_from_down_and_the_twisted_cylinder_only_along_from_across() -> None:
    edges, x = torch.zeros(2, 1, dtype=torch.long), torch.ones(1, 1)
    up, down, beside = torch.tensor([[0.0, 0, 1]]), torch.tensor([[0.0, 0, -1]]), torch.tensor([[1.0, 0, 0]])
    cone, twist = (nn.PointConv(O2.rep("1x0e"), O2.rep("1x0e"), action=action) for action in (CONE, TWIST))
    assert not torch.allclose(cone(x, edges, up), cone(x, edges, down))
    torch.testing.assert_close(twist(x, edges, up), twist(x, edges, down))
    assert not torch.allclose(twist(x, edges, up), twist(x, edges, beside))


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
def test_many_neighbours_in_half_precision(aggregate: str) -> None:
    """600 messages: bfloat16 counts to 256 only, so counts and sums are kept in float32."""
    torch.manual_seed(0)
    conv = nn.PointConv(O3.rep("2x0e"), O3.rep("2x0e + 1x1o"), aggregate=aggregate, neighbours=600)
    x, vectors = torch.rand(600, 2), torch.randn(600, 3) + 1
    edges = torch.stack([torch.arange(600), torch.zeros(600, dtype=torch.long)])
    with torch.no_grad():
        exact = conv(x, edges, vectors)[0]
        low = copy.deepcopy(conv).bfloat16()(x.bfloat16(), edges, vectors.bfloat16())[0]
    assert float((low.float() - exact).abs().max() / exact.abs().max()) < 0.03


def test_vmap_over_vectors() -> None:
    conv = nn.PointConv(O3.rep("2x0e"), O3.rep("1x0e + 1x1o"))
    x, edges, vectors = torch.randn(4, 2), torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.randn(5, 3, 3)
    together = torch.vmap(lambda v: conv(x, edges, v))(vectors)
    torch.testing.assert_close(together, torch.stack([conv(x, edges, v) for v in vectors]))


def test_lengths_in_half_precision() -> None:
    """Squares of 2e-4 and of 300 leave float16, lengths do not."""
    vectors = torch.tensor([[2e-4, 0, 0], [0, 300.0, 400.0], [0, 0, 0]], dtype=torch.float16)
    torch.testing.assert_close(safe_length(vectors).float(), torch.tensor([2e-4, 500.0, 0]), rtol=1e-3, atol=1e-6)
