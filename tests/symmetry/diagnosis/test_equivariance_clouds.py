"""Reports about models of clouds and graphs: relabelled points, translations, and clouds full of ties."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O2, O3, SO3, dihedral
from intertwine.fields import Displacements, EdgeFeatures, Edges, Features, FieldType, Index, PointFeatures, Positions
from intertwine.reps import Rep
from intertwine.symmetry import equivariance_report, stabiliser
from intertwine.symmetry.diagnosis.symmetric_inputs import tie_clouds

ONE, VECTOR = O3.rep("1x0e"), O3.defining
GENERATOR = torch.Generator().manual_seed(0)
CHARGES = torch.randn(10, 1, generator=GENERATOR, dtype=torch.float64)
POSITIONS = torch.randn(10, 3, generator=GENERATOR, dtype=torch.float64)
CLOUD = (CHARGES, POSITIONS)
TYPES = (PointFeatures(ONE), Positions(VECTOR))
ARROWS = PointFeatures(VECTOR)


def nearest(x: Tensor, r: Tensor) -> Tensor:
    """The sum of the vectors to the two nearest points, weighted with their charges: the trap."""
    distances = torch.cdist(r, r) + torch.diag(torch.full((len(r),), torch.inf, dtype=r.dtype))
    near = distances.topk(2, largest=False).indices
    return (x[near] * (r[near] - r[:, None])).sum(1)


def smooth(x: Tensor, r: Tensor) -> Tensor:
    """The same with weights that fall with the distance, over all points."""
    v = r[None] - r[:, None]
    return (torch.exp(-(v**2).sum(-1)) * x.sum(-1) @ torch.eye(len(r)).to(r))[..., None].mul(v).sum(1)


def test_the_two_nearest_points_pass_every_random_test_and_fail_on_a_cube() -> None:
    """Every corner of a cube has three nearest ones; which two are taken depends on how they are numbered."""
    report = equivariance_report(nearest, CLOUD, TYPES, ARROWS)
    assert report.error < 1e-13
    assert max(report.lie.values()) < 1e-12
    assert report.elements.keys() >= {"relabelled points", "translations", "all combined"}
    assert report.symmetric["cube"] > 0.1
    assert report.symmetric["octahedron"] > 0.1
    assert report.symmetric["triangle"] < 1e-13  # both other corners are taken
    assert report.symmetric["square"] < 1e-13
    assert report.cause == "ties"
    assert "look for ties in argmax, top-k, sorting or neighbours" in str(report)
    assert "on a symmetric input (" in report.complaint()


def test_smooth_weights_pass_on_symmetric_clouds_too() -> None:
    report = equivariance_report(smooth, CLOUD, TYPES, ARROWS)
    assert report.exact
    assert [*report.symmetric] == [*tie_clouds(3)]


@pytest.mark.parametrize("G", [O2, dihedral(4), dihedral(3)])
def test_clouds_of_the_plane(G: object) -> None:
    batch = (CHARGES, POSITIONS[:, :2])
    types, out = (PointFeatures(G.rep("1x" + G.trivial)), Positions(G.defining)), PointFeatures(G.defining)
    assert equivariance_report(smooth, batch, types, out).exact
    report = equivariance_report(nearest, batch, types, out)
    assert report.error < 1e-13
    assert report.symmetric["square with its centre"] > 0.05


@pytest.mark.parametrize("dim", [2, 3])
def test_tie_clouds_are_symmetric_about_the_origin(dim: int) -> None:
    names = {name: stabiliser(points).name for name, points in tie_clouds(dim).items()}
    expected = {
        2: {"triangle": "D3", "square": "D4", "line": "D2", "square and triangle on a circle": "D1"},
        3: {"cube": "Oh", "octahedron": "Oh", "triangle": "D3h", "square": "D4h", "line": "Dinfh"},
    }[dim]
    assert names.items() >= expected.items()
    assert all(np.abs(points.mean(0)).max() < 1e-12 for points in tie_clouds(dim).values())


def test_a_translation_that_matters_is_found() -> None:
    report = equivariance_report(lambda x, r: smooth(x, r) + 0.1 * r, CLOUD, TYPES, ARROWS)
    assert report.elements["rotations"] < 1e-13
    assert report.elements["translations"] > 0.1
    assert report.simplest == "the translation by (1, 0, 0)"


def test_positions_may_be_moved_along() -> None:
    """A model that gives new positions is right when they are translated with the old ones."""
    assert equivariance_report(lambda x, r: r + smooth(x, r), CLOUD, TYPES, Positions(VECTOR)).exact


def test_a_model_that_knows_the_numbers_of_points_is_found() -> None:
    def numbered(x: Tensor, r: Tensor) -> Tensor:
        return smooth(x * torch.arange(len(x)).to(x)[:, None], r)

    report = equivariance_report(numbered, CLOUD, TYPES, ARROWS)
    assert report.elements["rotations"] < 1e-13
    assert report.elements["relabelled points"] > 0.1
    assert report.simplest == "the exchange of points 0 and 1"


def test_forces_are_gradients() -> None:
    """Energies of pairs give forces; an energy that depends on z does not, nor does one whose gradient is cut."""

    def energy(r: Tensor) -> Tensor:
        return torch.exp(-torch.cdist(r, r)).sum(1, keepdim=True)

    report = equivariance_report(energy, POSITIONS, Positions(VECTOR), PointFeatures(ONE))
    assert report.exact
    assert report.gradients["forces"] < 1e-12
    tilted = equivariance_report(lambda r: energy(r) + r[:, 2:], POSITIONS, Positions(VECTOR), PointFeatures(ONE))
    assert tilted.gradients["forces"] > 0.01


def test_clouds_may_come_in_batches() -> None:
    def batched(r: Tensor) -> Tensor:
        v = r[:, None] - r[:, :, None]
        return (v * torch.exp(-(v**2).sum(-1, keepdim=True))).sum(2)

    batch = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    report = equivariance_report(batched, batch, Positions(VECTOR), ARROWS)
    assert report.exact
    assert report.elements.keys() >= {"relabelled points", "translations"}
    assert "cube" in report.symmetric


# graphs --------------------------------------------------------------------------------------------------------------


class Message(torch.nn.Module):
    """A convolution over edges, one output for each cloud; `forget` takes the edges of the first points only."""

    def __init__(self, neighbours: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.neighbours = neighbours
        self.conv = nn.PointConv(O3.rep("2x0e"), O3.rep("2x0e + 1x1o"))
        self.fields_in = (*self.conv.fields_in, PointFeatures())
        self.field_out = Features(self.conv.rep_out)

    def forward(self, x: Tensor, edges: Tensor, vectors: Tensor, cloud: Tensor) -> Tensor:
        if self.neighbours is not None:
            nearest = vectors.norm(dim=-1).argsort()[: self.neighbours * len(x)]
            edges, vectors = edges[:, nearest], vectors[nearest]
        y = self.conv(x, edges, vectors)
        return y.new_zeros(int(cloud.max()) + 1, y.shape[1]).index_add(0, cloud, y)


def graph() -> tuple[Tensor, ...]:
    cloud = torch.tensor([0] * 6 + [1] * 4)
    edges = (cloud[:, None] == cloud).fill_diagonal_(False).nonzero().T
    x = torch.randn(10, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, edges, POSITIONS[edges[1]] - POSITIONS[edges[0]], cloud


def test_edges_are_relabelled_with_their_points() -> None:
    report = equivariance_report(Message(), graph())
    assert report.exact
    assert report.elements["relabelled points"] < 1e-13
    assert "translations" not in report.elements  # vectors are differences already
    assert [*report.symmetric] == [*tie_clouds(3)]
    assert report.gradients.keys() == {"input 0", "input 2"}


def test_ties_of_edges_show_on_symmetric_clouds() -> None:
    report = equivariance_report(Message(neighbours=2), graph())
    assert report.error < 1e-12
    assert report.symmetric["octahedron"] > 0.01
    assert report.cause == "ties"


def test_edges_and_points_of_equal_number_are_told_apart() -> None:
    """A ring has as many edges as points."""
    edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
    x, vectors = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    conv = nn.PointConv(O3.rep("4x0e"), O3.rep("4x0e + 2x1o"))
    assert equivariance_report(conv, (x, edges, vectors)).exact
    weighted = equivariance_report(
        lambda x, e, v, w: (w * x[e[0]]).new_zeros(x.shape).index_add(0, e[1], w * x[e[0]]),
        (x, edges, vectors, torch.rand(3, 1, dtype=torch.float64)),
        (PointFeatures(O3.rep("4x0e")), Edges(), Displacements(VECTOR), EdgeFeatures(ONE)),
        PointFeatures(O3.rep("4x0e")),
    )
    assert weighted.exact
    assert weighted.elements["relabelled points"] < 1e-13


class Adjacency(FieldType):
    """A dense matrix of neighbours has points on both of its axes."""

    rep = None

    def act(self, g: np.ndarray, x: Tensor) -> Tensor:
        return x

    def relabel(self, x: Tensor, order: Tensor) -> Tensor:
        return x[order][:, order]

    def check(self, x: Tensor, what: str = "") -> None:
        pass


def test_users_say_how_points_of_other_inputs_are_reordered() -> None:
    """By a field type of their own; a matrix of which only rows are exchanged is wrong."""

    def dense(x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ x

    batch = (POSITIONS, (torch.cdist(POSITIONS, POSITIONS) < 1.5).double())
    wrong = equivariance_report(dense, batch, (ARROWS, PointFeatures(O3.rep("10x0e"))), ARROWS)
    assert wrong.elements["relabelled points"] > 0.1
    right = equivariance_report(dense, batch, (ARROWS, Adjacency()), ARROWS)
    assert right.exact
    assert "relabelled points" in right.elements


def test_reps_alone_mean_features_and_nothing_more() -> None:
    """No points are guessed: nothing is relabelled or translated, and no cloud is made."""
    reps = (O3.rep("2x0e"), None, VECTOR)
    report = equivariance_report(Message().conv.double(), graph()[:3], reps, O3.rep("2x0e + 1x1o"))
    assert report.exact
    assert {*report.elements} == {"rotations", "mirrors and inversion"}
    assert not {*tie_clouds(3)} & {*report.symmetric}


def test_features_of_a_symmetric_cloud_are_as_symmetric() -> None:
    """Vectors on points, and one of the whole cloud, take part without breaking the cloud's symmetry."""

    def push(r: Tensor, v: Tensor, field: Tensor) -> Tensor:
        return v * torch.cdist(r, r).sum(1, keepdim=True) + field

    def skew(r: Tensor, v: Tensor, field: Tensor) -> Tensor:
        return push(r, v, field) + torch.linalg.cross(v, r - r.mean(0))

    def types(vector: Rep) -> tuple[FieldType, ...]:
        return Positions(vector), PointFeatures(vector), Features(vector)

    batch = (POSITIONS, POSITIONS.flip(0), POSITIONS[0])
    assert equivariance_report(push, batch, types(VECTOR), ARROWS).exact
    turned = equivariance_report(skew, batch, types(VECTOR), ARROWS)
    assert turned.elements["rotations"] < 1e-12
    assert turned.elements["mirrors and inversion"] > 0.01
    rotations = SO3.defining
    assert equivariance_report(skew, batch, types(rotations), PointFeatures(rotations)).exact


