"""Which element a transformation is, what escnn's ids mean, and what a polynomial's coefficients are called."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.recognise import recognise
from intertwine.errors import ArgumentError, LabelError, ShapeError
from intertwine.groups.rotations import axis_rotation
from intertwine.symmetry import convert_escnn_id, harmonic_coefficients, identify_action, polynomial_text
from intertwine.symmetry.words.escnn import escnn_id
from intertwine.symmetry.words.identify import element_name
from tests.registry import close, seeds

GROUPS = [O3, SO3, O2, SO2, dihedral(6), cyclic(5), *map(point_group, ("Oh", "D3h", "I", "S8"))]

# elements -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS, ids=str)
@given(seed=seeds)
def test_elements_are_found_again(group: CatalogGroup, seed: int) -> None:
    """From their matrices on harmonics, and from functions that apply them."""
    rep, g = group.harmonics(4), group.sample(1, seed)[0]
    for transformation in (rep.matrix(g), lambda x: x @ rep.matrix(g).T):
        found = identify_action(transformation, rep)
        close(found.element, g, 1e-9)
        assert found.error < 1e-9
        assert found.faithful
        assert found.determinant == round(np.linalg.det(g))
        assert found.name == element_name(found.element)
        assert str(found).startswith(f"your map is {found.name}: (x, y")
        json.dumps(found.to_dict())


def test_the_founding_question() -> None:
    """ "What is the actual flip axis?" Negating the coefficients with m < 0, in the z-polar basis, is y → −y."""
    rep, flip = O3.harmonics(4), np.diag([1.0, -1.0, 1.0])
    found = identify_action(rep.matrix(flip), rep)
    assert found.name == "the mirror y → −y"
    assert found.determinant == -1
    assert found.error < 1e-14
    assert found.inside == ("Cinfv (cone)", "Dinfh", "O(3)")
    assert "Dinf (half-turns)" in found.outside
    assert "SO(3)" in found.outside
    assert "your map is the mirror y → −y: (x, y, z) → (x, −y, z), det −1" in str(found)
    assert "it is not in  Cinf, Cinfh, Dinf (half-turns), SO(3)" in str(found)
    turn = np.diag([1.0, -1.0, -1.0])
    other = identify_action(rep.matrix(turn), rep)
    assert other.name == "the half-turn about x"
    assert "Dinf (half-turns)" in other.inside
    differ = np.abs(rep.matrix(turn) - rep.matrix(flip)).max(1) > 1e-9
    assert differ.sum() == 10  # the coefficients with l + m odd


def test_negated_coefficients_are_that_mirror() -> None:
    """The polynomials of real spherical harmonics with m < 0 are those that are odd in y."""
    rep = O3.harmonics(4)
    names = [lambda r: r[0] * r[1], lambda r: r[1] * r[2], lambda r: r[0] ** 2 - r[1] ** 2, lambda r: r[0] * r[2]]
    matrix = rep.matrix(np.diag([1.0, -1.0, 1.0]))[rep.slices[2], rep.slices[2]]
    for name, sign in zip(names, (-1, -1, 1, 1), strict=True):
        v = harmonic_coefficients(name, 2)
        close(matrix @ v, sign * v, 1e-12)


@pytest.mark.parametrize(
    ("g", "name"),
    [
        (np.eye(3), "the identity"),
        (-np.eye(3), "the inversion"),
        (np.diag([-1.0, -1, 1]), "the half-turn about z"),
        (np.diag([1.0, 1, -1]), "the mirror z → −z"),
        (axis_rotation(2, np.pi / 2), "the rotation by 90° about z"),
        (axis_rotation(0, 0.25 * np.pi), "the rotation by 45° about x"),
        (axis_rotation(2, np.pi / 2) @ np.diag([1, 1, -1]), "the rotation by 90° about z followed by the reflection"),
        (axis_rotation(2, 1.0) @ np.diag([1, 1, -1]), "the rotation by 57.3° about z followed by the reflection"),
        (np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), "the rotation by 120° about (0.5774, 0.5774, 0.5774)"),
        (np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 1]]), "the mirror perpendicular to (0.7071, −0.7071, 0)"),
        (np.eye(2), "the identity"),
        (-np.eye(2), "the rotation by 180°"),
        (np.diag([1.0, -1]), "the mirror y → −y"),
        (np.diag([-1.0, 1]), "the mirror x → −x"),
        (np.array([[0, 1.0], [1, 0]]), "the mirror that keeps the line at 45°"),
        (np.array([[0, -1.0], [1, 0]]), "the rotation by 90°"),
        (np.eye(4)[[1, 2, 0, 3]], "the permutation (1 3 2)"),
        (np.eye(4)[[1, 0, 3, 2]], "the permutation (1 2)(3 4)"),
    ],
)
def test_names_of_elements(g: np.ndarray, name: str) -> None:
    assert element_name(g).startswith(name)


@given(seeds)
def test_names_say_what_the_element_is(seed: int) -> None:
    """The element can be rebuilt from the name: angle, axis, and whether it reflects."""
    g = O3.sample(1, seed)[0]
    name = element_name(g)
    degrees, axis = name.removeprefix("the rotation by ").split("° about ")
    assert 0 < float(degrees) <= 180
    direction = np.array([float(x) for x in axis[1 : axis.index(")")].replace("−", "-").split(",")])
    q = direction / np.linalg.norm(direction)
    k = np.cross(np.eye(3), q)
    angle = np.radians(float(degrees))
    rotation = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    improper = "followed by the reflection" in axis
    close(rotation @ (np.eye(3) - 2 * np.outer(q, q)) if improper else rotation, g, 2e-3)
    assert improper == (np.linalg.det(g) < 0)


def test_permutations() -> None:
    rep = symmetric(4).rep("1x[3,1]")
    for g in symmetric(4).elements()[1:]:
        found = identify_action(rep.matrix(g), rep)
        np.testing.assert_array_equal(found.element, g)
        assert str(found).startswith("your map is the permutation (")


def test_what_is_no_element() -> None:
    """A large error, and words that say so."""
    rep = O3.harmonics(3)
    for matrix in (2 * np.eye(16), np.random.default_rng(0).normal(size=(16, 16)), np.diag([1.0] * 15 + [-1])):
        found = identify_action(matrix, rep)
        assert found.error > 0.1
        assert str(found).startswith("your map is no element of O(3): the closest one, the ")
    g = O3.sample(1, 0)[0]
    near = identify_action(rep.matrix(g) + 1e-4 * np.random.default_rng(0).normal(size=(16, 16)), rep)
    assert 1e-5 < near.error < 1e-3
    close(near.element, g, 1e-3)
    assert str(near).startswith("your map is the rotation")


def test_what_features_cannot_tell() -> None:
    """Even degrees cannot tell an element from its negative, scalars nothing from nothing."""
    rep = O3.rep("1x2e")
    found = identify_action(rep.matrix(-axis_rotation(2, 0.3)), rep)
    assert not found.faithful
    assert "other elements act on these features in the same way" in str(found)
    assert not identify_action(np.eye(1), O3.rep("1x0e")).faithful
    assert not identify_action(np.eye(2), dihedral(6).rep("1x2")).faithful


@pytest.mark.parametrize(
    ("transformation", "error", "message"),
    [
        (np.eye(4), ShapeError, r"A transformation of 1x1o is a matrix of shape \(3, 3\), but got \(4, 4\)"),
        (lambda x: x[..., :2], ShapeError, r"should return as many, but gave \(5, 2\)"),
        (lambda x: x**2, ArgumentError, "The function is not linear in the features"),
        (lambda x: x + 1, ArgumentError, "not linear"),
        (np.full((3, 3), np.nan), ArgumentError, "NaN or infinite"),
    ],
)
def test_mistakes_are_named(transformation: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        identify_action(transformation, O3.rep("1x1o"))


# escnn's ids ----------------------------------------------------------------------------------------------------------


def table(n: int) -> list[tuple[tuple, str]]:
    """Section by section: what escnn's ids of O(3) are called by Schoenflies."""
    odd = n % 2 == 1
    return [
        ((False, False, n), f"C{n}"),
        ((False, True, n), f"D{n}" if n > 1 else "D1"),
        (("cone", n), f"C{n}v" if n > 1 else "Cs"),
        ((True, False, n), ("Ci" if n == 1 else f"S{2 * n}") if odd else f"C{n}h"),
        ((True, True, n), ("C2h" if n == 1 else f"D{n}d") if odd else f"D{n}h"),
    ]


