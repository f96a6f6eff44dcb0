"""Powers of reps move products of components; Molien's series counts the invariant polynomials."""

from itertools import combinations
from math import comb, factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, LabelError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.reps import Rep
from intertwine.reps.powers import power_indices, power_matrix
from tests.registry import Q8, SU2, close, evaluate, groups, reps, seeds, some

CONE = O3.subgroup("Cinfv", axis=(1, -2, 0.5))
REPS = [
    O3.rep("1x1o"),
    O3.rep("1x1e + 2x0o"),
    SO3.rep("1x1 + 1x0"),
    SO3.rep("1x2"),
    O2.rep("1x1 + 1x0o"),
    SO2.rep("1x1 + 1x2"),
    O3.rep("1x1o + 1x0o").restrict(CONE),
    point_group("Oh").defining,
    point_group("Ih").rep("1xT2u"),
    point_group("T").rep("1xT + 1xE"),
    point_group("S4").rep("1xE + 1xB"),
    point_group("C3").rep("1xE + 2xA"),
    point_group("D3h").rep("1xE'' + 1xA2'"),
    point_group("Dinfh").defining,
    symmetric(3).defining,
    symmetric(4).defining,
    cyclic(3).regular,
    (cyclic(3) * cyclic(4)).rep("1x(1,1) + 1x(0,1)"),
    (cyclic(2) * O2).rep("1x(1,1) + 1x(0,0o)"),
    Q8.rep("1x1"),
    SU2.rep("1x1"),
]
each_rep = pytest.mark.parametrize("rep", REPS, ids=lambda rep: f"{rep.group}:{rep}".replace(" ", ""))
each_kind = pytest.mark.parametrize("exterior", [False, True], ids=["symmetric", "exterior"])
each_degree = pytest.mark.parametrize("k", [0, 1, 2, 3])


def power(rep: Rep, k: int, exterior: bool) -> Rep:
    return rep.exterior_power(k) if exterior else rep.symmetric_power(k)


def products(v: np.ndarray, k: int) -> np.ndarray:
    """The products of k entries of vectors `(..., n)`, of norm |v|^k."""
    indices = power_indices(v.shape[-1], k, exterior=False)
    sizes = [np.sqrt(factorial(k) / prod(factorial(index.count(i)) for i in set(index))) for index in indices]
    return np.stack([s * np.prod(v[..., list(i)], -1) for s, i in zip(sizes, indices, strict=True)], -1)


# what powers are ------------------------------------------------------------------------------------------------------


@each_rep
@each_degree
def test_a_symmetric_power_moves_products(rep: Rep, k: int) -> None:
    """With φ(v) the products of k components of v: Sᵏ(g) φ(v) = φ(ρ(g) v). Products span, so this fixes Sᵏ."""
    v = np.random.default_rng(0).normal(size=(4, rep.dim))
    for g in some(rep.group):
        close(products(v, k) @ rep.symmetric_power(k).matrix(g).T, products(v @ rep.matrix(g).T, k), 1e-9)
    close((products(v, k) ** 2).sum(-1), (v**2).sum(-1) ** k, 1e-9)


def test_the_products_in_closed_form() -> None:
    x, y = v = np.array([0.3, -1.7])
    close(products(v, 2), np.array([x * x, np.sqrt(2) * x * y, y * y]))
    close(products(v, 3), np.array([x**3, np.sqrt(3) * x * x * y, np.sqrt(3) * x * y * y, y**3]))


@each_rep
@each_degree
def test_an_exterior_power_is_made_of_minors(rep: Rep, k: int) -> None:
    rows = list(combinations(range(rep.dim), k))
    for g in some(rep.group):
        matrix = rep.matrix(g)
        minors = [[np.linalg.det(matrix[np.ix_(i, j)]) for j in rows] for i in rows]
        close(rep.exterior_power(k).matrix(g), np.array(minors).reshape(len(rows), len(rows)))


@each_rep
@each_kind
@each_degree
def test_powers_are_orthogonal_reps(rep: Rep, k: int, exterior: bool) -> None:
    g, raised = some(rep.group), power(rep, k, exterior)
    matrix = raised.matrix(g)
    close(matrix[:, None] @ matrix, raised.matrix(g[:, None] @ g))
    close(matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(raised.dim), matrix.shape))
    assert raised.dim == comb(rep.dim + (not exterior) * (k - 1), k)


