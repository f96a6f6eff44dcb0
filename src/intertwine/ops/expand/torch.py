"""Filters from weights by one matrix product for each pair of parts, and one batched product for moved ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine._arrays import is_tracing
from intertwine.ops.choice import is_eager, is_transformed
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
        self.places = _places(expansion)

    def forward(self, weights: Tensor) -> Tensor:
        """The filters, in the dtype of the weights whatever autocast says: what they are used for costs far more."""
        if not self.parts or 0 in self.shape:
            return weights.new_zeros((*self.shape, self.taps))
        if self.places and is_eager(weights) and not is_tracing() and not is_transformed(weights):
            filters: Tensor = _InPlace.apply(weights, self)  # type: ignore[no-untyped-call]
            return filters
        with without_autocast(weights):
            made = [part(piece) for part, piece in zip(self.parts, weights.split(self.sizes), strict=True)]
            return joined([joined(made[n : n + self.width], 1) for n in range(0, len(made), self.width)], 0)

    def filled(self, weights: Tensor) -> Tensor:
        """The filters of parts in coordinates of their own, each written to its place."""
        filters = weights.new_zeros((*self.shape, self.taps))
        with without_autocast(weights):
            pieces = weights.split([place.size for place in self.places])
            for place, table, piece in zip(self.places, self._tables(weights), pieces, strict=True):
                where = place.view(filters)
                where.copy_((piece.reshape(len(table), -1).T @ table).view(where.shape))
        return filters

    def collected(self, gradient: Tensor) -> Tensor:
        """The transpose of `filled`: a gradient by filters as one by weights."""
        is_plain = is_eager(gradient) and not is_transformed(gradient)
        gradient = gradient.contiguous() if is_plain else gradient
        found = []
        with without_autocast(gradient):
            for place, table in zip(self.places, self._tables(gradient), strict=True):
                part = place.view(gradient) if is_plain else place.slice(gradient)
                found.append((table @ part.reshape(-1, table.shape[1]).T).reshape(-1))
        return torch.cat(found)

    def _tables(self, like: Tensor) -> list[Tensor]:
        parts = [part for part in self.parts if isinstance(part, CoupledFilters)]
        return [part.table(n, like) for part in parts for n in range(len(part.sizes))]


class _InPlace(torch.autograd.Function):
    """Filters written in place: autograd would note, and copy, several more operations for each pair of irreps."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, expansion: FilterExpansion) -> Tensor:
        ctx.expansion = expansion
        return expansion.filled(weights)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        if is_eager(gradient) and not is_transformed(gradient):
            return _Collected.apply(gradient, ctx.expansion), None  # type: ignore[no-untyped-call]
        return ctx.expansion.collected(gradient), None


