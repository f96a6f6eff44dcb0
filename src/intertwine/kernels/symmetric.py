"""Equivariant polynomials of one feature, channel by channel: MACE's symmetric contraction for any group and order.

A polynomial of order k is a linear map on the k-th symmetric power. Where the feature is a sum of irreps, the power
splits by which terms meet and how often, such as x_1 x_1 x_3; and a polynomial of some terms is one of fewer terms,
coupled to the last by Clebsch–Gordan. Couplings in another order of the terms give others, of which only some are
independent: as many as `Rep.molien` counts.

Source: Batatia et al. 2022 (arXiv:2206.07697).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations_with_replacement, product
from math import factorial, sqrt

import numpy as np

from intertwine._arrays import Table, read_only
from intertwine.errors import ArgumentError
from intertwine.kernels.products import require_one_group
from intertwine.plan import Operand, Path, Plan, Polynomial, Term
from intertwine.reps import Irrep, Rep, clebsch_gordan

_FACTORS = "abcdefghijklmnopqrst"  # the letters of the components of each factor

Monomial = tuple[tuple[int, int], ...]
"""A product of components, each the numbers of its term and of the component in it; sorted."""


@dataclass(frozen=True)
class SymmetricPlan:
    """The equivariant polynomials of a feature, of orders 1, 2, …, with weights for each of them and each channel.

    Args:
        polynomial: the function of weights `(paths · channels)` and of the feature.
        paths: how many polynomials there are: ordered by output term, order, and the terms of the feature that meet.
        channels: the number of channels.
        unreached: the irreps of the output, with multiplicities, that no polynomial leads to: zeros.
    """

    polynomial: Polynomial
    paths: int
    channels: int
    unreached: tuple[tuple[int, Irrep], ...]


@cache
def symmetric_contraction(rep_in: Rep, rep_out: Rep, order: int) -> SymmetricPlan:
    """All equivariant polynomials up to an order, from each channel of a feature to the same channel of the output.

    Components of unit variance, with weights of unit variance, give components of unit variance.

    Args:
        rep_in: the rep of the feature; its terms are irreps, all with the same multiplicity: the channels.
        rep_out: that of the output, with the same channels.
        order: the largest number of factors.

    Raises `RepMismatchError` for reps of different groups, and `ArgumentError` for terms that are no irreps, for
    multiplicities that differ, and for an order that is no integer from 1 to 20.
    """
    require_one_group(rep_in, rep_out)
    if not isinstance(order, int | np.integer) or isinstance(order, bool) or not 1 <= order <= len(_FACTORS):
        raise ArgumentError(
            f"The order of a symmetric contraction is an integer from 1 to {len(_FACTORS)}, but got {order!r}."
        )
    channels = common_multiplicity(rep_in, rep_out)
    irreps, outputs = _irreps(rep_in), _irreps(rep_out)
    found = [
        (k, terms, output, polynomial)
        for output, irrep in enumerate(outputs)
        for k in range(1, order + 1)
        for terms in combinations_with_replacement(range(len(irreps)), k)
        for polynomial in symmetric_couplings(irreps, terms, irrep)
    ]
    leading = [sum(1 for _, _, other, _ in found if other == output) for output in range(len(outputs))]
    weights = Operand("u", len(found) * ((channels,),))
    features = tuple((irrep.dim, channels) for irrep in irreps)
    target = Operand("zu", tuple((irrep.dim, channels) for irrep in outputs))
    terms_of_order = []
    for k in range(1, order + 1):
        letters = _FACTORS[:k]
        paths = [
            Path((number, *terms, output), Table(np.moveaxis(table, 0, -1) / sqrt(leading[output])))
            for number, (size, terms, output, table) in enumerate(found)
            if size == k
        ]
        if paths:
            operands = (weights, *(Operand(f"{letter}u", features) for letter in letters), target)
            terms_of_order.append(Term(Plan(operands, f"{letters}z", tuple(paths)), (0, *k * (1,))))
    return SymmetricPlan(
        Polynomial((weights.size, rep_in.dim), (rep_out.dim,), tuple(terms_of_order)),
        len(found),
        channels,
        tuple((channels, irrep) for irrep, count in zip(outputs, leading, strict=True) if not count),
    )


def common_multiplicity(*reps: Rep) -> int:
    """The multiplicity of all terms of some reps; raises `ArgumentError` where they differ."""
    found = sorted({m for rep in reps for m, _ in rep.terms})
    if len(found) != 1:
        raise ArgumentError(
            "A symmetric contraction treats each channel by itself, so all terms of its reps have the same "
            f"multiplicity, but got {' and '.join(map(str, reps))}. Call Linear to bring features to equal ones."
        )
    return found[0]


def _irreps(rep: Rep) -> tuple[Irrep, ...]:
    """The irreps of the terms; raises `ArgumentError` for another block."""
    irreps = tuple(block for _, block in rep.terms if isinstance(block, Irrep))
    if len(irreps) != len(rep.terms):
        raise ArgumentError(
            f"The terms of a symmetric contraction are irreps, but {rep} of {rep.group} has other blocks. Pass "
            "rep.irreps, the same features in the coordinates of their irreps."
        )
    return irreps


@cache
def symmetric_couplings(irreps: tuple[Irrep, ...], terms: tuple[int, ...], output: Irrep) -> tuple[np.ndarray, ...]:
    """Independent equivariant polynomials of some terms of a feature, each `(d_out, d_1, …, d_k)`: all that there are.

    Components of independent normal numbers give components of unit variance. The coefficients of a product of equal
    terms stand where its components are in order, `i ≤ j ≤ …`; the others are 0.

    Args:
        irreps: the irreps of all terms of the feature.
        terms: which of them meet, sorted; one that enters several times is named several times.
        output: the irrep of the output.

    >>> from intertwine.catalog import O3
    >>> vector, scalar = O3.irrep("1o"), O3.irrep("0e")
    >>> symmetric_couplings((vector,), (0, 0), scalar)[0].round(3)  # |x|², whose variance is 15
    array([[[0.258, 0.   , 0.   ],
            [0.   , 0.258, 0.   ],
            [0.   , 0.   , 0.258]]])
    """
    dims = tuple(irrep.dim for irrep in irreps)
    monomials = _monomials(dims, terms)
    places = np.array([[i for _, i in monomial] for monomial in monomials]).T
    found = []
    for coefficients in _polynomials(irreps, terms, output):
        table = np.zeros((output.dim, *(dims[term] for term in terms)))
        table[(slice(None), *places)] = coefficients / sqrt(_mean_square(coefficients, monomials))
        found.append(read_only(table))
    return tuple(found)


@cache
def _polynomials(irreps: tuple[Irrep, ...], terms: tuple[int, ...], output: Irrep) -> tuple[np.ndarray, ...]:
    """The same as coefficients `(d_out, monomials)` of norm 1."""
    if len(terms) == 1:
        same = irreps[terms[0]] == output
        return tuple(e / np.linalg.norm(e) for e in output.endomorphisms) if same else ()
    dims = tuple(irrep.dim for irrep in irreps)
    size = len(_monomials(dims, terms))
    candidates = []
    for last in dict.fromkeys(terms):
        rest = _without(terms, last)
        places = _products(dims, rest, last)
        for _, middle in (output * irreps[last]).isotypic:
            tables = clebsch_gordan(middle, irreps[last], output)
            for polynomial, table in product(_polynomials(irreps, rest, middle), tables):
                coupled = np.einsum("am,ajc->cmj", polynomial, table).reshape(output.dim, -1)
                summed = np.stack([np.bincount(places, row, size) for row in coupled])
                if (norm := np.linalg.norm(summed)) > 1e-6:
                    summed = summed / norm
                    candidates.append(np.where(np.abs(summed) < 1e-12, 0.0, summed))
    return tuple(_independent(candidates))


def _independent(candidates: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The first of the candidates, those with few nonzero entries first, of which no one is a sum of others.

    What is a sum of others is one to rounding, and what is not is far from one: so no last digit decides.
    """
    kept: list[np.ndarray] = []
    span: list[np.ndarray] = []
    for candidate in sorted(candidates, key=np.count_nonzero):
        rest = candidate.ravel()
        for _ in range(2):  # once more, since what is left may be short
            for direction in span:
                rest = rest - direction * (direction @ rest)
        if (length := np.linalg.norm(rest)) > 1e-6:
            span.append(rest / length)
            kept.append(candidate)
    return kept


