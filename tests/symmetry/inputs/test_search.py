"""Every isometry within the tolerance is found, at every tolerance, in clouds of every kind, in time and memory."""

import itertools
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.symmetry import Points, Stabiliser, stabiliser, symmetry_ladder
from intertwine.symmetry.inputs.clouds import Cloud
from intertwine.symmetry.inputs.search import procrustes, reach
from tests.registry import seeds
from tests.symmetry.clouds import GENERIC, ring
from tests.symmetry.posed import each_name, off, posed_cloud, unit

FORMIC = np.array(
    [
        [-1.032, -0.4476, 0.0018],
        [-0.0025, 0.422, -0.0009],
        [1.1606, 0.1027, -0.0038],
        [-0.6351, -1.3341, -0.0015],
        [-0.3791, 1.4501, -0.0046],
    ]
)
"""Formic acid, HCOOH, with noise: nearly flat."""

UP = np.array([1, 1, -1.0])
FLAT = np.array([1, -1.0])


def holds(found: Stabiliser, elements: np.ndarray, near: float = 0.3) -> bool:
    """Whether elements are among those found, up to noise."""
    return bool((np.abs(found.elements - elements[:, None]).max((-1, -2)).min(1) < near).all())


def test_a_mirror_is_found_from_its_residual_on() -> None:
    labels = [8, 6, 8, 1, 1]
    mirror = stabiliser(FORMIC, labels, tolerance=1e-2)
    assert mirror.name == "Cs"
    residual = mirror.residuals.max()
    assert residual == pytest.approx(2.5e-3, rel=0.05)
    for factor in (1 + 1e-9, 1.01, 1.1, 1.4, 2, 10):
        assert stabiliser(FORMIC, labels, tolerance=residual * factor).name == "Cs"
    assert stabiliser(FORMIC, labels, tolerance=residual * 0.8).name == "C1"
    ladder = symmetry_ladder(FORMIC, labels)
    assert [rung.name for rung in ladder.rungs] == ["C1", "Cs"]
    assert (ladder.best.name, ladder.best.residual) == ("Cs", residual)


@each_name
def test_a_group_is_found_from_its_residual_on(name: str) -> None:
    """And its elements of order 2 are, from theirs on."""
    for seed, noise in enumerate((1e-4, 1e-3, 1e-2)):
        points, kinds, g = posed_cloud(name, seed)
        points = points + noise * np.random.default_rng(seed).normal(size=points.shape)
        whole = stabiliser(points, kinds, tolerance=10 * noise)
        assert off(whole, g) < 10 * noise
        found = stabiliser(points, kinds, tolerance=whole.residuals.max() * (1 + 1e-9))
        assert found.name == name
        twice = np.abs(whole.elements @ whole.elements - np.eye(3)).max((-1, -2)) < 1e-9
        for residual in np.sort(whole.residuals[twice])[1:4]:
            assert stabiliser(points, kinds, tolerance=residual * (1 + 1e-9)).order >= 2


def badly_placed(rng: np.random.Generator, shape: str) -> np.ndarray:
    """A few pairs of mirror images, anywhere: nearly in a plane, nearly on a line, or with most near the centre."""
    scale = {"any": [1, 1, 1], "flat": [1, 1, 0.05], "thin": [1, 0.05, 0.05]}.get(shape, [1, 1, 1])
    points = rng.normal(size=(rng.integers(2, 4), 3)) * scale
    points = points * np.where(rng.random((len(points), 1)) < 0.5, 0.3, 1) if shape == "heavy" else points
    return np.concatenate([points, points * UP])


