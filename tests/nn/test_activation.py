"""Nonlinearities: on scalars by parity, by norms without a dead zone, by gates."""

import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import nn as plain

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, cyclic, dihedral
from intertwine.errors import ArgumentError
from intertwine.nn.activation import gain, parity
from intertwine.testing import check_module, equivariance_error
from tests.modules import hidden


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (torch.tanh, -1),
        (torch.sin, -1),
        (torch.abs, 1),
        (torch.cos, 1),
        (torch.relu, 0),
        (torch.sigmoid, 0),
        (plain.functional.silu, 0),
        (plain.Tanh(), -1),
        (lambda z: z + 1e-6 * z**2, 0),
    ],
)
def test_parities(function: object, expected: int) -> None:
    assert parity(function) == expected


def test_gains() -> None:
    assert gain(torch.relu) == pytest.approx(2**0.5, abs=1e-6)
    assert gain(lambda z: z) == pytest.approx(1, abs=1e-9)
    assert gain(plain.functional.silu) == pytest.approx(1.67653, abs=1e-5)
    assert gain(torch.tanh) == pytest.approx(1.59254, abs=1e-4)
    assert gain(lambda z: z**3) == pytest.approx(15**-0.5, abs=1e-9)


@pytest.mark.parametrize(
    "function", [torch.reciprocal, torch.tan, lambda z: z.abs() ** -0.5, lambda z: 1 / (z - 0.3)], ids=range(4)
)
def test_poles_have_no_gain(function: Callable) -> None:
    """The mean square is infinite, wherever the pole lies."""
    with pytest.raises(ArgumentError, match="has a finite mean square that is not 0"):
        gain(function)


def test_gains_of_functions_with_jumps() -> None:
    """E[f²] of steps is a sum of normal probabilities P(z > k), whichever side and however close the jumps lie."""

    def beyond(k: float) -> float:
        return math.erfc(k / math.sqrt(2)) / 2

    squares = {
        torch.sign: 1.0,
        lambda z: (z > 0).to(z.dtype): 0.5,
        lambda z: (z > 0.3).to(z.dtype): beyond(0.3),
        lambda z: (z.abs() < 1e-3).to(z.dtype): 1 - 2 * beyond(1e-3),
        lambda z: ((z > 0.7) & (z <= 0.702)).to(z.dtype): beyond(0.7) - beyond(0.702),
        torch.floor: sum(k * k * (beyond(k) - beyond(k + 1)) for k in range(-9, 9)),
        torch.round: 2 * sum((2 * k - 1) * beyond(k - 0.5) for k in range(1, 9)),
        plain.Hardshrink(1.0): 2 * (math.exp(-0.5) / math.sqrt(2 * math.pi) + beyond(1)),
        plain.Threshold(-1.0, 2.0): 3 * beyond(1) + 1 - math.exp(-0.5) / math.sqrt(2 * math.pi),
        lambda z: (z - 0.123).abs(): 1 + 0.123**2,
        lambda z: torch.sin(50 * z): 0.5,
    }
    for function, square in squares.items():
        assert gain(function) == pytest.approx(square**-0.5, rel=1e-9), function
    sphere = 2 * beyond(1) + 2 * math.exp(-0.5) / math.sqrt(2 * math.pi)  # P(|x| > 1) in space
    tail = sphere + 2 / 3 * math.exp(-0.5) / math.sqrt(2 * math.pi)  # of |x|² / 3: a chi-squared of 5 degrees
    assert gain(lambda length: (length > 1).to(length.dtype), 3) == pytest.approx(tail**-0.5, rel=1e-9)
    assert gain(torch.ones_like, 500) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("function", [lambda z: 0 * z, lambda z: z / 0, torch.log, "silu"])
def test_functions_without_a_scale_are_refused(function: object) -> None:
    with pytest.raises(ArgumentError, match="An activation"):
        gain(function)


def test_parity_rules() -> None:
    """Pseudoscalars stay so under odd functions, become invariants under even ones, and take no others."""
    rep = O3.rep("3x0e + 2x0o")
    assert nn.Activation(rep).rep_out == rep
    assert nn.Activation(rep, odd=torch.abs).rep_out == O3.rep("3x0e + 2x0e")
    for layer in (nn.Activation(rep), nn.Activation(rep, odd=torch.abs), nn.Activation(rep, torch.relu, torch.sin)):
        assert check_module(layer, gradients=False).equivariance < 1e-14
    with pytest.raises(
        ArgumentError, match=r"2x0o changes sign under O\(3\), so its activation must be odd or even, but"
    ):
        nn.Activation(rep, odd=torch.relu)
    assert nn.Activation(O3.rep("3x0e"), odd=torch.relu).rep_out == O3.rep("3x0e")  # nothing odd to act on


