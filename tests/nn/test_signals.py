"""Signals on the sphere and on groups: transforms, peaks, samples, correlations."""

import math

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, dihedral
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.io import SphericalTensor
from intertwine.interop.e3nn.o3 import ToS2Grid
from intertwine.reps import direction_grid, spherical_harmonics

GRIDS = [("gauss", None), ("longlat", None), ("lebedev", None), ("gauss", 15), ("longlat", 12), ("lebedev", 14)]


def some_signal(signals: torch.nn.Module, *shape: int) -> torch.Tensor:
    """Seeded features."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, signals.rep.dim, dtype=torch.float64, generator=generator)


# transforms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "n"), GRIDS)
@pytest.mark.parametrize("degree", [0, 1, 4, 5])
def test_to_the_grid_and_back(kind: str, n: int | None, degree: int) -> None:
    """The values are those of the harmonics, and the way back is exact."""
    signals = nn.SphereSignals(O3, degree, kind, n).double()
    x = some_signal(signals, 2, 3)
    f = signals.values(x)
    assert f.shape == (2, 3, math.prod(signals.shape))
    y = spherical_harmonics(range(degree + 1), signals.points) / math.sqrt(signals.rep.dim)
    torch.testing.assert_close(f, x @ y.T)
    torch.testing.assert_close(signals.at(x, 3 * signals.points), f)
    torch.testing.assert_close(signals.coefficients(f), x)


@pytest.mark.parametrize("kind", ["tetrahedron", "icosahedron", "design"])
def test_grids_that_happen_to_be_exact(kind: str) -> None:
    signals = nn.SphereSignals(O3, 1, kind).double()
    x = some_signal(signals)
    torch.testing.assert_close(signals.coefficients(signals.values(x)), x)


def test_a_high_degree() -> None:
    signals = nn.SphereSignals(SO3, 60).double()
    x = some_signal(signals)
    torch.testing.assert_close(signals.coefficients(signals.values(x)), x)


def test_the_values_are_those_that_activations_see() -> None:
    grid = direction_grid(O3, 3, 8)
    signals = nn.SphereSignals(O3, 3).double()
    x = some_signal(signals)
    points = torch.from_numpy(grid.elements[:, :, 2].copy())  # where the axis of that grid goes
    torch.testing.assert_close(signals.at(x, points), torch.from_numpy(grid.synthesis) @ x)


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_values_of_e3nn(degree: int) -> None:
    """The grid of equal steps is e3nn's, and so are the values, for its coefficients "integral"."""
    theirs = ToS2Grid(degree, (2 * degree + 2, 4 * degree + 4), normalization="integral", dtype=torch.float64)
    signals = nn.SphereSignals(O3, degree, "longlat", 2 * degree + 2).double()
    x = some_signal(signals)
    torch.testing.assert_close(signals.points.unflatten(0, signals.shape), theirs.grid)
    factor = math.sqrt(4 * math.pi / signals.rep.dim)
    torch.testing.assert_close(signals.values(x).unflatten(0, signals.shape), factor * theirs(x))


def test_a_function_beyond_the_degree_is_cut_off() -> None:
    """The coefficients of any function are its part up to the degree, on a grid that is fine enough for both."""
    fine = nn.SphereSignals(O3, 6, "gauss", 12).double()
    coarse = nn.SphereSignals(O3, 3, "gauss", 12).double()
    x = some_signal(fine)
    part = x[:16] * math.sqrt(16 / 49)
    torch.testing.assert_close(coarse.coefficients(fine.values(x)), part)


@pytest.mark.parametrize("G", [SO3, O3], ids=str)
def test_signals_turn_with_the_group(G: CatalogGroup) -> None:
    signals = nn.SphereSignals(G, 3).double()
    x, (g,) = some_signal(signals), G.sample(1, seed=3)
    moved = signals.at(torch.from_numpy(signals.rep.evaluate(g)) @ x, signals.points)
    torch.testing.assert_close(moved, signals.at(x, signals.points @ torch.from_numpy(g)))


