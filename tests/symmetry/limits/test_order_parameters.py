"""Order parameters: the tables of the founding task, and the lowest ones between well known point groups."""

import json

import numpy as np
import pytest

from intertwine.catalog import O3, SO3, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.symmetry import (
    OrderParameters,
    Points,
    breaking_inputs,
    curie_check,
    harmonic_coefficients,
    order_parameters,
)
from tests.symmetry.clouds import CORNERS, RECTANGLE, SQUARE, ring
from tests.symmetry.posed import EVERYTHING, unit
from tests.symmetry.square import STRETCH, peaks

# the founding task ----------------------------------------------------------------------------------------------------


def founding(group: CatalogGroup) -> OrderParameters:
    return order_parameters(curie_check(SQUARE, peaks(STRETCH, 5), rep_out=group.harmonics(5)), degree=5)


def test_the_table_of_rotations() -> None:
    table = founding(SO3)
    assert [(p.irrep.label, p.polynomial, p.stabiliser, p.order) for p in table.most_symmetric] == [
        ("2", "x² − y²", "D2", 4),
        ("3", "xyz", "D2", 4),
        ("4", "x⁴ − 6x²z² − y⁴ + 6y²z²", "D2", 4),
        ("5", "x³yz + xy³z − 2xyz³", "D2", 4),
    ]
    assert all(p.exact for p in table.most_symmetric)


def test_the_table_of_all_isometries() -> None:
    """Only even parities break just what is needed; tempting ones do not move the floor."""
    table = founding(O3)
    assert [(p.irrep.label, p.polynomial, p.stabiliser, p.order) for p in table.most_symmetric] == [
        ("2e", "x² − y²", "D2h", 8),
        ("3e", "xyz (pseudo)", "D2h", 8),
        ("4e", "x⁴ − 6x²z² − y⁴ + 6y²z²", "D2h", 8),
        ("5e", "x³yz + xy³z − 2xyz³ (pseudo)", "D2h", 8),
    ]
    others = {(p.irrep.label, p.polynomial): p for p in table if p not in table.working}
    assert {("2e", "xy"), ("1o", "z"), ("1e", "z (pseudo)"), ("0o", "pseudoscalar")} <= others.keys()
    assert others["2e", "xy"].stabiliser == "D2h"
    assert others["1o", "z"].stabiliser == "C4v"
    for p in others.values():
        assert p.floor == pytest.approx(7.070199516e-4, abs=1e-12)
        assert not p.exact
    assert len(table) == len(list(table)) == len(table.working) + len(others)
    assert table[0].irrep.label == "2e"


def test_the_printed_table() -> None:
    lines = str(founding(O3)).splitlines()
    assert lines[0].split() == ["rank", "irrep", "component", "leaves", "floor"]
    assert lines[1].split() == ["1", "2e", "x²", "−", "y²", "D2h", "0", "most", "symmetric"]
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    (wrong,) = [line for line in lines if " xy " in line and "(pseudo)" not in line]
    assert wrong.startswith("–")
    assert wrong.endswith("wrong axes")
    rows = json.loads(json.dumps(founding(O3).to_dict()))["order_parameters"]
    assert rows[0]["polynomial"] == "x² − y²"
    assert np.shape(rows[0]["vector"]) == (5,)


@pytest.mark.parametrize("group", [O3, SO3], ids=str)
def test_what_works_removes_the_floor(group: CatalogGroup) -> None:
    """As a tensor at every point, of any size and sign, it makes the task possible; the others leave their floor."""
    target, rep = peaks(STRETCH, 5), group.harmonics(5)
    for p in founding(group):
        for size in (1.0, -0.01):
            features = np.tile(size * p.vector, (4, 1))
            report = curie_check(Points(SQUARE, features=features), target, p.irrep.irreps, rep)
            assert report.floor == pytest.approx(p.floor, rel=1e-9, abs=1e-20)
            assert report.H.name == p.stabiliser


# between point groups -------------------------------------------------------------------------------------------------


def cloud(name: str) -> np.ndarray:
    """Points whose symmetry is a point group in its standard setting."""
    shapes = {
        "D4h": SQUARE,
        "Oh": CORNERS,
        "Td": CORNERS[CORNERS.prod(1) > 0],
        "D6h": ring(6),
        "Dinfh": np.outer([-1, 1], [0, 0, 1.0]),
        "Cinfv": np.outer([0, 1, 5], [0, 0, 1.0]),
    }
    return shapes[name]


