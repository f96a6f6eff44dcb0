"""Reps that a user gives by matrices are taken apart, whatever their coordinates."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, decompose, dihedral, matrix_group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError
from intertwine.groups.grids import sphere_grid
from intertwine.reps import Rep
from tests.registry import Q8, SU2, close, evaluate, reps, seeds, some

C3, D3, Oh, Ih = cyclic(3), dihedral(3), point_group("Oh"), point_group("Ih")
FINITE = [
    cyclic(1),
    C3,
    cyclic(8),
    dihedral(4),
    point_group("T"),
    point_group("S4"),
    point_group("C3"),
    point_group("D3h"),
    Oh,
    Ih,
    symmetric(3),
    symmetric(4),
    C3 * cyclic(4),
    Q8,
]
CONTINUOUS = [SO2, O2, SO3, O3, point_group("Cinf"), point_group("Dinfh"), cyclic(2) * O2, cyclic(5) * SO2, SO2 * SO2]


def turned(rep: Rep, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The rep in random orthogonal coordinates."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(rep.dim, rep.dim)))[0]
    return lambda g: Q @ rep.matrix(g) @ Q.T


def check(group: CatalogGroup, matrix: Callable[[np.ndarray], np.ndarray], rep: Rep, Q: np.ndarray) -> None:
    """ρ(g) = Q rep(g) Qᵀ, so `change_basis` gives the rep itself."""
    g = some(group)
    close(Q @ Q.T, np.eye(len(Q)))
    close(Q @ rep.matrix(g) @ Q.T, matrix(g))
    close(rep.change_basis(Q, "mine").matrix(g), matrix(g))


# finite groups --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", FINITE, ids=str)
@given(st.data(), seeds)
def test_matrices_in_any_coordinates(group: CatalogGroup, data: st.DataObject, seed: int) -> None:
    hidden = data.draw(reps(group, degree=3, terms=3).filter(lambda rep: 0 < rep.dim <= 12))
    matrix = turned(hidden, seed)
    rep, Q = decompose(group, matrix(group.elements()))
    assert rep == hidden.irreps
    check(group, matrix, rep, Q)
    assert decompose(group, matrix)[0] == rep


@pytest.mark.parametrize("group", FINITE, ids=str)
def test_the_regular_rep(group: CatalogGroup) -> None:
    table = group.table
    shifts = np.zeros((len(table),) * 3)  # written down from the products, not from group.regular
    for a, b in np.ndindex(table.products.shape):
        shifts[a, table.products[a, b], b] = 1
    rep, _ = decompose(group, shifts)
    assert rep == group.regular.irreps


@pytest.mark.parametrize(
    ("group", "solid", "content"),
    [
        (Ih, "icosahedron", "1xAg + 1xT1u + 1xHg + 1xT2u"),
        (Ih, "dodecahedron", "1xAg + 1xT1u + 1xHg + 1xT2u + 1xGg + 1xGu"),
        (Oh, "cube", "1xA1g + 1xT1u + 1xT2g + 1xA2u"),
        (Oh, "octahedron", "1xA1g + 1xT1u + 1xEg"),
    ],
    ids=str,
)
def test_permuted_vertices(group: CatalogGroup, solid: str, content: str) -> None:
    points, _ = sphere_grid(solid)

    def permutation(g: np.ndarray) -> np.ndarray:
        moved = np.einsum("...ij,qj->...qi", g, points)
        return (np.abs(moved[..., None, :, :] - points[:, None]).max(-1) < 1e-6).astype(float)

    rep, Q = decompose(group, permutation)
    assert rep == group.rep(content).irreps
    check(group, permutation, rep, Q)


@pytest.mark.parametrize("group", [G for G in FINITE if G.order > 1], ids=str)
def test_generators_are_enough(group: CatalogGroup) -> None:
    table, matrix = group.table, turned(group.defining + group.irreps(1)[-1], 5)
    few = table.few_generators(np.arange(len(table)))
    elements = group.elements()
    rep, Q = decompose(group, {number: matrix(elements[number]) for number in few})
    whole, P = decompose(group, matrix(elements))
    assert rep == whole
    close(Q, P)


def test_a_list_of_matrices_and_tensors() -> None:
    turn = np.roll(np.eye(3), 1, axis=0)
    for matrices in ([np.eye(3), turn, turn @ turn], torch.tensor(np.stack([np.eye(3), turn, turn.T])), {2: turn.T}):
        rep, Q = decompose(C3, matrices)
        assert rep == C3.rep("1x0 + 1x1")
        close(Q @ rep.matrix(C3.elements()[1]) @ Q.T, turn)


# continuous groups ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", CONTINUOUS, ids=str)
@given(st.data(), seeds)
def test_functions_in_any_coordinates(group: CatalogGroup, data: st.DataObject, seed: int) -> None:
    hidden = data.draw(reps(group, degree=6, terms=2).filter(lambda rep: 0 < rep.dim <= 16))
    matrix = turned(hidden, seed)
    rep, Q = decompose(group, matrix)
    assert rep == hidden.irreps
    check(group, matrix, rep, Q)


@pytest.mark.parametrize(("text", "seed"), [("1x1 + 2x0", 0), ("1x2 + 1x1", 1), ("1x3", 2)])
def test_functions_on_su2(text: str, seed: int) -> None:
    hidden = SU2.rep(text)
    matrix = turned(hidden, seed)
    rep, Q = decompose(SU2, matrix)
    assert rep == hidden.irreps
    check(SU2, matrix, rep, Q)


@pytest.mark.parametrize("frequency", [1, 4, 50])
def test_high_frequencies_in_few_dimensions(frequency: int) -> None:
    """They go round between the points of a coarse quadrature, and must not be taken for low ones."""
    for group in (SO2, O2, point_group("Cinf")):
        rep = group.rep(f"1x{frequency}")
        assert decompose(group, rep.matrix)[0] == rep


def test_a_group_with_too_many_elements_to_list() -> None:
    rep, Q = decompose(symmetric(9), lambda g: g)
    assert rep == symmetric(9).rep("1x[9] + 1x[8,1]")
    check(symmetric(9), lambda g: g, rep, Q)


def test_a_function_may_give_tensors() -> None:
    assert decompose(O3, lambda g: torch.as_tensor(g))[0] == O3.rep("1x1o")


def test_weights_of_a_torus() -> None:
    """A circle that turns two planes twice and three times as fast: the plane turned once is in their product."""
    circle = matrix_group(lie=[np.kron(np.diag([2, 3]), [[0, -1], [1, 0]])], name="U(1)")

    def once(g: np.ndarray) -> np.ndarray:
        return g[..., 2:, 2:] @ g[..., :2, :2].swapaxes(-1, -2)

    rep, Q = decompose(circle, once)
    assert [irrep.dim for _, irrep in rep.isotypic] == [2]
    check(circle, once, rep, Q)


@pytest.mark.parametrize(("group", "rep"), [(Oh, Oh.rep("2xT1u + 1xEg")), (O3, O3.rep("2x1o + 1x2e"))], ids=str)
def test_the_same_matrices_give_the_same_basis(group: CatalogGroup, rep: Rep) -> None:
    one, other = (decompose(group, turned(rep, 3)) for _ in range(2))
    assert one[0] == other[0]
    assert np.array_equal(one[1], other[1])


# change of basis ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rep", [O3.rep("2x1o + 1x0e"), Oh.regular, SO2.rep("1x1") * SO2.rep("1x2")], ids=str)
def test_a_change_of_basis_conjugates(rep: Rep) -> None:
    """x' = Q x moves by Q ρ(g) Qᵀ; the irreps stay."""
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(rep.dim, rep.dim)))[0]
    changed, g = rep.change_basis(Q, "mine"), some(rep.group)
    close(changed.matrix(g), Q @ rep.matrix(g) @ Q.T)
    assert (changed.irreps, str(changed)) == (rep.irreps, "1xmine")
    assert evaluate(changed) == changed
    close(changed.change_basis(Q.T, "back").matrix(g), rep.matrix(g))


