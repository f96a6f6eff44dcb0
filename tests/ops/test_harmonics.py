"""Compiled harmonics are the plain ones: values, gradients of both orders, zero, tiny and huge vectors, each door."""

import pytest
import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops import Harmonics
from intertwine.ops.harmonics import compiled
from intertwine.reps.harmonics import harmonics_function

CASES = [(3, 0), (3, 1), (3, 3), (3, 6), (3, 10), (2, 0), (2, 1), (2, 5)]
every_case = pytest.mark.parametrize(("n", "degree"), CASES)


def some(rows: int, n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(rows, n, generator=torch.Generator().manual_seed(rows), dtype=torch.float64).to(dtype)


def derivatives(function, r: Tensor) -> list[Tensor]:
    """Values, the gradient along a random cotangent, and the gradients of that along a random direction."""
    r = r.detach().clone().requires_grad_()
    y = function(r)
    generator = torch.Generator().manual_seed(1)
    g = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(r.dtype).requires_grad_()
    (first,) = torch.autograd.grad((y * g).sum() + 0 * r.sum(), r, create_graph=True)
    h = torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r.dtype)
    return [y, first, *torch.autograd.grad((first * h).sum() + 0 * (r.sum() + g.sum()), (r, g))]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-4)], ids=str)
@pytest.mark.parametrize("rows", [0, 1, 7, 16, 37, 200])
@every_case
def test_values_and_gradients_of_both_orders(
    n: int, degree: int, rows: int, dtype: torch.dtype, tolerance: float
) -> None:
    harmonics = Harmonics(harmonics_function(n), degree)
    r = some(rows, n, dtype)
    r = r * (0.5 + r.norm(dim=-1, keepdim=True)) / r.norm(dim=-1, keepdim=True)  # no length far below 1
    assert harmonics.choose(r).backend == "llvm"
    for ours, plain in zip(derivatives(harmonics, r), derivatives(harmonics.plain, r), strict=True):
        assert ours.shape == plain.shape
        largest = float(plain.detach().abs().max()) if plain.numel() else 0.0
        torch.testing.assert_close(ours, plain, rtol=0, atol=tolerance * (1 + largest))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@every_case
def test_zero_tiny_and_huge_vectors(n: int, degree: int, dtype: torch.dtype) -> None:
    """A zero vector has no direction: 0 beyond degree 0, and no gradient. Lengths at the ends of the dtype are fine."""
    harmonics = Harmonics(harmonics_function(n), degree)
    small, large = (1e-300, 1e300) if dtype == torch.float64 else (1e-37, 1e37)
    r = some(4, n, dtype) * torch.tensor([[0.0], [1.0], [small], [large]], dtype=dtype)
    y, first, second, _ = derivatives(harmonics, r)
    torch.testing.assert_close(y, harmonics.plain(r))
    assert torch.equal(y[0], torch.eye(y.shape[1], dtype=dtype)[0])
    assert not first[0].any()
    assert not second[0].any()
    for found in (y, first[:2], second[:2]):
        assert found.isfinite().all()


def test_derivatives_by_finite_differences() -> None:
    harmonics = Harmonics(harmonics_function(3), 3)
    r = some(5, 3).requires_grad_()
    for function in (harmonics, lambda r: compiled.registered_harmonics(3, r)):
        assert torch.autograd.gradcheck(function, r)
        assert torch.autograd.gradgradcheck(function, r)

    def third(r: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(harmonics(r).pow(3).sum(), r, create_graph=True)
        return torch.autograd.grad(first.square().sum(), r, create_graph=True)[0]

    assert torch.autograd.gradcheck(third, r)


def test_any_leading_axes_and_layouts() -> None:
    harmonics = Harmonics(harmonics_function(3), 2)
    r = some(24, 3)
    assert torch.equal(harmonics(r.reshape(2, 3, 4, 3)), harmonics(r).reshape(2, 3, 4, 9))
    assert torch.equal(harmonics(r.T.contiguous().T), harmonics(r))
    assert torch.equal(harmonics(r[::2]), harmonics(r)[::2])
    assert harmonics(r[0]).shape == (9,)


def test_what_kernels_do_not_take_is_computed_plainly() -> None:
    harmonics = Harmonics(harmonics_function(3), 2)
    r = some(4, 3)
    assert harmonics.choose(r.half()).backend == "torch"
    torch.testing.assert_close(harmonics(r.half()), harmonics(r).half(), rtol=1e-2, atol=1e-2)
    tangent = torch.func.jvp(harmonics, (r,), (torch.ones_like(r),))[1]
    torch.testing.assert_close(tangent, torch.func.jvp(harmonics.plain, (r,), (torch.ones_like(r),))[1])
    torch.testing.assert_close(torch.vmap(harmonics)(r), harmonics(r))
    assert "up to degree 12" in Harmonics(harmonics_function(3), 13).choose(r).reason
    with pytest.raises(ShapeError):
        harmonics.plain(some(4, 2))


@pytest.mark.slow
def test_operations_are_registered_as_torch_expects() -> None:
    r, g, h = some(4, 3).requires_grad_(), some(4, 16).requires_grad_(), some(4, 3)
    operations = torch.ops.intertwine
    for operation, given in ((operations.harmonics, (r,)), (operations.harmonics_backward, (r, g))):
        assert set(torch.library.opcheck(operation.default, (*given, 3)).values()) == {"SUCCESS"}
    names = ("test_schema", "test_faketensor")  # third derivatives are not for compiled code
    found = torch.library.opcheck(operations.harmonics_second.default, (r, g, h, 3), test_utils=names)
    assert set(found.values()) == {"SUCCESS"}
    harmonics = Harmonics(harmonics_function(3), 3)
    made = torch.compile(lambda r: harmonics(r).pow(3).sum(), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(torch.autograd.grad(made(r), r), torch.autograd.grad(harmonics(r).pow(3).sum(), r))


def test_rows_of_other_sizes_or_kinds_are_refused() -> None:
    r, g = torch.randn(100, 3), torch.randn(100, 9)
    operations = torch.ops.intertwine
    for mistaken in (
        lambda: operations.harmonics(torch.randn(100, 4), 2),
        lambda: operations.harmonics(torch.randn(100), 2),
        lambda: operations.harmonics(r, -1),
        lambda: operations.harmonics_backward(r, g[:1], 2),
        lambda: operations.harmonics_second(r, g, r[:1], 2),
    ):
        with pytest.raises(ShapeError):
            mistaken()
    for mistaken in (
        lambda: operations.harmonics(r.half(), 2),
        lambda: operations.harmonics_backward(r, g.double(), 2),
    ):
        with pytest.raises(ArgumentError, match="all inputs alike"):
            mistaken()


def test_batches_of_backward_passes() -> None:
    harmonics = Harmonics(harmonics_function(3), 2)
    r = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    functional = torch.autograd.functional
    torch.testing.assert_close(functional.jacobian(harmonics, r, vectorize=True), functional.jacobian(harmonics, r))

    def total(r: torch.Tensor) -> torch.Tensor:
        return harmonics(r).pow(3).sum()

    torch.testing.assert_close(functional.hessian(total, r, vectorize=True), functional.hessian(total, r))
