"""Exactly equivariant nonlinearities: on each number where that is allowed, by gates, by norms."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.nn.module import EquivariantModule, Function, gain, in_double
from intertwine.reps import Block, Irrep, Rep, as_rep
from intertwine.rules import Applied, Gated, Stretched, TermRule


def parity(function: Function) -> int:
    """+1 for an even function, −1 for an odd one, 0 for neither; tried on 256 numbers up to 10."""
    function = in_double(function)
    z = torch.linspace(0, 10, 256, dtype=torch.float64, device="cpu")
    with torch.no_grad():
        plus, minus = function(z), function(-z)
    for sign in (1, -1):
        if torch.allclose(plus, sign * minus, rtol=1e-10, atol=1e-10):
            return sign
    return 0


def _lasting_parity(function: Function) -> int:
    """The parity, 0 for a function whose parameters may change it."""
    learns = isinstance(function, nn.Module) and next(function.parameters(), None) is not None
    return 0 if learns else parity(function)


class Activation(EquivariantModule):
    """A function of each number, rescaled to unit variance, where that is equivariant; parities are minded.

    That is so on blocks whose matrices only permute the entries: invariants, and regular reps of finite groups. They
    take any function. Where entries also change sign (such as 0o, pseudoscalars) the function must be odd; or it may be
    even on one-dimensional irreps, which then become invariants.

    Args:
        rep_in: a rep of such blocks.
        even: φ for the blocks whose entries are only permuted.
        odd: φ for the blocks whose entries change sign: an odd or an even function, without parameters.

    Raises `ArgumentError` for other blocks, and for a function on sign-changing irreps that is neither odd nor even, or
    that has parameters, since it would not stay so in training.

    >>> from intertwine.catalog import O3, dihedral
    >>> Activation(O3.rep("4x0e + 2x0o"), odd=torch.abs).rep_out
    tw.O3.rep('4x0e + 2x0e')
    >>> Activation(dihedral(4).rep("8xregular"), even=torch.relu).rep_out.dim
    64
    """

    def __init__(self, rep_in: Rep | Irrep, even: Function = F.silu, odd: Function = torch.tanh) -> None:
        rep_in = as_rep(rep_in)
        odd_parity = parity(odd)
        terms = [(m, _activated(m, block, odd, odd_parity)) for m, block in rep_in.terms]
        super().__init__(rep_in, Rep(rep_in.group, tuple(terms)))
        self.even, self.odd = even, odd
        self.pieces = [
            (where.start, where.stop, not _changes_sign(block))
            for (_, block), where in zip(rep_in.terms, rep_in.slices, strict=True)
        ]
        self.gains = [gain(even if plain else odd) for *_, plain in self.pieces]

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        parts = [
            (self.even if plain else self.odd)(x[..., start:stop]) * factor
            for (start, stop, plain), factor in zip(self.pieces, self.gains, strict=True)
        ]
        return parts[0] if len(parts) == 1 else torch.cat([*parts, x[..., :0]], -1)

    def symmetry_rule(self) -> TermRule:
        """What it is, for proofs."""
        parities = _lasting_parity(self.odd), _lasting_parity(self.even)
        pairs = zip(self.rep_in.terms, self.rep_out.terms, self.pieces, strict=True)
        terms = tuple(Applied(a, b, parities[plain]) for (_, a), (_, b), (*_, plain) in pairs)
        return TermRule(self.rep_in, self.rep_out, terms)


def _activated(m: int, block: Block, odd: Function, odd_parity: int) -> Block:
    """What a block becomes under a function of each entry; `ArgumentError` if that is not equivariant."""
    matrices = block.matrix(block.group.generators)
    if not np.isin(np.round(matrices, 9), (-1, 0, 1)).all():
        raise ArgumentError(
            f"Activation takes blocks whose matrices permute their entries, but those of {m}x{block.name} of "
            f"{block.group} mix them, so that a function of each number is not equivariant. Use Gate or NormActivation."
        )
    if not _changes_sign(block):
        return block
    if isinstance(odd, nn.Module) and next(odd.parameters(), None) is not None:
        raise ArgumentError(
            f"{m}x{block.name} changes sign under {block.group}, so its activation must stay odd or even, but the "
            f"parameters of {odd!r} may change that in training. Pass a function without parameters, such as "
            "odd=torch.tanh."
        )
    if odd_parity == 0 or (odd_parity == 1 and block.dim > 1):
        raise ArgumentError(
            f"{m}x{block.name} changes sign under {block.group}, so its activation must be odd"
            f"{' or even' if block.dim == 1 else ''}, but {odd!r} is not. Pass odd=torch.tanh or odd=torch.abs."
        )
    return Irrep(block.group, block.group.trivial) if odd_parity == 1 else block


def permutes_entries(block: Block) -> bool:
    """Whether the group only permutes the entries of a block: then functions of each number are equivariant."""
    return bool(np.isin(np.round(block.matrix(block.group.generators), 9), (0, 1)).all())


def _changes_sign(block: Block) -> bool:
    """Whether some element has a negative entry in a block whose matrices permute entries up to sign."""
    return bool((block.matrix(block.group.generators) < -0.5).any())


class NormActivation(EquivariantModule):
    """Invariants through φ, every other block scaled by a function of its length: `x · σ(|x| + b) / c`.

    The default σ is the sigmoid, which is nowhere zero: no block dies (lengths enter smoothly, as √(|x|² + 10⁻⁶)).
    b is learned, one per block, from 0; c restores unit variance. Linear and norm layers alone never mix different
    irreps: where that matters, use `Gate`, `TensorProduct` or `FourierActivation` as well.

    Args:
        rep: the rep of input and output.
        even: φ for invariants.
        scale: σ, a positive function of the shifted length.
        bias: whether to learn b.

    >>> from intertwine.catalog import O2
    >>> NormActivation(O2.rep("4x0e + 2x1"))(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self, rep: Rep | Irrep, even: Function = F.silu, scale: Function = torch.sigmoid, bias: bool = True
    ) -> None:
        super().__init__(rep, rep)
        self.even, self.scale, self.even_gain = even, scale, gain(even)
        self.terms = _term_table(self.rep_in)
        self.gains = [_scale_gain(scale, d) for _, d, _, _ in self.terms]
        lengths = sum(m for _, _, m, trivial in self.terms if not trivial)
        self.bias = nn.Parameter(torch.zeros(lengths)) if bias and lengths else None

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep.dim)` for features `(..., rep.dim)`."""
        self.check(x, self.rep_in)
        parts, used = [], 0
        for (start, d, m, trivial), factor in zip(self.terms, self.gains, strict=True):
            part = x[..., start : start + d * m]
            if trivial:
                parts.append(self.even(part) * self.even_gain)
                continue
            block = part.reshape((*x.shape[:-1], d, m))
            length = torch.sqrt((block * block).sum(-2, keepdim=True) + 1e-6)
            if self.bias is not None:
                length = length + self.bias[used : used + m].to(x.dtype)
                used += m
            parts.append((block * (self.scale(length) * factor)).reshape(part.shape))
        return torch.cat([*parts, x[..., :0]], -1)

    def symmetry_rule(self) -> TermRule:
        """What it is, for proofs."""
        even = _lasting_parity(self.even)
        table = zip(self.rep_in.terms, self.terms, strict=True)
        terms = tuple(Applied(b, b, even) if trivial else Stretched(b) for (_, b), (*_, trivial) in table)
        return TermRule(self.rep_in, self.rep_out, terms)


class Gate(EquivariantModule):
    """Invariants through φ, every other block times a gate σ(s), with one invariant s of its own as input.

    The input is the wanted output, then one invariant for every block that is not invariant:
    `gate.rep_in = rep_out + n x trivial`. Both functions are rescaled to keep unit variance.

    Args:
        rep_out: the rep of the output.
        even: φ for the invariants.
        scale: σ for the gates.

    >>> from intertwine.catalog import O3
    >>> Gate(O3.rep("8x0e + 4x1o + 2x2e")).rep_in
    tw.O3.rep('8x0e + 4x1o + 2x2e + 6x0e')
    """

    def __init__(self, rep_out: Rep | Irrep, even: Function = F.silu, scale: Function = torch.sigmoid) -> None:
        rep_out = as_rep(rep_out)
        terms = _term_table(rep_out)
        gates = sum(m for *_, m, trivial in terms if not trivial)
        super().__init__(rep_out + gates * Irrep(rep_out.group, rep_out.group.trivial), rep_out)
        self.terms, self.even, self.scale = terms, even, scale
        self.even_gain, self.scale_gain = gain(even), gain(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features and gates `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        gates = self.scale(x[..., self.rep_out.dim :]) * self.scale_gain
        parts, used = [], 0
        for start, d, m, trivial in self.terms:
            part = x[..., start : start + d * m]
            if trivial:
                parts.append(self.even(part) * self.even_gain)
                continue
            block = part.reshape((*x.shape[:-1], d, m)) * gates[..., None, used : used + m]
            parts.append(block.reshape(part.shape))
            used += m
        return torch.cat([*parts, x[..., :0]], -1)

    def symmetry_rule(self) -> TermRule:
        """What it is, for proofs."""
        even, scale = _lasting_parity(self.even), _lasting_parity(self.scale)
        table = zip(self.rep_out.terms, self.terms, strict=True)
        terms = tuple(Applied(b, b, even) if trivial else Gated(b, scale) for (_, b), (*_, trivial) in table)
        return TermRule(self.rep_in, self.rep_out, terms)


def _term_table(rep: Rep) -> list[tuple[int, int, int, bool]]:
    """Start, block dimension, multiplicity and whether it is invariant, for each term."""
    return [
        (where.start, block.dim, m, all(irrep.is_trivial for _, irrep in block.content))
        for (m, block), where in zip(rep.terms, rep.slices, strict=True)
    ]


def _scale_gain(scale: Function, dim: int) -> float:
    """The factor that makes E[x_i² σ(|x|)²] = 1 for x of `dim` standard normal components."""
    if dim == 1:
        scale = in_double(scale)
        return gain(lambda z: z * scale(z.abs()))
    return gain(scale, dim)