def test_clouds_that_a_model_does_not_run_on_are_left_out() -> None:
    """Five neighbours cannot be found among four other points."""

    def five(x: Tensor, r: Tensor) -> Tensor:
        near = torch.cdist(r, r).topk(6, largest=False).indices
        return (x[near] * (r[near] - r[:, None])).sum(1)

    report = equivariance_report(five, CLOUD, TYPES, ARROWS)
    assert report.symmetric.keys() == {"cube", "octahedron", "square and triangle on a circle"}
    assert report.symmetric["cube"] > 0.1
    assert "it does not run on some symmetric inputs (triangle, square, square with its centre, line): Run" in str(
        report
    )
    fixed = equivariance_report(lambda x, r: smooth(x, r.reshape(10, 3)), CLOUD, TYPES, ARROWS)
    assert fixed.symmetric == {}
    assert fixed.exact


# faults ---------------------------------------------------------------------------------------------------------------


class Pooled(Message):
    """One output for each of n graphs, where n is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.fields_in = (*self.fields_in, Index())

    def forward(self, x: Tensor, edges: Tensor, vectors: Tensor, cloud: Tensor, n: int) -> Tensor:  # type: ignore[override]
        y = self.conv(x, edges, vectors)
        return y.new_zeros(n, y.shape[1]).index_add(0, cloud, y)


def graphs(n: int) -> tuple[Tensor, ...]:
    """n graphs of 4 points, all pairs joined."""
    cloud = torch.arange(n).repeat_interleave(4)
    edges = (cloud[:, None] == cloud).fill_diagonal_(False).nonzero().T
    generator = torch.Generator().manual_seed(1)
    x, r = (torch.randn(4 * n, k, generator=generator, dtype=torch.float64) for k in (2, 3))
    return x, edges, r[edges[1]] - r[edges[0]], cloud


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8])
def test_as_many_graphs_as_a_cloud_has_points_are_no_points(n: int) -> None:
    model, batch = Pooled(), (*graphs(n), n)
    report = equivariance_report(model, batch)
    assert report.exact, str(report)
    assert report.elements["relabelled points"] < 1e-13
    reps = (O3.rep("2x0e"), None, VECTOR, None, None)
    by_reps = equivariance_report(lambda *x: model.double()(*x), batch, reps, model.conv.rep_out)
    assert by_reps.exact, str(by_reps)


def test_a_group_about_an_axis_moves_points_of_space() -> None:
    """Its own matrices are those of the plane; which of them keep a cloud is not known, but ties show all the same."""
    cone = O3.subgroup("Cinfv")
    conv = nn.PointConv(ONE.restrict(cone), (2 * ONE + VECTOR).restrict(cone), action=VECTOR.restrict(cone))
    report = equivariance_report(conv)
    assert report.exact
    assert [*report.symmetric] == [*tie_clouds(3)]
    assert "relabelled points" in report.elements

    def radius(r: Tensor) -> Tensor:  # of the sum of the vectors to the nearest points
        near = (torch.cdist(r, r) + 1e9 * torch.eye(len(r)).to(r)).argmin(1)
        return (r[near] - r)[:, :2].sum(0).norm().reshape(1, 1)

    trap = equivariance_report(radius, POSITIONS, Positions(VECTOR.restrict(cone)), ONE.restrict(cone))
    assert trap.error < 1e-12
    assert trap.cause == "ties"


def test_reports_may_be_asked_for_in_inference_mode() -> None:
    with torch.inference_mode():
        report = equivariance_report(smooth, (CHARGES.clone(), POSITIONS.clone()), TYPES, ARROWS)
    assert report.exact
    assert [*report.gradients] == ["input 0", "input 1"]


def test_what_nothing_moves_may_be_anything() -> None:
    """Integers, None, a word."""

    def scaled(x: Tensor, power: int, nothing: None, word: str) -> Tensor:
        return x * x.norm(dim=-1, keepdim=True) ** power

    assert equivariance_report(scaled, (POSITIONS, 3, None, "word"), (VECTOR, None, None, None), VECTOR).exact


def test_an_index_with_axes_might_number_points_too() -> None:
    """Nobody says how it follows a new order, so none is tried, and that is said."""
    types = (PointFeatures(O3.rep("2x0e")), Index(), Displacements(VECTOR), Index(), Index())
    report = equivariance_report(Pooled(), (*graphs(3), 3), types, Features(Pooled().conv.rep_out))
    assert report.exact
    assert "points were not relabelled, since nothing says how input 1 follows" in str(report)


def test_symmetric_inputs_that_a_model_refuses_are_skipped() -> None:
    """The inverse of a cell, which is singular for planar clouds; and any exception of the model's own."""

    def reciprocal(r: Tensor) -> Tensor:
        return r @ torch.linalg.inv(r.T @ r)

    report = equivariance_report(reciprocal, POSITIONS, PointFeatures(VECTOR), PointFeatures(VECTOR))
    assert report.exact
    cell = POSITIONS[:3]
    inverse = equivariance_report(lambda a: torch.linalg.inv(a.mT).contiguous(), cell, VECTOR, VECTOR)
    assert inverse.error < 1e-12
    assert "it does not run on some symmetric inputs (C2, C3" in str(inverse)

    class OddError(Exception):
        """Nothing that torch raises."""

    def picky(r: Tensor) -> Tensor:
        if len(r) < 10:
            raise OddError("too few points")
        return r - r.mean(0)

    refused = equivariance_report(picky, POSITIONS, Positions(VECTOR), ARROWS)
    assert refused.exact
    assert refused.symmetric == {}
    assert "OddError: too few points" in str(refused)


