"""Vectors to elements of a group: exact, with honest edges."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ShapeError
from intertwine.nn.heads import ElementScores, GroupElement, gram_schmidt, polar
from intertwine.testing import act, check_module, equivariance_error, law_elements
from tests.registry import close

GROUPS = [SO2, O2, SO3, O3]
each_group = pytest.mark.parametrize("group", GROUPS, ids=str)
each_projection = pytest.mark.parametrize("projection", [polar, gram_schmidt])


def random(n: int, count: int = 50, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, n, n, generator=generator, dtype=torch.float64).to(dtype)


def features(m: Tensor) -> Tensor:
    """Features of `head.rep_in` whose vectors are the columns of m."""
    return m.flatten(-2)


# exact equivariance ---------------------------------------------------------------------------------------------------


@each_projection
@each_group
def test_outputs_are_elements_and_move_along(group: CatalogGroup, projection: object) -> None:
    head = GroupElement(group, projection)
    x = features(random(group.dim, 200))
    x = x[~head.degenerate(x, 0.05)]
    assert len(x) > 50
    found = head(x)
    assert group.contains(found, 1e-12).all()
    for g in law_elements(group):
        close(head(act(head.rep_in, g, x)), torch.tensor(g) @ found, 1e-12)


@each_projection
@each_group
def test_elements_come_back(group: CatalogGroup, projection: object) -> None:
    """A head finds the element that its vectors are the columns of, at any length of the vectors."""
    head, g = GroupElement(group, projection), torch.tensor(group.sample(20, 3))
    for length in (1.0, 1e-20, 1e-200, 1e200):
        close(head(features(length * g)), g, 1e-12)
    for length in (1.0, 1e-20, 1e30):
        close(head(features((length * g).float())), g, 1e-5)


@pytest.mark.parametrize(("group", "name"), [(O2, "SO(2)"), (O3, "SO(3)")], ids=str)
def test_the_determinant_is_the_flip(group: CatalogGroup, name: str) -> None:
    """In O(n) the sign of det M decides; in SO(n) the result is always a rotation."""
    m = random(group.dim, 100)
    flips = torch.linalg.det(m).sign()
    for projection in (polar, gram_schmidt):
        close(torch.linalg.det(GroupElement(group, projection)(features(m))), flips, 1e-10)
        proper = SO2 if name == "SO(2)" else SO3
        close(torch.linalg.det(GroupElement(proper, projection)(features(m))), 1.0, 1e-10)


def test_a_user_finds_a_flip() -> None:
    """One equivariant network on a cloud before and after an element of O(2) tells the element, exactly."""
    torch.manual_seed(0)
    rep = O2.rep("4x1")
    hidden = O2.rep("8x1")
    layers = [nn.Linear(rep, hidden), nn.NormActivation(hidden), nn.Linear(hidden, O2.rep("2x1")), GroupElement(O2)]
    net = nn.Sequential(*layers).double()
    x = torch.randn(30, 8, dtype=torch.float64)
    for g in O2.sample(6, 1):
        with torch.no_grad():
            found = net(act(rep, g, x)) @ net(x).transpose(-1, -2)
        close(found, torch.tensor(g).expand(30, 2, 2), 1e-11)


@each_group
def test_polar_is_the_closest_element(group: CatalogGroup) -> None:
    """No other element of a fine sample is closer to M."""
    m = random(group.dim, 20)
    found = GroupElement(group)(features(m))
    others = torch.tensor(group.sample(3000, 5))
    distances = (m[:, None] - others).square().sum((-1, -2)).amin(1)
    assert ((m - found).square().sum((-1, -2)) <= distances + 1e-12).all()


def test_gram_schmidt_keeps_the_first_direction() -> None:
    m = random(3)
    found = gram_schmidt(m, proper=False)
    close(found[..., 0], torch.nn.functional.normalize(m[..., 0], dim=-1), 1e-12)
    triangular = found.transpose(-1, -2) @ m
    close(triangular.tril(-1), 0.0, 1e-12)
    assert (triangular.diagonal(dim1=-1, dim2=-2) > 0).all()


# derivatives ----------------------------------------------------------------------------------------------------------


@each_projection
@each_group
def test_derivatives(group: CatalogGroup, projection: object) -> None:
    head = GroupElement(group, projection)
    x = features(random(group.dim, 60, seed=1))
    x = x[~head.degenerate(x, 0.3)][:4].requires_grad_()
    assert torch.autograd.gradcheck(head, (x,))
    assert torch.autograd.gradgradcheck(head, (x,))


@each_group
def test_derivatives_at_the_solution(group: CatalogGroup) -> None:
    """At an orthogonal M all singular values are equal, where the SVD's own derivative is NaN."""
    x = features(torch.tensor(group.sample(3, 2))).requires_grad_()
    head = GroupElement(group)
    assert torch.autograd.gradcheck(head, (x,))
    assert torch.autograd.gradgradcheck(head, (x,))
    y = head(x)
    (gradient,) = torch.autograd.grad((y - torch.eye(group.dim)).square().sum(), x)
    assert gradient.isfinite().all()


