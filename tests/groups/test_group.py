"""The laws of a group: what every group of the registry obeys."""

import copy
import inspect
import math
import pickle
import pydoc
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO3, cyclic, dihedral, group, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ElementError
from intertwine.groups import Group
from intertwine.groups.rotations import distinct
from intertwine.reps.irrep import matrix_trace
from tests.registry import (
    GROUPS,
    average,
    close,
    each_continuous_group,
    each_finite_group,
    each_group,
    each_named_group,
    evaluate,
    groups,
    seeds,
    some,
)


@given(st.data(), seeds)
def test_products_and_inverses_are_elements(data: st.DataObject, seed: int) -> None:
    G = data.draw(groups())
    a, b, c = G.sample(3, seed)
    assert G.contains(np.stack([a @ b, b @ a, a.T, np.eye(G.dim), a @ b @ c])).all()
    close((a @ b) @ c, a @ (b @ c))
    close(a @ a.T, np.eye(G.dim))


@each_group
def test_the_defining_rep_is_faithful(group: CatalogGroup) -> None:
    """Its matrices are the elements themselves."""
    g = some(group)
    close(group.defining.matrix(g), g)
    assert group.defining.dim == group.dim


# elements -------------------------------------------------------------------------------------------------------------


@each_finite_group
def test_elements_are_all_there(group: CatalogGroup) -> None:
    g = group.elements()
    assert g.shape == (group.order, group.dim, group.dim)
    close(g[0], np.eye(group.dim))
    distances = np.abs(g[:, None] - g[None]).max((-1, -2))
    assert (distances[~np.eye(len(g), dtype=bool)] > 0.1).all()
    assert group.contains(g).all()


@each_finite_group
def test_generators_generate_a_finite_group(group: CatalogGroup) -> None:
    known = np.eye(group.dim)[None]
    while True:
        products = distinct(np.concatenate([known, *(known @ g for g in group.generators)]))
        if len(products) == len(known):
            break
        known = products
    assert len(known) == group.order


@each_continuous_group
def test_generators_generate_a_continuous_group(group: CatalogGroup) -> None:
    """What the generators keep fixed, the whole group keeps fixed: in a rep that holds every small irrep."""
    rep = group.rep("2x" + " + 1x".join(group.labels(3)))
    conditions = np.concatenate([matrix - np.eye(rep.dim) for matrix in rep.matrix(group.generators)])
    _, sizes, rows = np.linalg.svd(conditions)
    fixed = rows[sizes < 1e-8]
    close(fixed.T @ fixed, average(group, 3, rep.matrix(group.quadrature(3)[0])))


@each_group
def test_lie_generators_generate_elements(group: CatalogGroup) -> None:
    from scipy.linalg import expm

    basis = group.lie_generators
    assert basis.shape == ({"SO(2)": 1, "O(2)": 1, "SO(3)": 3, "O(3)": 3}.get(group.name, len(basis)), *[group.dim] * 2)
    assert group.is_finite == (len(basis) == 0)
    close(basis, -basis.swapaxes(-1, -2))
    assert all(group.contains(expm(0.7 * x)) for x in basis)


@each_group
def test_random_elements_follow_haar_measure(group: CatalogGroup) -> None:
    """The mean of every nontrivial character is 0 within five standard errors."""
    n = 4000
    g = group.sample(n, seed=1)
    assert group.contains(g).all()
    for irrep in group.irreps(3):
        mean = float(irrep.is_trivial)
        assert abs(irrep.character(g).mean() - mean) <= 5 * math.sqrt(len(irrep.endomorphisms) / n)


@each_group
def test_random_elements_follow_their_seed(group: CatalogGroup) -> None:
    np.testing.assert_array_equal(group.sample(5, 3), group.sample(5, np.random.default_rng(3)))
    assert group.order == 1 or not np.array_equal(group.sample(9, 3), group.sample(9, 4))
    assert group.sample(0).shape == (0, group.dim, group.dim)
    np.testing.assert_array_equal(group.sample(5), group.sample(5))
    assert "The same elements on each call" in (inspect.getdoc(type(group).sample) or "")  # as help() shows it


@each_group
@pytest.mark.parametrize("seed", [None, "0", 1.5, -1, torch.Generator()], ids=lambda seed: type(seed).__name__)
def test_other_seeds_are_refused(group: CatalogGroup, seed: object) -> None:
    with pytest.raises(
        ArgumentError, match=r"A seed is an integer from 0 on or a numpy\.random\.Generator, but got .*"
    ):
        group.sample(2, seed)


@each_group
def test_help_shows_what_a_group_offers(group: CatalogGroup) -> None:
    """The names that live on the catalogue's base class are where a user looks for them, and say what they are."""
    text = pydoc.render_doc(group, renderer=pydoc.plaintext)
    for name in ("irrep", "irreps", "rep", "harmonics", "defining", "regular", "subgroup"):
        assert re.search(rf"^ \|  {name}(\(| =)", text, re.MULTILINE)
        assert getattr(type(group), name).__doc__
        assert f"`{name}`" in Group.__doc__