@pytest.mark.parametrize(("size", "other"), [(3e-8, "float32 rounding"), (1e-6, "real"), (1e-4, "real")])
def test_ties_are_named_beside_other_errors(size: float, other: str) -> None:
    """A break of the size of float32 tables, and larger ones, do not hide ties of size 0.1."""

    def broken(model: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, r: model(x, r) * (1 + size * (r - r.mean(0))[:, 2:])

    report = equivariance_report(broken(nearest), CLOUD, TYPES, ARROWS)
    assert report.causes == ("ties", other)
    assert "it fails on symmetric inputs: look for ties" in str(report)
    smoothly = equivariance_report(
        lambda x, r: smooth(x, r) * (1 + size * (r - r.mean(0))[:, 2:]), CLOUD, TYPES, ARROWS
    )
    assert smoothly.causes == (other,)


def test_small_errors_on_symmetric_inputs_are_no_ties() -> None:
    """Where forces vanish, a root of their rounding is 1e-8."""

    def rooted(r: Tensor) -> Tensor:
        total = torch.linalg.cross(r, r.roll(1, 0)).sum(0).square().sum()
        return (r - r.mean(0)).sum(0).square().sum().sqrt().sqrt().reshape(1, 1) + 0 * total

    report = equivariance_report(lambda r: rooted(r) + r.std(), POSITIONS, Positions(VECTOR), Features(ONE))
    assert 0 < max(report.symmetric.values()) < 1e-6
    assert "ties" not in report.causes


def test_float32_tries_the_same_moves() -> None:
    """A model that knows numbers of points fails in both precisions alike."""

    class Numbered(torch.nn.Module):
        fields_in, field_out = TYPES, ARROWS

        def forward(self, x: Tensor, r: Tensor) -> Tensor:
            return smooth(x * torch.arange(len(x)).to(x)[:, None], r)

    report = equivariance_report(Numbered(), CLOUD)
    assert report.single == pytest.approx(report.error, rel=1e-3)
    assert "the same in both, so it is real" in str(report)


def test_invariants_change_under_rotations_of_a_symmetric_cloud() -> None:
    """A network averaged over principal axes jumps where these are not defined, on a cube."""
    torch.manual_seed(0)
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()

    def by_axes(r: Tensor) -> Tensor:
        _, axes = torch.linalg.eigh(r.T @ r)
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=r.dtype)] * 3)
        return torch.stack([mlp(r @ axes * s).mean(0) for s in signs]).mean(0, keepdim=True)

    report = equivariance_report(lambda r: by_axes(r - r.mean(0)), POSITIONS, Positions(VECTOR), Features(ONE))
    assert report.error < 1e-12
    assert report.symmetric["cube"] > 1e-3
    assert report.cause == "ties"