@cache
def _monomials(dims: tuple[int, ...], terms: tuple[int, ...]) -> tuple[Monomial, ...]:
    """All products of components of some terms."""
    powers = [
        combinations_with_replacement([(term, i) for i in range(dims[term])], terms.count(term))
        for term in dict.fromkeys(terms)
    ]
    return tuple(tuple(chain.from_iterable(parts)) for parts in product(*powers))


@cache
def _products(dims: tuple[int, ...], terms: tuple[int, ...], last: int) -> np.ndarray:
    """The numbers of the monomials that those of some terms become by each component of one more, flat."""
    numbers = {monomial: n for n, monomial in enumerate(_monomials(dims, tuple(sorted((*terms, last)))))}
    parts = product(_monomials(dims, terms), range(dims[last]))
    return read_only(np.array([numbers[tuple(sorted((*monomial, (last, j))))] for monomial, j in parts]))


def _without(terms: tuple[int, ...], term: int) -> tuple[int, ...]:
    place = terms.index(term)
    return (*terms[:place], *terms[place + 1 :])


def _mean_square(coefficients: np.ndarray, monomials: Sequence[Monomial]) -> float:
    """The mean over components `(d, monomials)` of E[f²] for independent standard normal variables, exactly.

    By their moments: E[xⁿ] = (n − 1)!! for even n, and 0 for odd ones.
    """
    used = np.flatnonzero(coefficients.any(0)).tolist()
    variables = {variable: n for n, variable in enumerate(sorted({v for m in used for v in monomials[m]}))}
    powers = np.zeros((len(used), len(variables)), dtype=int)
    for row, m in enumerate(used):
        for variable in monomials[m]:
            powers[row, variables[variable]] += 1
    top = 2 * int(powers.max(initial=0))
    even = [factorial(n) // (2 ** (n // 2) * factorial(n // 2)) for n in range(0, top + 1, 2)]
    moments = np.zeros(top + 1)
    moments[::2] = even
    products = np.stack([moments[powers + row].prod(1) for row in powers])
    return float(np.sum((coefficients[:, used] @ products) * coefficients[:, used])) / len(coefficients)
