"""Rotations as matrices, and those of the polyhedra."""

import numpy as np
import pytest

from intertwine.catalog import SO3
from intertwine.errors import ArgumentError
from intertwine.groups.rotations import (
    GOLDEN,
    axis_rotation,
    distinct,
    polyhedral_rotations,
    quaternion_rotations,
    random_directions,
    random_rotations,
)
from tests.registry import close

ORDERS = {"tetrahedron": 12, "cube": 24, "icosahedron": 60}


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_polyhedra_have_their_rotations(name: str, order: int) -> None:
    """As many as there should be, closed under products, the identity first."""
    g = polyhedral_rotations(name)
    assert g.shape == (order, 3, 3)
    assert SO3.contains(g, tolerance=1e-14).all()
    close(g[0], np.eye(3))
    products = (g[:, None] @ g).reshape(-1, 3, 3)
    assert len(distinct(np.concatenate([g, products]))) == order


@pytest.mark.parametrize(
    ("name", "axis", "order"),
    [
        ("tetrahedron", (0, 0, 1), 2),
        ("tetrahedron", (1, 1, 1), 3),
        ("cube", (1, 0, 0), 4),
        ("cube", (1, 1, 1), 3),
        ("cube", (1, 1, 0), 2),
        ("icosahedron", (0, 1, 0), 2),
        ("icosahedron", (1, 1, 1), 3),
        ("icosahedron", (GOLDEN, 0, 1), 5),
        ("icosahedron", (0, 1, GOLDEN), 5),
        ("icosahedron", (1, GOLDEN, 0), 5),
        ("icosahedron", (1, 0, GOLDEN), 1),
    ],
)
def test_polyhedra_stand_upright(name: str, axis: tuple[float, float, float], order: int) -> None:
    """An axis of order n is kept by n rotations."""
    moved = np.abs(polyhedral_rotations(name) @ axis - axis).max(-1)
    assert (moved < 1e-12).sum() == order


def test_the_tetrahedron_is_in_the_others() -> None:
    for name in ("cube", "icosahedron"):
        both = np.concatenate([polyhedral_rotations(name), polyhedral_rotations("tetrahedron")])
        assert len(distinct(both)) == ORDERS[name]


def test_other_polyhedra_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"polyhedron 'soccer ball' here\. The names are tetrahedron, cube, icos"):
        polyhedral_rotations("soccer ball")


def test_quaternions_turn_by_twice_their_angle() -> None:
    angle = np.linspace(-7, 7, 30)
    zero = np.zeros_like(angle)
    for axis in range(3):
        q = np.stack([np.cos(angle / 2), zero, zero, zero], -1)
        q[:, 1 + axis] = np.sin(angle / 2)
        close(quaternion_rotations(q), axis_rotation(axis, angle))
        close(quaternion_rotations(-q[3]), axis_rotation(axis, angle[3]))


def test_quaternions_multiply_as_their_rotations() -> None:
    a, b = random_directions(2, 4, seed=1)
    product = np.array([a[0] * b[0] - a[1:] @ b[1:], *(a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:]))])
    close(quaternion_rotations(product), quaternion_rotations(a) @ quaternion_rotations(b), 1e-14)


def test_random_rotations_are_those_that_the_group_samples() -> None:
    g = random_rotations(50, seed=3)
    np.testing.assert_array_equal(g, SO3.sample(50, seed=3))
    assert SO3.contains(g, tolerance=1e-14).all()
    assert random_rotations(0, seed=3).shape == (0, 3, 3)