@each_rep
def test_characters_of_powers(rep: Rep) -> None:
    """Newton's identities with p_i = χ(gⁱ)."""
    g = some(rep.group)
    p, q, r = rep.character(g), rep.character(g @ g), rep.character(g @ g @ g)
    for exterior, sign in ((False, 1), (True, -1)):
        close(power(rep, 2, exterior).character(g), (p**2 + sign * q) / 2)
        close(power(rep, 3, exterior).character(g), (p**3 + sign * 3 * p * q + 2 * r) / 6)


@given(st.data(), seeds)
def test_random_powers(data: st.DataObject, seed: int) -> None:
    group = data.draw(groups().filter(lambda G: G.order < 50 or G.has_quadrature))
    rep = data.draw(reps(group, degree=2, terms=2).filter(lambda rep: 0 < rep.dim <= 6))
    k, exterior = data.draw(st.integers(0, 3)), data.draw(st.booleans())
    g = some(group, seed)
    close(power(rep, k, exterior).matrix(g), power_matrix(rep.matrix(g), k, exterior=exterior))


@each_rep
def test_squares_split_into_two_powers(rep: Rep) -> None:
    assert (rep.symmetric_power(2) + rep.exterior_power(2)).irreps == (rep * rep).irreps


@each_rep
def test_the_last_exterior_power_is_the_determinant(rep: Rep) -> None:
    g = some(rep.group)
    close(rep.exterior_power(rep.dim).matrix(g)[:, 0, 0], np.linalg.det(rep.matrix(g)))
    assert rep.exterior_power(rep.dim + 1).dim == 0


@each_rep
@each_kind
def test_powers_of_degree_0_and_1(rep: Rep, exterior: bool) -> None:
    (once,) = power(rep, 0, exterior).isotypic
    assert once[0] == 1
    assert once[1].is_trivial
    assert power(rep, 1, exterior) == rep


@pytest.mark.parametrize("k", range(7))
def test_polynomials_of_a_vector_are_harmonics_times_powers_of_the_radius(k: int) -> None:
    expected = range(k % 2, k + 1, 2)
    assert SO3.rep("1x1").symmetric_power(k).irreps == SO3.rep(" + ".join(f"1x{j}" for j in expected))
    parity = "eo"[k % 2]
    assert O3.rep("1x1o").symmetric_power(k).irreps == O3.rep(" + ".join(f"1x{j}{parity}" for j in expected))


@pytest.mark.parametrize(
    ("rep", "subgroup"),
    [
        (O3.rep("1x1o + 1x0o"), CONE),
        (SO3.rep("1x1"), SO3.subgroup("Dinf")),
        (point_group("Oh").defining, point_group("Oh").subgroup("D3d")),
    ],
    ids=str,
)
@each_kind
def test_restriction_commutes_with_powers(rep: Rep, subgroup: Subgroup, exterior: bool) -> None:
    h = some(subgroup.group)
    for k in (2, 3):
        one, other = power(rep, k, exterior).restrict(subgroup), power(rep.restrict(subgroup), k, exterior)
        assert one.irreps == other.irreps
        close(one.matrix(h), other.matrix(h))


@each_rep
@each_kind
def test_powers_print_so_that_they_read_back(rep: Rep, exterior: bool) -> None:
    assert evaluate(power(rep, 2, exterior)) == power(rep, 2, exterior)


def test_how_powers_print() -> None:
    assert str(O3.rep("1x1o").symmetric_power(2)) == "1xS2(1x1o)"
    assert repr(O3.rep("2x1o").exterior_power(2)) == "(tw.O3.rep('2x1o')).exterior_power(2)"


@pytest.mark.parametrize("group", [O3, SU2, cyclic(4)], ids=str)
def test_powers_of_the_rep_of_dimension_0(group: CatalogGroup) -> None:
    empty = group.rep("")
    for k, size in ((0, 1), (1, 0), (3, 0)):
        assert empty.symmetric_power(k).dim == empty.exterior_power(k).dim == size
    assert empty.symmetric_power(0).is_trivial
    assert empty.molien(3) == (1, 0, 0, 0)


@each_rep
def test_the_dual_is_the_rep_itself(rep: Rep) -> None:
    g = some(rep.group)
    close(rep.dual.matrix(g), np.linalg.inv(rep.matrix(g)).swapaxes(-1, -2))


# Molien ---------------------------------------------------------------------------------------------------------------


