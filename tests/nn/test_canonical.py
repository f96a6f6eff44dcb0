"""Any network made equivariant: standard poses, averages over frames, and what holds where a pose is not unique."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.nn.canonical import Poses
from intertwine.nn.heads import GroupElement, gram_schmidt
from intertwine.reps import Rep
from intertwine.symmetry import stabiliser
from intertwine.testing import act, check_module, equivariance_error, law_elements
from tests.registry import close

WHOLE = [SO2, O2, SO3, O3]
FINITE = [cyclic(4), dihedral(4), *map(group, ("O", "Oh", "Ih", "Td", "D3h", "C3v"))]
AXIAL = [group("Cinfv"), group("Dinf")]

each_whole_group = pytest.mark.parametrize("group", WHOLE, ids=str)
each_finite_group = pytest.mark.parametrize("group", FINITE, ids=str)
each_group = pytest.mark.parametrize("group", [*WHOLE, *FINITE, *AXIAL], ids=str)
each_frames = pytest.mark.parametrize("frames", [nn.frames.PCA, nn.frames.Weighted])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def mlp(size: int, out: int, width: int = 16) -> plain.Module:
    return plain.Sequential(plain.Linear(size, width), plain.Tanh(), plain.Linear(width, out)).double()


def canonical(rep: Rep, out: Rep, backbone: plain.Module | None = None) -> nn.Canonicalize:
    G = rep.group
    frame = nn.Sequential(nn.Linear(rep, G.dim * G.defining), GroupElement(G))
    return nn.Canonicalize(mlp(rep.dim, out.dim) if backbone is None else backbone, frame, rep, out).double()


def features(rep: Rep, count: int = 20, seed: int = 0) -> Tensor:
    return torch.randn(count, rep.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def vectors(x: np.ndarray) -> Tensor:
    """Features of m copies of the vector for vectors `(..., m, n)`."""
    return torch.as_tensor(x).transpose(-1, -2).flatten(-2)


def defects(module: Callable[..., Tensor], x: Tensor, rep: Rep, out: Rep) -> Tensor:
    """The largest defect of each sample, over the elements that laws are tried on."""
    with torch.no_grad():
        moved = [(module(act(rep, g, x)) - act(out, g, module(x))).abs().amax(-1) for g in law_elements(rep.group)]
    return torch.stack(moved).amax(0)


# equivariance ---------------------------------------------------------------------------------------------------------


@each_group
def test_a_plain_network_becomes_equivariant(group: CatalogGroup) -> None:
    rep, out = 5 * group.defining + group.harmonics(2), group.harmonics(2)
    module, x = canonical(rep, out), features(rep, 50)
    x = x[~module.degenerate(x)]
    assert len(x) > 25
    assert equivariance_error(module, x) < 1e-10
    assert equivariance_error(module.backbone, x, rep, out) > 0.1
    assert equivariance_error(module.float(), x.float()) < 1e-3


@each_frames
@each_whole_group
def test_averages_are_equivariant(group: CatalogGroup, frames: type) -> None:
    rep, out = group.harmonics(2) + 4 * group.defining, group.harmonics(2)
    module = nn.FrameAveraging(mlp(rep.dim, out.dim), frames(group, rep), rep, out).double()
    x = features(rep, 20)
    assert not module.degenerate(x).any()
    assert equivariance_error(module, x) < 1e-10
    assert torch.autograd.gradcheck(module, (x[:2].requires_grad_(),))


@each_finite_group
def test_whole_averages_are_equivariant_everywhere(group: CatalogGroup) -> None:
    """Also on inputs with a symmetry, zero among them, whose outputs then have it."""
    rep, out = 2 * group.defining + group.irreps(6)[-1], group.regular if group.order < 50 else group.harmonics(2)
    module = nn.FrameAveraging(mlp(rep.dim, out.dim), nn.frames.WholeGroup(group), rep, out).double()
    x = features(rep, 6)
    for H in (group.elements()[:2], group.elements()):  # sums over them are fixed by the whole group
        x = torch.cat([x, torch.stack([act(rep, h, x[:2]) for h in H]).sum(0)])
    assert equivariance_error(module, x) < 1e-10
    assert not module.degenerate(x).any()
    fixed = module(torch.zeros(rep.dim, dtype=torch.float64)).detach()
    for g in group.generators:
        close(act(out, g, fixed), fixed, 1e-12)


@each_group
def test_the_backbone_sees_one_pose(group: CatalogGroup) -> None:
    """It is the user's own module, unchanged, and all inputs of an orbit look the same to it."""
    rep = 4 * group.defining
    backbone = mlp(rep.dim, group.dim)
    module, seen = canonical(rep, group.defining, backbone), []
    assert module.backbone is backbone
    own = {key for key in module.state_dict() if key.startswith("backbone.")}
    assert own == {f"backbone.{key}" for key in backbone.state_dict()}
    backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    (x,) = features(rep, 1, seed=3)
    for g in law_elements(group):
        module(act(rep, g, x))
    for other in seen:
        close(other, seen[0], 1e-11)


