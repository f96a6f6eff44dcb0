"""Equivariant polynomials: equivariant, independent, as many as characters count, of unit variance, as known."""

import os
import subprocess
import sys
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intertwine.catalog import O2, O3, SO2, SO3, cyclic, point_group
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.kernels.symmetric import SymmetricPlan, symmetric_contraction, symmetric_couplings
from intertwine.ops.contract.reference import evaluate
from intertwine.reps import Irrep, Rep
from tests.registry import BINARY_T, Q8, SU2, close, each_group, groups, reps, seeds, some

CUBE = point_group("Oh")


def small(group: CatalogGroup) -> Rep:
    """A few irreps, the largest ones left out where powers would be large."""
    irreps = sorted(group.irreps(1), key=lambda irrep: (irrep.dim, irrep.key))
    return Rep(group, tuple((1, irrep) for irrep in irreps[-3:] if irrep.dim <= 4))


def polynomials(rep: Rep, output: Irrep, order: int) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """All couplings of one order, with the terms that meet."""
    irreps = tuple(block for _, block in rep.terms)
    return [
        (terms, table)
        for terms in combinations_with_replacement(range(len(irreps)), order)
        for table in symmetric_couplings(irreps, terms, output)
    ]


def values(rep: Rep, terms: tuple[int, ...], table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A polynomial `(n, d_out)` of vectors `(n, rep.dim)`."""
    out = np.broadcast_to(table, (len(x), *table.shape))
    for term in terms:
        out = np.einsum("nki...,ni->nk...", out, x[:, rep.slices[term]])
    return out


@each_group
def test_polynomials_are_equivariant_and_all_that_there_are(group: CatalogGroup) -> None:
    """Their values at enough points have full rank, and their number is the integral of characters."""
    rep, generator = small(group), np.random.default_rng(0)
    x = generator.normal(size=(60, rep.dim))
    for output in [block for _, block in rep.terms]:
        for order, count in enumerate(rep.molien(3, output)):
            found = polynomials(rep, output, order) if order else []
            for terms, table in found:
                for g in some(group)[:6]:
                    moved = values(rep, terms, table, x @ rep.matrix(g).T)
                    close(moved, values(rep, terms, table, x) @ output.matrix(g).T, 1e-9)
            if order:
                assert len(found) == count * len(output.endomorphisms)
            if found:
                columns = np.stack([values(rep, terms, table, x).ravel() for terms, table in found])
                assert np.linalg.matrix_rank(columns, tol=1e-6) == len(found)


@given(st.data(), seeds)
def test_random_reps_have_as_many_as_characters_count(data: st.DataObject, seed: int) -> None:
    group = data.draw(groups().filter(lambda G: G.order < 50 or G.has_quadrature))
    rep = data.draw(reps(group, degree=2, terms=3).filter(lambda rep: 0 < rep.dim <= 8))
    rep = Rep(group, tuple((1, block) for m, block in rep.terms for _ in range(m)))  # copies are terms of their own
    for _, output in rep.isotypic[:2]:
        for order in (1, 2, 3):
            expected = rep.molien(order, output)[order] * len(output.endomorphisms)
            assert len(polynomials(rep, output, order)) == expected


@pytest.mark.parametrize(
    ("rep", "order"),
    [(O3.rep("1x0e + 1x1o + 1x2e"), 4), (SO3.rep("1x1 + 1x2"), 5), (SO2.rep("1x1 + 1x2"), 5), (Q8.rep("1x1"), 4)],
    ids=str,
)
def test_higher_orders(rep: Rep, order: int) -> None:
    """Nothing is lost however often polynomials are coupled."""
    for output in [block for _, block in rep.terms]:
        expected = rep.molien(order, output)[order] * len(output.endomorphisms)
        assert len(polynomials(rep, output, order)) == expected


def test_the_largest_order() -> None:
    """A scalar to the power of 20, whose variance is that of a normal number to the power of 40."""
    plan = symmetric_contraction(O3.rep("1x0o"), O3.rep("1x0e"), 20)
    assert plan.paths == 10
    table = plan.polynomial.terms[-1].plan.paths[0].coefficients.array
    assert table.ravel()[0] ** -2 == pytest.approx(10 * prod(range(1, 40, 2)), rel=1e-12)


def test_known_polynomials() -> None:
    """Powers of a vector: its square, its square times itself; in the cube also the cubes of its components."""
    vector = Irrep(O3, "1o")
    x = np.random.default_rng(0).normal(size=(5, 3))
    rep, square = O3.rep("1x1o"), (x**2).sum(1, keepdims=True)
    ((terms, table),) = polynomials(rep, O3.irrep("0e"), 2)
    close(values(rep, terms, table, x), square / np.sqrt(15))  # E|x|⁴ = n (n + 2)
    ((terms, table),) = polynomials(rep, vector, 3)
    close(values(rep, terms, table, x), square * x / np.sqrt(35))  # E|x|⁶ / n = (n + 2) (n + 4)
    assert not polynomials(rep, O3.irrep("1e"), 3)  # x × x = 0
    in_cube = CUBE.rep("1xT1u")
    found = [values(in_cube, terms, table, x).ravel() for terms, table in polynomials(in_cube, CUBE.irrep("T1u"), 3)]
    assert len(found) == 2
    for known in (square * x, x**3):
        assert np.linalg.matrix_rank(np.stack([*found, known.ravel()]), tol=1e-9) == 2


def test_powers_of_a_complex_number() -> None:
    """z², its conjugate's part, and i times it: two maps where an irrep has complex type."""
    z = np.random.default_rng(0).normal(size=(4, 2)) @ np.array([1, 1j])
    rep, points = SO2.rep("1x1"), np.stack([z.real, z.imag], 1)
    found = polynomials(rep, SO2.irrep("2"), 2)
    columns = np.stack([values(rep, terms, table, points).ravel() for terms, table in found])
    known = [np.stack([v.real, v.imag], 1).ravel() for v in (z**2, 1j * z**2)]
    assert np.linalg.matrix_rank(np.stack([*columns, *known]), tol=1e-9) == len(found) == 2


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    ("rep", "irrep"), [(O3.rep("1x0e + 1x1o + 1x2e"), "1o"), (O2.rep("1x1 + 1x2"), "1"), (BINARY_T.rep("1x1"), "1")]
)
def test_normal_numbers_give_unit_variance(rep: Rep, irrep: str, order: int) -> None:
    """By sampling, which the moments that scale them are not."""
    x = np.random.default_rng(0).normal(size=(100_000, rep.dim))
    for terms, table in polynomials(rep, Irrep(rep.group, irrep), order):
        assert np.mean(values(rep, terms, table, x) ** 2) == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize(
    ("features", "out", "paths", "summands"),
    [("0e 1o 2e", "0e 1o", 17, 119), ("0e 1o 2e 3o", "0e", 13, 94), ("0e 1o 2e 3o", "0e 1o", 29, 486)],
)
def test_known_sizes(features: str, out: str, paths: int, summands: int) -> None:
    """MACE's settings: few couplings, few nonzero coefficients."""
    rep, rep_out = (O3.rep(" + ".join(f"8x{label}" for label in labels.split())) for labels in (features, out))
    plan = symmetric_contraction(rep, rep_out, 3)
    assert (plan.paths, plan.channels, plan.unreached) == (paths, 8, ())
    assert plan.polynomial.inputs == (8 * paths, rep.dim)
    tables = [path.coefficients.array for term in plan.polynomial.terms for path in term.plan.paths]
    assert sum(int(np.count_nonzero(table)) for table in tables) == summands


