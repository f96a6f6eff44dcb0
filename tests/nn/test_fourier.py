"""Activations on the values of functions: they mix frequencies, exactly or within a stated bound."""

import numpy as np
import pytest
import torch
from torch import nn as plain
from torch.nn import functional as F

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.reps import HomogeneousSpace, Rep
from intertwine.testing import act, equivariance_error, law_elements
from tests.registry import close

REPS = [SO2.rep("3x0 + 3x1 + 3x2"), O2.rep("2x0e + 2x1 + 2x2 + 2x3"), O2.rep("2x0e + 2x0o + 4x1 + 4x2")]
each_rep = pytest.mark.parametrize("rep", REPS, ids=str)


@pytest.mark.parametrize(("function", "degree"), [(torch.square, 2), (lambda z: z**3 - z, 3)], ids=["square", "cubic"])
@each_rep
def test_polynomials_pass_exactly(rep: Rep, function: object, degree: int) -> None:
    layer = nn.FourierActivation(rep, activation=function, exact_degree=degree).double()
    assert equivariance_error(layer) < 1e-13
    too_coarse = nn.FourierActivation(rep, activation=lambda z: function(z) ** 3, exact_degree=degree).double()
    assert equivariance_error(too_coarse) > 1e-6


@pytest.mark.parametrize("function", [F.silu, torch.tanh, torch.relu, torch.sin], ids=lambda f: f.__name__)
@each_rep
def test_the_bound_holds(rep: Rep, function: object) -> None:
    """For every φ and element the defect of each function is below the bound; finer sampling lowers both."""
    x = torch.randn(20, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bounds = []
    for exact_degree in (4, 16, 64):
        layer = nn.FourierActivation(rep, activation=function, exact_degree=exact_degree).double()
        functions = x.reshape(20, -1, layer.channels)
        bound = layer.error_bound(float(functions.norm(dim=1).max()))
        assert (layer.synthesis @ functions).abs().max() <= functions.norm(dim=1).max()
        y = layer(x)
        for g in law_elements(rep.group, 5):
            defect = (layer(act(rep, g, x)) - act(rep, g, y)).reshape(20, -1, layer.channels).norm(dim=1)
            assert defect.max() <= bound + 1e-12
        bounds.append(bound)
    assert bounds[0] > bounds[1] > bounds[2]


@pytest.mark.parametrize("G", [SO3, O3], ids=str)
def test_the_bound_holds_on_the_sphere(G: CatalogGroup) -> None:
    rep = 2 * G.harmonics(2)
    x = torch.randn(20, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors, bounds = [], []
    for exact_degree in (4, 12):
        layer = nn.FourierActivation(rep, activation=torch.tanh, exact_degree=exact_degree).double()
        bounds.append(layer.error_bound(float(x.reshape(20, -1, 2).norm(dim=1).max())))
        defects = [layer(act(rep, g, x)) - act(rep, g, layer(x)) for g in law_elements(G, 5)]
        errors.append(max(float(defect.reshape(20, -1, 2).norm(dim=1).max()) for defect in defects))
    assert errors[0] <= bounds[0]
    assert errors[1] <= bounds[1] < bounds[0]


def test_the_bound_of_a_learned_activation() -> None:
    """Parameters, in any dtype and on their way, enter as they are when the bound is asked for."""
    learned = plain.PReLU()
    layer = nn.FourierActivation(SO2.rep("2x0 + 2x1"), activation=learned, exact_degree=8)
    before = layer.error_bound(2.0)
    expected = nn.FourierActivation(layer.rep_in, activation=lambda z: F.leaky_relu(z, 0.25), exact_degree=8)
    assert before == pytest.approx(expected.error_bound(2.0))
    with torch.no_grad():
        learned.weight.fill_(1.0)  # the identity, a polynomial
    assert layer.error_bound(2.0) < 1e-12 < before
    assert learned.weight.dtype == torch.float32


@each_rep
def test_rotations_of_the_grid_are_exact(rep: Rep) -> None:
    """Whatever φ, the sampled angles go onto each other."""
    layer = nn.FourierActivation(rep, activation=torch.sign, exact_degree=5).double()
    angle = 2 * np.pi / layer.samples
    g = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x = torch.randn(9, rep.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    close(layer(act(rep, g, x)), act(rep, g, layer(x)), 1e-12)


def test_frequencies_mix() -> None:
    """A function of frequency 1, squared, has the frequencies 0 and 2; norms and gates would keep it at 1."""
    layer = nn.FourierActivation(SO2.rep("1x0 + 1x1"), SO2.rep("1x0 + 1x1 + 1x2"), torch.square).double()
    y = layer(torch.tensor([0.0, 1, 0], dtype=torch.float64))
    assert y[0] > 0.1
    close(y[1:3], 0.0, 1e-12)
    assert y[3] > 0.1


def test_rotation_networks_see_flips() -> None:
    """Invariants of SO(2) that mix frequencies tell a shape from its mirror image; norms cannot."""
    rep, mirror = SO2.rep("4x0 + 4x1 + 4x2"), torch.tensor([1.0, 1, -1, 1, -1])
    x = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    differences = []
    for activation in (nn.NormActivation(rep), nn.FourierActivation(rep)):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(SO2.rep("1x0 + 1x1 + 1x2"), rep), activation, nn.Linear(rep, SO2.rep("3x0")))
        differences.append(float((net(x) - net(x * mirror)).detach().abs().max()))
    assert differences[0] < 1e-5
    assert differences[1] > 1e-2


@each_rep
def test_unit_variance(rep: Rep) -> None:
    torch.manual_seed(0)
    for function in (F.silu, torch.relu, torch.tanh):
        y = nn.FourierActivation(rep, activation=function)(torch.randn(20000, rep.dim))
        assert y.square().mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "rep",
    [SO2.rep("2x0 + 1x1"), SO2.rep("1x1"), O2.rep("1x0o + 1x1"), O3.rep("1x0o"), cyclic(4).rep("1x1"), O2.rep("")],
)
def test_other_reps_are_refused(rep: Rep) -> None:
    with pytest.raises(
        ArgumentError, match=r"takes c functions up to a degree, but got the rep .*\. Up to degree 2 one is .* \(on the"
    ):
        nn.FourierActivation(rep)


def test_outputs_of_another_kind_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"keeps the number and kind of functions, but .* holds 3 .* 2 of the direction"
    ):
        nn.FourierActivation(SO2.rep("3x0 + 3x1"), SO2.rep("2x0 + 2x1"))
    with pytest.raises(ArgumentError, match=r"of the direction and .* on the group"):
        nn.FourierActivation(O2.rep("1x0e + 1x1"), O2.rep("1x0e + 1x0o + 2x1"))


