"""Layers of e3nn and of this library with the same weights: the same outputs, both ways, in both generations' signs."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import intertwine as tw
from intertwine import nn
from intertwine.catalog import O2, O3
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.interop import e3nn
from intertwine.interop.e3nn import o3
from intertwine.interop.e3nn.features import irreps_of
from intertwine.kernels import MODES, Normalisation
from intertwine.reps import Rep

FIRST, SECOND, OUT = (
    O3.rep(text)
    for text in ("3x0e + 3x1o + 3x2e", "3x0e + 3x1o + 3x2e + 3x3o", "2x0e + 4x1o + 2x2e + 1x1e + 3x2o + 1x3o")
)

both_conventions = pytest.mark.parametrize("convention", ["0.5", "0.4.4"])


@pytest.fixture(autouse=True)
def in_double() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    e3nn.set_convention("0.5")


def rows(x: Tensor, rep: Rep) -> Tensor:
    return e3nn.features_to_e3nn(x, rep)


def features(x: Tensor, rep: Rep, irreps: Any = None) -> Tensor:
    return e3nn.features_from_e3nn(x, rep, irreps)


def same(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12 * max(1.0, float(wanted.detach().abs().max())))


def random(rep: Rep, *batch: int) -> Tensor:
    return torch.randn(*(batch or (5,)), rep.dim)


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """A module whose biases and statistics are numbers too."""
    for name, values in module.state_dict().items():
        if name.rpartition(".")[2] in ("bias", "running_mean"):
            values.normal_()
        elif name.rpartition(".")[2] == "running_var":
            values.uniform_(0.5, 2.0)
    return module


# features ------------------------------------------------------------------------------------------------------------


def test_features_there_and_back() -> None:
    """Each copy is e3nn's, wherever it lies; e3nn's order of irreps is another."""
    rep, irreps = O3.rep("2x0e + 1x0o + 2x1o + 1x1e"), o3.Irreps("1x0o + 2x0e + 2x1o + 1x1e")
    x = random(rep)
    theirs = e3nn.features_to_e3nn(x, rep, irreps)
    same(theirs[:, 1:3], x[:, :2])
    same(theirs[:, 3:9].reshape(5, 2, 3), rep.split(x)[2])
    assert torch.equal(features(theirs, rep, irreps), x)
    g = torch.as_tensor(O3.sample(1, 0)[0])
    same(theirs @ irreps.D_from_matrix(g).T, e3nn.features_to_e3nn(x @ rep.matrix(g).T, rep, irreps))
    with pytest.raises(ShapeError, match="12 numbers"):
        features(x[:, 1:], rep)
    with pytest.raises(RepMismatchError, match="same copies"):
        features(x, rep, "12x0e")
    with pytest.raises(ArgumentError, match=r"irreps of O\(3\), but got 1x1 of O\(2\)"):
        irreps_of(O2.rep("1x1"))


def test_features_are_converted_in_compiled_code_too() -> None:
    """A network that has both orders in it."""
    rep = O3.rep("2x0e + 3x1o")

    def there_and_double(x: Tensor) -> Tensor:
        return 2 * e3nn.features_to_e3nn(x, rep)

    x = random(rep)
    torch._dynamo.reset()
    compiled = torch.compile(there_and_double, fullgraph=True, backend="eager")
    same(compiled(x), there_and_double(x))
    same(torch.vmap(there_and_double)(x), there_and_double(x))


# layers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalisation", ["element", "path"])
@pytest.mark.parametrize("biases", [False, True, [False, True, False, False]])
def test_linear(normalisation: str, biases: Any) -> None:
    rep_in, rep_out = O3.rep("3x0e + 2x1o + 1x0e + 2x1o"), O3.rep("2x1o + 2x0e + 1x1o + 3x0e")
    if not isinstance(biases, bool):
        biases = [False, False, False, True]
    theirs = o3.Linear(irreps_of(rep_in), irreps_of(rep_out), biases=biases, path_normalization=normalisation)
    ours = nn.Linear(rep_in, rep_out)
    randomised(theirs), e3nn.load_e3nn(theirs, ours)
    x = random(rep_in)
    same(ours(x), features(theirs(rows(x, rep_in)), rep_out))
    same(rows(ours(x), rep_out), e3nn.to_e3nn(ours)(rows(x, rep_in)))


def test_paths_that_e3nn_left_out_are_zero() -> None:
    rep = O3.rep("2x0e + 2x1o + 3x0e")
    theirs = o3.Linear(irreps_of(rep), irreps_of(rep), instructions=[(0, 2), (1, 1)])
    ours = nn.Linear(rep, rep, bias=False)
    e3nn.load_e3nn(theirs, ours)
    x = random(rep)
    same(ours(x), features(theirs(rows(x, rep)), rep))


def test_empty_slots_are_no_terms() -> None:
    """As programs write that compute multiplicities."""
    rep_in, rep_out = O3.rep("3x0e + 2x1o + 1x1e"), O3.rep("2x0e + 2x1o")
    linear = randomised(o3.Linear("3x0e + 0x2e + 2x1o + 1x1e", "0x0e + 2x0e + 0x0o + 2x1o", biases=True))
    x, y = random(rep_in), random(rep_out)
    ours = nn.Linear(rep_in, rep_out)
    e3nn.load_e3nn(linear, ours)
    same(ours(x), features(linear(rows(x, rep_in)), rep_out))
    theirs = o3.FullyConnectedTensorProduct(linear.irreps_in, linear.irreps_out, linear.irreps_out)
    product = nn.TensorProduct(rep_in, rep_out, rep_out)
    e3nn.load_e3nn(theirs, product)
    same(product(x, y), features(theirs(rows(x, rep_in), rows(y, rep_out)), rep_out))


@both_conventions
@pytest.mark.parametrize("mode", MODES)
def test_products(mode: str, convention: Any) -> None:
    """In every mode: its state dict, the module, and the module that ours becomes."""
    e3nn.set_convention(convention)
    keep = OUT if MODES[mode].copies is None else OUT.irreps
    ours = nn.TensorProduct(FIRST, SECOND if mode[:2] != "uu" else FIRST + SECOND[3:], keep, mode=mode)
    x, y = random(ours.rep_1), random(ours.rep_2)
    theirs = e3nn.to_e3nn(ours)
    assert any(i.i_out for i in theirs.instructions)
    wanted = ours(x, y)
    same(features(theirs(rows(x, ours.rep_1), rows(y, ours.rep_2)), ours.rep_out), wanted)
    for source in (theirs, theirs.state_dict()):
        twin = nn.TensorProduct(ours.rep_1, ours.rep_2, keep, mode=mode)
        e3nn.load_e3nn(source, twin)
        torch.testing.assert_close(twin.weight, ours.weight)


@both_conventions
def test_signs_are_the_only_difference_of_generations(convention: Any) -> None:
    """Weights differ by ±1 per path, and for some paths they do differ."""
    theirs = o3.FullyConnectedTensorProduct(irreps_of(FIRST), irreps_of(SECOND), irreps_of(OUT))
    new, old = nn.TensorProduct(FIRST, SECOND, OUT), nn.TensorProduct(FIRST, SECOND, OUT)
    e3nn.load_e3nn(theirs.state_dict(), new)
    e3nn.load_e3nn(theirs.state_dict(), old, convention)
    ratio = (old.weight / new.weight).detach()
    torch.testing.assert_close(ratio.abs(), torch.ones_like(ratio))
    assert bool((ratio < 0).any()) == (convention == "0.4.4")
    with pytest.raises(ArgumentError, match=r"'0\.5' or '0\.4\.4', but got '0\.3'"):
        e3nn.load_e3nn(theirs, new, "0.3")


@pytest.mark.parametrize("irreps", ["component", "norm", "none"])
@pytest.mark.parametrize("paths", ["element", "path", "none"])
def test_other_normalisations_of_e3nn_become_factors(irreps: Any, paths: Any) -> None:
    scaling = {"irrep_normalization": irreps, "path_normalization": paths}
    theirs = o3.FullyConnectedTensorProduct(irreps_of(FIRST), irreps_of(SECOND), irreps_of(OUT), **scaling)
    x, y = random(FIRST), random(SECOND)
    wanted = features(theirs(rows(x, FIRST), rows(y, SECOND)), OUT)
    for own in (Normalisation(), Normalisation(irreps, paths)):
        ours = nn.TensorProduct(FIRST, SECOND, OUT, normalisation=own)
        e3nn.load_e3nn(theirs, ours)
        same(ours(x, y), wanted)


def test_batch_norms() -> None:
    ours = randomised(nn.BatchNorm(OUT, eps=1e-3))
    theirs = e3nn.to_e3nn(ours)
    twin = nn.BatchNorm(OUT, eps=1e-3)
    e3nn.load_e3nn(theirs, twin)
    x = 2 * random(OUT, 40) + 1
    for training in (False, True):
        for module in (ours, theirs, twin):
            module.train(training)
        wanted = features(theirs(rows(x, OUT)), OUT)
        same(ours(x), wanted)
        same(twin(x), wanted)
    with pytest.raises(ArgumentError, match="options eps"):
        e3nn.load_e3nn(theirs, nn.BatchNorm(OUT))


@both_conventions
def test_gates(convention: Any) -> None:
    """With functions of their own for each term, and e3nn's factors."""
    e3nn.set_convention(convention)
    rep = O3.rep("2x1o + 3x0e + 1x2e + 2x0e + 1x0o")
    scale = e3nn.monte_carlo(torch.sigmoid)
    gate = nn.Gate(rep, functions=[scale, e3nn.monte_carlo(F.silu), e3nn.monte_carlo(torch.tanh), None, scale])
    theirs = e3nn.to_e3nn(gate)
    x = random(gate.rep_in)
    y = theirs(e3nn.features_to_e3nn(x, gate.rep_in, theirs.irreps_in))
    same(features(y, rep, theirs.irreps_out), gate(x))
    with pytest.raises(ArgumentError, match="monte_carlo"):
        e3nn.to_e3nn(nn.Gate(rep))


