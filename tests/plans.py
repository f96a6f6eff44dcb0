"""The plans that the laws of contractions run over: made from reps, and by hand where reps never lead."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from intertwine._arrays import Table
from intertwine.catalog import O2, O3, SO2, SO3, cyclic, dihedral, group
from intertwine.kernels import bilinear_plan, kernel_table, linear_plan
from intertwine.kernels.products import MODES, every_path, product
from intertwine.plan import Operand, Path, Plan
from intertwine.reps import Rep


def _table(*shape: int, seed: int = 0) -> Table:
    return Table(np.random.default_rng(seed).normal(size=shape))


def _linear(*, shared: bool = False) -> Plan:
    """Two sources that lead to one output with identities of different size, and to another one."""
    eye, paths = np.eye(2), []
    for number, (i, k, table) in enumerate([(0, 0, 3 * eye), (1, 0, -0.5 * eye), (1, 1, _table(2, 3).array)]):
        paths.append(Path((0 if shared and k == 0 else number, i, k), Table(table)))
    weights = Operand("uw", ((3, 2), (3, 2), (3, 1)))
    return Plan((weights, Operand("iu", ((2, 3), (2, 3))), Operand("kw", ((2, 2), (3, 1)))), "ik", tuple(paths))


def _two_rows_make_an_identity() -> Plan:
    """One source and two paths whose coefficients are the rows of the identity."""
    paths = tuple(Path((n, 0, 0), Table(np.eye(2)[n, :, None])) for n in range(2))
    weights = Operand("uw", ((3, 2), (3, 2)))
    return Plan((weights, Operand("iu", ((2, 3),)), Operand("kw", ((1, 2),))), "ik", paths)


def _one_full_matrix() -> Plan:
    """One source, one output, and a square matrix between them that is no multiple of the identity."""
    operands = Operand("uw", ((3, 2),)), Operand("iu", ((2, 3),)), Operand("kw", ((2, 2),))
    return Plan(operands, "ik", (Path((0, 0, 0), _table(2, 2)),))


def _square_by_number_only(d_in: int, d_out: int) -> Plan:
    """One path whose coefficients have as many entries as a smaller square matrix, and are that identity, read flat."""
    flat = np.eye(round((d_in * d_out) ** 0.5)).reshape(d_in, d_out)
    operands = Operand("uw", ((1, 1),)), Operand("iu", ((d_in, 1),)), Operand("kw", ((d_out, 1),))
    return Plan(operands, "ik", (Path((0, 0, 0), Table(flat)),))


def _mixed() -> Plan:
    """Second factors of mixed multiplicity, in an order that scatters the weights of each output."""
    paths, shapes = [], []
    for number, (i, j, k) in enumerate([(0, 1, 0), (0, 0, 0), (1, 2, 1), (1, 1, 0), (0, 2, 1), (1, 0, 1), (0, 1, 0)]):
        v, u, w = (1, 3, 1)[j], (2, 5)[i], (4, 1)[k]
        paths.append(Path((number, i, j, k), _table((3, 1)[i], (1, 2, 3)[j], (2, 4)[k], seed=number)))
        shapes.append((v, u, w))
    y = Operand("jv", ((1, 1), (2, 3), (3, 1)))
    operands = (Operand("vuw", tuple(shapes)), Operand("iu", ((3, 2), (1, 5))), y, Operand("kw", ((2, 4), (4, 1))))
    return Plan(operands, "ijk", tuple(paths))


def _reps() -> dict[str, Rep]:
    return {
        "SO(2)": SO2.rep("3x0 + 2x1 + 1x2"),
        "O(2)": O2.rep("1x0e + 2x0o + 3x1"),
        "SO(3)": SO3.rep("2x0 + 1x1 + 1x2"),
        "O(3)": O3.rep("3x0e + 1x0o + 2x1o + 1x1e"),
        "C4": cyclic(4).rep("2x0 + 1x1 + 3x2"),
        "D4": dihedral(4).regular,
        "Cinfh": group("Cinfh").rep("1x0g + 2x1u"),
    }


PLANS: dict[str, Plan] = {
    **{f"linear, {name}": linear_plan(rep, 2 * rep) for name, rep in _reps().items()},
    **{f"bilinear, {name}": bilinear_plan(rep, 2 * rep, rep) for name, rep in _reps().items()},
    "kernel, O(3)": kernel_table(O3.defining, O3.rep("2x0e + 2x1o"), O3.rep("1x0e + 3x1o + 1x2e"), 3).plan,
    "kernel, the cone in space": kernel_table(
        O3.rep("1o").restrict(O3.subgroup("Cinfv")), O2.rep("1x0e + 2x1"), O2.rep("3x0e + 1x1"), 2
    ).plan,
    "linear with dead outputs": linear_plan(O2.rep("2x1"), O2.rep("2x0e + 1x1 + 1x2")),
    "bilinear with dead outputs": bilinear_plan(O2.rep("2x1"), O2.rep("1x2"), O2.rep("2x0e + 1x1 + 1x2")),
    "no paths": linear_plan(O2.rep("2x1"), O2.rep("2x0e")),
    "no output": linear_plan(O2.rep("2x1"), O2.rep("")),
    "two sources, one output": _linear(),
    "two paths with the same weights": _linear(shared=True),
    "one full matrix": _one_full_matrix(),
    "two rows that make an identity": _two_rows_make_an_identity(),
    "four numbers in": _square_by_number_only(4, 1),
    "four numbers out": _square_by_number_only(1, 4),
    "mixed multiplicities": _mixed(),
}


def _products() -> dict[str, Plan]:
    """One plan for each multiplicity mode, weighted and not."""
    x, y = O3.rep("3x0e + 3x1o"), O3.rep("3x0e + 3x1o")
    plans = {}
    for mode, known in MODES.items():
        if known.paired:
            continue
        copies = {"u": 3, "v": 3, "uv": 9}.get(known.copies or "", 2)
        out = O3.rep(f"{copies}x0e + {copies}x1o")
        for weighted in (True, False):
            paths = tuple(replace(i, weighted=weighted) for i in every_path(x, y, out, mode))
            if weighted or known.copies is not None:
                plans[f"mode {mode}{'' if weighted else ' without weights'}"] = product((x, y, out), paths)
    return {name: p.polynomial.terms[0].plan for name, p in plans.items()}


def _product_with_sum() -> Plan:
    """A letter that one input alone has."""
    operands = Operand("iu", ((3, 2), (1, 4))), Operand("j", ((3,),)), Operand("k", ((3,),))
    return Plan(operands, "ijk", (Path((0, 0, 0), _table(3, 3, 3)), Path((1, 0, 0), _table(1, 3, 3))))


# Operands in other roles.
OTHERS: dict[str, Plan] = {
    **_products(),
    "derivative of a mode": _products()["mode uvu"].derivative(1),
    "sum over channels": _product_with_sum(),
    "repeated over channels": _product_with_sum().derivative(0),
    "dot product": Plan(
        (Operand("i", ((3,),)), Operand("j", ((3,),)), Operand("", ((),))), "ij", (Path((0, 0, 0), Table(np.eye(3))),)
    ),
    "derivative by the weights": PLANS["bilinear, O(2)"].derivative(0),
    "derivative by x": PLANS["bilinear, SO(2)"].derivative(1),
    "derivative by y": PLANS["mixed multiplicities"].derivative(2),
    "without weights": Plan(
        (Operand("iu", ((3, 2), (1, 4))), Operand("jv", ((2, 3),)), Operand("kuv", ((4, 2, 3), (1, 4, 3)))),
        "ijk",
        (Path((0, 0, 0), _table(3, 2, 4)), Path((1, 0, 1), _table(1, 2, 1))),
    ),
}

each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())  # the first operand is weights
every_plan = pytest.mark.parametrize("plan", [*PLANS.values(), *OTHERS.values()], ids=[*PLANS, *OTHERS])


def inputs(plan: Plan, *batches: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Random inputs of a plan with the given leading axes (the last ones for all further inputs)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [*batches, *[batches[-1]] * (len(plan.inputs) - len(batches))]
    return [
        torch.randn(*batch, operand.size, generator=generator, dtype=torch.float64).to(dtype)
        for batch, operand in zip(shapes, plan.inputs, strict=True)
    ]
