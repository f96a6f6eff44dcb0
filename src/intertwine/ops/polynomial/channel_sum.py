"""What a polynomial computes in each channel, read off its plans: what `torch.py` and `llvm.py` start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intertwine.errors import ArgumentError
from intertwine.plan import Operand, Plan, Polynomial, Term


@dataclass(frozen=True)
class Summand:
    """A coefficient times a weight times components of the feature: what is added to a component of the output.

    Components count on from segment to segment.
    """

    output: int
    weight: int
    factors: tuple[int, ...]
    coefficient: float


@dataclass(frozen=True)
class ChannelSum:
    """What is summed in each channel.

    Args:
        channels: the number of channels.
        sizes: the number of components of x, of the weights w and of the output g; each has all channels.
        summands: what is summed.
    """

    channels: int
    sizes: Mapping[str, int]
    summands: tuple[Summand, ...]


def channel_sum(polynomial: Polynomial) -> ChannelSum:
    """What a polynomial of weights and features sums in each channel.

    Raises `ArgumentError` for one that mixes channels: its terms take weights "u" once, factors "au", "bu", … and have
    an output "zu", where a, b, … z are the letters of the coefficients and u is the same channel in all.
    """
    plans = [term.plan for term in polynomial.terms]
    channels = {segment[-1] for plan in plans for operand in plan.operands for segment in operand.segments}
    sizes = (*polynomial.inputs, *polynomial.outputs)
    if len(sizes) != 3 or not all(map(_is_channelwise, polynomial.terms)) or len(channels) != 1:
        modes = "; ".join(", ".join(operand.modes for operand in plan.operands) for plan in plans)
        raise ArgumentError(
            "A polynomial channel by channel takes weights u and factors au, bu, … of one feature, and has one output "
            f"zu, all with as many channels u, but got {modes or 'no terms'}. Use Contraction for other plans."
        )
    (number,) = channels
    counts = {name: size // number for name, size in zip("wxg", sizes, strict=True)}
    return ChannelSum(number, counts, tuple(summand for plan in plans for summand in _summands(plan)))


def _is_channelwise(term: Term) -> bool:
    weights, *others = term.plan.operands
    letters = "".join(operand.modes[:1] for operand in others)
    return (
        len(weights.modes) == 1
        and term.inputs == (0, *(len(others) - 1) * (1,))
        and [operand.modes for operand in others] == [letter + weights.modes for letter in letters]
        and sorted(letters) == sorted(term.plan.coefficient_modes)
    )


def _summands(plan: Plan) -> list[Summand]:
    """The nonzero coefficients of a plan, path by path."""
    axes = [plan.coefficient_modes.index(operand.modes[0]) for operand in plan.operands[1:]]
    found = []
    for path in plan.paths:
        table = path.coefficients.array.transpose(axes)
        weight, *features, output = (_start(o, n) for o, n in zip(plan.operands, path.segments, strict=True))
        for *components, k in np.argwhere(table).tolist():
            factors = sorted(start + i for start, i in zip(features, components, strict=True))
            found.append(Summand(output + k, weight, tuple(factors), float(table[(*components, k)])))
    return found


def _start(operand: Operand, number: int) -> int:
    """The number of the first component of a segment, among those of all segments."""
    return int(operand.slices[number].start) // operand.segments[number][-1]
