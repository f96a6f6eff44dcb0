"""Filters on the taps of a grid: steerable, complete, and as exact as they say."""

import base64
import math
import zlib

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.kernels import BandLimited, Complete, Rings, Taps, filter_bank
from intertwine.reps import Rep

PLANAR = [cyclic(1), cyclic(2), cyclic(4), dihedral(1), dihedral(2), dihedral(4)]
CUBIC = [point_group(name) for name in ("Ci", "C4", "D4", "T", "O", "Oh", "D3d", "C4v")]


def characters(group: CatalogGroup, rep_in: Rep, rep_out: Rep, taps: Taps) -> float:
    """The dimension of Hom(rep_in ⊗ functions on the taps, rep_out), from characters."""
    elements, points = group.elements(), taps.points
    moved = np.einsum("gij,sj->gsi", group.defining.matrix(elements), points)
    fixed = (np.abs(moved - points).max(-1) < 1e-6).sum(-1)
    return float(np.mean(rep_in.character(elements) * fixed * rep_out.character(elements)))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("group", PLANAR, ids=str)
def test_complete_filters_are_as_many_as_characters_say(group: CatalogGroup, size: int) -> None:
    taps, regular = Taps((size, size)), group.regular
    mixed = group.rep(" + ".join(f"1x{label}" for label in group.labels(4)))
    for rep_in, rep_out in ((regular, regular), (mixed, regular), (mixed, mixed)):
        bank = filter_bank(group.defining, rep_in, rep_out, taps, Complete())
        assert bank.expansion.size == pytest.approx(characters(group, rep_in, rep_out, taps))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("group", CUBIC, ids=str)
def test_complete_filters_of_volumes(group: CatalogGroup, size: int) -> None:
    """The groups that permute the taps of a cube, in every pose that the catalogue gives them."""
    taps = Taps((size, size, size))
    mixed = group.rep(" + ".join(f"1x{label}" for label in group.labels(4)))
    if group.name == "D3d":  # its axis is z, which a cube has no three-fold turns about
        if size > 1:
            with pytest.raises(ArgumentError, match="does not permute the taps"):
                Complete().functions(group.defining, taps)
        return
    for rep_in, rep_out in ((group.regular, mixed), (mixed, mixed)):
        bank = filter_bank(group.defining, rep_in, rep_out, taps, Complete())
        assert bank.expansion.size == pytest.approx(characters(group, rep_in, rep_out, taps))


def test_numbers_of_known_filters() -> None:
    """Where a peer's default falls short: 24 of 36 for C4, 48 of 72 for D4, 240 of 648 and 480 of 1296 for the cube."""
    for group, sizes, number in (
        (cyclic(4), (3, 3), 36),
        (cyclic(4), (5, 5), 100),
        (dihedral(4), (3, 3), 72),
        (point_group("O"), (3, 3, 3), 648),
        (point_group("O"), (5, 5, 5), 3000),
        (point_group("Oh"), (3, 3, 3), 1296),
    ):
        bank = filter_bank(group.defining, group.regular, group.regular, Taps(sizes), Complete())
        assert bank.expansion.size == number
    for size, number in ((3, 6), (5, 11), (7, 18)):  # functions on rings, in the plane
        assert Rings().functions(SO2.defining, Taps((size, size))).rep.dim == number
    assert Rings().functions(SO3.defining, Taps((3, 3, 3))).rep.dim == 10
    assert Rings().functions(SO3.defining, Taps((5, 5, 5))).rep.dim == 19


@pytest.mark.parametrize(
    ("size", "tolerance", "number"),
    [(3, 0.1, 4), (3, 0.25, 6), (5, 0.05, 7), (5, 0.1, 11), (5, 0.25, 13), (7, 0.1, 20)],
)
def test_numbers_of_band_limited_filters(size: int, tolerance: float, number: int) -> None:
    assert BandLimited(tolerance).functions(SO2.defining, Taps((size, size))).rep.dim == number
    assert BandLimited(tolerance).functions(O2.defining, Taps((size, size))).rep.dim == number