@each_projection
@each_group
def test_derivatives_forward(group: CatalogGroup, projection: object) -> None:
    """Forward mode agrees with backward mode, alone and nested in each order, and over a batch."""
    head, forward, backward = GroupElement(group, projection), torch.func.jacfwd, torch.func.jacrev
    x = features(random(group.dim, 60, seed=1))
    x = x[~head.degenerate(x, 0.3)][:4]
    first, second = torch.func.vmap(backward(head))(x), torch.func.vmap(backward(backward(head)))(x)
    close(torch.func.vmap(forward(head))(x), first, 1e-12)
    for both in (forward(forward(head)), forward(backward(head)), backward(forward(head))):
        close(torch.func.vmap(both)(x), second, 1e-10)
    assert torch.autograd.gradcheck(head, (x.requires_grad_(),), check_forward_ad=True)


@each_group
def test_third_derivatives_forward(group: CatalogGroup) -> None:
    """Two forward levels around the formula itself, where torch's own solve goes wrong without a word."""
    head, forward, backward = GroupElement(group), torch.func.jacfwd, torch.func.jacrev
    x = features(2 * torch.eye(group.dim) + 0.3 * random(group.dim, 1)[0])
    close(forward(forward(forward(head)))(x), backward(backward(backward(head)))(x), 1e-12)


@each_projection
@each_group
def test_a_head_learns(group: CatalogGroup, projection: object) -> None:
    """Gradient descent on M from a rough guess reaches a wanted element, and stays finite when it is there."""
    goal = torch.tensor(group.sample(1, 7)[0])
    head = GroupElement(group, projection)
    x = features(goal + 0.4 * random(group.dim, 1, seed=2)[0]).clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=0.2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (head(x) - goal).square().sum()
        loss.backward()
        assert x.grad.isfinite().all()
        optimizer.step()
    assert loss < 1e-6


# where it is undefined ------------------------------------------------------------------------------------------------


def _bad(n: int) -> list[Tensor]:
    """Zero, parallel and opposite vectors, one or two of them zero, nearly parallel ones, tiny ones."""
    v = random(n, 1, seed=4)[0, :, 0]
    factors = torch.tensor([[1, 1, 1], [1, -2, 0.5], [0, 1, 1], [1, 0, 0], [0, 0, 1]]).double()
    cases = [torch.zeros(n, n), *(v[:, None] * row[:n] for row in factors)]
    cases.append(v[:, None] + 1e-12 * random(n, 1, seed=5)[0])
    cases.append(torch.diag(torch.tensor([1.0, 1, 0][-n:]).double()))
    cases.append(torch.diag(torch.tensor([1.0, 1, -1][-n:]).double()))
    cases += [scale * case for scale in (1e-36, 1e-42, 1e30) for case in cases[1:4]]
    return [case.double() for case in cases]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@each_projection