def test_all_laws_with_a_step_frame() -> None:
    """The frame of a finite group is a step function, which finite differences cannot see; all other laws hold."""
    G = dihedral(4)
    assert check_module(canonical(3 * G.defining, G.regular), gradients=False).equivariance < 1e-10


# known mistakes of others ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", [None, gram_schmidt])
def test_determinants(projection: object) -> None:
    """Frames of SO(3) are rotations, always; frames of O(3) keep the hand of the input."""
    m = torch.randn(500, 3, 3, dtype=torch.float64)
    close(torch.linalg.det(GroupElement(SO3, projection)(m.flatten(1))), 1.0, 1e-12)
    kept = torch.linalg.det(GroupElement(O3, projection)(m.flatten(1)))
    close(kept, torch.linalg.det(m).sign(), 1e-12)
    assert 200 < (kept < 0).sum() < 300
    for frames in (nn.frames.PCA, nn.frames.Weighted):
        close(torch.linalg.det(frames(SO3).double()(m)[0]), 1.0, 1e-12)
        signs = torch.linalg.det(frames(O3).double()(m)[0]).round().sum(-1)
        close(signs, 0.0)  # as many mirrored ones as rotations


@each_frames
@each_whole_group
def test_parallel_vectors_are_finite(group: CatalogGroup, frames: type) -> None:
    """Parallel, opposite, equal and zero vectors give finite outputs and gradients, alone or in a batch."""
    rep = 3 * group.defining
    direction = np.random.default_rng(0).normal(size=group.dim)
    factors = np.array([[1.0, 2, 3], [1, -1, 0.5], [1, 1, 1], [0, 0, 1], [0, 0, 0], [1e-30, 1, 1], [1, 1 + 1e-15, 1]])
    bad = vectors(factors[..., None] * direction)
    good = features(rep, 3)
    average = nn.FrameAveraging(mlp(rep.dim, rep.dim), frames(group, rep), rep, rep).double()
    for module in (average, canonical(rep, rep)):
        x = torch.cat([bad, good]).requires_grad_()
        y = module(x)
        assert y.isfinite().all()
        gradients = torch.autograd.grad(y.square().sum(), (x, *module.parameters()))
        assert all(gradient.isfinite().all() for gradient in gradients)
        alone = good.clone().requires_grad_()
        (expected,) = torch.autograd.grad(module(alone).square().sum(), alone)
        close(gradients[0][len(bad) :], expected, 1e-9)
        assert module.degenerate(x)[4]
        assert not module.degenerate(x)[len(bad) :].any()


def test_mirrors_of_the_plane() -> None:
    """The continuous O(2), mirrors included: a mirrored input has the mirrored frame."""
    rep = O2.rep("6x1")
    module, x = canonical(rep, O2.rep("1x0o + 1x1 + 1x2")), features(rep)
    for angle in np.linspace(0, 3, 5):
        mirror = np.array([[math.cos(angle), math.sin(angle)], [math.sin(angle), -math.cos(angle)]])
        with torch.no_grad():
            close(module.frame(act(rep, mirror, x)), torch.tensor(mirror) @ module.frame(x), 1e-11)
            close(module(act(rep, mirror, x)), act(module.rep_out, mirror, module(x)), 1e-10)


