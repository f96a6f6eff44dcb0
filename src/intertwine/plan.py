"""Contractions as data: which segments of which operands meet, with which coefficients. A plan knows no group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Operand:
    """One operand of a plan: a flat last axis made of segments, each an array whose axes are named by letters.

    Args:
        modes: the letters, in storage order: "iu" is component outside, channel inside.
        segments: for each segment the size of each letter.
    """

    modes: str
    segments: tuple[tuple[int, ...], ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of entries of each segment."""
        return tuple(prod(shape) for shape in self.segments)

    @cached_property
    def size(self) -> int:
        """The number of entries of the whole operand."""
        return sum(self.sizes)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each segment lies on the last axis."""
        ends = np.cumsum([0, *self.sizes]).tolist()
        return tuple(slice(a, a + n) for a, n in zip(ends, self.sizes, strict=False))


@dataclass(frozen=True)
class Path:
    """One term of a plan: a segment of each operand, and the coefficients that couple their components."""

    segments: tuple[int, ...]
    coefficients: Table


@dataclass(frozen=True)
class Plan:
    """A multilinear contraction, `out = Σ_paths C · a · b · …` with shared letters summed.

    The letters of `coefficient_modes` index the coefficients; all other letters are channels. Example: a weighted tensor
    product has the operands weights "vuw", x "iu", y "jv" and output "kw" with coefficients "ijk":
    `out[k, w] = Σ C[i, j, k] weight[v, u, w] x[i, u] y[j, v]`, summed over the paths that lead to a segment.

    Plans are linear in each operand, so a derivative only exchanges the roles of operands: it is a plan with the same
    paths (see `derivative`), and so are all higher derivatives.

    Args:
        operands: the inputs, then the output.
        coefficient_modes: the letters of the coefficients.
        paths: the terms.

    Raises `ArgumentError` if a path names a segment that is not there, or sizes disagree.
    """

    operands: tuple[Operand, ...]
    coefficient_modes: str
    paths: tuple[Path, ...]

    def __post_init__(self) -> None:
        for path in self.paths:
            self.sizes_of(path)

    @property
    def inputs(self) -> tuple[Operand, ...]:
        """The operands that are given."""
        return self.operands[:-1]

    @property
    def output(self) -> Operand:
        """The operand that is computed."""
        return self.operands[-1]

    @property
    def equation(self) -> str:
        """The contraction of one path in einsum's language."""
        inputs = ",".join(f"...{operand.modes}" for operand in self.inputs)
        return f"{self.coefficient_modes},{inputs}->...{self.output.modes}"

    def sizes_of(self, path: Path) -> dict[str, int]:
        """The size of every letter on a path."""
        if len(path.segments) != len(self.operands):
            raise ArgumentError(
                f"A path of this plan names {len(self.operands)} segments, one per operand, but got {path.segments}."
            )
        sizes = dict(zip(self.coefficient_modes, path.coefficients.array.shape, strict=True))
        for operand, number in zip(self.operands, path.segments, strict=True):
            for letter, size in zip(operand.modes, operand.segments[number], strict=True):
                if sizes.setdefault(letter, size) != size:
                    raise ArgumentError(
                        f"The path {path.segments} gives the letter {letter!r} the sizes {sizes[letter]} and {size}. "
                        "Segments and coefficients that meet must agree."
                    )
        return sizes

    def derivative(self, operand: int) -> Plan:
        """The plan of the gradient with respect to one input.

        Its inputs are the other inputs in their order, then the cotangent of the output; its output is the gradient.
        """
        if not 0 <= operand < len(self.inputs):
            raise ArgumentError(
                f"The plan has {len(self.inputs)} inputs, numbered from 0, but the derivative with respect to input "
                f"{operand} was asked for."
            )
        order = [i for i in range(len(self.operands)) if i != operand] + [operand]
        paths = tuple(Path(tuple(path.segments[i] for i in order), path.coefficients) for path in self.paths)
        return Plan(tuple(self.operands[i] for i in order), self.coefficient_modes, paths)

    @cached_property
    def unreached(self) -> tuple[int, ...]:
        """The output segments that no path leads to: they are always zero."""
        reached = {path.segments[-1] for path in self.paths}
        return tuple(i for i in range(len(self.output.segments)) if i not in reached)

    @cached_property
    def multiplications(self) -> int:
        """The multiplications that one sample needs at least: nonzero coefficients times channels, path by path."""
        total = 0
        for path in self.paths:
            channels = [n for letter, n in self.sizes_of(path).items() if letter not in self.coefficient_modes]
            total += int(np.count_nonzero(path.coefficients.array)) * prod(channels)
        return total

    def check(self, shapes: Sequence[int]) -> None:
        """Raise `ShapeError` unless the sizes of the inputs' last axes are the plan's."""
        expected = [operand.size for operand in self.inputs]
        if list(shapes) != expected:
            raise ShapeError(
                f"The contraction takes {len(expected)} inputs whose last axes have the sizes {expected}, "
                f"but got {list(shapes)}."
            )