def test_parities_that_training_may_undo_are_refused() -> None:
    """A PReLU of slope 1 is odd until its first step; on blocks that do not change sign it may learn."""
    learned = plain.PReLU(init=1.0)
    with pytest.raises(
        ArgumentError,
        match=r"2x0o changes sign under O\(3\), so its activation must stay .* may change that in training",
    ):
        nn.Activation(O3.rep("3x0e + 2x0o"), odd=learned)
    with pytest.raises(ArgumentError, match="may change that in training"):
        nn.Activation(O3.rep("2x0o"), odd=plain.Sequential(plain.PReLU(init=-1.0)))
    assert nn.Activation(O3.rep("3x0e"), odd=learned).rep_out == O3.rep("3x0e")
    assert nn.Activation(O3.rep("3x0e + 2x0o"), even=learned, odd=plain.Tanh()).rep_out == O3.rep("3x0e + 2x0o")


def test_activations_without_values_are_refused() -> None:
    """On the meta device a function of the user's has no numbers to be tried on; the default ones need none."""
    rep = O2.rep("4x0e + 2x1")
    words = r"but the parameters of PReLU.* lie on the meta device and have no values\. Make the activation outside"
    with torch.device("meta"):
        assert nn.NormActivation(rep).bias.is_meta
        for make in (lambda f: nn.NormActivation(rep, even=f), lambda f: nn.Gate(rep, even=f), parity, gain):
            with pytest.raises(ArgumentError, match=words):
                make(plain.PReLU())
        assert gain(torch.tanh) == pytest.approx(1.59254, abs=1e-4)


def test_signs_of_finite_groups() -> None:
    for rep in (
        cyclic(4).rep("1x0 + 2x2"),
        dihedral(2).rep("1x0e + 1x0o + 1x1e + 1x1o"),
        dihedral(4).rep("2x2e + 1x2o"),
    ):
        assert equivariance_error(nn.Activation(rep)) < 1e-14
        assert equivariance_error(nn.Activation(rep, odd=torch.abs)) < 1e-14


@pytest.mark.parametrize("rep", [O3.rep("1x0e + 2x1o"), SO2.rep("1"), dihedral(3).rep("1x1"), O2.defining])
def test_blocks_whose_entries_mix_are_refused(rep: object) -> None:
    with pytest.raises(ArgumentError, match=r"Activation takes blocks whose matrices permute .* mix them"):
        nn.Activation(rep)


@pytest.mark.parametrize("group", [cyclic(3), cyclic(4), dihedral(3), dihedral(4)], ids=str)
def test_any_function_on_regular_reps(group: object) -> None:
    """A regular rep permutes its entries, so even ReLU is exactly equivariant, whatever else stands beside it."""
    rep = group.rep("3xregular + 2x" + group.trivial)
    layer = nn.Activation(rep, even=torch.relu)
    assert layer.rep_out == rep
    assert equivariance_error(layer.double()) < 1e-14
    check_module(nn.Activation(rep))


def test_signed_permutations_take_odd_functions_only() -> None:
    """D4's own matrices exchange and negate x and y: an odd function of each is equivariant, an even one is not."""
    rep = dihedral(4).rep("2x1")
    assert equivariance_error(nn.Activation(rep)) < 1e-14
    with pytest.raises(ArgumentError, match="2x1 changes sign under D4, so its activation must be odd, but"):
        nn.Activation(rep, odd=torch.abs)


def test_values_of_an_activation() -> None:
    layer = nn.Activation(O3.rep("1x0e + 1x0o"), torch.relu, torch.tanh).double()
    x = torch.tensor([[-1.0, 0.5], [2.0, -0.5]], dtype=torch.float64)
    expected = torch.stack([x[:, 0].relu() * 2**0.5, x[:, 1].tanh() * gain(torch.tanh)], -1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-6, atol=0)


# norms ----------------------------------------------------------------------------------------------------------------


def test_norm_activations_have_no_dead_zone() -> None:
    """Two blocks, 400 random inputs, widths down to one copy: no output block is ever zero, and gradients reach all."""
    torch.manual_seed(0)
    for scale in (1e-3, 1.0, 30.0):
        rep = O2.rep("2x0e + 1x1 + 3x2")
        net = nn.Sequential(
            nn.Linear(O2.rep("1x0e + 1x1 + 1x2"), rep),
            nn.NormActivation(rep),
            nn.Linear(rep, rep),
            nn.NormActivation(rep),
            nn.Linear(rep, rep),
        ).double()
        for parameter in net.parameters():
            parameter.data.add_(torch.randn_like(parameter))
        x = (scale * torch.randn(400, 5, dtype=torch.float64)).requires_grad_()
        y = net(x)
        for block in rep.split(y):
            assert (block.norm(dim=-1) > 1e-9 * scale).all()
        y.square().sum().backward()
        assert (x.grad.abs() > 0).all()
        assert all((p.grad.abs() > 0).all() for p in net.parameters())