@pytest.mark.parametrize(
    ("large", "small", "place", "lowest"),
    [
        ("D4h", "D2h", {}, {"2e": "x² − y²"}),
        ("D4h", "D2h", {"mirror": (1, 1, 0)}, {"2e": "xy"}),
        ("D4h", "C4v", {}, {"1o": "z"}),
        ("D4h", "D4", {}, {"0o": "pseudoscalar"}),
        ("D4h", "C4h", {}, {"1e": "z (pseudo)"}),
        ("Oh", "D4h", {}, {"2e": "x² + y² − 2z²"}),
        ("Oh", "C4v", {}, {"1o": "z"}),
        ("Oh", "C3v", {"axis": (1, 1, 1), "mirror": (1, 1, -2)}, {"1o": "x + y + z"}),
        ("Oh", "C2v", {"axis": (1, 1, 0), "mirror": (0, 0, 1)}, {"1o": "x + y"}),
        ("Oh", "D3d", {"axis": (1, 1, 1), "mirror": (1, -1, 0)}, {"2e": "xy + xz + yz"}),
        ("Oh", "Td", {}, {"3o": "xyz"}),
        ("Oh", "O", {}, {"0o": "pseudoscalar"}),
        ("Oh", "Th", {}, {"3e": "xyz (pseudo)"}),
        ("Oh", "D2h", {}, {"2e": None}),
        ("Td", "T", {}, {"0o": "pseudoscalar"}),
        ("Td", "C3v", {"axis": (1, 1, 1), "mirror": (1, 1, -2)}, {"1o": "x + y + z"}),
        ("Td", "D2d", {}, {"2e": "x² + y² − 2z²", "2o": None}),
        ("D6h", "D3h", {}, {"3o": None}),
        ("D6h", "D2h", {}, {"2e": "x² − y²"}),
        ("D6h", "C6v", {}, {"1o": "z"}),
        ("Dinfh", "Cinfv", {}, {"1o": "z"}),
        ("Dinfh", "D2h", {}, {"2e": "x² − y²"}),
        ("Dinfh", "D4h", {}, {"4e": "x⁴ − 6x²y² + y⁴"}),
        ("Dinfh", "Dinf", {}, {"0o": "pseudoscalar"}),
        ("Dinfh", "Cinfh", {}, {"1e": "z (pseudo)"}),
        ("Cinfv", "Cinf", {}, {"0o": "pseudoscalar"}),
        ("Cinfv", "Cs", {"axis": (0, 1, 0)}, {"1o": "x", "1e": "y (pseudo)"}),
        ("Cinfv", "C2v", {}, {"2e": "x² − y²"}),
        ("Cinfv", "C3v", {}, {"3o": None, "3e": None}),
    ],
)
def test_the_lowest_order_parameter(large: str, small: str, place: dict, lowest: dict[str, str | None]) -> None:
    """A target with just the smaller symmetry: the lowest exact order parameters are those of textbooks."""
    K = O3.subgroup(small, **place)
    h, weights = K.group.quadrature(12)
    y = np.tensordot(weights, EVERYTHING.evaluate(K.embed(h)), 1) @ unit(np.random.default_rng(0), EVERYTHING.dim)
    report = curie_check(cloud(large), y, rep_out=EVERYTHING)
    assert (report.H.name, report.K.name) == (large, small)
    exact = [p for p in order_parameters(report) if p.exact]
    first = exact[: len(lowest)]
    assert {p.irrep.label for p in first} == set(lowest)
    assert not {p.irrep.degree for p in exact[len(lowest) :]} & {min(p.irrep.degree for p in first)} or len(lowest) == 1
    for p in first:
        assert p.stabiliser == small
        assert lowest[p.irrep.label] in (None, p.polynomial)


