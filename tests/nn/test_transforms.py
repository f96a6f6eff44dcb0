"""What torch's transforms make of a module: derivatives of every mode, vectorised, and traces; with right numbers."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from intertwine.catalog import cyclic, dihedral, group, point_group
from intertwine.errors import ShapeError
from intertwine.fields import PointFeatures
from intertwine.nn.frames import eigenvectors
from intertwine.nn.heads import ElementScores, GroupElement
from tests.modules import MODULES, Make, example

FINITE = {
    f"GroupElement of {G}": lambda G=G: GroupElement(G)
    for G in (cyclic(1), cyclic(4), dihedral(4), point_group("Td"), point_group("Oh"))
}
"""Heads that finite differences see as steps: their gradients are agreed upon, and so the same in every mode."""

each_module = pytest.mark.parametrize("make", [*MODULES.values(), *FINITE.values()], ids=[*MODULES, *FINITE])


class Sample:
    """One sample of a module's inputs (of a graph all points), as a function of those that are no integers."""

    def __init__(self, make: Make) -> None:
        self.module, self.rest = make().double().eval(), []
        values = example(self.module)
        points = any(isinstance(field, PointFeatures) for field in self.module.fields_in)
        if not points and all(x.is_floating_point() for x in values):
            values = tuple(x[0] for x in values)
        self.rest = [None if x.is_floating_point() else x for x in values]
        self.x = tuple(x for x in values if x.is_floating_point())
        generator = torch.Generator().manual_seed(2)
        self.v = tuple(torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in self.x)
        self.all = tuple(range(len(self.x)))

    def __call__(self, *x: Tensor) -> Tensor:
        given = iter(x)
        return self.module(*(next(given) if fixed is None else fixed for fixed in self.rest))

    def number(self, *x: Tensor) -> Tensor:
        y = self(*x)
        return (torch.sin(y) * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)).sum()

    def gradient(self, *x: Tensor) -> tuple[Tensor, ...]:
        """By autograd, which the laws of a module hold against finite differences."""
        x = tuple(a.clone().requires_grad_() for a in x)
        return torch.autograd.grad(self.number(*x), x, materialize_grads=True)

    def twice(self) -> tuple[Tensor, ...]:
        """The Hessian times v, by autograd."""
        x = tuple(a.clone().requires_grad_() for a in self.x)
        first = torch.autograd.grad(self.number(*x), x, create_graph=True, materialize_grads=True)
        inner = sum((g * v).sum() for g, v in zip(first, self.v, strict=True))
        if not inner.requires_grad:
            return tuple(map(torch.zeros_like, x))
        return torch.autograd.grad(inner, x, materialize_grads=True)

    def rows(self) -> tuple[Tensor, ...]:
        """The Jacobians by all inputs, one row after the other by autograd."""
        x = tuple(a.clone().requires_grad_() for a in self.x)
        y = self(*x)
        rows = [torch.autograd.grad(a, x, retain_graph=True, materialize_grads=True) for a in y.flatten()]
        return tuple(torch.stack(r).reshape(y.shape + a.shape) for r, a in zip(zip(*rows, strict=True), x, strict=True))


def same(found: object, expected: object) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@each_module
def test_gradients_over_a_batch(make: Make) -> None:
    """`vmap(grad)` is the loop over samples."""
    f = Sample(make)
    moved = tuple(x + 0.1 * v for x, v in zip(f.x, f.v, strict=True))
    found = vmap(grad(f.number, argnums=f.all))(*(torch.stack(pair) for pair in zip(f.x, moved, strict=True)))
    same(tuple(g[0] for g in found), f.gradient(*f.x))
    same(tuple(g[1] for g in found), f.gradient(*moved))


@each_module
def test_forward_over_reverse(make: Make) -> None:
    """A Hessian times a vector, whose rules for forward mode are all right or it is not."""
    f = Sample(make)
    gradient, product = jvp(grad(f.number, argnums=f.all), f.x, f.v)
    same(gradient, f.gradient(*f.x))
    same(product, f.twice())