@pytest.mark.parametrize("kind", ["gauss", "lebedev"])
def test_transforms_differentiate_and_compile(kind: str) -> None:
    signals = nn.SphereSignals(O3, 2, kind).double()
    x = some_signal(signals, 2).requires_grad_()

    def squared(x: torch.Tensor) -> torch.Tensor:
        return signals.coefficients(signals.values(x) ** 2)

    assert torch.autograd.gradcheck(squared, x)
    assert torch.autograd.gradgradcheck(squared, x)
    torch.testing.assert_close(torch.vmap(squared)(x), squared(x))
    torch.testing.assert_close(torch.compile(squared, fullgraph=True, backend="eager")(x), squared(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_input_decides_the_dtype(dtype: torch.dtype) -> None:
    signals = nn.SphereSignals(O3, 2)
    x = some_signal(signals).to(dtype)
    back = signals.coefficients(signals.values(x))
    assert back.dtype == dtype
    torch.testing.assert_close(back, x, rtol=0, atol=10 * torch.finfo(dtype).eps)


def test_power_is_the_mean_square() -> None:
    signals = nn.SphereSignals(O3, 3, "lebedev", 6).double()
    x = some_signal(signals)
    f, weights = signals.values(x), signals.averages[0] / signals.functions[:, 0] / signals.rep.dim
    torch.testing.assert_close(signals.power(x).sum(), (weights * f**2).sum())
    assert signals.power(x)[2] == x[4:9].square().sum() / 16


# peaks and samples ----------------------------------------------------------------------------------------------------

CORNERS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, -2], [-1, -1, 1]]).double()


def test_diracs_peak_at_their_height() -> None:
    signals = nn.SphereSignals(O3, 5).double()
    alone = signals.diracs(CORNERS[3:], torch.tensor([2.5]).double())
    places, values = signals.find_peaks(alone)
    torch.testing.assert_close(places[0], CORNERS[3] / math.sqrt(3))
    torch.testing.assert_close(values[0], torch.tensor(2.5).double())


def test_diracs_and_peaks_of_e3nn() -> None:
    signals, theirs = nn.SphereSignals(O3, 3).double(), SphericalTensor(3, 1, -1)
    heights, factor = torch.tensor([1.0, 0.5, 2.0, 1.5]).double(), math.sqrt(4 * math.pi / 16)
    torch.testing.assert_close(signals.diracs(CORNERS, heights) * factor, theirs.sum_of_diracs(CORNERS, heights))
    torch.testing.assert_close(signals.through(CORNERS, heights) * factor, theirs.with_peaks_at(CORNERS, heights))


def test_through_is_the_smallest() -> None:
    signals = nn.SphereSignals(O3, 3).double()
    heights = torch.tensor([1.0, -0.5, 2.0, 1.5]).double()
    x = signals.through(CORNERS, heights)
    torch.testing.assert_close(signals.at(x, CORNERS), heights)
    basis = torch.stack([signals.diracs(p[None], torch.ones(1).double()) for p in CORNERS])
    outside = x - torch.linalg.lstsq(basis.T, x[:, None]).solution[:, 0] @ basis
    torch.testing.assert_close(outside, torch.zeros_like(outside))


def test_peaks_are_found_to_rounding() -> None:
    """All of a signal with the symmetry of a cube: its six faces' middles, at the poles of the grid too."""
    signals = nn.SphereSignals(O3, 4).double()
    axes = torch.cat([torch.eye(3), -torch.eye(3)]).double()
    places, values = signals.find_peaks(signals.diracs(axes, torch.ones(6).double()))
    assert len(places) == 6
    torch.testing.assert_close(places @ axes.T @ torch.ones(6, 1).double(), torch.zeros(6, 1).double())
    torch.testing.assert_close((places @ axes.T).amax(1), torch.ones(6).double())
    torch.testing.assert_close(values, values[:1].expand(6))
    slopes = torch.func.jacrev(lambda p: signals.at(some_signal(signals), p))(
        signals.find_peaks(some_signal(signals))[0]
    )
    assert slopes.abs().max() < 1e-12


def test_peaks_turn_with_the_signal() -> None:
    signals = nn.SphereSignals(O3, 6).double()
    x, (g,) = some_signal(signals), O3.sample(1, seed=0)
    places, values = signals.find_peaks(x)
    moved, same = signals.find_peaks(torch.from_numpy(signals.rep.evaluate(g)) @ x)
    torch.testing.assert_close(same, values)
    torch.testing.assert_close(moved, places @ torch.from_numpy(g).T, rtol=0, atol=1e-6)


