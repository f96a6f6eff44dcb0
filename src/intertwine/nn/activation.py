"""Exactly equivariant nonlinearities: on each number where that is allowed, by gates, by norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from intertwine.errors import ArgumentError
from intertwine.nn.module import EquivariantModule, Function, Rescaled, gain, in_double
from intertwine.reps import Block, Irrep, Rep, as_rep, clebsch_gordan
from intertwine.reps.blocks import product_irreps
from intertwine.reps.reading import label_of
from intertwine.rules import Applied, Gated, Stretched, TermRule

PerTerm = Sequence[Function | None] | None
"""A function for each term of a rep, None for a term that passes; or None, where two functions serve all terms."""


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


class _TermFunctions(EquivariantModule):
    """What nonlinearities share that have one function for invariants and one for other terms, or one for each term."""

    def __init__(self, reps: tuple[Rep, Rep], even: Function, scale: Function, functions: PerTerm) -> None:
        super().__init__(*reps)
        self.even, self.scale, self.terms = even, scale, _term_table(self.rep_out)
        self.functions = None if functions is None else [*functions]
        if self.functions is not None and len(self.functions) != len(self.terms):
            raise ArgumentError(
                f"There is one function for each of the {len(self.terms)} terms of {self.rep_out}, or None, but got "
                f"{len(self.functions)}."
            )
        for n, function in enumerate(self.functions or ()):
            if isinstance(function, nn.Module):
                self.add_module(f"function_{n}", function)

    def function(self, number: int) -> Function | None:
        """The function of a term; None where it passes as it is."""
        if self.functions is not None:
            return self.functions[number]
        *_, trivial = self.terms[number]
        return self.even if trivial else self.scale

    def term_gains(self, of_scale: Callable[[Function, int], float]) -> list[float]:
        """The factor of each term's function, given that of one which scales blocks of a dimension."""
        known: dict[tuple[Function, int], float] = {}
        found = []
        for n, (_, d, _, trivial) in enumerate(self.terms):
            if (function := self.function(n)) is None:
                found.append(1.0)
                continue
            key = (function, 0 if trivial else d)
            if key not in known:
                known[key] = gain(function) if trivial else of_scale(function, d)
            found.append(known[key])
        return found

    def term_rules(self, scaled: Callable[[Block, int], Applied | Stretched | Gated]) -> TermRule:
        """What it is, for proofs, given what a function of some parity does that scales a block."""
        rules: list[Applied | Stretched | Gated] = []
        for n, (_, block) in enumerate(self.rep_out.terms):
            function, trivial = self.function(n), self.terms[n][-1]
            if function is None:  # the identity is odd, and a constant function of the length
                rules.append(Applied(block, block, -1) if trivial else Stretched(block))
            else:
                found = _lasting_parity(function)
                rules.append(Applied(block, block, found) if trivial else scaled(block, found))
        return TermRule(self.rep_in, self.rep_out, tuple(rules))


class NormActivation(_TermFunctions):
    """Invariants through φ, every other block scaled by a function of its length: `x · σ(|x| + b) / c`.

    The default σ is the sigmoid, which is nowhere zero: no block dies (lengths enter smoothly, as √(|x|² + 10⁻⁶)).
    b is learned, one per block, from 0; c restores unit variance. Linear and norm layers alone never mix different
    irreps: where that matters, use `Gate`, `TensorProduct` or `FourierActivation` as well.

    Args:
        rep: the rep of input and output.
        even: φ for invariants.
        scale: σ, a positive function of the shifted length.
        bias: whether to learn b.
        functions: in place of both, one for each term of the rep: φ of an invariant one, σ of another, None for a term
            that passes as it is.

    Raises `ArgumentError` for more or fewer functions than terms.

    >>> from intertwine.catalog import O2
    >>> NormActivation(O2.rep("4x0e + 2x1"))(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        rep: Rep | Irrep,
        even: Function = F.silu,
        scale: Function = torch.sigmoid,
        bias: bool = True,
        *,
        functions: PerTerm = None,
    ) -> None:
        rep = as_rep(rep)
        super().__init__((rep, rep), even, scale, functions)
        self.gains = self.term_gains(_scale_gain)
        lengths = sum(m for n, (*_, m, trivial) in enumerate(self.terms) if not trivial and self.function(n))
        self.bias = nn.Parameter(torch.zeros(lengths)) if bias and lengths else None

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep.dim)` for features `(..., rep.dim)`."""
        self.check(x, self.rep_in)
        parts, used = [], 0
        for n, ((start, d, m, trivial), factor) in enumerate(zip(self.terms, self.gains, strict=True)):
            part, function = x[..., start : start + d * m], self.function(n)
            if function is None:
                parts.append(part)
                continue
            if trivial:
                parts.append(function(part) * factor)
                continue
            block = part.reshape((*x.shape[:-1], d, m))
            length = torch.sqrt((block * block).sum(-2, keepdim=True) + 1e-6)
            if self.bias is not None:
                length = length + self.bias[used : used + m].to(x.dtype)
                used += m
            parts.append((block * (function(length) * factor)).reshape(part.shape))
        return torch.cat([*parts, x[..., :0]], -1)

    def symmetry_rule(self) -> TermRule:
        """What it is, for proofs."""
        return self.term_rules(lambda block, _: Stretched(block))