def series(degrees: list[int], top: int, numerator: tuple[int, ...] = (0,)) -> tuple[int, ...]:
    """The coefficients up to a degree of `Σ t^n / Π (1 − t^d)`: polynomials in generators of the degrees d."""
    out = np.zeros(top + 1, int)
    for n in numerator:
        out[n : n + 1] += 1
    for d in degrees:
        for k in range(d, top + 1):
            out[k] += out[k - d]
    return tuple(out.tolist())


INVARIANTS = [
    (point_group("Oh").defining, [2, 4, 6], (0,)),
    (point_group("Ih").defining, [2, 6, 10], (0,)),
    (point_group("Td").defining, [2, 3, 4], (0,)),
    (point_group("O").defining, [2, 4, 6], (0, 9)),  # rotations add the product of the mirrors' normals
    (point_group("I").defining, [2, 6, 10], (0, 15)),
    (point_group("T").defining, [2, 3, 4], (0, 6)),
    (point_group("Ci").defining, [2, 2, 2], (0, 2, 2, 2)),
    *((dihedral(n).defining, [2, n], (0,)) for n in (1, 2, 3, 4, 7)),
    *((cyclic(n).defining, [2, n], (0, n)) for n in (3, 4, 7)),
    *((symmetric(n).defining, [*range(1, n + 1)], (0,)) for n in (1, 2, 3, 4, 5)),  # partitions into parts up to n
    *((O3.rep(f"{n}x1o"), [2] * comb(n + 1, 2), (0,)) for n in (1, 2, 3)),  # dot products: Weyl 1939
    *((SO3.rep(f"{n}x1"), [2] * comb(n + 1, 2), (0, 3) if n == 3 else (0,)) for n in (1, 2, 3)),  # the triple product
    (O2.rep("2x1"), [2, 2, 2], (0,)),
    (SO2.rep("2x1"), [2, 2, 2], (0, 2)),  # the area
    (Q8.rep("1x1"), [2], (0,)),
    (SU2.rep("1x1"), [2], (0,)),
]


@pytest.mark.parametrize(
    ("rep", "degrees", "numerator"), INVARIANTS, ids=lambda x: f"{x.group}:{x}" if isinstance(x, Rep) else ""
)
def test_known_rings_of_invariants(rep: Rep, degrees: list[int], numerator: tuple[int, ...]) -> None:
    top = {Q8: 3, SU2: 4}.get(rep.group, 7 if rep.dim == 9 else 16)
    assert rep.molien(top) == series(degrees, top, numerator)


def test_four_vectors_have_a_relation() -> None:
    """The determinant of the 4 × 4 dot products vanishes: one relation of degree 8 (second fundamental theorem)."""
    free = series([2] * 10, 8)
    assert O3.rep("4x1o").molien(8) == (*free[:8], free[8] - 1)


@each_rep
def test_molien_counts_what_powers_contain(rep: Rep) -> None:
    top = 3
    for irrep in rep.group.irreps(1):
        found = tuple(rep.symmetric_power(k).count(irrep) for k in range(top + 1))
        assert rep.molien(top, irrep) == rep.molien(top, irrep.label) == found
    assert rep.molien(top) == rep.molien(top, rep.group.irreps(0)[0])


def test_known_covariants() -> None:
    assert point_group("Oh").defining.molien(9, "T1u") == series([2, 4, 6], 9, (1, 3, 5))  # gradients of the generators
    assert O2.rep("1x1").molien(9, "3") == series([2], 9, (3,))
    assert SO2.rep("1x1").molien(4, "1") == (0, 1, 0, 1, 0)  # once, of complex type: two independent maps


def test_mistakes_are_explained() -> None:
    rep = O3.rep("1x1o")
    for k in (-1, 1.0, "2", True, None):
        with pytest.raises(ArgumentError, match=f"The power of a rep is an integer from 0 on, but got k = {k!r}"):
            rep.symmetric_power(k)
        with pytest.raises(ArgumentError, match=f"k = {k!r}"):
            rep.exterior_power(k)
        with pytest.raises(
            ArgumentError, match=f"largest degree of polynomials is an integer from 0 on, but got {k!r}"
        ):
            rep.molien(k)
    with pytest.raises(LabelError, match="has no irrep '1'"):
        rep.molien(2, "1")
    with pytest.raises(RepMismatchError, match=r"belongs to SO\(3\)"):
        rep.molien(2, SO3.irrep("1"))
