"""Features of this library as rows of e3nn, and back.

In e3nn the copies of a slot lie outside and their components inside; here it is the other way round. Irreps are sorted
by other orders too: 0o 0e 1o 1e there, 0e 0o 1o 1e here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import plain_shape, read_only
from intertwine.catalog import O3
from intertwine.errors import ArgumentError, ShapeError
from intertwine.interop.e3nn.o3.irreps import Irreps, rep_of
from intertwine.interop.e3nn.o3.rows import RowOrder
from intertwine.reps import Irrep, Rep, as_rep


def irreps_of(rep: Rep | Irrep) -> Irreps:
    """The irreps of e3nn that a rep of O(3) is, one slot for each term.

    Raises `ArgumentError` for another group, and for terms that are no irreps.

    >>> irreps_of(O3.rep("4x0e + 2x1o"))
    4x0e+2x1o
    """
    rep = as_rep(rep)
    if rep.group != O3 or not all(isinstance(block, Irrep) for _, block in rep.terms):
        raise ArgumentError(
            f"e3nn has sums of irreps of O(3), but got {rep} of {rep.group}. For SO(3) state parities; for other "
            "coordinates pass rep.irreps."
        )
    return Irreps([(m, block.name) for m, block in rep.terms])


def features_from_e3nn(x: Tensor, rep: Rep | Irrep, irreps: Any = None) -> Tensor:
    """Features `(..., rep.dim)` for rows of e3nn.

    Args:
        x: the rows `(..., rep.dim)`.
        rep: what the features shall be.
        irreps: the irreps of the rows, which hold the same copies in another order; default one slot for each term.

    Raises `ShapeError` for rows of another size, and `RepMismatchError` for other copies.

    >>> rows = torch.tensor([7.0, 1.0, 2.0, 3.0, 10.0, 20.0, 30.0])  # a scalar and two vectors
    >>> features_from_e3nn(rows, O3.rep("1x0e + 2x1o"))
    tensor([ 7.,  1., 10.,  2., 20.,  3., 30.])
    """
    return _moved(x, rep, irreps, back=False)


def features_to_e3nn(x: Tensor, rep: Rep | Irrep, irreps: Any = None) -> Tensor:
    """Rows of e3nn `(..., rep.dim)` for features: the inverse of `features_from_e3nn`."""
    return _moved(x, rep, irreps, back=True)


def _moved(x: Tensor, rep: Rep | Irrep, irreps: Any, *, back: bool) -> Tensor:
    index = _index(rep, irreps, back)
    if x.ndim == 0 or plain_shape(x)[-1] != len(index):
        raise ShapeError(f"Features of {rep} have {len(index)} numbers on the last axis, but got {plain_shape(x)}.")
    return x.index_select(-1, torch.tensor(index, device=x.device))


def _index(rep: Rep | Irrep, irreps: Any, back: bool) -> list[int]:
    """Where each number of a feature stands in a row of e3nn, or the other way round."""
    rep = as_rep(rep)
    index = _row_index(rep, irreps_of(rep) if irreps is None else Irreps(irreps))
    return [*map(int, np.argsort(index) if back else index)]


# What torch.compiler.assume_constant_result does, which would load all of torch's compiler when intertwine is imported.
_index._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _row_index(rep: Rep, irreps: Irreps) -> np.ndarray:
    """The numbers of a row in the order of a feature; copies of one irrep keep their order."""
    turned = RowOrder(irreps).inside(torch.arange(irreps.dim)).numpy()
    return read_only(turned[rep_of(irreps).index_of(rep)])
