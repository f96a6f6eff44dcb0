"""What a layer is, as data for proofs: which irreps it joins, and by what kind of function.

A layer states its rule by a method `symmetry_rule()`. `intertwine.symmetry` reads rules and never a layer, so a layer
of your own takes part in proofs once it has such a method; proofs end at a layer without one. The class that has
`forward` states the rule: a subclass with another `forward` computes something else, and says so again.

A parity is +1 for an even function, −1 for an odd one, 0 for any.
"""

from __future__ import annotations

from dataclasses import dataclass

from intertwine.reps import Block, Rep


@dataclass(frozen=True)
class LinearRule:
    """A linear map that commutes with the group, any such map; with a `bias`, a constant is added to invariants."""

    rep_in: Rep
    rep_out: Rep
    bias: bool = False


@dataclass(frozen=True)
class Applied:
    """A term to each of whose numbers a function of some parity is applied, which makes it a term of another block."""

    block_in: Block
    block_out: Block
    parity: int = 0


@dataclass(frozen=True)
class Stretched:
    """A term each of whose blocks is multiplied by a function of its own length."""

    block: Block


@dataclass(frozen=True)
class Gated:
    """A term that is multiplied by functions, of some parity, of invariants of the input."""

    block: Block
    parity: int = 0


@dataclass(frozen=True)
class TermRule:
    """A nonlinearity that treats each term by itself; further terms of the input are only read by gates.

    Args:
        rep_in, rep_out: the reps.
        terms: what happens to the first terms of rep_in, which become the terms of rep_out.
    """

    rep_in: Rep
    rep_out: Rep
    terms: tuple[Applied | Stretched | Gated, ...]


@dataclass(frozen=True)
class ProductRule:
    """A bilinear map of two inputs that commutes with the group, any such map; a third input may give its weights."""

    rep_1: Rep
    rep_2: Rep
    rep_out: Rep


@dataclass(frozen=True)
class ConvolutionRule:
    """Products of features with harmonics of vectors, summed over edges: inputs are features, edges and vectors.

    Args:
        rep_in, rep_out: the reps of the features.
        action: how the group moves the vectors.
        harmonics: the harmonics of the vectors, all degrees from 0, as a rep.
        degree: the largest degree.
        own: whether a linear map of the features at the target is added.
    """

    rep_in: Rep
    rep_out: Rep
    action: Rep
    harmonics: Rep
    degree: int
    own: bool


Rule = LinearRule | TermRule | ProductRule | ConvolutionRule