# averages -------------------------------------------------------------------------------------------------------------


@each_group
def test_quadrature_averages_exactly(group: CatalogGroup) -> None:
    """Products of matrix elements of total degree 4 have their Schur averages."""
    g, weights = group.quadrature(4)
    close(weights.sum(), 1.0)
    assert group.contains(g).all()
    for irrep in group.irreps(4):
        close(average(group, 4, irrep.matrix(g)), float(irrep.is_trivial))
    for a in group.irreps(2):
        for b in group.irreps(2):
            left, right = a.matrix(g).reshape(len(g), -1), b.matrix(g).reshape(len(g), -1)
            expected = 0.0
            if a == b:
                expected = np.einsum("eij,ekl->ikjl", a.endomorphisms, a.endomorphisms) / a.dim
                expected = expected.reshape(a.dim**2, a.dim**2)
            close((left * weights[:, None]).T @ right, expected)


@each_group
def test_quadrature_is_exact_after_translation(group: CatalogGroup) -> None:
    """The Haar measure does not change when the group is multiplied by an element."""
    g, _ = group.quadrature(3)
    rep = group.rep(" + ".join(group.labels(3)))
    for h in some(group):
        close(average(group, 3, rep.matrix(h @ g)), average(group, 3, rep.matrix(g)))


# irreps by label ------------------------------------------------------------------------------------------------------


@each_group
def test_labels_are_sorted_and_growing(group: CatalogGroup) -> None:
    labels = group.labels(5)
    keys = [group.label_key(label) for label in labels]
    assert keys == sorted(set(keys))
    assert group.irrep(labels[0]).is_trivial
    assert [label for label in labels if group.irrep_degree(label) <= 2] == [*group.labels(2)]
    assert [group.canonical_label(f" {label} ") for label in labels] == [*labels]


@each_finite_group
def test_a_finite_group_has_all_its_irreps(group: CatalogGroup) -> None:
    """The squares of the dimensions, over the real type, add up to the order."""
    irreps = group.irreps(99)
    assert sum(irrep.dim**2 // len(irrep.endomorphisms) for irrep in irreps) == group.order
    assert irreps == tuple(group.irrep(label) for label in group.labels(group.order))


@pytest.mark.parametrize(
    ("group", "labels"),
    [
        (cyclic(1), "0"),
        (cyclic(2), "0 1"),
        (cyclic(3), "0 1"),
        (cyclic(4), "0 1 2"),
        (cyclic(5), "0 1 2"),
        (dihedral(1), "0e 0o"),
        (dihedral(2), "0e 0o 1e 1o"),
        (dihedral(3), "0e 0o 1"),
        (dihedral(4), "0e 0o 1 2e 2o"),
        (dihedral(5), "0e 0o 1 2"),
        (dihedral(6), "0e 0o 1 2 3e 3o"),
    ],
    ids=str,
)
def test_labels_of_small_groups(group: CatalogGroup, labels: str) -> None:
    assert group.labels(9) == tuple(labels.split())


def test_labels_of_continuous_groups() -> None:
    assert group("SO(2)").labels(2) == group("SO(3)").labels(2) == ("0", "1", "2")
    assert O2.labels(2) == ("0e", "0o", "1", "2")
    assert O3.labels(2) == ("0e", "0o", "1o", "1e", "2e", "2o")
    assert group("Dinfh").labels(1) == ("0eg", "0eu", "0og", "0ou", "1g", "1u")


# values ---------------------------------------------------------------------------------------------------------------


@each_group
def test_groups_are_values(group: CatalogGroup) -> None:
    same = [copy.deepcopy(group), pickle.loads(pickle.dumps(group)), evaluate(group)]
    assert all(other == group and hash(other) == hash(group) for other in same)
    assert len({group, *same}) == 1


@each_named_group
def test_names_are_read_back(group: CatalogGroup) -> None:
    """All but those that are given by matrices."""
    from intertwine.catalog import group as by_name

    assert by_name(str(group)) == group


def test_different_groups_differ() -> None:
    assert len(set(GROUPS)) == len(GROUPS)
    assert symmetric(3) != dihedral(3) != point_group("D3") != point_group("C3v")  # alike, but other matrices


# membership -----------------------------------------------------------------------------------------------------------


@each_group
def test_membership_has_a_tolerance(group: CatalogGroup) -> None:
    g = some(group)
    assert group.contains(g + 1e-9).all()
    assert not group.contains(g + 1e-5).any()
    assert group.contains(g + 1e-5, tolerance=1e-3).all()
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        assert group.require(torch.as_tensor(g, dtype=dtype)).dtype == dtype
    assert not group.contains(0 * g).any()
    assert not group.contains(np.full_like(g, np.nan)).any()
    assert not group.contains(2 * g).any()


@each_finite_group
def test_rounded_elements_are_known(group: CatalogGroup) -> None:
    """In every precision, and with noise up to the tolerance that is asked for, whatever the element."""
    g = group.elements()
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert group.contains(torch.as_tensor(np.array(g), dtype=dtype)).all()
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, g.shape)
    assert group.contains(g + noise, tolerance=0.1).all()


