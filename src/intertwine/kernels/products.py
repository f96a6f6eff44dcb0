"""Tensor products in every multiplicity mode: instructions become a polynomial of weights and two features.

Modes and normalisations are those that users of e3nn know (Geiger and Smidt 2022, arXiv:2207.09453), for every group:
where two irreps couple to a third in several ways, an instruction names one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf, prod
from typing import Literal, get_args

import numpy as np

from intertwine._arrays import Table
from intertwine.errors import ArgumentError, RepMismatchError
from intertwine.plan import Operand, Path, Plan, Polynomial, Term
from intertwine.reps import Irrep, Rep, as_rep, clebsch_gordan

Component = Literal["component", "norm", "none"]
Paths = Literal["element", "path", "none"]


@dataclass(frozen=True)
class Mode:
    """How copies u of the first factor, v of the second and w of the output meet.

    Args:
        weight, first, second, output: the letters of the four operands of a plan; i, j, k number components.
        copies: the letters whose numbers make up the copies of the output; None where these are free. The letter p
            stands for pairs u < v.
        summed: the letters that are summed over.
    """

    weight: str
    first: str
    second: str
    output: str
    copies: str | None
    summed: str

    @property
    def paired(self) -> bool:
        """Whether pairs u < v of copies meet."""
        return "p" in (self.copies or "") + self.summed

    @property
    def same(self) -> bool:
        """Whether both factors have equally many copies."""
        return self.second == "ju"

    def joins(self, u: int, v: int) -> bool:
        """Whether so many copies of the factors meet at all."""
        return (u == v or not self.same) and (u > 1 or not self.paired)


MODES = {
    "uvw": Mode("vuw", "iu", "jv", "kw", None, "uv"),
    "uvu": Mode("vu", "iu", "jv", "ku", "u", "v"),
    "uvv": Mode("uv", "iu", "jv", "kv", "v", "u"),
    "uuw": Mode("uw", "iu", "ju", "kw", None, "u"),
    "uuu": Mode("u", "iu", "ju", "ku", "u", ""),
    "uvuv": Mode("uv", "iu", "jv", "kuv", "uv", ""),
    "uvu<v": Mode("u", "iu", "ju", "ku", "p", ""),
    "u<vw": Mode("uw", "iu", "ju", "kw", None, "p"),
}
"""The multiplicity modes by name. Pairs u < v are laid out as copies first: then "uvu<v" is "uuu" of them."""


@dataclass(frozen=True)
class Instruction:
    """One path of a product: terms of both factors, the term of the output, and how their copies meet.

    Args:
        first, second, output: the numbers of the terms.
        mode: the multiplicity mode, a key of `MODES`.
        weighted: whether it has weights; without, products are summed as they are.
        path_weight: how much of the output's variance it is to give, beside the others that lead there.
        table: which of the couplings, where the irreps couple in several ways.
    """

    first: int
    second: int
    output: int
    mode: str = "uvw"
    weighted: bool = True
    path_weight: float = 1.0
    table: int = 0


@dataclass(frozen=True)
class Normalisation:
    """How a product is scaled.

    Args:
        irreps: "component" so that components of variance 1 give components of variance 1, "norm" so that factors of
            norm 1 give one of norm 1 on average, "none" for couplings of norm 1.
        paths: "element" so that all products that lead to an output count alike, "path" so that all paths do, "none".
        first, second, output: the variances of the components; one number for each term, or () for 1.

    Raises `ArgumentError` for other words, and for variances that are negative or not finite.
    """

    irreps: Component = "component"
    paths: Paths = "element"
    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    output: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, words in (("irreps", Component), ("paths", Paths)):
            if (got := getattr(self, name)) not in get_args(words):
                raise ArgumentError(
                    f"The normalisation of {name} is one of {', '.join(get_args(words))}, but got {got!r}."
                )
        if not all(0 <= v < inf for v in (*self.first, *self.second, *self.output)):
            raise ArgumentError("Variances are finite and not negative. Give one for each term, or () for 1.")


@dataclass(frozen=True)
class ProductPlan:
    """A tensor product as a polynomial of weights, x and y (and pairs of copies of both, where a mode has u < v).

    Args:
        polynomial: the function; its inputs are weights, x, y, and with pairs both factors' pairs.
        weights: for each instruction the shape of its weights, one after the other in the first input; () without.
        pairs: the numbers of the entries of x and of y that stand in the pairs, or None.
        unreached: the terms of the output that no instruction leads to: zeros.
    """

    polynomial: Polynomial
    weights: tuple[tuple[int, ...], ...]
    pairs: tuple[Table, Table] | None
    unreached: tuple[int, ...]


@cache
def product(
    reps: tuple[Rep, Rep, Rep], instructions: tuple[Instruction, ...], normalisation: Normalisation = Normalisation()
) -> ProductPlan:
    """The product of features of two reps by instructions, in the order of the terms of all three reps.

    Args:
        reps: the reps of both factors and of the output; their terms are irreps.
        instructions: the paths.
        normalisation: how it is scaled.

    Raises `RepMismatchError` for reps of different groups, and `ArgumentError` for terms that are no irreps, and for an
    instruction that names a term, a coupling or a mode that is not there, or whose multiplicities do not fit.
    """
    require_one_group(*reps)
    copies = [_copies(reps, instruction) for instruction in instructions]
    weights = tuple(
        tuple(sizes[letter] for letter in MODES[i.mode].weight) if i.weighted else ()
        for i, sizes in zip(instructions, copies, strict=True)
    )
    tables = [
        Table(_coupling(reps, i) * scale)
        for i, scale in zip(instructions, _scales(reps, instructions, normalisation), strict=True)
    ]
    factors = [tuple((block.dim, m) for m, block in rep.terms) for rep in reps]
    pairs = [tuple((d, _pairs(m)) for d, m in factor) for factor in factors[:2]]
    groups: dict[tuple[object, ...], list[int]] = {}
    for n, i in enumerate(instructions):
        shape = (copies[n]["u"], copies[n]["v"]) if i.mode == "uvuv" else ()
        groups.setdefault((i.mode, i.weighted, shape), []).append(n)
    terms = []
    for members in groups.values():
        mode, weighted = MODES[instructions[members[0]].mode], instructions[members[0]].weighted
        x, y = pairs if mode.paired else factors[:2]
        outputs = _shaped(mode, factors[2], {instructions[n].output: copies[n] for n in members})
        operands = [Operand(mode.first, x), Operand(mode.second, y), Operand(mode.output, outputs)]
        if weighted:
            operands.insert(0, Operand(mode.weight, _tiles(weights, members, len(mode.weight))))
        order = [n for n, shape in enumerate(weights) if shape]
        paths = [
            Path((*([order.index(n)] if weighted else []), i.first, i.second, i.output), tables[n])
            for n in members
            for i in [instructions[n]]
        ]
        buffers = (3, 4) if mode.paired else (1, 2)
        terms.append(Term(Plan(tuple(operands), "ijk", tuple(paths)), (*((0,) if weighted else ()), *buffers)))
    widths = [sum(map(prod, (w for w in weights if w))), reps[0].dim, reps[1].dim]
    paired = any(MODES[i.mode].paired for i in instructions)
    if paired:
        widths += [sum(map(prod, pair)) for pair in pairs]
    reached = {i.output for i in instructions}
    return ProductPlan(
        Polynomial(tuple(widths), (reps[2].dim,), tuple(terms)),
        weights,
        (_pair_index(factors[0], 0), _pair_index(factors[1], 1)) if paired else None,
        tuple(k for k in range(len(reps[2].terms)) if k not in reached),
    )


def irrep_terms(rep: Rep) -> tuple[tuple[int, Irrep], ...]:
    """The multiplicities and irreps whose coordinates plans work in: the terms of a rep, where all of them are irreps.

    Then features are taken as they are. Where a block has a basis of its own, features have to be turned, and are
    sorted and gathered on the way: those of `rep.irreps`.

    >>> from intertwine.catalog import O3
    >>> irrep_terms(O3.rep("2x1o + 3x0e + 1x1o"))
    ((2, tw.O3.irrep('1o')), (3, tw.O3.irrep('0e')), (1, tw.O3.irrep('1o')))
    """
    found = tuple((m, block) for m, block in rep.terms if isinstance(block, Irrep))
    return found if len(found) == len(rep.terms) else rep.isotypic


def in_irreps(rep: Rep) -> Rep:
    """The rep of `irrep_terms`: the rep itself, where all its terms are irreps."""
    return Rep(rep.group, irrep_terms(rep))


def every_path(rep_1: Rep, rep_2: Rep, rep_out: Rep, mode: str = "uvw") -> tuple[Instruction, ...]:
    """All instructions of one mode between reps, ordered by output, first and second factor.

    >>> from intertwine.catalog import O3
    >>> len(every_path(O3.rep("4x0e + 4x1o"), O3.rep("1x1o"), O3.rep("2x0e + 2x1o + 2x2e")))
    3
    """
    require_one_group(rep_1, rep_2, rep_out)
    return tuple(
        Instruction(i, j, k, mode, table=t)
        for k in range(len(rep_out.terms))
        for i, (m, _) in enumerate(rep_1.terms)
        for j, (n, _) in enumerate(rep_2.terms)
        if MODES[mode].joins(m, n)
        for t in range(len(clebsch_gordan(_irrep(rep_1, i), _irrep(rep_2, j), _irrep(rep_out, k))))
    )


def channelwise(
    rep_1: Rep, rep_2: Rep, keep: Rep | Irrep | Sequence[Irrep | str], mode: str = "uvu"
) -> tuple[Rep, tuple[Instruction, ...]]:
    """The rep of a product whose copies follow from those of its factors, sorted, and its instructions.

    Each pair of terms gives each irrep of `keep` that their product contains a term of its own: the depthwise product
    of NequIP and MACE with mode "uvu", and with "uvuv" the full tensor product.

    Args:
        rep_1, rep_2: the reps of the factors.
        keep: the irreps to keep, in any order: those of a rep, or a list of them or of their labels.
        mode: one that settles the copies of the output.

    Raises `ArgumentError` for another mode, and for irreps to keep that are none.

    >>> from intertwine.catalog import O3
    >>> channelwise(O3.rep("8x0e + 4x1o"), O3.rep("1x0e + 1x1o"), ["0e", "1o"])[0]
    tw.O3.rep('8x0e + 4x0e + 8x1o + 4x1o')
    """
    if mode not in MODES or (copies := MODES[mode].copies) is None:
        settled = [name for name, known in MODES.items() if known.copies is not None]
        raise ArgumentError(
            f"The copies of the output follow from the factors in the modes {settled}, but got {mode!r}."
        )
    require_one_group(rep_1, rep_2)
    irreps = kept_irreps(rep_1, keep)
    found = [
        ((_number(copies, m, n), c), Instruction(i, j, 0, mode, table=t))
        for i, (m, _) in enumerate(rep_1.terms)
        for j, (n, _) in enumerate(rep_2.terms)
        if MODES[mode].joins(m, n)
        for c in sorted(irreps, key=lambda irrep: irrep.key)
        for t in range(len(clebsch_gordan(_irrep(rep_1, i), _irrep(rep_2, j), c)))
    ]
    found.sort(key=lambda entry: entry[0][1].key)
    instructions = tuple(replace(instruction, output=k) for k, (_, instruction) in enumerate(found))
    return Rep(rep_1.group, tuple(term for term, _ in found)), instructions


def kept_irreps(rep: Rep, keep: Rep | Irrep | Sequence[Irrep | str]) -> list[Irrep]:
    """The irreps to keep of a product with a rep, each once; raises `ArgumentError` for what names none."""
    if isinstance(keep, Rep | Irrep):
        return [irrep for _, irrep in as_rep(keep).isotypic]
    if isinstance(keep, str) or not isinstance(keep, Iterable):
        raise ArgumentError(
            f"The irreps to keep are those of a rep, or a list of them or of their labels, but got {keep!r}. Pass a "
            f"list, or {rep.group}.rep(...)."
        )
    if not (labels := list(dict.fromkeys(keep))):
        raise ArgumentError("A product keeps one irrep at least, but got none. Pass their labels, or a rep.")
    return [Irrep(rep.group, label) if isinstance(label, str) else label for label in labels]


def require_one_group(*reps: Rep) -> None:
    """Raise `RepMismatchError` unless all reps belong to one group."""
    groups = [rep.group for rep in reps]
    if any(group != groups[0] for group in groups):
        raise RepMismatchError(
            f"A map joins reps of one group, but got reps of {', '.join(map(str, groups))}. "
            "Call rep.restrict(subgroup) to bring them to a common group."
        )


def _irrep(rep: Rep, number: int) -> Irrep:
    """The irrep of a term; raises `ArgumentError` for another block."""
    block = rep.terms[number][1]
    if not isinstance(block, Irrep):
        raise ArgumentError(
            f"The terms of a product are irreps, but {rep} of {rep.group} has other blocks. Pass in_irreps(rep), the "
            "same features in the coordinates of their irreps."
        )
    return block


def _copies(reps: Sequence[Rep], i: Instruction) -> dict[str, int]:
    """The number of copies of each letter of an instruction; raises `ArgumentError` where they do not fit."""
    if not 0 <= i.path_weight < inf:
        raise ArgumentError(f"The weight of a path is finite and not negative, but got {i.path_weight}.")
    if i.mode not in MODES:
        raise ArgumentError(f"A multiplicity mode is one of {', '.join(MODES)}, but got {i.mode!r}.")
    numbers = (i.first, i.second, i.output)
    if not all(0 <= n < len(rep.terms) for n, rep in zip(numbers, reps, strict=True)):
        raise ArgumentError(
            f"An instruction names a term of {', '.join(map(str, reps))}, numbered from 0, but got {numbers}."
        )
    u, v, w = (rep.terms[n][0] for n, rep in zip(numbers, reps, strict=True))
    mode = MODES[i.mode]
    if mode.same and u != v:
        raise ArgumentError(f"The mode {i.mode!r} joins equally many copies of both factors, but got {u} and {v}.")
    wanted = w if mode.copies is None else _number(mode.copies, u, v)
    if w != wanted:
        raise ArgumentError(f"The mode {i.mode!r} makes {wanted} copies of {u} and {v}, but the output has {w}.")
    return {"u": _pairs(u) if mode.paired else u, "v": v, "w": w}


def _pairs(u: int) -> int:
    return u * (u - 1) // 2


def _number(letters: str, u: int, v: int) -> int:
    """How many combinations of copies some letters of a mode stand for."""
    return prod({"u": u, "v": v, "p": _pairs(u)}[letter] for letter in letters)


def _coupling(reps: Sequence[Rep], i: Instruction) -> np.ndarray:
    """The Clebsch–Gordan coefficients `(d_1, d_2, d_out)` of an instruction, of norm 1."""
    a, b, c = (_irrep(rep, n) for rep, n in zip(reps, (i.first, i.second, i.output), strict=True))
    found = clebsch_gordan(a, b, c)
    if not 0 <= i.table < len(found):
        raise ArgumentError(
            f"The product of {a.label} and {b.label} contains {c.label} {len(found)} times, but an instruction asks "
            f"for number {i.table}, counted from 0. See (rep_1 * rep_2).irreps."
        )
    return np.asarray(found[i.table])


def _scales(reps: Sequence[Rep], instructions: Sequence[Instruction], norm: Normalisation) -> list[float]:
    """The factor of each instruction: the square root of its share of the output's variance."""
    given = (norm.first, norm.second, norm.output)
    first, second, output = (v or (1.0,) * len(rep.terms) for v, rep in zip(given, reps, strict=True))
    if any(len(v) != len(rep.terms) for v, rep in zip((first, second, output), reps, strict=True)):
        raise ArgumentError("Variances are one number for each term of their rep, or () for 1 in all of them.")

    def variance(i: Instruction) -> float:
        summed = _number(MODES[i.mode].summed, reps[0].terms[i.first][0], reps[1].terms[i.second][0])
        return first[i.first] * second[i.second] * summed

    def dims(i: Instruction) -> float:
        d_1, d_2, d_out = (rep.terms[n][1].dim for rep, n in zip(reps, (i.first, i.second, i.output), strict=True))
        return {"component": d_out, "norm": d_1 * d_2, "none": 1}[norm.irreps]

    scales = []
    for i in instructions:
        together = [other for other in instructions if other.output == i.output]
        total = {
            "element": sum(map(variance, together)), "path": variance(i) * len(together), "none": 1.0
        }[norm.paths]  # fmt: skip
        scales.append(float(np.sqrt(dims(i) * output[i.output] * i.path_weight / (total or 1.0))))
    return scales


def _tiles(weights: Sequence[tuple[int, ...]], members: Sequence[int], letters: int) -> tuple[tuple[int, ...], ...]:
    """The segments of the weights for some instructions: those of the others are there too, in any shape."""
    return tuple(
        shape if n in members else (prod(shape), *(letters - 1) * (1,)) for n, shape in enumerate(weights) if shape
    )


def _shaped(
    mode: Mode, outputs: Sequence[tuple[int, int]], copies: dict[int, dict[str, int]]
) -> tuple[tuple[int, ...], ...]:
    """The segments of the output, with copies (u, v) apart where the mode has both."""
    if len(mode.output) == 2:
        return tuple(outputs)
    return tuple((d, copies[k]["u"], copies[k]["v"]) if k in copies else (d, m, 1) for k, (d, m) in enumerate(outputs))


def _pair_index(factor: Sequence[tuple[int, int]], which: int) -> Table:
    """Where the entries of all pairs u < v of copies stand in a factor: u's of the first, v's of the second."""
    starts, index = 0, []
    for d, m in factor:
        chosen = np.triu_indices(m, 1)[which]
        index.append((starts + np.arange(d)[:, None] * m + chosen).ravel())
        starts += d * m
    return Table(np.concatenate([np.zeros(0), *index]))
