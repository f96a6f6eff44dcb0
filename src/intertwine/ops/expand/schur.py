"""Filters on one tap, applied block by block rather than as one matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._arrays import is_tracing
from intertwine.ops.choice import is_eager, is_transformed
from intertwine.ops.expand.torch import joined, without_autocast
from intertwine.ops.tables import TableModule
from intertwine.plan.schur import Place, SchurPlan, SchurRun, SchurShare

_NUMBERS_AT_ONCE = 2**18  # 1 MB of float32, a few times which are in the second cache of a processor and close to it
_LINE = 16  # pixels, as many as memory hands over at once


def is_quicker(plan: SchurPlan) -> bool:
    """Whether blocks take less time than the whole matrix, on images of enough pixels.

    By multiplications, at which products of both kinds are about equally fast on a CPU. To turn channels takes longer
    than its few multiplications, as long as 40 more for each channel of input and output.
    """
    dims = sum(run.dim for run in (*plan.runs_in, *plan.runs_out))
    return plan.multiplications + 40 * dims < plan.whole


class SchurBlocks(TableModule):
    """Pixels times a filter on one tap: turned to other coordinates, multiplied by blocks there, and turned back.

    Args:
        plan: the blocks, and how weights make them.
    """

    def __init__(self, plan: SchurPlan) -> None:
        super().__init__()
        self.into = _Coordinates(plan.runs_in, {p: b.products for b in plan.blocks for p in b.into})
        self.out = _Coordinates(plan.runs_out, {p: b.products for b in plan.blocks for p in b.out}, plan.constants)
        self.products = [_Product(b.products, self.into.parts(b.into), self.out.parts(b.out)) for b in plan.blocks]
        self.shares = [_Share.of(share) for share in plan.shares]
        for number, share in enumerate(plan.shares):
            tables = [table.array.reshape(-1, table.array.shape[-1]) for *_, table in share.targets]
            self.register_table(f"table_{number}", np.concatenate(tables))

    def made(self, weights: Tensor) -> Tensor:
        """All blocks of weights `(size,)`, one after the other, in the dtype of the weights whatever autocast says."""
        found: dict[tuple[int, int, int], Tensor] = {}
        with without_autocast(weights):
            pieces = weights.split([share.size for share in self.shares])
            for number, (share, piece) in enumerate(zip(self.shares, pieces, strict=True)):
                table: Tensor = getattr(self, f"table_{number}")
                found |= share.matrices(piece, table.to(weights.dtype))
            blocks = []
            for number, product in enumerate(self.products):
                rows, columns = range(len(product.out.first)), range(len(product.into.first))
                grid = [joined([found[number, n, m] for m in columns], 1) for n in rows]
                blocks.append(joined(grid, 0).reshape(-1))
            return joined(blocks, 0)

    def forward(self, x: Tensor, blocks: Tensor, bias: Tensor | None = None) -> Tensor:
        """The output `(B, channels out, pixels)` for pixels `(B, channels in, pixels)`.

        Args:
            x: the pixels.
            blocks: what `made` gives, in the dtype of x.
            bias: numbers for the channels of the output that the group leaves as they are.
        """
        kind = x.device.type
        if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
            x, blocks = x.to(torch.get_autocast_dtype(kind)), blocks.to(torch.get_autocast_dtype(kind))
        if is_eager(x, blocks) and not is_tracing() and not is_transformed(x, blocks):
            return _ByImages.apply(x, blocks, bias, self)  # type: ignore[no-any-return, no-untyped-call]
        y = self.out.turned(self.multiplied(self.into.turned(x), blocks), back=True)
        return y if bias is None else y + bias[:, None].to(y.dtype)

    def multiplied(self, x: Tensor, blocks: Tensor, *, transpose: bool = False) -> Tensor:
        """Pixels in the coordinates of blocks times these, or the other way times their transposes."""
        before, after = (self.out, self.into) if transpose else (self.into, self.out)
        given = x.split(before.widths, 1)
        found: dict[int, Tensor] = {}
        for number, into, out, matrix in self._steps(blocks, x.shape[0], transpose):
            for i in range(number):
                y = torch.bmm(matrix, into.gathered(given, i))
                found |= {n + i: piece for n, piece in zip(out.first, y.split(out.widths, 1), strict=True)}
        batch, _, pixels = x.shape
        for n in after.untaken:
            found[n] = x.new_zeros((batch, after.widths[n], pixels))
        return joined([found[n] for n in range(len(after.widths))], 1)

    def multiply(self, x: Tensor, blocks: Tensor, found: Tensor, *, transpose: bool = False) -> None:
        """The same, written into a tensor."""
        before, after = (self.out, self.into) if transpose else (self.into, self.out)
        given, places = x.split(before.widths, 1), found.split(after.widths, 1)
        for number, into, out, matrix in self._steps(blocks, x.shape[0], transpose):
            for i in range(number):
                if len(out.first) == 1:
                    torch.bmm(matrix, into.gathered(given, i), out=places[out.first[0] + i])
                    continue
                y = torch.bmm(matrix, into.gathered(given, i))
                for n, piece in zip(out.first, y.split(out.widths, 1), strict=True):
                    places[n + i].copy_(piece)
        for n in after.untaken:
            places[n].zero_()

    def by_blocks(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The gradient by blocks, given the input and the gradient by the output in the coordinates of blocks."""
        given, come = x.split(self.into.widths, 1), gradient.split(self.out.widths, 1)
        found = []
        for product in self.products:
            terms = [
                torch.bmm(product.out.gathered(come, i), product.into.gathered(given, i).transpose(1, 2)).sum(0)
                for i in range(product.number)
            ]
            found.append(torch.stack(terms).sum(0).reshape(-1) if len(terms) > 1 else terms[0].reshape(-1))
        return joined(found, 0)

    def _steps(self, blocks: Tensor, batch: int, transpose: bool) -> list[tuple[int, _Parts, _Parts, Tensor]]:
        """For each block a number of products, what they take, what they give, and the matrix for a batch."""
        shapes = [(sum(product.out.widths), sum(product.into.widths)) for product in self.products]
        pieces = blocks.split([rows * columns for rows, columns in shapes])
        found = []
        for product, piece, shape in zip(self.products, pieces, shapes, strict=True):
            block = piece.reshape(shape)
            if transpose:
                found.append((product.number, product.out, product.into, block.T.expand(batch, -1, -1)))
            else:
                found.append((product.number, product.into, product.out, block.expand(batch, -1, -1)))
        return found