class _Collected(torch.autograd.Function):
    """The gradient by weights, which is linear in the one by filters."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, expansion: FilterExpansion) -> Tensor:
        ctx.expansion = expansion
        return expansion.collected(gradient)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return ctx.expansion(gradient), None


@dataclass(frozen=True)
class _Place:
    """Where the filters `(d, w, e, u, taps)` between two parts lie among all of them, `(rows, columns, taps)`.

    Args:
        row, column: where they begin.
        shape: d, w, e, u and taps.
        width: the number of columns.
        size: the number of weights.
    """

    row: int
    column: int
    shape: tuple[int, int, int, int, int]
    width: int
    size: int

    def view(self, filters: Tensor) -> Tensor:
        """They as `(w, u, d, e, taps)`, for filters that lie in memory one after the other."""
        d, w, e, u, taps = self.shape
        row = self.width * taps
        strides = (row, taps, w * row, u * taps, 1)
        return filters.as_strided((w, u, d, e, taps), strides, self.row * row + self.column * taps)

    def slice(self, filters: Tensor) -> Tensor:
        """The same for any filters."""
        d, w, e, u, _ = self.shape
        part = filters[self.row : self.row + d * w, self.column : self.column + e * u]
        return part.reshape(self.shape).permute(1, 3, 0, 2, 4)


def _places(expansion: Expansion) -> list[_Place]:
    """Where each part of the filters lies; none if some are moved, or in other coordinates than their parts."""
    runs = (*expansion.channels_out, *expansion.channels_in)
    meetings = [meeting for meeting in expansion.meetings if isinstance(meeting, Coupled)]
    if len(meetings) < len(expansion.meetings) or any(channels.basis is not None for channels in runs):
        return []
    rows, columns = (_starts(side) for side in (expansion.channels_out, expansion.channels_in))
    width = sum(c.size * c.copies for c in expansion.channels_in)
    outer, inner = zip(expansion.channels_out, rows, strict=True), [*zip(expansion.channels_in, columns, strict=True)]
    pairs = [(out, into) for out in outer for into in inner]
    found = []
    for meeting, ((out, row), (into, column)) in zip(meetings, pairs, strict=True):
        for k, i, table in meeting.parts:
            (d, w), (e, u) = out.parts[k], into.parts[i]
            shape = (d, w, e, u, expansion.taps)
            found.append(_Place(row[k], column[i], shape, width, len(table.array) * w * u))
    return found


def _starts(side: Sequence[Channels]) -> list[list[int]]:
    """Where each part of each run of channels begins."""
    starts, end = [], 0
    for channels in side:
        starts.append([*accumulate((d * n for d, n in channels.parts), initial=end)])
        end += channels.size * channels.copies
    return starts


def without_autocast(like: Tensor) -> AbstractContextManager[Any]:
    """Torch knows no autocast for tensors without values."""
    return nullcontext() if like.is_meta else torch.autocast(like.device.type, enabled=False)


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
                table = self.table(place, weights)
                made = pieces[place].reshape(table.shape[0], w * u).T @ table
                row.append(made.reshape(w, u, d, e, -1).permute(2, 0, 3, 1, 4).reshape(d * w, e * u, -1))
            rows.append(joined(row, 1))
        filters = joined(rows, 0)
        if self.out.basis is not None:
            turned = self.basis_out.to(weights.dtype) @ filters.reshape(self.out.size, -1)
            filters = turned.reshape(filters.shape)
        if self.into.basis is not None:
            turned = self.basis_in.to(weights.dtype) @ filters.reshape(filters.shape[0], self.into.size, -1)
            filters = turned.reshape(filters.shape)
        return filters

    def table(self, number: int, like: Tensor) -> Tensor:
        """The table of one part, `(weights of a pair of copies, components × taps)`."""
        table: Tensor = getattr(self, f"table_{number}")
        return table.to(like.dtype)


class MovedFilters(TableModule):
    """The filters between two runs of channels of which one is moved to all places: weights gathered, one product.

    Where moving permutes the taps, filters are made for one place and their taps put in order for each other one.
    """

    index: Tensor
    table: Tensor
    tap: Tensor
    back: Tensor

    def __init__(self, meeting: Moved, out: Channels, into: Channels) -> None:
        super().__init__()
        rows, index = meeting.rows, np.array(meeting.index)
        self.out, self.into, self.by_output = out, into, meeting.by_output
        w, a, b = np.ix_(np.arange(out.copies), np.arange(out.size), np.arange(into.size))
        order = (1, 0, 2) if meeting.by_output else (2, 1, 0)
        self.register_table("index", (w * rows + index[a, b]).transpose(order).reshape(-1))
        table = meeting.scale * meeting.table.array
        self.places, self.functions, self.taps = table.shape
        taps = _permuted_taps(table)
        self.is_permuted = taps is not None
        if taps is not None:
            self.register_table("tap", taps)
            self.register_table("back", np.argsort(taps, 1))
            self.register_table("table", table[0])
            return
        # Products over a multiple of four take half the time backward: functions that are zero are added.
        self.added = -self.functions % 4
        self.register_table("table", np.pad(table, ((0, 0), (0, self.added), (0, 0))))

    def forward(self, weights: Tensor) -> Tensor:
        """The filters `(channels out, channels in, taps)` of weights `(size,)`."""
        table, taps = self.table.to(weights.dtype), self.taps
        if self.is_permuted:
            filters = weights.reshape(-1, self.functions) @ table
            gathered = filters.reshape(-1, self.into.copies * taps).index_select(0, self.index)
            moved = _with_taps(gathered.reshape(self.places, -1, taps), self.tap, self.back)
        else:
            weights = F.pad(weights.reshape(-1, self.functions), (0, self.added))
            gathered = weights.reshape(-1, self.into.copies * table.shape[1]).index_select(0, self.index)
            moved = torch.bmm(gathered.reshape(self.places, -1, table.shape[1]), table)
        shape = (self.out.size * self.out.copies, self.into.size * self.into.copies, taps)
        if self.by_output:
            return moved.reshape(shape)
        moved = moved.reshape(self.into.size, self.out.size, self.out.copies, self.into.copies, taps)
        return moved.permute(1, 2, 0, 3, 4).reshape(shape)


def _permuted_taps(table: np.ndarray) -> np.ndarray | None:
    """Which tap of the first place each one is, `(places, taps)`, of functions `(places, functions, taps)`.

    None unless functions at all places are those at the first with their taps permuted.
    """
    first, found = table[0], []
    for moved in table:
        distances = (first**2).sum(0) - 2 * moved.T @ first
        taps = distances.argmin(1)
        if len(set(taps.tolist())) < len(taps) or not np.allclose(moved, first[:, taps], rtol=0, atol=1e-9):
            return None
        found.append(taps)
    return np.stack(found)


def _with_taps(filters: Tensor, taps: Tensor, back: Tensor) -> Tensor:
    """Filters `(places, any, taps)` with the taps of each place in an order `(places, taps)`; `back` undoes that."""
    if is_eager(filters) and not is_tracing() and not is_transformed(filters):
        return _Taps.apply(filters, taps, back)  # type: ignore[no-any-return, no-untyped-call]
    return filters.gather(2, taps[:, None].expand(filters.shape))


class _Taps(torch.autograd.Function):
    """Taps in another order: autograd would add up what it could take from its place, for several times the time."""

    @staticmethod
    def forward(ctx: Any, filters: Tensor, taps: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(taps, back)
        return filters.gather(2, taps[:, None].expand(filters.shape))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        taps, back = ctx.saved_tensors
        return _with_taps(gradient, back, taps), None, None


def joined(parts: list[Tensor], axis: int) -> Tensor:
    """Tensors one after the other along an axis; one alone is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