@each_group
def test_finite_where_undefined(group: CatalogGroup, projection: object, dtype: torch.dtype) -> None:
    """Values are elements and gradients finite, also second ones, wherever the vectors are."""
    head = GroupElement(group, projection)
    for case in _bad(group.dim):
        x = features(case).to(dtype).requires_grad_()
        y = head(x)
        assert group.contains(y.detach(), 1e-4 if dtype == torch.float32 else 1e-9), case
        weights = torch.arange(1, y.numel() + 1, dtype=dtype).reshape(y.shape)
        (gradient,) = torch.autograd.grad((weights * y).sum(), x, create_graph=True)
        assert gradient.isfinite().all(), case
        if gradient.requires_grad and case.abs().max() > 1e-20:
            (second,) = torch.autograd.grad(torch.tanh(gradient).sum(), x, materialize_grads=True)
            assert not second.isnan().any(), case


@each_projection
@each_group
def test_a_batch_is_not_spoiled_by_one_bad_sample(group: CatalogGroup, projection: object) -> None:
    head, good = GroupElement(group, projection), random(group.dim, 5, seed=6)
    together = features(torch.cat([good, torch.stack(_bad(group.dim))])).requires_grad_()
    alone = features(good).requires_grad_()
    (a,) = torch.autograd.grad(head(together)[:5].sum(), together)
    (b,) = torch.autograd.grad(head(alone).sum(), alone)
    close(a[:5], b, 1e-9)
    assert a.isfinite().all()


@each_group
def test_degeneracy_of_the_closest_element(group: CatalogGroup) -> None:
    head, n = GroupElement(group), group.dim
    proper = str(group).startswith("S")
    parallel = torch.ones(n, n, dtype=torch.float64)
    mirror = torch.diag(torch.tensor([1.0] * (n - 1) + [-1.0]).double())
    flat = torch.diag(torch.tensor([1.0] * (n - 1) + [0.0]).double())
    x = features(torch.stack([torch.zeros(n, n).double(), parallel, torch.eye(n).double(), mirror, flat]))
    # Of parallel vectors in the plane a rotation is still closest; a mirror has no closest rotation; and a flat M has
    # one in SO(n) but two closest elements, a rotation and a flip, in O(n).
    expected = [True, n == 3 or not proper, False, proper, not proper]
    assert head.degenerate(x).tolist() == expected
    assert head.confidence(x)[2] == pytest.approx(1)
    assert ((head.confidence(x) >= 0) & (head.confidence(x) <= 1)).all()


@pytest.mark.parametrize("group", [SO2, SO3], ids=str)
def test_degeneracy_of_gram_schmidt(group: CatalogGroup) -> None:
    """Among rotations it reads the first n − 1 vectors alone: zero or parallel ones are degenerate, mirrors are not."""
    head, n = GroupElement(group, gram_schmidt), group.dim
    mirror = torch.diag(torch.tensor([1.0] * (n - 1) + [-1.0]).double())
    lost = torch.eye(n, dtype=torch.float64)
    lost[:, 0] = 0 if n == 2 else lost[:, 1]
    flat = torch.diag(torch.tensor([1.0] * (n - 1) + [0.0]).double())  # the last vector is not looked at
    assert head.degenerate(features(torch.stack([mirror, flat, lost]))).tolist() == [False, False, True]
    assert equivariance_error(head, features(torch.stack([mirror, random(n, 1, seed=9)[0]]))) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@each_group
def test_degeneracy_in_low_precision(group: CatalogGroup, dtype: torch.dtype) -> None:
    head, n = GroupElement(group), group.dim
    x = features(torch.stack([torch.zeros(n, n), torch.eye(n)])).to(dtype)
    assert head.degenerate(x).tolist() == [True, False]
    assert head.confidence(x).dtype == dtype
    assert head(x).dtype == dtype
    assert head(x[:0]).shape == (0, n, n)
    assert head.confidence(x[:0]).shape == (0,)


# making one -----------------------------------------------------------------------------------------------------------


