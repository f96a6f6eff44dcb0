"""How far points move from one structure to another."""

import numpy as np

from intertwine.symmetry import Points
from intertwine.symmetry.inputs.motion import are_shuffled, motion
from tests.symmetry.clouds import SQUARE


def test_a_shift_moves_nothing_and_a_crystal_goes_to_the_nearest_image() -> None:
    assert np.abs(motion(Points(SQUARE), Points(SQUARE + np.array([3.0, -1, 2])))).max() < 1e-12
    cell = np.diag([2.0, 2, 3])
    start, off = np.array([[0.1, 0, 0], [1, 1, 1]]), np.array([[0.2, 0, 0.1], [-0.2, 0, -0.1]])
    finish = Points(start + off + np.array([[1, -2, 0], [0, 0, 1]]) @ cell, cell=cell)
    np.testing.assert_allclose(motion(Points(start, cell=cell), finish), off, atol=1e-12)


def test_points_in_another_order_move_less_when_they_are_sorted() -> None:
    shuffled = SQUARE[[1, 2, 3, 0]] * 1.1
    assert are_shuffled(Points(SQUARE), shuffled - SQUARE)
    assert not are_shuffled(Points(SQUARE), 0.1 * SQUARE)
    assert not are_shuffled(Points(SQUARE, labels=[0, 1, 2, 3]), shuffled - SQUARE)
