"""Normalisation that keeps symmetry: each block by its own size, invariants by their mean as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine._arrays import plain_shape, real_number
from intertwine.errors import ArgumentError
from intertwine.nn.module import EquivariantModule, invariant_vectors, is_sum
from intertwine.reps import Block, Irrep, Rep


def spread(rep: Rep, values: Tensor) -> Tensor:
    """A number for each copy of a block, `(..., copies)`, given to all of its components, `(..., rep.dim)`."""
    pieces = values.split([m for m, _ in rep.terms], -1)
    parts = [piece for piece, (_, block) in zip(pieces, rep.terms, strict=True) for _ in range(block.dim)]
    return torch.cat([values[..., :0], *parts], -1)


class BlockNorm(EquivariantModule):
    """What norms share that treat each copy of a block as a channel: its invariants' means, its mean square."""

    invariants: Tensor
    coefficients: Tensor

    def __init__(self, rep: Rep | Irrep, eps: float, affine: bool) -> None:
        super().__init__(rep, rep)
        self.eps = real_number(eps)
        if not self.eps > 0:
            raise ArgumentError(f"eps is positive, but got {eps!r}.")
        invariants, copies = invariant_vectors(self.rep_in), sum(m for m, _ in self.rep_in.terms)
        self.register_table("invariants", invariants)
        self.register_table("coefficients", invariants.T / (invariants**2).sum(0)[:, None])
        self.weight = nn.Parameter(torch.ones(copies)) if affine else None
        self.bias = nn.Parameter(torch.zeros(invariants.shape[1])) if affine and invariants.shape[1] else None

    def measured(self, x: Tensor, axes: Sequence[int], groups: int | None = None) -> tuple[Tensor, Tensor]:
        """The mean of each invariant `(..., invariants)`, and the mean square of each copy `(..., copies)`.

        Args:
            x: the features.
            axes: the axes over which means are taken.
            groups: into how many parts the copies of each block are divided, over which means are taken as well; None
                for each copy by itself.
        """
        mean = x.mean([*axes], keepdim=True)
        variance = (x - mean).square().mean([*axes], keepdim=True)  # torch.var warns of empty batches
        middle = self._shared(mean, groups) @ self.coefficients.to(x.dtype).T
        squares = variance + (mean - middle @ self.invariants.to(x.dtype).T) ** 2
        return middle, self._gathered(self._shared(squares, groups))

    def normalised(self, x: Tensor, mean: Tensor, square: Tensor) -> Tensor:
        """`(x − μ) / √(σ² + ε) · w + b`."""
        scale = torch.rsqrt(square + self.eps)
        if self.weight is not None:
            scale = scale * self.weight.to(scale.dtype)
        scale, invariants = spread(self.rep_in, scale), self.invariants.to(scale.dtype).T
        shift = -(mean @ invariants) * scale
        if self.bias is not None:
            shift = shift + self.bias.to(scale.dtype) @ invariants
        return (x * scale + shift).to(x.dtype)

    def _shared(self, values: Tensor, groups: int | None) -> Tensor:
        """The mean over the copies of each part of a term, component by component, given to all of these copies."""
        if groups is None:
            return values
        parts = [values[..., :0]]
        for (m, block), where in zip(self.rep_in.terms, self.rep_in.slices, strict=True):
            part = values[..., where].unflatten(-1, (block.dim, groups, m // groups))
            parts.append(part.mean(-1, keepdim=True).expand_as(part).flatten(-3))
        return torch.cat(parts, -1)

    def _gathered(self, squares: Tensor) -> Tensor:
        """The mean over the components of each copy of a block."""
        terms = zip(self.rep_in.terms, self.rep_in.slices, strict=True)
        parts = [squares[..., where].unflatten(-1, (block.dim, m)).mean(-2) for (m, block), where in terms]
        return torch.cat([squares[..., :0], *parts], -1)


class BatchNorm(BlockNorm):
    """Batch normalisation block by block, `(x − μ) / √(σ² + ε) · w + b`, over all axes but the last.

    μ is the mean of the invariant part of each copy of a block, the only mean that symmetry lets be other than 0, and
    σ² the mean square of a component of the rest. So each copy of a block is one channel, with one learned weight, and
    a bias for each invariant in it. For regular reps and other permutations this is torch's batch norm with the group
    among the batch axes. In eval running averages of μ and σ² take the place of the batch's.

    Args:
        rep: the rep of input and output.
        eps: ε.
        momentum: how much a batch counts in the running averages.
        affine: whether to learn weights and biases.
        track_running_stats: whether to keep running averages; without them the batch counts in eval too.

    Raises `ArgumentError`, in training, for a batch of less than two numbers for each channel.

    Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), Weiler & Cesa 2019 (arXiv:1911.08251).

    >>> from intertwine.catalog import O2
    >>> BatchNorm(O2.rep("4x0e + 2x1"))(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self,
        rep: Rep | Irrep,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(rep, eps, affine)
        self.momentum = real_number(momentum)
        if not 0 <= self.momentum <= 1:
            raise ArgumentError(f"The momentum of a norm is a number in [0, 1], but got {momentum!r}.")
        self.uniform = len(self.rep_in.terms) > 0 and all(is_sum(block) for _, block in self.rep_in.terms)
        means, squares = torch.zeros(len(self.coefficients)), torch.ones(sum(m for m, _ in self.rep_in.terms))
        self.register_buffer("running_mean", means if track_running_stats else None)
        self.register_buffer("running_var", squares if track_running_stats else None)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep.dim)` for features `(..., rep.dim)`."""
        self.check(x, self.rep_in)
        rows = math.prod(plain_shape(x)[:-1])
        if rows < 2 and (self.training or self.running_var is None):
            raise ArgumentError(
                f"BatchNorm takes at least two numbers per channel in training, but got {rows}. Take a larger batch or "
                "image, or a norm of each sample, such as InstanceNorm or LayerNorm."
            )
        if self.uniform and x.ndim > 1 and all(t.dtype == x.dtype for t in (*self.parameters(), *self.buffers())):
            return self._by_torch(x)
        dtype = torch.promote_types(x.dtype, torch.float32)
        if not self.training and self.running_mean is not None and self.running_var is not None:
            return self.normalised(x, self.running_mean.to(dtype), self.running_var.to(dtype))
        mean, square = self.measured(x.to(dtype), range(x.ndim - 1))
        if self.training and self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                unbiased = self._unbiased(square.flatten(), rows)
                self.running_mean.lerp_(mean.flatten().to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return self.normalised(x, mean, square)

    def _unbiased(self, square: Tensor, rows: int) -> Tensor:
        """Mean squares with the degrees of freedom that their means took, as torch keeps them."""
        pieces = square.split([m for m, _ in self.rep_in.terms])
        sizes = [rows * block.dim for _, block in self.rep_in.terms]
        means = [sum(n for n, irrep in block.content if irrep.is_trivial) for _, block in self.rep_in.terms]
        parts = [x * (n / (n - k)) for x, n, k in zip(pieces, sizes, means, strict=True)]
        return torch.cat([square[:0], *parts])

    def _by_torch(self, x: Tensor) -> Tensor:
        """The same for reps all of whose blocks have one invariant, the sum of their components.

        Torch's kernel takes each copy of a block as a channel, and its components as samples. Where channels lie
        innermost in memory they stay there, which is two to three times as fast as bringing them elsewhere and keeps
        the format of memory of grids.
        """
        innermost = x.is_contiguous()
        x, parts, used = x if innermost else x.movedim(-1, 1), [], 0
        for (m, block), where in zip(self.rep_in.terms, self.rep_in.slices, strict=True):
            copies = slice(used, used + m)
            mean, variance, weight, bias = (
                None if t is None else t[copies] for t in (self.running_mean, self.running_var, self.weight, self.bias)
            )
            part = x[..., where].reshape(-1, m) if innermost else x[:, where].reshape(-1, m, *x.shape[2:])
            training = self.training or mean is None
            part = F.batch_norm(part, mean, variance, weight, bias, training, self.momentum, self.eps)
            shape = (*x.shape[:-1], block.dim * m) if innermost else (x.shape[0], block.dim * m, *x.shape[2:])
            parts.append(part.reshape(shape))
            used += m
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, -1 if innermost else 1)
        return whole if innermost else whole.movedim(1, -1)


class Dropout(EquivariantModule):
    """Whole copies of blocks set to zero in training, each with probability p; the others divided by 1 − p.

    On a grid every pixel is treated by itself: see `FieldDropout` for whole maps.

    Args:
        rep: the rep of input and output.
        p: the probability.

    Raises `ArgumentError` for a probability outside [0, 1).

    >>> from intertwine.catalog import O2
    >>> Dropout(O2.rep("4x0e + 2x1"), 0.2).eval()(torch.ones(1, 8))
    tensor([[1., 1., 1., 1., 1., 1., 1., 1.]])
    """

    def __init__(self, rep: Rep | Irrep, p: float = 0.5) -> None:
        super().__init__(rep, rep)
        self.p = real_number(p)
        if not 0 <= self.p < 1:
            raise ArgumentError(f"A probability to drop lies in [0, 1), but got {p!r}.")

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep.dim)` for features `(..., rep.dim)`."""
        self.check(x, self.rep_in)
        if not self.training or self.p == 0:
            return x
        return x * self.mask(x, x.shape[:-1])

    def mask(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Factors `(*shape, rep.dim)`, the same for all components of a copy."""
        kept = F.dropout(x.new_ones((*shape, sum(m for m, _ in self.rep_in.terms))), self.p)
        return spread(self.rep_in, kept)

    def extra_repr(self) -> str:
        """The rep and the probability."""
        return f"{self.rep_in}, {self.rep_in.group}, p={self.p:g}"


class LayerNorm(EquivariantModule):
    """Layer normalisation of each sample, `x / √(σ² + ε) · w`, with σ² the mean square of the components of some terms.

    Of one term by default, or of several together. "separable": invariants by themselves and all other terms together,
    so that their relative sizes stay, which carry meaning; "all": all terms together. There each kind of block counts
    alike, whatever its dimension and multiplicity.

    Invariants are centred first, by their mean over all copies of trivial irreps in the term. Weights and biases are
    learned as in `BatchNorm`. Nothing depends on the batch.

    Args:
        rep: the rep of input and output.
        eps: ε.
        affine: whether to learn weights and biases.
        together: which terms share σ²: "term", "separable" or "all".

    Raises `ArgumentError` for another word, and for an ε that is not positive.

    Source: Ba et al. 2016 (arXiv:1607.06450), Liao & Smidt 2023 (arXiv:2206.11990); "separable" Liao, Wood, Das, Smidt
    2024 (arXiv:2306.12059).

    >>> from intertwine.catalog import O2
    >>> LayerNorm(O2.rep("4x0e + 2x1"), together="separable")(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    invariants: Tensor

    def __init__(
        self,
        rep: Rep | Irrep,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        together: Literal["term", "separable", "all"] = "term",
    ) -> None:
        super().__init__(rep, rep)
        self.eps = real_number(eps)
        if not self.eps > 0:
            raise ArgumentError(f"eps is positive, but got {eps!r}.")
        self.together = together
        self.centred = [isinstance(block, Irrep) and block.is_trivial for _, block in self.rep_in.terms]
        self.sharing = _sharing(self.rep_in, self.centred, together)
        invariants, copies = invariant_vectors(self.rep_in), sum(m for m, _ in self.rep_in.terms)
        self.weight = nn.Parameter(torch.ones(copies)) if affine else None
        self.bias = nn.Parameter(torch.zeros(invariants.shape[1])) if affine and invariants.shape[1] else None
        if self.bias is not None:
            self.register_table("invariants", invariants)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep.dim)` for features `(..., rep.dim)`."""
        self.check(x, self.rep_in)
        dtype = torch.promote_types(x.dtype, torch.float32)
        parts = [x[..., where].to(dtype) for where in self.rep_in.slices]
        parts = [
            part - part.mean(-1, keepdim=True) if centred else part
            for part, centred in zip(parts, self.centred, strict=True)
        ]
        squares = [(part * part).mean(-1, keepdim=True) for part in parts]
        scaled, used = [], 0
        for (m, block), part, shares in zip(self.rep_in.terms, parts, self.sharing, strict=True):
            first, *others = (squares[n] if share == 1 else share * squares[n] for n, share in shares)
            part = part * torch.rsqrt(sum(others, first) + self.eps)
            if self.weight is not None:
                part = part * self.weight[used : used + m].to(dtype).repeat(block.dim)
                used += m
            scaled.append(part)
        y = torch.cat([*scaled, x[..., :0].to(dtype)], -1)
        if self.bias is not None:
            y = y + self.invariants.to(dtype) @ self.bias.to(dtype)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        """The rep, and what is taken together."""
        return super().extra_repr() + ("" if self.together == "term" else f", together={self.together!r}")


def _sharing(rep: Rep, centred: Sequence[bool], together: str) -> list[list[tuple[int, float]]]:
    """For each term the terms whose mean squares its own is scaled by, each with its share in their mean."""
    numbers = range(len(rep.terms))
    if together == "term":
        return [[(n, 1.0)] for n in numbers]
    if together not in ("separable", "all"):
        raise ArgumentError(f"Terms share a size by 'term', 'separable' or 'all', but got {together!r}.")
    apart = [together == "separable" and own for own in centred]
    found = []
    for n in numbers:
        alike = [other for other in numbers if apart[other] == apart[n]]
        copies: dict[Block, int] = {}
        for other in alike:
            m, block = rep.terms[other]
            copies[block] = copies.get(block, 0) + m
        found.append([(k, rep.terms[k][0] / (copies[rep.terms[k][1]] * len(copies))) for k in alike])
    return found
