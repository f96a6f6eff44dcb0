"""Floors of datasets: what symmetric inputs and contradictory labels cost, and which samples are one input."""

import json
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from intertwine.catalog import O2, O3, SO3, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.reps import Rep
from intertwine.symmetry import Points, curie_check, dataset_floor, floor_of, harmonic_coefficients
from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.limits.congruence import congruence
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, GENERIC, SQUARE

STRETCH = SQUARE * [0.5, -0.5, 0]
VECTOR = O3.rep("1x1o")
FEATURES = {O3: O3.rep("1x1o + 1x2e"), SO3: SO3.rep("1x1 + 1x2"), O2: O2.rep("1x1 + 1x2")}

Sample = tuple[Points, np.ndarray]


def posed(x: Points, y: np.ndarray, rep: Rep, rng: np.random.Generator, rep_in: Rep | None = None) -> Sample:
    """A sample in another pose, its points in another order."""
    group, r = rep.group, np.asarray(x.positions)
    g, order = group.sample(1, rng)[0], rng.permutation(len(r))
    labels = None if x.labels is None else np.asarray(x.labels)[order]
    features = None if rep_in is None else (np.asarray(x.features) @ rep_in.matrix(g).T)[order]
    target = y @ rep.matrix(g).T
    cloud = Points((r @ g.T + rng.normal(size=r.shape[1]))[order], labels, features)
    return cloud, target if y.ndim == 1 else target[order]


# golden numbers -------------------------------------------------------------------------------------------------------


def test_long_x_and_long_y_of_one_square() -> None:
    """The floor is all of the target, 1/24, however the poses hide that it is one square."""
    rng = np.random.default_rng(0)
    data = [posed(Points(SQUARE), sign * STRETCH, VECTOR, rng) for sign in (1, -1, 1, 1, -1, -1)]
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    assert round(found.total, 6) == 0.041667
    close(found.floors, 1 / 24)
    assert found.choices == ((0, 1, 2, 3, 4, 5),)
    assert not found.conflicts
    assert found.by_symmetry == pytest.approx(1 / 24)
    assert found.by_conflict < 1e-25
    assert found.share(1 / 12) == pytest.approx(0.5)
    assert "choose among equally good answers" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["choices"] == [[0, 1, 2, 3, 4, 5]]
    with pytest.raises(ArgumentError, match="positive number"):
        found.share(0.0)


def ellipsoid(rng: np.random.Generator) -> np.ndarray:
    """Points with the three mirrors of an ellipsoid."""
    signs = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)])
    return (signs[:, None] * rng.uniform(0.3, 1, size=(3, 3)) * [3, 2, 1]).reshape(-1, 3)


def test_principal_axes_of_an_ellipsoid() -> None:
    """As vectors all is lost; as v vᵀ nothing. For a cloud without symmetry, arbitrary signs are the contradiction."""
    rng = np.random.default_rng(1)
    axis = np.array([1.0, 0, 0])
    rays = O3.rep("1x2e")
    double = harmonic_coefficients(lambda r: 3 * r[0] ** 2 - (r**2).sum(0), 2)  # v vᵀ, less its trace
    data = [posed(Points(ellipsoid(rng)), axis, VECTOR, rng) for _ in range(4)]
    vectors = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    close(vectors.floors, 1 / 3)
    assert vectors.total == pytest.approx(vectors.power)
    data = [posed(Points(ellipsoid(rng)), double, rays, rng) for _ in range(4)]
    assert dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=rays).total < 1e-20
    data = [posed(Points(GENERIC), sign * axis, VECTOR, rng) for sign in (1, 1, -1)]
    signs = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    assert signs.conflicts == ((0, 1, 2),)
    close(signs.floors, np.array([4, 4, 16]) / 27)
    assert signs.by_conflict == pytest.approx(signs.total)
    assert "because targets contradict each other" in str(signs)


# which samples are one input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [O3, SO3], ids=str)
@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_poses_of_one_cloud(name: str, group: CatalogGroup) -> None:
    """However symmetric: the targets agree, up to its symmetry, and cost what one sample costs."""
    rep, rng = FEATURES[group], np.random.default_rng(3)
    points = CLOUDS[name][0]
    y = rng.normal(size=(len(points), rep.dim))
    data = [posed(Points(points), y, rep, rng) for _ in range(5)]
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=rep)
    assert found.choices + found.repeats == ((0, 1, 2, 3, 4),)
    assert found.by_conflict < 1e-20
    assert found.total == pytest.approx(curie_check(points, y, rep_out=rep).floor, rel=1e-9, abs=1e-12 * found.power)