def test_factors_over_random_numbers_are_named() -> None:
    """Some ten-thousandths from the exact ones."""
    assert e3nn.monte_carlo(F.silu).factor == pytest.approx(1.679177, abs=1e-6)
    assert nn.Gate(O3.rep("1x1o"), scale=e3nn.monte_carlo(torch.sigmoid)).gains[0] == pytest.approx(1.846706, abs=1e-6)
    exact = nn.Gate(O3.rep("1x1o")).gains[0]
    assert 1e-6 < abs(exact / 1.846706 - 1) < 1e-3


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("hidden", [(), (7,), (7, 6)])
def test_radial_networks(hidden: tuple[int, ...], exact: bool) -> None:
    """Exact factors or e3nn's: they move into the weights of the next layer."""
    activation = F.silu if exact else e3nn.monte_carlo(F.silu)
    basis = nn.radial.BesselBasis(3.0, 5)
    ours, twin = (nn.RadialMLP(basis, 4, hidden, activation).double() for _ in range(2))
    theirs = e3nn.to_e3nn(ours)
    r = torch.rand(9) * 3
    same(theirs(basis.double()(r)), ours(r))
    e3nn.load_e3nn(theirs.state_dict(), twin)
    same(twin(r), ours(r))


def test_radial_networks_as_programs_of_e3nn_write_them() -> None:
    """They are given the basis times √number, where its squares sum to 1."""
    basis = nn.radial.SmoothFiniteBasis(3.0, 5)
    theirs, ours = e3nn.nn.FullyConnectedNet([5, 8, 4], F.silu), nn.RadialMLP(basis, 4, (8,)).double()
    e3nn.load_e3nn(theirs.state_dict(), ours)
    r = torch.rand(9) * 3
    same(ours(r), theirs(e3nn.math.soft_one_hot_linspace(r, 0.0, 3.0, 5, basis="smooth_finite", cutoff=True) * 5**0.5))