def test_changes_of_basis_are_checked() -> None:
    rep = O3.rep("1x1o")
    with pytest.raises(ArgumentError, match=r"has dimension 3, but got a basis of shape \(2, 2\)"):
        rep.change_basis(np.eye(2), "mine")
    for wrong in (2 * np.eye(3), np.full((3, 3), np.nan)):
        with pytest.raises(ArgumentError, match="is not an orthogonal matrix of that size"):
            rep.change_basis(wrong, "mine")
    assert O3.rep("").change_basis(np.zeros((0, 0)), "nothing") == O3.rep("")


@pytest.mark.parametrize("group", [dihedral(4), O3, symmetric(4), SU2], ids=str)
def test_functions_of_one_element_do(group: CatalogGroup) -> None:
    def function(g: np.ndarray) -> np.ndarray:
        return np.linalg.det(g) * np.kron(g, g)

    rep, Q = decompose(group, function)
    g = some(group)
    close(Q @ rep.matrix(g) @ Q.T, np.stack([function(x) for x in g]))


# mistakes -------------------------------------------------------------------------------------------------------------

I2 = np.eye(2)


@pytest.mark.parametrize(
    ("group", "matrices", "said"),
    [
        (C3, [2 * I2] * 3, r"not orthogonal\. With M the average of ρ\(g\)ᵀ ρ\(g\) over the group"),
        (C3, [np.nan * I2] * 3, "not orthogonal"),
        (C3, [I2, -I2, I2], r"no rep of C3: ρ\(g\) ρ\(h\) and ρ\(g h\) differ by up to 2.0e\+00"),
        (D3, D3.elements()[[0, 2, 1, 3, 4, 5]], "no rep of D3"),  # in another order
        (C3, [I2] * 2, r"C3 has 3 elements, but got 2 matrices\. Pass one matrix for each of group\.elements\(\)"),
        (C3, [I2[:, :1]] * 3, r"\(d, d\) of one size were expected, but got an array of shape \(3, 2, 1\)"),
        (C3, [I2, I2, np.eye(3)], r"\(d, d\) of one size were expected, but"),
        (C3, np.zeros((3, 0, 0)), r"shape \(3, 0, 0\)"),
        (C3, [1.0, 1.0, 1.0], r"shape \(3,\)"),
        (C3, "matrices", "of one size were expected, but got 'matrices'"),
        (C3, [[[1j]], [[1j]], [[1j]]], r"Reps are real, but got complex matrices\. Pass \[\[a, −b\], \[b, a\]\]"),
        (C3, {5: I2}, r"numbered like group\.elements\(\), from 0 to 2, but got \[5\]"),
        (C3, {-1: I2, 1: I2}, r"but got \[-1\]"),
        (C3, {"a": I2}, r"but got \['a'\]"),
        (C3, {}, "but got no numbers"),
        (D3, {1: I2}, r"The 1 matrices determine 3 of the 6 elements of D3\. Give those of more elements"),
        (C3, {1: -I2}, "no rep of C3"),
        (C3, {1: I2, 2: -I2}, "no rep of C3"),
        (C3, {0: -I2, 1: I2}, "no rep of C3"),
        (C3, {1: I2, 2: np.eye(3)}, r"of one size were expected, but got shapes \(2, 2\), \(3, 3\)"),
        (cyclic(1), [[[-1.0]]], "contain irreps of C1 of total dimension 0"),
        (SO2, [I2], r"SO\(2\) is continuous: its matrices are given by a function of the element"),
        ("C3", [I2] * 3, r"got 'C3' for the group\. Call group\(name\) first"),
    ],
)
def test_wrong_matrices_are_explained(group: CatalogGroup, matrices: object, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        decompose(group, matrices)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda g: g.swapaxes(-1, -2), r"no rep of SO\(3\): it takes products of elements to other matrices"),
        (lambda g: 2 * g, "that are not all orthogonal. It takes elements"),
        (lambda g: g[0], r"shape \(3, 3\)"),
        (lambda g: np.linalg.det(g), "of one size were expected"),
        (lambda g: g[..., :2], "of one size were expected"),
        (lambda g: g[:1], r"to matrices of shape \(1, 3, 3\)"),
    ],
)
def test_wrong_functions_are_explained(function: Callable, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        decompose(SO3, function)


def test_a_function_that_jumps_is_no_rep() -> None:
    """Half the angle, as of a spinor, jumps at a full turn."""

    def spinor(g: np.ndarray) -> np.ndarray:
        half = np.arctan2(g[..., 1, 0], g[..., 0, 0]) / 2
        c, s = np.cos(half), np.sin(half)
        return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)

    with pytest.raises(ArgumentError, match="no rep"):
        decompose(SO2, spinor)