def test_a_constant_has_no_peaks() -> None:
    signals = nn.SphereSignals(O3, 2).double()
    places, values = signals.find_peaks(torch.eye(9)[0].double())
    assert places.shape == (0, 3)
    assert values.shape == (0,)


def test_samples_have_the_density() -> None:
    """Of f = 1 + z the mean of z is 1/3 and that of z² is 1/3; both to five standard errors."""
    signals = nn.SphereSignals(O3, 1).double()
    x = signals.through(torch.cat([torch.eye(3), -torch.eye(3)]).double(), torch.tensor([1.0, 1, 2, 1, 1, 0]).double())
    assert signals.sample(x, 0).shape == (0, 3)
    z = signals.sample(x, 20000, torch.Generator().manual_seed(0))[:, 2]
    assert abs(z.mean() - 1 / 3) < 5 * math.sqrt(2 / 9 / 20000)
    assert abs((z**2).mean() - 1 / 3) < 5 * math.sqrt(4 / 45 / 20000)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"features of SO\(3\) or O\(3\), but got the group O\(2\)"):
        nn.SphereSignals(O2, 2)
    with pytest.raises(ArgumentError, match="take a grid that averages degree 8 exactly"):
        nn.SphereSignals(O3, 4, "gauss", 7)
    signals = nn.SphereSignals(O3, 2)
    with pytest.raises(ArgumentError, match="A density is positive somewhere"):
        signals.sample(-torch.eye(9)[0], 3)
    for call in (signals.values, signals.power, signals.find_peaks, signals.coefficients):
        with pytest.raises(ShapeError):
            call(torch.randn(4))


# groups ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("G", [SO2, O2, SO3, O3, dihedral(3)], ids=str)
def test_signals_on_a_group(G: CatalogGroup) -> None:
    signals = nn.GroupSignals(G, 2).double()
    x, (h,) = some_signal(signals, 2), G.sample(1, seed=0)
    f = signals.values(x)
    torch.testing.assert_close(signals.coefficients(f), x)
    torch.testing.assert_close(signals.at(x, signals.elements), f)
    moved = x @ torch.from_numpy(signals.rep.evaluate(h)).T
    torch.testing.assert_close(signals.values(moved), signals.at(x, torch.from_numpy(h).mT @ signals.elements))


@pytest.mark.parametrize("G", [SO3, O3, O2], ids=str)
def test_correlations(G: CatalogGroup) -> None:
    rep = 2 * G.harmonics(2) + G.defining
    signals = nn.GroupSignals(G, 2).double()
    x, y = torch.randn(2, 3, rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = y @ rep.evaluate(signals.elements).mT
    wanted = torch.einsum("pbi,bi->bp", moved, x)
    torch.testing.assert_close(signals.values(signals.correlation(rep, x, y)), wanted)


def test_alignment() -> None:
    """The element that turned a signal is where its correlation with the signal is highest."""
    rep, signals = SO3.harmonics(4), nn.GroupSignals(SO3, 4).double()
    y = torch.randn(rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (g,) = SO3.sample(1, seed=5)
    x = torch.from_numpy(rep.evaluate(g)) @ y
    found, value = signals.highest(signals.correlation(rep, x, y))
    np.testing.assert_allclose(found.numpy(), g, atol=1e-7)
    torch.testing.assert_close(value, y @ y)


def test_the_highest_of_a_finite_group() -> None:
    G = dihedral(4)
    signals = nn.GroupSignals(G, 4).double()
    f = torch.arange(8).double()
    found, value = signals.highest(signals.coefficients(f))
    torch.testing.assert_close(found, signals.elements[7])
    torch.testing.assert_close(value, f[7])


def test_correlations_of_other_features_are_refused() -> None:
    with pytest.raises(ArgumentError, match="Correlations are of features whose terms are irreps of real type"):
        nn.GroupSignals(SO2, 2).correlation(SO2.rep("1x1"), torch.randn(2), torch.randn(2))
    with pytest.raises(ArgumentError, match="up to degree 1, but got 1x2e"):
        nn.GroupSignals(O3, 1).correlation(O3.rep("1x2e"), torch.randn(5), torch.randn(5))
