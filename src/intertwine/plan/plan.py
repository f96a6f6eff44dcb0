"""Contractions as data: which segments of which operands meet, with which coefficients. A plan knows no group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod
from string import ascii_letters

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Operand:
    """One operand of a plan: a flat last axis made of segments, each an array whose axes are named by letters.

    Args:
        modes: the letters, in storage order: "iu" is component outside, channel inside.
        segments: for each segment the size of each letter.

    Attributes:
        sizes: the number of entries of each segment.
        size: the number of entries of the whole operand.
        slices: where each segment lies on the last axis.

    Raises `ArgumentError` if a letter occurs twice, or a segment has not one size for each letter.
    """

    modes: str
    segments: tuple[tuple[int, ...], ...]
    # Made at once, not on demand: forward passes read them, and torch.compile cannot enter a cached_property's lock.
    sizes: tuple[int, ...] = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)
    slices: tuple[slice, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(set(self.modes)) != len(self.modes):
            raise ArgumentError(f"The modes {self.modes!r} name an axis twice. Give every axis a letter of its own.")
        for shape in self.segments:
            if len(shape) != len(self.modes) or min(shape, default=0) < 0:
                raise ArgumentError(
                    f"A segment with the modes {self.modes!r} has {len(self.modes)} sizes, each at least 0, but got "
                    f"{shape}."
                )
        sizes = tuple(map(prod, self.segments))
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "size", sum(sizes))
        object.__setattr__(self, "slices", tuple(slice(a, b) for a, b in pairwise(accumulate((0, *sizes)))))


@dataclass(frozen=True)
class Path:
    """One term of a plan: a segment of each operand, and the coefficients that couple their components."""

    segments: tuple[int, ...]
    coefficients: Table


@dataclass(frozen=True)
class Plan:
    """A multilinear contraction, `out = Σ_paths C · a · b · …` with shared letters summed.

    The letters of `coefficient_modes` index the coefficients; all other letters are channels. Example: a weighted
    tensor product has the operands weights "vuw", x "iu", y "jv" and output "kw" with coefficients "ijk":
    `out[k, w] = Σ C[i, j, k] weight[v, u, w] x[i, u] y[j, v]`, summed over the paths that lead to a segment.

    A letter that one input alone has is summed; one that the output alone has repeats the same numbers. Plans are
    linear in each operand, so a derivative only exchanges the roles of operands: it is a plan with the same paths (see
    `derivative`), and so are all higher derivatives.

    Args:
        operands: the inputs, at least one, then the output.
        coefficient_modes: the letters of the coefficients.
        paths: the terms.

    Raises `ArgumentError` if the coefficients have a letter that no operand has, a path names a segment that is not
    there, or sizes disagree.
    """

    operands: tuple[Operand, ...]
    coefficient_modes: str
    paths: tuple[Path, ...]

    def __post_init__(self) -> None:
        if len(self.operands) < 2:
            raise ArgumentError(f"A plan has at least one input and the output, but got {len(self.operands)} operands.")
        letters = "".join(operand.modes for operand in self.operands)
        if lonely := "".join(letter for letter in self.coefficient_modes if letter not in letters):
            raise ArgumentError(
                f"Every letter of the coefficients occurs in an operand, but {lonely!r} of {self.coefficient_modes!r} "
                "does not. Sum the coefficients over it before."
            )
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
        """The contraction of one path in einsum's language, without the letters that the output alone has."""
        inputs = ",".join(f"...{operand.modes}" for operand in self.inputs)
        output = "".join(letter for letter in self.output.modes if letter not in self.repeated)
        return f"{self.coefficient_modes},{inputs}->...{output}"

    @property
    def repeated(self) -> str:
        """The letters that the output alone has: along them numbers repeat."""
        known = {*self.coefficient_modes}.union(*(operand.modes for operand in self.inputs))
        return "".join(letter for letter in self.output.modes if letter not in known)

    def sizes_of(self, path: Path) -> dict[str, int]:
        """The size of every letter on a path; raises `ArgumentError` if the path does not fit."""
        counts = [len(operand.segments) for operand in self.operands]
        if len(path.segments) != len(counts) or not all(0 <= i < n for i, n in zip(path.segments, counts, strict=True)):
            raise ArgumentError(
                f"A path of this plan names one segment per operand, out of {counts} numbered from 0, but got "
                f"{path.segments}."
            )
        if path.coefficients.array.ndim != len(self.coefficient_modes):
            raise ArgumentError(
                f"The coefficients of the path {path.segments} have the shape {path.coefficients.array.shape}, but one "
                f"axis for each of the letters {self.coefficient_modes!r} was expected."
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
        return self.reordered((*(i for i in range(len(self.operands)) if i != operand), operand))

    def reordered(self, order: Sequence[int]) -> Plan:
        """The plan with its operands in another order, the last of which is computed from the others."""
        paths = tuple(Path(tuple(path.segments[i] for i in order), path.coefficients) for path in self.paths)
        return Plan(tuple(self.operands[i] for i in order), self.coefficient_modes, paths)

    def relabelled(self) -> Plan:
        """The same plan with letters in the order in which operands have them, so that equal plans look equal."""
        letters = dict.fromkeys("".join(operand.modes for operand in self.operands))
        new = dict(zip(letters, ascii_letters, strict=False))
        operands = tuple(Operand("".join(new[x] for x in o.modes), o.segments) for o in self.operands)
        modes = [new[letter] for letter in self.coefficient_modes]
        axes = sorted(range(len(modes)), key=modes.__getitem__)
        paths = tuple(Path(p.segments, Table(p.coefficients.array.transpose(axes))) for p in self.paths)
        return Plan(operands, "".join(sorted(modes)), paths)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The different coefficients: paths that only differ by parity or by copies share theirs."""
        return tuple(dict.fromkeys(path.coefficients for path in self.paths))

    @cached_property
    def table_of(self) -> tuple[int, ...]:
        """For each path the number of its table."""
        numbers = {table: number for number, table in enumerate(self.tables)}
        return tuple(numbers[path.coefficients] for path in self.paths)

    @cached_property
    def key(self) -> str:
        """The fingerprint of the plan, the same everywhere: coefficients count to the 12 digits that machines share."""
        shown = [[f"{value:.11e}" for value in table.array.ravel().tolist()] for table in self.tables]
        told = (
            [(operand.modes, operand.segments) for operand in self.operands],
            self.coefficient_modes,
            [(path.segments, number) for path, number in zip(self.paths, self.table_of, strict=True)],
            [(table.array.shape, values) for table, values in zip(self.tables, shown, strict=True)],
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    def __hash__(self) -> int:
        """By the key: each call of a kernel asks for it, and going through all paths would take longer than that."""
        return hash(self.key)

    @cached_property
    def unreached(self) -> tuple[int, ...]:
        """The output segments that no path leads to: they are always zero."""
        reached = {path.segments[-1] for path in self.paths}
        return tuple(i for i in range(len(self.output.segments)) if i not in reached)

    @cached_property
    def multiplications(self) -> int:
        """The number of terms in the sums of one sample: nonzero coefficients times channels, path by path.

        The definition multiplies this often; a fast evaluation shares factors and needs fewer.
        """
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