TENSORS = {
    (O3, 3): "1x0o + 3x1o + 2x2o + 1x3o",
    (O3, 4): "3x0e + 6x1e + 6x2e + 3x3e + 1x4e",
    (SO3, 3): "1x0 + 3x1 + 2x2 + 1x3",
    (Ih, 3): "1xAu + 3xT1u + 2xHu + 1xT2u + 1xGu",
    (Oh, 4): "4xA1g + 10xT1g + 7xEg + 10xT2g + 3xA2g",
    (point_group("Td"), 4): "4xA1 + 10xT2 + 7xE + 10xT1 + 3xA2",
}


@pytest.mark.parametrize(("group", "rank"), TENSORS, ids=str)
def test_tensors_of_high_rank_by_kron(group: CatalogGroup, rank: int) -> None:
    """`np.kron` takes one element at a time: of a batch it would make the batch to the power of the rank."""
    largest = 0

    def matrix(g: np.ndarray) -> np.ndarray:
        nonlocal largest
        product = np.ones((1, 1))
        for _ in range(rank):
            product = np.kron(product, g)
            largest = max(largest, product.size)
        return product

    rep, Q = decompose(group, matrix)
    assert str(rep) == TENSORS[group, rank]
    assert largest <= (2 * 3**2) ** rank
    g = group.sample(1, 1)[0]
    close(Q @ rep.matrix(g) @ Q.T, matrix(g))


def test_a_function_that_reads_a_batch_otherwise() -> None:
    """Two elements of a group of 2 × 2 matrices, transposed as a whole, look like two matrices, but are others."""
    rep, Q = decompose(O2, lambda g: np.linalg.inv(g).T)
    assert str(rep) == "1x1"
    g = O2.sample(1, 1)[0]
    close(Q @ rep.matrix(g) @ Q.T, g)
