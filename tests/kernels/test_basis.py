"""Steerable kernels: the constraint, completeness, orthonormality."""

import numpy as np
import pytest
import torch

from intertwine import kernel_basis
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group, symmetric
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.kernels import KernelBasis
from intertwine.reps import Rep
from intertwine.reps.irrep import matrix_trace
from intertwine.reps.wigner import harmonic_matrix
from intertwine.testing import law_elements
from tests.registry import REPS, SKEW, SU2, average, close


def _restricted(name: str, label: str = "1x1o") -> Rep:
    return O3.rep(label).restrict(O3.subgroup(name, axis=SKEW, mirror=(0, 1, 1)))


# How a group moves coordinates: six families, in the plane and in space, and actions that are not the defining rep.
ACTIONS: dict[str, Rep] = {
    **{str(rep.group): rep for rep in [SO2.defining, O2.defining, SO3.defining, O3.defining]},
    **{f"C{n}": cyclic(n).defining for n in (1, 2, 3, 4)},
    **{f"D{n}": dihedral(n).defining for n in (1, 2, 3, 4)},
    **{name: group(name).defining for name in ("Cinfh", "Dinfh")},
    **{f"{name} in space": _restricted(name) for name in ("Cinf", "Cinfv", "Dinf", "C2v", "D3", "Cinfh", "Dinfh")},
    **{f"{name} by matrices": group(name).defining for name in ("C4v", "D3h", "S4", "Td", "O", "Ih")},
    "three things": symmetric(3).defining,
    "turns of SU(2)": SU2.rep("1x2"),
    "a factor": (SO2 * cyclic(3)).rep("1x(1,0)"),
    "pseudovectors": O3.rep("1x1e"),
    "faster turns": O2.rep("1x2"),
    "only mirrors": O2.rep("2x0o"),
}
DEGREE = 3


def _pair(action: Rep) -> tuple[Rep, Rep]:
    """Two reps of the action's group, one with coordinates of its own."""
    labels = action.group.labels(1)
    rep = action.group.rep(" + ".join(f"{1 + i % 2}x{label}" for i, label in enumerate(labels[-3:])))
    own = [r for r in REPS if r.group == action.group] or [rep]
    return rep, min(own[-2:], key=lambda r: r.dim)


each_action = pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())


def points(action: Rep, count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, action.dim))


@pytest.mark.parametrize("exchanged", [False, True])
@each_action
def test_the_constraint(action: Rep, exchanged: bool) -> None:
    """K(g r) = ρ_out(g) K(r) ρ_in(g)⁻¹ at random points, for generators and random elements."""
    rep_in, rep_out = _pair(action)[:: -1 if exchanged else 1]
    basis, r = kernel_basis(action, rep_in, rep_out, DEGREE), points(action)
    assert len(basis) > 0
    kernels = basis(r)
    assert kernels.shape == (len(r), len(basis), rep_out.dim, rep_in.dim)
    for g in law_elements(action.group, samples=3):
        moved = np.einsum("op,nkpj,ij->nkoi", rep_out.matrix(g), kernels, rep_in.matrix(g))
        close(basis(r @ action.matrix(g).T), moved)


@each_action
def test_complete_in_every_degree(action: Rep) -> None:
    """There are as many kernels of degree l as invariants in Y_l ⊗ ρ_in ⊗ ρ_out: the average of their characters."""
    rep_in, rep_out = _pair(action)
    degrees = kernel_basis(action, rep_in, rep_out, DEGREE).degrees
    for degree in range(DEGREE + 1):
        total = degree * max(action.degree, 1) + rep_in.degree + rep_out.degree
        g, _ = action.group.quadrature(total)
        characters = (
            matrix_trace(harmonic_matrix(degree, action.matrix(g))) * rep_in.character(g) * rep_out.character(g)
        )
        close(average(action.group, total, characters), float(np.sum(degrees == degree)))


@each_action
def test_orthonormal(action: Rep) -> None:
    """The mean of tr Kᵢᵀ Kⱼ over the circle or sphere is δᵢⱼ; rotations of one point sample it exactly."""
    space = {2: SO2, 3: SO3}[action.dim]
    g, weights = space.quadrature(2 * DEGREE)
    rep_in, rep_out = _pair(action)
    basis = kernel_basis(action, rep_in, rep_out, DEGREE)
    kernels = basis(g[:, :, 0]).reshape(len(g), len(basis), -1)
    close(np.einsum("q,qki,qli->kl", weights, kernels, kernels), np.eye(len(basis)))


@each_action
def test_each_kernel_has_one_degree(action: Rep) -> None:
    """Kernels of different degree use different harmonics, so radial functions can tell them apart."""
    basis = kernel_basis(action, *_pair(action), DEGREE)
    sizes = [1 if degree == 0 else 2 if action.dim == 2 else 2 * degree + 1 for degree in range(DEGREE + 1)]
    of_row = np.repeat(np.arange(DEGREE + 1), sizes)
    used = np.abs(basis.coefficients).max((2, 3)) > 1e-12
    assert all({*of_row[row]} == {degree} for row, degree in zip(used, basis.degrees, strict=True))


