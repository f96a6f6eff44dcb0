"""Running compiled kernels: in torch's own threads where they can be used, over memory that does not fault."""

from __future__ import annotations

import ctypes
import os
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

HEAD = 5
"""The first places of every list of arguments: the address of GOMP_parallel, the next piece, threads, total, piece."""

COUNTER, THREADS, TOTAL, PIECE = 1, 2, 3, 4

_HOME = os.getpid()  # the process that owns the threads
_LARGE = 1 << 22  # bytes from which fresh memory is asked for in huge pages
_PAGE = 1 << 21
_HUGE = 14  # MADV_HUGEPAGE


def launch(function: Callable[[int], None], total: int, arguments: Sequence[Tensor | int], *, threads: int) -> None:
    """Run a kernel over pieces of a range.

    Args:
        function: the kernel.
        total: the end of the range that threads share.
        arguments: tensors, whose addresses are passed, and integers.
        threads: how many threads take part; 1 runs it here.
    """
    piece = total if threads == 1 else max(1, min(64, total // (8 * threads)))
    head = (_parallel() if threads > 1 else 0, 0, threads, total, piece)
    values = array("q", [*head, *[x if isinstance(x, int) else x.data_ptr() for x in arguments]])
    function(values.buffer_info()[0])


def thread_count(work: int, least: int = 1) -> int:
    """How many threads may be used for some pieces of work: torch's number, and one in a forked child.

    Threads do not survive a fork: a child that waited for them would wait for ever.
    """
    if work <= least or _parallel() == 0 or os.getpid() != _HOME:
        return 1
    return min(torch.get_num_threads(), work)


def has_threads() -> bool:
    """Whether kernels may run in several threads here."""
    return _parallel() != 0


def below(numbers: Tensor, end: int) -> bool:
    """Whether all integers are from 0 on, below an end: one look, since negative ones are huge without their sign."""
    return numbers.shape[0] == 0 or int(numbers.numpy().view(np.uint64).max()) < end


def large(x: Tensor) -> Tensor:
    """The tensor itself; if it is fresh and large, its memory will come in huge pages: 512 times fewer page faults."""
    size = x.numel() * x.element_size()
    if size >= _LARGE and (advise := _advise()) is not None:
        start = -(-x.data_ptr() // _PAGE) * _PAGE
        advise(start, (x.data_ptr() + size - start) // _PAGE * _PAGE, _HUGE)
    return x


@cache
def _parallel() -> int:
    """The address of `GOMP_parallel` in the OpenMP that torch brings, so that its threads are ours; 0 without."""
    for path in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*")):
        try:
            return ctypes.cast(ctypes.CDLL(str(path)).GOMP_parallel, ctypes.c_void_p).value or 0
        except (OSError, AttributeError):
            continue
    return 0


@cache
def _advise() -> Callable[[int, int, int], int] | None:
    """The system's `madvise`, on Linux."""
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
    return function
