"""The edges of a graph in the order in which convolutions walk them, made once for all layers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._arrays import plain_shape
from intertwine.errors import ArgumentError, ShapeError


class Graph(NamedTuple):
    """Edges, and how they lie target by target. A tuple of tensors: it moves to devices and into compiled code as such.

    Args:
        source: where each edge begins, `(E,)`.
        target: where it ends, `(E,)`.
        order: the edges sorted by targets, `(E,)` numbers.
        row: where the edges of each target begin in that order, and their end, `(N + 1,)`.
    """

    source: Tensor
    target: Tensor
    order: Tensor
    row: Tensor

    @property
    def targets(self) -> int:
        """The number N of targets."""
        return self.row.shape[0] - 1


def graph(edges: Tensor, targets: int) -> Graph:
    """The graph of edges `(2, E)`, integers from source to target, with a number of targets.

    Raises `ShapeError` for other edges, and `ArgumentError` for targets that are not there.

    >>> graph(torch.tensor([[0, 1, 2], [1, 0, 1]]), 2).order
    tensor([1, 0, 2])
    """
    if edges.ndim != 2 or plain_shape(edges)[0] != 2 or edges.is_floating_point() or edges.is_complex():
        raise ShapeError(
            f"A graph takes edges of shape (2, E), integers from source to target, but got {plain_shape(edges)} of "
            f"{edges.dtype}."
        )
    source, target = edges.long().unbind(0)
    source, target = source.contiguous(), target.contiguous()
    order = torch.argsort(target, stable=True)
    ends = torch.zeros(targets, dtype=torch.long, device=edges.device)
    try:
        ends = ends.index_add(0, target, torch.ones_like(target))
    except IndexError as error:
        raise ArgumentError(
            f"Edges end at one of {targets} targets, numbered from 0, but got the numbers from {int(target.min())} to "
            f"{int(target.max())}."
        ) from error
    return Graph(source, target, order, torch.cat([ends.new_zeros(1), ends.cumsum(0)]))
