"""Targets of rounding size are 0, which every symmetry keeps; small ones are what they are."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from intertwine.catalog import O3, SO3
from intertwine.symmetry import (
    Points,
    curie_check,
    dataset_floor,
    floor_of,
    loss_floor,
    order_parameters,
)
from tests.symmetry.clouds import SQUARE
from tests.symmetry.square import STRETCH

VECTOR = O3.rep("1x1o")
ANGLES = np.arange(6) * np.pi / 3
BENZENE = np.concatenate([r * np.stack([np.cos(ANGLES), np.sin(ANGLES), 0 * ANGLES], 1) for r in (1.39, 2.48)])
KINDS = [6] * 6 + [1] * 6
CO2 = Points(np.array([[-1.16, 0, 0], [0, 0, 0], [1.16, 0, 0]]), [8, 6, 8])
SALT = Points(3 * np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [11, 17], cell=3 * np.eye(3))


COPPER = Points(np.zeros((1, 3)), [29], cell=1.8 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))


def noise(*shape: int, size: float = 1e-17) -> np.ndarray:
    return size * np.random.default_rng(0).normal(size=shape)


ROUNDING = {
    "displacements": (SQUARE, noise(4, 3)),
    "a dipole": (SQUARE, np.array([1e-16, 0, 0])),
    "displacements in float32": (SQUARE, noise(4, 3, size=1e-8).astype(np.float32)),
    "a dipole of torch": (SQUARE, torch.tensor([1e-8, 0, 0])),
    "a cloud far away": (SQUARE + 1e4, noise(4, 3, size=1e-12)),
    "a large cloud": (1e6 * SQUARE, noise(4, 3, size=1e-11)),
    "a line": (CO2, np.array([1e-16, 3e-17, 0])),
    "the points of a line": (CO2, noise(3, 3)),
    "a crystal": (SALT, noise(2, 3)),
    "a crystal with its atom at the origin": (COPPER, noise(1, 3)),
    "an atom at the origin": (Points(np.zeros((1, 3))), np.array([1e-17, 0, 2e-18])),
    "nothing": (SQUARE, np.zeros(3)),
}


@pytest.mark.parametrize("name", ROUNDING)
def test_rounding_is_possible(name: str) -> None:
    x, y = ROUNDING[name]
    report = curie_check(x, y, rep_out=VECTOR)
    assert report.possible
    assert (report.floor, report.answers, report.gain) == (0.0, 1.0, 0.0)
    assert report.K.name == report.H.name
    assert str(report).startswith("POSSIBLE\n")
    assert ("in larger units if it is not meant to be" in str(report)) == (name != "nothing")
    assert floor_of(report, F.mse_loss)[0] <= report.zero**2
    if isinstance(x, np.ndarray):
        assert loss_floor(x, y, VECTOR) == 0


SMALL = {
    "a dipole": (SQUARE, np.array([1e-6, 0, 0]), 1e-12 / 3),
    "a dipole near rounding": (SQUARE, np.array([1e-13, 0, 0]), 1e-26 / 3),
    "displacements": (SQUARE, 1e-9 * STRETCH, 1e-18 / 24),
    "a dipole in float32": (SQUARE, np.array([1e-5, 0, 0], np.float32), 1e-10 / 3),
    "a tiny cloud, in metres": (1e-10 * SQUARE, np.array([1e-17, 0, 0]), 1e-34 / 3),
    "a line": (CO2, np.array([1e-9, 0, 0]), 1e-18 / 3),
    "a crystal": (SALT, np.array([[1e-9, 0, 0], [-1e-9, 0, 0]]), 1e-18 / 3),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_targets_do_not_vanish(name: str) -> None:
    x, y, floor = SMALL[name]
    report = curie_check(x, y, rep_out=VECTOR)
    assert not report.possible
    assert report.floor == pytest.approx(floor, rel=1e-6, abs=0)
    if isinstance(x, np.ndarray):
        assert loss_floor(x, y, VECTOR) == pytest.approx(floor, rel=1e-6, abs=0)
        assert order_parameters(report, degree=2).working
        assert np.allclose(order_parameters(report, degree=2)[0].floor / floor, 0, atol=1e-9)


@pytest.mark.parametrize("shift", [0.1, 1.2345, 10.7])
def test_a_rigid_shift_moves_nothing(shift: float) -> None:
    """Displacements from benzene to the same benzene elsewhere, about their centroids."""
    there = BENZENE + shift * np.array([1.0, -0.3, 0.7])
    moves = (there - there.mean(0)) - (BENZENE - BENZENE.mean(0))
    assert np.abs(moves).max() > 0
    assert curie_check(Points(BENZENE, KINDS), moves, rep_out=VECTOR).possible
    assert loss_floor(BENZENE, moves, VECTOR, labels=KINDS) == 0


def test_rounding_beside_a_small_target_that_is_possible() -> None:
    """Breathing by 1e-11 keeps all symmetries; rounding of 1e-16 on top breaks none."""
    report = curie_check(SQUARE, 1e-11 * SQUARE + noise(4, 3, size=1e-16), rep_out=VECTOR)
    assert report.possible
    assert report.K.name == "D4h"
    assert not curie_check(SQUARE, 1e-11 * (SQUARE + 0.1 * STRETCH), rep_out=VECTOR).possible


def test_datasets() -> None:
    """No conflicts, no choices, no floors of rounding; a small label that is lost is told of."""
    rep, squares = SO3.rep("1x1"), [SQUARE, SQUARE + 1, SQUARE[::-1]]
    for loss in (None, F.l1_loss):
        found = dataset_floor(squares, [noise(4, 3), noise(4, 3)[::-1], noise(4, 3)], rep_out=rep, loss=loss)
        assert (found.total, found.conflicts, found.choices) == (0.0, (), ())
        assert "0 of 3 samples" in str(found)
    single = [noise(3, size=1e-9).astype(np.float32) for _ in squares]
    assert dataset_floor(squares, single, rep_out=rep).total == 0
    lost = dataset_floor(squares, [1e-7 * STRETCH, noise(4, 3), noise(4, 3)], rep_out=rep)
    assert lost.total == pytest.approx(1e-14 / 24 / 3, rel=1e-6, abs=0)
    assert lost.conflicts == ((0, 1, 2),)


@pytest.mark.parametrize("size", np.geomspace(0.2, 10, 12))
def test_floor_and_verdict_agree_at_the_limit(size: float) -> None:
    """About the size of rounding a target is 0 for both, or for neither."""
    zero = curie_check(SQUARE, np.array([1e-3, 0, 0]), rep_out=VECTOR).zero
    y = np.array([size * zero, 0, 0])
    report = curie_check(SQUARE, y, rep_out=VECTOR)
    assert report.possible == (report.floor == 0) == (loss_floor(SQUARE, y, VECTOR) == 0)


def test_the_floor_of_points() -> None:
    """`Points` bring their labels and features along."""
    y = np.array([0, 0, 1.0])
    assert loss_floor(Points(SQUARE), y, VECTOR) == loss_floor(SQUARE, y, VECTOR)
    up = np.tile([0, 0, 1.0], (4, 1))
    assert loss_floor(Points(SQUARE, features=up), y, VECTOR, rep_in=VECTOR) < 1e-25
