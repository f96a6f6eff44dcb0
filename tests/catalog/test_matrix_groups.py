"""Groups given by matrices: irreps that nobody has put in, against tables; and what is no such group."""

import numpy as np
import pytest

from intertwine.catalog import O2, O3, SO3, cyclic, matrix_group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ElementError, LabelError
from intertwine.groups.rotations import axis_rotation
from intertwine.reps import clebsch_gordan, intertwiners
from tests.registry import BINARY_T, O2_BY_MATRICES, PAULI, Q8, SU2, close

GOLDEN = (1 + np.sqrt(5)) / 2
BINARY_I = matrix_group(
    discrete=[(np.eye(2) + PAULI.sum(0)) / 2, (GOLDEN * np.eye(2) + PAULI[0] / GOLDEN + PAULI[1]) / 2], name="2I"
)
SIGNED = matrix_group(
    discrete=[np.eye(4)[[1, 2, 3, 0]], np.eye(4)[[1, 0, 2, 3]], np.diag([-1, 1, 1, 1])], name="symmetries of a 4-cube"
)


@pytest.mark.parametrize(
    ("group", "order", "irreps"),
    [
        (Q8, 8, "1R 4H 1R 1R 1R"),
        (BINARY_T, 24, "1R 4H 2C 3R 4C"),  # complex: 1, 2, 1' 1'', 3, 2' 2''
        (BINARY_I, 120, "1R 4H 3R 8H 5R 12H 3R 4R 4H"),  # complex: 1 2 3 4 5 6 3' 4' 2', as in E8's diagram
        (point_group("Oh"), 48, "1R 1R 3R 3R 2R 2R 3R 3R 1R 1R"),
    ],
    ids=str,
)
def test_dimensions_and_types(group: CatalogGroup, order: int, irreps: str) -> None:
    found = group.irreps(99)
    assert group.order == order == sum(irrep.dim**2 // len(irrep.endomorphisms) for irrep in found)
    assert sorted(f"{irrep.dim}{irrep.type}" for irrep in found) == sorted(irreps.split())


def heisenberg(p: int) -> CatalogGroup:
    """The group of order p³ of shifts of p things, p-th roots of unity on them, and phases."""
    shift, clock = np.roll(np.eye(p), 1, 0), np.diag(np.exp(2j * np.pi * np.arange(p) / p))
    return matrix_group(discrete=[shift, clock], name=f"Heis({p})")


@pytest.mark.parametrize("p", [3, 5, pytest.param(7, marks=pytest.mark.slow)])
def test_irreps_that_differ_on_few_elements(p: int) -> None:
    """(p − 1)/2 pairs of conjugate irreps of dimension p have characters that vanish off the centre."""
    found = sorted(irrep.dim for irrep in heisenberg(p).irreps(p**3))
    assert found == [1] + [2] * ((p * p - 1) // 2) + [2 * p] * ((p - 1) // 2)


def test_the_hyperoctahedral_group() -> None:
    """2⁴ · 4! elements and 20 irreps, one for each pair of partitions of together 4; all are real."""
    dims = sorted(irrep.dim for irrep in SIGNED.irreps(99))
    assert (SIGNED.order, len(dims)) == (384, 20)
    assert dims == sorted([1] * 4 + [2] * 2 + [3] * 4 + [4] * 4 + [6] * 4 + [8] * 2)


def test_the_symmetries_of_the_24_cell() -> None:
    """W(F4): 1152 elements, 25 irreps, all real (Kondo 1965)."""
    roots = np.array([[0, 1, -1, 0], [0, 0, 1, -1], [0, 0, 0, 1], [1, -1, -1, -1]], dtype=float)
    group = matrix_group(discrete=[np.eye(4) - 2 * np.outer(v, v) / (v @ v) for v in roots])
    dims = sorted(irrep.dim for irrep in group.irreps(99))
    assert group.order == 1152 == sum(dim**2 for dim in dims)
    assert dims == sorted([1] * 4 + [2] * 4 + [4] * 5 + [6] * 2 + [8] * 4 + [9] * 4 + [12, 16])


def test_su2_has_all_spins() -> None:
    """Whole spins are the irreps of SO(3); half spins are of quaternionic type. Products follow the triangle rule."""
    irreps = SU2.irreps(6)
    assert [irrep.dim for irrep in irreps] == [1, 4, 3, 8, 5, 12, 7]
    assert "".join(irrep.type for irrep in irreps) == "RHRHRHR"
    half, one = SU2.irrep("1"), SU2.irrep("2")
    assert [len(clebsch_gordan(half, half, SU2.irrep(label))) for label in "0123"] == [4, 0, 4, 0]
    assert [len(clebsch_gordan(one, one, SU2.irrep(label))) for label in "012345"] == [1, 0, 1, 0, 1, 0]
    g = SU2.sample(3, 0)
    rotations = one.matrix(g)
    assert SO3.contains(rotations).all()
    close(one.matrix(-g), rotations)  # two to one
    close(half.matrix(-g), -half.matrix(g))


def test_o2_by_matrices_is_o2() -> None:
    """Another way to the same irreps: equivalent ones, with a change of basis that intertwines."""
    g = O2.sample(20, 3)
    assert O2_BY_MATRICES.contains(g).all()
    assert [i.dim for i in O2_BY_MATRICES.irreps(3)] == [1, 2, 1, 2, 2]
    ours = O2.rep("1x0e + 1x1 + 1x0o + 1x2 + 1x3").character(g)
    close(O2_BY_MATRICES.rep("1x0 + 1x1 + 1x2a + 1x2b + 1x3").character(g), ours)
    assert len(O2_BY_MATRICES.sample(400, 0)) == 400
    assert 100 < (np.linalg.det(O2_BY_MATRICES.sample(400, 0)) < 0).sum() < 300


@pytest.mark.slow
def test_su3() -> None:
    """The octet is in 3 × 3̄; as real irreps 3 + 3̄ is 6, 6 + 6̄ is 12, of complex type."""
    gell_mann = np.zeros((8, 3, 3), dtype=complex)
    for k, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        gell_mann[2 * k, [i, j], [j, i]] = 1
        gell_mann[2 * k + 1, [i, j], [j, i]] = -1j, 1j
    gell_mann[6], gell_mann[7] = np.diag([1, -1, 0]), np.diag([1, 1, -2]) / np.sqrt(3)
    su3 = matrix_group(lie=1j * gell_mann, name="SU(3)")
    assert len(su3.lie_generators) == 8
    assert sorted(f"{i.dim}{i.type}" for i in su3.irreps(2)) == ["12C", "1R", "6C", "8R"]
    vector = su3.irrep("1")
    assert sum(len(clebsch_gordan(vector, vector, c)) * c.dim // len(c.endomorphisms) for c in su3.irreps(2)) == 36
    g = su3.sample(4, 0)
    for irrep in su3.irreps(2):
        close(irrep.matrix(g[:, None] @ g), irrep.matrix(g)[:, None] @ irrep.matrix(g), 1e-9)


def test_the_lie_algebra_is_completed() -> None:
    """Two rotations generate the third; a discrete element moves one generator to another."""
    basis = O3.lie_generators
    assert len(matrix_group(lie=basis[:2]).lie_generators) == 3
    cycle = np.eye(3)[[1, 2, 0]]
    assert len(matrix_group(lie=basis[:1], discrete=[cycle]).lie_generators) == 3
    assert len(matrix_group(lie=basis[2:]).lie_generators) == 1
    components = matrix_group(lie=basis, discrete=[-np.eye(3)])
    assert (np.linalg.det(components.sample(40, 0)) < 0).any()


def test_a_torus_in_skew_coordinates() -> None:
    """Generators that commute up to rounding make no more: the irreps are pairs of frequencies."""
    skew = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    first, second = np.zeros((2, 4, 4))
    first[[0, 1], [1, 0]], second[[2, 3], [3, 2]] = (-1, 1), (-1, 1)
    torus = matrix_group(lie=[skew @ x @ skew.T for x in (first, second)])
    assert len(torus.lie_generators) == 2
    assert [f"{i.dim}{i.type}" for i in torus.irreps(2)] == ["1R"] + 6 * ["2C"]  # 10 01, 20 11 1−1 02


def test_mirrors_in_five_dimensions() -> None:
    """The determinant, an invariant of rank 5, tells O(5) from SO(5)."""
    basis = [np.eye(5)[[i]].T @ np.eye(5)[[j]] - np.eye(5)[[j]].T @ np.eye(5)[[i]] for i in range(5) for j in range(i)]
    mirror = np.diag([-1.0, 1, 1, 1, 1])
    proper, whole = matrix_group(lie=basis), matrix_group(lie=basis, discrete=[mirror])
    assert len(proper.lie_generators) == 10
    assert not proper.contains(mirror)
    assert whole.contains(mirror)
    assert 30 < (np.linalg.det(whole.sample(100, 0)) < 0).sum() < 70


def test_single_elements_of_infinite_order_are_closed_up() -> None:
    """Beside a Lie algebra they may turn by any angle: what they generate is dense in a compact group."""
    turn = np.eye(4)
    turn[:2, :2] = axis_rotation(2, 1.0)[:2, :2]
    lie = np.zeros((4, 4))
    lie[[2, 3], [3, 2]] = -1, 1
    assert [f"{i.dim}{i.type}" for i in matrix_group(lie=[lie], discrete=[turn]).irreps(1)] == ["1R", "2C", "2C"]


@pytest.mark.parametrize("matrix", [1.0, -1.0])
def test_groups_of_numbers(matrix: float) -> None:
    G = matrix_group(discrete=[[[matrix]]])
    assert G.order == len(G.irreps(9)) == 1 + (matrix < 0)
    assert len(intertwiners(G.regular, G.regular)) == G.order
    assert len(G.subgroups()) == G.order


def test_double_cosets_of_isomorphic_groups_agree() -> None:
    """Sym(4) as permutations, O and Td as maps of space: one group, one table of dimensions and types."""
    for group in (point_group("O"), point_group("Td"), symmetric(4), matrix_group(discrete=symmetric(4).generators)):
        assert sorted(f"{i.dim}{i.type}" for i in group.irreps(99)) == ["1R", "1R", "2R", "3R", "3R"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: matrix_group(), r"needs matrices of one size, but got sizes \[\]\. Pass lie=\[…\], discrete=\[…\]"),
        (lambda: matrix_group(discrete=[]), r"discrete=\[numpy\.eye\(n\)\] is the trivial group"),
        (lambda: matrix_group(discrete=[np.ones((2, 2))]), r"not orthogonal \(defect .*Change the basis of the space"),
        (
            lambda: matrix_group(discrete=[np.ones((2, 3))]),
            r"square matrices, but got an array of shape \(1, 2, 3\)",
        ),
        (lambda: matrix_group(discrete=[np.eye(2), np.eye(3)]), "discrete is a list of square matrices of one size"),
        (lambda: matrix_group(discrete=np.eye(2)), r"finite square matrices, but got an array of shape \(2, 2\)"),
        (lambda: matrix_group(discrete=[np.full((2, 2), np.nan)]), "finite square matrices"),
        (lambda: matrix_group(discrete=7), "discrete is a list of square matrices of one size, but got 7"),
        (lambda: matrix_group(discrete=["a"]), r"discrete is a list of square matrices of one size, but got \['a'\]"),
        (lambda: matrix_group(lie=O3.lie_generators, discrete=[np.eye(2)]), r"but got sizes \[2, 3\]"),
        (lambda: matrix_group(lie=[np.eye(2)]), r"a matrix of lie is not antisymmetric \(defect 2"),
        (lambda: matrix_group(lie=[[[1j]]]).irrep("x"), r"has no irrep 'x'\. Its labels are 0, 1, 2, …"),
        (lambda: Q8.irrep("3"), r"Q8 has no irrep '3'\. Its labels are 0, 1, 2a, 2b, 2c\."),
        (lambda: (Q8 * cyclic(3)).irrep("(1,7)"), r"Q8×C3 has no irrep '\(1,7\)'\. Its labels are \(0,0\), "),
        (lambda: (Q8 * cyclic(3)).irrep("1"), "has no irrep '1'"),
        (lambda: point_group("D8h").irrep("x"), r"E3g, E3u, B1g, B2u, B2g, B1u\.$"),
        (lambda: (O2 * O2).irrep("(1,1*)"), r"has no irrep '\(1,1\*\)'"),
        (lambda: cyclic(2) * 3, r"G \* H is the direct product of two groups, but got 3 for H"),
        (lambda: symmetric(4).irrep("[2,3]"), r"has no irrep '\[2,3\]'\. Its labels are the partitions of 4: \[4\], "),
        (lambda: symmetric(9).elements(), r"362880 elements; they are listed up to n = 8\. Call sample\(n, seed\)"),
        (lambda: SU2.elements(), r"continuous and cannot list its elements\. Call sample"),
        (lambda: SU2.subgroups(), "continuous and has no names"),
        (lambda: SU2.rep("1x1").matrix(np.eye(4)[[1, 0, 2, 3]]), "1 of 1 matrices are not elements of"),
    ],
)
def test_mistakes_are_explained(call: object, words: str) -> None:
    with pytest.raises((ArgumentError, LabelError, ElementError), match=words) as said:
        call()
    assert str(said.value).endswith(".")


@pytest.mark.parametrize("kind", ["turn", "mirrors", "axes"])
def test_infinite_groups_from_single_matrices_are_noticed(kind: str) -> None:
    """One turn by an irrational part of 360°, two mirrors at such an angle, quarter turns about skew axes."""
    turn = axis_rotation(2, 1.0)
    mirror, quarter = np.diag([1.0, -1, 1]), axis_rotation(0, np.pi / 2)
    tilted = axis_rotation(1, 0.5) @ quarter @ axis_rotation(1, -0.5)
    generators = {"turn": [turn], "mirrors": [mirror, turn @ mirror @ turn.T], "axes": [quarter, tilted]}[kind]
    with pytest.raises(ArgumentError, match=r"generate more than 50000 elements.*pass its Lie algebra"):
        matrix_group(discrete=generators)
