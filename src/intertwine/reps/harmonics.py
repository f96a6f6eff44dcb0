"""Harmonics on the circle and the sphere, for points of any length, by recurrences in Cartesian coordinates.

The recurrences are polynomials of the coordinates: any degree, exact derivatives of any order, nothing singular at the
poles or at the origin. The same code runs on numpy arrays and torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from math import pi, sqrt

import numpy as np

from intertwine._arrays import Array, as_array, epsilon, is_torch, like, namespace, plain_shape
from intertwine.errors import ArgumentError, ShapeError
from intertwine.reps.blocks import decomposed
from intertwine.reps.direct_sum import Terms
from intertwine.reps.irrep import Block
from intertwine.reps.rep import Rep
from intertwine.reps.wigner import harmonic_matrix

NORMALIZATIONS = ("component", "norm", "integral")


def unit_vectors(r: Array) -> Array:
    """r / |r| for vectors `(..., n)`; 0 with gradient 0 at r = 0, exact for lengths near under- and overflow."""
    xp = namespace(r)
    largest = xp.amax(abs(r), -1)[..., None]
    zero = largest == 0
    scale = xp.where(zero, xp.ones_like(largest), largest)
    scale = scale.detach() if hasattr(scale, "detach") else scale  # r / |r| does not depend on the scale
    scaled = r / scale
    squared = (scaled * scaled).sum(-1)[..., None]
    squared = xp.where(zero, xp.ones_like(squared), squared)
    return xp.where(zero, xp.zeros_like(scaled), scaled / xp.sqrt(squared))


def _degree_list(degrees: int | Iterable[int]) -> list[int]:
    wanted = list(degrees) if isinstance(degrees, Iterable) else [degrees]
    if any(not isinstance(degree, int | np.integer) or degree < 0 for degree in wanted):
        raise ArgumentError(
            f"The degrees of harmonics are integers from 0 on, but got {degrees!r}. Pass an integer for one degree "
            "or a list such as range(4) for several."
        )
    return [int(degree) for degree in wanted]


def _check(r: Array, n: int, normalization: str, function: str) -> None:
    if normalization not in NORMALIZATIONS:
        raise ArgumentError(
            f"The normalization {normalization!r} is unknown. Pass 'component' (|Y_l|² = 2l + 1), 'norm' (|Y_l| = 1) "
            "or 'integral' (orthonormal over the sphere or circle)."
        )
    if r.ndim == 0 or plain_shape(r)[-1] != n:
        raise ShapeError(
            f"{function} takes vectors of shape (..., {n}), but got an array of shape {plain_shape(r)}. "
            "Put the coordinates on the last axis."
        )


def _widened(r: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Half precision in float32, for steps that all round the same way, and the way back."""
    if epsilon(r) < 1e-4:
        return r, lambda y: y
    dtype = r.dtype
    if is_torch(r):
        return r.float(), lambda y: y.to(dtype)
    return r.astype(np.float32), lambda y: y.astype(dtype)


def spherical_harmonics(
    degrees: int | Iterable[int], r: Array, normalization: str = "component", normalize: bool = True
) -> Array:
    """Real spherical harmonics of vectors, one block of 2l + 1 components per degree.

    The basis is e3nn's: polar axis y, azimuth from z towards x, m = −l … l with the sines first, no Condon–Shortley
    sign, so that degree 1 is proportional to (x, y, z). Without `normalize` they are homogeneous polynomials:
    `Y_l(s r) = s^l Y_l(r)`. Under O(3), Y_l has the parity (−1)^l: the labels 0e 1o 2e 3o …

    Args:
        degrees: one degree, or several in the wanted order.
        r: vectors `(..., 3)` in any unit, numpy or torch.
        normalization: "component" (|Y_l|² = 2l + 1), "norm" (|Y_l|² = 1) or "integral" (∫ Y_lm² = 1 over the sphere).
        normalize: whether to divide r by its length first; a zero vector then gives 0 (1 for degree 0), gradient 0.

    Returns:
        `(..., Σ (2l + 1))`, with the dtype of r.

    Raises `ShapeError` for vectors that are not three-dimensional and `ArgumentError` for other arguments.

    Source: products of harmonics with r, as in Varshalovich et al. 1988, doi:10.1142/0270, section 5.7.

    >>> spherical_harmonics(1, np.array([0.0, 0.0, 2.0]), normalization="norm")
    array([0., 0., 1.])
    """
    r = as_array(r)
    wanted = _degree_list(degrees)
    _check(r, 3, normalization, "spherical_harmonics")
    r, narrow = _widened(r)
    r = unit_vectors(r) if normalize else r
    blocks = _spherical_blocks(max(wanted, default=0), r)
    scale = {"component": 1.0, "norm": None, "integral": 1 / sqrt(4 * pi)}[normalization]
    pieces = [blocks[degree] * (1 / sqrt(2 * degree + 1) if scale is None else scale) for degree in wanted]
    return narrow(namespace(r).concatenate([*pieces, r[..., :0]], -1))


def _spherical_blocks(top: int, r: Array) -> list[Array]:
    """The component-normalised harmonics of degree 0 … top as homogeneous polynomials, one array per degree.

    Each is the part of degree l of r times the one before, made as long as it should be (see `_steps`). About the axis
    r a step takes each order m by itself, and lengthens none more than m = 0. So errors do not grow, and no factor
    leaves the range of the dtype, whatever the degree.
    """
    xp = namespace(r)
    x, y, z = (r[..., i, None] for i in range(3))
    blocks = [xp.ones_like(x)]
    side = xp.zeros_like(r[..., :2])
    for degree in range(1, top + 1):
        last = xp.concatenate([side, blocks[-1], side], -1)
        same, below, above, turned_below, turned_above = (like(step, y) for step in _steps(degree))
        turned = xp.flip(last, (-1,))
        along = below * last[..., :-2] + above * last[..., 2:]
        across = turned_below * turned[..., :-2] + turned_above * turned[..., 2:]
        blocks.append(y * (same * last[..., 1:-1]) + z * along + x * across)
    return blocks