@pytest.mark.parametrize(
    ("group", "matrix"),
    [
        ("C4", [[0.6, -0.8], [0.8, 0.6]]),
        ("D4", [[0.6, 0.8], [0.8, -0.6]]),
        ("SO(2)", [[1, 0], [0, -1]]),
        ("SO(3)", np.diag([1, 1, -1])),
        ("Dinfh", [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        ("Cinfh", np.diag([1, -1, 1])),
        ("Td", -np.eye(3)),
        ("D3h", np.diag([-1, 1, 1])),
        ("S4", np.diag([1, 1, -1])),
        ("Sym(3)", np.diag([1, 1, -1])),
        ("Sym(3)", [[1, 1, 0], [0, 0, 1], [0, 0, 0]]),
        ("C2×O(2)", np.eye(4)[[2, 3, 0, 1]]),
        ("O(3)", np.diag([1, 1, 2])),
    ],
)
def test_matrices_outside_are_noticed(group: str, matrix: np.ndarray) -> None:
    from intertwine.catalog import group as by_name

    G = by_name(group)
    assert not G.contains(matrix)
    with pytest.raises(
        ElementError, match=r"^1 of 1 matrices are not elements of .*: the largest defect is \d"
    ) as said:
        G.require(matrix)
    assert group in str(said.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e300])
@each_group
def test_poisoned_matrices_are_noticed(group: CatalogGroup, poison: float) -> None:
    g = np.stack([np.eye(group.dim)] * 3)
    g[1, 0, 0] = poison
    defect = r"the largest defect is \S+" if poison == 1e300 else "there is NaN or infinity in them"
    with pytest.raises(ElementError, match=f"1 of 3 matrices are not elements of .*: {defect}"):
        group.defining.matrix(g)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (5, 3, 2), (9,)])
def test_wrong_shapes_are_noticed(shape: tuple[int, ...]) -> None:
    with pytest.raises(ElementError) as said:
        SO3.require(np.ones(shape))
    assert f"shape (..., 3, 3), but got an array of shape {shape}" in str(said.value)


def test_lie_algebra_elements_are_checked() -> None:
    with pytest.raises(ElementError, match=r"not in the Lie algebra of O\(2\): its part outside is 1\.0e\+00"):
        O2.rep("1x1").lie_matrix(np.eye(2))
    with pytest.raises(ElementError, match="not in the Lie algebra of C4"):
        cyclic(4).rep("1x1").lie_matrix([[0, -1], [1, 0]])
    with pytest.raises(ElementError, match=r"array of shape \(3, 3\)"):
        O2.rep("1x1").lie_matrix(np.zeros((3, 3)))
    close(cyclic(4).rep("2x1").lie_matrix(np.zeros((5, 2, 2))), np.zeros((5, 4, 4)))


@each_continuous_group
def test_a_continuous_group_has_no_list_of_elements(group: CatalogGroup) -> None:
    assert group.order == math.inf
    with pytest.raises(ArgumentError, match=r"continuous and cannot list its elements\. Call sample"):
        group.elements()
    with pytest.raises(ArgumentError, match=r"is continuous: its regular rep has infinite dimension\. Call"):
        group.rep("1xregular")


@each_finite_group
def test_characters_are_orthogonal_over_the_elements(group: CatalogGroup) -> None:
    irreps = group.irreps(99)
    table = np.stack([matrix_trace(irrep.matrix(group.elements())) for irrep in irreps])
    close(table @ table.T / group.order, np.diag([float(len(irrep.endomorphisms)) for irrep in irreps]))


@each_group
def test_what_a_group_says_of_itself(group: Group) -> None:
    """Proper: no element has determinant −1. Whole: SO(n) or O(n) itself, and nothing else."""
    assert group.is_proper == bool((np.linalg.det(some(group, 0)) > 0).all())
    wholes = ("SO(2)", "O(2)", "O(2) by matrices", "SO(3)", "O(3)", "Sym(1)")
    assert group.is_full == (str(group) in wholes)


@each_group
def test_the_trivial_irrep_is_one_everywhere(group: CatalogGroup) -> None:
    trivial = group.irrep(group.trivial)
    assert trivial.is_trivial
    assert trivial.degree == 0
    close(trivial.matrix(some(group, 0)), 1.0)


@each_group
def test_arrays_are_the_callers_own(group: CatalogGroup) -> None:
    """They may be written to, and torch may share their memory; the group stays as it is."""

    def handed_out() -> list[np.ndarray]:
        found = [group.generators, group.lie_generators, group.sample(2)]
        found += [group.elements()] if group.is_finite else []
        return found + (list(group.quadrature(2)) if group.has_quadrature else [])

    before = [array.copy() for array in handed_out()]
    for array in handed_out():
        torch.from_numpy(array).fill_(7.0)
    for array, expected in zip(handed_out(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
