"""Reports say where, how much and why a model fails to be equivariant."""

import json
import math

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, symmetric
from intertwine.errors import ArgumentError, LawError, ShapeError
from intertwine.fields import Features, GridField
from intertwine.reps import clebsch_gordan
from intertwine.symmetry import assert_equivariant, equivariance_report, tolerance_of
from intertwine.symmetry.diagnosis.cases import Trial
from intertwine.symmetry.diagnosis.measures import moves

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
    torch.manual_seed(0)
    report = equivariance_report(network())
    assert report.exact
    assert report.error < 1e-13
    assert 1e-9 < report.single < 1e-6
    assert max(report.lie.values()) < 1e-13
    assert max(report.gradients.values()) < 1e-13
    assert report.cause == "rounding"
    assert "it falls with the precision" in str(report)
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


# precision -----------------------------------------------------------------------------------------------------------


class Perturbed(Wrapped):
    """A network with a little of something else in its middle."""

    def __init__(self, size: float) -> None:
        super().__init__(nn.NormActivation(HIDDEN))
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.middle(self.first(x))
        return self.last(hidden + self.size * hidden.flip(-1))


class Product(torch.nn.Module):
    """The product of two vectors of degree 2, with a table of its own in some precision."""

    def __init__(self, dtype: torch.dtype, buffer: bool = True) -> None:
        super().__init__()
        one, two = O3.irrep("1o"), O3.irrep("2e")
        table = torch.tensor(clebsch_gordan(one, one, two)[0]).to(dtype)
        if buffer:
            self.register_buffer("table", table)
        else:
            self.table = table
        self.reps_in, self.rep_out = (O3.rep("1x1o"),) * 2, O3.rep("1x2e")

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ni,nj,ijk->nk", a, b, self.table.to(a))


def test_a_small_break_is_the_same_in_both_precisions() -> None:
    """Broken by 1e-6, the error is of that size in float32 and in float64; rounding alone is 1e-7 and 5e-15."""
    torch.manual_seed(0)
    report = equivariance_report(Perturbed(1e-6))
    assert 3e-7 < report.error < 1e-5
    assert 0.5 < report.single / report.error < 2
    assert report.cause == "real"
    exact = equivariance_report(Perturbed(0.0))
    assert exact.error < 1e-14
    assert exact.single < 1e-6


@pytest.mark.parametrize("buffer", [True, False])
def test_tables_that_were_rounded_to_float32_are_no_real_error(buffer: bool) -> None:
    """`.double()` does not bring the lost digits back: the error stays at 1e-8 where it should be 1e-16."""
    report = equivariance_report(Product(torch.float32, buffer))
    assert 1e-9 < report.error < 1e-7
    assert report.cause == "float32 rounding"
    assert "float32 rounding makes errors of this size: look for constants in float32" in str(report)
    fine = equivariance_report(Product(torch.float64, buffer))
    assert fine.error < 1e-14