@pytest.mark.parametrize("last", [False, True])
def test_networks_of_invariants(last: bool) -> None:
    act = e3nn.monte_carlo(torch.tanh)
    ours = nn.FullyConnected([5, 7, 3], act, variance_in=2.0, variance_out=3.0, last_activation=last)
    theirs = e3nn.to_e3nn(ours)
    x = torch.randn(6, 5)
    same(theirs(x), ours(x))
    other = nn.FullyConnected([5, 7, 3], act if last else torch.tanh, variance_out=3.0, last_activation=last)
    e3nn.load_e3nn(theirs, other)
    same(other(x), theirs(x))
    with pytest.raises(ArgumentError, match="behind the same layers"):
        e3nn.load_e3nn(theirs, nn.FullyConnected([5, 7, 3], torch.tanh, last_activation=not last))


# a network -----------------------------------------------------------------------------------------------------------


class Theirs(torch.nn.Module):
    """An interaction block of MACE as its code writes it: linear, products with harmonics of edges, linear."""

    def __init__(self, nodes: str, lmax: int) -> None:
        super().__init__()
        irreps, harmonics = o3.Irreps(nodes), o3.Irreps.spherical_harmonics(lmax)
        self.up = o3.Linear(irreps, irreps)
        found, paths = [], []
        for i, (mul, one) in enumerate(irreps):
            for j, (_, other) in enumerate(harmonics):
                for ir in one * other:
                    if ir in irreps:
                        paths.append((i, j, len(found), "uvu", True))
                        found.append((mul, ir))
        out, p, _ = o3.Irreps(found).sort()
        paths = sorted(((i, j, p[k], *others) for i, j, k, *others in paths), key=lambda path: path[2])
        self.product = o3.TensorProduct(irreps, harmonics, out, paths, shared_weights=False, internal_weights=False)
        self.radial = e3nn.nn.FullyConnectedNet([8, 16, self.product.weight_numel], F.silu)
        self.down = o3.Linear(out.simplify(), irreps)
        self.harmonics = o3.SphericalHarmonics(harmonics, normalize=True, normalization="component")

    def forward(self, x: Tensor, vectors: Tensor, lengths: Tensor) -> Tensor:
        return self.down(self.product(self.up(x), self.harmonics(vectors), self.radial(lengths)))


