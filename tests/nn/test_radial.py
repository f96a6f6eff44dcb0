"""Functions of a distance: values, smoothness, and what happens at 0 and at the cutoff."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from intertwine import nn
from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.math import soft_one_hot_linspace
from intertwine.nn.radial import (
    BesselBasis,
    CosineBasis,
    CosineCutoff,
    EnvelopedBasis,
    FourierBasis,
    GaussianBasis,
    PolynomialCutoff,
    SmoothCutoff,
    SmoothFiniteBasis,
    XplorCutoff,
)
from tests.modules import CUTOFFS, RADIAL

each_basis = pytest.mark.parametrize("basis", RADIAL)
each_cutoff = pytest.mark.parametrize(
    "cutoff",
    [*CUTOFFS, lambda c: PolynomialCutoff(c, 2), lambda c: PolynomialCutoff(c, 9), lambda c: XplorCutoff(c, 0.2 * c)],
)


def line(low: float, high: float, count: int = 201) -> Tensor:
    return torch.linspace(low, high, count, dtype=torch.float64)


def derivative(function: object, r: float, order: int = 1) -> Tensor:
    x = torch.tensor(r, dtype=torch.float64, requires_grad=True)
    y = function(x)
    for _ in range(order):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
    return y.detach()


def on(basis: Callable, cutoff: bool, **options: float) -> nn.radial.RadialBasis:
    """A basis on [0.5, 2.5] with functions that vanish outside of it, or not."""
    ends = {} if basis is BesselBasis else {"ends": not cutoff}
    return basis(2.5, 4, start=0.5, **ends, **options).double()


@pytest.mark.parametrize("cutoff", [True, False])
@pytest.mark.parametrize(
    ("word", "basis"),
    [
        ("gaussian", GaussianBasis),
        ("cosine", partial(CosineBasis, power=1)),
        ("smooth_finite", SmoothFiniteBasis),
        ("fourier", FourierBasis),
        ("bessel", BesselBasis),
    ],
)
def test_bases_of_e3nn_on_an_interval(word: str, basis: Callable, cutoff: bool) -> None:
    """Those that `soft_one_hot_linspace` knows, which is recorded from e3nn."""
    r = line(0.55, 2.45, 77)
    wanted = soft_one_hot_linspace(r, 0.5, 2.5, 4, basis=word, cutoff=cutoff)
    torch.testing.assert_close(on(basis, cutoff)(r), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ends", [True, False])
@each_basis
def test_bases_are_finite_everywhere(basis: type[nn.radial.RadialBasis], ends: bool) -> None:
    """At the ends, at the centres, beyond, with one function alone; and so are derivatives of both orders."""
    for number in (1, 2, 5):
        options = {} if basis is BesselBasis else {"ends": ends}
        functions = basis(2.0, number, start=-1.0, **options).double()
        for r in (-1.0, -2.0, 0.0, 0.5, 2.0, 3.0):
            for order in (0, 1, 2):
                assert all(
                    derivative(lambda x, n=n, functions=functions: functions(x)[n], r, order).isfinite()
                    for n in range(number)
                )


def test_functions_without_ends_vanish_outside() -> None:
    for basis in (CosineBasis, SmoothFiniteBasis, FourierBasis):
        functions = on(basis, cutoff=True)
        for r in (line(-1, 0.5), line(2.5, 4)):
            assert not functions(r).any()
        assert functions.key != on(basis, cutoff=False).key


def test_intervals_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="begins before it ends"):
        GaussianBasis(1.0, 3, start=1.5)
    with pytest.raises(ArgumentError, match="power 1 or 2"):
        CosineBasis(1.0, 3, power=3)


# bases ----------------------------------------------------------------------------------------------------------------


def test_known_values() -> None:
    """At r = 1.3 with 4 functions up to 2; those of e3nn where the definitions agree."""
    r = torch.tensor(1.3, dtype=torch.float64)
    smooth = SmoothFiniteBasis(2.0, 4).double()(r)
    torch.testing.assert_close(smooth, torch.tensor([0, 0, 0.998888, 0.08723]).double(), rtol=0, atol=1e-5)
    bessel = BesselBasis(2.0, 4).double()(r)
    expected = torch.stack([torch.sin(n * math.pi * r / 2) / r for n in range(1, 5)])
    torch.testing.assert_close(bessel, expected)
    gauss = GaussianBasis(2.0, 3).double()(r)
    torch.testing.assert_close(gauss, torch.exp(-((r - torch.tensor([0, 1, 2])) ** 2)) / 1.12)
    cosine = CosineBasis(2.0, 3).double()(r)
    expected = torch.stack([0 * r, torch.cos(math.pi / 2 * (r - 1)) ** 2, torch.cos(math.pi / 2 * (r - 2)) ** 2])
    torch.testing.assert_close(cosine, expected)


@pytest.mark.parametrize("number", [2, 3, 10])
def test_cosines_add_up_to_one(number: int) -> None:
    total = CosineBasis(3.0, number).double()(line(0, 3)).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("basis", [GaussianBasis, SmoothFiniteBasis])
def test_squares_add_up_to_about_one(basis: type[nn.radial.RadialBasis]) -> None:
    total = basis(3.0, 10).double()(line(0.5, 2.5)).square().sum(-1)
    assert (total - 1).abs().max() < 0.35


def test_bessel_functions_are_orthogonal() -> None:
    """∫ b_m b_n r² dr = δ_mn on [0, cutoff]."""
    r = line(0, 3, 20001)
    values = BesselBasis(3.0, 6).double()(r)
    gram = torch.trapezoid(values[:, :, None] * values[:, None, :] * r[:, None, None] ** 2, r, dim=0)
    torch.testing.assert_close(gram, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-6)


@each_basis
def test_finite_everywhere_with_gradients(basis: type[nn.radial.RadialBasis]) -> None:
    """At 0, tiny distances, the cutoff and far beyond it, in all precisions; and two derivatives."""
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        module = basis(2.0, 5).to(dtype)
        r = torch.tensor([0.0, 1e-30, 1e-4, 1.0, 2.0, 2.5, 100.0], dtype=dtype, requires_grad=True)
        y = module(r)
        assert y.shape == (7, 5)
        assert y.dtype == dtype
        (slope,) = torch.autograd.grad(y.sum(), r, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), r, materialize_grads=True)
        assert y.isfinite().all()
        assert slope.isfinite().all()
        assert bend.isfinite().all()


@each_basis
def test_shapes_and_names(basis: type[nn.radial.RadialBasis]) -> None:
    module = basis(2.5, 3)
    assert module(torch.rand(2, 0, 5)).shape == (2, 0, 5, 3)
    assert module(torch.tensor(1.0)).shape == (3,)
    assert f"{basis.__name__}(cutoff=2.5, number=3)" in repr(module)
    assert basis(2.5, 1)(torch.rand(4)).shape == (4, 1)


@pytest.mark.parametrize("basis", [SmoothFiniteBasis, BesselBasis])
def test_bases_that_end_at_the_cutoff(basis: type[nn.radial.RadialBasis]) -> None:
    assert basis(2.0, 4)(torch.tensor([2.0, 2.1, 50.0])).eq(0).all()
    assert basis(2.0, 4).double()(torch.tensor(2 - 1e-9, dtype=torch.float64)).abs().max() < 1e-7


@pytest.mark.parametrize("start", [0.0, 1.0])
@each_basis
def test_mean_squares_are_those_of_a_ball(basis: type[nn.radial.RadialBasis], start: float) -> None:
    """`mean_square` is about E[Σ b²] over a ball, or a shell: exact for waves, to about a quarter for the others."""
    module = basis(3.0, 8, start=start).double()
    r = line(start, 3, 20001)
    found = torch.trapezoid(module(r).square().sum(-1) * r**2, r) / torch.trapezoid(r**2, r)
    assert found / module.mean_square == pytest.approx(1, abs=1e-6 if basis is BesselBasis else 0.25)


@each_basis
@pytest.mark.parametrize(("cutoff", "number"), [(0, 3), (-1.0, 3), (math.inf, 3), (math.nan, 3), (1.0, 0), (1.0, -2)])
def test_impossible_bases_are_refused(basis: type[nn.radial.RadialBasis], cutoff: float, number: int) -> None:
    what = "A radial basis has at least one function" if number < 1 else "A cutoff is a positive distance, but"
    with pytest.raises(ArgumentError, match=what):
        basis(cutoff, number)


def test_learned_waves_are_waves_until_they_are_learned() -> None:
    """Then no cut-off but a cut-off's makes them end; and other layers cannot take theirs for their own."""
    r, fixed = line(0, 2), BesselBasis(2.0, 4).double()
    learned = BesselBasis(2.0, 4, learned=True).double()
    torch.testing.assert_close(learned(r), fixed(r), rtol=0, atol=1e-6)  # made in float32
    assert learned.key is None
    assert fixed.key is not None
    learned(r).square().sum().backward()
    assert learned.waves.grad.abs().min() > 1e-3