def _steps(degree: int) -> list[list[float]]:
    """The factors, for m = −l … l, of y Y_m, z Y_{m−1}, z Y_{m+1}, x Y_{1−m} and x Y_{−1−m} of degree l − 1 in Y_m.

    From sin θ e^{±iφ} Y and cos θ Y in terms of the neighbouring degrees: with n = |m|, k = (2l + 1) / (l c) and
    c² = (2l − 1)(2l + 1), the neighbours n − 1 and n + 1 count k √((l + n)(l + n − 1)) / 2 and
    −k √((l − n)(l − n − 1)) / 2; m = 0, which has no partner, is shorter by √2. Cosines are m ≥ 0, sines m < 0.
    """
    scale = (2 * degree + 1) / degree / sqrt((2 * degree - 1) * (2 * degree + 1))
    same: list[float] = []  # plain numbers, of which torch.compile makes constants
    rows: list[list[float]] = [[], [], [], []]
    for m in range(-degree, degree + 1):
        n = abs(m)
        same.append(scale * sqrt((degree - n) * (degree + n)))
        inner = scale / 2 * sqrt((degree + n) * (degree + n - 1)) * (sqrt(2) if n == 1 else 1)
        outer = -scale / 2 * sqrt(max((degree - n) * (degree - n - 1), 0)) * (sqrt(2) if n == 0 else 1)
        if m > 0:
            factors = (inner, outer, -inner if m > 1 else 0.0, outer)
        elif m < 0:
            factors = (outer, inner if m < -1 else 0.0, -outer, inner)
        else:
            factors = (0.0, outer, 0.0, outer)
        for row, factor in zip(rows, factors, strict=True):
            row.append(factor)
    return [same, *rows]


def circular_harmonics(
    degrees: int | Iterable[int], r: Array, normalization: str = "component", normalize: bool = True
) -> Array:
    """Real harmonics of vectors in the plane: 1, then √2 (cos kφ, sin kφ) for each frequency k.

    Without `normalize` they are the homogeneous polynomials √2 (Re, Im) (x + i y)^k. Under O(2) they have the labels
    0e 1 2 3 …

    Args:
        degrees: one frequency, or several in the wanted order.
        r: vectors `(..., 2)`, numpy or torch.
        normalization: "component" (squared norm 2, or 1 for k = 0), "norm" (1) or "integral" (∫ Y² = 1 on the circle).
        normalize: whether to divide r by its length first; a zero vector then gives 0 (1 for k = 0), gradient 0.

    Returns:
        `(..., Σ dims)`: one component for k = 0, two for each other frequency.

    >>> circular_harmonics([0, 2], np.array([0.0, 1.0]), normalization="norm")
    array([ 1., -1.,  0.])
    """
    r = as_array(r)
    wanted = _degree_list(degrees)
    _check(r, 2, normalization, "circular_harmonics")
    r, narrow = _widened(r)
    r = unit_vectors(r) if normalize else r
    xp = namespace(r)
    x, y = r[..., 0, None], r[..., 1, None]
    cosine, sine = xp.ones_like(x), xp.zeros_like(x)
    blocks = [cosine]
    for _ in range(max(wanted, default=0)):
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
        blocks.append(xp.concatenate([cosine, sine], -1))
    factor = {"component": sqrt(2), "norm": 1.0, "integral": 1 / sqrt(pi)}[normalization]
    constant = 1 / sqrt(2 * pi) if normalization == "integral" else 1.0
    return narrow(xp.concatenate([*(blocks[k] * (factor if k else constant) for k in wanted), r[..., :0]], -1))


def harmonics_function(n: int) -> Callable[..., Array]:
    """The harmonics of n-dimensional space: `circular_harmonics` for n = 2, `spherical_harmonics` for n = 3."""
    if n not in (2, 3):
        raise ArgumentError(
            f"Harmonics exist here for coordinates in 2 or 3 dimensions, but the action has dimension {n}. "
            "Pass an action whose dim is 2 or 3."
        )
    return circular_harmonics if n == 2 else spherical_harmonics


def harmonics_rep(action: Rep, degree: int) -> Rep:
    """The harmonics of the space that an action moves, degrees 0 … degree, as a rep of the action's group.

    Raises `ArgumentError` for an action of a dimension other than 2 and 3, and for a negative degree.
    """
    if action.dim not in (2, 3):
        raise ArgumentError(
            f"Harmonics are functions of 2 or 3 coordinates, but the action {action} of {action.group} has dimension "
            f"{action.dim}. Pass an action whose dim is 2 or 3."
        )
    if not isinstance(degree, int | np.integer) or degree < 0:
        raise ArgumentError(f"The largest degree of harmonics is an integer from 0 on, but got {degree!r}.")
    terms: list[tuple[int, Block]] = []
    for j in range(degree + 1):
        terms += _harmonic_terms(action, j)
    return Rep(action.group, tuple(terms))


@cache
def _harmonic_terms(action: Rep, degree: int) -> Terms:
    group, reach = action.group, degree * max(action.degree, 1)

    def matrix(g: np.ndarray) -> np.ndarray:
        return np.asarray(harmonic_matrix(degree, action.evaluate(g)))

    size = 2 * degree + 1 if action.dim == 3 else min(degree, 1) + 1
    return decomposed(group, matrix, size, reach, f"Y{degree}", f"{group!r}.harmonics({degree}, {action!r})[-1:]")
