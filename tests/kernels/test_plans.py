"""From reps to plans: as many weights as there are maps, scaled to keep unit variance."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from intertwine.catalog import O2, O3, SO2, SO3
from intertwine.catalog.base import CatalogGroup
from intertwine.errors import RepMismatchError
from intertwine.kernels import bilinear_plan, in_irreps, irrep_terms, kernel_table, linear_plan
from intertwine.kernels.plans import unreached_irreps
from intertwine.ops.contract.reference import contract
from intertwine.plan import Plan
from intertwine.reps import Irrep, Rep, intertwiners
from tests.registry import REPS, average, close, each_group, each_rep

PAIRS = [(a, b) for a, b in pairwise(REPS) if a.group == b.group and a.dim * b.dim < 2000]
each_pair = pytest.mark.parametrize(("a", "b"), PAIRS, ids=lambda rep: f"{rep.group} {rep}".replace(" ", ""))


def weights(plan: Plan) -> int:
    return plan.operands[0].size


@each_pair
def test_a_weight_for_each_linear_map(a: Rep, b: Rep) -> None:
    assert weights(linear_plan(a, b)) == len(intertwiners(a, b))


@each_pair
def test_a_weight_for_each_bilinear_map(a: Rep, b: Rep) -> None:
    """dim Hom(a ⊗ b, c) is the average of the three characters."""
    c = a.group.rep(" + ".join(f"1x{label}" for label in a.group.labels(2)))
    degree = a.degree + b.degree + c.degree
    g, _ = a.group.quadrature(degree)
    close(
        average(a.group, degree, a.character(g) * b.character(g) * c.character(g)),
        float(weights(bilinear_plan(a, b, c))),
    )


@each_pair
def test_the_linear_maps_span_the_intertwiners(a: Rep, b: Rep) -> None:
    """The matrices that single weights switch on are an orthogonal basis of Hom(a, b), in irrep coordinates."""
    plan = linear_plan(a, b)
    switches = torch.eye(weights(plan), dtype=torch.float64)[:, None]
    maps = contract(plan, switches, torch.eye(a.dim, dtype=torch.float64)).numpy().swapaxes(-1, -2)
    known = intertwiners(in_irreps(a), in_irreps(b))
    coordinates = np.einsum("wij,nij->wn", maps, known)
    close(np.einsum("wn,nij->wij", coordinates, known), maps)
    gram = coordinates @ coordinates.T
    close(gram, np.diag(np.diag(gram)))
    assert (np.diag(gram) > 1e-6).all()


@each_pair
def test_unit_variance(a: Rep, b: Rep) -> None:
    """Σ (∂out_i/∂(w, x))² = 1 for each reached component: E[out²] = 1 for independent normal weights and inputs."""
    for plan in (linear_plan(a, b), bilinear_plan(b, a, a.irreps) if a.dim * b.dim < 300 else linear_plan(b, a)):
        squares = np.zeros(plan.output.size)
        for path in plan.paths:
            letters = [letter for operand in plan.operands for letter in operand.modes]
            sizes = plan.sizes_of(path)
            channels = {l: sizes[l] for l in letters if l not in plan.coefficient_modes and l not in plan.output.modes}
            part = (path.coefficients.array**2).sum(tuple(range(path.coefficients.array.ndim - 1)))
            where, (d, w) = plan.output.slices[path.segments[-1]], plan.output.segments[path.segments[-1]]
            squares[where] += np.repeat(part * np.prod([*channels.values(), 1]), w)
            assert len(part) == d
        dead = np.concatenate([np.arange(0), *(np.r_[plan.output.slices[i]] for i in plan.unreached)]).astype(int)
        expected = np.ones(plan.output.size)
        expected[dead] = 0
        close(squares, expected)


@each_group
def test_every_irrep_is_reached_from_itself(group: CatalogGroup) -> None:
    rep = group.rep(" + ".join(f"1x{label}" for label in group.labels(2)))
    assert linear_plan(rep, rep).unreached == ()
    assert weights(linear_plan(rep, rep)) == sum(len(irrep.endomorphisms) for _, irrep in rep.isotypic)


@each_rep
def test_plans_take_features_as_they_are(rep: Rep) -> None:
    """Where all terms are irreps; else in the coordinates of sorted irreps."""
    inner = in_irreps(rep)
    assert inner.terms == irrep_terms(rep)
    assert inner.isotypic == rep.isotypic
    assert inner == (rep if all(isinstance(block, Irrep) for _, block in rep.terms) else rep.irreps)


def test_dead_outputs_are_named() -> None:
    out = O3.rep("2x0o + 1x1o + 3x2e")
    plan = linear_plan(O3.rep("1x0e + 1x1o"), out)
    assert [(m, irrep.label) for m, irrep in unreached_irreps(plan, out)] == [(2, "0o"), (3, "2e")]


def test_harmonics_of_a_table() -> None:
    table = kernel_table(O2.defining, O2.rep("1"), O2.rep("2"))
    assert table.degree == 3
    assert table.harmonics == O2.harmonics(3)
    assert kernel_table(O2.defining, O2.rep("1"), O2.rep("2")) is table


@pytest.mark.parametrize("make", [linear_plan, lambda a, b: bilinear_plan(a, a, b)])
def test_reps_of_two_groups_do_not_meet(make: object) -> None:
    for a, b in [(SO2.rep("1"), O2.rep("1")), (SO3.rep("1"), O3.rep("1o"))]:
        with pytest.raises(RepMismatchError, match=r"joins reps of one group, but got reps of .*. Call rep.restrict"):
            make(a, b)
