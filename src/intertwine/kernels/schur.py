"""From reps to the blocks of a filter on one tap, which commutes with the group as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from intertwine._arrays import Table
from intertwine.kernels.filter_bank import component_images
from intertwine.plan.expansion import Channels, Coupled, Expansion, Moved
from intertwine.plan.schur import Place, SchurBlock, SchurPlan, SchurRun, SchurShare
from intertwine.reps import Block, Irrep, Rep

_Met = dict[tuple[int, int], tuple[int, int, int, int]]  # parts, and of their block the number, row, column, products


def schur_plan(rep_in: Rep, rep_out: Rep, expansion: Expansion) -> SchurPlan:
    """The filters on one tap that an expansion makes between two reps, block by block, of the same weights.

    Such a filter is an intertwiner of the group, and of each subgroup. Blocks are those of the group, or of some
    commuting flips in it, whichever takes fewer multiplications. The more elements, the smaller are blocks and the
    longer takes the turn to their coordinates: flips serve groups with many.
    """
    plans = [_by_irreps(rep_in, rep_out, expansion)]
    if all(isinstance(meeting, Moved) for meeting in expansion.meetings):
        plans += _by_signs(rep_in, rep_out)
    plan = min(plans, key=lambda plan: plan.multiplications)
    pairs = [(out, into) for out in range(len(plan.runs_out)) for into in range(len(plan.runs_in))]
    shares: list[SchurShare] = []
    for meeting, (out, into) in zip(expansion.meetings, pairs, strict=True):
        met = _met(plan, out, into)
        if isinstance(meeting, Moved):
            copies = expansion.channels_out[out].copies, expansion.channels_in[into].copies
            shares.append(_moved_share(meeting, plan.runs_out[out], plan.runs_in[into], copies, met))
        else:
            shares += _coupled_shares(meeting, plan.runs_out[out], plan.runs_in[into], met)
    return replace(plan, shares=tuple(shares))


def _by_irreps(rep_in: Rep, rep_out: Rep, expansion: Expansion) -> SchurPlan:
    """The blocks of a group: by Schur's lemma one joins all copies of an irrep, and treats components alike."""
    places_out, places_in = _places(rep_out), _places(rep_in)
    blocks = tuple(
        SchurBlock(irrep.dim if irrep.type == "R" else 1, places_out[irrep], places_in[irrep])
        for irrep in places_out
        if irrep in places_in
    )
    out, into = (tuple(map(SchurRun, side)) for side in (expansion.channels_out, expansion.channels_in))
    constants = [places for irrep, places in places_out.items() if irrep.is_trivial]
    return SchurPlan(out, into, blocks, constants[0] if constants else (), ())


def _places(rep: Rep) -> dict[Irrep, tuple[Place, ...]]:
    """Where each irrep lies."""
    found: dict[Irrep, tuple[Place, ...]] = {}
    for run, (_, block) in enumerate(rep.terms):
        for part, (_, irrep) in enumerate(block.content):
            found[irrep] = (*found.get(irrep, ()), (run, part))
    return found


def _by_signs(rep_in: Rep, rep_out: Rep) -> list[SchurPlan]:
    """The blocks of commuting flips that move every component: of what they all give the same signs; none without."""
    orders = _flipped(tuple(dict.fromkeys(block for rep in (rep_out, rep_in) for _, block in rep.terms)))
    if orders is None:
        return []
    sides = []
    for rep in (rep_out, rep_in):
        runs = []
        for copies, block in rep.terms:
            size, orbits = orders[block].shape
            signs = reduce(np.kron, (size.bit_length() - 1) * [np.array([[1, 1], [1, -1]])]) / math.sqrt(size)
            channels = Channels(size, orbits * copies, size * ((1, orbits * copies),), Table(signs))
            runs.append(SchurRun(channels, tuple(orders[block].flatten().tolist())))
        sides.append(tuple(runs))
    blocks = []
    for part in range(sides[0][0].channels.size):
        out, into = (tuple((run, part) for run in range(len(side))) for side in sides)
        blocks.append(SchurBlock(1, out, into))
    return [SchurPlan(sides[0], sides[1], tuple(blocks), blocks[0].out, ())]