def test_an_enveloped_basis_is_a_product() -> None:
    basis, envelope = BesselBasis(2.0, 4), XplorCutoff(1.5, 1.0)
    module, r = EnvelopedBasis(basis, envelope).double(), line(0.01, 2)
    torch.testing.assert_close(module(r), basis(r) * envelope(r)[:, None])
    assert module.cutoff == 1.5
    assert not module(torch.tensor([1.5, 1.8])).any()
    distances = line(0, 1.5, 20001)
    found = torch.trapezoid(module(distances).square().sum(-1), distances) / 1.5
    assert found / module.mean_square == pytest.approx(1, abs=1e-3)
    other = EnvelopedBasis(basis, XplorCutoff(1.5, 0.9))
    assert module.key != other.key


def test_xplor_begins_to_fall_at_its_onset() -> None:
    cutoff = XplorCutoff(2.0, 1.0)
    assert cutoff(line(0, 1)).eq(1).all()
    assert cutoff(torch.tensor(1.5)) == pytest.approx((4 - 2.25) ** 2 * (4 + 4.5 - 3) / 27)
    for onset in (-0.1, 2.0, math.nan):
        with pytest.raises(ArgumentError, match=r"A cut-off begins to fall between 0 and 2\.0"):
            XplorCutoff(2.0, onset)


