"""Losses that train heads: poses of shapes with symmetries, and flips."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine.catalog import O3, SO3
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


def test_flips_are_learned_through_det_m() -> None:
    """The pose loss alone cannot cross det M = 0; with the flip loss the right hand is found."""
    head, goal = GroupElement(O3), torch.tensor(O3.sample(1, 7)[0])
    mirrored = goal @ torch.diag(torch.tensor([1.0, 1.0, -1.0]).double())
    start = (mirrored + 0.1 * random(1)[0]).flatten()
    for flip, expected in ((None, -1.0), (FlipLoss(), 1.0)):
        x = start.clone().requires_grad_()
        optimizer = torch.optim.SGD([x], lr=0.1)
        for _ in range(300):
            optimizer.zero_grad()
            loss = PoseLoss()(head(x), goal) + (0.0 if flip is None else flip(head.matrix(x), goal))
            loss.backward()
            optimizer.step()
        found = head(x).detach()
        close(torch.linalg.det(found @ goal), expected)
    close(found, goal, 1e-3)


def test_the_flip_loss_is_finite_and_knows_no_size() -> None:
    m, target = random(4).requires_grad_(), torch.tensor(O3.sample(4, 1))
    assert torch.autograd.gradcheck(FlipLoss(), (m, target))
    close(FlipLoss()(1e3 * m, target).detach(), FlipLoss()(m, target).detach(), 1e-12)
    singular = torch.ones(4, 3, 3, dtype=torch.float64, requires_grad=True)
    for value in (singular, 0 * singular):
        (gradient,) = torch.autograd.grad(FlipLoss()(value, target), singular)
        assert gradient.isfinite().all()


def test_losses_name_their_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"\(h, n, n\), but an array of shape \(4, 2\) came"):
        PoseLoss(np.ones((4, 2)))
    with pytest.raises(ShapeError, match="the symmetries of the shape are 2 × 2"):
        PoseLoss(np.eye(2)[None])(torch.eye(3), torch.eye(3))
    with pytest.raises(ShapeError, match="matrices of one shape"):
        PoseLoss()(torch.eye(3), torch.eye(2))
    with pytest.raises(ShapeError, match="n = 2 or 3"):
        FlipLoss()(torch.eye(4), torch.eye(4))