def test_they_are_fixed_by_the_target_and_not_by_the_input() -> None:
    for large, small in (("Oh", "D4h"), ("D6h", "D3h"), ("Td", "T")):
        g = point_group(small).elements()
        y = EVERYTHING.evaluate(g).mean(0) @ unit(np.random.default_rng(0), EVERYTHING.dim)
        report = curie_check(cloud(large), y, rep_out=EVERYTHING)
        for p in order_parameters(report).working:
            moved = p.irrep.evaluate(report.H.elements) @ p.vector
            kept = np.abs(moved - p.vector).max(1) < 1e-9
            assert kept.sum() == p.order
            assert np.linalg.norm(p.vector) == pytest.approx(1)
            assert p.exact == (p.order == report.K.order)


def test_breaking_more_than_needed() -> None:
    """A polar vector along x repairs the square too when it is asked for, but takes more than D2h away."""
    report = curie_check(np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), O3.rep("1x1o"), O3.rep("1x1o"))
    table = order_parameters(report, degree=2)
    assert [p.irrep.label for p in table.working] == ["1o", "1e", "2e", "2o"]
    assert table[0].polynomial == "x"
    for p in table.working:
        x = np.concatenate([[0, 0, 1.0], p.vector])
        assert curie_check(x, np.array([1.0, 0, 0]), O3.rep("1x1o") + p.irrep.irreps, O3.rep("1x1o")).possible


def test_what_is_possible_needs_none() -> None:
    with pytest.raises(ArgumentError, match="The target is possible already"):
        order_parameters(curie_check(RECTANGLE, -STRETCH, rep_out=O3.defining))


def test_nothing_works_below_some_degree() -> None:
    """A pseudoscalar does not help; vectors do, but break more than needed, and the table says so."""
    report = curie_check(SQUARE, STRETCH, rep_out=O3.defining)
    table = order_parameters(report, degree=0)
    assert table.working == table.most_symmetric == table.together == ()
    assert "does not help" in str(table)
    vectors = order_parameters(report, degree=1)
    assert [(p.polynomial, p.stabiliser) for p in vectors.working] == [("x", "C2v"), ("y (pseudo)", "C2h")]
    assert vectors.most_symmetric == ()
    assert "breaks more than needed" in str(vectors)


def test_a_polar_vector_breaks_more_than_the_rectangle_does() -> None:
    """Among rotations it leaves C2 of the four of D2."""
    (polar,) = [p for p in founding(SO3).working if p.irrep.label == "1"]
    assert (polar.polynomial, polar.stabiliser, polar.order, polar.exact) == ("x", "C2", 2, False)


# on chosen points -----------------------------------------------------------------------------------------------------


def test_labels_of_corners_break_more_than_needed() -> None:
    """D2h takes each corner to each, so labels that it keeps are equal; left and right ones leave C2v."""
    table = order_parameters(curie_check(SQUARE, STRETCH, rep_out=O3.defining), degree=0, sites=range(4))
    labels = next(p for p in table if p.irrep.label == "0e")
    assert (labels.stabiliser, labels.order, labels.exact) == ("C2v", 4, False)
    assert labels in table.working
    assert sorted(labels.vector[:, 0].round(9)) == [-1, -1, 1, 1]
    assert table.most_symmetric == ()


def test_a_field_on_the_corners_makes_the_rectangle_possible() -> None:
    """Even vectors do, if they point in another direction at each corner; one corner stands for all."""
    report = curie_check(SQUARE, STRETCH, rep_out=O3.defining)
    for sites in (range(4), [2]):
        table = order_parameters(report, degree=1, sites=sites)
        assert [p.irrep.label for p in table.most_symmetric] == ["1o", "1e"]
        for p in table.working:
            fed = Points(SQUARE, features=p.vector)
            again = curie_check(fed, STRETCH, p.irrep.irreps, O3.defining)
            assert again.possible
            assert again.H.name == p.stabiliser
    vector = O3.rep("1x1o")
    about_a_vector = curie_check(np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), vector, vector)
    with pytest.raises(ArgumentError, match="about a vector"):
        order_parameters(about_a_vector, sites=[0])


# several at once ------------------------------------------------------------------------------------------------------


