"""Tensors with index symmetries: how many there are, both ways, and what is refused."""

from math import prod
from time import process_time

import numpy as np
import pytest
import torch

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, cyclic, point_group
from intertwine.errors import ArgumentError, RepMismatchError, ShapeError
from intertwine.kernels.index_symmetry import signed_permutations, tensor_space
from intertwine.reps import Rep
from tests.registry import Q8, SU2

ELASTICITY = "ijkl=jikl=ijlk=klij"
FORMULAS = ["ij", "ij=ji", "ij=-ji", "ijk=jik", "ijk=-jik=jki", ELASTICITY]
T = point_group("T")
REPS = [
    O3.rep("1x1o"),
    point_group("Oh").defining,
    point_group("C4v").defining,
    O2.rep("1x0e + 1x1"),
    SO2.rep("1x1"),
    cyclic(3).rep("1x0 + 1x1"),
    T.rep("1xT"),
    T.rep("1xE"),
    Q8.rep("1x1"),
    SU2.rep("1x1"),
]


def counted(formula: str, rep: Rep) -> dict[str, int]:
    """How often each irrep is in the tensors of a formula: the trace of ρ ⊗ … ⊗ ρ on them is Σ ± Π tr ρ(g)ⁿ / N.

    n runs over the lengths of the cycles of each permutation.
    """
    letters, permutations = signed_permutations(formula)
    degree = len(letters) * rep.degree
    elements, weights = rep.group.quadrature(2 * degree)
    powers = [rep.matrix(elements)]
    for _ in letters:
        powers.append(powers[-1] @ powers[0])
    traces = [np.trace(power, axis1=-2, axis2=-1) for power in powers]
    character = sum(s * prod(traces[n - 1] for n in cycles(p)) for s, p in permutations) / len(permutations)
    found = {
        irrep.label: round(float(weights @ (character * irrep.character(elements)))) // len(irrep.endomorphisms)
        for irrep in rep.group.irreps(degree)
    }
    return {label: number for label, number in found.items() if number}


