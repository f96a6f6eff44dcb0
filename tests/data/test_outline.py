"""Outlines become vectors on which O(2) acts, whatever the order in which their points came."""

from collections.abc import Callable

import numpy as np
import pytest

from intertwine.data import fourier_coefficients, fourier_layout, log_size, outline_from_coefficients, transform
from intertwine.errors import ArgumentError, ShapeError

DEGREE = 7

ANGLES = [0.0, 0.3, np.pi / 2, 2.0, np.pi, 5.5]


def rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def blob(seed: int, points: int = 90) -> np.ndarray:
    """A lumpy outline without any symmetry, away from the origin, with corners at uneven distances."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, points))
    k = np.arange(1, 6)
    radius = 3 + (rng.standard_normal((2, 5)) / k) @ np.cos(np.outer(k, angles))
    return 40 + np.stack([np.cos(angles), np.sin(angles)], -1) * radius.mean(0)[:, None]


def action(matrix: np.ndarray, degree: int = DEGREE) -> np.ndarray:
    """ρ(g): a block of frequency f turns f times as far; the mirror changes its second component's sign."""
    mirrored = np.linalg.det(matrix) < 0
    angle = np.arctan2(matrix[1, 0], matrix[0, 0])
    rho = np.eye(1 + 4 * degree)
    for f in range(1, degree + 1):
        block = rotation(f * angle) @ np.diag([1.0, -1.0 if mirrored else 1.0])
        start = 4 * f - 3
        rho[start : start + 4, start : start + 4] = np.kron(block, np.eye(2))
    return rho


def coefficients(outline: np.ndarray) -> np.ndarray:
    return fourier_coefficients(outline, DEGREE)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("mirror", [1.0, -1.0])
@pytest.mark.parametrize("seed", range(3))
def test_moving_an_outline_acts_on_its_coefficients(angle: float, mirror: float, seed: int) -> None:
    """c(g · outline) = ρ(g) c(outline): the law that makes them features."""
    g = rotation(angle) @ np.diag([1.0, mirror])
    moved = coefficients(transform(blob(seed), g))
    np.testing.assert_allclose(moved, action(g) @ coefficients(blob(seed)), atol=1e-10)


def test_the_action_is_not_trivial() -> None:
    """Every frequency is there, so the law above cannot hold for want of anything to turn."""
    blocks = coefficients(blob(0))[1:].reshape(DEGREE, 2, 2)
    assert np.linalg.norm(blocks, axis=(1, 2)).min() > 1e-3


SAME = {
    "another start": lambda z: np.roll(z, 31, axis=0),
    "backwards": lambda z: z[::-1],
    "every point twice": lambda z: np.repeat(z, 2, axis=0),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_the_way_to_walk_does_not_matter(change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Start, direction and repeated points belong to the file, not to the cell."""
    np.testing.assert_allclose(coefficients(change(blob(1))), coefficients(blob(1)), atol=1e-10)


def test_points_on_the_edges_do_not_matter() -> None:
    """The integral is over the polygon, not over its corners."""
    z = blob(2)
    denser = np.stack([z, (z + np.roll(z, -1, axis=0)) / 2], 1).reshape(-1, 2)
    np.testing.assert_allclose(coefficients(denser), coefficients(z), atol=1e-10)


def test_position_and_size_are_apart() -> None:
    np.testing.assert_allclose(coefficients(5 * blob(0) - 300), coefficients(blob(0)), atol=1e-10)
    assert log_size(5 * blob(0)) == pytest.approx(log_size(blob(0)) + np.log(5))


def test_an_outline_comes_back() -> None:
    """Nothing is lost but what the degree cuts off."""
    c = coefficients(blob(0))
    z = outline_from_coefficients(c, points=4000)
    fine = outline_from_coefficients(fourier_coefficients(blob(0), 200), points=4000)
    assert np.abs(outline_from_coefficients(fourier_coefficients(fine, 200), points=4000) - fine).max() < 5e-3
    assert np.abs(z - fine).max() < 0.3
    assert outline_from_coefficients(np.stack([c, c])).shape == (2, 200, 2)


def test_a_circle_is_one_number() -> None:
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([np.cos(t), np.sin(t)], -1)
    np.testing.assert_allclose(coefficients(circle), [1.0] + [0.0] * 4 * DEGREE, atol=1e-4)


def test_a_long_ellipse_points_along_its_axis() -> None:
    """Frequency 2 is where the long axis shows: along x both channels are (positive, 0)."""
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    block = coefficients(np.stack([3 * np.cos(t), np.sin(t)], -1))[5:9].reshape(2, 2)
    assert block[0, 0] > 0.1
    np.testing.assert_allclose(block[1], 0, atol=1e-10)


def test_the_layout_counts_right() -> None:
    assert fourier_layout(0) == "1x0e"
    assert fourier_layout(2) == "1x0e + 2x1 + 2x2"
    assert [fourier_coefficients(blob(0), d).size for d in (0, 1, 5)] == [1, 5, 21]


@pytest.mark.parametrize(
    ("outline", "error", "words"),
    [
        (np.zeros((5, 3)), ShapeError, r"\(n, 2\)"),
        (np.zeros((5, 2)), ArgumentError, "three"),
        (np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), ArgumentError, "no area"),
        (np.array([[0.0, 0.0], [1.0, np.nan], [2.0, 0.0]]), ArgumentError, "finite"),
    ],
)
def test_what_is_no_outline_is_refused(outline: np.ndarray, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fourier_coefficients(outline, 2)


def test_other_mistakes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="negative"):
        fourier_coefficients(blob(0), -1)
    with pytest.raises(ShapeError, match=r"1 \+ 4 d"):
        outline_from_coefficients(np.ones(7))
    with pytest.raises(ShapeError, match="O\\(2\\)"):
        transform(blob(0), np.eye(3))
