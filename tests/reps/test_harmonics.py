"""Harmonics on the sphere and the circle: e3nn's numbers, the laws, and points where others break."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import eval_legendre

from intertwine.catalog import O2, O3
from intertwine.catalog.spatial import rotation_quadrature
from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps import circular_harmonics, clebsch_gordan, spherical_harmonics
from intertwine.reps.harmonics import harmonics_function, unit_vectors
from tests.registry import close, seeds, some
from tests.reps.reference import REFERENCE

HARMONICS = [(circular_harmonics, 2), (spherical_harmonics, 3)]
both = pytest.mark.parametrize(("harmonics", "n"), HARMONICS, ids=["circle", "sphere"])


def points(n: int, count: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, n))


# numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["component", "norm", "integral"])
@pytest.mark.parametrize("normalize", [True, False])
def test_they_are_those_of_e3nn(normalization: str, normalize: bool) -> None:
    expected = REFERENCE[f"sh_{normalization}_{'normalized' if normalize else 'polynomial'}"]
    top = int(np.sqrt(expected.shape[-1])) - 1
    r = REFERENCE["points"]
    got = spherical_harmonics(range(top + 1), r, normalization, normalize)
    kept = np.linalg.norm(r, axis=-1) > 0  # at the origin e3nn divides by a small number instead
    close(got[kept], expected[kept])


def test_golden_numbers() -> None:
    v = np.array([0.3, -0.5, 0.7])
    v2 = [0.813327, -0.580948, -0.089443, -1.355544, 0.774597]
    v3 = [0.865943, -1.07593, 0.204143, 0.820183, 0.476334, -1.024695, 0.322114]
    close(spherical_harmonics(1, v, normalize=False), np.sqrt(3) * v)
    close(spherical_harmonics([2, 3], v, normalize=False), np.array([*v2, *v3]), 1e-6)


def test_polynomials_in_closed_form() -> None:
    x, y, z = r = points(3).T
    close(spherical_harmonics(0, r.T), np.ones((7, 1)))
    close(spherical_harmonics(1, r.T, normalize=False), np.sqrt(3) * r.T)
    second = np.sqrt(15) * np.stack(
        [x * z, x * y, (2 * y * y - x * x - z * z) / np.sqrt(12), y * z, (z * z - x * x) / 2], -1
    )
    close(spherical_harmonics(2, r.T, normalize=False), second)
    x, y = r = points(2).T
    close(circular_harmonics([1, 2], r.T, "norm", normalize=False), np.stack([x, y, x * x - y * y, 2 * x * y], -1))


# laws -----------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("degree", [0, 1, 2, 7, 30])
def test_the_addition_theorem(harmonics: object, n: int, degree: int) -> None:
    """The sum over components of Y(a) Y(b) is a Legendre (Chebyshev) polynomial of the angle between a and b."""
    a, b = (unit_vectors(points(n, seed=seed)) for seed in (0, 1))
    cosine = (a * b).sum(-1)
    polynomial = eval_legendre(degree, cosine) if n == 3 else np.cos(degree * np.arccos(cosine))
    close((harmonics(degree, a, "norm") * harmonics(degree, b, "norm")).sum(-1), polynomial)
    close((harmonics(degree, a) ** 2).sum(-1), harmonics(degree, a).shape[-1])


@pytest.mark.parametrize("normalization", ["component", "integral"])
def test_they_are_orthonormal_up_to_degree_30(normalization: str) -> None:
    degrees = range(31)
    angles, nodes, shares = 2 * np.pi * np.arange(61) / 61, *np.polynomial.legendre.leggauss(31)
    ring, height = np.stack([np.sin(angles), np.cos(angles)], -1), nodes[:, None, None] * np.ones((31, 61, 1))
    side = np.sqrt(1 - nodes**2)[:, None, None] * ring
    r = np.concatenate([side[..., :1], height, side[..., 1:]], -1).reshape(-1, 3)
    weights = np.repeat(shares / 2 / 61, 61)
    Y = spherical_harmonics(degrees, r, normalization)
    scale = 4 * np.pi if normalization == "integral" else 1.0
    close((Y * weights[:, None]).T @ Y * scale, np.eye(31**2))
    circle = circular_harmonics(degrees, ring, normalization)
    scale = 2 * np.pi if normalization == "integral" else 1.0
    close(circle.T @ circle / 61 * scale, np.eye(61))


@both
@given(seed=seeds)
def test_they_move_with_their_rep(harmonics: object, n: int, seed: int) -> None:
    G = O2 if n == 2 else O3
    g, r = some(G, seed), points(n, seed=seed)
    matrices = G.harmonics(6).matrix(g).swapaxes(-1, -2)
    for normalize in (True, False):
        moved = harmonics(range(7), r @ g.swapaxes(-1, -2), normalize=normalize)
        close(moved, harmonics(range(7), r, normalize=normalize) @ matrices, 1e-12 * max(1e2, np.abs(moved).max()))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("float32", 3e-7), ("float64", 2e-15)])
@pytest.mark.parametrize("degree", [22, 185, 400])
def test_no_degree_is_too_high(degree: int, dtype: str, tolerance: float) -> None:
    """At the poles, near them and elsewhere: |Y_l|² = 2l + 1, and at the poles only m = 0 is left."""
    near = [[0, 1, 0], [0, -1, 0], [1e-3, 1, 0], [1e-2, 1, 1e-3], [0.1, -1, 0.1], [0.3, 1, 0.2], [1, 0, 0], [1, 1, 1]]
    values = spherical_harmonics(degree, np.array(near, dtype)).astype(np.float64) / np.sqrt(2 * degree + 1)
    assert np.abs(np.linalg.norm(values, axis=1) - 1).max() < min(tolerance * degree, 1e-2)
    poles = np.outer([1, (-1) ** degree], np.eye(2 * degree + 1)[degree])
    assert np.abs(values[:2] - poles).max() < tolerance * degree
    angle = np.arctan2(0.3, 0.2)  # and Y_m ~ cos mφ, sin mφ, about the polar axis
    pairs = np.stack([values[5, degree + 1 :], values[5, :degree][::-1]], -1)
    turns = np.stack([np.cos(angle * np.arange(1, degree + 1)), np.sin(angle * np.arange(1, degree + 1))], -1)
    assert np.abs(pairs - turns * np.sum(pairs * turns, -1, keepdims=True)).max() < tolerance * degree


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_as_long_as_it_should_be(dtype: torch.dtype) -> None:
    """Steps that all round the same way must not add up: |Y_l|² = 2l + 1, and second derivatives are finite."""
    r = torch.tensor([[0.3, 0.4, -0.5], [0, 1, 0], [1, 2, 3]], dtype=dtype)
    for degree in (20, 60, 200):
        values = spherical_harmonics(degree, r)
        assert values.dtype == dtype
        length = values.double().square().sum(-1) / (2 * degree + 1)
        assert (length - 1).abs().max() < 4 * torch.finfo(dtype).eps
    gradient = torch.func.jacrev(torch.func.jacrev(lambda r: spherical_harmonics(8, r).sum()))(r[0])
    assert gradient.isfinite().all()


@given(seeds)
def test_the_product_with_the_vector_raises_the_degree(seed: int) -> None:
    """Y_l+1 is the (l + 1)-part of Y_l ⊗ r, for the polynomials: this fixes the basis and its signs."""
    r = points(3, seed=seed)
    blocks = [spherical_harmonics(l, r, "norm", normalize=False) for l in range(6)]
    for l in range(5):
        irreps = [O3.irrep(f"{k}{'eo'[k % 2]}") for k in (l, 1, l + 1)]
        raised = np.einsum("ijk,ni,nj->nk", clebsch_gordan(*irreps)[0], blocks[l], r)
        ratio = (raised * blocks[l + 1]).sum(-1) / (blocks[l + 1] ** 2).sum(-1)
        assert ratio.min() > 0
        close(raised, ratio[0] * blocks[l + 1], 1e-10 * max(1, np.abs(raised).max()))


@both
@given(scale=st.floats(0.01, 100), seed=seeds)
def test_length_and_degree(harmonics: object, n: int, scale: float, seed: int) -> None:
    r = points(n, seed=seed)
    for degree in range(5):
        polynomial = harmonics(degree, r, normalize=False)
        ratio = harmonics(degree, scale * r, normalize=False) / scale**degree
        close(ratio, polynomial, 1e-10 * max(1, np.abs(polynomial).max()))
        close(harmonics(degree, scale * r), harmonics(degree, r))


@both
def test_polynomials_are_harmonic(harmonics: object, n: int) -> None:
    """Their Laplacian is zero."""
    r = torch.as_tensor(points(n, 1)[0])
    twice = torch.func.jacrev(torch.func.jacrev(lambda x: harmonics(range(5), x, normalize=False)))
    hessian = twice(r)
    close(torch.einsum("kii->k", hessian), 0.0)


@both
def test_degrees_come_in_the_wanted_order(harmonics: object, n: int) -> None:
    r = points(n)
    close(harmonics([3, 0, 1, 3], r), np.concatenate([harmonics(l, r) for l in (3, 0, 1, 3)], -1))
    assert harmonics([], r).shape == (7, 0)
    close(harmonics(iter([2]), r), harmonics(np.int64(2), r))
    assert harmonics_function(n) is harmonics


# points where others break --------------------------------------------------------------------------------------------


@both
def test_the_origin_and_the_axes_are_points_like_others(harmonics: object, n: int) -> None:
    r = torch.cat([torch.zeros(1, n), torch.eye(n), -torch.eye(n)]).double().requires_grad_()
    for normalize in (True, False):
        Y = harmonics(range(5), r, normalize=normalize)
        assert Y.isfinite().all()
        close(Y[0].detach(), np.eye(Y.shape[-1])[0])
        (gradient,) = torch.autograd.grad((Y * torch.arange(Y.shape[-1])).sum(), r, create_graph=True)
        assert gradient.isfinite().all()
        (second,) = torch.autograd.grad((gradient**2).sum(), r)
        assert second.isfinite().all()
    assert torch.autograd.grad(harmonics(1, r, normalize=False)[0, 0], r)[0][0, 0] != 0


@both
@pytest.mark.parametrize("normalize", [True, False])
def test_two_derivatives(harmonics: object, n: int, normalize: bool) -> None:
    r = torch.cat([torch.as_tensor(points(n, 2)), torch.eye(n, dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: harmonics([0, 1, 2, 3], x, normalize=normalize), r)
    assert torch.autograd.gradgradcheck(lambda x: harmonics([1, 2, 3], x, normalize=normalize), r)


@both
@pytest.mark.parametrize("length", [1e-300, 1e-160, 1e-30, 1e30, 1e160, 1e300])
def test_any_length_has_a_direction(harmonics: object, n: int, length: float) -> None:
    r = unit_vectors(points(n))
    close(harmonics(range(4), length * r), harmonics(range(4), r))
    close(harmonics(range(4), torch.as_tensor(length * r)), harmonics(range(4), r))


@both
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_dtype_is_kept(harmonics: object, n: int, dtype: str) -> None:
    r = points(n, 6).reshape(2, 3, n)
    tensor = torch.as_tensor(r).to(getattr(torch, dtype))
    Y = harmonics(range(4), tensor)
    assert (Y.dtype, Y.shape) == (tensor.dtype, (2, 3, 7 if n == 2 else 16))
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-2, "bfloat16": 2e-1}[dtype]
    close(Y.double(), harmonics(range(4), tensor.double()), tolerance)
    if dtype != "bfloat16":
        assert harmonics(range(4), r.astype(dtype)).dtype == np.dtype(dtype)
        assert harmonics(range(4), r[0, 0].astype(dtype)).dtype == np.dtype(dtype)


@both
def test_numpy_and_torch_agree(harmonics: object, n: int) -> None:
    for shape in ((n,), (0, n), (2, 3, n)):
        r = np.random.default_rng(0).normal(size=shape)
        tensor = harmonics(range(6), torch.as_tensor(r))
        array = harmonics(range(6), r)
        assert isinstance(array, np.ndarray)
        assert tensor.shape == array.shape == (*shape[:-1], 11 if n == 2 else 36)
        close(tensor.numpy(), array, 1e-12)
    close(harmonics(2, [1] * n), harmonics(2, np.ones(n)))
    close(harmonics(2, torch.ones(n, dtype=torch.int64)), harmonics(2, np.ones(n)))


def test_poison_stays_visible() -> None:
    r = points(3)
    r[2, 1] = np.nan
    assert np.isnan(spherical_harmonics(2, r)).any(-1).tolist() == [i == 2 for i in range(7)]


@both
def test_mistakes_are_explained(harmonics: object, n: int) -> None:
    with pytest.raises(
        ShapeError, match=rf"takes vectors of shape \(\.\.\., {n}\), but got an array of shape \(4, 5\)"
    ):
        harmonics(1, np.zeros((4, 5)))
    with pytest.raises(ShapeError, match=r"shape \(\)"):
        harmonics(1, 3.0)
    for degrees in (-1, [1, -2], 1.5, "1o", [None]):
        with pytest.raises(ArgumentError, match="integers from 0 on, but "):
            harmonics(degrees, np.zeros(n))
    with pytest.raises(ArgumentError, match="normalization 'unit' is unknown"):
        harmonics(1, np.zeros(n), "unit")
    with pytest.raises(ArgumentError, match="the action has dimension 4"):
        harmonics_function(4)


def test_quadrature_of_rotations_is_shared() -> None:
    g, weights = rotation_quadrature(4)
    for array in (g, weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
