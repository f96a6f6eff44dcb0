"""The stabiliser of clouds: every point group, in any pose, in spite of noise; with tensors; of molecules."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, point_group
from intertwine.symmetry import stabiliser
from tests.registry import close, seeds
from tests.symmetry.clouds import CLOUDS, CORNERS, prism, ring, windmill
from tests.symmetry.molecules import MOLECULES, kinds
from tests.symmetry.posed import EVERYTHING, check_group, each_name, off, pose, posed_cloud, posed_vector, unit

AXIS = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])

# clouds ---------------------------------------------------------------------------------------------------------------


@each_name
def test_clouds_of_every_point_group(name: str) -> None:
    """Three clouds each; noise of a thousandth and of a hundredth of the radius in each coordinate."""
    for seed in range(3):
        points, kinds, g = posed_cloud(name, seed)
        rng = np.random.default_rng(seed)
        for noise, tolerance in ((0, 1e-3), (0, 1e-6), (1e-3, 1e-2), (1e-2, 6e-2)):
            moved = points + noise * rng.normal(size=points.shape) + rng.normal(size=3)
            found = stabiliser(moved, kinds, tolerance=tolerance)
            assert found.name == name
            assert off(found, g) < 8 * noise + 1e-12
            assert found.residuals.max() < 8 * noise + 1e-12
            check_group(found)
            for h, p in zip(found.elements, found.permutations, strict=True):
                close(points @ h.T, points[p], 5 * noise + 1e-9)
                np.testing.assert_array_equal(kinds, kinds[p])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 8))
@each_name
def test_more_clouds_of_every_point_group(name: str, seed: int) -> None:
    points, kinds, g = posed_cloud(name, seed)
    rng = np.random.default_rng(seed)
    for noise, tolerance in ((0, 1e-3), (1e-3, 1e-2), (1e-2, 6e-2)):
        found = stabiliser(points + noise * rng.normal(size=points.shape), kinds, tolerance=tolerance)
        assert found.name == name
        assert off(found, g) < 8 * noise + 1e-12


def test_a_large_cloud_is_quick() -> None:
    """360 atoms with the symmetry of the icosahedron."""
    g, rng = point_group("Ih").elements(), np.random.default_rng(2)
    points = np.concatenate([g @ (unit(rng, 3) * r) for r in (1.0, 1.4, 1.9)])
    stabiliser(points)
    start = time.perf_counter()
    found = stabiliser(points)
    assert time.perf_counter() - start < 1.5  # 0.3 s on an idle core
    assert found.name == "Ih"
    assert off(found, g) < 1e-12


def test_points_closer_than_the_tolerance() -> None:
    """Partners are different points, even where one point is nearest to two."""
    pairs = np.concatenate([ring(4), ring(4, turn=0.06)])  # S4-less pairs: the mean is D4h
    found = stabiliser(pairs, tolerance=2e-2)
    assert found.name == "D4h"
    assert stabiliser(pairs, tolerance=1e-3).name == "D4h"
    assert stabiliser(np.concatenate([pairs, [[0, 0, 0.5]]]), tolerance=1e-2).name == "C4v"
    check_group(found)


def test_a_large_tolerance_is_no_line() -> None:
    """Not every cloud is a line when the tolerance is a tenth of its radius."""
    for tolerance in (0.05, 0.1, 0.2):
        assert stabiliser(CORNERS, tolerance=tolerance).name == "Oh"
        assert stabiliser(np.concatenate([prism(3, 0.4)]), tolerance=min(tolerance, 0.1)).name == "D3"


def test_a_bent_line() -> None:
    """A line up to the tolerance."""
    points = np.array([[-1, 0, 0], [0, 1e-3, 0], [1, 0, 0.0]])
    assert stabiliser(points, tolerance=1e-2).name == "Dinfh"
    assert stabiliser(points).name == "C2v"


def test_residuals_of_a_bent_line_are_of_its_points() -> None:
    bent = np.array([[-1, 0, 0], [0, 1e-3, 2e-3], [1, 1e-3, -1e-3]])
    found = stabiliser(bent, tolerance=1e-2)
    centred = bent - bent.mean(0)
    off = centred @ found.elements.swapaxes(1, 2) - centred[found.permutations]
    radius = np.linalg.norm(centred, axis=1).max()
    assert found.continuous
    assert found.residuals.max() > 1e-3
    np.testing.assert_allclose(found.residuals, np.linalg.norm(off, axis=-1).max(1) / radius, atol=1e-12)


@given(st.sampled_from(sorted(CLOUDS)), seeds)
def test_names_in_any_pose(name: str, seed: int) -> None:
    points, expected = CLOUDS[name][0], name.split(", ")[1]
    rng = np.random.default_rng(seed)
    a = pose(rng)
    found = stabiliser(points @ a.T * rng.uniform(0.01, 100) + rng.normal(size=3))
    assert found.name == expected
    plain = stabiliser(points)
    for g in plain.elements if not found.continuous else ():
        assert np.abs(found.elements - a @ g @ a.T).max((-1, -2)).min() < 1e-9


def test_clouds_in_the_plane() -> None:
    assert stabiliser(ring(6)[:, :2]).name == "D6"
    assert stabiliser(windmill(5)[:, :2]).name == "C5"
    assert stabiliser(ring(6)[:, :2], group=SO2).name == "C6"
    assert stabiliser(np.array([[0.3, 1.0]])).name == "O(2)"
    assert stabiliser(np.array([[0.3, 1.0]]), group=SO2).name == "SO(2)"
    assert stabiliser(np.array([[0.3, 1.0], [1, 1]])).name == "D2"
    assert stabiliser(np.array([[1.0, 2.0]]), tensors=np.array([[3.0, 4.0]]), rep=O2.rep("1x1")).name == "D1"
    turned = stabiliser(ring(3, turn=0.2)[:, :2])
    assert turned.name == "D3"
    check_group(turned)


# tensors at the points ------------------------------------------------------------------------------------------------


@each_name
def test_tensors_lower_the_symmetry(name: str) -> None:
    """The corners of a sphere bear tensors that are all one fixed vector's values: left is the vector's symmetry."""
    v, g = posed_vector(name, 5)
    close(len(g), float(stabiliser(np.zeros((1, 3)), tensors=v[None], rep=EVERYTHING).order), 0)
    if len(g) <= 12:
        points = np.concatenate([g @ unit(np.random.default_rng(1), 3)])
        found = stabiliser(points, tensors=np.tile(v, (len(g), 1)), rep=EVERYTHING)
        assert (found.name, off(found, g) < 1e-9) == (name, True)


LINE = np.outer([-1.0, 1.0], AXIS)
ACROSS = np.array([2.0, 1.0, 0.0]) / 5**0.5
THIRD = np.cross(AXIS, ACROSS)


@pytest.mark.parametrize(
    ("rep", "tensors", "name"),
    [
        ("1x0e", [[1.0], [1.0]], "Dinfh"),
        ("1x0e", [[1.0], [2.0]], "Cinfv"),
        ("1x0o", [[1.0], [1.0]], "Dinf"),
        ("1x0o", [[1.0], [-1.0]], "Cinfh"),
        ("1x0o", [[1.0], [2.0]], "Cinf"),
        ("1x1o", [AXIS, -AXIS], "Dinfh"),
        ("1x1o", [AXIS, AXIS], "Cinfv"),
        ("1x1e", [AXIS, AXIS], "Cinfh"),
        ("1x1e", [AXIS, -AXIS], "Dinf"),
        ("1x1e", [AXIS, 2 * AXIS], "Cinf"),
        ("1x1o", [ACROSS, ACROSS], "C2v"),
        ("1x1o", [ACROSS, -ACROSS], "C2h"),
        ("1x1o", [ACROSS, THIRD], "C2"),
        ("1x1o", [ACROSS, 2 * ACROSS], "Cs"),
        ("1x1o", [ACROSS, AXIS + THIRD], "C1"),
        ("1x1e", [ACROSS, ACROSS], "C2h"),
        ("1x2e", np.zeros((2, 5)), "Dinfh"),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_tensors_on_a_line(rep: str, tensors: list, name: str, noise: float) -> None:
    rep, tensors = O3.rep(rep), np.array(tensors, dtype=float)
    rng = np.random.default_rng(0)
    points = LINE + noise * rng.normal(size=LINE.shape)
    tensors = tensors + noise * rng.normal(size=tensors.shape) * tensors.any()
    found = stabiliser(points, tensors=tensors, rep=rep, tolerance=1e-2 if noise else 1e-6)
    assert found.name == name
    g, weights, p = found.averaging(4)
    for h, q in zip(g, p, strict=True):
        close(LINE @ h.T, LINE[q], 5 * noise + 1e-9)
        close(tensors @ rep.evaluate(h[None])[0].T, tensors[q], 5 * noise + 1e-9)
    assert weights.sum() == pytest.approx(1)


def test_longer_lines() -> None:
    """Labels, many points with tensors, and points of different kinds at one place."""
    line = np.outer([-1.0, -0.5, 0, 0.5, 1], AXIS)
    twist = [np.cos(a) * ACROSS + np.sin(a) * THIRD for a in np.arange(5) * 0.4]
    assert stabiliser(line, tensors=np.array(twist), rep=O3.rep("1x1o")).name == "C2"
    assert stabiliser(line, labels=[0, 1, 1, 1, 1], tensors=np.array(twist), rep=O3.rep("1x1o")).name == "C1"
    assert stabiliser(line, tensors=np.array(twist), rep=O3.rep("1x1e")).name == "C2"
    long = np.outer(np.linspace(-1, 1, 21), AXIS)
    assert stabiliser(long, tensors=np.tile(ACROSS, (21, 1)), rep=O3.rep("1x1o")).name == "C2v"
    assert stabiliser(long, tensors=np.tile(ACROSS, (21, 1)), rep=O3.rep("1x1e")).name == "C2h"
    double = np.concatenate([LINE, [[0, 0, 0], [0, 0, 0]]])
    found = stabiliser(double, labels=[0, 0, 1, 2])
    assert found.name == "Dinfh"
    assert {tuple(p[2:]) for p in found.averaging(3)[2]} == {(2, 3)}


def test_tensors_on_one_point() -> None:
    at = np.array([[3.0, 1.0, 2.0]])
    assert stabiliser(at).name == "O(3)"
    assert stabiliser(at, tensors=AXIS[None], rep=O3.rep("1x1o")).name == "Cinfv"
    both = stabiliser(np.concatenate([at, at]), [0, 1], tensors=np.stack([AXIS, ACROSS]), rep=O3.rep("1x1o"))
    assert both.name == "Cs"
    assert stabiliser(at, tensors=np.array([AXIS]), rep=SO3.rep("1x1")).name == "Cinf"


# molecules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("molecule", MOLECULES)
def test_molecules(molecule: str) -> None:
    formula, points, name = MOLECULES[molecule]
    rng = np.random.default_rng(0)
    moved = points @ pose(rng).T + 3
    assert stabiliser(moved, kinds(formula)).name == name
    noisy = moved + 0.01 * rng.normal(size=points.shape)
    assert stabiliser(noisy, kinds(formula), tolerance=0.06).name == name


def test_molecules_of_ase() -> None:
    """Structures of the G2 set, with the point groups of textbooks."""
    build = pytest.importorskip("ase.build")
    known = {
        "H2O": "C2v", "NH3": "C3v", "CH4": "Td", "C6H6": "D6h", "CO2": "Dinfh", "C2H6": "D3d", "C2H4": "D2h",
        "C2H2": "Dinfh", "C3H4_C3v": "C3v", "C3H4_D2d": "D2d", "BF3": "D3h", "SiH4": "Td", "HCN": "Cinfv",
        "H2O2": "C2", "N2H4": "C2", "CH3OH": "Cs", "C3H6_D3h": "D3h", "bicyclobutane": "C2v", "C2F4": "D2h",
    }  # fmt: skip
    for name, expected in known.items():
        atoms = build.molecule(name)
        assert stabiliser(atoms.positions, atoms.numbers, tolerance=1e-2).name == expected, name
