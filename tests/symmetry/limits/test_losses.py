"""Floors of convex losses: known minima, and none that a symmetric output could beat."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.symmetry import curie_check, floor_of
from tests.registry import close
from tests.symmetry.clouds import SQUARE

REPORT = curie_check(SQUARE, SQUARE * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))


def test_the_mean_squared_error_has_the_floor_of_the_report() -> None:
    value, best = floor_of(REPORT, F.mse_loss)
    assert value == pytest.approx(REPORT.floor, abs=1e-12)
    close(best, REPORT.best_output, 1e-7)


@pytest.mark.parametrize("loss", [F.l1_loss, F.huber_loss, F.smooth_l1_loss])
def test_no_symmetric_output_has_a_smaller_loss(loss: object) -> None:
    """Outputs that D4h fixes on a square are multiples of the positions: a line to search by hand."""
    value, best = floor_of(REPORT, loss)
    target = torch.tensor(REPORT.y)
    by_hand = min(float(loss(c * torch.tensor(SQUARE), target)) for c in np.linspace(-1, 1, 2001))
    assert value <= by_hand + 1e-6
    assert value == pytest.approx(float(loss(torch.tensor(best), target)))
    scale = float(np.sum(best * SQUARE) / np.sum(SQUARE * SQUARE))
    close(best, scale * SQUARE, 1e-7)


def test_equal_points_share_the_probability() -> None:
    """Which of four equal corners? Cross-entropy cannot get below log 4."""
    report = curie_check(SQUARE, np.eye(4)[:, :1], rep_out=O3.rep("1x0e"))
    value, _ = floor_of(report, lambda z, _: F.cross_entropy(z.T, torch.tensor([0])))
    assert value == pytest.approx(np.log(4), abs=1e-9)


def test_one_output_for_the_whole_cloud() -> None:
    """A square has no dipole: the best answer is 0, and the L1 loss is that of 0."""
    report = curie_check(SQUARE, np.array([0.0, 0.0, 2.0]), rep_out=O3.rep("1x1o"))
    value, best = floor_of(report, F.l1_loss)
    assert value == pytest.approx(2 / 3)
    close(best, 0.0)


def test_a_loss_is_one_number() -> None:
    with pytest.raises(ArgumentError, match="A loss gives one number"):
        floor_of(REPORT, lambda z, y: (z - y) ** 2)