def test_only_mirrored_samples_are_mirrored_back() -> None:
    """In one batch of D4 each sample goes back by its own element."""
    G = dihedral(4)
    rep, out = 3 * G.defining, G.rep("1x0o + 1x1")
    module, x = canonical(rep, out), features(rep, len(G.elements()))
    elements = torch.tensor(G.elements())
    assert 0 < (torch.linalg.det(elements) < 0).sum() < len(elements)
    moved = torch.stack([act(rep, g, a) for g, a in zip(G.elements(), x, strict=True)])
    with torch.no_grad():
        close(module.frame(moved), elements @ module.frame(x), 1e-12)
        expected = torch.stack([act(out, g, y) for g, y in zip(G.elements(), module(x), strict=True)])
        close(module(moved), expected, 1e-10)


# inputs with a symmetry -----------------------------------------------------------------------------------------------

SQUARE = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
RECTANGLE = np.array([[2.0, 1], [-2, 1], [-2, -1], [2, -1]])
CUBE = np.array([[x, y, z] for x in (1.0, -1) for y in (1.0, -1) for z in (1.0, -1)])


def average(frames: nn.frames.Frames, rep: Rep, out: Rep) -> nn.FrameAveraging:
    return nn.FrameAveraging(mlp(rep.dim, out.dim), frames, rep, out).double()


def test_a_single_frame_cannot_be_equivariant_on_symmetric_inputs() -> None:
    """The frame says so; an average over the group is the cure, and its output has the symmetry of the input."""
    G = dihedral(4)
    rep, out = 4 * G.defining, G.regular
    x = vectors(np.outer([1.0, 2, -1, 3], [1.0, 0]))  # all along x: the mirror y → −y leaves them alone
    module = canonical(rep, out)
    assert module.degenerate(x)
    assert defects(module, x[None], rep, out) > 1e-3
    cure = average(nn.frames.WholeGroup(G), rep, out)
    assert defects(cure, x[None], rep, out) < 1e-12
    mirror = np.diag([1.0, -1.0])
    close(act(out, mirror, cure(x).detach()), cure(x).detach(), 1e-12)


@pytest.mark.parametrize("group", [SO2, O2], ids=str)
def test_averages_over_a_square(group: CatalogGroup) -> None:
    """Its principal axes are undefined, and PCA says so; weighted frames are exact there."""
    rep, out = group.defining, group.defining
    backbone = plain.Sequential(mlp(2, 5), plain.Flatten(-2), mlp(20, 2))  # of a cloud of four points, in order
    turned = torch.tensor(SQUARE @ group.sample(1, 3)[0])[None]

    def output(frames: nn.frames.Frames) -> nn.FrameAveraging:
        return nn.FrameAveraging(backbone, frames.double(), rep, out).double()

    pca, weighted = output(nn.frames.PCA(group)), output(nn.frames.Weighted(group))
    for cloud, flat in ((turned, True), (torch.tensor(RECTANGLE)[None], False)):
        assert pca.degenerate(cloud).tolist() == [flat]
        assert weighted.degenerate(cloud).tolist() == [False]
        assert (equivariance_error(pca, cloud) < 1e-10) != flat
        assert equivariance_error(weighted, cloud) < 1e-10


def test_averages_over_a_cube() -> None:
    rep = O3.defining
    backbone = plain.Sequential(mlp(3, 5), plain.Flatten(-2), mlp(40, 3))
    cloud = torch.tensor(CUBE @ O3.sample(1, 3)[0])[None]
    pca = nn.FrameAveraging(backbone, nn.frames.PCA(O3), rep, rep).double()
    weighted = nn.FrameAveraging(backbone, nn.frames.Weighted(O3), rep, rep).double()
    brick = cloud * torch.tensor([1.0, 2.0, 3.0])
    assert pca.degenerate(cloud).all()
    assert not (weighted.degenerate(cloud) | weighted.degenerate(brick)).any()
    assert equivariance_error(weighted, cloud) < 1e-10
    assert equivariance_error(weighted, brick) < 1e-10
    brick = torch.tensor(CUBE * [1.0, 2.0, 3.0])[None]
    assert not pca.degenerate(brick).any()
    assert equivariance_error(pca, brick) < 1e-10


