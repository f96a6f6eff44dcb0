"""Several equally good answers: inputs that choose, losses that accept any, poses that cannot be told."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from intertwine.catalog import O2, O3, SO2
from intertwine.errors import ArgumentError, ShapeError
from intertwine.symmetry import (
    CurieReport,
    OrbitLoss,
    breaking_inputs,
    curie_check,
    order_parameters,
    recognisable,
    stabiliser,
)
from tests.registry import close
from tests.symmetry.clouds import SQUARE, ring

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


def test_the_square_needs_one_bit() -> None:
    """±(x² − y²)."""
    found = breaking_inputs(REPORT, order_parameters(REPORT)[0])
    assert (found.size, found.bits) == (2, 1.0)
    assert str(found) == "2 inputs (1 bit): 2e vectors, the orbit of the order parameter under D4h"
    assert json.loads(json.dumps(found.to_dict()))["size"] == 2


def test_breaking_more_than_needed_takes_more_inputs() -> None:
    over = next(p for p in order_parameters(REPORT, degree=5).working if not p.exact)
    assert breaking_inputs(REPORT, over).size > REPORT.answers


def test_half_of_the_symmetries_of_a_cyclic_group() -> None:
    pinwheel = np.concatenate([ring(4), ring(4, 1.5, height=0.2, turn=0.4)])
    report = curie_check(pinwheel, np.array([0.7, 0.1, 0.0]), rep_out=O3.rep("1x1o"))
    assert report.H.name == "C4"
    found = breaking_inputs(report, next(p for p in order_parameters(report).working if p.irrep.label == "1o"))
    assert found.size == 4


def test_two_directions_of_an_axis() -> None:
    """A continuous symmetry that leaves finitely many inputs: N₂ → a dipole along its axis, one of two ways."""
    axis = np.array([1.0, 2, 2]) / 3
    report = curie_check(np.outer([-1, 1], axis), axis, rep_out=O3.rep("1x1o"))
    assert (report.H.name, report.answers) == ("Dinfh", 2)
    found = breaking_inputs(report, order_parameters(report)[0])
    assert found.size == 2
    close(found.vectors[1], -found.vectors[0])
    close(found.answers, np.array([axis, -axis]))


@pytest.fixture(scope="module")
def cone() -> CurieReport:
    """Points on a line, each to move the same way across it: a circle of answers."""
    return curie_check(np.outer([0, 1, 5], [0, 0, 1]), np.tile([0.6, 0.8, 0.3], (3, 1)), rep_out=O3.rep("1x1o"))


def test_infinitely_many_inputs_are_sampled(cone: CurieReport) -> None:
    assert (cone.H.name, cone.answers) == ("Cinfv", np.inf)
    found = breaking_inputs(cone, order_parameters(cone)[0])
    assert found.size == np.inf
    assert "infinitely many inputs" in str(found)
    assert found.to_dict()["size"] is None
    vectors, answers = found.sample(200, seed=3)
    assert len(found.vectors) == 1
    close(answers[..., 2], 0.3)
    close(np.linalg.norm(answers[..., :2], axis=-1), 1.0)
    angles = np.arctan2(answers[:, 0, 1], answers[:, 0, 0])
    assert np.abs(np.exp(1j * angles).mean()) < 0.2
    for w, y in zip(vectors[:5], answers[:5], strict=True):  # whoever keeps the input keeps the answer
        kept = stabiliser(w, rep=found.irrep.irreps)
        inside = kept.elements[cone.H.subgroup.contains(kept.elements, 1e-6)]
        close(y[0] @ inside.swapaxes(-1, -2), np.tile(y[0], (len(inside), 1)), 1e-6)


def test_sampled_symmetries_exchange_points() -> None:
    """Two points with different targets: whoever turns the line round exchanges them."""
    y = np.array([[1.0, 0, 0.3], [0, 2, 0.5]])
    report = curie_check(np.array([[0, 0, -1.0], [0, 0, 1]]), y, rep_out=O3.rep("1x1o"))
    assert report.H.name == "Dinfh"
    _, answers = breaking_inputs(report, next(iter(order_parameters(report).working))).sample(60, seed=0)
    seen = {(round(float(np.hypot(*a[0, :2])), 6), round(float(a[0, 2]), 6)) for a in answers}
    assert seen == {(1.0, 0.3), (2.0, -0.5)}


def test_fields_on_the_points() -> None:
    parameter = order_parameters(REPORT)[0]
    field = np.zeros((4, 3))
    field[:] = SQUARE * [-1, 1, 0]
    found = breaking_inputs(REPORT, replace(parameter, irrep=O3.irrep("1o"), vector=field))
    assert found.vectors.shape == (2, 4, 3)
    close(found.vectors[1], -field)
    close(found.answers[1], -REPORT.y)
    assert "vectors at the points, the orbit of the order parameter under D4h" in str(found)
    assert found.sample(5, seed=0)[0].shape == (5, 4, 3)


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


def test_the_orbit_loss_on_a_circle_of_answers(cone: CurieReport) -> None:
    """The minimum over all turns about the axis, against a fine search; and its gradient."""
    loss, rng = OrbitLoss(cone), np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 20001)
    prediction = rng.normal(size=(6, 3, 3))
    circle = np.stack([np.cos(angles), np.sin(angles), np.full_like(angles, 0.3)], -1)
    wanted = np.mean((prediction[:, None] - circle[:, None]) ** 2, (-2, -1)).min(1)
    each = np.array([float(loss(torch.tensor(p))) for p in prediction])
    close(each, wanted, 1e-6)
    assert (each <= wanted + 1e-12).all()
    assert loss(torch.tensor(prediction)) == pytest.approx(each.mean())
    assert 0 < loss.excess < 0.1
    assert loss(torch.tensor(cone.y[:, [1, 0, 2]] * [1, -1, 1])) < 1e-28
    x = torch.tensor(prediction, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (x,))
    assert loss(torch.zeros(3, 3)) == pytest.approx(np.mean(cone.y**2))
    assert loss(torch.tensor(cone.y).half()).dtype == torch.float16


def test_the_orbit_loss_on_a_sphere_of_answers() -> None:
    """One atom, all of O(3): only the length of the answer can be wrong, and for a tensor its eigenvalues."""
    vector = OrbitLoss(curie_check(np.zeros((1, 3)), np.array([0.0, 0, 2]), rep_out=O3.rep("1x1o")))
    rng = np.random.default_rng(1)
    for p in rng.normal(size=(5, 3)):
        assert float(vector(torch.tensor(p))) == pytest.approx((np.linalg.norm(p) - 2) ** 2 / 3)
    rep = O3.rep("1x2e")
    y = rng.normal(size=5)
    tensor = OrbitLoss(curie_check(np.zeros((1, 3)), y, rep_out=rep))
    g = O3.sample(30, seed=2)
    assert float(tensor(torch.tensor(rep.matrix(g) @ y))) < 1e-20


# poses ----------------------------------------------------------------------------------------------------------------


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
    antiprism = np.concatenate([ring(3, height=1.0), ring(3, height=-1.0, turn=np.pi)])
    assert "its own mirror image, the inversion, so" in str(recognisable(antiprism))