def test_two_that_work_together() -> None:
    """A chiral target with the axes of a rectangle: handedness and axes are missing, and each alone is not enough."""
    rep = O3.rep("1x0o + 1x2e")
    stretch = harmonic_coefficients(lambda r: r[0] ** 2 - r[1] ** 2, 2)
    report = curie_check(SQUARE, np.concatenate([[1.0], stretch]), rep_out=rep)
    assert report.K.name == "D2"
    table = order_parameters(report, rep=rep)
    assert not table.working
    assert {p.irrep.label for p in table.together} == {"0o", "2e"}
    assert "none works alone; together these do" in str(table)
    assert len(table.to_dict()["together"]) == 2
    whole = order_parameters(report, degree=2)  # 2o holds both
    assert [p.irrep.label for p in whole.most_symmetric] == ["2o"]
    assert whole.together == ()


def test_fields_say_how_much_each_site_gets() -> None:
    """Numbers that differ from corner to corner are said on one scale, and images only where there are some."""
    triangle = ring(3)
    lifted = np.array([[0.1, 0, 1], [0, 0, 0.5], [0, 0, 0]])
    fields = order_parameters(curie_check(triangle, lifted - lifted.mean(0), rep_out=O3.rep("1x1o")), 1, sites=[0])
    labels = next(p for p in fields if p.irrep.label == "0o")
    said = [part.split(" at ") for part in labels.polynomial.replace("pseudoscalar", "").replace("−", "-").split(", ")]
    numbers = [float(number) if number.strip(" -") else float(number.strip() + "1") for number, _ in said]
    assert "images" not in labels.polynomial
    assert np.abs(labels.vector[[int(place) for _, place in said], 0] - numbers).max() < 0.01
    sides = order_parameters(curie_check(SQUARE, STRETCH, rep_out=O3.rep("1x1o")), 0, sites=[0])
    assert sides[0].polynomial.endswith("and images")


def test_long_polynomials_are_cut_in_the_table_only() -> None:
    found = order_parameters(curie_check(SQUARE, np.array([1.0, 0.5, 0.25]), rep_out=O3.rep("1x1o")), degree=4)
    longest = max((p.polynomial for p in found), key=len)
    assert len(longest) > 100
    assert longest not in str(found)
    assert max(map(len, str(found).splitlines())) < 130


# noise ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [1e-4, 1e-2])
@pytest.mark.parametrize("shape", ["square", "line"])
def test_noise_in_the_input_and_the_target_changes_no_answer(shape: str, noise: float) -> None:
    """Not even the best answer with the target's symmetry reaches a noisy target: what it leaves is no floor of ours.

    What was found before: only vectors that break everything, for they fit the noise.
    """
    rng = np.random.default_rng(1)
    x = SQUARE if shape == "square" else np.array([[0.0, 0, -1], [0, 0, 0], [0, 0, 1]])
    y = x * [-1.0, 1, 0] if shape == "square" else np.array([[0.0, 0, 1]] * 3)
    exact = order_parameters(curie_check(x, y, rep_out=O3.rep("1x1o")), degree=3)
    x, y = (a + noise * rng.normal(size=a.shape) for a in (x, y))
    report = curie_check(x, y, rep_out=O3.rep("1x1o"), tolerance=6 * noise)
    found = order_parameters(report, degree=3)
    assert not report.possible
    assert 0 < report.noise < 20 * noise**2
    assert [(p.irrep, p.stabiliser) for p in found.most_symmetric] == [(p.irrep, p.stabiliser) for p in exact][
        : len(exact.most_symmetric)
    ]
    assert breaking_inputs(report, found[0]).size == report.answers


def test_a_target_that_is_symmetric_up_to_noise_is_possible() -> None:
    """Its K is all of H, so no input could help."""
    y = SQUARE + 1e-3 * np.random.default_rng(2).normal(size=SQUARE.shape)
    report = curie_check(SQUARE, y, rep_out=O3.rep("1x1o"), tolerance=1e-3)
    assert report.possible
    assert "within the tolerance" in str(report)
    assert not curie_check(SQUARE, y, rep_out=O3.rep("1x1o")).possible


def test_a_generic_vector_does_not_hang_on_rounding() -> None:
    """Two degree-4 polynomials would do for benzene: which of their sums is found is no matter of the points' order."""
    tables = [
        str(order_parameters(curie_check(x, x * [1, 2, 0], rep_out=O3.rep("1x1o"))))
        for x in (ring(6), ring(6)[::-1], ring(6)[[2, 0, 1, 5, 4, 3]])
    ]
    assert tables[0] == tables[1] == tables[2]