def test_what_passes_through_float32_is_not_called_real() -> None:
    """In float32 itself nothing is lost, so that the error there may even be smaller."""
    report = equivariance_report(Through(), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert 1e-9 < report.error < 3e-7
    assert "so it is real" not in str(report)
    assert "what is cast to it on its way" in str(report)


class Through(torch.nn.Module):
    """A vector, doubled in float32."""

    reps_in, rep_out = (O3.defining,), O3.defining

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (2 * x.float()).to(x.dtype)


def test_a_model_that_only_runs_in_float32_is_judged_there() -> None:
    constant = torch.ones(1, 3)  # float32

    def shrink(x: torch.Tensor) -> torch.Tensor:
        return x @ (0.3 * torch.eye(3)) * constant

    report = equivariance_report(shrink, reps_in=O3.defining, rep_out=O3.defining)
    assert report.dtype == "float32"
    assert report.exact
    assert 0 < report.error < report.bound == tolerance_of(torch.float32)
    assert not equivariance_report(lambda x: shrink(x) + constant, reps_in=O3.defining, rep_out=O3.defining).exact


def test_rounding_in_float32_grows_with_depth_but_not_without_limit() -> None:
    assert tolerance_of(torch.float64, 1000) == 1e-9
    assert tolerance_of(torch.float32, 20) == 2 * tolerance_of(torch.float32, 10) < 1e-3
    assert tolerance_of(torch.bfloat16, 1000) == 0.1


def test_a_model_that_loses_its_digits_in_float32_is_refused() -> None:
    """Equivariant in float64; in float32 the large number swallows digits."""

    class Cancelling(torch.nn.Linear):
        reps_in, rep_out = (O3.defining,), O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (1e4 + x) - 1e4

    assert equivariance_report(Cancelling(1, 1)).exact
    with pytest.raises(LawError, match="in float32, accepted"):
        assert_equivariant(Cancelling(1, 1))
    assert_equivariant(Cancelling(1, 1), tolerance=1e-6)  # about float64 alone


def test_rounding_that_is_amplified_is_still_rounding() -> None:
    """A large number swallows half of the digits: 1e-9 in float64, and all of them in float32."""

    class Cancelling(torch.nn.Linear):
        reps_in, rep_out = (O3.defining,), O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (2e7 + x) - 2e7

    report = equivariance_report(Cancelling(1, 1))
    assert 1e-9 < report.error < 1e-7
    assert report.single > 0.1
    assert report.cause == "rounding"
    assert "it falls with the precision as rounding does: look for large numbers that cancel" in str(report)


def test_a_number_that_swallows_all_digits_is_rounding_too() -> None:
    """In float32 nothing but zeros is left, which are no right answer."""

    class Swallowing(torch.nn.Linear):
        reps_in, rep_out = (O3.defining,), O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (1e9 + x) - 1e9

    report = equivariance_report(Swallowing(1, 1))
    assert 1e-9 < report.error < 1e-6
    assert (report.single, report.cause) == (1.0, "rounding")
    assert "in float64 only" not in str(report)


def test_a_fault_in_float32_alone_is_said() -> None:
    class Single(torch.nn.Linear):
        reps_in, rep_out = (O3.defining,), O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.abs() if x.dtype == torch.float32 else x

    report = equivariance_report(Single(1, 1))
    assert report.error < 1e-14
    assert report.single > 0.1
    assert "it falls with the precision, but float32 loses more than rounding does" in str(report)


def test_a_model_may_refuse_float64_in_its_own_way() -> None:
    def picky(x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.float32
        return 2 * x

    report = equivariance_report(picky, torch.randn(4, 3), O3.defining, O3.defining)
    assert (report.dtype, report.exact) == ("float32", True)


# which elements ------------------------------------------------------------------------------------------------------


def quartic(x: torch.Tensor) -> torch.Tensor:
    """x⁴ + y⁴: invariant under quarter turns, and under no smaller ones."""
    return (x**4).sum(-1, keepdim=True)


PLANE = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_quarter_turns_pass_and_the_lie_derivative_fails() -> None:
    """|L f| / |f| = √(192 / 228) for normal numbers, by their moments."""
    assert equivariance_report(quartic, PLANE, cyclic(4).defining, cyclic(4).rep("1x0")).error == 0
    report = equivariance_report(quartic, PLANE, SO2.defining, SO2.rep("1x0"))
    assert report.lie["rotation"] == pytest.approx(math.sqrt(192 / 228), rel=0.05)
    assert report.simplest == "the rotation by 120°"
    assert set(report.holds) == {"the rotation by 180°", "the rotation by 90°"}
    assert "simplest    the rotation by 120°; but the rotation by 180° and the rotation by 90° hold" in str(report)


@pytest.mark.parametrize("name", ["O(2)", "O(3)", "Dinfh", "Cinfh", "D6", "Th"])
def test_every_component_is_tried(name: str) -> None:
    """Without luck: no random elements are drawn. Components are told apart by the irreps of dimension 1."""
    G = group(name)
    signs = sum((G.rep(f"1x{irrep.label}") for irrep in G.irreps(2) if irrep.dim == 1), G.rep("0x" + G.trivial))
    tried = [
        m.element for m in moves(Trial(torch.relu, (Features(signs),), Features(signs), (torch.ones(signs.dim),)), 0, 0)
    ]
    found = {tuple(signs.matrix(g).diagonal().round(6)) for g in tried}
    expected = {tuple(signs.matrix(g).diagonal().round(6)) for g in G.sample(200, 0)}
    assert found == expected


def test_permutations_are_elements_too() -> None:
    """Of a symmetric group, which acts on the numbers themselves."""
    S4 = symmetric(4)
    assert equivariance_report(torch.relu, reps_in=S4.defining, rep_out=S4.defining).exact
    cumulated = equivariance_report(lambda x: x.cumsum(-1), reps_in=S4.defining, rep_out=S4.defining)
    assert cumulated.error > 0.1
    assert "the permutation" in cumulated.simplest


def test_what_forward_mode_does_not_see_is_asked_of_differences() -> None:
    """Numpy and detach hide dependence from automatic differentiation, but break no symmetry."""

    def length(x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(np.linalg.norm(x.detach().numpy(), axis=-1, keepdims=True)) * x

    report = equivariance_report(length, reps_in=O3.defining, rep_out=O3.defining)
    assert max(report.lie.values()) < 1e-12
    hidden = equivariance_report(lambda x: torch.as_tensor(x.detach().numpy() ** 2), None, O3.defining, O3.defining)
    assert max(hidden.lie.values()) > 0.1
    assert hidden.gradients == {}


def test_lie_errors_are_named_by_their_axes() -> None:
    found = equivariance_report(torch.tanh, reps_in=SO3.defining, rep_out=SO3.defining).lie
    assert [*found] == ["about x", "about y", "about z"]
    assert min(found.values()) > 0.01


# gradients -----------------------------------------------------------------------------------------------------------


class Careless(torch.autograd.Function):
    """The squared length of vectors, with a backward pass that forgets a component."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x**2).sum(-1, keepdim=True)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 2 * grad * x * x.new_tensor([1, 1, 0])


def test_a_wrong_backward_pass_is_found() -> None:
    report = equivariance_report(Careless.apply, reps_in=O3.defining, rep_out=O3.rep("1x0e"))
    assert report.error < 1e-14
    assert report.gradients["input 0"] > 0.1
    assert report.cause == "backward pass"
    assert "outputs are equivariant and gradients are not" in str(report)


def test_a_gradient_that_is_nan_is_found() -> None:
    """The length of a zero vector: its value is 0, its gradient NaN."""
    batch = torch.zeros(2, 3, dtype=torch.float64)
    batch[0, 0] = 1
    report = equivariance_report(
        lambda x: (x * x).sum(-1, keepdim=True).sqrt(), batch, reps_in=O3.defining, rep_out=O3.rep("1x0e")
    )
    assert report.error < 1e-14
    assert report.gradients == {"input 0": math.inf}
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["gradients"] == {"input 0": None}


# parts ---------------------------------------------------------------------------------------------------------------


class Scaled(torch.nn.Module):
    """A part of a user: it states `rep_in` alone, is called twice, and once with its arguments by name."""

    def __init__(self, power: int) -> None:
        super().__init__()
        self.rep_in = self.rep_out = O3.defining
        self.power = power

    def forward(self, x: torch.Tensor, scale: float = 1.0, name: str = "") -> torch.Tensor:
        return scale * x**self.power


class Twice(torch.nn.Module):
    def __init__(self, power: int) -> None:
        super().__init__()
        self.inner, self.outer = Scaled(1), Scaled(power)
        self.reps_in, self.rep_out = (O3.defining,), O3.defining

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(self.inner(scale=0.5, x=self.inner(x), name="second"), 2.0)


@pytest.mark.parametrize(("power", "offender"), [(1, None), (2, "outer")])
def test_parts_of_a_user_are_tried_as_they_are_called(power: int, offender: str | None) -> None:
    report = equivariance_report(Twice(power))
    assert [(layer.name, layer.calls) for layer in report.layers] == [("inner", 2), ("outer", 1)]
    assert report.first_offender == offender


def test_parts_that_cannot_be_tried_are_passed_over() -> None:
    """A part whose reps do not fit its inputs, or that returns no tensor, is the user's business."""

    class Odd(Scaled):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, y

    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.odd, self.wide = Odd(1), Scaled(1)
            self.wide.rep_in = "no rep"
            self.reps_in, self.rep_out = (O3.defining,), O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.wide(self.odd(x, x)[0])

    report = equivariance_report(Holder())
    assert report.layers == ()
    assert report.exact


# the answer ----------------------------------------------------------------------------------------------------------


def test_the_answer_is_short_and_for_programs_too() -> None:
    for model in (network(), Wrapped(Stated()), Product(torch.float32)):
        report = equivariance_report(model)
        assert str(report).count("\n") < 14
        assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["cause"] == report.cause


def test_a_complaint_is_one_sentence_with_the_worst_element() -> None:
    report = equivariance_report(Wrapped(Stated()))
    assert report.complaint().startswith(
        f"Wrapped is not equivariant under O(3): error {report.error:.1e} for {report.worst}"
    )
    assert "\n" not in report.complaint()
    assert report.complaint(tolerance=100.0) is None
    assert equivariance_report(network()).complaint() is None


def test_nan_is_an_error() -> None:
    report = equivariance_report(lambda x: x / 0.0 * 0.0, reps_in=O3.defining, rep_out=O3.defining)
    assert report.error == math.inf
    assert not report.exact
    assert report.to_dict()["error"] is None


def test_outputs_that_are_no_numbers_are_called_so() -> None:
    report = equivariance_report(lambda x: x / 0.0 * 0.0, reps_in=O3.defining, rep_out=O3.defining)
    assert "outputs hold NaN or infinity" in str(report)
    assert not any(math.isnan(error) for error in report.symmetric.values())


def test_a_model_that_writes_into_its_inputs_is_not_blamed_for_that() -> None:
    """f(x) = 2x is equivariant, whatever becomes of x."""
    report = equivariance_report(lambda x: x.mul_(2), reps_in=O3.defining, rep_out=O3.defining)
    assert report.exact
    assert "changes input 0 in place" in str(report)
    assert report.gradients
    batch = torch.ones(2, 3)
    equivariance_report(lambda x: x.mul_(2), batch, O3.defining, O3.defining)
    assert torch.equal(batch, torch.ones(2, 3))


def test_chance_is_the_cause_of_noise() -> None:
    torch.manual_seed(0)
    report = equivariance_report(lambda x: x + 1e-3 * torch.randn_like(x), reps_in=O3.defining, rep_out=O3.defining)
    assert report.cause == "chance"
    assert "Two calls on the same inputs differ" in report.complaint()
    assert equivariance_report(Wrapped(Stated())).chance == 0


def test_zeros_say_nothing() -> None:
    for model, batch in ((torch.zeros_like, None), (torch.clone, torch.ones(0, 3))):
        assert "nothing but zeros" in str(equivariance_report(model, batch, O3.defining, O3.defining))


def test_what_is_no_feature_is_refused_in_a_sentence() -> None:
    """A dict, a tuple, an energy without an axis of its own, integers; classes are invariants like others."""
    scalar = O3.rep("1x0e")
    for model in (lambda x: {"forces": x}, lambda x: (x, x)):
        with pytest.raises(ShapeError, match="returns one of its outputs"):
            equivariance_report(model, None, O3.defining, O3.defining)
    with pytest.raises(ShapeError, match=r"Return y\[\.\.\., None\]"):
        equivariance_report(lambda x: x.square().sum(-1), None, O3.defining, scalar)
    with pytest.raises(ShapeError, match=r"torch\.int64"):
        equivariance_report(torch.clone, torch.ones(2, 3, dtype=torch.int64), O3.defining, O3.defining)
    assert equivariance_report(lambda x: x.norm(dim=-1, keepdim=True).int(), None, O3.defining, scalar).exact


def test_inputs_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="3 numbers on the last axis"):
        equivariance_report(torch.relu, torch.ones(4, 2), O3.defining, O3.defining)
    with pytest.raises(ArgumentError, match="1 reps_in, but got 2 inputs"):
        equivariance_report(torch.relu, (torch.ones(4, 3),) * 2, O3.defining, O3.defining)


def test_a_frame_that_cannot_tell_a_pose_is_named() -> None:
    """Three copies of one vector span no frame: every part is equivariant where it is defined, and it never is."""
    rep, vector = O3.rep("1x0e + 1x1o"), O3.rep("1x1o")
    frame = nn.Sequential(nn.Linear(rep, 3 * O3.defining), nn.heads.GroupElement(O3))
    model = nn.Canonicalize(torch.nn.Linear(rep.dim, 3), frame, rep, vector)
    report = equivariance_report(model)
    assert not report.exact
    assert any("frame.layers.1 (GroupElement) is undefined on 4 of 4 inputs" in note for note in report.notes)
    assert "no pose can be told" in str(report)


# grids ---------------------------------------------------------------------------------------------------------------


def image_network(group: object, kernel: torch.Tensor) -> torch.nn.Module:
    """A convolution with one kernel for each channel, and a square."""

    class Filtered(torch.nn.Module):
        fields_in, field_out = (GridField(group.rep("2x" + group.trivial)),), GridField(group.rep("2x" + group.trivial))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.conv2d(x, kernel.to(x).expand(2, 1, 3, 3), padding=1, groups=2).tanh()

    return Filtered()


ROUND = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
SOBEL = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8


def test_images_are_judged_by_the_elements_that_map_them_to_themselves() -> None:
    """The pixels' own error stands beside that of the model under the others."""
    report = equivariance_report(image_network(O2, ROUND))
    assert report.exact
    assert report.error < 1e-13
    assert len(report.resampling.exact) == 8
    assert "the rotation by 90°" in report.resampling.exact
    assert 1e-3 < report.resampling.floor < 1
    assert 1e-4 < report.resampling.error < 1
    assert report.lie == {}
    assert "is equivariant up to rounding under O(2), as far as it maps the grid to itself" in str(report)
    assert "the floor of resampling" in str(report)
    assert report.gradients["input 0"] < 1e-12
    assert report.symmetric.keys() == {"C2", "D1", "D2", "D4"}


def test_a_filter_with_a_direction_is_found() -> None:
    report = equivariance_report(image_network(dihedral(4), SOBEL))
    assert report.error > 0.1
    assert report.simplest == "the mirror x → −x"
    assert not report.exact
    assert equivariance_report(image_network(cyclic(1), SOBEL)).exact
    field = GridField(dihedral(4).rep("1x0e"))
    assert equivariance_report(torch.nn.AvgPool2d(3, 1, padding=1), field, field).exact
    with pytest.raises(LawError, match="accepted"):
        assert_equivariant(torch.nn.ZeroPad2d((1, 0, 0, 1)), field, field)


@pytest.mark.parametrize("error", [ValueError("no"), IndexError("no"), AssertionError(), NotImplementedError("no")])
def test_a_backward_pass_that_fails_is_a_note(error: Exception) -> None:
    """Outputs are judged all the same."""

    class Failing(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: object, y: torch.Tensor) -> torch.Tensor:
            raise error

    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    report = equivariance_report(Failing.apply, x, O3.defining, O3.defining)
    assert report.exact
    assert f"gradients could not be taken: {type(error).__name__}" in str(report)


def test_what_is_undefined_on_symmetric_inputs_is_no_tie() -> None:
    """x / |x| at 0: nothing is chosen there, something is divided by nothing."""
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    report = equivariance_report(lambda x: x / x.norm(dim=-1, keepdim=True), x, O3.defining, O3.defining)
    assert math.isinf(report.largest["symmetric inputs"])
    assert "outputs on symmetric inputs hold NaN or infinity: look for roots, norms and quotients" in str(report)
    assert "look for ties" not in str(report)


def test_a_part_that_refuses_moved_inputs_is_passed_over() -> None:
    """Its model never moves what it gives to the part."""

    class Picky(torch.nn.Module):
        rep_in = rep_out = O3.defining

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if (x < 0).any():
                raise ValueError("Lengths are positive.")
            return x

    class Whole(torch.nn.Module):
        rep_in = rep_out = O3.defining

        def __init__(self) -> None:
            super().__init__()
            self.part = Picky()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 0 * self.part(x.abs())

    report = equivariance_report(Whole())
    assert (report.exact, report.layers) == (True, ())


def test_a_grid_that_only_the_identity_keeps_says_so() -> None:
    """Third turns move every square grid between its pixels: a filter with a direction passes, for nothing."""
    image = GridField(cyclic(3).rep("1x0"))
    report = equivariance_report(torch.nn.Conv2d(1, 1, 3, padding=1), torch.randn(2, 1, 5, 5), image, image)
    assert report.exact
    assert "nothing but the identity maps it to itself, so that every model passes" in str(report)


def test_a_gradient_of_infinity_has_a_reason() -> None:
    batch = torch.zeros(2, 3, dtype=torch.float64)
    batch[0, 0] = 1
    report = equivariance_report(lambda x: x.norm(dim=-1, keepdim=True).sqrt(), batch, O3.defining, O3.rep("1x0e"))
    assert report.gradients["input 0"] == math.inf
    assert report.cause == "backward pass"
    assert "gradients hold NaN or infinity: look for roots, norms and quotients of what may be 0" in str(report)


SIZES = [(0.0, "rounding"), (2e-9, "float32 rounding"), (1e-7, "float32 rounding"), (1e-3, "backward pass")]


@pytest.mark.parametrize(("size", "cause"), SIZES)
def test_small_errors_of_gradients_are_no_wrong_backward_pass(size: float, cause: str) -> None:
    """A backward pass in float32, and one of size 1e-9: rounding somewhere, not a wrong formula."""

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return (x**2).sum(-1, keepdim=True)

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, grad: torch.Tensor) -> torch.Tensor:
            (x,) = ctx.saved_tensors
            return 2 * grad * x * x.new_tensor([1, 1, 1 + size])

    assert equivariance_report(Off.apply, reps_in=O3.defining, rep_out=O3.rep("1x0e")).cause == cause
