"""Filters on one tap, block by block: the same numbers as by the definition, and the same derivatives."""

from functools import cache

import pytest
import torch

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, point_group
from intertwine.kernels import Complete, Taps, filter_bank
from intertwine.kernels.schur import schur_plan
from intertwine.nn.module import invariant_vectors
from intertwine.ops.expand import SchurBlocks, is_quicker, schur
from intertwine.ops.expand.reference import expand
from intertwine.plan.expansion import Expansion
from intertwine.reps import Rep

C3, C8, D4, D8 = cyclic(3), cyclic(8), dihedral(4), dihedral(8)
T, O, Oh, I = map(point_group, ("T", "O", "Oh", "I"))
CONE = O3.subgroup("Cinfv")
CASES: dict[str, tuple[Rep, Rep]] = {
    "odd order": (2 * C3.regular, 3 * C3.regular),
    "cyclic, signs": (2 * C8.regular, 3 * C8.regular),
    "cyclic, irreps": (6 * C8.regular, 6 * C8.regular),
    "dihedral, signs": (2 * D4.regular, 3 * D4.regular),
    "dihedral, irreps": (11 * D8.regular, 11 * D8.regular),
    "two regular terms": (D4.rep("1xregular + 2xregular"), D4.rep("2xregular + 1xregular")),
    "flips of a quotient": (D4.rep("1xregular") + 2 * D4.quotient(D4.subgroup("D1")), 3 * D4.regular),
    "quotients": (2 * D4.quotient(D4.subgroup("D1")), D4.quotient(D4.subgroup("C2"))),
    "mixed": (D4.rep("1x1 + 2xregular + 3x0e"), D4.rep("1xregular + 2x1 + 1x0o")),
    "missing irreps": (D4.rep("2x1 + 1x0e"), D4.rep("1x0o + 3x1 + 1x2e")),
    "lifting": (D4.rep("2x0e"), D4.rep("3xregular")),
    "complex type": (C8.rep("2x1 + 1x2"), C8.rep("1x1 + 2xregular + 1x1")),
    "complex type in space": (T.rep("2xregular + 1xE"), T.rep("1xT + 1xregular + 2xE")),
    "planar irreps": (O2.rep("2x0e + 1x1 + 1x0o"), O2.rep("1x0e + 2x1 + 1x2")),
    "frequencies": (SO2.rep("2x0 + 3x1 + 1x2"), SO2.rep("1x2 + 2x1 + 1x0")),
    "degrees": (SO3.rep("2x0 + 1x1 + 3x2"), SO3.rep("2x2 + 1x1 + 1x0 + 1x1")),
    "own basis": (O3.rep("1x2e").restrict(CONE), O3.rep("2x1o").restrict(CONE) + O2.rep("1x0e")),
    "octahedron": (O.regular, O.rep("1xregular + 1xT1")),
    "octahedron with inversion": (Oh.regular, 2 * Oh.regular),
    "icosahedron": (I.regular, I.regular),
}  # fmt: skip


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@cache
def prepared(name: str) -> tuple[SchurBlocks, Expansion]:
    """The blocks of a case, and the definition of its filters."""
    rep_in, rep_out = CASES[name]
    action = O3.rep("1o").restrict(CONE) if name == "own basis" else rep_in.group.defining
    expansion = filter_bank(action, rep_in, rep_out, Taps(action.dim * (1,)), Complete()).expansion
    return SchurBlocks(schur_plan(rep_in, rep_out, expansion)).double(), expansion