def _flipped(blocks: tuple[Block, ...]) -> dict[Block, np.ndarray] | None:
    """The components of each block, `(flips, orbits)`, where as many commuting flips as possible take one to another.

    None if not all components are exchanged by elements of a finite group, or none moves all of them.
    """
    moved = [component_images(block) for block in blocks]
    if any(one is None for one in moved) or not blocks:
        return None
    ends = np.cumsum([block.dim for block in blocks])
    starts = ends - [block.dim for block in blocks]
    every = np.concatenate([one + start for one, start in zip(moved, starts, strict=True)], 1)
    same = np.arange(every.shape[1])
    flips = [one for one in every if (one != same).all() and (one[one] == same).all()]
    largest = max((_commuting(first, flips) for first in flips), key=len, default=[same])
    if len(largest) == 1:
        return None
    table = np.stack(largest)
    found = {}
    for block, start, end in zip(blocks, starts, ends, strict=True):
        first = [a for a in range(start, end) if table[:, a].min() == a]
        found[block] = table[:, first] - start
    return found


def _commuting(first: np.ndarray, flips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Flips that commute, beginning with one, and their products, as long as each of these moves every component."""
    found = [np.arange(len(first)), first]
    for flip in flips:
        products = [flip[one] for one in found]
        commutes = all((flip[one] == one[flip]).all() for one in found)
        if commutes and all((one != found[0]).all() for one in products):
            found += products
    return found


def _met(plan: SchurPlan, out: int, into: int) -> _Met:
    """By parts of two runs that meet: the number of their block, theirs in it, and how many products it has."""
    return {
        (k, i): (number, block.out.index((out, k)), block.into.index((into, i)), block.products)
        for number, block in enumerate(plan.blocks)
        for a, k in block.out
        for b, i in block.into
        if (a, b) == (out, into)
    }


def _coupled_shares(meeting: Coupled, out: SchurRun, into: SchurRun, met: _Met) -> list[SchurShare]:
    """Each piece of weights gives to the block of its irrep: of the first component, if they are treated alike."""
    shares = []
    for k, i, table in meeting.parts:
        number, row, column, products = met[k, i]
        (d, w), (e, u) = out.channels.parts[k], into.channels.parts[i]
        entries = np.moveaxis(table.array[:, : d // products, : e // products, 0], 0, -1)
        shares.append(SchurShare((w, u), False, ((number, row, column, Table(meeting.scale * entries)),)))
    return shares


def _moved_share(
    meeting: Moved,
    out: SchurRun,
    into: SchurRun,
    copies: tuple[int, int],
    met: _Met,
) -> SchurShare:
    """All weights give to all blocks: a row of them is a filter that is 1 where it stands."""
    stands = np.array(meeting.index)[..., None] == np.arange(meeting.rows)
    factor = meeting.scale * meeting.table.array[0, 0, 0]  # the one function on one tap is the same in all places
    targets = []
    for (k, i), (number, row, column, products) in met.items():
        vectors = _vectors(out, k, products), stands.astype(float), _vectors(into, i, products)
        table = factor * np.einsum("ax,abr,by->xyr", *vectors, optimize=True)
        targets.append((number, row, column, Table(table)))
    return SchurShare(copies, True, tuple(targets))


def _vectors(run: SchurRun, part: int, products: int) -> np.ndarray:
    """The vectors `(components, number)` that one product of a part takes, of one copy of the run."""
    channels = run.channels
    size = channels.size if run.order is None else len(run.order)
    sizes = [components * copies // channels.copies for components, copies in channels.parts]
    start = sum(sizes[:part])
    basis = np.eye(channels.size) if channels.basis is None else channels.basis.array
    vectors = np.zeros((size, sizes[part] // products * (size // channels.size)))
    vectors[slice(None) if run.order is None else list(run.order)] = np.kron(
        basis[:, start : start + sizes[part] // products], np.eye(size // channels.size)
    )
    return vectors