@pytest.mark.parametrize(
    ("G", "rep_in", "rep_out"),
    [
        (SO2, "1x0 + 1x2", "2x1"),
        (O2, "1x0o + 1x1", "1x0e + 1x2"),
        (SO3, "1x0 + 1x1", "1x2"),
        (O3, "1x1e", "1x0e + 1x2o"),
    ],
)
def test_the_default_degree_leaves_nothing_out(G: object, rep_in: str, rep_out: str) -> None:
    """For the whole group acting by its defining rep, kernels end at the sum of the degrees."""
    a, b = G.rep(rep_in), G.rep(rep_out)
    everything = kernel_basis(G.defining, a, b, a.degree + b.degree + 3)
    assert len(kernel_basis(G.defining, a, b)) == len(everything)
    assert everything.degrees.max() <= a.degree + b.degree


def test_known_kernels() -> None:
    """Scalar to vector: r. Vector to scalar: r as a row. Vector to vector: the identity, r ×, r rᵀ without trace."""
    r = np.array([0.6, 0.0, 0.8])
    close(kernel_basis(O3.defining, O3.rep("0e"), O3.rep("1o"))(r)[0, :, 0], r)
    close(kernel_basis(O3.defining, O3.rep("1o"), O3.rep("0e"))(r)[0, 0], r)
    even = kernel_basis(O3.defining, O3.rep("1o"), O3.rep("1o"))
    assert even.degrees.tolist() == [0, 2]
    tensor = np.outer(r, r) - np.eye(3) / 3
    for kernel, expected in zip(even(r), [np.eye(3), tensor], strict=True):
        close(kernel / np.linalg.norm(kernel), expected / np.linalg.norm(expected))
    odd = kernel_basis(O3.defining, O3.rep("1o"), O3.rep("1e"))
    cross = odd(r)[0] @ np.array([0, 1.0, 0])
    assert odd.degrees.tolist() == [1]
    close(np.abs(cross / np.linalg.norm(cross)), np.abs(np.cross(r, [0, 1.0, 0])))


def test_only_the_direction_counts() -> None:
    basis, r = kernel_basis(O3.defining, O3.rep("1o"), O3.rep("2e")), points(O3.defining)
    close(basis(1e-9 * r), basis(r))
    assert np.isfinite(basis(np.zeros(3))).all()
    assert basis(r.reshape(1, 5, 1, 3)).shape == (1, 5, 1, len(basis), 5, 3)
    assert basis(np.zeros((0, 3))).shape == (0, len(basis), 5, 3)


@each_action
def test_tensors_in_tensors_out(action: Rep) -> None:
    basis, r = kernel_basis(action, *_pair(action), DEGREE), points(action)
    for dtype, tolerance in ((torch.float64, 1e-13), (torch.float32, 1e-5)):
        got = basis(torch.tensor(r, dtype=dtype))
        assert got.dtype == dtype
        close(got, basis(r), tolerance)


def test_kernels_are_differentiable() -> None:
    basis = kernel_basis(O2.defining, O2.rep("1"), O2.rep("1x0e + 1x2"))
    r = torch.tensor(points(O2.defining), requires_grad=True)
    assert torch.autograd.gradcheck(basis, (r,))


def test_equal_irreps_of_several_degrees_stay_apart() -> None:
    """On the cone, invariants occur in the harmonics of every degree."""
    basis = kernel_basis(ACTIONS["Cinfv in space"], O2.rep("0e"), O2.rep("0e"), 4)
    assert sorted(basis.degrees) == [0, 1, 2, 3, 4]


def test_no_kernels() -> None:
    """Between a scalar and a pseudoscalar there is none in space: r alone has no handedness."""
    basis = kernel_basis(O3.defining, O3.rep("0e"), O3.rep("0o"), 5)
    assert len(basis) == 0
    assert basis.degrees.shape == (0,)
    assert basis(points(O3.defining)).shape == (5, 0, 1, 1)


def test_bases_are_values() -> None:
    a = kernel_basis(O3.defining, O3.rep("1x1o"), O3.rep("0e"))
    b = kernel_basis(O3.rep("1x1o"), O3.irrep("1o"), O3.irrep("0e"))
    assert isinstance(a, KernelBasis)
    assert a == b
    assert hash(a) == hash(b)


def test_mistakes_are_named() -> None:
    with pytest.raises(RepMismatchError, match=r"reps of SO\(3\), O\(3\), O\(3\)"):
        kernel_basis(SO3.defining, O3.rep("0e"), O3.rep("0e"))
    with pytest.raises(ArgumentError, match=r"moves 2 or 3 coordinates, but the rep 2x1o of O\(3\) has dimension 6"):
        kernel_basis(O3.rep("2x1o"), O3.rep("0e"), O3.rep("0e"))
    with pytest.raises(ArgumentError, match="an integer from 0 on, but got -1"):
        kernel_basis(O3.defining, O3.rep("0e"), O3.rep("0e"), -1)
    with pytest.raises(ArgumentError, match=r"takes vectors of shape \(..., 3\)|shape \(\.\.\., 3\)"):
        kernel_basis(O3.defining, O3.rep("0e"), O3.rep("0e"))(np.zeros((4, 2)))


def test_a_basis_prints_in_one_line() -> None:
    assert (
        repr(kernel_basis(O3.defining, O3.rep("1x0e"), O3.rep("1x1o")))
        == "<1 kernels 1x0e → 1x1o of O(3) up to degree 1>"
    )