@given(seed=seeds, name=st.sampled_from(sorted(CLOUDS)), group=st.sampled_from([O3, SO3]))
def test_labels_and_features_must_come_along(seed: int, name: str, group: CatalogGroup) -> None:
    """A cloud with features is found again in another pose; with one feature changed it is another input."""
    rep, rng = FEATURES[group], np.random.default_rng(seed)
    points = CLOUDS[name][0]
    x = Points(points, rng.integers(2, size=len(points)), rng.normal(size=(len(points), rep.dim)))
    cloud, _ = posed(x, np.zeros(rep.dim), rep, rng, rep)
    a, b = (Cloud.of(c, group, rep) for c in (x, cloud))
    found = congruence(a, b)
    assert found is not None
    g, p = found
    close(a.unit @ g.T, b.unit[p], 1e-6)
    close(a.features @ rep.matrix(g).T, b.features[p], 1e-5)
    np.testing.assert_array_equal(a.kinds, b.kinds[p])
    assert group.contains(g)
    other = Points(points, x.labels, x.features + 0.1 * np.eye(len(points), rep.dim))
    assert congruence(a, Cloud.of(other, group, rep)) is None


def test_clouds_that_only_look_alike() -> None:
    """Mirror images are one input for O(3) and two for SO(3); other labels, sizes and features make other inputs."""
    y = np.zeros((7, 3))
    both = [GENERIC, GENERIC * [1, 1, -1]]
    assert dataset_floor(both, [y, y], rep_out=VECTOR).repeats == ((0, 1),)
    assert not dataset_floor(both, [y, y], rep_out=SO3.rep("1x1")).repeats
    others = [Points(GENERIC), Points(GENERIC, labels=[0, 0, 0, 0, 0, 0, 1]), Points(GENERIC * 1.01)]
    assert not dataset_floor(others, [y] * 3, rep_out=VECTOR).repeats
    lines = [Points(np.outer(h, [1, 2, 2])) for h in ([0, 1, 5], [0, 4, 5], [0, 2, 5])]
    assert dataset_floor(lines, [y[:3]] * 3, rep_out=VECTOR).repeats == ((0, 1),)


def test_noisy_poses() -> None:
    rng = np.random.default_rng(5)
    data = [posed(Points(GENERIC), GENERIC, VECTOR, rng) for _ in range(6)]
    clouds = [np.asarray(x.positions) + 1e-4 * rng.normal(size=(7, 3)) for x, _ in data]
    assert not dataset_floor(clouds, [y for _, y in data], rep_out=VECTOR).repeats
    found = dataset_floor(clouds, [y for _, y in data], rep_out=VECTOR, tolerance=1e-3)
    assert found.repeats == ((0, 1, 2, 3, 4, 5),)
    assert found.total < 1e-6


def test_the_plane() -> None:
    rep, rng = O2.rep("1x1"), np.random.default_rng(0)
    square, shape = SQUARE[:, :2], GENERIC[:, :2]
    data = [posed(Points(x), y, rep, rng) for x, y in ((square, square), (shape, shape), (square, square))]
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=rep)
    assert found.repeats == ((0, 2),)
    assert found.total < 1e-20


@pytest.mark.slow
def test_two_hundred_clouds_take_a_moment() -> None:
    rng = np.random.default_rng(7)
    base = rng.normal(size=(100, 20, 3))
    data = [posed(Points(base[i % 100]), base[i % 100], VECTOR, rng) for i in range(200)]
    start = time.perf_counter()
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    assert time.perf_counter() - start < 5
    assert len(found.repeats) == 100


# other losses, vectors, errors ----------------------------------------------------------------------------------------


def test_other_losses() -> None:
    """The median instead of the mean: three against one; and of one sample the floor that `floor_of` finds."""
    rng = np.random.default_rng(2)
    data = [posed(Points(GENERIC), np.array([value]), O3.rep("1x0e"), rng) for value in (1.0, 1.0, 1.0, 5.0)]
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=O3.rep("1x0e"), loss=F.l1_loss)
    assert found.total == pytest.approx(1.0, abs=1e-3)
    close(found.floors, np.array([0, 0, 0, 4.0]), 1e-2)
    assert "loss of 1" in str(found)
    assert found.to_dict()["by_conflict"] is None
    x, y = posed(Points(SQUARE), rng.normal(size=(4, 3)), VECTOR, rng)
    report = curie_check(x, y, rep_out=VECTOR)
    alone = dataset_floor([x], [y], rep_out=VECTOR, loss=F.smooth_l1_loss)
    assert alone.total == pytest.approx(floor_of(report, F.smooth_l1_loss)[0])
    data = [posed(Points(SQUARE), rng.normal(size=(4, 3)), VECTOR, rng) for _ in range(3)]
    plain = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    squared = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR, loss=F.mse_loss)
    close(squared.floors, plain.floors, 1e-9)