def test_terms_in_any_order_and_equal_ones_apart() -> None:
    """The plan keeps the order of the rep: one channel is a vector of all terms, as they stand."""
    rep, out = SO3.rep("2x2 + 2x0 + 2x1 + 2x0"), SO3.rep("2x1 + 2x0")
    plan = symmetric_contraction(rep, out, 2)
    alone, alone_out = (Rep(SO3, tuple((1, block) for _, block in r.terms)) for r in (rep, out))
    single = symmetric_contraction(alone, alone_out, 2)
    generator = torch.Generator().manual_seed(0)
    w, x = (torch.randn(5, size, generator=generator, dtype=torch.float64) for size in plan.polynomial.inputs)
    (found,) = evaluate(plan.polynomial, w, x)
    for u in range(2):
        (one,) = evaluate(single.polynomial, w[:, u::2], x[:, u::2])
        torch.testing.assert_close(found[:, u::2], one)


RUN = """
from intertwine.catalog import O3, SO2
from intertwine.kernels import symmetric_contraction
for rep in (O3.rep("4x0e + 4x1o + 4x2e"), SO2.rep("3x0 + 3x1")):
    print(symmetric_contraction(rep, rep, 3).polynomial.key)
"""


@pytest.mark.slow
def test_the_plan_is_the_same_in_every_process() -> None:
    """Weights that were learned with one must mean the same to all others."""
    keys = set()
    for seed, threads in ((0, 1), (1, 2)):
        environment = os.environ | {"PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
        keys.add(done.stdout)
    assert len(keys) == 1


def test_unreached_outputs_are_named() -> None:
    plan = symmetric_contraction(O3.rep("4x1o"), O3.rep("4x0e + 4x0o"), 2)
    assert isinstance(plan, SymmetricPlan)
    assert [(m, irrep.label) for m, irrep in plan.unreached] == [(4, "0o")]


def test_mistakes_are_named() -> None:
    rep = O3.rep("4x0e + 4x1o")
    with pytest.raises(ArgumentError, match=r"have the same multiplicity, but got 4x0e \+ 4x1o and 8x0e\. Call Linear"):
        symmetric_contraction(rep, O3.rep("8x0e"), 2)
    for order in (0, -1, 21, 2.0, True, "3"):
        with pytest.raises(ArgumentError, match=f"is an integer from 1 to 20, but got {order!r}"):
            symmetric_contraction(rep, rep, order)
    with pytest.raises(RepMismatchError, match="reps of one group"):
        symmetric_contraction(rep, SU2.rep("4x0"), 2)
    with pytest.raises(ArgumentError, match=r"other blocks\. Pass rep\.irreps"):
        symmetric_contraction(2 * cyclic(3).regular, cyclic(3).rep("2x0"), 2)
