"""Curie's question for maps that know a part of the group only, and for targets in all the forms that come."""

import numpy as np
import pytest
import torch

from intertwine.catalog import O3
from intertwine.errors import ArgumentError
from intertwine.symmetry import Points, curie_check, order_parameters
from tests.symmetry.clouds import SQUARE

# a continuous symmetry, of which the map knows a part -----------------------------------------------------------------

ROD = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
DIPOLE = np.array([0.0, 0.0, 1.0])


@pytest.mark.parametrize(("part", "kept", "answers"), [("Cinf", "Cinf", 1), ("Dinf", "Cinf", 2), ("Cinfh", "Cinf", 2)])
def test_what_a_target_keeps_of_a_rod_lies_in_the_group_of_the_map(part: str, kept: str, answers: int) -> None:
    """A dipole along a rod has mirrors too, but they are no symmetries of a map that knows part of O(3) only."""
    report = curie_check(ROD, DIPOLE, rep_out=O3.rep("1x1o"), group=O3.subgroup(part))
    assert (report.H.name, report.K.name, report.answers) == (part, kept, answers)
    assert report.possible == (answers == 1)


def test_what_a_target_keeps_of_a_vector_lies_in_the_group_of_the_map() -> None:
    report = curie_check(DIPOLE, DIPOLE, O3.rep("1x1o"), O3.rep("1x1o"), group=O3.subgroup("Cinf"))
    assert (report.H.name, report.K.name, report.answers, report.possible) == ("Cinf", "Cinf", 1, True)


def test_order_parameters_of_a_rod_in_a_part_of_the_group_work_when_they_are_fed() -> None:
    """Under C∞ any vector across the rod will do: also xz, whose own symmetry has turns that the map does not know."""
    question = {"rep_out": O3.rep("1x1o"), "group": O3.subgroup("Cinf")}
    found = order_parameters(curie_check(ROD, np.array([1.0, 0.0, 0.0]), **question), degree=2)
    assert {p.irrep.label for p in found.working} == {"1o", "1e", "2e", "2o"}
    for p in found:
        fed = Points(ROD, features=np.tile(p.vector, (2, 1)))
        again = curie_check(fed, np.array([1.0, 0.0, 0.0]), p.irrep, **question)
        assert (again.H.name, again.floor) == (p.stabiliser, pytest.approx(p.floor, abs=1e-12))


def test_vectors_come_as_lists_and_as_tensors_with_gradients() -> None:
    x, y = torch.tensor([0.0, 0.0, 2.0], requires_grad=True), torch.tensor([1.0, 0.0, 0.0], requires_grad=True)
    for report in (
        curie_check(x, y, O3.rep("1x1o"), O3.rep("1x1o")),
        curie_check([0, 0, 2], [1, 0, 0], O3.rep("1x1o"), O3.rep("1x1o")),  # type: ignore[arg-type]
    ):
        assert (report.H.name, report.K.name) == ("Cinfv", "Cs")


def test_a_target_of_points_without_features_is_no_target() -> None:
    with pytest.raises(ArgumentError, match="without features"):
        curie_check(SQUARE, Points(SQUARE), rep_out=O3.rep("1x1o"))


def test_noise_up_to_the_tolerance_does_not_hide_what_a_noisy_square_shares_with_a_part_of_the_group() -> None:
    noisy = SQUARE + 1e-4 * np.random.default_rng(0).normal(size=SQUARE.shape)
    report = curie_check(noisy, DIPOLE, rep_out=O3.rep("1x1o"), group=O3.subgroup("C4v"), tolerance=1e-2)
    assert report.H.name == "C4v"
