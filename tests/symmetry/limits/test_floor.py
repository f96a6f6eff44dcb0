"""The loss that no equivariant network can beat: the numbers of the square that should become a rectangle."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import intertwine as tw
from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.symmetry import Points, curie_check, harmonic_coefficients, loss_floor, stabiliser
from intertwine.symmetry.limits.curie import attainable
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, CORNERS, RECTANGLE, SQUARE, ring
from tests.symmetry.square import FLOORS, STRETCH, peaks


def best_output(points: np.ndarray, target: np.ndarray, rep: tw.Rep, labels: list[int] | None = None) -> np.ndarray:
    return curie_check(Points(points, labels), np.asarray(target), rep_out=rep).best_output


each_group = pytest.mark.parametrize("group", [O3, SO3], ids=str)


def moved(points: np.ndarray, signals: np.ndarray, group: CatalogGroup, degree: int, seed: int) -> tuple:
    """The same task in another pose."""
    g = group.sample(1, seed)[0]
    return points @ g.T + 2.0, signals @ group.harmonics(degree).matrix(g).T


# square → rectangle ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", range(1, 9))
@each_group
def test_square_to_rectangle(group: CatalogGroup, degree: int) -> None:
    """The loss of the founding tutorial stops here."""
    floor = loss_floor(SQUARE, peaks(STRETCH, degree), group.harmonics(degree))
    assert floor == pytest.approx(FLOORS[degree - 1], abs=6e-9 if degree > 1 else 6e-8)
    assert loss_floor(
        *moved(SQUARE, peaks(STRETCH, degree), group, degree, 3), group.harmonics(degree)
    ) == pytest.approx(floor, rel=1e-9)


@each_group
def test_the_plateau_in_closed_form(group: CatalogGroup) -> None:
    """At degree 5: |v|² (4π/36²) · 21/36 over the odd degrees, which the half-turn about a diagonal cancels."""
    expected = 0.125 * (4 * np.pi / 36**2) * (21 / 36)
    assert loss_floor(SQUARE, peaks(STRETCH, 5), group.harmonics(5)) == pytest.approx(expected, abs=1e-9)
    assert expected == pytest.approx(7.070199516e-4, abs=1e-13)


@each_group
def test_rectangle_to_square_is_possible(group: CatalogGroup) -> None:
    for degree in (1, 5, 8):
        assert loss_floor(RECTANGLE, peaks(-STRETCH, degree), group.harmonics(degree)) < 1e-25


def test_displacements() -> None:
    """As plain vectors the whole target is out of reach: |v|² = 1/8 over 3 numbers."""
    assert loss_floor(SQUARE, STRETCH, O3.rep("1x1o")) == pytest.approx(1 / 24)
    assert loss_floor(SQUARE[:, :2], STRETCH[:, :2], O2.rep("1x1")) == pytest.approx(1 / 16)
    assert loss_floor(SQUARE[:, :2], STRETCH[:, :2], SO2.rep("1x1")) == pytest.approx(1 / 16)
    assert loss_floor(RECTANGLE, -STRETCH, O3.rep("1x1o")) < 1e-25


# features that break the symmetry -------------------------------------------------------------------------------------


def feature(function: object, amount: float = 0.1) -> dict:
    values = amount * harmonic_coefficients(function, 2)
    return {"features": np.tile(values, (4, 1)), "rep_in": O3.rep("1x2e")}


def test_the_right_feature_breaks_the_symmetry() -> None:
    """x² − y² tells the axes apart; xy tells the diagonals apart, which does not help; z² tells nothing new."""
    target, rep = peaks(STRETCH, 5), O3.harmonics(5)
    assert loss_floor(SQUARE, target, rep, **feature(lambda r: r[0] ** 2 - r[1] ** 2)) < 1e-25
    assert loss_floor(SQUARE, target, rep, **feature(lambda r: r[0] ** 2 - r[1] ** 2, -1e-2)) < 1e-25
    floor = loss_floor(SQUARE, target, rep)
    assert loss_floor(SQUARE, target, rep, **feature(lambda r: r[0] * r[1])) == pytest.approx(floor)
    wrong = feature(lambda r: 2 * r[2] ** 2 - r[0] ** 2 - r[1] ** 2)
    assert loss_floor(SQUARE, target, rep, **wrong) == pytest.approx(floor)


def test_labels_and_vectors_break_it_too() -> None:
    target, rep = peaks(STRETCH, 5), O3.harmonics(5)
    assert loss_floor(SQUARE, target, rep, labels=[0, 0, 1, 1]) < 1e-25
    assert loss_floor(SQUARE, target, rep, labels=[0, 1, 0, 1]) > 1e-4
    along_x = {"features": np.tile([0.1, 0, 0], (4, 1)), "rep_in": O3.rep("1x1o")}
    assert loss_floor(SQUARE, target, rep, **along_x) < 1e-25


# one target for the whole cloud ---------------------------------------------------------------------------------------


def test_a_ring_has_no_dipole_but_an_energy() -> None:
    benzene = np.concatenate([ring(6, 1.39), ring(6, 2.48)])
    labels = [6] * 6 + [1] * 6
    dipole = np.array([0.3, -0.4, 1.2])
    assert loss_floor(benzene, dipole, O3.rep("1x1o"), labels=labels) == pytest.approx(np.mean(dipole**2))
    assert loss_floor(benzene, [-232.2, 7.0], O3.rep("2x0e"), labels=labels) < 1e-20
    bowl = np.concatenate([ring(6, 1.39), ring(6, 2.48, height=0.5)])  # C6v: only its axis is left to the dipole
    assert loss_floor(bowl, dipole, O3.irrep("1o"), labels=labels) == pytest.approx((0.3**2 + 0.4**2) / 3)
    close(best_output(bowl, dipole, O3.rep("1x1o")), [0, 0, 1.2])


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_a_target_of_the_cloud_is_the_same_target_at_every_point(name: str, seed: int) -> None:
    """Averaging one target, and averaging its copies at the points, agree: the mean over the points commutes."""
    points, rep = CLOUDS[name][0], O3.rep("1x0e + 1x0o + 1x1o + 1x2e")
    target = np.random.default_rng(seed).normal(size=rep.dim)
    best = best_output(points, target, rep)
    close(best, best_output(points, np.tile(target, (len(points), 1)), rep).mean(0), 1e-9)
    close(best_output(points, best, rep), best, 1e-9)
    assert loss_floor(points, target, rep) == pytest.approx(np.mean((target - best) ** 2))


# the average ----------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_the_best_output_is_a_projection(name: str, seed: int) -> None:
    """It is attained (symmetric), idempotent, no longer than the target, and orthogonal to what is lost."""
    points, rep = CLOUDS[name][0], O3.rep("1x0e + 1x0o + 1x1o + 1x2e")
    targets = np.random.default_rng(seed).normal(size=(len(points), rep.dim))
    best = best_output(points, targets, rep)
    close(best_output(points, best, rep), best, 1e-9)
    close(np.sum(best * (targets - best)), 0.0, 1e-9)
    elements, _, permutations = stabiliser(points).averaging(4)
    for g, p in zip(rep.matrix(elements), permutations, strict=True):
        close(best @ g.T, best[p], 1e-9)
    assert loss_floor(points, targets, rep) == pytest.approx(np.mean((targets - best) ** 2))
    assert loss_floor(points, best, rep) < 1e-18


@given(seeds)
def test_the_best_output_is_the_best_of_many(seed: int) -> None:
    """Least squares over the space of symmetric outputs finds the same."""
    rep, rng, H = O3.rep("1x1o + 1x2e"), np.random.default_rng(seed), stabiliser(SQUARE)
    targets = rng.normal(size=(4, rep.dim))
    span = np.stack([attainable(rng.normal(size=targets.shape), H, rep).ravel() for _ in range(40)], -1)
    found, *_ = np.linalg.lstsq(span, targets.ravel(), rcond=1e-10)
    close(span @ found, best_output(SQUARE, targets, rep).ravel(), 1e-8)


@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_nothing_but_invariants_survives_in_one_point(degree: int) -> None:
    """The average over all of O(3) takes the weights of the quadrature."""
    rep = O3.harmonics(degree)
    best = best_output(np.ones((1, 3)), np.ones(rep.dim), rep)
    close(best, [1] + [0] * (rep.dim - 1))


def test_continuous_symmetry() -> None:
    """On a line only what is invariant about it survives: of a vector its part along the line."""
    line = np.outer([-1, 2], [0, 0, 1.0])
    target = np.array([[1.0, 2, 3], [4, 5, 6]])
    best = best_output(line, target, O3.rep("1x1o"))
    close(best, [[0, 0, -1.5], [0, 0, 1.5]])  # the points are exchanged by the half-turns: both ends outward
    best = best_output(line, target, O3.rep("1x1o"), [0, 1])
    close(best, [[0, 0, 3], [0, 0, 6]])
    assert loss_floor(np.zeros((1, 3)), [[1.0, 2, 2]], O3.rep("1x1o")) == pytest.approx(3)


# networks obey --------------------------------------------------------------------------------------------------------


def network(rep_out: tw.Rep) -> object:
    """Two convolutions on the complete graph, in float64, as a function of points."""
    torch.manual_seed(1)
    gate = nn.Gate(O3.rep("4x0e + 4x1o + 2x2e"))
    first, last = nn.PointConv(O3.rep("1x0e"), gate.rep_in).double(), nn.PointConv(gate.rep_out, rep_out).double()

    def run(points: np.ndarray) -> torch.Tensor:
        r = torch.tensor(points - points.mean(0))
        edges = torch.cartesian_prod(torch.arange(len(r)), torch.arange(len(r))).T
        edges = edges[:, edges[0] != edges[1]]
        vectors = r[edges[1]] - r[edges[0]]
        return last(gate(first(torch.ones(len(r), 1).double(), edges, vectors)), edges, vectors)

    run.parameters = lambda: [*first.parameters(), *last.parameters()]
    return run


@pytest.mark.parametrize("name", ["square, D4h", "tetrahedron, Td", "prism on a pentagon, D5h", "two points, Dinfh"])
def test_networks_stay_in_the_fixed_space(name: str) -> None:
    """Whatever its weights, an equivariant network's output on a symmetric cloud is its own average."""
    points, rep = CLOUDS[name][0], O3.rep("1x0e + 2x1o + 1x2e + 1x3o")
    output = network(rep)(points).detach().numpy()
    close(best_output(points, output, rep), output, 1e-9)
    assert np.abs(output).max() > 1e-2