# cut-offs -------------------------------------------------------------------------------------------------------------


@each_cutoff
def test_cutoffs_fall_from_one_to_zero(cutoff: type[nn.radial.Cutoff]) -> None:
    function = cutoff(2.0)
    values = function(line(0, 2))
    assert values[0] == 1
    assert values[-1] == pytest.approx(0, abs=1e-12)
    assert (values.diff() <= 1e-12).all()
    assert function(torch.tensor([2.0, 2.0001, 7.0])).abs().max() < 1e-6
    assert function(torch.tensor([], dtype=torch.float16)).dtype == torch.float16


@each_cutoff
def test_cutoffs_are_flat_at_both_ends(cutoff: type[nn.radial.Cutoff]) -> None:
    for r in (0.0, 2.0 - 1e-6, 2.0, 2.0 + 1e-6):
        assert derivative(cutoff(2.0), r).abs() < 1e-5


def test_orders_of_smoothness() -> None:
    """The second derivative at the cutoff: a jump for the cosine, none for the polynomial, nothing at all if smooth."""
    inside = 2.0 - 1e-7
    assert derivative(CosineCutoff(2.0), inside, 2) == pytest.approx(math.pi**2 / 8, rel=1e-5)
    assert derivative(PolynomialCutoff(2.0), inside, 2).abs() < 1e-4
    assert derivative(PolynomialCutoff(2.0), inside, 3).abs() > 1
    for order in range(1, 6):
        assert derivative(SmoothCutoff(2.0), 2.0 - 1e-3, order).abs() < math.exp(-250)


@each_cutoff
def test_single_precision_is_kept_up_to_the_cutoff(cutoff: Callable[[float], nn.radial.Cutoff]) -> None:
    """Values and slopes, in units of their sizes: large numbers that cancel there would lose two digits of forces."""
    found = []
    for dtype in (torch.float32, torch.float64):
        r = line(0, 2).float().to(dtype).requires_grad_()
        y = cutoff(2.0).to(dtype)(r)
        (slope,) = torch.autograd.grad(y.sum(), r)
        found.append((y.detach().double(), slope.double()))
    for single, double in zip(*found, strict=True):
        assert (single - double).abs().max() < 2e-6 * double.abs().max()