class _ByImages(torch.autograd.Function):
    """A few images at a time: what is made of them on the way stays in the cache, and is made again for gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, blocks: Tensor, bias: Tensor | None, product: SchurBlocks) -> Tensor:
        ctx.save_for_backward(x, blocks)
        ctx.product = product
        y = x.new_empty((x.shape[0], len(product.out), x.shape[2]))
        constants = None if bias is None else product.out.turned(bias.to(x.dtype)[None, :, None])
        for given, found in _few_at_once(x, y):
            place = product.out.place(found)
            product.multiply(product.into.put(given), blocks, place)
            if constants is not None:
                product.out.add_constants(place, constants)
            product.out.turn(place, found, back=True)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, blocks = ctx.saved_tensors
        product: SchurBlocks = ctx.product
        by_bias = gradient.sum((0, 2)) if ctx.needs_input_grad[2] else None
        if torch.is_grad_enabled() or not is_eager(gradient) or is_transformed(gradient):
            come = product.out.turned(gradient)
            by_x = product.into.turned(product.multiplied(come, blocks, transpose=True), back=True)
            return by_x, product.by_blocks(product.into.turned(x), come), by_bias, None
        by_x, by_blocks = x.new_empty(x.shape), torch.zeros_like(blocks)
        for given, come, found in _few_at_once(x, gradient, by_x):
            turned, place = product.out.put(come), product.into.place(found)
            by_blocks += product.by_blocks(product.into.put(given), turned)
            if ctx.needs_input_grad[0]:
                product.multiply(turned, blocks, place, transpose=True)
                product.into.turn(place, found, back=True)
        return by_x, by_blocks, by_bias, None


def _few_at_once(*images: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """So many images of each tensor, or so many of their pixels, that they fit into a cache, and then the next ones."""
    channels, pixels = max(tensor.shape[1] for tensor in images), images[0].shape[2]
    number = max(1, round(_NUMBERS_AT_ONCE / max(channels * pixels, 1)))
    some = max(1, round(channels * pixels / (4 * _NUMBERS_AT_ONCE)))  # to take them apart is to copy them
    width = max(1, -(-pixels // (some * _LINE))) * _LINE
    for batch in zip(*(tensor.split(number) for tensor in images), strict=True):
        yield from zip(*(tensor.split(width, 2) for tensor in batch), strict=True)


class _Coordinates(TableModule):
    """Pixels of runs of channels, and pieces of them in the coordinates of blocks: what each product takes or gives.

    Args:
        runs: the runs of channels.
        products: the number of products of each part that takes part in any.
        constants: the parts that the group leaves as they are.
    """

    def __init__(
        self, runs: Sequence[SchurRun], products: Mapping[Place, int], constants: Sequence[Place] = ()
    ) -> None:
        super().__init__()
        self.runs, self.first, self.widths, self.untaken = list[_Run](), dict[Place, int](), list[int](), list[int]()
        for number, run in enumerate(runs):
            for part in range(len(run.channels.parts)):
                place, times = (number, part), products.get((number, part), 0)
                self.first[place] = len(self.widths)
                self.untaken += [] if times else [len(self.widths)]
                self.widths += max(times, 1) * [run.width(part, max(times, 1))]
            self.runs.append(_Run(run.dim, run.channels.size, run.channels.basis is not None))
            if run.channels.basis is not None:
                self.register_table(f"basis_{number}", run.channels.basis.array)
            if run.order is not None:
                order = np.arange(run.dim).reshape(len(run.order), -1)[list(run.order)].flatten()
                self.register_table(f"order_{number}", order)
                self.register_table(f"inverse_{number}", np.argsort(order))
        self.constant = [self.first[place] for place in constants]
        self.is_turned = any(run.is_turned for run in self.runs)

    def parts(self, places: Sequence[Place]) -> _Parts:
        """Where the pieces of some parts are."""
        first = tuple(self.first[place] for place in places)
        return _Parts(first, [self.widths[n] for n in first])

    def __len__(self) -> int:
        return sum(self.widths)

    def turned(self, x: Tensor, *, back: bool = False) -> Tensor:
        """Pixels `(B, channels, pixels)` in the coordinates of blocks, or back from them."""
        if not self.is_turned:
            return x
        runs = x.split([run.dim for run in self.runs], 1)
        return joined([self._run(run, number, back=back) for number, run in enumerate(runs)], 1)

    def turn(self, x: Tensor, found: Tensor, *, back: bool) -> None:
        """The same, written into a tensor that `place` gave."""
        if not self.is_turned:
            return
        dims = [run.dim for run in self.runs]
        for number, (run, part, here) in enumerate(zip(self.runs, x.split(dims, 1), found.split(dims, 1), strict=True)):
            if run.is_turned and here.stride(1) == here.shape[2]:
                self._run(part, number, back=back, out=here)
            else:
                here.copy_(self._run(part, number, back=back))

    def place(self, x: Tensor) -> Tensor:
        """Where to write pixels in the coordinates of blocks: onto themselves, where there are no others."""
        return torch.empty_like(x) if self.is_turned else x

    def put(self, x: Tensor) -> Tensor:
        """Pixels in the coordinates of blocks, by `turn`."""
        found = self.place(x)
        self.turn(x, found, back=False)
        return found

    def add_constants(self, x: Tensor, constants: Tensor) -> None:
        """Add numbers `(1, channels, 1)` to pixels, both in the coordinates of blocks: they are nought but on a few."""
        places, added = x.split(self.widths, 1), constants.split(self.widths, 1)
        for n in self.constant:
            places[n].add_(added[n])

    def _run(self, x: Tensor, number: int, *, back: bool, out: Tensor | None = None) -> Tensor:
        """One run, which may be written into a tensor whose channels lie one after the other."""
        run = self.runs[number]
        if not run.is_turned:
            return x
        basis: Tensor = getattr(self, f"basis_{number}").to(x.dtype)
        order: Tensor | None = getattr(self, f"order_{number}" if not back else f"inverse_{number}", None)
        x = x if order is None or back else x.index_select(1, order)
        batch, _, pixels = x.shape
        components = batch, run.size, run.dim // run.size * pixels
        matrix = (basis if back else basis.T).expand(batch, -1, -1)
        if order is None or not back:
            return torch.bmm(matrix, x.reshape(components), out=_viewed(out, components)).reshape(x.shape)
        return torch.index_select(torch.bmm(matrix, x.reshape(components)).reshape(x.shape), 1, order, out=out)


def _viewed(x: Tensor | None, shape: tuple[int, int, int]) -> Tensor | None:
    return None if x is None else x.view(shape)


@dataclass(frozen=True)
class _Run:
    """A run of channels: how many, how many components, and whether these are turned."""

    dim: int
    size: int
    is_turned: bool


@dataclass(frozen=True)
class _Parts:
    """Equal parts of runs: the first piece of each part, after which the others come, and their widths."""

    first: tuple[int, ...]
    widths: list[int]

    def gathered(self, pieces: Sequence[Tensor], number: int) -> Tensor:
        """What a product takes."""
        return joined([pieces[n + number] for n in self.first], 1)


@dataclass(frozen=True)
class _Product:
    """A number of products with one block: what they take, and what they give."""

    number: int
    into: _Parts
    out: _Parts


@dataclass(frozen=True)
class _Share:
    """What a piece of the weights gives to blocks: as `SchurShare`, with the sizes of tables in their place."""

    size: int
    copies: tuple[int, int]
    by_copy: bool
    targets: list[tuple[tuple[int, int, int], tuple[int, int]]]

    @classmethod
    def of(cls, share: SchurShare) -> _Share:
        """The sizes of a share."""
        targets = [((block, out, into), table.array.shape[:2]) for block, out, into, table in share.targets]
        return cls(share.size, share.copies, share.by_copy, targets)

    def matrices(self, weights: Tensor, table: Tensor) -> dict[tuple[int, int, int], Tensor]:
        """The matrices, by the number of their block and those of the parts there."""
        w, u = self.copies
        rows = weights.reshape(w, -1, u).transpose(0, 1) if self.by_copy else weights
        entries = (table @ rows.reshape(-1, w * u)).split([x * y for _, (x, y) in self.targets])
        return {
            place: part.reshape(x, y, w, u).transpose(1, 2).reshape(x * w, y * u)
            for (place, (x, y)), part in zip(self.targets, entries, strict=True)
        }
