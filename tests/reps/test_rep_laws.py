"""The laws of irreps and reps over the registry: they are what they claim to be."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from intertwine._arrays import read_only
from intertwine.catalog import O2, O3, SO3, cyclic
from intertwine.catalog.base import CatalogGroup
from intertwine.catalog.symmetric import SymmetricGroup
from intertwine.errors import ArgumentError, ElementError
from intertwine.reps import Rep
from intertwine.reps.decomposition import decompose_samples
from tests.registry import (
    REPS,
    average,
    close,
    each_finite_group,
    each_group,
    each_rep,
    evaluate,
    groups,
    reps,
    seeds,
    some,
)

# irreps ---------------------------------------------------------------------------------------------------------------


@given(st.data(), seeds)
def test_irreps_are_orthogonal_homomorphisms(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    g = some(G, seed)
    for irrep in G.irreps(6):
        matrix = irrep.matrix(g)
        close(matrix[:, None] @ matrix, irrep.matrix(g[:, None] @ g))
        close(matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(irrep.dim), matrix.shape))
        close(irrep.character(g), np.trace(matrix, axis1=-2, axis2=-1))


@each_group
def test_irreps_are_irreducible_and_different(group: CatalogGroup) -> None:
    """Schur: the mean product of characters is the size of the real type for one irrep, 0 for two."""
    irreps = group.irreps(3)
    elements, _ = group.quadrature(6)
    table = np.stack([irrep.character(elements) for irrep in irreps], -1)
    close(
        average(group, 6, table[:, :, None] * table[:, None, :]), np.diag([1.0 * len(i.endomorphisms) for i in irreps])
    )


@each_group
def test_endomorphisms_commute_with_the_irrep(group: CatalogGroup) -> None:
    """They are an orthogonal basis, identity first, of size 1, 2 or 4 as the type says."""
    g = some(group)
    for irrep in group.irreps(3):
        E = irrep.endomorphisms
        close(E[0], np.eye(irrep.dim))
        close(np.einsum("aij,bij->ab", E, E), irrep.dim * np.eye(len(E)))
        close(irrep.matrix(g)[:, None] @ E, E @ irrep.matrix(g)[:, None])
        assert len(E) == {"R": 1, "C": 2, "H": 4}[irrep.type]


@pytest.mark.parametrize(
    ("group", "label", "kind"),
    [
        ("SO(2)", "0", "R"),
        ("SO(2)", "1", "C"),
        ("O(2)", "1", "R"),
        ("C4", "1", "C"),
        ("C4", "2", "R"),
        ("Cinfh", "1u", "C"),
        ("T", "E", "C"),
        ("Td", "E", "R"),
        ("S6", "Eu", "C"),
        ("Sym(5)", "[3,1,1]", "R"),
        ("C3×C4", "(1,1)", "C"),
        ("C3×D3", "(1,1)", "C"),
    ],
)
def test_real_types(group: str, label: str, kind: str) -> None:
    from intertwine.catalog import group as by_name

    assert by_name(group).irrep(label).type == kind


def test_irreps_have_the_meaning_of_their_labels() -> None:
    half_turn, mirror, inversion = np.diag([-1.0, -1, 1]), np.diag([1.0, 1, -1]), -np.eye(3)
    for label, signs in {"0e": (1, 1, 1), "0o": (1, -1, -1)}.items():
        close(O3.irrep(label).matrix(np.stack([half_turn, mirror, inversion]))[:, 0, 0], np.array(signs, float))
    g = some(O3)
    close(O3.irrep("1o").matrix(g), g)
    close(O3.irrep("1e").matrix(g), g * np.linalg.det(g)[:, None, None])
    h = some(O2)
    close(O2.irrep("1").matrix(h), h)
    close(O2.irrep("0o").matrix(h)[:, 0, 0], np.linalg.det(h))
    close(cyclic(4).irrep("2").matrix(cyclic(4).elements())[:, 0, 0], np.array([1.0, -1, 1, -1]))


# reps -----------------------------------------------------------------------------------------------------------------


@each_rep
def test_reps_are_orthogonal_homomorphisms(rep: Rep) -> None:
    g = some(rep.group)
    matrix = rep.matrix(g)
    assert matrix.shape == (len(g), rep.dim, rep.dim)
    close(matrix[:, None] @ matrix, rep.matrix(g[:, None] @ g))
    close(matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(rep.dim), matrix.shape))
    close(rep.matrix(np.eye(rep.group.dim)), np.eye(rep.dim))


@each_rep
def test_the_character_is_the_trace(rep: Rep) -> None:
    g = some(rep.group)
    close(rep.character(g), np.trace(rep.matrix(g), axis1=-2, axis2=-1))


@each_rep
def test_the_decomposition_rebuilds_the_rep(rep: Rep) -> None:
    g, Q = some(rep.group), rep.change_of_basis
    close(Q.T @ Q, np.eye(rep.dim))
    close(Q @ rep.irreps.matrix(g) @ Q.T, rep.matrix(g))
    for irrep, X in rep.copies.items():
        assert X.shape == (rep.dim, irrep.dim, rep.count(irrep))
        X = np.moveaxis(X, -1, 0)
        close(rep.matrix(g)[:, None] @ X, X @ irrep.matrix(g)[:, None])


@each_rep
def test_multiplicities_are_character_averages(rep: Rep) -> None:
    group, degree = rep.group, 2 * rep.degree
    g, _ = group.quadrature(degree)
    for irrep in group.irreps(rep.degree):
        mean = average(group, degree, rep.character(g) * irrep.character(g))
        assert round(mean / len(irrep.endomorphisms), 9) == rep.count(irrep)


@each_rep
def test_the_lie_algebra_acts_by_derivatives(rep: Rep) -> None:
    basis = rep.group.lie_generators
    coefficients = np.random.default_rng(0).normal(size=len(basis))
    x = np.tensordot(coefficients, basis, 1)
    close(rep.matrix(expm(x)), expm(rep.lie_matrix(x)), 1e-9)
    close(rep.lie_matrix(x), -rep.lie_matrix(x).swapaxes(-1, -2))
    step = 1e-5
    slope = (rep.evaluate(expm(step * x)) - rep.evaluate(expm(-step * x))) / (2 * step)
    close(rep.lie_matrix(x), slope, 1e-7)
    if len(basis) == 3:  # a homomorphism of Lie algebras: [X, Y] = Z
        X, Y, Z = rep.lie_matrix(basis)
        close(X @ Y - Y @ X, Z)


@given(st.data(), seeds)
def test_random_sums_of_irreps_obey_the_laws(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    rep = data.draw(reps(G))
    g = some(G, seed)
    close(rep.matrix(g)[:, None] @ rep.matrix(g), rep.matrix(g[:, None] @ g))
    Q = rep.change_of_basis
    close(Q @ rep.irreps.matrix(g) @ Q.T, rep.matrix(g))
    x = np.random.default_rng(seed).normal(size=(3, rep.dim))
    close(rep.change_of_basis.T @ x.T, x[:, rep.isotypic_index].T)


# named reps -----------------------------------------------------------------------------------------------------------


@each_finite_group
def test_the_regular_rep_moves_functions_on_the_group(group: CatalogGroup) -> None:
    """(ρ(g) f)(h) = f(g⁻¹ h), and each irrep σ occurs dim σ / dim End σ times: Frobenius reciprocity from {1}."""
    elements = group.elements()
    f = np.random.default_rng(0).normal(size=len(elements))
    for g in elements:
        target = [np.abs(elements - g.T @ h).max((-1, -2)).argmin() for h in elements]
        close(group.regular.matrix(g) @ f, f[target])
    for irrep in group.irreps(99):
        assert group.regular.count(irrep) == irrep.dim // len(irrep.endomorphisms)


@pytest.mark.parametrize(("group", "point"), [(SO3, "Cinf"), (O3, "Cinfv"), (O2, "D1")], ids=str)
def test_harmonics_are_functions_on_a_space(group: CatalogGroup, point: str) -> None:
    """Frobenius: σ occurs in the functions on G/H as often as the restriction of σ to H holds the trivial irrep."""
    stabiliser = group.subgroup(point)
    for irrep in group.irreps(3):
        invariants = irrep.irreps.restrict(stabiliser).count(stabiliser.group.trivial)
        assert group.harmonics(3).count(irrep) == invariants


@each_group
def test_harmonics_of_another_action(group: CatalogGroup) -> None:
    """Where the group moves the coordinates otherwise, the harmonics move with them."""
    from intertwine.reps.harmonics import harmonics_function

    small = [irrep for irrep in group.irreps(2) if irrep.dim <= 3]
    action = small[-1].irreps if small[-1].dim > 1 else 2 * small[-1].irreps + small[0]
    rep, g, r = group.harmonics(3, action), some(group), np.random.default_rng(0).normal(size=(5, action.dim))
    evaluate_at = harmonics_function(action.dim)
    moved = evaluate_at(range(4), r @ action.matrix(g).swapaxes(-1, -2))
    close(moved, evaluate_at(range(4), r) @ rep.matrix(g).swapaxes(-1, -2))


def test_decomposition_refuses_what_is_no_rep() -> None:
    group = cyclic(3)
    elements, weights = group.quadrature(2)
    with pytest.raises(ArgumentError, match="matrices of dimension 2 contain irreps of C3 of total dimension"):
        decompose_samples(group, elements, weights, np.stack([np.eye(2), -np.eye(2), np.eye(2)]), 1)


def test_decomposition_of_a_rep_in_random_coordinates() -> None:
    rng = np.random.default_rng(0)
    for rep in (O2.rep("2x1 + 1x0o + 3x2"), cyclic(5).rep("2x1 + 1x2 + 1x0"), O3.rep("2x1o + 1x2e + 1x0e")):
        Q = np.linalg.qr(rng.normal(size=(rep.dim, rep.dim)))[0]
        elements, weights = rep.group.quadrature(2 * rep.degree)
        content, basis = decompose_samples(rep.group, elements, weights, Q @ rep.matrix(elements) @ Q.T, rep.degree)
        g = some(rep.group)
        assert content == rep.isotypic
        close(basis.T @ basis, np.eye(rep.dim))
        close(basis @ rep.irreps.matrix(g) @ basis.T, Q @ rep.matrix(g) @ Q.T)


# arrays and tensors ---------------------------------------------------------------------------------------------------


@each_rep
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_torch_follows_numpy(rep: Rep, dtype: torch.dtype) -> None:
    g = rep.group.sample(6, 0).reshape(3, 2, rep.group.dim, rep.group.dim)
    tensor = rep.matrix(torch.as_tensor(g, dtype=dtype))
    assert tensor.dtype == dtype
    assert tensor.shape == (3, 2, rep.dim, rep.dim)
    close(tensor.numpy(), rep.matrix(g), 1e-10 if dtype == torch.float64 else 1e-4)
    assert rep.matrix(g[:0]).shape == (0, 2, rep.dim, rep.dim)
    assert rep.character(torch.as_tensor(g, dtype=dtype)).shape == (3, 2)


POLYNOMIAL = [rep for rep in REPS if not isinstance(rep.group, SymmetricGroup)]  # permutations have no derivative


@pytest.mark.parametrize("rep", POLYNOMIAL, ids=lambda rep: f"{rep.group}:{rep}".replace(" ", "").replace("⊗", "*"))
def test_matrices_are_differentiable(rep: Rep) -> None:
    """The gradient along a rotation is the Lie matrix."""
    group = rep.group
    g = torch.as_tensor(group.sample(1, 0)[0]).requires_grad_()
    matrix = rep.matrix(g)
    assert matrix.requires_grad or rep.is_trivial
    for x in group.lie_generators:
        weight = torch.as_tensor(np.random.default_rng(0).normal(size=(rep.dim, rep.dim)))
        (gradient,) = torch.autograd.grad((weight * matrix).sum(), g, retain_graph=True)
        along = (gradient * (g @ torch.as_tensor(x))).sum().detach()
        close(along, (weight * (matrix.detach() @ torch.as_tensor(rep.lie_matrix(x)))).sum(), 1e-9)


def test_evaluation_serves_inside_transforms() -> None:
    rep = O3.rep("2x1o + 1x2e") + O3.rep("1x1o").restrict(O3.subgroup("O(3)", axis=(1, 2, 3)))
    g = torch.as_tensor(O3.sample(4, 0))
    jacobian = torch.func.vmap(torch.func.jacrev(rep.evaluate))(g)
    assert jacobian.shape == (4, rep.dim, rep.dim, 3, 3)


@each_group
def test_evaluation_serves_for_one_element_at_a_time(group: CatalogGroup) -> None:
    rep, g = group.rep(" + ".join(group.labels(2)[:6])), group.sample(4, 0)
    close(torch.func.vmap(rep.evaluate)(torch.as_tensor(g)), rep.matrix(g))


@each_group
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_kept(group: CatalogGroup, dtype: torch.dtype) -> None:
    rep, g = group.rep(" + ".join(group.labels(2)[:6])), group.sample(3, 0)
    matrix = rep.matrix(torch.as_tensor(g, dtype=dtype))
    assert matrix.dtype == dtype
    close(matrix.double(), rep.matrix(g), 0.1)


# values ---------------------------------------------------------------------------------------------------------------


@each_rep
def test_reps_are_values(rep: Rep) -> None:
    _ = rep.change_of_basis  # caches travel or not, as they like
    for other in (copy.deepcopy(rep), pickle.loads(pickle.dumps(rep)), evaluate(rep), Rep(rep.group, rep.terms)):
        assert other == rep
        assert hash(other) == hash(rep)
        assert str(other) == str(rep)
    assert rep != rep + rep.group.rep("1x" + rep.group.trivial)


@each_rep
def test_what_a_rep_hands_out_is_read_only(rep: Rep) -> None:
    """An equal rep elsewhere may share these arrays."""
    for array in (rep.change_of_basis, rep.isotypic_index):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_read_only_is_noticed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_only(np.zeros(2))[0] = 1


def test_elements_of_other_groups_are_refused() -> None:
    with pytest.raises(ElementError, match=r"not elements of SO\(3\): the largest defect is 2\.0e\+00"):
        SO3.rep("1x1").matrix(-np.eye(3))
    with pytest.raises(ElementError, match=r"\(2, 2\)"):
        SO3.irrep("1").matrix(np.eye(2))
    with pytest.raises(ElementError, match="1 of 2 matrices"):
        O2.rep("1x1").character(torch.stack([torch.eye(2), 2 * torch.eye(2)]))
