"""The symmetric groups, against combinatorics; and direct products, against their factors."""

from math import factorial, prod

import numpy as np
import pytest
import torch

from intertwine.catalog import O2, SO2, cyclic, dihedral, symmetric
from intertwine.reps import clebsch_gordan, intertwiners
from tests.registry import Q8, SU2, close


@pytest.mark.parametrize("n", range(1, 8))
def test_as_many_irreps_as_partitions(n: int) -> None:
    """p(n) of them, and the dimensions are those of the hook length formula."""
    irreps = symmetric(n).irreps(n)
    assert len(irreps) == [1, 2, 3, 5, 7, 11, 15][n - 1]
    assert sum(irrep.dim**2 for irrep in irreps) == factorial(n)
    for irrep in irreps:
        shape = [int(part) for part in irrep.label[1:-1].split(",")]
        columns = [sum(part > j for part in shape) for j in range(shape[0])]
        hooks = prod(part - j + columns[j] - i - 1 for i, part in enumerate(shape) for j in range(part))
        assert irrep.dim == factorial(n) // hooks


def test_characters_of_sym_4() -> None:
    """On the identity, (12), (12)(34), (123), (1234)."""
    G = symmetric(4)
    g = np.stack([np.eye(4)[:, p] for p in ([0, 1, 2, 3], [1, 0, 2, 3], [1, 0, 3, 2], [1, 2, 0, 3], [1, 2, 3, 0])])
    table = {"[4]": "1 1 1 1 1", "[3,1]": "3 1 -1 0 -1", "[2,2]": "2 0 2 -1 0"}
    table |= {"[2,1,1]": "3 -1 -1 0 1", "[1,1,1,1]": "1 -1 1 1 -1"}
    assert {*G.labels(9)} == {*table}
    for label, row in table.items():
        close(G.irrep(label).character(g), np.array(row.split(), dtype=float))
    close(G.irrep("[1,1,1,1]").matrix(G.elements())[:, 0, 0], np.linalg.det(G.elements()))


def test_matrices_permute() -> None:
    """The i-th basis vector goes to the p(i)-th."""
    g = symmetric(3).elements()
    x = np.arange(3.0)
    assert {tuple(row) for row in g @ x} == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    assert str(symmetric(5).defining.irreps) == "1x[5] + 1x[4,1]"
    assert symmetric(3).irrep("[2, 1]") == symmetric(3).irrep("[2,1]")


@pytest.mark.parametrize("n", [4, 6, 10])
def test_maps_of_graphs(n: int) -> None:
    """Linear maps between tensors on n points are counted by Bell numbers (Maron et al. 2019, arXiv:1812.09902)."""
    points = symmetric(n).defining
    assert [len(intertwiners(symmetric(n).rep(f"1x[{n}]"), points)), len(intertwiners(points, points))] == [1, 2]
    assert len(intertwiners(points * points, points)) == 5
    if n < 10:
        assert len(intertwiners(points * points, points * points)) == 15


def test_more_things_than_can_be_listed() -> None:
    """Sym(10) works by random elements: 10! are too many."""
    G = symmetric(10)
    rep = G.rep("1x[9,1]") * G.rep("1x[9,1]")
    assert str(rep.irreps) == "1x[10] + 1x[9,1] + 1x[8,2] + 1x[8,1,1]"
    g, Q = G.sample(5, 1), rep.change_of_basis
    close(Q @ rep.irreps.matrix(g) @ Q.T, rep.matrix(g))
    standard = G.irrep("[9,1]")
    (table,) = clebsch_gordan(standard, standard, standard)
    moved = np.einsum("ijk,gia,gjb,gkc->gabc", table, *[standard.matrix(g)] * 3, optimize=True)
    close(moved, np.broadcast_to(table, moved.shape))


def test_permutations_in_torch() -> None:
    g = torch.as_tensor(symmetric(5).sample(6, 0), dtype=torch.float32)
    close(symmetric(5).irrep("[3,2]").matrix(g).numpy(), symmetric(5).irrep("[3,2]").matrix(g.double()).numpy(), 1e-5)


# direct products ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "irreps"),
    [
        (cyclic(3) * cyclic(4), {"(0,0)": "1R", "(0,1)": "2C", "(1,0)": "2C", "(1,1)": "2C", "(1,1*)": "2C"}),
        (cyclic(3) * dihedral(3), {"(1,0e)": "2C", "(0,1)": "2R", "(1,1)": "4C"}),
        (Q8 * cyclic(3), {"(1,0)": "4H", "(0,1)": "2C", "(1,1)": "4C", "(2a,1)": "2C"}),  # H ⊗ C is M₂(C)
        (Q8 * Q8, {"(1,1)": "4R", "(1,0)": "4H", "(2a,2b)": "1R"}),  # H ⊗ H is M₄(R)
        (SU2 * SU2, {"(1,1)": "4R", "(1,2)": "12H", "(2,2)": "9R"}),  # the vector of SO(4)
        (cyclic(2) * O2 * cyclic(3), {"(1,0o,1)": "2C", "(0,2,0)": "2R"}),
    ],
    ids=str,
)
def test_types_of_products(group: object, irreps: dict[str, str]) -> None:
    """C ⊗ C splits in two, H ⊗ H in four real copies, H ⊗ C is twice a complex one; R changes nothing."""
    for label, expected in irreps.items():
        irrep = group.irrep(label)
        assert f"{irrep.dim}{irrep.type}" == expected
        g = group.sample(6, 0)
        norm = np.mean(irrep.character(group.sample(1000, 1)) ** 2)
        assert abs(norm - len(irrep.endomorphisms)) < 0.5 * len(irrep.endomorphisms)
        close(irrep.matrix(g[:, None] @ g), irrep.matrix(g)[:, None] @ irrep.matrix(g))


def test_products_of_cyclic_groups_are_cyclic() -> None:
    """C3 × C4 is C12: the same types and counts of couplings."""
    product, whole = cyclic(3) * cyclic(4), cyclic(12)
    assert sorted(i.dim for i in product.irreps(99)) == sorted(i.dim for i in whole.irreps(99))
    assert len(intertwiners(product.regular, product.regular)) == 12


def test_brackets_do_not_matter() -> None:
    a, b, c = cyclic(2), SO2, dihedral(3)
    assert (a * b) * c == a * (b * c)
    assert str(a * b * c) == "C2×SO(2)×D3"
    assert (a * b * c).canonical_label(" (1, 2,0o)") == "(1,2,0o)"


def test_factors_are_blocks() -> None:
    G = cyclic(2) * O2
    g, h = cyclic(2).elements()[1], O2.sample(1, 0)[0]
    pair = G.pair(g, h)
    close(pair[:2, :2], g)
    close(pair[2:, 2:], h)
    close(G.rep("1x(1,1)").matrix(pair), -h)
    assert not G.contains(np.eye(4)[[2, 3, 0, 1]])