def test_a_network_cannot_beat_it() -> None:
    """The best constant of each orbit is what training finds: plain least squares over all fixed outputs."""
    rng = np.random.default_rng(4)
    data = [posed(Points(SQUARE), rng.normal(size=(4, 3)), VECTOR, rng) for _ in range(4)]
    found = dataset_floor([x for x, _ in data], [y for _, y in data], rep_out=VECTOR)
    assert found.by_symmetry + found.by_conflict == pytest.approx(found.total)
    assert found.conflicts == ((0, 1, 2, 3),)
    size = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)  # D4h leaves the radial direction alone
    centred = [torch.tensor(np.asarray(x.positions) - np.mean(x.positions, 0)) for x, _ in data]
    targets = [torch.tensor(y) for _, y in data]
    optimiser = torch.optim.LBFGS([size], max_iter=50)

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.stack([((size * x - y) ** 2).mean() for x, y in zip(centred, targets, strict=True)]).mean()
        loss.backward()
        return loss

    optimiser.step(step)
    assert step().item() == pytest.approx(found.total)


def test_contradictory_labels_are_found() -> None:
    """One input in four poses: targets that move along cost nothing, others cost their spread."""
    group = point_group("D3")
    rep, out = group.harmonics(2), group.harmonics(1)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=rep.dim), rng.normal(size=out.dim)
    g = group.elements()[[0, 1, 3, 4]]
    inputs, targets = rep.matrix(g) @ x, out.matrix(g) @ y
    fine = dataset_floor(inputs, targets, rep, out)
    assert fine.total < 1e-20
    assert not fine.conflicts
    wrong = targets.copy()
    wrong[2] += 1.0
    found = dataset_floor(inputs, wrong, rep, out)
    assert found.conflicts == ((0, 1, 2, 3),)
    errors = np.array([0.0, 0, 1, 0]) - 0.25
    close(found.floors, errors**2)
    assert "samples 0, 1, 2, 3 are one input in different poses" in str(found)


def test_symmetric_samples_cost_what_they_lack() -> None:
    """A vector has no pseudovector: all of such a target is lost."""
    found = dataset_floor(np.eye(3)[:1], np.ones((1, 3)), VECTOR, O3.rep("1x1e"))
    assert found.total == pytest.approx(1.0)
    assert dataset_floor(np.zeros((0, 3)), np.zeros((0, 3)), VECTOR, VECTOR).total == 0


def test_errors_say_what_came() -> None:
    with pytest.raises(ShapeError, match="were expected"):
        dataset_floor(np.eye(3), np.ones((1, 3)), VECTOR, O3.rep("1x1e"))
    with pytest.raises(ShapeError, match="at the points of each cloud"):
        dataset_floor([SQUARE, GENERIC], [SQUARE, np.zeros(3)], rep_out=VECTOR)
    with pytest.raises(ShapeError, match="Targets"):
        dataset_floor(np.eye(3), np.ones((3, 2)), VECTOR, VECTOR)
    with pytest.raises(RepMismatchError, match="One group"):
        dataset_floor(np.eye(3), np.eye(3), SO3.rep("1x1"), VECTOR)
    with pytest.raises(ArgumentError, match="Crystals are not compared"):
        dataset_floor([Points(SQUARE, cell=np.eye(3))], [SQUARE], rep_out=VECTOR)
    with pytest.raises(ArgumentError, match="NaN"):
        dataset_floor([SQUARE], [SQUARE * np.nan], rep_out=VECTOR)
    with pytest.raises(ArgumentError, match="pass rep_out"):
        dataset_floor([SQUARE], [SQUARE])


def test_rounding_in_files_is_no_floor() -> None:
    """Copies with seven digits, asked for at a matching tolerance: nothing is lost, and nothing is said to be."""
    rng = np.random.default_rng(0)
    turns = O3.sample(3, seed=0)
    clouds = [SQUARE @ g.T + 1e-7 * rng.normal(size=SQUARE.shape) for g in turns]
    found = dataset_floor(clouds, [0.5 * SQUARE @ g.T for g in turns], rep_out=VECTOR, tolerance=1e-4)
    assert "0 of 3 samples cannot be fitted exactly" in str(found)
    assert found.repeats == ((0, 1, 2),)