class Ours(torch.nn.Module):
    """The same of this library's layers."""

    def __init__(self, rep: Rep, degree: int, theirs: Theirs, convention: Any) -> None:
        super().__init__()
        self.harmonics = O3.harmonics(degree)
        self.up = nn.Linear(rep, rep, bias=False)
        self.product = nn.TensorProduct(rep, self.harmonics, rep, shared_weights=False, mode="uvu")
        self.radial = nn.FullyConnected([8, 16, self.product.weight_numel])
        self.down = nn.Linear(O3.rep(str(theirs.down.irreps_in)), rep, bias=False)  # in e3nn's order of irreps
        e3nn.load_e3nn(theirs.up, self.up)
        e3nn.load_e3nn(theirs.radial, self.radial)
        last = self.radial.weights[-1].data.reshape(16, -1)
        last.copy_(e3nn.weights_from_e3nn(last.clone(), self.product, theirs.product, convention))
        e3nn.load_e3nn(theirs.down, self.down)
        self.index = torch.as_tensor(self.product.rep_out.index_of(self.down.rep_in))
        self.degrees = range(degree + 1)

    def forward(self, x: Tensor, vectors: Tensor, lengths: Tensor) -> Tensor:
        unit = vectors / vectors.norm(dim=-1, keepdim=True)
        harmonics = tw.spherical_harmonics(self.degrees, unit)
        y = self.product(self.up(x), harmonics, self.radial(lengths))
        return self.down(y[..., self.index])