@given(st.sampled_from(["any", "flat", "thin", "heavy"]), st.sampled_from([1e-5, 1e-4, 1e-3]), seeds)
def test_mirrors_of_clouds_of_every_shape(shape: str, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = badly_placed(rng, shape)
    kinds = [*range(len(points) // 2)] * 2
    points = points + noise * rng.normal(size=points.shape)
    mirror = next((g for g in (stabiliser(points, kinds, tolerance=20 * noise),) if not g.continuous), None)
    place = None if mirror is None else np.flatnonzero(np.abs(mirror.elements - np.diag(UP)).max((-1, -2)) < 0.3)
    if place is None or not len(place):
        return  # noise comparable with the width of a thin cloud
    found = stabiliser(points, kinds, tolerance=mirror.residuals[place[0]] * (1 + 1e-9))
    assert holds(found, np.diag(UP)[None]) or found.order >= 2


@given(seeds)
def test_mirrors_in_the_plane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(3, 2))
    points = np.concatenate([half, half * FLAT]) + 1e-3 * rng.normal(size=(6, 2))
    whole = stabiliser(points, [0, 1, 2] * 2, group=O2, tolerance=2e-2)
    assert whole.name == "D1"
    assert stabiliser(points, [0, 1, 2] * 2, tolerance=whole.residuals.max() * (1 + 1e-9)).name == "D1"
    turned = np.concatenate([half, -half]) + 1e-3 * rng.normal(size=(6, 2))
    whole = stabiliser(turned, [0, 1, 2] * 2, group=SO2, tolerance=2e-2)
    assert whole.name == "C2"
    assert stabiliser(turned, [0, 1, 2] * 2, group=SO2, tolerance=whole.residuals.max() * (1 + 1e-9)).name == "C2"


@given(seeds)
def test_mirrors_of_features(seed: int) -> None:
    rng, rep = np.random.default_rng(seed), O3.rep("1x0e + 1x1o")
    points = np.concatenate([GENERIC, GENERIC * UP])
    half = rng.normal(size=(len(GENERIC), 4))
    features = np.concatenate([half, half @ rep.evaluate(np.diag(UP)[None])[0].T])
    features = features + 1e-3 * rng.normal(size=features.shape)
    whole = stabiliser(points, tensors=features, rep=rep, tolerance=1e-2)
    assert whole.name == "Cs"
    again = stabiliser(points, tensors=features, rep=rep, tolerance=whole.residuals.max() * (1 + 1e-9))
    assert again.name == "Cs"
    assert symmetry_ladder(Points(points, features=features), rep=rep).best.name == "Cs"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["Cs", "C2", "Ci", "C2v", "C3v", "D2h", "D3h", "Td"])
def test_symmetry_grows_with_the_tolerance(name: str, seed: int) -> None:
    """And each rung of the ladder is what is found at its residual."""
    points, kinds, _ = posed_cloud(name, seed)
    points = points + 3e-3 * np.random.default_rng(seed).normal(size=points.shape)
    found = [stabiliser(points, kinds, tolerance=t) for t in np.geomspace(3e-4, 0.05, 12)]
    for small, large in itertools.pairwise(found):
        assert holds(large, small.elements)
    for rung in symmetry_ladder(points, kinds, largest=0.05).rungs:
        assert stabiliser(points, kinds, tolerance=rung.residual * (1 + 1e-9)).order >= rung.order


@given(seeds, st.sampled_from([SO2, SO3]))
def test_how_far_fitted_maps_may_be_off(seed: int, group) -> None:  # type: ignore[no-untyped-def]
    """Points that fix a map badly are known to, and the bound is reached up to a factor."""
    rng, size = np.random.default_rng(seed), group.dim
    cloud = Cloud.of(Points(rng.normal(size=(8, size))), group, None)
    points, known = cloud.unit, rng.choice(8, size, replace=False)
    most, worst = reach(cloud, known), np.zeros(8)
    for _ in range(100):
        errors = 1e-7 * np.array([unit(rng, size) for _ in known])
        g = procrustes(points[known], (points[known] + errors)[None], np.array([1.0]))[0]
        worst = np.maximum(worst, np.linalg.norm(points @ g.T - points, axis=1) / 1e-7)
    assert (worst <= most * (1 + 1e-3)).all()
    assert (worst >= most / 5).all()


# time and memory ------------------------------------------------------------------------------------------------------


def cuboctahedron(shells: int) -> np.ndarray:
    """A nanoparticle: the points of a face-centred cubic lattice in a cuboctahedron; 147, 309, 561 of them."""
    grid = np.array([*np.ndindex(*3 * [2 * shells + 1])]) - shells
    inside = (grid.sum(1) % 2 == 0) & (np.abs(grid).sum(1) <= 2 * shells)
    return grid[inside].astype(float)


def tube(around: int, rings: int) -> np.ndarray:
    """A zigzag nanotube with bonds of length 1: D_nh for a multiple of four rings."""
    radius, z = around * 3**0.5 / (2 * np.pi), np.arange(rings)
    heights = 1.5 * (z // 2) + 0.5 * (z % 2)
    return np.concatenate(
        [ring(around, radius, h, turn=np.pi / around * ((k + 1) // 2)) for k, h in enumerate(heights)]
    )


def seconds(run):  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    found = run()
    return found, time.perf_counter() - start


def test_ladders_of_nanoparticles_are_quick() -> None:
    points = cuboctahedron(5)
    assert len(points) == 561
    ladder, taken = seconds(lambda: symmetry_ladder(points))
    assert [rung.name for rung in ladder.rungs] == ["Oh"]
    assert taken < 5  # 0.2 s on an idle core
    noisy = points + 0.02 * np.random.default_rng(0).normal(size=points.shape)
    ladder, taken = seconds(lambda: symmetry_ladder(noisy))
    assert ladder.best.name == "Oh"
    assert taken < 10


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.2, 0.5])
def test_loose_tolerances_are_quick(tolerance: float) -> None:
    """Also those from half the distance of neighbours on, where each point has many partners."""
    (found, taken), points = seconds(lambda: stabiliser(cuboctahedron(3), tolerance=tolerance)), np.ndindex(6, 6, 6)
    assert (found.name, taken < 10) == ("Oh", True)
    salt = np.array([*points])
    found, taken = seconds(lambda: stabiliser(salt, salt.sum(1) % 2, tolerance=tolerance))
    assert (found.name, taken < 10) == ("Td", True)


def test_nanotubes_are_quick() -> None:
    points = tube(10, 140)
    assert len(points) == 1400
    for tolerance in (1e-6, 1e-3, 1e-2):
        found, taken = seconds(lambda tolerance=tolerance: stabiliser(points, tolerance=tolerance))
        assert (found.name, taken < 5) == ("D10h", True)  # 0.2 s on an idle core


def test_many_points_take_little_memory() -> None:
    points = np.random.default_rng(0).normal(size=(20_000, 3))
    tracemalloc.start()
    found, taken = seconds(lambda: stabiliser(points))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.name, taken < 20) == ("C1", True)  # 0.5 s on an idle core
    assert peak < 100e6


def test_many_points_of_one_radius() -> None:
    sphere = np.array([unit(rng, 3) for rng in [np.random.default_rng(0)] for _ in range(3000)])
    found, taken = seconds(lambda: stabiliser(np.concatenate([sphere, -sphere])))
    assert (found.name, taken < 10) == ("Ci", True)
