"""Filters from weights: the fast way is the readable one, in values and derivatives."""

import pytest
import torch

from intertwine.catalog import O2, O3, SO2, cyclic, dihedral, point_group
from intertwine.kernels import BandLimited, Complete, Filters, Taps, filter_bank
from intertwine.ops.expand import FilterExpansion
from intertwine.ops.expand.reference import expand
from intertwine.ops.expand.torch import MovedFilters
from intertwine.reps import Rep

D4, C8, OCT = dihedral(4), cyclic(8), point_group("O")
CONE = O3.subgroup("Cinfv")

CASES: dict[str, tuple[Rep, Rep, Rep, int, Filters]] = {
    "regular": (D4.defining, D4.rep("2xregular"), D4.rep("3xregular"), 3, Complete()),
    "lifting": (D4.defining, D4.rep("2x0e"), D4.rep("3xregular"), 4, Complete()),
    "projecting": (D4.defining, D4.rep("2xregular"), D4.rep("3x0e"), 3, Complete()),
    "mixed": (D4.defining, D4.rep("1x1 + 2xregular"), D4.rep("1xregular + 2x1 + 1x0o"), 3, Complete()),
    "quotient": (D4.defining, 2 * D4.quotient(D4.subgroup("D1")), D4.quotient(D4.subgroup("C2")), 3, Complete()),
    "complex type": (C8.defining, C8.rep("2x1 + 1x2"), C8.rep("1x1 + 2xregular"), 5, BandLimited()),
    "irreps": (O2.defining, O2.rep("2x0e + 1x1 + 1x0o"), O2.rep("1x0e + 2x1 + 1x2"), 5, BandLimited()),
    "own basis": (
        O3.rep("1o").restrict(CONE),
        O3.rep("1x2e").restrict(CONE),
        O3.rep("2x1o").restrict(CONE) + O2.rep("1x0e"),
        3,
        BandLimited(0.3),
    ),
    "cube": (OCT.defining, OCT.rep("1xregular"), OCT.rep("1xregular + 1xT1"), 3, Complete()),
    "nothing out": (SO2.defining, SO2.rep("1x0"), SO2.rep(""), 3, BandLimited()),
    "unreachable": (SO2.defining, SO2.rep("1x0"), SO2.rep("1x0 + 1x9"), 3, BandLimited()),
}


@pytest.mark.parametrize("name", CASES)
def test_the_fast_way_is_the_definition(name: str) -> None:
    action, rep_in, rep_out, size, filters = CASES[name]
    expansion = filter_bank(action, rep_in, rep_out, Taps((size,) * action.dim), filters).expansion
    fast = FilterExpansion(expansion).double()
    weights = torch.randn(expansion.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = fast(weights)
    assert made.shape == (rep_out.dim, rep_in.dim, size**action.dim)
    torch.testing.assert_close(made, expand(expansion, weights), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(fast.float()(weights.float()).double(), made, rtol=1e-4, atol=1e-5)
    if made.numel():
        assert torch.autograd.gradcheck(fast.double(), weights.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("name", ["irreps", "regular", "mixed"])
def test_all_derivatives_are_there(name: str) -> None:
    """Filters of irreps are written in place, which no transform may notice."""
    action, rep_in, rep_out, size, filters = CASES[name]
    expand_fast = FilterExpansion(filter_bank(action, rep_in, rep_out, Taps((size, size)), filters).expansion).double()
    weights = torch.randn(sum(expand_fast.sizes), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights.requires_grad_()
    made = expand_fast(weights)
    jacobian = torch.func.jacrev(expand_fast)(weights)
    torch.testing.assert_close(jacobian @ weights, made)
    torch.testing.assert_close(torch.func.jacfwd(expand_fast)(weights), jacobian)
    every = torch.eye(made.numel(), dtype=torch.float64).reshape(-1, *made.shape)
    (batched,) = torch.autograd.grad(made, weights, every, retain_graph=True, is_grads_batched=True)
    torch.testing.assert_close(batched.reshape(jacobian.shape), jacobian)
    (first,) = torch.autograd.grad(made.pow(3).sum(), weights, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), weights)
    expected = torch.func.hessian(lambda w: expand_fast(w).pow(3).sum())(weights).sum(0)
    torch.testing.assert_close(second, expected)


@pytest.mark.parametrize("name", CASES)
def test_filters_are_orthonormal(name: str) -> None:
    """Each weight counts as much as any other, so standard normal weights give outputs of unit variance."""
    action, rep_in, rep_out, size, filters = CASES[name]
    if not isinstance(filters, Complete):
        return
    expansion = filter_bank(action, rep_in, rep_out, Taps((size,) * action.dim), filters).expansion
    basis = torch.vmap(FilterExpansion(expansion).double())(torch.eye(expansion.size, dtype=torch.float64))
    gram = torch.einsum("kxys,lxys->kl", basis, basis)
    torch.testing.assert_close(gram, torch.diag(gram.diag()), rtol=0, atol=1e-12)
    mean = (basis**2).sum((0, 2, 3))  # the variance of each output channel
    start = 0
    for copies, block in rep_out.terms:
        width = copies * block.dim
        torch.testing.assert_close(mean[start : start + width].mean(), torch.ones((), dtype=torch.float64))
        start += width


@pytest.mark.parametrize(
    ("group", "filters", "is_permuted"), [(D4, Complete(), True), (OCT, Complete(), True), (C8, BandLimited(), False)]
)
def test_where_moving_permutes_the_taps(group, filters: Filters, is_permuted: bool) -> None:
    """One table serves all places, with an order of taps for each. Turns by 45° permute no grid: a table for each."""
    rep, size = group.regular, 3
    expansion = filter_bank(group.defining, rep, rep, Taps((size,) * group.dim), filters).expansion
    (moved,) = FilterExpansion(expansion).parts
    assert isinstance(moved, MovedFilters)
    assert moved.is_permuted == is_permuted
    assert moved.table.ndim == (2 if is_permuted else 3)
    weights = torch.randn(expansion.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved.double()(weights), expand(expansion, weights), rtol=1e-12, atol=1e-12)
