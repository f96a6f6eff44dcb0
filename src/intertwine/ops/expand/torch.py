"""Filters from weights by one matrix product for each pair of parts, and one batched product for moved ones."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.ops.tables import TableModule
from intertwine.plan.expansion import Channels, Coupled, Expansion, Moved


class FilterExpansion(nn.Module):
    """The filters `(channels out, channels in, taps)` of weights `(size,)`, as `reference.expand` defines them.

    Args:
        expansion: how they are made.
    """

    def __init__(self, expansion: Expansion) -> None:
        super().__init__()
        self.sizes, self.width = list(expansion.sizes), len(expansion.channels_in)
        self.shape = [sum(c.size * c.copies for c in side) for side in (expansion.channels_out, expansion.channels_in)]
        self.taps = expansion.taps
        pairs = [(out, into) for out in expansion.channels_out for into in expansion.channels_in]
        self.parts = nn.ModuleList(
            CoupledFilters(meeting, *pair, self.taps) if isinstance(meeting, Coupled) else MovedFilters(meeting, *pair)
            for meeting, pair in zip(expansion.meetings, pairs, strict=True)
        )

    def forward(self, weights: Tensor) -> Tensor:
        """The filters, in the dtype of the weights whatever autocast says: what they are used for costs far more."""
        if not self.parts or 0 in self.shape:
            return weights.new_zeros((*self.shape, self.taps))
        still = nullcontext() if weights.is_meta else torch.autocast(weights.device.type, enabled=False)
        with still:  # torch knows no autocast for tensors without values
            made = [part(piece) for part, piece in zip(self.parts, weights.split(self.sizes), strict=True)]
            return _joined([_joined(made[n : n + self.width], 1) for n in range(0, len(made), self.width)], 0)


class CoupledFilters(TableModule):
    """The filters between two runs of channels, part by part."""

    basis_out: Tensor
    basis_in: Tensor

    def __init__(self, meeting: Coupled, out: Channels, into: Channels, taps: int) -> None:
        super().__init__()
        self.out, self.into, self.taps = out, into, taps
        self.places = {(k, i): n for n, (k, i, _) in enumerate(meeting.parts)}
        self.sizes = [len(table.array) * out.parts[k][1] * into.parts[i][1] for k, i, table in meeting.parts]
        for n, (*_, table) in enumerate(meeting.parts):
            self.register_table(f"table_{n}", meeting.scale * table.array.reshape(len(table.array), -1))
        for name, channels in (("basis_out", out), ("basis_in", into)):
            if channels.basis is not None:
                self.register_table(name, channels.basis.array)

    def forward(self, weights: Tensor) -> Tensor:
        """The filters `(channels out, channels in, taps)` of weights `(size,)`."""
        pieces = weights.split(self.sizes)
        rows = []
        for k, (d, w) in enumerate(self.out.parts):
            row = []
            for i, (e, u) in enumerate(self.into.parts):
                place = self.places.get((k, i))
                if place is None:
                    row.append(weights.new_zeros((d * w, e * u, self.taps)))
                    continue
                table = getattr(self, f"table_{place}").to(weights.dtype)
                made = pieces[place].reshape(table.shape[0], w * u).T @ table
                row.append(made.reshape(w, u, d, e, -1).permute(2, 0, 3, 1, 4).reshape(d * w, e * u, -1))
            rows.append(_joined(row, 1))
        filters = _joined(rows, 0)
        if self.out.basis is not None:
            turned = self.basis_out.to(weights.dtype) @ filters.reshape(self.out.size, -1)
            filters = turned.reshape(filters.shape)
        if self.into.basis is not None:
            turned = self.basis_in.to(weights.dtype) @ filters.reshape(filters.shape[0], self.into.size, -1)
            filters = turned.reshape(filters.shape)
        return filters


class MovedFilters(TableModule):
    """The filters between two runs of channels of which one is moved to all places: weights gathered, one product."""

    index: Tensor
    table: Tensor

    def __init__(self, meeting: Moved, out: Channels, into: Channels) -> None:
        super().__init__()
        rows, index = meeting.rows, np.array(meeting.index)
        self.out, self.into, self.by_output = out, into, meeting.by_output
        copies = (np.arange(n) for n in (out.copies, into.copies))
        w, a, b, u = np.ix_(next(copies), np.arange(out.size), np.arange(into.size), next(copies))
        full = (w * rows + index[a, b]) * into.copies + u
        order = (1, 0, 2, 3) if meeting.by_output else (2, 1, 0, 3)
        self.register_table("index", full.transpose(order).reshape(-1))
        self.register_table("table", meeting.scale * meeting.table.array)

    def forward(self, weights: Tensor) -> Tensor:
        """The filters `(channels out, channels in, taps)` of weights `(size,)`."""
        places, functions, taps = self.table.shape
        gathered = weights.reshape(-1, functions).index_select(0, self.index).reshape(places, -1, functions)
        moved = torch.bmm(gathered, self.table.to(weights.dtype))
        shape = (self.out.size * self.out.copies, self.into.size * self.into.copies, taps)
        if self.by_output:
            return moved.reshape(shape)
        moved = moved.reshape(self.into.size, self.out.size, self.out.copies, self.into.copies, taps)
        return moved.permute(1, 2, 0, 3, 4).reshape(shape)


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