def test_training_ends_on_the_floor() -> None:
    """A network learns the square's stretch up to the floor, and not one bit better."""
    rep = O3.rep("1x0e + 1x1o + 1x2e")
    target = peaks(STRETCH, 2)
    floor = loss_floor(SQUARE, target, rep)
    net, goal = network(rep), torch.tensor(target)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (net(SQUARE) - goal).square().mean()
        loss.backward()
        optimizer.step()
        assert loss >= floor * (1 - 1e-9)
    assert float(loss.detach()) == pytest.approx(floor, rel=1e-3)


# mistakes -------------------------------------------------------------------------------------------------------------


def test_mistakes_are_named() -> None:
    with pytest.raises(ShapeError, match=r"A target of 1x1o has the shape \(3,\) or \(4, 3\), but got \(4, 2\)"):
        loss_floor(SQUARE, STRETCH[:, :2], O3.rep("1x1o"))
    with pytest.raises(ShapeError, match=r"has the shape \(3,\) or \(4, 3\), but got \(4,\)"):
        loss_floor(SQUARE, np.ones(4), O3.rep("1x1o"))
    with pytest.raises(ArgumentError, match=r"got features of SO\(3\) and targets of O\(3\)"):
        loss_floor(SQUARE, STRETCH, O3.rep("1x1o"), features=np.ones((4, 1)), rep_in=SO3.rep("0"))
    for half in ({"features": np.ones((4, 1))}, {"rep_in": O3.rep("1x0e")}):
        with pytest.raises(ArgumentError, match=r"come together: pass features=… and rep_in=…\."):
            loss_floor(SQUARE, STRETCH, O3.rep("1x1o"), **half)
    with pytest.raises(ArgumentError, match=r"is found in .* but got Dinfh"):
        loss_floor(CORNERS, CORNERS, tw.group("Dinfh").defining)