class Gate(_TermFunctions):
    """Invariants through φ, every other block times a gate σ(s), with one invariant s of its own as input.

    The input is the wanted output, then one invariant for every block that is not invariant:
    `gate.rep_in = rep_out + n x trivial`. Both functions are rescaled to keep unit variance.

    Args:
        rep_out: the rep of the output.
        even: φ for the invariants.
        scale: σ for the gates.
        functions: in place of both, one for each term of the output: φ of an invariant one, σ of the gates of another,
            None for a term that passes as it is, without gates.
        odd: a function of numbers that change sign, such as 0o, in place of their gates; without parameters, and odd.

    Raises `ArgumentError` for more or fewer functions than terms, and for a function that shall be odd, and is not.

    >>> from intertwine.catalog import O3
    >>> Gate(O3.rep("8x0e + 4x1o + 2x2e")).rep_in
    tw.O3.rep('8x0e + 4x1o + 2x2e + 6x0e')
    >>> Gate(O3.rep("8x0e + 4x1o + 2x2e"), functions=[torch.tanh, torch.sigmoid, None]).rep_in
    tw.O3.rep('8x0e + 4x1o + 2x2e + 4x0e')
    """

    def __init__(
        self,
        rep_out: Rep | Irrep,
        even: Function = F.silu,
        scale: Function = torch.sigmoid,
        *,
        functions: PerTerm = None,
        odd: Function | None = None,
    ) -> None:
        rep_out = as_rep(rep_out)
        if odd is not None and _lasting_parity(odd) != -1:
            raise ArgumentError(
                f"Numbers that change sign take an odd function without parameters, but got {odd!r}. Pass "
                "odd=torch.tanh, or None for gates."
            )
        table = _term_table(rep_out)
        given = functions or [None if d == 1 and odd and not trivial else even for _, d, _, trivial in table]
        gates = sum(m for (*_, m, trivial), f in zip(table, given, strict=False) if f is not None and not trivial)
        rep_in = rep_out + gates * Irrep(rep_out.group, rep_out.group.trivial)
        super().__init__((rep_in, rep_out), even, scale, functions)
        self.odd = odd
        self.gains = self.term_gains(lambda function, _: gain(function))
        self.gated = [n for n in range(len(self.terms)) if self.function(n) is not None and not self.is_plain(n)]

    def is_plain(self, number: int) -> bool:
        """Whether the numbers of a term go through their function themselves, without gates."""
        _, d, _, trivial = self.terms[number]
        return trivial or (self.odd is not None and self.functions is None and d == 1)

    def function(self, number: int) -> Function | None:
        """The function of a term, or of its gates; None where it passes as it is."""
        trivial = self.terms[number][-1]
        return self.odd if self.is_plain(number) and not trivial else super().function(number)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features and gates `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        parts, gates = [], self._gates(x[..., self.rep_out.dim :])
        for n, ((start, d, m, _), factor) in enumerate(zip(self.terms, self.gains, strict=True)):
            part, function = x[..., start : start + d * m], self.function(n)
            if n in gates:
                parts.append((part.reshape((*x.shape[:-1], d, m)) * gates[n][..., None, :]).reshape(part.shape))
            else:
                parts.append(part if function is None else function(part) * factor)
        return torch.cat([*parts, x[..., :0]], -1)

    def _gates(self, s: Tensor) -> dict[int, Tensor]:
        """The gates of each term that has some, from their invariants: all at once where they share a function."""
        if not self.gated:
            return {}
        if self.functions is None:
            s = self.scale(s) * self.gains[self.gated[0]]
        gates = dict(zip(self.gated, s.split([self.terms[n][2] for n in self.gated], -1), strict=True))
        if self.functions is None:
            return gates
        return {n: (self.function(n) or self.scale)(part) * self.gains[n] for n, part in gates.items()}

    def symmetry_rule(self) -> TermRule:
        """What it is, for proofs."""
        rule, blocks = self.term_rules(Gated), [block for _, block in self.rep_out.terms]
        signed = [self.is_plain(n) and not trivial for n, (*_, trivial) in enumerate(self.terms)]
        terms = [Applied(b, b, -1) if odd else term for term, b, odd in zip(rule.terms, blocks, signed, strict=True)]
        return TermRule(self.rep_in, self.rep_out, tuple(terms))


class BilinearGate(EquivariantModule):
    """Every copy of a block times a gate that is no invariant: `σ(s) · x`, with one s of a one-dimensional irrep each.

    A pseudoscalar times a vector is a pseudovector. So blocks become others, and what a `Gate` cannot reach comes
    within reach. σ is odd, or the group would change its sign elsewhere; without σ the layer is the product s · x. The
    input is the features, then their gates: `layer.rep_in = rep + n x gate`.

    Args:
        rep: the rep of the features, of irreps.
        gate: the irrep of the gates, such as "0o" of O(3).
        scale: σ, an odd function without parameters; None for the product itself. Any function serves invariants.

    Raises `ArgumentError` for gates of another dimension, terms that are no irreps, and functions that are not odd.

    >>> from intertwine.catalog import O3
    >>> layer = BilinearGate(O3.rep("4x1o + 2x2e"), "0o")
    >>> layer.rep_in, layer.rep_out
    (tw.O3.rep('4x1o + 2x2e + 6x0o'), tw.O3.rep('4x1e + 2x2o'))
    """

    def __init__(self, rep: Rep | Irrep, gate: Irrep | str, scale: Function | None = torch.tanh) -> None:
        rep = as_rep(rep)
        irrep = Irrep(rep.group, label_of(rep.group, gate))
        if irrep.dim != 1:
            raise ArgumentError(f"A gate is one number, but {irrep.label} of {rep.group} has {irrep.dim} components.")
        if scale is not None and not irrep.is_trivial and _lasting_parity(scale) != -1:
            raise ArgumentError(
                f"{irrep.label} of {rep.group} changes sign, so the function of such gates is odd and has no "
                f"parameters, but got {scale!r}. Pass scale=torch.tanh, or None."
            )
        turned = [_times(block, irrep) for _, block in rep.terms]
        copies = sum(m for m, _ in rep.terms)
        out = Rep(rep.group, tuple((m, block) for (m, _), (block, _) in zip(rep.terms, turned, strict=True)))
        super().__init__(rep + copies * irrep, out)
        self.scale, self.gain = scale, 1.0 if scale is None else gain(scale)
        self.parts = [(where, block.dim, m) for (m, block), where in zip(rep.terms, rep.slices, strict=True)]
        for n, (_, table) in enumerate(turned):
            self.register_table(f"table_{n}", table)

    def forward(self, x: Tensor) -> Tensor:
        """The output `(..., rep_out.dim)` for features and gates `(..., rep_in.dim)`."""
        self.check(x, self.rep_in)
        gates, used = x[..., self.rep_out.dim :], 0
        if self.scale is not None:
            gates = self.scale(gates) * self.gain
        parts = [x[..., :0]]
        for n, (where, d, m) in enumerate(self.parts):
            block = x[..., where].unflatten(-1, (d, m)) * gates[..., None, used : used + m]
            parts.append((getattr(self, f"table_{n}").to(x.dtype) @ block).flatten(-2))
            used += m
        return torch.cat(parts, -1)


def _times(block: Block, gate: Irrep) -> tuple[Irrep, np.ndarray]:
    """The irrep that a block times a one-dimensional irrep is, and the orthogonal matrix to its components."""
    if not isinstance(block, Irrep):
        raise ArgumentError(
            f"BilinearGate multiplies irreps, but {block.name} of {block.group} is another block. Call nn.ToIrreps "
            "first."
        )
    (product,) = product_irreps(block, gate)
    coupling = clebsch_gordan(block, gate, product)[0][:, 0]
    return product, np.sqrt(block.dim) * coupling.T


def _term_table(rep: Rep) -> list[tuple[int, int, int, bool]]:
    """Start, block dimension, multiplicity and whether it is invariant, for each term."""
    return [
        (where.start, block.dim, m, all(irrep.is_trivial for _, irrep in block.content))
        for (m, block), where in zip(rep.terms, rep.slices, strict=True)
    ]


def _scale_gain(scale: Function, dim: int) -> float:
    """The factor that makes E[x_i² σ(|x|)²] = 1 for x of `dim` standard normal components."""
    if dim == 1 and not isinstance(scale, Rescaled):
        scale = in_double(scale)
        return gain(lambda z: z * scale(z.abs()))
    return gain(scale, dim)
