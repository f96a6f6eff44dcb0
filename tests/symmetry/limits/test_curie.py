"""Curie's principle: the golden numbers of the square that should become a rectangle, and laws of any question."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.groups import Subgroup
from intertwine.reps import Rep
from intertwine.symmetry import Points, curie_check, harmonic_coefficients, loss_floor
from intertwine.symmetry.inputs.isotropy_group import moved
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, CORNERS, RECTANGLE, SQUARE
from tests.symmetry.posed import EVERYTHING, pose, posed_vector
from tests.symmetry.square import FLOORS, STRETCH, peaks

each_whole = pytest.mark.parametrize("group", [O3, SO3], ids=str)

# golden numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", range(1, 9))
@each_whole
def test_square_to_rectangle(group: CatalogGroup, degree: int) -> None:
    report = curie_check(SQUARE, peaks(STRETCH, degree), rep_out=group.harmonics(degree))
    assert report.floor == pytest.approx(FLOORS[degree - 1], abs=6e-9 if degree > 1 else 6e-8)
    assert report.floor == pytest.approx(loss_floor(SQUARE, peaks(STRETCH, degree), group.harmonics(degree)), rel=1e-12)
    assert (report.H.name, report.K.name) == (("D4h", "D2h") if group == O3 else ("D4", "D2"))
    assert report.answers == 2
    assert not report.possible
    assert report.gain == np.inf


def test_where_the_target_is_lost() -> None:
    """21/36 of the power, all of it of type B1g, in the odd degrees."""
    report = curie_check(SQUARE, peaks(STRETCH, 5), rep_out=O3.harmonics(5))
    assert report.floor == pytest.approx(7.070199516e-4, abs=1e-12)
    assert set(report.irreps) == {"A1g", "B1g"}
    assert report.irreps["B1g"] == pytest.approx(21 / 36, abs=1e-12)
    assert report.irreps["A1g"] == pytest.approx(15 / 36, abs=1e-12)
    lost = {label for label, share in report.degrees.items() if share > 1e-12}
    assert lost == {"1o", "3o", "5o"}
    assert sum(report.degrees.values()) == pytest.approx(21 / 36, abs=1e-12)
    rotations = curie_check(SQUARE, peaks(STRETCH, 5), rep_out=SO3.harmonics(5))
    assert set(rotations.irreps) == {"A1", "B1"}
    assert {label for label, share in rotations.degrees.items() if share > 1e-12} == {"1", "3", "5"}


def test_the_best_output_is_the_doubled_peak() -> None:
    """Even degrees are kept, odd ones lost: the peak towards +d and −d, which is the mean of the two answers."""
    target = peaks(STRETCH, 5)
    best = curie_check(SQUARE, target, rep_out=O3.harmonics(5)).best_output
    close(best, (target + peaks(-STRETCH, 5)) / 2, 1e-12)


@each_whole
def test_rectangle_to_square(group: CatalogGroup) -> None:
    report = curie_check(RECTANGLE, peaks(-STRETCH, 5), rep_out=group.harmonics(5))
    assert report.possible
    assert report.floor < 1e-25
    assert report.answers == 1
    assert report.gain == 0
    assert report.H.name == report.K.name == ("D2h" if group == O3 else "D2")
    assert str(report).startswith("POSSIBLE\n")


def test_plain_displacements_are_lost_altogether() -> None:
    report = curie_check(SQUARE, STRETCH, rep_out=O3.rep("1x1o"))
    assert report.floor == pytest.approx(1 / 24)
    assert report.power == pytest.approx(1 / 24)
    close(report.best_output, np.zeros((4, 3)), 1e-14)
    assert report.irreps == pytest.approx({"B1g": 1.0})


def test_an_order_parameter_makes_it_possible() -> None:
    target, rep = peaks(STRETCH, 5), O3.harmonics(5)
    for polynomial, possible in ((lambda r: r[0] ** 2 - r[1] ** 2, True), (lambda r: r[0] * r[1], False)):
        features = np.tile(harmonic_coefficients(polynomial, 2), (4, 1))
        report = curie_check(Points(SQUARE, features=features), target, O3.rep("1x2e"), rep)
        assert report.possible == possible
    labelled = curie_check(Points(SQUARE, labels=[0, 0, 1, 1]), target, rep_out=rep)
    assert labelled.possible


@pytest.mark.parametrize(("eps", "gain"), [(1e-1, 1.8), (1e-2, 22), (1e-3, 225), (1e-4, 2260)])
def test_the_gain_of_nearly_square_inputs(eps: float, gain: float) -> None:
    """An exact fit needs max |h y − y| / |h x − x|, which grows like 1/ε.

    The input is the square with sides 1 − ε and 1 + ε, taken for a square (its quarter-turns deviate by 2 ε of the
    radius); the target are the peaks of the displacements from it to the rectangle.
    """
    x = SQUARE * [1 - eps, 1 + eps, 1]
    report = curie_check(x, peaks(RECTANGLE - x, 5), rep_out=O3.harmonics(5), tolerance=2.1 * eps)
    assert report.H.name == "D4h"
    assert report.gain == pytest.approx(gain, rel=0.01)
    exact = curie_check(x, peaks(RECTANGLE - x, 5), rep_out=O3.harmonics(5), tolerance=0.1 * eps)
    assert exact.H.name == "D2h"
    assert exact.possible
    assert exact.gain == 0


def test_words() -> None:
    text = str(curie_check(SQUARE, peaks(STRETCH, 5), rep_out=O3.harmonics(5)))
    assert text.startswith("IMPOSSIBLE for any O(3)-equivariant map")
    for piece in (
        "D4h in O(3), 16 elements",
        "keeps only D2h (8 of the elements)",
        "MSE 0.00070702 (58.3 %",
        "0.00121203",
    ):
        assert piece in text
    for piece in (
        "of type B1g of D4h; in 1o, 3o, 5o",
        "the mean of 2 equally good answers",
        "order_parameters(report)",
    ):
        assert piece in text
    assert repr(curie_check(SQUARE, STRETCH, rep_out=O3.defining)) == "<CurieReport H = D4h, K = D2h, floor 0.04167>"


# laws -----------------------------------------------------------------------------------------------------------------


REP = O3.rep("1x0e + 1x0o + 1x1o + 1x1e + 1x2e + 1x3o")


@given(st.sampled_from(sorted(CLOUDS)), st.booleans(), seeds)
def test_the_best_output_is_the_nearest_fixed_one(name: str, local: bool, seed: int) -> None:
    """It is fixed by H, orthogonal to what is lost, and the floor is what is lost; shares add up to 1."""
    rng = np.random.default_rng(seed)
    points = CLOUDS[name][0] @ pose(rng).T
    y = rng.normal(size=(len(points), REP.dim) if local else REP.dim)
    report = curie_check(points, y, rep_out=REP)
    g, _, p = report.H.averaging(REP.degree)
    images = moved(report.best_output, REP, g, p)
    close(images, np.broadcast_to(report.best_output, images.shape), 1e-9)
    assert abs(np.sum(report.best_output * (y - report.best_output))) < 1e-9
    assert report.floor == pytest.approx(np.mean((y - report.best_output) ** 2))
    assert report.floor == pytest.approx(loss_floor(points, y, REP), abs=1e-9)
    assert sum(report.irreps.values()) == pytest.approx(1, abs=1e-9)
    lost = 1 - report.irreps.get(report.H.subgroup.group.trivial, 0)
    assert lost * report.power == pytest.approx(report.floor, abs=1e-9)
    assert sum(report.degrees.values()) * report.power == pytest.approx(report.floor, abs=1e-9)
    assert report.answers == np.inf if report.H.continuous and not report.K.continuous else report.answers >= 1
    again = curie_check(points, report.best_output, rep_out=REP)
    assert again.possible
    assert again.answers == 1
    json.dumps(report.to_dict())


@pytest.mark.parametrize("name", ["square, D4h", "tetrahedron, Td", "twisted prism, D3", "windmill, C3h"])
def test_answers_are_the_cosets(name: str) -> None:
    """The orbit of the target under H has |H : K| members, whose mean is the best output."""
    points = CLOUDS[name][0]
    report = curie_check(points, points * [1.0, 0.3, 0.1], rep_out=O3.rep("1x1o"))
    images = moved(report.y, report.rep_out, report.H.elements, report.H.permutations)
    different = np.unique(np.round(images.reshape(len(images), -1), 6) + 0.0, axis=0)
    assert len(different) == report.answers == report.H.order / report.K.order
    close(different.mean(0).reshape(report.y.shape), report.best_output, 1e-5)


@given(seed=seeds)
def test_no_equivariant_map_beats_the_floor(seed: int) -> None:
    """A function made equivariant by averaging over D4, and linear layers of any weights, on vectors."""
    rng = np.random.default_rng(seed)
    G = dihedral(4)
    rep_in, rep_out = G.rep("1x0e + 1x1 + 1x2e"), G.rep("2x1 + 1x2e + 1x2o + 1x0o")
    H = G.subgroups()[rng.integers(len(G.subgroups()))]
    x = rep_in.evaluate(H.embed(H.group.elements())).mean(0) @ rng.normal(size=rep_in.dim)
    y = rng.normal(size=rep_out.dim)
    report = curie_check(x, y, rep_in, rep_out)
    w, b = rng.normal(size=(rep_out.dim, rep_in.dim)), rng.normal(size=rep_out.dim)
    g = G.elements()
    outputs = np.tanh(rep_in.evaluate(g) @ x @ w.T + b)
    value = np.mean([rep_out.evaluate(h[None])[0].T @ out for h, out in zip(g, outputs, strict=True)], 0)
    assert np.mean((value - y) ** 2) >= report.floor - 1e-12
    basis = report.H.fixed(rep_out)
    close(basis @ (basis.T @ value), value, 1e-10)
    torch.manual_seed(seed % 2**31)
    layer = nn.Linear(G.rep("1x0e + 1x1 + 1x2e"), G.rep("2x1 + 1x2e")).double()
    target = y[: layer.rep_out.dim]
    out = layer(torch.tensor(x)).detach().numpy()
    assert np.mean((out - target) ** 2) >= curie_check(x, target, rep_in, layer.rep_out).floor - 1e-12


@given(seed=seeds)
def test_the_floor_does_not_depend_on_the_pose(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = pose(rng)
    y = rng.normal(size=(4, REP.dim))
    plain = curie_check(SQUARE, y, rep_out=REP)
    posed = curie_check(SQUARE @ a.T + 1, y @ REP.matrix(a).T, rep_out=REP)
    assert posed.floor == pytest.approx(plain.floor)
    close(posed.best_output, plain.best_output @ REP.matrix(a).T, 1e-9)
    assert sorted(posed.irreps.values()) == pytest.approx(sorted(plain.irreps.values()))


# vectors --------------------------------------------------------------------------------------------------------------


def test_a_perpendicular_vector() -> None:
    """From one arrow no map can choose a direction across it: infinitely many equally good answers."""
    rep = O3.rep("1x1o")
    report = curie_check(np.array([0, 0, 2.0]), np.array([1.0, 0, 0]), rep, rep)
    assert (report.H.name, report.K.name) == ("Cinfv", "Cs")
    assert report.floor == pytest.approx(1 / 3)
    assert report.answers == np.inf
    assert report.to_dict()["answers"] is None
    assert "the mean of infinitely many equally good answers" in str(report)
    assert curie_check(np.array([0, 0, 2.0]), np.array([0, 0, -3.0]), rep, rep).possible


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "possible"),
    [
        ("1x1o", "1x1e", False),  # no pseudovector out of one vector
        ("1x1o", "1x0o", False),
        ("1x1o + 1x0o", "1x1e", True),
        ("2x1o", "1x1e", True),
        ("2x1o", "1x0o", False),  # any two vectors lie in a mirror plane
        ("3x1o", "1x0o", True),
        ("1x2e", "1x1o", False),  # axes of an ellipsoid have no heads
        ("1x1o", "1x2e", True),
    ],
)
def test_what_tensors_can_make(rep_in: str, rep_out: str, possible: bool) -> None:
    """Of generic inputs, with targets made of them where that is possible."""
    rng = np.random.default_rng(0)
    rep_in, rep_out = O3.rep(rep_in), O3.rep(rep_out)
    x = rng.normal(size=rep_in.dim)
    basis = curie_check(x, np.ones(rep_out.dim), rep_in, rep_out).H.fixed(rep_out)
    assert (basis.shape[1] > 0) == possible
    y = basis @ rng.normal(size=basis.shape[1]) if possible else rng.normal(size=rep_out.dim)
    report = curie_check(x, y, rep_in, rep_out)
    assert report.possible == possible
    if not possible:
        assert report.floor == pytest.approx(report.power)


@pytest.mark.parametrize("name", ["C1", "C3v", "S4", "D2d", "Td", "O", "Ih"])
def test_vectors_of_point_groups(name: str) -> None:
    x, g = posed_vector(name, 0)
    y = np.random.default_rng(1).normal(size=REP.dim)
    report = curie_check(x, y, EVERYTHING, REP)
    assert report.H.name == name
    close(report.best_output, REP.evaluate(g).mean(0) @ y, 1e-9)


@pytest.mark.parametrize("group", [SO2, O2], ids=str)
def test_the_plane(group: CatalogGroup) -> None:
    """A pattern of frequency 4 has no say about frequency 2, and all about frequency 8."""
    label = "1x4"
    report = curie_check(np.array([1.0, 0]), np.array([1.0, 0]), group.rep(label), group.rep("1x2"))
    assert report.floor == pytest.approx(0.5)
    assert report.answers == 2
    assert curie_check(np.array([1.0, 0]), np.array([1.0, 0]), group.rep(label), group.rep("1x8")).possible


def test_permutations() -> None:
    """Equal inputs get equal outputs: of (a, a, b) no map makes (1, 2, 3)."""
    G = symmetric(3)
    rep = G.defining
    report = curie_check(np.array([5.0, 5, 7]), np.array([1.0, 2, 3]), rep, rep)
    close(report.best_output, np.array([1.5, 1.5, 3]), 1e-12)
    assert report.answers == 2


# lines and single points ----------------------------------------------------------------------------------------------


LINE = np.outer([-1.0, 1.0], [0, 0, 1.0])


@pytest.mark.parametrize(
    ("rep", "y", "K", "floor", "answers"),
    [
        ("1x1o", [[0, 0, -1.0], [0, 0, 1]], "Dinfh", 0, 1),
        ("1x1o", [[0, 0, 1.0], [0, 0, 1]], "Cinfv", 1 / 3, 2),
        ("1x1o", [[1.0, 0, 0], [1, 0, 0]], "C2v", 1 / 3, np.inf),
        ("1x1e", [[0, 0, 1.0], [0, 0, 1]], "Cinfh", 1 / 3, 2),
        ("1x0e", [[1.0], [1]], "Dinfh", 0, 1),
        ("1x0e", [[1.0], [0]], "Cinfv", 1 / 4, 2),
        ("1x1o", [0, 0, 1.0], "Cinfv", 1 / 3, 2),
        ("1x1o", [1.0, 0, 0], "C2v", 1 / 3, np.inf),
        ("1x0o", [1.0], "Dinf", 1, 2),
    ],
)
def test_clouds_on_a_line(rep: str, y: list, K: str, floor: float, answers: float) -> None:
    report = curie_check(LINE, np.array(y), rep_out=O3.rep(rep))
    assert report.H.name == "Dinfh"
    assert report.K.name == K
    assert report.floor == pytest.approx(floor, rel=1e-12, abs=1e-20)
    assert report.answers == answers
    assert report.possible == (floor == 0)


def test_tensors_on_a_line() -> None:
    """Two arrows across a bond, a quarter turn apart, make a helix: pseudoscalars can be told."""
    arrows = np.array([[1.0, 0, 0], [0.6, 0.8, 0]])
    report = curie_check(Points(LINE, features=arrows), np.array([1.0]), O3.rep("1x1o"), O3.rep("1x0o"))
    assert report.H.name == "C2"
    assert report.possible
    flat = curie_check(Points(LINE, features=arrows[[0, 0]]), np.array([1.0]), O3.rep("1x1o"), O3.rep("1x0o"))
    assert flat.H.name == "C2v"
    assert not flat.possible
    along = curie_check(Points(LINE, features=LINE), LINE[:, [2, 0, 1]], O3.rep("1x1o"), O3.rep("1x1o"))
    assert (along.H.name, along.K.name, along.answers) == ("Dinfh", "C2h", np.inf)


def test_one_point() -> None:
    report = curie_check(np.zeros((1, 3)), np.array([[1.0, 0, 0]]), rep_out=O3.rep("1x1o"))
    assert (report.H.name, report.K.name) == ("O(3)", "Cinfv")
    assert report.floor == pytest.approx(1 / 3)


def test_a_noisy_target() -> None:
    """A target that is nearly as symmetric as the input: K is a group at every size of the noise."""
    rng = np.random.default_rng(0)
    for size in 10.0 ** np.arange(-8, 0):
        y = CORNERS + size * rng.normal(size=CORNERS.shape)
        report = curie_check(CORNERS, y, rep_out=O3.rep("1x1o"), tolerance=1e-3)
        assert report.H.name == "Oh"
        assert 48 % report.K.order == 0
    assert report.K.name == "C1"


CONE = point_group("Cinfv")

# mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": SQUARE, "y": SQUARE}, ArgumentError, "rep of the target is needed"),
        ({"x": SQUARE, "y": SQUARE[:2], "rep_out": O3.defining}, ShapeError, r"has the shape \(3,\) or \(4, 3\), but"),
        ({"x": SQUARE, "y": SQUARE * np.nan, "rep_out": O3.defining}, ArgumentError, "target holds NaN"),
        ({"x": SQUARE, "y": SQUARE, "rep_out": O3.defining, "group": SO3}, RepMismatchError, r"under SO\(3\)"),
        (
            {"x": np.ones(3), "y": np.ones(3), "rep_in": SO3.defining, "rep_out": O3.defining},
            RepMismatchError,
            r"but the rep 1x1 belongs to SO\(3\)",
        ),
        ({"x": np.ones(3), "y": np.ones(3), "rep_out": O3.defining}, ArgumentError, "rep of the input is needed"),
        ({"x": Points(SQUARE, features=SQUARE), "y": SQUARE, "rep_out": O3.defining}, ArgumentError, "come together"),
        (
            {"x": np.ones(3), "y": np.ones(3), "rep_in": CONE.defining, "rep_out": CONE.defining},
            ArgumentError,
            "Restrict the rep",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        curie_check(**arguments)


def test_targets_as_points() -> None:
    rep: Rep = O3.rep("1x1o")
    report = curie_check(SQUARE, Points(RECTANGLE, features=STRETCH), rep_out=rep)
    assert report.floor == pytest.approx(1 / 24)


# the group that the network really has --------------------------------------------------------------------------------


def test_a_field_makes_more_possible() -> None:
    """A network that knows up from down, such as one with gravity, may lift a square; O(3) may not."""
    lift = np.tile([0.0, 0.0, 1.0], (4, 1))
    assert curie_check(SQUARE, lift, rep_out=O3.defining).floor == pytest.approx(1 / 3)
    upright = curie_check(SQUARE, lift, rep_out=O3.defining, group=O3.subgroup("Cinfv"))
    assert upright.possible
    assert (upright.H.name, upright.H.order) == ("C4v", 8)
    sideways = curie_check(SQUARE, lift, rep_out=O3.defining, group=O3.subgroup("Cinfv", axis=(1, 0, 0)))
    assert (sideways.H.name, sideways.possible) == ("C2v", False)
    assert str(sideways).startswith("IMPOSSIBLE for any Cinfv-equivariant map")


@pytest.mark.parametrize(
    ("points", "part", "left"),
    [
        ([[0, 0, 0], [0, 0, 1.0]], O3.subgroup("Cinfv"), "Cinfv"),
        ([[0, 0, 0], [0, 0, 1.0]], O3.subgroup("Cinfv", axis=(1, 0, 0)), "C2v"),
        ([[0, 0, 0], [0, 0, 1.0]], O3.subgroup("Cinfh"), "Cinfh"),
        ([[0, 0, 0], [0, 0, 1.0]], O3.subgroup("Oh"), "D4h"),
        ([[0, 0, 0.0]], O3.subgroup("SO(3)"), "SO(3)"),
        ([[0, 0, 0.0]], O3.subgroup("Td"), "Td"),
    ],
)
def test_what_two_groups_share(points: list[list[float]], part: Subgroup, left: str) -> None:
    """A dumbbell and a point, in continuous and finite subgroups; the permutations go along."""
    cloud = np.array(points)
    report = curie_check(cloud, np.zeros((len(cloud), 1)), rep_out=O3.rep("1x0e"), group=part)
    assert report.H.name == left
    elements, _, permutations = report.H.averaging(4)
    assert part.contains(elements, 1e-6).all()
    centred = cloud - cloud.mean(0)
    close(centred @ elements.swapaxes(-1, -2), centred[permutations], 1e-9)


def test_only_subgroups_of_the_output_s_group() -> None:
    with pytest.raises(RepMismatchError, match="belongs to O\\(3\\)"):
        curie_check(SQUARE, STRETCH, rep_out=O3.defining, group=SO3.subgroup("D4"))


def test_a_tolerance_of_zero_is_that_of_rounding() -> None:
    """Exact symmetries in a random pose are off by the last digit."""
    for seed in range(5):
        g = O3.sample(1, seed)[0]
        report = curie_check(SQUARE @ g.T, STRETCH @ g.T, rep_out=O3.defining, tolerance=0)
        assert (report.H.name, report.K.name, report.possible) == ("D4h", "D2h", False)