@both_conventions
def test_weights_of_mace_load_exactly(convention: Any) -> None:
    """Of an interaction with random weights, in the signs of each generation."""
    e3nn.set_convention(convention)
    rep = O3.rep("4x0e + 4x0o + 4x1o + 4x1e + 4x2e + 4x2o + 4x3o")
    theirs = Theirs(str(irreps_of(rep)), 3)
    ours = Ours(rep, 3, theirs, convention)
    x, vectors, lengths = random(rep, 11), torch.randn(11, 3), torch.randn(11, 8)
    wanted = features(theirs(rows(x, rep), vectors, lengths), rep)
    same(ours(x, vectors, lengths), wanted)
    wrong = Ours(rep, 3, theirs, "0.4.4" if convention == "0.5" else "0.5")
    assert (wrong(x, vectors, lengths) - wanted).abs().max() > 0.01


# what does not fit ---------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_told() -> None:
    theirs = o3.FullyConnectedTensorProduct("2x0e", "2x1o", "2x1o")
    scalars, vectors = O3.rep("2x0e"), O3.rep("2x1o")
    with pytest.raises(ArgumentError, match=r"terms of ours in their order, but there are 2x0e there and 3x0e here"):
        e3nn.load_e3nn(theirs, nn.TensorProduct(3 * O3.irrep("0e"), vectors, vectors))
    with pytest.raises(ArgumentError, match=r"has layer0\.weight, but got weight"):
        e3nn.load_e3nn({"weight": torch.zeros(5)}, nn.FullyConnected([1, 5]))
    with pytest.raises(ArgumentError, match="behind the same layers"):
        e3nn.load_e3nn(e3nn.nn.FullyConnectedNet([3, 4, 5]), nn.FullyConnected([3, 4, 5]))
    with pytest.raises(ArgumentError, match="8 weights of e3nn"):
        e3nn.load_e3nn({"weight": torch.zeros(5)}, nn.TensorProduct(scalars, vectors, vectors))
    with pytest.raises(ArgumentError, match="Call weights_from_e3nn"):
        e3nn.load_e3nn(theirs, nn.TensorProduct(scalars, vectors, vectors, shared_weights=False))
    with pytest.raises(ArgumentError, match="no counterpart"):
        e3nn.to_e3nn(nn.LayerNorm(scalars))
    with pytest.raises(ArgumentError, match="has no weights that"):
        e3nn.load_e3nn({}, nn.Gate(scalars))
    with pytest.raises(ArgumentError, match="bias=False"):
        e3nn.load_e3nn(randomised(o3.Linear("2x0e", "2x0e", biases=True)), nn.Linear(scalars, scalars, bias=False))
    two = o3.TensorProduct("2x0e", "2x1o", "4x1o", [(0, 0, 0, "uvuv", True)])
    with pytest.raises(ArgumentError, match="a path that ours lacks"):
        e3nn.load_e3nn(two, nn.TensorProduct(scalars, vectors, 4 * O3.irrep("1o")))


def test_products_without_weights() -> None:
    """Their paths are the same; the signs of e3nn 0.4.4 have nowhere to go."""
    tensor, vector = O3.rep("1x2e"), O3.rep("1x1o")
    full = nn.TensorProduct(vector, tensor, ["2o", "3o"], shared_weights=None, mode="uvuv")
    x, y = random(vector), random(tensor)
    same(features(e3nn.to_e3nn(full)(rows(x, vector), rows(y, tensor)), full.rep_out), full(x, y))
    e3nn.set_convention("0.4.4")
    with pytest.raises(ArgumentError, match="could take the signs"):
        e3nn.to_e3nn(full)
