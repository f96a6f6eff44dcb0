"""Story 4: which O(2)? The question that opened escnn's issue 19, and the surprise at its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, O3, SO2
from intertwine.data.shapes import random_blob
from intertwine.groups.rotations import axis_rotation
from intertwine.nn.heads import GroupElement
from intertwine.reps import Rep
from intertwine.symmetry import (
    EffectiveSymmetry,
    IdentifiedElement,
    Recognisable,
    effective_symmetry,
    identify_action,
    recognisable,
)
from intertwine.testing import act, equivariance_error
from intertwine.tour.rectangle import Progress, descend, no_progress

SHAPE_DEGREE = 4
CONE_O2 = O3.subgroup("Cinfv")  # flips are mirrors that contain z
EXPECTED = (1.0, *(0.3 / (1 + l) ** 2 for l in range(1, SHAPE_DEGREE + 1)))  # the sizes of the coefficients of a blob
TWIST_O2 = O3.subgroup("Dinf")  # flips are half-turns about axes in the xy plane


class PoseNetwork(torch.nn.Module):
    """Features of a shape to an element of O(2): f(ρ(g) x) = g f(x), exactly.

    A product of the features with themselves mixes the irreps, which norms alone never do.

    Args:
        rep_in: a rep of O(2), such as `O3.harmonics(4).restrict(O3.subgroup("Cinfv"))`.
    """

    def __init__(self, rep_in: Rep) -> None:
        super().__init__()
        self.rep_in = rep_in
        hidden = O2.rep("16x0e + 8x0o + 16x1 + 8x2 + 4x3")
        self.gate, self.head = nn.Gate(hidden), GroupElement(O2)
        self.first = nn.Linear(self.rep_in, O2.rep("16x0e + 16x1 + 8x2 + 4x3"))
        self.mix = nn.TensorProduct(self.first.rep_out, self.first.rep_out, self.gate.rep_in)
        self.last = nn.Linear(hidden, self.head.rep_in)
        self.reps_in, self.rep_out = (self.rep_in,), self.head.rep_out  # for intertwine.testing

    def vectors(self, x: Tensor) -> Tensor:
        """The two vectors, `(..., 4)`, before they are made orthonormal."""
        h = self.first(x)
        return self.last(self.gate(self.mix(h, h)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """The elements `(..., 2, 2)`."""
        return self.head(self.vectors(x))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class PoseResult:
    """What the pose networks showed on shapes and elements that they never saw."""

    shapes: int  # how many held-out shapes, each moved by its own random element of O(2)
    exact: float  # the largest entry of |f(g x) f(x)⁻¹ − g|: the element that moved a shape, read off exactly
    exact_twist: float  # the same for the network that took the half-turns for its flips, on shapes moved by mirrors
    flips: float  # the share of flips (determinants) found from the moved shape alone, after training on unmoved shapes
    angles: np.ndarray  # the errors of the angle from the moved shape alone, in degrees, where the flip is right
    degenerate: float  # the share of shapes whose element the head calls undefined


@dataclass(frozen=True)
class SurpriseRow:
    """One SO(2)-equivariant network: how its invariant outputs change, relative to their size."""

    name: str  # what it is made of
    equivariance: float  # the SO(2)-equivariance error
    mirror: float  # the change under the mirror y → −y, which is not in SO(2)
    half_turn: float  # the change under the half-turn about x, which is not in SO(2) either
    bound: float  # what the activation itself bounds its equivariance error by, 0 if it is exact


def shapes_in_pose(count: int, seed: int) -> Tensor:
    """Shapes `(count, 25)` that vary about one template, all in the same pose: what "unmoved" means here."""
    template = random_blob(1, SHAPE_DEGREE, np.random.default_rng(0))
    variations = random_blob(count, SHAPE_DEGREE, np.random.default_rng(seed + 1))
    return torch.tensor(0.7 * template + 0.3 * variations, dtype=torch.float64)


def standardised(x: Tensor) -> Tensor:
    """Coefficients with each degree scaled to unit variance, which no rotation or mirror notices."""
    return torch.cat(
        [block / EXPECTED[l] for l, block in enumerate(x.split([2 * l + 1 for l in range(SHAPE_DEGREE + 1)], -1))], -1
    )


def move(rep: Rep, elements: np.ndarray, x: Tensor) -> Tensor:
    """Each shape `(n, rep.dim)` moved by its own element `(n, k, k)`."""
    return torch.einsum("nij,nj->ni", torch.tensor(rep.matrix(elements)), x)


def which_o2(shapes: int = 256, steps: int = 150, seed: int = 0, progress: Progress = no_progress) -> PoseResult:
    """Story 4: predict the element of O(2) that moved a shape; only the right O(2) can."""
    torch.manual_seed(seed)
    network, twisted = (PoseNetwork(O3.harmonics(SHAPE_DEGREE).restrict(s)).double() for s in (CONE_O2, TWIST_O2))
    train_pose(network, standardised(shapes_in_pose(shapes, seed)), steps, progress)
    x = standardised(shapes_in_pose(shapes, seed + 1000))  # held out
    g = O2.sample(shapes, seed)
    moved = move(network.rep_in, g, x)  # by mirrors that contain z
    truth = torch.tensor(g)
    with torch.no_grad():
        found, before = network(moved), network(x)
        wrong = twisted(moved) @ twisted(x).transpose(-1, -2)
        vectors = network.vectors(moved)
    flips, angles = flips_and_angles(found, truth)
    return PoseResult(
        shapes=shapes,
        exact=float((found @ before.transpose(-1, -2) - truth).abs().max()),
        exact_twist=float((wrong - truth).abs().max()),
        flips=flips,
        angles=angles,
        degenerate=float(network.head.degenerate(vectors).double().mean()),
    )


def flips_and_angles(found: Tensor, truth: Tensor) -> tuple[float, np.ndarray]:
    """The share of elements `(n, 2, 2)` of O(2) whose flip was found, and the errors of their angles in degrees."""
    right = torch.linalg.det(found).sign() == torch.linalg.det(truth).sign()
    turn = (truth.transpose(-1, -2) @ found)[right]
    return float(right.double().mean()), np.degrees(torch.atan2(turn[:, 1, 0], turn[:, 0, 0]).abs().numpy())


def train_pose(network: PoseNetwork, x: Tensor, steps: int, progress: Progress) -> None:
    """Teach the network that unmoved shapes have the identity as their pose; equivariance does the rest."""
    identity = torch.eye(2, dtype=x.dtype).expand(len(x), 2, 2)
    told = partial(progress, "training the pose network")
    descend(network, lambda f: F.mse_loss(f(x), identity), steps, 3e-3, told)


def unwilling_invariance(shapes: int = 64, seed: int = 0) -> tuple[SurpriseRow, ...]:
    """The surprise: linear layers and norms are blind to flips although SO(2) never asked them to be.

    Linear maps carry only the frequency-0 coefficients to invariants, norms never mix frequencies, and the mirror
    leaves those coefficients and all norms alone. A nonlinearity that mixes frequencies sees the flip.
    """
    rep = O3.harmonics(SHAPE_DEGREE).restrict(O3.subgroup("Cinf"))
    hidden = SO2.rep("8x0 + 8x1 + 8x2 + 8x3")
    x = shapes_in_pose(shapes, seed)
    rows = []
    for name, activation in (("norm", nn.NormActivation(hidden)), ("Fourier", nn.FourierActivation(hidden))):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(rep, hidden), activation, nn.Linear(hidden, hidden), activation, nn.Linear(hidden, SO2.rep("8x0"))
        ).double()
        flipped = [move(O3.harmonics(SHAPE_DEGREE), np.repeat(g[None], shapes, 0), x) for g in flips()]
        with torch.no_grad():
            y = network(standardised(x))
            changes = [float((network(standardised(z)) - y).abs().max() / y.abs().max()) for z in flipped]
            error = equivariance_error(network, standardised(x))
        bound = float(activation.error_bound(4.0)) if isinstance(activation, nn.FourierActivation) else 0.0
        rows.append(SurpriseRow(name, error, changes[0], changes[1], bound))
    return tuple(rows)


def named_flip() -> IdentifiedElement:
    """What the flip of the founding issue is: the coefficients that the mirror y → −y changes are negated."""
    rep = O3.harmonics(SHAPE_DEGREE)
    return identify_action(rep.matrix(flips()[0]), rep)


def achiral_shape(seed: int = 5) -> Recognisable:
    """What can be told of the pose of a shape that is its own mirror image: its rotation, but no flip."""
    rep = O3.harmonics(SHAPE_DEGREE)
    shape = shapes_in_pose(1, seed)[0].numpy()
    mirror, turn = flips()[0], axis_rotation(2, np.radians(37.0))
    posed = rep.matrix(turn) @ (shape + rep.matrix(mirror) @ shape)
    return recognisable(posed, rep=rep.restrict(CONE_O2))


def blind_network(seed: int = 0) -> EffectiveSymmetry:
    """What an SO(2) network of linear layers and norms sees of 16 coefficients, and which flips it cannot see."""
    shapes = O3.harmonics(3)
    rep, hidden = shapes.restrict(O3.subgroup("Cinf")), SO2.rep("8x0 + 8x1 + 8x2 + 8x3")
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(rep, hidden),
        nn.NormActivation(hidden),
        nn.Linear(hidden, hidden),
        nn.NormActivation(hidden),
        nn.Linear(hidden, SO2.rep("4x0 + 1x1")),
    )
    names = ("mirror y → −y", "half-turn about x")
    candidates = {name: shapes.matrix(g) for name, g in zip(names, flips(), strict=True)}
    return effective_symmetry(network, candidates=candidates)


def flips() -> tuple[np.ndarray, np.ndarray]:
    """The reference flips of the two copies of O(2): the mirror y → −y and the half-turn about x, `(3, 3)` each."""
    flip = np.diag([1.0, -1.0])
    return CONE_O2.embed(flip), TWIST_O2.embed(flip)


def flipped_shapes(seed: int = 3) -> list[np.ndarray]:
    """Coefficients `(25,)` of one shape: as it is, after the cone's flip, after the twisted cylinder's flip."""
    shape = shapes_in_pose(1, seed)[0]
    rep = O3.harmonics(SHAPE_DEGREE)
    return [shape.numpy(), *(act(rep, g, shape).numpy() for g in flips())]
