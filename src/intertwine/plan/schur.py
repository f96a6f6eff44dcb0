"""Filters on one tap as data: in the right coordinates they are small blocks."""

from __future__ import annotations

from dataclasses import dataclass

from intertwine._arrays import Table
from intertwine.plan.expansion import Channels

Place = tuple[int, int]
"""A run of channels, and one of its parts, by their numbers."""


@dataclass(frozen=True)
class SchurRun:
    """A run of channels, and its coordinates: `x[order] = (Q ⊗ 1) y`.

    Args:
        channels: the run in these coordinates. What `order` puts beside each component counts as copies.
        order: where each component comes from; None if they stay.
    """

    channels: Channels
    order: tuple[int, ...] | None = None

    @property
    def dim(self) -> int:
        """The number of channels."""
        return self.channels.size * self.channels.copies

    def width(self, part: int, products: int) -> int:
        """How many channels of a part each of a number of products takes."""
        components, copies = self.channels.parts[part]
        return components * copies // products


@dataclass(frozen=True)
class SchurBlock:
    """One matrix for equal parts of input and output, in a number of products `y[i] = M x[i]`.

    Args:
        products: the number of products: one for each component of an irrep of real type, which equivariant maps treat
            alike; else one, for all components and copies together.
        out, into: the parts of the output and the input.
    """

    products: int
    out: tuple[Place, ...]
    into: tuple[Place, ...]


@dataclass(frozen=True)
class SchurShare:
    """What some of the weights, one piece after the other, give to blocks: `M[x, w, y, u] = Σ_r T[x, y, r] weight`.

    Args:
        copies: the numbers of w and u.
        by_copy: whether the weights lie as `(w, r, u)` rather than `(r, w, u)`.
        targets: for each matrix that they are a part of: the number of its block, that of the part of the output and of
            the input there, and T.
    """

    copies: tuple[int, int]
    by_copy: bool
    targets: tuple[tuple[int, int, int, Table], ...]

    @property
    def size(self) -> int:
        """The number of weights."""
        return int(self.targets[0][-1].array.shape[-1]) * self.copies[0] * self.copies[1]


@dataclass(frozen=True)
class SchurPlan:
    """An `Expansion` with one tap, block by block.

    Args:
        runs_out, runs_in: the channels.
        blocks: the blocks.
        constants: the parts of the output that may have a bias, since the group leaves them as they are.
        shares: how weights make the blocks.
    """

    runs_out: tuple[SchurRun, ...]
    runs_in: tuple[SchurRun, ...]
    blocks: tuple[SchurBlock, ...]
    constants: tuple[Place, ...]
    shares: tuple[SchurShare, ...]

    @property
    def multiplications(self) -> int:
        """How many multiplications a pixel takes: blocks, and turns to their coordinates and back."""
        turned = [run.channels for run in (*self.runs_out, *self.runs_in) if run.channels.basis is not None]
        found = sum(channels.size**2 * channels.copies for channels in turned)
        for block in self.blocks:
            rows = sum(self.runs_out[run].width(part, block.products) for run, part in block.out)
            columns = sum(self.runs_in[run].width(part, block.products) for run, part in block.into)
            found += block.products * rows * columns
        return found

    @property
    def whole(self) -> int:
        """How many multiplications a pixel takes by the whole matrix."""
        return sum(run.dim for run in self.runs_out) * sum(run.dim for run in self.runs_in)