def test_halfway() -> None:
    half = torch.tensor(1.0, dtype=torch.float64)
    assert CosineCutoff(2.0)(half) == pytest.approx(0.5)
    assert PolynomialCutoff(2.0)(half) == pytest.approx(1 - 28 / 64 + 48 / 128 - 21 / 256)
    assert SmoothCutoff(2.0)(half) == pytest.approx(math.exp(1 - 4 / 3))


@each_cutoff
def test_impossible_cutoffs_are_refused(cutoff: type[nn.radial.Cutoff]) -> None:
    for distance in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ArgumentError, match="A cutoff is a positive distance, but"):
            cutoff(distance)


def test_powers_that_do_not_vanish_smoothly_are_refused() -> None:
    for power in (1, 0, -3):
        with pytest.raises(ArgumentError, match=f"power of at least 2, but got {power}"):
            PolynomialCutoff(1.0, power)


# networks of distances ------------------------------------------------------------------------------------------------


def test_an_envelope_silences_the_weights() -> None:
    mlp = nn.RadialMLP(GaussianBasis(2.0, 4), 5, (8,), envelope=SmoothCutoff(2.0))
    r = torch.tensor([0.3, 1.9, 2.0, 3.0], requires_grad=True)
    weights = mlp(r)
    assert weights[2:].eq(0).all()
    assert weights[0].ne(0).all()
    (slope,) = torch.autograd.grad(weights.sum(), r)
    assert slope[2:].eq(0).all()
    assert slope.isfinite().all()


def test_a_network_without_hidden_layers_is_linear_in_the_basis() -> None:
    basis = CosineBasis(2.0, 3)
    mlp = nn.RadialMLP(basis, 2, ())
    r = torch.rand(7)
    expected = basis(r) @ mlp.weights[0].reshape(3, 2) / 0.75**0.5
    torch.testing.assert_close(mlp(r), expected)
    assert [tuple(w.shape) for w in nn.RadialMLP(basis, 2, (5, 6)).weights] == [(15,), (30,), (12,)]


def test_users_bring_their_own_basis() -> None:
    """A basis is a subclass with a forward; networks and convolutions take it."""

    class Powers(nn.radial.RadialBasis):
        def forward(self, r: Tensor) -> Tensor:
            return (r[..., None] / self.cutoff) ** torch.arange(self.number, dtype=r.dtype)

    assert nn.RadialMLP(Powers(2.0, 3), 4)(torch.rand(5)).shape == (5, 4)


@pytest.mark.parametrize("arguments", [{"hidden": 64}, {"envelope": 2.5}, {"basis": 8}])
def test_arguments_of_another_kind_are_named(arguments: dict) -> None:
    basis = arguments.pop("basis", nn.radial.GaussianBasis(3.0, 8))
    with pytest.raises(ArgumentError, match=r"A radial network takes a basis such as .*"):
        nn.RadialMLP(basis, 5, **arguments)


def test_bessel_functions_of_infinite_distances_are_zero() -> None:
    """In float16 the length of a long vector is infinite; far beyond the cutoff that is as good as any number."""
    assert not nn.radial.BesselBasis(4.0, 3)(torch.tensor([float("inf"), 5.0])).any()


# networks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last_activation", [False, True])
def test_variances_of_a_network_are_what_is_asked_for(last_activation: bool) -> None:
    torch.manual_seed(0)
    variances = []
    for _ in range(20):
        net = nn.FullyConnected([64, 128, 32], variance_in=4.0, variance_out=9.0, last_activation=last_activation)
        variances.append(net(2 * torch.randn(500, 64)).detach().square().mean())
    assert float(torch.stack(variances).mean()) == pytest.approx(9.0, rel=0.05)
    assert not net(torch.zeros(3, 64)).any() or last_activation


def test_a_network_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the width of its input"):
        nn.FullyConnected([3])
    with pytest.raises(ArgumentError, match="Variances are positive"):
        nn.FullyConnected([3, 4], variance_out=0.0)
    with pytest.raises(ShapeError, match="takes 3 numbers"):
        nn.FullyConnected([3, 4])(torch.randn(5, 4))