@pytest.mark.slow
@each_module
def test_whole_derivatives(make: Make) -> None:
    f = Sample(make)
    if sum(x.numel() for x in f.x) > 600:
        return  # whole matrices of a volume take gigabytes; single directions of it are tried above
    rows = f.rows()
    same(jacrev(f, argnums=f.all)(*f.x), rows)
    same(jacfwd(f, argnums=f.all)(*f.x), rows)
    along = sum(torch.tensordot(row, v, v.ndim) for row, v in zip(rows, f.v, strict=True))
    same(jvp(f, f.x, f.v)[1], along)
    with forward_ad.dual_level():
        y = f(*(forward_ad.make_dual(x, v) for x, v in zip(f.x, f.v, strict=True)))
        same(torch.zeros_like(along) if (t := forward_ad.unpack_dual(y).tangent) is None else t, along)
    several = vmap(lambda *v: jvp(f, f.x, v)[1])(*(torch.stack([v, 2 * v]) for v in f.v))
    same(several, torch.stack([along, 2 * along]))
    second = hessian(f.number, argnums=f.all)(*f.x)
    products = tuple(sum(torch.tensordot(second[i][k], f.v[k], f.v[k].ndim) for k in f.all) for i in f.all)
    same(products, f.twice())


@each_module
def test_traces(make: Make) -> None:
    """`torch.jit.trace` warns of nothing, and what it records takes batches of other sizes."""
    module = make().double().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers export to its trace
        traced = torch.jit.trace(module, example(module), check_trace=False)
    others = example(module, batch=7)
    same(traced(*others), module(*others))


@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
def test_a_wrong_size_is_told_of_in_a_trace_too() -> None:
    layer = MODULES["Linear, O(3)"]()
    with pytest.raises(ShapeError, match=r"but got a tensor of shape \(4, 3\)"):
        torch.jit.trace(layer, (torch.zeros(4, 3),))


HEADS = [GroupElement(group(name)) for name in ("C1", "D3", "Oh", "Cinfv", "Dinfh")]
HEADS += [ElementScores(group(name)) for name in ("C1", "D3", "Oh")]
each_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: f"{type(head).__name__} of {head.rep_in.group}")


def what_it_says(head: GroupElement | ElementScores) -> tuple[Tensor, list[Callable[[Tensor], Tensor]]]:
    """Samples, and all that can be asked of them."""
    x = torch.randn(5, head.rep_in.dim, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    own = [head.element] if isinstance(head, ElementScores) else []
    return x, [head.double(), head.confidence, head.degenerate, *own]


@each_head
def test_heads_say_the_same_of_one_sample_and_of_many(head: GroupElement | ElementScores) -> None:
    x, methods = what_it_says(head)
    for method in methods:
        same(vmap(method)(x), method(x))


@pytest.mark.slow
@each_head
def test_heads_of_one_sample_are_one_graph(head: GroupElement | ElementScores) -> None:
    x, methods = what_it_says(head)
    for method in methods:
        same(torch.compile(method, fullgraph=True, backend="eager")(x[1]), method(x)[1])
    torch._dynamo.reset()


@pytest.mark.parametrize("outer", [jacfwd, jacrev])
@pytest.mark.parametrize("middle", [jacfwd, jacrev])
def test_third_derivatives_of_principal_axes(outer: Callable, middle: Callable) -> None:
    """Nested forward modes lose no tangent on their way through eigenvectors."""
    weights, c = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def number(c: Tensor) -> Tensor:
        return (weights * eigenvectors(c + c.T) ** 2).sum()  # signs of eigenvectors are arbitrary

    expected = jacrev(jacrev(jacrev(number)))(c)
    same(outer(middle(jacfwd(number)))(c), expected)
    assert expected.abs().max() > 0.1
