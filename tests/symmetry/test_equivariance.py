"""Reports say where a model fails to be equivariant."""

import json

import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, dihedral
from intertwine.errors import ArgumentError, LawError
from intertwine.symmetry import assert_equivariant, equivariance_report

HIDDEN = O3.rep("8x0e + 4x1o + 2x2e")


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(O3.harmonics(2), HIDDEN), nn.NormActivation(HIDDEN), nn.Linear(HIDDEN, O3.rep("1x0e + 1x1o"))
    )


class Wrapped(torch.nn.Module):
    """A network whose middle does something of its own."""

    def __init__(self, middle: torch.nn.Module) -> None:
        super().__init__()
        self.first, self.middle = nn.Linear(O3.harmonics(2), HIDDEN), middle
        self.last = nn.Linear(HIDDEN, O3.rep("1x0e + 1x1o"))
        self.reps_in, self.rep_out = (O3.harmonics(2),), self.last.rep_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.middle(self.first(x)))


class Stated(torch.nn.Module):
    """A pointwise ReLU that claims to be equivariant."""

    def __init__(self) -> None:
        super().__init__()
        self.reps_in, self.rep_out = (HIDDEN,), HIDDEN

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


def test_an_equivariant_network_is_exact() -> None:
    report = equivariance_report(network())
    assert report.exact
    assert report.error < 1e-13
    assert report.single < 1e-5
    assert set(report.irreps) == {"0e", "1o"}
    assert [layer.kind for layer in report.layers] == ["Linear", "NormActivation", "Linear"]
    assert report.first_offender is None
    assert "is equivariant up to rounding under O(3)" in str(report)
    assert_equivariant(network())


def test_a_pointwise_function_on_vectors_is_found() -> None:
    report = equivariance_report(Wrapped(Stated()))
    assert not report.exact
    assert report.first_offender == "middle"
    assert "the same in both, so it is real" in str(report)
    assert "the first part that is not equivariant: middle (Stated)" in str(report)
    with pytest.raises(LawError, match="is NOT equivariant under O"):
        assert_equivariant(Wrapped(Stated()))


def test_a_fault_between_the_parts_is_said() -> None:
    text = str(equivariance_report(Wrapped(torch.nn.ReLU())))
    assert "each part that states its reps is equivariant: the error comes from what is between them" in text


def test_mirrors_and_rotations_are_told_apart() -> None:
    """The area that two vectors span is a pseudoscalar: as an invariant of O(2) it fails under mirrors alone."""
    pair = O2.rep("2x1")

    def area(x: torch.Tensor) -> torch.Tensor:
        (a, b) = pair.split(x)[0].unbind(-2)
        return (a[..., :1] * b[..., 1:]) - (a[..., 1:] * b[..., :1])

    report = equivariance_report(area, reps_in=pair, rep_out=O2.rep("1x0e"))
    assert report.elements["rotations"] < 1e-12
    assert report.elements["mirrors"] > 0.1
    assert equivariance_report(area, reps_in=pair, rep_out=O2.rep("1x0o")).exact


def test_ties_show_on_symmetric_inputs_only() -> None:
    """The place of the largest entry is equivariant on random features, not where entries are equal."""
    regular = dihedral(4).regular

    def largest(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(x.argmax(-1), x.shape[-1]).to(x)

    report = equivariance_report(largest, reps_in=regular, rep_out=regular)
    assert report.error < 1e-12
    assert max(report.symmetric.values()) > 0.4
    assert not report.exact
    assert "it fails on symmetric inputs only: look for ties" in str(report)
    with pytest.raises(LawError, match="symmetric inputs"):
        assert_equivariant(largest, reps_in=regular, rep_out=regular)


def test_the_report_is_for_programs_too() -> None:
    found = json.loads(json.dumps(equivariance_report(network()).to_dict()))
    assert found["exact"] is True
    assert found["first_offender"] is None


def test_reps_must_be_known() -> None:
    with pytest.raises(ArgumentError, match="are not known"):
        equivariance_report(torch.nn.Linear(3, 3))
