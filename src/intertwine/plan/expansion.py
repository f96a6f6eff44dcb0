"""How filters on taps are made from weights, as data: runs of channels, small tables, and where these meet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from intertwine._arrays import Table


@dataclass(frozen=True)
class Channels:
    """A run of channels `(components, copies)` in coordinates of its own: `x = (Q ⊗ 1) y`, y in parts.

    Args:
        size: the number of components.
        copies: the number of copies, which Q leaves alone.
        parts: components and copies of each part of y, which lie one after the other.
        basis: Q, orthogonal; None for the identity.
    """

    size: int
    copies: int
    parts: tuple[tuple[int, int], ...]
    basis: Table | None = None


@dataclass(frozen=True)
class Coupled:
    """Filters between two runs of channels, part by part: `F[k, w, i, u, s] = scale Σ_p weight[p, w, u] C[p, k, i, s]`.

    Args:
        parts: the numbers of a part of the output and one of the input, and their table C. What is left out is zero.
        scale: a factor.
    """

    parts: tuple[tuple[int, int, Table], ...]
    scale: float

    def size(self, out: Channels, into: Channels) -> int:
        """The number of weights between two runs of channels."""
        return sum(len(table.array) * out.parts[k][1] * into.parts[i][1] for k, i, table in self.parts)


@dataclass(frozen=True)
class Moved:
    """Filters between two runs of channels whose components a group permutes, those of one freely.

    A filter for one component of the free run is moved to all others: `F[a, w, b, u, s] = scale Σ_j weight[w,
    index[a, b], u, j] table[m, j, s]`, with m = a if the free run is the output, else m = b.

    Args:
        index: the row of weights that belongs to each pair of components, `(a, b)`.
        table: the functions on the taps, moved by each m: `(m, j, s)`.
        by_output: whether the free run is the output.
        scale: a factor.
    """

    index: tuple[tuple[int, ...], ...]
    table: Table
    by_output: bool
    scale: float

    @property
    def rows(self) -> int:
        """The number of rows of weights."""
        return 1 + max(map(max, self.index))

    def size(self, out: Channels, into: Channels) -> int:
        """The number of weights between two runs of channels."""
        return self.rows * out.copies * into.copies * int(self.table.array.shape[1])


@dataclass(frozen=True)
class Expansion:
    """Filters `(channels out, channels in, taps)` that are linear in weights.

    Args:
        channels_out, channels_in: the runs of channels.
        meetings: how the filters of each pair of runs are made, outputs outside.
        taps: the number of taps.
    """

    channels_out: tuple[Channels, ...]
    channels_in: tuple[Channels, ...]
    meetings: tuple[Coupled | Moved, ...]
    taps: int

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of weights of each meeting."""
        pairs = ((out, into) for out in self.channels_out for into in self.channels_in)
        return tuple(meeting.size(*pair) for meeting, pair in zip(self.meetings, pairs, strict=True))

    @property
    def size(self) -> int:
        """The number of weights."""
        return sum(self.sizes)