@pytest.mark.parametrize("filters", [BandLimited(0.1), BandLimited(0.3), Rings()], ids=str)
@pytest.mark.parametrize("group", [SO2, O2, SO3, O3, cyclic(8), dihedral(6), point_group("I")], ids=str)
def test_functions_move_as_they_say(group: CatalogGroup, filters: BandLimited | Rings) -> None:
    """y(A(g) s) = D(g) y(s) for the elements that take taps to taps, and unit norm on average."""
    taps = Taps((5,) * group.dim)
    functions = filters.functions(group.defining, taps)
    elements = group.elements() if group.is_finite else group.generators
    for g in elements:
        distances = np.abs((taps.points @ group.defining.matrix(g).T)[:, None] - taps.points).max(-1)
        if distances.min(1).max() < 1e-9:
            moved = functions.values[distances.argmin(1)]
            np.testing.assert_allclose(moved, functions.values @ functions.rep.matrix(g).T, atol=1e-12)
    for (copies, irrep), where in zip(functions.rep.terms, functions.rep.slices, strict=True):
        values = functions.values[:, where].reshape(-1, irrep.dim, copies)
        np.testing.assert_allclose((values**2).sum((0, 1)), irrep.dim)


@pytest.mark.parametrize(("size", "tolerance"), [(5, 0.25), pytest.param(21, 0.1, marks=pytest.mark.slow)])
def test_errors_of_functions_are_what_waves_show(size: int, tolerance: float) -> None:
    """The stated error is that of transfer functions, measured on turned waves of a spectrum 1/k²."""
    taps, generator = Taps((size, size)), np.random.default_rng(0)
    functions = BandLimited(tolerance).functions(SO2.defining, taps)
    lengths = math.pi * generator.random(4000)  # in the plane the power of all directions together falls like 1/k
    weights = 1 / np.maximum(lengths, 1e-3)
    angles = 2 * math.pi * generator.random((2, 4000))

    def transfer(directions: np.ndarray) -> np.ndarray:
        waves = lengths[:, None] * np.stack([np.cos(directions), np.sin(directions)], 1)
        return np.exp(-1j * waves @ taps.points.T) @ functions.values

    before, after = transfer(angles[0]), transfer(angles[0] + angles[1])
    turns = np.stack([np.cos(angles[1]), -np.sin(angles[1]), np.sin(angles[1]), np.cos(angles[1])], 1)
    expected = np.einsum("nij,nj->ni", functions.rep.matrix(turns.reshape(-1, 2, 2)), before)
    for (copies, irrep), where, origins in zip(
        functions.rep.terms, functions.rep.slices, functions.origins, strict=True
    ):
        shape = (-1, irrep.dim, copies)
        wrong = (np.abs(after - expected)[:, where].reshape(shape) ** 2).sum(1)
        whole = (np.abs(after)[:, where].reshape(shape) ** 2).sum(1)
        measured = np.sqrt((weights[:, None] * wrong).sum(0) / (weights[:, None] * whole).sum(0))
        stated = np.array([error for _, error in origins])
        np.testing.assert_allclose(measured, stated, rtol=0.15, atol=2e-3)


def test_voxels_that_are_longer_along_one_axis() -> None:
    """The symmetry of the taps is found: with spacing (3, 1, 1), axes z y x, that of the cube is not."""
    taps = Taps((3, 3, 3), (3.0, 1.0, 1.0))
    with pytest.raises(ArgumentError, match="restrict the reps"):
        Complete().functions(point_group("Oh").defining, taps)
    for name, number in (("D4h", 432), ("D2h", 216), ("C4v", 216)):
        group = point_group(name)
        assert filter_bank(group.defining, group.regular, group.regular, taps, Complete()).expansion.size == number