@pytest.mark.parametrize("n", range(1, 9))
def test_discrete_ids(n: int) -> None:
    for identifier, name in table(n):
        found = convert_escnn_id(identifier)
        assert found == convert_escnn_id(str(identifier))
        elements = found.embed(found.group.elements())
        assert recognise(elements)[0] == {"D1": "C2"}.get(name, name)
        contains = {tuple(np.round(g, 6).ravel() + 0.0) for g in elements}
        assert (tuple(-np.eye(3).ravel() + 0.0) in contains) == (identifier[0] is True)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ((False, False, -1), "Cinf"),
        ((False, True, -1), "Dinf"),
        (("cone", -1), "Cinfv"),
        ((True, False, -1), "Cinfh"),
        ((True, True, -1), "Dinfh"),
        ((False, "octa"), "O"),
        ((True, "octa"), "Oh"),
        ((False, "ico"), "I"),
        ((True, "ico"), "Ih"),
        ((False, "tetra"), "T"),
        ((True, "tetra"), "Th"),
        ("fulltetra", "Td"),
        (("fulltetra",), "Td"),
        ("so3", "SO(3)"),
        ("o3", "O(3)"),
    ],
    ids=str,
)
def test_other_ids(identifier: object, name: str) -> None:
    assert convert_escnn_id(identifier).name == name
    assert convert_escnn_id(str(identifier)).name == name