SPHERE = HomogeneousSpace(SO3.subgroup("Cinf"), SO3.subgroup("Cinf").group.rep("1x0"))
EVERYWHERE = {
    "sphere": (SO3.rep("2x0 + 2x1 + 2x2"), None),
    "sphere, with parity": (O3.rep("2x0e + 2x1o"), None),
    "rotations": (SO3.rep("1x0 + 3x1"), None),
    "all of O(3)": (O3.rep("1x0e + 1x0o + 3x1o + 3x1e"), None),
    "quotient": (SO3.rep("3x0 + 3x1 + 3x2"), SPHERE),
    "torus": ((SO2 * SO2).rep("1x(0,0) + 1x(0,1) + 1x(1,0)"), None),
}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_polynomials_pass_exactly_on_every_space(name: str) -> None:
    """And others the better, the finer the samples."""
    rep, space = EVERYWHERE[name]
    layer = nn.FourierActivation(rep, activation=torch.square, exact_degree=2, space=space).double()
    assert equivariance_error(layer) < 1e-12
    coarse, fine = (
        equivariance_error(nn.FourierActivation(rep, activation=torch.tanh, exact_degree=n, space=space).double())
        for n in (2, 8)
    )
    assert fine < 0.1 * coarse


@pytest.mark.parametrize("group", [cyclic(5), dihedral(4), point_group("O"), point_group("Td")], ids=str)
def test_finite_groups_pass_everything(group: CatalogGroup) -> None:
    """On all elements of a finite group values change places, so that every function is exact."""
    irreps = [group.irrep(label) for label in group.labels(int(group.order))]
    rep = Rep(group, tuple((2 * (i.dim // len(i.endomorphisms)), i) for i in irreps))
    layer = nn.FourierActivation(rep, activation=torch.sign).double()
    assert equivariance_error(layer) < 1e-12
    assert layer.error_bound(10.0) == 0


def test_quotients_have_their_own_functions() -> None:
    other = HomogeneousSpace(O3.subgroup("Cinfv"), O3.subgroup("Cinfv").group.rep("1x0e"))
    with pytest.raises(ArgumentError, match=r"on O\(3\)/"):
        nn.FourierActivation(O3.rep("1x0e + 1x1e"), space=other)