@each_group
def test_shapes(group: CatalogGroup) -> None:
    head, n = GroupElement(group), group.dim
    assert head.rep_in == n * group.defining
    assert head(torch.randn(2, 0, 5, n * n)).shape == (2, 0, 5, n, n)
    assert head(torch.randn(n * n)).shape == (n, n)
    m = random(n, 4)
    vectors = m.transpose(-1, -2)  # copies first, as `rep.join` takes them
    assert torch.equal(head.matrix(head.rep_in.join([vectors])), m)


def test_users_bring_their_own_projection() -> None:
    head = GroupElement(SO2, lambda m, proper: polar(m, proper).round())
    assert np.array_equal(head(features(torch.eye(2))), np.eye(2))


def test_mistakes_are_named() -> None:
    for other in (SO2 * SO2, "O(3)"):
        with pytest.raises(ArgumentError, match=r"elements of SO\(2\), O\(2\), .* such as Cinfv, but got .*"):
            GroupElement(other)
    with pytest.raises(ArgumentError, match="with a projection of your own"):
        GroupElement(cyclic(4), polar)
    with pytest.raises(ArgumentError, match="temperature"):
        GroupElement(cyclic(4), temperature=0.0)
    with pytest.raises(ShapeError, match=r"GroupElement takes features of the rep 3x1o of O\(3\), 9 numbers"):
        GroupElement(O3)(torch.zeros(4, 6))


def test_angles_of_the_plane() -> None:
    """A known rotation from a noisy M: the angle of (trace, antisymmetric part)."""
    m = random(2, 10)
    angle = torch.atan2(m[:, 1, 0] - m[:, 0, 1], m[:, 0, 0] + m[:, 1, 1])
    found = polar(m, proper=True)
    close(torch.atan2(found[:, 1, 0], found[:, 0, 0]), angle, 1e-12)
    assert math.isclose(float(torch.linalg.det(found[0])), 1.0)


