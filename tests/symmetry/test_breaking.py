"""Several equally good answers: inputs that choose, losses that accept any, poses that cannot be told."""

import json

import numpy as np
import pytest
import torch

from intertwine.catalog import O2, O3, SO2, point_group
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import (
    OrbitLoss,
    breaking_inputs,
    curie_check,
    dataset_floor,
    order_parameters,
    recognisable,
)
from tests.registry import close
from tests.symmetry.clouds import SQUARE

REPORT = curie_check(SQUARE, SQUARE * [-0.5, 0.5, 0], rep_out=O3.rep("1x1o"))


def test_the_breaking_set_has_one_vector_for_each_answer() -> None:
    found = breaking_inputs(REPORT, order_parameters(REPORT)[0])
    assert len(found.vectors) == REPORT.answers == 2
    close(found.vectors[1], -found.vectors[0])
    close(found.answers[0], REPORT.y)
    close(found.answers.mean(0), REPORT.best_output)
    vectors, answers = found.sample(50, seed=1)
    assert {tuple(v.round(6)) for v in vectors} == {tuple(v.round(6)) for v in found.vectors}
    assert answers.shape == (50, 4, 3)


def test_only_working_order_parameters_break_enough() -> None:
    idle = next(p for p in order_parameters(REPORT) if p.floor > 0.01)
    with pytest.raises(ArgumentError, match="leaves a floor"):
        breaking_inputs(REPORT, idle)


def test_the_orbit_loss_accepts_every_answer_and_not_their_mean() -> None:
    loss = OrbitLoss(REPORT)
    for answer in loss.answers:
        assert loss(answer) == 0
    assert loss(torch.tensor(REPORT.best_output)) == pytest.approx(REPORT.floor)
    prediction = torch.tensor(REPORT.y + 0.01).expand(3, 4, 3).clone().requires_grad_()
    loss(prediction).backward()
    assert prediction.grad.abs().max() > 0
    assert not loss.state_dict()
    with pytest.raises(ShapeError, match="The target has the shape"):
        loss(torch.zeros(3, 3))


def test_what_can_be_recognised() -> None:
    """Frequencies 1 and 2: achiral along one line, chiral otherwise; frequency 3 alone has threefold symmetry."""
    rep = O2.rep("1x1 + 1x2")
    assert recognisable(np.array([1.0, 0, 0.3, 0.2]), rep=rep).everything
    achiral = recognisable(np.array([1.0, 0, 0.3, 0]), rep=rep)
    assert (achiral.rotation, achiral.flip) == (True, False)
    turned = recognisable(np.array([0.6, 0.8]), rep=SO2.rep("1x3"))
    assert (turned.rotation, turned.flip) == (False, None)
    assert "up to C3 only (3 elements look alike)" in str(turned)
    assert json.loads(json.dumps(achiral.to_dict()))["flip"] is False
    assert not recognisable(SQUARE).rotation


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
    found = dataset_floor(np.eye(3)[:1], np.ones((1, 3)), O3.rep("1x1o"), O3.rep("1x1e"))
    assert found.total == pytest.approx(1.0)
    with pytest.raises(ShapeError, match="were expected"):
        dataset_floor(np.eye(3), np.ones((1, 3)), O3.rep("1x1o"), O3.rep("1x1e"))
