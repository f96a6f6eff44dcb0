"""Functions on homogeneous spaces: what quotients and induced reps permute, Frobenius reciprocity, Mackey functions."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine import nn
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group, symmetric
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, ElementError, RepMismatchError
from intertwine.groups import Subgroup
from intertwine.groups.rotations import GOLDEN
from intertwine.reps import HomogeneousSpace, Rep, intertwiners, spherical_harmonics
from intertwine.reps.homogeneous import cosets
from intertwine.testing import equivariance_error
from tests.registry import Q8, SKEW, close, evaluate, seeds, some

Oh, Ih, Dinfh = map(point_group, ("Oh", "Ih", "Dinfh"))
FINITE = [
    *(Oh.subgroup(name) for name in ("C4v", "C3v", "C2v", "D2h", "O", "Td")),
    Ih.subgroup("C5v"),
    *point_group("T").subgroups(),
    *point_group("D3h").subgroups(),
    *point_group("S4").subgroups(),
    *point_group("C3").subgroups(),
    dihedral(6).subgroup("D3", mirror=np.pi / 6),
    cyclic(8).subgroup("C2"),
    cyclic(1).subgroup("C1"),
    *symmetric(3).subgroups(),
    *symmetric(4).subgroups()[4:],
    *(cyclic(3) * cyclic(4)).subgroups(),
    *Q8.subgroups(),
]
CONTINUOUS = [
    O2.subgroup("SO(2)"),
    O3.subgroup("SO(3)"),
    O3.subgroup("SO(3)", axis=SKEW),
    *(Dinfh.subgroup(name) for name in ("Cinfv", "Dinf", "Cinfh", "Cinf")),
    *((cyclic(2) * O2).subgroup(name) for name in ("C1×O(2)", "C2×SO(2)")),
]


def name(x: object) -> str:
    return str(x).replace(" ", "")


each_index = pytest.mark.parametrize("subgroup", [*FINITE, *CONTINUOUS], ids=name)
each_finite = pytest.mark.parametrize("subgroup", FINITE, ids=name)


def trivial(group: CatalogGroup) -> Rep:
    return Rep(group, ((1, group.irreps(0)[0]),))


def index(subgroup: Subgroup) -> int:
    return len(cosets(subgroup))


def a_rep(group: CatalogGroup) -> Rep:
    """A small rep with several irreps, one of them twice, the last one first."""
    irreps = group.irreps(2)
    return 2 * irreps[-1].irreps + trivial(group)


# quotients ------------------------------------------------------------------------------------------------------------


@each_index
def test_a_quotient_permutes_the_cosets(subgroup: Subgroup) -> None:
    """ρ(g) has a 1 at (i, j) where g c_j lies in c_i H."""
    group, c = subgroup.parent, cosets(subgroup)
    rep, g = group.quotient(subgroup), some(group)
    assert rep.dim == len(c)
    moved = g[:, None] @ c
    goes = np.array([[subgroup.contains(c.swapaxes(-1, -2) @ m) for m in row] for row in moved])  # (g, j, i)
    close(rep.matrix(g), goes.swapaxes(-1, -2).astype(float))
    close(goes.sum(-1), 1)
    close(c[0], np.eye(group.dim))


@pytest.mark.parametrize(
    ("subgroup", "point", "count"),
    [
        (Oh.subgroup("C4v"), (0, 0, 1), 6),  # the faces of a cube
        (Oh.subgroup("C3v", axis=(1, 1, 1), mirror=(0, 0, 1)), (1, 1, 1), 8),  # its vertices
        (Oh.subgroup("C2v", axis=(1, 1, 0), mirror=(0, 0, 1)), (1, 1, 0), 12),  # its edges
        (Ih.subgroup("C5v", axis=(0, 1, GOLDEN), mirror=(0, 0, 1)), (0, 1, GOLDEN), 12),  # an icosahedron's vertices
        (point_group("I").subgroup("C3", axis=(1, 1, 1)), (1, 1, 1), 20),
        (point_group("T").subgroup("C3", axis=(1, 1, 1)), (1, 1, 1), 4),
        (point_group("D3h").subgroup("C2v", axis=(1, 0, 0), mirror=(0, 0, 1)), (1, 0, 0), 3),
        (dihedral(5).subgroup("D1"), (1, 0), 5),
    ],
    ids=name,
)
def test_quotients_move_points(subgroup: Subgroup, point: tuple, count: int) -> None:
    """The orbit of a point is permuted exactly as the cosets of its stabiliser are, in their order."""
    parent = subgroup.parent
    points = cosets(subgroup) @ np.array(point, float)
    assert len(np.unique(points.round(6) + 0.0, axis=0)) == len(points) == count
    for g in some(parent):
        close(parent.quotient(subgroup).matrix(g) @ points, points @ g)  # (ρ(g) f)(x) = f(g⁻¹ x) for f = coordinates


def test_permutations_of_things_are_a_quotient() -> None:
    """The cosets of the permutations that keep one of four things are the four things."""
    G = symmetric(4)
    subgroup = G.subgroup("6")
    (kept,) = np.flatnonzero(np.diagonal(subgroup.embed(subgroup.group.elements()).mean(0)) > 0.9)
    places = np.argmax(cosets(subgroup)[:, :, kept], 1)  # where each coset sends it
    close(G.quotient(subgroup).matrix(G.elements()), G.elements()[:, places][:, :, places])


@each_index
def test_each_orbit_has_one_invariant(subgroup: Subgroup) -> None:
    assert subgroup.parent.quotient(subgroup).count(trivial(subgroup.parent).terms[0][1]) == 1


@pytest.mark.parametrize("group", [Oh, point_group("T"), symmetric(4), Q8, cyclic(5), dihedral(4)], ids=str)
def test_the_quotient_by_one_element_is_regular(group: CatalogGroup) -> None:
    smallest = group.subgroups()[0]
    assert smallest.group.order == 1
    assert group.quotient(smallest).irreps == group.regular.irreps


@each_index
def test_the_quotient_by_all_is_trivial(subgroup: Subgroup) -> None:
    group = subgroup.parent
    if index(subgroup) == 1:
        assert group.quotient(subgroup) == trivial(group)


def test_many_cosets_of_a_continuous_subgroup() -> None:
    """The quotient holds irreps of a degree that only the number of cosets bounds."""
    group = cyclic(24) * SO2
    quotient = group.quotient(group.subgroup("C1×SO(2)"))
    assert quotient.irreps == group.rep(" + ".join(f"1x({k},0)" for k in range(13)))


# induced reps ---------------------------------------------------------------------------------------------------------


@each_index
def test_induced_reps_are_orthogonal_homomorphisms(subgroup: Subgroup) -> None:
    group, fibre = subgroup.parent, a_rep(subgroup.group)
    rep, g = group.induce(fibre, subgroup), some(group)
    matrix = rep.matrix(g)
    assert rep.dim == index(subgroup) * fibre.dim
    close(matrix[:, None] @ matrix, rep.matrix(g[:, None] @ g))
    close(matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(rep.dim), matrix.shape))


@each_index
def test_blocks_of_induced_reps(subgroup: Subgroup) -> None:
    """Block (i, j) of the induced rep is ψ(cᵢ⁻¹ g cⱼ) where that lies in H, and 0 elsewhere."""
    group, fibre, c = subgroup.parent, a_rep(subgroup.group), cosets(subgroup)
    d = fibre.dim
    for g in some(group)[:6]:
        whole = group.induce(fibre, subgroup).matrix(g)
        for i, j in product(range(len(c)), repeat=2):
            h = c[i].T @ g @ c[j]
            expected = fibre.matrix(subgroup.candidate(h)) if subgroup.contains(h) else np.zeros((d, d))
            close(whole[i * d : (i + 1) * d, j * d : (j + 1) * d], expected, 1e-9)


@each_index
def test_frobenius_reciprocity(subgroup: Subgroup) -> None:
    """dim Hom_G(Ind ψ, σ) = dim Hom_H(ψ, σ|_H), for all irreps ψ and σ of finite groups, else up to degree 3."""
    group, inner = subgroup.parent, subgroup.group
    for psi in inner.irreps(min(inner.order, 2)):
        induced = group.induce(psi.irreps, subgroup)
        for sigma in group.irreps(min(group.order, 3)):
            assert len(intertwiners(induced, sigma)) == len(intertwiners(psi, sigma.irreps.restrict(subgroup)))


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (Oh.subgroup("D4h"), point_group("D4h").subgroup("D4")),
        (Oh.subgroup("Td"), point_group("Td").subgroup("C3v")),
        (Ih.subgroup("Th"), point_group("Th").subgroup("D2")),
        (O3.subgroup("SO(3)"), SO3.subgroup("SO(3)", axis=(1, 0, 0))),
        (Dinfh.subgroup("Cinfv"), O2.subgroup("SO(2)")),
        (cyclic(8).subgroup("C4"), cyclic(4).subgroup("C2")),
    ],
    ids=name,
)
def test_induction_in_stages(outer: Subgroup, inner: Subgroup) -> None:
    group, rep = outer.parent, a_rep(inner.group)
    stepwise = group.induce(outer.group.induce(rep, inner), outer)
    assert stepwise.irreps == group.induce(rep, inner.within(outer)).irreps


@each_index
def test_the_projection_formula(subgroup: Subgroup) -> None:
    """Ind(ψ ⊗ σ|_H) = Ind ψ ⊗ σ."""
    group, psi = subgroup.parent, subgroup.group.irreps(1)[-1].irreps
    sigma = group.irreps(1)[-1].irreps
    assert group.induce(psi * sigma.restrict(subgroup), subgroup).irreps == (group.induce(psi, subgroup) * sigma).irreps


@pytest.mark.parametrize(
    ("subgroup", "rep", "expected"),
    [
        (O3.subgroup("SO(3)"), "1x2", "1x2e + 1x2o"),
        (O3.subgroup("SO(3)"), "1x0 + 2x1", "1x0e + 1x0o + 2x1o + 2x1e"),
        (O2.subgroup("SO(2)"), "1x0 + 1x3", "1x0e + 1x0o + 2x3"),
        (Dinfh.subgroup("Cinfv"), "1x1", "1x1u + 1x1g"),
        (Dinfh.subgroup("Cinfv"), "1x0e", "1x0eg + 1x0eu"),
        (point_group("T").subgroup("C3"), "1x1", "1xE + 2xT"),
        (Q8.subgroups()[2], "1x1", "1x1"),  # a complex line of the quaternions: type C below, type H above
        (point_group("C3").subgroup("C3"), "1x1", "1xE"),
    ],
    ids=name,
)
def test_known_induced_reps(subgroup: Subgroup, rep: str, expected: str) -> None:
    group = subgroup.parent
    assert group.induce(subgroup.group.rep(rep), subgroup).irreps == group.rep(expected).irreps


@each_index
def test_induced_reps_print_so_that_they_read_back(subgroup: Subgroup) -> None:
    group = subgroup.parent
    for rep in (group.quotient(subgroup), group.induce(a_rep(subgroup.group), subgroup)):
        assert evaluate(rep) == rep


def test_names_of_induced_reps() -> None:
    H = Oh.subgroup("C4v")
    assert str(2 * Oh.quotient(H)) == "2x[Oh/C4v]"
    assert repr(Oh.quotient(H)) == "tw.point_group('Oh').quotient(tw.point_group('Oh').subgroup('C4v'))"
    assert str(O2.induce(SO2.rep("1x1 + 1x0"), O2.subgroup("SO(2)"))) == "1x[1x1 + 1x0↑O(2)]"


@pytest.mark.parametrize("subgroup", [O2.subgroup("SO(2)"), Oh.subgroup("C4v")], ids=name)
def test_inducing_nothing_gives_nothing(subgroup: Subgroup) -> None:
    assert subgroup.parent.induce(subgroup.group.rep(""), subgroup).dim == 0


@pytest.mark.parametrize(
    ("rep_in", "rep_out"),
    [
        (Oh.quotient(Oh.subgroup("C4v")), Oh.rep("1xA1g + 2xT1u") + Oh.quotient(Oh.subgroup("C4v"))),
        (2 * O2.induce(SO2.rep("1x1"), O2.subgroup("SO(2)")), O2.rep("1x0e + 1x1")),
        (symmetric(4).quotient(symmetric(4).subgroup("2a")), symmetric(4).defining),
        (O3.induce(SO3.rep("1x2 + 1x0"), O3.subgroup("SO(3)")), O3.rep("1x1o").symmetric_power(2)),
    ],
    ids=name,
)
def test_linear_layers_between_such_reps(rep_in: Rep, rep_out: Rep) -> None:
    torch.manual_seed(0)
    assert equivariance_error(nn.Linear(rep_in, 3 * rep_out).double()) < 1e-12


def test_mistakes_are_explained() -> None:
    cone = O3.subgroup("Cinfv")
    with pytest.raises(ArgumentError, match=r"infinitely many cosets in O\(3\).*Call functions\(subgroup, degree\)"):
        O3.quotient(cone)
    with pytest.raises(ArgumentError, match="infinitely many cosets"):
        O3.induce(O2.rep("1x1"), cone)
    for call in (Oh.quotient, lambda H: Oh.functions(H, 2), lambda H: Oh.induce(O2.rep("1x1"), H)):
        for wrong in (cone, "C4v", O2):
            with pytest.raises(RepMismatchError, match=r"A subgroup of Oh was expected, but got .*"):
                call(wrong)
    with pytest.raises(RepMismatchError, match=r"a copy of D4, but got a rep of SO\(2\)\. Call .*\.rep\(…\) for one"):
        Oh.induce(SO2.rep("1x1"), Oh.subgroup("C4v"))
    with pytest.raises(ArgumentError, match="more than 5 cosets in Oh; that is too many to list"):
        cosets(Oh.subgroup("C4v"), largest=5)


# Mackey functions -----------------------------------------------------------------------------------------------------

SPACES = [
    (SO3.subgroup("Cinf"), "1x0"),
    (SO3.subgroup("Cinf", axis=SKEW), "1x1 + 1x0"),
    (SO3.subgroup("Dinf"), "1x0o"),
    (SO3.subgroup("C1"), "2x0"),
    (SO3.subgroup("T"), "1xE"),
    (SO3.subgroup("SO(3)"), "1x1"),
    (O3.subgroup("Cinfv"), "1x0e"),
    (O3.subgroup("Cinfv", axis=SKEW), "1x1 + 2x0o + 1x1"),
    (O3.subgroup("C3v"), "1x1"),
    (SO2.subgroup("C1"), "1x0"),
    (SO2.subgroup("C5"), "1x1"),
    (O2.subgroup("SO(2)"), "1x2"),
    (O2.subgroup("C1"), "1x0"),
    (Oh.subgroup("C4v"), "1x1 + 1x0o"),
    (point_group("T").subgroup("C3"), "1x1"),
    (symmetric(4).subgroup("6"), "1x0"),
    (Q8.subgroup("4a"), "1x1"),
    (Q8.subgroup("1"), "2x0"),
    ((cyclic(3) * cyclic(4)).subgroup("2"), "1x1"),
    ((cyclic(2) * O2).subgroup("C2×SO(2)"), "1x(1,1)"),
]


each_space = pytest.mark.parametrize(
    "space", [HomogeneousSpace(H, H.group.rep(text)) for H, text in SPACES], ids=lambda space: name(space.subgroup)
)
DEGREE = 3


@each_space
def test_values_turn_with_the_subgroup(space: HomogeneousSpace) -> None:
    """f(g h) = ψ(h)⁻¹ f(g)."""
    g, h = space.group.sample(5, 1), space.subgroup.group.sample(5, 2)
    moved = space.evaluate(DEGREE, g @ space.subgroup.embed(h))
    close(moved, space.fibre.matrix(h).swapaxes(-1, -2) @ space.evaluate(DEGREE, g))


@each_space
def test_the_group_moves_coefficients(space: HomogeneousSpace) -> None:
    """(k f)(g) = f(k⁻¹ g): the function with coefficients ρ(k) x."""
    g, k = space.group.sample(5, 1), space.group.sample(5, 2)
    rep = space.rep(DEGREE)
    close(space.evaluate(DEGREE, k.swapaxes(-1, -2) @ g), space.evaluate(DEGREE, g) @ rep.matrix(k))


@each_space
def test_basis_functions_are_orthonormal(space: HomogeneousSpace) -> None:
    g, weights = space.group.quadrature(2 * DEGREE)
    values = space.evaluate(DEGREE, g)
    assert values.shape == (len(g), space.fibre.dim, space.rep(DEGREE).dim)
    close(np.einsum("q,qai,qaj->ij", weights, values, values), np.eye(values.shape[-1]))


@each_space
def test_all_functions_are_there(space: HomogeneousSpace) -> None:
    """Each irrep σ of G as often as Frobenius says: dim Hom_H(σ, ψ) over the size of its type."""
    rep = space.rep(DEGREE)
    for irrep in space.group.irreps(DEGREE):
        maps = intertwiners(irrep.irreps.restrict(space.subgroup), space.fibre)
        assert len(irrep.endomorphisms) * rep.count(irrep) == len(maps)
    assert rep == space.group.functions(space.subgroup, DEGREE, space.fibre)


@pytest.mark.parametrize("subgroup", [H for H in FINITE if H.parent.order <= 24], ids=name)
def test_complete_functions_on_a_finite_space(subgroup: Subgroup) -> None:
    """All degrees give all functions: as many as there are values, and the induced rep."""
    space = HomogeneousSpace(subgroup, a_rep(subgroup.group))
    degree, group = int(subgroup.parent.order), subgroup.parent
    values = space.evaluate(degree, cosets(subgroup)).reshape(-1, space.rep(degree).dim)
    close(values.T @ values / index(subgroup), np.eye(len(values)))
    assert space.rep(degree) == group.induce(space.fibre, subgroup).irreps


@pytest.mark.parametrize(("group", "title"), [(SO3, "Cinf"), (O3, "Cinfv")], ids=str)
@pytest.mark.parametrize("axis", [(0, 0, 1), SKEW], ids=str)
def test_functions_on_the_sphere_are_harmonics(group: CatalogGroup, title: str, axis: tuple) -> None:
    """With p = g · axis, the basis function of degree l is ±Y_l(p): the same sign for all components."""
    subgroup = group.subgroup(title, axis=axis)
    assert group.functions(subgroup, 6) == group.harmonics(6)
    g = group.sample(20, 1)
    f = HomogeneousSpace(subgroup, trivial(subgroup.group)).evaluate(6, g)[:, 0]
    for l in range(7):
        block = f[:, l * l : (l + 1) ** 2]
        harmonics = spherical_harmonics(l, g @ np.array(axis))
        sign = np.sign(np.sum(block * harmonics))
        close(block, sign * harmonics)


@given(seeds, st.sampled_from([(SO3, "C1"), (O3, "Cinfv"), (O2, "SO(2)"), (Oh, "C4v")]))
def test_tensors_give_tensors(seed: int, which: tuple[CatalogGroup, str]) -> None:
    subgroup = which[0].subgroup(which[1])
    space = HomogeneousSpace(subgroup, trivial(subgroup.group))
    g = which[0].sample(4, seed).reshape(2, 2, which[0].dim, which[0].dim)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        values = space.evaluate(2, torch.tensor(g, dtype=dtype))
        assert values.dtype == dtype
        close(values.double().numpy(), space.evaluate(2, g), tolerance)


def test_values_are_differentiable() -> None:
    """d/dt f(exp(tX) g) = −f(g) dρ(X)."""
    subgroup = SO3.subgroup("Cinf")
    space = HomogeneousSpace(subgroup, subgroup.group.rep("1x1 + 1x0"))
    x, g = np.tensordot([0.3, -1.0, 0.7], SO3.lie_generators, 1), SO3.sample(1, 3)[0]

    def along(t: torch.Tensor) -> torch.Tensor:
        return space.evaluate(DEGREE, torch.matrix_exp(t * torch.tensor(x)) @ torch.tensor(g))

    slope = torch.autograd.functional.jacobian(along, torch.tensor(0.0, dtype=torch.float64))
    close(slope.numpy(), -space.evaluate(DEGREE, g) @ space.rep(DEGREE).lie_matrix(x))


def test_small_spaces() -> None:
    sphere = SO3.subgroup("Cinf")
    assert HomogeneousSpace(sphere, sphere.group.rep("")).evaluate(2, np.eye(3)).shape == (0, 0)
    assert HomogeneousSpace(sphere, sphere.group.rep("1x3")).evaluate(2, np.eye(3)).shape == (2, 0)
    assert SO3.functions(sphere, 0) == SO3.rep("1x0")
    assert str(O2.functions(O2.subgroup("C1"), 0)) == "1x0e + 1x0o"
    assert cyclic(1).functions(cyclic(1).subgroup("C1"), 0) == cyclic(1).rep("1x0")


def test_mistakes_about_functions_are_explained() -> None:
    sphere = SO3.subgroup("Cinf")
    with pytest.raises(
        RepMismatchError, match=r"on SO\(3\)/Cinf have values in a rep of SO\(2\), but got a rep of SO\(3\)"
    ):
        HomogeneousSpace(sphere, SO3.rep("1x1"))
    for degree in (-1, 1.5, "2"):
        with pytest.raises(ArgumentError, match=f"an integer from 0 on, but got {degree!r}"):
            SO3.functions(sphere, degree)
    with pytest.raises(ElementError):
        HomogeneousSpace(sphere, SO2.rep("1x0")).evaluate(2, 2 * np.eye(3))
