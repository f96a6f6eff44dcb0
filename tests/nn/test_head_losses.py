"""Losses that train heads: poses of shapes with symmetries, and flips."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O2, O3, SO3, dihedral, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ShapeError
from intertwine.nn.heads import FlipLoss, GroupElement, PoseLoss, rotation_angle
from intertwine.symmetry import stabiliser
from tests.registry import close


def random(count: int) -> Tensor:
    return torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_distance_of_poses() -> None:
    """|Q − R|² = 8 sin²(θ/2) for rotations by θ; rotation_angle is θ, also near 0 and π."""
    for angle in (0.0, 1e-9, 0.3, 2.0, math.pi - 1e-6, math.pi):
        c, s = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]], dtype=torch.float64)
        q = torch.tensor(SO3.sample(4, 1))
        assert float(PoseLoss()(q @ turn, q)) == pytest.approx(8 * math.sin(angle / 2) ** 2, abs=1e-12)
        close(rotation_angle(q, q @ turn), angle, 1e-8)
        close(rotation_angle(turn[::2, ::2], torch.eye(2, dtype=torch.float64)), angle, 1e-8)
    assert rotation_angle(q, -q).isinf().all()
    q.requires_grad_()
    (gradient,) = torch.autograd.grad(rotation_angle(q, q.detach()).sum(), q)
    assert gradient.isfinite().all()
    for signs in ([1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0, -1.0]):
        g = torch.diag(torch.tensor(signs, dtype=torch.float64))
        second = torch.func.hessian(lambda r, g=g: rotation_angle(g, r))(torch.eye(len(g), dtype=torch.float64))
        assert second.isfinite().all()


def test_poses_of_a_symmetric_shape() -> None:
    """All poses that bring a tetrahedron to the same place are right, with the same loss; others are wrong."""
    shape = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    found = stabiliser(shape)
    loss, target = PoseLoss(found.elements).double(), torch.tensor(O3.sample(5, 2))
    assert found.name == "Td"
    for h in torch.tensor(found.elements[1:]):
        close(loss.each(target @ h, target), 0.0, 1e-20)
        assert loss.each(h @ target, target).amin() > 1e-3  # the symmetries are those of the shape as it was
    other = torch.tensor(O3.sample(5, 3)).requires_grad_()
    assert (loss.each(other, target) <= PoseLoss().each(other, target)).all()
    assert torch.autograd.gradcheck(lambda q: loss(q, target), (other,))
    assert not loss.state_dict()
    close(loss.float().double().symmetries, found.elements, 0.0)


def trained(group: CatalogGroup, seed: int) -> tuple[float, float]:
    """The natural call: a network that ends in GroupElement, PoseLoss, nothing else. The loss, and the right flips."""
    torch.manual_seed(seed)
    rep, hidden, head = 4 * group.defining, 8 * group.defining, GroupElement(group)
    layers = [nn.Linear(rep, hidden), nn.NormActivation(hidden), nn.Linear(hidden, head.rep_in), head]
    net, shape, goal = nn.Sequential(*layers).double(), torch.randn(rep.dim).double(), torch.tensor(group.sample(8, 1))
    posed = torch.as_tensor(rep.matrix(goal.numpy())) @ shape
    optimizer, loss = torch.optim.Adam(net.parameters(), lr=1e-2), PoseLoss()
    for _ in range(300):
        optimizer.zero_grad()
        loss(net(posed), goal).backward()
        optimizer.step()
    found = net(posed).detach()
    flips = torch.linalg.det(found).sign() == torch.linalg.det(goal).sign()
    return float(loss(found, goal)), float(flips.double().mean())


each_group = pytest.mark.parametrize(
    "group", [O2, O3, dihedral(3), dihedral(4), *map(point_group, ("Oh", "Td", "Dinfh"))], ids=str
)


@each_group
def test_poses_and_flips_are_learned_from_any_start(group: CatalogGroup) -> None:
    loss, flips = trained(group, 0)  # a start from which the distance alone learns no flip in O(2), O(3) and D_n
    assert loss < 1e-3
    assert flips == 1


@pytest.mark.slow
@each_group
def test_poses_and_flips_are_learned_from_twenty_starts(group: CatalogGroup) -> None:
    losses, flips = zip(*(trained(group, seed) for seed in range(20)), strict=True)
    assert max(losses) < 1e-3
    assert min(flips) == 1


def test_only_what_a_head_gives_knows_its_matrix() -> None:
    """The gradient leads across det M = 0; of a copy it is that of the distance, which never does."""
    head, goal = GroupElement(O3), torch.tensor(O3.sample(1, 7)[0])
    mirrored = goal @ torch.diag(torch.tensor([1.0, 1.0, -1.0]).double())
    start = (mirrored + 0.1 * random(1)[0]).flatten()
    losses = {
        "PoseLoss": (lambda q, _: PoseLoss()(q, goal), 1.0),
        "PoseLoss of copies": (lambda q, _: PoseLoss()(q.clone(), goal), -1.0),
        "FlipLoss beside a loss of one's own": (lambda q, m: (q - goal).square().sum() + FlipLoss()(m, goal), 1.0),
    }
    for name, (function, expected) in losses.items():
        x = start.clone().requires_grad_()
        optimizer = torch.optim.SGD([x], lr=0.1)
        for _ in range(300):
            optimizer.zero_grad()
            function(head(x), head.matrix(x)).backward()
            optimizer.step()
        found = head(x).detach()
        close(torch.linalg.det(found @ goal), expected)
        assert expected < 0 or (found - goal).abs().max() < 1e-3, name
    x = start.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: PoseLoss()(head(x).clone(), goal), (x,))
    with torch.no_grad():
        assert PoseLoss()(head(x), goal) == PoseLoss()(head(x).clone(), goal)  # the value is the distance
    assert PoseLoss()(head(x), goal) == PoseLoss()(head(x).clone(), goal)


@pytest.mark.parametrize(
    "transform",
    [torch.func.jacrev, torch.func.jacfwd, pytest.param(torch.compile, marks=pytest.mark.slow)],
    ids=lambda f: f.__name__,
)
def test_the_way_across_is_seen_by_every_transform(transform: Callable) -> None:
    head, goal, x = GroupElement(O3), torch.tensor(O3.sample(4, 7)), random(4).flatten(1).requires_grad_()
    pose_loss = PoseLoss()

    def loss(x: Tensor) -> Tensor:
        return pose_loss(head(x), goal)

    (expected,) = torch.autograd.grad(loss(x), x)
    if transform.__name__ == "compile":  # by its name: Lightning puts another function in its place
        (found,) = torch.autograd.grad(transform(loss, fullgraph=True, backend="aot_eager")(x), x)
    else:
        found = transform(loss)(x.detach())
    close(found, expected, 1e-12)
    assert expected.abs().max() > 1e-3


def test_the_flip_loss_is_finite_and_knows_no_size() -> None:
    m, target = random(4).requires_grad_(), torch.tensor(O3.sample(4, 1))
    assert torch.autograd.gradcheck(FlipLoss(), (m, target))
    close(FlipLoss()(1e3 * m, target).detach(), FlipLoss()(m, target).detach(), 1e-12)
    singular = torch.ones(4, 3, 3, dtype=torch.float64, requires_grad=True)
    for value in (singular, 0 * singular):
        (gradient,) = torch.autograd.grad(FlipLoss()(value, target), singular)
        assert gradient.isfinite().all()


def test_losses_name_their_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"\(h, n, n\), but got an array of shape \(4, 2\)"):
        PoseLoss(np.ones((4, 2)))
    with pytest.raises(ShapeError, match="the symmetries of the shape are 2 × 2"):
        PoseLoss(np.eye(2)[None])(torch.eye(3), torch.eye(3))
    with pytest.raises(ShapeError, match="matrices of one shape"):
        PoseLoss()(torch.eye(3), torch.eye(2))
    with pytest.raises(ShapeError, match="n = 2 or 3"):
        FlipLoss()(torch.eye(4), torch.eye(4))