def test_names_and_ids_are_inverse() -> None:
    """Every subgroup that has an id is found again from it; those without are the ones the field lacks."""
    missing = set()
    for parent in (O3, SO3):
        for H in parent.subgroups(8):
            if (identifier := escnn_id(H.name, parent.name)) is None:
                missing.add(H.name)
                continue
            found = convert_escnn_id(identifier, parent)
            if H.group.is_finite:
                assert recognise(found.embed(found.group.elements()))[0] == H.name
                a, b = found.embed(found.group.elements()), H.embed(H.group.elements())
                b = np.eye(3)[[0, 2, 1]] @ b @ np.eye(3)[[0, 2, 1]] if H.name == "Cs" else b  # escnn's mirror is y → −y
                assert np.abs(a[:, None] - b).max((-1, -2)).min(1).max() < 1e-9
            else:
                assert found.name == H.name
    assert {"C3h", "D3h", "D2d", "D4d", "S4", "S8"} <= missing
    assert not missing & {"C4h", "D4h", "D3d", "S6", "Ci", "Cs", "C3v", "Td", "Oh", "Ih", "Cinfv", "Dinf"}


@given(angle=st.floats(0, 3.1), n=st.integers(1, 6))
def test_angles_of_ids_are_twice_the_axis(angle: float, n: int) -> None:
    """(False, t, n) and (True, t, n) turn about the axis at t/2; ('cone', t, n) reflects in the mirror at −t/2."""
    c, s = np.cos(angle), np.sin(angle)
    turn, mirror = np.array([[[c, s, 0], [s, -c, 0], [0, 0, z]] for z in (-1, 1)])
    assert convert_escnn_id((False, angle, n)).contains(turn, 1e-9)
    assert convert_escnn_id((True, angle, n)).contains(np.stack([turn, -np.eye(3)]), 1e-9).all()
    assert convert_escnn_id(("cone", angle, n)).contains(mirror * [[1, -1, 1], [-1, 1, 1], [1, 1, 1]], 1e-9)


def test_a_cone_of_escnn() -> None:
    """The flip of ('cone', 0.6, 1) as escnn 1.0.11 and 1.0.13 compute it."""
    flip = [[0.825335615, -0.564642473, 0], [-0.564642473, -0.825335615, 0], [0, 0, 1]]
    assert convert_escnn_id(("cone", 0.6, 1)).contains(np.array(flip), 1e-8)


def test_ids_of_rotations() -> None:
    """SO(3) leaves out the first entry."""
    assert convert_escnn_id((True, 4), SO3).name == "D4"
    assert convert_escnn_id((False, 4), SO3).name == "C4"
    assert convert_escnn_id((True, -1), SO3).name == "Dinf"
    assert convert_escnn_id("octa", SO3).name == "O"
    assert convert_escnn_id("ico", SO3).name == "I"


@pytest.mark.parametrize(
    "identifier",
    [
        *((), (1, 2, 3, 4), ("cone",), (False, True, 0), (False, True, 2.5), "cube", None),
        *(("cone", "x", 3), ("cone", None, 3), (True, None, 3), (True, float("nan"), 3), (False, float("inf"), 2)),
    ],
)
def test_what_is_no_id(identifier: object) -> None:
    with pytest.raises(LabelError, match=r"is no id of a subgroup of O\(3\) in escnn"):
        convert_escnn_id(identifier)


def test_ids_with_numbers_of_numpy() -> None:
    assert convert_escnn_id((np.False_, True, np.int64(3))) == convert_escnn_id((False, True, 3))
    assert convert_escnn_id(("cone", np.float64(0.6), np.int32(2))) == convert_escnn_id(("cone", 0.6, 2))


def test_ids_of_other_parents() -> None:
    with pytest.raises(LabelError, match=r"is no id of a subgroup of O\(2\)"):
        convert_escnn_id((False, 4), O2)


