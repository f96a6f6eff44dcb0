"""Reports about models of clouds and graphs: relabelled points, translations, and clouds full of ties."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O2, O3, SO3, dihedral
from intertwine.errors import ArgumentError
from intertwine.symmetry import equivariance_report, stabiliser
from intertwine.symmetry.diagnosis.cases import layout_of
from intertwine.symmetry.diagnosis.symmetric_inputs import tie_clouds

ONE, VECTOR = O3.rep("1x0e"), O3.defining
GENERATOR = torch.Generator().manual_seed(0)
CHARGES = torch.randn(10, 1, generator=GENERATOR, dtype=torch.float64)
POSITIONS = torch.randn(10, 3, generator=GENERATOR, dtype=torch.float64)
CLOUD = (CHARGES, POSITIONS)


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
    report = equivariance_report(nearest, CLOUD, (ONE, VECTOR), VECTOR, positions=1)
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
    report = equivariance_report(smooth, CLOUD, (ONE, VECTOR), VECTOR, positions=1)
    assert report.exact
    assert [*report.symmetric] == [*tie_clouds(3)]


@pytest.mark.parametrize("G", [O2, dihedral(4), dihedral(3)])
def test_clouds_of_the_plane(G: object) -> None:
    batch = (CHARGES, POSITIONS[:, :2])
    reps, out = (G.rep("1x" + G.trivial), G.defining), G.defining
    assert equivariance_report(smooth, batch, reps, out, positions=1).exact
    report = equivariance_report(nearest, batch, reps, out, positions=1)
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
    report = equivariance_report(lambda x, r: smooth(x, r) + 0.1 * r, CLOUD, (ONE, VECTOR), VECTOR, positions=1)
    assert report.elements["rotations"] < 1e-13
    assert report.elements["translations"] > 0.1
    assert report.simplest == "the translation by (1, 0, 0)"


def test_positions_may_be_moved_along() -> None:
    """A model that gives new positions is right when they are translated with the old ones."""
    assert equivariance_report(lambda x, r: r + smooth(x, r), CLOUD, (ONE, VECTOR), VECTOR, positions=1).exact


def test_a_model_that_knows_the_numbers_of_points_is_found() -> None:
    def numbered(x: Tensor, r: Tensor) -> Tensor:
        return smooth(x * torch.arange(len(x)).to(x)[:, None], r)

    report = equivariance_report(numbered, CLOUD, (ONE, VECTOR), VECTOR, positions=1)
    assert report.elements["rotations"] < 1e-13
    assert report.elements["relabelled points"] > 0.1
    assert report.simplest == "the exchange of points 0 and 1"


def test_forces_are_gradients() -> None:
    """Energies of pairs give forces; an energy that depends on z does not, nor does one whose gradient is cut."""

    def energy(r: Tensor) -> Tensor:
        return torch.exp(-torch.cdist(r, r)).sum(1, keepdim=True)

    report = equivariance_report(energy, POSITIONS, VECTOR, ONE, positions=0)
    assert report.exact
    assert report.gradients["forces"] < 1e-12
    tilted = equivariance_report(lambda r: energy(r) + r[:, 2:], POSITIONS, VECTOR, ONE, positions=0)
    assert tilted.gradients["forces"] > 0.01


def test_clouds_may_come_in_batches() -> None:
    def batched(r: Tensor) -> Tensor:
        v = r[:, None] - r[:, :, None]
        return (v * torch.exp(-(v**2).sum(-1, keepdim=True))).sum(2)

    batch = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    report = equivariance_report(batched, batch, VECTOR, VECTOR, positions=0)
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
        self.reps_in, self.rep_out = (O3.rep("2x0e"), None, VECTOR, None), self.conv.rep_out

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
    """A ring has as many edges as points; what comes after the edges lies on them, as in PointConv."""
    edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
    x, vectors = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    layout = layout_of((x, edges, vectors, torch.zeros(3, dtype=torch.int64)), (ONE, None, VECTOR, None), None)
    assert (layout.on_points, layout.edges, layout.on_edges) == ((0, 3), 1, (2,))
    conv = nn.PointConv(O3.rep("4x0e"), O3.rep("4x0e + 2x1o"))
    assert equivariance_report(conv, (x, edges, vectors)).exact


def test_integers_that_number_no_points_are_no_edges() -> None:
    words = torch.tensor([[7, 3, 9], [1, 0, 5]])
    assert layout_of((torch.randn(2, 3), words), (VECTOR, None), None) is None


def test_users_say_how_points_of_other_inputs_are_reordered() -> None:
    """A dense matrix of neighbours has points on both of its axes."""

    def dense(x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ x

    batch = (POSITIONS, (torch.cdist(POSITIONS, POSITIONS) < 1.5).double())
    wrong = equivariance_report(
        dense, batch, (VECTOR, None), VECTOR, permute=lambda v, order: (v[0][order], v[1][order])
    )
    assert wrong.elements["relabelled points"] > 0.1
    right = equivariance_report(
        dense, batch, (VECTOR, None), VECTOR, permute=lambda v, order: (v[0][order], v[1][order][:, order])
    )
    assert right.exact
    assert "relabelled points" in right.elements


def test_positions_are_the_number_of_an_input() -> None:
    with pytest.raises(ArgumentError, match="Count inputs from 0"):
        equivariance_report(smooth, CLOUD, (ONE, VECTOR), VECTOR, positions=2)
    with pytest.raises(ArgumentError, match="with a rep among reps_in"):
        equivariance_report(smooth, CLOUD, (None, VECTOR), VECTOR, positions=0)


def test_features_of_a_symmetric_cloud_are_as_symmetric() -> None:
    """Vectors on points, and one of the whole cloud, take part without breaking the cloud's symmetry."""

    def push(r: Tensor, v: Tensor, field: Tensor) -> Tensor:
        return v * torch.cdist(r, r).sum(1, keepdim=True) + field

    def skew(r: Tensor, v: Tensor, field: Tensor) -> Tensor:
        return push(r, v, field) + torch.linalg.cross(v, r - r.mean(0))

    batch = (POSITIONS, POSITIONS.flip(0), POSITIONS[0])
    assert equivariance_report(push, batch, (VECTOR,) * 3, VECTOR, positions=0).exact
    turned = equivariance_report(skew, batch, (VECTOR,) * 3, VECTOR, positions=0)
    assert turned.elements["rotations"] < 1e-12
    assert turned.elements["mirrors and inversion"] > 0.01
    rotations = SO3.defining
    assert equivariance_report(skew, batch, (rotations,) * 3, rotations, positions=0).exact


def test_clouds_that_a_model_does_not_run_on_are_left_out() -> None:
    """Five neighbours cannot be found among four other points."""

    def five(x: Tensor, r: Tensor) -> Tensor:
        near = torch.cdist(r, r).topk(6, largest=False).indices
        return (x[near] * (r[near] - r[:, None])).sum(1)

    report = equivariance_report(five, CLOUD, (ONE, VECTOR), VECTOR, positions=1)
    assert report.symmetric.keys() == {"cube", "octahedron", "square and triangle on a circle"}
    assert report.symmetric["cube"] > 0.1
    fixed = equivariance_report(lambda x, r: smooth(x, r.reshape(10, 3)), CLOUD, (ONE, VECTOR), VECTOR, positions=1)
    assert fixed.symmetric == {}
    assert fixed.exact