def test_norm_activation_at_zero() -> None:
    """A zero vector stays zero, with a finite and nonzero slope."""
    layer = nn.NormActivation(O2.rep("1x1 + 1x2")).double()
    x = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.eq(0).all()
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert (slope.abs() > 0.1).all()
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(layer, (x,))


def test_norm_activation_scales_lengths() -> None:
    """One block of length |x|: the output is x σ(|x| + b) / c, whatever the direction."""
    layer = nn.NormActivation(O3.rep("2x1o")).double()
    layer.bias.data.copy_(torch.tensor([0.5, -1.0]))
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    y = layer(layer.rep_in.join([x]))
    lengths = torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-6) + layer.bias[:, None]
    expected = x * torch.sigmoid(lengths) * gain(torch.sigmoid, 3)
    torch.testing.assert_close(layer.rep_out.split(y)[0], expected)


def test_blocks_with_coordinates_of_their_own_have_one_length() -> None:
    """A vector restricted to the cone is invariant plus plane, but stays one vector of three numbers."""
    vector = O3.rep("2x1o").restrict(O3.subgroup("Cinfv", axis=(1, 2, 3)))
    layer = nn.NormActivation(vector)
    assert layer.bias.shape == (2,)
    assert equivariance_error(layer.double()) < 1e-14


# gates ----------------------------------------------------------------------------------------------------------------


def test_gates() -> None:
    """Invariants through φ; a vector times its own gate."""
    gate = nn.Gate(O3.rep("1x0e + 2x1o"), torch.relu).double()
    assert gate.rep_in == O3.rep("1x0e + 2x1o + 2x0e")
    vectors, gates = torch.randn(2, 3, dtype=torch.float64), torch.tensor([0.3, -2.0], dtype=torch.float64)
    x = torch.cat([torch.tensor([-1.0]).double(), vectors.T.reshape(-1), gates])
    y = gate(x)
    assert y[0] == 0
    factors = torch.sigmoid(gates) * gain(torch.sigmoid)
    torch.testing.assert_close(gate.rep_out.split(y)[1], factors[:, None] * vectors)


def test_gates_of_invariants_alone() -> None:
    gate = nn.Gate(O3.rep("3x0e"))
    assert gate.rep_in == O3.rep("3x0e")
    assert gate(torch.randn(2, 3)).shape == (2, 3)


# a function for each term, and factors that are given -----------------------------------------------------------------


def test_each_term_has_its_function() -> None:
    rep = O3.rep("2x0e + 1x0e + 2x1o + 1x1o + 1x2e")
    functions = [torch.tanh, None, torch.sigmoid, None, torch.sigmoid]
    gate = nn.Gate(rep, functions=functions).double()
    assert gate.rep_in == rep + O3.rep("3x0e")
    x = torch.randn(4, gate.rep_in.dim, dtype=torch.float64)
    a, b, v, w, t, s = gate.rep_in.split(x)
    c, d = gain(torch.tanh), gain(torch.sigmoid)
    parts = [c * a.tanh(), b, v * d * s[:, :2].sigmoid(), w, t * d * s[:, 2:].sigmoid()]
    torch.testing.assert_close(gate(x), rep.join(parts))
    by_norm = nn.NormActivation(rep, functions=functions).double()
    assert by_norm.bias.shape == (3,)
    y = rep.split(by_norm(x[:, : rep.dim]))
    torch.testing.assert_close([y[0], y[1], y[3]], [c * a.tanh(), b, w])
    torch.testing.assert_close(y[2] / v, (y[2] / v)[..., :1].expand(v.shape))
    with pytest.raises(ArgumentError, match=r"each of the 5 terms of .* got 2"):
        nn.Gate(rep, functions=[torch.tanh, None])


def test_gate_takes_odd_functions_of_numbers_that_change_sign() -> None:
    """Pseudoscalars go through tanh themselves and need no gates; vectors have theirs."""
    gate = nn.Gate(O3.rep("2x0e + 3x0o + 1x1o"), torch.relu, odd=torch.tanh).double()
    assert gate.rep_in == O3.rep("2x0e + 3x0o + 1x1o + 1x0e")
    x = torch.randn(5, gate.rep_in.dim, dtype=torch.float64)
    torch.testing.assert_close(gate(x)[:, 2:5], torch.tanh(x[:, 2:5]) * gain(torch.tanh))
    for function in (torch.relu, torch.abs):
        with pytest.raises(ArgumentError, match="Numbers that change sign take an odd function"):
            nn.Gate(O3.rep("3x0o"), odd=function)