def test_outputs_keep_the_symmetry_of_the_input() -> None:
    """Curie's principle: what a set network says of a rectangle is fixed by its four symmetries, by every frame."""

    class Sum(plain.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = mlp(2, 5)

        def forward(self, r: Tensor) -> Tensor:
            return self.layers(r).sum(-2)

    out = O2.rep("1x0e + 1x0o + 1x1 + 1x0e")
    symmetries = stabiliser(RECTANGLE).elements
    assert len(symmetries) == 4
    for frames in (nn.frames.PCA(O2), nn.frames.Weighted(O2)):
        module = nn.FrameAveraging(Sum(), frames, O2.defining, out).double()
        y = module(torch.tensor(RECTANGLE)[None]).detach()
        assert y.abs().max() > 1e-3
        for h in symmetries:
            close(act(out, h, y), y, 1e-12)


@pytest.mark.parametrize("group", [SO2, O2, SO3, O3], ids=str)
def test_weighted_averages_are_continuous(group: CatalogGroup) -> None:
    """Through a square cross-section, where the principal axes change places: PCA jumps, weighted frames do not."""
    rep, out = 4 * group.defining, group.harmonics(2)
    backbone, step = mlp(rep.dim, out.dim), 1e-7
    corners = np.array([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = np.pad(corners, ((0, 0), (0, group.dim - 2)))
    corners[:, 2:] = [[0.1], [0.2], [-0.2], [0.3]]
    stretch = np.ones((2, 1, group.dim))
    stretch[:, 0, 0] += [step, -step]
    x = vectors(corners * stretch)
    jumps = {}
    for frames in (nn.frames.PCA, nn.frames.Weighted):
        module = nn.FrameAveraging(backbone, frames(group, rep), rep, out).double()
        with torch.no_grad():
            jumps[frames] = float((module(x[0]) - module(x[1])).abs().max())
    assert jumps[nn.frames.Weighted] < 1e-5
    if group in (SO2, O2):
        assert jumps[nn.frames.PCA] > 1e-3


@pytest.mark.parametrize("group", WHOLE, ids=str)
def test_weights_vanish_before_their_elements_do(group: CatalogGroup) -> None:
    """A vector that goes to zero, or a pair that becomes parallel, leaves the average where it is."""
    rep, out = 4 * group.defining, group.harmonics(2)
    module = average(nn.frames.Weighted(group, rep), rep, out)
    v = np.random.default_rng(0).normal(size=(4, group.dim))
    zero, parallel = v.copy(), v.copy()
    zero[2], parallel[2] = 0.0, 2 * v[1]
    for end in (zero, parallel):
        for direction in np.random.default_rng(1).normal(size=(3, group.dim)):
            near = end.copy()
            near[2] += 1e-7 * direction
            with torch.no_grad():
                close(module(vectors(near)), module(vectors(end)), 1e-5)
        assert defects(module, vectors(end)[None], rep, out) < 1e-10
        assert torch.autograd.functional.jacobian(module, vectors(end)).isfinite().all()


@pytest.mark.parametrize("group", [SO3, O3], ids=str)
def test_parallel_vectors_of_space(group: CatalogGroup) -> None:
    """No finite average fixes a vector output along a line; an invariant one is exact and continuous there."""
    line = vectors(np.array([[1.0], [2.0], [-0.5]]) * np.array([0.3, -1.0, 0.5]))[None]
    rep = 3 * group.defining
    module = average(nn.frames.Weighted(group, rep), rep, group.rep("1x0" if group == SO3 else "1x0e"))
    assert module.degenerate(line).all()
    assert defects(module, line, rep, module.rep_out) < 1e-10
    with torch.no_grad():
        close(module(line + 1e-7 * features(rep, 1)), module(line), 1e-5)
    assert defects(average(nn.frames.Weighted(group, rep), rep, group.defining), line, rep, group.defining) > 1e-3


@each_whole_group
def test_eigenvectors_have_finite_derivatives(group: CatalogGroup) -> None:
    """Where eigenvalues differ they are right, twice; where they meet they are finite."""
    a = torch.randn(3, group.dim, group.dim, dtype=torch.float64)
    squares = lambda c: nn.frames.eigenvectors(c + c.transpose(-1, -2)).square()  # noqa: E731 (signs do not count)
    assert torch.autograd.gradcheck(squares, (a.requires_grad_(),))
    assert torch.autograd.gradgradcheck(squares, (a,))
    same = torch.eye(group.dim, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((a[0] * nn.frames.eigenvectors(same)).sum(), same, create_graph=True)
    assert gradient.isfinite().all()


# clouds ---------------------------------------------------------------------------------------------------------------


class DeepSet(plain.Module):
    """A network of a cloud that knows no group: charges, features and positions to one output per point."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.first, self.last = mlp(size, 16), mlp(32, out)

    def forward(self, charge: Tensor, x: Tensor, r: Tensor) -> Tensor:
        h = self.first(torch.cat([charge, x, r], -1))
        return self.last(torch.cat([h, h.sum(-2, keepdim=True).expand_as(h)], -1))


class Moments(nn.EquivariantModule):
    """Three vectors of a cloud: positions weighed by functions of the distance."""

    def __init__(self, features: Rep) -> None:
        super().__init__(features, 3 * O3.defining)
        self.head = GroupElement(O3)

    @property
    def reps_in(self) -> tuple[Rep | None, ...]:
        return (None, self.rep_in, O3.defining)

    def forward(self, charge: Tensor, x: Tensor, r: Tensor) -> Tensor:
        distance = r.norm(dim=-1, keepdim=True)
        weights = torch.cat([distance, distance**2, charge], -1)
        return self.head((r.transpose(-1, -2) @ weights).flatten(-2))

    def degenerate(self, charge: Tensor, x: Tensor, r: Tensor, threshold: float = 1e-3) -> Tensor:
        return torch.zeros(r.shape[:-2], dtype=torch.bool)


def clouds() -> dict[str, plain.Module]:
    rep, out = O3.rep("1x0o + 2x1o"), O3.rep("1x0e + 1x1o + 1x2e")
    backbone, reps = DeepSet(1 + rep.dim + 3, out.dim), (None, rep, O3.defining)
    return {
        "canonical": nn.Canonicalize(backbone, Moments(rep), reps, out),
        "PCA": nn.FrameAveraging(backbone, nn.frames.PCA(O3), reps, out),
        "weighted": nn.FrameAveraging(backbone, nn.frames.Weighted(O3), reps, out),
    }


@pytest.mark.parametrize("name", clouds())
def test_clouds_under_motions_of_space(name: str) -> None:
    """Rotations, mirrors, translations and permutations at once, for an output on every point."""
    module = nn.Centred(clouds()[name]).double()
    charge, r = torch.rand(2, 6, 1, dtype=torch.float64), torch.randn(2, 6, 3, dtype=torch.float64)
    x = torch.randn(2, 6, 7, dtype=torch.float64)
    assert equivariance_error(module, (charge, x, r)) < 1e-10
    assert not module.degenerate(charge, x, r).any()
    order, shift = torch.randperm(6), torch.tensor([3.0, -1.0, 8.0])
    with torch.no_grad():
        y = module(charge, x, r)
        assert y.shape == (2, 6, 9)
        close(module(charge[:, order], x[:, order], r[:, order] + shift), y[:, order], 1e-10)
        close(module(charge[0], x[0], r[0]), y[0], 1e-10)


def test_an_average_of_a_finite_group_over_clouds() -> None:
    G = group("Oh")
    backbone = DeepSet(1 + 3 + 3, 3)
    frames = nn.frames.WholeGroup(G, axes=2)
    module = nn.FrameAveraging(backbone, frames, (None, G.defining, G.defining), G.defining).double()
    charge, x, r = torch.rand(2, 5, 1).double(), torch.randn(2, 5, 3).double(), torch.randn(2, 5, 3).double()
    assert equivariance_error(module, (charge, x, r)) < 1e-10
    assert module.degenerate(charge, x, r).tolist() == [False, False]
    with torch.no_grad():
        close(module(charge[0], x[0], r[0]), module(charge, x, r)[0], 1e-12)


# a user ---------------------------------------------------------------------------------------------------------------


def test_a_user_makes_a_network_equivariant_and_trains_it() -> None:
    """A force between dipoles, learned by an MLP from 256 samples: as it stands it does not carry over to new poses."""
    rep, out = O3.rep("3x1o"), O3.rep("1x1o")

    def force(x: Tensor) -> Tensor:
        a, b, r = rep.split(x)[0].unbind(-2)
        dot = (a * b).sum(-1, keepdim=True)
        return (dot * r + (b * r).sum(-1, keepdim=True) * a) / (1 + (r * r).sum(-1, keepdim=True))

    def train(module: plain.Module) -> float:
        x = features(rep, 256, seed=1)
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(200):
            optimizer.zero_grad()
            loss = (module(x) - force(x)).square().mean()
            loss.backward()
            optimizer.step()
        new = features(rep, 500, seed=2)
        with torch.no_grad():
            return float((module(new) - force(new)).square().mean() / force(new).square().mean())

    backbone = mlp(rep.dim, out.dim, 64)
    bare = train(copy.deepcopy(backbone))
    made = nn.FrameAveraging(copy.deepcopy(backbone), nn.frames.PCA(O3, rep), rep, out).double()
    learned = nn.Canonicalize(backbone, nn.Sequential(nn.Linear(rep, rep), GroupElement(O3)), rep, out).double()
    averaged, canonicalised = train(made), train(learned)
    assert bare > 0.5
    assert max(averaged, canonicalised) < 0.1
    for module in (made, learned):
        assert equivariance_error(module) < 1e-10


# mistakes -------------------------------------------------------------------------------------------------------------


def test_mistakes_are_named() -> None:
    rep = O3.rep("4x1o")
    frame = nn.Sequential(nn.Linear(rep, 3 * O3.defining), GroupElement(O3))
    with pytest.raises(ArgumentError, match=r"gives elements of it, so its rep_out is 3x1o, but Linear has"):
        nn.Canonicalize(plain.Linear(12, 3), nn.Linear(rep, rep), rep, O3.defining)
    with pytest.raises(ArgumentError, match="but Linear has the rep_out None"):
        nn.Canonicalize(plain.Linear(12, 3), plain.Linear(12, 9), rep, O3.defining)
    with pytest.raises(RepMismatchError, match="takes the same inputs as the module"):
        nn.Canonicalize(plain.Linear(12, 3), frame, 5 * O3.defining, O3.defining)
    with pytest.raises(RepMismatchError, match=r"under one group, but got 4x1o of O\(3\) and 1x1 of SO\(3\)"):
        nn.Canonicalize(plain.Linear(12, 3), frame, rep, SO3.defining)
    with pytest.raises(ArgumentError, match="at least one input that moves"):
        nn.Canonicalize(plain.Linear(12, 3), frame, (None,), O3.defining)
    with pytest.raises(ArgumentError, match="takes frames such as"):
        nn.FrameAveraging(plain.Linear(12, 3), frame, rep, O3.defining)
    with pytest.raises(RepMismatchError, match=r"The frames are those of SO\(3\)"):
        nn.FrameAveraging(plain.Linear(12, 3), nn.frames.PCA(SO3), rep, O3.defining)
    module = nn.Canonicalize(plain.Linear(12, 3), frame, rep, O3.defining)
    with pytest.raises(ShapeError, match="features of the rep 4x1o"):
        module(torch.zeros(5, 11))
    with pytest.raises(ArgumentError, match="takes 1 inputs, but got 2"):
        module(torch.zeros(5, 12), torch.zeros(5, 3))
    own = nn.Canonicalize(plain.Linear(12, 3), nn.Linear(rep, 3 * O3.defining), rep, O3.defining)
    with pytest.raises(ArgumentError, match="Linear has no method degenerate"):
        own.degenerate(torch.zeros(5, 12))
    assert issubclass(nn.Canonicalize, Poses)


def test_mistakes_about_frames_are_named() -> None:
    with pytest.raises(ArgumentError, match="Call WholeGroup for a finite"):
        nn.frames.PCA(cyclic(4))
    with pytest.raises(ArgumentError, match="Call PCA or Weighted"):
        nn.frames.WholeGroup(O2)
    with pytest.raises(RepMismatchError, match="of a rep of it"):
        nn.frames.PCA(O3, SO3.defining)
    with pytest.raises(ArgumentError, match="holds no 1o"):
        nn.frames.Weighted(O3, O3.rep("2x0e + 1x1e"))
    with pytest.raises(ShapeError, match=r"takes vectors \(..., N, 3\) as the last input"):
        nn.frames.PCA(O3)(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match="takes 2 vectors or more, but got 1"):
        nn.frames.Weighted(SO3)(torch.zeros(1, 3))


def test_it_prints_its_parts() -> None:
    rep = O3.rep("2x0e + 3x1o")
    module = nn.FrameAveraging(plain.Linear(11, 3), nn.frames.PCA(O3, rep), (rep, None), O3.defining)
    assert "2x0e + 3x1o, · → 1x1o, O(3)" in repr(module)
    assert "(backbone): Linear" in repr(module)