@pytest.mark.parametrize("group", [cyclic(2), cyclic(6), dihedral(4), point_group("Oh"), symmetric(4)], ids=str)
def test_the_element_of_a_finite_group_is_read_off_exactly(group: CatalogGroup) -> None:
    """An input moved by g has the element g times the one it had."""
    head = ElementScores(group).double()
    x = torch.randn(head.rep_in.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = torch.tensor(group.sample(10, 1))
    moved = torch.as_tensor(head.rep_in.matrix(g.numpy())) @ x
    close(head.element(moved), g @ head.element(x), 1e-12)
    close(head(g.flatten(1)).argmax(-1), group.table.index(g.numpy()))  # features whose matrix M is an element
    assert (head.confidence(moved) > 0).all()
    close(head.confidence(g.flatten(1)), 1.0, 1e-12)
    assert head.confidence(torch.zeros_like(x)) == 0
    assert head.degenerate(torch.zeros_like(x))


def test_continuous_groups_have_no_scores() -> None:
    with pytest.raises(ArgumentError, match="Call GroupElement"):
        ElementScores(O2)


# finite groups, and continuous ones about an axis ---------------------------------------------------------------------

FINITE = [cyclic(1), cyclic(2), cyclic(5), dihedral(1), dihedral(4), symmetric(4)]
POINT_GROUPS = ["C1", "Cs", "Ci", "C3", "C4v", "C3h", "S4", "D3", "D3h", "D2d", "Td", "Th", "T", "O", "Oh", "I", "Ih"]
AXIAL = ["Cinf", "Cinfv", "Cinfh", "Dinf", "Dinfh"]
each_other_group = pytest.mark.parametrize("group", [*FINITE, *map(group, POINT_GROUPS), *map(group, AXIAL)], ids=str)


@each_other_group
def test_elements_of_every_group(group: CatalogGroup) -> None:
    """Outputs are elements, they move along, and elements come back at any length of the vectors."""
    head = GroupElement(group).double()
    x = features(random(group.dim, 200))
    x = x[~head.degenerate(x, 0.02)]
    assert len(x) > 50
    found = head(x)
    assert group.contains(found, 1e-12).all()
    for g in law_elements(group):
        close(head(act(head.rep_in, g, x)), torch.tensor(g) @ found, 1e-11)
        close(head.confidence(act(head.rep_in, g, x)), head.confidence(x), 1e-11)
    g = torch.tensor(group.sample(20, 3))
    for length in (1.0, 1e-200, 1e200):
        close(head(features(length * g)), g, 1e-12)
    close(head.float()(features(g.float())), g.float(), 1e-6)


@each_other_group
def test_the_closest_element_of_every_group(group: CatalogGroup) -> None:
    """No element is closer to M, and the confidence is the smallest lead, per distance, over all others."""
    head, m = GroupElement(group).double(), random(group.dim, 30, seed=8)
    found = head(features(m))
    others = torch.tensor(group.elements() if group.is_finite else group.sample(4000, 5))
    lead = (found.flatten(1) * m.flatten(1)).sum(1)[:, None] - m.flatten(1) @ others.flatten(1).T
    assert (lead > -1e-12).all()
    apart = group.dim - found.flatten(1) @ others.flatten(1).T
    ratio = torch.where(apart > 1e-6, lead / apart, torch.inf).amin(1) / torch.linalg.svdvals(m)[:, 0]
    confidence = head.confidence(features(m))
    if group.is_finite:
        close(confidence, ratio.clamp(max=1), 1e-12)
    else:  # a random sample comes close to the infimum
        assert ((confidence < ratio + 1e-9) & (confidence > ratio - 0.05)).all()


@each_other_group
def test_ties_are_finite_and_named(group: CatalogGroup) -> None:
    head = GroupElement(group).double()
    x = torch.zeros(2, head.rep_in.dim, dtype=torch.float64, requires_grad=True)
    y = head(x)
    assert group.contains(y.detach()).all()
    (gradient,) = torch.autograd.grad((y * y.detach()).sum(), x)
    assert gradient.isfinite().all()
    assert head.degenerate(x).all() == (group.order > 1)
    assert head(x[:0]).shape == (0, group.dim, group.dim)
    if group.is_finite and group.order > 1:  # midway between two elements
        pair = torch.tensor(group.elements()[:2])
        assert head.degenerate(features(pair.sum(0)))
        tie = features(pair.sum(0)).requires_grad_()
        (gradient,) = torch.autograd.grad((head(tie) * pair[0]).sum(), tie)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("group", [cyclic(6), dihedral(4), point_group("Oh")], ids=str)
def test_gradients_go_straight_through(group: CatalogGroup) -> None:
    """The value is an element; its gradient is that of the mean element under a softmax, which is equivariant."""
    head = GroupElement(group, temperature=0.3).double()
    x = features(random(group.dim, 5, seed=2)).requires_grad_()
    weights = random(group.dim, 5, seed=3)
    (gradient,) = torch.autograd.grad((weights * head(x)).sum(), x)

    def mean(x: Tensor) -> Tensor:
        elements = torch.tensor(group.elements())
        scores = x @ elements.flatten(1).T / x.norm(dim=-1, keepdim=True) / math.sqrt(group.dim)
        return (torch.softmax(scores / 0.3, -1) @ elements.flatten(1)).reshape(-1, group.dim, group.dim)

    (expected,) = torch.autograd.grad((weights * mean(x)).sum(), x)
    close(gradient, expected, 1e-12)
    assert gradient.abs().max() > 1e-3


@pytest.mark.parametrize("group", [cyclic(4), dihedral(3), point_group("Td"), point_group("D3h")], ids=str)
def test_laws_of_finite_heads(group: CatalogGroup) -> None:
    """All but derivatives by finite differences, which see steps only."""
    assert check_module(GroupElement(group), gradients=False).equivariance < 1e-12


def test_a_head_of_a_finite_group_learns() -> None:
    """Straight through: gradient descent turns the vectors until the right element is the closest."""
    group = point_group("O")
    head, goal = GroupElement(group).double(), torch.tensor(group.elements()[17])
    x = features(random(3, 1, seed=1)[0]).clone().requires_grad_()
    assert (head(x) - goal).abs().max() > 0.5
    optimizer = torch.optim.SGD([x], lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        (head(x) - goal).square().sum().backward()
        optimizer.step()
    close(head(x).detach(), goal, 1e-12)
