"""The stabiliser of vectors and of clouds: named right, with exact elements, in any pose and in spite of noise."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, IntertwineError, RepMismatchError, ShapeError
from intertwine.symmetry import harmonic_coefficients, stabiliser
from tests.registry import BINARY_T, SU2, close, seeds
from tests.symmetry.clouds import CORNERS, SQUARE, prism
from tests.symmetry.posed import EVERYTHING, TENSORS, check_group, each_name, fixed_vector, off, posed_vector, unit

# vectors of O(3) ------------------------------------------------------------------------------------------------------


@each_name
def test_vectors_of_every_point_group(name: str) -> None:
    """Exact, with 0.3 % and with 1 % of noise."""
    v, g = posed_vector(name, 0)
    found = stabiliser(v, rep=EVERYTHING)
    assert found.name == name
    assert off(found, g) < 1e-12
    assert found.residuals.max() < 1e-12
    check_group(found)
    noise = unit(np.random.default_rng(7), EVERYTHING.dim)
    for size, tolerance in ((3e-3, 2e-2), (1e-2, 5e-2)):
        found = stabiliser(v + size * noise, rep=EVERYTHING, tolerance=tolerance)
        assert found.name == name
        assert off(found, g) < 2 * size
        check_group(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@each_name
def test_more_vectors_of_every_point_group(name: str, seed: int) -> None:
    v, g = posed_vector(name, seed)
    noise = unit(np.random.default_rng(seed), EVERYTHING.dim)
    assert off(stabiliser(v, rep=EVERYTHING), g) < 1e-12
    for size, tolerance in ((3e-3, 2e-2), (1e-2, 5e-2)):
        found = stabiliser(v + size * noise, rep=EVERYTHING, tolerance=tolerance)
        plain = stabiliser(v, rep=EVERYTHING, tolerance=tolerance)  # where v is nearly more symmetric: that group
        assert found.name == plain.name
        assert off(found, plain.elements) < 10 * size if plain.name == name else plain.name == "Dinfh"


@pytest.mark.parametrize(("large", "small"), [("D4h", "D2h"), ("Oh", "D4h"), ("Td", "T"), ("D6h", "C6"), ("O", "D4")])
@given(seed=seeds, size=st.floats(-4, -0.5))
def test_nearly_more_symmetric_vectors(large: str, small: str, seed: int, size: float) -> None:
    """A part that breaks the symmetry at about the tolerance: a group between the two is named, never an error."""
    rng, rep = np.random.default_rng(seed), O3.rep("1x1o + 1x1e + 1x2e + 1x3o + 1x4e + 1x4o")
    whole, part = point_group(large).elements(), point_group(small).elements()
    v, w = fixed_vector(whole, rng), fixed_vector(part, rng, rep)
    found = stabiliser(np.concatenate([v, 10**size * w]), rep=EVERYTHING + rep, tolerance=1e-2)
    assert len(part) <= found.order <= len(whole)
    assert all(np.abs(found.elements - h).max((-1, -2)).min() < 1e-1 for h in part)
    assert all(np.abs(whole - h).max((-1, -2)).min() < 1e-1 for h in found.elements)
    check_group(found)
    if size > -0.7:
        assert found.order == len(part)
    if size < -2.4:
        assert found.order == len(whole)


AXIS = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
LINE = np.outer([-1.0, 1.0], AXIS)
QUADRUPOLE = harmonic_coefficients(lambda r: 3 * (AXIS @ r) ** 2 - 1, 2)


@pytest.mark.parametrize(
    ("rep", "vector", "name"),
    [
        ("1x0e", [2.0], "O(3)"),
        ("1x0o", [2.0], "SO(3)"),
        ("1x1o", AXIS, "Cinfv"),
        ("1x1e", AXIS, "Cinfh"),
        ("1x2e", QUADRUPOLE, "Dinfh"),
        ("1x2o", QUADRUPOLE, "Dinf"),
        ("1x0o + 1x1o", [1.0, *AXIS], "Cinf"),
        ("1x1o + 1x1e", [*AXIS, *AXIS], "Cinf"),
        ("2x1o", np.stack([AXIS, -AXIS], 1).reshape(-1), "Cinfv"),
        ("1x2e + 1x2o", [*QUADRUPOLE, *QUADRUPOLE], "Dinf"),
        ("1x1o + 1x2e", [*AXIS, *QUADRUPOLE], "Cinfv"),
        ("3x1o + 2x2e", np.zeros(19), "O(3)"),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_continuous_stabilisers(rep: str, vector: np.ndarray, name: str, noise: float) -> None:
    rep, vector = O3.rep(rep), np.asarray(vector, dtype=float)
    tolerance = 1e-2 if noise else 1e-6
    vector = vector + noise * np.linalg.norm(vector) * unit(np.random.default_rng(0), rep.dim)
    found = stabiliser(vector, rep=rep, tolerance=tolerance)
    assert found.name == name
    assert found.continuous
    assert found.order == np.inf
    if "inf" in name:
        ((order, axis),) = found.axes
        assert order == np.inf
        assert abs(axis @ AXIS) > 1 - (1e-5 if noise else 1e-12)
    g, weights, _ = found.averaging(rep.degree)
    average = weights @ (rep.evaluate(g) @ vector)
    close(average, vector, 2e-2 if noise else 1e-10)
    assert found.fixed(rep).shape[1] >= (1 if vector.any() else 0)
    json.dumps(found.to_dict())


GENERIC = {
    "0e": "O(3)",
    "0o": "SO(3)",
    "1e": "Cinfh",
    "1o": "Cinfv",
    "2e": "D2h",
    "2o": "D2",
    "3e": "Ci",
    "3o": "C1",
    "4e": "Ci",
    "4o": "C1",
}


@pytest.mark.parametrize(("label", "name"), GENERIC.items())
def test_one_generic_tensor(label: str, name: str) -> None:
    rep = O3.rep(f"1x{label}")
    assert stabiliser(unit(np.random.default_rng(3), rep.dim), rep=rep).name == name


@pytest.mark.parametrize(("label", "names"), TENSORS.items())
def test_the_possible_symmetries_of_one_tensor(label: str, names: str) -> None:
    """The isotropy subgroups of O(3) in an irrep: those H that a generic vector of Fix(H) has; and no others."""
    rep, found = O3.rep(f"1x{label}"), set()
    for H in O3.subgroups(6):
        h, weights = H.group.quadrature(rep.degree)
        projector = np.tensordot(weights, rep.evaluate(H.embed(h)), 1)
        v = projector @ np.random.default_rng(1).normal(size=rep.dim)
        if np.linalg.norm(v) > 1e-9:
            found.add(stabiliser(v, rep=rep).name)
    assert found == set(names.split())


# other groups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "rep", "name"),
    [
        (SO3, "1x0", "SO(3)"),
        (SO3, "1x1", "Cinf"),
        (SO3, "1x2", "D2"),
        (SO3, "2x1", "C1"),
        (SO2, "3x0", "SO(2)"),
        (SO2, "1x1", "C1"),
        (SO2, "1x4 + 1x6", "C2"),
        (SO2, "1x6 + 1x9 + 1x12", "C3"),
        (SO2, "1x3 + 1x5", "C1"),
        (O2, "1x0e", "O(2)"),
        (O2, "1x0o", "SO(2)"),
        (O2, "1x4", "D4"),
        (O2, "1x0o + 1x4", "C4"),
        (O2, "1x4 + 1x6", "C2"),
        (O2, "2x3", "C3"),
        (dihedral(4), "1x1", "C1"),
        (dihedral(4), "1x0o", "C4"),
        (dihedral(4), "1x2e", "D2"),
        (dihedral(4), "1x2o", "D2"),
        (cyclic(6), "1x2", "C2"),
        (point_group("Oh"), "1xT1u", "C1"),
        (point_group("Oh"), "1xEg", "D2h"),
        (point_group("Oh"), "1xA2u", "Td"),
        (point_group("D4h"), "1xB1g", "D2h"),
        (symmetric(4), "1x[4]", "24"),
        (symmetric(4), "1x[1,1,1,1]", "12"),
        (symmetric(4), "1x[3,1]", "1"),
        (symmetric(4), "1x[2,2]", "4"),
        (cyclic(2) * O2, "1x(1,0e)", None),
        (cyclic(3) * cyclic(2), "1x(1,0)", "2"),
    ],
    ids=str,
)
@given(seed=seeds)
def test_generic_vectors_of_other_groups(group: CatalogGroup, rep: str, name: str | None, seed: int) -> None:
    rep = group.rep(rep)
    v = np.random.default_rng(seed).normal(size=rep.dim)
    if name is None:
        with pytest.raises(ArgumentError, match=r"finite groups, .* but got a rep of C2×O\(2\)"):
            stabiliser(v, rep=rep)
        return
    found = stabiliser(v, rep=rep)
    assert found.name.startswith(name)
    assert found.residuals.max() < 1e-12
    if not found.continuous:
        check_group(found)
        left = (
            [g for g in group.elements() if np.abs(rep.evaluate(g[None])[0] @ v - v).max() < 1e-9 * np.abs(v).max()]
            if group.is_finite
            else found.elements
        )
        assert off(found, np.array(left)) < 1e-12


@given(k=st.lists(st.integers(1, 12), min_size=1, max_size=3), seed=seeds, noise=st.sampled_from([0.0, 1e-3]))
def test_mirrors_of_plane_vectors(k: list[int], seed: int, noise: float) -> None:
    """With a mirror line in common the stabiliser is D_n, n the greatest common divisor of the frequencies."""
    rng = np.random.default_rng(seed)
    rep, angle = O2.rep(" + ".join(f"1x{n}" for n in k)), rng.uniform(0, np.pi)
    v = np.concatenate(
        [rng.choice([-1, 1]) * rng.uniform(0.5, 1) * np.array([np.cos(n * angle), np.sin(n * angle)]) for n in k]
    )
    v = v + noise * unit(rng, rep.dim)
    found = stabiliser(v, rep=rep, tolerance=1e-2 if noise else 1e-6)
    n = int(np.gcd.reduce(k))
    assert found.name == f"D{n}"
    c, s = np.cos(2 * angle), np.sin(2 * angle)
    assert np.abs(found.elements - np.array([[c, s], [s, -c]])).max((-1, -2)).min() < (1e-2 if noise else 1e-9)
    check_group(found)
    assert (
        stabiliser(v, rep=O2.rep(str(rep)).restrict(O2.subgroup("SO(2)")), tolerance=1e-2 if noise else 1e-6).name
        == f"C{n}"
    )


@given(seed=seeds)
def test_subsets_of_a_group(seed: int) -> None:
    """In the regular rep any subgroup is the stabiliser of its indicator function, and only of such."""
    rng, G = np.random.default_rng(seed), symmetric(4)
    H = G.subgroups()[rng.integers(len(G.subgroups()))]
    v = G.regular.evaluate(H.embed(H.group.elements())).mean(0) @ rng.normal(size=24)
    found = stabiliser(v, rep=G.regular)
    assert found.order == H.group.order
    assert off(found, H.embed(H.group.elements())) < 1e-12


# what it says and refuses ---------------------------------------------------------------------------------------------


def test_words_and_numbers() -> None:
    found = stabiliser(SQUARE)
    assert str(found).splitlines()[0] == "symmetry D4h in O(3), 16 elements; largest residual 0"
    assert str(found).splitlines()[1].startswith("axes: C4 z, C2 x, ")
    assert repr(found) == "<Stabiliser D4h in O(3), order 16>"
    assert [order for order, _ in found.axes] == [4, 2, 2, 2, 2]
    back = json.loads(json.dumps(found.to_dict()))
    assert back["name"] == "D4h"
    assert np.shape(back["permutations"]) == (16, 4)
    assert "infinitely many elements" in str(stabiliser(LINE))
    assert json.loads(json.dumps(stabiliser(LINE).to_dict()))["order"] is None
    assert stabiliser(SQUARE[:, :2]).axes == []


@pytest.mark.parametrize("rep", ["1x1o", "2x2e + 1x3o", "1x0o + 1x4e"])
def test_the_fixed_space(rep: str) -> None:
    """It is the image of the average over the group, and what is fixed by a larger group is in it."""
    rep = O3.rep(rep)
    for points in (SQUARE, CORNERS, LINE, LINE[:1], prism(3, 0.2)):
        found = stabiliser(points)
        basis = found.fixed(rep)
        close(basis.T @ basis, np.eye(basis.shape[1]))
        g, weights, _ = found.averaging(rep.degree)
        close(np.tensordot(weights, rep.evaluate(g), 1), basis @ basis.T, 1e-10)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros(3)}, ShapeError, r"a vector with its rep, was expected, but got an array of shape \(3,\)"),
        ({"x": np.zeros((2, 2, 3))}, ShapeError, r"shape \(2, 2, 3\)"),
        ({"x": np.zeros((4, 4))}, ShapeError, r"\(N, 3\) with N ≥ 1, but got \(4, 4\)"),
        ({"x": np.zeros((0, 3))}, ShapeError, r"N ≥ 1, but got \(0, 3\)"),
        ({"x": np.zeros(4), "rep": O3.rep("1x1o")}, ShapeError, r"A vector of 1x1o has 3 numbers, but got .* \(4,\)"),
        ({"x": np.full(3, np.nan), "rep": O3.rep("1x1o")}, ArgumentError, "holds NaN or infinite numbers"),
        ({"x": SQUARE, "rep": O3.rep("1x1o")}, ArgumentError, "Tensors and their rep come together"),
        ({"x": SQUARE, "tensors": SQUARE}, ArgumentError, "Tensors and their rep come together"),
        ({"x": SQUARE, "tensors": SQUARE[:2], "rep": O3.rep("1x1o")}, ShapeError, r"have the shape \(4, 3\), but got"),
        ({"x": SQUARE, "labels": [0, 1]}, ShapeError, "There are 4 points, one label for each"),
        ({"x": SQUARE[[0, 0, 1]]}, ArgumentError, "Two points of one kind coincide"),
        ({"x": SQUARE, "group": dihedral(4)}, ShapeError, r"for D4 has the shape \(N, 2\)"),
        ({"x": SQUARE, "tensors": SQUARE, "rep": O3.rep("1x1o"), "group": SO3}, RepMismatchError, "looked for in SO"),
        ({"x": np.ones(3), "rep": point_group("Cinfv").defining}, ArgumentError, "Restrict the rep to one"),
        ({"x": np.ones(SU2.defining.dim), "rep": SU2.defining}, ArgumentError, "but got a rep of SU.2."),
    ],
)  # fmt: skip
def test_mistakes_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    assert issubclass(error, IntertwineError)
    with pytest.raises(error, match=message):
        stabiliser(**arguments)


def test_a_group_of_matrices() -> None:
    """Finite groups need no names of their own."""
    found = stabiliser(np.zeros(BINARY_T.defining.dim), rep=BINARY_T.defining)
    assert found.order == 24
    assert stabiliser(np.eye(BINARY_T.defining.dim)[0], rep=BINARY_T.defining).order == 1


@pytest.mark.parametrize("tolerance", [-1.0, float("nan")])
def test_tolerances_are_not_negative(tolerance: float) -> None:
    with pytest.raises(IntertwineError, match="A tolerance is 0 or a positive number"):
        stabiliser(np.eye(3), tolerance=tolerance)


# among the elements of a subgroup -------------------------------------------------------------------------------------


def test_a_subgroup_to_look_in() -> None:
    """A square on a table has no use for what turns it over, nor a vector for mirrors without reflections."""
    assert stabiliser(SQUARE, group=O3.subgroup("Cinfv")).name == "C4v"
    z, part = np.array([0.0, 0.0, 1.0]), O3.subgroup("SO(3)")
    assert stabiliser(z, rep=O3.rep("1x1o"), group=part).name == "Cinf"


def test_every_common_element_of_a_rod_and_a_turned_cylinder_is_found() -> None:
    """D∞h about one axis and C∞h about another share C2h in every pose: also where two of a grid's dips are merged."""
    rod, part = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), O3.subgroup("Cinfh", axis=(1, 0, 0))
    for seed in (*range(20), 199):
        g = O3.sample(1, seed)[0]
        assert stabiliser(3 * rod @ g.T + 1, group=part.conjugate(g)).name == "C2h"