def test_functions_of_terms_learn() -> None:
    layer = nn.Gate(O3.rep("2x0e + 2x1o"), functions=[plain.PReLU(), plain.Softplus()])
    assert [*layer.state_dict()] == ["function_0.weight"]
    twin = pickle.loads(pickle.dumps(layer))
    twin.function_0.weight.data.fill_(3.0)
    x = torch.randn(4, layer.rep_in.dim)
    assert not torch.equal(twin(x), layer(x))


def test_a_given_factor_is_taken() -> None:
    """Of invariants, of gates, of lengths, of networks of distances."""
    same, double = nn.Rescaled(torch.sigmoid, 1.0), nn.Rescaled(torch.sigmoid, 2.0)
    x = torch.randn(4, 3)
    torch.testing.assert_close(nn.Activation(O3.rep("3x0e"), even=same)(x), x.sigmoid())
    torch.testing.assert_close(nn.FullyConnected([3, 1], double, last_activation=True).gain, 2.0)
    assert nn.Gate(O3.rep("1x1o"), scale=double).gains == [2.0]
    assert nn.NormActivation(O3.rep("1x1o + 1x0o"), scale=double).gains == [2.0, 2.0]
    assert parity(nn.Rescaled(torch.tanh, 3.0)) == -1
    with pytest.raises(ArgumentError, match="a positive number"):
        nn.Rescaled(torch.tanh, 0.0)


# gates that change sign -----------------------------------------------------------------------------------------------


def test_pseudoscalars_make_pseudovectors() -> None:
    layer = nn.BilinearGate(O3.rep("1x0e + 2x1o"), "0o").double()
    assert layer.rep_in == O3.rep("1x0e + 2x1o + 3x0o")
    assert layer.rep_out == O3.rep("1x0o + 2x1e")
    x = torch.randn(4, 10, dtype=torch.float64)
    a, v, s = layer.rep_in.split(x)
    factors = gain(torch.tanh) * s.tanh()
    torch.testing.assert_close(layer(x), layer.rep_out.join([a * factors[:, :1], v * factors[:, 1:]]))
    plain_product = nn.BilinearGate(O3.rep("1x0e + 2x1o"), "0o", None).double()
    torch.testing.assert_close(plain_product(x), layer.rep_out.join([a * s[:, :1], v * s[:, 1:]]))


def test_a_gate_may_turn_a_block() -> None:
    """In the plane a pseudoscalar times a vector is the vector turned by a right angle."""
    layer = nn.BilinearGate(O2.rep("1x1"), "0o", None).double()
    x = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    assert layer.rep_out == O2.rep("1x1")
    torch.testing.assert_close(layer(x).abs(), torch.tensor([0.0, 2.0], dtype=torch.float64))


def test_gates_that_break_the_symmetry_are_refused() -> None:
    with pytest.raises(ArgumentError, match="is odd and has no parameters"):
        nn.BilinearGate(O3.rep("1x1o"), "0o", torch.sigmoid)
    with pytest.raises(ArgumentError, match="has 3 components"):
        nn.BilinearGate(O3.rep("1x1o"), "1o")
    with pytest.raises(ArgumentError, match=r"nn\.ToIrreps"):
        nn.BilinearGate(dihedral(4).rep("1xregular"), "0o")
    nn.BilinearGate(O3.rep("1x1o"), "0e", torch.sigmoid)


# functions that are modules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [plain.SiLU, plain.ReLU, plain.Hardswish, plain.ELU])
def test_activations_that_work_in_place(kind: Callable) -> None:
    """They are scaled as others are."""
    rep = dihedral(4).rep("2xregular")
    assert nn.Activation(rep, kind(inplace=True)).gains == nn.Activation(rep, kind()).gains
    assert parity(plain.Hardtanh(inplace=True)) == -1


def test_learned_activations() -> None:
    """A module as function keeps its parameters: in the state dict, in gradients, in copies."""
    rep = hidden(O3)
    for layer in (
        nn.NormActivation(rep, even=plain.PReLU()),
        nn.Gate(rep, even=plain.PReLU()),
        nn.Activation(O3.rep("2x0e"), even=plain.PReLU()),
    ):
        assert "even.weight" in layer.state_dict()
        assert equivariance_error(layer.double()) < 1e-14
        twin = pickle.loads(pickle.dumps(layer))
        twin.even.weight.data.fill_(3.0)
        x = torch.randn(4, layer.rep_in.dim, dtype=torch.float64)
        assert not torch.equal(twin(x), layer(x))


@pytest.mark.parametrize("mixing", [lambda z: z.softmax(-1), lambda z: z.cumsum(-1), lambda z: z - z.mean()])
def test_functions_that_look_at_their_neighbours_are_refused(mixing: Callable[[Tensor], Tensor]) -> None:
    """They would mix the entries of a block, whose order means something."""
    for make in (nn.Activation, nn.NormActivation, nn.Gate):
        with pytest.raises(ArgumentError, match="a function of each number by itself"):
            make(O2.rep("4x0e"), mixing)
