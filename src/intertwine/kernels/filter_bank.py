"""From reps to filters on a grid: all steerable filters between two reps that are made of given functions on taps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from intertwine._arrays import Table
from intertwine.kernels.plans import bilinear_plan
from intertwine.kernels.products import require_one_group
from intertwine.kernels.taps import Filters, TapFunctions, Taps
from intertwine.plan.expansion import Channels, Coupled, Expansion, Moved
from intertwine.reps import Block, Irrep, Rep


@dataclass(frozen=True)
class FilterBank:
    """The filters `K(A(g) s) = ρ_out(g) K(s) ρ_in(g)⁻¹` of a convolution on a grid.

    Args:
        functions: the functions on the taps that they are made of.
        expansion: how weights become filters. With standard normal weights, inputs of unit variance give outputs of
            unit variance on average over the components of a block (He et al. 2015, without the factor of a
            nonlinearity), and no filter counts more than another.
        unreached: the irreps of the output that no filter leads to, with multiplicities.
    """

    functions: TapFunctions
    expansion: Expansion
    unreached: tuple[tuple[int, Irrep], ...]


@cache
def filter_bank(action: Rep, rep_in: Rep, rep_out: Rep, taps: Taps, filters: Filters) -> FilterBank:
    """All filters between two reps for an action on space, made of the functions on taps that `filters` allows.

    By the Wigner–Eckart theorem they are these functions coupled to the input. Where a group permutes the components
    of both reps, and those of one freely, as in regular reps, one filter is moved to all components instead: the same
    filters, made faster.

    Raises `RepMismatchError` for reps of different groups, and `ArgumentError` where `filters` has no functions.
    """
    require_one_group(action, rep_in, rep_out)
    functions = filters.functions(action, taps)
    meetings: list[Coupled | Moved] = []
    for _, block in rep_out.terms:
        number = sum(m * _count(functions, block, other) for m, other in rep_in.terms)
        scale = math.sqrt(block.dim / number) if number else 0.0
        meetings += [replace(_meeting(functions, block, other), scale=scale) for _, other in rep_in.terms]
    runs_out, runs_in = (tuple(_channels(m, block) for m, block in rep.terms) for rep in (rep_out, rep_in))
    expansion = Expansion(runs_out, runs_in, tuple(meetings), len(taps.points))
    return FilterBank(functions, expansion, _unreached(functions, rep_in, rep_out))


def _unreached(functions: TapFunctions, rep_in: Rep, rep_out: Rep) -> tuple[tuple[int, Irrep], ...]:
    """The irreps of the output that no filter leads to; of blocks of several irreps if they get invariants at most.

    A block such as the regular rep is alive if one of its other irreps is reached.
    """
    reached = {
        a for _, a in rep_out.isotypic if any(len(_couplings(functions, a, b).array) for _, b in rep_in.isotypic)
    }
    missed: dict[Irrep, int] = {}
    for m, block in rep_out.terms:
        if isinstance(block, Irrep) or not any(a in reached and not a.is_trivial for _, a in block.content):
            for n, irrep in block.content:
                missed[irrep] = missed.get(irrep, 0) + (m * n if irrep not in reached else 0)
    return tuple((missed[irrep], irrep) for _, irrep in rep_out.isotypic if missed.get(irrep))


def _channels(copies: int, block: Block) -> Channels:
    basis = None if block.basis is None else Table(block.basis)
    return Channels(block.dim, copies, tuple((irrep.dim, n * copies) for n, irrep in block.content), basis)


def _count(functions: TapFunctions, block_out: Block, block_in: Block) -> int:
    """How many filters there are between two blocks."""
    return sum(
        m * n * len(_couplings(functions, a, b).array) for m, a in block_out.content for n, b in block_in.content
    )


@cache
def _meeting(functions: TapFunctions, block_out: Block, block_in: Block) -> Coupled | Moved:
    """How the filters between two blocks are made."""
    if (moved := _moved(functions, block_out, block_in)) is not None:
        return moved
    tables = [
        (k, i, _couplings(functions, a, b))
        for k, (_, a) in enumerate(block_out.content)
        for i, (_, b) in enumerate(block_in.content)
    ]
    return Coupled(tuple(part for part in tables if len(part[-1].array)), 1.0)


@cache
def _couplings(functions: TapFunctions, irrep_out: Irrep, irrep_in: Irrep) -> Table:
    """The filters between two irreps, `(filters, d_out, d_in, taps)`, of norm 1."""
    single_out, single_in = (Rep(irrep.group, ((1, irrep),)) for irrep in (irrep_out, irrep_in))
    found = [np.zeros((0, irrep_out.dim, irrep_in.dim, len(functions.values)))]
    for path in bilinear_plan(single_in, functions.rep, single_out).paths:
        place = path.segments[2]
        copies, irrep = functions.rep.terms[place]
        values = functions.values[:, functions.rep.slices[place]].reshape(-1, irrep.dim, copies)
        table = path.coefficients.array / np.linalg.norm(path.coefficients.array)
        found.append(np.einsum("ijk,sjv->vkis", table, values))
    return Table(np.concatenate(found))


def _moved(functions: TapFunctions, block_out: Block, block_in: Block) -> Moved | None:
    """One filter moved to all places, of norm 1; None unless a group permutes both blocks, and one of them freely.

    Let g take component 0 of the free block, say that of the output, to component a. Then
    `K_ab(s) = K_0b'(A(g)⁻¹ s)`, where g takes component b' of the input to b.
    """
    images_out, images_in = component_images(block_out), component_images(block_in)
    if images_out is None or images_in is None:
        return None
    order = len(images_out)
    by_output = images_out.shape[1] == order and len(set(images_out[:, 0])) == order
    free, other = (images_out, images_in) if by_output else (images_in, images_out)
    if free.shape[1] != order or len(set(free[:, 0])) != order:
        return None
    carriers = np.argsort(free[:, 0])  # the elements that take component 0 to each place
    sources = np.argsort(other[carriers], axis=1)  # the component that each other one comes from
    moved = functions.rep.matrix(block_out.group.elements()[carriers])
    table = np.einsum("sl,glj->gjs", functions.values, moved) / math.sqrt(order)
    index = tuple(map(tuple, (sources if by_output else sources.T).tolist()))
    return Moved(index, Table(table), by_output, 1.0)


@cache
def component_images(block: Block) -> np.ndarray | None:
    """Where each element of a finite group takes each component of a block, `(order, dim)`; None if it mixes them."""
    if not block.group.is_finite:
        return None
    matrices = block.matrix(block.group.elements())
    places = matrices.argmax(-2)
    largest = np.take_along_axis(matrices, places[:, None, :], -2)
    return places if np.allclose(largest, 1, rtol=0, atol=1e-9) else None