def test_dependent_functions_do_not_occur() -> None:
    """Below an error of 1 no two degrees share a function, so the filters that weights name are independent."""
    for size in (2, 3, 4, 5, 6, 7):
        values = BandLimited(0.99).functions(O2.defining, Taps((size, size))).values
        assert np.linalg.matrix_rank(values, tol=1e-3) == values.shape[1]


def test_functions_can_be_looked_at() -> None:
    functions = Rings().functions(SO2.defining, Taps((3, 3)))
    assert str(functions).splitlines()[1].startswith("  0: degree 0, error 0.0%; degree 0")
    assert str(Complete().functions(cyclic(4).defining, Taps((3, 3)))).splitlines()[1] == "  0: 3, exact"
    np.testing.assert_allclose(functions.picture(0), np.pad([[1.0]], 1))


def test_pictures_of_functions() -> None:
    """Each copy of an irrep has one, with its error: functions side by side, slices of volumes below each other."""
    functions = BandLimited(0.1).functions(SO2.defining, Taps((5, 5)))
    words, values = functions.pictures()[3]
    assert words == "1: degree 1, error 4.9%"
    np.testing.assert_array_equal(values[:, :5], functions.picture(3))
    np.testing.assert_array_equal(values[:, 6:], functions.picture(5))  # components outermost: two copies
    assert np.isnan(values[:, 5]).all()
    assert len(functions.pictures()) == 7
    volumes = Complete().functions(point_group("C4v").defining, Taps((3, 5, 5), (2.0, 1.0, 1.0)))
    words, values = volumes.pictures()[0]
    assert words == "A1: exact"
    assert values.shape == (3 * 5 + 2, 5)
    np.testing.assert_array_equal(values[6:11], volumes.picture(0)[1])


def test_a_notebook_shows_functions() -> None:
    """As images that hold themselves: orange above 0, blue below, nothing in the gaps."""
    functions = BandLimited(0.1).functions(SO2.defining, Taps((3, 3)))
    page = functions._repr_html_()
    assert page.count("<img") == page.count("error") / 2 == 3  # in the words beneath, and for those who cannot see
    data = base64.b64decode(page.split("base64,")[3].split('"')[0])
    size = data.index(b"IDAT")
    pixels = np.frombuffer(zlib.decompress(data[size + 4 :]), np.uint8).reshape(3, -1)[:, 1:].reshape(3, 7, 4)
    x = functions.pictures()[2][1]
    np.testing.assert_array_equal(pixels[..., 3] == 0, np.isnan(x))
    np.testing.assert_array_equal((pixels[..., 0] > pixels[..., 2])[x > 0.9 * np.nanmax(x)], True)
    np.testing.assert_array_equal((pixels[..., 0] < pixels[..., 2])[x < -0.9 * np.nanmax(x)], True)


def test_what_filters_refuse() -> None:
    for tolerance in (1.5, "0.1", None):
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            BandLimited(tolerance)
    with pytest.raises(ArgumentError, match="2 or 3 sizes"):
        Taps((3,))
    with pytest.raises(ArgumentError, match="spacing"):
        Taps((3, 3), (1.0, -1.0))
    with pytest.raises(ArgumentError, match="square kernels"):
        Rings().functions(SO2.defining, Taps((3, 5)))
    with pytest.raises(ArgumentError, match=r"spacing \(2\.0, 1\.0\)"):
        Rings().functions(SO2.defining, Taps((3, 3), (2.0, 1.0)))
    with pytest.raises(ArgumentError, match="meets a tap"):
        Rings().functions(SO2.defining, Taps((2, 2)))
    with pytest.raises(ArgumentError, match="does not permute the taps"):
        Complete().functions(cyclic(8).defining, Taps((3, 3)))
    with pytest.raises(ArgumentError, match="larger tolerance"):
        BandLimited(1e-9).functions(SO2.defining, Taps((4, 4)))
