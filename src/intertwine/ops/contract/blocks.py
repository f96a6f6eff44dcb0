"""Products of any letters in kernels, block of rows by block of rows: what runs them, and which plans they take."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from intertwine.errors import ArgumentError, ShapeError
from intertwine.ops.choice import require_one_dtype
from intertwine.ops.closed import Closed, register
from intertwine.ops.contract.blocks_llvm import (
    made_names,
    read_names,
    row_sizes,
    scratch_size,
    write_blocks,
)
from intertwine.ops.contract.reference import contract
from intertwine.ops.derivatives import Places
from intertwine.ops.llvm import Kernel, host, launch, load
from intertwine.ops.llvm.launch import large, thread_count
from intertwine.plan import Plan

_MOST_COMBINATIONS = 1 << 16  # of copies: a list in the code
_MOST_ENTRIES = 4096  # nonzero coefficients: code for more would take many seconds to compile
_MOST_NUMBERS = 1 << 17  # in a row of all operands: blocks of rows stay in the cache
_MOST_SUMMED = 1024  # combinations, where weights mix copies: matrix products do more at a time


@cache
def serves_blocks(plan: Plan) -> bool:
    """Whether kernels compute a plan in blocks of rows: one of weights, if any, and two factors, of no great size."""
    if len(plan.inputs) not in (2, 3) or sum(operand.size for operand in plan.operands) > _MOST_NUMBERS:
        return False
    if len(plan.inputs) == 3 and set(plan.inputs[0].modes) & set(plan.coefficient_modes):
        return False
    made = 0
    for path in plan.paths:
        combinations = 1
        for letter, size in plan.sizes_of(path).items():
            combinations *= 1 if letter in plan.coefficient_modes else size
        made += combinations
    mixes = len(plan.inputs) == 3 and not set(plan.inputs[0].modes) <= set(plan.inputs[1].modes + plan.inputs[2].modes)
    entries = sum(int((table.array != 0).sum()) for table in plan.tables)
    return made <= (_MOST_SUMMED if mixes else _MOST_COMBINATIONS) and entries <= _MOST_ENTRIES


class Prepared(NamedTuple):
    """A kernel, the rows of a block, the numbers that a thread keeps, and those in rows of what is read and made."""

    run: Kernel
    lanes: int
    scratch: int
    read: tuple[tuple[str, int], ...]
    made: tuple[tuple[str, int], ...]


@cache
def prepared(plan: Plan, kind: str, *, shared: bool, double: bool) -> Prepared:
    """What one kernel of a plan takes, compiled at its first use in the process or read from the disk."""
    if not serves_blocks(plan):
        raise ArgumentError("No kernels compute this plan. Ask serves_blocks(plan) first.")
    key = f"blocks {kind} {shared} {plan.key} {'float64' if double else 'float32'}"
    kernel = load(key, lambda machine: write_blocks(plan, machine, kind, shared=shared, double=double))
    lanes, sizes = host().code(double=double).lanes, row_sizes(plan)
    read, made = (
        tuple((name, sizes[name[-1]]) for name in names) for names in (read_names(plan, kind), made_names(plan, kind))
    )
    return Prepared(kernel, lanes, scratch_size(plan, kind, lanes), read, made)


def launch_blocks(
    kernel: Prepared, like: Tensor, count: int, tensors: Sequence[Tensor | int], *, threads: int = 0
) -> None:
    """Run a kernel on so many rows of tensors, or of what lies at addresses.

    Args:
        kernel: what runs.
        like: a tensor whose dtype memory for threads is to have.
        count: the number of rows.
        tensors: what is read and what is made.
        threads: how many threads take part; 0 for as many as are useful.
    """
    blocks = -(-count // kernel.lanes)
    threads = threads or thread_count(blocks)
    scratch = like.new_empty(threads * kernel.scratch)
    launch(kernel.run, blocks, [0, count, scratch, *tensors], threads=threads)


class BlockProduct(Closed):
    """The product of weights and two factors."""

    name = "blocks"
    operands: ClassVar[tuple[str, ...]] = ("w", "x", "y")

    def run(self, kind: str, places: Places, *given: Tensor) -> list[Tensor]:  # noqa: ARG002 (all are closed alike)
        """What a kernel makes of them: gradients by weights for all rows are added up, in a copy for each thread."""
        require_one_dtype(*given)
        one, count = given[0], given[1].shape[0]
        shared = len(self.operands) == 3 and one.ndim == 1
        kernel = prepared(self.plan, kind, shared=shared, double=one.dtype == torch.float64)
        wanted = [(size,) if shared and name[-1] == "w" else (count, size) for name, size in kernel.read]
        if (shapes := [tuple(x.shape) for x in given]) != wanted:  # it would read whatever lies in memory
            raise ShapeError(f"The product takes tensors of shapes {wanted}, but got {shapes}.")
        given = tuple(x.resolve_neg().contiguous() for x in given)  # named, so that they live while the kernel runs
        sums = shared and kind != "forward"
        threads = (
            1 if sums and torch.are_deterministic_algorithms_enabled() else thread_count(-(-count // kernel.lanes))
        )
        results = [
            one.new_zeros((threads, size)) if sums and name == "w" else large(one.new_empty((count, size)))
            for name, size in kernel.made
        ]
        launch_blocks(kernel, one, count, [*given, *results], threads=threads)
        if sums:
            results[0] = results[0][0] if threads == 1 else results[0].sum(0)
        return results

    def plain(self, places: Places, *operands: Tensor) -> Tensor:  # noqa: ARG002
        """The definition, row by row."""
        return contract(self.plan, *operands)

    def rows(self, places: Places, *operands: Tensor) -> int:  # noqa: ARG002
        """The number of rows."""
        return operands[-1].shape[0]


class BareBlockProduct(BlockProduct):
    """The product of two factors."""

    name, operands = "blocks_bare", ("x", "y")


for _kind in (BlockProduct, BareBlockProduct):
    register(_kind)