@pytest.mark.parametrize("name", CASES)
def test_blocks_are_the_filters(name: str) -> None:
    product, expansion = prepared(name)
    weights = normal(expansion.size)
    bias = torch.from_numpy(invariant_vectors(CASES[name][1]).sum(1).copy())
    filters, blocks = expand(expansion, weights)[..., 0], product.made(weights)
    for batch, pixels in ((3, 7), (1, 1), (0, 4)):
        x = normal(batch, len(product.into), pixels)
        torch.testing.assert_close(product(x, blocks), filters @ x, rtol=0, atol=1e-12)
        torch.testing.assert_close(product(x, blocks, bias), filters @ x + bias[:, None], rtol=0, atol=1e-12)
    apart = normal(3, 7, len(product.into)).movedim(-1, 1)
    torch.testing.assert_close(product(apart, blocks), filters @ apart, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_filters(name: str) -> None:
    """First ones, and those of their squares, by pixels, weights, the bias, and the gradient that comes in."""
    product, expansion = prepared(name)
    x, weights = normal(3, len(product.into), 5), normal(expansion.size)
    bias = torch.from_numpy(invariant_vectors(CASES[name][1]).sum(1).copy())
    given = [t.requires_grad_() for t in (x, weights, normal(3, len(product.out), 5), bias)]

    def derivatives(y: torch.Tensor):
        by = [given[0], given[1], given[3]]
        first = torch.autograd.grad(y, by, given[2], create_graph=True)
        once = torch.autograd.grad(y, by, given[2], retain_graph=True)
        return once, first, torch.autograd.grad(sum(one.square().sum() for one in first), given[:3])

    found = derivatives(product(x, product.made(weights), bias))
    known = derivatives(expand(expansion, weights)[..., 0] @ x + bias[:, None])
    torch.testing.assert_close(found, known, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 20), (1, 50), (2, 33)])
@pytest.mark.parametrize("name", ["mixed", "dihedral, signs", "frequencies"])
def test_a_few_at_a_time(name: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images, or pixels of one, fit into a cache, the numbers are the same."""
    product, expansion = prepared(name)
    x, blocks = normal(shape[0], len(product.into), shape[1]), product.made(normal(expansion.size))
    given = x.requires_grad_(), blocks.requires_grad_()
    results = []
    for numbers in (2**18, 500, 1):
        monkeypatch.setattr(schur, "_NUMBERS_AT_ONCE", numbers)
        y = product(*given)
        results.append((y, *torch.autograd.grad(y.square().sum(), given)))
    assert len([*schur._few_at_once(x, x)]) > shape[0]
    torch.testing.assert_close(results[1:], 2 * results[:1], rtol=1e-12, atol=1e-12)


def test_weights_of_other_modes_and_transforms() -> None:
    """Plain operations where torch transforms the code: batches of inputs and of blocks, and forward mode."""
    product, expansion = prepared("mixed")
    weights, x = normal(2, expansion.size), normal(2, 3, len(product.into), 5)
    filters = torch.stack([expand(expansion, one)[..., 0] for one in weights])
    found = torch.vmap(lambda x, w: product(x, product.made(w)))(x, weights)
    torch.testing.assert_close(found, filters[:, None] @ x)
    _, tangent = torch.func.jvp(lambda x: product(x, product.made(weights[0])), (x[0],), (x[1],))
    torch.testing.assert_close(tangent, filters[0] @ x[1])
    flat = x[0, :1, :, :2].requires_grad_()
    y = product(flat, product.made(weights[0]))
    every = torch.eye(y.numel(), dtype=torch.float64).reshape(-1, *y.shape)
    (rows,) = torch.autograd.grad(y, flat, every, is_grads_batched=True)
    torch.testing.assert_close(rows, (filters[0].T @ every))


def test_fewer_multiplications() -> None:
    """Counted by hand: 16 copies of D8's regular rep, 256 channels, and 240 of the octahedral group's."""
    for rep, expected in (
        (16 * D8.regular, 2 * 16 * 16**2 + (4 + 2 * 3 * 2**2) * 16**2),
        (5 * Oh.regular, 2 * 8 * 240 + 8 * 30**2),
    ):
        action = rep.group.defining
        plan = schur_plan(rep, rep, filter_bank(action, rep, rep, Taps(action.dim * (1,)), Complete()).expansion)
        assert (plan.multiplications, plan.whole) == (expected, rep.dim**2)
        assert is_quicker(plan)