def cycles(permutation: tuple[int, ...]) -> list[int]:
    """The lengths of the cycles."""
    lengths, left = [], {*range(len(permutation))}
    while left:
        place, length = min(left), 0
        while place in left:
            left.remove(place)
            place, length = permutation[place], length + 1
        lengths.append(length)
    return lengths


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("rep", REPS, ids=lambda rep: f"{rep} of {rep.group}")
def test_there_are_as_many_as_characters_count(formula: str, rep: Rep) -> None:
    """For real, complex and quaternionic irreps; and the tables are orthonormal and have the symmetry."""
    letters, permutations = signed_permutations(formula)
    space = tensor_space(formula, len(letters) * (rep,))
    assert {irrep.label: m for m, irrep in space.rep} == counted(formula, rep)
    rows = space.table.array.reshape(space.rep.dim, rep.dim ** len(letters))
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), rtol=0, atol=1e-12)
    for sign, p in permutations:
        moved = sign * space.table.array.transpose(0, *(1 + i for i in p))
        np.testing.assert_allclose(moved, space.table.array, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rep", REPS, ids=lambda rep: f"{rep} of {rep.group}")
def test_features_move_as_the_tensors_do(rep: Rep) -> None:
    space = tensor_space("ijk=jik", 3 * (rep,))
    for g in rep.group.sample(3, 0):
        rho = rep.matrix(g)
        moved = np.einsum("nijk,ai,bj,ck->nabc", space.table.array, rho, rho, rho)
        np.testing.assert_allclose(
            moved, np.einsum("mn,m...->n...", space.rep.matrix(g), space.table.array), rtol=0, atol=1e-10
        )


def test_a_general_tensor_of_space() -> None:
    """A trace, a pseudovector and a traceless symmetric part; there is no vector in it."""
    tensor = nn.ReducedTensorProduct("ij", i=O3.rep("1x1o"), j=O3.rep("1x1o"))
    assert str(tensor.rep_out) == "1x0e + 1x1e + 1x2e"
    with pytest.raises(ArgumentError, match=r"no 1o to keep: a tensor 'ij' .* is 1x0e \+ 1x1e \+ 1x2e"):
        nn.ReducedTensorProduct("ij", i=O3.rep("1x1o"), j=O3.rep("1x1o"), keep="0e + 1o + 2e")


def test_elasticity_is_quick() -> None:
    for rep, wanted in ((O3.rep("1x1o"), "2x0e + 2x2e + 1x4e"), (point_group("Oh").defining, None)):
        start = process_time()
        space = tensor_space.__wrapped__(ELASTICITY, 4 * (rep,))
        assert process_time() - start < 1
        assert space.rep.dim == 21
        assert wanted is None or str(space.rep) == wanted
    cubic = tensor_space(ELASTICITY, 4 * (point_group("Oh").defining,)).rep
    assert cubic.count("A1g") == 3  # C11, C12, C44


def test_there_and_back() -> None:
    """Tensors that satisfy the formula come back; others lose what does not."""
    tensor = nn.ReducedTensorProduct("ij=ji", i=O3.rep("1x1o")).double()
    any_tensor = torch.randn(4, 3, 3, dtype=torch.float64)
    symmetric = (any_tensor + any_tensor.mT) / 2
    torch.testing.assert_close(tensor.to_cartesian(tensor.from_cartesian(symmetric)), symmetric)
    torch.testing.assert_close(tensor.to_cartesian(tensor.from_cartesian(any_tensor)), symmetric)
    assert tensor.from_cartesian(torch.zeros(0, 3, 3)).shape == (0, 6)


def test_of_products_and_of_their_tensor() -> None:
    a, b, c = (torch.randn(5, n, dtype=torch.float64) for n in (3, 3, 8))
    layer = nn.ReducedTensorProduct("ijk=-jik", i=O3.rep("1x1o"), k=O3.rep("1x1e + 1x2o")).double()
    whole = torch.einsum("ni,nj,nk->nijk", a, b, c)
    torch.testing.assert_close(layer(a, b, c), layer.from_cartesian(whole))
    assert layer(a[:, None], b, c).shape == (5, 5, layer.rep_out.dim)
    torch.testing.assert_close(layer(a, b, c), -layer(b, a, c))


def test_filters_at_the_end_and_on_the_way() -> None:
    vector = O3.rep("1x1o")
    free = nn.ReducedTensorProduct("ijk", i=vector, j=vector, k=vector)
    assert str(free.rep_out) == "1x0o + 3x1o + 2x2o + 1x3o"
    assert str(nn.ReducedTensorProduct("ijk", i=vector, j=vector, k=vector, keep=["1o", "3o"]).rep_out) == "3x1o + 1x3o"
    through = nn.ReducedTensorProduct(
        "ijk", i=vector, j=vector, k=vector, through=O3.rep("0e + 1o + 3o"), keep=lambda irrep: irrep.degree == 1
    ).double()
    assert str(through.rep_out) == "1x1o"  # (x · y) z
    x, y, z = torch.randn(3, 3, dtype=torch.float64)
    wanted = (x @ y) * z / 3**0.5
    found = through(x, y, z)
    torch.testing.assert_close(found.abs(), wanted.abs())


def test_unit_variance() -> None:
    layer = nn.ReducedTensorProduct("ij=ji", i=O3.rep("2x0e + 2x1o")).double()
    x, y = torch.randn(2, 20000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (layer(x, y).square().mean(0) - 1).abs().max() < 0.1


def test_what_does_not_fit_is_told() -> None:
    vector = O3.rep("1x1o")
    with pytest.raises(ArgumentError, match="'k' got none"):
        nn.ReducedTensorProduct("ijk=jik", i=vector)
    with pytest.raises(ArgumentError, match="No tensor"):
        nn.ReducedTensorProduct("ij=-ji", i=O3.rep("1x0e"))
    for formula in ("ij=jk", "ii", "", "-ij", "i1", "ij=ji="):
        with pytest.raises(ArgumentError, match="permute letters"):
            nn.ReducedTensorProduct(formula, i=vector)
    with pytest.raises(ArgumentError, match="No tensor"):
        nn.ReducedTensorProduct("ij=ji=-ij", i=vector)
    with pytest.raises(ArgumentError, match="one irrep at least"):
        nn.ReducedTensorProduct("ij=ji", i=vector, keep=[])
    with pytest.raises(ArgumentError, match="no such irrep to keep"):
        nn.ReducedTensorProduct("ij=ji", i=vector, keep=lambda irrep: irrep.degree > 4)
    with pytest.raises(ArgumentError, match="was expected, but got '1x1o'"):
        nn.ReducedTensorProduct("ij=ji", i="1x1o")
    with pytest.raises(RepMismatchError, match="one group"):
        nn.ReducedTensorProduct("ij", i=vector, j=O2.rep("1x1"))
    layer = nn.ReducedTensorProduct("ij=ji", i=vector)
    with pytest.raises(ShapeError, match="2 indices, but got 1"):
        layer(torch.randn(3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3, 3\)"):
        layer.from_cartesian(torch.randn(3, 2))
