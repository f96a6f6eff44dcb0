"""From reps to plans: the linear, bilinear and coordinate-dependent maps between reps.

Each of a rep's `irrep_terms` is a segment: plans work in the order of the terms of a rep where all of them are irreps,
and else in the coordinates of `rep.irreps`. Several terms of one irrep count together where maps are scaled, so that
reps which differ only in how equal irreps are grouped get maps of the same variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product as product_of

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError
from intertwine.kernels.products import every_path, in_irreps, irrep_terms, product, require_one_group
from intertwine.plan import Operand, Path, Plan
from intertwine.reps import Irrep, Rep
from intertwine.reps.harmonics import harmonics_rep


def _features(rep: Rep, modes: str) -> Operand:
    return Operand(modes, tuple((irrep.dim, m) for m, irrep in irrep_terms(rep)))


@cache
def linear_plan(rep_in: Rep, rep_out: Rep) -> Plan:
    """The G-linear maps rep_in → rep_out with weights, `out[k, w] = Σ C[i, k] weight[u, w] x[i, u]`.

    Inputs: weights, x; segments are the `irrep_terms` of the reps. By Schur's lemma a path joins terms of equal irreps,
    one per endomorphism, ordered by output, input, endomorphism. With inputs and weights of unit variance outputs have
    it too.

    Raises `RepMismatchError` if the reps belong to different groups.
    """
    require_one_group(rep_in, rep_out)
    totals = {irrep: m for m, irrep in rep_in.isotypic}
    shapes: list[tuple[int, int]] = []
    paths: list[Path] = []
    for k, (w, irrep) in enumerate(irrep_terms(rep_out)):
        equal = [(i, u) for i, (u, other) in enumerate(irrep_terms(rep_in)) if other == irrep]
        for (i, u), endomorphism in product_of(equal, irrep.endomorphisms):
            scale = np.sqrt(irrep.dim / (totals[irrep] * len(irrep.endomorphisms))) / np.linalg.norm(endomorphism)
            paths.append(Path((len(paths), i, k), Table(endomorphism.T * scale)))
            shapes.append((u, w))
    operands = (Operand("uw", tuple(shapes)), _features(rep_in, "iu"), _features(rep_out, "kw"))
    return Plan(operands, "ik", tuple(paths))


@cache
def bilinear_plan(rep_1: Rep, rep_2: Rep, rep_out: Rep) -> Plan:
    """The G-bilinear maps rep_1 × rep_2 → rep_out, `out[k, w] = Σ C[i, j, k] weight[v, u, w] x[i, u] y[j, v]`.

    Inputs: weights, x, y; segments are the `irrep_terms` of the reps. One path per Clebsch–Gordan table, ordered by
    output, x, y: the product in mode "uvw" with all of them.

    Raises `RepMismatchError` if the reps belong to different groups.
    """
    require_one_group(rep_1, rep_2, rep_out)
    reps = (in_irreps(rep_1), in_irreps(rep_2), in_irreps(rep_out))
    if terms := product(reps, every_path(*reps)).polynomial.terms:
        return terms[0].plan
    operands = (Operand("vuw", ()), _features(rep_1, "iu"), _features(rep_2, "jv"), _features(rep_out, "kw"))
    return Plan(operands, "ijk", ())


@dataclass(frozen=True)
class KernelTable:
    """The steerable kernels for an action and two reps: `K(g r) = ρ_out(g) K(r) ρ_in(g)⁻¹`.

    By the Wigner–Eckart theorem they are the harmonics of r, coupled to the input like a second factor of a tensor
    product, times functions of |r|.

    Args:
        action: how the group moves the coordinates.
        harmonics: the harmonics of degrees 0 … degree as a rep of the group.
        degree: the largest degree.
        plan: the coupling (weights, x, harmonics) → output.
        complete: whether no kernel of a larger degree exists.
    """

    action: Rep
    harmonics: Rep
    degree: int
    plan: Plan
    complete: bool


@cache
def kernel_table(action: Rep, rep_in: Rep, rep_out: Rep, degree: int | None = None) -> KernelTable:
    """The table of kernels for an action of dimension 2 or 3, an input and an output rep.

    Args:
        action: how the group moves the coordinates, a rep of dimension 2 or 3.
        rep_in: the rep of the input features.
        rep_out: the rep of the output features.
        degree: the largest harmonic degree. Where the action takes every direction to every other (SO(2), O(2), SO(3)
            and O(3) by their defining reps) the default, `rep_in.degree + rep_out.degree`, leaves nothing out. Other
            actions have kernels of every degree; for them the default is at least the first degree of an invariant
            function of the direction, and as many more as it takes to reach every irrep of the output.

    Raises `RepMismatchError` for reps of different groups, `ArgumentError` for an action of another dimension.
    """
    require_one_group(action, rep_in, rep_out)
    if action.dim not in (2, 3):
        raise ArgumentError(
            f"An action moves 2 or 3 coordinates, but the rep {action} of {action.group} has dimension {action.dim}. "
            "Pass the rep by which the group moves the vectors, such as group.rep('1x1o')."
        )
    top = _default_degree(action, rep_in, rep_out) if degree is None else degree
    harmonics = harmonics_rep(action, top)
    complete = _first_invariant(action) is None and top >= rep_in.degree + rep_out.degree
    return KernelTable(action, harmonics, top, bilinear_plan(rep_in, harmonics, rep_out), complete)


def _default_degree(action: Rep, rep_in: Rep, rep_out: Rep) -> int:
    """The degree that `kernel_table` documents as its default."""
    couple, invariant, order = rep_in.degree + rep_out.degree, _first_invariant(action), action.group.order
    if invariant is None:
        return couple
    top = max(couple, invariant)
    last = order if action.group.is_finite else couple + 2
    while top < last and bilinear_plan(rep_in, harmonics_rep(action, top), rep_out).unreached:
        top += 1
    return top


@cache
def _first_invariant(action: Rep) -> int | None:
    """The first degree from 1 on with an invariant harmonic; None if there is none: all directions are alike.

    A continuous group that does not take every direction to every other keeps an axis, seen in degree 1 or 2; a finite
    group has invariants of a degree up to its order.
    """
    for degree in range(1, (int(action.group.order) if action.group.is_finite else 2) + 1):
        if harmonics_rep(action, degree).isotypic[0][0] > 1:
            return degree
    return None


def unreached_irreps(plan: Plan, rep_out: Rep) -> tuple[tuple[int, Irrep], ...]:
    """The irrep terms of an output rep that no path of its plan leads to."""
    return tuple(irrep_terms(rep_out)[i] for i in plan.unreached)