# polynomials ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "degree", "text"),
    [
        (lambda r: 0 * r[0] + 1, 0, "1"),
        (lambda r: r[0], 1, "x"),
        (lambda r: -r[1], 1, "−y"),
        (lambda r: r[0] + r[1] + r[2], 1, "x + y + z"),
        (lambda r: r[0] ** 2 - r[1] ** 2, 2, "x² − y²"),
        (lambda r: 2 * r[2] ** 2 - r[0] ** 2 - r[1] ** 2, 2, "−x² − y² + 2z²"),
        (lambda r: r[0] * r[1] + r[1] * r[2] + r[2] * r[0], 2, "xy + xz + yz"),
        (lambda r: r[0] * r[1] * r[2], 3, "xyz"),
        (lambda r: r[0] ** 3 - 3 * r[0] * r[1] ** 2, 3, "x³ − 3xy²"),
        (lambda r: r[2] * (5 * r[2] ** 2 - 3), 3, "−3x²z − 3y²z + 2z³"),
        (lambda r: (r[0] ** 2 - r[1] ** 2) * (7 * r[2] ** 2 - 1), 4, "−x⁴ + 6x²z² + y⁴ − 6y²z²"),
        (lambda r: 35 * r[2] ** 4 - 30 * r[2] ** 2 + 3, 4, "3x⁴ + 6x²y² − 24x²z² + 3y⁴ − 24y²z² + 8z⁴"),
        (lambda r: r[0] * r[1] * r[2] * (1 - 3 * r[2] ** 2), 5, "x³yz + xy³z − 2xyz³"),
        (lambda r: ((r[0] + 1j * r[1]) ** 6).real, 6, "x⁶ − 15x⁴y² + 15x²y⁴ − y⁶"),
        (lambda r: ((r[0] + 1j * r[1]) ** 10).imag, 10, "5x⁹y − 60x⁷y³ + 126x⁵y⁵ − 60x³y⁷ + 5xy⁹"),
    ],
)
def test_polynomials(function: object, degree: int, text: str) -> None:
    assert polynomial_text(harmonic_coefficients(function, degree)) == text


@pytest.mark.parametrize("degree", range(7))
def test_polynomials_are_the_inverse_of_coefficients(degree: int) -> None:
    """Each harmonic is rebuilt from its text, up to its length; in space and in the plane."""
    letters = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
    for dim in (2, 3):
        size = 2 * degree + 1 if dim == 3 else min(degree, 1) + 1
        for v in np.eye(size):
            text = polynomial_text(v, dim, degree)
            code = "".join(f"**{letters[c]}" if c in letters else f"*{c}" if c in "xyz" else c for c in text)
            code = code.replace("−", "-").replace("+ *", "+ ").replace("- *", "- ").removeprefix("*").replace("-*", "-")

            def function(r: np.ndarray, code: str = code) -> np.ndarray:
                return eval(code, {}, dict(zip("xyz", r, strict=False))) + 0 * r[0]

            close(harmonic_coefficients(function, degree, dim), v, 1e-9)


def test_polynomials_in_the_plane() -> None:
    for degree, texts in {1: ("x", "y"), 2: ("x² − y²", "xy"), 3: ("x³ − 3xy²", "3x²y − y³")}.items():
        assert tuple(polynomial_text(v, 2, degree) for v in np.eye(2)) == texts
    assert polynomial_text(np.eye(2)[0], 2) == "x"
    assert polynomial_text(np.ones(1), 2) == "1"


def test_odd_coefficients() -> None:
    assert polynomial_text(np.zeros(5)) == "0"
    assert polynomial_text(np.array([1.0, 0.3333, 0.123])) == "x + 0.333y + 0.123z"
    for bad in (np.ones(4), np.ones((3, 3)), np.ones(0)):
        with pytest.raises(ShapeError, match=r"Pass one degree at a time\."):
            polynomial_text(bad)
    with pytest.raises(ShapeError, match="for degree 3"):
        polynomial_text(np.ones(3), 3, 3)


def test_noise_in_directions_is_not_said() -> None:
    """Coordinates from files have seven digits."""
    normal = np.array([0.5, -(0.75**0.5), -6e-8])
    assert element_name(np.eye(3) - 2 * np.outer(normal, normal)) in (
        "the mirror perpendicular to (0.5, −0.866, 0)",
        "the mirror perpendicular to (−0.5, 0.866, 0)",
    )


def test_the_closest_element_is_told_from_the_map() -> None:
    said = str(identify_action(2 * np.eye(3), O3.rep("1x1o")))
    assert "your map is no element of O(3)" in said
    assert "that one is in" in said