def test_tensors_are_welcome() -> None:
    floor = loss_floor(torch.tensor(SQUARE).float(), torch.tensor(STRETCH).float(), O3.irrep("1o"))
    assert floor == pytest.approx(1 / 24, rel=1e-5)


def test_numbers_that_are_not_finite_are_named() -> None:
    square = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    broken = np.full((4, 3), np.nan)
    with pytest.raises(ArgumentError, match="The target holds NaN"):
        loss_floor(square, broken, O3.rep("1x1o"))
    with pytest.raises(ArgumentError, match="The features hold NaN"):
        loss_floor(square, square, O3.rep("1x1o"), features=broken, rep_in=O3.rep("1x1o"))


def test_features_of_another_group_are_named() -> None:
    square = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    with pytest.raises(RepMismatchError, match=r"looked for in O\(3\), but the features' rep 1x1 belongs to SO\(3\)"):
        stabiliser(square, tensors=square, rep=SO3.rep("1x1"), group=O3)


def test_features_on_a_line_count() -> None:
    """An arrow across a dumbbell leaves two mirrors and a half-turn of it, and forbids what these forbid."""
    dumbbell, across = np.outer([-1, 1], [0, 0, 1.0]), np.tile([1.0, 0, 0], (2, 1))
    given = {"features": across, "rep_in": O3.rep("1x1o")}
    assert loss_floor(dumbbell, across, O3.rep("1x1o")) == pytest.approx(1 / 3)
    assert loss_floor(dumbbell, across, O3.rep("1x1o"), **given) < 1e-25
    assert loss_floor(dumbbell, across[:, [1, 0, 2]], O3.rep("1x1o"), **given) == pytest.approx(1 / 3)
