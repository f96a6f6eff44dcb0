"""The definition: each pair of runs of channels by itself, each part by one einsum."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.plan.expansion import Channels, Coupled, Expansion, Moved


def expand(expansion: Expansion, weights: Tensor) -> Tensor:
    """The filters `(channels out, channels in, taps)` of weights `(size,)`."""
    pieces = iter(weights.split(list(expansion.sizes)))
    meetings = iter(expansion.meetings)
    rows = []
    for out in expansion.channels_out:
        row = [weights.new_zeros((out.size * out.copies, 0, expansion.taps))]
        for into in expansion.channels_in:
            meeting, given = next(meetings), next(pieces)
            if isinstance(meeting, Coupled):
                row.append(_coupled(meeting, out, into, given, expansion.taps))
            else:
                row.append(_moved(meeting, out, into, given, expansion.taps))
        rows.append(torch.cat(row, 1))
    return torch.cat(
        [weights.new_zeros((0, sum(c.size * c.copies for c in expansion.channels_in), expansion.taps)), *rows]
    )


def _coupled(meeting: Coupled, out: Channels, into: Channels, weights: Tensor, taps: int) -> Tensor:
    tables = {(k, i): torch.tensor(table.array).to(weights) for k, i, table in meeting.parts}
    start, rows = 0, []
    for k, (d, w) in enumerate(out.parts):
        row = []
        for i, (e, u) in enumerate(into.parts):
            table = tables.get((k, i), weights.new_zeros((0, d, e, taps)))
            given = weights[start : start + len(table) * w * u].reshape(len(table), w, u)
            row.append(torch.einsum("pwu,pkis->kwius", given, table).reshape(d * w, e * u, taps))
            start += given.numel()
        rows.append(torch.cat(row, 1))
    return torch.einsum("xk,ks...,ys->xy...", _matrix(out, weights), torch.cat(rows), _matrix(into, weights)) * (
        meeting.scale
    )


def _moved(meeting: Moved, out: Channels, into: Channels, weights: Tensor, taps: int) -> Tensor:
    index, table = torch.tensor(meeting.index, device=weights.device), torch.tensor(meeting.table.array).to(weights)
    given = weights.reshape(out.copies, meeting.rows, into.copies, table.shape[1])[:, index]
    equation = "wabuj,ajs->awbus" if meeting.by_output else "wabuj,bjs->awbus"
    filters = torch.einsum(equation, given, table) * meeting.scale
    return filters.reshape(out.size * out.copies, into.size * into.copies, taps)


def _matrix(channels: Channels, like: Tensor) -> Tensor:
    """Q ⊗ 1."""
    basis = np.eye(channels.size) if channels.basis is None else channels.basis.array
    return torch.tensor(np.kron(basis, np.eye(channels.copies))).to(like)
